//! How messages are taken in, and why they are not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::process::ProcessLimits;
use super::provenance::Authenticator;
use crate::store::{FreshDomain, KeepLimits, StoreError};

/// The limits and threads of the intake.
#[derive(Debug, Clone)]
pub struct IntakeSettings {
    /// Queue length in messages. When the queue is full, senders wait.
    pub queue_messages_max: usize,
    /// Largest batch, in messages and bytes.
    pub batch_messages_max: usize,
    pub batch_bytes_max: usize,
    /// Threads that unpack and parse; 0: one per core.
    pub threads: usize,
    /// When a message is read and written apart from the others.
    pub slow: SlowOptions,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self {
            queue_messages_max: 1_024,
            batch_messages_max: 256,
            batch_bytes_max: 4 << 20,
            threads: 0,
            slow: SlowOptions::default(),
        }
    }
}

/// The options of the intake.
#[derive(Clone)]
pub struct IntakeOptions {
    pub settings: IntakeSettings,
    pub limits: ProcessLimits,
    /// Memory for parsed messages that wait to be written, in bytes. One message and those being parsed may exceed
    /// it.
    pub parsed_bytes_max: usize,
    /// Folder of the journal. `None`: a message that ends the process is not recognised when it arrives again.
    pub journal: Option<PathBuf>,
    /// Whether to keep the bytes of messages whose reports are counted.
    pub keep_originals: bool,
    /// How much is kept of what strangers can send in any number.
    pub keep: KeepLimits,
    /// Authenticates mail with an envelope; `None`: mail is not authenticated.
    pub authenticator: Option<Authenticator>,
    /// Makes the random names of a domain that is added on sight.
    pub fresh: fn() -> FreshDomain,
}

impl IntakeOptions {
    /// The defaults, with what makes random names.
    pub fn new(fresh: fn() -> FreshDomain) -> Self {
        Self {
            settings: IntakeSettings::default(),
            limits: ProcessLimits::default(),
            parsed_bytes_max: 128 << 20,
            journal: None,
            keep_originals: true,
            keep: KeepLimits::default(),
            authenticator: None,
            fresh,
        }
    }
}

/// When a message leaves the fast lane, and how many the slow lane takes.
#[derive(Debug, Clone, Copy)]
pub struct SlowOptions {
    /// Bytes that it has unpacked to.
    pub bytes: u64,
    /// For how long it has been read.
    pub after: Duration,
    /// Messages that are in the slow lane at once, read or waiting to be written; 0 is half the cores.
    pub seats: usize,
    /// Mail that may wait for a seat; more is refused for now. Messages from other origins wait in any number: the origin
    /// holds their bytes.
    pub waiting_max: usize,
}

impl Default for SlowOptions {
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            after: Duration::from_millis(25),
            seats: 0,
            waiting_max: 64,
        }
    }
}

impl SlowOptions {
    pub(super) fn seats(&self) -> usize {
        match self.seats {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            seats => seats,
        }
    }
}

/// Why a message was not accepted. Nothing of it is in the database, unless the database's answer was lost: a repeat
/// is then a duplicate.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IntakeError {
    /// The process is stopping.
    #[error("shutting down")]
    Closed,
    /// The sender of the mail cannot be authenticated now. A repeat of the same mail is accepted.
    #[error("the sender of the mail cannot be authenticated now")]
    Undecided,
    /// The message is large, and too many of these wait to be read.
    #[error("too many large messages are being read: try again later")]
    Busy,
    /// A part of it cannot be counted, and today's quota for such mail is used up.
    #[error("today's quota of mail that cannot be counted, or that is held, is used up: try again tomorrow")]
    OverQuota,
    /// Its other owners have used all the room for a message of its size. A repeat is known to them and takes no more
    /// for them.
    #[error("the room in the database for a message of this size is used up by its other recipients: send it again")]
    TooMuchForOthers,
    #[error(transparent)]
    Store(#[from] Arc<StoreError>),
}

impl From<StoreError> for IntakeError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}
