//! Reports taken out of a domain's tables, with all that hangs on them, to be put under another domain.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::base::{AccountId, Authenticated, DomainId, ReportNo};
use crate::report::aggregate::{ContentKey, Evidence, EvidenceKey, IdentityKey, Window};
use crate::tally::{DayFigures, Figures, Totals};

use super::bulk::REPORT;
use super::db::{Args, BulkRow, Conn, Value};
use super::memory::Memory;
use super::records::{self, NewRow, PackedRecord};
use super::sql::sql;
use super::sweep::{self, Interned};
use super::{Acceptance, StoreError, belonging, bulk, evidence, reports};

/// Evidence by its numbers, which are of one domain each and of none other.
pub(super) type Looked = HashMap<i64, Arc<Evidence>>;

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
    /// With the numbers of evidence of the domain that it was taken from.
    pub records: Vec<PackedRecord>,
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

    /// What its records add up to.
    pub fn figures(&self, evidence: &Looked) -> (Totals, Vec<DayFigures>) {
        let mut figures = Figures::new(self.window(), &self.policy_domain);
        let none = Arc::default();
        for record in &self.records {
            let number = usize::try_from(record.evidence).unwrap_or(usize::MAX);
            let of = evidence.get(&record.evidence).unwrap_or(&none);
            figures.add(record.source, record.verdict, record.count, (number, of));
        }
        let summed = figures.finish(|number| evidence.get(&(number as i64)).map(|one| &**one));
        (summed.totals, summed.days)
    }

    /// Gives it other records.
    pub fn refill(&mut self, records: Vec<PackedRecord>, evidence: &Looked) {
        self.records = records;
        let (totals, _) = self.figures(evidence);
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

/// Reads reports, and the evidence of their records.
pub(super) async fn take(
    conn: &mut Conn<'_>,
    domain: DomainId,
    nos: &[ReportNo],
    evidence: &mut Looked,
) -> Result<Vec<Carried>, StoreError> {
    let bind = |args: &mut BulkRow<'_>, no: &ReportNo| {
        args.push_int(domain.0);
        args.push_int(no.0);
    };
    let mut taken = Vec::with_capacity(nos.len());
    let mut places = HashMap::new();
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
        places.insert(no, taken.len());
        taken.push(Carried {
            values: row.values(&kinds)?,
            records: Vec::new(),
            content,
            identity,
            policy_domain,
        });
    }
    let mut rows = Vec::new();
    for row in conn.bulk_all(&bulk::RECORDS_WHOLE, nos, bind).await? {
        rows.push((
            row.int("report_no")?,
            row.int("first_record")?,
            row.blob("content")?.to_vec(),
        ));
    }
    rows.sort_unstable_by_key(|(no, first, _)| (*no, *first));
    for (no, _, bytes) in rows {
        let Some(&place) = places.get(&no) else { continue };
        let records = &mut taken[place].records;
        if !records::decode(&bytes, |record| records.push(record)) {
            return Err(StoreError::damaged("records", no, "cannot be read"));
        }
    }
    for carried in &taken {
        records::look_up(conn, domain, &carried.records, evidence).await?;
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
    sweep::is_due(conn, domain).await?;
    conn.bulk(&bulk::RECORD_REMOVE, reports, bind).await?;
    conn.bulk(&bulk::REPORT_REMOVE, reports, bind).await?;
    for carried in reports.iter().filter(|carried| carried.sliced()) {
        let args = Args::default().int(account.0).blob(&carried.identity.0);
        conn.run(sql!("slice_remove"), args.int(domain.0).int(carried.no().0))
            .await?;
    }
    Ok(())
}

/// Records that are packed before they are written: bounds the memory.
const PACKED_BYTES_MAX: usize = 1 << 20;

/// Puts reports under a domain.
pub(super) async fn put(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    to: &Place,
    reports: &mut [Carried],
    evidence: &Looked,
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
    let numbers = intern(conn, memory, to, reports, evidence).await?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for carried in reports.iter() {
        for (piece, nth) in carried.records.chunks(records::ROW_RECORDS).zip(0..) {
            let renumbered = piece.iter().map(|record| PackedRecord {
                evidence: numbers.get(&record.evidence).copied().unwrap_or_default(),
                ..*record
            });
            let content = records::encode(renumbered);
            bytes += content.len();
            rows.push(NewRow {
                domain: to.id,
                no: carried.no().0,
                first: nth * records::ROW_RECORDS as i64,
                content,
            });
            if bytes >= PACKED_BYTES_MAX {
                records::write(conn, &rows).await?;
                rows.clear();
                bytes = 0;
            }
        }
    }
    records::write(conn, &rows).await
}

/// The numbers that pieces of evidence have under a domain, by those that they had; what is not known there is added.
async fn intern(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    to: &Place,
    reports: &[Carried],
    evidence: &Looked,
) -> Result<HashMap<i64, i64>, StoreError> {
    let mut keys: HashMap<i64, EvidenceKey> = HashMap::new();
    let mut known: HashMap<EvidenceKey, i64> = HashMap::new();
    let mut unknown: HashMap<EvidenceKey, &Evidence> = HashMap::new();
    for record in reports.iter().flat_map(|carried| &carried.records) {
        if keys.contains_key(&record.evidence) {
            continue;
        }
        let one = evidence.get(&record.evidence);
        let one = one.ok_or_else(|| StoreError::damaged("evidence", record.evidence, "is missing"))?;
        let key = EvidenceKey::new(one);
        keys.insert(record.evidence, key);
        match memory.evidence.get(&(to.id, key)) {
            Some(number) => _ = known.insert(key, *number),
            None => _ = unknown.insert(key, one),
        }
    }
    let wanted: Vec<_> = unknown.keys().copied().collect();
    let rows = conn.bulk_all(&bulk::EVIDENCE_BY_KEY, &wanted, |args, key| {
        args.push_int(to.id.0);
        args.push_blob(&key.0);
    });
    let found = rows
        .await?
        .iter()
        .map(Interned::from_row)
        .collect::<Result<Vec<_>, _>>()?;
    sweep::revive(conn, &found).await?;
    known.extend(found.iter().map(|one| (one.key, one.number)));
    unknown.retain(|key, _| !known.contains_key(key));
    let first = memory.evidences.take(conn, "evidence", unknown.len()).await?;
    let numbered: Vec<_> = unknown.iter().zip(first..).collect();
    conn.bulk(&bulk::EVIDENCE_ADD, &numbered, |args, ((key, one), number)| {
        args.push_int(to.id.0);
        args.push_int(*number);
        args.push_blob(&key.0);
        args.push_blob(&evidence::encode(one, &to.name));
    })
    .await?;
    known.extend(numbered.iter().map(|((key, _), number)| (**key, *number)));
    memory
        .evidence
        .extend(known.iter().map(|(key, number)| ((to.id, *key), *number)));
    let numbers = keys.iter().filter_map(|(old, key)| Some((*old, *known.get(key)?)));
    Ok(numbers.collect())
}
