//! Reads a file message by message, within the memory that the messages of a folder may take.

use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Taking;
use crate::feeds::files::{FileMessage, Messages, Unreadable};
use crate::feeds::places::{self, Stamp};

/// A message, and the memory that it takes until it is dropped.
pub(super) type Held = (FileMessage, OwnedSemaphorePermit);

/// Memory for the messages of a folder.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    /// Permits are kibibytes, because a semaphore cannot count all bytes.
    free: Arc<Semaphore>,
    kibibytes: u32,
}

impl Memory {
    pub fn new(bytes_max: u64) -> Self {
        let kibibytes = u32::try_from(bytes_max / 1_024).unwrap_or(u32::MAX).max(1);
        Self {
            free: Arc::new(Semaphore::new(kibibytes as usize)),
            kibibytes,
        }
    }

    /// The permits that `bytes` take: all of them, if there are more bytes.
    fn units(&self, bytes: u64) -> u32 {
        let units = u32::try_from(bytes.div_ceil(1_024)).unwrap_or(u32::MAX);
        units.clamp(1, self.kibibytes)
    }

    /// Waits, on a thread that may, until there is room for `bytes`. `None` if it is over.
    fn take(&self, bytes: u64, runtime: &Handle) -> Option<OwnedSemaphorePermit> {
        let taking = Arc::clone(&self.free).acquire_many_owned(self.units(bytes));
        runtime.block_on(taking).ok()
    }

    /// Gives back what a message does not take of it.
    fn only(&self, mut held: OwnedSemaphorePermit, bytes: u64) -> OwnedSemaphorePermit {
        match held.split(self.units(bytes) as usize) {
            Some(needed) => needed,
            None => held,
        }
    }
}

/// Reads a file message by message. One that is no longer what it was at the look counts as taken away.
pub(super) fn hand_out(
    file: &Taking,
    bytes_max: u64,
    memory: &Memory,
    runtime: &Handle,
    messages: &mpsc::Sender<Result<Held, Unreadable>>,
) {
    let unreadable = |source| Unreadable::new(&file.path, source);
    let opened =
        places::open(&file.path).and_then(|opened| match Stamp::from_metadata(&opened.metadata()?) == file.stamp {
            true => Ok(opened),
            false => Err(io::Error::new(io::ErrorKind::NotFound, "another file is in its place")),
        });
    let all = opened
        .map_err(unreadable)
        .and_then(|opened| Messages::from_file(&file.path, opened, bytes_max));
    let mut all = match all {
        Ok(all) => all,
        Err(error) => return drop(messages.blocking_send(Err(error))),
    };
    while !all.is_at_end() {
        // How long a message of an mbox is shows when it is read: so there is room for the longest before.
        let longest = if all.is_packed() {
            bytes_max
        } else {
            file.stamp.len.min(bytes_max)
        };
        let Some(held) = memory.take(longest, runtime) else {
            // Silence would mean that all of it was read.
            let error = unreadable(io::Error::other("there is no memory for it"));
            return drop(messages.blocking_send(Err(error)));
        };
        let Some(message) = all.next() else { return };
        let message = message.map(|message| {
            let held = memory.only(held, message.bytes.len() as u64);
            (message, held)
        });
        if messages.blocking_send(message).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::BYTES_MAX;
    use super::super::tests::{append, folder};
    use super::*;

    /// What is read of a file: the messages with what they hold of the memory.
    async fn handed_out(file: &Taking, bytes_max: u64, memory: &Memory) -> Vec<Result<Held, Unreadable>> {
        let (sender, mut receiver) = mpsc::channel(10);
        let (file, memory, runtime) = (file.clone(), memory.clone(), Handle::current());
        let read = tokio::task::spawn_blocking(move || hand_out(&file, bytes_max, &memory, &runtime, &sender));
        read.await.unwrap();
        let mut messages = Vec::new();
        while let Some(message) = receiver.recv().await {
            messages.push(message);
        }
        messages
    }

    #[tokio::test]
    async fn a_file_that_has_changed_since_the_look_is_not_read() {
        let memory = Memory::new(BYTES_MAX);
        let (_folder, file) = folder("one");
        let read = handed_out(&file, 100, &memory).await;
        assert_eq!(read[0].as_ref().unwrap().0.bytes, b"one");
        append(&file.path, " and more");
        let read = handed_out(&file, 100, &memory).await;
        let error = read[0].as_ref().unwrap_err();
        assert_eq!((read.len(), error.source.kind()), (1, io::ErrorKind::NotFound));
    }

    #[tokio::test]
    async fn messages_hold_the_memory_that_they_take() {
        let memory = Memory::new(64 << 10);
        let (_folder, file) = folder(&"x".repeat(40 << 10));
        let read = handed_out(&file, 1 << 20, &memory).await;
        assert_eq!((read.len(), memory.free.available_permits()), (1, 24));
        drop(read);
        assert_eq!(memory.free.available_permits(), 64);

        let mark = "From a@b Thu Jan  1 00:00:00 1970\n";
        let (_folder, file) = self::folder(
            &[mark; 3]
                .map(|mark| format!("{mark}{}\n\n", "x".repeat(1_500)))
                .concat(),
        );
        let read = handed_out(&file, 1 << 20, &memory).await;
        assert_eq!((read.len(), memory.free.available_permits()), (3, 64 - 6));

        let small = Memory::new(4 << 10);
        let (_folder, file) = self::folder(&"x".repeat(40 << 10));
        let read = handed_out(&file, 1 << 20, &small).await;
        assert_eq!((read.len(), small.free.available_permits()), (1, 0), "it passes alone");
        assert!(read[0].is_ok());

        // Room is asked for before anything is read.
        let closed = Memory::new(64 << 10);
        closed.free.close();
        let read = handed_out(&file, 1 << 20, &closed).await;
        assert!(read.len() == 1 && read[0].is_err());
    }
}
