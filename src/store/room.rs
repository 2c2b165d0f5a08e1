//! Room on the disk of an SQLite file.
//!
//! A commit appends to the log, and a checkpoint of the log into the file may need as much again. If new reports took
//! the last bytes, neither a checkpoint nor a deletion of old data would be possible. So a message is accepted only
//! if the existing log, the messages under way and a margin fit. A file of zeros, the ballast, is removed when other
//! programs have filled the disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use tokio::time::Instant;

use super::{NoRoom, StoreError};

/// Bytes that stay free in addition to everything known to be needed.
const MARGIN_BYTES: u64 = 12 << 20;
/// Copies of a message on the disk: in the log, in the file after a checkpoint, and in indexes.
const COPIES: u64 = 3;
/// Size of the ballast in bytes: enough to open the database and to delete old data in steps.
const BALLAST_BYTES: u64 = 8 << 20;
/// The ballast is created only where this many times its size is free.
const BALLAST_SHARE: u64 = 4;
/// With less than this free a database can hardly be opened, bytes.
const OPENING_BYTES: u64 = 2 << 20;
/// How long one look at the disk is valid.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Interval between checkpoints for lack of room.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// The free and the promised bytes of a disk.
#[derive(Debug)]
pub(super) struct Room {
    file: PathBuf,
    /// Bytes of messages that are on their way into the database.
    under_way: AtomicU64,
    looked: Mutex<Option<Look>>,
    /// Bytes of messages that were admitted since the last look at the disk.
    since_look: AtomicU64,
    folded: Mutex<Option<Instant>>,
    is_short: AtomicBool,
    /// Device and number of the log's file as it was first seen. SQLite keeps that file for as long as one process has the
    /// database open.
    log: OnceLock<(u64, u64)>,
    is_log_gone: AtomicBool,
    /// The store is being closed: SQLite removes the log itself.
    is_closed: AtomicBool,
}

/// What a look at the disk found.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    free: u64,
    /// Bytes of the log.
    log: u64,
}

/// A message's share of the room, until it is dropped.
#[derive(Debug)]
pub struct Admitted {
    room: Option<Arc<Room>>,
    bytes: u64,
}

impl Admitted {
    /// An admission that counts nothing.
    pub(super) fn freely() -> Self {
        Self { room: None, bytes: 0 }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(room) = &self.room {
            room.under_way.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

impl Room {
    pub fn for_file(file: &Path) -> Arc<Self> {
        Arc::new(Self {
            file: file.to_owned(),
            under_way: AtomicU64::new(0),
            looked: Mutex::new(None),
            since_look: AtomicU64::new(0),
            folded: Mutex::new(None),
            is_short: AtomicBool::new(false),
            log: OnceLock::new(),
            is_log_gone: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Permits the log to disappear from now on.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Whether the log file is gone. The program's log says so.
    pub fn is_log_gone(&self) -> bool {
        self.log_bytes();
        self.is_log_gone.load(Ordering::Relaxed)
    }

    /// Checks that the log file is in its place. To be called for each transaction.
    ///
    /// # Errors
    /// If the log file is gone: a commit would be lost with this process.
    pub fn has_log(&self) -> Result<(), StoreError> {
        match self.is_log_gone() {
            true => Err(self.gone()),
            false => Ok(()),
        }
    }

    /// Whether that was seen.
    pub fn is_known_gone(&self) -> bool {
        self.is_log_gone.load(Ordering::Relaxed)
    }

    pub fn gone(&self) -> StoreError {
        let what = format!(
            "the log of the database, {}, was removed while it is in use: start the program again",
            beside(&self.file, "-wal").display()
        );
        StoreError::Unavailable(io::Error::other(what).into())
    }

    /// Bytes of the log.
    fn log_bytes(&self) -> u64 {
        let path = beside(&self.file, "-wal");
        let (is_same, bytes) = match fs::metadata(&path) {
            Ok(log) => {
                let place = (log.dev(), log.ino());
                (*self.log.get_or_init(|| place) == place, log.len())
            }
            // Nothing was written yet, or the file cannot be examined.
            Err(error) => (error.kind() != io::ErrorKind::NotFound || self.log.get().is_none(), 0),
        };
        let is_lost = !is_same && !self.is_closed.load(Ordering::Relaxed);
        if is_lost && !self.is_log_gone.swap(true, Ordering::Relaxed) {
            tracing::error!(
                log = %path.display(),
                "the database's log was removed while it is in use: nothing new is accepted, and its contents go into \
                    the database. Start the program again"
            );
        }
        bytes
    }

    /// Reserves room for a message, if there is enough.
    pub fn admit(self: &Arc<Self>, bytes: u64) -> Result<Admitted, NoRoom> {
        let under_way = self.under_way.fetch_add(bytes, Ordering::Relaxed);
        let admitted = Admitted {
            room: Some(Arc::clone(self)),
            bytes,
        };
        let fits = self.fits(under_way.saturating_add(bytes));
        if fits.is_err() {
            // A large message may not fit where a small one does.
            self.is_short();
        }
        self.since_look.fetch_add(bytes, Ordering::Relaxed);
        fits.map(|()| admitted)
    }

    /// Whether not even the smallest message fits. The program's log says when that changes.
    pub fn is_short(&self) -> bool {
        let fits = self.fits(0);
        let was_short = self.is_short.swap(fits.is_err(), Ordering::Relaxed);
        match fits {
            Err(NoRoom { free, needed }) if !was_short => tracing::error!(
                database = %self.file.display(), free, needed,
                "nothing new is accepted: the disk is nearly full. Free some of it, and work continues by itself"
            ),
            Ok(()) if was_short => tracing::info!(database = %self.file.display(), "the disk has room again"),
            _ => {}
        }
        fits.is_err()
    }

    /// The free bytes are read at most once per [`LOOK_EVERY`], and before anything is refused. A disk that cannot be
    /// examined counts as full.
    fn fits(&self, under_way: u64) -> Result<(), NoRoom> {
        let fits = || {
            let Look { free, log, .. } = self.look();
            let written = under_way.saturating_add(self.since_look.load(Ordering::Relaxed));
            let needed = needed(log, written);
            if free < needed {
                Err(NoRoom { free, needed })
            } else {
                Ok(())
            }
        };
        fits().or_else(|_| {
            self.forget_look();
            fits()
        })
    }

    /// Forgets the last look, after room was made.
    pub fn forget_look(&self) {
        *locked(&self.looked) = None;
    }

    /// Whether a checkpoint is needed now for lack of room. It is not repeated at once if it does not help.
    pub fn is_to_fold(&self) -> bool {
        let mut folded = locked(&self.folded);
        let now = Instant::now();
        let is_due = folded.is_none_or(|last| now.duration_since(last) >= FOLD_EVERY);
        if is_due {
            *folded = Some(now);
        }
        is_due
    }

    fn look(&self) -> Look {
        let mut looked = locked(&self.looked);
        let now = Instant::now();
        if let Some(look) = looked.filter(|look| now.duration_since(look.at) < LOOK_EVERY) {
            return look;
        }
        self.since_look.store(0, Ordering::Relaxed);
        *looked.insert(Look {
            at: now,
            free: free_bytes(&self.file),
            log: self.log_bytes(),
        })
    }

    /// Creates the ballast if it is missing and there is plenty of room.
    pub fn keep_ballast(&self) {
        let path = ballast(&self.file);
        if path.exists() || free_bytes(&self.file) < needed(self.log_bytes(), 0) + BALLAST_BYTES * BALLAST_SHARE {
            return;
        }
        if let Err(error) = fill(&path) {
            tracing::debug!(%error, path = %path.display(), "no ballast");
            // A part of the ballast would be too small.
            let _ = fs::remove_file(&path);
        }
    }

    /// Removes the ballast if the disk is full.
    pub fn drop_ballast(&self) {
        if free_bytes(&self.file) < BALLAST_BYTES {
            give_up_ballast(&self.file);
            self.forget_look();
        }
    }
}

/// Removes the ballast if there is too little room to open the database.
pub(super) fn make_room_to_open(file: &Path) {
    if file.exists() && free_bytes(file) < OPENING_BYTES {
        give_up_ballast(file);
    }
}

fn give_up_ballast(file: &Path) {
    let path = ballast(file);
    if fs::remove_file(&path).is_ok() {
        tracing::warn!(
            path = %path.display(), bytes = BALLAST_BYTES,
            "the disk is full: the ballast was removed, so that the database can be read and old data can be \
                deleted"
        );
    }
}

/// Bytes that must be free for a checkpoint, for the messages under way, and as a margin.
fn needed(log_bytes: u64, under_way: u64) -> u64 {
    MARGIN_BYTES
        .saturating_add(log_bytes)
        .saturating_add(under_way.saturating_mul(COPIES))
}

/// Bytes that this user may still write on the disk of a file; 0 if unknown.
fn free_bytes(file: &Path) -> u64 {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let about = statvfs(folder.unwrap_or(Path::new(".")));
    about.map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn ballast(file: &Path) -> PathBuf {
    beside(file, ".ballast")
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut path = file.to_owned().into_os_string();
    path.push(ending);
    path.into()
}

fn fill(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if fallocate(&file, FallocateFlags::empty(), 0, BALLAST_BYTES).is_err() {
        write_zeros(&file)?;
    }
    file.sync_all()
}

/// Fills the file, for file systems that cannot reserve bytes.
fn write_zeros(mut file: &File) -> io::Result<()> {
    let zeros = [0; 64 << 10];
    for _ in 0..BALLAST_BYTES / zeros.len() as u64 {
        io::Write::write_all(&mut file, &zeros)?;
    }
    Ok(())
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_covers_the_log_and_all_that_is_under_way() {
        assert_eq!(needed(0, 0), MARGIN_BYTES);
        assert_eq!(needed(60 << 20, 25 << 20), MARGIN_BYTES + (60 << 20) + (75 << 20));
        assert_eq!(needed(u64::MAX, u64::MAX), u64::MAX, "no sum runs over");
    }

    #[test]
    fn reserved_room_is_returned() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::for_file(&folder.path().join("t.sqlite"));
        let small = room.admit(1_000).unwrap();
        let error = room.admit(u64::MAX / 8).unwrap_err();
        assert!(error.needed > error.free);
        assert!(error.to_string().contains("the disk is nearly full"), "{error}");
        assert_eq!(
            room.under_way.load(Ordering::Relaxed),
            1_000,
            "what was refused holds nothing"
        );
        drop(small);
        assert_eq!(room.under_way.load(Ordering::Relaxed), 0);
        assert!(!room.is_short());
        let gone = Room::for_file(&folder.path().join("gone").join("t.sqlite"));
        assert!(gone.admit(1).is_err(), "a disk that cannot be looked at is full");
    }

    #[test]
    fn the_ballast_takes_its_room_and_is_given_up_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.sqlite");
        let room = Room::for_file(&file);
        room.keep_ballast();
        let about = fs::metadata(ballast(&file)).unwrap();
        assert_eq!(about.len(), BALLAST_BYTES);
        // 512 bytes each: a file with holes would take none.
        assert!(about.blocks() * 512 >= BALLAST_BYTES);
        // Not while there is room.
        room.drop_ballast();
        make_room_to_open(&file);
        assert!(ballast(&file).exists());
        give_up_ballast(&file);
        assert!(!ballast(&file).exists());
        give_up_ballast(&file);
    }
}
