//! Pieces of reports: a text that was cut off is no statement of its own, but a part of the whole text.
//!
//! A piece has the identity of the whole, or, where the text has no id, its reporter, policy domain and window, and the
//! records that the whole begins with. The whole takes the place of the piece, the longer piece that of the shorter; a
//! piece of what is known is a duplicate. Only where one of both is vouched for, the other is not, and what they say differs,
//! they stand beside each other as two whole texts would.

use std::sync::Arc;

use crate::report::Evidence;

use super::super::db::Conn;
use super::super::{Authenticated, DomainId, NewMessage, ReportNo, StoreError, StoredRecord, records};
use super::decide::Decision;
use super::place::{Claim, Placed};
use super::register::{Known, KnownRow};
use super::report_of;

/// What an arrived text is to a known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// Two texts.
    Apart,
    PieceOf,
    WholeOf,
}

/// What the report of these claims is to a known text of the same identity, or of the same beginning.
pub(super) async fn relation(
    conn: &mut Conn<'_>,
    batch: &[NewMessage],
    placed: &Placed,
    decisions: &[Decision],
    known: &Known,
    claims: &[Claim],
) -> Result<Relation, StoreError> {
    let new = report_of(batch, &claims[0]);
    let new_cut = new.report.partial;
    if !known.cut && !new_cut {
        return Ok(Relation::Apart);
    }
    let both = Both {
        batch,
        placed,
        decisions,
        known,
        claims,
    };
    let named = known.identity == new.identity;
    if !known.records_kept {
        // Nothing to compare with, and nothing to be taken back.
        let is_piece = named && new_cut && !known.cut;
        return Ok(if is_piece { Relation::PieceOf } else { Relation::Apart });
    }
    let passed = |authenticated| authenticated == Authenticated::Pass;
    let (known_passed, new_passed) = (passed(known.authenticated), passed(new.authenticated));
    let new_is_longer = both.new_len() > both.known_len();
    let new_is_whole = !new_cut || known.cut && new_is_longer;
    // Of two that say the same, the vouched for decides nothing.
    let is_whole = |agree: bool, other: Relation| if agree { other } else { Relation::Apart };
    Ok(match (named, new_is_whole) {
        (true, true) if known_passed && !new_passed => is_whole(both.known_begins_new(conn).await?, Relation::WholeOf),
        (true, true) => Relation::WholeOf,
        (true, false) if new_passed && !known_passed => match both.new_begins_known(conn).await? {
            true => Relation::PieceOf,
            // Of two pieces rather the one that is vouched for.
            false if known.cut => Relation::WholeOf,
            false => Relation::Apart,
        },
        (true, false) => Relation::PieceOf,
        (false, true) => is_whole(both.known_begins_new(conn).await?, Relation::WholeOf),
        (false, false) => is_whole(both.new_begins_known(conn).await?, Relation::PieceOf),
    })
}

struct Both<'b> {
    batch: &'b [NewMessage],
    placed: &'b Placed,
    decisions: &'b [Decision],
    known: &'b Known,
    claims: &'b [Claim],
}

impl Both<'_> {
    fn new_len(&self) -> usize {
        self.claims.iter().map(|claim| self.len_of(claim)).sum()
    }

    fn known_len(&self) -> usize {
        let here = self.known.rows.iter().filter_map(|row| row.here);
        let here: usize = here.map(|here| self.len_of(&self.decisions[here].claim)).sum();
        here + usize::try_from(self.known.records).unwrap_or(usize::MAX - here)
    }

    fn len_of(&self, claim: &Claim) -> usize {
        match claim.slice {
            Some(slice) => self.placed.slices[slice].records.len(),
            None => report_of(self.batch, claim).report.records.len(),
        }
    }

    async fn known_begins_new(&self, conn: &mut Conn<'_>) -> Result<bool, StoreError> {
        for row in &self.known.rows {
            let Some(new) = self.new_of(row.domain, row.sliced) else {
                return Ok(false);
            };
            let (new, known) = (
                self.records_of(new, usize::MAX),
                self.known_of(conn, row, usize::MAX).await?,
            );
            if !row.sliced && !begins(&known, &new) {
                return Ok(false);
            }
            if row.sliced && !begins(&known, &new) && self.claims.iter().any(|claim| claim.slice.is_some()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn new_begins_known(&self, conn: &mut Conn<'_>) -> Result<bool, StoreError> {
        for claim in self.claims {
            let row = self.known.rows.iter().find(|row| row.domain == claim.domain);
            // Where a text is not sliced, it lies in one row, wherever that is.
            let row = row.or(self
                .known
                .rows
                .first()
                .filter(|row| !row.sliced && claim.slice.is_none()));
            let Some(row) = row else { return Ok(false) };
            if row.sliced && claim.slice.is_none() {
                // Slices that became one row: not in the order of the text. The whole of it is about to take their place.
                continue;
            }
            let new = self.records_of(claim, usize::MAX);
            let known = self.known_of(conn, row, new.len()).await?;
            if !begins(&new, &known) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the arrived text has for a row of the known one.
    fn new_of(&self, domain: DomainId, sliced: bool) -> Option<&Claim> {
        let same = self.claims.iter().find(|claim| claim.domain == domain);
        same.or(self.claims.first().filter(|claim| claim.slice.is_none() && !sliced))
    }

    async fn known_of(
        &self,
        conn: &mut Conn<'_>,
        row: &KnownRow,
        count: usize,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        if let Some(here) = row.here {
            return Ok(self.records_of(&self.decisions[here].claim, count));
        }
        stored(conn, row.domain, row.no, count).await
    }

    fn records_of(&self, claim: &Claim, count: usize) -> Vec<StoredRecord> {
        let report = &report_of(self.batch, claim).report;
        let evidence: Vec<Arc<Evidence>> = report.evidence.iter().cloned().map(Arc::new).collect();
        let record = |nth: usize| StoredRecord {
            source: report.records[nth].source,
            count: report.records[nth].count,
            verdict: report.verdict(&report.records[nth]),
            evidence: Arc::clone(&evidence[report.records[nth].evidence as usize]),
        };
        match claim.slice {
            Some(slice) => {
                let records = self.placed.slices[slice].records.iter();
                records.take(count).map(|&nth| record(nth)).collect()
            }
            None => (0..report.records.len()).take(count).map(record).collect(),
        }
    }
}

async fn stored(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    count: usize,
) -> Result<Vec<StoredRecord>, StoreError> {
    let packed = records::page(conn, domain, no, 0, count).await?;
    records::with_evidence(conn, domain, &packed).await
}

/// Whether the records of a piece are those that a longer text begins with; its last one may be incomplete.
fn begins(piece: &[StoredRecord], whole: &[StoredRecord]) -> bool {
    if piece.len() > whole.len() {
        return false;
    }
    let Some((last, before)) = piece.split_last() else {
        return true;
    };
    let same = &whole[before.len()];
    before == &whole[..before.len()] && (last.source, last.count) == (same.source, same.count)
}
