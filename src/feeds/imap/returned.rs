//! Whether mail that was moved elsewhere comes back: then elsewhere is the folder that is read, under another name that only
//! the server knows. It would be read and moved for ever.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Number of moved mails that must come back. Two mails of the same content may arrive by themselves.
const BACK_MIN: usize = 3;

/// What was moved last to each folder, and which folders are the same under another name.
#[derive(Debug, Default)]
pub(in crate::feeds) struct Returned {
    last: HashMap<String, Moved>,
    same: HashSet<String>,
}

#[derive(Debug, Default)]
struct Moved {
    mails: HashSet<Fingerprint>,
    back: HashSet<Fingerprint>,
}

/// The identity of a mail, to recognise it when it arrives again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::feeds) struct Fingerprint(u64, usize);

impl Fingerprint {
    pub fn new(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self(hasher.finish(), bytes.len())
    }
}

impl Returned {
    /// These mails were moved to this folder.
    pub fn moved(&mut self, folder: &str, mails: impl Iterator<Item = Fingerprint>) {
        let mails: HashSet<_> = mails.collect();
        if !mails.is_empty() {
            let back = HashSet::new();
            self.last.insert(folder.to_owned(), Moved { mails, back });
        }
    }

    /// A mail came that was not there before. Returns the folder, if that shows that it is the one that is read.
    pub fn came(&mut self, mail: Fingerprint) -> Option<String> {
        let (folder, moved) = self.last.iter_mut().find(|(_, moved)| moved.mails.contains(&mail))?;
        moved.back.insert(mail);
        if moved.back.len() < moved.mails.len().min(BACK_MIN) {
            return None;
        }
        let folder = folder.clone();
        self.last.remove(&folder);
        self.same.insert(folder.clone());
        Some(folder)
    }

    /// Whether a folder is the one that is read.
    pub fn is_same(&self, folder: &str) -> bool {
        self.same.contains(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mails(numbers: impl IntoIterator<Item = u8>) -> impl Iterator<Item = Fingerprint> {
        numbers.into_iter().map(|number| Fingerprint::new(&[number]))
    }

    #[test]
    fn a_folder_whose_mail_comes_back_is_the_same() {
        let mut returned = Returned::default();
        returned.moved("Done", mails([1, 2]));
        returned.moved("Failed", mails([3]));
        let mut came = |number| returned.came(Fingerprint::new(&[number]));
        assert_eq!(came(9), None);
        assert_eq!(came(1), None);
        assert_eq!(came(1), None, "it is one");
        assert_eq!(came(2), Some("Done".to_owned()));
        assert_eq!((returned.is_same("Done"), returned.is_same("Failed")), (true, false));
        returned.moved("Many", mails(10..100));
        let found: Vec<_> = mails(50..60).filter_map(|mail| returned.came(mail)).collect();
        assert_eq!(found, ["Many"], "three are enough, and it is said once");
    }
}
