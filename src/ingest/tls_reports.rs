//! The TLS report in a text.

use super::ahead::ends_in_the_future;
use super::problems::{breach_of, problem_of, read_reason, too_many};
use super::sums;
use crate::base::Millis;
use crate::base::budget::Budget;
use crate::report::aggregate::WarningKind;
use crate::report::tls::{self, Hints, ParseError, ParseErrorKind, Parsed};
use crate::store::Problem;
use crate::unpack::{self, ReportText};

/// What parsing the TLS reports of a message needs.
pub(super) struct TlsWork<'a> {
    pub limits: &'a tls::Limits,
    /// Sessions that all counts of a report may sum up to.
    pub sessions_max: u64,
    pub budget: &'a Budget<'a>,
    pub now: Millis,
}

/// Parses a text that may be a TLS report.
pub(super) fn parse(text: &ReportText<'_>, work: &TlsWork<'_>) -> Result<Parsed, Problem> {
    let fields = text.tls_fields();
    let hints = Hints {
        domain: fields.domain.as_deref(),
        submitter: fields.submitter.as_deref(),
        file_name: text.file_name(),
    };
    let opened = text.open().map_err(|error| ParseError {
        kind: ParseErrorKind::Read(error),
        offset: 0,
    });
    let parsed = opened.and_then(|mut opened| tls::parse(&mut opened, hints, work.limits, work.budget));
    let mut parsed = parsed.map_err(|error| problem(&error, text))?;
    if let Some(damage) = text.damage() {
        parsed.warnings.add(WarningKind::ArchiveDamaged, damage.word(), None);
    }
    if ends_in_the_future(parsed.report.window, work.now) {
        parsed
            .warnings
            .add(WarningKind::OddDate, "date-range: ends in the future", None);
    }
    let counts = parsed.report.policies.iter().flat_map(|policy| {
        let details = policy.failures.iter().map(|failure| failure.sessions);
        [policy.successful, policy.failed].into_iter().chain(details)
    });
    let sessions = counts.fold(0_u64, u64::saturating_add);
    if sessions > work.sessions_max {
        return Err(too_many(&format!("its counts sum up to {sessions} sessions")));
    }
    sums::charge_tls(&parsed.report, work.budget).map_err(breach_of)?;
    Ok(parsed)
}

/// The problem of an unreadable TLS report. If the archive around it is damaged, that is the reason.
fn problem(error: &ParseError, text: &ReportText<'_>) -> Problem {
    let (reason, detail) = match (&error.kind, text.damage()) {
        (ParseErrorKind::Read(io), _) => (read_reason(io), error.kind.to_string()),
        (ParseErrorKind::Malformed(_), Some(damage)) => {
            let detail = format!("the archive is damaged ({}): {}", damage.word(), error.kind);
            (unpack::Reason::ArchiveDamaged.word(), detail)
        }
        (kind, _) => (kind.word(), kind.to_string()),
    };
    problem_of(reason, &detail, Some(error.offset))
}
