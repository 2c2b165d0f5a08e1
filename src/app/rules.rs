//! The job that applies the rules to domains.

use std::sync::Arc;
use std::time::Duration;

use crate::enrich::LiveTables;
use crate::insight::{Applied, apply_rules};
use crate::jobs::Jobs;
use crate::store::Store;

/// Interval between two looks at what is due, and the first after the start: what waits for the start comes first.
const RULES_EVERY: Duration = Duration::from_secs(900);
const RULES_AFTER: Duration = Duration::from_secs(120);

/// Starts the job.
pub(super) fn start_job(jobs: &Jobs, store: &Store, tables: &Arc<LiveTables>) {
    let (store, tables) = (store.clone(), Arc::clone(tables));
    jobs.start_after("rules", RULES_AFTER, RULES_EVERY, move |now| {
        let (store, tables) = (store.clone(), Arc::clone(&tables));
        async move {
            let Applied {
                domains,
                events,
                summaries,
            } = Box::pin(apply_rules(&store, &tables.current(), now)).await?;
            if events + summaries > 0 {
                tracing::info!(domains, events, summaries, "applied the rules to domains");
            }
            Ok(())
        }
    });
}
