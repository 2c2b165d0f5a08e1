//! `tallymark keys`: who may use the API.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde_json::json;

use super::context::{account, account_or_first, domain_name};
use super::text::{Align, Printed, Table, write_object};
use super::{Context, advice};
use crate::app::App;
use crate::base::{KeyId, Permission, clock};
use crate::store::{Account, ApiKey, Domain, Store};

/// Create, list and revoke API keys.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create a key and print it once. Only its hash is stored.
    #[command(after_help = "\
Examples:
  tallymark keys create
  tallymark keys create --name dashboard --permission read-only --domain example.com
  KEY=$(tallymark keys create --quiet)")]
    Create {
        /// Account of the domain; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Purpose of the key, in your words.
        #[arg(long, default_value = "command line")]
        name: String,
        /// What the key permits.
        #[arg(long, value_enum, default_value_t = Allowed::FullAccess)]
        permission: Allowed,
        /// The only domain that the key can access [default: all].
        #[arg(long)]
        domain: Option<String>,
        /// Print the key and nothing else.
        #[arg(long, short)]
        quiet: bool,
    },
    /// List the keys, without their secrets.
    List {
        /// The account; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        #[command(flatten)]
        printed: Printed,
    },
    /// Revoke a key: from now on it is refused.
    #[command(after_help = "Example:\n  tallymark keys revoke 3       (numbers as `tallymark keys list` shows them)")]
    Revoke {
        /// Number of the key, or its first characters as `keys list` shows them.
        key: String,
        /// The account; needed if there are several.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
}

/// A [`Permission`] as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Allowed {
    /// Everything.
    FullAccess,
    /// Reading.
    ReadOnly,
    /// Nothing about domains and reports.
    SendingAccess,
    /// Handing in reports at POST /reports.
    Submit,
}

impl From<Allowed> for Permission {
    fn from(allowed: Allowed) -> Self {
        match allowed {
            Allowed::FullAccess => Self::FullAccess,
            Allowed::ReadOnly => Self::ReadOnly,
            Allowed::SendingAccess => Self::SendingAccess,
            Allowed::Submit => Self::Submit,
        }
    }
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create {
            account: in_account,
            name,
            permission,
            domain: for_domain,
            quiet,
        } => {
            let app = context.open().await?;
            let account = account_or_first(&app.store, &app.clock, in_account.as_deref()).await?;
            let domain = match for_domain {
                None => None,
                Some(name) => Some(domain_to_add(&app.store, &account, &name).await?.id),
            };
            let (secret, key) = app.add_key(&account, &name, permission.into(), domain).await?;
            if quiet {
                writeln!(out, "{}", secret.reveal())?;
            } else {
                writeln!(out, "{}", secret.reveal())?;
                writeln!(
                    out,
                    "Key {} of account {}; it is not shown again.",
                    key.id, account.name
                )?;
                writeln!(out, "Use it as:  Authorization: Bearer {}", secret.reveal())?;
                writeln!(out, "{}", next_step(&app, permission))?;
            }
            app.close().await;
        }
        Command::List {
            account: in_account,
            printed,
        } => list(context, in_account.as_deref(), printed, out).await?,
        Command::Revoke { key, account } => revoke(context, &key, account.as_deref(), out).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the key is of use: at the page, or for handing in reports.
fn next_step(app: &App, permission: Allowed) -> String {
    let page = match app.config.notify.channels.page.as_deref() {
        Some(page) => page.to_owned(),
        None => {
            let mut listen = app.config.http.listen;
            if listen.ip().is_unspecified() {
                listen.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            format!("http://{listen}/")
        }
    };
    match permission {
        Allowed::FullAccess | Allowed::ReadOnly => {
            let serve = advice::command("serve");
            format!("Sign in with it at {page} while `{serve}` runs.")
        }
        Allowed::Submit => "Programs hand in reports with it at POST /reports; docs/push.md has examples.".to_owned(),
        Allowed::SendingAccess => "It permits nothing about domains and reports.".to_owned(),
    }
}

/// The domain that a key is made for; one that is missing may be meant to be added.
async fn domain_to_add(store: &Store, account: &Account, name: &str) -> anyhow::Result<Domain> {
    let parsed = domain_name(name)?;
    let domain = store.domain_by_name(account.id, &parsed).await?;
    domain.with_context(|| {
        let add = advice::command(&format!("domains add {parsed}"));
        format!("account {} has no domain {parsed}: add it with `{add}`", account.name)
    })
}

async fn list(context: Context, in_account: Option<&str>, printed: Printed, out: &mut dyn Write) -> anyhow::Result<()> {
    let app = context.open_existing().await?;
    let account = account(&app.store, in_account).await?;
    let domains = app.store.domains(account.id).await?;
    let keys = app.store.keys(account.id).await?;
    app.close().await;
    if printed.json {
        let rows = keys.iter().map(|key| row_json(key, &domains));
        write_object(&json!({ "keys": rows.collect::<Vec<_>>() }), out)?;
        return Ok(());
    }
    let columns = [
        "no",
        "key",
        "name",
        "permission",
        "domain",
        "created",
        "last used",
        "revoked",
    ];
    let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
    let instant = |at: Option<_>| at.map_or_else(|| "-".to_owned(), clock::format_instant);
    for key in keys {
        let domain = key.domain.and_then(|id| domains.iter().find(|domain| domain.id == id));
        table.row([
            key.id.to_string(),
            format!("{}...", key.prefix),
            key.name,
            key.permission.word().to_owned(),
            domain.map_or_else(|| "all".to_owned(), |domain| domain.name.to_string()),
            clock::format_instant(key.created_at),
            instant(key.last_used_at),
            instant(key.revoked_at),
        ]);
    }
    write!(out, "{table}")?;
    Ok(())
}

fn row_json(key: &ApiKey, domains: &[Domain]) -> serde_json::Value {
    let domain = key.domain.and_then(|id| domains.iter().find(|domain| domain.id == id));
    json!({
        "id": key.id.0,
        "key_prefix": key.prefix,
        "name": key.name,
        "permission": key.permission.word(),
        "domain": domain.map(|domain| domain.name.to_string()),
        "created_at": clock::format_instant(key.created_at),
        "last_used_at": key.last_used_at.map(clock::format_instant),
        "revoked_at": key.revoked_at.map(clock::format_instant),
    })
}

async fn revoke(context: Context, text: &str, in_account: Option<&str>, out: &mut dyn Write) -> anyhow::Result<()> {
    let app = context.open_existing().await?;
    let account = account(&app.store, in_account).await?;
    let prefix = text.trim_end_matches('.');
    let keys = app.store.keys(account.id).await?;
    let id = match text.parse() {
        Ok(number) => KeyId(number),
        Err(_) => {
            let mut matching = keys
                .iter()
                .filter(|key| key.prefix == prefix && key.revoked_at.is_none());
            match (matching.next(), matching.next()) {
                (Some(key), None) => key.id,
                (Some(_), Some(_)) => {
                    bail!(
                        "several keys begin with {prefix}: give the number from `{}`",
                        advice::command("keys list")
                    )
                }
                (None, _) => bail!(
                    "no key in use begins with {prefix}: `{}` shows all",
                    advice::command("keys list")
                ),
            }
        }
    };
    if !app.store.revoke_key(account.id, id, app.clock.now()).await? {
        bail!(
            "account {} has no key {id} in use: `{}` shows all",
            account.name,
            advice::command("keys list")
        );
    }
    writeln!(out, "key {id} is revoked")?;
    app.close().await;
    Ok(())
}
