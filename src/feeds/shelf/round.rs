//! One round through a place: what is new is fetched, committed, put away and remembered; then comes what earlier rounds
//! left.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::listing::{Known, list};
use super::{Destination, Fetched, Found, Point, Progress, PutAway, Shelf};
use crate::feeds::outcome::{Disposal, Failure};
use crate::feeds::put_off::PutOff;
use crate::feeds::reading::{ATTEMPTS_MAX, Reading, capped};
use crate::health::Trouble;
use crate::ingest::IntakeError;
use crate::store::{ItemState, MailboxChange, MailboxItem};

/// Messages that were left alone before and are tried in one round: each may take as long as a fetch may.
const PUT_OFF_TRIED_MAX: usize = 2;
/// Messages that are on their way into the database together.
const CHUNK_MESSAGES_MAX: usize = 32;
/// Bytes of them. The message that exceeds them is the last of its chunk.
const CHUNK_BYTES_MAX: usize = 8 << 20;
/// Changes that are remembered in one transaction.
const CHANGES_MAX: usize = 1_000;

/// Does all that is to be done in the place now.
pub(super) async fn round<S: Shelf>(reading: &Arc<Reading>, shelf: &S, progress: &Progress) -> Result<(), Failure> {
    loop {
        let known = known(reading).await?;
        progress.put_off.forget_unknown(|name| known.contains_key(name));
        let begun_at = reading.clock().monotonic();
        let point = progress.point(reading.clock());
        let cursor = point.as_ref().map(|point| point.cursor.as_str());
        let Some(listing) = list(shelf, cursor, &known).await? else {
            if point.is_none() {
                let what = "the beginning of the listing is not known";
                return Err(Failure::new(Trouble::Answer, what));
            }
            tracing::info!(
                feed = reading.name(),
                "the server does not know how far it was listed: it is listed from its beginning, and nothing is counted twice"
            );
            progress.set(None);
            continue;
        };
        forget(reading, &listing.gone).await?;
        let mut round = Round {
            reading,
            shelf,
            put_off: &progress.put_off,
            known,
            fetched: 0,
            settled: 0,
            refused: Vec::new(),
            stopped: None,
        };
        for name in &listing.gone {
            round.known.remove(name);
            progress.put_off.settled(name);
        }
        round.take(listing.new).await?;
        if listing.is_cut {
            // The changes would list the same names again; from the beginning, what was put away is no longer there.
            progress.set(None);
            if round.settled == 0 {
                let what = "it lists messages that are not there";
                return Err(Failure::new(Trouble::Answer, what));
            }
            continue;
        }
        round.finish_earlier().await?;
        reading.say_put_off(progress.put_off.count());
        let listed_at = point.map_or(begun_at, |point| point.listed_at);
        progress.set(listing.cursor.map(|cursor| Point { cursor, listed_at }));
        return Ok(());
    }
}

async fn known(reading: &Reading) -> Result<Known, Failure> {
    let items = reading.store().mailbox_items(&reading.key).await?;
    let items = items.into_iter().map(|item| (item.item, (item.state, item.attempts)));
    Ok(items.collect())
}

async fn forget(reading: &Reading, gone: &[String]) -> Result<(), Failure> {
    for remove in gone.chunks(CHANGES_MAX) {
        let change = MailboxChange {
            remove,
            ..MailboxChange::default()
        };
        reading.store().change_mailbox(&reading.key, change).await?;
    }
    Ok(())
}

struct Round<'r, S> {
    reading: &'r Arc<Reading>,
    shelf: &'r S,
    put_off: &'r PutOff,
    known: Known,
    /// How many messages the place handed out.
    fetched: usize,
    /// How many messages, or notes instead of them, are committed.
    settled: usize,
    /// What it did not hand out: why.
    refused: Vec<(String, String)>,
    /// Why the place is asked for nothing more. What is committed is remembered all the same.
    stopped: Option<Failure>,
}

/// Messages on their way into the database.
#[derive(Default)]
struct Chunk {
    submitted: JoinSet<(String, Result<Disposal, IntakeError>)>,
    /// Known messages that are not there any more.
    gone: Vec<String>,
    /// Messages over which the place failed each time.
    put_off: Vec<String>,
}

/// What is remembered of a message that was dealt with.
enum Fate {
    /// Nothing: it is no longer there.
    Gone(String),
    There(MailboxItem),
}

impl<S: Shelf> Round<'_, S> {
    /// Fetches messages and puts them away. While one chunk is committed, the next is fetched.
    async fn take(&mut self, found: Vec<Found>) -> Result<(), Failure> {
        let mut found = found.into_iter();
        let mut before = self.fetch(&mut found).await;
        while self.stopped.is_none() && found.len() > 0 {
            let next = self.fetch(&mut found).await;
            self.settle(std::mem::replace(&mut before, next)).await?;
        }
        self.settle(before).await?;
        match self.stopped.take() {
            Some(failure) => Err(failure),
            None => self.count_refused().await,
        }
    }

    /// Fetches the next chunk; each message is submitted as it comes.
    async fn fetch(&mut self, found: &mut std::vec::IntoIter<Found>) -> Chunk {
        let mut chunk = Chunk::default();
        let mut bytes = 0;
        while bytes < CHUNK_BYTES_MAX && chunk.submitted.len() < CHUNK_MESSAGES_MAX {
            let Some(Found { name, bytes: length }) = found.next() else {
                break;
            };
            let max = self.reading.all.message_bytes_max;
            let fetched = match length {
                Some(length) if length > max => Ok(Fetched::TooLarge(length)),
                _ => self.shelf.fetch(&name).await,
            };
            match fetched {
                Ok(Fetched::Whole(content)) => {
                    bytes += content.len();
                    self.fetched += 1;
                    let (reading, origin) = (Arc::clone(self.reading), self.shelf.origin(&name));
                    chunk
                        .submitted
                        .spawn(async move { (name, reading.submit(origin, content).await) });
                }
                Ok(Fetched::TooLarge(length)) => {
                    let (reading, origin) = (Arc::clone(self.reading), self.shelf.origin(&name));
                    chunk.submitted.spawn(async move {
                        let disposal = reading.too_large(origin.clone(), &origin, length).await;
                        (name, disposal)
                    });
                }
                Ok(Fetched::Gone) => chunk.gone.push(name),
                Ok(Fetched::Refused(why)) => self.refused.push((name, why)),
                Err(failure) if self.is_put_off(&name, &failure) => chunk.put_off.push(name),
                Err(failure) => {
                    self.stopped = Some(failure);
                    break;
                }
            }
        }
        chunk
    }

    /// Whether a message is left alone for now: this failure was the third over it. Before, and for a fault that is not the message's,
    /// the round ends.
    fn is_put_off(&self, name: &str, failure: &Failure) -> bool {
        let is_of_message = matches!(
            failure.trouble,
            Trouble::Unreachable | Trouble::Silent | Trouble::Answer
        );
        let is_put_off = is_of_message && self.put_off.lost(name, self.reading.clock().monotonic());
        if is_put_off {
            self.reading.put_off(&self.shelf.origin(name), &failure.detail);
        }
        is_put_off
    }

    /// Waits until a chunk is committed, puts its messages away, and remembers those that are still there.
    async fn settle(&mut self, mut chunk: Chunk) -> Result<(), Failure> {
        let mut fates: Vec<_> = std::mem::take(&mut chunk.gone).into_iter().map(Fate::Gone).collect();
        for name in std::mem::take(&mut chunk.put_off) {
            let attempts = self.attempts(&name);
            fates.push(there(name, ItemState::Again, attempts));
        }
        while let Some(ended) = chunk.submitted.join_next().await {
            let (name, disposal) = ended.map_err(|_| IntakeError::Closed)?;
            let fate = match disposal? {
                Disposal::Unstorable(why) => self.failed(name, &why).await?,
                disposal => self.put_away(name, &disposal).await,
            };
            fates.push(fate);
            self.settled += 1;
        }
        self.remember(fates).await?;
        self.reading.progressed();
        Ok(())
    }

    /// What was not handed out counts as tried if anything else was handed out, or if it is the only one, and others were handed out
    /// when it was tried first. Otherwise the fault may not be the message's: after three times the only one is left alone for now.
    async fn count_refused(&mut self) -> Result<(), Failure> {
        let refused = std::mem::take(&mut self.refused);
        if self.fetched == 0
            && let Some((name, why)) = refused.first()
            && (refused.len() > 1 || !self.known.contains_key(name))
        {
            let origin = self.shelf.origin(name);
            if refused.len() > 1 || !self.put_off.lost(name, self.reading.clock().monotonic()) {
                return Err(Failure::new(Trouble::FolderRefused, format!("{origin}: {why}")));
            }
            self.reading.put_off(&origin, why);
            let fate = there(name.clone(), ItemState::Again, 0);
            return self.remember(vec![fate]).await;
        }
        let mut fates = Vec::with_capacity(refused.len());
        for (name, why) in refused {
            fates.push(self.failed(name, &why).await?);
        }
        self.remember(fates).await
    }

    /// Notes that a message could not be read. After the last attempt a note is quarantined instead of it.
    async fn failed(&mut self, name: String, why: &str) -> Result<Fate, Failure> {
        let attempts = self.attempts(&name) + 1;
        let origin = self.shelf.origin(&name);
        tracing::warn!(
            feed = self.reading.name(),
            message = capped(&origin),
            error = capped(why),
            attempts,
            "message cannot be read"
        );
        if attempts < ATTEMPTS_MAX {
            return Ok(there(name, ItemState::Again, attempts));
        }
        let disposal = self.reading.unfetchable(origin.clone(), &origin, why).await?;
        Ok(self.put_away(name, &disposal).await)
    }

    async fn put_away(&mut self, name: String, disposal: &Disposal) -> Fate {
        match disposal {
            Disposal::Other => there(name, ItemState::Settled, 0),
            Disposal::Taken => self.put_away_to(name, Destination::Processed).await,
            Disposal::Failed(_) | Disposal::Unstorable(_) => self.put_away_to(name, Destination::Failed).await,
        }
    }

    async fn put_away_to(&mut self, name: String, to: Destination) -> Fate {
        let due = match to {
            Destination::Processed => ItemState::ToProcessed,
            Destination::Failed => ItemState::ToFailed,
        };
        let attempts = match self.known.get(&name) {
            Some((state, attempts)) if *state == due => *attempts,
            _ => 0,
        };
        if self.stopped.is_some() {
            return there(name, due, attempts);
        }
        match self.shelf.put_away(&name, to).await {
            Ok(PutAway::Gone) => Fate::Gone(name),
            Ok(PutAway::Stays) => there(name, ItemState::Settled, 0),
            Ok(PutAway::Refused(why)) => {
                tracing::warn!(
                    feed = self.reading.name(),
                    message = capped(&self.shelf.origin(&name)),
                    error = capped(&why),
                    "message is in the database, but cannot be put away: see whether this program may do that"
                );
                // It is not tried for ever.
                match attempts + 1 {
                    ATTEMPTS_MAX.. => there(name, ItemState::Settled, 0),
                    attempts => there(name, due, attempts),
                }
            }
            Err(failure) => {
                if !self.is_put_off(&name, &failure) {
                    self.stopped = Some(failure);
                }
                there(name, due, attempts)
            }
        }
    }

    /// Puts away what earlier rounds could not, then reads what they could not.
    async fn finish_earlier(&mut self) -> Result<(), Failure> {
        let (due, again) = left(&self.known, self.put_off, self.reading.clock().monotonic());
        for (name, to) in due {
            let fate = self.put_away_to(name, to).await;
            self.remember(vec![fate]).await?;
            if let Some(failure) = self.stopped.take() {
                return Err(failure);
            }
        }
        self.take(again).await
    }

    async fn remember(&mut self, fates: Vec<Fate>) -> Result<(), Failure> {
        let (mut put, mut remove) = (Vec::new(), Vec::new());
        for fate in fates {
            match fate {
                Fate::There(item) => {
                    if item.state == ItemState::Settled {
                        self.put_off.settled(&item.item);
                    }
                    put.push(item);
                }
                Fate::Gone(name) => {
                    self.put_off.settled(&name);
                    if self.known.contains_key(&name) {
                        remove.push(name);
                    }
                }
            }
        }
        if put.is_empty() && remove.is_empty() {
            return Ok(());
        }
        let change = MailboxChange {
            put: &put,
            remove: &remove,
            ..MailboxChange::default()
        };
        self.reading.store().change_mailbox(&self.reading.key, change).await?;
        Ok(())
    }

    fn attempts(&self, name: &str) -> u32 {
        match self.known.get(name) {
            Some((ItemState::Again, attempts)) => *attempts,
            _ => 0,
        }
    }
}

/// What earlier rounds left: what is to be put away, and what is to be read. Of those that were left alone before, a few are in it.
fn left(known: &Known, put_off: &PutOff, now: Duration) -> (Vec<(String, Destination)>, Vec<Found>) {
    let (mut due, mut again) = (Vec::new(), Vec::new());
    let mut noted = 0;
    for (name, (state, _)) in known {
        if put_off.is_waiting(name, now) {
            continue;
        }
        match state {
            ItemState::ToProcessed => due.push((name.clone(), Destination::Processed)),
            ItemState::ToFailed => due.push((name.clone(), Destination::Failed)),
            ItemState::Again => {
                if put_off.is_noted(name) {
                    noted += 1;
                    if noted > PUT_OFF_TRIED_MAX {
                        continue;
                    }
                }
                again.push(Found {
                    name: name.clone(),
                    bytes: None,
                });
            }
            ItemState::Settled => {}
        }
    }
    (due, again)
}

fn there(name: String, state: ItemState, attempts: u32) -> Fate {
    Fate::There(MailboxItem {
        item: name,
        state,
        attempts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_of_those_that_were_left_alone_are_tried_in_one_round() {
        let put_off = PutOff::default();
        let mut known = Known::default();
        for nth in 0..5 {
            let name = format!("lost {nth}");
            for _ in 0..ATTEMPTS_MAX {
                put_off.lost(&name, Duration::ZERO);
            }
            known.insert(name, (ItemState::Again, 0));
            known.insert(format!("new {nth}"), (ItemState::Again, 0));
        }
        known.insert("moved".to_owned(), (ItemState::ToProcessed, 1));
        let names = |now| {
            let (due, again) = left(&known, &put_off, now);
            assert_eq!(due, [("moved".to_owned(), Destination::Processed)]);
            ["new", "lost"].map(|word| again.iter().filter(|found| found.name.starts_with(word)).count())
        };
        assert_eq!(names(Duration::ZERO), [5, 0], "their pause has not passed");
        assert_eq!(names(Duration::from_secs(3_600)), [5, PUT_OFF_TRIED_MAX]);
    }
}
