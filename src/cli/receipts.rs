//! `tallymark receipts`: which reporters have seen a change work.

use std::io::Write;
use std::process::ExitCode;

use anyhow::anyhow;

use super::Context;
use super::context::{account, domain};
use super::text::escape;
use crate::api::ReceiptList;
use crate::base::clock::{format_instant, parse_instant};
use crate::base::text::write_json;
use crate::base::{Day, Millis};
use crate::insight::{Receipt, STATED_DAYS_MAX, changes, receipts};

/// Show which reporters have seen a change work, service by service.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark receipts example.com
  tallymark receipts example.com --at 2026-05-13T10:00:00Z --json

Changes are DNS records that a check found to be others, and decisions about senders. Only windows that begin after a change \
say something about it. docs/insight.md has the rules.")]
pub struct Args {
    /// The domain.
    domain: String,
    /// Account of the domain; needed if there are several.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// The instant of a change that is not known here [default: the newest ten changes of the last 90 days].
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
    /// Print one JSON object, as the API answers.
    #[arg(long)]
    json: bool,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let tables = crate::app::tables(&context.config)?;
    let app = context.open_existing().await?;
    let account = account(&app.store, args.account.as_deref()).await?;
    let domain = domain(&app.store, &account, &args.domain).await?;
    let now = app.clock.now();
    let stated = args.at.as_deref().map(|text| instant(text, now)).transpose()?;
    let changes = changes(&app.store, &domain, now, stated).await?;
    let today = Day::from_unix(now.div_euclid(1_000));
    let found = receipts((&app.store, &domain, &tables), today, changes).await?;
    app.close().await;
    if args.json {
        write_json(&ReceiptList::from(&*found), out)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        writeln!(
            out,
            "No change of the last 90 days is known. --at asks about another instant."
        )?;
    }
    for one in &found {
        print(one, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn instant(text: &str, now: Millis) -> anyhow::Result<Millis> {
    let ago = |at: &Millis| now.saturating_sub(*at);
    let at = parse_instant(text).filter(|at| (0..=STATED_DAYS_MAX * 86_400_000).contains(&ago(at)));
    at.ok_or_else(|| {
        anyhow!("--at must be an instant of the last {STATED_DAYS_MAX} days, such as 2026-05-13T10:00:00Z")
    })
}

fn print(one: &Receipt, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}: {}", format_instant(one.change.at), escape(&one.says))?;
    for service in &one.services {
        let name = service.service.as_deref().unwrap_or("(without a name)");
        writeln!(out, "  {}: {}", escape(name), escape(&service.says))?;
    }
    let more = one.total - one.services.len();
    if more > 0 {
        writeln!(out, "  and {more} more services")?;
    }
    Ok(())
}
