//! Failure reports move within an account as other reports do (`store/moving.rs`). The caller holds the rows of both domains.
//!
//! Header fields that were kept are dropped on the way: the owner wanted them for the other domain.

use hashbrown::HashMap;

use crate::base::{Authenticated, DomainId, ReportNo};
use crate::report::aggregate::ContentKey;
use crate::store::bulk::{self, FAILURE_REPORT};
use crate::store::carried::Place;
use crate::store::db::{Args, BulkRow, Conn, Row, Value};
use crate::store::sql::sql;
use crate::store::{StoreError, belonging};

/// Reports that are carried at a time.
const REPORTS_AT_ONCE: usize = 64;

/// Moves to a domain the reports about it and about names below, from the domain above.
pub(in super::super) async fn gather(conn: &mut Conn<'_>, from: &Place, to: &Place) -> Result<(), StoreError> {
    let range = belonging::at_or_below(&to.name);
    let args = Args::default().int(from.id.0).blob(&range.start).blob(&range.end);
    let rows = conn.all(sql!("failure_of_policy"), args).await?;
    for nos in numbers(&rows)?.chunks(REPORTS_AT_ONCE) {
        carry(conn, from.id, to, nos).await?;
    }
    Ok(())
}

/// Moves everything that a domain has to the one above it, before it is removed.
pub(in super::super) async fn hand_over(conn: &mut Conn<'_>, from: &Place, to: &Place) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let args = Args::default().int(from.id.0).int(after).int(REPORTS_AT_ONCE as i64);
        let rows = conn.all(sql!("failure_numbers"), args).await?;
        let nos = numbers(&rows)?;
        let Some(last) = nos.last() else { return Ok(()) };
        after = last.0;
        carry(conn, from.id, to, &nos).await?;
    }
}

fn numbers(rows: &[Row]) -> Result<Vec<ReportNo>, StoreError> {
    rows.iter().map(|row| row.int("report_no").map(ReportNo)).collect()
}

/// A report with every column.
struct Carried {
    no: ReportNo,
    content: ContentKey,
    arrivals: i64,
    authenticated: i64,
    values: Vec<Value>,
}

impl Carried {
    fn from_row(row: &Row, to: &Place) -> Result<Self, StoreError> {
        let no = ReportNo(row.int("report_no")?);
        let content = ContentKey::from_slice(row.blob("content_key")?);
        let kinds: Vec<_> = FAILURE_REPORT.iter().map(|column| column.kind).collect();
        let mut values = row.values(&kinds)?;
        let policy_key = belonging::policy_key(&row.text("reported_domain")?, &to.name);
        for (value, column) in values.iter_mut().zip(FAILURE_REPORT) {
            match column.name {
                "domain_id" => *value = Value::Int(Some(to.id.0)),
                "policy_key" => *value = Value::Blob(policy_key.clone()),
                "texts" => *value = Value::Text(None),
                _ => {}
            }
        }
        Ok(Self {
            no,
            content: content
                .ok_or_else(|| StoreError::damaged("failure_reports", no, "content key is not 16 bytes"))?,
            arrivals: row.int("arrivals")?,
            authenticated: row.int("authenticated")?,
            values,
        })
    }
}

fn key(args: &mut BulkRow<'_>, domain: DomainId, no: ReportNo) {
    args.push_int(domain.0);
    args.push_int(no.0);
}

async fn carry(conn: &mut Conn<'_>, from: DomainId, to: &Place, nos: &[ReportNo]) -> Result<(), StoreError> {
    let rows = conn.bulk_all(&bulk::FAILURE_REPORT_WHOLE, nos, |args, no| key(args, from, *no));
    let taken = rows.await?;
    let mut taken = taken
        .iter()
        .map(|row| Carried::from_row(row, to))
        .collect::<Result<Vec<_>, _>>()?;
    let there = conn.bulk_all(&bulk::FAILURE_REPORT_BY_CONTENT, &taken, |args, one| {
        args.push_int(to.id.0);
        args.push_blob(&one.content.0);
    });
    let mut known = HashMap::new();
    for row in there.await? {
        let at = (row.int("report_no")?, row.int("authenticated")?);
        known.insert(row.blob("content_key")?.to_vec(), at);
    }
    conn.bulk(&bulk::FAILURE_REPORT_REMOVE, &taken, |args, one| {
        key(args, from, one.no)
    })
    .await?;
    // Of two with the same contents the one that is there stays.
    for one in &taken {
        if let Some(&(no, authenticated)) = known.get(&one.content.0[..]) {
            let args = Args::default().int(to.id.0).int(no).int(one.arrivals);
            let passed = Authenticated::Pass.code();
            let better = if one.authenticated == passed {
                passed
            } else {
                authenticated
            };
            conn.run(sql!("failure_arrived"), args.int(better)).await?;
        }
    }
    taken.retain(|one| !known.contains_key(&one.content.0[..]));
    conn.bulk(&bulk::FAILURE_REPORT_ADD, &taken, |args, one| {
        one.values.iter().for_each(|value| args.push(value));
    })
    .await
}
