//! The mailboxes, Maildirs and folders of the settings: made ready, started, stopped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{App, Unnamed, add_default_account, options, random, unnamed_account};
use crate::config::{Config, Imap, ImapAuth, ImapTls, OauthGrant};
use crate::feeds::feed::Feed;
use crate::feeds::imap::{Grant, ImapSettings, Mailbox, OauthSettings, Protection, SignIn};
use crate::feeds::maildir::MaildirSettings;
use crate::feeds::reading::{FeedSettings, Feeds};
use crate::feeds::watched::WatchedFolder;
use crate::health::Health;
use crate::ingest::Belonging;
use crate::jobs::{Leases, Pace};
use crate::store::{Location, Store};

/// Feeds that are being read.
pub(super) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Stops reading; what was handed in is not lost.
    pub async fn stop(self) {
        self.stop.cancel();
        if self.task.await.is_err() {
            tracing::error!("reading feeds broke down while it was stopping");
        }
    }
}

/// What every entry of the settings has, whatever kind of feed it is.
struct Entry<'c> {
    name: &'c str,
    account: &'c str,
    add_domains: bool,
    poll_seconds: u64,
}

macro_rules! entry {
    ($feed:expr) => {
        Entry {
            name: &$feed.name,
            account: &$feed.account,
            add_domains: $feed.add_domains,
            poll_seconds: $feed.poll_seconds,
        }
    };
}

impl App {
    /// Starts to read all feeds of the settings.
    ///
    /// # Errors
    /// If one is for an account that is not there.
    pub(super) async fn start_feeds(&self, health: &Health) -> anyhow::Result<Running> {
        let feeds = self.feeds().await?;
        let all = Feeds {
            intake: self.intake.clone(),
            leases: Leases {
                store: self.store.clone(),
                clock: self.clock.clone(),
                pace: Pace::default(),
                holder: holder(&self.config)?,
                random: || u64::from_ne_bytes(random()),
            },
            metrics: self.metrics.clone(),
            health: health.clone(),
            message_bytes_max: self.config.limits.message_bytes_max,
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(all.run(feeds, stop.clone()));
        Ok(Running { stop, task })
    }

    async fn feeds(&self) -> anyhow::Result<Vec<(FeedSettings, Box<dyn Feed>)>> {
        let mut feeds: Vec<(FeedSettings, Box<dyn Feed>)> = Vec::new();
        for imap in &self.config.imap {
            let settings = self.feed(entry!(imap));
            feeds.push((settings.await?, Box::new(Mailbox::new(imap_settings(imap)))));
        }
        for maildir in &self.config.maildir {
            let settings = self.feed(entry!(maildir));
            let maildir = MaildirSettings {
                path: maildir.path.clone(),
                processed: given(&maildir.processed),
                failed: given(&maildir.failed),
            };
            feeds.push((settings.await?, Box::new(maildir)));
        }
        for folder in &self.config.folder {
            let settings = self.feed(entry!(folder));
            let path = folder.path.clone();
            feeds.push((settings.await?, Box::new(WatchedFolder { path })));
        }
        Ok(feeds)
    }

    async fn feed(&self, entry: Entry<'_>) -> anyhow::Result<FeedSettings> {
        let Entry {
            name,
            account,
            add_domains,
            poll_seconds,
        } = entry;
        let account = self.account(account).await.with_context(|| format!("feed {name}"))?;
        Ok(FeedSettings {
            name: name.to_owned(),
            belonging: match add_domains {
                true => Belonging::AddDomains(account),
                false => Belonging::Account(account),
            },
            poll: Duration::from_secs(poll_seconds.max(1)),
        })
    }

    /// The account of that name; without a name the only one, which is made if there is none.
    async fn account(&self, name: &str) -> anyhow::Result<crate::base::AccountId> {
        let store: &Store = &self.store;
        if !name.is_empty() {
            let account = store.account_by_name(name).await?;
            let account = account.ok_or_else(|| {
                anyhow!("no account named {name}: add it with `tallymark accounts add`, or correct its settings")
            })?;
            return Ok(account.id);
        }
        match unnamed_account(store).await? {
            Unnamed::One(account) => Ok(account.id),
            Unnamed::Missing => Ok(add_default_account(store, &self.clock).await?.id),
            Unnamed::Several(_) => bail!("which account? There are several: set account in its settings"),
        }
    }
}

/// The name by which this node holds the leases of feeds. The only node of a database finds its own again after a crash and
/// need not wait until they run out.
fn holder(config: &Config) -> anyhow::Result<String> {
    Ok(match super::database(config)? {
        Location::File(_) => "the only node".to_owned(),
        Location::Server(_) => {
            let name = options::node_name(config);
            format!("{name} {:016x}", u64::from_ne_bytes(random()))
        }
    })
}

fn imap_settings(imap: &Imap) -> ImapSettings {
    let protection = match imap.tls {
        ImapTls::Tls => Protection::Tls,
        ImapTls::Starttls => Protection::StartTls,
        ImapTls::Plain => Protection::None,
    };
    let port = match (imap.port, protection) {
        (0, Protection::Tls) => 993,
        (0, Protection::StartTls | Protection::None) => 143,
        (port, _) => port,
    };
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    ImapSettings {
        host: imap.host.clone(),
        port,
        protection,
        ca_file: given(&imap.ca_file),
        user: imap.user.clone(),
        sign_in: match imap.auth {
            ImapAuth::Login => SignIn::Login(imap.password_file.clone()),
            ImapAuth::Plain => SignIn::Plain(imap.password_file.clone()),
            ImapAuth::Xoauth2 => SignIn::Xoauth2(oauth(imap)),
            ImapAuth::Oauthbearer => SignIn::Oauthbearer(oauth(imap)),
        },
        folder: imap.folder.clone(),
        since: imap.since_day(),
        processed: text(&imap.processed_folder),
        failed: text(&imap.failed_folder),
        other: text(&imap.other_folder),
    }
}

fn oauth(imap: &Imap) -> OauthSettings {
    OauthSettings {
        token_url: imap.oauth_token_url.clone(),
        grant: match imap.oauth_grant {
            OauthGrant::ClientCredentials => Grant::ClientCredentials,
            OauthGrant::RefreshToken => Grant::RefreshToken(imap.oauth_refresh_token_file.clone()),
        },
        client_id: imap.oauth_client_id.clone(),
        client_secret_file: given(&imap.oauth_client_secret_file),
        scope: imap.oauth_scope.clone(),
    }
}

/// `None` for an empty path.
fn given(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}
