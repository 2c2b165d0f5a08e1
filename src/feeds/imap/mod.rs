//! Mailboxes over IMAP.
//!
//! `wire` reads answers within limits, `answer` parses them, `client` sends commands, and `round` handles the
//! messages of a folder. This file has the life of a connection.

mod answer;
mod client;
mod names;
mod returned;
mod round;
mod wire;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use self::client::{Access, Client, ClientError};
use self::returned::Returned;
use self::wire::WireError;
use super::oauth::{self, OauthSettings, Token};
use super::outcome::{Contents, Failure};
use super::put_off::PutOff;
use super::reading::{Feed, Reading};
use crate::base::Day;
use crate::health::Trouble;
use crate::outbound::{self, Connector, Protection, TlsError};

/// Interval for re-issuing IDLE. Servers and middleboxes drop connections that stay quiet for longer (RFC 2177: 29
/// minutes; Google and many routers: 10).
const IDLE_MAX: Duration = Duration::from_secs(9 * 60);

/// A mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImapSettings {
    pub host: String,
    /// Port; 0: the default of the protocol ([`Self::port`]).
    pub port: u16,
    pub protection: Protection,
    /// File with trusted authorities (PEM); `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    pub user: String,
    pub sign_in: SignIn,
    /// A file with the password, for [`SignIn::Login`] and [`SignIn::Plain`].
    pub password_file: PathBuf,
    /// Settings for sign-in with a token.
    pub oauth: OauthSettings,
    pub folder: String,
    /// First day; older mail is skipped.
    pub since: Option<Day>,
    /// Folder for mail whose reports are stored; `None`: mail stays in place.
    pub processed: Option<String>,
    pub failed: Option<String>,
    pub other: Option<String>,
}

impl Default for ImapSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 0,
            protection: Protection::Tls,
            ca_file: None,
            user: String::new(),
            sign_in: SignIn::Login,
            password_file: PathBuf::new(),
            oauth: OauthSettings::default(),
            folder: "INBOX".to_owned(),
            since: None,
            processed: None,
            failed: None,
            other: None,
        }
    }
}

impl ImapSettings {
    /// The port to connect to. Default: 993 with TLS from the first byte, otherwise 143.
    pub fn port(&self) -> u16 {
        match (self.port, self.protection) {
            (0, Protection::Tls) => 993,
            (0, Protection::StartTls | Protection::None) => 143,
            (port, _) => port,
        }
    }
}

/// How the user signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignIn {
    /// LOGIN, with a password.
    Login,
    /// SASL PLAIN, with a password.
    Plain,
    /// Google's and Microsoft's own, with a token.
    Xoauth2,
    /// RFC 7628, with a token.
    Oauthbearer,
}

/// The way to sign in, with the secret itself.
enum Authentication<'s> {
    Login(&'s str),
    Plain(&'s str),
    Xoauth2(&'s str),
    Oauthbearer(&'s str),
}

/// A mailbox that is read.
pub(crate) struct Mailbox {
    settings: ImapSettings,
    /// Mails that were moved and came back, over all connections.
    returned: Mutex<Returned>,
    /// Mails over whose move the server closes the connection, by UIDVALIDITY and UID.
    put_off: PutOff,
}

impl Mailbox {
    /// A mailbox that has not been read yet.
    pub fn new(settings: ImapSettings) -> Self {
        Self {
            settings,
            returned: Mutex::default(),
            put_off: PutOff::default(),
        }
    }

    fn returned(&self) -> MutexGuard<'_, Returned> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed for Mailbox {
    fn place(&self) -> String {
        let ImapSettings { user, host, folder, .. } = &self.settings;
        format!("imap:{user}@{host}/{folder}")
    }

    fn contents(&self) -> Contents {
        Contents::Mail
    }

    fn read<'a>(&'a self, reading: &'a Arc<Reading>) -> BoxFuture<'a, Result<(), Failure>> {
        read(reading, self).boxed()
    }
}

/// Reads a mailbox until something fails, or until a new token is due (`Ok`).
async fn read(reading: &Arc<Reading>, mailbox: &Mailbox) -> Result<(), Failure> {
    let settings = &mailbox.settings;
    let clock = &reading.clock();
    let connector = outbound::connector(settings.ca_file.as_deref()).map_err(ClientError::from)?;
    let token = token(reading, settings, &connector).await?;
    let mut client = Client::connect(&settings.host, settings.port(), settings.protection, &connector).await?;
    sign_in(settings, token.as_ref(), &mut client).await?;
    let due_at = token.map(|token| token.due_at);
    loop {
        let begun_at = clock.monotonic();
        let folder = client.open(&settings.folder, access(settings)).await?;
        round::round(reading, mailbox, &mut client, folder).await?;
        reading.say_put_off(mailbox.put_off.count());
        // One successful read does not prove that the connection lasts.
        reading.was_read();
        loop {
            let now = clock.monotonic();
            if due_at.is_some_and(|due_at| now >= due_at) {
                client.leave().await;
                return Ok(());
            }
            let passed = now.saturating_sub(begun_at);
            let Some(left) = reading.settings.poll.checked_sub(passed).filter(|left| !left.is_zero()) else {
                reading.progressed();
                break;
            };
            let until_due = due_at.map_or(IDLE_MAX, |due_at| due_at.saturating_sub(now));
            if client.wait(left.min(IDLE_MAX).min(until_due), &reading.stop).await? {
                break;
            }
            if reading.stop.is_cancelled() {
                client.leave().await;
                return Ok(());
            }
            reading.progressed();
        }
    }
}

/// A folder that no mail is moved out of is opened read-only, so that nothing in it changes, not even which mail is recent.
fn access(settings: &ImapSettings) -> Access {
    let moves = [&settings.processed, &settings.failed, &settings.other];
    match moves.iter().all(|folder| folder.is_none()) {
        true => Access::Read,
        false => Access::Change,
    }
}

async fn token(reading: &Reading, settings: &ImapSettings, connector: &Connector) -> Result<Option<Token>, Failure> {
    match settings.sign_in {
        SignIn::Login | SignIn::Plain => Ok(None),
        SignIn::Xoauth2 | SignIn::Oauthbearer => {
            let token = oauth::token(reading.clock(), &settings.oauth, connector).await?;
            Ok(Some(token))
        }
    }
}

async fn sign_in(settings: &ImapSettings, token: Option<&Token>, client: &mut Client) -> Result<(), Failure> {
    let token = token.map(|token| token.secret.as_str()).unwrap_or_default();
    let password;
    let how = match settings.sign_in {
        SignIn::Login => {
            password = oauth::secret(&settings.password_file)?;
            Authentication::Login(&password)
        }
        SignIn::Plain => {
            password = oauth::secret(&settings.password_file)?;
            Authentication::Plain(&password)
        }
        SignIn::Xoauth2 => Authentication::Xoauth2(token),
        SignIn::Oauthbearer => Authentication::Oauthbearer(token),
    };
    Ok(client.sign_in(&settings.user, &how).await?)
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let trouble = match &error {
            ClientError::Tls(TlsError::Authorities { .. }) => Trouble::Secret,
            ClientError::Tls(_) | ClientError::NoStartTls => Trouble::Tls,
            ClientError::Connect(_) | ClientError::Bye(_) => Trouble::Unreachable,
            ClientError::Wire(WireError::Closed | WireError::Io(_)) => Trouble::Unreachable,
            ClientError::Wire(WireError::Silent(_)) | ClientError::Slow(_) => Trouble::Silent,
            ClientError::Wire(_) | ClientError::Injected | ClientError::TooMany(_) | ClientError::NoUid(_) => {
                Trouble::Answer
            }
            ClientError::Login(_) => Trouble::LoginRefused,
            ClientError::Folder { .. } | ClientError::Refused { .. } => Trouble::FolderRefused,
        };
        Self::new(trouble, error)
    }
}
