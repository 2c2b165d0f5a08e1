//! Files that others put somewhere: read without following links, and moved without replacing anything.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

/// So many files of one name may lie in a folder.
const COLLISIONS_MAX: u32 = 10_000;

/// What a file was like: another one in its place has another, and so has the same one with more in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    /// Bytes.
    pub len: u64,
    /// Seconds and nanoseconds.
    modified_at: (i64, i64),
}

impl Stamp {
    pub fn of(about: &fs::Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
            len: about.len(),
            modified_at: (about.mtime(), about.mtime_nsec()),
        }
    }
}

/// Opens a regular file: no link, and nothing that reading could wait at for ever.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// A file's bytes, or its length if that is more than `bytes_max`: then it is not read.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Result<Vec<u8>, u64>> {
    let file = open(path)?;
    let len = file.metadata()?.len();
    if len > bytes_max {
        return Ok(Err(len));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    // One byte more than is allowed shows a file that grew since.
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    let len = bytes.len() as u64;
    Ok(if len > bytes_max { Err(len) } else { Ok(bytes) })
}

/// Moves a file into a folder under this name, or, where there is one, under this name with a number. Gives where it is.
pub(super) fn move_into(from: &Path, folder: &Path, name: &OsStr, number: Number) -> io::Result<PathBuf> {
    for nth in 0..COLLISIONS_MAX {
        let to = folder.join(numbered(name, nth, number));
        match rename(from, &to) {
            Ok(()) => return Ok(to),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let copied = copy_new(from, &to);
                match copied {
                    Ok(()) => {
                        fs::remove_file(from)?;
                        return Ok(to);
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(too_many())
}

/// Makes a folder if it is missing. One that is a link is not: who may put it there could send files anywhere.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    if check_folder(path)? {
        return Ok(());
    }
    match fs::create_dir(path) {
        // Another file was put away at the same time.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_folder(path).map(drop),
        made => made,
    }
}

/// Gives whether there is a folder.
///
/// # Errors
/// If there is something else, a link to a folder among it.
pub(super) fn check_folder(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => Ok(true),
        Ok(about) => {
            let what = if about.is_symlink() { "a link" } else { "no folder" };
            let path = path.display();
            let why = format!("{path} is {what}: it must be a folder, for files to be moved to");
            Err(io::Error::new(io::ErrorKind::NotADirectory, why))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a file under this name, or, where there is one, under this name with a number. Follows no link.
pub(super) fn write_new(folder: &Path, name: &OsStr, text: &str) -> io::Result<()> {
    for nth in 0..COLLISIONS_MAX {
        let to = folder.join(numbered(name, nth, Number::BeforeSuffix));
        match File::create_new(to) {
            Ok(mut file) => return file.write_all(text.as_bytes()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(too_many())
}

fn too_many() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "too many files of that name")
}

/// Where a number goes that tells files of one name apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// `a.xml` becomes `a.1.xml`.
    BeforeSuffix,
    /// Maildir: before the flags, `a:2,S` becomes `a.1:2,S`.
    BeforeFlags,
}

fn numbered(name: &OsStr, nth: u32, number: Number) -> OsString {
    if nth == 0 {
        return name.to_owned();
    }
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let bytes = name.as_bytes();
    let mark = match number {
        Number::BeforeSuffix => b'.',
        Number::BeforeFlags => b':',
    };
    let at = bytes.iter().rposition(|&byte| byte == mark).filter(|&at| at > 0);
    let (stem, rest) = bytes.split_at(at.unwrap_or(bytes.len()));
    OsString::from_vec([stem, format!(".{nth}").as_bytes(), rest].concat())
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that does not know how: nobody else puts anything into these folders.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match to.try_exists()? {
            true => Err(io::ErrorKind::AlreadyExists.into()),
            false => fs::rename(from, to),
        },
        done => Ok(done?),
    }
}

/// A copy on another disk, whole and on it, or none.
fn copy_new(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = open(from)?;
    let folder = to.parent().unwrap_or(Path::new("."));
    let mut copy = tempfile::NamedTempFile::new_in(folder)?;
    io::copy(&mut source, &mut copy)?;
    copy.as_file().sync_all()?;
    copy.persist_noclobber(to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let done = path("done");
        fs::create_dir(&done).unwrap();
        for (content, expect) in [("one", "a.xml"), ("two", "a.1.xml"), ("three", "a.2.xml")] {
            fs::write(path("a.xml"), content).unwrap();
            let to = move_into(&path("a.xml"), &done, OsStr::new("a.xml"), Number::BeforeSuffix).unwrap();
            assert_eq!(to, done.join(expect));
            assert_eq!(fs::read_to_string(to).unwrap(), content);
        }
        assert_eq!(
            numbered(OsStr::new("1.a.host:2,S"), 1, Number::BeforeFlags),
            "1.a.host.1:2,S"
        );
        assert_eq!(numbered(OsStr::new(".a"), 1, Number::BeforeSuffix), ".a.1");
    }

    #[test]
    fn a_link_is_not_followed_and_a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "12345").unwrap();
        std::os::unix::fs::symlink(path("a"), path("link")).unwrap();
        assert_eq!(read(&path("a"), 5).unwrap().unwrap(), b"12345");
        assert_eq!(read(&path("a"), 4).unwrap().unwrap_err(), 5);
        assert!(read(&path("link"), 5).is_err());
        assert!(read(folder.path(), 5).is_err());
        rustix::fs::mknodat(CWD, path("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        assert!(read(&path("pipe"), 5).is_err());
    }

    #[test]
    fn a_copy_on_another_disk_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "new").unwrap();
        copy_new(&path("a"), &path("b")).unwrap();
        assert_eq!(fs::read_to_string(path("b")).unwrap(), "new");
        assert_eq!(
            copy_new(&path("a"), &path("b")).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
    }
}
