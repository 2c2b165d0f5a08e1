//! Findings as their owner sees them: a list of what began, and snoozes.

use std::cmp::Reverse;

use super::db::{Args, Conn};
use super::decisions::is_owned;
use super::findings::{FindingKind, Snooze, StoredFinding, finding};
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::{AccountId, DomainId, FindingNo, Millis, words};

words! {
    /// What is to be said of a finding.
    FindingState: i64 {
        /// It holds.
        Open = 0 "open",
        /// It holds, and its owner does not want to hear of it now.
        Snoozed = 1 "snoozed",
        /// It does not hold any more, or was of one moment.
        Ended = 2 "ended",
    }
}

/// What is asked of a list of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindingFilter {
    pub kind: Option<FindingKind>,
    pub state: Option<FindingState>,
    /// Only those with a smaller number.
    pub below: Option<FindingNo>,
    /// The instant at which a snooze is in force or not.
    pub now: Millis,
}

/// What is asked of findings that began in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewsFilter {
    pub from: Millis,
    /// The first instant after it.
    pub until: Millis,
    /// A kind that is left out.
    pub but: FindingKind,
    /// The instant at which a finding is snoozed or not.
    pub now: Millis,
}

/// What came of a snooze.
#[derive(Debug, Clone, PartialEq)]
pub enum Snoozed {
    /// The finding as it is now.
    Done(Box<StoredFinding>),
    /// The account has no such finding.
    Missing,
    /// It does not hold any more.
    Ended,
}

impl StoredFinding {
    /// What is to be said of it at an instant.
    pub fn state(&self, now: Millis) -> FindingState {
        match self.is_open {
            false => FindingState::Ended,
            true if self.is_snoozed(now) => FindingState::Snoozed,
            true => FindingState::Open,
        }
    }
}

impl Store {
    /// Up to `count` findings about any of these domains, the newest first. The cost is one lookup per domain; no more than
    /// three times the returned findings are held.
    pub async fn findings_of(
        &self,
        domains: &[DomainId],
        filter: &FindingFilter,
        count: u32,
    ) -> Result<Vec<(DomainId, StoredFinding)>, StoreError> {
        let mut conn = self.read().await?;
        let (mut conn, count_max) = (Conn(&mut conn), count as usize);
        let mut found = Vec::new();
        for &domain in domains {
            let args = Args::default()
                .int(domain.0)
                .int(filter.below.map_or(i64::MAX, |no| no.0))
                .int(filter.kind.map_or(-1, FindingKind::code))
                .int(filter.state.map_or(-1, FindingState::code))
                .int(filter.now)
                .int(count.into());
            for row in conn.all(sql!("finding_page"), args).await? {
                found.push((domain, finding(&row)?));
            }
            if found.len() > 2 * count_max {
                keep_newest(&mut found, count_max);
            }
        }
        keep_newest(&mut found, count_max);
        Ok(found)
    }

    /// The first `count` findings about these domains that began in a time and are not snoozed: in the order of the domains, the
    /// newest of each first. And the number of all. The cost is one lookup per domain.
    pub async fn findings_begun(
        &self,
        domains: &[DomainId],
        filter: &NewsFilter,
        count: usize,
    ) -> Result<(Vec<(DomainId, StoredFinding)>, u64), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let (mut found, mut total) = (Vec::new(), 0_u64);
        for &domain in domains {
            let room = count.saturating_sub(found.len());
            let args = Args::default()
                .int(domain.0)
                .int(filter.from)
                .int(filter.until)
                .int(filter.now)
                .int(filter.but.code())
                // The number of all is in every row.
                .int(i64::try_from(room.max(1)).unwrap_or(i64::MAX));
            let rows = conn.all(sql!("finding_begun"), args).await?;
            if let Some(row) = rows.first() {
                total = total.saturating_add(row.count("total")?);
            }
            for row in rows.iter().take(room) {
                found.push((domain, finding(row)?));
            }
        }
        Ok((found, total))
    }

    /// The findings about a domain that are snoozed at an instant.
    pub async fn snoozed_findings(&self, domain: DomainId, now: Millis) -> Result<Vec<StoredFinding>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(domain.0).int(now);
        let rows = Conn(&mut conn).all(sql!("finding_snoozed"), args).await?;
        rows.iter().map(finding).collect()
    }

    /// Lets an open finding be silent until an instant, in place of an earlier snooze.
    pub async fn snooze(
        &self,
        place: (AccountId, DomainId),
        no: FindingNo,
        snooze: &Snooze,
    ) -> Result<Snoozed, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let Some(known) = owned(&mut conn, place, no).await? else {
            return Ok(Snoozed::Missing);
        };
        if !known.is_open {
            return Ok(Snoozed::Ended);
        }
        let actor = snooze.actor.kept();
        let args = Args::default()
            .int(place.1.0)
            .int(no.0)
            .int(snooze.until)
            .text(&actor.by)
            .int(actor.at)
            .opt_text(actor.why.as_deref());
        conn.run(sql!("finding_snooze"), args).await?;
        // The rules note when the snooze ends.
        conn.run(sql!("finding_rejudge"), Args::default().int(place.1.0))
            .await?;
        let done = owned(&mut conn, place, no).await?;
        write.commit().await?;
        Ok(done.map_or(Snoozed::Missing, |finding| Snoozed::Done(Box::new(finding))))
    }

    /// Ends a snooze now. A finding that is not snoozed stays as it is.
    pub async fn wake(&self, place: (AccountId, DomainId), no: FindingNo, now: Millis) -> Result<Snoozed, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        if owned(&mut conn, place, no).await?.is_none() {
            return Ok(Snoozed::Missing);
        }
        let args = Args::default().int(place.1.0).int(no.0).int(now);
        if conn.run(sql!("finding_wake"), args).await? > 0 {
            conn.run(sql!("finding_rejudge"), Args::default().int(place.1.0))
                .await?;
        }
        let done = owned(&mut conn, place, no).await?;
        write.commit().await?;
        Ok(done.map_or(Snoozed::Missing, |finding| Snoozed::Done(Box::new(finding))))
    }
}

/// The finding, if the domain is the account's and something began. Changes to one domain wait for each other.
async fn owned(
    conn: &mut Conn<'_>,
    (account, domain): (AccountId, DomainId),
    no: FindingNo,
) -> Result<Option<StoredFinding>, StoreError> {
    if !is_owned(conn, account, domain).await? {
        return Ok(None);
    }
    let args = Args::default().int(domain.0).int(no.0);
    let row = conn.first(sql!("finding_by_no"), args).await?;
    let found = row.as_ref().map(finding).transpose()?;
    Ok(found.filter(|one| one.is_open || one.ended_at.is_some()))
}

fn keep_newest(found: &mut Vec<(DomainId, StoredFinding)>, count: usize) {
    found.sort_by_key(|(_, one)| Reverse(one.no));
    found.truncate(count);
}
