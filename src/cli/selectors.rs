//! `tallymark selectors`: which DKIM selectors of a domain sign, fail, pause and have ended.

use std::io::Write;
use std::process::ExitCode;

use super::Context;
use super::context::{account, domain};
use super::text::{Align, Table, count, escape};
use crate::api::SelectorList;
use crate::base::Day;
use crate::base::text::write_json;
use crate::insight::{Selectors, selectors};

/// Show which DKIM selectors sign, and which are no longer used.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark selectors example.com
  tallymark selectors example.com --json

The signatures of the last 400 days are looked at, and DNS is asked which keys it still has. docs/insight.md has the rules.")]
pub struct Args {
    /// The domain.
    domain: String,
    /// Account of the domain; needed if there are several.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Print one JSON object, as the API answers.
    #[arg(long)]
    json: bool,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let account = account(&app.store, args.account.as_deref()).await?;
    let domain = domain(&app.store, &account, &args.domain).await?;
    let today = Day::from_unix(app.clock.now().div_euclid(1_000));
    let found = selectors(&app.store, &domain, today).await?;
    let keys = app.domains.selector_keys(&found.key_names()).await;
    let found = found.with_keys(&keys);
    app.close().await;
    if args.json {
        write_json(&SelectorList::from(&found), out)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&found, out)?;
    Ok(ExitCode::SUCCESS)
}

fn print(found: &Selectors, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(until) = found.known_until else {
        writeln!(out, "No report is known.")?;
        return Ok(());
    };
    writeln!(out, "Reports are known up to {until}.")?;
    let mut table = Table::new(&[
        ("selector", Align::Left),
        ("domain", Align::Left),
        ("standing", Align::Left),
        ("key", Align::Left),
        ("pass", Align::Right),
        ("fail", Align::Right),
        ("last seen", Align::Left),
    ]);
    for one in &found.rows {
        table.row([
            one.selector.clone(),
            one.domain.clone(),
            one.standing.word().to_owned(),
            one.key.word().to_owned(),
            count(one.pass),
            count(one.fail),
            one.last_seen.to_string(),
        ]);
    }
    if !table.is_empty() {
        write!(out, "{table}")?;
    }
    for one in &found.rows {
        writeln!(
            out,
            "{} of {}: {}",
            escape(&one.selector),
            escape(&one.domain),
            escape(&one.says)
        )?;
    }
    let more = found.total - found.rows.len();
    if more > 0 {
        writeln!(out, "and {more} more selectors")?;
    }
    Ok(())
}
