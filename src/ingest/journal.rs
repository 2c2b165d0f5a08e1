//! What is being read, in a file: so that a message that ends the process is known when it comes again.
//!
//! A sender that was not answered brings a message back, and one that makes the program crash would do so for days. So a
//! message is noted before anything costly is done with it, and crossed out afterwards. What is still noted when the file
//! is opened was being read when the process ended; at its third attempt it is not read any more.
//!
//! The file is written without waiting for the disk: it survives the end of the process, not a power failure. It has
//! [`ROWS`] rows of [`ROW_BYTES`]: a state, how often the process ended with it, the digest of the message.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hashbrown::HashMap;

/// The identity of a message.
pub(super) type Digest = [u8; 16];

/// Messages that the process ended with are not read any more from this attempt on.
const ATTEMPTS_MAX: u8 = 3;
/// Rows of the file. More messages than this are neither read at once nor remembered.
const ROWS: usize = 256;
const ROW_BYTES: usize = 32;
/// Processes that take messages in at the same time, each with its own file.
const FILES_MAX: u32 = 8;

const EMPTY: u8 = 0;
/// Being read.
const READING: u8 = 1;
/// Was being read when a process ended.
const ENDED: u8 = 2;

/// The journal of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// Opened at the first message: a command that takes none in leaves the files alone. `None` if that failed.
    opened: OnceLock<Option<Opened>>,
    /// Messages that a process ended with.
    ended: AtomicUsize,
}

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    /// Locked for as long as it is open.
    file: File,
    rows: Mutex<Rows>,
}

#[derive(Debug)]
struct Rows {
    free: Vec<usize>,
    /// Row, and how often a process ended with the message.
    ended: HashMap<Digest, (usize, u8)>,
}

/// A message that is being read; dropped, it is crossed out.
#[derive(Debug)]
pub(super) struct Entry {
    journal: Arc<Inner>,
    row: usize,
}

impl Journal {
    /// In a folder; nothing is opened yet.
    pub fn in_folder(folder: &Path) -> Self {
        Self(Some(Arc::new(Inner {
            folder: folder.to_owned(),
            opened: OnceLock::new(),
            ended: AtomicUsize::new(0),
        })))
    }

    /// Whether processes ended with any message.
    pub fn knows_any(&self) -> bool {
        let Some(inner) = &self.0 else { return false };
        inner.opened().is_some() && inner.ended.load(Ordering::Relaxed) > 0
    }

    /// How often processes ended with a message, if that is too often to read it once more.
    pub fn ended_with(&self, digest: &Digest) -> Option<u8> {
        let opened = self.0.as_ref()?.opened()?;
        let ended = opened.rows().ended.get(digest).map(|(_, times)| *times);
        ended.filter(|times| *times + 1 >= ATTEMPTS_MAX)
    }

    /// Notes that a message is being read. `None` without a file, or if it has no free row.
    pub fn begin(&self, digest: &Digest) -> Option<Entry> {
        let inner = self.0.as_ref()?;
        let opened = inner.opened()?;
        let row = opened.rows().free.pop()?;
        let entry = Entry {
            journal: Arc::clone(inner),
            row,
        };
        opened.put(row, READING, 0, digest);
        Some(entry)
    }

    /// Notes that a message could be read after all.
    pub fn forget(&self, digest: &Digest) {
        let Some((inner, opened)) = self.0.as_ref().and_then(|inner| Some((inner, inner.opened()?))) else {
            return;
        };
        let mut rows = opened.rows();
        if let Some((row, _)) = rows.ended.remove(digest) {
            opened.put(row, EMPTY, 0, &Digest::default());
            rows.free.push(row);
            inner.ended.store(rows.ended.len(), Ordering::Relaxed);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(opened) = self.journal.opened() {
            opened.put(self.row, EMPTY, 0, &Digest::default());
            opened.rows().free.push(self.row);
        }
    }
}

impl Inner {
    fn opened(&self) -> Option<&Opened> {
        let open = || {
            let opened = Opened::open(&self.folder).inspect_err(|error| {
                tracing::warn!(
                    %error,
                    folder = %self.folder.display(),
                    "the journal cannot be written: a message that ends the process is not recognised when it arrives \
                        again"
                );
            });
            let opened = opened.ok().flatten()?;
            self.ended.store(opened.rows().ended.len(), Ordering::Relaxed);
            Some(opened)
        };
        self.opened.get_or_init(open).as_ref()
    }
}

impl Opened {
    /// Takes the first file that no other process has, and what is left in all of these. `None` if there is none.
    fn open(folder: &Path) -> io::Result<Option<Self>> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut found: Option<(PathBuf, File)> = None;
        let mut ended: HashMap<Digest, u8> = HashMap::new();
        for number in 1..=FILES_MAX {
            let path = folder.join(format!("reading-{number}"));
            if found.is_some() && !fs::exists(&path)? {
                continue;
            }
            let mut options = OpenOptions::new();
            let file = options
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)?;
            // Another process that ends may have taken it away meanwhile.
            if file.try_lock().is_err() || !is_at(&file, &path) {
                continue;
            }
            for (digest, times) in read(&file)? {
                let known = ended.entry(digest).or_default();
                *known = known.saturating_add(times);
            }
            match found {
                None => found = Some((path, file)),
                // Its rows go on in the first one.
                Some(_) => file.set_len(0)?,
            }
        }
        let Some((path, file)) = found else { return Ok(None) };
        file.set_len(0)?;
        file.set_len((ROWS * ROW_BYTES) as u64)?;
        let mut rows = Rows {
            free: (0..ROWS).rev().collect(),
            ended: HashMap::new(),
        };
        let opened = |rows| Self {
            path,
            file,
            rows: Mutex::new(rows),
        };
        // Half of the rows are for what is being read.
        for (digest, times) in ended.into_iter().take(ROWS / 2) {
            let Some(row) = rows.free.pop() else { break };
            rows.ended.insert(digest, (row, times));
        }
        let opened = opened(rows);
        for (digest, (row, times)) in &opened.rows().ended {
            opened.put(*row, ENDED, *times, digest);
        }
        Ok(Some(opened))
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, row: usize, state: u8, times: u8, digest: &Digest) {
        let mut bytes = [0; ROW_BYTES];
        bytes[0] = state;
        bytes[1] = times;
        bytes[16..].copy_from_slice(digest);
        if let Err(error) = self.file.write_all_at(&bytes, (row * ROW_BYTES) as u64) {
            // A full disk does not stop reading: it stops what is written by it.
            tracing::debug!(%error, "the journal could not be written");
        }
    }
}

/// A process that ends well with nothing to remember leaves no file.
impl Drop for Opened {
    fn drop(&mut self) {
        let rows = self.rows();
        if rows.ended.is_empty() && rows.free.len() == ROWS {
            drop(rows);
            // Still locked: no other process takes it over meanwhile.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the path still leads to this file.
fn is_at(file: &File, path: &Path) -> bool {
    let about = (file.metadata(), fs::metadata(path));
    matches!(about, (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// The messages that processes ended with, and how often.
fn read(file: &File) -> io::Result<Vec<(Digest, u8)>> {
    let mut bytes = vec![0; ROWS * ROW_BYTES];
    let mut length = 0;
    while length < bytes.len() {
        match file.read_at(&mut bytes[length..], length as u64)? {
            0 => break,
            count => length += count,
        }
    }
    let rows = bytes[..length].chunks_exact(ROW_BYTES);
    let ended = rows.filter_map(|row| {
        let digest = Digest::try_from(&row[16..]).ok()?;
        match row[0] {
            READING => Some((digest, 1)),
            ENDED => Some((digest, row[1])),
            _ => None,
        }
    });
    Ok(ended.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(journal: &Journal, digest: Digest) -> Option<u8> {
        let opened = journal.0.as_ref()?.opened()?;
        opened.rows().ended.get(&digest).map(|(_, times)| *times)
    }

    /// Ends as a process does that is killed: nothing is crossed out.
    fn end(journal: Journal, reading: Vec<Entry>) {
        reading.into_iter().for_each(std::mem::forget);
        let inner = journal.0.unwrap();
        inner.opened.get().unwrap().as_ref().unwrap().file.unlock().unwrap();
    }

    #[test]
    fn a_message_that_ends_the_process_twice_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (bad, other) = ([1; 16], [2; 16]);
        for attempt in 1..=2 {
            let journal = Journal::in_folder(folder.path());
            assert_eq!(journal.ended_with(&bad), None, "attempt {attempt}");
            drop(journal.begin(&other));
            let reading = journal.begin(&bad).unwrap();
            end(journal, vec![reading]);
        }
        let journal = Journal::in_folder(folder.path());
        assert!(journal.knows_any());
        assert_eq!((journal.ended_with(&bad), journal.ended_with(&other)), (Some(2), None));
        // It stays so until it could be read.
        end(journal, Vec::new());
        let journal = Journal::in_folder(folder.path());
        assert_eq!(journal.ended_with(&bad), Some(2));
        journal.forget(&bad);
        end(journal, Vec::new());
        let journal = Journal::in_folder(folder.path());
        assert!(!journal.knows_any());
    }

    #[test]
    fn concurrent_processes_have_own_files_that_are_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (Journal::in_folder(folder.path()), Journal::in_folder(folder.path()));
        let reading = [first.begin(&[1; 16]).unwrap(), second.begin(&[2; 16]).unwrap()];
        let third = Journal::in_folder(folder.path());
        assert!(!third.knows_any(), "they are still reading");
        for (journal, reading) in [first, second].into_iter().zip(reading) {
            end(journal, vec![reading]);
        }
        end(third, Vec::new());
        let next = Journal::in_folder(folder.path());
        assert_eq!((times(&next, [1; 16]), times(&next, [2; 16])), (Some(1), Some(1)));
        end(next, Vec::new());
        let after = Journal::in_folder(folder.path());
        assert_eq!(times(&after, [2; 16]), Some(1), "counted once");
    }

    #[test]
    fn a_file_of_any_bytes_is_read_and_a_full_one_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("reading-1"), [READING; 3 * ROW_BYTES - 1]).unwrap();
        let journal = Journal::in_folder(folder.path());
        assert_eq!(times(&journal, [READING; 16]), Some(2));
        let reading: Vec<_> = (0..ROWS).map_while(|nth| journal.begin(&[nth as u8; 16])).collect();
        assert_eq!(reading.len(), ROWS - 1);
        drop(reading);
        assert!(journal.begin(&[7; 16]).is_some());
        let nowhere = Journal::in_folder(&folder.path().join("reading-1"));
        assert!(nowhere.begin(&[1; 16]).is_none() && !nowhere.knows_any());
        assert!(Journal::default().begin(&[1; 16]).is_none());
    }
}
