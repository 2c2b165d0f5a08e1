//! What of a folder is in the database, and has not been moved yet.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::item;
use super::plan::{CHUNK_MESSAGES_MAX, MOVED_MAX};
use crate::feeds::outcome::{Disposal, Failure};
use crate::ingest::IntakeError;
use crate::store::{ItemState, MailboxItem};

/// Size of what is moved at once, except the last chunk.
const MOVED_BYTES_MAX: u64 = 64 << 20;

/// A chunk on its way into the database.
pub struct ChunkInFlight {
    pub last_uid: u32,
    pub bytes: u64,
    pub submitted: JoinSet<(u32, Result<Disposal, IntakeError>)>,
    /// What did not come.
    pub missing: Vec<u32>,
}

/// Chunks whose messages are in the database, by their outcome; each list ascending.
#[derive(Default)]
pub struct AwaitingMove {
    /// Everything up to here; `None` if there is nothing.
    pub last_uid: Option<u32>,
    bytes: u64,
    taken: Vec<u32>,
    failed: Vec<u32>,
    pub other: Vec<u32>,
    missing: Vec<u32>,
}

impl AwaitingMove {
    /// Adds a chunk once it is committed; the one before was added before it.
    pub async fn add(&mut self, mut flight: ChunkInFlight) -> Result<(), Failure> {
        let mut disposals = BTreeMap::new();
        while let Some(ended) = flight.submitted.join_next().await {
            let (uid, disposal) = ended.map_err(|_| IntakeError::Closed)?;
            disposals.insert(uid, disposal?);
        }
        let mut missing = flight.missing;
        for (uid, disposal) in disposals {
            match disposal {
                Disposal::Taken => self.taken.push(uid),
                Disposal::Failed(_) => self.failed.push(uid),
                Disposal::Other => self.other.push(uid),
                Disposal::Unstorable(_) => missing.push(uid),
            }
        }
        missing.sort_unstable();
        self.missing.append(&mut missing);
        self.last_uid = Some(flight.last_uid);
        self.bytes = self.bytes.saturating_add(flight.bytes);
        Ok(())
    }

    pub fn is_worth_moving(&self) -> bool {
        self.most() + CHUNK_MESSAGES_MAX > MOVED_MAX || self.bytes >= MOVED_BYTES_MAX
    }

    /// Messages that have gone the same way.
    pub fn most(&self) -> usize {
        self.taken.len().max(self.failed.len()).max(self.other.len())
    }

    pub fn again(&self) -> Vec<MailboxItem> {
        let missing = self.missing.iter();
        missing.map(|&uid| item(uid, ItemState::Again, 0)).collect()
    }

    pub fn moves(&self) -> [(ItemState, &[u32]); 2] {
        [
            (ItemState::ToProcessed, &self.taken),
            (ItemState::ToFailed, &self.failed),
        ]
    }
}
