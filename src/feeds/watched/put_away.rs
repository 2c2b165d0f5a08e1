//! Moving a file to where it belongs.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use super::{DONE, FAILED, Taking};
use crate::base::text;
use crate::feeds::places::{self, Number, Stamp};

/// What became of a file that was to be moved.
#[derive(Debug)]
pub(super) enum Put {
    /// The file is no longer there.
    Gone,
    /// It was moved, but the reasons could not be written next to it.
    WithoutReason(io::Error),
    /// It is no longer the one that was read: what is there now is still to be read, and what was read of it comes again as
    /// duplicates.
    Changed,
}

/// Moves a file to where it belongs, with the reasons next to it.
pub(super) fn put_away(path: &Path, file: &Taking, name: &OsString, reasons: &[String]) -> io::Result<Put> {
    let folder = path.join(if reasons.is_empty() { DONE } else { FAILED });
    places::make_folder(&folder)?;
    let moved = match fs::symlink_metadata(&file.path) {
        Ok(about) if Stamp::from_metadata(&about) != file.stamp => return Ok(Put::Changed),
        Ok(_) => places::move_into(&file.path, &folder, name, Number::BeforeSuffix),
        Err(error) => Err(error),
    };
    let to = match moved {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !file.path.exists() => return Ok(Put::Gone),
        moved => moved?,
    };
    if reasons.is_empty() {
        return Ok(Put::Gone);
    }
    let text: String = reasons
        .iter()
        .map(|reason| format!("{}\n", text::escaped(reason)))
        .collect();
    Ok(
        match places::write_new(&folder, to.file_name().unwrap_or(name), ".reason", &text) {
            Ok(()) => Put::Gone,
            Err(error) => Put::WithoutReason(error),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::look;
    use super::super::tests::{append, folder};
    use super::*;

    /// Whether it is put away; false if it is another file now.
    fn put_a_away(folder: &tempfile::TempDir, file: &Taking, reasons: &[&str]) -> io::Result<bool> {
        let reasons: Vec<_> = reasons.iter().map(|&reason| reason.to_owned()).collect();
        Ok(match put_away(folder.path(), file, &"a.xml".into(), &reasons)? {
            Put::Gone => true,
            Put::Changed => false,
            Put::WithoutReason(error) => return Err(error),
        })
    }

    #[test]
    fn a_file_that_is_not_the_one_that_was_read_stays() {
        let (folder, file) = self::folder("one");
        append(&file.path, " and more");
        assert!(!put_a_away(&folder, &file, &[]).unwrap(), "more was added");
        assert_eq!(fs::read_to_string(&file.path).unwrap(), "one and more");

        let (folder, file) = self::folder("one");
        fs::write(folder.path().join(".new"), "two").unwrap();
        fs::rename(folder.path().join(".new"), &file.path).unwrap();
        assert!(!put_a_away(&folder, &file, &["broken"]).unwrap(), "it was replaced");
        assert_eq!(fs::read_to_string(&file.path).unwrap(), "two");
        assert!(!folder.path().join("failed/a.xml").exists());

        let (folder, file) = self::folder("one");
        assert!(put_a_away(&folder, &file, &[]).unwrap());
        assert_eq!(fs::read_to_string(folder.path().join("done/a.xml")).unwrap(), "one");
        assert!(put_a_away(&folder, &file, &[]).unwrap(), "somebody has taken it away");
    }

    #[test]
    fn reasons_replace_nothing_and_follow_no_link() {
        let (folder, file) = self::folder("one");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("failed")).unwrap();
        fs::write(path("failed/a.xml"), "an older one").unwrap();
        fs::write(path("elsewhere"), "somebody's").unwrap();
        std::os::unix::fs::symlink(path("elsewhere"), path("failed/a.1.xml.reason")).unwrap();
        assert!(put_a_away(&folder, &file, &["broken"]).unwrap());
        assert_eq!(fs::read_to_string(path("failed/a.1.xml")).unwrap(), "one");
        assert_eq!(fs::read_to_string(path("failed/a.1.xml.1.reason")).unwrap(), "broken\n");
        assert_eq!(fs::read_to_string(path("elsewhere")).unwrap(), "somebody's");
    }

    #[test]
    fn nothing_is_put_away_through_a_link() {
        for (name, reasons) in [(DONE, &[][..]), (FAILED, &["broken"][..])] {
            let (folder, file) = self::folder("one");
            let elsewhere = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink(elsewhere.path(), folder.path().join(name)).unwrap();
            let refused = put_a_away(&folder, &file, reasons).unwrap_err();
            assert!(refused.to_string().contains("a link"), "{refused}");
            assert!(look(folder.path()).is_err(), "nothing is read that cannot be put away");
            assert!(file.path.exists());
            assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
        }
    }
}
