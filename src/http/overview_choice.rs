//! Which domains `/overview` lists, and in which order.

use std::cmp::{Ordering, Reverse};

use serde_json::json;

use super::doc::Parameter;
use super::fields::Parameters;
use super::overview_entry::Entry;
use crate::base::{DomainStatus, NameSearch, Tags};
use crate::report::aggregate::PolicyPublished;

/// What selects and orders domains.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "search",
        says: "Only domains with this text in their name, in Unicode or as A-labels, in any letter case.",
        schema: || json!({ "type": "string", "examples": ["example"] }),
    },
    Parameter {
        name: "status",
        says: "Only domains with this status.",
        schema: || json!({ "type": "string", "enum": DomainStatus::ALL.iter().map(|status| status.word()).collect::<Vec<_>>() }),
    },
    Parameter {
        name: "policy",
        says: "Only domains with this policy in the report whose window ends last; `unknown`: with none in it, or without reports.",
        schema: || json!({ "type": "string", "enum": POLICIES }),
    },
    Parameter {
        name: "failing_over",
        says: "Only domains of whose messages more than this percentage did not pass DMARC.",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 100 }),
    },
    Parameter {
        name: "data",
        says: "`silent`: only domains with messages in the days before the range and none in it. `none`: only domains with \
            messages in neither.",
        schema: || json!({ "type": "string", "enum": DATA }),
    },
    Parameter {
        name: "tag",
        says: "Only domains with this tag.",
        schema: || json!({ "type": "string", "examples": ["shop"] }),
    },
    Parameter {
        name: "organisation",
        says: "Only this domain and those below it.",
        schema: || json!({ "type": "string", "examples": ["yourdomain.com"] }),
    },
    Parameter {
        name: "fold",
        says: "`organisation` lists one entry per organisational domain, with the sums of those of its domains that are \
            selected: the entry of the highest.",
        schema: || json!({ "type": "string", "enum": FOLDS }),
    },
    Parameter {
        name: "sort",
        says: "Order of the list. Names, statuses and policies ascend; otherwise the largest or latest comes first.",
        schema: || json!({ "type": "string", "enum": ORDERS.map(|(word, _)| word) }),
    },
    Parameter {
        name: "order",
        says: "`asc` or `desc`, where `sort` is to be the other way round.",
        schema: || json!({ "type": "string", "enum": ["asc", "desc"] }),
    },
];

const POLICIES: [&str; 4] = ["none", "quarantine", "reject", "unknown"];
const DATA: [&str; 2] = ["silent", "none"];
const FOLDS: [&str; 1] = ["organisation"];

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Messages,
    Failed,
    PassRate,
    Change,
    Name,
    Status,
    Policy,
    LastReport,
    LastArrival,
}

const ORDERS: [(&str, Order); 9] = [
    ("messages", Order::Messages),
    ("failed", Order::Failed),
    ("pass_rate", Order::PassRate),
    ("change", Order::Change),
    ("name", Order::Name),
    ("status", Order::Status),
    ("policy", Order::Policy),
    ("last_report", Order::LastReport),
    ("last_arrival", Order::LastArrival),
];

/// What is to be listed.
#[derive(Debug)]
pub(super) struct Choice {
    search: NameSearch,
    status: Option<DomainStatus>,
    policy: Option<&'static str>,
    failing_over: Option<u32>,
    data: Option<&'static str>,
    tag: Option<String>,
    organisation: Option<String>,
    pub is_folded: bool,
    order: Order,
    ascends: bool,
}

impl Choice {
    /// Reads [`PARAMETERS`].
    pub(super) fn read(parameters: &mut Parameters) -> Self {
        let search = NameSearch::new(parameters.text("search").unwrap_or_default());
        let statuses: Vec<_> = DomainStatus::ALL.iter().map(|status| status.word()).collect();
        let status = parameters.word("status", &statuses, |word| {
            DomainStatus::ALL.iter().copied().find(|status| status.word() == word)
        });
        let policy = parameters.word("policy", &POLICIES, |word| one_of(&POLICIES, word));
        let failing_over = parameters.number("failing_over", 0..=100);
        let data = parameters.word("data", &DATA, |word| one_of(&DATA, word));
        let tag = parameters.plain_text("tag", Tags::CHARS_MAX);
        let organisation = parameters.plain_text("organisation", 253);
        let fold = parameters.word("fold", &FOLDS, |word| one_of(&FOLDS, word));
        let words = ORDERS.map(|(word, _)| word);
        let order = parameters.word("sort", &words, |word| {
            ORDERS.iter().find(|(other, _)| *other == word).map(|(_, order)| *order)
        });
        let order = order.unwrap_or(Order::Messages);
        let ascends = parameters.word("order", &["asc", "desc"], |word| match word {
            "asc" => Some(true),
            "desc" => Some(false),
            _ => None,
        });
        Self {
            search,
            status,
            policy,
            failing_over,
            data,
            tag,
            organisation,
            is_folded: fold.is_some(),
            order,
            ascends: ascends.unwrap_or(matches!(order, Order::Name | Order::Status | Order::Policy)),
        }
    }

    /// Whether it takes the newest report of every domain to choose or order.
    pub(super) fn needs_reports(&self) -> bool {
        self.policy.is_some() || matches!(self.order, Order::Policy | Order::LastReport | Order::LastArrival)
    }

    /// Whether an entry is selected, as far as its newest report does not matter.
    pub(super) fn selects(&self, entry: &Entry) -> bool {
        let (domain, now) = (&entry.domain, entry.now());
        let is_below = |top: &String| domain.name.as_str() == top || is_below(domain.name.as_str(), top);
        let fails = |percent: u32| u128::from(now.fail) * 100 > u128::from(now.messages()) * u128::from(percent);
        self.search.finds(&domain.name)
            && self.status.is_none_or(|status| domain.status == status)
            && self.failing_over.is_none_or(fails)
            && self.tag.as_ref().is_none_or(|tag| domain.tags.has(tag))
            && self.organisation.as_ref().is_none_or(is_below)
            && self.data.is_none_or(|word| match word {
                "silent" => now.messages() == 0 && entry.before().messages() > 0,
                _ => now.messages() == 0 && entry.before().messages() == 0,
            })
    }

    /// Whether the policy of its newest report is the one that is asked for.
    pub(super) fn selects_policy(&self, entry: &Entry) -> bool {
        let policy = entry.latest.as_ref().and_then(|latest| policy_word(&latest.policy));
        self.policy.is_none_or(|wanted| policy.unwrap_or("unknown") == wanted)
    }

    /// Brings entries into order; those that are the same in it, by name.
    pub(super) fn sort(&self, entries: &mut [Entry]) {
        entries.sort_by(|a, b| {
            let ordering = match self.ascends {
                true => self.compare(a, b),
                false => self.compare(b, a),
            };
            ordering.then_with(|| a.domain.name.as_str().cmp(b.domain.name.as_str()))
        });
    }

    fn compare(&self, a: &Entry, b: &Entry) -> Ordering {
        let latest = |entry: &Entry| entry.latest.as_ref().map(|latest| (latest.until, latest.arrived_at));
        match self.order {
            Order::Messages => a.now().messages().cmp(&b.now().messages()),
            Order::Failed => a.now().fail.cmp(&b.now().fail),
            Order::PassRate => share(a).cmp(&share(b)),
            Order::Change => a
                .change()
                .unwrap_or(f64::MIN)
                .total_cmp(&b.change().unwrap_or(f64::MIN)),
            Order::Name => a.domain.name.as_str().cmp(b.domain.name.as_str()),
            Order::Status => a.domain.status.word().cmp(b.domain.status.word()),
            Order::Policy => strictness(a).cmp(&strictness(b)),
            Order::LastReport => latest(a)
                .map(|(until, _)| until)
                .cmp(&latest(b).map(|(until, _)| until)),
            Order::LastArrival => latest(a).map(|(_, at)| at).cmp(&latest(b).map(|(_, at)| at)),
        }
    }
}

fn one_of(words: &[&'static str], word: &str) -> Option<&'static str> {
    words.iter().copied().find(|one| *one == word)
}

fn is_below(name: &str, top: &str) -> bool {
    name.strip_suffix(top).is_some_and(|rest| rest.ends_with('.'))
}

/// Millionths of the messages that passed; domains without messages come behind all others.
fn share(entry: &Entry) -> i64 {
    let totals = entry.now();
    match totals.messages() {
        0 => -1,
        all => i64::try_from(u128::from(totals.pass) * 1_000_000 / u128::from(all)).unwrap_or(i64::MAX),
    }
}

fn strictness(entry: &Entry) -> u8 {
    let policy = entry.latest.as_ref().and_then(|latest| policy_word(&latest.policy));
    match policy {
        Some("none") => 1,
        Some("quarantine") => 2,
        Some("reject") => 3,
        _ => 0,
    }
}

fn policy_word(policy: &PolicyPublished) -> Option<&'static str> {
    policy.p.map(|p| p.word())
}

/// One entry per organisational domain, with the sums of its domains. The highest stands for them, of several the first by
/// name.
pub(super) fn folded(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_cached_key(|entry| {
        let name = entry.domain.name.as_str();
        (
            entry.organisation().to_owned(),
            name.matches('.').count(),
            Reverse(name.len()),
            name.to_owned(),
        )
    });
    let mut folded: Vec<Entry> = Vec::new();
    for entry in entries {
        match folded.last_mut() {
            Some(top) if top.organisation() == entry.organisation() => top.add(&entry),
            _ => folded.push(entry),
        }
    }
    folded
}
