//! `/domains/{id}/dmarc/failure-reports`: reports about single mails that failed.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, file_name, open_days_in_name};
use super::owned::{OwnedDomain, OwnedReport};
use super::paging::wanted;
use super::places::{instant, report_place, report_place_text};
use super::range::open_range;
use super::state::AppState;
use crate::api::{
    FailureHeaderBody, FailureHopBody, FailureReportBody, FailureReportItem, FailureReportList, FailureResultBody,
    FailureSignatureBody, WarningBody,
};
use crate::base::clock::format_instant;
use crate::enrich::{Tables, operator_name};
use crate::report::failure::{AuthResult, Hop, Signature};
use crate::store::{FailureDetail, FailureFilter, FailureSummary};

/// Parameters that select failure reports.
pub(super) const FILTERS: &[Parameter] = &[Parameter {
    name: "source_ip",
    says: "Only reports about mail from this address.",
    schema: || json!({ "type": "string", "format": "ip", "examples": ["192.0.2.1"] }),
}];

/// `GET /domains/{id}/dmarc/failure-reports`
pub(super) async fn list(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let wanted = wanted(&mut parameters, &state.config, report_place);
    let (from, to) = open_range(&mut parameters, state.today());
    let source = parameters.parsed::<IpAddr>("source_ip");
    parameters.finish()?;
    let source = source.map(|source| source.to_canonical());
    let filter = FailureFilter { from, to, source };
    let (mut reports, total) = state.store.failure_reports(domain.id, &filter, wanted.cut()).await?;
    let pagination = wanted.finish(&mut reports, total, |last| report_place_text(last.happened_at, last.no))?;
    let tables = state.tables.current();
    let list = FailureReportList {
        reports: reports.into_iter().map(|report| item(report, &tables)).collect(),
        pagination,
    };
    let name = |_: &_| {
        let days = open_days_in_name((from, to), state.today());
        file_name(&[domain.name.as_str(), "failure-reports", &days])
    };
    Ok(listing.answer(list, name))
}

/// `GET /domains/{id}/dmarc/failure-reports/{report_id}`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedReport(domain, no): OwnedReport,
) -> Result<Json<FailureReportBody>, ApiError> {
    let detail = state.store.failure_report(domain.id, no).await?;
    let detail = detail.ok_or_else(|| ApiError::not_found("Report"))?;
    Ok(Json(body(detail, &state.tables.current())))
}

fn item(summary: FailureSummary, tables: &Tables) -> FailureReportItem {
    FailureReportItem {
        id: summary.no.0,
        happened_at: instant(summary.happened_at),
        reporter: summary.reporter,
        domain: summary.reported_domain,
        source_ip: summary.source,
        org_name: summary.source.and_then(|source| operator_name(source, tables)),
        header_from: summary.header_from,
        auth_failure: summary.failure,
        delivery_result: summary.delivery,
        spf: summary.spf,
        dkim: summary.dkim,
        incidents: summary.incidents,
        received_at: format_instant(summary.received_at),
        authenticated: summary.authenticated.word().into(),
        arrivals: summary.arrivals,
        warnings: summary.warnings,
    }
}

fn body(detail: FailureDetail, tables: &Tables) -> FailureReportBody {
    let report = detail.report;
    let texts = |texts: Vec<Box<str>>| texts.into_iter().map(String::from).collect();
    let (header, fields) = match detail.texts {
        Some(kept) => (Some(kept.header), Some(kept.fields)),
        None => (None, None),
    };
    let named = |pairs: Vec<(String, String)>| {
        let pairs = pairs.into_iter();
        pairs.map(|(name, value)| FailureHeaderBody { name, value }).collect()
    };
    FailureReportBody {
        report: item(detail.summary, tables),
        user_agent: report.agent.map(String::from),
        reporting_mta: report.reporting_mta.map(String::from),
        source_port: report.source_port,
        mail_from: report.mail_from.map(String::from),
        rcpt_to: texts(report.rcpt_to),
        to: texts(report.to),
        reply_to: texts(report.reply_to),
        identity_alignment: texts(report.alignment),
        results: report.results.into_iter().map(FailureResultBody::from).collect(),
        signatures: report.signatures.into_iter().map(FailureSignatureBody::from).collect(),
        hops: report.hops.into_iter().map(FailureHopBody::from).collect(),
        date: report.dated.map(instant),
        message_id_domain: report.message_id.map(String::from),
        list_id: report.list_id.map(String::from),
        header: header.map(named),
        fields: fields.map(named),
        warning_list: detail.warnings.into_iter().map(WarningBody::from).collect(),
    }
}

impl From<AuthResult> for FailureResultBody {
    fn from(result: AuthResult) -> Self {
        Self {
            method: result.method.into(),
            result: result.result.into(),
            domain: result.domain.map(String::from),
            selector: result.selector.map(String::from),
            host: result.host.map(String::from),
            copied: result.copied,
        }
    }
}

impl From<Signature> for FailureSignatureBody {
    fn from(signature: Signature) -> Self {
        Self {
            domain: signature.domain.map(String::from),
            selector: signature.selector.map(String::from),
        }
    }
}

impl From<Hop> for FailureHopBody {
    fn from(hop: Hop) -> Self {
        Self {
            from: hop.from.map(String::from),
            address: hop.address,
            by: hop.by.map(String::from),
        }
    }
}
