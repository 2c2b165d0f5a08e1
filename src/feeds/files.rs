//! Files and folders: every regular file is one message, except a mailbox file, packed or not, which holds many.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek as _};
use std::path::{Path, PathBuf};

use super::mbox::{Mbox, too_large};
use crate::ingest::{gunzip, mbox};

/// How much of a file is seen before deciding whether it is a mailbox file.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Limits on an unpacked mailbox file: a multiple of its packed length, and a size that is always allowed. Mail with packed reports in it
/// shrinks to three quarters.
const UNPACKED_FACTOR_MAX: u64 = 200;
const UNPACKED_BYTES_MIN: u64 = 64 << 20;
/// Files that mail servers and programs store next to mail.
const INDEX_NAMES: &[&str] = &[
    "dovecot.index",
    "dovecot.list.index",
    "dovecot.mailbox.log",
    "dovecot-uidlist",
    "dovecot-uidvalidity",
    "dovecot-keywords",
    "dovecot-acl",
    "cyrus.header",
    "cyrus.index",
    "cyrus.cache",
    "cyrus.squat",
    "cyrus.annotations",
    ".mh_sequences",
    ".mh_profile",
];
/// What a Maildir has in it.
const MAILDIR: [&str; 3] = ["new", "cur", "tmp"];

/// A file or folder, or a message in a file, that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {source}", origin = self.origin())]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// Number of the message within an mbox.
    pub number: Option<u64>,
    /// Why.
    pub source: io::Error,
}

impl Unreadable {
    /// A whole file that cannot be read.
    pub fn new(path: &Path, source: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            number: None,
            source,
        }
    }

    /// Whether it is only too long.
    pub fn is_too_large(&self) -> bool {
        self.source.kind() == io::ErrorKind::FileTooLarge
    }

    /// The path, and for an mbox the number of the message in it.
    pub fn origin(&self) -> String {
        origin(&self.path, self.number)
    }
}

fn origin(path: &Path, number: Option<u64>) -> String {
    match number {
        None => path.display().to_string(),
        Some(number) => format!("{}, message {number}", path.display()),
    }
}

/// One message out of a file.
#[derive(Debug)]
pub struct FileMessage {
    /// The path, and for an mbox the number of the message in it, counted from 1.
    pub origin: String,
    /// The message as it stands in the file.
    pub bytes: Vec<u8>,
}

/// The regular files at and below some paths: each folder in the order of its names, the paths as given.
///
/// In a Maildir (`new`, `cur` and `tmp`) and in folders in it only `new` and `cur` of Maildirs hold mail; what a mail
/// server keeps beside it is passed over, and so is what is still being delivered.
///
/// Holds the names of one folder a level. Links to files are followed, links to folders are not (they can lead
/// in a circle); pipes, sockets and devices are passed over, because reading them may never end.
#[derive(Debug)]
pub struct Walk {
    /// What is still to be visited, the next one last.
    stack: Vec<Stop>,
}

#[derive(Debug)]
enum Stop {
    /// As the caller gave it: a link to a folder is meant.
    Given(PathBuf),
    Found(PathBuf),
    /// A folder in a Maildir, which may be another one.
    InMaildir(PathBuf),
    /// `new` or `cur` of a Maildir.
    Mails(PathBuf),
}

/// The messages of one file, in its order.
pub struct Messages {
    path: PathBuf,
    message_bytes_max: u64,
    is_packed: bool,
    state: State,
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messages")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

enum State {
    Single(File),
    Mbox(Box<Mbox<Box<dyn BufRead + Send>>>),
    Done,
}

impl Walk {
    /// A walk through `paths`.
    pub fn new(paths: &[PathBuf]) -> Self {
        Self {
            stack: paths.iter().rev().cloned().map(Stop::Given).collect(),
        }
    }

    /// The file at this stop, or nothing after putting a folder's content on the stack.
    fn visit(&mut self, stop: Stop) -> Option<Result<PathBuf, Unreadable>> {
        let path = match &stop {
            Stop::Given(path) | Stop::Found(path) | Stop::InMaildir(path) | Stop::Mails(path) => path.clone(),
        };
        match self.look(stop, &path) {
            Ok(true) => Some(Ok(path)),
            Ok(false) => None,
            Err(source) => Some(Err(Unreadable::new(&path, source))),
        }
    }

    /// Whether there is a file.
    fn look(&mut self, stop: Stop, path: &Path) -> io::Result<bool> {
        let link = fs::symlink_metadata(path)?;
        let target = if link.is_symlink() {
            fs::metadata(path)?
        } else {
            link.clone()
        };
        if !target.is_dir() {
            return Ok(target.is_file() && (matches!(stop, Stop::Given(_)) || !is_index(path)));
        }
        if link.is_symlink() && !matches!(stop, Stop::Given(_)) {
            return Ok(false);
        }
        let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.file_name()));
        let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_named = |entry: &fs::DirEntry, name: &str| entry.file_name() == name && is_folder(entry);
        let is_maildir = MAILDIR
            .iter()
            .all(|name| entries.iter().any(|entry| is_named(entry, name)));
        let stops = entries.iter().filter_map(|entry| {
            let path = entry.path();
            match &stop {
                // A file there is mail, if its name has no dot in front; folders there are none of Maildir's.
                Stop::Mails(_) => (!is_folder(entry) && !is_hidden(&path)).then_some(Stop::Found(path)),
                _ if is_maildir && MAILDIR[..2].iter().any(|name| is_named(entry, name)) => Some(Stop::Mails(path)),
                _ if is_maildir && is_named(entry, MAILDIR[2]) => None,
                Stop::InMaildir(_) => is_folder(entry).then_some(Stop::InMaildir(path)),
                _ if is_maildir => is_folder(entry).then_some(Stop::InMaildir(path)),
                Stop::Given(_) | Stop::Found(_) => Some(Stop::Found(path)),
            }
        });
        self.stack.extend(stops);
        Ok(false)
    }
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".")
}

/// Whether a file is a mail server's or mail program's own.
fn is_index(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_one = |index: &&str| {
        name.strip_prefix(*index)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // Mozilla stores it next to each mailbox file.
    INDEX_NAMES.iter().any(is_one) || name.ends_with(".msf")
}

impl Iterator for Walk {
    type Item = Result<PathBuf, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let stop = self.stack.pop()?;
            let found = self.visit(stop);
            if found.is_some() {
                return found;
            }
        }
    }
}

impl Messages {
    /// Opens a file. At most `message_bytes_max` of a message are ever in memory.
    pub fn open(path: &Path, message_bytes_max: u64) -> Result<Self, Unreadable> {
        let file = File::open(path).map_err(|source| Unreadable::new(path, source))?;
        Self::from_file(path, file, message_bytes_max)
    }

    /// As [`Self::open`], for a file that is open already.
    pub fn from_file(path: &Path, file: File, message_bytes_max: u64) -> Result<Self, Unreadable> {
        let (state, is_packed) =
            State::detect(file, message_bytes_max).map_err(|source| Unreadable::new(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            message_bytes_max,
            is_packed,
            state,
        })
    }

    /// Whether messages may be longer than the file.
    pub fn is_packed(&self) -> bool {
        self.is_packed
    }

    /// Whether nothing more comes.
    pub fn is_at_end(&self) -> bool {
        match &self.state {
            State::Single(_) => false,
            State::Mbox(messages) => messages.is_at_end(),
            State::Done => true,
        }
    }

    fn single(&self, file: File) -> io::Result<FileMessage> {
        let len = file.metadata()?.len();
        if len > self.message_bytes_max {
            return Err(too_large(self.message_bytes_max));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        // One byte more than is allowed shows a file that grew since its length was asked.
        file.take(self.message_bytes_max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.message_bytes_max {
            return Err(too_large(self.message_bytes_max));
        }
        Ok(FileMessage {
            origin: origin(&self.path, None),
            bytes,
        })
    }
}

impl State {
    /// What a file is, and whether it is packed.
    fn detect(mut file: File, message_bytes_max: u64) -> io::Result<(Self, bool)> {
        let mailbox = |reader| Self::Mbox(Box::new(Mbox::new(reader, message_bytes_max)));
        let len = file.metadata()?.len();
        let head = head(&mut file)?;
        file.rewind()?;
        if mbox::begins(&head) {
            return Ok((mailbox(Box::new(BufReader::new(file))), false));
        }
        if head.starts_with(b"\x1f\x8b") {
            // Damage shows when it is read as what it is.
            let unpacked_head = self::head(&mut gunzip(head.as_slice())).unwrap_or_default();
            if mbox::begins(&unpacked_head) {
                let bytes_max = len.saturating_mul(UNPACKED_FACTOR_MAX).max(UNPACKED_BYTES_MIN);
                let reader = Bounded {
                    reader: gunzip(BufReader::new(file)),
                    left: bytes_max,
                    bytes_max,
                };
                return Ok((mailbox(Box::new(BufReader::new(reader))), true));
            }
        }
        Ok((Self::Single(file), false))
    }
}

/// What something begins with; less, if it cannot be read further.
fn head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD_BYTES_MAX];
    let mut filled = 0;
    while filled < head.len() {
        match reader.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// Fails where there is more than allowed.
struct Bounded<R> {
    reader: R,
    left: u64,
    bytes_max: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let why = format!(
                "packed mailbox unpacks to more than {} bytes: unpack it first",
                self.bytes_max
            );
            io::Error::new(io::ErrorKind::InvalidData, why)
        })?;
        Ok(read)
    }
}

impl Iterator for Messages {
    type Item = Result<FileMessage, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut number = None;
        let found = match std::mem::replace(&mut self.state, State::Done) {
            State::Done => return None,
            State::Single(file) => self.single(file),
            State::Mbox(mut messages) => {
                let bytes = messages.next()?;
                number = Some(messages.number());
                self.state = State::Mbox(messages);
                bytes.map(|bytes| FileMessage {
                    origin: origin(&self.path, number),
                    bytes,
                })
            }
        };
        Some(found.map_err(|source| {
            // A message that is too large does not hide those behind it; a broken disk does.
            if source.kind() != io::ErrorKind::FileTooLarge {
                self.state = State::Done;
            }
            Unreadable {
                path: self.path.clone(),
                number,
                source,
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[PathBuf], base: &Path) -> Vec<String> {
        Walk::new(paths)
            .map(|found| found.unwrap().strip_prefix(base).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn a_walk_is_sorted_and_descends() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        fs::create_dir_all(base.join("b/c")).unwrap();
        for name in ["z", "b/2", "b/c/x", "b/1", "a"] {
            fs::write(base.join(name), name).unwrap();
        }
        assert_eq!(names(&[base.to_owned()], base), ["a", "b/1", "b/2", "b/c/x", "z"]);
        assert_eq!(names(&[base.join("z"), base.join("b/c")], base), ["z", "b/c/x"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_a_circle_ends() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        fs::write(base.join("a"), "").unwrap();
        std::os::unix::fs::symlink(base, base.join("loop")).unwrap();
        std::os::unix::fs::symlink(base.join("a"), base.join("link")).unwrap();
        assert_eq!(names(&[base.to_owned()], base), ["a", "link"]);
        assert_eq!(
            names(&[base.join("loop")], base).len(),
            2,
            "a link that is given is meant"
        );
    }

    #[test]
    fn missing_paths_are_named() {
        let error = Walk::new(&["no-such-file".into()]).next().unwrap().unwrap_err();
        assert!(error.to_string().starts_with("no-such-file: "), "{error}");
    }

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "12345").unwrap();
        let read = |limit| Messages::open(&path, limit).unwrap().next().unwrap();
        assert_eq!(read(5).unwrap().bytes, b"12345");
        assert!(read(4).unwrap_err().to_string().contains("longer than 4 bytes"));
    }

    #[test]
    fn an_mbox_gives_each_message_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("box");
        fs::write(
            &path,
            "From a@b Thu Jan  1 00:00:00 1970\none\n\nFrom a@b Thu Jan  1 00:00:00 1970\ntwo\n",
        )
        .unwrap();
        let messages: Vec<_> = Messages::open(&path, 100).unwrap().map(Result::unwrap).collect();
        assert_eq!(messages.len(), 2);
        assert!(messages[1].origin.ends_with("box, message 2"));
        assert_eq!(messages[1].bytes, b"two\n");
    }
}
