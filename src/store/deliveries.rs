//! Deliveries: events on their way to targets. `outbox.rs` writes them.

use std::collections::BTreeMap;

use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{Page, Store, StoreError, bulk};
use crate::base::{DeliveryId, Millis, TargetId};

/// What is stored of an answer, bytes.
pub const RESPONSE_BYTES_MAX: usize = 2_048;
/// Deliveries that are removed per transaction.
const REMOVED_AT_ONCE: i64 = 1_000;
/// Deliveries are counted up to this number.
const COUNTED_MAX: i64 = 100_001;

/// An event for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub target: TargetId,
    pub event_id: String,
    pub event: String,
    /// The body, JSON.
    pub payload: String,
    /// Since it was written or replayed last.
    pub attempts: u64,
    /// When the next attempt is due; `None`: there is none.
    pub next_at: Option<Millis>,
    pub delivered_at: Option<Millis>,
    /// Of the last answer.
    pub status: Option<u16>,
    /// The beginning of the last answer, or why nothing was sent.
    pub response: Option<String>,
    pub created_at: Millis,
}

/// What came of an attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub at: Millis,
    /// `None`: there was no answer.
    pub status: Option<u16>,
    pub response: String,
    pub outcome: AttemptOutcome,
}

/// Whether an attempt was accepted, and what follows if not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    Delivered,
    /// It is tried again then.
    Again(Millis),
    GivenUp,
    /// Nothing was sent, for a reason that is not the receiver's. It is tried again then, and this one does not count.
    HeldBack(Millis),
}

/// What came of a wish to deliver again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Deliveries that are due again, and failed ones that are left, up to 100,001.
    Due { replayed: u64, left: u64 },
    /// The target is off: nothing would be sent.
    Off,
    /// The target has no such delivery.
    Unknown,
}

/// How often a target has failed in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    pub attempts: u64,
    pub since: Millis,
}

/// Which failed deliveries are replayed.
#[derive(Debug, Clone)]
pub struct ReplayFilter {
    pub since: Millis,
    /// `None`: of all kinds.
    pub event: Option<String>,
    pub limit: u32,
}

impl Store {
    /// Deliveries of a target that are due at `now`, the longest due first, at most `limit`.
    pub async fn deliveries_due(&self, id: TargetId, now: Millis, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        let mut conn = self.read().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let args = Args::default().int(id.0).int(now).int(limit);
        let rows = Conn(&mut conn).all(sql!("deliveries_due"), args).await?;
        rows.iter().map(delivery).collect()
    }

    /// Keeps what came of attempts, of each target in their order, in one transaction. What would be tried again waits no more
    /// if its target is off by now. Returns how often targets have failed in a row, of those that did.
    pub async fn keep_attempts(
        &self,
        attempts: &[(&Delivery, &Attempt)],
    ) -> Result<BTreeMap<TargetId, Failing>, StoreError> {
        let mut of_targets: BTreeMap<TargetId, Vec<(&Delivery, &Attempt)>> = BTreeMap::new();
        for &(delivery, attempt) in attempts {
            of_targets.entry(delivery.target).or_default().push((delivery, attempt));
        }
        let (mut failing, mut kept) = (BTreeMap::new(), Vec::with_capacity(attempts.len()));
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        // Targets in the order of their numbers, then deliveries: every transaction locks them in this order.
        for (target, attempts) in of_targets {
            let streak = Streak::of_attempts(&attempts);
            let args = Args::default().int(target.0).int(streak.has_success.into());
            let args = args.int(streak.failures).opt_int(streak.failing_since);
            let (at, status) = streak.last.unzip();
            let row = conn.first(sql!("target_attempted"), args.opt_int(at).opt_int(status.flatten()));
            // Its removal removes its deliveries, too.
            let Some(row) = row.await? else { continue };
            let is_on = row.flag("active")?;
            kept.extend(attempts.into_iter().map(|attempt| (attempt, is_on)));
            if streak.failures > 0
                && let Some(since) = row.opt_int("failing_since")?
            {
                let attempts = row.count("failures")?;
                failing.insert(target, Failing { attempts, since });
            }
        }
        kept.sort_unstable_by_key(|((delivery, _), _)| delivery.id);
        conn.bulk(
            &bulk::DELIVERY_ATTEMPTED,
            &kept,
            |args, ((delivery, attempt), is_on)| {
                let (counted, next_at, delivered_at) = match attempt.outcome {
                    AttemptOutcome::Delivered => (1, None, Some(attempt.at)),
                    AttemptOutcome::Again(at) => (1, Some(at), None),
                    AttemptOutcome::GivenUp => (1, None, None),
                    AttemptOutcome::HeldBack(at) => (0, Some(at), None),
                };
                args.push_int(delivery.id.0);
                args.push_int(counted);
                args.push_opt_int(next_at.filter(|_| *is_on));
                args.push_opt_int(delivered_at);
                args.push_opt_int(attempt.status.map(i64::from));
                args.push_text(short(&attempt.response));
            },
        )
        .await?;
        write.commit().await?;
        Ok(failing)
    }
}

/// What attempts mean for their target.
#[derive(Debug, Default, PartialEq, Eq)]
struct Streak {
    has_success: bool,
    /// After the last success, and when the first of them was.
    failures: i64,
    failing_since: Option<Millis>,
    /// When the last attempt was, and the status of its answer; `None`: nothing was sent.
    last: Option<(Millis, Option<i64>)>,
}

impl Streak {
    fn of_attempts(attempts: &[(&Delivery, &Attempt)]) -> Self {
        let mut streak = Self::default();
        for (_, attempt) in attempts {
            match attempt.outcome {
                AttemptOutcome::HeldBack(_) => continue,
                AttemptOutcome::Delivered => {
                    (streak.has_success, streak.failures, streak.failing_since) = (true, 0, None);
                }
                AttemptOutcome::Again(_) | AttemptOutcome::GivenUp => {
                    streak.failures += 1;
                    streak.failing_since.get_or_insert(attempt.at);
                }
            }
            streak.last = Some((attempt.at, attempt.status.map(i64::from)));
        }
        streak
    }
}

impl Store {
    /// A page of the deliveries of a target, newest first, and how many there are in all, up to 100,001.
    pub async fn deliveries(&self, id: TargetId, page: Page) -> Result<(Vec<Delivery>, u64), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let args = Args::default().int(id.0).int(COUNTED_MAX);
        let total = conn.first(sql!("deliveries_count"), args).await?;
        let total = total.map_or(Ok(0), |row| row.count("total"))?;
        let offset = i64::try_from(page.offset()).unwrap_or(i64::MAX);
        let args = Args::default().int(id.0).int(page.per_page.into()).int(offset);
        let rows = conn.all(sql!("deliveries_of_target"), args).await?;
        let rows: Result<_, StoreError> = rows.iter().map(delivery).collect();
        Ok((rows?, total))
    }

    /// Makes a delivery due again.
    pub async fn replay_delivery(&self, id: TargetId, delivery: DeliveryId, now: Millis) -> Result<Replay, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().int(id.0).int(delivery.0).int(now);
        let replay = match is_on(&mut conn, id).await? {
            false => Replay::Off,
            true => match conn.run(sql!("delivery_replay"), args).await? {
                0 => Replay::Unknown,
                replayed => Replay::Due { replayed, left: 0 },
            },
        };
        write.commit().await?;
        Ok(replay)
    }

    /// Makes failed deliveries due again, oldest first.
    pub async fn replay_failed(&self, id: TargetId, filter: &ReplayFilter, now: Millis) -> Result<Replay, StoreError> {
        let mut write = self.write().await?;
        let replay = replay_failed(&mut write.parts().0, id, filter, now).await?;
        write.commit().await?;
        Ok(replay)
    }

    /// Number of deliveries that wait for an attempt, up to 100,001.
    pub async fn deliveries_waiting(&self) -> Result<u64, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(COUNTED_MAX);
        let row = Conn(&mut conn).first(sql!("deliveries_waiting"), args).await?;
        row.map_or(Ok(0), |row| row.count("total"))
    }

    /// Forgets deliveries from before an instant, whatever became of them. Returns their number.
    pub async fn purge_deliveries(&self, before: Millis) -> Result<u64, StoreError> {
        let mut purged = 0;
        loop {
            let mut write = self.write().await?;
            let args = Args::default().int(before).int(REMOVED_AT_ONCE);
            let some = write.parts().0.run(sql!("deliveries_purge"), args).await?;
            write.commit().await?;
            purged += some;
            if some < REMOVED_AT_ONCE.unsigned_abs() {
                return Ok(purged);
            }
        }
    }

    /// Removes the deliveries of a target that was removed. Retention removes what a fault leaves.
    pub(super) async fn remove_deliveries(&self, of: TargetId) -> Result<(), StoreError> {
        loop {
            let mut write = self.write().await?;
            let args = Args::default().int(of.0).int(REMOVED_AT_ONCE);
            let some = write.parts().0.run(sql!("deliveries_remove"), args).await?;
            write.commit().await?;
            if some < REMOVED_AT_ONCE.unsigned_abs() {
                return Ok(());
            }
        }
    }
}

async fn replay_failed(
    conn: &mut Conn<'_>,
    id: TargetId,
    filter: &ReplayFilter,
    now: Millis,
) -> Result<Replay, StoreError> {
    if !is_on(conn, id).await? {
        return Ok(Replay::Off);
    }
    let filtered = || {
        let event = filter.event.as_deref().unwrap_or_default();
        Args::default().int(id.0).int(filter.since).text(event)
    };
    let args = filtered().int(filter.limit.into()).int(now);
    let replayed = conn.run(sql!("deliveries_replay_failed"), args).await?;
    let left = conn.first(sql!("deliveries_failed_count"), filtered().int(COUNTED_MAX));
    let left = left.await?.map_or(Ok(0), |row| row.count("total"))?;
    Ok(Replay::Due { replayed, left })
}

/// Whether a target is on, and will be until the transaction ends.
async fn is_on(conn: &mut Conn<'_>, id: TargetId) -> Result<bool, StoreError> {
    conn.hold_target(id).await?;
    let row = conn.first(sql!("target_is_on"), Args::default().int(id.0)).await?;
    row.map_or(Ok(false), |row| row.flag("active"))
}

/// Gives up what waits for a target. The caller has switched it off in this transaction.
pub(super) async fn give_up(conn: &mut Conn<'_>, id: TargetId, why: &str) -> Result<(), StoreError> {
    let args = Args::default().int(id.0).text(short(why));
    conn.run(sql!("deliveries_stop"), args).await.map(drop)
}

fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(RESPONSE_BYTES_MAX)]
}

/// An HTTP status, where there is one.
pub(super) fn status(row: &Row, column: &str) -> Result<Option<u16>, StoreError> {
    let status = row.opt_int(column)?.map(u16::try_from).transpose();
    status.map_err(|_| StoreError::damaged("deliveries", column, "is not an HTTP status"))
}

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: DeliveryId(row.int("delivery_id")?),
        target: TargetId(row.int("target_id")?),
        event_id: row.text("event_id")?,
        event: row.text("event")?,
        payload: row.text("payload")?,
        attempts: row.count("attempts")?,
        next_at: row.opt_int("next_at")?,
        delivered_at: row.opt_int("delivered_at")?,
        status: status(row, "status")?,
        response: row.opt_text("response")?,
        created_at: row.int("created_at")?,
    })
}
