//! The job that drops what is older than it is to be kept, as long as the clock can be believed.
//!
//! A clock that is years ahead would make everything old at once. So the job remembers the last instant that it believed
//! (in the database, for all nodes): a clock that is days beyond it drops nothing. It is believed again once the clock has
//! run as evenly as the machine's monotonic time for as many days; until then the log and a metric say what is wrong.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::Millis;
use crate::base::clock::{Clock, format_instant};
use crate::metrics::Metrics;
use crate::store::{Purged, Retention, Store, StoreError};

/// How often the job runs, and how long after it got its lease it runs first: a clock that was wrong at the start is set
/// by then.
pub(super) const PURGE_EVERY: Duration = Duration::from_secs(3_600);
const HOUR: Millis = 3_600_000;
const DAY: Millis = 24 * HOUR;
/// How far the clock may be beyond what was last believed. An installation that was off for longer waits this long.
const AHEAD_MAX: Millis = 3 * DAY;
/// How far wall clock and monotonic time may be apart while a clock is watched.
const UNEVEN_MAX: Millis = HOUR;

/// Drops what is too old.
#[derive(Debug)]
pub struct Purging {
    store: Store,
    clock: Clock,
    metrics: Metrics,
    retention: Retention,
    /// Since when a clock that is not believed has run evenly: as it said, and as monotonic time says.
    watched: Mutex<Option<(Millis, Duration)>>,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge {
    /// What was too old was dropped.
    Done(Purged),
    /// Nothing was dropped: the clock is days beyond this instant, the last that was believed.
    Skipped { believed: Millis },
}

impl Purging {
    /// Nothing runs yet.
    pub fn new(store: Store, clock: Clock, metrics: Metrics, retention: Retention) -> Self {
        Self {
            store,
            clock,
            metrics,
            retention,
            watched: Mutex::new(None),
        }
    }

    /// To be called at the start, before anything new arrives: without it, what arrives under a wrong clock would vouch for
    /// that clock. Says what is due.
    pub async fn begin(&self) -> Result<Purged, StoreError> {
        let now = self.clock.now();
        let believed = self.believed(now).await?;
        let due = self.store.due(self.retention, now).await?;
        if now.saturating_sub(believed) > AHEAD_MAX {
            tracing::warn!(
                now = format_instant(now),
                believed = format_instant(believed),
                "the clock is days ahead of the newest row and of the last run: nothing is dropped before it is believed"
            );
        } else if due != Purged::default() {
            tracing::warn!(
                originals = due.originals,
                reports = due.reports,
                records = due.records,
                tls_reports = due.tls_reports,
                failure_reports = due.failure_reports,
                set_aside = due.set_aside,
                "older than retention allows, and deleted in an hour; to keep them, stop and set retention.*_days = 0"
            );
        }
        Ok(due)
    }

    /// Drops what is too old, unless the clock is not to be believed.
    pub async fn run(&self) -> Result<Purge, StoreError> {
        let now = self.clock.now();
        let believed = self.believed(now).await?;
        if now.saturating_sub(believed) > AHEAD_MAX && !self.has_run_evenly(now) {
            self.metrics.count_purge_skipped();
            tracing::warn!(
                now = format_instant(now),
                believed = format_instant(believed),
                "nothing is dropped: the clock is days ahead of the newest row and of the last run. Set the clock; if it is \
                 right, it is believed after three days"
            );
            return Ok(Purge::Skipped { believed });
        }
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // A clock that is behind drops nothing that is young, but the next run is not measured by it.
        let newest = self.store.newest_arrival().await?;
        if now >= believed && newest.is_none_or(|newest| newest <= now.saturating_add(AHEAD_MAX)) {
            self.store.set_purge_believed(now).await?;
        }
        self.store.drop_ballast();
        let purged = self.store.purge(self.retention, now).await?;
        // Until the log is folded in, the file is as long as before.
        self.store.fold_log().await?;
        self.store.keep_ballast();
        if purged != Purged::default() {
            tracing::info!(
                originals = purged.originals,
                reports = purged.reports,
                records = purged.records,
                tls_reports = purged.tls_reports,
                failure_reports = purged.failure_reports,
                set_aside = purged.set_aside,
                "deleted data that is older than retention allows"
            );
        }
        Ok(Purge::Done(purged))
    }

    /// The last instant that was believed. Where none was yet, it is when the newest row arrived, and `now` if there is none;
    /// so it is if the one that was believed is far ahead of both: then the clock was ahead, and was set back.
    async fn believed(&self, now: Millis) -> Result<Millis, StoreError> {
        let known = self.store.purge_believed().await?;
        if let Some(known) = known.filter(|known| *known <= now.saturating_add(AHEAD_MAX)) {
            return Ok(known);
        }
        let Some(newest) = self.store.newest_arrival().await? else {
            return Ok(now);
        };
        let believed = known.map_or(newest, |known| known.min(newest));
        self.store.set_purge_believed(believed).await?;
        Ok(believed)
    }

    /// Whether the clock has run as monotonic time did for long enough.
    fn has_run_evenly(&self, now: Millis) -> bool {
        let monotonic = self.clock.monotonic();
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, monotonic_since) = *watched.get_or_insert((now, monotonic));
        let passed = i64::try_from(monotonic.saturating_sub(monotonic_since).as_millis()).unwrap_or(i64::MAX);
        if now.saturating_sub(since).saturating_sub(passed).saturating_abs() > UNEVEN_MAX {
            *watched = Some((now, monotonic));
            return false;
        }
        passed >= AHEAD_MAX
    }
}
