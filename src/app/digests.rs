//! The job that writes digests into the outbox.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Day, Millis};
use crate::enrich::LiveTables;
use crate::insight::{DigestScope, digest};
use crate::jobs::{JobError, Jobs};
use crate::store::{Digest, Store, StoreError, Target};

/// Interval between two looks at what is due, and the first after the start.
const DIGESTS_EVERY: Duration = Duration::from_secs(900);
const DIGESTS_AFTER: Duration = Duration::from_secs(180);
/// How long after its end a period is told of: most reports about its last day have come by then.
const DUE_AFTER: Millis = 32 * 3_600_000;

/// Starts the job.
pub(super) fn start_job(jobs: &Jobs, store: &Store, tables: &Arc<LiveTables>) {
    let (store, tables) = (store.clone(), Arc::clone(tables));
    jobs.start_after("digests", DIGESTS_AFTER, DIGESTS_EVERY, move |now| {
        let (store, tables) = (store.clone(), Arc::clone(&tables));
        async move {
            let told = Box::pin(tell_digests(&store, &tables, now)).await?;
            if told > 0 {
                tracing::info!(told, "wrote digests");
            }
            Ok::<_, JobError>(())
        }
    });
}

/// Writes the digests that are due. Each is written once per period, also if two nodes do this at the same time. Returns their
/// number.
///
/// # Errors
/// The first error of a digest. The others are written all the same, and each error is in the log.
pub async fn tell_digests(store: &Store, tables: &LiveTables, now: Millis) -> Result<u64, StoreError> {
    let (mut told, mut failed) = (0, None);
    for target in store.digests_on().await? {
        match Box::pin(tell(store, &target, tables, now)).await {
            Ok(is_told) => told += u64::from(is_told),
            Err(error) => {
                tracing::error!(digest = %target.id, %error, "a digest is not written");
                failed.get_or_insert(error);
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(told),
    }
}

async fn tell(store: &Store, target: &Target<Digest>, tables: &LiveTables, now: Millis) -> Result<bool, StoreError> {
    let due = now.saturating_sub(DUE_AFTER).div_euclid(1_000);
    let period = target.address.period;
    let range = period.last_before(Day::from_unix(due));
    if range.first <= target.address.told {
        return Ok(false);
    }
    let scope = DigestScope {
        account: target.account,
        period,
        range,
        domains: target.address.domains.clone(),
    };
    match Box::pin(digest(store, &scope, now, &tables.current())).await? {
        Some(data) => {
            store
                .tell_digest((target.account, target.id), range.first, data, now)
                .await
        }
        // An account without domains may get some.
        None if target.address.domains.is_none() => {
            store.pass_over_digest(target.id, range.first).await?;
            Ok(false)
        }
        None => {
            store.disable_target(target.id, "Its domains were removed", now).await?;
            Ok(false)
        }
    }
}
