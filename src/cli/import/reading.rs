//! Reading ahead: a thread reads the files in their order while messages before them are being stored.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::cli::progress::Progress;
use crate::feeds::files::{FileMessage, Messages, Unreadable, Walk};

/// Bytes of messages read and not yet answered; one larger message may take all of it.
const READ_AHEAD_BYTES_MAX: usize = 64 * 1024 * 1024;
const KIBIBYTE: usize = 1024;

/// What the reading thread tells.
#[derive(Debug)]
pub enum Event {
    /// A file was opened.
    File,
    Unreadable(Unreadable),
    /// A message, and the room that it takes until it is stored.
    Message(FileMessage, OwnedSemaphorePermit),
}

/// The thread, and what comes from it.
#[derive(Debug)]
pub struct Reading {
    events: mpsc::Receiver<Event>,
}

impl Reading {
    /// Starts to read, and in parallel weighs everything for the progress.
    pub fn start(paths: Vec<PathBuf>, message_bytes_max: u64, progress: Arc<Progress>) -> Self {
        let (sender, events) = mpsc::channel(1024);
        let weighed = paths.clone();
        let alive = sender.clone().downgrade();
        tokio::task::spawn_blocking(move || weigh(&weighed, &alive, &progress));
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || read(&paths, message_bytes_max, &sender, &runtime));
        Self { events }
    }

    /// The next event; `None` when all files were read, or after [`Reading::stop`].
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Reads no further; what was read and not yet taken is dropped.
    pub fn stop(&mut self) {
        self.events.close();
        while self.events.try_recv().is_ok() {}
    }
}

fn read(paths: &[PathBuf], message_bytes_max: u64, events: &mpsc::Sender<Event>, runtime: &Handle) {
    let room = Arc::new(Semaphore::new(READ_AHEAD_BYTES_MAX / KIBIBYTE));
    // A send fails once the receiver is gone.
    let read_file = |path: PathBuf| -> Option<()> {
        events.blocking_send(Event::File).ok()?;
        let messages = match Messages::open(&path, message_bytes_max) {
            Ok(messages) => messages,
            Err(error) => return events.blocking_send(Event::Unreadable(error)).ok(),
        };
        for message in messages {
            let event = match message {
                Err(error) => Event::Unreadable(error),
                Ok(message) => {
                    let kibibytes = message.bytes.len().clamp(KIBIBYTE, READ_AHEAD_BYTES_MAX) / KIBIBYTE;
                    let wanted = Arc::clone(&room).acquire_many_owned(u32::try_from(kibibytes).ok()?);
                    Event::Message(message, runtime.block_on(wanted).ok()?)
                }
            };
            events.blocking_send(event).ok()?;
        }
        Some(())
    };
    for found in Walk::new(paths) {
        let went_on = match found {
            Ok(path) => read_file(path),
            Err(error) => events.blocking_send(Event::Unreadable(error)).ok(),
        };
        if went_on.is_none() {
            return;
        }
    }
}

/// Adds up the lengths of all files while the import runs.
fn weigh(paths: &[PathBuf], alive: &mpsc::WeakSender<Event>, progress: &Progress) {
    let mut all = 0;
    for path in Walk::new(paths).flatten() {
        if alive.upgrade().is_none_or(|sender| sender.is_closed()) {
            return;
        }
        all += path.metadata().map_or(0, |metadata| metadata.len());
    }
    progress.set_weight_of_all(all);
}
