//! The high-water mark of an SQLite file: the number of the last commit, kept outside of the database and its log.
//!
//! SQLite cannot tell a log that is missing, or that was cut off, from one that was never written: what only the log had is
//! gone, and nothing says so. So each transaction counts itself in the database (`counters`, `commits`), and its number is
//! written to a file beside the database after the commit is on disk. That file is not flushed: it may lag behind after a
//! power failure, and it is never ahead. A database that is behind its mark has lost commits that were acknowledged.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rusqlite::OptionalExtension as _;

use super::db::{Args, Conn, sqlite};
use super::sql::sql;
use super::{Behind, StoreError, log};

/// The counter in the database.
const COMMITS: &str = "commits";
/// Digits of the number, a space, digits of its checksum, and a newline.
const DIGITS: usize = 20;
const LINE_BYTES: usize = DIGITS + 1 + 16 + 1;

/// The mark of a database file.
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    /// Made or opened at the first commit; `None`: it cannot be written.
    file: OnceLock<Option<File>>,
}

impl Mark {
    pub fn for_database(database: &Path) -> Self {
        Self {
            path: path_of(database),
            file: OnceLock::new(),
        }
    }

    /// Notes that a commit is on disk.
    pub fn note(&self, commits: u64) {
        let Some(file) = self.file.get_or_init(|| self.open()) else {
            return;
        };
        // One sector: it is written as a whole.
        if let Err(error) = file.write_all_at(line(commits).as_bytes(), 0) {
            tracing::debug!(path = %self.path.display(), %error, "the mark of the last commit could not be written");
        }
    }

    fn open(&self) -> Option<File> {
        let mut options = OpenOptions::new();
        let opened = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path);
        opened
            .inspect_err(|error| {
                tracing::warn!(
                    path = %self.path.display(), %error,
                    "the mark of the last commit cannot be written: a log that goes missing will not be noticed"
                );
            })
            .ok()
    }
}

fn path_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".mark");
    path.into()
}

/// Whether a database lacks commits that its mark knows. To be asked before anything is written to the file. Where there is no
/// mark, or the database is of a version that counted nothing, there is nothing to compare.
///
/// # Errors
/// If the mark or the database is there and cannot be read.
pub(super) fn behind(database: &Path) -> Result<Option<Behind>, StoreError> {
    let unavailable = |error: io::Error| StoreError::Unavailable(error.into());
    let acknowledged = match std::fs::read(path_of(database)) {
        Ok(bytes) => read(&bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(error)),
    };
    let Some(acknowledged) = acknowledged else {
        tracing::warn!(
            mark = %path_of(database).display(),
            "the mark of the last commit cannot be read: it is unknown whether the database's log is whole"
        );
        return Ok(None);
    };
    let stored = match database.try_exists().map_err(unavailable)? {
        true => stored(database)?,
        false => Some(0),
    };
    let behind = stored.map(|stored| Behind { acknowledged, stored });
    Ok(behind.filter(|behind| behind.stored < behind.acknowledged))
}

/// Takes the database as it is, and makes its last commit the mark. Returns what was missing.
pub(super) fn accept(database: &Path) -> Result<Option<Behind>, StoreError> {
    let behind = behind(database)?;
    if let Some(Behind { stored, .. }) = behind {
        let write = || {
            let file = File::create(path_of(database))?;
            file.write_all_at(line(stored).as_bytes(), 0)?;
            file.sync_all()
        };
        write().map_err(|error| StoreError::Unavailable(error.into()))?;
    }
    Ok(behind)
}

/// Looks at the log of an SQLite file before SQLite drops what it cannot read of it. Whether commits in it were lost.
fn rescue_log(database: &Path) -> Result<bool, StoreError> {
    let lost = log::rescue(database).map_err(|error| StoreError::Unavailable(error.into()))?;
    if lost > 0 {
        tracing::error!(
            database = %database.display(),
            commits = lost,
            "the database's log is damaged: the data of these commits is lost; a copy of the log is next to the \
                database"
        );
    }
    Ok(lost > 0)
}

/// What is done with an SQLite file that ends before its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfBehind {
    /// It is not opened.
    Refuse,
    /// It is opened to be looked at.
    Look,
}

/// Whether an SQLite file ends before its mark. A log that is damaged was told, and a copy of it is kept: then it may.
pub(super) fn look_behind(database: &Path, if_behind: IfBehind) -> Result<Option<Behind>, StoreError> {
    if rescue_log(database)? {
        accept(database)?;
        return Ok(None);
    }
    let Some(found) = behind(database)? else {
        return Ok(None);
    };
    let is_current = || sqlite::File::new(database.to_owned()).is_current();
    if if_behind == IfBehind::Look && is_current()? {
        return Ok(Some(found));
    }
    let path = database.display().to_string();
    Err(StoreError::Behind { path, behind: found })
}

/// Counts the transaction that is about to be committed. Returns its number; `None` where the database does not count.
pub(super) async fn count(conn: &mut Conn<'_>) -> Result<Option<u64>, StoreError> {
    let args = Args::default().text(COMMITS).int(1);
    let row = conn.first(sql!("counter_take"), args).await?;
    row.map(|row| row.count("value")).transpose()
}

/// The last commit that a database has; `None` if it does not count them.
fn stored(database: &Path) -> Result<Option<u64>, StoreError> {
    let conn = sqlite::File::new(database.to_owned()).look()?;
    let has_counters = "select 1 from sqlite_schema where type = 'table' and name = 'counters'";
    let found = conn.query_row(has_counters, [], |_| Ok(())).optional()?;
    if found.is_none() {
        return Ok(None);
    }
    let question = "select value from counters where name = ?1";
    let value: Option<i64> = conn.query_row(question, [COMMITS], |row| row.get(0)).optional()?;
    Ok(value.map(|value| u64::try_from(value).unwrap_or_default()))
}

fn line(commits: u64) -> String {
    let digits = format!("{commits:0DIGITS$}");
    let check = checksum(digits.as_bytes());
    format!("{digits} {check:016x}\n")
}

fn read(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes.get(..LINE_BYTES)?).ok()?;
    let commits = text.get(..DIGITS)?.parse().ok()?;
    (line(commits) == text).then_some(commits)
}

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of docs/storage.md.
    #[test]
    fn the_documented_line_is_written_and_read() {
        let bytes = crate::store::documented_tests::example("mark").concat();
        assert_eq!(line(17).as_bytes(), bytes);
        assert_eq!(read(&bytes), Some(17));
        assert_eq!(read(&bytes[..bytes.len() - 1]), None, "the control");
    }

    #[test]
    fn a_mark_reads_back_and_a_damaged_one_says_nothing() {
        for commits in [0, 1, 999, u64::MAX] {
            assert_eq!(line(commits).len(), LINE_BYTES);
            assert_eq!(read(line(commits).as_bytes()), Some(commits));
        }
        let whole = line(1_234);
        for len in 0..whole.len() {
            assert_eq!(read(&whole.as_bytes()[..len]), None, "{len}");
        }
        for nth in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[nth] ^= 1;
            assert_eq!(read(&bytes), None, "{nth}");
        }
        assert_eq!(read(&[0; 100]), None);
    }

    #[test]
    fn the_last_note_is_the_mark() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("t.sqlite");
        let mark = Mark::for_database(&database);
        assert_eq!(behind(&database).unwrap(), None, "nothing was noted yet");
        mark.note(41);
        mark.note(7);
        // The database is missing as a whole.
        let expect = Behind {
            acknowledged: 7,
            stored: 0,
        };
        assert_eq!(behind(&database).unwrap(), Some(expect));
        assert_eq!(expect.lost(), 7);
        assert_eq!(accept(&database).unwrap(), Some(expect));
        assert_eq!(behind(&database).unwrap(), None);
        // A database of another program, or of a version that counted nothing, is not compared.
        mark.note(7);
        rusqlite::Connection::open(&database)
            .unwrap()
            .execute_batch("create table t (a integer)")
            .unwrap();
        assert_eq!(behind(&database).unwrap(), None);
    }
}
