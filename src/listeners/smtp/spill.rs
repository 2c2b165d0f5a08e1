//! Where a message is while it is being received: in memory while it is small, then in a file without a name, which
//! vanishes with the process. And how much of all that there may be.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::event::Capacity;

/// The bounds of all messages in flight.
#[derive(Debug, Clone)]
pub struct BudgetOptions {
    /// Where bodies spill to: best on the database's disk, whose space is watched.
    pub dir: PathBuf,
    /// Memory for messages from their first byte to their commit, bytes. At least twice the largest message.
    pub in_flight_bytes_max: u64,
    /// A body longer than this spills, bytes.
    pub memory_bytes_max: usize,
    /// No message is begun with less free disk than this, bytes.
    pub free_disk_bytes_min: u64,
    /// How long a whole message waits for memory. RFC 5321, 4.5.3.2.6: its sender waits ten minutes for the answer.
    pub wait_max: Duration,
}

impl BudgetOptions {
    /// The defaults, for messages of at most this size.
    pub fn new(dir: impl Into<PathBuf>, message_bytes_max: u64) -> Self {
        Self {
            dir: dir.into(),
            in_flight_bytes_max: 256 << 20,
            memory_bytes_max: 64 << 10,
            free_disk_bytes_min: message_bytes_max.saturating_add(message_bytes_max / 2),
            wait_max: Duration::from_secs(60),
        }
    }
}

/// Memory and disk for messages, shared by all sessions.
#[derive(Debug)]
pub struct Budget {
    options: BudgetOptions,
    /// In units of [`UNIT`].
    memory: Arc<Semaphore>,
    /// The share of it that bodies may have that are still being received: slow senders must not take what whole messages
    /// need. Beyond it bodies go to the disk.
    receiving: Arc<Semaphore>,
    /// The share of it that bodies may have that do not fit in memory at once: a large one that waits for memory must not
    /// take what small ones live on.
    large: Arc<Semaphore>,
    large_units_max: u32,
    /// Whether the disk was short when it was looked at last.
    is_disk_short: AtomicBool,
    /// When the disk was last seen to have room.
    roomy_at: Mutex<Option<Instant>>,
}

/// Permits are kibibytes, because a semaphore cannot count all bytes.
const UNIT: u64 = 1_024;
/// Memory of a message that is being received, apart from its bytes: the connection's buffers and task.
const CONNECTION_BYTES: u64 = 6 << 10;
/// Number of spilled bytes after which the disk is checked again.
const LOOK_AGAIN_BYTES: u64 = 1 << 20;
/// How long a look that found room is believed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Budget {
    /// All of it free.
    pub fn new(options: BudgetOptions) -> Self {
        let units = usize::try_from(options.in_flight_bytes_max / UNIT).unwrap_or(usize::MAX);
        let units = units.min(Semaphore::MAX_PERMITS);
        let large_units_max = u32::try_from(units / 2).unwrap_or(u32::MAX);
        Self {
            options,
            memory: Arc::new(Semaphore::new(units)),
            receiving: Arc::new(Semaphore::new(units / 3)),
            large: Arc::new(Semaphore::new(large_units_max as usize)),
            large_units_max,
            is_disk_short: AtomicBool::new(false),
            roomy_at: Mutex::default(),
        }
    }

    /// Whether mail is refused because too little disk is free: looks, and says in the log when that has changed.
    pub fn is_disk_short(&self) -> bool {
        self.disk() == Capacity::Short
    }

    /// Whether another message may begin.
    pub fn capacity(&self) -> Capacity {
        match self.memory.available_permits() {
            0 => Capacity::Short,
            _ if self.was_roomy() => Capacity::Free,
            _ => self.disk(),
        }
    }

    /// Waits for memory.
    async fn take(&self, units: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.memory).acquire_many_owned(units).await.ok()
    }

    /// Waits until large messages leave room for another one.
    async fn take_large(&self, units: u32) -> Option<OwnedSemaphorePermit> {
        let units = units.min(self.large_units_max);
        Arc::clone(&self.large).acquire_many_owned(units).await.ok()
    }

    fn was_roomy(&self) -> bool {
        let at = *self.roomy_at.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at.elapsed() < LOOK_EVERY)
    }

    fn disk(&self) -> Capacity {
        let bytes_min = self.options.free_disk_bytes_min;
        let dir = self.options.dir.display();
        let free = rustix::fs::statvfs(&self.options.dir).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        let is_short = free.as_ref().map_or(true, |free| *free < bytes_min);
        let was_short = self.is_disk_short.swap(is_short, Ordering::Relaxed);
        match free {
            Ok(free) if is_short && !was_short => tracing::error!(
                %dir,
                free_bytes = free,
                free_bytes_min = bytes_min,
                "mail is refused for now (452): the disk is nearly full; free some of it, and mail is taken again by itself"
            ),
            Ok(free) if was_short && !is_short => {
                tracing::info!(%dir, free_bytes = free, "the disk has room again: mail is taken");
            }
            Err(error) if !was_short => {
                tracing::error!(%error, %dir, "mail is refused for now (452): the free disk space is unknown");
            }
            _ => {}
        }
        *self.roomy_at.lock().unwrap_or_else(PoisonError::into_inner) = (!is_short).then(Instant::now);
        if is_short { Capacity::Short } else { Capacity::Free }
    }
}

/// The body of one message.
#[derive(Debug, Default)]
pub struct Body {
    /// What is not in the file.
    memory: Vec<u8>,
    held: Option<Held>,
    file: Option<Arc<File>>,
    length: u64,
    looked_at: u64,
}

/// What a body in memory has of the budget.
#[derive(Debug)]
struct Held {
    memory: OwnedSemaphorePermit,
    receiving: OwnedSemaphorePermit,
}

/// The message, whole and in memory, with its share of the budget. Keep that until it is committed.
#[derive(Debug)]
pub struct WholeBody {
    /// The message.
    pub bytes: Vec<u8>,
    /// Gives the memory back when it is dropped.
    pub held: Vec<OwnedSemaphorePermit>,
}

/// Why a body cannot be kept: it is a matter of time in either case.
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// Too much is in flight, or too little disk is free.
    #[error("no room for the message")]
    NoRoom,
    /// The file cannot be written or read.
    #[error("body cannot be spilled: {0}")]
    Io(#[from] io::Error),
}

impl Body {
    /// Appends to the body.
    pub async fn push(&mut self, budget: &Budget, bytes: Vec<u8>) -> Result<(), SpillError> {
        self.length += bytes.len() as u64;
        let fits = self.memory.len() + bytes.len() <= budget.options.memory_bytes_max;
        // When memory is short the disk is used sooner.
        if self.file.is_none() && fits && self.reserve(budget, self.memory.len() + bytes.len()) {
            match self.memory.is_empty() {
                true => self.memory = bytes,
                false => {
                    self.memory.reserve_exact(bytes.len());
                    self.memory.extend_from_slice(&bytes);
                }
            }
            return Ok(());
        }
        if self.length - self.looked_at > LOOK_AGAIN_BYTES {
            self.looked_at = self.length;
            if budget.disk() == Capacity::Short {
                return Err(SpillError::NoRoom);
            }
        }
        let file = self.file.clone();
        let dir = budget.options.dir.clone();
        let memory = std::mem::take(&mut self.memory);
        let file = blocking(move || {
            // It has no name: no other program can open it, and it is gone when it is closed.
            let file = match file {
                Some(file) => file,
                None => Arc::new(tempfile::tempfile_in(dir)?),
            };
            (&*file).write_all(&memory)?;
            (&*file).write_all(&bytes)?;
            Ok(file)
        });
        self.file = Some(file.await?);
        self.held = None;
        Ok(())
    }

    /// The whole body in memory. Waits for memory if it is short.
    pub async fn finish(self, budget: &Budget) -> Result<WholeBody, SpillError> {
        let units = u32::try_from(units(self.length)).map_err(|_| SpillError::NoRoom)?;
        let Self {
            mut memory,
            held,
            file,
            length,
            ..
        } = self;
        let held = match held {
            Some(held) if held.memory.num_permits() >= units as usize => vec![held.memory],
            held => {
                // Waiting while holding memory could keep those waiting who would free it.
                drop(held);
                let is_large = length > budget.options.memory_bytes_max as u64;
                let waiting = async {
                    let mut held = Vec::with_capacity(2);
                    if is_large {
                        held.push(budget.take_large(units).await?);
                    }
                    held.push(budget.take(units).await?);
                    Some(held)
                };
                let waited = tokio::time::timeout(budget.options.wait_max, waiting).await;
                waited.ok().flatten().ok_or(SpillError::NoRoom)?
            }
        };
        if let Some(file) = file {
            let expected = usize::try_from(length).map_err(|_| SpillError::NoRoom)?;
            // Deliberately not synced: nothing has been acknowledged yet.
            let read = blocking(move || {
                let mut file = &*file;
                file.seek(SeekFrom::Start(0))?;
                let mut bytes = Vec::with_capacity(expected);
                file.read_to_end(&mut bytes)?;
                Ok(bytes)
            });
            memory = read.await?;
        }
        if memory.len() as u64 != length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(WholeBody { bytes: memory, held })
    }

    /// Takes memory for a total of `bytes`. Returns false if there is too little.
    fn reserve(&mut self, budget: &Budget, bytes: usize) -> bool {
        let held = self.held.as_ref().map_or(0, |held| held.memory.num_permits());
        let wanted = usize::try_from(units(bytes as u64 + CONNECTION_BYTES)).unwrap_or(usize::MAX);
        let Ok(more) = u32::try_from(wanted.saturating_sub(held)) else {
            return false;
        };
        if more == 0 {
            return true;
        }
        let receiving = Arc::clone(&budget.receiving).try_acquire_many_owned(more);
        let memory = Arc::clone(&budget.memory).try_acquire_many_owned(more);
        let (Ok(receiving), Ok(memory)) = (receiving, memory) else {
            return false;
        };
        match &mut self.held {
            Some(held) => {
                held.memory.merge(memory);
                held.receiving.merge(receiving);
            }
            none => *none = Some(Held { memory, receiving }),
        }
        true
    }
}

/// Does what waits for the disk on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

fn units(bytes: u64) -> u64 {
    bytes.div_ceil(UNIT).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(folder: &tempfile::TempDir, in_flight_bytes_max: u64) -> Budget {
        let options = BudgetOptions {
            in_flight_bytes_max,
            memory_bytes_max: 4_096,
            free_disk_bytes_min: 0,
            wait_max: Duration::from_millis(10),
            ..BudgetOptions::new(folder.path(), 1 << 20)
        };
        Budget::new(options)
    }

    #[tokio::test]
    async fn a_body_is_whole_again_wherever_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let budget = budget(&folder, 1 << 20);
        for length in [0, 1, 4_096, 4_097, 300_000] {
            let bytes: Vec<u8> = (0..length).map(|nth| (nth % 251) as u8).collect();
            for step in [1_000, 4_096, 70_000] {
                let mut body = Body::default();
                for chunk in bytes.chunks(step) {
                    body.push(&budget, chunk.to_vec()).await.unwrap();
                }
                assert_eq!(body.file.is_some(), length > 4_096, "{length}");
                assert!(body.finish(&budget).await.unwrap().bytes == bytes, "{length} by {step}");
            }
        }
        assert_eq!(budget.memory.available_permits(), 1_024, "all of it was given back");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "spilled bodies have no name"
        );
    }

    #[tokio::test]
    async fn messages_in_flight_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let budget = budget(&folder, 16 << 10);
        let mut first = Body::default();
        first.push(&budget, vec![1; 12 << 10]).await.unwrap();
        let first = first.finish(&budget).await.unwrap();
        let mut second = Body::default();
        second.push(&budget, vec![2; 8 << 10]).await.unwrap();
        assert!(matches!(second.finish(&budget).await, Err(SpillError::NoRoom)));
        drop(first);
        let mut third = Body::default();
        third.push(&budget, vec![3; 24 << 10]).await.unwrap();
        assert!(
            matches!(third.finish(&budget).await, Err(SpillError::NoRoom)),
            "more than there is"
        );
        let mut fourth = Body::default();
        fourth.push(&budget, vec![4; 16 << 10]).await.unwrap();
        assert!(fourth.finish(&budget).await.is_ok());
    }

    #[tokio::test]
    async fn a_large_body_that_waits_leaves_small_ones_their_memory() {
        let folder = tempfile::tempdir().unwrap();
        let options = BudgetOptions {
            wait_max: Duration::from_secs(60),
            ..budget(&folder, 64 << 10).options
        };
        let budget = Budget::new(options);
        let whole = async |bytes: usize| {
            let mut body = Body::default();
            body.push(&budget, vec![1; bytes]).await.unwrap();
            body.finish(&budget).await.unwrap()
        };
        let first = whole(30 << 10).await;
        let second = whole(30 << 10);
        tokio::pin!(second);
        // It waits, and small ones come and go.
        assert!(futures_util::poll!(&mut second).is_pending());
        for _ in 0..20 {
            tokio::select! {
                _ = &mut second => panic!("there is no memory for it"),
                small = whole(4 << 10) => assert_eq!(small.bytes.len(), 4 << 10),
            }
        }
        assert_eq!(budget.capacity(), Capacity::Free);
        drop(first);
        assert_eq!(second.await.bytes.len(), 30 << 10);
    }

    #[test]
    fn a_full_disk_ends_the_intake() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = BudgetOptions::new(folder.path(), 1 << 20);
        assert_eq!(Budget::new(options.clone()).capacity(), Capacity::Free);
        options.free_disk_bytes_min = u64::MAX;
        assert_eq!(Budget::new(options.clone()).capacity(), Capacity::Short);
        options.dir = folder.path().join("gone");
        assert_eq!(Budget::new(options).capacity(), Capacity::Short);
    }
}
