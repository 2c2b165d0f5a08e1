//! From when on rules tell: numbers that owners change, for an account or for one of its domains.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::db::{Args, Conn, Statement};
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::{AccountId, DomainId, words};

words! {
    /// A number of a rule.
    Threshold: i64 {
        /// Failing messages below which no service is broken.
        ServiceBrokenMessages = 1 "service_broken_messages_min",
        /// Messages below which no service is new.
        ServiceNewMessages = 2 "service_new_messages_min",
        /// Days since the end of its last window before which no reporter is silent.
        ReporterSilentDays = 3 "reporter_silent_days_min",
        /// Percentage of the messages below which no reporter is silent.
        ReporterSilentPercent = 4 "reporter_silent_percent_min",
        /// How many times the usual messages, or which part of them, a day must have.
        VolumeChangedTimes = 5 "volume_changed_times_min",
        /// How many more or fewer messages than usual it must have.
        VolumeChangedMessages = 6 "volume_changed_messages_min",
    }
}

impl Threshold {
    /// The value where none is set.
    pub const fn default(self) -> u64 {
        match self {
            Self::ServiceBrokenMessages | Self::ServiceNewMessages => 5,
            Self::ReporterSilentDays => 1,
            Self::ReporterSilentPercent => 2,
            Self::VolumeChangedTimes => 3,
            Self::VolumeChangedMessages => 100,
        }
    }

    /// The values that can be set.
    pub const fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::ServiceBrokenMessages | Self::ServiceNewMessages | Self::VolumeChangedMessages => 1..=1_000_000_000,
            // Silence is judged by the reports of the last 52 days.
            Self::ReporterSilentDays => 1..=30,
            Self::ReporterSilentPercent => 1..=100,
            // With less, a day could be unusual and usual at once.
            Self::VolumeChangedTimes => 2..=100,
        }
    }
}

/// The numbers that are set in one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetThresholds(BTreeMap<Threshold, u64>);

impl SetThresholds {
    /// The number, if it is set here.
    pub fn get(&self, threshold: Threshold) -> Option<u64> {
        self.0.get(&threshold).copied()
    }

    /// Sets a number; `None` unsets it.
    pub fn set(&mut self, threshold: Threshold, value: Option<u64>) {
        match value {
            Some(value) => drop(self.0.insert(threshold, value)),
            None => drop(self.0.remove(&threshold)),
        }
    }

    fn text(&self) -> Option<String> {
        let members = self
            .0
            .iter()
            .map(|(one, value)| (one.word().to_owned(), Value::from(*value)));
        let members: serde_json::Map<_, _> = members.collect();
        (!members.is_empty()).then(|| Value::from(members).to_string())
    }

    /// Numbers that this version does not know, or does not allow, are left out.
    fn read(text: Option<&str>) -> Option<Self> {
        let Some(text) = text else {
            return Some(Self::default());
        };
        let members: BTreeMap<String, Value> = serde_json::from_str(text).ok()?;
        let known = members.iter().filter_map(|(word, value)| {
            let one = Threshold::from_word(word)?;
            Some((one, value.as_u64().filter(|value| one.range().contains(value))?))
        });
        Some(Self(known.collect()))
    }
}

/// The numbers that are in force for a domain: its own, else those of its account, else the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thresholds {
    pub account: SetThresholds,
    pub domain: SetThresholds,
}

impl Thresholds {
    /// The number that is in force.
    pub fn value(&self, threshold: Threshold) -> u64 {
        let set = self.domain.get(threshold).or_else(|| self.account.get(threshold));
        set.unwrap_or_else(|| threshold.default())
    }
}

/// New numbers; `None` unsets one.
pub type ThresholdChanges = Vec<(Threshold, Option<u64>)>;

impl Store {
    /// The numbers that are in force for an account, or for its domain.
    pub async fn thresholds(&self, account: AccountId, domain: Option<DomainId>) -> Result<Thresholds, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let of_domain = match domain {
            Some(_) => read(&mut conn, sql!("domain_thresholds"), place(account, domain)).await?,
            None => SetThresholds::default(),
        };
        Ok(Thresholds {
            account: read(&mut conn, sql!("account_thresholds"), place(account, None)).await?,
            domain: of_domain,
        })
    }

    /// Changes numbers of an account, or of its domain.
    pub async fn set_thresholds(
        &self,
        account: AccountId,
        domain: Option<DomainId>,
        changes: &ThresholdChanges,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let (hold, put) = match domain {
            None => (sql!("account_thresholds_hold"), sql!("account_thresholds_put")),
            Some(_) => (sql!("domain_thresholds_hold"), sql!("domain_thresholds_put")),
        };
        let mut set = read(&mut conn, hold, place(account, domain)).await?;
        for (threshold, value) in changes {
            set.set(*threshold, *value);
        }
        let args = place(account, domain).opt_text(set.text().as_deref());
        conn.run(put, args).await?;
        write.commit().await
    }
}

/// What the statements begin with.
fn place(account: AccountId, domain: Option<DomainId>) -> Args {
    let args = Args::default().int(account.0);
    match domain {
        Some(domain) => args.int(domain.0),
        None => args,
    }
}

async fn read(conn: &mut Conn<'_>, sql: &'static Statement, args: Args) -> Result<SetThresholds, StoreError> {
    let row = conn.first(sql, args).await?;
    let text = row.map(|row| row.opt_text("thresholds")).transpose()?.flatten();
    SetThresholds::read(text.as_deref())
        .ok_or_else(|| StoreError::damaged("domains", "thresholds", "are not an object of numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_closest_is_in_force_and_what_is_not_allowed_is_not() {
        let set = |text| SetThresholds::read(Some(text)).unwrap();
        let thresholds = Thresholds {
            account: set(r#"{"volume_changed_times_min":5,"service_new_messages_min":50}"#),
            domain: set(
                r#"{"volume_changed_times_min":7,"reporter_silent_days_min":31,"unheard_of":1,"service_broken_messages_min":"x"}"#,
            ),
        };
        for (threshold, expect) in [
            (Threshold::VolumeChangedTimes, 7),
            (Threshold::ServiceNewMessages, 50),
            (Threshold::ReporterSilentDays, 1),
            (Threshold::ServiceBrokenMessages, 5),
        ] {
            assert_eq!(thresholds.value(threshold), expect, "{threshold:?}");
        }
        for threshold in Threshold::ALL {
            assert!(threshold.range().contains(&threshold.default()), "{threshold:?}");
        }
        assert_eq!(SetThresholds::read(Some("[")), None);
        assert_eq!(SetThresholds::default().text(), None);
        let again = thresholds.account.text().unwrap();
        assert_eq!(set(&again), thresholds.account);
    }
}
