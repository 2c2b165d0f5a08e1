//! The records of a range of days, with their messages on those days: read once, from the newest report on.
//!
//! The same evidence stands behind very many records, so a reader makes something small of each piece once, if it comes
//! again within [`MADE_BYTES_MAX`]. A window that is
//! partly outside of the range has the messages that the roll-ups give to the days within ([`Spread::apportion`]): the sums
//! of passed and failed messages are those of [`Store::stats`].

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::base::{Day, DayRange, DomainId};
use crate::report::aggregate::{Evidence, Verdict};
use crate::tally::{SPREAD_DAYS_MAX, Spread};

use super::db::{Args, Conn};
use super::records::{Known, PackedRecord, RecordsPage};
use super::sql::sql;
use super::{ReportSummary, Store, StoreError, evidence, listed, records, reports};

/// Reports looked up, and records read, at a time.
const REPORTS_AT_ONCE: i64 = 256;
const RECORDS_AT_ONCE: usize = 8 * records::ROW_RECORDS;
/// Bytes of the evidence of which it is known what was made of it, about. Beyond these all is forgotten.
const MADE_BYTES_MAX: usize = 64 << 20;

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
            made: HashMap::new(),
            made_bytes: 0,
            of_report: HashMap::new(),
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
type Part = (Verdict, (Option<IpAddr>, u32), u64);

struct Walk<'r, R: RangeReader> {
    domain: DomainId,
    range: DayRange,
    reader: &'r mut R,
    /// By the policy domain, of which there is nearly always one, and the evidence.
    made: HashMap<Box<str>, HashMap<Arc<Evidence>, R::Made>>,
    made_bytes: usize,
    /// By the number of the evidence in the report at hand.
    of_report: HashMap<u32, R::Made>,
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
        self.of_report.clear();
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
            for (record, made) in page.records.iter().zip(made) {
                let one = RangeRecord {
                    source: record.source,
                    verdict: record.verdict,
                    records: 1,
                    messages: record.count,
                };
                self.reader.record(one, made);
            }
            from += page.records.len() as u64;
            if page.records.len() < RECORDS_AT_ONCE {
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
            for (record, one) in page.records.iter().zip(self.make(conn, report, &page).await?) {
                made.insert(record.evidence, one);
                let part = parts.entry((record.verdict, (record.source, record.evidence)));
                let (count, messages): &mut (u64, u64) = part.or_default();
                *count += 1;
                *messages = messages.saturating_add(record.count);
            }
            from += page.records.len() as u64;
            if page.records.len() < RECORDS_AT_ONCE {
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
        parts: &HashMap<(Verdict, (Option<IpAddr>, u32)), (u64, u64)>,
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
        page: &RecordsPage,
    ) -> Result<Vec<R::Made>, StoreError> {
        let is_new = |record: &&PackedRecord| !self.of_report.contains_key(&record.evidence);
        let mut new: Vec<PackedRecord> = page.records.iter().filter(is_new).copied().collect();
        new.sort_unstable_by_key(|record| record.evidence);
        new.dedup_by_key(|record| record.evidence);
        // A block at a time: it may be large.
        let block_of = |record: &PackedRecord| evidence::place(record.evidence).0;
        for of_block in new.chunk_by(|a, b| block_of(a) == block_of(b)) {
            let mut known = Known::new();
            page.evidence.look_up(conn, of_block, &mut known).await?;
            for (number, evidence) in known {
                let made = self.made_of(evidence, &report.policy.domain);
                self.of_report.insert(number, made);
            }
        }
        let made = |record: &PackedRecord| page.evidence.known(record, &self.of_report).copied();
        page.records.iter().map(made).collect()
    }

    fn made_of(&mut self, evidence: Arc<Evidence>, policy_domain: &str) -> R::Made {
        let known = self.made.get(policy_domain).and_then(|made| made.get(&evidence));
        if let Some(made) = known {
            return *made;
        }
        self.made_bytes += listed::size(&evidence);
        if self.made_bytes > MADE_BYTES_MAX {
            self.made.clear();
            self.made_bytes = 0;
        }
        let made = self.reader.make(&evidence, policy_domain);
        let of_domain = self.made.entry(policy_domain.into()).or_default();
        of_domain.insert(evidence, made);
        made
    }
}
