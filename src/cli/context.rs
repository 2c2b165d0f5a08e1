//! What the commands share: the settings, the clock, the database, and finding an account or a domain by name.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use crate::app::{self, App};
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::report::DomainName;
use crate::store::{Account, Domain, Location, Mode, Store};

/// The account that is made when nobody named one.
const DEFAULT_ACCOUNT: &str = "default";

/// Settings and clock of this run.
#[derive(Debug)]
pub(crate) struct Context {
    pub config: Config,
    pub clock: Clock,
}

impl Context {
    /// Reads the settings; `data` from the command line wins.
    pub fn load(config: Option<&Path>, data: Option<PathBuf>) -> anyhow::Result<Self> {
        let mut config = Config::load(config)?;
        if let Some(data) = data {
            config.database.dir = data;
            config.database.url.clear();
        }
        Ok(Self {
            config,
            clock: Clock::system(),
        })
    }

    /// The database and the intake, made if they are missing.
    ///
    /// # Errors
    /// Also where the machine's clock is not set: everything that is stored has its time.
    pub async fn open(self) -> anyhow::Result<App> {
        let now = self.clock.now();
        if !clock::is_set(now) {
            bail!(
                "the clock of this machine says {}: set it, and try again",
                clock::format_instant(now)
            );
        }
        let app = App::open(self.config, self.clock).await?;
        // `serve` has said it in its log.
        if let Some(trouble) = app.domains.key_trouble()
            && !tracing::dispatcher::has_been_set()
        {
            writeln!(std::io::stderr(), "warning: {trouble}")?;
        }
        Ok(app)
    }

    /// The database and the intake of an installation that must be there: asking an empty one about its reports
    /// is most often a wrong folder.
    pub async fn open_existing(self) -> anyhow::Result<App> {
        if let Location::File(path) = app::database(&self.config)?
            && !path.exists()
        {
            bail!(
                "there is no database at {}: import reports first (`tallymark import PATH`), \
                 or say where it is with --data DIR",
                path.display()
            );
        }
        self.open().await
    }
}

/// The account called `name`, or the only one there is, or the one called `default`.
pub(crate) async fn account(store: &Store, name: Option<&str>) -> anyhow::Result<Account> {
    if let Some(name) = name {
        return store
            .account_by_name(name)
            .await?
            .ok_or_else(|| anyhow!("no account named {name}: make one with `tallymark accounts add {name}`"));
    }
    let accounts = store.accounts().await?;
    match accounts.as_slice() {
        [] => bail!("there is no account yet: make one with `tallymark accounts add NAME`"),
        [only] => Ok(only.clone()),
        several => several
            .iter()
            .find(|account| account.name == DEFAULT_ACCOUNT)
            .cloned()
            .with_context(|| {
                let names: Vec<_> = several.iter().take(10).map(|account| account.name.as_str()).collect();
                format!("which account? Say --account NAME; there are {}", names.join(", "))
            }),
    }
}

/// As [`account`], but an installation without any account gets one.
pub(crate) async fn account_or_first(store: &Store, clock: &Clock, name: Option<&str>) -> anyhow::Result<Account> {
    if name.is_none() && store.accounts().await?.is_empty() {
        return Ok(store.add_account(DEFAULT_ACCOUNT, Mode::Live, clock.now()).await?);
    }
    account(store, name).await
}

/// The account's domain with this name.
pub(crate) async fn domain(store: &Store, account: &Account, name: &str) -> anyhow::Result<Domain> {
    let parsed = domain_name(name)?;
    store.domain_by_name(account.id, &parsed).await?.ok_or_else(|| {
        anyhow!(
            "account {} has no domain {parsed}: add it with `tallymark domains add {parsed}`",
            account.name
        )
    })
}

/// A domain name from the command line.
pub(crate) fn domain_name(text: &str) -> anyhow::Result<DomainName> {
    DomainName::parse(text).map_err(|error| anyhow!("{text} is not a domain that can be added: {error}"))
}
