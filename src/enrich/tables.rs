//! The tables that names come from: what is compiled in, and the operator's files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::services::FILE_BYTES_MAX;
use super::{Networks, NetworksError, Services, ServicesError};
use crate::base::words;
use crate::files::{self, Stamp};

/// Largest file of networks, in bytes.
const NETWORKS_BYTES_MAX: u64 = 256 * 1024 * 1024;

words! {
    /// A file of the operator's that names come from.
    NamesFile: u8 {
        Services = 0 "services",
        Networks = 1 "networks",
    }
}

/// Where the operator's files are; `None` where there is none.
#[derive(Debug, Clone, Default)]
pub struct NamesFiles {
    pub services: Option<PathBuf>,
    pub networks: Option<PathBuf>,
}

impl NamesFiles {
    /// The path of one.
    pub fn path(&self, file: NamesFile) -> Option<&Path> {
        match file {
            NamesFile::Services => self.services.as_deref(),
            NamesFile::Networks => self.networks.as_deref(),
        }
    }
}

/// The network table, and the services.
#[derive(Debug, Clone)]
pub struct Tables {
    /// The operator's; `None`: the compiled-in table.
    networks: Option<Arc<Networks>>,
    pub services: Arc<Services>,
}

/// Why an operator's file was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    #[error("cannot read the file of {} {}: {error}", .file.word(), .path.display())]
    Unreadable {
        file: NamesFile,
        path: PathBuf,
        error: io::Error,
    },
    #[error("the file of services {} {error}", .path.display())]
    Services { path: PathBuf, error: ServicesError },
    #[error("the file of networks {} {error}", .path.display())]
    Networks { path: PathBuf, error: NetworksError },
}

impl Tables {
    /// What is compiled in.
    pub fn built_in() -> Self {
        Self {
            networks: None,
            services: Arc::new(Services::built_in()),
        }
    }

    /// What is compiled in, with the operator's files: rows of services come first, a network table replaces the other.
    pub fn load(files: &NamesFiles) -> Result<Self, TablesError> {
        let mut tables = Self::built_in();
        for &file in NamesFile::ALL {
            if let Some(path) = files.path(file) {
                tables = tables.with_file(file, path)?;
            }
        }
        Ok(tables)
    }

    /// The network table.
    pub fn networks(&self) -> &Networks {
        match &self.networks {
            Some(networks) => networks,
            None => Networks::built_in(),
        }
    }

    /// These tables with the content of one file.
    fn with_file(&self, file: NamesFile, path: &Path) -> Result<Self, TablesError> {
        let unreadable = |error| TablesError::Unreadable {
            file,
            path: path.to_owned(),
            error,
        };
        let mut next = self.clone();
        match file {
            NamesFile::Services => {
                let bytes = read(path, FILE_BYTES_MAX as u64).map_err(unreadable)?;
                let text = String::from_utf8(bytes)
                    .map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?;
                let services = Services::with_file(&text).map_err(|error| TablesError::Services {
                    path: path.to_owned(),
                    error,
                })?;
                next.services = Arc::new(services);
            }
            NamesFile::Networks => {
                let bytes = read(path, NETWORKS_BYTES_MAX).map_err(unreadable)?;
                let networks = Networks::from_file(&bytes).map_err(|error| TablesError::Networks {
                    path: path.to_owned(),
                    error,
                })?;
                next.networks = Some(Arc::new(networks));
            }
        }
        Ok(next)
    }
}

/// The bytes of a file.
fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer.
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {bytes_max} bytes"),
        )),
        false => Ok(bytes),
    }
}

/// Tables that follow the operator's files.
#[derive(Debug)]
pub struct LiveTables {
    files: NamesFiles,
    current: RwLock<Arc<Tables>>,
    /// What each file was like when it was last read; `None` if it never was.
    seen: Mutex<[Option<Stamp>; NamesFile::ALL.len()]>,
}

impl LiveTables {
    /// What is compiled in, until [`follow`](Self::follow) is called.
    pub fn new(files: NamesFiles) -> Self {
        Self {
            files,
            current: RwLock::new(Arc::new(Tables::built_in())),
            seen: Mutex::default(),
        }
    }

    /// The tables that are in use now. One answer is made with one of them.
    pub fn current(&self) -> Arc<Tables> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files that have changed since the last call, and returns what became of each. What a file said before stays
    /// in use if it cannot be used now. This takes seconds for a large file: call it [`apart`](crate::apart).
    pub fn follow(&self) -> Vec<(NamesFile, Result<(), TablesError>)> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Vec::new();
        for (&file, seen) in NamesFile::ALL.iter().zip(seen.iter_mut()) {
            let Some(path) = self.files.path(file) else {
                continue;
            };
            // Before reading: a change during it is seen the next time.
            let stamp = files::stamp(path);
            if seen.replace(stamp) == Some(stamp) {
                continue;
            }
            let read = self.current().with_file(file, path);
            let outcome = read.map(|tables| {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tables);
            });
            changed.push((file, outcome));
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::IpAddr;

    use super::super::networks::testdata::{Mmdb, ipinfo};
    use super::*;

    fn table(name: &'static str) -> Vec<u8> {
        Mmdb::new(vec![("192.0.2.0/24", ipinfo("AS64500", name, "IE"))]).bytes()
    }

    fn as_name(tables: &Tables) -> Option<String> {
        let facts = tables.networks().facts(IpAddr::from([192, 0, 2, 1]));
        facts.as_name.map(str::to_owned)
    }

    #[test]
    fn a_changed_file_is_read_once_and_a_bad_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (networks, services) = (folder.path().join("n.mmdb"), folder.path().join("s.tsv"));
        let live = LiveTables::new(NamesFiles {
            services: Some(services.clone()),
            networks: Some(networks.clone()),
        });
        let follow = || {
            let changed = live.follow();
            let changed = changed
                .into_iter()
                .map(|(file, outcome)| (file.word(), outcome.is_ok()));
            changed.collect::<Vec<_>>()
        };
        assert_eq!(follow(), [("services", false), ("networks", false)], "neither is there");
        assert_eq!(follow(), [], "which is said once");
        assert_eq!(as_name(&live.current()), None);
        let built_in = live.current().services.counts();

        fs::write(&networks, table("One")).unwrap();
        assert_eq!(follow(), [("networks", true)]);
        let one = live.current();
        assert_eq!(as_name(&one).as_deref(), Some("One"));
        let row = "name\tcategory\tdkim_domains\tspf_domains\tptr_suffixes\tasns\tsources\nOurs\trelay\ta.example\t\t\t\tours\n";
        fs::write(&services, row).unwrap();
        assert_eq!(follow(), [("services", true)]);
        let with_services = live.current();
        assert_eq!(with_services.services.counts().0, built_in.0 + 1);
        assert_eq!(
            as_name(&with_services).as_deref(),
            Some("One"),
            "the other file is not read again"
        );

        fs::write(&networks, table("A second name")).unwrap();
        assert_eq!(follow(), [("networks", true)]);
        assert_eq!(as_name(&live.current()).as_deref(), Some("A second name"));
        assert_eq!(
            as_name(&one).as_deref(),
            Some("One"),
            "an answer that is being made keeps its tables"
        );
        fs::write(&networks, "bad").unwrap();
        fs::write(&services, "bad").unwrap();
        assert_eq!(follow(), [("services", false), ("networks", false)]);
        fs::remove_file(&networks).unwrap();
        assert_eq!(follow(), [("networks", false)]);
        assert_eq!(as_name(&live.current()).as_deref(), Some("A second name"));
        assert_eq!(live.current().services.counts().0, built_in.0 + 1);
        fs::write(&networks, table("One")).unwrap();
        assert_eq!(follow(), [("networks", true)]);
        assert_eq!(as_name(&live.current()).as_deref(), Some("One"));
    }

    #[test]
    fn only_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        fs::write(&path, [0; 100]).unwrap();
        assert_eq!(read(&path, 100).unwrap().len(), 100);
        assert_eq!(read(&path, 99).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(read(folder.path(), 100).is_err());
        assert!(
            read(Path::new("/dev/zero"), 100)
                .unwrap_err()
                .to_string()
                .contains("not a file")
        );
    }
}
