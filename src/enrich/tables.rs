//! The tables that names come from.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::services::FILE_BYTES_MAX;
use super::{Networks, Services, ServicesError};

/// The network table, and the services.
#[derive(Debug)]
pub struct Tables {
    pub networks: &'static Networks,
    pub services: Services,
}

/// Why the operator's file was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    #[error("cannot read the services in {}: {error}", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("the file of services {} {error}", .path.display())]
    Services { path: PathBuf, error: ServicesError },
}

impl Tables {
    /// What is compiled in.
    pub fn built_in() -> Self {
        Self {
            networks: Networks::built_in(),
            services: Services::built_in(),
        }
    }

    /// What is compiled in, and before it the operator's own file of services if there is one.
    pub fn load(services_file: Option<&Path>) -> Result<Self, TablesError> {
        let Some(path) = services_file else {
            return Ok(Self::built_in());
        };
        let unreadable = |error| TablesError::Unreadable {
            path: path.to_owned(),
            error,
        };
        let mut text = String::new();
        // A byte more than may be in it tells a file that is too long.
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(FILE_BYTES_MAX as u64 + 1)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        let services = Services::with_file(&text).map_err(|error| TablesError::Services {
            path: path.to_owned(),
            error,
        })?;
        Ok(Self {
            networks: Networks::built_in(),
            services,
        })
    }
}
