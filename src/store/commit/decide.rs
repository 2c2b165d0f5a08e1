//! Decides whether a report is new, a duplicate, in conflict, or the whole of a known piece, and which of a conflict counts.
//!
//! Same contents: a duplicate, counted once. Same identity, other contents: a conflict; both are kept, one is counted:
//! the first that was authenticated, else the first. The number of versions of a report is limited, because the whole
//! group is read each time. A piece contradicts nothing: see `pieces.rs`.

use hashbrown::HashMap;

use crate::base::{AccountId, Authenticated, DomainId, ReportNo};
use crate::report::aggregate::IdentityKey;

use super::super::db::Conn;
use super::super::memory::Memory;
use super::super::rollup::Change;
use super::super::{Acceptance, Fate, NewMessage, StoreError};
use super::arrived::{Arrived, COMPARED_MAX};
use super::decision::{Decision, Restored};
use super::pieces::{Relation, relation};
use super::place::{Batch, Claim};
use super::quota::Quotas;
use super::register::{Known, KnownRow, Register, better, register};
use super::{KeepLimits, crowd, is_new};

/// What was decided about all.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    pub all: Vec<Decision>,
    /// Reports that are in the database already and must be counted no more, or now.
    pub(super) changes: Vec<(DomainId, ReportNo, Change)>,
    /// Those whose place another takes.
    pub(super) removed: Vec<(AccountId, IdentityKey, KnownRow)>,
    /// Those that were cut off, and turned out to be whole.
    pub(super) uncut: Vec<(DomainId, ReportNo)>,
    pub(super) arrivals: Vec<Arrival>,
    /// Positions in `all` of duplicates of reports whose records retention has dropped (`restore.rs`).
    pub restorable: Vec<usize>,
    /// Those of them whose records are stored again, each report once, in this order.
    pub restored: Vec<Restored>,
    /// Message and report of versions too many: they are set aside.
    pub refused: Vec<(usize, usize)>,
    /// Messages whose held reports are not kept, because today's quota is used up.
    pub over_quota: Vec<usize>,
    /// What is held of the batch and was before, if anything is.
    pub quotas: Option<Quotas>,
    /// Numbers whose place another takes, in this order: what was a duplicate of the first is one of the second.
    renamed: Vec<(ReportNo, ReportNo)>,
}

/// A report that is in the database already came again.
#[derive(Debug)]
pub(super) struct Arrival {
    pub domain: DomainId,
    pub no: ReportNo,
    pub count: i64,
    pub authenticated: Authenticated,
    pub acceptance: Acceptance,
    /// Whether this arrival vouches for it and none did before: its sums move.
    pub is_vouched_now: bool,
    /// The message that vouches for it, or lets it count, if none did before.
    pub carrier: Option<usize>,
}

/// Decides about every claim, in order. `None` if rows that may change are not held.
pub(super) async fn decide(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: Batch<'_>,
    limits: KeepLimits,
) -> Result<Option<Decisions>, StoreError> {
    let Some(mut register) = register(conn, batch).await? else {
        return Ok(None);
    };
    let addresses_max = limits.day_addresses_max;
    let crowded = crowd::hold(conn, memory, batch, &register, addresses_max).await?;
    let claims = crowded.as_deref().unwrap_or(batch.claims);
    let mut decisions = Decisions::default();
    let fresh = claims.iter().filter(|claim| {
        let known = register.of_content(claim.account, batch.report_of(claim).content);
        known.is_none_or(|nth| claim.slice.is_some() || register.texts[nth].rows.iter().any(|row| row.sliced))
    });
    let fresh = fresh.count();
    if let Some(newest) = batch.messages.last().filter(|_| !conn.is_sqlite()) {
        memory.reports.at(newest.received_at);
    }
    let mut no = memory.reports.take(conn, "report", fresh).await?;
    for claims in claims.chunk_by(|a, b| (a.message, a.report) == (b.message, b.report)) {
        let arrived = Arrived::new(batch.messages, claims);
        match register.of_content(arrived.account, arrived.content) {
            Some(nth) if decisions.completes(&register.texts[nth], &arrived) => {
                let better = better(register.texts[nth].authenticated, arrived.authenticated);
                let arrived = Arrived {
                    authenticated: better,
                    cut: arrived.cut && register.texts[nth].cut,
                    ..arrived
                };
                decisions.new_text(&mut register, &arrived, &[nth], &mut no);
            }
            Some(nth) => {
                // Pieces may have come under an id of their own.
                let (_, pieces) = relations(conn, batch, &decisions, &mut register, &arrived).await?;
                let by = register.texts[nth].no();
                for piece in pieces.into_iter().filter(|piece| *piece != nth) {
                    decisions.replace(&mut register, arrived.account, piece, by);
                }
                decisions.duplicate(&mut register, &arrived, nth, &mut no);
            }
            None => {
                let (whole, pieces) = relations(conn, batch, &decisions, &mut register, &arrived).await?;
                let weight = arrived.weight(&register);
                match whole {
                    Some(nth) => decisions.piece_again(&mut register, &arrived, nth),
                    None if register.versions(arrived.account, arrived.identity, weight, &pieces)
                        >= limits.versions_max =>
                    {
                        let Claim { message, report, .. } = claims[0];
                        decisions.refused.push((message, report));
                    }
                    None => {
                        let kept = decisions.admit(conn, batch.messages, &arrived, limits).await?;
                        let arrived = Arrived {
                            claims: kept.as_deref().unwrap_or(claims),
                            ..arrived
                        };
                        if !arrived.claims.is_empty() {
                            decisions.new_text(&mut register, &arrived, &pieces, &mut no);
                        }
                    }
                }
            }
        }
    }
    decisions.rename();
    Ok(Some(decisions))
}

/// The known text that the arrived one is a piece of, or those that are pieces of it.
async fn relations(
    conn: &mut Conn<'_>,
    batch: Batch<'_>,
    decisions: &Decisions,
    register: &mut Register,
    arrived: &Arrived<'_>,
) -> Result<(Option<usize>, Vec<usize>), StoreError> {
    let mut candidates = register.of_identity(arrived.account, arrived.identity);
    if let Some(piece) = arrived.piece {
        candidates.extend(register.of_piece(arrived.account, piece));
        candidates.sort_unstable();
        candidates.dedup();
    }
    let (mut whole, mut pieces) = (None, Vec::new());
    let may_count = !candidates.is_empty() && arrived.may_count(register);
    for nth in candidates {
        let known = &register.texts[nth];
        match relation(conn, batch, &decisions.all, known, arrived.claims).await? {
            Relation::Apart => {}
            // What may not count takes no place of what may, and neither hides it nor what the owner decided.
            Relation::PieceOf if may_count && !known.may_count() => {}
            Relation::WholeOf if known.is(Acceptance::Discounted) || known.may_count() && !may_count => {}
            // Rather of the one that counts.
            Relation::PieceOf => whole = whole.filter(|_| !known.counted).or(Some(nth)),
            Relation::WholeOf => pieces.push(nth),
        }
    }
    Ok((whole, pieces))
}

impl Decisions {
    /// The claims of a new text without those that are held, if no more may be held; `None`: all of them.
    async fn admit(
        &mut self,
        conn: &mut Conn<'_>,
        batch: &[NewMessage],
        arrived: &Arrived<'_>,
        limits: KeepLimits,
    ) -> Result<Option<Vec<Claim>>, StoreError> {
        let is_held = |claim: &&Claim| claim.acceptance.is_held();
        let held = arrived.claims.iter().filter(is_held).count();
        if held == 0 {
            return Ok(None);
        }
        let message = arrived.claims[0].message;
        let quotas = self.quotas.get_or_insert_with(|| Quotas::new(limits));
        if quotas.admit_reports(conn, &batch[message], held).await? {
            return Ok(None);
        }
        self.over_quota.push(message);
        let others = arrived.claims.iter().filter(|claim| !is_held(claim));
        Ok(Some(others.copied().collect()))
    }

    /// Whether the known row holds some records only of what has arrived for the same row as a whole.
    fn completes(&self, known: &Known, arrived: &Arrived<'_>) -> bool {
        let is_whole = arrived.claims.iter().all(|claim| claim.slice.is_none());
        is_whole && known.records_kept && known.rows.iter().any(|row| row.sliced)
    }

    /// The contents are known.
    fn duplicate(&mut self, register: &mut Register, arrived: &Arrived<'_>, nth: usize, no: &mut i64) {
        let carrier = arrived.claims[0].message;
        let known = &mut register.texts[nth];
        // Sums whose records have gone stay with those of the carrier that they were counted for.
        let is_fixed = known.counted && !known.records_kept;
        let with_arrived = |before| match is_fixed {
            true => before,
            false => better(before, arrived.authenticated),
        };
        let is_whole_now = known.cut && !arrived.cut;
        let mut is_changed = with_arrived(known.authenticated) != known.authenticated;
        known.authenticated = with_arrived(known.authenticated);
        known.cut &= arrived.cut;
        known.arrivals += i64::from(!arrived.replay);
        let claims = arrived.by_domain();
        for row in &mut known.rows {
            let before = row.acceptance;
            let is_better = with_arrived(row.authenticated) != row.authenticated;
            row.authenticated = with_arrived(row.authenticated);
            row.acceptance = arrived
                .acceptance_of(claims.as_ref(), row)
                .map_or(before, |now| before.joined(now));
            let is_news = is_better || row.acceptance != before;
            is_changed |= is_news;
            match row.here {
                Some(here) => {
                    let decision = &mut self.all[here];
                    decision.arrivals += i64::from(!arrived.replay);
                    decision.authenticated = row.authenticated;
                    decision.acceptance = row.acceptance;
                    decision.cut &= arrived.cut;
                    if is_news {
                        decision.carrier = carrier;
                    }
                }
                // Fed in again it is not an arrival, but what vouches for it may be new.
                None if !arrived.replay || is_news => self.arrivals.push(Arrival {
                    domain: row.domain,
                    no: row.no,
                    count: i64::from(!arrived.replay),
                    authenticated: row.authenticated,
                    acceptance: row.acceptance,
                    is_vouched_now: is_better,
                    carrier: is_news.then_some(carrier),
                }),
                None => {}
            }
            if is_whole_now && row.here.is_none() {
                self.uncut.push((row.domain, row.no));
            }
        }
        self.claims_again(known, arrived, no);
        if is_changed {
            let identity = register.texts[nth].identity;
            self.settle(register, arrived.account, identity);
        }
    }

    /// The claims of a text whose contents are known: those of domains that had no slice of it are new.
    fn claims_again(&mut self, known: &mut Known, arrived: &Arrived<'_>, no: &mut i64) {
        let is_many = known.rows.len() + arrived.claims.len() > COMPARED_MAX;
        let by_domain = is_many.then(|| known.by_domain());
        let all_sliced = known.rows.iter().all(|row| row.sliced);
        for claim in arrived.claims {
            let row = match &by_domain {
                Some(rows) => rows.get(&claim.domain).copied(),
                None => known.rows.iter().find(|row| row.domain == claim.domain).copied(),
            };
            // A text that is known whole has no slices to come, and of one whose records have gone none are added.
            let is_missing = row.is_none() && claim.slice.is_some() && known.records_kept;
            if is_missing && all_sliced {
                let decision = Decision::new(*claim, ReportNo(*no), Fate::Stored, arrived);
                let counted = known.counted && claim.acceptance.may_count();
                known.rows.push(KnownRow {
                    domain: claim.domain,
                    no: ReportNo(*no),
                    sliced: true,
                    acceptance: claim.acceptance,
                    counted,
                    // The mail that brings the slice is the one that its row names.
                    authenticated: arrived.authenticated,
                    here: Some(self.all.len()),
                });
                self.all.push(Decision {
                    counted,
                    arrivals: known.arrivals,
                    cut: known.cut,
                    ..decision
                });
                *no += 1;
            } else {
                // It may have stayed in a domain above.
                let row = row.or(known.rows.first().copied());
                let claim = Claim {
                    domain: row.map_or(claim.domain, |row| row.domain),
                    ..*claim
                };
                if row.is_some_and(|row| row.here.is_none() && !row.sliced) && !known.records_kept {
                    self.restorable.push(self.all.len());
                }
                let no = row.map_or(ReportNo(0), |row| row.no);
                self.all.push(Decision {
                    acceptance: row.map_or(claim.acceptance, |row| row.acceptance),
                    ..Decision::new(claim, no, Fate::Duplicate, arrived)
                });
            }
        }
    }

    /// A piece of a text that is known.
    fn piece_again(&mut self, register: &mut Register, arrived: &Arrived<'_>, nth: usize) {
        let known = &mut register.texts[nth];
        known.arrivals += i64::from(!arrived.replay);
        if !arrived.replay {
            for row in &known.rows {
                match row.here {
                    Some(here) => self.all[here].arrivals += 1,
                    None => self.arrivals.push(Arrival {
                        domain: row.domain,
                        no: row.no,
                        count: 1,
                        authenticated: row.authenticated,
                        acceptance: row.acceptance,
                        is_vouched_now: false,
                        carrier: None,
                    }),
                }
            }
        }
        let (by_domain, first) = (known.by_domain(), known.no());
        for claim in arrived.claims {
            let no = by_domain.get(&claim.domain).map_or(first, |row| row.no);
            self.all.push(Decision::new(*claim, no, Fate::Duplicate, arrived));
        }
    }

    /// Decides a text whose contents are not stored yet, or only in pieces.
    fn new_text(&mut self, register: &mut Register, arrived: &Arrived<'_>, pieces: &[usize], no: &mut i64) {
        let (mut arrivals, mut replaced) = (1, 0);
        let first = ReportNo(*no);
        let mut before = Vec::new();
        for &piece in pieces {
            let same = register.texts[piece].content == arrived.content;
            if same {
                before.extend(register.texts[piece].rows.iter().map(|row| row.acceptance));
            }
            // Fed in again, the same message is not another arrival.
            arrivals += register.texts[piece].arrivals - i64::from(same && arrived.replay);
            replaced += self.replace(register, arrived.account, piece, first);
        }
        let fate = match (
            register.of_identity(arrived.account, arrived.identity).is_empty(),
            pieces,
        ) {
            (false, _) => Fate::Conflict,
            (true, []) => Fate::Stored,
            (true, _) => Fate::Completed,
        };
        let mut rows = Vec::with_capacity(arrived.claims.len());
        for claim in arrived.claims {
            let acceptance = before.iter().fold(claim.acceptance, |all, one| all.joined(*one));
            rows.push(KnownRow {
                domain: claim.domain,
                no: ReportNo(*no),
                sliced: claim.slice.is_some(),
                acceptance,
                counted: false,
                authenticated: arrived.authenticated,
                here: Some(self.all.len()),
            });
            let decision = Decision::new(*claim, ReportNo(*no), fate, arrived);
            self.all.push(Decision {
                arrivals,
                acceptance,
                // Said of one of several slices.
                replaced: std::mem::take(&mut replaced),
                ..decision
            });
            *no += 1;
        }
        let known = Known {
            rows,
            content: arrived.content,
            identity: arrived.identity,
            counted: false,
            authenticated: arrived.authenticated,
            records_kept: true,
            cut: arrived.cut,
            arrivals,
            records: 0,
            messages: 0,
            replaced: false,
        };
        register.add(arrived.account, arrived.piece, known);
        self.settle(register, arrived.account, arrived.identity);
    }

    /// Removes a text that another replaces under the number `by`. Returns its messages if it counted.
    fn replace(&mut self, register: &mut Register, account: AccountId, nth: usize, by: ReportNo) -> u64 {
        let (counted, identity) = (register.texts[nth].counted, register.texts[nth].identity);
        let mut messages = register.texts[nth].messages;
        for row in &register.texts[nth].rows {
            self.renamed.push((row.no, by));
            match row.here {
                Some(here) => {
                    let decision = &mut self.all[here];
                    decision.fate = Fate::Duplicate;
                    decision.counted = false;
                    messages = 0;
                }
                None => {
                    if row.counted {
                        self.changes.push((row.domain, row.no, Change::Subtract));
                    }
                    self.removed.push((account, identity, *row));
                }
            }
        }
        register.replace(account, nth);
        if counted { messages } else { 0 }
    }

    /// Gives each decision the number of what took its place in the end.
    fn rename(&mut self) {
        if self.renamed.is_empty() {
            return;
        }
        let mut last: HashMap<ReportNo, ReportNo> = HashMap::with_capacity(self.renamed.len());
        // The last first: what takes a place may lose it later.
        for (from, to) in self.renamed.drain(..).rev() {
            let to = last.get(&to).copied().unwrap_or(to);
            last.insert(from, to);
        }
        for decision in &mut self.all {
            if let Some(no) = last.get(&decision.no) {
                decision.no = *no;
            }
        }
    }

    /// Domain, message and number of the reports whose mail may be kept: new ones, and restored ones without an original.
    pub fn new_originals(&self) -> impl Iterator<Item = (DomainId, usize, ReportNo)> {
        let restored = self.restored.iter().filter(|one| one.without_original);
        let restored = restored.map(|one| &self.all[one.nth]);
        let all = self.new_reports().chain(restored);
        all.map(|decision| (decision.claim.domain, decision.claim.message, decision.no))
    }

    /// The new reports, counted or not.
    pub fn new_reports(&self) -> impl Iterator<Item = &Decision> {
        self.all.iter().filter(|decision| is_new(decision.fate))
    }
}

impl Decision {
    fn new(claim: Claim, no: ReportNo, fate: Fate, arrived: &Arrived<'_>) -> Self {
        Self {
            claim,
            no,
            fate,
            counted: false,
            arrivals: 0,
            authenticated: arrived.authenticated,
            acceptance: claim.acceptance,
            cut: arrived.cut,
            carrier: claim.message,
            replaced: 0,
        }
    }
}
