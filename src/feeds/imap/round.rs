//! One round through a folder.
//!
//! A message goes through six steps: *found* (the server lists it), *sized* (the same answer says how long it is),
//! *fetched*, *committed* (the intake says so), *marked* (moved to where it belongs), *remembered* (how far the folder is
//! settled). Killed at any of them, the next round begins at what is remembered: what was committed already is a
//! duplicate, what was moved already is no longer there.

mod awaiting_move;
mod plan;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use self::awaiting_move::{AwaitingMove, ChunkInFlight};
use self::plan::{Chunk, Move, chunks, moves};
use super::client::{Client, ClientError, Folder, Moving, Size};
use super::returned::Fingerprint;
use super::{ImapSettings, Mailbox};
use crate::base::Day;
use crate::feeds::feed::{Disposal, Failure};
use crate::feeds::reading::{ATTEMPTS_MAX, Reading, capped};
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
    let items = reading.all.leases.store.mailbox_items(&reading.key).await?;
    round.read_new().await?;
    round.move_what_is_due(&items).await?;
    round.try_again().await
}

/// How far the folder is settled; from the beginning if it is not the same folder any more, or more of it is wanted.
async fn mark(reading: &Reading, since: Option<Day>, folder: Folder) -> Result<MailboxMark, Failure> {
    let since = since.unwrap_or(Day(i32::MIN));
    let known = reading.all.leases.store.mailbox_mark(&reading.key).await?;
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
    reading.all.leases.store.change_mailbox(&reading.key, change).await?;
    Ok(mark)
}

/// Why the connection is of no more use, if it is not: a server that refuses one command answers the next one.
fn lost(error: ClientError) -> Option<Failure> {
    match error {
        ClientError::Refused { .. } => None,
        error => Some(error.into()),
    }
}

impl Round<'_> {
    /// What was committed in an earlier round and could not be moved then.
    async fn move_what_is_due(&mut self, items: &[MailboxItem]) -> Result<(), Failure> {
        for Move { attempts, state, uids } in moves(items) {
            match self.put_away(state, &uids).await {
                Ok(true) => {
                    let gone: Vec<String> = uids.iter().map(u32::to_string).collect();
                    self.remember(None, &[], &gone).await?;
                    self.reading.progressed();
                }
                Ok(false) => {}
                Err(failure) => {
                    let attempts = attempts.saturating_add(1);
                    let again: Vec<_> = uids.iter().map(|&uid| item(uid, state, attempts)).collect();
                    self.remember(None, &again, &[]).await?;
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// All that is behind the mark.
    async fn read_new(&mut self) -> Result<(), Failure> {
        let listed = self.client.list(self.mark.settled_uid).await?;
        let message_bytes_max = self.reading.all.message_bytes_max;
        let mut before: Option<ChunkInFlight> = None;
        for chunk in chunks(listed, self.mark.since, message_bytes_max) {
            let (flight, fetched) = self.fetch(chunk).await;
            if let Err(error) = fetched {
                for flight in before.into_iter().chain([flight]) {
                    self.land(flight).await?;
                }
                self.leave_for_the_next_round().await?;
                return Err(error.into());
            }
            if let Some(before) = before.replace(flight) {
                self.land(before).await?;
                if self.awaiting.is_worth_moving() {
                    self.move_committed().await?;
                }
            }
        }
        let Some(last) = before else {
            return Ok(());
        };
        self.land(last).await?;
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
                let content = Fingerprint::of(&bytes);
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
    async fn land(&mut self, flight: ChunkInFlight) -> Result<(), Failure> {
        match self.awaiting.add(flight).await {
            Ok(()) => Ok(()),
            Err(failure) => {
                self.leave_for_the_next_round().await?;
                Err(failure)
            }
        }
    }

    /// Moves what is committed to where it belongs, and remembers how far the folder is settled.
    async fn move_committed(&mut self) -> Result<(), Failure> {
        let awaiting = std::mem::take(&mut self.awaiting);
        let mut items = awaiting.again();
        let mut lost = None;
        for (state, uids) in awaiting.moves() {
            match self.put_away(state, uids).await {
                Ok(true) => {}
                Ok(false) => items.extend(uids.iter().map(|&uid| item(uid, state, 1))),
                Err(failure) => {
                    items.extend(uids.iter().map(|&uid| item(uid, state, 0)));
                    lost = Some(failure);
                }
            }
        }
        if lost.is_none() {
            lost = self.put_other_mail_away(&awaiting.other).await.err();
        }
        self.settle_committed(&awaiting, &items).await?;
        lost.map_or(Ok(()), Err)
    }

    /// The connection is gone, or the database does not take more: what is committed is remembered.
    async fn leave_for_the_next_round(&mut self) -> Result<(), Failure> {
        let awaiting = std::mem::take(&mut self.awaiting);
        let mut items = awaiting.again();
        for (state, uids) in awaiting.moves() {
            if self.folder(state).is_some() {
                items.extend(uids.iter().map(|&uid| item(uid, state, 0)));
            }
        }
        self.settle_committed(&awaiting, &items).await
    }

    async fn settle_committed(&mut self, moved: &AwaitingMove, items: &[MailboxItem]) -> Result<(), Failure> {
        self.remember(moved.last_uid, items, &[]).await?;
        // What is not moved now is not moved in this round.
        self.contents.clear();
        if moved.most() > 0 {
            self.reading.progressed();
        }
        Ok(())
    }

    /// Messages that could not be fetched, one by one.
    async fn try_again(&mut self) -> Result<(), Failure> {
        let items = self.reading.all.leases.store.mailbox_items(&self.reading.key).await?;
        for MailboxItem {
            item: name,
            state,
            attempts,
        } in items
        {
            let (ItemState::Again, Ok(uid)) = (state, name.parse::<u32>()) else {
                continue;
            };
            let Some((disposal, lost)) = self.try_one(uid, attempts.saturating_add(1)).await? else {
                continue;
            };
            self.settle(uid, name, disposal, lost.is_some()).await?;
            if let Some(lost) = lost {
                return Err(lost);
            }
            self.reading.progressed();
        }
        Ok(())
    }

    /// Tries for the nth time; `None` if it is to be tried again later. Each try is counted before it is made: it may be
    /// the last thing that happens.
    ///
    /// # Errors
    /// Also if it is to be tried again and the connection was lost.
    async fn try_one(&mut self, uid: u32, nth: u32) -> Result<Option<(Option<Disposal>, Option<Failure>)>, Failure> {
        let (disposal, lost) = if nth > ATTEMPTS_MAX {
            // The last try was counted, and the process ended before its result was stored.
            let why = "this program ended each time that it was read".to_owned();
            (Some(Disposal::Unstorable(why)), None)
        } else {
            self.remember(None, &[item(uid, ItemState::Again, nth)], &[]).await?;
            self.fetch_single(uid).await?
        };
        match disposal {
            Some(Disposal::Unstorable(why)) if nth < ATTEMPTS_MAX => {
                tracing::debug!(feed = self.reading.name(), uid, why, "a message is tried again later");
                lost.map_or(Ok(None), Err)
            }
            Some(Disposal::Unstorable(why)) => {
                let (origin, name) = (self.origin(uid), self.name(uid));
                let disposal = self.reading.unfetchable(origin, &name, &why).await?;
                Ok(Some((Some(disposal), lost)))
            }
            disposal => Ok(Some((disposal, lost))),
        }
    }

    /// Puts away a message that was tried again, or, without a connection, remembers where it is to go.
    async fn settle(
        &mut self,
        uid: u32,
        name: String,
        disposal: Option<Disposal>,
        is_lost: bool,
    ) -> Result<(), Failure> {
        let state = match &disposal {
            Some(Disposal::Taken) => Some(ItemState::ToProcessed),
            Some(Disposal::Failed(_) | Disposal::Unstorable(_)) => Some(ItemState::ToFailed),
            Some(Disposal::Other) | None => None,
        };
        match state {
            Some(state) if is_lost => return self.remember(None, &[item(uid, state, 0)], &[]).await,
            Some(state) if !self.put_away(state, &[uid]).await? => {
                return self.remember(None, &[item(uid, state, 1)], &[]).await;
            }
            _ => {}
        }
        if disposal == Some(Disposal::Other) {
            self.put_other_mail_away(&[uid]).await?;
        }
        self.remember(None, &[], &[name]).await
    }

    /// One message by itself: what became of it (`None`: it is no longer there), and whether the connection was lost over
    /// it.
    async fn fetch_single(&mut self, uid: u32) -> Result<(Option<Disposal>, Option<Failure>), Failure> {
        let max = self.reading.all.message_bytes_max;
        let size = match self.client.size(uid).await {
            Ok(Size::Bytes(size)) => size,
            // It is fetched as one of any size.
            Ok(Size::Unknown) => max,
            Ok(Size::Gone) => return Ok((None, None)),
            Err(error) => return Ok((Some(Disposal::Unstorable(error.to_string())), lost(error))),
        };
        if size > max {
            let (origin, name) = (self.origin(uid), self.name(uid));
            return Ok((Some(self.reading.too_large(origin, &name, size).await?), None));
        }
        let mut body = None;
        let mut on = |_, bytes| body = Some(bytes);
        match self.client.fetch(&[uid], size, max, &mut on).await {
            Ok(()) => {}
            Err(error) => return Ok((Some(Disposal::Unstorable(error.to_string())), lost(error))),
        }
        let Some(bytes) = body.filter(|bytes: &Vec<u8>| !bytes.is_empty() || size == 0) else {
            let why = "the server lists it and does not give it".to_owned();
            return Ok((Some(Disposal::Unstorable(why)), None));
        };
        let content = Fingerprint::of(&bytes);
        self.contents.insert(uid, content);
        note_return(self.reading, self.mailbox, content);
        Ok((Some(self.reading.submit(self.origin(uid), bytes).await?), None))
    }

    /// Moves messages to where they belong, if they are to go anywhere. False if the server refuses.
    async fn put_away(&mut self, state: ItemState, uids: &[u32]) -> Result<bool, Failure> {
        let Some(folder) = self.folder(state) else {
            return Ok(true);
        };
        self.move_to(uids, &folder).await
    }

    async fn put_other_mail_away(&mut self, uids: &[u32]) -> Result<(), Failure> {
        if let Some(folder) = self.mailbox.settings.other.clone()
            && !self.mailbox.returned().is_same(&folder)
        {
            self.move_to(uids, &folder).await?;
        }
        Ok(())
    }

    async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<bool, Failure> {
        if uids.is_empty() {
            return Ok(true);
        }
        match self.client.move_to(uids, folder).await {
            Ok(()) => {
                let contents = uids.iter().filter_map(|uid| self.contents.remove(uid));
                self.mailbox.returned().moved(folder, contents);
                Ok(true)
            }
            Err(error @ ClientError::Refused { .. }) => {
                tracing::warn!(
                    feed = self.reading.name(),
                    folder,
                    messages = uids.len(),
                    detail = capped(&error.to_string()),
                    "mail cannot be moved, and stays where it is for now: see whether the folder can be written"
                );
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn folder(&self, state: ItemState) -> Option<String> {
        let folder = match state {
            ItemState::ToProcessed => &self.mailbox.settings.processed,
            ItemState::ToFailed => &self.mailbox.settings.failed,
            ItemState::Again | ItemState::Settled => return None,
        };
        // Where mail cannot be moved safely it stays, and is remembered.
        let folder = folder.clone().filter(|_| self.client.moving() != Moving::Never);
        folder.filter(|folder| !self.mailbox.returned().is_same(folder))
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
        Ok(self
            .reading
            .all
            .leases
            .store
            .change_mailbox(&self.reading.key, change)
            .await?)
    }

    fn origin(&self, uid: u32) -> String {
        origin(&self.mailbox.settings, uid)
    }

    fn name(&self, uid: u32) -> String {
        format!("UID {uid} of UIDVALIDITY {}", self.mark.uid_validity)
    }
}

/// Notes mail that came; says so if it is what was moved elsewhere.
fn note_return(reading: &Reading, mailbox: &Mailbox, content: Fingerprint) {
    let Some(folder) = mailbox.returned().came(content) else {
        return;
    };
    tracing::warn!(
        feed = reading.name(),
        folder,
        "mail that is moved to this folder comes back: it is the folder that is read, under another name. Mail stays where \
         it is from now on; name another folder in the settings"
    );
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
