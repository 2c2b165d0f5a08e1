//! `tallymark changes`: what the owner of a domain says they changed, so that a receipt follows it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{anyhow, bail, ensure};

use super::Context;
use super::context::{account, domain};
use super::text::{Align, Printed, Table, write_object};
use crate::api::{OwnerChangeBody, SUBJECT_CHARS_MAX, WHY_CHARS_MAX};
use crate::app::App;
use crate::base::clock::{format_instant, parse_instant};
use crate::base::text::is_unsafe;
use crate::base::{ChangeId, Millis};
use crate::insight::CHANGES_DAYS;
use crate::store::{Actor, ChangeKind, Domain, Noted, OwnerChange, Posted};

/// Note, list and remove your own changes, which receipts follow
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Note a change. The same change is noted once.
    #[command(after_help = "\
Examples:
  tallymark changes add example.com --kind dkim --service Mailchimp --note 'Own-domain DKIM switched on'
  tallymark changes add example.com --kind spf --at 2026-05-13T10:00:00Z")]
    Add {
        #[command(flatten)]
        of: Of,
        /// What was changed: dkim, spf, dmarc or other.
        #[arg(long, value_name = "KIND", value_parser = kind)]
        kind: ChangeKind,
        /// When, at most 90 days ago [default: now].
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
        /// The only service that it is about, by its name in `tallymark services` [default: the whole domain].
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// A note for those who read the receipt later.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// List the changes that were noted.
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        printed: Printed,
    },
    /// Remove a change that was noted, and its receipt.
    Remove {
        #[command(flatten)]
        of: Of,
        /// Number of the change, as `tallymark changes list` shows it.
        number: i64,
    },
}

/// The domain of a change.
#[derive(Debug, clap::Args)]
pub struct Of {
    /// The domain.
    domain: String,
    /// Account of the domain; needed if there are several.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

fn kind(word: &str) -> Result<ChangeKind, String> {
    let words: Vec<_> = ChangeKind::ALL.iter().map(|kind| kind.word()).collect();
    ChangeKind::from_word(word).ok_or_else(|| format!("must be one of {}", words.join(", ")))
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let (Command::Add { of, .. } | Command::List { of, .. } | Command::Remove { of, .. }) = &command;
    let account = account(&app.store, of.account.as_deref()).await?;
    let domain = domain(&app.store, &account, &of.domain).await?;
    match command {
        Command::Add {
            kind,
            at,
            service,
            note,
            ..
        } => {
            let now = app.clock.now();
            let posted = Posted {
                kind,
                at: at.as_deref().map_or(Ok(now), |text| instant(text, now))?,
                service: plain(service, ("--service", SUBJECT_CHARS_MAX))?,
            };
            add(&app, &domain, posted, plain(note, ("--note", WHY_CHARS_MAX))?, out).await?;
        }
        Command::List { printed, .. } => list(&app, &domain, printed, out).await?,
        Command::Remove { number, .. } => {
            let place = (domain.account, domain.id);
            ensure!(
                app.store.remove_change(place, ChangeId(number)).await?,
                "there is no change {number} of {}: `tallymark changes list {0}` has the numbers",
                domain.name
            );
            writeln!(out, "Change {number} is removed.")?;
        }
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn add(
    app: &App,
    domain: &Domain,
    posted: Posted,
    note: Option<String>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let actor = Actor {
        by: "command line".to_owned(),
        why: note,
        at: app.clock.now(),
    };
    match app
        .store
        .post_change((domain.account, domain.id), posted, actor)
        .await?
    {
        Noted::Done(change) => writeln!(
            out,
            "Change {} of {} is noted. `tallymark receipts {1}` says which reporters confirm it.",
            change.id, domain.name
        )?,
        Noted::Missing => bail!("the domain was removed meanwhile"),
        Noted::Full => bail!("no more changes can be noted for this domain: remove others first"),
    }
    Ok(())
}

async fn list(app: &App, domain: &Domain, printed: Printed, out: &mut dyn Write) -> anyhow::Result<()> {
    let changes = app.store.owner_changes(domain.id).await?;
    if printed.json {
        let changes: Vec<_> = changes.iter().map(OwnerChangeBody::from).collect();
        write_object(&serde_json::json!({ "changes": changes }), out)?;
        return Ok(());
    }
    let columns = ["number", "when", "kind", "service", "note", "by"];
    let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
    for OwnerChange { id, posted, actor } in changes {
        table.row([
            id.to_string(),
            format_instant(posted.at),
            posted.kind.word().to_owned(),
            posted.service.unwrap_or_default(),
            actor.why.unwrap_or_default(),
            actor.by,
        ]);
    }
    write!(out, "{table}")?;
    Ok(())
}

fn instant(text: &str, now: Millis) -> anyhow::Result<Millis> {
    let days = i64::from(CHANGES_DAYS);
    let is_fit = |at: &Millis| (0..=days * 86_400_000).contains(&now.saturating_sub(*at));
    let at = parse_instant(text).filter(is_fit);
    at.ok_or_else(|| anyhow!("--at must be an instant of the last {days} days, such as 2026-05-13T10:00:00Z"))
}

/// A text without control characters, of limited length.
fn plain(text: Option<String>, (option, chars_max): (&str, usize)) -> anyhow::Result<Option<String>> {
    let text = text.map(|text| text.trim().to_owned());
    if let Some(text) = &text {
        ensure!(
            !text.is_empty() && text.chars().count() <= chars_max && !text.chars().any(is_unsafe),
            "{option} must have 1 to {chars_max} characters, without control characters"
        );
    }
    Ok(text)
}
