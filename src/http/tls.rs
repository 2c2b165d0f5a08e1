//! `/domains/{id}/tls/`: TLS reports, their sums, and what failed.

use std::collections::BTreeMap;

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
use super::ranked::Ranked;
use super::reports::original_answer;
use super::state::AppState;
use super::sums::pass_rate;
use crate::api::{
    TlsDayBody, TlsFailureBody, TlsFailureDetail, TlsFailureList, TlsPolicyBody, TlsPolicySums, TlsReportBody,
    TlsReportItem, TlsReportList, TlsStats, WarningBody,
};
use crate::base::clock::format_instant;
use crate::report::tls::{Failure, PolicyResult};
use crate::store::{TlsContents, TlsFailure, TlsReportFilter, TlsReportSummary, TlsStanding};

/// Media types of a TLS report as it was received.
pub(super) const ORIGINAL_TYPES: &[&str] = &[
    "application/gzip",
    "application/zip",
    "application/json",
    "message/rfc822",
];

/// Failures of a report that are answered.
const FAILURES_MAX: usize = 1_000;
/// Types of policies whose sums are answered.
const POLICIES_MAX: usize = 20;

/// Parameters that select TLS reports.
pub(super) const FILTERS: &[Parameter] = &[
    Parameter {
        name: "status",
        says: "Only reports that count, or that do not. Default: `counted`.",
        schema: || json!({ "type": "string", "enum": STANDINGS }),
    },
    Parameter {
        name: "result",
        says: "`fail`: only reports with failures.",
        schema: || json!({ "type": "string", "enum": RESULTS }),
    },
];
const STANDINGS: [&str; 2] = ["counted", "not_counted"];
const RESULTS: [&str; 1] = ["fail"];

/// What failures are added up by.
pub(super) const GROUP: &[Parameter] = &[Parameter {
    name: "group",
    says: "Adds the sessions up by type of failure, receiving host, or address of the sending server; the rest is null then.",
    schema: || json!({ "type": "string", "enum": GROUPS }),
}];
const GROUPS: [&str; 3] = ["result_type", "receiving_mx", "sending_mta_ip"];

/// `GET /domains/{id}/tls/reports`
pub(super) async fn list(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let wanted = wanted(&mut parameters, &state.config, report_place);
    let (from, to) = open_range(&mut parameters, state.today());
    let standing = parameters.word("status", &STANDINGS, |word| match word {
        "counted" => Some(TlsStanding::Counted),
        "not_counted" => Some(TlsStanding::NotCounted),
        _ => None,
    });
    let contents = parameters.word("result", &RESULTS, |word| {
        (word == "fail").then_some(TlsContents::Failures)
    });
    parameters.finish()?;
    let filter = TlsReportFilter {
        from,
        to,
        standing: standing.unwrap_or_default(),
        contents: contents.unwrap_or_default(),
    };
    let (mut reports, total) = state.store.tls_reports(domain.id, &filter, wanted.cut()).await?;
    let pagination = wanted.finish(&mut reports, total, |last| {
        report_place_text(last.window.begin, last.no)
    })?;
    let list = TlsReportList {
        reports: reports.into_iter().map(TlsReportItem::from).collect(),
        pagination,
    };
    let name = |_: &_| {
        let days = open_days_in_name((from, to), state.today());
        file_name(&[domain.name.as_str(), "tls-reports", &days])
    };
    Ok(listing.answer(list, name))
}

/// `GET /domains/{id}/tls/reports/{report_id}`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedReport(domain, no): OwnedReport,
) -> Result<Json<TlsReportBody>, ApiError> {
    let detail = state.store.tls_report(domain.id, no).await?;
    let detail = detail.ok_or_else(|| ApiError::not_found("Report"))?;
    let mut room = FAILURES_MAX;
    let policies = detail.policies.map(|policies| {
        let policies = policies.into_iter().map(|policy| policy_body(policy, &mut room));
        policies.collect()
    });
    Ok(Json(TlsReportBody {
        report: TlsReportItem::from(detail.summary),
        submitter: detail.submitter,
        policies,
        warning_list: detail.warnings.into_iter().map(WarningBody::from).collect(),
        conflicts: detail.conflicts.into_iter().map(|no| no.0).collect(),
    }))
}

/// `GET /domains/{id}/tls/reports/{report_id}/original`
pub(super) async fn original(
    State(state): State<AppState>,
    OwnedReport(domain, no): OwnedReport,
) -> Result<Response, ApiError> {
    let original = state.store.tls_original(domain.id, no).await?;
    original_answer(original, no, "json")
}

/// `GET /domains/{id}/tls/stats`
pub(super) async fn stats(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let ranked = Ranked::read(&mut parameters, &state);
    parameters.finish()?;
    let days = state.store.tls_days(domain.id, ranked.range).await?;
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut rows = Vec::new();
    for day in &days {
        for policy in &day.policies {
            let sum = sums.entry(&policy.policy).or_default();
            sum.0 = sum.0.saturating_add(policy.successful);
            sum.1 = sum.1.saturating_add(policy.failed);
            rows.push((day.day, policy));
        }
    }
    let mut policies: Vec<_> = sums.into_iter().collect();
    policies.sort_by_key(|(_, (successful, failed))| std::cmp::Reverse(successful.saturating_add(*failed)));
    policies.truncate(POLICIES_MAX);
    let stats = TlsStats {
        reports: days.iter().map(|day| day.reports).sum(),
        policies: policies
            .into_iter()
            .map(|(policy, (successful, failed))| TlsPolicySums {
                policy_type: said(policy),
                successful_sessions: successful,
                failed_sessions: failed,
                success_rate: pass_rate(successful, failed),
            })
            .collect(),
        pagination: ranked.part.pagination(rows.len()),
        daily_stats: ranked
            .part
            .cut(&rows)
            .iter()
            .map(|(day, policy)| TlsDayBody {
                date: day.to_string(),
                policy_type: said(&policy.policy),
                policy_domain: said(&policy.domain),
                successful_sessions: policy.successful,
                failed_sessions: policy.failed,
            })
            .collect(),
        from: ranked.range.first.to_string(),
        to: ranked.range.last.to_string(),
    };
    Ok(ranked.answer(stats, &domain, "tls"))
}

/// `GET /domains/{id}/tls/failures`
pub(super) async fn failures(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let ranked = Ranked::read(&mut parameters, &state);
    let group = parameters.word("group", &GROUPS, |word| {
        GROUPS.iter().find(|group| **group == word).copied()
    });
    parameters.finish()?;
    let mut failures = state.store.tls_failures(domain.id, ranked.range).await?;
    if let Some(group) = group {
        failures = grouped(failures, group);
    }
    let list = TlsFailureList {
        pagination: ranked.part.pagination(failures.len()),
        failures: ranked.part.cut(&failures).iter().map(TlsFailureBody::from).collect(),
    };
    Ok(ranked.answer(list, &domain, "tls-failures"))
}

/// Failures added up by one of their names.
fn grouped(failures: Vec<TlsFailure>, group: &str) -> Vec<TlsFailure> {
    let mut sums: BTreeMap<[String; 3], TlsFailure> = BTreeMap::new();
    for mut failure in failures {
        failure.policy.clear();
        let names = [&mut failure.result, &mut failure.mx, &mut failure.sender];
        for (name, of) in names.into_iter().zip(GROUPS) {
            if of != group {
                name.clear();
            }
        }
        let key = [failure.result.clone(), failure.mx.clone(), failure.sender.clone()];
        match sums.get_mut(&key) {
            Some(sum) => {
                sum.sessions = sum.sessions.saturating_add(failure.sessions);
                sum.first_day = sum.first_day.min(failure.first_day);
                sum.last_day = sum.last_day.max(failure.last_day);
            }
            None => _ = sums.insert(key, failure),
        }
    }
    let mut sums: Vec<_> = sums.into_values().collect();
    sums.sort_by_key(|failure| std::cmp::Reverse(failure.sessions));
    sums
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn policy_body(policy: PolicyResult, room: &mut usize) -> TlsPolicyBody {
    let texts = |texts: Vec<Box<str>>| texts.into_iter().map(String::from).collect();
    let failure_count = policy.failures.len() as u64;
    let shown = policy.failures.len().min(*room);
    *room -= shown;
    TlsPolicyBody {
        policy_type: said(&policy.kind),
        policy_domain: policy.domain.map(String::from),
        policy_string: texts(policy.lines),
        mx_host: texts(policy.mx),
        successful_sessions: policy.successful,
        failed_sessions: policy.failed,
        failure_count,
        failures: policy.failures.into_iter().take(shown).map(failure_detail).collect(),
    }
}

fn failure_detail(failure: Failure) -> TlsFailureDetail {
    TlsFailureDetail {
        result_type: said(&failure.result),
        sessions: failure.sessions,
        sending_mta_ip: failure.sending_mta,
        receiving_mx: failure.mx.map(String::from),
        receiving_helo: failure.helo.map(String::from),
        receiving_ip: failure.receiving_ip,
        additional_information: failure.information.map(String::from),
        reason_code: failure.reason.map(String::from),
    }
}

impl From<TlsReportSummary> for TlsReportItem {
    fn from(summary: TlsReportSummary) -> Self {
        let status = match summary.acceptance {
            _ if summary.counted => "counted",
            acceptance if acceptance.is_held() => "held",
            _ => "conflict",
        };
        Self {
            id: summary.no.0,
            org_name: summary.org_name,
            contact_info: summary.contact,
            report_id: summary.report_id,
            domain: said(&summary.policy_domain),
            date_range_begin: instant(summary.window.begin),
            date_range_end: instant(summary.window.end),
            policy_count: summary.policies,
            failing_count: summary.failing,
            received_at: format_instant(summary.received_at),
            authenticated: summary.authenticated.word().into(),
            arrivals: summary.arrivals,
            warnings: summary.warnings,
            status: status.into(),
        }
    }
}

impl From<&TlsFailure> for TlsFailureBody {
    fn from(failure: &TlsFailure) -> Self {
        Self {
            policy_type: said(&failure.policy),
            result_type: said(&failure.result),
            receiving_mx: said(&failure.mx),
            sending_mta_ip: said(&failure.sender),
            sessions: failure.sessions,
            first_seen: failure.first_day.to_string(),
            last_seen: failure.last_day.to_string(),
        }
    }
}
