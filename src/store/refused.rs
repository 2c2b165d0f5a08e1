//! Amount of refused mail per account, UTC day and reason.

use std::collections::BTreeMap;

use crate::base::{AccountId, Day, Millis};

use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{Store, StoreError};

const DAY_MILLIS: i64 = 86_400_000;
/// Number of UTC days, including today, for which refusals are kept.
pub const REFUSED_DAYS: u32 = 30;

/// Mail for one account that was refused on one UTC day for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedDay {
    /// The UTC day.
    pub day: Day,
    /// The reason, a stable word.
    pub reason: String,
    pub refused: Refused,
}

/// Amount and time of refusals. A message that is sent again is counted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub messages: u64,
    pub bytes: u64,
    pub first_at: Millis,
    pub last_at: Millis,
}

impl Refused {
    /// One message.
    pub fn one(bytes: u64, at: Millis) -> Self {
        Self {
            messages: 1,
            bytes,
            first_at: at,
            last_at: at,
        }
    }

    /// The sum of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(other.messages),
            bytes: self.bytes.saturating_add(other.bytes),
            first_at: self.first_at.min(other.first_at),
            last_at: self.last_at.max(other.last_at),
        }
    }
}

/// Refusals that are not written yet, by account, day and reason.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RefusedMail(BTreeMap<(AccountId, i64, &'static str), Refused>);

impl RefusedMail {
    /// Maximum number of entries; refusals beyond them are in the metrics only.
    const KINDS_MAX: usize = 10_000;

    /// Counts a refused message.
    pub fn add(&mut self, account: AccountId, reason: &'static str, refused: Refused) {
        let key = (account, refused.last_at.div_euclid(DAY_MILLIS), reason);
        if self.0.len() >= Self::KINDS_MAX && !self.0.contains_key(&key) {
            return;
        }
        let known = self.0.entry(key);
        known.and_modify(|known| *known = known.and(refused)).or_insert(refused);
    }

    /// Adds entries again that could not be written.
    pub fn add_all(&mut self, other: Self) {
        for ((account, _, reason), refused) in other.0 {
            self.add(account, reason, refused);
        }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Store {
    /// Adds to the stored amounts in one transaction.
    pub async fn add_refused(&self, mail: &RefusedMail) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        for ((account, day, reason), refused) in &mail.0 {
            let args = Args::default()
                .int(account.0)
                .int(*day)
                .text(reason)
                .int(i64::try_from(refused.messages).unwrap_or(i64::MAX))
                .int(i64::try_from(refused.bytes).unwrap_or(i64::MAX))
                .int(refused.first_at)
                .int(refused.last_at);
            write.parts().0.run(sql!("refused_day_add"), args).await?;
        }
        write.commit().await
    }

    /// Returns the refusals of an account in the last [`REFUSED_DAYS`], the latest day first.
    pub async fn refused(&self, account: AccountId, now: Millis) -> Result<Vec<RefusedDay>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(account.0).int(first_day(now));
        let rows = Conn(&mut conn).all(sql!("refused_days_of_account"), args).await?;
        rows.iter().map(refused_day).collect()
    }
}

/// The first day whose refusals are kept.
pub(super) fn first_day(now: Millis) -> i64 {
    now.div_euclid(DAY_MILLIS) - i64::from(REFUSED_DAYS) + 1
}

fn refused_day(row: &Row) -> Result<RefusedDay, StoreError> {
    Ok(RefusedDay {
        day: Day(i32::try_from(row.int("day")?).unwrap_or(i32::MAX)),
        reason: row.text("reason")?,
        refused: Refused {
            messages: row.count("messages")?,
            bytes: row.count("bytes")?,
            first_at: row.int("first_at")?,
            last_at: row.int("last_at")?,
        },
    })
}
