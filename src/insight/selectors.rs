//! DKIM selectors of a domain: which sign, which fail, and which are no longer used. A pause is measured against the selector's own
//! pauses, up to the last day that reports are known of.

use std::collections::BTreeMap;

use crate::base::numbers::{counted, grouped};
use crate::base::{Day, DayRange, organizational_domain, words};
use crate::domains::KeyInDns;
use crate::store::{Domain, Reporter, SignatureDay, Store, StoreError};

/// Days that are looked back.
const HISTORY_DAYS: i32 = 400;
/// Days whose messages say whether a selector passes.
const RECENT_DAYS: i32 = 30;
/// A selector is active until its pause is longer than this, and than its longest pause.
const ACTIVE_DAYS: i32 = 7;
/// It is historical after as many days without a message, and this many times its longest pause. That keeps its holidays apart from
/// its end.
const ENDED_DAYS: i32 = 40;
const ENDED_PAUSES: i32 = 6;
/// The same for a selector that was seen on few days, whose pauses are hardly known.
const SELDOM_DAYS_MIN: usize = 8;
const SELDOM_SPAN_MIN: i32 = 28;
const ENDED_SELDOM_DAYS: i32 = 180;
/// Selectors that are listed, and keys that DNS is asked for.
const LISTED_MAX: usize = 200;
const KEYS_MAX: usize = 50;

words! {
    /// How a selector is used.
    SelectorStanding: u8 {
        /// Active, and most of its messages fail.
        Failing = 0 "failing",
        /// Active.
        Passing = 1 "passing",
        /// It pauses longer than usual, and may come again.
        Recent = 2 "recent",
        /// It is not expected again.
        Historical = 3 "historical",
    }
}

/// A selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    pub domain: String,
    pub selector: String,
    pub standing: SelectorStanding,
    pub key: KeyInDns,
    /// One sentence.
    pub says: String,
    pub first_seen: Day,
    pub last_seen: Day,
    /// Days with messages.
    pub days: usize,
    /// Days from the last message to the last day that reports are known of.
    pub quiet_days: i32,
    /// Its longest pause between two days with messages, in days; 1 for a selector that signs daily.
    pub longest_pause: i32,
    /// Messages of its last 30 days, up to its last one.
    pub pass: u64,
    pub fail: u64,
    /// Reporters that reported about later days than its last one.
    pub active_reporters: usize,
}

impl Selector {
    /// The name of its key in DNS.
    pub fn key_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }
}

/// The selectors that signed for a domain or its subdomains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selectors {
    /// The last day that reports are known of; `None` without reports.
    pub known_until: Option<Day>,
    /// In the order of their standing, then those with the most messages first; at most 200.
    pub rows: Vec<Selector>,
    /// Number of selectors with those that are not listed.
    pub total: usize,
}

impl Selectors {
    /// The names of keys that DNS is to be asked for, of the first selectors.
    pub fn key_names(&self) -> Vec<String> {
        self.rows.iter().take(KEYS_MAX).map(Selector::key_name).collect()
    }

    /// With what DNS has at [`Self::key_names`].
    #[must_use]
    pub fn with_keys(mut self, keys: &[KeyInDns]) -> Self {
        for (row, key) in self.rows.iter_mut().zip(keys) {
            row.key = *key;
            row.says = says(row);
        }
        self
    }
}

/// The selectors of a domain, without what DNS says to their keys.
pub async fn selectors(store: &Store, domain: &Domain, today: Day) -> Result<Selectors, StoreError> {
    let range = DayRange::ending(today, HISTORY_DAYS);
    let days = store.signature_days(domain.id, range).await?;
    let reporters = store.reporters(domain.id, range).await?;
    Ok(judge(&days, &reporters, domain.name.as_str()))
}

/// Messages of a day: passed and failed.
type Days = BTreeMap<Day, (u64, u64)>;

/// Pure: by the signatures of days, and the last days of reporters.
fn judge(days: &[SignatureDay], reporters: &[Reporter], domain: &str) -> Selectors {
    let known_until = reporters.iter().filter_map(|one| one.last_report).max();
    let organization = organizational_domain(domain);
    let mut found: BTreeMap<(&str, &str), Days> = BTreeMap::new();
    // Signers that a report has too many of are not told apart: one of them may have signed.
    let mut last_unnamed = None;
    for one in days {
        if one.domain.is_empty() && one.selector.is_empty() {
            last_unnamed = last_unnamed.max(Some(one.day));
        } else if !one.selector.is_empty() && organizational_domain(&one.domain) == organization {
            let of_selector = found.entry((&one.domain, &one.selector)).or_default();
            let (pass, fail) = of_selector.entry(one.day).or_default();
            *pass = pass.saturating_add(one.pass);
            *fail = fail.saturating_add(one.fail);
        }
    }
    let total = found.len();
    let mut rows: Vec<_> = found
        .into_iter()
        .filter_map(|(name, days)| row(name, &days, known_until?, last_unnamed))
        .collect();
    for row in &mut rows {
        let is_active = |one: &&Reporter| one.last_report > Some(row.last_seen);
        row.active_reporters = reporters.iter().filter(is_active).count();
        row.says = says(row);
    }
    let messages = |one: &Selector| one.pass.saturating_add(one.fail);
    rows.sort_by(|a, b| {
        let by_messages = || messages(b).cmp(&messages(a));
        a.standing.cmp(&b.standing).then_with(by_messages)
    });
    rows.truncate(LISTED_MAX);
    Selectors {
        known_until,
        rows,
        total,
    }
}

fn row((domain, selector): (&str, &str), days: &Days, known_until: Day, last_unnamed: Option<Day>) -> Option<Selector> {
    let (&first_seen, _) = days.first_key_value()?;
    let (&last_seen, _) = days.last_key_value()?;
    let quiet_days = (known_until.0 - last_seen.0).max(0);
    let pauses = days.keys().zip(days.keys().skip(1)).map(|(a, b)| b.0 - a.0);
    let longest_pause = pauses.max().unwrap_or(1);
    let recent = days.range(last_seen.plus(1 - RECENT_DAYS)..);
    let (pass, fail) = recent.fold((0_u64, 0_u64), |sum, (_, (pass, fail))| {
        (sum.0.saturating_add(*pass), sum.1.saturating_add(*fail))
    });
    let is_seldom = days.len() < SELDOM_DAYS_MIN || last_seen.0 - first_seen.0 < SELDOM_SPAN_MIN;
    let least = if is_seldom { ENDED_SELDOM_DAYS } else { ENDED_DAYS };
    let has_ended =
        quiet_days > least.max(longest_pause.saturating_mul(ENDED_PAUSES)) && last_unnamed <= Some(last_seen);
    let standing = match has_ended {
        true => SelectorStanding::Historical,
        false if quiet_days > longest_pause.max(ACTIVE_DAYS) => SelectorStanding::Recent,
        false if fail > pass => SelectorStanding::Failing,
        false => SelectorStanding::Passing,
    };
    Some(Selector {
        domain: domain.to_owned(),
        selector: selector.to_owned(),
        standing,
        key: KeyInDns::NotKnown,
        says: String::new(),
        first_seen,
        last_seen,
        days: days.len(),
        quiet_days,
        longest_pause,
        pass,
        fail,
        active_reporters: 0,
    })
}

/// One sentence, or two.
fn says(one: &Selector) -> String {
    let days = |days: i32| counted(days.unsigned_abs().into(), "day", "days");
    let messages = one.pass.saturating_add(one.fail);
    let quiet = days(one.quiet_days);
    match one.standing {
        SelectorStanding::Failing => {
            let first = format!(
                "{} of {} of its last 30 days failed",
                grouped(one.fail),
                counted(messages, "message", "messages")
            );
            match one.key {
                KeyInDns::None | KeyInDns::Revoked => {
                    format!(
                        "{first}, and DNS has no key at {}: publish it, or sign with another.",
                        one.key_name()
                    )
                }
                KeyInDns::Found => format!("{first}, though DNS has a key: compare it with the one that signs."),
                KeyInDns::NotKnown => format!("{first}."),
            }
        }
        SelectorStanding::Passing => {
            let first = format!(
                "{} of {} of its last 30 days passed",
                grouped(one.pass),
                counted(messages, "message", "messages")
            );
            match one.key {
                KeyInDns::None | KeyInDns::Revoked => format!("{first}, but DNS has no key now: later ones will fail."),
                KeyInDns::Found | KeyInDns::NotKnown => format!("{first}."),
            }
        }
        SelectorStanding::Recent => format!(
            "No message for {quiet}; its longest pause before was {}. It may come again: keep the key.",
            days(one.longest_pause)
        ),
        SelectorStanding::Historical => {
            let reporters = counted(one.active_reporters as u64, "active reporter", "active reporters");
            let first = format!("No message for {quiet} at any of {reporters}");
            match one.key {
                KeyInDns::Found => format!("{first}, and the key is still in DNS: remove it."),
                KeyInDns::None | KeyInDns::Revoked => {
                    format!("{first}, and the key is no longer in DNS: there is nothing to do.")
                }
                KeyInDns::NotKnown => format!("{first}; whether the key is still in DNS is not known."),
            }
        }
    }
}

#[cfg(test)]
mod tests;
