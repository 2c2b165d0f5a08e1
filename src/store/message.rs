//! What a batch brings to the database: messages whose reports are worked out to the last figure, so that the writer
//! only writes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::base::{Authenticated, Millis, SetAsideId, organizational_domain};
use crate::report::aggregate::{
    ContentKey, Evidence, IdentityKey, Parsed, PieceKey, Record, Report, Reporter, Verdicts, WarningKind,
};
use crate::tally::{DayFigures, Figures, Summed, Totals};

use super::packing::PackedReport;
use super::records::PackedRecord;
use super::{Acceptance, Belonging, NewFailure, NewTlsReport, Problem, Provenance, StoredBytes, reports};

/// Approximate bytes of a row of `set_aside` in the database, apart from its texts and the message.
pub(super) const SET_ASIDE_ROW_BYTES: u64 = 512;

/// One message, unpacked and parsed.
#[derive(Debug)]
pub struct NewMessage {
    pub belonging: Belonging,
    /// The first 16 bytes of the SHA-256 of the message as received.
    pub digest: [u8; 16],
    pub bytes: StoredBytes,
    pub received_at: Millis,
    pub origin: String,
    /// How it came, if it came with an envelope.
    pub provenance: Option<Provenance>,
    /// With their place in the message.
    pub reports: Vec<(String, NewReport)>,
    pub tls_reports: Vec<(String, NewTlsReport)>,
    /// What the message is, if it is a failure report: for owners who want these.
    pub failure: Option<NewFailure>,
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

    /// Whether anyone may have posted it who knows the address of the domain.
    pub(super) fn is_posted(&self) -> bool {
        self.provenance.as_ref().is_some_and(Provenance::is_posted)
    }

    /// Whether there is no report in it, and nothing that should be one.
    pub(super) fn is_other(&self) -> bool {
        !self.has_reports() && self.problems.is_empty()
    }

    /// Whether there is a report in it.
    pub fn has_reports(&self) -> bool {
        let is_failure = self.failure.as_ref().is_some_and(NewFailure::is_report);
        !self.reports.is_empty() || !self.tls_reports.is_empty() || is_failure
    }

    /// Whether its bytes are kept nowhere, because a failure report in it is stored and the rest is the mail of others.
    pub(super) fn withholds_bytes(&self) -> bool {
        self.failure.as_ref().is_some_and(NewFailure::is_kept)
    }

    /// The domains that its reports are about.
    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        let tls = self.tls_reports.iter().map(|(_, new)| &*new.report.domain);
        self.reports
            .iter()
            .map(|(_, new)| &*new.report.policy.domain)
            .chain(tls)
            .chain(self.failure.iter().map(|new| &*new.report.domain))
    }

    /// As [`Self::domains`], without names that may be those of servers, and those of failure reports.
    pub(super) fn domains_to_add(&self) -> impl Iterator<Item = &str> {
        let tls = self.tls_reports.iter().filter(|(_, new)| !new.report.is_host);
        let tls = tls.map(|(_, new)| &*new.report.domain);
        self.reports
            .iter()
            .map(|(_, new)| &*new.report.policy.domain)
            .chain(tls)
    }

    /// Whether there is room for one owner more, whose account has the message or not. Where nothing was taken before, there is.
    pub fn has_room_for_one_more(&self, account_has_it: bool) -> bool {
        let MessageRoom {
            reports_bytes,
            bytes_max,
            kept_bytes,
        } = self.room;
        let is_other = self.is_other();
        let needed = match account_has_it {
            false => reports_bytes.saturating_add(self.bytes.len() as u64 + SET_ASIDE_ROW_BYTES),
            // Each domain has its own row of mail without a report; nothing else is stored twice in an account.
            true if is_other => SET_ASIDE_ROW_BYTES,
            true => 0,
        };
        kept_bytes == 0 || kept_bytes.saturating_add(needed) <= bytes_max
    }

    /// Bytes that its originals may take apart from its reports and, if any, its parts set aside.
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
        let Some(about) = self.domains().next() else { return 0 };
        let mut hasher = DefaultHasher::new();
        organizational_domain(about).hash(&mut hasher);
        (hasher.finish() % writers.max(1) as u64) as usize
    }
}

/// One report with everything worked out that does not need the database.
#[derive(Debug)]
pub struct NewReport {
    pub(super) report: Report,
    /// Number of warnings.
    pub(super) warnings: u64,
    /// The policy, and the rest of the report that is only shown, as JSON.
    pub(super) policy: String,
    pub(super) detail: String,
    pub(super) authenticated: Authenticated,
    /// Whether it may count, as far as can be said without the domain's own limit and decisions.
    pub(super) acceptance: Acceptance,
    /// More messages are implausible, where the domain has no limit of its own.
    pub(super) messages_max: u64,
    pub(super) identity: IdentityKey,
    pub(super) content: ContentKey,
    /// Where the report has no id.
    pub(super) piece: Option<PieceKey>,
    /// As it is stored if it is not cut into slices.
    pub(super) packed: PackedReport,
    pub(super) totals: Totals,
    pub(super) days: Vec<DayFigures>,
}

impl NewReport {
    /// Works out keys, sums and stored forms. Linear in the records, times the days of the window.
    pub fn new(parsed: Parsed, authenticated: Authenticated) -> Self {
        let Parsed { report, mut warnings } = parsed;
        let reporter = Reporter::from_metadata(&report.metadata);
        let identity = IdentityKey::new(&reporter, &report);
        let content = ContentKey::new(&reporter, &report);
        let piece = PieceKey::new(&reporter, &report);
        let summed = summed(&report, report.records.iter());
        if summed.is_too_long {
            warnings.add(WarningKind::WindowTooLong, "date_range", None);
        }
        let packed = packed(&report, report.records.iter());
        Self {
            warnings: warnings.total(),
            policy: reports::policy_json(&report.policy),
            detail: reports::detail_json(&report, &warnings),
            report,
            authenticated,
            acceptance: Acceptance::Open,
            messages_max: u64::MAX,
            identity,
            content,
            piece,
            packed,
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
            .map(|day| size_of_val(&*day.sources.entries) + size_of_val(&*day.signed));
        // All days have the same ones.
        let paths = self.days.first().map_or(0, |day| day.sources.paths.bytes_held());
        paths
            + self.packed.bytes_held()
            + report.records.bytes_held()
            + report.evidence.iter().map(lists).sum::<usize>()
            + sources.sum::<usize>()
    }

    /// The sums of some of its records, by their positions.
    pub(super) fn part(&self, records: &[usize]) -> (Totals, Vec<DayFigures>) {
        let summed = summed(&self.report, records.iter().map(|&nth| &self.report.records[nth]));
        (summed.totals, summed.days)
    }

    /// Some of its records as they are stored, by their positions.
    pub(super) fn packed_part(&self, records: &[usize]) -> PackedReport {
        packed(&self.report, records.iter().map(|&nth| &self.report.records[nth]))
    }

    /// Messages in all.
    pub fn messages(&self) -> u64 {
        self.totals.messages()
    }
}

/// Records of a report as they are stored.
fn packed<'r>(report: &Report, records: impl Iterator<Item = &'r Record>) -> PackedReport {
    let mut verdicts = Verdicts::new(report);
    let packed = records.map(|record| PackedRecord {
        source: record.source,
        count: record.count,
        verdict: verdicts.verdict(record),
        evidence: record.evidence,
    });
    PackedReport::new(packed, &report.evidence)
}

/// The sums of records of a report.
fn summed<'r>(report: &Report, records: impl Iterator<Item = &'r Record>) -> Summed {
    let mut figures = Figures::new(report.metadata.window, &report.policy.domain);
    figures.reserve(report.evidence.len(), report.records.len());
    let mut verdicts = Verdicts::new(report);
    let none = Evidence::default();
    for record in records {
        let number = record.evidence as usize;
        let evidence = report.evidence.get(number).unwrap_or(&none);
        figures.add(
            record.source,
            verdicts.verdict(record),
            record.count,
            (number, evidence),
        );
    }
    figures.finish(|nth| report.evidence.get(nth))
}
