//! `tallymark import`: files and folders into the database.

mod reading;
mod tally;

use std::io::Write;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use tokio::sync::OwnedSemaphorePermit;

use self::reading::{Event, Reading};
use self::tally::Tally;
use super::context::account_or_first;
use super::progress::Progress;
use super::text::write_object;
use super::{Context, advice};
use crate::app::{App, claim_earlier_ones};
use crate::base::Millis;
use crate::base::text::argument;
use crate::feeds::files::{FileMessage, Unreadable, Walk};
use crate::ingest::{Belonging, MESSAGE_TOO_LARGE, Outcome, Problem, RawMessage};

/// Import reports from files and folders: XML, gzip, zip, mails, mailboxes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark import --add-domains ~/dmarc-reports
  tallymark import report.xml.gz inbox.mbox ~/Maildir
  tallymark import --json reports/ | jq .reports

A file is one message. Only an mbox, plain or in gzip, holds several. Folders are read with everything below \
them; of a Maildir, new and cur are read.
Importing a message again stores nothing new. A message that cannot be read is kept with the reason: see \
`tallymark quarantine list`. Reports about domains that are not added are kept as unclaimed, and count once the \
domain is added.

Exit code 0: every message is safely in the database, as a report, quarantined, unclaimed or other mail.
Exit code 1: a file could not be read, the database failed, or the import was interrupted. Run it again to continue.
Exit code 2: the arguments are wrong.")]
pub struct Args {
    /// Files and folders.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Account of the reports [default: the only account, or the one called `default`, which an empty database gets].
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Add the domains that the reports are about, including those below existing domains.
    #[arg(long)]
    add_domains: bool,
    /// Print the summary as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Paths that an error names.
const UNREADABLE_NAMED_MAX: usize = 20;

pub async fn run(mut context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    // Before a database is made: a misspelt path must leave nothing behind.
    if !has_files(&args.paths)? {
        if args.json {
            write_object(&Tally::default().json(), out)?;
        } else {
            writeln!(out, "there is no file to import: nothing was done")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let slow = &mut context.config.intake.slow;
    if slow.seats == 0 {
        // This process receives no small mail: large mail has all cores.
        slow.seats = std::thread::available_parallelism().map_or(1, NonZero::get);
    }
    let app = context.open().await?;
    let account = account_or_first(&app.store, &app.clock, args.account.as_deref()).await?;
    let belonging = if args.add_domains {
        Belonging::AddDomains(account.id)
    } else {
        Belonging::Account(account.id)
    };

    let progress = Arc::new(Progress::new(app.clock.clone(), "messages"));
    let began = app.clock.monotonic();
    let records_days = app.config.retention.kept.records_days;
    let mut tally = Tally::default();
    tally.old_before = oldest_kept(records_days, app.clock.now());
    tally.records_days = records_days;
    let stopped = import(&app, args.paths, belonging, &progress, &mut tally).await;
    progress.finish();
    if args.add_domains {
        // Reports that were unclaimed before and whose domain has been added now belong to it.
        claim_earlier_ones(&app.store, &app.intake, account.id).await?;
    }
    tally.took = app.clock.monotonic().saturating_sub(began);
    tally.unclaimed_domains = app.store.unclaimed_names(account.id).await.unwrap_or_default();

    if args.json {
        write_object(&tally.json(), out)?;
    } else {
        write!(out, "{tally}")?;
        if tally.has_stored() {
            write_next_steps(args.account.as_deref(), out)?;
        }
    }
    out.flush()?;
    app.close().await;
    stopped.context("stopped; what is counted above is stored, and the same command goes on from there")?;
    Ok(if tally.unreadable() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What to do with reports that are stored.
fn write_next_steps(account: Option<&str>, out: &mut dyn Write) -> std::io::Result<()> {
    let account = account.and_then(argument).map(|name| format!(" --account {name}"));
    let attention = format!("attention{}", account.unwrap_or_default());
    writeln!(out, "\nWhat needs you:  {}", advice::command(&attention))?;
    writeln!(out, "On a web page:   {}", advice::command("serve"))
}

/// Windows that ended before this instant, unix seconds, are older than records are kept; `None` if these are kept for ever.
fn oldest_kept(records_days: u32, now: Millis) -> Option<i64> {
    (records_days > 0).then(|| now.div_euclid(1_000) - i64::from(records_days) * 86_400)
}

/// Whether there is any file to read at or below the paths.
///
/// # Errors
/// What cannot be read, if there is nothing else.
fn has_files(paths: &[PathBuf]) -> anyhow::Result<bool> {
    let mut unreadable: Vec<String> = Vec::new();
    for found in Walk::new(paths) {
        match found {
            Ok(_) => return Ok(true),
            Err(error) if unreadable.len() < UNREADABLE_NAMED_MAX => unreadable.push(format!("cannot read {error}")),
            Err(_) => {}
        }
    }
    if unreadable.is_empty() {
        return Ok(false);
    }
    bail!("{}\nnothing was imported", unreadable.join("\n"));
}

/// Feeds every message to the intake, many at a time, in the order of the files; returns when all are answered.
async fn import(
    app: &App,
    paths: Vec<PathBuf>,
    belonging: Belonging,
    progress: &Arc<Progress>,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let mut reading = Reading::start(paths, app.config.limits.message_bytes_max, Arc::clone(progress));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    // Polled in the order in which they were pushed, so that messages enter the queue in the order of the files.
    let mut in_flight = FuturesUnordered::new();
    let mut stopped: anyhow::Result<()> = Ok(());
    let mut is_reading = true;
    while is_reading || !in_flight.is_empty() {
        tokio::select! {
            biased;
            Some((bytes_len, outcome)) = in_flight.next(), if !in_flight.is_empty() => {
                progress.advance(bytes_len);
                match outcome {
                    Ok(outcome) => tally.add_outcome(bytes_len, &outcome),
                    Err(error) => {
                        reading.stop();
                        stopped = stopped.and(Err(error));
                    }
                }
            }
            _ = &mut interrupted, if stopped.is_ok() => {
                reading.stop();
                stopped = Err(anyhow!("interrupted"));
            }
            event = reading.next(), if is_reading => match event {
                None => is_reading = false,
                Some(Event::File) => tally.files += 1,
                Some(Event::Unreadable(error)) => {
                    progress.note(&super::text::escape(&format!("cannot read {error}")));
                    if error.is_too_large() {
                        in_flight.push(submit(app, Found::TooLarge(error), belonging));
                    } else {
                        tally.add_unreadable(&error);
                    }
                }
                Some(Event::Message(message, room)) => {
                    in_flight.push(submit(app, Found::Message(message, room), belonging));
                }
            },
        }
    }
    stopped
}

/// What is to be put into the database.
enum Found {
    /// With the room that it takes until it is stored.
    Message(FileMessage, OwnedSemaphorePermit),
    /// Not read: quarantine says so.
    TooLarge(Unreadable),
}

/// Returns the message's length and what became of it, once it is stored.
async fn submit(app: &App, found: Found, belonging: Belonging) -> (u64, anyhow::Result<Outcome>) {
    let raw = |bytes, origin| RawMessage {
        bytes,
        received_at: app.clock.now(),
        origin,
        belonging,
        envelope: None,
    };
    let (bytes_len, outcome) = match found {
        Found::Message(FileMessage { bytes, origin }, _room) => {
            (bytes.len() as u64, app.intake.submit(raw(bytes, origin)).await)
        }
        Found::TooLarge(error) => {
            let note = format!("Not the message, but a note: {error}\n");
            let problem = Problem {
                leaf: String::new(),
                reason: MESSAGE_TOO_LARGE,
                detail: error.source.to_string(),
                offset: None,
            };
            let raw = raw(note.into_bytes(), error.origin());
            (0, app.intake.quarantine(raw, problem).await)
        }
    };
    (bytes_len, outcome.map_err(anyhow::Error::from))
}
