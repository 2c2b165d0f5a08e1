//! Restores records that retention has dropped, when their report arrives again with the same content.
//!
//! The sums stayed, so nothing is counted. The records, and the original if it is gone, are stored again, and their
//! age counts from this arrival.

use std::collections::BTreeSet;

use super::super::db::{Args, Conn};
use super::super::sql::sql;
use super::super::{StoreError, reports};
use super::decide::Decisions;
use super::decision::{Decision, Restored};
use super::insert;
use super::keep::Originals;
use super::place::Batch;

/// Finds the duplicates whose records are restored.
///
/// A report whose sums differ from those at its first arrival stays without records, because its records would
/// contradict what is counted.
pub(super) async fn find(conn: &mut Conn<'_>, batch: Batch<'_>, decisions: &mut Decisions) -> Result<(), StoreError> {
    let mut seen = BTreeSet::new();
    for &nth in &decisions.restorable {
        let decision = &decisions.all[nth];
        let new = batch.report_of(&decision.claim);
        if !seen.insert((decision.claim.domain, decision.no)) {
            continue;
        }
        let args = || Args::default().int(decision.claim.domain.0).int(decision.no.0);
        let Some(row) = conn.first(sql!("report_by_no"), args()).await? else {
            continue;
        };
        let known = reports::summary(&row)?;
        if known.totals != new.totals || known.records != new.report.records.len() as u64 {
            tracing::warn!(
                report = decision.no.0,
                "a report whose records were deleted arrived again with other sums: its records stay deleted"
            );
            continue;
        }
        let original = conn.first(sql!("report_original_kept"), args()).await?;
        decisions.restored.push(Restored {
            nth,
            without_original: original.is_none(),
        });
    }
    Ok(())
}

/// Stores the records of `restored` again.
pub(super) async fn restore(
    conn: &mut Conn<'_>,
    batch: Batch<'_>,
    decisions: &Decisions,
    originals: &Originals,
) -> Result<(), StoreError> {
    let restored = &decisions.restored;
    if restored.is_empty() {
        return Ok(());
    }
    let mut again: Vec<&Decision> = restored.iter().map(|one| &decisions.all[one.nth]).collect();
    again.sort_unstable_by_key(|decision| (decision.claim.domain, decision.no));
    insert::insert_records(conn, batch, &again).await?;
    for one in restored {
        let decision = &decisions.all[one.nth];
        let message = &batch.messages[decision.claim.message];
        let window = batch.report_of(&decision.claim).report.metadata.window;
        let original = originals
            .number(decision.claim.domain, decision.claim.message)
            .filter(|_| one.without_original);
        let args = Args::default()
            .int(decision.claim.domain.0)
            .int(decision.no.0)
            .int(insert::records_since(window, message.received_at))
            .opt_int(original.map(|no| no.0));
        conn.run(sql!("report_restored"), args).await?;
    }
    Ok(())
}
