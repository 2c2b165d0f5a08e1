//! `tallymark spf`: which terms of a domain's SPF record its mail needs.

use std::io::Write;
use std::process::ExitCode;

use super::Context;
use super::asked::{Asked, Opened};
use super::text::{Align, Table, count, escape};
use crate::api::SpfUsageBody;
use crate::base::text::write_json;
use crate::domains::PublishedSpf;
use crate::insight::{SpfUsage, spf_usage};

/// Show which terms of the SPF record messages need.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark spf example.com --days 90
  tallymark spf example.com --days 90 --json
  tallymark simulate example.com --spf \"v=spf1 include:_spf.example.net -all\"

DNS is asked for the record and for all that it refers to. Every message whose MAIL FROM is the domain is given to the term \
that matches its address. The last example tries out another record, by service. Nothing is changed.")]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Print one JSON object, as the API answers.
    #[arg(long)]
    json: bool,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let Opened {
        app,
        domain,
        range,
        now,
    } = args.asked.open(context).await?;
    let published = app.domains.published_spf(&domain.name).await;
    let found = spf_usage(&app.store, &domain, (range, now), published).await?;
    app.close().await;
    if args.json {
        write_json(&SpfUsageBody::from(&found), out)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&found, out)?;
    Ok(ExitCode::SUCCESS)
}

fn print(found: &SpfUsage, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", escape(&found.says))?;
    if let PublishedSpf::Record { text, .. } | PublishedSpf::Faulty { text, .. } = &found.spf {
        writeln!(out, "{}", escape(text))?;
    }
    let mut table = Table::new(&[
        ("term", Align::Left),
        ("messages", Align::Right),
        ("last day", Align::Left),
        ("lookups", Align::Right),
        ("would lose", Align::Right),
        ("standing", Align::Left),
    ]);
    for one in &found.terms {
        let depth = "  ".repeat(one.depth as usize);
        table.row([
            format!("{depth}{}", one.term.text),
            count(one.messages),
            one.last_day.map_or_else(String::new, |day| day.to_string()),
            one.term.lookups.to_string(),
            count(one.would_lose),
            one.standing.word().to_owned(),
        ]);
    }
    if !table.is_empty() {
        write!(out, "{table}")?;
    }
    writeln!(
        out,
        "{} of {} messages have the domain as their MAIL FROM: {} match no term, {} are not known, and {} were reported otherwise.",
        count(found.decided),
        count(found.messages),
        count(found.unmatched),
        count(found.not_known + found.given_up),
        count(found.differing),
    )?;
    let (reports, messages) = found.without_records;
    if reports > 0 {
        writeln!(
            out,
            "Not looked at: {} messages of {} reports whose records retention has dropped.",
            count(messages),
            count(reports)
        )?;
    }
    Ok(())
}
