//! `/domains/{id}/dmarc/senders`, `/reporters` and `/dkim`: a domain's messages by who sent, reported and signed them.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::ApiError;
use super::fields::Parameters;
use super::figures::{pass_rate, today};
use super::owned::OwnedDomain;
use super::paging::{Pagination, Part, largest_page};
use super::range::day_range;
use super::schema::DayText;
use super::state::AppState;
use crate::base::{Day, organizational_domain};
use crate::store::{Reporter, Sender, Signature};

/// A page of networks that send, by messages, largest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SenderList {
    senders: Vec<SenderBody>,
    pagination: Pagination,
}

/// The sending addresses of one organisation; as long as it is not known, of one network.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Sender")]
struct SenderBody {
    /// Who runs the addresses; null when not known.
    org_name: Option<String>,
    /// The /24 or /48 that they are in, as `network` of `/sources` takes it; null gathers the rows without a readable address.
    #[schemars(example = &"192.0.2.0/24")]
    network: Option<String>,
    /// Addresses.
    sources: u64,
    /// Messages.
    count: u64,
    /// Messages that passed DMARC.
    pass_count: u64,
    /// Messages that did not.
    fail_count: u64,
    /// Messages of 100 that passed.
    pass_rate: f64,
    /// First day of the range on which one of them sent.
    #[schemars(with = "DayText")]
    first_seen: String,
    /// Last day of the range on which one of them sent.
    #[schemars(with = "DayText")]
    last_seen: String,
}

/// A page of reporters, by messages, largest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReporterList {
    reporters: Vec<ReporterBody>,
    pagination: Pagination,
}

/// Who sent reports.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Reporter")]
struct ReporterBody {
    /// As it calls itself; null if it does not.
    org_name: Option<String>,
    /// Reports whose window begins in the range.
    reports: u64,
    /// Messages.
    count: u64,
    /// Messages that passed DMARC.
    pass_count: u64,
    /// Messages that did not.
    fail_count: u64,
    /// Messages of 100 that passed.
    pass_rate: f64,
    /// The last day of the windows that begin in the range.
    #[schemars(with = "Option<DayText>")]
    last_report: Option<String>,
}

/// A page of signers, by messages, largest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SignatureList {
    signatures: Vec<SignatureBody>,
    pagination: Pagination,
}

/// The signatures of one domain and selector.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Signer")]
struct SignatureBody {
    /// `d=`; null gathers those of reports with too many signers to keep all apart.
    domain: Option<String>,
    /// `s=`; null where reporters do not say.
    selector: Option<String>,
    /// Whether `domain` belongs to the same organisation as the requested domain, and so can be aligned (relaxed).
    aligned: bool,
    /// Messages.
    count: u64,
    /// Messages whose signature passed.
    pass_count: u64,
    /// Messages whose signature did not.
    fail_count: u64,
    /// Messages of 100 whose signature passed.
    pass_rate: f64,
    /// First day of the range with such messages.
    #[schemars(with = "Option<DayText>")]
    first_seen: Option<String>,
    /// Last day of the range with such messages.
    #[schemars(with = "Option<DayText>")]
    last_seen: Option<String>,
}

/// `GET /domains/{id}/dmarc/senders`
pub(super) async fn senders(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<SenderList>, ApiError> {
    let range = day_range(&mut parameters, today(&state));
    let page = largest_page(&mut parameters, &state.config);
    let part = Part::of(&mut parameters, page);
    parameters.finish()?;
    let senders = state.store.senders(domain.id, range).await?;
    Ok(Json(SenderList {
        pagination: part.pagination(senders.len()),
        senders: part.cut(&senders).iter().map(SenderBody::from).collect(),
    }))
}

/// `GET /domains/{id}/dmarc/reporters`
pub(super) async fn reporters(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<ReporterList>, ApiError> {
    let range = day_range(&mut parameters, today(&state));
    let page = largest_page(&mut parameters, &state.config);
    let part = Part::of(&mut parameters, page);
    parameters.finish()?;
    let reporters = state.store.reporters(domain.id, range).await?;
    Ok(Json(ReporterList {
        pagination: part.pagination(reporters.len()),
        reporters: part.cut(&reporters).iter().map(ReporterBody::from).collect(),
    }))
}

/// `GET /domains/{id}/dmarc/dkim`
pub(super) async fn signatures(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<SignatureList>, ApiError> {
    let range = day_range(&mut parameters, today(&state));
    let page = largest_page(&mut parameters, &state.config);
    let part = Part::of(&mut parameters, page);
    parameters.finish()?;
    let signatures = state.store.signatures(domain.id, range).await?;
    let organization = organizational_domain(domain.name.as_str());
    let body = |signature: &Signature| SignatureBody {
        aligned: organizational_domain(&signature.domain) == organization,
        ..SignatureBody::from(signature)
    };
    Ok(Json(SignatureList {
        pagination: part.pagination(signatures.len()),
        signatures: part.cut(&signatures).iter().map(body).collect(),
    }))
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Who runs an address is learned by a later part of the program: not known yet.
impl From<&Sender> for SenderBody {
    fn from(sender: &Sender) -> Self {
        Self {
            org_name: None,
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
