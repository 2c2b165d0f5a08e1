//! `tallymark readiness`: whether the policy of a domain may be stricter, and what stands in the way.

use std::io::Write;
use std::process::ExitCode;

use super::Context;
use super::asked::{Asked, Opened};
use super::text::{count, escape, write_object};
use crate::api::ReadinessBody;
use crate::insight::{Readiness, readiness};

/// Show whether the DMARC policy may be stricter, and what stands in the way.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark readiness example.com
  tallymark readiness example.com --days 90 --json

Five checks with their figures, the senders whose mail is to be fixed, and the record to publish next. docs/insight.md has \
the rules. Nothing is changed.")]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Print one JSON object, as the API answers.
    #[arg(long)]
    json: bool,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let tables = crate::app::tables(&context.config)?;
    let Opened {
        app,
        domain,
        range,
        now,
    } = args.asked.open(context).await?;
    let found = readiness(&app.store, &domain, (range, now), &tables).await?;
    app.close().await;
    if args.json {
        write_object(&ReadinessBody::from(&found), out)?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&found, out)?;
    if let Some(record) = found.record() {
        writeln!(out, "\nThe record to publish then, at _dmarc.{}:", domain.name)?;
        writeln!(out, "  {}", escape(&record))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(found: &Readiness, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", escape(&found.says))?;
    writeln!(out)?;
    for one in &found.checks {
        let mark = if one.passed { "ok " } else { "no " };
        writeln!(out, "{mark} {}", escape(&one.says))?;
    }
    if !found.blockers.is_empty() {
        writeln!(out, "\nTo fix:")?;
        for one in &found.blockers {
            writeln!(out, "  {} messages: {}", count(one.messages), escape(&one.says))?;
        }
        let more = found.blockers_total - found.blockers.len();
        if more > 0 {
            writeln!(out, "  and {more} more senders")?;
        }
    }
    let failing = &found.failing;
    if failing.messages() > 0 {
        writeln!(
            out,
            "\n{} messages failed from {} to {}: {} to fix, {} forwarded, {} unknown, {} not yours.",
            count(failing.messages()),
            found.facts.range.first,
            found.facts.range.last,
            count(failing.to_fix),
            count(failing.forwarded),
            count(failing.unknown),
            count(failing.not_ours),
        )?;
    }
    Ok(())
}
