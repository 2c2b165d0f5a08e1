//! One message, from bytes to parsed reports. Runs on rayon's threads; never waits, never fails.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ahead::ends_in_the_future;
use super::failure_reports;
use super::problems::{breach_of, problem_of, read_reason, too_many};
use super::sums;
use super::tls_reports::{self, TlsWork};
use crate::base::Millis;
use crate::base::budget::{Budget, CostLimits};
use crate::base::clock::Clock;
use crate::report::aggregate::{self, FileNameFacts, ParseError, ParseErrorKind, Parsed, WarningKind};
use crate::report::{failure, tls};
use crate::store::{Acceptance, Problem, Provenance};
use crate::unpack::{self, Context, Damage, ReportText, TextKind};

/// The bounds of processing one message.
#[derive(Debug, Clone, Copy)]
pub struct ProcessLimits {
    pub unpack: unpack::Limits,
    pub report: aggregate::Limits,
    pub tls: tls::Limits,
    /// Memory, steps and room in the database for one message.
    pub cost: CostLimits,
    /// Processor time for one message.
    pub time_max: Duration,
    /// Messages that all records of a report may sum up to: beyond it the figures of a domain would lose their meaning
    /// (and, in time, overflow).
    pub messages_max: u64,
    pub admission: Admission,
}

/// The rules for reports that count without a decision. The others are held until the owner of the domain accepts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    pub unvouched: Unvouched,
    /// Messages that a report may be about, where its domain has no limit of its own.
    pub report_messages_max: u64,
}

/// What happens to reports whose mail had an envelope and passed neither DMARC nor aligned SPF or DKIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unvouched {
    Hold,
    Count,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            unvouched: Unvouched::Hold,
            report_messages_max: 1_000_000_000,
        }
    }
}

impl Admission {
    /// Whether a report that came this way may count. Mail that is not authenticated says nothing about its sender.
    pub(super) fn acceptance(self, provenance: Option<&Provenance>) -> Acceptance {
        match provenance {
            // Its owner has published the address, and a post cannot be authenticated.
            Some(mail) if mail.is_posted() => Acceptance::Open,
            // Its owner read it or handed it in.
            Some(mail) if !mail.is_delivered() => Acceptance::Open,
            Some(mail) if mail.is_checked() && !mail.is_vouched_for() && self.unvouched == Unvouched::Hold => {
                match mail.is_undecided() {
                    true => Acceptance::Undecided,
                    false => Acceptance::Unvouched,
                }
            }
            _ => Acceptance::Open,
        }
    }
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            unpack: unpack::Limits::default(),
            report: aggregate::Limits::default(),
            tls: tls::Limits::default(),
            cost: CostLimits::default(),
            time_max: Duration::from_secs(2),
            messages_max: 1_000_000_000_000,
            admission: Admission::default(),
        }
    }
}

/// The contents of a message, before the database is asked. `tallymark parse` shows them.
#[derive(Debug, Default)]
pub struct Processed {
    pub reports: Vec<ParsedLeaf>,
    pub tls_reports: Vec<TlsLeaf>,
    /// What the message is, if it is a failure report. Whether it is taken as one, its domain says.
    pub failure: Option<failure::Parsed>,
    pub problems: Vec<Problem>,
    /// Kind of a message with neither reports nor problems: a stable word such as `tls_report`, `bounce`, `mail`.
    pub other: &'static str,
    /// Bytes that one copy of the reports takes in the database.
    pub stored_bytes: u64,
}

impl Processed {
    /// Whether there is neither a report nor anything that should be one.
    pub fn is_other(&self) -> bool {
        self.reports.is_empty() && self.tls_reports.is_empty() && self.problems.is_empty()
    }
}

/// A report with its place in the message.
#[derive(Debug)]
pub struct ParsedLeaf {
    pub leaf: String,
    pub parsed: Parsed,
}

/// A TLS report with its place in the message.
#[derive(Debug)]
pub struct TlsLeaf {
    pub leaf: String,
    pub parsed: tls::Parsed,
}

/// As [`process_as`], of a file that was handed in as a report.
pub fn process(clock: &Clock, bytes: &[u8], limits: &ProcessLimits) -> Processed {
    process_as(Context::File, clock, bytes, limits)
}

/// Reason for a post without a TLS report.
const NOT_TLS_REPORT: &str = "not_tls_report";

/// Unpacks and parses one message. Never fails and never panics: a claimed report that cannot be read is a [`Problem`].
pub fn process_as(context: Context, clock: &Clock, bytes: &[u8], limits: &ProcessLimits) -> Processed {
    process_asking(context, clock, bytes, limits, &|_| false)
}

/// As [`process_as`]. `ask` is called before each part and at least once per 64 KiB unpacked, with the number of
/// bytes unpacked so far. Once it returns true, the work ends.
pub(super) fn process_asking(
    context: Context,
    clock: &Clock,
    bytes: &[u8],
    limits: &ProcessLimits,
    ask: &dyn Fn(u64) -> bool,
) -> Processed {
    // A panic would be a bug of ours or of a parser below. The message is kept, and the batch continues.
    catch_unwind(AssertUnwindSafe(|| process_inner(context, clock, bytes, limits, ask))).unwrap_or_else(|_| Processed {
        problems: vec![Problem {
            leaf: String::new(),
            reason: "internal_error",
            detail: "reading this message made the program fail: please report it".to_owned(),
            offset: None,
        }],
        ..Processed::default()
    })
}

/// Whether the work on a message has used too much processor time. Other load on the machine does not matter.
///
/// Reading the thread's clock is a system call that locks a queue of the scheduler. So elapsed time, which is never less, is
/// read first, and the thread's clock only for messages that take long.
struct Worked<'c> {
    clock: &'c Clock,
    time_max: Duration,
    began: Duration,
    /// Processor time of the thread when the work began, wrong by at most [`Self::unread`].
    used_before: OnceCell<Duration>,
}

impl<'c> Worked<'c> {
    fn new(clock: &'c Clock, time_max: Duration) -> Self {
        Self {
            clock,
            time_max,
            began: clock.monotonic(),
            used_before: OnceCell::new(),
        }
    }

    /// Elapsed time up to which the thread's clock is not read.
    fn unread(&self) -> Duration {
        self.time_max / 100
    }

    fn is_too_long(&self) -> bool {
        let elapsed = self.clock.monotonic().saturating_sub(self.began);
        if elapsed <= self.unread() {
            return false;
        }
        let used = || self.clock.thread_time();
        // The last look was within that time, and looks are close. So the thread has used about that much at most, however
        // long it was not run since.
        let used_before = *self.used_before.get_or_init(|| used().saturating_sub(self.unread()));
        elapsed > self.time_max && used().saturating_sub(used_before) > self.time_max
    }
}

fn process_inner(
    context: Context,
    clock: &Clock,
    bytes: &[u8],
    limits: &ProcessLimits,
    ask: &dyn Fn(u64) -> bool,
) -> Processed {
    // A tenth is left for keys, sums and the commit.
    let worked = Worked::new(clock, limits.time_max * 9 / 10);
    let stop = |unpacked| ask(unpacked) || worked.is_too_long();
    let budget = Budget::new(&limits.cost, bytes.len(), &stop);
    let mut processed = Processed::default();
    let unpacked = unpack::unpack_as(context, bytes, &limits.unpack, &budget, &mut |text| {
        let work = Work {
            limits,
            budget: &budget,
            now: clock.now(),
        };
        if text.kind() == TextKind::Tls {
            let leaf = text.leaf().to_owned();
            match tls_reports::parse(&text, &work.for_tls()) {
                Ok(parsed) => processed.tls_reports.push(TlsLeaf { leaf, parsed }),
                Err(problem) if is_problem(context, &text, &problem) || budget.breach().is_some() => {
                    processed.problems.push(Problem { leaf, ..problem });
                }
                // JSON of another kind.
                Err(_) => {}
            }
            return;
        }
        if context == Context::Post {
            return;
        }
        // After a report, even an empty one, an unreadable text counts as a broken report.
        let mut has_report = false;
        parse(&text, &work, &mut |nth, result| {
            // Most texts hold one report.
            let leaf = match nth {
                1 => text.leaf().to_owned(),
                nth => format!("{} > report {nth}", text.leaf()),
            };
            match result {
                Ok(parsed) => {
                    has_report = true;
                    processed.reports.push(ParsedLeaf { leaf, parsed });
                }
                Err(problem) if has_report || is_problem(context, &text, &problem) || budget.breach().is_some() => {
                    processed.problems.push(Problem { leaf, ..problem });
                }
                // XML of another kind.
                Err(_) => {}
            }
        });
    });
    let spent = budget.breach().map(|breach| breach.word());
    let is_told = processed.problems.iter().any(|problem| Some(problem.reason) == spent);
    let problems = unpacked.problems.into_iter();
    // The problem that not everything was read is noted once.
    let problems = problems.filter(|problem| !is_told || Some(problem.reason.word()) != spent);
    processed.problems.extend(problems.map(|problem| Problem {
        leaf: problem.leaf.into(),
        reason: problem.reason.word(),
        detail: problem.detail.into(),
        offset: problem.offset,
    }));
    let failure = unpacked.failure.filter(|_| context != Context::Post);
    processed.failure = failure.map(|parts| failure_reports::parse(&parts, &budget));
    if context == Context::Post && processed.is_other() {
        processed.problems.push(not_tls_report());
    }
    processed.other = unpacked.kind.word();
    processed.stored_bytes = budget.drawn().stored;
    processed
}

fn not_tls_report() -> Problem {
    Problem {
        leaf: String::new(),
        reason: NOT_TLS_REPORT,
        detail: "there is no TLS report (RFC 8460) in it, and nothing else is accepted where it was posted".to_owned(),
        offset: None,
    }
}

/// What parsing every text of a message needs.
struct Work<'a> {
    limits: &'a ProcessLimits,
    budget: &'a Budget<'a>,
    now: Millis,
}

impl<'a> Work<'a> {
    fn for_tls(&self) -> TlsWork<'a> {
        TlsWork {
            limits: &self.limits.tls,
            sessions_max: self.limits.messages_max,
            budget: self.budget,
            now: self.now,
        }
    }
}

/// Whether a text without a report was meant to be one. At an address that is only for reports, broken texts are.
fn is_problem(context: Context, text: &ReportText<'_>, problem: &Problem) -> bool {
    let is_broken = [
        "malformed_xml",
        "malformed_json",
        "archive_damaged",
        unpack::Reason::TooLarge.word(),
    ]
    .contains(&problem.reason);
    text.is_stated()
        || problem.reason == unpack::Reason::TooSlow.word()
        || context == Context::ReportAddress && is_broken
}

/// Parses every report of a text, and calls `each` with its number, from 1.
fn parse(text: &ReportText<'_>, work: &Work<'_>, each: &mut dyn FnMut(usize, Result<Parsed, Problem>)) {
    let hints = text.file_name().and_then(FileNameFacts::parse);
    let mut results = Vec::new();
    let mut open = || text.open();
    aggregate::parse_all(
        &mut open,
        hints.as_ref(),
        &work.limits.report,
        work.budget,
        &mut |result| results.push(result),
    );
    // The damage of the archive is known only after reading.
    let count = results.len();
    for (nth, result) in (1..).zip(results) {
        let result = match result {
            Ok(parsed) => checked(parsed, text.damage().filter(|_| nth == count), work),
            Err(error) => Err(problem(&error, text.damage())),
        };
        each(nth, result);
    }
}

/// The problem of an unreadable report. If the archive around it is damaged, that is the reason.
fn problem(error: &ParseError, damage: Option<Damage>) -> Problem {
    let is_limit = matches!(
        error.kind,
        ParseErrorKind::EventTooLarge(_)
            | ParseErrorKind::TooDeep(_)
            | ParseErrorKind::TooManyAttributes(_)
            | ParseErrorKind::TooManyRecords(_)
            | ParseErrorKind::TooMuchEvidence(_)
            | ParseErrorKind::TooManyReports(_)
            | ParseErrorKind::Budget(_)
            | ParseErrorKind::Read(_)
    );
    let (reason, detail) = match (&error.kind, damage) {
        (ParseErrorKind::Read(io), _) => (read_reason(io), error.kind.to_string()),
        (kind, Some(damage @ (Damage::Truncated | Damage::Corrupt))) if !is_limit => {
            let detail = format!(
                "the archive is damaged ({}), and the part that could be unpacked is not a report: {kind}",
                damage.word()
            );
            (unpack::Reason::ArchiveDamaged.word(), detail)
        }
        (kind, _) => (kind.word(), kind.to_string()),
    };
    problem_of(reason, &detail, Some(error.offset))
}

/// A report that may be counted; `damage` is that of the archive in which it is the last.
fn checked(mut parsed: Parsed, damage: Option<Damage>, work: &Work<'_>) -> Result<Parsed, Problem> {
    let (limits, now) = (work.limits, work.now);
    if let Some(damage) = damage {
        parsed.warnings.add(WarningKind::ArchiveDamaged, damage.word(), None);
        // Deviation 35: the part that could be inflated is used, and marked. A text with a wrong checksum must not
        // contradict the intact one.
        parsed.report.partial = true;
    }
    if ends_in_the_future(parsed.report.metadata.window, now) {
        parsed
            .warnings
            .add(WarningKind::OddDate, "date_range: ends in the future", None);
    }
    let messages = parsed
        .report
        .records
        .iter()
        .fold(0_u64, |sum, record| sum.saturating_add(record.count));
    if messages > limits.messages_max {
        return Err(too_many(&format!("its records sum up to {messages} messages")));
    }
    sums::charge(&parsed.report, work.budget).map_err(breach_of)?;
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed clock's threads work without a pause: processor time is elapsed time.
    #[test]
    fn work_is_too_long_when_it_has_used_its_time() {
        let clock = Clock::fixed(0);
        clock.advance(Duration::from_secs(50));
        let worked = Worked::new(&clock, Duration::from_secs(1));
        for (advance, is_too_long) in [
            (0, false),
            (9, false),
            (2, false),
            (489, false),
            (500, false),
            (2, true),
            (9_000, true),
        ] {
            clock.advance(Duration::from_millis(advance));
            assert_eq!(worked.is_too_long(), is_too_long, "{advance}");
        }
    }
}
