//! Pieces of reports: a truncated text is not a statement of its own, but a part of the whole text.
//!
//! A piece has the identity of the whole, or, where the text has no id, its reporter, policy domain and window, and the
//! records that the whole begins with. The whole takes the place of the piece, the longer piece that of the shorter; a
//! piece of what is known is a duplicate. Only where one of both is vouched for, the other is not, and what they say differs,
//! they stand beside each other as two whole texts would.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::base::{Authenticated, DomainId, ReportNo};
use crate::report::aggregate::Report;

use super::super::db::Conn;
use super::super::{StoreError, StoredRecord, records};
use super::decision::Decision;
use super::place::{Batch, Claim};
use super::register::{Known, KnownRow};

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
    batch: Batch<'_>,
    decisions: &[Decision],
    known: &Known,
    claims: &[Claim],
) -> Result<Relation, StoreError> {
    let new = batch.report_of(&claims[0]);
    let new_cut = new.report.partial;
    if !known.cut && !new_cut {
        return Ok(Relation::Apart);
    }
    let both = Both {
        batch,
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
    // Where both say the same, being vouched for decides nothing.
    let is_whole = |agree: bool, other: Relation| if agree { other } else { Relation::Apart };
    Ok(match (named, new_is_whole) {
        (true, true) if known_passed && !new_passed => is_whole(both.known_begins_new(conn).await?, Relation::WholeOf),
        (true, true) => Relation::WholeOf,
        (true, false) if new_passed && !known_passed => match both.new_begins_known(conn).await? {
            true => Relation::PieceOf,
            // A vouched piece takes precedence over another piece.
            false if known.cut => Relation::WholeOf,
            false => Relation::Apart,
        },
        (true, false) => Relation::PieceOf,
        (false, true) => is_whole(both.known_begins_new(conn).await?, Relation::WholeOf),
        (false, false) => is_whole(both.new_begins_known(conn).await?, Relation::PieceOf),
    })
}

struct Both<'b> {
    batch: Batch<'b>,
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
        match self.batch.slice_of(claim) {
            Some(slice) => slice.records.len(),
            None => self.batch.report_of(claim).report.records.len(),
        }
    }

    async fn known_begins_new(&self, conn: &mut Conn<'_>) -> Result<bool, StoreError> {
        let new: HashMap<DomainId, &Claim> = self.claims.iter().map(|claim| (claim.domain, claim)).collect();
        let new_is_sliced = self.claims.iter().any(|claim| claim.slice.is_some());
        for row in &self.known.rows {
            // A text that is not sliced has one row, wherever that is.
            let whole = || self.claims.first().filter(|claim| claim.slice.is_none() && !row.sliced);
            let Some(new) = new.get(&row.domain).copied().or_else(whole) else {
                return Ok(false);
            };
            if row.sliced && !new_is_sliced {
                continue;
            }
            if !begins(conn, &self.known_of(row), &self.new_of(new)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn new_begins_known(&self, conn: &mut Conn<'_>) -> Result<bool, StoreError> {
        let by_domain = self.known.by_domain();
        for claim in self.claims {
            let row = by_domain.get(&claim.domain);
            // A text that is not sliced has one row, wherever that is.
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
            if !begins(conn, &self.new_of(claim), &self.known_of(row)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn known_of(&self, row: &KnownRow) -> Records<'_> {
        match row.here {
            Some(here) => self.new_of(&self.decisions[here].claim),
            None => Records::Stored(row.domain, row.no),
        }
    }

    fn new_of(&self, claim: &Claim) -> Records<'_> {
        let picked = self.batch.slice_of(claim).map(|slice| &*slice.records);
        Records::Here(&self.batch.report_of(claim).report, picked)
    }
}

/// The records of a text.
enum Records<'b> {
    /// Records of the batch: all, or those at some positions.
    Here(&'b Report, Option<&'b [usize]>),
    Stored(DomainId, ReportNo),
}

impl Records<'_> {
    /// Some records, from a place on.
    async fn page(&self, conn: &mut Conn<'_>, from: usize, count: usize) -> Result<Vec<StoredRecord>, StoreError> {
        let (report, picked) = match *self {
            Self::Here(report, picked) => (report, picked),
            Self::Stored(domain, no) => {
                let packed = records::page(conn, domain, no, from as u64, count).await?;
                return packed.stored(conn).await;
            }
        };
        let length = picked.map_or(report.records.len(), <[usize]>::len);
        let places = from.min(length)..from.saturating_add(count).min(length);
        let record = |place: usize| {
            let record = &report.records[picked.map_or(place, |picked| picked[place])];
            StoredRecord {
                source: record.source,
                count: record.count,
                verdict: report.verdict(record),
                evidence: Arc::new(report.evidence[record.evidence as usize].clone()),
            }
        };
        Ok(places.map(record).collect())
    }
}

/// Records that are compared at a time: two texts that part early cost little.
const COMPARED_AT_ONCE: usize = 255;

/// Whether the records of a piece are those that a longer text begins with; its last one may be incomplete.
async fn begins(conn: &mut Conn<'_>, piece: &Records<'_>, whole: &Records<'_>) -> Result<bool, StoreError> {
    let mut from = 0;
    loop {
        // One more, to know whether the last is among them.
        let some = piece.page(conn, from, COMPARED_AT_ONCE + 1).await?;
        let same = whole.page(conn, from, some.len().min(COMPARED_AT_ONCE)).await?;
        let is_end = some.len() <= COMPARED_AT_ONCE;
        if !agree(&some[..some.len().min(COMPARED_AT_ONCE)], &same, is_end) {
            return Ok(false);
        }
        if is_end {
            return Ok(true);
        }
        from += COMPARED_AT_ONCE;
    }
}

/// Whether some records are the same; at the end of a piece the last one may be incomplete.
fn agree(piece: &[StoredRecord], whole: &[StoredRecord], is_end: bool) -> bool {
    if piece.len() > whole.len() {
        return false;
    }
    let Some((last, before)) = piece.split_last() else {
        return true;
    };
    let same = &whole[before.len()];
    let last_is_same = match is_end {
        true => (last.source, last.count) == (same.source, same.count),
        false => last == same,
    };
    before == &whole[..before.len()] && last_is_same
}
