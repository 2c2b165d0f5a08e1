//! TLS reports of a batch: whether each is new, and what it moves.
//!
//! The rules are those of aggregate reports, without slices and pieces: same contents are a duplicate, same identity and other
//! contents a conflict, of which one counts.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::super::db::{Args, BulkRow, Conn};
use super::super::memory::Memory;
use super::super::rollup::Change;
use super::super::sql::sql;
use super::super::tls::{Known, Moves, NewTlsReport, better, content_json, set_counted, settled};
use super::super::{Fate, Provenance, StoreError, StoredTlsReport, belonging, bulk};
use super::KeepLimits;
use super::insert::records_since;
use super::keep::Originals;
use super::place::{Batch, TlsClaim};
use super::quota::Quotas;
use crate::base::{AccountId, Authenticated, DomainId, ReportNo};
use crate::report::aggregate::{ContentKey, IdentityKey};
use crate::tally::TlsCounts;

/// What is decided about the TLS reports of a batch.
#[derive(Default)]
pub(super) struct TlsDecisions {
    /// Every report of an identity that the batch is about, those of the batch behind the stored ones.
    group: Vec<Known>,
    /// Reports of the batch: position in `group`, claim, arrivals, and the message that vouches for it.
    new: Vec<NewRow>,
    /// Stored reports that came again.
    arrived: Vec<Arrived>,
    /// Stored reports that must count no more, or now.
    changes: Vec<Known>,
    pub stored: Vec<(TlsClaim, StoredTlsReport)>,
    /// Message and report of versions too many.
    pub refused: Vec<(usize, usize)>,
    /// Messages whose held or posted reports were not kept.
    pub over_quota: Vec<usize>,
    quotas: Option<Quotas>,
}

struct NewRow {
    at: usize,
    claim: TlsClaim,
    arrivals: i64,
    carrier: usize,
}

struct Arrived {
    at: usize,
    count: i64,
    carrier: Option<usize>,
    /// The claim whose details are stored again.
    restored: Option<TlsClaim>,
}

fn report_of<'b>(batch: Batch<'b>, claim: &TlsClaim) -> &'b NewTlsReport {
    &batch.messages[claim.message].tls_reports[claim.report].1
}

/// Decides about every TLS report of the batch, in order.
pub(super) async fn decide(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: Batch<'_>,
    limits: KeepLimits,
) -> Result<TlsDecisions, StoreError> {
    let mut decisions = TlsDecisions::default();
    if batch.tls.is_empty() {
        return Ok(decisions);
    }
    let accounts = decisions.read(conn, batch).await?;
    let mut no = memory.reports.take(conn, "report", batch.tls.len()).await?;
    for claim in batch.tls {
        let new = report_of(batch, claim);
        let (leaf, _) = &batch.messages[claim.message].tls_reports[claim.report];
        let of_account = |known: &Known| accounts.get(&known.domain) == Some(&claim.account);
        let mut group = decisions.group.iter();
        let same = group.position(|known| of_account(known) && known.content == new.content);
        let versions = decisions.group.iter().filter(|known| {
            let is_vouched = (known.authenticated == Authenticated::Pass) == (new.authenticated == Authenticated::Pass);
            of_account(known) && known.identity == new.identity && is_vouched
        });
        let (fate, at) = match same {
            Some(at) => {
                decisions.again(batch, claim, at);
                (Fate::Duplicate, at)
            }
            None if versions.count() >= limits.versions_max => {
                decisions.refused.push((claim.message, claim.report));
                continue;
            }
            None if !decisions.admits(conn, batch, claim, limits).await? => continue,
            None => {
                let conflicts = decisions.group.iter();
                let mut conflicts = conflicts.filter(|known| of_account(known) && known.identity == new.identity);
                let fate = conflicts.next().map_or(Fate::Stored, |_| Fate::Conflict);
                decisions.add(batch, claim, ReportNo(no));
                no += 1;
                (fate, decisions.group.len() - 1)
            }
        };
        decisions.settle(&|known| of_account(known), decisions.group[at].identity);
        let known = decisions.group[at];
        let stored = StoredTlsReport {
            no: known.no,
            domain: known.domain,
            fate,
            acceptance: claim.acceptance,
            policy_domain: new.report.domain.to_string(),
            leaf: leaf.clone(),
            counts: match fate {
                Fate::Duplicate => TlsCounts::default(),
                _ if known.counted => TlsCounts::new(&new.report),
                _ => TlsCounts::default(),
            },
        };
        decisions.stored.push((*claim, stored));
    }
    Ok(decisions)
}

impl TlsDecisions {
    /// Reads what is known of the identities and contents of the batch. Returns the accounts of the domains.
    async fn read(
        &mut self,
        conn: &mut Conn<'_>,
        batch: Batch<'_>,
    ) -> Result<HashMap<DomainId, AccountId>, StoreError> {
        let mut accounts = HashMap::new();
        let (mut contents, mut identities) = (BTreeSet::new(), BTreeSet::new());
        for claim in batch.tls {
            let new = report_of(batch, claim);
            let above = batch.placed.above.get(&claim.domain).into_iter().flatten().copied();
            for domain in std::iter::once(claim.domain).chain(above) {
                accounts.insert(domain, claim.account);
                contents.insert((domain, new.content));
                identities.insert((domain, new.identity));
            }
        }
        let contents: Vec<(DomainId, ContentKey)> = contents.into_iter().collect();
        let rows = conn.bulk_all(&bulk::TLS_REPORT_BY_CONTENT, &contents, |args, (domain, content)| {
            args.push_int(domain.0);
            args.push_blob(&content.0);
        });
        for row in rows.await? {
            let known = Known::from_row(&row)?;
            // The whole group of a duplicate under another id, too.
            identities.insert((known.domain, known.identity));
        }
        let identities: Vec<(DomainId, IdentityKey)> = identities.into_iter().collect();
        let rows = conn.bulk_all(
            &bulk::TLS_REPORT_BY_IDENTITY,
            &identities,
            |args, (domain, identity)| {
                args.push_int(domain.0);
                args.push_blob(&identity.0);
            },
        );
        for row in rows.await? {
            self.group.push(Known::from_row(&row)?);
        }
        self.group.sort_by_key(|known| known.no);
        Ok(accounts)
    }

    /// Whether a new report may be kept: held ones have a quota, and posted ones.
    async fn admits(
        &mut self,
        conn: &mut Conn<'_>,
        batch: Batch<'_>,
        claim: &TlsClaim,
        limits: KeepLimits,
    ) -> Result<bool, StoreError> {
        let message = &batch.messages[claim.message];
        if !claim.acceptance.is_held() && !message.is_posted() {
            return Ok(true);
        }
        let quotas = self.quotas.get_or_insert_with(|| Quotas::new(limits));
        let is_admitted = quotas.admit_reports(conn, message, 1).await?;
        if !is_admitted {
            self.over_quota.push(claim.message);
        }
        Ok(is_admitted)
    }

    /// The contents are known.
    fn again(&mut self, batch: Batch<'_>, claim: &TlsClaim, at: usize) {
        let message = &batch.messages[claim.message];
        let known = &mut self.group[at];
        let now = better(known.authenticated, report_of(batch, claim).authenticated);
        let acceptance = known.acceptance.joined(claim.acceptance);
        let is_news = (now, acceptance) != (known.authenticated, known.acceptance);
        (known.authenticated, known.acceptance) = (now, acceptance);
        let count = i64::from(!message.comes_again());
        if let Some(row) = self.new.iter_mut().find(|row| row.at == at) {
            row.arrivals += count;
            if is_news {
                row.carrier = claim.message;
            }
            return;
        }
        let restored = (!known.details_kept).then_some(*claim);
        self.arrived.push(Arrived {
            at,
            count,
            carrier: is_news.then_some(claim.message),
            restored,
        });
    }

    fn add(&mut self, batch: Batch<'_>, claim: &TlsClaim, no: ReportNo) {
        let new = report_of(batch, claim);
        self.new.push(NewRow {
            at: self.group.len(),
            claim: *claim,
            arrivals: 1,
            carrier: claim.message,
        });
        self.group.push(Known {
            domain: claim.domain,
            no,
            content: new.content,
            identity: new.identity,
            counted: false,
            acceptance: claim.acceptance,
            authenticated: new.authenticated,
            details_kept: true,
        });
    }

    /// Makes the right report of an identity the counted one.
    fn settle(&mut self, of_account: &dyn Fn(&Known) -> bool, identity: IdentityKey) {
        let members = (0..self.group.len()).filter(|&at| {
            let known = &self.group[at];
            of_account(known) && known.identity == identity
        });
        let members: Vec<usize> = members.collect();
        let group: Vec<Known> = members.iter().map(|&at| self.group[at]).collect();
        for nth in settled(&group) {
            let at = members[nth];
            if self.new.iter().all(|row| row.at != at) {
                match self.changes.iter().position(|known| known.no == self.group[at].no) {
                    // It is turned round again: as it is stored.
                    Some(known) => _ = self.changes.swap_remove(known),
                    None => self.changes.push(self.group[at]),
                }
            }
            self.group[at].counted = !self.group[at].counted;
        }
    }

    /// Domain, message and number of the new reports.
    pub fn new_reports(&self) -> impl Iterator<Item = (DomainId, usize, ReportNo)> {
        let row = |row: &NewRow| (row.claim.domain, row.claim.message, self.group[row.at].no);
        self.new.iter().map(row)
    }

    /// The new reports that count: claim and number.
    pub fn new_counted(&self) -> impl Iterator<Item = (&TlsClaim, ReportNo)> {
        let counted = self.new.iter().filter(|row| self.group[row.at].counted);
        counted.map(|row| (&row.claim, self.group[row.at].no))
    }

    /// Writes what was decided.
    pub async fn write(self, conn: &mut Conn<'_>, batch: Batch<'_>, originals: &Originals) -> Result<(), StoreError> {
        let mut moves = Moves::default();
        conn.bulk(&bulk::TLS_REPORT_ADD, &self.new, |args, row| {
            self.bind(args, batch, row, originals)
        })
        .await?;
        for row in self.new.iter().filter(|row| self.group[row.at].counted) {
            let sums = &report_of(batch, &row.claim).sums;
            moves.report(row.claim.domain, sums, Change::Add);
        }
        for again in &self.arrived {
            let known = &self.group[again.at];
            let carrier = again.carrier.and_then(|nth| batch.messages[nth].provenance.as_ref());
            let args = Args::default().int(known.domain.0).int(known.no.0).int(again.count);
            let args = args.int(known.authenticated.code());
            let args = args.opt_text(carrier.map(Provenance::to_json).as_deref());
            conn.run(sql!("tls_arrived"), args.int(known.acceptance.code())).await?;
            if let Some(claim) = &again.restored {
                let new = report_of(batch, claim);
                let since = records_since(new.report.window, batch.messages[claim.message].received_at);
                let content = content_json(&new.report, &new.warnings);
                let args = Args::default().int(known.domain.0).int(known.no.0).int(since);
                conn.run(sql!("tls_details_restored"), args.text(&content)).await?;
            }
        }
        for known in &self.changes {
            set_counted(conn, known, &mut moves).await?;
        }
        if let Some(quotas) = self.quotas {
            quotas.write(conn).await?;
        }
        moves.apply(conn).await
    }

    fn bind(&self, args: &mut BulkRow<'_>, batch: Batch<'_>, row: &NewRow, originals: &Originals) {
        let (known, claim) = (&self.group[row.at], &row.claim);
        let message = &batch.messages[claim.message];
        let NewTlsReport { report, warnings, .. } = report_of(batch, claim);
        let own = batch.placed.names.get(&claim.domain);
        let policy_key = belonging::policy_key(&report.domain, own.map_or("", |name| name));
        let provenance = batch.messages[row.carrier].provenance.as_ref();
        args.push_int(claim.domain.0);
        args.push_int(known.no.0);
        args.push_blob(&known.content.0);
        args.push_blob(&known.identity.0);
        args.push_opt_blob(policy_key.as_deref());
        args.push_int(report.window.begin);
        args.push_int(report.window.end);
        args.push_int(known.counted.into());
        args.push_int(known.acceptance.code());
        args.push_int(report.policies.len() as i64);
        args.push_int(report_of(batch, claim).failing() as i64);
        args.push_int(records_since(report.window, message.received_at));
        args.push_int(message.received_at);
        args.push_int(known.authenticated.code());
        args.push_int(row.arrivals);
        args.push_int(warnings.total().cast_signed());
        args.push_opt_int(originals.number(claim.domain, claim.message).map(|no| no.0));
        args.push_opt_text(report.org_name.as_deref());
        args.push_opt_text(report.contact.as_deref());
        args.push_text(&report.report_id);
        args.push_text(&report.domain);
        args.push_opt_text(provenance.map(Provenance::to_json).as_deref());
        args.push_opt_text(Some(&content_json(report, warnings)));
    }
}
