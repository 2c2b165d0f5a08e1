//! What a batch changes about reports that are in the database already.

use super::super::db::{Args, Conn};
use super::super::moves::Moves;
use super::super::rollup::Change;
use super::super::sql::sql;
use super::super::{NewMessage, Provenance, StoreError, reports};
use super::decide::{Arrival, Decisions};
use crate::tally::Carrier;

impl Decisions {
    /// Writes what changes about reports that are in the database already. Before the new ones are: one may have the
    /// contents of another whose place it takes.
    pub async fn apply_changes(
        &mut self,
        conn: &mut Conn<'_>,
        batch: &[NewMessage],
        moves: &mut Moves,
    ) -> Result<(), StoreError> {
        for arrival in self.arrivals.drain(..) {
            if arrival.is_vouched_now {
                vouch(conn, &arrival, moves).await?;
            }
            let provenance = arrival.carrier.and_then(|carrier| batch[carrier].provenance.as_ref());
            let args = Args::default()
                .int(arrival.domain.0)
                .int(arrival.no.0)
                .int(arrival.authenticated.code())
                .opt_text(provenance.map(Provenance::to_json).as_deref())
                .int(arrival.count)
                .int(arrival.acceptance.code());
            conn.run(sql!("report_arrived"), args).await?;
        }
        for (domain, no) in self.uncut.drain(..) {
            conn.run(sql!("report_uncut"), Args::default().int(domain.0).int(no.0))
                .await?;
        }
        for (domain, no, change) in self.changes.drain(..) {
            let args = Args::default()
                .int(domain.0)
                .int(no.0)
                .int(i64::from(change == Change::Add));
            conn.run(sql!("report_set_counted"), args).await?;
            let recount = reports::recount(conn, domain, no).await?;
            moves.report(domain, &recount.figures(), change);
        }
        for (account, identity, row) in self.removed.drain(..) {
            let args = || Args::default().int(row.domain.0).int(row.no.0);
            conn.run(sql!("records_purge"), args()).await?;
            conn.run(sql!("evidence_purge"), args()).await?;
            conn.run(sql!("report_erase"), args()).await?;
            if row.sliced {
                let args = Args::default().int(account.0).blob(&identity.0);
                conn.run(sql!("slice_remove"), args.int(row.domain.0).int(row.no.0))
                    .await?;
            }
        }
        Ok(())
    }
}

/// Moves the sums of a report to those of reports whose mail vouches for them, if it counts.
async fn vouch(conn: &mut Conn<'_>, arrival: &Arrival, moves: &mut Moves) -> Result<(), StoreError> {
    let mut recount = reports::recount(conn, arrival.domain, arrival.no).await?;
    if recount.counted {
        moves.report(arrival.domain, &recount.figures(), Change::Subtract);
        recount.carrier = Carrier::Vouched;
        moves.report(arrival.domain, &recount.figures(), Change::Add);
    }
    Ok(())
}
