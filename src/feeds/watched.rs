//! Watched folders: files that people or programs put there are read, committed, and only then moved, to `done/` or, with
//! a `.reason` beside them, to `failed/`.
//!
//! A file is taken when it has not changed from one look to the next, so that one that is still being written is left
//! alone; looking is all that network file systems are good for. It is moved only if it is still the one that was read:
//! what was put in its place or added to it meanwhile is taken later. Links, folders and names with a dot before them are
//! passed over.

mod hand_out;
mod put_away;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::hand_out::{Memory, hand_out};
use self::put_away::{Put, put_away};
use super::files::{FileMessage, Unreadable};
use super::maildir::blocking;
use super::outcome::{Contents, Disposal, Failure};
use super::places::{self, Stamp};
use super::reading::{ATTEMPTS_MAX, Feed, Reading, capped};
use crate::health::Trouble;
use crate::store::{ItemState, MailboxChange, MailboxItem};

/// Files that are read at once.
const FILES_MAX: usize = 16;
/// Messages of one file (an mbox) that wait for their commit.
const MESSAGES_MAX: usize = 16;
/// Bytes of a folder's messages that are read and wait for their commit; one larger message may take all of it.
const BYTES_MAX: u64 = 64 << 20;
/// Reasons that are written next to a file.
const REASONS_MAX: usize = 100;
/// Where files go.
const DONE: &str = "done";
const FAILED: &str = "failed";

/// Files that are in the database and cannot be moved; with more of them the folder is not read on.
const STUCK_MAX: usize = 10_000;
/// Maximum number of those named in the log until one can be moved again.
const STUCK_NAMED_MAX: usize = 20;

type Seen = HashMap<OsString, Stamp>;

/// A file that is in the database and cannot be moved: it is tried again at each look, and not read again.
#[derive(Debug)]
struct Stuck {
    stamp: Stamp,
    reasons: Vec<String>,
}

/// A watched folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatchedFolder {
    pub path: PathBuf,
}

/// What reading a folder needs apart from the folder.
struct Folder<'f> {
    reading: &'f Arc<Reading>,
    path: &'f Path,
    memory: Memory,
    stuck: std::sync::Mutex<HashMap<OsString, Stuck>>,
}

/// A file that is being taken.
#[derive(Debug, Clone)]
struct Taking {
    path: PathBuf,
    /// What it was like at the look.
    stamp: Stamp,
}

impl Feed for WatchedFolder {
    fn place(&self) -> String {
        format!("folder:{}", self.path.display())
    }

    fn contents(&self) -> Contents {
        Contents::Reports
    }

    fn read<'a>(&'a self, reading: &'a Arc<Reading>) -> BoxFuture<'a, Result<(), Failure>> {
        read(reading, &self.path).boxed()
    }
}

async fn read(reading: &Arc<Reading>, path: &Path) -> Result<(), Failure> {
    let mut before = Seen::new();
    let folder = Folder {
        reading,
        path,
        memory: Memory::new(BYTES_MAX),
        stuck: std::sync::Mutex::default(),
    };
    loop {
        let place = path.to_owned();
        let now = blocking(move || look(&place)).await?.map_err(files)?;
        folder.move_what_is_stuck(&now).await?;
        let mut quiet: Vec<OsString> = now
            .iter()
            .filter(|(name, stamp)| before.get(*name) == Some(stamp) && !folder.is_stuck(name))
            .map(|(name, _)| name.clone())
            .collect();
        quiet.sort_unstable();
        folder.take(quiet, &now).await?;
        reading.succeeded();
        before = now;
        tokio::time::sleep(reading.settings.poll).await;
    }
}

fn look(path: &Path) -> io::Result<Seen> {
    // Before anything is read that could then not be put away.
    for folder in [DONE, FAILED] {
        places::check_folder(&path.join(folder))?;
    }
    let mut seen = Seen::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_bytes().starts_with(b".") || !entry.file_type()?.is_file() {
            continue;
        }
        match entry.metadata() {
            Ok(about) => drop(seen.insert(name, Stamp::from_metadata(&about))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(seen)
}

impl Folder<'_> {
    fn stuck(&self) -> std::sync::MutexGuard<'_, HashMap<OsString, Stuck>> {
        self.stuck.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn is_stuck(&self, name: &OsString) -> bool {
        self.stuck().contains_key(name)
    }

    /// Tries again to move what could not be moved; forgets what is gone or is another file now.
    async fn move_what_is_stuck(&self, now: &Seen) -> Result<(), Failure> {
        let stuck = std::mem::take(&mut *self.stuck());
        for (name, stuck) in stuck {
            if now.get(&name) != Some(&stuck.stamp) {
                continue;
            }
            if let Err((reasons, _)) = self.put_away(&name, stuck.stamp, stuck.reasons).await? {
                let stamp = stuck.stamp;
                self.stuck().insert(name, Stuck { stamp, reasons });
            } else {
                tracing::info!(
                    feed = self.reading.name(),
                    file = capped(&name.to_string_lossy()),
                    "a file that could not be moved before is moved"
                );
            }
        }
        Ok(())
    }

    /// Takes these files.
    async fn take(&self, names: Vec<OsString>, there: &Seen) -> Result<(), Failure> {
        let known = self.reading.store().mailbox_items(&self.reading.key).await?;
        let labels = there.keys().map(|name| name.to_string_lossy());
        let labels: std::collections::HashSet<_> = labels.collect();
        let gone: Vec<String> = known
            .iter()
            .filter(|item| !labels.contains(item.item.as_str()))
            .map(|item| item.item.clone())
            .collect();
        remember(self.reading, &[], &gone).await?;
        let attempts = |name: &str| {
            known
                .iter()
                .find(|item| item.item == name)
                .map_or(0, |item| item.attempts)
        };
        let taking = names.into_iter().filter_map(|name| {
            let attempts = attempts(&name.to_string_lossy());
            let stamp = *there.get(&name)?;
            Some(self.take_one(name, stamp, attempts))
        });
        let mut taking = stream::iter(taking).buffer_unordered(FILES_MAX);
        while let Some(taken) = taking.next().await {
            taken?;
            self.reading.progressed();
        }
        Ok(())
    }

    /// Takes a file: all its messages into the database, then itself out of the way.
    async fn take_one(&self, name: OsString, stamp: Stamp, attempts: u32) -> Result<(), Failure> {
        let reading = self.reading;
        let file = Taking {
            path: self.path.join(&name),
            stamp,
        };
        let label = name.to_string_lossy().into_owned();
        let reasons = match submit_all(reading, &file, &label, &self.memory).await? {
            Ok(reasons) => reasons,
            // Another program has taken it away.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                tracing::warn!(feed = reading.name(), file = capped(&label), %error, "file cannot be read");
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
                reading
                    .unfetchable(file.path.display().to_string(), &label, &why)
                    .await?;
                vec![why]
            }
        };
        match self.put_away(&name, stamp, reasons).await? {
            Ok(true) if attempts > 0 => remember(reading, &[], &[label]).await,
            Ok(true) => Ok(()),
            Ok(false) => {
                tracing::debug!(
                    feed = reading.name(),
                    file = capped(&label),
                    "a file has changed since the last look; it is read later"
                );
                Ok(())
            }
            Err((reasons, error)) => self.is_not_moved(name, Stuck { stamp, reasons }, &error),
        }
    }

    /// One file that cannot be moved is that file's problem; many at once are the folder's problem.
    fn is_not_moved(&self, name: OsString, stuck: Stuck, error: &io::Error) -> Result<(), Failure> {
        let mut all = self.stuck();
        let feed = self.reading.name();
        if all.len() < STUCK_NAMED_MAX {
            tracing::warn!(
                feed,
                file = capped(&name.to_string_lossy()),
                %error,
                "file is in the database, but cannot be moved: see whether this program may write to the folder, its done \
                 and its failed, and whether the disk is full; it is not read again, and moved once that is possible"
            );
        } else if all.len() == STUCK_NAMED_MAX {
            tracing::warn!(feed, %error, "more files cannot be moved; they are not named");
        }
        all.insert(name, stuck);
        match all.len() > STUCK_MAX {
            true => Err(Failure::new(
                Trouble::Files,
                format!("{STUCK_MAX} files cannot be moved: {error}"),
            )),
            false => Ok(()),
        }
    }

    /// Moves a file to where it belongs. False if it is no longer the one that was read; the reasons come back with an
    /// error.
    async fn put_away(
        &self,
        name: &OsString,
        stamp: Stamp,
        reasons: Vec<String>,
    ) -> Result<Result<bool, (Vec<String>, io::Error)>, Failure> {
        let (path, name) = (self.path.to_owned(), name.clone());
        let feed = self.reading.name().to_owned();
        blocking(move || {
            let file = Taking {
                path: path.join(&name),
                stamp,
            };
            match put_away(&path, &file, &name, &reasons) {
                Ok(Put::Gone) => Ok(true),
                Ok(Put::Changed) => Ok(false),
                Ok(Put::WithoutReason(error)) => {
                    tracing::warn!(
                        feed,
                        file = capped(&name.to_string_lossy()),
                        %error,
                        "file is moved, but the reason cannot be written beside it: see the quarantine"
                    );
                    Ok(true)
                }
                Err(error) => Err((reasons, error)),
            }
        })
        .await
    }
}

/// Commits every message of a file. Returns the reasons of those that failed.
async fn submit_all(
    reading: &Arc<Reading>,
    file: &Taking,
    label: &str,
    memory: &Memory,
) -> Result<Result<Vec<String>, Unreadable>, Failure> {
    let (sender, mut messages) = mpsc::channel(1);
    let read = {
        let (file, memory, runtime) = (file.clone(), memory.clone(), Handle::current());
        let bytes_max = reading.all.message_bytes_max;
        tokio::task::spawn_blocking(move || hand_out(&file, bytes_max, &memory, &runtime, &sender))
    };
    let mut reasons = Vec::new();
    let mut broken = None;
    let mut judged = |disposal, origin: String| {
        let reason = match disposal {
            Disposal::Taken => return,
            Disposal::Failed(why) => why,
            Disposal::Other => "there is no report in it".to_owned(),
            Disposal::Unstorable(why) => {
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
            Some((origin, disposal)) = in_flight.next(), if !in_flight.is_empty() => judged(disposal?, origin),
            message = messages.recv(), if in_flight.len() < MESSAGES_MAX => match message {
                None if in_flight.is_empty() => break,
                None => {
                    while let Some((origin, disposal)) = in_flight.next().await {
                        judged(disposal?, origin);
                    }
                    break;
                }
                Some(Err(error)) if error.is_too_large() => {
                    let origin = error.origin();
                    let name = format!("{label} {origin}");
                    let disposal = reading.too_large(origin.clone(), &name, file.stamp.len).await?;
                    judged(disposal, origin);
                }
                Some(Err(error)) => unreadable = Some(error),
                Some(Ok((FileMessage { origin, bytes }, held))) => in_flight.push(async {
                    let disposal = reading.submit(origin.clone(), bytes).await;
                    drop(held);
                    (origin, disposal)
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

async fn remember(reading: &Reading, put: &[MailboxItem], remove: &[String]) -> Result<(), Failure> {
    if put.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let change = MailboxChange {
        put,
        remove,
        ..MailboxChange::default()
    };
    Ok(reading.store().change_mailbox(&reading.key, change).await?)
}

fn files(error: io::Error) -> Failure {
    Failure::new(Trouble::Files, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watched folder with one file in it, as a look finds it.
    pub(super) fn folder(content: &str) -> (tempfile::TempDir, Taking) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.xml"), content).unwrap();
        let file = Taking {
            path: folder.path().join("a.xml"),
            stamp: look(folder.path()).unwrap()[&OsString::from("a.xml")],
        };
        (folder, file)
    }

    pub(super) fn append(path: &Path, text: &str) {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}
