//! Where a database is.

use std::path::{Path, PathBuf};

use super::StoreError;

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An SQLite file.
    File(PathBuf),
    /// A `postgres://` URL.
    Server(String),
}

impl Location {
    /// Reads `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    ///
    /// # Errors
    /// [`StoreError::Location`] for anything else.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() {
                    return Err(StoreError::Location {
                        what: "the database URL names no file behind sqlite://".to_owned(),
                    });
                }
                Ok(Self::File(path.into()))
            }
            Some(("postgres" | "postgresql", _)) => Ok(Self::Server(url.to_owned())),
            // Not the URL itself: it may hold a password.
            _ => Err(StoreError::Location {
                what: "a database URL begins with sqlite:// or postgres://".to_owned(),
            }),
        }
    }
}

/// Without user and password.
impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(url) => {
                let place = url.split(['?', '#']).next().unwrap_or_default();
                let place = place.split_once("://").map_or(place, |(_, place)| place);
                write!(f, "postgres://{}", place.rsplit('@').next().unwrap_or_default())
            }
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}
