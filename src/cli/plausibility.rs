//! `tallymark plausibility`: which reporters contradict their own evidence.

use std::io::Write;
use std::process::ExitCode;

use super::Context;
use super::asked::{Asked, Opened};
use super::text::{Align, Table, count, escape};
use crate::api::PlausibilityBody;
use crate::base::text::write_json;
use crate::insight::{Plausibility, plausibility};

/// Show which reporters contradict their own evidence.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark plausibility example.com
  tallymark plausibility example.com --days 90 --json

What a reporter says of each record is compared with what follows from the results and the policy in its own report. \
docs/plausibility.md explains the kinds of contradictions.")]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Print one JSON object, as the API answers.
    #[arg(long)]
    json: bool,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let Opened { app, domain, range, .. } = args.asked.open(context).await?;
    let found = plausibility(&app.store, &domain, range).await?;
    app.close().await;
    if args.json {
        write_json(&PlausibilityBody::from((&domain, &found)), out)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&found, out)?;
    Ok(ExitCode::SUCCESS)
}

fn print(found: &Plausibility, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", escape(&found.says))?;
    let mut table = Table::new(&[
        ("figures", Align::Left),
        ("messages", Align::Right),
        ("pass", Align::Right),
        ("pass by evidence", Align::Right),
    ]);
    for (what, figures) in [
        ("all", &found.all),
        ("without reporters that contradict themselves", &found.plausible),
        ("authenticated reports only", &found.authenticated),
    ] {
        let cells = [figures.messages, figures.pass, figures.pass_by_evidence].map(count);
        let [messages, pass, by_evidence] = cells;
        table.row([what.to_owned(), messages, pass, by_evidence]);
    }
    write!(out, "{table}")?;
    for one in &found.reporters {
        let name = one.reporter.as_deref().unwrap_or("(without a name)");
        writeln!(out, "{}: {}", escape(name), escape(&one.says))?;
    }
    let more = found.total - found.reporters.len();
    if more > 0 {
        writeln!(out, "and {more} more reporters")?;
    }
    Ok(())
}
