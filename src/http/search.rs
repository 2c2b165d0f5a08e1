//! `/search`: who or what is this, in all domains of an account.

use std::cmp::Reverse;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, days_in_name, file_name};
use super::overview::entries;
use super::overview_entry::Entry;
use super::paging::{Part, page};
use super::range::range_of_all;
use super::senders;
use super::state::AppState;
use crate::api::{HIT_KINDS, Hit, HitTotals, PLAIN, SearchList};
use crate::base::text::folded;
use crate::base::{Day, DayRange, NameSearch, Network};
use crate::enrich::{Gathered, Senders, SourceFigures, Wanted};
use crate::store::{Rows, Signature, SourceQuery, Stretches};

/// Longest text of a search, in characters.
const TEXT_CHARS_MAX: usize = 253;
/// Hits of each kind that are listed if no kind is asked for.
const OF_KIND_MAX: usize = 10;
const KEPT_ROWS: Rows = Rows {
    before: 0,
    count: KEPT_MAX as u32,
};
/// Hits of each kind that are kept, and can be paged through: those with the most messages. All are counted.
const KEPT_MAX: usize = 2_000;
/// Addresses and signers that one search looks through; after the domain that exceeds it, only names of domains are searched.
const SOURCES_MAX: usize = 400_000;

/// What is searched for, and which kind of it is wanted.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "q",
        says: "What to look for: a part of a domain, of an address, of a service or of a DKIM selector, in any case; a whole address or \
            network such as 192.0.2.0/24; or the whole `report_id` of a report. Nothing is found without it.",
        schema: || json!({ "type": "string", "minLength": 1, "maxLength": TEXT_CHARS_MAX, "pattern": PLAIN, "examples": ["sendgrid"] }),
    },
    Parameter {
        name: "kind",
        says: "Only hits of this kind, page by page. Default: up to 10 hits of each kind, on one page.",
        schema: || json!({ "type": "string", "enum": HIT_KINDS }),
    },
];

/// What is searched for.
struct Sought {
    text: String,
    /// In lower case.
    lower: String,
    name: NameSearch,
    /// The text as an address or a network.
    network: Option<Network>,
    range: DayRange,
}

/// `GET /search`
pub(super) async fn search(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let range = range_of_all(&mut parameters, state.today());
    let page = page(&mut parameters, &state.config);
    let part = Part::from_parameters(&mut parameters, page);
    let text = parameters.plain_text("q", TEXT_CHARS_MAX).unwrap_or_default();
    let kind = parameters.word("kind", &HIT_KINDS, |word| {
        HIT_KINDS.iter().position(|kind| *kind == word)
    });
    let text = text.trim().to_owned();
    parameters.finish()?;
    let sought = Sought {
        lower: text.to_lowercase(),
        name: NameSearch::new(&text),
        network: text.parse().ok(),
        range,
        text,
    };
    let mut entries = entries(&state, client, Stretches::one(range)).await?;
    entries.sort_by_key(|entry| (Reverse(entry.now().messages()), entry.domain.id));
    let (mut found, searched) = match sought.text.is_empty() {
        true => Default::default(),
        false => find(&state, &sought, &entries).await?,
    };
    for hits in &mut found {
        hits.cut();
    }
    let (hits, pagination) = match kind {
        Some(kind) => {
            let hits = &found[kind].best;
            (part.cut(hits).to_vec(), part.pagination(hits.len()))
        }
        None => {
            let hits: Vec<_> = found
                .iter()
                .flat_map(|hits| hits.best.iter().take(OF_KIND_MAX))
                .cloned()
                .collect();
            let pagination = part.pagination(hits.len());
            (hits, pagination)
        }
    };
    let list = SearchList {
        hits,
        totals: totals(&found),
        searched_domains: searched as u64,
        total_domains: entries.len() as u64,
        from: range.first.to_string(),
        to: range.last.to_string(),
        pagination,
    };
    Ok(listing.answer(list, |_| file_name(&["search", &days_in_name(range)])))
}

/// The hits of one kind.
#[derive(Debug, Default)]
struct Hits {
    best: Vec<Hit>,
    total: u64,
}

/// The hits of each kind.
type Found = [Hits; HIT_KINDS.len()];

impl Hits {
    fn add(&mut self, more: impl IntoIterator<Item = Hit>) {
        for hit in more {
            self.best.push(hit);
            self.total += 1;
            if self.best.len() > 2 * KEPT_MAX {
                self.cut();
            }
        }
    }

    /// Leaves those with the most messages, in order.
    fn cut(&mut self) {
        self.best
            .sort_by(|a, b| (b.count, &a.domain, &a.text).cmp(&(a.count, &b.domain, &b.text)));
        self.best.truncate(KEPT_MAX);
    }
}

fn totals(found: &Found) -> HitTotals {
    let [domain, service, source, from_domain, signature, report] = found.each_ref().map(|hits| hits.total);
    HitTotals {
        domain,
        service,
        source,
        from_domain,
        signature,
        report,
    }
}

/// The hits by kind, and how many domains were looked through. `entries` have most messages first.
async fn find(state: &AppState, sought: &Sought, entries: &[Entry]) -> Result<(Found, usize), ApiError> {
    let tables = state.tables.current();
    let mut found = Found::default();
    let [domains, others @ ..] = &mut found;
    domains.add(entries.iter().filter_map(|entry| domain_hit(sought, entry)));
    let (mut searched, mut sources) = (0, 0);
    for entry in entries {
        if sources > SOURCES_MAX {
            break;
        }
        let [.., reports] = &mut *others;
        reports.add(report_hits(state, sought, entry).await?);
        if entry.now().messages() > 0 {
            let [services, addresses, from_domains, signatures, _] = &mut *others;
            let signers = state.store.signatures(entry.domain.id, sought.range).await?;
            sources += signers.len();
            signatures.add(signature_hits(&signers, sought, entry));
            let senders = senders::read(state, &tables, &entry.domain, sought.range).await?;
            sources += senders.addresses();
            match sought.network {
                Some(network) => add_network(addresses, &senders, network, entry),
                None => {
                    let gathered = senders.gather();
                    services.add(service_hits(&gathered, sought, entry));
                    addresses.add(source_hits(&gathered, sought, entry));
                    from_domains.add(from_domain_hits(&gathered, sought, entry));
                }
            }
        }
        searched += 1;
    }
    Ok((found, searched))
}

impl Sought {
    /// Whether a text has what is sought, in any case.
    fn is_in(&self, text: &str) -> bool {
        self.network.is_none() && folded(text).contains(&self.lower)
    }
}

/// A hit in a domain, with nothing that only some kinds have.
fn hit(kind: &'static str, entry: &Entry, text: &str, count: u64, pass_count: u64) -> Hit {
    Hit {
        kind: kind.into(),
        domain_id: entry.domain.public_id.clone(),
        domain: entry.domain.name.to_string(),
        text: text.to_owned(),
        org_name: None,
        report_no: None,
        count,
        pass_count,
        last_seen: None,
    }
}

fn domain_hit(sought: &Sought, entry: &Entry) -> Option<Hit> {
    let now = entry.now();
    let hit = hit("domain", entry, entry.domain.name.as_str(), now.messages(), now.pass);
    sought.name.finds(&entry.domain.name).then(|| Hit {
        last_seen: entry.totals.last_day.map(|day| day.to_string()),
        ..hit
    })
}

fn service_hits(gathered: &Gathered<'_>, sought: &Sought, entry: &Entry) -> impl Iterator<Item = Hit> {
    let named = gathered
        .services
        .iter()
        .filter_map(|one| Some((one.named.as_ref()?, one)));
    let found = named.filter(|(named, _)| sought.is_in(&named.name));
    found.map(|(named, one)| hit("service", entry, &named.name, one.counts.messages(), one.counts.pass))
}

fn source_hits(gathered: &Gathered<'_>, sought: &Sought, entry: &Entry) -> impl Iterator<Item = Hit> {
    let found = gathered.sources.iter().filter(|one| one.mentions(&sought.lower));
    found.filter_map(|one| source_hit(one, entry))
}

/// Adds the addresses of a network. Only those that are kept are named.
fn add_network(addresses: &mut Hits, senders: &Senders<'_>, network: Network, entry: &Entry) {
    let query = SourceQuery {
        network: Some(network),
        ..SourceQuery::default()
    };
    let (found, total) = senders.page(&query, &Wanted::default(), KEPT_ROWS);
    addresses.add(found.iter().filter_map(|one| source_hit(one, entry)));
    addresses.total += total - found.len() as u64;
}

/// Sources without a readable address are not found.
fn source_hit(one: &SourceFigures<'_>, entry: &Entry) -> Option<Hit> {
    let totals = &one.source.totals;
    Some(Hit {
        org_name: one.name.best().map(|named| named.name.to_string()),
        last_seen: Some(one.source.last_seen.to_string()),
        ..hit(
            "source",
            entry,
            &one.source.address?.to_string(),
            totals.messages(),
            totals.pass,
        )
    })
}

fn from_domain_hits(gathered: &Gathered<'_>, sought: &Sought, entry: &Entry) -> impl Iterator<Item = Hit> {
    let found = gathered.subdomains.iter().filter(|one| sought.is_in(&one.header_from));
    found.map(|one| {
        let (count, pass) = (one.counts.messages(), one.counts.pass);
        hit("from_domain", entry, &one.header_from, count, pass)
    })
}

fn signature_hits(signers: &[Signature], sought: &Sought, entry: &Entry) -> impl Iterator<Item = Hit> {
    let found = signers
        .iter()
        .filter(|one| sought.is_in(&one.domain) || sought.is_in(&one.selector));
    found.map(|one| {
        let text = format!("{}._domainkey.{}", one.selector, one.domain);
        let count = one.pass.saturating_add(one.fail);
        Hit {
            last_seen: one.last_seen.map(|day| day.to_string()),
            ..hit("signature", entry, &text, count, one.pass)
        }
    })
}

async fn report_hits(state: &AppState, sought: &Sought, entry: &Entry) -> Result<Vec<Hit>, ApiError> {
    let found = state
        .store
        .reports_with_id(entry.domain.id, sought.range, &sought.text)
        .await?;
    let hits = found.into_iter().map(|report| Hit {
        org_name: report.org_name.clone(),
        report_no: Some(report.no.0),
        last_seen: Some(Day::from_unix(report.window.begin).to_string()),
        ..hit(
            "report",
            entry,
            &report.report_id,
            report.totals.messages(),
            report.totals.pass,
        )
    });
    Ok(hits.collect())
}
