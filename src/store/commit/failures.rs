//! Failure reports of a batch: whether each is new. They count nowhere, so none contradicts another.

use hashbrown::HashMap;

use super::super::db::{Args, BulkRow, Conn};
use super::super::failures::{NewFailure, content_json};
use super::super::memory::Memory;
use super::super::sql::sql;
use super::super::{Fate, NewMessage, StoreError, StoredFailure, belonging, bulk};
use super::KeepLimits;
use super::place::{Batch, FailureClaim};
use super::quota::Quotas;
use crate::base::{Authenticated, DomainId, ReportNo};
use crate::report::aggregate::ContentKey;

/// What is decided about the failure reports of a batch.
#[derive(Default)]
pub(super) struct FailureDecisions {
    new: Vec<NewRow>,
    /// Stored reports that came again.
    again: Vec<Known>,
    /// By message.
    pub stored: Vec<(usize, StoredFailure)>,
    /// Messages whose report was not kept.
    pub over_quota: Vec<usize>,
    quotas: Option<Quotas>,
}

struct NewRow {
    no: ReportNo,
    claim: FailureClaim,
    arrivals: i64,
    authenticated: Authenticated,
}

/// A stored report.
#[derive(Debug, Clone, Copy)]
struct Known {
    domain: DomainId,
    no: ReportNo,
    arrivals: i64,
    authenticated: Authenticated,
}

fn report_of<'b>(messages: &'b [NewMessage], claim: &FailureClaim) -> Option<&'b NewFailure> {
    messages[claim.message].failure.as_ref()
}

/// Decides about every failure report of the batch, in order.
pub(super) async fn decide(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: Batch<'_>,
    limits: KeepLimits,
) -> Result<FailureDecisions, StoreError> {
    let mut decisions = FailureDecisions::default();
    if batch.failures.is_empty() {
        return Ok(decisions);
    }
    let mut known = known(conn, batch).await?;
    let mut places: HashMap<(DomainId, ContentKey), usize> = HashMap::new();
    let first = memory.reports.take(conn, "report", batch.failures.len()).await?;
    for (claim, no) in batch.failures.iter().zip(first..) {
        let message = &batch.messages[claim.message];
        let Some(new) = &message.failure else { continue };
        let key = (claim.domain, new.content);
        let count = i64::from(!message.comes_again());
        let (fate, no) = if let Some(known) = known.get_mut(&key) {
            known.arrivals += count;
            known.authenticated = better(known.authenticated, new.authenticated);
            (Fate::Duplicate, known.no)
        } else if let Some(&at) = places.get(&key) {
            let row = &mut decisions.new[at];
            row.arrivals += count;
            row.authenticated = better(row.authenticated, new.authenticated);
            (Fate::Duplicate, row.no)
        } else {
            let quotas = decisions.quotas.get_or_insert_with(|| Quotas::new(limits));
            if !quotas.admit_failure(conn, message).await? {
                decisions.over_quota.push(claim.message);
                continue;
            }
            places.insert(key, decisions.new.len());
            let no = ReportNo(no);
            decisions.new.push(NewRow {
                no,
                claim: *claim,
                arrivals: 1,
                authenticated: new.authenticated,
            });
            (Fate::Stored, no)
        };
        let stored = StoredFailure {
            no,
            domain: claim.domain,
            fate,
            about: new.report.domain.to_string(),
        };
        decisions.stored.push((claim.message, stored));
    }
    decisions.again = known.into_values().collect();
    decisions.again.sort_by_key(|known| (known.domain, known.no));
    Ok(decisions)
}

/// The stored reports with the contents of those of the batch.
async fn known(conn: &mut Conn<'_>, batch: Batch<'_>) -> Result<HashMap<(DomainId, ContentKey), Known>, StoreError> {
    let contents = batch.failures.iter().filter_map(|claim| {
        let new = report_of(batch.messages, claim)?;
        Some((claim.domain, new.content))
    });
    let mut contents: Vec<_> = contents.collect();
    contents.sort_unstable_by_key(|(domain, content)| (*domain, content.0));
    contents.dedup();
    let rows = conn.bulk_all(
        &bulk::FAILURE_REPORT_BY_CONTENT,
        &contents,
        |args, (domain, content)| {
            args.push_int(domain.0);
            args.push_blob(&content.0);
        },
    );
    let mut known = HashMap::new();
    for row in rows.await? {
        let (domain, no) = (DomainId(row.int("domain_id")?), ReportNo(row.int("report_no")?));
        let content = ContentKey::from_slice(row.blob("content_key")?)
            .ok_or_else(|| StoreError::damaged("failure_reports", no, "content key is not 16 bytes"))?;
        let authenticated = row.checked("authenticated", "is not a verdict", Authenticated::from_code)?;
        let one = Known {
            domain,
            no,
            arrivals: 0,
            authenticated,
        };
        known.insert((domain, content), one);
    }
    Ok(known)
}

fn better(before: Authenticated, now: Authenticated) -> Authenticated {
    if now == Authenticated::Pass { now } else { before }
}

impl FailureDecisions {
    /// Writes what was decided.
    pub async fn write(self, conn: &mut Conn<'_>, batch: Batch<'_>) -> Result<(), StoreError> {
        let rows = self.new.iter().filter_map(|row| {
            let new = report_of(batch.messages, &row.claim)?;
            Some((row, new))
        });
        let rows: Vec<_> = rows.collect();
        conn.bulk(&bulk::FAILURE_REPORT_ADD, &rows, |args, (row, new)| {
            bind(args, batch, row, new);
        })
        .await?;
        for known in &self.again {
            let args = Args::default().int(known.domain.0).int(known.no.0).int(known.arrivals);
            conn.run(sql!("failure_arrived"), args.int(known.authenticated.code()))
                .await?;
        }
        match self.quotas {
            Some(quotas) => quotas.write(conn).await,
            None => Ok(()),
        }
    }
}

fn bind(args: &mut BulkRow<'_>, batch: Batch<'_>, row: &NewRow, new: &NewFailure) {
    let (report, claim) = (&new.report, &row.claim);
    let received_at = batch.messages[claim.message].received_at;
    let own = batch.placed.names.get(&claim.domain);
    // A report that names no domain is about the one whose address it came to.
    let about = match (&*report.domain, own) {
        ("", Some(own)) => own,
        (about, _) => about,
    };
    let policy_key = belonging::policy_key(about, own.map_or("", |name| name));
    let source = report.source.map(|source| source.to_string());
    args.push_int(claim.domain.0);
    args.push_int(row.no.0);
    args.push_blob(&new.content.0);
    args.push_opt_blob(policy_key.as_deref());
    args.push_int(report.happened_at.unwrap_or_else(|| received_at.div_euclid(1_000)));
    args.push_int(received_at);
    args.push_int(row.authenticated.code());
    args.push_int(row.arrivals);
    args.push_int(new.warnings.total().cast_signed());
    args.push_int(report.incidents.cast_signed());
    args.push_opt_text(source.as_deref());
    args.push_text(about);
    args.push_opt_text(report.header_from.as_deref());
    args.push_opt_text(report.reporter.as_deref());
    args.push_opt_text(report.failure.as_deref());
    args.push_opt_text(report.delivery.as_deref());
    args.push_opt_text(new.result_of("spf"));
    args.push_opt_text(new.result_of("dkim"));
    args.push_text(&content_json(new));
    args.push_opt_text(new.texts_json().as_deref());
}
