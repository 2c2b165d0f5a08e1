//! `tallymark simulate`: what another policy would do to the messages of a range of days.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::builder::PossibleValuesParser;

use super::Context;
use super::asked::{Asked, Opened};
use super::text::{Align, Table, count, counted, escape, write_object};
use crate::api::{SPF_CHARS_MAX, SimulationBody};
use crate::app::App;
use crate::insight::{
    Counts, FIXED_MAX, Group, Origin, PolicyChange, Simulated, Simulation, prepare, simulate as simulated,
};
use crate::report::aggregate::{AlignmentMode, Policy, PolicyPublished};
use crate::store::Domain;

/// Services that the first sentence names.
const NAMED_MAX: usize = 3;

/// Show what another policy, another SPF record, or a service put right would do.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark simulate example.com --p reject
  tallymark simulate example.com --p reject --sp quarantine --adkim s --days 90
  tallymark simulate example.com --p reject --fix Mailchimp --fix \"Amazon SES\"
  tallymark simulate example.com --spf \"v=spf1 ip4:198.51.100.0/24 -all\" --json

Every message is judged by the authentication results in its record. What is left out keeps its published value. \
docs/insight.md says which figures are exact. Nothing is changed.")]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Policy for the domain.
    #[arg(long, value_name = "POLICY", value_parser = policies())]
    p: Option<String>,
    /// Policy for subdomains.
    #[arg(long, value_name = "POLICY", value_parser = policies())]
    sp: Option<String>,
    /// Policy for subdomains that do not exist.
    #[arg(long, value_name = "POLICY", value_parser = policies())]
    np: Option<String>,
    /// DKIM alignment: r (relaxed) or s (strict).
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(["r", "s"]))]
    adkim: Option<String>,
    /// SPF alignment: r (relaxed) or s (strict).
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(["r", "s"]))]
    aspf: Option<String>,
    /// Test mode: y asks for one level less.
    #[arg(long, value_name = "FLAG", value_parser = PossibleValuesParser::new(["y", "n"]))]
    t: Option<String>,
    /// Obsolete: percentage of failing messages that the policy is asked for.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    pct: Option<u8>,
    /// An SPF record in place of the domain's own.
    #[arg(long, value_name = "RECORD")]
    spf: Option<String>,
    /// A service, as `tallymark services` names it, whose messages pass. May be repeated.
    #[arg(long, value_name = "SERVICE")]
    fix: Vec<String>,
    /// Print one JSON object, as the API answers.
    #[arg(long)]
    json: bool,
}

fn policies() -> PossibleValuesParser {
    PossibleValuesParser::new(Policy::ALL.iter().map(|policy| policy.word()))
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let tables = crate::app::tables(&context.config)?;
    let Opened {
        app,
        domain,
        range,
        now,
    } = args.asked.open(context).await?;
    let simulation = read(&app, &domain, &args).await?;
    let prepared = prepare(&app.store, &domain, (range, now), &simulation).await?;
    let existing = app.domains.existing(&prepared.subdomains).await;
    let at = (&app.store, &domain, &tables);
    let found = simulated(at, range, &simulation, (prepared, existing)).await?;
    app.close().await;
    if args.json {
        write_object(&SimulationBody::from((&domain, &simulation, &found)), out)?;
    } else {
        print(&found, &simulation, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(app: &App, domain: &Domain, args: &Args) -> anyhow::Result<Simulation> {
    let policy = |word: &Option<String>| word.as_deref().and_then(Policy::from_word);
    let mode = |word: &Option<String>| word.as_deref().and_then(AlignmentMode::from_word);
    let change = PolicyChange {
        p: policy(&args.p),
        sp: policy(&args.sp),
        np: policy(&args.np),
        adkim: mode(&args.adkim),
        aspf: mode(&args.aspf),
        testing: args.t.as_deref().map(|word| word == "y"),
        pct: args.pct,
    };
    let spf = match &args.spf {
        Some(text) if text.len() > SPF_CHARS_MAX => {
            return Err(anyhow!(
                "an SPF record of more than {SPF_CHARS_MAX} bytes cannot be published"
            ));
        }
        Some(text) => Some(
            app.domains
                .try_spf(&domain.name, text)
                .await
                .map_err(|error| anyhow!(error))?,
        ),
        None => None,
    };
    if args.fix.len() > FIXED_MAX {
        return Err(anyhow!("--fix may be given {FIXED_MAX} times"));
    }
    let fixed = args.fix.clone();
    Ok(Simulation { change, spf, fixed })
}

fn print(found: &Simulated, simulation: &Simulation, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", escape(&first_sentence(found)))?;
    let (now, after) = (&found.total.now, &found.total.after);
    let mut table = Table::new(&[
        ("messages", Align::Left),
        ("now", Align::Right),
        ("after", Align::Right),
        ("expected", Align::Right),
    ]);
    let rows: [(&str, fn(&Counts) -> u64); 5] = [
        ("nothing asked", |counts| counts.none),
        ("quarantine", |counts| counts.quarantine),
        ("reject", |counts| counts.reject),
        ("not known", |counts| counts.unknown),
        ("pass DMARC", |counts| counts.pass),
    ];
    for (what, of) in rows {
        let cells = [now, after, &found.expected].map(|counts| count(of(counts)));
        let [now, after, expected] = cells;
        table.row([what.to_owned(), now, after, expected]);
    }
    write!(out, "{table}")?;
    for remark in remarks(found, simulation) {
        writeln!(out, "{}", escape(&remark))?;
    }
    Ok(())
}

/// `At p=reject, 41 of 1,600 messages of the last 30 days would be rejected: 30 of Amazon SES, 11 of others.`
fn first_sentence(found: &Simulated) -> String {
    let after = &found.total.after;
    let of: fn(&Counts) -> u64 = match after.reject {
        0 => |counts| counts.quarantine,
        _ => |counts| counts.reject,
    };
    let what = match (after.reject, after.quarantine) {
        (0, 0) => "would be rejected or quarantined",
        (0, _) => "would be quarantined",
        _ => "would be rejected",
    };
    let all = of(after);
    let mut rows: Vec<&Group> = found
        .services
        .rows
        .iter()
        .filter(|row| of(&row.shift.after) > 0)
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(of(&row.shift.after)));
    let mut sentence = format!(
        "At {}, {} of {} of the last {} {what}",
        tags(&found.candidate),
        count(all),
        counted(found.total.now.messages(), "message", "messages"),
        counted(found.range.len(), "day", "days"),
    );
    let mut named = 0;
    let mut parts = Vec::new();
    for row in rows.into_iter().filter(|row| row.name.is_some()).take(NAMED_MAX) {
        let messages = of(&row.shift.after);
        named += messages;
        parts.push(format!(
            "{} of {}",
            count(messages),
            row.name.as_deref().unwrap_or_default()
        ));
    }
    if !parts.is_empty() {
        if named < all {
            parts.push(format!("{} of others", count(all - named)));
        }
        let _ = write!(sentence, ": {}", parts.join(", "));
    }
    sentence + "."
}

/// The tags of a policy, as they are in a record.
fn tags(policy: &PolicyPublished) -> String {
    let mut tags = format!("p={}", policy.p.unwrap_or(Policy::None).word());
    for (name, policy) in [("sp", policy.sp), ("np", policy.np)] {
        if let Some(policy) = policy {
            let _ = write!(tags, "; {name}={}", policy.word());
        }
    }
    for (name, mode) in [("adkim", policy.adkim), ("aspf", policy.aspf)] {
        if let Some(mode) = mode {
            let _ = write!(tags, "; {name}={}", mode.word());
        }
    }
    if policy.testing == Some(true) {
        tags.push_str("; t=y");
    }
    if let Some(percent) = policy.pct.filter(|percent| *percent < 100) {
        let _ = write!(tags, "; pct={percent}");
    }
    tags
}

/// What the figures are worth.
fn remarks(found: &Simulated, simulation: &Simulation) -> Vec<String> {
    let from = match found.published.origin {
        Origin::Dns => "by the last look at DNS",
        Origin::Report => "by the newest report; DNS has not been read",
        Origin::Nothing => "nothing is known of a published policy",
    };
    let mut remarks = vec![format!("Published now: {} ({from}).", tags(&found.published.policy))];
    let overrides = found.overrides;
    remarks.push(match overrides.overridden {
        0 => "The reporters applied their policies to every failing message, so what is expected is what is asked."
            .to_owned(),
        overridden => format!(
            "Expected: as `after`, if reporters do not apply the policy to {} of {} again.",
            count(overridden),
            counted(overrides.failing, "failing message", "failing messages"),
        ),
    });
    if let Some(fault) = simulation.spf.as_ref().and_then(|spf| spf.fault.as_ref()) {
        remarks.push(format!("Receivers give up on the SPF record before its end: {fault}."));
    }
    let (reports, messages) = found.without_records;
    if reports > 0 {
        remarks.push(format!(
            "Not judged: {} of {} whose records retention has dropped.",
            counted(messages, "message", "messages"),
            counted(reports, "report", "reports"),
        ));
    }
    let (records, messages) = found.contradicting;
    if records > 0 {
        remarks.push(format!(
            "{} ({}) with a reported result that their own evidence contradicts are judged by the evidence.",
            counted(records, "record", "records"),
            counted(messages, "message", "messages"),
        ));
    }
    if found.under_other_records > 0 {
        let messages = counted(found.under_other_records, "message", "messages");
        remarks.push(format!("{messages} under records of subdomains stay as they are."));
    }
    if found.existence_unknown > 0 {
        let messages = counted(found.existence_unknown, "failing message", "failing messages");
        remarks.push(format!(
            "{messages} of subdomains of which DNS does not say whether they exist: sp was taken."
        ));
    }
    remarks
}
