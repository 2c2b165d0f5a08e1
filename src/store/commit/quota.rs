//! What is set aside of what strangers send: so much a UTC day and account.
//!
//! Everything set aside is kept for months, and anybody can send what nobody here has asked for. So a message beyond the
//! quota is not set aside, and its sender is told to bring it again later. Mail that passed DMARC has a quota of its own:
//! reporters of domains that are added next week are not kept out by strangers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::db::{Args, Conn};
use super::super::sql::sql;
use super::super::{AccountId, Authenticated, NewMessage, StoreError};
use super::DayQuota;

const DAY_MILLIS: i64 = 86_400_000;
/// How much more may be set aside of mail that passed DMARC.
const VOUCHED_TIMES: u64 = 10;
/// What a row takes in the database beside the message, bytes, about.
const ROW_BYTES: u64 = 512;

/// Day, account, and whether the mail passed DMARC.
type Key = (i64, AccountId, bool);

/// What is set aside by a batch, and was before.
pub(super) struct Quotas {
    max: DayQuota,
    used: BTreeMap<Key, Used>,
}

struct Used {
    before: DayQuota,
    added: DayQuota,
}

impl Quotas {
    pub fn new(max: DayQuota) -> Self {
        Self {
            max,
            used: BTreeMap::new(),
        }
    }

    /// Whether so many rows may be set aside of a message; they are counted then.
    pub async fn admit(&mut self, conn: &mut Conn<'_>, message: &NewMessage, rows: usize) -> Result<bool, StoreError> {
        let Some(provenance) = message
            .provenance
            .as_ref()
            .filter(|_| message.replay.is_none() && rows > 0)
        else {
            return Ok(true);
        };
        let account = message.belonging.account();
        let known = Args::default().int(account.0).blob(&message.digest);
        if conn.first(sql!("set_aside_known"), known).await?.is_some() {
            // It takes no more room than it has.
            return Ok(true);
        }
        let is_vouched = provenance.dmarc == Authenticated::Pass;
        let key = (message.received_at.div_euclid(DAY_MILLIS), account, is_vouched);
        let used = match self.used.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let args = Args::default().int(key.0).int(account.0).int(is_vouched.into());
                let row = conn.first(sql!("set_aside_day"), args).await?;
                let before = row.map_or(Ok(DayQuota::NONE), |row| {
                    let (messages, bytes) = (row.count(0)?, row.count(1)?);
                    Ok::<_, StoreError>(DayQuota { messages, bytes })
                });
                let (before, added) = (before?, DayQuota::NONE);
                unknown.insert(Used { before, added })
            }
        };
        let times = if is_vouched { VOUCHED_TIMES } else { 1 };
        let rows = rows as u64;
        let bytes = message.bytes.len() as u64 + rows * ROW_BYTES;
        let messages_after = used.before.messages + used.added.messages + rows;
        let bytes_after = used.before.bytes + used.added.bytes + bytes;
        let is_admitted = messages_after <= self.max.messages.saturating_mul(times)
            && bytes_after <= self.max.bytes.saturating_mul(times);
        if is_admitted {
            used.added.messages += rows;
            used.added.bytes += bytes;
        }
        Ok(is_admitted)
    }

    /// Remembers what was set aside. Other nodes may have set more aside meanwhile: then it is a little more than the quota.
    pub async fn write(self, conn: &mut Conn<'_>) -> Result<(), StoreError> {
        for ((day, account, is_vouched), used) in self.used.into_iter().filter(|(_, used)| used.added.messages > 0) {
            let args = Args::default()
                .int(day)
                .int(account.0)
                .int(is_vouched.into())
                .int(used.added.messages.cast_signed())
                .int(used.added.bytes.cast_signed());
            conn.run(sql!("set_aside_day_add"), args).await?;
        }
        Ok(())
    }
}
