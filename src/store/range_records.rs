//! The records of a range of days, with their messages on those days: read once, from the newest report on.
//!
//! The same evidence stands behind very many records, so a reader makes something small of each piece once. A window that is
//! partly outside of the range has the messages that the roll-ups give to the days within ([`Spread::apportion`]): the sums
//! of passed and failed messages are those of [`Store::stats`].

use std::net::IpAddr;

use hashbrown::HashMap;

use crate::base::{Day, DayRange, DomainId, ReportNo};
use crate::report::aggregate::{Evidence, Verdict};
use crate::tally::{SPREAD_DAYS_MAX, Spread};

use super::db::{Args, Conn};
use super::records::PackedRecord;
use super::sql::sql;
use super::{ReportSummary, Store, StoreError, records, reports};

/// Reports looked up, and records read, at a time.
const REPORTS_AT_ONCE: i64 = 256;
const RECORDS_AT_ONCE: usize = 8 * records::ROW_RECORDS;
/// Pieces of evidence that are in memory at a time: one may be large.
const EVIDENCE_AT_ONCE: usize = 64;
/// Pieces of evidence of which it is known what was made of them. Beyond these they are read again.
const MADE_MAX: usize = 400_000;

/// Messages of equal records of one report, as far as they fall on days of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeRecord {
    pub source: Option<IpAddr>,
    pub verdict: Verdict,
    /// Number of records.
    pub records: u64,
    /// Zero only in a record that counts no message.
    pub messages: u64,
}

/// What reads the records of a range.
pub trait RangeReader: Send {
    /// What is made of a piece of evidence, in a few bytes.
    type Made: Copy + Send;

    /// Makes it, for reports about a policy domain.
    fn make(&mut self, evidence: &Evidence, policy_domain: &str) -> Self::Made;

    /// A report whose records follow.
    fn report(&mut self, report: &ReportSummary);

    /// A record of the last report, with what was made of its evidence.
    fn record(&mut self, record: RangeRecord, made: Self::Made);

    /// Messages of a report whose records retention has dropped.
    fn without_records(&mut self, report: &ReportSummary, messages: u64);
}

impl Store {
    /// Reads the records of the counted reports with days in the range. Memory is bounded: by the evidence of the range, up
    /// to a limit, and for a window that is partly outside by the report. A connection is held for 256 reports, so that
    /// other readers have their turn.
    pub async fn read_range<R: RangeReader>(
        &self,
        domain: DomainId,
        range: DayRange,
        reader: &mut R,
    ) -> Result<(), StoreError> {
        let mut walk = Walk {
            domain,
            range,
            reader,
            policy_domains: HashMap::new(),
            made: HashMap::new(),
        };
        // A window that begins before the range can reach into it.
        let from = range.first.plus(1 - SPREAD_DAYS_MAX as i32).begin();
        let (mut begin, mut no) = (i64::MAX, i64::MAX);
        loop {
            let args = Args::default().int(domain.0).int(from).int(range.last.end());
            let args = args.int(begin).int(no).int(REPORTS_AT_ONCE).int(range.first.begin());
            let mut conn = self.read().await?;
            let rows = Conn(&mut conn).all(sql!("report_before"), args).await?;
            for row in &rows {
                let report = reports::summary(row)?;
                (begin, no) = (report.window.begin, report.no.0);
                walk.report(&mut Conn(&mut conn), &report).await?;
            }
            if rows.len() < REPORTS_AT_ONCE as usize {
                return Ok(());
            }
        }
    }
}

/// Equal records: verdict, source, number of the evidence.
type Part = (Verdict, (Option<IpAddr>, i64), u64);

struct Walk<'r, R: RangeReader> {
    domain: DomainId,
    range: DayRange,
    reader: &'r mut R,
    /// Numbers of the policy domains of reports. Nearly always there is one.
    policy_domains: HashMap<Box<str>, u32>,
    /// By the policy domain and the number of the evidence.
    made: HashMap<(u32, i64), R::Made>,
}

impl<R: RangeReader> Walk<'_, R> {
    async fn report(&mut self, conn: &mut Conn<'_>, report: &ReportSummary) -> Result<(), StoreError> {
        let days = Spread::for_window(report.window).days();
        let is_in = |day: Day| self.range.contains(day);
        if days.last < self.range.first || days.first > self.range.last {
            return Ok(());
        }
        if !report.records_kept {
            let messages = self.messages_of_dropped(report);
            if messages > 0 {
                self.reader.without_records(report, messages);
            }
            return Ok(());
        }
        self.reader.report(report);
        match is_in(days.first) && is_in(days.last) {
            true => self.whole(conn, report).await,
            false => self.partly(conn, report).await,
        }
    }

    /// How many records there were is all that is known of their number of parts.
    fn messages_of_dropped(&self, report: &ReportSummary) -> u64 {
        let records = usize::try_from(report.records).unwrap_or(usize::MAX);
        let spread = Spread::bounded(report.window, records);
        let mut messages = 0_u64;
        for count in [report.totals.pass, report.totals.fail] {
            spread.split(count, |day, part| {
                if self.range.contains(day) {
                    messages = messages.saturating_add(part);
                }
            });
        }
        messages
    }

    /// A report with all of its days in the range.
    async fn whole(&mut self, conn: &mut Conn<'_>, report: &ReportSummary) -> Result<(), StoreError> {
        let mut from = 0;
        loop {
            let page = records::page(conn, self.domain, report.no, from, RECORDS_AT_ONCE).await?;
            let made = self.make(conn, report, &page).await?;
            for (record, made) in page.iter().zip(made) {
                let one = RangeRecord {
                    source: record.source,
                    verdict: record.verdict,
                    records: 1,
                    messages: record.count,
                };
                self.reader.record(one, made);
            }
            from += page.len() as u64;
            if page.len() < RECORDS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// A report with some of its days in the range: all of it has to be known before it can be spread.
    async fn partly(&mut self, conn: &mut Conn<'_>, report: &ReportSummary) -> Result<(), StoreError> {
        let (mut parts, mut made) = (HashMap::new(), HashMap::new());
        let mut from = 0;
        loop {
            let page = records::page(conn, self.domain, report.no, from, RECORDS_AT_ONCE).await?;
            for (record, one) in page.iter().zip(self.make(conn, report, &page).await?) {
                made.insert(record.evidence, one);
                let part = parts.entry((record.verdict, (record.source, record.evidence)));
                let (count, messages): &mut (u64, u64) = part.or_default();
                *count += 1;
                *messages = messages.saturating_add(record.count);
            }
            from += page.len() as u64;
            if page.len() < RECORDS_AT_ONCE {
                break;
            }
        }
        for (verdict, key, messages) in self.in_range(report, &parts) {
            let (records, _) = parts[&(verdict, key)];
            let one = RangeRecord {
                source: key.0,
                verdict,
                records,
                messages,
            };
            self.reader.record(one, made[&key.1]);
        }
        Ok(())
    }

    /// The messages of each part on the days of the range, in a fixed order.
    fn in_range(
        &self,
        report: &ReportSummary,
        parts: &HashMap<(Verdict, (Option<IpAddr>, i64)), (u64, u64)>,
    ) -> Vec<Part> {
        let spread = Spread::bounded(report.window, parts.len());
        let all = parts.iter().filter(|(_, (_, messages))| *messages > 0);
        let all: Vec<Part> = all
            .map(|((verdict, key), (_, messages))| (*verdict, *key, *messages))
            .collect();
        let mut found: Vec<Part> = Vec::new();
        spread.apportion(all, |(verdict, key, _), day, messages| {
            if self.range.contains(day) {
                found.push((*verdict, *key, messages));
            }
        });
        found.sort_unstable_by_key(|(verdict, key, _)| (verdict.to_bits(), *key));
        found.dedup_by(|next, kept| {
            let is_same = (next.0, next.1) == (kept.0, kept.1);
            if is_same {
                kept.2 = kept.2.saturating_add(next.2);
            }
            is_same
        });
        found
    }

    /// What the reader makes of the evidence of these records, record by record.
    async fn make(
        &mut self,
        conn: &mut Conn<'_>,
        report: &ReportSummary,
        page: &[PackedRecord],
    ) -> Result<Vec<R::Made>, StoreError> {
        let policy_domain = &report.policy.domain;
        let next = self.policy_domains.len() as u32;
        let about = *self.policy_domains.entry(policy_domain.clone()).or_insert(next);
        if self.made.len() + page.len() > MADE_MAX {
            self.made.clear();
        }
        let is_new = |record: &&PackedRecord| !self.made.contains_key(&(about, record.evidence));
        let mut new: Vec<PackedRecord> = page.iter().filter(is_new).copied().collect();
        new.sort_unstable_by_key(|record| record.evidence);
        new.dedup_by_key(|record| record.evidence);
        for few in new.chunks(EVIDENCE_AT_ONCE) {
            let mut known = HashMap::new();
            records::look_up(conn, self.domain, few, &mut known).await?;
            for (number, evidence) in &known {
                self.made
                    .insert((about, *number), self.reader.make(evidence, policy_domain));
            }
        }
        let made = |record: &PackedRecord| {
            let made = self.made.get(&(about, record.evidence)).copied();
            made.ok_or_else(|| missing(report.no, record))
        };
        page.iter().map(made).collect()
    }
}

fn missing(no: ReportNo, record: &PackedRecord) -> StoreError {
    let row = format!("{} of report {no}", record.evidence);
    StoreError::damaged("evidence", row, "is missing")
}
