//! A batch where domains lie on several servers: a transaction for each, so that none needs two servers to agree.
//!
//! First whose each report is, then domain by domain, last what is set aside; an answer only after all. What a fault cuts
//! off comes again, and what was committed before it is then known. The rows of `domains` are on the coordinator: held
//! there, they keep everybody else away from what the domain has elsewhere.

use super::super::db::{Args, Layout};
use super::super::sql::sql;
use super::super::{NewMessage, Outcome, Store, StoreError};
use super::keep::{self, Copies};
use super::{CommitOptions, count, domains, outcomes, place};

impl Store {
    /// [`Store::commit`] where domains lie on several servers.
    pub(super) async fn commit_by_domain(
        &self,
        batch: &mut [NewMessage],
        options: &CommitOptions<'_>,
    ) -> Result<Vec<Outcome>, StoreError> {
        debug_assert_eq!(self.layout(), Layout::ByDomain);
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        memory.refresh(&mut conn).await?;
        let mut placed = place::place(&mut conn, memory, batch, options.fresh).await?;
        if placed.added {
            conn.run(sql!("domains_changed"), Args::default()).await?;
        }
        write.commit().await?;

        let (mut copies, mut stored) = (Copies::default(), Vec::new());
        placed.claims.sort_by_key(|claim| claim.domain);
        for claims in placed.claims.chunk_by(|a, b| a.domain == b.domain) {
            let mut write = self.write().await?;
            let (mut conn, memory) = write.parts();
            memory.refresh(&mut conn).await?;
            if conn.hold(vec![claims[0].domain]).await?.is_empty() {
                // Removed since it was found: as if nobody had ever registered it.
                let unclaimed = claims.iter().map(|claim| (claim.message, claim.report));
                placed.unclaimed.extend(unclaimed);
                continue;
            }
            let names = &placed.names;
            stored.extend(count(&mut conn, memory, batch, claims, names, &mut copies, options).await?);
            write.commit().await?;
        }
        stored.sort_by_key(|(claim, _)| (claim.message, claim.report));
        let mut outcomes = outcomes(batch, stored);

        if keep::is_any_set_aside(batch, &placed.unclaimed) {
            placed.unclaimed.sort_unstable();
            let mut write = self.write().await?;
            let (mut conn, memory) = write.parts();
            memory.refresh(&mut conn).await?;
            conn.hold(domains(batch, &[])).await?;
            keep::set_aside(&mut conn, memory, batch, placed.unclaimed, &mut outcomes).await?;
            write.commit().await?;
        }
        Ok(outcomes)
    }
}
