//! `/domains/{id}/dmarc/reports`: the list, one report with its rows, and the bytes it came as.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::error::ApiError;
use super::fields::{PLAIN, Parameters};
use super::figures::today;
use super::openapi::Parameter;
use super::owned::{OwnedDomain, OwnedReport};
use super::paging::{Pagination, wanted};
use super::range::open_range;
use super::records::{Dispositions, PolicyBody, RecordBody, listed_max};
use super::report_record::{record_place, report_place};
use super::schema::{Address, AuthenticatedWord, Instant};
use super::standing::{HELD, STANDINGS, STATUSES, held_because, standing, status};
use super::state::AppState;
use super::trust::DecisionBody;
use crate::base::clock::format_instant;
use crate::report::aggregate::Reporter;
use crate::store::{self, Authenticated, ListedRecord, ReportDetail, ReportFilter, ReportSummary, StoredWarning};
use crate::tally::ResultFilter;

/// A report in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReportItem")]
pub(super) struct ReportItem {
    /// Our number for it.
    id: i64,
    /// Who sent it, as it calls itself.
    #[schemars(example = &"google.com")]
    org_name: Option<String>,
    /// First instant of the time reported on.
    #[schemars(with = "Instant")]
    date_range_begin: String,
    /// Its last instant, or the first after it: reporters differ, and this is what they write.
    #[schemars(with = "Instant")]
    date_range_end: String,
    /// Messages.
    total_count: u64,
    /// Messages that passed DMARC.
    pass_count: u64,
    /// Messages that did not.
    fail_count: u64,
    /// The reporter's own id for it.
    #[schemars(example = &"14495398217604482367")]
    report_id: String,
    /// The reporter's address.
    #[schemars(example = &"noreply-dmarc-support@google.com")]
    email: Option<String>,
    /// The domain whose policy was found: this one, or one below it.
    #[schemars(example = &"yourdomain.com")]
    domain: String,
    /// That policy.
    policy: PolicyBody,
    /// Messages by what was done with them.
    dispositions: Dispositions,
    /// When it first arrived.
    #[schemars(with = "Instant")]
    received_at: String,
    /// Did the mail that carried it pass DMARC for the reporter's domain: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    authenticated: &'static str,
    /// Whose mail that was, if it passed: the reporter's mail domain, whatever it calls itself in `org_name`.
    #[schemars(example = &"google.com")]
    authenticated_domain: Option<String>,
    /// How often it arrived; it is counted once.
    arrivals: u64,
    /// How many oddities it has.
    warnings: u64,
    /// Its text broke off, or its archive is damaged: the rows that could be read are here, until the intact report comes.
    partial: bool,
    /// False for a report that contradicts another, counted one, and for one that may not count: it is in no sum.
    counted: bool,
    /// `counted`; `held` until the owner accepts it or its reporter; `discounted` by the owner; or `conflict`, where another
    /// report of the same identity counts.
    #[schemars(extend("enum" = STATUSES), example = &"counted")]
    status: &'static str,
    /// Why it is held: `unvouched` (its mail passed neither DMARC nor an aligned SPF or DKIM check), `undecided` (these checks
    /// came to nothing yet, and are made again), `implausible` (about more messages than the limit) or `crowded` (a day of the
    /// domain would have more source addresses than the limit); null if it is not.
    #[schemars(extend("enum" = HELD))]
    held_because: Option<&'static str>,
    /// By what its reporter is known: the mail domain of `email`, else `org_name` in lower case.
    #[schemars(example = &"google.com")]
    reporter: String,
    /// Rows that it came with.
    record_count: u64,
    /// False once retention has dropped its rows: its figures stay. Importing the report again brings the rows back.
    records_kept: bool,
}

/// A page of reports, newest window first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReportList {
    reports: Vec<ReportItem>,
    pagination: Pagination,
}

/// One report.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Report")]
pub(super) struct ReportBody<'a> {
    #[serde(flatten)]
    item: ReportItem,
    /// How to reach the reporter beyond its address.
    extra_contact_info: Option<String>,
    /// What the reporter says went wrong on its side.
    #[schemars(example = &["DNS time-out"])]
    errors: Vec<String>,
    /// The reporter's software.
    generator: Option<String>,
    /// Of the format, as written.
    version: Option<String>,
    /// XML namespace, as written.
    namespace: Option<String>,
    /// The first 100 oddities.
    warning_list: Vec<WarningBody>,
    /// Reports with the same identity and another content.
    conflicts: Vec<i64>,
    /// Where it came from and how far that can be trusted.
    provenance: Provenance,
    /// What was decided about it, oldest first; the last 50 decisions.
    history: Vec<DecisionBody>,
    /// A page of its rows, in their order; none where `records_kept` is false.
    records: Vec<RecordBody<'a>>,
    /// Of the rows that are kept.
    pagination: Pagination,
}

/// An oddity of a report.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Warning")]
struct WarningBody {
    /// A stable word.
    #[schemars(example = &"unknown_element")]
    kind: String,
    /// What it is about; text of the report.
    #[schemars(example = &"<extra>")]
    detail: String,
    /// Byte in the report's text, where one is known.
    offset: Option<u64>,
}

/// Where a report came from.
#[derive(Debug, Serialize, JsonSchema)]
struct Provenance {
    /// When it first arrived.
    #[schemars(with = "Instant")]
    received_at: String,
    /// How often it arrived.
    arrivals: u64,
    /// Did the mail that carried it pass DMARC for the reporter's domain: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    authenticated: &'static str,
    /// Whether the report as it was received is still stored.
    original_kept: bool,
    /// The mail that vouches for it, else the first that carried it; null where there was no envelope (files, uploads).
    mail: Option<MailBody>,
}

/// Who brought a mail, and what was found out about it. The peer's own texts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Mail")]
struct MailBody {
    /// Address of the peer.
    #[schemars(with = "Address")]
    peer: IpAddr,
    /// What it called itself.
    #[schemars(example = &"mail.example.net")]
    helo: String,
    /// Sender of the envelope; empty for the null sender.
    #[schemars(example = &"noreply-dmarc-support@google.com")]
    mail_from: String,
    /// Null: in plain.
    tls: Option<TlsBody>,
    /// Our name for the mail.
    #[schemars(example = &"4f9c1a2b3d5e6f70")]
    queue_id: String,
    /// DMARC result of the mail for the domain of its author: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    dmarc: &'static str,
    /// The author's domain.
    #[schemars(example = &"google.com")]
    domain: Option<String>,
    /// SPF of the envelope's sender; null if it was not checked.
    spf: Option<SpfBody>,
    /// The signatures that were checked.
    dkim: Vec<SignatureBody>,
    /// Why nothing was checked, if nothing was: a stable word.
    unchecked: Option<String>,
}

/// What was between the peer and us.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tls")]
struct TlsBody {
    #[schemars(example = &"TLSv1.3")]
    version: String,
    #[schemars(example = &"TLS13_AES_256_GCM_SHA384")]
    cipher: String,
}

/// SPF of the envelope's sender.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MailSpf")]
struct SpfBody {
    #[schemars(example = &"google.com")]
    domain: String,
    /// `pass`, `fail`, `softfail`, `neutral`, `none`, `temperror` or `permerror`.
    #[schemars(example = &"pass")]
    result: String,
}

/// One DKIM signature.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MailSignature")]
struct SignatureBody {
    #[schemars(example = &"google.com")]
    domain: String,
    #[schemars(example = &"20230601")]
    selector: String,
    /// `pass`, `fail`, `neutral`, `temperror` or `permerror`.
    #[schemars(example = &"pass")]
    result: String,
}

/// Parameters that select reports.
pub(super) const FILTERS: &[Parameter] = &[
    Parameter {
        name: "org",
        says: "Only reports of this reporter: its `org_name`, in any case.",
        schema: || json!({ "type": "string", "minLength": 1, "maxLength": ORG_CHARS_MAX, "pattern": PLAIN }),
    },
    RESULT,
    Parameter {
        name: "status",
        says: "Only reports that count, are held, or were discounted; `counted` if nothing is said.",
        schema: || json!({ "type": "string", "enum": STANDINGS }),
    },
];

/// The parameter that [`result_filter`] reads.
pub(super) const RESULT: Parameter = Parameter {
    name: "result",
    says: "Only those of which every message passed, none did, or some did.",
    schema: || json!({ "type": "string", "enum": ["pass", "fail", "mixed"] }),
};

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
) -> Result<Json<ReportList>, ApiError> {
    let wanted = wanted(&mut parameters, &state.config, report_place);
    let (from, to) = open_range(&mut parameters, today(&state));
    let filter = ReportFilter {
        from,
        to,
        org: parameters.plain_text("org", ORG_CHARS_MAX),
        result: result_filter(&mut parameters),
        standing: parameters.word("status", &STANDINGS, standing).unwrap_or_default(),
    };
    parameters.finish()?;
    let (mut reports, total) = state.store.reports(domain.id, &filter, wanted.cut()).await?;
    let pagination = wanted.finish(&mut reports, total, |last| format!("{}_{}", last.window.begin, last.no))?;
    Ok(Json(ReportList {
        reports: reports.into_iter().map(ReportItem::from).collect(),
        pagination,
    }))
}

/// `GET /domains/{id}/dmarc/reports/{report_id}`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedReport(domain, no): OwnedReport,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
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
    Ok(Json(report_body(detail, &records, pagination)).into_response())
}

/// `GET /domains/{id}/dmarc/reports/{report_id}/original`
pub(super) async fn original(
    State(state): State<AppState>,
    OwnedReport(domain, no): OwnedReport,
) -> Result<Response, ApiError> {
    let original = state.store.original(domain.id, no).await?;
    let original = original.ok_or_else(|| ApiError::not_found("Original"))?;
    let (media_type, ending) = kind_of(&original.bytes);
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

/// The parameter `result`.
pub(super) fn result_filter(parameters: &mut Parameters) -> Option<ResultFilter> {
    parameters.word("result", &["pass", "fail", "mixed"], ResultFilter::from_word)
}

/// Longest stored `org_name`, in bytes. No longer text can match one.
const ORG_CHARS_MAX: usize = 512;

/// An end of a window: unix seconds, and whatever a reporter wrote.
pub(super) fn instant(seconds: i64) -> String {
    format_instant(seconds.saturating_mul(1_000))
}

/// Media type and file name ending for received bytes, by how they begin.
fn kind_of(bytes: &[u8]) -> (&'static str, &'static str) {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        ("application/gzip", "xml.gz")
    } else if bytes.starts_with(b"PK") {
        ("application/zip", "zip")
    } else if text.starts_with(b"<") {
        ("application/xml", "xml")
    } else {
        ("message/rfc822", "eml")
    }
}

impl From<ReportSummary> for ReportItem {
    fn from(summary: ReportSummary) -> Self {
        // A mail vouches for a report if it passed DMARC for this domain.
        let reporter = Reporter::named(summary.email.as_deref(), summary.org_name.as_deref());
        let vouched = summary.authenticated == Authenticated::Pass && !reporter.as_str().is_empty();
        Self {
            status: status(&summary),
            held_because: held_because(&summary),
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
            policy: PolicyBody::from(&summary.policy),
            domain: summary.policy.domain.into(),
            dispositions: Dispositions::from(&summary.totals),
            received_at: format_instant(summary.received_at),
            authenticated: summary.authenticated.word(),
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
        provenance: Provenance {
            received_at: format_instant(summary.received_at),
            arrivals: summary.arrivals,
            authenticated: summary.authenticated.word(),
            original_kept: detail.original_kept,
            mail: detail.provenance.map(MailBody::from),
        },
        history: detail.history.into_iter().map(DecisionBody::from).collect(),
        item: ReportItem::from(detail.summary),
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
            dmarc: mail.dmarc.word(),
            domain: mail.domain,
            spf: mail.spf.map(|spf| SpfBody {
                domain: spf.domain,
                result: spf.result,
            }),
            dkim: mail
                .dkim
                .into_iter()
                .map(|signature| SignatureBody {
                    domain: signature.domain,
                    selector: signature.selector,
                    result: signature.result,
                })
                .collect(),
            unchecked: mail.unchecked,
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
            assert_eq!(kind_of(bytes).1, expect, "{bytes:?}");
        }
    }
}
