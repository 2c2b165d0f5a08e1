//! What a batch brings to the database: messages whose reports are worked out to the last figure, so that the writer
//! only writes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;

use hashbrown::{HashMap, HashSet};

use crate::base::{Day, organizational_domain};
use crate::report::{
    ContentKey, Evidence, EvidenceKey, IdentityKey, Parsed, PieceKey, Report, Reporter, Spread, Verdict, Verdicts,
    WarningKind, Warnings, Window,
};

use super::facets::{self, Signed};
use super::rollup::SourceTotals;
use super::{Acceptance, Authenticated, Belonging, Problem, Provenance, Totals};
use crate::base::{Millis, SetAsideId};

/// What a row of `set_aside` takes in the database beside its texts and the message, bytes, about.
pub(super) const SET_ASIDE_ROW_BYTES: u64 = 512;

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
    pub room: MessageRoom,
}

/// What a message may take in the database, over all owners of it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageRoom {
    /// What its reports take, once.
    pub reports_bytes: u64,
    /// What all of it may take: reports, originals and what is set aside.
    pub bytes_max: u64,
    /// What it has taken for the owners before this one.
    pub kept_bytes: u64,
}

impl Default for MessageRoom {
    /// Room without an end.
    fn default() -> Self {
        Self {
            reports_bytes: 0,
            bytes_max: u64::MAX,
            kept_bytes: 0,
        }
    }
}

impl NewMessage {
    /// Whether it is known to have come before: it counts as no arrival.
    pub(super) fn comes_again(&self) -> bool {
        self.replay.is_some()
    }

    /// Whether there is room for one owner more, whose account has the message or not. Where nothing was taken before, there is.
    pub fn has_room_for_one_more(&self, account_has_it: bool) -> bool {
        let MessageRoom {
            reports_bytes,
            bytes_max,
            kept_bytes,
        } = self.room;
        let is_other = self.reports.is_empty() && self.problems.is_empty();
        let needed = match account_has_it {
            false => reports_bytes.saturating_add(self.bytes.len() as u64 + SET_ASIDE_ROW_BYTES),
            // Each domain has its own row of mail without a report; nothing else is stored twice in an account.
            true if is_other => SET_ASIDE_ROW_BYTES,
            true => 0,
        };
        kept_bytes == 0 || kept_bytes.saturating_add(needed) <= bytes_max
    }

    /// What its originals may take beside its reports and, if that is, what is set aside of it.
    pub(super) fn room_for_originals(&self, is_set_aside: bool) -> u64 {
        let aside = match is_set_aside {
            true => self.bytes.len() as u64 + SET_ASIDE_ROW_BYTES,
            false => 0,
        };
        let taken = [self.room.kept_bytes, self.room.reports_bytes, aside];
        taken.into_iter().fold(self.room.bytes_max, u64::saturating_sub)
    }

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
    /// Whether it may count, as far as can be said without the domain's own limit and decisions.
    pub(super) acceptance: Acceptance,
    /// More messages are implausible, where the domain has no limit of its own.
    pub(super) messages_max: u64,
    pub(super) identity: IdentityKey,
    pub(super) content: ContentKey,
    /// Where the report has no id.
    pub(super) piece: Option<PieceKey>,
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
        let piece = PieceKey::of(&reporter, &report);
        let evidence = report.evidence.iter().map(EvidenceKey::of).collect();
        let mut figures = Figures::new(report.metadata.window);
        let mut verdicts = Verdicts::new(&report);
        for record in &report.records {
            figures.add(
                record.source,
                verdicts.of(record),
                record.count,
                record.evidence as usize,
            );
        }
        let summed = figures.finish(|nth| report.evidence.get(nth));
        if summed.is_too_long {
            warnings.add(WarningKind::WindowTooLong, "date_range", None);
        }
        Self {
            report,
            warnings,
            authenticated,
            acceptance: Acceptance::Open,
            messages_max: u64::MAX,
            identity,
            content,
            piece,
            evidence,
            totals: summed.totals,
            days: summed.days,
        }
    }

    /// The report with what else decides whether it may count.
    pub fn admitted(self, acceptance: Acceptance, messages_max: u64) -> Self {
        Self {
            acceptance,
            messages_max,
            ..self
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
        report.records.bytes_held() + report.evidence.iter().map(lists).sum::<usize>() + sources.sum::<usize>()
    }

    /// The sums of some of its records, by their positions.
    pub(super) fn part(&self, records: &[usize]) -> (Totals, Vec<DayFigures>) {
        let report = &self.report;
        let mut figures = Figures::new(report.metadata.window);
        let mut verdicts = Verdicts::new(report);
        for record in records.iter().map(|&nth| &report.records[nth]) {
            let verdict = verdicts.of(record);
            figures.add(record.source, verdict, record.count, record.evidence as usize);
        }
        let summed = figures.finish(|nth| report.evidence.get(nth));
        (summed.totals, summed.days)
    }

    /// Messages in all.
    pub fn messages(&self) -> u64 {
        self.totals.messages()
    }
}

/// Adds up one report's records: in all, by day, and by day and source. The only place that does; recounting uses it too.
pub(super) struct Figures {
    window: Window,
    totals: Totals,
    /// The sums of a window of one day.
    one_day: DaySums,
    /// The messages of a window of several days by all that tells them apart; they are spread when all are known.
    to_spread: HashMap<(Verdict, Option<IpAddr>, usize), u64>,
    is_one_day: bool,
}

/// The sums of one report.
pub(super) struct Summed {
    pub totals: Totals,
    /// The days that have messages, ascending.
    pub days: Vec<DayFigures>,
    /// The window is longer than can be spread over days.
    pub is_too_long: bool,
}

#[derive(Default)]
pub(super) struct DaySums {
    totals: Totals,
    sources: HashMap<Option<IpAddr>, Totals>,
    /// Messages by the number of their evidence.
    evidence: HashMap<usize, u64>,
}

impl DaySums {
    pub fn add(&mut self, source: Option<IpAddr>, verdict: Verdict, count: u64, evidence: usize) {
        self.totals.add_verdict(verdict, count);
        self.sources.entry(source).or_default().add_verdict(verdict, count);
        let known = self.evidence.entry(evidence).or_default();
        *known = known.saturating_add(count);
    }

    /// The figures of a day that has messages.
    pub fn finish<'e>(self, day: Day, evidence: impl Fn(usize) -> Option<&'e Evidence>) -> DayFigures {
        let mut sources: Vec<_> = self.sources.into_iter().collect();
        sources.sort_unstable_by_key(|(address, _)| *address);
        let counts = self.evidence.into_iter();
        DayFigures {
            day,
            totals: self.totals,
            sources,
            signed: facets::signed(counts.filter_map(|(nth, count)| Some((evidence(nth)?, count)))),
        }
    }
}

impl Figures {
    /// For a report over `window`.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            totals: Totals::default(),
            one_day: DaySums::default(),
            to_spread: HashMap::new(),
            is_one_day: Spread::of(window).days().len() == 1,
        }
    }

    /// Adds one record, whose evidence the caller knows by a number.
    pub fn add(&mut self, source: Option<IpAddr>, verdict: Verdict, count: u64, evidence: usize) {
        self.totals.add_verdict(verdict, count);
        if count == 0 {
            return;
        }
        if self.is_one_day {
            self.one_day.add(source, verdict, count, evidence);
        } else {
            let known = self.to_spread.entry((verdict, source, evidence)).or_default();
            *known = known.saturating_add(count);
        }
    }

    /// The sums: in all, and by day.
    pub fn finish<'e>(self, evidence: impl Fn(usize) -> Option<&'e Evidence>) -> Summed {
        if self.is_one_day {
            let spread = Spread::of(self.window);
            let day = (self.totals.messages() > 0).then(|| self.one_day.finish(spread.days().first, evidence));
            return Summed {
                totals: self.totals,
                days: day.into_iter().collect(),
                is_too_long: spread.is_too_long(),
            };
        }
        // Evidence has another number in the database than here, so that messages are told apart by what is added up of
        // it: who signed them.
        let numbers: HashSet<usize> = self.to_spread.keys().map(|(.., number)| *number).collect();
        let signers = |number| evidence(number).map(facets::signers).unwrap_or_default();
        let mut signers: Vec<_> = numbers.into_iter().map(|number| (signers(number), number)).collect();
        signers.sort_unstable();
        let mut ranks = HashMap::with_capacity(signers.len());
        let mut stands_for = Vec::new();
        for same in signers.chunk_by(|a, b| a.0 == b.0) {
            same.iter()
                .for_each(|(_, number)| _ = ranks.insert(*number, stands_for.len()));
            stands_for.extend(same.first().map(|(_, number)| *number));
        }
        let mut parts: HashMap<_, u64> = HashMap::with_capacity(self.to_spread.len());
        for ((verdict, source, number), count) in self.to_spread {
            let known = parts.entry((verdict, (source, ranks[&number]))).or_default();
            *known = known.saturating_add(count);
        }
        let spread = Spread::bounded(self.window, parts.len());
        let first = spread.days().first;
        let mut days = Vec::new();
        days.resize_with(usize::try_from(spread.days().len()).unwrap_or(1), DaySums::default);
        let parts = parts.into_iter().map(|((verdict, key), count)| (verdict, key, count));
        spread.apportion(parts.collect(), |(verdict, (source, rank), _), day, count| {
            // The spread gives days of its own range.
            if let Some(sums) = days.get_mut((day.0 - first.0) as usize) {
                sums.add(*source, *verdict, count, stands_for[*rank]);
            }
        });
        let days = days.into_iter().zip(0..).filter(|(sums, _)| sums.totals.messages() > 0);
        Summed {
            totals: self.totals,
            days: days
                .map(|(sums, nth)| sums.finish(first.plus(nth), &evidence))
                .collect(),
            is_too_long: spread.is_too_long(),
        }
    }
}
