//! `tallymark quarantine`: the messages that became no counted report.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde_json::json;

use super::context::account;
use super::text::{Align, Printed, Table, count, counted, escape, write_object};
use super::{Context, advice};
use crate::api::MessageItem;
use crate::app::App;
use crate::base::{SetAsideId, SetAsideKind, clock};
use crate::ingest::{Fate, Outcome};
use crate::store::{Acceptance, Cut, Page, SetAside};

const PAGE_ROWS: u32 = 500;

/// List, show and replay messages that could not be read or have no owner.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List messages set aside, newest first.
    #[command(after_help = "\
Examples:
  tallymark quarantine list
  tallymark quarantine list --kind unclaimed")]
    List(Listed),
    /// Show one entry in full, or save its message to a file.
    #[command(after_help = "\
Examples:
  tallymark quarantine show 17
  tallymark quarantine show 17 --save message.eml")]
    Show {
        /// The number that `quarantine list` shows.
        id: i64,
        /// File to write the message to, as it was received.
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
        #[command(flatten)]
        printed: Printed,
    },
    /// Read messages again, for example after an upgrade or after a domain was added.
    #[command(after_help = "\
Examples:
  tallymark quarantine replay 17 18
  tallymark quarantine replay --all
  tallymark quarantine replay --kind other

--kind other finds reports of kinds that an earlier version kept as other mail, such as TLS reports, and failure reports of domains that read them now.")]
    Replay {
        /// The numbers that `quarantine list` shows.
        #[arg(required_unless_present_any = ["all", "kind"])]
        ids: Vec<i64>,
        /// Every quarantined and unclaimed message.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Every message of this kind.
        #[arg(long, value_enum, conflicts_with_all = ["ids", "all"])]
        kind: Option<Kind>,
    },
}

/// What is listed.
#[derive(Debug, clap::Args)]
pub struct Listed {
    /// Only this kind [default: quarantined and unclaimed].
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Only entries of this account.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Maximum number of entries.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    printed: Printed,
}

/// A [`SetAsideKind`] as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Messages with a report that could not be read.
    Quarantined,
    /// Reports about domains that are not added.
    Unclaimed,
    /// Mail without a report.
    Other,
}

impl From<Kind> for SetAsideKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Quarantined => Self::Quarantined,
            Kind::Unclaimed => Self::Unclaimed,
            Kind::Other => Self::Other,
        }
    }
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let code = match command {
        Command::List(listed) => list(&app, &listed, out).await?,
        Command::Show { id, save, printed } => show(&app, (SetAsideId(id), save), printed, out).await?,
        Command::Replay { ids, all, kind } => {
            let ids = match kind {
                Some(kind) => replayable(&app, &[kind.into()]).await?,
                None if all => replayable(&app, &[SetAsideKind::Quarantined, SetAsideKind::Unclaimed]).await?,
                None => ids.into_iter().map(SetAsideId).collect(),
            };
            replay(&app, &ids, out).await?
        }
    };
    app.close().await;
    Ok(code)
}

async fn list(app: &App, listed: &Listed, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let account = match &listed.account {
        None => None,
        Some(_) => Some(account(&app.store, listed.account.as_deref()).await?.id),
    };
    let kinds = match listed.kind {
        Some(kind) => vec![kind.into()],
        None => vec![SetAsideKind::Quarantined, SetAsideKind::Unclaimed],
    };
    let (mut all, mut messages) = (0, Vec::new());
    for kind in kinds {
        let page = Page {
            page: 1,
            per_page: listed.limit,
        };
        let (rows, total) = app.store.set_aside(account, Some(kind), page).await?;
        all += total;
        messages.extend(rows);
    }
    if listed.printed.json {
        let messages: Vec<_> = messages.into_iter().map(MessageItem::from).collect();
        write_object(&json!({ "messages": messages, "total": all }), out)?;
    } else {
        print(&messages, all, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(messages: &[SetAside], all: u64, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        ("no", Align::Right),
        ("kind", Align::Left),
        ("reason", Align::Left),
        ("received", Align::Left),
        ("times", Align::Right),
        ("bytes", Align::Right),
        ("from", Align::Left),
        ("what", Align::Left),
    ]);
    for row in messages {
        table.row([
            row.id.to_string(),
            row.kind.word().to_owned(),
            row.reason.clone(),
            clock::format_instant(row.received_at),
            row.arrivals.to_string(),
            count(row.bytes_len),
            tail(&row.origin, 40),
            head(&what(row), 60),
        ]);
    }
    if table.is_empty() {
        writeln!(out, "there is nothing")?;
        return Ok(());
    }
    write!(out, "{table}")?;
    writeln!(
        out,
        "{} in all; `{}` says more",
        counted(all, "message", "messages"),
        advice::command("quarantine show NO")
    )?;
    let listed = messages.len() as u64;
    if listed < all {
        writeln!(out, "listed: {}; a larger --limit lists more", count(listed))?;
    }
    Ok(())
}

async fn show(
    app: &App,
    (id, save): (SetAsideId, Option<PathBuf>),
    printed: Printed,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let Some(row) = app.store.set_aside_by_id(id).await? else {
        bail!(
            "there is no message {id}: `{}` shows all",
            advice::command("quarantine list")
        );
    };
    if let Some(path) = &save {
        let bytes = app.store.set_aside_bytes(id).await?;
        let bytes = bytes.with_context(|| format!("the bytes of message {id} are not kept any more"))?;
        save_private(path, &bytes).with_context(|| path.display().to_string())?;
    }
    if printed.json {
        write_object(&MessageItem::from(row), out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut line = |name: &str, value: &str| writeln!(out, "{name:<14} {}", escape(value));
    line("number", &row.id.to_string())?;
    line("kind", row.kind.word())?;
    line("reason", &row.reason)?;
    line("detail", &row.detail)?;
    if !row.leaf.is_empty() {
        line("part", &row.leaf)?;
    }
    if let Some(offset) = row.offset {
        line("at byte", &offset.to_string())?;
    }
    if let Some(domain) = &row.policy_domain {
        line("about", domain)?;
    }
    line("from", &row.origin)?;
    line("received", &clock::format_instant(row.received_at))?;
    line("times", &row.arrivals.to_string())?;
    line("bytes", &row.bytes_len.to_string())?;
    if row.kind == SetAsideKind::Unclaimed
        && let Some(domain) = &row.policy_domain
    {
        match advice::add_domain(domain) {
            Ok(command) => line("to count it", &command)?,
            Err(error) => line("to count it", &format!("no domain can be added: {domain} {error}"))?,
        }
    }
    if let Some(path) = save {
        line("saved as", &path.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A replay removes rows, so all numbers are gathered before the first one.
async fn replayable(app: &App, kinds: &[SetAsideKind]) -> anyhow::Result<Vec<SetAsideId>> {
    let mut ids = Vec::new();
    for &kind in kinds {
        let mut behind = SetAsideId(i64::MAX);
        loop {
            let (rows, _) = app
                .store
                .set_aside(None, Some(kind), Cut::After(behind, PAGE_ROWS))
                .await?;
            let Some(last) = rows.last() else { break };
            behind = last.id;
            ids.extend(rows.iter().map(|row| row.id));
        }
    }
    // In the order of arrival, because the first of two versions of a report counts.
    ids.sort_unstable();
    Ok(ids)
}

async fn replay(app: &App, ids: &[SetAsideId], out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (mut read, mut left, mut missing) = (0, 0, 0_u64);
    let mut seen = HashSet::new();
    for id in ids.iter().copied().filter(|&id| seen.insert(id)) {
        let Some(outcome) = app.intake.replay(id).await? else {
            writeln!(out, "{id}: there is no such message")?;
            missing += 1;
            continue;
        };
        read += 1;
        // Other mail is where it belongs.
        left += u64::from(outcome.set_aside.iter().any(|note| note.kind != SetAsideKind::Other));
        writeln!(out, "{id}: {}", outcome_line(&outcome))?;
    }
    let replayed = counted(read, "message", "messages");
    match (read, missing) {
        (0, 0) => writeln!(out, "there is nothing to read again")?,
        (0, _) => writeln!(
            out,
            "nothing was read again: `{}` shows the numbers",
            advice::command("quarantine list")
        )?,
        _ => writeln!(out, "{replayed} read again, {} still set aside", count(left))?,
    }
    Ok(if left == 0 && missing == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn outcome_line(outcome: &Outcome) -> String {
    let word = |fate, acceptance: Acceptance| match fate {
        _ if acceptance.is_held() => "held",
        Fate::Stored => "stored",
        Fate::Duplicate => "duplicate",
        Fate::Conflict => "conflict",
        Fate::Completed => "completed",
    };
    let reports = outcome.reports.iter().map(|report| {
        let fate = word(report.fate, report.acceptance);
        format!("{fate} (report {} about {})", report.no, escape(&report.policy_domain))
    });
    let tls = outcome.tls_reports.iter().map(|report| {
        let fate = word(report.fate, report.acceptance);
        format!(
            "{fate} (TLS report {} about {})",
            report.no,
            escape(&report.policy_domain)
        )
    });
    let notes = outcome
        .set_aside
        .iter()
        .map(|note| format!("{}, {}: {}", note.kind.word(), note.reason, escape(&note.detail)));
    let failures = outcome.failure.iter().map(|report| {
        let fate = word(report.fate, Acceptance::Open);
        format!("{fate} (failure report {} about {})", report.no, escape(&report.about))
    });
    reports
        .chain(tls)
        .chain(failures)
        .chain(notes)
        .collect::<Vec<_>>()
        .join("; ")
}

fn what(row: &SetAside) -> String {
    match &row.policy_domain {
        Some(domain) => format!("about {domain}"),
        None => row.detail.clone(),
    }
}

/// The first `chars_max` characters.
fn head(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}...", &text[..at]),
    }
}

/// The last `chars_max` characters, which distinguish paths better than the first.
fn tail(text: &str, chars_max: usize) -> String {
    let skipped = text.chars().count().saturating_sub(chars_max);
    if skipped == 0 {
        return text.to_owned();
    }
    format!("...{}", text.chars().skip(skipped).collect::<String>())
}

/// Writes a file that only its owner can read, even if it existed before. A mail is only for the operator.
fn save_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // Anything that is not a file, such as /dev/stdout, keeps its mode.
    if file.metadata()?.is_file() {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_keep_the_end_that_tells_most() {
        assert_eq!(head("abcdef", 3), "abc...");
        assert_eq!(tail("abcdef", 3), "...def");
        assert_eq!((head("äö", 2), tail("äö", 2)), ("äö".to_owned(), "äö".to_owned()));
    }
}
