//! The summary of a day, for an account. Pure.

use serde_json::{Value, json};

use crate::base::clock::format_instant;
use crate::base::numbers::counted;
use crate::base::text::shown;
use crate::base::{Day, Millis};
use crate::insight::{Concern, Findings};
use crate::store::{Domain, FindingKind, FindingState, StoredFinding};
use crate::tally::Totals;

/// Findings, and things that need attention, that a summary lists.
const LISTED_MAX: usize = 10;
/// Longest text of a stranger, bytes.
const TEXT_BYTES_MAX: usize = 255;

/// A finding that holds, and is not snoozed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Open {
    pub domain_id: String,
    pub domain: String,
    pub kind: FindingKind,
    pub subject: String,
    pub since: Millis,
}

impl Open {
    pub(super) fn all_in(domain: &Domain, findings: &[StoredFinding], now: Millis) -> Vec<Self> {
        let open = findings
            .iter()
            .filter(|finding| finding.state(now) == FindingState::Open);
        let open = open.map(|finding| Self {
            domain_id: domain.public_id.clone(),
            domain: domain.name.to_string(),
            kind: finding.kind,
            subject: finding.subject.clone(),
            since: finding.opened_at,
        });
        open.collect()
    }
}

/// What happened by the end of a day: `totals` are the messages of that day as far as they were reported, in `domains` domains.
pub(super) fn summary(day: Day, domains: usize, totals: &Totals, open: &[Open], attention: &Findings) -> Value {
    let items = attention.most_important();
    let of_kind = |concern: &Concern| (concern.word().to_owned(), json!(attention.about(*concern).len()));
    let totals_of_kinds: serde_json::Map<_, _> = Concern::ALL.iter().map(of_kind).collect();
    let nothing_to_do = open.is_empty() && items.is_empty();
    let all = Concern::ALL
        .iter()
        .map(|concern| attention.about(*concern).len())
        .sum::<usize>();
    let says = match nothing_to_do {
        true => "Nothing to do.".to_owned(),
        false => format!(
            "{} and {}.",
            counted(open.len() as u64, "open finding", "open findings"),
            counted(all as u64, "thing to look at", "things to look at")
        ),
    };
    let open_items = open.iter().take(LISTED_MAX).map(|one| {
        json!({
            "domain_id": one.domain_id,
            "domain": one.domain,
            "kind": one.kind.word(),
            "subject": shown(&one.subject, TEXT_BYTES_MAX),
            "since": format_instant(one.since),
        })
    });
    let attention_items = items.iter().take(LISTED_MAX).map(|item| {
        let domain = item.domain.as_ref();
        json!({
            "domain_id": domain.map(|domain| &domain.public_id),
            "domain": domain.map(|domain| domain.name.as_str()),
            "kind": item.concern.word(),
            "reason": shown(&item.reason(), 2 * TEXT_BYTES_MAX),
            "action": item.action(),
        })
    });
    json!({
        "day": day.to_string(),
        "says": says,
        "nothing_to_do": nothing_to_do,
        "domains": domains,
        "message_count": totals.messages(),
        "pass_count": totals.pass,
        "fail_count": totals.fail,
        "findings": open_items.collect::<Vec<_>>(),
        "findings_total": open.len(),
        "attention": attention_items.collect::<Vec<_>>(),
        "attention_totals": totals_of_kinds,
    })
}
