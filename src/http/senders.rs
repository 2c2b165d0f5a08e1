//! `/domains/{id}/dmarc/sources`, `/services`, `/flows` and `/subdomains`: who sends, with names.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::authenticated::{VERIFIED, carriers};
use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, days_in_name, file_name};
use super::owned::OwnedDomain;
use super::policies::{OfName, Policies};
use super::range::day_range;
use super::ranked::Ranked;
use super::result_filter::{RESULT, result_filter};
use super::state::AppState;
use super::sums::pass_rate;
use crate::api::{
    CATEGORIES, Dispositions, FLOWS, FlowBody, FlowList, FlowsBody, NameBody, NewestSource, PLAIN, ServiceBody,
    ServiceList, SourceBody, SourceList, SubdomainBody, SubdomainList, SumsBody, Word,
};
use crate::base::DayRange;
use crate::enrich::{
    Category, Class, Counts, Failed, Flow, FlowCounts, Gathered, Named, Rule, Senders, ServiceFigures, SourceFigures,
    SubdomainFigures, Tables, Wanted, decided_class,
};
use crate::store::{Domain, SourceOrder, SourceQuery, Whose};

/// Longest text of `service` and `search`, in characters.
const SEARCH_CHARS_MAX: usize = 253;
/// Largest number of an autonomous system (RFC 7300).
const ASN_MAX: u32 = u32::MAX - 1;

/// Parameters that select sources.
pub(super) const FILTERS: &[Parameter] = &[
    RESULT,
    VERIFIED,
    Parameter {
        name: "network",
        says: "Only addresses in this network.",
        schema: || json!({ "type": "string", "format": "network", "examples": ["192.0.2.0/24"] }),
    },
    Parameter {
        name: "service",
        says: "Only addresses of this service or organisation: a `name` of `/services`, in any case.",
        schema: search_text,
    },
    Parameter {
        name: "category",
        says: "Only addresses of services of this category.",
        schema: || json!({ "type": "string", "enum": CATEGORIES }),
    },
    Parameter {
        name: "flow",
        says: "Only addresses with messages of this flow.",
        schema: || json!({ "type": "string", "enum": FLOWS }),
    },
    Parameter {
        name: "asn",
        says: "Only addresses in this autonomous system.",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": ASN_MAX }),
    },
    Parameter {
        name: "failed",
        says: "Only addresses with messages that lack an aligned DKIM pass, an aligned SPF pass, or both.",
        schema: || json!({ "type": "string", "enum": Failed::ALL.iter().map(|failed| failed.word()).collect::<Vec<_>>() }),
    },
    Parameter {
        name: "search",
        says: "Only addresses with this text, in any case, in the address, a name, or the evidence for a name.",
        schema: search_text,
    },
    Parameter {
        name: "sort",
        says: "Order of the list. The largest, latest or highest comes first.",
        schema: || json!({ "type": "string", "enum": ORDERS.map(|(word, _)| word) }),
    },
    ORDER,
];

/// The parameter that reverses an order.
pub(super) const ORDER: Parameter = Parameter {
    name: "order",
    says: "`asc` reverses the order.",
    schema: || json!({ "type": "string", "enum": ["asc", "desc"] }),
};

fn search_text() -> serde_json::Value {
    json!({ "type": "string", "minLength": 1, "maxLength": SEARCH_CHARS_MAX, "pattern": PLAIN, "examples": ["sendgrid"] })
}

/// What `sort` can say; the largest, latest or highest come first unless `order` is `asc`.
const ORDERS: [(&str, SourceOrder); 7] = [
    ("count", SourceOrder::Messages),
    ("pass_count", SourceOrder::Pass),
    ("fail_count", SourceOrder::Fail),
    ("pass_rate", SourceOrder::PassRate),
    ("source_ip", SourceOrder::Address),
    ("first_seen", SourceOrder::FirstSeen),
    ("last_seen", SourceOrder::LastSeen),
];

fn order(word: &str) -> Option<SourceOrder> {
    let found = ORDERS.iter().find(|(other, _)| *other == word);
    found.map(|(_, order)| *order)
}

/// What `order` says: whether the smallest, earliest or lowest comes first.
pub(super) fn is_ascending(word: &str) -> Option<bool> {
    match word {
        "asc" => Some(true),
        "desc" => Some(false),
        _ => None,
    }
}

/// Parameters that select services.
pub(super) const SERVICE_FILTERS: &[Parameter] = &[Parameter {
    name: "show",
    says: "Only services with messages to fix (not aligned, or of an own host that the SPF record does not list), with \
        messages that were or may have been forwarded, or with messages of an unknown flow.",
    schema: || json!({ "type": "string", "enum": SHOWN }),
}];

/// What `show` can say, and the flows of which a service has messages then.
const SHOWN: [&str; 3] = ["to_fix", "forwarded", "unknown"];
const SHOWN_FLOWS: [&[Flow]; 3] = [
    &[Flow::Unaligned, Flow::OwnMissingInSpf],
    &[Flow::List, Flow::Forwarded, Flow::Open],
    &[Flow::Unknown],
];

fn has_messages(of: &FlowCounts, flows: &[Flow]) -> bool {
    flows.iter().any(|flow| of.messages_in(*flow) > 0)
}

/// The senders of a domain, to be named.
pub(super) async fn read<'t>(
    state: &AppState,
    tables: &'t Tables,
    domain: &Domain,
    range: DayRange,
) -> Result<Senders<'t>, ApiError> {
    Ok(Senders::read(&state.store, domain, range, tables).await?)
}

/// `GET /domains/{id}/dmarc/sources`
pub(super) async fn sources(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let ranked = Ranked::read(&mut parameters, &state);
    let query = SourceQuery {
        result: result_filter(&mut parameters),
        carriers: carriers(&mut parameters),
        network: parameters.parsed("network"),
        order: parameters
            .word("sort", &ORDERS.map(|(word, _)| word), order)
            .unwrap_or_default(),
        ascending: parameters
            .word("order", &["asc", "desc"], is_ascending)
            .unwrap_or(false),
    };
    let failed: Vec<_> = Failed::ALL.iter().map(|failed| failed.word()).collect();
    let wanted = Wanted {
        service: parameters.plain_text("service", SEARCH_CHARS_MAX),
        category: parameters.word("category", &CATEGORIES, Category::from_word),
        flow: parameters.word("flow", &FLOWS, Flow::from_word),
        asn: parameters.number("asn", 1..=ASN_MAX),
        failed: parameters.word("failed", &failed, Failed::from_word),
        search: parameters.plain_text("search", SEARCH_CHARS_MAX),
    };
    parameters.finish()?;
    let tables = state.tables.current();
    let place = (&state.store, &domain, &*tables);
    let (sources, total) = Senders::read_page(place, ranked.range, (&query, &wanted), ranked.part.rows).await?;
    let list = SourceList {
        sources: sources.iter().map(SourceBody::from).collect(),
        total,
        pagination: ranked.part.pagination(usize::try_from(total).unwrap_or(usize::MAX)),
    };
    Ok(ranked.answer(list, &domain, "sources"))
}

/// `GET /domains/{id}/dmarc/services`
pub(super) async fn services(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let ranked = Ranked::read(&mut parameters, &state);
    let shown = parameters.word("show", &SHOWN, |word| SHOWN.iter().position(|other| *other == word));
    parameters.finish()?;
    let tables = state.tables.current();
    let Gathered {
        mut services, flows, ..
    } = read(&state, &tables, &domain, ranked.range).await?.gather();
    services.retain(|one| shown.is_none_or(|nth| has_messages(&one.flows, SHOWN_FLOWS[nth])));
    let list = ServiceList {
        flows: flows.iter().map(|(flow, counts)| flow_body(*flow, counts)).collect(),
        pagination: ranked.part.pagination(services.len()),
        services: ranked.part.cut(&services).iter().map(ServiceBody::from).collect(),
    };
    Ok(ranked.answer(list, &domain, "services"))
}

/// `GET /domains/{id}/dmarc/flows`
pub(super) async fn flows(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let range = day_range(&mut parameters, state.today());
    parameters.finish()?;
    let tables = state.tables.current();
    let Gathered { flows, .. } = read(&state, &tables, &domain, range).await?.gather();
    let list = FlowList {
        flows: flows.iter().map(|(flow, counts)| flow_body(*flow, counts)).collect(),
    };
    let name = |_: &_| file_name(&[domain.name.as_str(), "flows", &days_in_name(range)]);
    Ok(listing.answer(list, name))
}

/// `GET /domains/{id}/dmarc/subdomains`
pub(super) async fn subdomains(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let ranked = Ranked::read(&mut parameters, &state);
    parameters.finish()?;
    let tables = state.tables.current();
    let Gathered { subdomains, .. } = read(&state, &tables, &domain, ranked.range).await?.gather();
    let mut policies = Policies::new(&state, client, &domain);
    let mut rows = Vec::new();
    for one in ranked.part.cut(&subdomains) {
        let OfName { is_registered, policy } = policies.for_name(&one.header_from).await?;
        let (policy, from) = policy.unzip();
        rows.push(SubdomainBody {
            registered: is_registered,
            policy: policy.map(Word::from),
            policy_from: from.map(|from| from.word().into()),
            ..SubdomainBody::from(one)
        });
    }
    let list = SubdomainList {
        pagination: ranked.part.pagination(subdomains.len()),
        subdomains: rows,
    };
    Ok(ranked.answer(list, &domain, "subdomains"))
}

impl From<&SourceFigures<'_>> for SourceBody {
    fn from(one: &SourceFigures<'_>) -> Self {
        let (source, network) = (&one.source, &one.network);
        let flow = one.flows.main().unwrap_or(Flow::Unknown);
        Self {
            source_ip: source.address,
            org_name: one.name.organisation.as_ref().and_then(Named::organisation),
            count: source.totals.messages(),
            pass_count: source.totals.pass,
            fail_count: source.totals.fail,
            newest: NewestSource {
                source_ip: source.address,
                total: source.totals.messages(),
                passed: source.totals.pass,
                failed: source.totals.fail,
            },
            ptr: one.ptr.as_ref().map(|name| name.to_string()),
            asn: network.asn,
            country: network.country.map(str::to_owned),
            first_seen: source.first_seen.to_string(),
            last_seen: source.last_seen.to_string(),
            dkim_aligned: source.totals.dkim_aligned,
            spf_aligned: source.totals.spf_aligned,
            dispositions: Dispositions::from(&source.totals),
            as_name: network.as_name.map(str::to_owned),
            known_by: name_body(one.name.best()),
            class: class(flow, one.decision, one.name.best()).word().into(),
            flow: flow.word().into(),
            flows: (&one.flows).into(),
            decision: one.decision.map(|whose| whose.word().into()),
        }
    }
}

fn name_body(best: Option<&Named>) -> NameBody {
    let service = best.filter(|named| named.rule.names_service());
    NameBody {
        service: service.map(|named| named.name.to_string()),
        category: best
            .and_then(|named| named.category)
            .map(|category| category.word().into()),
        evidence: best.map_or(Rule::Nothing, |named| named.rule).word().into(),
        evidence_fact: best.map(|named| named.fact.to_string()),
    }
}

fn class(flow: Flow, decision: Option<Whose>, best: Option<&Named>) -> Class {
    if let Some(whose) = decision {
        return decided_class(whose);
    }
    let is_service = best.is_some_and(|named| named.rule.names_service() && named.rule != Rule::Own);
    if is_service {
        flow.class_of_service()
    } else {
        flow.class()
    }
}

impl From<&FlowCounts> for FlowsBody {
    fn from(flows: &FlowCounts) -> Self {
        let of = |flow| flows.messages_in(flow);
        Self {
            direct: of(Flow::Direct),
            service: of(Flow::Service),
            list: of(Flow::List),
            forwarded: of(Flow::Forwarded),
            own_missing_in_spf: of(Flow::OwnMissingInSpf),
            open: of(Flow::Open),
            unaligned: of(Flow::Unaligned),
            unknown: of(Flow::Unknown),
            not_ours: of(Flow::NotOurs),
        }
    }
}

impl From<&ServiceFigures> for ServiceBody {
    fn from(one: &ServiceFigures) -> Self {
        let flow = one.flows.main().unwrap_or(Flow::Unknown);
        Self {
            name: one.named.as_ref().map(|named| named.name.to_string()),
            known_by: name_body(one.named.as_ref()),
            class: class(flow, one.decision, one.named.as_ref()).word().into(),
            flow: flow.word().into(),
            flows: (&one.flows).into(),
            decision: one.decision.map(|whose| whose.word().into()),
            sums: sums(one.sources, &one.counts),
        }
    }
}

fn flow_body(flow: Flow, counts: &Counts) -> FlowBody {
    FlowBody {
        flow: flow.word().into(),
        class: flow.class().word().into(),
        count: counts.messages(),
        pass_count: counts.pass,
        fail_count: counts.fail,
        dkim_aligned: counts.dkim_aligned,
        spf_aligned: counts.spf_aligned,
    }
}

fn sums(sources: u64, counts: &Counts) -> SumsBody {
    SumsBody {
        sources,
        count: counts.messages(),
        pass_count: counts.pass,
        fail_count: counts.fail,
        pass_rate: pass_rate(counts.pass, counts.fail),
        dkim_aligned: counts.dkim_aligned,
        spf_aligned: counts.spf_aligned,
    }
}

impl From<&SubdomainFigures> for SubdomainBody {
    fn from(one: &SubdomainFigures) -> Self {
        Self {
            header_from: (!one.header_from.is_empty()).then(|| one.header_from.to_string()),
            registered: false,
            flows: (&one.flows).into(),
            sums: sums(one.sources, &one.counts),
            policy: None,
            policy_from: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{CLASSES, EVIDENCE, POLICY_FROM};
    use crate::domains::PolicyFrom;

    #[test]
    fn documented_words_are_the_words() {
        assert!(Flow::ALL.iter().map(|flow| flow.word()).eq(FLOWS));
        assert!(Class::ALL.iter().map(|class| class.word()).eq(CLASSES));
        assert!(Rule::ALL.iter().map(|rule| rule.word()).eq(EVIDENCE));
        assert!(PolicyFrom::ALL.iter().map(|from| from.word()).eq(POLICY_FROM));
        assert!(Category::ALL.iter().map(|category| category.word()).eq(CATEGORIES));
    }
}
