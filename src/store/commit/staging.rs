//! The evidence of a large message goes ahead of its reports, some at a time, so that others can write in between.
//!
//! Evidence by itself says and counts nothing: a report that needs it finds it by its key. What a crash, or a report that
//! is known already, leaves without records goes with the next sweep (`store/sweep.rs`).

use crate::report::aggregate::{Evidence, EvidenceKey};

use super::super::{NewMessage, NewReport, Store, StoreError, sweep};
use super::insert::{self, Remembered};
use super::{PLACED_MAX, place};
use crate::base::DomainId;

/// A report with less evidence is written at once.
const STAGED_MIN: usize = 2_000;
/// Evidence that is written in one transaction.
const AT_ONCE: usize = 1_000;

impl Store {
    /// Writes evidence of a message that is about to be committed, if there is much of it.
    ///
    /// # Errors
    /// Some of it may be in the database. The message can be committed all the same.
    pub async fn stage_evidence(&self, message: &mut NewMessage) -> Result<(), StoreError> {
        for nth in 0..message.reports.len() {
            let count = message.reports[nth].1.evidence.len();
            if count < STAGED_MIN {
                continue;
            }
            for from in (0..count).step_by(AT_ONCE) {
                self.stage_some(message, nth, from).await?;
            }
        }
        Ok(())
    }

    async fn stage_some(&self, message: &mut NewMessage, nth: usize, from: usize) -> Result<(), StoreError> {
        for _ in 0..PLACED_MAX {
            let mut write = self.write().await?;
            let (mut conn, memory) = write.parts();
            memory.refresh(&mut conn).await?;
            let Some((domain, names)) = place::home(&mut conn, memory, message, nth).await? else {
                return Ok(());
            };
            let is_there = !conn.hold(vec![domain]).await?.is_empty();
            if memory.refresh(&mut conn).await? || !is_there {
                continue;
            }
            if from == 0 {
                sweep::is_due(&mut conn, domain).await?;
            }
            let some = Remembered::new(memory, some_of(&message.reports[nth].1, domain, from));
            insert::intern_all(&mut conn, memory, some, &names).await?;
            return write.commit().await;
        }
        Ok(())
    }
}

fn some_of(
    new: &NewReport,
    domain: DomainId,
    from: usize,
) -> impl Iterator<Item = ((DomainId, EvidenceKey), &Evidence)> {
    let all = new.evidence.iter().zip(&new.report.evidence);
    all.skip(from)
        .take(AT_ONCE)
        .map(move |(key, evidence)| ((domain, *key), evidence))
}
