//! By what a TLS report is known again. `report/encoder.rs` has the encoding, which may not change.

use std::net::IpAddr;

use super::{Failure, PolicyResult, Report};
use crate::report::aggregate::{ContentKey, IdentityKey, Reporter};
use crate::report::encoder::Encoder;

/// Who sent a report: the mail domain of its contact, else its organisation's name in lower case, else the submitter.
pub fn reporter(report: &Report) -> Reporter {
    let name = report.org_name.as_deref().or(report.submitter.as_deref());
    Reporter::named(report.contact.as_deref(), name)
}

/// The identity of a report: same key, same report in the words of its reporter.
pub fn identity_key(report: &Report) -> IdentityKey {
    let mut encoder = Encoder::new(b"tallymark tls identity 1");
    encoder.text(reporter(report).as_str());
    encoder.text(&report.domain);
    encoder.text(&report.report_id);
    window(&mut encoder, report);
    IdentityKey(encoder.finish())
}

/// The contents of a report, whatever its id and whatever is around it: what is the same text by mail and by HTTPS has the
/// same key.
pub fn content_key(report: &Report) -> ContentKey {
    let mut encoder = Encoder::new(b"tallymark tls content 1");
    encoder.text(Reporter::named(report.contact.as_deref(), report.org_name.as_deref()).as_str());
    window(&mut encoder, report);
    encoder.length(report.policies.len());
    for PolicyResult {
        kind,
        domain,
        lines,
        mx,
        successful,
        failed,
        failures,
    } in &report.policies
    {
        encoder.text(kind);
        encoder.text_option(domain.as_deref());
        for list in [lines, mx] {
            encoder.length(list.len());
            list.iter().for_each(|text| encoder.text(text));
        }
        encoder.bytes(&successful.to_le_bytes());
        encoder.bytes(&failed.to_le_bytes());
        encoder.length(failures.len());
        failures.iter().for_each(|one| failure(&mut encoder, one));
    }
    ContentKey(encoder.finish())
}

fn window(encoder: &mut Encoder, report: &Report) {
    encoder.bytes(&report.window.begin.to_le_bytes());
    encoder.bytes(&report.window.end.to_le_bytes());
}

fn failure(encoder: &mut Encoder, failure: &Failure) {
    // Destructured, so that a new field is a compile error here, where it needs a new prefix.
    let Failure {
        result,
        sessions,
        sending_mta,
        mx,
        helo,
        receiving_ip,
        information,
        reason,
    } = failure;
    encoder.text(result);
    encoder.bytes(&sessions.to_le_bytes());
    for address in [sending_mta, receiving_ip] {
        encoder.text_option(address.map(|address: IpAddr| address.to_string()).as_deref());
    }
    for text in [mx, helo, information, reason] {
        encoder.text_option(text.as_deref());
    }
}
