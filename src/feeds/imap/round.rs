//! One round through a folder.
//!
//! A message goes through six steps: *found* (the server lists it), *sized* (the same answer says how long it is),
//! *fetched*, *committed* (the intake says so), *marked* (moved to where it belongs), *remembered* (how far the folder is
//! settled). Killed at any of them, the next round begins at what is remembered: what was committed already is a
//! duplicate, what was moved already is no longer there.

mod awaiting_move;
mod moving;
mod plan;
mod retry;

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::sync::Arc;

use tokio::task::JoinSet;

use self::awaiting_move::{AwaitingMove, ChunkInFlight};
use self::moving::note_return;
use self::plan::{Chunk, chunks};
use super::client::{Client, ClientError, Folder};
use super::returned::Fingerprint;
use super::{ImapSettings, Mailbox};
use crate::base::Day;
use crate::feeds::outcome::Failure;
use crate::feeds::reading::Reading;
use crate::store::{ItemState, MailboxChange, MailboxItem, MailboxMark};

struct Round<'r> {
    reading: &'r Arc<Reading>,
    mailbox: &'r Mailbox,
    client: &'r mut Client,
    mark: MailboxMark,
    /// What is in the database and not moved yet.
    awaiting: AwaitingMove,
    /// The contents of what was fetched and is not moved yet, by UID.
    contents: HashMap<u32, Fingerprint>,
}

/// Does all that is to be done in the folder that is open.
pub(super) async fn round(
    reading: &Arc<Reading>,
    mailbox: &Mailbox,
    client: &mut Client,
    folder: Folder,
) -> Result<(), Failure> {
    let mark = mark(reading, mailbox.settings.since, folder).await?;
    let mut round = Round {
        reading,
        mailbox,
        client,
        mark,
        awaiting: AwaitingMove::default(),
        contents: HashMap::new(),
    };
    // New mail comes first: a move that breaks the connection each time keeps none of it back. What is refused in this
    // round is due in the next one.
    let items = reading.store().mailbox_items(&reading.key).await?;
    let known: HashSet<_> = items.iter().map(|known| round.name(&known.item)).collect();
    mailbox.put_off.forget_unknown(|name| known.contains(name));
    round.read_new().await?;
    round.move_what_is_due(&items).await?;
    round.try_again().await
}

/// How far the folder is settled; from the beginning if it is not the same folder any more, or more of it is wanted.
async fn mark(reading: &Reading, since: Option<Day>, folder: Folder) -> Result<MailboxMark, Failure> {
    let since = since.unwrap_or(Day(i32::MIN));
    let known = reading.store().mailbox_mark(&reading.key).await?;
    if let Some(known) = known
        && known.uid_validity == folder.uid_validity
        && known.since <= since
    {
        return Ok(known);
    }
    if known.is_some_and(|known| known.uid_validity != folder.uid_validity) {
        tracing::info!(
            feed = reading.name(),
            "the server has renumbered the folder: it is read from its beginning, and nothing is counted twice"
        );
    }
    let mark = MailboxMark {
        uid_validity: folder.uid_validity,
        since,
        settled_uid: 0,
    };
    let change = MailboxChange {
        mark: Some(mark),
        forget_all: true,
        ..MailboxChange::default()
    };
    reading.store().change_mailbox(&reading.key, change).await?;
    Ok(mark)
}

impl Round<'_> {
    /// All that is behind the mark.
    async fn read_new(&mut self) -> Result<(), Failure> {
        let listed = self.client.list(self.mark.settled_uid).await?;
        let message_bytes_max = self.reading.all.message_bytes_max;
        let mut before: Option<ChunkInFlight> = None;
        for chunk in chunks(listed, self.mark.since, message_bytes_max) {
            let (flight, fetched) = self.fetch(chunk).await;
            if let Err(error) = fetched {
                for flight in before.into_iter().chain([flight]) {
                    self.await_commit(flight).await?;
                }
                self.leave_for_the_next_round().await?;
                return Err(error.into());
            }
            if let Some(before) = before.replace(flight) {
                self.await_commit(before).await?;
                if self.awaiting.is_worth_moving() {
                    self.move_committed().await?;
                }
            }
        }
        let Some(last) = before else {
            return Ok(());
        };
        self.await_commit(last).await?;
        self.move_committed().await
    }

    /// Fetches a chunk; each message goes into the database as it comes.
    async fn fetch(&mut self, chunk: Chunk) -> (ChunkInFlight, Result<(), ClientError>) {
        let mut submitted = JoinSet::new();
        for (uid, size) in chunk.too_large {
            let (reading, origin) = (Arc::clone(self.reading), self.origin(uid));
            let name = self.name(uid);
            submitted.spawn(async move { (uid, reading.too_large(origin, &name, size).await) });
        }
        let mut missing = chunk.wanted.clone();
        let mut fetched = Ok(());
        if !chunk.wanted.is_empty() {
            let (reading, mailbox, contents) = (self.reading, self.mailbox, &mut self.contents);
            let mut on = |uid: u32, bytes: Vec<u8>| {
                let Some(nth) = missing.iter().position(|wanted| *wanted == uid) else {
                    return;
                };
                // An empty body for a message of another size is not the message.
                if bytes.is_empty() && !chunk.empty.contains(&uid) {
                    return;
                }
                missing.swap_remove(nth);
                let content = Fingerprint::new(&bytes);
                contents.insert(uid, content);
                note_return(reading, mailbox, content);
                let (reading, origin) = (Arc::clone(reading), origin(&mailbox.settings, uid));
                submitted.spawn(async move { (uid, reading.submit(origin, bytes).await) });
            };
            let max = reading.all.message_bytes_max;
            fetched = self.client.fetch(&chunk.wanted, chunk.bytes, max, &mut on).await;
        }
        let flight = ChunkInFlight {
            last_uid: chunk.last_uid,
            bytes: chunk.bytes,
            submitted,
            missing,
        };
        (flight, fetched)
    }

    /// Waits until a chunk is committed. If it is not, what came before it is remembered.
    async fn await_commit(&mut self, flight: ChunkInFlight) -> Result<(), Failure> {
        match self.awaiting.add(flight).await {
            Ok(()) => Ok(()),
            Err(failure) => {
                self.leave_for_the_next_round().await?;
                Err(failure)
            }
        }
    }

    async fn remember(
        &mut self,
        settled_uid: Option<u32>,
        put: &[MailboxItem],
        remove: &[String],
    ) -> Result<(), Failure> {
        if let Some(uid) = settled_uid {
            self.mark.settled_uid = uid;
        }
        let change = MailboxChange {
            mark: settled_uid.map(|_| self.mark),
            forget_all: false,
            put,
            remove,
        };
        Ok(self.reading.store().change_mailbox(&self.reading.key, change).await?)
    }

    fn origin(&self, uid: u32) -> String {
        origin(&self.mailbox.settings, uid)
    }

    fn name(&self, uid: impl Display) -> String {
        format!("UID {uid} of UIDVALIDITY {}", self.mark.uid_validity)
    }
}

fn origin(settings: &ImapSettings, uid: u32) -> String {
    format!(
        "imap {}@{}, {}, UID {uid}",
        settings.user, settings.host, settings.folder
    )
}

fn item(uid: u32, state: ItemState, attempts: u32) -> MailboxItem {
    MailboxItem {
        item: uid.to_string(),
        state,
        attempts,
    }
}
