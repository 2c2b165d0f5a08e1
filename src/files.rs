//! Small files that must not be lost or half there: keys, tokens, certificates. Each is put in its place whole, and on the
//! disk, for its owner alone.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;

use tempfile::NamedTempFile;

/// When a file was changed, and its length in bytes; `None` if it is not there.
pub type Stamp = Option<(SystemTime, u64)>;

/// What a file is like now: another stamp means that it was changed.
pub fn stamp(path: &Path) -> Stamp {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

/// Puts a file with this content at `path`, in the place of one that may be there.
///
/// # Errors
/// Then the file that was there is still there, or the new one is whole.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = draft(path, content)?;
    draft.persist(path)?;
    sync_folder(folder(path))
}

/// Puts a new file with this content at `path`.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is one; that one is left as it is.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = draft(path, content)?;
    draft.persist_noclobber(path)?;
    sync_folder(folder(path))
}

/// The content on the disk, next to its destination, under a random name, readable only by its owner.
fn draft(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The name is on the disk too: without this a power failure may leave the folder as it was before.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network file systems do not know how to, and keep names by themselves.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_is_replaced_whole_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "a much longer token than the next").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["token"], "no draft is left");
    }

    #[test]
    fn a_file_that_is_there_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, b"first").unwrap();
        let error = create(&path, b"second").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            (fs::read(&path).unwrap(), names(folder.path()).len()),
            (b"first".to_vec(), 1)
        );
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"new").is_err() && create(&path, b"new").is_err());
        assert_eq!(names(folder.path()), ["token"]);
        assert!(replace(&folder.path().join("none/token"), b"new").is_err());
    }
}
