//! The mailboxes, Maildirs and folders of the settings: made ready, started, stopped.

use anyhow::{Context as _, anyhow, bail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::domain_options::random;
use super::{App, Unnamed, add_default_account, feed_events, options, unnamed_account};
use crate::config::{Config, FeedEntry, Folder, Gmail, Graph, Maildir, S3};
use crate::feeds::gmail::GmailMailbox;
use crate::feeds::graph::GraphMailbox;
use crate::feeds::imap::{ImapSettings, Mailbox};
use crate::feeds::reading::{Feed, FeedSettings, Feeds};
use crate::health::Health;
use crate::ingest::Belonging;
use crate::jobs::{Leases, Pace};
use crate::store::{Location, Store};

/// Feeds that are being read.
pub(super) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// Tells of their state.
    telling: JoinHandle<()>,
}

impl Running {
    /// Stops reading; what was handed in is not lost.
    pub async fn stop(self) {
        self.stop.cancel();
        self.telling.abort();
        if self.task.await.is_err() {
            tracing::error!("reading feeds failed while it was stopping");
        }
    }
}

impl App {
    /// Starts to read all feeds of the settings.
    ///
    /// # Errors
    /// If one is for an account that is not there.
    pub(super) async fn start_feeds(&self, health: &Health) -> anyhow::Result<Running> {
        let feeds = self.feeds().await?;
        let accounts = feeds
            .iter()
            .map(|(feed, _)| (feed.name.clone(), feed.belonging.account()));
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let telling = feed_events::keep_telling(accounts.collect(), health.clone(), store, clock);
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
        Ok(Running {
            stop,
            task,
            telling: tokio::spawn(telling),
        })
    }

    async fn feeds(&self) -> anyhow::Result<Vec<(FeedSettings, Box<dyn Feed>)>> {
        let mut feeds: Vec<(FeedSettings, Box<dyn Feed>)> = Vec::new();
        for imap in &self.config.imap {
            let mailbox = ImapSettings {
                since: imap.since_day(),
                ..imap.mailbox.clone()
            };
            feeds.push((self.feed(&imap.entry).await?, Box::new(Mailbox::new(mailbox))));
        }
        for Graph { entry, mailbox } in &self.config.graph {
            feeds.push((self.feed(entry).await?, Box::new(GraphMailbox::new(mailbox.clone()))));
        }
        for Gmail { entry, mailbox } in &self.config.gmail {
            feeds.push((self.feed(entry).await?, Box::new(GmailMailbox::new(mailbox.clone()))));
        }
        for S3 { entry, bucket } in &self.config.s3 {
            feeds.push((self.feed(entry).await?, Box::new(bucket.clone())));
        }
        for Maildir { entry, maildir } in &self.config.maildir {
            feeds.push((self.feed(entry).await?, Box::new(maildir.clone())));
        }
        for Folder { entry, folder } in &self.config.folder {
            feeds.push((self.feed(entry).await?, Box::new(folder.clone())));
        }
        Ok(feeds)
    }

    async fn feed(&self, entry: &FeedEntry) -> anyhow::Result<FeedSettings> {
        let FeedEntry { name, account, .. } = entry;
        let account = self.account(account).await.with_context(|| format!("feed {name}"))?;
        Ok(FeedSettings {
            name: name.clone(),
            belonging: match entry.add_domains {
                true => Belonging::AddDomains(account),
                false => Belonging::Account(account),
            },
            poll: entry.poll,
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
