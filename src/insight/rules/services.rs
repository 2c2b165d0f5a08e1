//! Services that are new, that fail after a clean history, and that pass again.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::{DAY, Facts, Ledger};
use crate::base::{Day, Millis};
use crate::enrich::{ServiceDay, ServiceDays};
use crate::store::{EventKind, FindingKind, Threshold, Whose};

/// The last days: what happens there is news, and is not part of the history.
pub(super) const RECENT_DAYS: i32 = 4;
/// Messages that a service must have sent to have recovered.
const RECOVERED_MESSAGES_MIN: u64 = 5;
/// A clean history: this many days, this many messages, and at most this percentage of them failed.
const CLEAN_DAYS_MIN: usize = 7;
const CLEAN_MESSAGES_MIN: u64 = 50;
const CLEAN_PERCENT_MAX: u64 = 2;
/// A day is bad if this percentage of its messages fail; some days together if more than half do.
const BAD_PERCENT_MIN: u64 = 20;
const BAD_TOGETHER_PERCENT_MIN: u64 = 50;
/// The failing messages must be this part of what the service usually sends in a day: one reporter that judges otherwise than all
/// others, and reports first, is not news.
const USUAL_PART: u64 = 20;
/// A day is clean again if at most this percentage of its messages fail.
const RECOVERED_PERCENT_MAX: u64 = 5;
/// A broken service that sends nothing for this long is no longer watched.
const GONE_DAYS: i32 = 14;
const BROKEN_COOL_DOWN: Millis = 7 * DAY;
const NEW_COOL_DOWN: Millis = 90 * DAY;
/// New services that are told at once, those with the most messages. A stranger can sign with any number of names.
const NEW_MAX: usize = 10;

pub(super) fn judge(facts: &Facts, ledger: &mut Ledger<'_>) {
    let today = facts.today();
    if facts.is_known() {
        let mut new: Vec<_> = facts
            .services
            .iter()
            .filter_map(|service| new(service, facts))
            .collect();
        new.retain(|(service, _)| !ledger.is_cooling(FindingKind::ServiceNew, &service.name, NEW_COOL_DOWN));
        new.sort_by_key(|(_, sums)| Reverse((sums.pass > 0, sums.messages())));
        for (service, sums) in new.into_iter().take(NEW_MAX) {
            tell_new(service, sums, ledger);
        }
    }
    for service in facts.services.iter().filter(|service| is_theirs(service)) {
        if !ledger.is_open(FindingKind::ServiceBroken, &service.name) {
            broken(service, facts, ledger);
        }
    }
    for finding in ledger.open(FindingKind::ServiceBroken) {
        let service = facts.services.iter().find(|service| *service.name == *finding.subject);
        match service.filter(|service| is_theirs(service)) {
            Some(service)
                if service
                    .days
                    .last()
                    .is_some_and(|last| last.day > today.plus(-GONE_DAYS)) =>
            {
                if let Some(last_bad) = recovered(service) {
                    let data = json!({
                        "service": finding.subject,
                        "failed_since": finding.detail["since"],
                        "last_failed": last_bad.to_string(),
                    });
                    ledger.end(finding, Some((EventKind::ServiceRecovered, data)));
                }
            }
            // It is gone, or the owner decided that it is not theirs.
            _ => ledger.end(finding, None),
        }
    }
}

/// Whether the owner answers for the service, as far as they decided.
fn is_theirs(service: &ServiceDays) -> bool {
    !matches!(service.decision, Some(Whose::NotOurs | Whose::Forwarder))
}

/// The messages of a service that did not send before, if nothing was decided about it.
fn new<'s>(service: &'s ServiceDays, facts: &Facts) -> Option<(&'s ServiceDays, Sums)> {
    let today = facts.today();
    let first = service
        .days
        .first()
        .filter(|first| first.day > today.plus(-RECENT_DAYS));
    let sums = Sums::new(&service.days);
    let is_new = first.is_some()
        && service.decision.is_none()
        && sums.messages() >= facts.threshold(Threshold::ServiceNewMessages);
    is_new.then_some((service, sums))
}

fn tell_new(service: &ServiceDays, sums: Sums, ledger: &mut Ledger<'_>) {
    let first = service.days.first().map(|day| day.day.to_string());
    let mut data = sums.data(service);
    data["first_seen"] = json!(first);
    let of = (FindingKind::ServiceNew, &*service.name);
    ledger.note(of, NEW_COOL_DOWN, json!({}), (EventKind::ServiceNew, data));
}

fn broken(service: &ServiceDays, facts: &Facts, ledger: &mut Ledger<'_>) {
    let last_known = facts.today().plus(-RECENT_DAYS);
    let recent = service.days.partition_point(|day| day.day <= last_known);
    let (history, recent) = service.days.split_at(recent);
    let clean = Sums::new(history);
    if history.len() < CLEAN_DAYS_MIN
        || clean.messages() < CLEAN_MESSAGES_MIN
        || clean.fails_at_least(CLEAN_PERCENT_MAX + 1)
    {
        return;
    }
    let least = facts
        .threshold(Threshold::ServiceBrokenMessages)
        .max(usual(history) / USUAL_PART);
    let of_day = |day: &&ServiceDay| {
        let sums = Sums::new(&[**day]);
        sums.fail >= least && sums.fails_at_least(BAD_PERCENT_MIN)
    };
    let together = Sums::new(recent);
    let is_together = together.fail >= least && together.fails_at_least(BAD_TOGETHER_PERCENT_MIN);
    let bad = recent.iter().find(of_day);
    let bad = bad.or_else(|| recent.iter().find(|day| is_together && day.fail > 0));
    let Some(bad) = bad else { return };
    let since = bad.day.to_string();
    let mut data = together.data(service);
    data["since"] = json!(since);
    let of = (FindingKind::ServiceBroken, &*service.name);
    ledger.begin(
        of,
        BROKEN_COOL_DOWN,
        json!({ "since": since }),
        (EventKind::ServiceBroken, data),
    );
}

/// The last bad day, if what came after it is clean.
fn recovered(service: &ServiceDays) -> Option<Day> {
    let is_bad = |day: &ServiceDay| {
        let sums = Sums::new(&[*day]);
        sums.fail > 0 && sums.fails_at_least(BAD_PERCENT_MIN)
    };
    // Where no day is bad any more, the last one on which something failed may be long ago, and what came after it is all there is.
    let last_bad = service.days.iter().rposition(is_bad);
    let (before, after) = service.days.split_at(last_bad.map_or(0, |nth| nth + 1));
    let sums = Sums::new(after);
    let least = RECOVERED_MESSAGES_MIN.max(usual(before) / USUAL_PART);
    let is_clean = sums.pass >= least && !sums.fails_at_least(RECOVERED_PERCENT_MAX + 1);
    let failed = before
        .last()
        .or_else(|| after.iter().rfind(|day| day.fail > 0))
        .or_else(|| after.first())?;
    is_clean.then_some(failed.day)
}

/// Messages of a usual day, the median.
fn usual(days: &[ServiceDay]) -> u64 {
    let mut messages: Vec<_> = days.iter().map(ServiceDay::messages).collect();
    messages.sort_unstable();
    messages.get(messages.len() / 2).copied().unwrap_or_default()
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    pass: u64,
    fail: u64,
}

impl Sums {
    fn new(days: &[ServiceDay]) -> Self {
        days.iter().fold(Self::default(), |sums, day| Self {
            pass: sums.pass.saturating_add(day.pass),
            fail: sums.fail.saturating_add(day.fail),
        })
    }

    fn messages(self) -> u64 {
        self.pass.saturating_add(self.fail)
    }

    /// What an event says of messages of a service.
    fn data(self, service: &ServiceDays) -> Value {
        json!({
            "service": &*service.name,
            "message_count": self.messages(),
            "pass_count": self.pass,
            "fail_count": self.fail,
        })
    }

    /// Whether at least this percentage of the messages fail.
    fn fails_at_least(self, percent: u64) -> bool {
        u128::from(self.fail) * 100 >= u128::from(self.messages()) * u128::from(percent)
    }
}
