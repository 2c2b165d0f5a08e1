//! Settings that there are several of: each `[[imap]]` in the file is one mailbox, and so on. They are set in the file
//! only. Passwords and the like are never in it: the settings name files that hold them.

use std::time::Duration;

use serde::Serialize;

use super::described::Described;
use super::units::{OptionalPath, OptionalText, Seconds};
use crate::base::Day;
use crate::feeds::imap::ImapSettings;
use crate::feeds::maildir::MaildirSettings;
use crate::feeds::watched::WatchedFolder;

/// What every feed has.
#[derive(Debug, Clone)]
pub struct FeedEntry {
    pub name: String,
    pub account: String,
    pub add_domains: bool,
    pub poll: Duration,
}

impl FeedEntry {
    fn new(poll_seconds: u64) -> Self {
        Self {
            name: String::new(),
            account: String::new(),
            add_domains: false,
            poll: Duration::from_secs(poll_seconds),
        }
    }
}

/// An entry of `[[imap]]`.
#[derive(Debug, Clone)]
pub struct Imap {
    pub entry: FeedEntry,
    /// Without its first day.
    pub mailbox: ImapSettings,
    pub since: String,
}

/// An entry of `[[maildir]]`.
#[derive(Debug, Clone)]
pub struct Maildir {
    pub entry: FeedEntry,
    pub maildir: MaildirSettings,
}

/// An entry of `[[folder]]`.
#[derive(Debug, Clone)]
pub struct Folder {
    pub entry: FeedEntry,
    pub folder: WatchedFolder,
}

impl Default for Imap {
    fn default() -> Self {
        Self {
            entry: FeedEntry::new(300),
            mailbox: ImapSettings::default(),
            since: String::new(),
        }
    }
}

impl Default for Maildir {
    fn default() -> Self {
        Self {
            entry: FeedEntry::new(30),
            maildir: MaildirSettings::default(),
        }
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self {
            entry: FeedEntry::new(10),
            folder: WatchedFolder::default(),
        }
    }
}

impl Imap {
    /// The day of `since`; `None` if it is empty or no day.
    pub fn since_day(&self) -> Option<Day> {
        let date = self.since.parse::<toml::value::Datetime>().ok()?;
        let (date, None) = (date.date?, date.time) else {
            return None;
        };
        Day::from_date(date.year.into(), date.month.into(), date.day.into())
    }
}

/// The settings of an entry that says nothing, by list.
pub(super) fn default_entries() -> toml::Table {
    let table = |entry| toml::Value::Table(entry);
    toml::Table::from_iter([
        ("imap".to_owned(), table(defaults(Imap::default()))),
        ("maildir".to_owned(), table(defaults(Maildir::default()))),
        ("folder".to_owned(), table(defaults(Folder::default()))),
    ])
}

fn defaults(entry: impl Serialize) -> toml::Table {
    toml::Table::try_from(entry).expect("numbers, texts and enums are TOML values")
}

settings! { LISTS:
    /// A mailbox that reports are sent to, read over IMAP. Each one is an entry like this.
    imap: Imap {
        /// What it is called in the log, in /readyz and in /metrics; no two feeds have the same name.
        name => entry.name;
        /// The server.
        host => mailbox.host;
        /// Its port; 0 is 993 with "tls", and 143 otherwise.
        port => mailbox.port;
        /// "tls" from the first byte, "starttls", or "plain", which shows the password to anyone on the way.
        tls => mailbox.protection;
        /// Certificates (PEM) of the authorities that the server and the token server are trusted by; empty is the
        /// system's own.
        ca_file => mailbox.ca_file as OptionalPath;
        /// Whose mailbox.
        user => mailbox.user;
        /// How the user signs in: "login" or "plain" with a password, "xoauth2" or "oauthbearer" with a token.
        auth => mailbox.sign_in;
        /// A file that holds the password, and nothing else.
        password_file => mailbox.password_file;
        /// Where tokens are asked for, https://...
        oauth_token_url => mailbox.oauth.token_url;
        /// What they are asked for with: "client_credentials" or "refresh_token".
        oauth_grant => mailbox.oauth.grant;
        /// The name that this program is registered by.
        oauth_client_id => mailbox.oauth.client_id;
        /// A file that holds its secret; empty where there is none.
        oauth_client_secret_file => mailbox.oauth.client_secret_file as OptionalPath;
        /// A file that holds the refresh token. If the server gives another one it is written there.
        oauth_refresh_token_file => mailbox.oauth.refresh_token_file;
        /// What the token is to be good for.
        oauth_scope => mailbox.oauth.scope;
        /// The folder to read.
        folder => mailbox.folder;
        /// The first day to read, as in "2026-01-31", by the day on which the server got the mail; empty is all.
        since => since;
        /// Where mail goes when its reports are in the database, made if it is missing; empty leaves it where it is.
        processed_folder => mailbox.processed as OptionalText;
        /// Folder for mail that cannot be read or fetched; created if missing. Empty: mail stays in place.
        failed_folder => mailbox.failed as OptionalText;
        /// Where mail goes that holds no report; empty never touches it.
        other_folder => mailbox.other as OptionalText;
        /// The account that the reports are for; empty is the only one.
        account => entry.account;
        /// Add the domains that reports are about.
        add_domains => entry.add_domains;
        /// How often to look, seconds, also if the server has said nothing.
        poll_seconds => entry.poll as Seconds;
    }

    /// A Maildir that reports are delivered to. Each one is an entry like this.
    maildir: Maildir {
        /// What it is called in the log, in /readyz and in /metrics; no two feeds have the same name.
        name => entry.name;
        /// The Maildir, with new and cur in it.
        path => maildir.path;
        /// The Maildir that mail goes to when its reports are in the database, made if it is missing; empty marks it as
        /// seen where it is.
        processed => maildir.processed as OptionalPath;
        /// The Maildir that mail goes to that cannot be read, made if it is missing; empty marks it as seen where it is.
        failed => maildir.failed as OptionalPath;
        /// The account that the reports are for; empty is the only one.
        account => entry.account;
        /// Add the domains that reports are about.
        add_domains => entry.add_domains;
        /// How often to look, seconds.
        poll_seconds => entry.poll as Seconds;
    }

    /// A folder that files with reports are put into. Each one is an entry like this.
    folder: Folder {
        /// What it is called in the log, in /readyz and in /metrics; no two feeds have the same name.
        name => entry.name;
        /// The folder. Files are taken when they have not changed from one look to the next, and moved to done or failed
        /// in it; names that begin with a dot are passed over.
        path => folder.path;
        /// The account that the reports are for; empty is the only one.
        account => entry.account;
        /// Add the domains that reports are about.
        add_domains => entry.add_domains;
        /// How often to look, seconds.
        poll_seconds => entry.poll as Seconds;
    }
}
