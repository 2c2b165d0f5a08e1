//! Another policy, as reporters see it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{DAY, Facts, Ledger};
use crate::base::Millis;
use crate::report::aggregate::{Policy, PolicyPublished};
use crate::store::{EventKind, FindingChange, FindingKind};

/// Reporters that remember the old record report it for a while: a report must be about a later day than the last one with the known
/// policy.
const LATER_MIN: Millis = DAY * 5 / 6;
const COOL_DOWN: Millis = 2 * DAY;

/// A policy as a report saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenPolicy {
    /// The tags that it names. Many reporters leave out some that the record has, so a tag that is not here is not known.
    pub tags: BTreeMap<&'static str, String>,
    /// The end of the report's window.
    pub until: Millis,
}

impl SeenPolicy {
    pub(super) fn new(policy: &PolicyPublished, until: Millis) -> Self {
        let word = |policy: Option<Policy>| policy.map(|policy| policy.word().to_owned());
        let testing = |is_test| if is_test { "y" } else { "n" }.to_owned();
        let tags = [
            ("p", word(policy.p)),
            ("sp", word(policy.sp)),
            ("np", word(policy.np)),
            ("pct", policy.pct.map(|pct| pct.to_string())),
            ("t", policy.testing.map(testing)),
        ];
        let tags = tags.into_iter().filter_map(|(tag, value)| Some((tag, value?)));
        Self {
            tags: tags.collect(),
            until,
        }
    }
}

pub(super) fn judge(facts: &Facts, ledger: &mut Ledger<'_>) {
    let kind = FindingKind::PolicyChanged;
    let Some(seen) = &facts.policy else { return };
    let known = ledger.find(kind, "");
    let before = known.map_or(&Value::Null, |known| &known.detail);
    let until = before["until"].as_i64();
    let changed = |(tag, value): &(&&str, &String)| before["policy"][**tag].as_str().is_some_and(|old| old != *value);
    // What this report does not say stays as it was.
    let mut policy = before["policy"].clone();
    for (tag, value) in &seen.tags {
        policy[*tag] = json!(value);
    }
    let detail = json!({ "policy": policy, "until": seen.until });
    let is_changed = seen.tags.iter().any(|tag| changed(&tag));
    if !is_changed && until.is_none_or(|until| seen.until > until) {
        let finding = ledger.change(kind, "", detail);
        ledger.changes.push(FindingChange { finding, event: None });
    } else if is_changed
        && until.is_some_and(|until| seen.until >= until.saturating_add(LATER_MIN))
        && !ledger.is_cooling(kind, "", COOL_DOWN)
    {
        let data = json!({ "policy": policy, "previous_policy": before["policy"] });
        ledger.note((kind, ""), COOL_DOWN, detail, (EventKind::PolicyChanged, data));
    }
}
