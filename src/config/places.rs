//! Places that feeds read and move mail to. One place may have many spellings.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Where mail is read or goes to.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Imap {
        /// Host, port, user and folder, in the form that is compared.
        key: (String, u16, String, String),
        shown: String,
    },
    Label {
        /// API, user and folder or label, in the form that is compared.
        key: (String, String, String),
        shown: String,
    },
    Bucket {
        /// Server and bucket, in the form that is compared.
        key: (String, String),
        prefix: String,
    },
    Maildir(Files),
    Folder(Files),
}

/// The port of a mail server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Port {
    /// The port of the protocol, because the settings name none.
    Usual(u16),
    /// The port in the settings. Another port may be another server.
    Given(u16),
}

/// A folder of the file system.
#[derive(Debug, Clone)]
pub(super) struct Files {
    given: PathBuf,
    /// Without links, `.` and `..`, as far as it exists.
    resolved: PathBuf,
    /// Device and inode, if it exists: one folder may be mounted in several places.
    inode: Option<(u64, u64)>,
}

impl Place {
    /// A folder of a mailbox.
    pub fn imap(host: &str, port: Port, user: &str, folder: &str) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let mut shown = format!("{folder} of {user} at {host}");
        let port = match port {
            Port::Usual(port) => port,
            Port::Given(port) => {
                shown += &format!(":{port}");
                port
            }
        };
        Self::Imap {
            key: (host, port, user.to_lowercase(), folder_key(folder)),
            shown,
        }
    }

    /// A folder or label of a mailbox behind an API. `whose`: tells mailboxes of the same name apart.
    pub fn label(api: &str, user: &str, whose: &str, label: &str) -> Self {
        Self::Label {
            key: (
                api.trim_end_matches('/').to_ascii_lowercase(),
                format!("{} {whose}", user.to_lowercase()),
                label.to_lowercase(),
            ),
            shown: format!("{label} of {user}"),
        }
    }

    /// The objects of a bucket whose keys begin like this.
    pub fn bucket(endpoint: &str, bucket: &str, prefix: &str) -> Self {
        let endpoint = endpoint.trim_end_matches('/').to_ascii_lowercase();
        Self::Bucket {
            key: (endpoint, bucket.to_owned()),
            prefix: prefix.to_owned(),
        }
    }

    pub fn maildir(path: &Path) -> Self {
        Self::Maildir(Files::new(path))
    }

    pub fn folder(path: &Path) -> Self {
        Self::Folder(Files::new(path))
    }

    /// Whether both are one place.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Imap { key, .. }, Self::Imap { key: other, .. }) => key == other,
            (Self::Label { key, .. }, Self::Label { key: other, .. }) => key == other,
            (Self::Bucket { .. }, Self::Bucket { .. }) => self.takes_in(other) && other.takes_in(self),
            (Self::Maildir(files) | Self::Folder(files), Self::Maildir(other) | Self::Folder(other)) => {
                files.is_same(other)
            }
            _ => false,
        }
    }

    /// Whether what is put into the other place is read here.
    pub fn takes_in(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Bucket { key, prefix },
                Self::Bucket {
                    key: other,
                    prefix: other_prefix,
                },
            ) => key == other && other_prefix.starts_with(prefix),
            _ => self.is_same(other),
        }
    }

    /// Whether this Maildir is `new`, `cur` or `tmp` of another one, or in it.
    pub fn is_part_of(&self, other: &Self) -> bool {
        let (Self::Maildir(files), Self::Maildir(other)) = (self, other) else {
            return false;
        };
        ["new", "cur", "tmp"]
            .iter()
            .any(|part| files.is_in(&other.resolved.join(part)))
    }

    /// The relation of two places, if mail that one feed reads is also read or moved by another. A Maildir inside a
    /// Maildir is a separate mailbox.
    pub fn overlaps(&self, other: &Self) -> Option<&'static str> {
        let inside = "is inside";
        let around = "is around";
        match (self, other) {
            (Self::Bucket { .. }, Self::Bucket { .. }) if other.takes_in(self) => Some(inside),
            (Self::Bucket { .. }, Self::Bucket { .. }) if self.takes_in(other) => Some(around),
            (Self::Folder(a), Self::Folder(b)) if a.is_in(&b.resolved) => Some(inside),
            (Self::Folder(a), Self::Folder(b)) if b.is_in(&a.resolved) => Some(around),
            (Self::Folder(a), Self::Maildir(b)) if a.is_in(&b.resolved) => Some(inside),
            (Self::Maildir(a), Self::Folder(b)) if b.is_in(&a.resolved) => Some(around),
            (Self::Folder(a), Self::Maildir(b)) if b.is_put_away_by(a) => Some(around),
            (Self::Maildir(a), Self::Folder(b)) if a.is_put_away_by(b) => Some(inside),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Imap { shown, .. } | Self::Label { shown, .. } => f.write_str(shown),
            Self::Bucket {
                key: (_, bucket),
                prefix,
            } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Maildir(files) | Self::Folder(files) => write!(f, "{}", files.given.display()),
        }
    }
}

impl Files {
    fn new(path: &Path) -> Self {
        let resolved = resolved(path);
        let about = std::fs::metadata(&resolved).ok();
        Self {
            given: path.to_owned(),
            inode: about.map(|about| (about.dev(), about.ino())),
            resolved,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.resolved == other.resolved || self.inode.is_some() && self.inode == other.inode
    }

    fn is_in(&self, folder: &Path) -> bool {
        self.resolved.starts_with(folder)
    }

    /// Whether it is a folder that a watched folder moves files to.
    fn is_put_away_by(&self, folder: &Self) -> bool {
        ["done", "failed"]
            .iter()
            .any(|name| self.is_in(&folder.resolved.join(name)))
    }
}

/// The folder of a mailbox as it is compared: INBOX is INBOX in any case (RFC 9051, 5.1), also with folders below it, and
/// a separator at the end names the same folder.
pub(super) fn folder_key(folder: &str) -> String {
    let folder = folder.trim_end_matches(['/', '.']);
    match folder.get(..5) {
        Some(start) if start.eq_ignore_ascii_case("INBOX") && !folder[5..].starts_with(char::is_alphanumeric) => {
            format!("INBOX{}", &folder[5..])
        }
        _ => folder.to_owned(),
    }
}

/// A path without links, `.` and `..`, as the system reads it. A part that does not exist yet stays as written.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(resolved.pop()),
            other => {
                resolved.push(other);
                if let Ok(real) = resolved.canonicalize() {
                    resolved = real;
                }
            }
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_of_a_mailbox_has_many_spellings() {
        let key = |folder: &str| folder_key(folder);
        for (a, b) in [
            ("INBOX", "inbox"),
            ("INBOX", "Inbox/"),
            ("INBOX.Done", "inbox.Done"),
            ("Done", "Done."),
            ("Done", "Done/"),
        ] {
            assert_eq!(key(a), key(b), "{a} {b}");
        }
        for (a, b) in [
            ("INBOX", "INBOX2"),
            ("INBOX", "INBOX/Done"),
            ("Done", "done"),
            ("inboxes", "INBOXES"),
        ] {
            assert_ne!(key(a), key(b), "{a} {b}");
        }
        let place = |host, port, user| Place::imap(host, Port::Given(port), user, "INBOX");
        assert!(place("Mail.Example.", 993, "a@B").is_same(&place("mail.example", 993, "A@b")));
        assert!(!place("mail.example", 993, "a").is_same(&place("mail.example", 1993, "a")));
    }

    #[test]
    fn one_path_has_many_spellings() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("box/new")).unwrap();
        std::os::unix::fs::symlink(path("box"), path("link")).unwrap();
        std::os::unix::fs::symlink("link", path("second")).unwrap();
        let is_same = |a: &str, b: &str| Place::maildir(&path(a)).is_same(&Place::maildir(&path(b)));
        for spelling in [
            "box/",
            "./box",
            "box/../box",
            "link",
            "second",
            "link/.",
            "second/new/..",
            "gone/../box",
        ] {
            assert!(is_same("box", spelling), "{spelling}");
        }
        assert!(is_same("missing/a", "missing/b/../a/"), "what is not there yet");
        for other in ["box/new", "boxes", "box2", "missing"] {
            assert!(!is_same("box", other), "{other}");
        }
    }
}
