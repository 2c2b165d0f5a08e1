//! Watched folders: files that people or programs put there are read, committed, and only then moved, to `done/` or, with
//! a `.reason` beside them, to `failed/`.
//!
//! A file is taken when it has not changed from one look to the next, so that one that is still being written is left
//! alone; looking is all that network file systems are good for. Links, folders and names with a dot before them are
//! passed over.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use tokio::sync::mpsc;

use super::files::{FileMessage, Messages, Unreadable};
use super::maildir::blocking;
use super::places::{self, Number};
use super::sources::{ATTEMPTS_MAX, Failure, Reading, Verdict, capped};
use crate::health::Trouble;
use crate::store::{ItemState, MailboxChange, MailboxItem};

/// Files that are read at once.
const FILES_MAX: usize = 16;
/// Messages of one file (an mbox) that wait for their commit.
const MESSAGES_MAX: usize = 16;
/// Reasons that are written beside a file.
const REASONS_MAX: usize = 100;

/// What a file was like.
type Stamp = (u64, Option<SystemTime>);
type Seen = HashMap<OsString, Stamp>;

/// Reads a folder again and again, until something fails.
pub(super) async fn read(reading: &Arc<Reading>, path: &Path) -> Result<(), Failure> {
    let mut before = Seen::new();
    loop {
        let folder = path.to_owned();
        let now = blocking(move || look(&folder)).await?.map_err(files)?;
        let mut quiet: Vec<OsString> = now
            .iter()
            .filter(|(name, stamp)| before.get(*name) == Some(stamp))
            .map(|(name, _)| name.clone())
            .collect();
        quiet.sort_unstable();
        take(reading, path, quiet, &now).await?;
        reading.succeeded();
        before = now;
        tokio::time::sleep(reading.source.poll).await;
    }
}

fn look(path: &Path) -> io::Result<Seen> {
    let mut seen = Seen::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_bytes().starts_with(b".") || !entry.file_type()?.is_file() {
            continue;
        }
        match entry.metadata() {
            Ok(about) => drop(seen.insert(name, (about.len(), about.modified().ok()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(seen)
}

/// Takes these files.
async fn take(reading: &Arc<Reading>, path: &Path, names: Vec<OsString>, there: &Seen) -> Result<(), Failure> {
    let known = reading.all.store.mailbox_items(&reading.key).await?;
    let there = there.keys().map(|name| name.to_string_lossy());
    let there: std::collections::HashSet<_> = there.collect();
    let gone: Vec<String> = known
        .iter()
        .filter(|item| !there.contains(item.item.as_str()))
        .map(|item| item.item.clone())
        .collect();
    remember(reading, &[], &gone).await?;
    let attempts = |name: &str| {
        known
            .iter()
            .find(|item| item.item == name)
            .map_or(0, |item| item.attempts)
    };
    let taking = names.into_iter().map(|name| {
        let attempts = attempts(&name.to_string_lossy());
        take_one(reading, path, name, attempts)
    });
    let mut taking = stream::iter(taking).buffer_unordered(FILES_MAX);
    while let Some(taken) = taking.next().await {
        taken?;
        reading.progressed();
    }
    Ok(())
}

/// Takes a file: all its messages into the database, then itself out of the way.
async fn take_one(reading: &Arc<Reading>, path: &Path, name: OsString, attempts: u32) -> Result<(), Failure> {
    let from = path.join(&name);
    let label = name.to_string_lossy().into_owned();
    let reasons = match submit_all(reading, &from, &label).await? {
        Ok(reasons) => reasons,
        // Somebody has taken it away.
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            tracing::warn!(source = reading.source.name, file = capped(&label), %error, "file cannot be read");
            let attempts = attempts + 1;
            if attempts < ATTEMPTS_MAX {
                let item = MailboxItem {
                    item: label,
                    state: ItemState::Again,
                    attempts,
                };
                return remember(reading, &[item], &[]).await;
            }
            let why = error.source.to_string();
            reading.unfetchable(from.display().to_string(), &label, &why).await?;
            vec![why]
        }
    };
    let path = path.to_owned();
    let moved = blocking(move || put_away(&path, &from, &name, &reasons)).await?;
    moved.map_err(files)?;
    if attempts > 0 {
        remember(reading, &[], &[label]).await?;
    }
    Ok(())
}

/// Commits every message of a file; gives why some of it failed, if any did.
async fn submit_all(
    reading: &Arc<Reading>,
    path: &Path,
    label: &str,
) -> Result<Result<Vec<String>, Unreadable>, Failure> {
    let (sender, mut messages) = mpsc::channel(1);
    let (file, bytes_max) = (path.to_owned(), reading.all.message_bytes_max);
    let read = tokio::task::spawn_blocking(move || hand_out(&file, bytes_max, &sender));
    let mut reasons = Vec::new();
    let mut broken = None;
    let mut judged = |verdict, origin: String| {
        let reason = match verdict {
            Verdict::Taken => return,
            Verdict::Failed(why) => why,
            Verdict::Other => "there is no report in it".to_owned(),
            Verdict::Unstorable(why) => {
                let source = io::Error::other(why);
                broken = Some(Unreadable::new(Path::new(&origin), source));
                return;
            }
        };
        if reasons.len() < REASONS_MAX {
            reasons.push(format!("{origin}: {reason}"));
        }
    };
    let mut in_flight = FuturesUnordered::new();
    let mut unreadable = None;
    loop {
        tokio::select! {
            biased;
            Some((origin, verdict)) = in_flight.next(), if !in_flight.is_empty() => judged(verdict?, origin),
            message = messages.recv(), if in_flight.len() < MESSAGES_MAX => match message {
                None if in_flight.is_empty() => break,
                None => {
                    while let Some((origin, verdict)) = in_flight.next().await {
                        judged(verdict?, origin);
                    }
                    break;
                }
                Some(Err(error)) if error.is_too_large() => {
                    let origin = error.origin();
                    let len = fs::metadata(path).map_or(bytes_max + 1, |about| about.len());
                    let verdict = reading.too_large(origin.clone(), &format!("{label} {origin}"), len).await?;
                    judged(verdict, origin);
                }
                Some(Err(error)) => unreadable = Some(error),
                Some(Ok(FileMessage { origin, bytes })) => in_flight.push(async {
                    let verdict = reading.submit(origin.clone(), bytes).await;
                    (origin, verdict)
                }),
            },
        }
    }
    read.await.map_err(|error| Failure::new(Trouble::Files, error))?;
    Ok(match unreadable.or(broken) {
        Some(error) => Err(error),
        None => Ok(reasons),
    })
}

fn hand_out(path: &Path, bytes_max: u64, messages: &mpsc::Sender<Result<FileMessage, Unreadable>>) {
    let opened = places::open(path).map_err(|source| Unreadable::new(path, source));
    match opened.and_then(|file| Messages::of(path, file, bytes_max)) {
        Err(error) => drop(messages.blocking_send(Err(error))),
        Ok(all) => {
            for message in all {
                if messages.blocking_send(message).is_err() {
                    return;
                }
            }
        }
    }
}

fn put_away(path: &Path, from: &Path, name: &OsString, reasons: &[String]) -> io::Result<()> {
    let folder = path.join(if reasons.is_empty() { "done" } else { "failed" });
    if !folder.is_dir() {
        fs::create_dir_all(&folder)?;
    }
    let to = match places::move_into(from, &folder, name, Number::BeforeSuffix) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !from.exists() => return Ok(()),
        moved => moved?,
    };
    if !reasons.is_empty() {
        let mut beside = to.into_os_string();
        beside.push(".reason");
        let text: String = reasons
            .iter()
            .map(|reason| format!("{}\n", reason.escape_debug()))
            .collect();
        fs::write(beside, text)?;
    }
    Ok(())
}

async fn remember(reading: &Reading, put: &[MailboxItem], remove: &[String]) -> Result<(), Failure> {
    if put.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let change = MailboxChange {
        put,
        remove,
        ..MailboxChange::default()
    };
    Ok(reading.all.store.change_mailbox(&reading.key, change).await?)
}

fn files(error: io::Error) -> Failure {
    Failure::new(Trouble::Files, error)
}
