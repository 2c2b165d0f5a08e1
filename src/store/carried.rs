//! Reports taken out of a domain's tables, with all that hangs on them, to be put under another domain.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::base::{AccountId, Authenticated, DomainId, ReportNo};
use crate::report::aggregate::{ContentKey, Evidence, IdentityKey, Window};
use crate::tally::{DayFigures, Figures, Totals};

use super::bulk::REPORT;
use super::db::{Args, BulkRow, Conn, Value};
use super::packing::{self, PackedReport};
use super::records::{self, Known, PackedRecord};
use super::sql::sql;
use super::{Acceptance, StoreError, belonging, bulk, reports};

/// A domain row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub id: DomainId,
    pub name: Box<str>,
}

/// A report with its records.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    values: Vec<Value>,
    /// With the positions of their evidence.
    pub records: Vec<PackedRecord>,
    pub evidence: Vec<Arc<Evidence>>,
    pub content: ContentKey,
    pub identity: IdentityKey,
    pub policy_domain: String,
}

impl Carried {
    fn at(&self, column: &str) -> Option<&Value> {
        let nth = REPORT.iter().position(|of_table| of_table.name == column)?;
        self.values.get(nth)
    }

    pub fn int(&self, column: &str) -> i64 {
        match self.at(column) {
            Some(Value::Int(Some(value))) => *value,
            _ => 0,
        }
    }

    fn opt_int(&self, column: &str) -> Option<i64> {
        match self.at(column) {
            Some(Value::Int(value)) => *value,
            _ => None,
        }
    }

    pub fn set(&mut self, column: &str, value: Value) {
        if let Some(nth) = REPORT.iter().position(|of_table| of_table.name == column) {
            self.values[nth] = value;
        }
    }

    pub fn set_int(&mut self, column: &str, value: i64) {
        self.set(column, Value::Int(Some(value)));
    }

    pub fn no(&self) -> ReportNo {
        ReportNo(self.int("report_no"))
    }

    pub fn counted(&self) -> bool {
        self.int("counted") != 0
    }

    pub fn sliced(&self) -> bool {
        self.int("sliced") != 0
    }

    pub fn cut(&self) -> bool {
        self.int("partial") != 0
    }

    pub fn records_kept(&self) -> bool {
        self.int("records_kept") != 0
    }

    pub fn acceptance(&self) -> Acceptance {
        Acceptance::from_code(self.int("acceptance")).unwrap_or(Acceptance::Open)
    }

    /// What the owner decided about it, as stored.
    pub fn history(&self) -> Option<&str> {
        match self.at("history") {
            Some(Value::Text(history)) => history.as_deref(),
            _ => None,
        }
    }

    pub fn authenticated(&self) -> Authenticated {
        Authenticated::from_code(self.int("authenticated")).unwrap_or(Authenticated::Unknown)
    }

    pub fn original_no(&self) -> Option<ReportNo> {
        self.opt_int("original_no").map(ReportNo)
    }

    pub fn org_name(&self) -> Option<&str> {
        match self.at("org_name") {
            Some(Value::Text(name)) => name.as_deref(),
            _ => None,
        }
    }

    pub fn window(&self) -> Window {
        Window {
            begin: self.int("begin_at"),
            end: self.int("end_at"),
        }
    }

    async fn take_records(&mut self, conn: &mut Conn<'_>, domain: DomainId) -> Result<(), StoreError> {
        let mut page = records::page(conn, domain, self.no(), 0, usize::MAX).await?;
        let mut known = Known::new();
        page.evidence.look_up(conn, &page.records, &mut known).await?;
        let mut places = HashMap::with_capacity(known.len());
        for record in &mut page.records {
            let evidence = &mut self.evidence;
            let place = match places.get(&record.evidence) {
                Some(place) => *place,
                None => {
                    let place = evidence.len() as u32;
                    evidence.push(Arc::clone(page.evidence.known(record, &known)?));
                    *places.entry(record.evidence).or_insert(place)
                }
            };
            record.evidence = place;
        }
        self.records = page.records;
        Ok(())
    }

    /// What its records add up to.
    pub fn figures(&self) -> (Totals, Vec<DayFigures>) {
        let mut figures = Figures::new(self.window(), &self.policy_domain);
        for record in &self.records {
            let number = record.evidence as usize;
            figures.add(
                record.source,
                record.verdict,
                record.count,
                (number, &self.evidence[number]),
            );
        }
        let summed = figures.finish(|number| self.evidence.get(number).map(|one| &**one));
        (summed.totals, summed.days)
    }

    /// Gives it the records of another, too.
    pub fn join(&mut self, other: Self) {
        let before = self.evidence.len() as u32;
        let moved = other.records.into_iter().map(|record| PackedRecord {
            evidence: record.evidence.saturating_add(before),
            ..record
        });
        self.evidence.extend(other.evidence);
        let records = std::mem::take(&mut self.records).into_iter().chain(moved);
        self.refill(records.collect());
    }

    /// Gives it other records.
    pub fn refill(&mut self, records: Vec<PackedRecord>) {
        self.records = records;
        let (totals, _) = self.figures();
        for (column, count) in [
            ("pass", totals.pass),
            ("fail", totals.fail),
            ("dkim_aligned", totals.dkim_aligned),
            ("spf_aligned", totals.spf_aligned),
            ("none", totals.none),
            ("quarantine", totals.quarantine),
            ("reject", totals.reject),
            ("records", self.records.len() as u64),
        ] {
            self.set_int(column, count.cast_signed());
        }
    }
}

/// Reads reports with their records and their evidence.
pub(super) async fn take(conn: &mut Conn<'_>, domain: DomainId, nos: &[ReportNo]) -> Result<Vec<Carried>, StoreError> {
    let bind = |args: &mut BulkRow<'_>, no: &ReportNo| {
        args.push_int(domain.0);
        args.push_int(no.0);
    };
    let mut taken = Vec::with_capacity(nos.len());
    let kinds: Vec<_> = REPORT.iter().map(|column| column.kind).collect();
    for row in conn.bulk_all(&bulk::REPORT_WHOLE, nos, bind).await? {
        let no = row.int("report_no")?;
        let damaged = |what| StoreError::damaged("reports", no, what);
        let content =
            ContentKey::from_slice(row.blob("content_key")?).ok_or_else(|| damaged("content key is not 16 bytes"))?;
        let identity = IdentityKey::from_slice(row.blob("identity_key")?)
            .ok_or_else(|| damaged("identity key is not 16 bytes"))?;
        let policy_domain =
            reports::policy_domain(&row.text("policy")?).ok_or_else(|| damaged("policy is not readable"))?;
        taken.push(Carried {
            values: row.values(&kinds)?,
            records: Vec::new(),
            evidence: Vec::new(),
            content,
            identity,
            policy_domain,
        });
    }
    for carried in &mut taken {
        carried.take_records(conn, domain).await?;
    }
    Ok(taken)
}

/// Removes reports with their records.
pub(super) async fn erase(
    conn: &mut Conn<'_>,
    account: AccountId,
    domain: DomainId,
    reports: &[&Carried],
) -> Result<(), StoreError> {
    let bind = |args: &mut BulkRow<'_>, carried: &&Carried| {
        args.push_int(domain.0);
        args.push_int(carried.no().0);
    };
    if reports.is_empty() {
        return Ok(());
    }
    let nos: Vec<_> = reports.iter().map(|carried| carried.no()).collect();
    packing::remove(conn, domain, &nos).await?;
    conn.bulk(&bulk::REPORT_REMOVE, reports, bind).await?;
    for carried in reports.iter().filter(|carried| carried.sliced()) {
        let args = Args::default().int(account.0).blob(&carried.identity.0);
        conn.run(sql!("slice_remove"), args.int(domain.0).int(carried.no().0))
            .await?;
    }
    Ok(())
}

/// Reports that are packed before they are written: bounds the memory.
const PACKED_BYTES_MAX: usize = 1 << 20;

/// Puts reports under a domain.
pub(super) async fn put(
    conn: &mut Conn<'_>,
    account: AccountId,
    to: &Place,
    reports: &mut [Carried],
) -> Result<(), StoreError> {
    for carried in reports.iter_mut() {
        carried.set_int("domain_id", to.id.0);
        let key = belonging::policy_key(&carried.policy_domain, &to.name);
        carried.set("policy_key", Value::Blob(key));
    }
    conn.bulk(&bulk::REPORT_ADD, reports, |args, carried| {
        carried.values.iter().for_each(|value| args.push(value));
    })
    .await?;
    let is_slice =
        |carried: &&Carried| carried.sliced() && !belonging::is_at_or_below(&carried.policy_domain, &to.name);
    let slices: Vec<_> = reports.iter().filter(is_slice).collect();
    conn.bulk(&bulk::SLICE_ADD, &slices, |args, carried| {
        args.push_int(account.0);
        args.push_blob(&carried.identity.0);
        args.push_blob(&carried.content.0);
        args.push_int(to.id.0);
        args.push_int(carried.no().0);
        args.push_blob(&belonging::turned(&carried.policy_domain));
    })
    .await?;
    let (mut packed, mut bytes) = (Vec::new(), 0);
    for carried in reports.iter() {
        let one = PackedReport::new(carried.records.iter().copied(), &carried.evidence);
        bytes += one.bytes_held();
        packed.push((to.id, carried.no(), one));
        if bytes >= PACKED_BYTES_MAX {
            packing::write(conn, &packed).await?;
            packed.clear();
            bytes = 0;
        }
    }
    packing::write(conn, &packed).await
}
