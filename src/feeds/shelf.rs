//! Places that are read request by request: buckets, and mailboxes behind an API. They list names, hand out one message by
//! its name, and put it away by its name. This file has what they have in common; `round` reads them.
//!
//! A message goes through five steps: *found* (the place lists its name), *fetched*, *committed* (the intake says so), *put
//! away* (moved, labelled or tagged), *remembered* (if it is still there). Killed at any of them, the next round finds it
//! again: what was committed already is a duplicate, what was put away already is no longer listed.

mod listing;
mod round;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::outcome::Failure;
use super::put_off::PutOff;
use super::reading::Reading;
use crate::base::clock::Clock;

/// Age of a listing from the beginning after which the place is listed from its beginning again. A list of changes may leave
/// a change out: Microsoft's does for a mail that was moved away and back.
const LISTING_AGE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// A place of this kind.
pub(super) trait Shelf: Send + Sync {
    /// One page of what is there, or of what has changed. `None`: the place does not know this point any more.
    fn page(&self, from: Start<'_>) -> impl Future<Output = Result<Option<Page>, Failure>> + Send;

    /// The message of that name.
    fn fetch(&self, name: &str) -> impl Future<Output = Result<Fetched, Failure>> + Send;

    /// Puts a committed message where it belongs. Repeating it changes nothing.
    fn put_away(&self, name: &str, to: Destination) -> impl Future<Output = Result<PutAway, Failure>> + Send;

    /// Where a message came from, as people see it.
    fn origin(&self, name: &str) -> String;
}

/// Where a listing begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start<'c> {
    /// At the beginning: everything that is there.
    Beginning,
    /// Behind the end of an earlier listing ([`Next::End`]): what has changed.
    Changes(&'c str),
    /// Behind a page of the same listing ([`Next::Page`]).
    Page(&'c str),
}

/// A page of a listing.
#[derive(Debug)]
pub(super) struct Page {
    /// In their order.
    pub changes: Vec<Change>,
    pub next: Next,
}

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Found(Found),
    /// The message of that name has gone. Places may leave this out.
    Gone(String),
}

/// A message that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Another message never gets the same name.
    pub name: String,
    /// Its length, if the place says it.
    pub bytes: Option<u64>,
}

/// What follows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Another page.
    Page(String),
    /// Nothing. `Some`: the point behind which changes can be asked for.
    End(Option<String>),
}

/// What comes of fetching a message.
#[derive(Debug)]
pub(super) enum Fetched {
    Whole(Vec<u8>),
    /// It is longer than messages may be, by at least this number of bytes in all: it was not read to its end.
    TooLarge(u64),
    /// It is not there any more: someone else took or moved it.
    Gone,
    /// The place does not hand out this one: why.
    Refused(String),
}

/// Where a committed message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    Processed,
    Failed,
}

/// What comes of putting a message away.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PutAway {
    /// It is no longer listed.
    Gone,
    /// It stays where it is, as the settings say.
    Stays,
    /// The place does not let us: why.
    Refused(String),
}

/// How far a place was listed, and which messages are left alone. It is not stored: the first listing after a start begins at the
/// beginning.
#[derive(Debug, Default)]
pub(super) struct Progress {
    point: Mutex<Option<Point>>,
    put_off: PutOff,
}

#[derive(Debug, Clone)]
struct Point {
    cursor: String,
    /// When the listing from the beginning was made, monotonic.
    listed_at: Duration,
}

impl Progress {
    fn point(&self, clock: &Clock) -> Option<Point> {
        let point = self.point.lock().unwrap_or_else(PoisonError::into_inner).clone();
        point.filter(|point| clock.monotonic().saturating_sub(point.listed_at) < LISTING_AGE_MAX)
    }

    fn set(&self, point: Option<Point>) {
        *self.point.lock().unwrap_or_else(PoisonError::into_inner) = point;
    }
}

/// Reads a place until something fails.
pub(super) async fn keep_reading<S: Shelf>(
    reading: &Arc<Reading>,
    shelf: &S,
    progress: &Progress,
) -> Result<(), Failure> {
    loop {
        round::round(reading, shelf, progress).await?;
        reading.succeeded();
        tokio::time::sleep(reading.settings.poll).await;
    }
}
