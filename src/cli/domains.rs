//! `tallymark domains`: whose reports are counted.

mod rotation;
mod shown;
mod tls_address;

use std::io::Write;
use std::process::ExitCode;

use super::context::{account, account_or_first, domain, domain_name};
use super::text::{Printed, counted};
use super::{Context, advice};
use crate::app::App;
use crate::base::{DomainName, Region, text};
use crate::domains::{DomainNames, Purpose, ServiceNames, conflicts, rua_address};
use crate::ingest::Claimed;
use crate::store::{Account, Domain, StoreError};

/// Add, list and remove the domains whose reports are counted.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add a domain, and count the reports about it that arrived before.
    #[command(after_help = "\
Example:
  tallymark domains add example.com

Prints the address that the domain's _dmarc record must list. `tallymark domains check` shows the whole record. \
Reports about subdomains belong to the closest domain that was added.")]
    Add {
        /// The domain, such as example.com, in any script.
        name: String,
        /// Account of the domain; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// List the domains.
    List {
        /// Only entries of this account.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        #[command(flatten)]
        printed: Printed,
    },
    /// Show a domain's settings, and its DNS records as they were at the last check.
    #[command(after_help = "\
Examples:
  tallymark domains show example.com
  tallymark domains show example.com --json | jq '.dns_records[] | select(.verified | not)'

No name server is asked. `tallymark domains check` asks them now.")]
    Show(Asked),
    /// Check a domain's DNS records now, and print the records to publish.
    #[command(
        visible_alias = "verify",
        after_help = "\
Examples:
  tallymark domains check example.com
  tallymark domains check example.com --json

A published record is offered again with the missing parts added. Where the published record could not be read, \
none is offered.
Exit code 0: the domain publishes all required records. Exit code 1: it does not."
    )]
    Check(Asked),
    /// Print a domain's private DKIM key as PEM (PKCS #8), for the mail server that signs with it.
    #[command(after_help = "\
Example:
  umask 077; tallymark domains dkim-key example.com > example.com.pem

The domain's DNS records contain the selector and the public key. A domain without a key gets one.
With --renew the domain gets another key under another selector, even if the private key is lost.")]
    DkimKey {
        /// The domain, or its id (dom_...).
        domain: String,
        /// Account of the domain; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Replace the key first.
        #[arg(long)]
        renew: bool,
    },
    /// Change a domain's DKIM key, or show how far the change is.
    #[command(after_help = "\
Examples:
  tallymark domains rotate-dkim example.com
  tallymark domains rotate-dkim example.com --activate
  tallymark domains rotate-dkim example.com --cancel

The key signs until the record of the next one was seen in DNS and has been there for domains.dkim_wait_hours. \
Then the next key signs, by itself or with --activate. The record of the key before must stay until this command says that \
no change is under way.
A mail server that signs with the exported key needs the next one then: tallymark domains dkim-key prints it.
Exit code 1: the next key could not be activated, and nothing changed.")]
    RotateDkim(rotation::Rotated),
    /// Make the address at which mail servers post TLS reports about a domain, and print the record to publish.
    #[command(after_help = "\
Examples:
  tallymark domains tls-address example.com
  tallymark domains tls-address example.com --remove

The address is shown once, and replaces an earlier one. Reports by mail need no such address.")]
    TlsAddress {
        /// The domain, or its id (dom_...).
        domain: String,
        /// Account of the domain; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Remove the address: posts to it are refused.
        #[arg(long)]
        remove: bool,
    },
    /// Encrypt all private DKIM keys with the first master key, after it was changed.
    Reseal,
    /// Remove a domain for good. Its reports move to the closest added domain above it, or are removed if there is none.
    #[command(after_help = "Example:\n  tallymark domains remove example.com --yes")]
    Remove {
        /// The domain.
        name: String,
        /// Account of the domain; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Remove the domain. Without this option, only show what would be removed.
        #[arg(long)]
        yes: bool,
    },
}

/// Which domain, and how it is printed.
#[derive(Debug, clap::Args)]
pub struct Asked {
    /// The domain, or its id (dom_...).
    domain: String,
    /// Account of the domain; needed if there are several.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    printed: Printed,
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Add { name, account } => add(context, &name, account.as_deref(), out).await,
        Command::List { account, printed } => shown::list(context, account.as_deref(), printed, out).await,
        Command::Show(asked) => shown::show(context, &asked, out).await,
        Command::Check(asked) => shown::check(context, &asked, out).await,
        Command::DkimKey { domain, account, renew } => {
            let key = if renew { Key::Renewed } else { Key::Present };
            dkim_key(context, &domain, account.as_deref(), key, out).await
        }
        Command::RotateDkim(rotated) => rotation::run(context, &rotated, out).await,
        Command::TlsAddress {
            domain,
            account,
            remove,
        } => {
            let step = if remove {
                tls_address::Step::Remove
            } else {
                tls_address::Step::Make
            };
            tls_address::run(context, &domain, account.as_deref(), step, out).await
        }
        Command::Reseal => reseal(context, out).await,
        Command::Remove { name, account, yes } => {
            let step = if yes { Step::Do } else { Step::Show };
            remove(context, &name, account.as_deref(), step, out).await
        }
    }
}

/// Whether a removal is done or only described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Do,
    Show,
}

async fn add(context: Context, name: &str, in_account: Option<&str>, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let name = domain_name(name)?;
    let app = context.open().await?;
    let account = account_or_first(&app.store, &app.clock, in_account).await?;
    let names = DomainNames {
        name: &name,
        region: Region::EuWest1,
        custom_return_path: None,
        tracking_domain: None,
    };
    let mut others = app
        .store
        .domains_at_names(account.id, [Some(&name), None, None])
        .await?;
    others.retain(|other| other.name != name);
    if let Some(conflict) = conflicts(names, &others, &app.names()).first() {
        anyhow::bail!("{name} cannot be added: a domain {}", conflict.says);
    }
    let domain = match app.add_domain(&account, name.clone()).await {
        Err(StoreError::Exists(_)) => anyhow::bail!("account {} has {name} already", account.name),
        domain => domain?,
    };
    let claimed = app.intake.claim(account.id, domain.id).await?;
    writeln!(out, "{name} is there, in account {}.", account.name)?;
    if let Some(said) = said_of(&claimed) {
        writeln!(out, "{said}")?;
    }
    match rua_address(&domain, &app.names()) {
        Some(address) => {
            writeln!(out, "Its _dmarc record must list: rua=mailto:{address}")?;
            writeln!(
                out,
                "What it publishes already must stay. To see the whole record: {}",
                advice::command(&format!("domains check {name}"))
            )?;
        }
        None => write_advice(&app.names(), out)?,
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

/// What the operator has to set before records can be offered.
fn write_advice(names: &ServiceNames, out: &mut dyn Write) -> std::io::Result<()> {
    names.advice().iter().try_for_each(|advice| writeln!(out, "{advice}"))
}

/// What became of the reports that were unclaimed until a domain was added.
fn said_of(claimed: &Claimed) -> Option<String> {
    let parts = [
        (
            claimed.counted,
            "report that was unclaimed is counted now",
            "reports that were unclaimed are counted now",
        ),
        (
            claimed.held,
            "is held until it is accepted (`tallymark reports list`)",
            "are held until they are accepted (`tallymark reports list`)",
        ),
        (
            claimed.conflicts,
            "contradicts another report and is kept beside it without being counted",
            "contradict other reports and are kept beside them without being counted",
        ),
        (
            claimed.duplicates,
            "was counted before and is not counted again",
            "were counted before and are not counted again",
        ),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, one, many)| counted(count, one, many)).collect();
    (!parts.is_empty()).then(|| format!("{}.", parts.join("; ")))
}

/// A domain's key as it is, or another in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Present,
    Renewed,
}

async fn dkim_key(
    context: Context,
    id_or_name: &str,
    in_account: Option<&str>,
    key: Key,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let domain = by_id_or_name(&app, id_or_name, in_account).await?;
    if key == Key::Renewed {
        app.domains.renew_key(&domain).await?;
    }
    write!(out, "{}", app.domains.private_key(&domain).await?)?;
    if key == Key::Renewed {
        let published = app.domains.published(&domain).await?;
        for record in published
            .records
            .iter()
            .filter(|record| record.purpose == Purpose::Dkim)
        {
            // Standard output is the key's alone.
            writeln!(
                std::io::stderr(),
                "{} has another key: publish {}, then let the mail server sign with this one",
                domain.name,
                record.name
            )?;
        }
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn reseal(context: Context, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let done = app.domains.reseal().await? + app.targets.reseal().await?;
    writeln!(out, "{} encrypted again", counted(done, "key is", "keys are"))?;
    let lost = app.domains.lost_keys().await?;
    if !lost.is_empty() {
        let count = counted(lost.len() as u64, "key is lost", "keys are lost");
        let more = if lost.len() > LOST_NAMED { ", ..." } else { "" };
        let named: Vec<&str> = lost.iter().take(LOST_NAMED).map(String::as_str).collect();
        writeln!(out, "{count}, of {}{more}", named.join(", "))?;
        writeln!(
            out,
            "To replace one: {}",
            advice::command("domains dkim-key --renew DOMAIN")
        )?;
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Domains that are named of those whose keys are lost.
const LOST_NAMED: usize = 20;

async fn by_id_or_name(app: &App, id_or_name: &str, in_account: Option<&str>) -> anyhow::Result<Domain> {
    let account = account(&app.store, in_account).await?;
    match app.store.domain(account.id, id_or_name).await? {
        Some(domain) => Ok(domain),
        None => domain(&app.store, &account, id_or_name).await,
    }
}

async fn remove(
    context: Context,
    name: &str,
    in_account: Option<&str>,
    step: Step,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let account = account(&app.store, in_account).await?;
    let domain = domain(&app.store, &account, name).await?;
    let code = match step {
        Step::Show => {
            let (_, reports) = app
                .store
                .reports(domain.id, &crate::store::ReportFilter::default(), ONE_ROW)
                .await?;
            let reports = counted(reports, "report", "reports");
            let name = &domain.name;
            write!(out, "{name} of account {} has {reports}; ", account.name)?;
            match above(&app, &account, &domain).await? {
                Some(above) => writeln!(out, "they move to {above}.")?,
                None => writeln!(out, "they go with it, for ever.")?,
            }
            let mut command = format!("domains remove {} --yes", domain.name);
            if let Some(account) = in_account.and_then(text::argument) {
                command += &format!(" --account {account}");
            }
            writeln!(out, "To do it: {}", advice::command(&command))?;
            ExitCode::FAILURE
        }
        Step::Do => {
            let above = above(&app, &account, &domain).await?;
            app.store
                .remove_domain(account.id, &domain.public_id, app.clock.now())
                .await?;
            match above {
                Some(above) => writeln!(out, "{} is removed; its reports are at {above} now", domain.name)?,
                None => writeln!(out, "{} is removed, with all its reports", domain.name)?,
            }
            ExitCode::SUCCESS
        }
    };
    app.close().await;
    Ok(code)
}

/// The closest domain above this one that the account has: its reports go there when it is removed.
async fn above(app: &App, account: &Account, domain: &Domain) -> anyhow::Result<Option<DomainName>> {
    for name in domain.name.ancestors() {
        let Ok(name) = DomainName::parse(name) else { continue };
        if app.store.domain_by_name(account.id, &name).await?.is_some() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

const ONE_ROW: crate::store::Page = crate::store::Page { page: 1, per_page: 1 };
