//! `tallymark attention`: what needs a person, in one domain or in all domains of an account.

use std::io::Write;
use std::process::ExitCode;

use super::Context;
use super::context::{account, domain};
use super::text::{Printed, count, escape, write_object};
use crate::api::{Attention, AttentionItem, AttentionTotals};
use crate::app::App;
use crate::base::clock::format_instant;
use crate::base::{Day, SetAsideKind};
use crate::insight::{Findings, attention, attention_stretches};
use crate::store::{Account, Domain};

/// List what needs attention, by the messages concerned, and what to do about it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark attention
  tallymark attention example.com --json | jq -r '.items[].action'

The 20 most important findings of each kind are listed. What was snoozed is left out.
Exit code 0: nothing needs attention. Exit code 1: something does.")]
pub struct Args {
    /// The domain [default: all domains of the account].
    domain: Option<String>,
    /// Account of the domains; needed if there are several.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    printed: Printed,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let tables = crate::app::tables(&context.config)?;
    let app = context.open_existing().await?;
    let account = account(&app.store, args.account.as_deref()).await?;
    let only = match &args.domain {
        Some(name) => Some(domain(&app.store, &account, name).await?),
        None => None,
    };
    let now = app.clock.now();
    let today = Day::from_unix(now.div_euclid(1_000));
    // What is in quarantine belongs to no domain.
    let quarantined = match only {
        Some(_) => 0,
        None => app.store.set_aside_total(account.id, SetAsideKind::Quarantined).await?,
    };
    let domains = domains(&app, &account, only).await?;
    let mut totals = app
        .store
        .totals_of_account(account.id, attention_stretches(today))
        .await?;
    let domains = domains.into_iter().map(|domain| {
        let totals = totals.remove(&domain.id).unwrap_or_default();
        (domain, totals)
    });
    let found = attention(&app.store, domains.collect(), quarantined, now, &tables).await?;
    app.close().await;
    let found = Attention {
        found_at: format_instant(now),
        items: found.most_important().iter().map(AttentionItem::from).collect(),
        totals: AttentionTotals::from(&found as &Findings),
        pagination: None,
    };
    match args.printed.json {
        true => write_object(&found, out)?,
        false => print(&found, out)?,
    }
    Ok(match found.items.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn domains(app: &App, account: &Account, only: Option<Domain>) -> anyhow::Result<Vec<Domain>> {
    match only {
        Some(domain) => Ok(vec![domain]),
        None => Ok(app.store.domains(account.id).await?),
    }
}

fn print(found: &Attention, out: &mut dyn Write) -> anyhow::Result<()> {
    if found.items.is_empty() {
        writeln!(out, "Nothing needs attention.")?;
    }
    for item in &found.items {
        if let Some(domain) = &item.domain {
            write!(out, "{}: ", escape(domain))?;
        }
        writeln!(out, "{}", escape(&item.reason))?;
        writeln!(out, "  > {}", item.action)?;
    }
    let AttentionTotals {
        to_fix,
        failing_sources,
        records_missing,
        reporter_silent,
        ..
    } = found.totals;
    let quarantined = u64::from(found.totals.quarantined > 0);
    let held = found.items.iter().filter(|item| item.kind == "reports_held").count() as u64;
    let all = to_fix + failing_sources + records_missing + reporter_silent + quarantined + held;
    let more = all.saturating_sub(found.items.len() as u64);
    if more > 0 {
        writeln!(out, "and {} more; the page and /attention?kind= list them", count(more))?;
    }
    Ok(())
}
