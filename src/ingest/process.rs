//! One message, from bytes to parsed reports. Runs on rayon's threads; never waits, never fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::clock::Clock;
use crate::report::{self, FileNameFacts, ParseErrorKind, Parsed, WarningKind};
use crate::store::Problem;
use crate::unpack::{self, Damage, ReportText};

/// The bounds of processing one message.
#[derive(Debug, Clone, Copy)]
pub struct ProcessLimits {
    pub unpack: unpack::Limits,
    pub report: report::Limits,
    /// Time for one message.
    pub time_max: Duration,
    /// Messages that all records of a report may sum up to: beyond it the figures of a domain would lose their meaning
    /// (and, in time, overflow).
    pub messages_max: u64,
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            unpack: unpack::Limits::default(),
            report: report::Limits::default(),
            time_max: Duration::from_secs(30),
            messages_max: 1_000_000_000_000,
        }
    }
}

/// What a message holds, before the database is asked. Also what `tallymark parse` shows.
#[derive(Debug, Default)]
pub struct Processed {
    pub reports: Vec<ParsedLeaf>,
    pub problems: Vec<Problem>,
    /// What the message is if it holds neither: a stable word such as `tls_report`, `bounce`, `mail`.
    pub other: &'static str,
}

/// A report with its place in the message.
#[derive(Debug)]
pub struct ParsedLeaf {
    pub leaf: String,
    pub parsed: Parsed,
}

/// Unpacks and parses one message. Never fails and never panics: what cannot be read is a [`Problem`].
pub fn process(clock: &Clock, bytes: &[u8], limits: &ProcessLimits) -> Processed {
    // A panic would be a bug of ours or of a parser beneath; the message is kept, and the batch goes on.
    catch_unwind(AssertUnwindSafe(|| process_inner(clock, bytes, limits))).unwrap_or_else(|_| Processed {
        problems: vec![Problem {
            leaf: String::new(),
            reason: "internal_error",
            detail: "reading this message made the program fail: please report it".to_owned(),
            offset: None,
        }],
        ..Processed::default()
    })
}

fn process_inner(clock: &Clock, bytes: &[u8], limits: &ProcessLimits) -> Processed {
    let deadline = clock.monotonic() + limits.time_max;
    let stop = || clock.monotonic() > deadline;
    let mut processed = Processed::default();
    let unpacked = unpack::unpack(bytes, &limits.unpack, &stop, &mut |text| {
        let leaf = text.leaf().to_owned();
        match parse(&text, limits) {
            Ok(parsed) => processed.reports.push(ParsedLeaf { leaf, parsed }),
            Err(problem) => processed.problems.push(Problem { leaf, ..problem }),
        }
    });
    processed
        .problems
        .extend(unpacked.problems.into_iter().map(|problem| Problem {
            leaf: problem.leaf.into(),
            reason: problem.reason.word(),
            detail: problem.detail.into(),
            offset: problem.offset,
        }));
    processed.other = unpacked.other.map_or("mail", unpack::Other::word);
    processed
}

fn parse(text: &ReportText<'_>, limits: &ProcessLimits) -> Result<Parsed, Problem> {
    let hints = text.file_name().and_then(FileNameFacts::parse);
    let mut open = || text.open();
    let mut parsed = report::parse(&mut open, hints.as_ref(), &limits.report).map_err(|error| Problem {
        leaf: String::new(),
        reason: match &error.kind {
            ParseErrorKind::Read(io) => unpack::reason_of(io).map_or("unreadable", unpack::Reason::word),
            other => other.word(),
        },
        detail: error.kind.to_string(),
        offset: Some(error.offset),
    })?;
    if let Some(damage) = text.damage() {
        parsed.warnings.add(WarningKind::ArchiveDamaged, damage.word(), None);
        // Deviation 35: what could be inflated is used, and marked.
        parsed.report.partial |= damage != Damage::Checksum;
    }
    let messages = parsed
        .report
        .records
        .iter()
        .fold(0_u64, |sum, record| sum.saturating_add(record.count));
    if messages > limits.messages_max {
        return Err(Problem {
            leaf: String::new(),
            reason: "too_many_messages",
            detail: format!("its records sum up to {messages} messages"),
            offset: None,
        });
    }
    Ok(parsed)
}
