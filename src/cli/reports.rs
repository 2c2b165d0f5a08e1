//! `tallymark reports`: the reports that are not in the figures, and deciding which are.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;

use super::context::{account, domain};
use super::text::{Align, Printed, Table, count, counted, escape, write_object};
use super::{Context, advice};
use crate::api::ReportItem;
use crate::app::App;
use crate::base::{Authenticated, ReportNo, clock};
use crate::report::aggregate::Reporter;
use crate::store::{Acceptance, Actor, Domain, Judged, Judgement, Page, ReportFilter, ReportStanding, ReportSummary};

/// Held reports that are released by one `accept-reporter`, before it says how many there are.
const RELEASED_MAX: u64 = 1_000;

/// List the reports of a domain, and decide which of them count.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List reports, newest window first.
    #[command(after_help = "\
Examples:
  tallymark reports list example.com --held
  tallymark reports list example.com --discounted --limit 10")]
    List {
        #[command(flatten)]
        place: Place,
        /// Only reports that wait to be accepted.
        #[arg(long, conflicts_with = "discounted")]
        held: bool,
        /// Only reports that were taken out of the figures.
        #[arg(long)]
        discounted: bool,
        /// Maximum number of rows.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        printed: Printed,
    },
    /// Show a report and the decisions about it.
    #[command(after_help = "Example:\n  tallymark reports show example.com 17")]
    Show {
        #[command(flatten)]
        place: Place,
        /// The number that `reports list` shows.
        number: i64,
    },
    /// Count reports that are held, discounted or in conflict.
    #[command(
        visible_alias = "accept",
        after_help = "Example:\n  tallymark reports count example.com 17 18"
    )]
    Count(Decided),
    /// Take reports out of the figures. They stay listed, and `reports count` puts them back.
    #[command(after_help = "Example:\n  tallymark reports discount example.com 17 --why forged")]
    Discount(Decided),
    /// Count all reports of a reporter: those that are held, and later ones, whatever mail carries them.
    #[command(after_help = "Example:\n  tallymark reports accept-reporter example.com google.com")]
    AcceptReporter {
        #[command(flatten)]
        place: Place,
        /// The reporter, as `reports list --held` shows it.
        reporter: String,
        /// Reason, for the history of the reports.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Hold later reports of an accepted reporter again.
    #[command(after_help = "Example:\n  tallymark reports withdraw-reporter example.com google.com")]
    WithdrawReporter {
        #[command(flatten)]
        place: Place,
        /// The reporter.
        reporter: String,
    },
    /// Set the maximum number of messages that a report may be about. Reports about more are held.
    #[command(after_help = "\
Examples:
  tallymark reports limit example.com 100000
  tallymark reports limit example.com none")]
    Limit {
        #[command(flatten)]
        place: Place,
        /// Number of messages, or `none` for the limit of the installation (reports.messages_max).
        messages: Limit,
    },
}

/// Whose reports.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The domain.
    domain: String,
    /// Account of the domain; needed if there are several.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

/// Reports that something is decided about.
#[derive(Debug, clap::Args)]
pub struct Decided {
    #[command(flatten)]
    place: Place,
    /// The numbers that `reports list` shows.
    #[arg(required = true)]
    numbers: Vec<i64>,
    /// Reason, for the history of the reports.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// A limit of messages; `None`: that of the installation.
#[derive(Debug, Clone, Copy)]
pub struct Limit(Option<u64>);

impl std::str::FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse()) {
            ("none", _) => Ok(Self(None)),
            (_, Ok(messages @ 1..=1_000_000_000_000)) => Ok(Self(Some(messages))),
            _ => Err("must be a number of messages from 1 to 1000000000000, or none"),
        }
    }
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let code = match command {
        Command::List {
            place,
            held,
            discounted,
            limit,
            printed,
        } => {
            let standing = match (held, discounted) {
                (true, _) => ReportStanding::Held,
                (_, true) => ReportStanding::Discounted,
                _ => ReportStanding::Counted,
            };
            list(&app, &find(&app, &place).await?, (standing, limit, printed), out).await?
        }
        Command::Show { place, number } => show(&app, &find(&app, &place).await?, ReportNo(number), out).await?,
        Command::Count(decided) => judge(&app, decided, Judgement::Count, out).await?,
        Command::Discount(decided) => judge(&app, decided, Judgement::Discount, out).await?,
        Command::AcceptReporter { place, reporter, why } => {
            accept(&app, &find(&app, &place).await?, &reporter, &actor(&app, why), out).await?
        }
        Command::WithdrawReporter { place, reporter } => {
            let domain = find(&app, &place).await?;
            let key = reporter.trim().to_lowercase();
            if !app.store.withdraw_reporter(domain.account, domain.id, &key).await? {
                bail!("{} has not accepted {}", domain.name, escape(&reporter));
            }
            writeln!(
                out,
                "reports of {} that come from now on are held again if nothing vouches for them",
                escape(&key)
            )?;
            ExitCode::SUCCESS
        }
        Command::Limit { place, messages } => {
            let domain = find(&app, &place).await?;
            app.store
                .set_report_messages_max(domain.account, domain.id, messages.0)
                .await?;
            match messages.0 {
                Some(max) => writeln!(
                    out,
                    "reports about more than {} are held",
                    counted(max, "message", "messages")
                )?,
                None => writeln!(out, "the limit of the installation holds for {}", domain.name)?,
            }
            ExitCode::SUCCESS
        }
    };
    app.close().await;
    Ok(code)
}

async fn find(app: &App, place: &Place) -> anyhow::Result<Domain> {
    let account = account(&app.store, place.account.as_deref()).await?;
    domain(&app.store, &account, &place.domain).await
}

fn actor(app: &App, why: Option<String>) -> Actor {
    Actor {
        by: "command line".to_owned(),
        why,
        at: app.clock.now(),
    }
}

async fn list(
    app: &App,
    domain: &Domain,
    (standing, limit, printed): (ReportStanding, u32, Printed),
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let filter = ReportFilter {
        standing,
        ..ReportFilter::default()
    };
    let page = Page {
        page: 1,
        per_page: limit,
    };
    let (rows, total) = app.store.reports(domain.id, &filter, page).await?;
    if printed.json {
        let reports: Vec<_> = rows.into_iter().map(ReportItem::from).collect();
        write_object(&json!({ "reports": reports, "total": total }), out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&[
        ("no", Align::Right),
        ("status", Align::Left),
        ("reporter", Align::Left),
        ("name", Align::Left),
        ("authentic", Align::Left),
        ("begin", Align::Left),
        ("messages", Align::Right),
        ("received", Align::Left),
    ]);
    for row in &rows {
        table.row([
            row.no.to_string(),
            status(row),
            reporter(row).as_str().to_owned(),
            row.org_name.clone().unwrap_or_default(),
            authentic(row),
            clock::format_instant(row.window.begin.saturating_mul(1_000)),
            count(row.totals.messages()),
            clock::format_instant(row.received_at),
        ]);
    }
    if table.is_empty() {
        writeln!(out, "there is nothing")?;
        return Ok(ExitCode::SUCCESS);
    }
    write!(out, "{table}")?;
    writeln!(out, "{} in all", counted(total, "report", "reports"))?;
    if (rows.len() as u64) < total {
        writeln!(out, "listed: {}; a larger --limit lists more", count(rows.len() as u64))?;
    }
    if standing == ReportStanding::Held {
        let command = advice::command(&format!("reports count {} NO", domain.name));
        writeln!(out, "to put one into the figures: {command}")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(app: &App, domain: &Domain, no: ReportNo, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let Some(detail) = app.store.report(domain.id, no).await? else {
        return Err(missing(domain, no));
    };
    let report = &detail.summary;
    let mut line = |name: &str, value: &str| writeln!(out, "{name:<14} {}", escape(value));
    line("number", &no.to_string())?;
    line("status", &status(report))?;
    line("reporter", reporter(report).as_str())?;
    line("name", report.org_name.as_deref().unwrap_or_default())?;
    line("authentic", &authentic(report))?;
    line("report id", &report.report_id)?;
    line(
        "begin",
        &clock::format_instant(report.window.begin.saturating_mul(1_000)),
    )?;
    line("end", &clock::format_instant(report.window.end.saturating_mul(1_000)))?;
    line("messages", &count(report.totals.messages()))?;
    line("received", &clock::format_instant(report.received_at))?;
    if let Some(mail) = &detail.provenance {
        if let Some(peer) = mail.peer {
            line("carried by", &peer.to_string())?;
        }
        line("mail's domain", mail.domain.as_deref().unwrap_or("unknown"))?;
        line("mail's DMARC", mail.dmarc.word())?;
    }
    for entry in &detail.history {
        let why = entry.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let at = clock::format_instant(entry.at);
        line("decision", &format!("{} by {} on {at}{why}", entry.action, entry.by))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn judge(app: &App, decided: Decided, judgement: Judgement, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let domain = find(app, &decided.place).await?;
    let actor = actor(app, decided.why);
    let done = match judgement {
        Judgement::Count => "counts",
        Judgement::Discount => "is not in the figures",
    };
    for no in decided.numbers.into_iter().map(ReportNo) {
        match app
            .store
            .judge((domain.account, domain.id), no, judgement, &actor)
            .await?
        {
            Judged::Done => writeln!(out, "report {no} {done}")?,
            Judged::Missing => return Err(missing(&domain, no)),
            Judged::RecordsGone => bail!(
                "the records of report {no}, or of the one that counts in its place, have been dropped for their age, so the \
                 figures cannot be moved: import that report again first"
            ),
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn accept(
    app: &App,
    domain: &Domain,
    reporter: &str,
    actor: &Actor,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let reporter = reporter.trim().to_lowercase();
    if !app
        .store
        .accept_reporter(domain.account, domain.id, &reporter, actor)
        .await?
    {
        bail!(
            "{} has accepted as many reporters as it can: withdraw others first",
            domain.name
        );
    }
    let place = (domain.account, domain.id);
    let mut released = 0;
    loop {
        let (more, left) = app
            .store
            .release_reporter(place, &reporter, actor, RELEASED_MAX)
            .await?;
        released += more;
        if !left {
            break;
        }
    }
    writeln!(
        out,
        "{} that were held may count now, and so may all that come from {}",
        counted(released, "report", "reports"),
        escape(&reporter)
    )?;
    Ok(ExitCode::SUCCESS)
}

fn missing(domain: &Domain, no: ReportNo) -> anyhow::Error {
    let list = advice::command(&format!("reports list {}", domain.name));
    anyhow::anyhow!("{} has no report {no}: `{list}` shows the numbers", domain.name)
}

fn status(report: &ReportSummary) -> String {
    match report.acceptance {
        _ if report.counted => "counted".to_owned(),
        acceptance if acceptance.is_held() => format!("held: {}", acceptance.word()),
        Acceptance::Discounted => "discounted".to_owned(),
        _ => "conflict".to_owned(),
    }
}

fn reporter(report: &ReportSummary) -> Reporter {
    Reporter::named(report.email.as_deref(), report.org_name.as_deref())
}

/// Whose mail vouches for a report, or what came of asking.
fn authentic(report: &ReportSummary) -> String {
    match report.authenticated {
        Authenticated::Pass => reporter(report).as_str().to_owned(),
        Authenticated::Fail => "no".to_owned(),
        Authenticated::None | Authenticated::Unknown => "not known".to_owned(),
    }
}
