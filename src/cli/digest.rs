//! `tallymark digest`: the state of a domain over the last week or month, for cron.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;

use super::Context;
use super::context::{account, domain};
use super::text::write_object;
use crate::base::{Day, Period};
use crate::insight::{DigestScope, digest};
use crate::notify::digest_forms;

/// Print how a domain did in the last week or month, what is new, and what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark digest example.com
  tallymark digest example.com --period monthly --format html > digest.html

The same as the mails of POST /digests. Periods are weeks from Monday to Sunday and months of the calendar; the newest one that is \
over is printed. docs/digests.md has the parts. Nothing is changed.")]
pub struct Args {
    /// The domain.
    domain: String,
    /// Account of the domain; needed if there are several.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Which period.
    #[arg(long, value_enum, default_value_t = Length::Weekly)]
    period: Length,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Html,
    Json,
}

/// How long the period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Length {
    Weekly,
    Monthly,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let tables = crate::app::tables(&context.config)?;
    let page = context.config.notify.channels.page.clone();
    let app = context.open_existing().await?;
    let account = account(&app.store, args.account.as_deref()).await?;
    let domain = domain(&app.store, &account, &args.domain).await?;
    let now = app.clock.now();
    let period = match args.period {
        Length::Weekly => Period::Weekly,
        Length::Monthly => Period::Monthly,
    };
    let scope = DigestScope {
        account: account.id,
        period,
        range: period.last_before(Day::from_unix(now.div_euclid(1_000))),
        domains: Some(vec![domain.id]),
    };
    let data = Box::pin(digest(&app.store, &scope, now, &tables)).await?;
    app.close().await;
    let data = data.context("the domain was removed")?;
    match args.format {
        Format::Json => {
            write_object(&data, out)?;
        }
        Format::Text => write!(out, "{}", digest_forms(&data, page.as_deref()).text)?,
        Format::Html => writeln!(out, "{}", digest_forms(&data, page.as_deref()).html)?,
    }
    Ok(ExitCode::SUCCESS)
}
