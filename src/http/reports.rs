//! `/domains/{id}/dmarc/reports`: the list, one report with its rows, and the bytes it came as.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::authenticated::{AUTHENTICATED, authenticated};
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, file_name, open_days_in_name};
use super::owned::{OwnedDomain, OwnedReport};
use super::paging::wanted;
use super::places::{instant, record_place, report_place, report_place_text};
use super::range::open_range;
use super::records::listed_max;

use super::result_filter::{RESULT, result_filter};
use super::standing::{STANDINGS, held_because, standing, status};
use super::state::AppState;
use crate::api::{
    DecisionBody, Dispositions, MailBody, MailSignatureBody, MailSpfBody, NewestReport, PLAIN, Pagination, PolicyBody,
    ProvenanceBody, RecordBody, ReportBody, ReportItem, ReportList, TlsBody, WarningBody,
};
use crate::base::clock::format_instant;
use crate::base::{Authenticated, ReportNo};
use crate::report::aggregate::Reporter;
use crate::store::{self, Domain, ListedRecord, Original, ReportDetail, ReportFilter, ReportSummary, StoredWarning};

/// Parameters that select reports.
pub(super) const FILTERS: &[Parameter] = &[
    Parameter {
        name: "org",
        says: "Only reports with this `org_name`, in any letter case.",
        schema: || json!({ "type": "string", "minLength": 1, "maxLength": ORG_CHARS_MAX, "pattern": PLAIN }),
    },
    RESULT,
    AUTHENTICATED,
    Parameter {
        name: "status",
        says: "Only reports that count, are held, or were discounted. Default: `counted`.",
        schema: || json!({ "type": "string", "enum": STANDINGS }),
    },
];

/// What [`kind_of`] tells apart.
pub(super) const ORIGINAL_TYPES: &[&str] = &[
    "application/gzip",
    "application/zip",
    "application/xml",
    "message/rfc822",
];

/// `GET /domains/{id}/dmarc/reports`
pub(super) async fn list(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let wanted = wanted(&mut parameters, &state.config, report_place);
    let (from, to) = open_range(&mut parameters, state.today());
    let filter = ReportFilter {
        from,
        to,
        org: parameters.plain_text("org", ORG_CHARS_MAX),
        result: result_filter(&mut parameters),
        authenticated: authenticated(&mut parameters),
        standing: parameters.word("status", &STANDINGS, standing).unwrap_or_default(),
    };
    parameters.finish()?;
    let (mut reports, total) = state.store.reports(domain.id, &filter, wanted.cut()).await?;
    let pagination = wanted.finish(&mut reports, total, |last| {
        report_place_text(last.window.begin, last.no)
    })?;
    let list = ReportList {
        reports: reports
            .into_iter()
            .map(|report| ReportItem::from(report).listed_under(&domain))
            .collect(),
        pagination,
    };
    let name = |_: &_| {
        let days = open_days_in_name((from, to), state.today());
        file_name(&[domain.name.as_str(), "reports", &days])
    };
    Ok(listing.answer(list, name))
}

/// `GET /domains/{id}/dmarc/reports/{report_id}`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedReport(domain, no): OwnedReport,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let wanted = wanted(&mut parameters, &state.config, record_place);
    parameters.finish()?;
    let detail = state.store.report(domain.id, no).await?;
    let detail = detail.ok_or_else(|| ApiError::not_found("Report"))?;
    let before = wanted.after.unwrap_or(wanted.page.offset());
    let part = (before, wanted.page.per_page);
    let (records, total) = state
        .store
        .listed_records(domain.id, no, part, listed_max(&state.config))
        .await?;
    let last = records.last().map(|last| last.number).filter(|number| *number < total);
    let pagination = Pagination::new(wanted.page, total).going_on(last.map(|number| number.to_string()));
    let body = report_body(detail, &records, pagination);
    Ok(listing.answer(body, |body| records_file(&domain, &body.report)))
}

/// The name of a file with the records of a report.
fn records_file(domain: &Domain, report: &ReportItem) -> String {
    let what = format!("report-{}_records", report.id);
    let day = |instant: &str| instant.get(..10).unwrap_or_default().to_owned();
    let days = [&report.date_range_begin, &report.date_range_end].map(|instant| day(instant));
    file_name(&[domain.name.as_str(), &what, &days.join("_")])
}

/// `GET /domains/{id}/dmarc/reports/{report_id}/original`
pub(super) async fn original(
    State(state): State<AppState>,
    OwnedReport(domain, no): OwnedReport,
) -> Result<Response, ApiError> {
    let original = state.store.original(domain.id, no).await?;
    original_answer(original, no, "xml")
}

/// The mail or file that a report came in; `document` is how the name of an unpacked one ends.
pub(super) fn original_answer(original: Option<Original>, no: ReportNo, document: &str) -> Result<Response, ApiError> {
    let original = original.ok_or_else(|| ApiError::not_found("Original"))?;
    let (media_type, ending) = kind_of(&original.bytes, document);
    // A stranger's bytes: to be saved, never to be shown by a browser.
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"report-{no}.{ending}\""),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'".to_owned(),
        ),
    ];
    Ok((headers, original.bytes).into_response())
}

/// Longest stored `org_name`, in bytes. No longer text can match one.
const ORG_CHARS_MAX: usize = 512;

/// Media type and file name ending for received bytes, by how they begin.
fn kind_of(bytes: &[u8], document: &str) -> (&'static str, String) {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        ("application/gzip", format!("{document}.gz"))
    } else if bytes.starts_with(b"PK") {
        ("application/zip", "zip".to_owned())
    } else if text.starts_with(b"{") {
        ("application/json", "json".to_owned())
    } else if text.starts_with(b"<") {
        ("application/xml", "xml".to_owned())
    } else {
        ("message/rfc822", "eml".to_owned())
    }
}

impl ReportItem {
    /// Names the domain that has it in its list.
    fn listed_under(mut self, domain: &Domain) -> Self {
        self.newest.domain_id = Some(domain.public_id.clone());
        self
    }
}

impl From<ReportSummary> for ReportItem {
    fn from(summary: ReportSummary) -> Self {
        // A mail vouches for a report if it passed DMARC for this domain.
        let reporter = Reporter::named(summary.email.as_deref(), summary.org_name.as_deref());
        let vouched = summary.authenticated == Authenticated::Pass && !reporter.as_str().is_empty();
        let policy = PolicyBody::from(&summary.policy);
        let newest = NewestReport {
            domain_id: None,
            report_id: summary.report_id.clone(),
            org_name: summary.org_name.clone(),
            date_range_start: instant(summary.window.begin),
            date_range_end: instant(summary.window.end),
            policy_published: PolicyBody::from(&summary.policy),
            created_at: format_instant(summary.received_at),
        };
        Self {
            newest,
            status: status(&summary).into(),
            held_because: held_because(&summary).map(Into::into),
            reporter: reporter.as_str().to_owned(),
            authenticated_domain: vouched.then(|| reporter.as_str().to_owned()),
            id: summary.no.0,
            org_name: summary.org_name,
            date_range_begin: instant(summary.window.begin),
            date_range_end: instant(summary.window.end),
            total_count: summary.totals.messages(),
            pass_count: summary.totals.pass,
            fail_count: summary.totals.fail,
            report_id: summary.report_id,
            email: summary.email,
            policy,
            domain: summary.policy.domain.into(),
            dispositions: Dispositions::from(&summary.totals),
            received_at: format_instant(summary.received_at),
            authenticated: summary.authenticated.word().into(),
            arrivals: summary.arrivals,
            warnings: summary.warnings,
            partial: summary.partial,
            counted: summary.counted,
            record_count: summary.records,
            records_kept: summary.records_kept,
        }
    }
}

fn report_body(detail: ReportDetail, records: &[ListedRecord], pagination: Pagination) -> ReportBody<'_> {
    let summary = &detail.summary;
    ReportBody {
        provenance: ProvenanceBody {
            received_at: format_instant(summary.received_at),
            arrivals: summary.arrivals,
            authenticated: summary.authenticated.word().into(),
            original_kept: detail.original_kept,
            provable: detail.is_provable,
            mail: detail.provenance.map(MailBody::from),
        },
        history: detail.history.into_iter().map(DecisionBody::from).collect(),
        report: ReportItem::from(detail.summary),
        extra_contact_info: detail.extra_contact_info,
        errors: detail.errors,
        generator: detail.generator,
        version: detail.version,
        namespace: detail.namespace,
        warning_list: detail.warnings.into_iter().map(WarningBody::from).collect(),
        conflicts: detail.conflicts.into_iter().map(|no| no.0).collect(),
        records: records.iter().map(RecordBody::from).collect(),
        pagination,
    }
}

impl From<store::Provenance> for MailBody {
    fn from(mail: store::Provenance) -> Self {
        Self {
            peer: mail.peer,
            helo: mail.helo,
            mail_from: mail.mail_from,
            tls: mail.tls.map(|tls| TlsBody {
                version: tls.version,
                cipher: tls.cipher,
            }),
            queue_id: mail.queue_id,
            dmarc: mail.dmarc.word().into(),
            domain: mail.domain,
            spf: mail.spf.map(|spf| MailSpfBody {
                domain: spf.domain,
                result: spf.result,
            }),
            dkim: mail
                .dkim
                .into_iter()
                .map(|signature| MailSignatureBody {
                    domain: signature.domain,
                    selector: signature.selector,
                    result: signature.result,
                })
                .collect(),
            unchecked: mail.unchecked,
            results_from: mail.results_from,
        }
    }
}

impl From<StoredWarning> for WarningBody {
    fn from(warning: StoredWarning) -> Self {
        Self {
            kind: warning.kind,
            detail: warning.detail,
            offset: warning.offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_original_is_named_by_how_it_begins() {
        for (bytes, expect) in [
            (&b"\x1f\x8b\x08"[..], "xml.gz"),
            (b"PK\x03\x04", "zip"),
            (b"\xef\xbb\xbf <?xml", "xml"),
            (b"<feedback>", "xml"),
            (b"Received: from", "eml"),
            (b"", "eml"),
        ] {
            assert_eq!(kind_of(bytes, "xml").1, expect, "{bytes:?}");
        }
    }
}
