//! Settings that there are several of: each `[[imap]]` in the file is one mailbox, and so on. They are set in the file
//! only. Passwords and the like are never in it: the settings name files that hold them.

use std::time::Duration;

use serde::Serialize;

use super::described::Described;
use super::units::{OptionalPath, OptionalText, Seconds};
use crate::base::Day;
use crate::feeds::gmail::GmailSettings;
use crate::feeds::graph::GraphSettings;
use crate::feeds::imap::ImapSettings;
use crate::feeds::maildir::MaildirSettings;
use crate::feeds::s3::S3Settings;
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

/// An entry of `[[graph]]`.
#[derive(Debug, Clone)]
pub struct Graph {
    pub entry: FeedEntry,
    pub mailbox: GraphSettings,
}

/// An entry of `[[gmail]]`.
#[derive(Debug, Clone)]
pub struct Gmail {
    pub entry: FeedEntry,
    pub mailbox: GmailSettings,
}

/// An entry of `[[s3]]`.
#[derive(Debug, Clone)]
pub struct S3 {
    pub entry: FeedEntry,
    pub bucket: S3Settings,
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

impl Default for Graph {
    fn default() -> Self {
        Self {
            entry: FeedEntry::new(60),
            mailbox: GraphSettings::default(),
        }
    }
}

impl Default for Gmail {
    fn default() -> Self {
        Self {
            entry: FeedEntry::new(60),
            mailbox: GmailSettings::default(),
        }
    }
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            entry: FeedEntry::new(60),
            bucket: S3Settings::default(),
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
        ("graph".to_owned(), table(defaults(Graph::default()))),
        ("gmail".to_owned(), table(defaults(Gmail::default()))),
        ("s3".to_owned(), table(defaults(S3::default()))),
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
        /// Name in the log, in /readyz and in /metrics. No two feeds have the same name.
        name => entry.name;
        /// Hostname of the server.
        host => mailbox.host;
        /// Port of the server. 0: 993 with "tls", otherwise 143.
        port => mailbox.port;
        /// Encryption: "tls" from the first byte, "starttls", or "plain", which shows the password to anyone on the way.
        tls => mailbox.protection;
        /// Certificates (PEM) of trusted authorities, for the server and the token server. Empty: those of the system.
        ca_file => mailbox.ca_file as OptionalPath;
        /// User name of the mailbox.
        user => mailbox.user;
        /// How the user signs in: "login" or "plain" with a password, "xoauth2" or "oauthbearer" with a token.
        auth => mailbox.sign_in;
        /// File with the password and nothing else.
        password_file => mailbox.password_file;
        /// URL of the token server, https://...
        oauth_token_url => mailbox.oauth.token_url;
        /// OAuth grant: "client_credentials" or "refresh_token".
        oauth_grant => mailbox.oauth.grant;
        /// OAuth client id of this program.
        oauth_client_id => mailbox.oauth.client_id;
        /// File with the client secret. Empty: none.
        oauth_client_secret_file => mailbox.oauth.client_secret_file as OptionalPath;
        /// File with the refresh token. A new token from the server is written to it.
        oauth_refresh_token_file => mailbox.oauth.refresh_token_file;
        /// OAuth scope of the token.
        oauth_scope => mailbox.oauth.scope;
        /// The folder to read.
        folder => mailbox.folder;
        /// First day to read, as in "2026-01-31", by the day on which the server received the mail. Empty: all.
        since => since;
        /// Folder for mail whose reports are in the database; created if missing. Empty: mail stays in place.
        processed_folder => mailbox.processed as OptionalText;
        /// Folder for mail that cannot be read or fetched; created if missing. Empty: mail stays in place.
        failed_folder => mailbox.failed as OptionalText;
        /// Folder for mail without a report. Empty: such mail is not touched.
        other_folder => mailbox.other as OptionalText;
        /// Account of the reports. Empty: the only account.
        account => entry.account;
        /// Add the domains that reports are about.
        add_domains => entry.add_domains;
        /// Interval between two looks, seconds, even if the server announces nothing.
        poll_seconds => entry.poll as Seconds;
    }

    /// A mailbox of Microsoft 365 that reports are sent to, read over Microsoft Graph. Each one is an entry like this.
    graph: Graph {
        /// Name in the log, in /readyz and in /metrics. No two feeds have the same name.
        name => entry.name;
        /// Address or id of the mailbox.
        user => mailbox.user;
        /// URL of the API, https://..., up to its version.
        api_url => mailbox.api.url;
        /// Certificates (PEM) of trusted authorities, for the API and the token server. Empty: those of the system.
        ca_file => mailbox.api.ca_file as OptionalPath;
        /// URL of the token server, https://...
        oauth_token_url => mailbox.api.oauth.token_url;
        /// OAuth grant: "client_credentials" or "refresh_token".
        oauth_grant => mailbox.api.oauth.grant;
        /// OAuth client id of this program.
        oauth_client_id => mailbox.api.oauth.client_id;
        /// File with the client secret. Empty: none.
        oauth_client_secret_file => mailbox.api.oauth.client_secret_file as OptionalPath;
        /// File with the refresh token. A new token from the server is written to it.
        oauth_refresh_token_file => mailbox.api.oauth.refresh_token_file;
        /// OAuth scope of the token.
        oauth_scope => mailbox.api.oauth.scope;
        /// The folder to read: names with slashes between them. The first may be "inbox", in every language.
        folder => mailbox.folder;
        /// Folder for mail whose reports are in the database; created if missing. Empty: mail stays in place.
        processed_folder => mailbox.processed as OptionalText;
        /// Folder for mail that cannot be read or fetched; created if missing. Empty: mail stays in place.
        failed_folder => mailbox.failed as OptionalText;
        /// Account of the reports. Empty: the only account.
        account => entry.account;
        /// Add the domains that reports are about.
        add_domains => entry.add_domains;
        /// Interval between two looks, seconds.
        poll_seconds => entry.poll as Seconds;
    }

    /// A Google mailbox that reports are sent to, read over the Gmail API. Each one is an entry like this.
    gmail: Gmail {
        /// Name in the log, in /readyz and in /metrics. No two feeds have the same name.
        name => entry.name;
        /// Address of the mailbox, or "me": the one that the token is for.
        user => mailbox.user;
        /// URL of the API, https://..., up to its version.
        api_url => mailbox.api.url;
        /// Certificates (PEM) of trusted authorities, for the API and the token server. Empty: those of the system.
        ca_file => mailbox.api.ca_file as OptionalPath;
        /// URL of the token server, https://...
        oauth_token_url => mailbox.api.oauth.token_url;
        /// OAuth grant: "client_credentials" or "refresh_token".
        oauth_grant => mailbox.api.oauth.grant;
        /// OAuth client id of this program.
        oauth_client_id => mailbox.api.oauth.client_id;
        /// File with the client secret. Empty: none.
        oauth_client_secret_file => mailbox.api.oauth.client_secret_file as OptionalPath;
        /// File with the refresh token. A new token from the server is written to it.
        oauth_refresh_token_file => mailbox.api.oauth.refresh_token_file;
        /// OAuth scope of the token.
        oauth_scope => mailbox.api.oauth.scope;
        /// The label whose mail is read.
        label => mailbox.label;
        /// Label for mail whose reports are in the database, instead of label; created if missing. Empty: mail keeps label.
        processed_label => mailbox.processed as OptionalText;
        /// Label for mail that cannot be read or fetched, instead of label; created if missing. Empty: mail keeps label.
        failed_label => mailbox.failed as OptionalText;
        /// Account of the reports. Empty: the only account.
        account => entry.account;
        /// Add the domains that reports are about.
        add_domains => entry.add_domains;
        /// Interval between two looks, seconds.
        poll_seconds => entry.poll as Seconds;
    }

    /// A bucket of object storage (S3 API) that mail or reports are put into, as Amazon SES does. Each one is an entry like
    /// this.
    s3: S3 {
        /// Name in the log, in /readyz and in /metrics. No two feeds have the same name.
        name => entry.name;
        /// URL of the server without the bucket, https://...; http:// shows mail to anyone on the way.
        endpoint => bucket.endpoint;
        /// Certificates (PEM) of trusted authorities, for the server. Empty: those of the system.
        ca_file => bucket.ca_file as OptionalPath;
        /// The region that requests are signed for.
        region => bucket.region;
        /// The bucket.
        bucket => bucket.bucket;
        /// How the keys of the objects begin. Empty: all objects of the bucket are read.
        prefix => bucket.prefix;
        /// File with aws_access_key_id, aws_secret_access_key and, of keys that run out, aws_session_token, as in
        /// ~/.aws/credentials. It is read for each request.
        credentials_file => bucket.credentials_file;
        /// How the key of an object begins whose reports are in the database: it is moved there. Empty: it stays in place.
        processed_prefix => bucket.processed as OptionalText;
        /// How the key of an object begins that cannot be read: it is moved there. Empty: it stays in place.
        failed_prefix => bucket.failed as OptionalText;
        /// Tag for objects that stay in place, with the value "processed" or "failed". Empty: none.
        tag => bucket.tag as OptionalText;
        /// Account of the reports. Empty: the only account.
        account => entry.account;
        /// Add the domains that reports are about.
        add_domains => entry.add_domains;
        /// Interval between two looks, seconds.
        poll_seconds => entry.poll as Seconds;
    }

    /// A Maildir that reports are delivered to. Each one is an entry like this.
    maildir: Maildir {
        /// Name in the log, in /readyz and in /metrics. No two feeds have the same name.
        name => entry.name;
        /// Path of the Maildir, which contains new and cur.
        path => maildir.path;
        /// Maildir for mail whose reports are in the database; created if missing. Empty: mail stays in place and is
        /// marked as seen.
        processed => maildir.processed as OptionalPath;
        /// Maildir for mail that cannot be read; created if missing. Empty: mail stays in place and is marked as seen.
        failed => maildir.failed as OptionalPath;
        /// Account of the reports. Empty: the only account.
        account => entry.account;
        /// Add the domains that reports are about.
        add_domains => entry.add_domains;
        /// Interval between two looks, seconds.
        poll_seconds => entry.poll as Seconds;
    }

    /// A folder that files with reports are put into. Each one is an entry like this.
    folder: Folder {
        /// Name in the log, in /readyz and in /metrics. No two feeds have the same name.
        name => entry.name;
        /// Path of the folder. A file is read once it has not changed between two looks, and then moved to done or
        /// failed in the folder. Names that begin with a dot are ignored.
        path => folder.path;
        /// Account of the reports. Empty: the only account.
        account => entry.account;
        /// Add the domains that reports are about.
        add_domains => entry.add_domains;
        /// Interval between two looks, seconds.
        poll_seconds => entry.poll as Seconds;
    }
}
