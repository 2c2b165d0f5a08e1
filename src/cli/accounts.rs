//! `tallymark accounts`: the tenants of this installation.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::Context;
use super::advice;
use super::text::{Align, Printed, Table, write_object};
use crate::base::{Mode, clock};
use crate::store::StoreError;

/// Add and list accounts: each has its own domains, keys and reports.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add an account.
    #[command(after_help = "Example:\n  tallymark accounts add acme && tallymark keys create --account acme")]
    Add {
        /// Name of the account. Only this command line uses it.
        name: String,
        /// Make it a test account, whose keys begin with sk_test_.
        #[arg(long)]
        test: bool,
    },
    /// List the accounts.
    List {
        #[command(flatten)]
        printed: Printed,
    },
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Add { name, test } => add(context, &name, if test { Mode::Test } else { Mode::Live }, out).await,
        Command::List { printed } => list(context, printed, out).await,
    }
}

async fn add(context: Context, name: &str, mode: Mode, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    if !advice::is_account_name(name) {
        anyhow::bail!("an account's name has 1 to 64 letters, digits, and - _ . @, and begins with none of - . @");
    }
    let app = context.open().await?;
    match app.store.add_account(name, mode, app.clock.now()).await {
        Ok(account) => writeln!(
            out,
            "account {} is there; its first key: `{}`",
            account.name,
            advice::command(&format!("keys create --account {}", account.name))
        )?,
        Err(StoreError::Exists(_)) => {
            anyhow::bail!(
                "there is an account {name} already: `{}` shows all",
                advice::command("accounts list")
            )
        }
        Err(error) => return Err(error.into()),
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn list(context: Context, printed: Printed, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let mut rows = Vec::new();
    for account in app.store.accounts().await? {
        let domains = app.store.domains(account.id).await?.len();
        rows.push((account, domains));
    }
    app.close().await;
    if printed.json {
        let rows = rows.iter().map(|(account, domains)| {
            json!({
                "name": account.name,
                "mode": account.mode.word(),
                "domains": domains,
                "created_at": clock::format_instant(account.created_at),
            })
        });
        write_object(&json!({ "accounts": rows.collect::<Vec<_>>() }), out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("mode", Align::Left),
        ("domains", Align::Right),
        ("since", Align::Left),
    ]);
    for (account, domains) in rows {
        table.row([
            account.name,
            account.mode.word().to_owned(),
            domains.to_string(),
            clock::format_instant(account.created_at),
        ]);
    }
    write!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}
