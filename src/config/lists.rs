//! Settings that there are several of: each `[[imap]]` in the file is one mailbox, and so on. They are set in the file
//! only. Passwords and the like are never in it: the settings name files that hold them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::places::{self, Place, Port};
use super::{Config, Described};
use crate::base::Day;

macro_rules! lists {
    ($(
        $(#[doc = $list_doc:literal])+
        $list:ident: $Item:ident {
            $( $(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr; )+
        }
    )+) => {
        $(
            $(#[doc = $list_doc])+
            #[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $Item {
                $( $(#[doc = $doc])+ pub $key: $type, )+
            }

            impl Default for $Item {
                fn default() -> Self {
                    Self { $( $key: $default, )+ }
                }
            }
        )+

        /// Every list with the settings of one entry, in the order of the example.
        pub(super) const LISTS: &[Described<&[Described<()>]>] = &[
            $( Described {
                name: stringify!($list),
                doc: &[$($list_doc),+],
                below: &[ $( Described { name: stringify!($key), doc: &[$($doc),+], below: () } ),+ ],
            } ),+
        ];

        /// The settings of an entry that says nothing, by list.
        pub(super) fn default_entries() -> toml::Table {
            let mut lists = toml::Table::new();
            $( lists.insert(
                stringify!($list).to_owned(),
                toml::Value::try_from($Item::default()).expect("numbers, texts and enums are TOML values"),
            ); )+
            lists
        }
    };
}

lists! {
    /// A mailbox that reports are sent to, read over IMAP. Each one is an entry like this.
    imap: Imap {
        /// What it is called in the log, in /readyz and in /metrics; no two feeds have the same name.
        name: String = String::new();
        /// The server.
        host: String = String::new();
        /// Its port; 0 is 993 with "tls", and 143 otherwise.
        port: u16 = 0;
        /// "tls" from the first byte, "starttls", or "plain", which shows the password to anyone on the way.
        tls: ImapTls = ImapTls::Tls;
        /// Certificates (PEM) of the authorities that the server and the token server are trusted by; empty is the
        /// system's own.
        ca_file: PathBuf = PathBuf::new();
        /// Whose mailbox.
        user: String = String::new();
        /// How the user signs in: "login" or "plain" with a password, "xoauth2" or "oauthbearer" with a token.
        auth: ImapAuth = ImapAuth::Login;
        /// A file that holds the password, and nothing else.
        password_file: PathBuf = PathBuf::new();
        /// Where tokens are asked for, https://...
        oauth_token_url: String = String::new();
        /// What they are asked for with: "client_credentials" or "refresh_token".
        oauth_grant: OauthGrant = OauthGrant::ClientCredentials;
        /// The name that this program is registered by.
        oauth_client_id: String = String::new();
        /// A file that holds its secret; empty where there is none.
        oauth_client_secret_file: PathBuf = PathBuf::new();
        /// A file that holds the refresh token. If the server gives another one it is written there.
        oauth_refresh_token_file: PathBuf = PathBuf::new();
        /// What the token is to be good for.
        oauth_scope: String = String::new();
        /// The folder to read.
        folder: String = "INBOX".to_owned();
        /// The first day to read, as in "2026-01-31", by the day on which the server got the mail; empty is all.
        since: String = String::new();
        /// Where mail goes when its reports are in the database, made if it is missing; empty leaves it where it is.
        processed_folder: String = String::new();
        /// Folder for mail that cannot be read or fetched; created if missing. Empty: mail stays in place.
        failed_folder: String = String::new();
        /// Where mail goes that holds no report; empty never touches it.
        other_folder: String = String::new();
        /// The account that the reports are for; empty is the only one.
        account: String = String::new();
        /// Add the domains that reports are about.
        add_domains: bool = false;
        /// How often to look, seconds, also if the server has said nothing.
        poll_seconds: u64 = 300;
    }

    /// A Maildir that reports are delivered to. Each one is an entry like this.
    maildir: Maildir {
        /// What it is called in the log, in /readyz and in /metrics; no two feeds have the same name.
        name: String = String::new();
        /// The Maildir, with new and cur in it.
        path: PathBuf = PathBuf::new();
        /// The Maildir that mail goes to when its reports are in the database, made if it is missing; empty marks it as
        /// seen where it is.
        processed: PathBuf = PathBuf::new();
        /// The Maildir that mail goes to that cannot be read, made if it is missing; empty marks it as seen where it is.
        failed: PathBuf = PathBuf::new();
        /// The account that the reports are for; empty is the only one.
        account: String = String::new();
        /// Add the domains that reports are about.
        add_domains: bool = false;
        /// How often to look, seconds.
        poll_seconds: u64 = 30;
    }

    /// A folder that files with reports are put into. Each one is an entry like this.
    folder: Folder {
        /// What it is called in the log, in /readyz and in /metrics; no two feeds have the same name.
        name: String = String::new();
        /// The folder. Files are taken when they have not changed from one look to the next, and moved to done or failed
        /// in it; names that begin with a dot are passed over.
        path: PathBuf = PathBuf::new();
        /// The account that the reports are for; empty is the only one.
        account: String = String::new();
        /// Add the domains that reports are about.
        add_domains: bool = false;
        /// How often to look, seconds.
        poll_seconds: u64 = 10;
    }
}

/// How the connection to an IMAP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImapTls {
    /// From the first byte.
    Tls,
    /// By STARTTLS before anything is said.
    Starttls,
    /// Not at all.
    Plain,
}

/// How a user signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImapAuth {
    /// LOGIN.
    Login,
    /// SASL PLAIN.
    Plain,
    /// Google's and Microsoft's own.
    Xoauth2,
    /// RFC 7628.
    Oauthbearer,
}

/// What a token is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OauthGrant {
    /// The program's own secret.
    ClientCredentials,
    /// What a person has granted it.
    RefreshToken,
}

/// A list's entry that cannot be used: which, counted from 0, and why.
pub(super) struct BadEntry {
    pub list: &'static str,
    pub nth: usize,
    pub message: String,
}

/// An entry, and what it has to do with others.
struct Feed<'c> {
    list: &'static str,
    nth: usize,
    name: &'c str,
    place: Place,
    /// Where mail is moved to.
    targets: Vec<Place>,
    complaint: Option<String>,
}

impl Config {
    /// Says what of the lists cannot be used, and where.
    pub(super) fn check_lists(&self) -> Result<(), BadEntry> {
        let mut feeds: Vec<Feed<'_>> = Vec::new();
        for (nth, one) in self.imap.iter().enumerate() {
            let targets = one.targets().filter(|(_, folder)| !folder.is_empty());
            feeds.push(Feed {
                list: "imap",
                nth,
                name: &one.name,
                place: one.place(&one.folder),
                targets: targets.map(|(_, folder)| one.place(folder)).collect(),
                complaint: one.complaint(),
            });
        }
        for (nth, one) in self.maildir.iter().enumerate() {
            let targets = [&one.processed, &one.failed];
            let targets = targets.into_iter().filter(|path| !path.as_os_str().is_empty());
            feeds.push(Feed {
                list: "maildir",
                nth,
                name: &one.name,
                place: Place::maildir(&one.path),
                targets: targets.map(|path| Place::maildir(path)).collect(),
                complaint: one.complaint(),
            });
        }
        for (nth, one) in self.folder.iter().enumerate() {
            feeds.push(Feed {
                list: "folder",
                nth,
                name: &one.name,
                place: Place::folder(&one.path),
                targets: Vec::new(),
                complaint: needs_path(&one.path),
            });
        }
        for (nth, feed) in feeds.iter().enumerate() {
            if let Some(message) = feed.trouble(&feeds[..nth]) {
                let Feed { list, nth, .. } = *feed;
                return Err(BadEntry { list, nth, message });
            }
        }
        Ok(())
    }
}

impl Feed<'_> {
    /// What is wrong with it by itself, or beside those before it.
    fn trouble(&self, before: &[Self]) -> Option<String> {
        let Self { list, name, place, .. } = self;
        if name.is_empty() {
            return Some(format!("each [[{list}]] needs a name"));
        }
        if before.iter().any(|other| other.name == *name) {
            return Some(format!("there is another feed named {name}"));
        }
        if let Some(complaint) = &self.complaint {
            return Some(format!("{name}: {complaint}"));
        }
        for other in before {
            // Nothing would be counted twice, but both would move each mail, and some servers then have two of it.
            if other.place.is_same(place) {
                return Some(format!("{name}: {} reads {place} already", other.name));
            }
            if let Some(how) = place.overlaps(&other.place) {
                return Some(format!(
                    "{name}: {place} {how} {}, which {} reads",
                    other.place, other.name
                ));
            }
        }
        self.circle(before)
    }

    /// Whether mail that this feed moves comes back to it by way of others.
    fn circle(&self, others: &[Self]) -> Option<String> {
        let mut reached: Vec<&Place> = self.targets.iter().collect();
        let mut via = vec![false; others.len()];
        while let Some(place) = reached.pop() {
            if place.is_same(&self.place) {
                let others = others.iter().zip(&via).filter(|(_, is_via)| **is_via);
                let names: Vec<_> = others.map(|(other, _)| other.name).collect();
                let names = names.join(", ");
                return Some(format!("{}: mail would go in a circle, by way of {names}", self.name));
            }
            for (other, is_via) in others.iter().zip(&mut via) {
                if !*is_via && other.place.is_same(place) {
                    *is_via = true;
                    reached.extend(&other.targets);
                }
            }
        }
        None
    }
}

fn needs_path(path: &Path) -> Option<String> {
    path.as_os_str().is_empty().then(|| "path is missing".to_owned())
}

impl Maildir {
    fn complaint(&self) -> Option<String> {
        if let Some(complaint) = needs_path(&self.path) {
            return Some(complaint);
        }
        let place = Place::maildir(&self.path);
        let targets = [("processed", &self.processed), ("failed", &self.failed)];
        let same = targets.into_iter().find(|(_, path)| {
            let target = Place::maildir(path);
            !path.as_os_str().is_empty() && (target.is_same(&place) || target.is_part_of(&place))
        });
        same.map(|(key, path)| {
            format!(
                "mail cannot go to the Maildir that it is read from: {key} is {}",
                path.display()
            )
        })
    }
}

impl Imap {
    /// A folder of it.
    fn place(&self, folder: &str) -> Place {
        let port = match (self.port, self.tls) {
            (0, ImapTls::Tls) => Port::Usual(993),
            (0, ImapTls::Starttls | ImapTls::Plain) => Port::Usual(143),
            (port, _) => Port::Given(port),
        };
        Place::imap(&self.host, port, &self.user, folder)
    }

    /// The settings that name where mail goes, with what they say.
    fn targets(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("processed_folder", self.processed_folder.as_str()),
            ("failed_folder", self.failed_folder.as_str()),
            ("other_folder", self.other_folder.as_str()),
        ]
        .into_iter()
    }

    fn complaint(&self) -> Option<String> {
        let missing = |key: &str| Some(format!("{key} is missing"));
        let folders = [&self.processed_folder, &self.failed_folder, &self.other_folder];
        let texts = [&self.host, &self.user, &self.folder, folders[0], folders[1], folders[2]];
        if self.host.is_empty() {
            return missing("host");
        }
        if self.user.is_empty() {
            return missing("user");
        }
        if self.folder.is_empty() {
            return missing("folder");
        }
        if texts.iter().any(|text| text.chars().any(char::is_control)) {
            return Some("a name must not contain a line break or another control character".to_owned());
        }
        let is_read = |folder: &str| places::folder_key(folder) == places::folder_key(&self.folder);
        if let Some((key, folder)) = self.targets().find(|(_, folder)| is_read(folder)) {
            return Some(format!(
                "mail cannot go to the folder that it is read from: {key} is {folder:?}"
            ));
        }
        if !self.since.is_empty() && self.since_day().is_none() {
            return Some(format!("since is a day such as \"2026-01-31\", not {:?}", self.since));
        }
        match self.auth {
            ImapAuth::Login | ImapAuth::Plain if self.password_file.as_os_str().is_empty() => missing("password_file"),
            ImapAuth::Login | ImapAuth::Plain => None,
            ImapAuth::Xoauth2 | ImapAuth::Oauthbearer => self.oauth_complaint(),
        }
    }

    fn oauth_complaint(&self) -> Option<String> {
        let missing = |key: &str| Some(format!("{key} is missing"));
        if self.tls == ImapTls::Plain {
            return Some("a token is sent over TLS only: tls must not be \"plain\"".to_owned());
        }
        if !self.oauth_token_url.starts_with("https://") {
            return Some("oauth_token_url must begin with https://".to_owned());
        }
        if self.oauth_client_id.is_empty() {
            return missing("oauth_client_id");
        }
        match self.oauth_grant {
            OauthGrant::ClientCredentials if self.oauth_client_secret_file.as_os_str().is_empty() => {
                missing("oauth_client_secret_file")
            }
            OauthGrant::RefreshToken if self.oauth_refresh_token_file.as_os_str().is_empty() => {
                missing("oauth_refresh_token_file")
            }
            _ => None,
        }
    }

    /// The day of `since`; `None` if it is empty or no day.
    pub fn since_day(&self) -> Option<Day> {
        let date = self.since.parse::<toml::value::Datetime>().ok()?;
        let (date, None) = (date.date?, date.time) else {
            return None;
        };
        Day::from_date(date.year.into(), date.month.into(), date.day.into())
    }
}
