//! What the commands share: the settings, the clock, the database, and finding an account or a domain by name.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};

use super::advice;
use crate::app::{self, App, DEMO_ACCOUNT, Unnamed, add_default_account, unnamed_account};
use crate::base::DomainName;
use crate::base::clock::{self, Clock};
use crate::config::Config;
use crate::store::{Account, Domain, Location, Store};

/// Accounts that a question names.
const NAMED_MAX: usize = 10;

/// A database that is only looked at.
#[derive(Debug)]
pub(crate) enum Looked {
    Whole(Box<App>),
    /// It has lost its log.
    Behind(Store, Clock),
}

impl Looked {
    pub fn parts(&self) -> (&Store, &Clock) {
        match self {
            Self::Whole(app) => (&app.store, &app.clock),
            Self::Behind(store, clock) => (store, clock),
        }
    }

    pub async fn close(self) {
        match self {
            Self::Whole(app) => app.close().await,
            Self::Behind(store, _) => store.close().await,
        }
    }
}

/// Settings and clock of this run.
#[derive(Debug)]
pub(crate) struct Context {
    pub config: Config,
    pub clock: Clock,
    /// Whether the command line named the folder of the database.
    pub data_was_given: bool,
}

impl Context {
    /// Reads the settings; `data` from the command line wins.
    pub fn load(config: Option<&Path>, data: Option<PathBuf>) -> anyhow::Result<Self> {
        let mut config = Config::load(config)?;
        let data_was_given = data.is_some();
        if let Some(data) = data {
            config.database.dir = data;
            config.database.url.clear();
        }
        Ok(Self {
            config,
            clock: Clock::system(),
            data_was_given,
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
        // Every command waits for it, and it holds all settings.
        let app = Box::pin(App::open(self.config, self.clock)).await?;
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
        self.existing()?;
        self.open().await
    }

    /// The database of an installation that must be there, to be looked at: also one that has lost its log.
    pub async fn open_to_look(self) -> anyhow::Result<Looked> {
        let location = self.existing()?;
        let refused = |error| app::not_opened(&location, error);
        if !Store::is_behind(&location).map_err(refused)? {
            return Ok(Looked::Whole(Box::new(self.open().await?)));
        }
        let opened = Box::pin(Store::open_to_look(location.clone(), self.config.database.connections)).await;
        Ok(Looked::Behind(opened.map_err(refused)?, self.clock))
    }

    fn existing(&self) -> anyhow::Result<Location> {
        let location = app::database(&self.config)?;
        if let Location::File(path) = &location
            && !app::is_there(path)?
        {
            bail!(
                "there is no database at {}: import reports first (`{}`), or say where it is with --data DIR",
                path.display(),
                advice::command("import PATH")
            );
        }
        Ok(location)
    }
}

/// The account called `name`; without a name the only one there is, or the one called `default`. That of the demo is
/// meant without a name only if there is no other.
pub(crate) async fn account(store: &Store, name: Option<&str>) -> anyhow::Result<Account> {
    if let Some(name) = name {
        return named(store, name).await;
    }
    match unnamed_account(store).await? {
        Unnamed::One(account) => Ok(account),
        Unnamed::Several(accounts) => Err(which(&accounts)),
        Unnamed::Missing => match store.account_by_name(DEMO_ACCOUNT).await? {
            Some(demo) => Ok(demo),
            None => bail!(
                "there is no account yet: make one with `{}`",
                advice::command("accounts add NAME")
            ),
        },
    }
}

/// As [`account`], for what adds something: an installation without any account gets one, and the demo's is never meant
/// without its name.
pub(crate) async fn account_or_first(store: &Store, clock: &Clock, name: Option<&str>) -> anyhow::Result<Account> {
    if let Some(name) = name {
        return named(store, name).await;
    }
    match unnamed_account(store).await? {
        Unnamed::One(account) => Ok(account),
        Unnamed::Several(accounts) => Err(which(&accounts)),
        Unnamed::Missing => Ok(add_default_account(store, clock).await?),
    }
}

async fn named(store: &Store, name: &str) -> anyhow::Result<Account> {
    store.account_by_name(name).await?.ok_or_else(|| {
        let advice = match advice::is_account_name(name) {
            true => format!("make one with `{}`", advice::command(&format!("accounts add {name}"))),
            false => format!("`{}` shows all", advice::command("accounts list")),
        };
        anyhow!("no account named {name}: {advice}")
    })
}

fn which(accounts: &[Account]) -> anyhow::Error {
    let names: Vec<_> = accounts.iter().take(NAMED_MAX).map(|account| &*account.name).collect();
    let more = match accounts.len() - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    anyhow!(
        "which account? Say --account NAME; there are {}{more}",
        names.join(", ")
    )
}

/// The account's domain with this name.
pub(crate) async fn domain(store: &Store, account: &Account, name: &str) -> anyhow::Result<Domain> {
    let parsed = domain_name(name)?;
    store.domain_by_name(account.id, &parsed).await?.ok_or_else(|| {
        anyhow!(
            "account {} has no domain {parsed}: `{}` shows all",
            account.name,
            advice::command("domains list")
        )
    })
}

/// A domain name from the command line.
pub(crate) fn domain_name(text: &str) -> anyhow::Result<DomainName> {
    DomainName::parse(text).map_err(|error| anyhow!("{text} is not a domain that can be added: {error}"))
}
