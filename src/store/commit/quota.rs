//! How much of strangers' uncounted mail is kept per UTC day and account, and how much of what they post to a domain.
//!
//! What is set aside is kept for months, and so are held reports; anyone can send both. So a message beyond the quota is not
//! kept, and its sender is told to bring it again later. Each kind has a quota of its own, and of each kind mail that passed
//! DMARC: reporters of domains that are added next week are not kept out by strangers. Nothing vouches for what is posted, and
//! it counts: so its quota is over all that is kept of it, for each domain.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::db::{Args, Conn};
use super::super::message::SET_ASIDE_ROW_BYTES;
use super::super::sql::sql;
use super::super::{NewMessage, Provenance, StoreError};
use super::{DayQuota, KeepLimits};
use crate::base::{AccountId, Authenticated, DomainId};

const DAY_MILLIS: i64 = 86_400_000;
/// How much more may be kept of mail that passed DMARC.
const VOUCHED_TIMES: u64 = 10;

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    SetAside,
    Held,
    /// New reports and what is set aside, of what was posted.
    Posted,
    /// Failure reports, of whose mail nothing else is kept.
    Failure,
}

impl Kind {
    /// The code in the database, with whether the mail passed DMARC.
    const fn code(self, is_vouched: bool) -> i64 {
        match self {
            Self::SetAside => is_vouched as i64,
            Self::Held => 2 + is_vouched as i64,
            Self::Posted => 4,
            Self::Failure => 5 + is_vouched as i64,
        }
    }
}

/// Day, account, the code of the kind, and the domain that was posted to (0 for mail).
type Key = (i64, AccountId, i64, DomainId);

/// What is kept of a batch, and was before.
#[derive(Debug)]
pub(super) struct Quotas {
    limits: KeepLimits,
    used: BTreeMap<Key, Used>,
}

#[derive(Debug)]
struct Used {
    before: DayQuota,
    added: DayQuota,
}

impl Quotas {
    pub fn new(limits: KeepLimits) -> Self {
        Self {
            limits,
            used: BTreeMap::new(),
        }
    }

    /// Whether `rows` may be set aside of a message; they are counted then.
    pub async fn admit(&mut self, conn: &mut Conn<'_>, message: &NewMessage, rows: usize) -> Result<bool, StoreError> {
        if !is_counted(message) || rows == 0 {
            return Ok(true);
        }
        let known = Args::default().int(message.belonging.account().0).blob(&message.digest);
        if conn.first(sql!("set_aside_known"), known).await?.is_some() {
            // It takes no more room than it has.
            return Ok(true);
        }
        self.take(conn, message, Kind::SetAside, rows).await
    }

    /// Whether `rows` new reports of a message may be kept that are held, or were posted; they are counted then.
    pub async fn admit_reports(
        &mut self,
        conn: &mut Conn<'_>,
        message: &NewMessage,
        rows: usize,
    ) -> Result<bool, StoreError> {
        if !is_counted(message) || rows == 0 {
            return Ok(true);
        }
        self.take(conn, message, Kind::Held, rows).await
    }

    /// Whether the new failure report of a message may be kept; it is counted then.
    pub async fn admit_failure(&mut self, conn: &mut Conn<'_>, message: &NewMessage) -> Result<bool, StoreError> {
        if !is_counted(message) {
            return Ok(true);
        }
        self.take(conn, message, Kind::Failure, 1).await
    }

    async fn take(
        &mut self,
        conn: &mut Conn<'_>,
        message: &NewMessage,
        kind: Kind,
        rows: usize,
    ) -> Result<bool, StoreError> {
        let account = message.belonging.account();
        let provenance = message.provenance.as_ref();
        let is_vouched = provenance.is_some_and(|mail| mail.dmarc == Authenticated::Pass);
        let (kind, domain) = match message.is_posted() {
            true => (Kind::Posted, message.belonging.domain().unwrap_or(DomainId(0))),
            false => (kind, DomainId(0)),
        };
        let key = (
            message.received_at.div_euclid(DAY_MILLIS),
            account,
            kind.code(is_vouched),
            domain,
        );
        let used = match self.used.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let args = Args::default().int(key.0).int(account.0).int(key.2).int(domain.0);
                let row = conn.first(sql!("set_aside_day"), args).await?;
                let before = row.map_or(Ok(DayQuota::NONE), |row| {
                    let (messages, bytes) = (row.count("messages")?, row.count("bytes")?);
                    Ok::<_, StoreError>(DayQuota { messages, bytes })
                });
                let (before, added) = (before?, DayQuota::NONE);
                unknown.insert(Used { before, added })
            }
        };
        let max = match kind {
            Kind::SetAside => self.limits.set_aside_day_max,
            Kind::Held | Kind::Failure => self.limits.held_day_max,
            Kind::Posted => self.limits.posted_day_max,
        };
        let times = if is_vouched { VOUCHED_TIMES } else { 1 };
        let rows = rows as u64;
        let mail = message.bytes.len() as u64;
        let bytes = match kind {
            Kind::Posted => mail + message.room.reports_bytes,
            Kind::SetAside | Kind::Held => mail,
            Kind::Failure => message.room.reports_bytes,
        };
        let bytes = bytes + rows * SET_ASIDE_ROW_BYTES;
        let messages_after = used.before.messages + used.added.messages + rows;
        let bytes_after = used.before.bytes + used.added.bytes + bytes;
        let is_admitted =
            messages_after <= max.messages.saturating_mul(times) && bytes_after <= max.bytes.saturating_mul(times);
        if is_admitted {
            used.added.messages += rows;
            used.added.bytes += bytes;
        }
        Ok(is_admitted)
    }

    /// Remembers what was kept. Other nodes may have kept more meanwhile: then it is a little more than the quota.
    pub async fn write(self, conn: &mut Conn<'_>) -> Result<(), StoreError> {
        for ((day, account, code, domain), used) in self.used.into_iter().filter(|(_, used)| used.added.messages > 0) {
            let args = Args::default()
                .int(day)
                .int(account.0)
                .int(code)
                .int(domain.0)
                .int(used.added.messages.cast_signed())
                .int(used.added.bytes.cast_signed());
            conn.run(sql!("set_aside_day_add"), args).await?;
        }
        Ok(())
    }
}

/// Whether the quota applies to the message: it has an envelope and arrives for the first time. What an owner brings
/// has no quota.
fn is_counted(message: &NewMessage) -> bool {
    let is_delivered = message.provenance.as_ref().is_some_and(Provenance::is_delivered);
    is_delivered && !message.comes_again()
}
