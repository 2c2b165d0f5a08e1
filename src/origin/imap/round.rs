//! One round through a folder.
//!
//! A message goes through six steps: *found* (the server lists it), *sized* (the same answer says how long it is),
//! *fetched*, *committed* (the intake says so), *marked* (moved to where it belongs), *remembered* (how far the folder is
//! settled). Killed at any of them, the next round begins at what is remembered: what was committed already is a
//! duplicate, what was moved already is no longer there.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::ImapSettings;
use super::client::{Client, ClientError, Folder, Listed, Moving};
use crate::ingest::IntakeError;
use crate::origin::sources::{ATTEMPTS_MAX, Failure, Reading, Verdict};
use crate::report::Day;
use crate::store::{ItemState, MailboxChange, MailboxItem, MailboxMark};

/// Two chunks are in flight at once, one being fetched and one being committed: at most 64 messages.
const CHUNK_MESSAGES_MAX: usize = 32;
/// Of a chunk, save for a single longer message.
const CHUNK_BYTES_MAX: u64 = 8 << 20;
/// Messages that are moved at once.
const MOVED_MAX: usize = 256;

/// Messages that are asked for together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Chunk {
    /// Everything up to here is in this chunk or before it.
    last_uid: u32,
    wanted: Vec<u32>,
    bytes: u64,
    too_large: Vec<Listed>,
}

/// A chunk on its way into the database.
struct Flight {
    last_uid: u32,
    submitted: JoinSet<(u32, Result<Verdict, IntakeError>)>,
    /// What did not come.
    missing: Vec<u32>,
}

struct Round<'r> {
    reading: &'r Arc<Reading>,
    settings: &'r ImapSettings,
    client: &'r mut Client,
    mark: MailboxMark,
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
    };
    round.move_what_is_due().await?;
    round.read_new().await?;
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
            "the server has numbered the folder anew: it is read from its beginning, and nothing is counted twice"
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

/// Cuts the list into chunks, in its order.
fn chunks(listed: Vec<Listed>, since: Day, message_bytes_max: u64) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut chunk = Chunk::default();
    for one in listed {
        let is_full = chunk.wanted.len() + chunk.too_large.len() == CHUNK_MESSAGES_MAX
            || chunk.bytes.saturating_add(one.size) > CHUNK_BYTES_MAX && !chunk.wanted.is_empty();
        let is_old = one.day.is_some_and(|day| day < since);
        if is_full && !is_old {
            chunks.push(std::mem::take(&mut chunk));
        }
        chunk.last_uid = one.uid;
        if is_old {
            continue;
        }
        if one.size > message_bytes_max {
            chunk.too_large.push(one);
        } else {
            chunk.wanted.push(one.uid);
            chunk.bytes = chunk.bytes.saturating_add(one.size);
        }
    }
    if chunk.last_uid > 0 {
        chunks.push(chunk);
    }
    chunks
}

impl Round<'_> {
    /// What was committed in an earlier round and could not be moved then.
    async fn move_what_is_due(&mut self) -> Result<(), Failure> {
        let items = self.reading.all.store.mailbox_items(&self.reading.key).await?;
        for state in [ItemState::ToProcessed, ItemState::ToFailed] {
            let due = items.iter().filter(|item| item.state == state);
            let due: Vec<u32> = due.filter_map(|item| item.item.parse().ok()).collect();
            for uids in due.chunks(MOVED_MAX) {
                let mut uids = uids.to_vec();
                uids.sort_unstable();
                if !self.put_away(state, &uids).await? {
                    continue;
                }
                let gone: Vec<String> = uids.iter().map(u32::to_string).collect();
                self.remember(None, &[], &gone).await?;
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
                // The connection is gone: what is on its way is remembered, and moved in the next round.
                for flight in before.into_iter().chain([flight]) {
                    self.land_without_connection(flight).await?;
                }
                return Err(error.into());
            }
            if let Some(before) = before.replace(flight) {
                self.land(before).await?;
            }
        }
        match before {
            Some(last) => self.land(last).await,
            None => Ok(()),
        }
    }

    /// Fetches a chunk; each message goes into the database as it comes.
    async fn fetch(&mut self, chunk: Chunk) -> (Flight, Result<(), ClientError>) {
        let mut submitted = JoinSet::new();
        for Listed { uid, size, .. } in chunk.too_large {
            let (reading, origin) = (Arc::clone(self.reading), self.origin(uid));
            let name = self.name(uid);
            submitted.spawn(async move { (uid, reading.too_large(origin, &name, size).await) });
        }
        let mut missing = chunk.wanted.clone();
        let mut fetched = Ok(());
        if !chunk.wanted.is_empty() {
            let (reading, settings) = (self.reading, self.settings);
            let mut on = |uid: u32, bytes: Vec<u8>| {
                let Some(nth) = missing.iter().position(|wanted| *wanted == uid) else {
                    return;
                };
                missing.swap_remove(nth);
                let (reading, origin) = (Arc::clone(reading), origin(settings, uid));
                submitted.spawn(async move { (uid, reading.submit(origin, bytes).await) });
            };
            let max = reading.all.message_bytes_max;
            fetched = self.client.fetch(&chunk.wanted, chunk.bytes, max, &mut on).await;
        }
        let flight = Flight {
            last_uid: chunk.last_uid,
            submitted,
            missing,
        };
        (flight, fetched)
    }

    /// Waits until a chunk is committed, moves its messages, remembers how far the folder is settled.
    async fn land(&mut self, flight: Flight) -> Result<(), Failure> {
        let last_uid = flight.last_uid;
        let landed = Landed::of(flight).await?;
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
        self.remember(Some(last_uid), &items, &[]).await?;
        self.reading.progressed();
        lost.map_or(Ok(()), Err)
    }

    async fn land_without_connection(&mut self, flight: Flight) -> Result<(), Failure> {
        let last_uid = flight.last_uid;
        let landed = Landed::of(flight).await?;
        let mut items = landed.again();
        for (state, uids) in landed.moves() {
            if self.folder(state).is_some() {
                items.extend(uids.iter().map(|&uid| item(uid, state, 0)));
            }
        }
        self.remember(Some(last_uid), &items, &[]).await
    }

    /// What could not be had, one by one. Each try is counted before it is made: it may be the last thing that happens.
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
            let attempts = attempts + 1;
            self.remember(None, &[item(uid, ItemState::Again, attempts)], &[])
                .await?;
            let (verdict, lost) = self.have_one(uid).await?;
            let verdict = match verdict {
                Some(Verdict::Unstorable(why)) if attempts < ATTEMPTS_MAX => {
                    tracing::debug!(
                        source = self.reading.source.name,
                        uid,
                        why,
                        "a message is tried again later"
                    );
                    match lost {
                        Some(lost) => return Err(lost),
                        None => continue,
                    }
                }
                Some(Verdict::Unstorable(why)) => {
                    let (origin, name) = (self.origin(uid), self.name(uid));
                    Some(self.reading.unfetchable(origin, &name, &why).await?)
                }
                verdict => verdict,
            };
            let state = match &verdict {
                Some(Verdict::Taken) => Some(ItemState::ToProcessed),
                Some(Verdict::Failed(_) | Verdict::Unstorable(_)) => Some(ItemState::ToFailed),
                Some(Verdict::Other) | None => None,
            };
            if let (Some(state), Some(_)) = (state, &lost) {
                self.remember(None, &[item(uid, state, 0)], &[]).await?;
            } else if let Some(state) = state
                && !self.put_away(state, &[uid]).await?
            {
                self.remember(None, &[item(uid, state, 1)], &[]).await?;
            } else {
                if verdict == Some(Verdict::Other) {
                    self.put_other_mail_away(&[uid]).await?;
                }
                self.remember(None, &[], &[name]).await?;
            }
            if let Some(lost) = lost {
                return Err(lost);
            }
            self.reading.progressed();
        }
        Ok(())
    }

    /// One message by itself: what became of it (`None`: it is no longer there), and whether the connection was lost over
    /// it.
    async fn have_one(&mut self, uid: u32) -> Result<(Option<Verdict>, Option<Failure>), Failure> {
        let max = self.reading.all.message_bytes_max;
        let Some(size) = self.client.size(uid).await? else {
            return Ok((None, None));
        };
        if size > max {
            let (origin, name) = (self.origin(uid), self.name(uid));
            return Ok((Some(self.reading.too_large(origin, &name, size).await?), None));
        }
        let mut body = None;
        let mut on = |_, bytes| body = Some(bytes);
        match self.client.fetch(&[uid], size, max, &mut on).await {
            Ok(()) => {}
            Err(error) => {
                let why = Verdict::Unstorable(error.to_string());
                return Ok((Some(why), Some(error.into())));
            }
        }
        let Some(bytes) = body else {
            let why = "the server lists it and does not give it".to_owned();
            return Ok((Some(Verdict::Unstorable(why)), None));
        };
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
        if let Some(folder) = self.settings.other.clone() {
            self.move_to(uids, &folder).await?;
        }
        Ok(())
    }

    async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<bool, Failure> {
        if uids.is_empty() {
            return Ok(true);
        }
        match self.client.move_to(uids, folder).await {
            Ok(()) => Ok(true),
            Err(error @ ClientError::Refused { .. }) => {
                tracing::warn!(
                    source = self.reading.source.name,
                    folder,
                    messages = uids.len(),
                    detail = crate::origin::sources::capped(&error.to_string()),
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
        folder.clone().filter(|_| self.client.moving() != Moving::Never)
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

/// A chunk whose messages are in the database, by what became of them; each list ascending.
#[derive(Default)]
struct Landed {
    taken: Vec<u32>,
    failed: Vec<u32>,
    other: Vec<u32>,
    missing: Vec<u32>,
}

impl Landed {
    async fn of(mut flight: Flight) -> Result<Self, Failure> {
        let mut verdicts = BTreeMap::new();
        while let Some(ended) = flight.submitted.join_next().await {
            let (uid, verdict) = ended.map_err(|_| IntakeError::Closed)?;
            verdicts.insert(uid, verdict?);
        }
        let mut landed = Self {
            missing: flight.missing,
            ..Self::default()
        };
        for (uid, verdict) in verdicts {
            match verdict {
                Verdict::Taken => landed.taken.push(uid),
                Verdict::Failed(_) => landed.failed.push(uid),
                Verdict::Other => landed.other.push(uid),
                Verdict::Unstorable(_) => landed.missing.push(uid),
            }
        }
        landed.missing.sort_unstable();
        Ok(landed)
    }

    fn again(&self) -> Vec<MailboxItem> {
        let missing = self.missing.iter();
        missing.map(|&uid| item(uid, ItemState::Again, 0)).collect()
    }

    fn moves(&self) -> [(ItemState, &[u32]); 2] {
        [
            (ItemState::ToProcessed, &self.taken),
            (ItemState::ToFailed, &self.failed),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(uid: u32, size: u64) -> Listed {
        Listed { uid, size, day: None }
    }

    #[test]
    fn chunks_hold_everything_once_and_are_bounded() {
        let sizes = [1, 9 << 20, 4 << 20, 4 << 20, 1, 30 << 20, 2, 0];
        let all = (1..).zip(sizes).map(|(uid, size)| listed(uid, size)).collect();
        let cut = chunks(all, Day(0), 25 << 20);
        let wanted: Vec<&[u32]> = cut.iter().map(|chunk| chunk.wanted.as_slice()).collect();
        assert_eq!(wanted, [&[1][..], &[2], &[3, 4], &[5], &[7, 8]]);
        assert_eq!(cut.last().unwrap().last_uid, 8);
        assert_eq!(cut.iter().map(|chunk| chunk.too_large.len()).sum::<usize>(), 1);

        let many = (1..=100).map(|uid| listed(uid, 1)).collect();
        let lengths: Vec<_> = chunks(many, Day(0), 10)
            .iter()
            .map(|chunk| chunk.wanted.len())
            .collect();
        assert_eq!(lengths, [32, 32, 32, 4]);
    }

    #[test]
    fn what_is_older_is_passed_over_and_settled() {
        let dated = |uid, day| Listed {
            day: Some(Day(day)),
            ..listed(uid, 1)
        };
        let cut = chunks(vec![dated(1, 9), dated(2, 10), dated(3, 9)], Day(10), 10);
        assert_eq!((cut.len(), cut[0].last_uid), (1, 3));
        assert_eq!(cut[0].wanted, [2]);
    }
}
