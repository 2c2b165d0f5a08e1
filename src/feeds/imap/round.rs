//! One round through a folder.
//!
//! A message goes through six steps: *found* (the server lists it), *sized* (the same answer says how long it is),
//! *fetched*, *committed* (the intake says so), *marked* (moved to where it belongs), *remembered* (how far the folder is
//! settled). Killed at any of them, the next round begins at what is remembered: what was committed already is a
//! duplicate, what was moved already is no longer there.

mod landed;
mod plan;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use self::landed::{Flight, Landed};
use self::plan::{Chunk, Move, chunks, moves};
use super::ImapSettings;
use super::client::{Client, ClientError, Folder, Moving, Size};
use super::returned::{Fingerprint, Returned};
use crate::base::Day;
use crate::feeds::sources::{ATTEMPTS_MAX, Failure, Reading, Verdict};
use crate::store::{ItemState, MailboxChange, MailboxItem, MailboxMark};

struct Round<'r> {
    reading: &'r Arc<Reading>,
    settings: &'r ImapSettings,
    client: &'r mut Client,
    mark: MailboxMark,
    /// What is in the database and not moved yet.
    landed: Landed,
    /// The contents of what was fetched and is not moved yet, by UID.
    contents: HashMap<u32, Fingerprint>,
}

/// Does all that is to be done in the folder that is open.
pub(super) async fn round(
    reading: &Arc<Reading>,
    settings: &ImapSettings,
    client: &mut Client,
    folder: Folder,
) -> Result<(), Failure> {
    let mark = mark(reading, settings, folder).await?;
    let mut round = Round {
        reading,
        settings,
        client,
        mark,
        landed: Landed::default(),
        contents: HashMap::new(),
    };
    // New mail comes first: a move that breaks the connection each time keeps none of it back. What is refused in this
    // round is due in the next one.
    let items = reading.all.store.mailbox_items(&reading.key).await?;
    round.read_new().await?;
    round.move_what_is_due(&items).await?;
    round.try_again().await
}

/// How far the folder is settled; from the beginning if it is not the same folder any more, or more of it is wanted.
async fn mark(reading: &Reading, settings: &ImapSettings, folder: Folder) -> Result<MailboxMark, Failure> {
    let since = settings.since.unwrap_or(Day(i32::MIN));
    let known = reading.all.store.mailbox_mark(&reading.key).await?;
    if let Some(known) = known
        && known.uid_validity == folder.uid_validity
        && known.since <= since
    {
        return Ok(known);
    }
    if known.is_some_and(|known| known.uid_validity != folder.uid_validity) {
        tracing::info!(
            source = reading.source.name,
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
    reading.all.store.change_mailbox(&reading.key, change).await?;
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
        let mut before: Option<Flight> = None;
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
                if self.landed.is_worth_moving() {
                    self.move_what_landed().await?;
                }
            }
        }
        let Some(last) = before else {
            return Ok(());
        };
        self.land(last).await?;
        self.move_what_landed().await
    }

    /// Fetches a chunk; each message goes into the database as it comes.
    async fn fetch(&mut self, chunk: Chunk) -> (Flight, Result<(), ClientError>) {
        let mut submitted = JoinSet::new();
        for (uid, size) in chunk.too_large {
            let (reading, origin) = (Arc::clone(self.reading), self.origin(uid));
            let name = self.name(uid);
            submitted.spawn(async move { (uid, reading.too_large(origin, &name, size).await) });
        }
        let mut missing = chunk.wanted.clone();
        let mut fetched = Ok(());
        if !chunk.wanted.is_empty() {
            let (reading, settings, contents) = (self.reading, self.settings, &mut self.contents);
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
                note_return(reading, content);
                let (reading, origin) = (Arc::clone(reading), origin(settings, uid));
                submitted.spawn(async move { (uid, reading.submit(origin, bytes).await) });
            };
            let max = reading.all.message_bytes_max;
            fetched = self.client.fetch(&chunk.wanted, chunk.bytes, max, &mut on).await;
        }
        let flight = Flight {
            last_uid: chunk.last_uid,
            bytes: chunk.bytes,
            submitted,
            missing,
        };
        (flight, fetched)
    }

    /// Waits until a chunk is committed. If it is not, what came before it is remembered.
    async fn land(&mut self, flight: Flight) -> Result<(), Failure> {
        match self.landed.add(flight).await {
            Ok(()) => Ok(()),
            Err(failure) => {
                self.leave_for_the_next_round().await?;
                Err(failure)
            }
        }
    }

    /// Moves what is committed to where it belongs, and remembers how far the folder is settled.
    async fn move_what_landed(&mut self) -> Result<(), Failure> {
        let landed = std::mem::take(&mut self.landed);
        let mut items = landed.again();
        let mut lost = None;
        for (state, uids) in landed.moves() {
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
            lost = self.put_other_mail_away(&landed.other).await.err();
        }
        self.settle_landed(&landed, &items).await?;
        lost.map_or(Ok(()), Err)
    }

    /// The connection is gone, or the database does not take more: what is committed is remembered.
    async fn leave_for_the_next_round(&mut self) -> Result<(), Failure> {
        let landed = std::mem::take(&mut self.landed);
        let mut items = landed.again();
        for (state, uids) in landed.moves() {
            if self.folder(state).is_some() {
                items.extend(uids.iter().map(|&uid| item(uid, state, 0)));
            }
        }
        self.settle_landed(&landed, &items).await
    }

    async fn settle_landed(&mut self, landed: &Landed, items: &[MailboxItem]) -> Result<(), Failure> {
        self.remember(landed.last_uid, items, &[]).await?;
        // What is not moved now is not moved in this round.
        self.contents.clear();
        if landed.most() > 0 {
            self.reading.progressed();
        }
        Ok(())
    }

    /// Messages that could not be fetched, one by one.
    async fn try_again(&mut self) -> Result<(), Failure> {
        let items = self.reading.all.store.mailbox_items(&self.reading.key).await?;
        for MailboxItem {
            item: name,
            state,
            attempts,
        } in items
        {
            let (ItemState::Again, Ok(uid)) = (state, name.parse::<u32>()) else {
                continue;
            };
            let Some((verdict, lost)) = self.try_one(uid, attempts.saturating_add(1)).await? else {
                continue;
            };
            self.settle(uid, name, verdict, lost.is_some()).await?;
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
    async fn try_one(&mut self, uid: u32, nth: u32) -> Result<Option<(Option<Verdict>, Option<Failure>)>, Failure> {
        let (verdict, lost) = if nth > ATTEMPTS_MAX {
            // The last try was counted, and the process ended before its result was stored.
            let why = "this program ended each time that it was read".to_owned();
            (Some(Verdict::Unstorable(why)), None)
        } else {
            self.remember(None, &[item(uid, ItemState::Again, nth)], &[]).await?;
            self.have_one(uid).await?
        };
        match verdict {
            Some(Verdict::Unstorable(why)) if nth < ATTEMPTS_MAX => {
                tracing::debug!(
                    source = self.reading.source.name,
                    uid,
                    why,
                    "a message is tried again later"
                );
                lost.map_or(Ok(None), Err)
            }
            Some(Verdict::Unstorable(why)) => {
                let (origin, name) = (self.origin(uid), self.name(uid));
                let verdict = self.reading.unfetchable(origin, &name, &why).await?;
                Ok(Some((Some(verdict), lost)))
            }
            verdict => Ok(Some((verdict, lost))),
        }
    }

    /// Puts away a message that was tried again, or, without a connection, remembers where it is to go.
    async fn settle(&mut self, uid: u32, name: String, verdict: Option<Verdict>, is_lost: bool) -> Result<(), Failure> {
        let state = match &verdict {
            Some(Verdict::Taken) => Some(ItemState::ToProcessed),
            Some(Verdict::Failed(_) | Verdict::Unstorable(_)) => Some(ItemState::ToFailed),
            Some(Verdict::Other) | None => None,
        };
        match state {
            Some(state) if is_lost => return self.remember(None, &[item(uid, state, 0)], &[]).await,
            Some(state) if !self.put_away(state, &[uid]).await? => {
                return self.remember(None, &[item(uid, state, 1)], &[]).await;
            }
            _ => {}
        }
        if verdict == Some(Verdict::Other) {
            self.put_other_mail_away(&[uid]).await?;
        }
        self.remember(None, &[], &[name]).await
    }

    /// One message by itself: what became of it (`None`: it is no longer there), and whether the connection was lost over
    /// it.
    async fn have_one(&mut self, uid: u32) -> Result<(Option<Verdict>, Option<Failure>), Failure> {
        let max = self.reading.all.message_bytes_max;
        let size = match self.client.size(uid).await {
            Ok(Size::Bytes(size)) => size,
            // It is fetched as one of any size.
            Ok(Size::Unknown) => max,
            Ok(Size::Gone) => return Ok((None, None)),
            Err(error) => return Ok((Some(Verdict::Unstorable(error.to_string())), lost(error))),
        };
        if size > max {
            let (origin, name) = (self.origin(uid), self.name(uid));
            return Ok((Some(self.reading.too_large(origin, &name, size).await?), None));
        }
        let mut body = None;
        let mut on = |_, bytes| body = Some(bytes);
        match self.client.fetch(&[uid], size, max, &mut on).await {
            Ok(()) => {}
            Err(error) => return Ok((Some(Verdict::Unstorable(error.to_string())), lost(error))),
        }
        let Some(bytes) = body.filter(|bytes: &Vec<u8>| !bytes.is_empty() || size == 0) else {
            let why = "the server lists it and does not give it".to_owned();
            return Ok((Some(Verdict::Unstorable(why)), None));
        };
        let content = Fingerprint::of(&bytes);
        self.contents.insert(uid, content);
        note_return(self.reading, content);
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
        if let Some(folder) = self.settings.other.clone()
            && !returned(self.reading).is_same(&folder)
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
                returned(self.reading).moved(folder, contents);
                Ok(true)
            }
            Err(error @ ClientError::Refused { .. }) => {
                tracing::warn!(
                    source = self.reading.source.name,
                    folder,
                    messages = uids.len(),
                    detail = crate::feeds::sources::capped(&error.to_string()),
                    "mail cannot be moved, and stays where it is for now: see whether the folder can be written"
                );
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn folder(&self, state: ItemState) -> Option<String> {
        let folder = match state {
            ItemState::ToProcessed => &self.settings.processed,
            ItemState::ToFailed => &self.settings.failed,
            ItemState::Again | ItemState::Settled => return None,
        };
        // Where mail cannot be moved safely it stays, and is remembered.
        let folder = folder.clone().filter(|_| self.client.moving() != Moving::Never);
        folder.filter(|folder| !returned(self.reading).is_same(folder))
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
        Ok(self.reading.all.store.change_mailbox(&self.reading.key, change).await?)
    }

    fn origin(&self, uid: u32) -> String {
        origin(self.settings, uid)
    }

    fn name(&self, uid: u32) -> String {
        format!("UID {uid} of UIDVALIDITY {}", self.mark.uid_validity)
    }
}

fn returned(reading: &Reading) -> std::sync::MutexGuard<'_, Returned> {
    reading
        .returned
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Notes mail that came; says so if it is what was moved elsewhere.
fn note_return(reading: &Reading, content: Fingerprint) {
    let Some(folder) = returned(reading).came(content) else {
        return;
    };
    tracing::warn!(
        source = reading.source.name,
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
