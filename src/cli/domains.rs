//! `tallymark domains`: whose reports are counted.

use std::io::Write;
use std::process::ExitCode;

use super::Context;
use super::context::{account, account_or_first, domain, domain_name};
use super::text::{Align, Table, counted};
use crate::app::App;
use crate::clock;
use crate::domains::rua_address;
use crate::store::{Account, StoreError};

/// Add, list and remove the domains whose reports are counted.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add a domain; reports about it that came before are counted then.
    #[command(after_help = "\
Example:
  tallymark domains add example.com

Prints the address that the domain's _dmarc record must list. Reports about subdomains belong to the
closest domain that was added.")]
    Add {
        /// The domain, as in example.com; umlauts and other scripts are welcome.
        name: String,
        /// The account it is for; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// List the domains.
    List {
        /// Only those of this account.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// Print a domain's private DKIM key as PEM (PKCS #8), for the mail server that signs with it.
    #[command(after_help = "\
Example:
  umask 077; tallymark domains dkim-key example.com > example.com.pem

The selector and the public half are in the domain's DNS records. A domain that has no key gets one.")]
    DkimKey {
        /// The domain, or its id (dom_...).
        domain: String,
        /// The account it is in; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// Encrypt all private DKIM keys anew, after another key was put first among the master keys.
    Reseal,
    /// Remove a domain with all its reports. It cannot be undone.
    #[command(after_help = "Example:\n  tallymark domains remove example.com --yes")]
    Remove {
        /// The domain.
        name: String,
        /// The account it is in; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Do it; without this it only says what would go.
        #[arg(long)]
        yes: bool,
    },
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Add { name, account } => add(context, &name, account.as_deref(), out).await,
        Command::List { account } => list(context, account.as_deref(), out).await,
        Command::DkimKey { domain, account } => dkim_key(context, &domain, account.as_deref(), out).await,
        Command::Reseal => {
            let app = context.open_existing().await?;
            let done = app.domains.reseal().await?;
            writeln!(out, "{} encrypted anew", counted(done, "key is", "keys are"))?;
            app.close().await;
            Ok(ExitCode::SUCCESS)
        }
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
    let domain = match app.add_domain(&account, name.clone()).await {
        Err(StoreError::Exists(_)) => anyhow::bail!("account {} has {name} already", account.name),
        domain => domain?,
    };
    let claimed = app.intake.claim(account.id, domain.id).await?;
    writeln!(out, "{name} is there, in account {}.", account.name)?;
    if claimed > 0 {
        let reports = counted(
            claimed,
            "report that was unclaimed is",
            "reports that were unclaimed are",
        );
        writeln!(out, "{reports} counted now.")?;
    }
    let address = rua_address(&domain, &app.names());
    writeln!(out, "Its _dmarc record must list: rua=mailto:{address}")?;
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn list(context: Context, in_account: Option<&str>, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let columns = ["domain", "status", "account", "id", "report address", "since"];
    let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
    for account in accounts(&app, in_account).await? {
        for domain in app.store.domains(account.id).await? {
            let address = rua_address(&domain, &app.names());
            table.row([
                domain.name.to_string(),
                domain.status.word().to_owned(),
                account.name.clone(),
                domain.public_id,
                address,
                clock::format_instant(domain.created_at),
            ]);
        }
    }
    write!(out, "{table}")?;
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn dkim_key(
    context: Context,
    id_or_name: &str,
    in_account: Option<&str>,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let account = account(&app.store, in_account).await?;
    let domain = match app.store.domain(account.id, id_or_name).await? {
        Some(domain) => domain,
        None => domain(&app.store, &account, id_or_name).await?,
    };
    write!(out, "{}", app.domains.private_key(&domain).await?)?;
    app.close().await;
    Ok(ExitCode::SUCCESS)
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
            writeln!(
                out,
                "{} of account {} has {reports}; they go with it, for ever.",
                domain.name, account.name
            )?;
            writeln!(out, "To do it: tallymark domains remove {} --yes", domain.name)?;
            ExitCode::FAILURE
        }
        Step::Do => {
            app.store
                .remove_domain(account.id, &domain.public_id, app.clock.now())
                .await?;
            writeln!(out, "{} is removed, with all its reports", domain.name)?;
            ExitCode::SUCCESS
        }
    };
    app.close().await;
    Ok(code)
}

const ONE_ROW: crate::store::Page = crate::store::Page { page: 1, per_page: 1 };

async fn accounts(app: &App, name: Option<&str>) -> anyhow::Result<Vec<Account>> {
    match name {
        None => Ok(app.store.accounts().await?),
        Some(_) => Ok(vec![account(&app.store, name).await?]),
    }
}
