//! Files that others put somewhere: read without following links, and moved without replacing anything.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Maximum number of files with one name in a folder.
const COLLISIONS_MAX: u32 = 10_000;
/// The longest names that file systems take, bytes; some that encrypt names take no more than the second.
const NAME_BYTES_MAX: [usize; 2] = [255, 143];
/// Longest suffix that a shortened name keeps, in bytes.
const SUFFIX_BYTES_MAX: usize = 32;

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
    pub fn from_metadata(about: &fs::Metadata) -> Self {
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
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
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

/// Moves a file into a folder under this name, or, where there is one, under this name with a number; a name that is too
/// long is shortened. Returns where it is.
pub(super) fn move_into(from: &Path, folder: &Path, name: &OsStr, number: Number) -> io::Result<PathBuf> {
    under_new_name(
        folder,
        |nth, bytes_max| numbered(name, nth, number, bytes_max),
        |to| move_new(from, to),
    )
}

fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    match rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            copy_new(from, to)?;
            fs::remove_file(from)
        }
        moved => moved,
    }
}

/// Tries names in their order until `put` finds none that is taken or too long. Returns the path.
fn under_new_name(
    folder: &Path,
    name: impl Fn(u32, usize) -> OsString,
    mut put: impl FnMut(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let mut lengths = NAME_BYTES_MAX.into_iter();
    let mut bytes_max = lengths.next().unwrap_or_default();
    let mut nth = 0;
    while nth < COLLISIONS_MAX {
        let to = folder.join(name(nth, bytes_max));
        match put(&to) {
            Ok(()) => return Ok(to),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => nth += 1,
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => match lengths.next() {
                Some(shorter) => bytes_max = shorter,
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "too many files of that name",
    ))
}

/// Whether two paths lead to one folder. What is not there is nowhere.
pub(super) fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let identity = |path: &Path| match fs::metadata(path) {
        Ok(about) => Ok(Some((about.dev(), about.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let one = identity(one)?;
    Ok(one.is_some() && one == identity(other)?)
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

/// Returns whether there is a folder.
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

/// Writes a file under this name and suffix, or, where there is one, with a number before the suffix. Follows no link.
pub(super) fn write_new(folder: &Path, name: &OsStr, suffix: &str, text: &str) -> io::Result<()> {
    let name = |nth, bytes_max: usize| {
        let number = if nth == 0 { String::new() } else { format!(".{nth}") };
        let end = format!("{number}{suffix}");
        let mut name = OsString::from_vec(cut(name.as_bytes(), bytes_max.saturating_sub(end.len())).to_vec());
        name.push(end);
        name
    };
    let put = |to: &Path| File::create_new(to)?.write_all(text.as_bytes());
    under_new_name(folder, name, put).map(drop)
}

/// Where a number goes that tells files of one name apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// `a.xml` becomes `a.1.xml`.
    BeforeSuffix,
    /// Maildir: before the flags, `a:2,S` becomes `a.1:2,S`.
    BeforeFlags,
}

/// A name with its number, no longer than `bytes_max`: of one that is longer, the stem is cut.
fn numbered(name: &OsStr, nth: u32, number: Number, bytes_max: usize) -> OsString {
    let bytes = name.as_bytes();
    if nth == 0 && bytes.len() <= bytes_max {
        return name.to_owned();
    }
    let mark = match number {
        Number::BeforeSuffix => b'.',
        Number::BeforeFlags => b':',
    };
    let at = bytes.iter().rposition(|&byte| byte == mark).filter(|&at| at > 0);
    let (stem, suffix) = bytes.split_at(at.unwrap_or(bytes.len()));
    let suffix = cut(suffix, SUFFIX_BYTES_MAX.max(bytes_max.saturating_sub(stem.len())));
    let number = if nth == 0 { String::new() } else { format!(".{nth}") };
    let stem = cut(stem, bytes_max.saturating_sub(number.len() + suffix.len()));
    OsString::from_vec([stem, number.as_bytes(), suffix].concat())
}

/// The beginning of a name, of at most this length. A character is not cut in two.
fn cut(name: &[u8], bytes_max: usize) -> &[u8] {
    if name.len() <= bytes_max {
        return name;
    }
    let is_inside = |at: usize| (0x80..0xc0).contains(&name[at]);
    let end = (bytes_max.saturating_sub(3)..=bytes_max)
        .rev()
        .find(|&at| !is_inside(at));
    &name[..end.unwrap_or(bytes_max)]
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system has no such rename: no other program puts files into these folders.
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
            numbered(OsStr::new("1.a.host:2,S"), 1, Number::BeforeFlags, 255),
            "1.a.host.1:2,S"
        );
        assert_eq!(numbered(OsStr::new(".a"), 1, Number::BeforeSuffix, 255), ".a.1");
    }

    #[test]
    fn a_long_name_is_shortened_to_fit_number_and_suffix() {
        let folder = tempfile::tempdir().unwrap();
        let done = folder.path().join("done");
        fs::create_dir(&done).unwrap();
        let long = |char: &str, suffix: &str| {
            let stem = char.repeat((255 - suffix.len()) / char.len());
            format!("{stem}{suffix}")
        };
        for (name, number) in [
            (long("0", ".xml"), Number::BeforeSuffix),
            (long("ä", ".xml.gz"), Number::BeforeSuffix),
            (long("日", ""), Number::BeforeSuffix),
            (long("🙂", ".eml"), Number::BeforeSuffix),
            (format!("a.{}", "b".repeat(253)), Number::BeforeSuffix),
            (long("1.a.host", ":2,S"), Number::BeforeFlags),
            (long("x", ""), Number::BeforeFlags),
        ] {
            let from = folder.path().join(&name);
            let mut taken = std::collections::BTreeSet::new();
            for content in ["one", "two", "three"] {
                fs::write(&from, content).unwrap();
                let to = move_into(&from, &done, OsStr::new(&name), number).unwrap();
                assert_eq!(fs::read_to_string(&to).unwrap(), content, "{name}");
                let suffix = name.rsplit('.').next().filter(|suffix| suffix.len() < 5);
                assert!(
                    to.to_str().unwrap().ends_with(suffix.unwrap_or_default()),
                    "{to:?} is cut within a character"
                );
                assert!(taken.insert(to));
                write_new(&done, OsStr::new(&name), ".reason", "why").unwrap();
            }
        }
        let reasons = fs::read_dir(&done).unwrap().filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_str().unwrap().ends_with(".reason")
        });
        assert_eq!(reasons.count(), 21);
        let bytes = [b"\xff".repeat(250).as_slice(), b".xml"].concat();
        let bytes = numbered(&OsString::from_vec(bytes), 7, Number::BeforeSuffix, 143);
        assert!(bytes.len() <= 143 && bytes.as_bytes().ends_with(b".7.xml"));
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
