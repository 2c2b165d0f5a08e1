//! `/domains/{id}/dmarc/senders`, `/reporters` and `/dkim`: a domain's messages by who sent, reported and signed them.

use std::cmp::Ordering;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::owned::OwnedDomain;
use super::ranked::Ranked;
use super::senders::{ORDER, is_ascending};
use super::state::AppState;
use super::sums::pass_rate;
use crate::api::{ReporterBody, ReporterList, SenderBody, SenderList, SignatureBody, SignatureList};
use crate::base::{Day, organizational_domain};
use crate::enrich::{self, Tables};
use crate::store::{Reporter, Sender, Signature};

/// `GET /domains/{id}/dmarc/senders`
pub(super) async fn senders(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let ranked = Ranked::read(&mut parameters, &state);
    parameters.finish()?;
    let senders = state.store.senders(domain.id, ranked.range).await?;
    let tables = state.tables.current();
    let list = SenderList {
        pagination: ranked.part.pagination(senders.len()),
        senders: ranked
            .part
            .cut(&senders)
            .iter()
            .map(|one| sender(one, &tables))
            .collect(),
    };
    Ok(ranked.answer(list, &domain, "organisations"))
}

/// Parameters that put reporters in order.
pub(super) const REPORTER_ORDER: &[Parameter] = &[
    Parameter {
        name: "sort",
        says: "Order of the list. The largest, latest or highest comes first, of equal ones that with more messages.",
        schema: || json!({ "type": "string", "enum": REPORTER_SORTS.map(|(word, _)| word) }),
    },
    ORDER,
];

/// An order of reporters.
type ByReporter = fn(&Reporter, &Reporter) -> Ordering;

/// What `sort` can say.
const REPORTER_SORTS: [(&str, ByReporter); 7] = [
    ("count", |a, b| messages(b).cmp(&messages(a))),
    ("pass_count", |a, b| b.pass.cmp(&a.pass)),
    ("fail_count", |a, b| b.fail.cmp(&a.fail)),
    ("pass_rate", |a, b| {
        let share = |one: &Reporter, other: &Reporter| u128::from(one.pass) * u128::from(messages(other));
        share(b, a).cmp(&share(a, b))
    }),
    ("org_name", |a, b| {
        b.org_name.to_lowercase().cmp(&a.org_name.to_lowercase())
    }),
    ("reports", |a, b| b.reports.cmp(&a.reports)),
    ("last_report", |a, b| b.last_report.cmp(&a.last_report)),
];

fn messages(reporter: &Reporter) -> u64 {
    reporter.pass.saturating_add(reporter.fail)
}

/// `GET /domains/{id}/dmarc/reporters`
pub(super) async fn reporters(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let ranked = Ranked::read(&mut parameters, &state);
    let words = REPORTER_SORTS.map(|(word, _)| word);
    let sort = parameters.word("sort", &words, |word| {
        REPORTER_SORTS.iter().find(|(other, _)| *other == word)
    });
    let order = parameters.word("order", &["asc", "desc"], is_ascending);
    parameters.finish()?;
    let mut reporters = state.store.reporters(domain.id, ranked.range).await?;
    // They come by messages, then by name, which is kept among equals.
    let (_, compare) = sort.unwrap_or(&REPORTER_SORTS[0]);
    match order {
        Some(true) => reporters.sort_by(|a, b| compare(b, a)),
        _ => reporters.sort_by(compare),
    }
    let list = ReporterList {
        pagination: ranked.part.pagination(reporters.len()),
        reporters: ranked.part.cut(&reporters).iter().map(ReporterBody::from).collect(),
    };
    Ok(ranked.answer(list, &domain, "reporters"))
}

/// `GET /domains/{id}/dmarc/dkim`
pub(super) async fn signatures(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let ranked = Ranked::read(&mut parameters, &state);
    parameters.finish()?;
    let signatures = state.store.signatures(domain.id, ranked.range).await?;
    let organization = organizational_domain(domain.name.as_str());
    let body = |signature: &Signature| SignatureBody {
        aligned: organizational_domain(&signature.domain) == organization,
        ..SignatureBody::from(signature)
    };
    let list = SignatureList {
        pagination: ranked.part.pagination(signatures.len()),
        signatures: ranked.part.cut(&signatures).iter().map(body).collect(),
    };
    Ok(ranked.answer(list, &domain, "dkim"))
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn sender(sender: &Sender, tables: &Tables) -> SenderBody {
    let org_name = sender
        .network
        .and_then(|network| enrich::operator_name(network.address(), tables));
    SenderBody {
        org_name,
        network: sender.network.map(|network| network.to_string()),
        sources: sender.sources,
        count: sender.totals.messages(),
        pass_count: sender.totals.pass,
        fail_count: sender.totals.fail,
        pass_rate: pass_rate(sender.totals.pass, sender.totals.fail),
        first_seen: sender.first_seen.to_string(),
        last_seen: sender.last_seen.to_string(),
    }
}

impl From<&Reporter> for ReporterBody {
    fn from(reporter: &Reporter) -> Self {
        Self {
            org_name: said(&reporter.org_name),
            reports: reporter.reports,
            count: reporter.pass.saturating_add(reporter.fail),
            pass_count: reporter.pass,
            fail_count: reporter.fail,
            pass_rate: pass_rate(reporter.pass, reporter.fail),
            last_report: reporter.last_report.map(|day| day.to_string()),
        }
    }
}

impl From<&Signature> for SignatureBody {
    fn from(signature: &Signature) -> Self {
        let day = |day: Option<Day>| day.map(|day| day.to_string());
        Self {
            domain: said(&signature.domain),
            selector: said(&signature.selector),
            aligned: false,
            count: signature.pass.saturating_add(signature.fail),
            pass_count: signature.pass,
            fail_count: signature.fail,
            pass_rate: pass_rate(signature.pass, signature.fail),
            first_seen: day(signature.first_seen),
            last_seen: day(signature.last_seen),
        }
    }
}
