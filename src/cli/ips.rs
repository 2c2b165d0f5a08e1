//! `tallymark ips`: addresses that one account alone sends from.

use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use serde_json::json;

use super::context::account_or_first;
use super::text::{Align, Printed, Table, write_object};
use super::{Context, advice};
use crate::app::App;
use crate::store::StoreError;

/// Allocate dedicated addresses to accounts, which assign them to their domains.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Allocate an address to an account.
    #[command(after_help = "Example:\n  tallymark ips add 192.0.2.1 --account acme")]
    Add {
        /// IPv4 or IPv6.
        address: IpAddr,
        /// The account that may use it; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// List the addresses, with their accounts and the number of domains that send from them.
    List {
        #[command(flatten)]
        printed: Printed,
    },
    /// Remove an address from its account. Domains that sent from it use the shared addresses again.
    #[command(after_help = "Example:\n  tallymark ips remove 192.0.2.1")]
    Remove {
        /// IPv4 or IPv6.
        address: IpAddr,
    },
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = match command {
        Command::Add { .. } => context.open().await?,
        Command::List { .. } | Command::Remove { .. } => context.open_existing().await?,
    };
    match command {
        Command::Add { address, account } => add(&app, address, account.as_deref(), out).await?,
        Command::List { printed } => list(&app, printed, out).await?,
        Command::Remove { address } => {
            let removed = app.store.remove_ip(address, app.clock.now()).await?;
            anyhow::ensure!(
                removed,
                "{address} is not allocated: `{}` shows all",
                advice::command("ips list")
            );
            writeln!(out, "{address} is no longer allocated.")?;
        }
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn add(app: &App, address: IpAddr, in_account: Option<&str>, out: &mut dyn Write) -> anyhow::Result<()> {
    let account = account_or_first(&app.store, &app.clock, in_account).await?;
    let ip = match app.store.add_ip(account.id, address, app.clock.now()).await {
        Err(StoreError::Exists(_)) => {
            anyhow::bail!(
                "{address} is allocated already: `{}` says to whom",
                advice::command("ips list")
            )
        }
        ip => ip?,
    };
    writeln!(out, "{} is number {}, for account {}.", ip.address, ip.id, account.name)?;
    Ok(())
}

async fn list(app: &App, printed: Printed, out: &mut dyn Write) -> anyhow::Result<()> {
    let accounts = app.store.accounts().await?;
    let name_of = |id| {
        accounts
            .iter()
            .find(|account| account.id == id)
            .map(|account| account.name.as_str())
    };
    let ips = app.store.ips().await?;
    if printed.json {
        let rows = ips.iter().map(|(ip, domains)| {
            json!({
                "id": ip.id.0,
                "address": ip.address,
                "account": name_of(ip.account),
                "domains": domains,
            })
        });
        write_object(&json!({ "ips": rows.collect::<Vec<_>>() }), out)?;
        return Ok(());
    }
    let mut table = Table::new(&[
        ("id", Align::Right),
        ("address", Align::Left),
        ("account", Align::Left),
        ("domains", Align::Right),
    ]);
    for (ip, domains) in ips {
        table.row([
            ip.id.to_string(),
            ip.address.to_string(),
            name_of(ip.account).unwrap_or_default().to_owned(),
            domains.to_string(),
        ]);
    }
    write!(out, "{table}")?;
    Ok(())
}
