//! Files and folders: every regular file is one message, save for an mbox, which holds many.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::mbox::{self, Mbox};

/// A file or folder, or a message in a file, that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {source}", origin = self.origin())]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// Of an mbox, which message of it.
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

    /// Is it only too long?
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
}

/// The messages of one file, in its order.
#[derive(Debug)]
pub struct Messages {
    path: PathBuf,
    message_bytes_max: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Single(File),
    Mbox(Mbox<BufReader<io::Chain<io::Cursor<Vec<u8>>, File>>>),
    Done,
}

impl Walk {
    /// A walk through `paths`.
    pub fn new(paths: &[PathBuf]) -> Self {
        Self {
            stack: paths.iter().rev().cloned().map(Stop::Given).collect(),
        }
    }

    /// The file at `path`, or nothing after putting a folder's content on the stack.
    fn visit(&mut self, path: PathBuf, is_given: bool) -> Option<Result<PathBuf, Unreadable>> {
        match self.look(&path, is_given) {
            Ok(true) => Some(Ok(path)),
            Ok(false) => None,
            Err(source) => Some(Err(Unreadable::new(&path, source))),
        }
    }

    fn look(&mut self, path: &Path, is_given: bool) -> io::Result<bool> {
        let link = fs::symlink_metadata(path)?;
        let target = if link.is_symlink() {
            fs::metadata(path)?
        } else {
            link.clone()
        };
        if !target.is_dir() {
            return Ok(target.is_file());
        }
        if link.is_symlink() && !is_given {
            return Ok(false);
        }
        let mut names = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable_by(|a, b| b.cmp(a));
        self.stack
            .extend(names.into_iter().map(|name| Stop::Found(path.join(name))));
        Ok(false)
    }
}

impl Iterator for Walk {
    type Item = Result<PathBuf, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.stack.pop()? {
                Stop::Given(path) => self.visit(path, true),
                Stop::Found(path) => self.visit(path, false),
            };
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
        Self::of(path, file, message_bytes_max)
    }

    /// The same of a file that is open.
    pub fn of(path: &Path, mut file: File, message_bytes_max: u64) -> Result<Self, Unreadable> {
        let unreadable = |source| Unreadable::new(path, source);
        let mut start = Vec::with_capacity(mbox::MARK.len());
        file.by_ref()
            .take(mbox::MARK.len() as u64)
            .read_to_end(&mut start)
            .map_err(unreadable)?;
        let state = if start == mbox::MARK {
            State::Mbox(Mbox::new(
                BufReader::new(io::Cursor::new(start).chain(file)),
                message_bytes_max,
            ))
        } else {
            io::Seek::rewind(&mut file).map_err(unreadable)?;
            State::Single(file)
        };
        Ok(Self {
            path: path.to_owned(),
            message_bytes_max,
            state,
        })
    }

    /// Is there nothing more to come?
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

pub(super) fn too_large(message_bytes_max: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("message is longer than {message_bytes_max} bytes: raise limits.message_bytes_max to read it"),
    )
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
    fn what_is_missing_is_named() {
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
