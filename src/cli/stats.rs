//! `tallymark stats`: the messages of a domain by day, and how they compare with the days before.

use std::io::Write;
use std::process::ExitCode;

use super::Context;
use super::asked::{Asked, Opened};
use super::text::{Align, Printed, Table, count, percent, write_object};
use crate::api::{PeriodBody, StatsBody};
use crate::base::Day;
use crate::http::figures;
use crate::tally::Carriers;

/// Show the messages of a domain by day.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark stats example.com
  tallymark stats example.com --days 90 --json | jq .failed_messages

Only complete days are compared with the days before: the reports about today come tomorrow. --json prints what \
/domains/:id/dmarc/stats answers.")]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    printed: Printed,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let Opened {
        app,
        domain,
        range,
        now,
    } = args.asked.open(context).await?;
    let today = Day::from_unix(now.div_euclid(1_000));
    let stats = figures(&app.store, &domain, (range, Carriers::All), today).await?;
    app.close().await;
    match args.printed.json {
        true => write_object(&stats, out)?,
        false => print(&stats, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(stats: &StatsBody, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        ("day", Align::Left),
        ("pass", Align::Right),
        ("fail", Align::Right),
        ("rate", Align::Right),
    ]);
    for day in stats.daily_stats.iter().filter(|day| day.pass + day.fail > 0) {
        table.row([
            day.date.clone(),
            count(day.pass),
            count(day.fail),
            percent(day.pass, day.fail),
        ]);
    }
    if table.is_empty() {
        write!(out, "There are no messages from {} to {}", stats.from, stats.to)?;
        match &stats.last_day {
            Some(day) => writeln!(out, "; the last are of {day}: --days shows more days.")?,
            None => writeln!(out, ".")?,
        }
        return Ok(());
    }
    write!(out, "{table}")?;
    let pass = stats.total_messages - stats.failed_messages;
    writeln!(
        out,
        "{} to {}: {} messages, {} failed ({} passed); {} reports, {} addresses.",
        stats.from,
        stats.to,
        count(stats.total_messages),
        count(stats.failed_messages),
        percent(pass, stats.failed_messages),
        count(stats.reports),
        count(stats.sources),
    )?;
    let done = &stats.dispositions;
    writeln!(
        out,
        "Receivers delivered {}, put {} in quarantine and rejected {}.",
        count(done.none),
        count(done.quarantine),
        count(done.reject)
    )?;
    if let Some(comparison) = &stats.comparison {
        for (name, period) in [
            ("complete days", &comparison.complete),
            ("days before", &comparison.before),
        ] {
            writeln!(out, "{name:<14} {}", period_line(period))?;
        }
    }
    Ok(())
}

fn period_line(period: &PeriodBody) -> String {
    let (messages, failed) = (period.total_messages, period.failed_messages);
    format!(
        "{} to {}: {} messages, {} failed ({} passed)",
        period.from,
        period.to,
        count(messages),
        count(failed),
        percent(messages - failed, failed)
    )
}
