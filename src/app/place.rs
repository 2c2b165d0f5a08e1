//! The database's file before and beside its use: where it is, why the system refuses it, and which process serves it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use rustix::fs::{Access, AtFlags, CWD, accessat, statvfs};

use crate::config::Config;
use crate::store::{Location, StoreError};

const DATABASE_FILE: &str = "tallymark.sqlite";
/// How much of a lock's file is read for the number of the process.
const LOCK_BYTES_MAX: u64 = 20;

/// Where the database is.
pub fn database(config: &Config) -> Result<Location, StoreError> {
    let database = &config.database;
    if database.url.is_empty() {
        return Ok(Location::File(database.dir.join(DATABASE_FILE)));
    }
    Location::parse(&database.url)
}

/// Creates a folder that only its owner can read, because reports show who writes to whom.
pub(super) fn make_private_dir(dir: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("folder {} cannot be made", dir.display()))
}

/// Whether the file is there.
///
/// # Errors
/// What the system says, with the path, if that cannot be known.
pub fn is_there(path: &Path) -> anyhow::Result<bool> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(refused(path, path, &error)),
    }
}

/// Whether this user may create files in a folder.
pub fn may_write(dir: &Path) -> bool {
    accessat(CWD, dir, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// Bytes that this user may still write on the disk of a folder.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    let disk = statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Describes why a database could not be opened, with the system's reason if there is one.
pub fn not_opened(location: &Location, error: StoreError) -> anyhow::Error {
    // These name the database themselves.
    if matches!(error, StoreError::Newer { .. } | StoreError::Outdated { .. }) {
        return anyhow!(error);
    }
    let Location::File(path) = location else {
        return anyhow!(error).context(format!("database {location}"));
    };
    if let Some((what, error)) = refusal(path) {
        return refused(path, &what, &error);
    }
    match error {
        StoreError::Unavailable(fault) | StoreError::Other(fault) => {
            let reason = innermost(&*fault);
            let advice = match reason {
                _ if reason.contains("not a database") || reason.contains("malformed") => {
                    ": restore it from a backup, or name another folder with --data DIR"
                }
                _ if reason.contains("locked") => ": another process writes to it; try again",
                _ => "",
            };
            anyhow!("cannot open the database {}: {reason}{advice}", path.display())
        }
        error => anyhow!(error).context(format!("database {}", path.display())),
    }
}

/// What the driver's driver says, without its code.
fn innermost(fault: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = fault;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    match text.strip_prefix("(code: ").and_then(|rest| rest.split_once(") ")) {
        Some((_, reason)) => reason.to_owned(),
        None => text,
    }
}

fn refused(database: &Path, what: &Path, error: &io::Error) -> anyhow::Error {
    let owner = match error.kind() {
        io::ErrorKind::PermissionDenied => owner(what).map_or_else(String::new, |(path, uid)| {
            format!(": run this as the user that {} belongs to (uid {uid})", path.display())
        }),
        io::ErrorKind::ReadOnlyFilesystem => {
            ": the database must be writable; copy it elsewhere and name its folder with --data DIR".to_owned()
        }
        _ => String::new(),
    };
    if what == database {
        anyhow!("cannot open the database {}: {error}{owner}", database.display())
    } else {
        anyhow!(
            "cannot open the database {}: {}: {error}{owner}",
            database.display(),
            what.display()
        )
    }
}

/// Whose the nearest path is that can be looked at.
fn owner(path: &Path) -> Option<(PathBuf, u32)> {
    path.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        Some((path.to_owned(), fs::metadata(path).ok()?.uid()))
    })
}

/// What the system refuses of a database: the path, and why. Nothing is opened: closing a file would drop the locks that
/// another connection of this process holds on it.
fn refusal(path: &Path) -> Option<(PathBuf, io::Error)> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = parent.unwrap_or(Path::new("."));
    let may = |path: &Path, access: Access| {
        accessat(CWD, path, access, AtFlags::EACCESS).map_err(|error| (path.to_owned(), io::Error::from(error)))
    };
    let look = || -> Result<(), (PathBuf, io::Error)> {
        match fs::metadata(folder) {
            Ok(about) if !about.is_dir() => return Err((folder.to_owned(), io::ErrorKind::NotADirectory.into())),
            Ok(_) => may(folder, Access::READ_OK | Access::EXEC_OK)?,
            Err(error) => return Err((folder.to_owned(), error)),
        }
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => may(folder, Access::WRITE_OK),
            Err(error) => Err((path.to_owned(), error)),
            Ok(about) if about.is_dir() => Err((path.to_owned(), io::ErrorKind::IsADirectory.into())),
            Ok(_) => {
                may(path, Access::READ_OK | Access::WRITE_OK)?;
                // The log is created next to it.
                may(folder, Access::WRITE_OK)
            }
        }
    };
    look().err()
}

/// Held by the one server of an SQLite file, until it is dropped or its process is gone, however it went. Commands do not
/// take it: they may run beside the server.
#[derive(Debug)]
pub struct ServerLock {
    path: PathBuf,
    /// The lock is the kernel's, on this open file.
    file: File,
}

impl ServerLock {
    /// Takes the lock beside the database; `None` for a database on a server, which many may serve.
    ///
    /// # Errors
    /// If another process serves the file, naming it; if the lock's file cannot be made.
    pub fn take(location: &Location) -> anyhow::Result<Option<Self>> {
        let Location::File(database) = location else {
            return Ok(None);
        };
        let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            make_private_dir(folder)?;
        }
        let database = real_path(database).with_context(|| format!("cannot find the folder of {location}"))?;
        let path = lock_path(&database);
        loop {
            let file = open(&path).map_err(|error| refused(&database, &path, &error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => bail!(
                    "another tallymark{} serves {} already: stop it first, or name another folder with --data DIR",
                    process(&file),
                    database.display()
                ),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
            // The one that held it before may have removed the file after it was opened here.
            if is_in_place(&path, &file) {
                return Self { path, file }.sign().map(Some);
            }
        }
    }

    /// Whether a process serves the file now: `tallymark (process N) serves this database`. Nothing is created. `None` for a database
    /// on a server, too.
    pub fn holder(location: &Location) -> Option<String> {
        let Location::File(database) = location else {
            return None;
        };
        let file = File::open(lock_path(&real_path(database).ok()?)).ok()?;
        let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        is_held.then(|| format!("tallymark{} serves this database", process(&file)))
    }

    /// Writes down who has it.
    fn sign(mut self) -> anyhow::Result<Self> {
        let write = |file: &mut File| -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut self.file).with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self)
    }
}

/// A database's path, by whatever links it is reached.
fn real_path(database: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(database).or_else(|_| {
        let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
        Ok(folder.join(database.file_name().unwrap_or_default()))
    })
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.to_owned().into_os_string();
    path.push(".serving");
    PathBuf::from(path)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Whether the open file is still the one at this path.
fn is_in_place(path: &Path, file: &File) -> bool {
    match (fs::metadata(path), file.metadata()) {
        (Ok(there), Ok(here)) => (there.dev(), there.ino()) == (here.dev(), here.ino()),
        _ => false,
    }
}

/// ` (process N)`, if that is known.
fn process(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(LOCK_BYTES_MAX).read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(process)) => format!(" (process {process})"),
        _ => String::new(),
    }
}

impl Drop for ServerLock {
    fn drop(&mut self) {
        // Before the lock goes. What cannot be removed does no harm: it is the lock that counts.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_database_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = Location::File(folder.path().join("t.sqlite"));
        let path = file.to_string();
        for error in [
            StoreError::Newer { path: path.clone() },
            StoreError::Outdated { path: path.clone() },
            StoreError::Exists("account a".to_owned()),
        ] {
            let said = format!("{:#}", not_opened(&file, error));
            assert_eq!(said.matches(&path).count(), 1, "{said}");
        }
    }

    #[test]
    fn one_process_serves_a_file_and_its_end_frees_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("data").join("t.sqlite");
        let location = Location::File(database.clone());
        let held = ServerLock::take(&location).unwrap().unwrap();
        let refused = ServerLock::take(&location).unwrap_err().to_string();
        let expect = format!("another tallymark (process {}) serves ", std::process::id());
        assert!(refused.starts_with(&expect), "{refused}");
        assert_eq!(
            ServerLock::take(&location).unwrap_err().to_string(),
            refused,
            "and stays so"
        );
        // By a link, too.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("data"), &link).unwrap();
        assert!(ServerLock::take(&Location::File(link.join("t.sqlite"))).is_err());
        assert!(ServerLock::take(&Location::File(folder.path().join("data/other.sqlite"))).is_ok());
        let served = ServerLock::holder(&location).unwrap();
        assert!(served.contains(&std::process::id().to_string()), "{served}");
        drop(held);
        assert_eq!(ServerLock::holder(&location), None);
        assert_eq!(
            fs::read_dir(folder.path().join("data")).unwrap().count(),
            0,
            "nothing is left"
        );
        // What a killed process leaves is not a lock.
        fs::write(folder.path().join("data/t.sqlite.serving"), "1\n").unwrap();
        assert!(ServerLock::take(&location).unwrap().is_some());
        let server = Location::parse("postgres://localhost/t").unwrap();
        assert!(
            ServerLock::take(&server).unwrap().is_none(),
            "several nodes may share a server"
        );
    }

    #[test]
    fn a_refusal_is_the_systems_and_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.sqlite");
        fs::write(&file, "").unwrap();
        assert!(refusal(&file).is_none());
        assert!(refusal(&folder.path().join("new.sqlite")).is_none());
        let check = |path: PathBuf, what: PathBuf, kind: io::ErrorKind| {
            let (refused, error) = refusal(&path).unwrap();
            assert_eq!((refused, error.kind()), (what, kind), "{}", path.display());
        };
        check(
            folder.path().to_owned(),
            folder.path().to_owned(),
            io::ErrorKind::IsADirectory,
        );
        check(file.join("t.sqlite"), file.clone(), io::ErrorKind::NotADirectory);
        let nowhere = folder.path().join("nowhere");
        check(nowhere.join("t.sqlite"), nowhere, io::ErrorKind::NotFound);
    }
}
