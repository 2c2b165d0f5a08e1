//! What a batch brings to the database: messages whose reports are worked out to the last figure, so that the writer
//! only writes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;

use hashbrown::HashMap;

use crate::report::{
    ContentKey, Day, Evidence, EvidenceKey, IdentityKey, Parsed, Report, Reporter, Spread, WarningKind, Warnings,
    Window, organizational_domain,
};

use super::facets::{self, Signed};
use super::rollup::SourceTotals;
use super::{Authenticated, Belonging, Millis, Problem, Provenance, SetAsideId, Totals};

/// One message, unpacked and parsed.
#[derive(Debug)]
pub struct NewMessage {
    pub belonging: Belonging,
    /// The first 16 bytes of the SHA-256 of `bytes`.
    pub digest: [u8; 16],
    pub bytes: Vec<u8>,
    pub received_at: Millis,
    pub origin: String,
    /// How it came, if it came with an envelope.
    pub provenance: Option<Provenance>,
    /// With their place in the message.
    pub reports: Vec<(String, NewReport)>,
    pub problems: Vec<Problem>,
    /// What the mail is if it holds neither; `None` where such mail is not kept.
    pub other: Option<&'static str>,
    /// It was set aside before and comes again: no arrivals are counted.
    pub replay: Option<SetAsideId>,
}

impl NewMessage {
    /// Which of `writers` is to commit it. All about one organization's domains go to one, so that writers, which hold the
    /// rows of their domains, seldom wait for one another.
    pub fn writer(&self, writers: usize) -> usize {
        let Some((_, new)) = self.reports.first() else { return 0 };
        let mut hasher = DefaultHasher::new();
        organizational_domain(&new.report.policy.domain).hash(&mut hasher);
        (hasher.finish() % writers.max(1) as u64) as usize
    }
}

/// One report with everything worked out that does not need the database.
#[derive(Debug)]
pub struct NewReport {
    pub(super) report: Report,
    pub(super) warnings: Warnings,
    pub(super) authenticated: Authenticated,
    pub(super) identity: IdentityKey,
    pub(super) content: ContentKey,
    /// By [`crate::report::Record::evidence`].
    pub(super) evidence: Vec<EvidenceKey>,
    pub(super) totals: Totals,
    pub(super) days: Vec<DayFigures>,
}

/// What a report adds to one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DayFigures {
    pub day: Day,
    pub totals: Totals,
    /// By ascending address, without repetition.
    pub sources: Vec<SourceTotals>,
    /// By ascending domain and selector, without repetition.
    pub signed: Vec<Signed>,
}

impl NewReport {
    /// Works out keys, sums and stored forms. Linear in the records, times the days of the window.
    pub fn of(parsed: Parsed, authenticated: Authenticated) -> Self {
        let Parsed { report, mut warnings } = parsed;
        let reporter = Reporter::of(&report.metadata);
        let identity = IdentityKey::of(&reporter, &report);
        let content = ContentKey::of(&reporter, &report);
        let evidence = report.evidence.iter().map(EvidenceKey::of).collect();
        let mut figures = Figures::new(report.metadata.window, report.records.len());
        if figures.spread.is_too_long() {
            warnings.add(WarningKind::WindowTooLong, "date_range", None);
        }
        for record in &report.records {
            figures.add(
                record.source,
                report.verdict(record),
                record.count,
                record.evidence as usize,
            );
        }
        let (totals, days) = figures.finish(|nth| report.evidence.get(nth));
        Self {
            report,
            warnings,
            authenticated,
            identity,
            content,
            evidence,
            totals,
            days,
        }
    }

    /// About how many bytes it takes in memory; texts are not counted.
    pub fn bytes_held(&self) -> usize {
        let report = &self.report;
        let lists = |one: &Evidence| {
            size_of::<Evidence>()
                + size_of_val(&*one.dkim)
                + size_of_val(&*one.spf)
                + size_of_val(&*one.reasons)
                + size_of_val(&*one.raw)
        };
        let sources = self
            .days
            .iter()
            .map(|day| size_of_val(&*day.sources) + size_of_val(&*day.signed));
        size_of_val(&*report.records) + report.evidence.iter().map(lists).sum::<usize>() + sources.sum::<usize>()
    }

    /// Messages in all.
    pub fn messages(&self) -> u64 {
        self.totals.messages()
    }
}

/// Adds up one report's records: in all, by day, and by day and source. The only place that does; recounting uses it too.
pub(super) struct Figures {
    pub spread: Spread,
    totals: Totals,
    /// By position in the spread's range of days.
    days: Vec<DaySums>,
}

#[derive(Default)]
struct DaySums {
    totals: Totals,
    sources: HashMap<Option<IpAddr>, Totals>,
    /// Messages by the number of their evidence.
    evidence: HashMap<usize, u64>,
}

impl Figures {
    /// For a report over `window` with so many records.
    pub fn new(window: Window, records: usize) -> Self {
        let spread = Spread::bounded(window, records);
        let mut days = Vec::new();
        days.resize_with(usize::try_from(spread.days().len()).unwrap_or(1), Default::default);
        Self {
            spread,
            totals: Totals::default(),
            days,
        }
    }

    /// Adds one record, whose evidence the caller knows by a number.
    pub fn add(&mut self, source: Option<IpAddr>, verdict: crate::report::Verdict, count: u64, evidence: usize) {
        self.totals.add_verdict(verdict, count);
        let first = self.spread.days().first.0;
        let days = &mut self.days;
        self.spread.split(count, |day, count| {
            // The spread gives days of its own range.
            let Some(sums) = days.get_mut((day.0 - first) as usize) else {
                return;
            };
            sums.totals.add_verdict(verdict, count);
            sums.sources.entry(source).or_default().add_verdict(verdict, count);
            *sums.evidence.entry(evidence).or_default() += count;
        });
    }

    /// The sums: in all, and the days that have messages, ascending.
    pub fn finish<'e>(self, evidence: impl Fn(usize) -> Option<&'e Evidence>) -> (Totals, Vec<DayFigures>) {
        let first = self.spread.days().first;
        let days = self
            .days
            .into_iter()
            .zip(0..)
            .filter(|(sums, _)| sums.totals.messages() > 0);
        let days = days.map(|(sums, nth)| {
            let mut sources: Vec<_> = sums.sources.into_iter().collect();
            sources.sort_unstable_by_key(|(address, _)| *address);
            let counts = sums.evidence.into_iter();
            DayFigures {
                day: first.plus(nth),
                totals: sums.totals,
                sources,
                signed: facets::signed(counts.filter_map(|(nth, count)| Some((evidence(nth)?, count)))),
            }
        });
        (self.totals, days.collect())
    }
}
