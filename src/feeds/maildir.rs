//! Maildirs: mail in `new/` and `cur/` is read, committed, and only then renamed or moved.
//!
//! A mail is known by its name without the flags behind the colon. What stays where it is (mail without a report; all of
//! it, where there is nowhere to move it) is remembered by that name, and forgotten when it is gone.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;

use super::outcome::{Contents, Disposal, Failure};
use super::places::{self, Number};
use super::reading::{ATTEMPTS_MAX, Feed, Reading, capped};
use crate::health::Trouble;
use crate::ingest::IntakeError;
use crate::store::{ItemState, MailboxChange, MailboxItem};

/// Messages that are read together.
const CHUNK_MESSAGES_MAX: usize = 256;
/// Bytes per chunk. The message that exceeds them is the last of its chunk.
const CHUNK_BYTES_MAX: usize = 8 << 20;
/// Chunks on their way into the database while one before them is put away, or another is read.
const FLIGHTS: usize = 2;
/// Changes that are remembered in one transaction.
const CHANGES_MAX: usize = 1_000;

/// A Maildir.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MaildirSettings {
    pub path: PathBuf,
    /// The Maildirs that mail goes to; `None` marks it as seen where it is.
    pub processed: Option<PathBuf>,
    pub failed: Option<PathBuf>,
}

/// A mail in a Maildir.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mail {
    /// Its name without flags: begins with the time of its delivery.
    base: String,
    /// `new` or `cur`.
    folder: &'static str,
    file: OsString,
}

/// A mail that was read.
struct Had {
    mail: Mail,
    /// Its bytes, or its length if it is too long, or why it cannot be read.
    content: io::Result<Result<Vec<u8>, u64>>,
}

/// A chunk on its way into the database.
struct ChunkInFlight {
    submitted: JoinSet<(Mail, Result<Disposal, IntakeError>)>,
    unread: Vec<(Mail, io::Error)>,
}

impl Feed for MaildirSettings {
    fn place(&self) -> String {
        format!("maildir:{}", self.path.display())
    }

    fn contents(&self) -> Contents {
        Contents::Mail
    }

    fn read<'a>(&'a self, reading: &'a Arc<Reading>) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            loop {
                round(reading, self).await?;
                reading.succeeded();
                tokio::time::sleep(reading.settings.poll).await;
            }
        }
        .boxed()
    }
}

async fn round(reading: &Arc<Reading>, settings: &MaildirSettings) -> Result<(), Failure> {
    let looked = settings.clone();
    let mails = blocking(move || {
        goes_elsewhere(&looked)?;
        list(&looked.path)
    });
    let mails = mails.await?.map_err(files)?;
    let remembered = reading.store().mailbox_items(&reading.key).await?;
    forget_what_is_gone(reading, &mails, &remembered).await?;
    let known: HashMap<&str, (ItemState, u32)> = remembered
        .iter()
        .map(|item| (item.item.as_str(), (item.state, item.attempts)))
        .collect();
    let is_settled = |mail: &Mail| {
        known
            .get(mail.base.as_str())
            .is_some_and(|known| known.0 == ItemState::Settled)
    };
    let mut todo = mails
        .into_iter()
        .filter(|mail| !is_settled(mail))
        .collect::<Vec<_>>()
        .into_iter();
    let mut flights = VecDeque::new();
    loop {
        let next = next_chunk(reading, settings, &mut todo).await?;
        let is_last = next.is_empty();
        if !is_last {
            flights.push_back(submit(reading, settings, next));
        }
        while (is_last || flights.len() > FLIGHTS)
            && let Some(first) = flights.pop_front()
        {
            settle(reading, settings, first, &known).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Mail that goes to where it came from would come again, for ever. The settings were looked at when this program began;
/// links may have been made since.
fn goes_elsewhere(settings: &MaildirSettings) -> io::Result<()> {
    for to in [&settings.processed, &settings.failed].into_iter().flatten() {
        if places::is_same(to, &settings.path)? {
            let to = to.display();
            let why = format!("{to} is the Maildir itself: mail cannot go to the Maildir that it is read from");
            return Err(io::Error::other(why));
        }
    }
    Ok(())
}

/// All mail, oldest first.
fn list(path: &Path) -> io::Result<Vec<Mail>> {
    let mut mails = Vec::new();
    for folder in ["new", "cur"] {
        for entry in fs::read_dir(path.join(folder))? {
            let entry = entry?;
            let file = entry.file_name();
            // No link is followed, nor does Maildir know any other kind of file.
            if file.as_bytes().starts_with(b".") || !entry.file_type()?.is_file() {
                continue;
            }
            let base = base(&file);
            mails.push(Mail { base, folder, file });
        }
    }
    mails.sort_unstable();
    Ok(mails)
}

fn base(file: &OsStr) -> String {
    let end = file.as_bytes().iter().position(|&byte| byte == b':');
    String::from_utf8_lossy(&file.as_bytes()[..end.unwrap_or(file.len())]).into_owned()
}

/// The name with the flag `S`; the flags stand in the order of the alphabet.
fn seen(file: &OsStr) -> OsString {
    let bytes = file.as_bytes();
    let colon = bytes.iter().position(|&byte| byte == b':').unwrap_or(bytes.len());
    let (base, info) = bytes.split_at(colon);
    let mut flags = info.strip_prefix(b":2,").unwrap_or_default().to_vec();
    if !flags.contains(&b'S') {
        flags.push(b'S');
        flags.sort_unstable();
    }
    OsString::from_vec([base, b":2,", &flags].concat())
}

async fn forget_what_is_gone(reading: &Reading, mails: &[Mail], known: &[MailboxItem]) -> Result<(), Failure> {
    let there: HashSet<&str> = mails.iter().map(|mail| mail.base.as_str()).collect();
    let gone = known
        .iter()
        .map(|item| &item.item)
        .filter(|item| !there.contains(item.as_str()));
    let gone: Vec<String> = gone.cloned().collect();
    for remove in gone.chunks(CHANGES_MAX) {
        let change = MailboxChange {
            remove,
            ..MailboxChange::default()
        };
        reading.store().change_mailbox(&reading.key, change).await?;
    }
    Ok(())
}

/// Reads the next mails.
async fn next_chunk(
    reading: &Reading,
    settings: &MaildirSettings,
    todo: &mut std::vec::IntoIter<Mail>,
) -> Result<Vec<Had>, Failure> {
    let (path, bytes_max) = (settings.path.clone(), reading.all.message_bytes_max);
    let mut rest = std::mem::take(todo);
    let (chunk, rest) = blocking(move || {
        let mut chunk = Vec::new();
        let mut bytes = 0;
        while chunk.len() < CHUNK_MESSAGES_MAX
            && bytes < CHUNK_BYTES_MAX
            && let Some(mail) = rest.next()
        {
            let content = places::read(&path.join(mail.folder).join(&mail.file), bytes_max);
            match &content {
                // Another program has read or removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Ok(Ok(content)) => bytes += content.len(),
                _ => {}
            }
            chunk.push(Had { mail, content });
        }
        (chunk, rest)
    })
    .await?;
    *todo = rest;
    Ok(chunk)
}

fn submit(reading: &Arc<Reading>, settings: &MaildirSettings, chunk: Vec<Had>) -> ChunkInFlight {
    let mut submitted = JoinSet::new();
    let mut unread = Vec::new();
    for Had { mail, content } in chunk {
        let origin = settings.path.join(mail.folder).join(&mail.file).display().to_string();
        let reading = Arc::clone(reading);
        match content {
            Err(error) => unread.push((mail, error)),
            Ok(content) => {
                submitted.spawn(async move {
                    let disposal = match content {
                        Ok(bytes) => reading.submit(origin, bytes).await,
                        Err(len) => reading.too_large(origin, &mail.base, len).await,
                    };
                    (mail, disposal)
                });
            }
        }
    }
    ChunkInFlight { submitted, unread }
}

/// Waits until a chunk is committed, puts its mails away, and remembers those that stay.
async fn settle(
    reading: &Arc<Reading>,
    settings: &MaildirSettings,
    mut flight: ChunkInFlight,
    known: &HashMap<&str, (ItemState, u32)>,
) -> Result<(), Failure> {
    let mut disposals = Vec::new();
    while let Some(ended) = flight.submitted.join_next().await {
        let (mail, disposal) = ended.map_err(|_| IntakeError::Closed)?;
        match disposal? {
            Disposal::Unstorable(why) => flight.unread.push((mail, io::Error::other(why))),
            disposal => disposals.push((mail, disposal)),
        }
    }
    let mut put = Vec::new();
    for (mail, error) in flight.unread {
        let attempts = known.get(mail.base.as_str()).map_or(0, |known| known.1) + 1;
        tracing::warn!(feed = reading.name(), file = ?mail.file, %error, attempts, "mail cannot be read");
        if attempts < ATTEMPTS_MAX {
            put.push(item(&mail, ItemState::Again, attempts));
            continue;
        }
        let origin = settings.path.join(mail.folder).join(&mail.file).display().to_string();
        let disposal = reading.unfetchable(origin, &mail.base, &error.to_string()).await?;
        disposals.push((mail, disposal));
    }
    let (settings, name) = (settings.clone(), reading.name().to_owned());
    let stay = blocking(move || put_away(&settings, &name, disposals)).await?;
    put.extend(stay.iter().map(|mail| item(mail, ItemState::Settled, 0)));
    let change = MailboxChange {
        put: &put,
        ..MailboxChange::default()
    };
    if !put.is_empty() {
        reading.store().change_mailbox(&reading.key, change).await?;
    }
    reading.progressed();
    Ok(())
}

/// Renames or moves committed files. Returns those that are still in this Maildir.
fn put_away(settings: &MaildirSettings, name: &str, disposals: Vec<(Mail, Disposal)>) -> Vec<Mail> {
    let mut stay = Vec::new();
    for (mail, disposal) in disposals {
        let elsewhere = match disposal {
            Disposal::Other => {
                stay.push(mail);
                continue;
            }
            Disposal::Taken => &settings.processed,
            Disposal::Failed(_) | Disposal::Unstorable(_) => &settings.failed,
        };
        let from = settings.path.join(mail.folder).join(&mail.file);
        let moved = match elsewhere {
            Some(maildir) => make_maildir(maildir)
                .and_then(|()| places::move_into(&from, &maildir.join("cur"), &seen(&mail.file), Number::BeforeFlags)),
            None if mail.folder == "cur" && seen(&mail.file) == mail.file => Ok(from),
            None => places::move_into(
                &from,
                &settings.path.join("cur"),
                &seen(&mail.file),
                Number::BeforeFlags,
            ),
        };
        match moved {
            // A number before the flags makes another mail of it, by its name.
            Ok(to) if elsewhere.is_none() => {
                let base = to.file_name().map_or_else(String::new, base);
                stay.push(Mail { base, ..mail });
            }
            Ok(_) => {}
            // Another reader was here; what is no longer there need not be put away.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !from_is_there(settings, &mail) => {}
            Err(error) => {
                tracing::warn!(
                    feed = name,
                    file = capped(&mail.base),
                    %error,
                    "mail is in the database, but cannot be moved: see whether this program may change the Maildir"
                );
                // It is not read repeatedly for that.
                stay.push(mail);
            }
        }
    }
    stay
}

fn from_is_there(settings: &MaildirSettings, mail: &Mail) -> bool {
    settings.path.join(mail.folder).join(&mail.file).exists()
}

fn make_maildir(path: &Path) -> io::Result<()> {
    for folder in ["tmp", "new", "cur"] {
        let folder = path.join(folder);
        if !folder.is_dir() {
            fs::create_dir_all(folder)?;
        }
    }
    Ok(())
}

fn item(mail: &Mail, state: ItemState, attempts: u32) -> MailboxItem {
    MailboxItem {
        item: mail.base.clone(),
        state,
        attempts,
    }
}

fn files(error: io::Error) -> Failure {
    Failure::new(Trouble::Files, error)
}

/// Work with files, off the threads that wait.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::new(Trouble::Files, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_marked_as_seen() {
        for (name, expect) in [
            ("1.a.host", "1.a.host:2,S"),
            ("1.a.host:2,", "1.a.host:2,S"),
            ("1.a.host:2,RT", "1.a.host:2,RST"),
            ("1.a.host:2,S", "1.a.host:2,S"),
        ] {
            assert_eq!(seen(OsStr::new(name)), expect);
            assert_eq!(base(OsStr::new(name)), "1.a.host");
        }
    }
}
