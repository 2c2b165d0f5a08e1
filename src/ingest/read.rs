//! One message, from its bytes to what the writer needs.

use super::arrived::{Arrived, How};
use super::lanes::{Read, Watch};
use super::options::IntakeOptions;
use super::process::{ProcessLimits, Processed, TlsLeaf, process_asking};
use crate::base::Authenticated;
use crate::report::aggregate::Reporter;
use crate::report::tls;
use crate::store::{Acceptance, MessageRoom, NewFailure, NewMessage, NewReport, NewTlsReport, Problem, Provenance};
use crate::unpack::Context;

/// Why a message is not read any more: the process ended twice while it was.
pub(super) const CRASHED_BEFORE: &str = "crashed_before";

/// How messages are read with these options.
pub(super) fn reader(options: &IntakeOptions) -> Box<Read> {
    let (limits, keeps_originals) = (options.limits, options.keep_originals);
    Box::new(move |message, watch: &Watch<'_>| {
        let mut read = read(&limits, message, watch)?;
        // Packed here, because there is only one writer.
        if keeps_originals || !read.has_reports() || !read.problems.is_empty() {
            read.bytes = read.bytes.packed();
        }
        Ok(read)
    })
}

/// Reads a message. Gives it back if its work is dropped.
pub(super) fn read(limits: &ProcessLimits, message: Arrived, watch: &Watch<'_>) -> Result<NewMessage, Box<Arrived>> {
    let bytes = &message.raw.bytes;
    let ask = |unpacked| watch.ask(bytes, unpacked);
    let rest = &ProcessLimits {
        time_max: limits.time_max.saturating_sub(message.spent),
        ..*limits
    };
    let process = |context| {
        let processed = process_asking(context, watch.clock(), bytes, rest, &ask);
        watch.unpacked();
        processed
    };
    let ended = watch.begin(bytes);
    let (processed, replay) = match (&message.how, ended) {
        (How::SetAside(problem), _) => (unread(problem.clone()), None),
        // However it came: what was set aside then is not forgotten now. The person who feeds it in again wants it read.
        (How::Replay(id), _) | (How::Reread(id), None) => {
            (process(replayed_as(message.provenance.as_ref())), Some(*id))
        }
        (How::Reread(id), Some(times)) => (unread(crashed_before(times)), Some(*id)),
        (_, Some(times)) => (unread(crashed_before(times)), None),
        (How::Keep(context) | How::KeepReports(context), None) => (process(*context), None),
    };
    if watch.is_dropped() {
        return Err(Box::new(message));
    }
    let keeps_reports_only = matches!(message.how, How::KeepReports(_));
    let is_read = ended.is_none() || matches!(message.how, How::Replay(_));
    let Arrived { raw, provenance, .. } = message;
    let Processed {
        reports,
        tls_reports,
        failure,
        problems,
        other,
        stored_bytes,
    } = processed;
    let acceptance = limits.admission.acceptance(provenance.as_ref());
    let messages_max = limits.admission.report_messages_max;
    let reports = reports.into_iter().map(|found| {
        let reporter = Reporter::from_metadata(&found.parsed.report.metadata);
        let authenticated = verdict_on(provenance.as_ref(), &reporter);
        let report = NewReport::new(found.parsed, authenticated).admitted(acceptance, messages_max);
        (found.leaf, report)
    });
    let reports = reports.collect();
    let tls_reports = tls_reports.into_iter();
    let tls_reports = tls_reports.map(|found| new_tls_report(found, provenance.as_ref(), acceptance));
    let tls_reports = tls_reports.collect();
    let failure = failure.map(|parsed| NewFailure::new(parsed, provenance.as_ref()));
    if is_read {
        watch.end(&raw.bytes);
    }
    Ok(NewMessage {
        belonging: raw.belonging,
        digest: watch.digest(&raw.bytes),
        received_at: raw.received_at,
        origin: raw.origin,
        reports,
        tls_reports,
        failure,
        provenance,
        problems,
        other: (!keeps_reports_only).then_some(other),
        replay,
        room: MessageRoom {
            reports_bytes: stored_bytes,
            bytes_max: limits.cost.stored_bytes_max(raw.bytes.len()),
            kept_bytes: 0,
        },
        bytes: raw.bytes.into(),
    })
}

fn new_tls_report(found: TlsLeaf, provenance: Option<&Provenance>, acceptance: Acceptance) -> (String, NewTlsReport) {
    let reporter = tls::reporter(&found.parsed.report);
    let authenticated = verdict_on(provenance, &reporter);
    (found.leaf, NewTlsReport::new(found.parsed, authenticated, acceptance))
}

fn verdict_on(provenance: Option<&Provenance>, reporter: &Reporter) -> Authenticated {
    provenance.map_or(Authenticated::Unknown, |provenance| provenance.verdict_on(reporter))
}

/// What anyone posted is read as a TLS report for ever.
fn replayed_as(provenance: Option<&Provenance>) -> Context {
    match provenance.is_some_and(Provenance::is_posted) {
        true => Context::Post,
        false => Context::ReportAddress,
    }
}

fn unread(problem: Problem) -> Processed {
    Processed {
        problems: vec![problem],
        ..Processed::default()
    }
}

fn crashed_before(times: u8) -> Problem {
    Problem {
        leaf: String::new(),
        reason: CRASHED_BEFORE,
        detail: format!(
            "the program ended {times} times while it read this message, so it was not read again: please report it"
        ),
        offset: None,
    }
}
