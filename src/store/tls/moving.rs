//! TLS reports move within an account as aggregate reports do (`store/moving.rs`). The caller holds the rows of both domains.
//!
//! A report whose details have gone stays where it is when a domain below is added: its share of the sums is not known.

use hashbrown::HashMap;

use super::known::better;
use super::recount::report;
use super::{Known, Moves, settled, sums};
use crate::base::{DomainId, ReportNo};
use crate::report::aggregate::{ContentKey, IdentityKey};
use crate::store::bulk::{self, TLS_REPORT};
use crate::store::carried::Place;
use crate::store::db::{Args, BulkRow, Conn, Row, Value};
use crate::store::rollup::Change;
use crate::store::sql::sql;
use crate::store::{StoreError, belonging};
use crate::tally::{TlsSums, tls_sums};

/// Reports that are carried at a time.
const REPORTS_AT_ONCE: usize = 64;

/// Moves to a domain the reports about it and about names below, from the domain above.
pub(in super::super) async fn gather(conn: &mut Conn<'_>, from: &Place, to: &Place) -> Result<(), StoreError> {
    let range = belonging::at_or_below(&to.name);
    let args = Args::default().int(from.id.0).blob(&range.start).blob(&range.end);
    let rows = conn.all(sql!("tls_of_policy"), args).await?;
    let numbers = rows.iter().map(|row| row.int("report_no").map(ReportNo));
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    for nos in numbers.chunks(REPORTS_AT_ONCE) {
        carry(conn, from, to, nos, Gone::Stay).await?;
    }
    Ok(())
}

/// Moves everything that a domain has to the one above it, before it is removed.
pub(in super::super) async fn hand_over(conn: &mut Conn<'_>, from: &Place, to: &Place) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let args = Args::default().int(from.id.0).int(after).int(REPORTS_AT_ONCE as i64);
        let rows = conn.all(sql!("tls_numbers"), args).await?;
        let Some(last) = rows.last() else { break };
        after = last.int("report_no")?;
        let numbers = rows.iter().map(|row| row.int("report_no").map(ReportNo));
        carry(conn, from, to, &numbers.collect::<Result<Vec<_>, _>>()?, Gone::Move).await?;
    }
    // What is left are the sums of reports whose details have gone.
    let mut moves = Moves::default();
    for row in conn.all(sql!("daily_tls_all"), Args::default().int(from.id.0)).await? {
        let (key, sum) = sums::read(&row)?;
        moves.sum(to.id, key, sum);
    }
    moves.apply(conn).await
}

/// What becomes of reports whose details have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Stay,
    Move,
}

/// A report with every column.
struct Carried {
    known: Known,
    values: Vec<Value>,
    policy_domain: String,
    original_no: Option<ReportNo>,
    arrivals: i64,
    /// `None` if its details have gone.
    sums: Option<TlsSums>,
}

impl Carried {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let known = Known::from_row(row)?;
        let content = row.opt_text("content")?;
        let report = content.map(|content| report(row, known.no.0, &content)).transpose()?;
        let kinds: Vec<_> = TLS_REPORT.iter().map(|column| column.kind).collect();
        Ok(Self {
            known,
            values: row.values(&kinds)?,
            policy_domain: row.text("policy_domain")?,
            original_no: row.opt_int("original_no")?.map(ReportNo),
            arrivals: row.int("arrivals")?,
            sums: report.map(|report| tls_sums(&report).0),
        })
    }

    fn set(&mut self, column: &str, value: Value) {
        if let Some(nth) = TLS_REPORT.iter().position(|of_table| of_table.name == column) {
            self.values[nth] = value;
        }
    }
}

/// Reads reports.
async fn take(conn: &mut Conn<'_>, domain: DomainId, nos: &[ReportNo]) -> Result<Vec<Carried>, StoreError> {
    let rows = conn.bulk_all(&bulk::TLS_REPORT_WHOLE, nos, |args, no| key(args, domain, *no));
    rows.await?.iter().map(Carried::from_row).collect()
}

fn key(args: &mut BulkRow<'_>, domain: DomainId, no: ReportNo) {
    args.push_int(domain.0);
    args.push_int(no.0);
}

async fn carry(conn: &mut Conn<'_>, from: &Place, to: &Place, nos: &[ReportNo], gone: Gone) -> Result<(), StoreError> {
    let mut taken = take(conn, from.id, nos).await?;
    taken.retain(|one| one.sums.is_some() || gone == Gone::Move);
    let contents: Vec<_> = taken.iter().map(|one| one.known.content).collect();
    let there = conn.bulk_all(&bulk::TLS_REPORT_BY_CONTENT, &contents, |args, content| {
        args.push_int(to.id.0);
        args.push_blob(&content.0);
    });
    let mut there: HashMap<ContentKey, Known> = rows_of(&there.await?)?;
    let mut moves = Moves::default();
    for one in &taken {
        if let Some(sums) = one.sums.as_ref().filter(|_| one.known.counted) {
            moves.report(from.id, sums, Change::Subtract);
        }
    }
    copy_originals(conn, from.id, to.id, &taken).await?;
    conn.bulk(&bulk::TLS_REPORT_REMOVE, &taken, |args, one| {
        key(args, from.id, one.known.no)
    })
    .await?;
    let mut originals: Vec<_> = taken.iter().filter_map(|one| one.original_no).collect();
    originals.sort_unstable();
    originals.dedup();
    conn.bulk(&bulk::ORIGINAL_REMOVE_UNSHARED, &originals, |args, no| {
        key(args, from.id, *no)
    })
    .await?;
    let mut identities: Vec<_> = taken.iter().map(|one| one.known.identity).collect();
    let mut fresh = Vec::new();
    for mut one in taken {
        // Of two with the same contents the one that is there stays.
        if let Some(known) = there.remove(&one.known.content) {
            let args = Args::default().int(to.id.0).int(known.no.0).int(one.arrivals);
            let authenticated = better(known.authenticated, one.known.authenticated);
            let acceptance = known.acceptance.joined(one.known.acceptance);
            let args = args.int(authenticated.code()).opt_text(None).int(acceptance.code());
            conn.run(sql!("tls_arrived"), args).await?;
            continue;
        }
        if let Some(sums) = one.sums.as_ref().filter(|_| one.known.counted) {
            moves.report(to.id, sums, Change::Add);
        }
        one.set("domain_id", Value::Int(Some(to.id.0)));
        let policy_key = belonging::policy_key(&one.policy_domain, &to.name);
        one.set("policy_key", Value::Blob(policy_key));
        fresh.push(one);
    }
    conn.bulk(&bulk::TLS_REPORT_ADD, &fresh, |args, one| {
        one.values.iter().for_each(|value| args.push(value));
    })
    .await?;
    identities.sort_unstable();
    identities.dedup();
    settle(conn, to.id, &identities, &mut moves).await?;
    moves.apply(conn).await
}

fn rows_of(rows: &[Row]) -> Result<HashMap<ContentKey, Known>, StoreError> {
    let known = |row: &Row| Known::from_row(row).map(|known| (known.content, known));
    rows.iter().map(known).collect()
}

/// Lets the right report of each identity count.
async fn settle(
    conn: &mut Conn<'_>,
    domain: DomainId,
    identities: &[IdentityKey],
    moves: &mut Moves,
) -> Result<(), StoreError> {
    let rows = conn.bulk_all(&bulk::TLS_REPORT_BY_IDENTITY, identities, |args, identity| {
        args.push_int(domain.0);
        args.push_blob(&identity.0);
    });
    let mut known = rows.await?.iter().map(Known::from_row).collect::<Result<Vec<_>, _>>()?;
    known.sort_by_key(|one| (one.identity, one.no));
    for group in known.chunk_by(|a, b| a.identity == b.identity) {
        for nth in settled(group) {
            set_counted(conn, &group[nth], moves).await?;
        }
    }
    Ok(())
}

/// Turns round whether a stored report counts, with its sums.
pub(in super::super) async fn set_counted(
    conn: &mut Conn<'_>,
    known: &Known,
    moves: &mut Moves,
) -> Result<(), StoreError> {
    let counts = !known.counted;
    let args = Args::default().int(known.domain.0).int(known.no.0);
    conn.run(sql!("tls_set_counted"), args.int(counts.into())).await?;
    let change = if counts { Change::Add } else { Change::Subtract };
    for one in take(conn, known.domain, &[known.no]).await? {
        if let Some(sums) = &one.sums {
            moves.report(known.domain, sums, change);
        }
    }
    Ok(())
}

async fn copy_originals(
    conn: &mut Conn<'_>,
    from: DomainId,
    to: DomainId,
    reports: &[Carried],
) -> Result<(), StoreError> {
    for no in reports.iter().filter_map(|one| one.original_no) {
        let args = Args::default().int(from.0).int(no.0);
        let Some(row) = conn.first(sql!("original_by_no"), args).await? else {
            continue;
        };
        let (received_at, digest) = (row.int("received_at")?, row.blob("digest")?);
        let (unpacked_len, bytes) = (row.opt_int("unpacked_len")?, row.blob("bytes")?);
        let keys = row.opt_text("mail_keys")?;
        conn.bulk(&bulk::ORIGINAL_PUT, &[()], |args, ()| {
            key(args, to, no);
            args.push_int(received_at);
            args.push_blob(digest);
            args.push_opt_int(unpacked_len);
            args.push_opt_text(keys.as_deref());
            args.push_blob(bytes);
        })
        .await?;
    }
    Ok(())
}
