//! Which reporters contradict their own evidence: how often, how, since when, and what the figures are without them.

use std::cmp::Reverse;

use hashbrown::HashMap;

use super::contradiction::{Claim, ContradictionKind, Judged};
use crate::base::numbers::{counted, grouped};
use crate::base::{Authenticated, Day, DayRange, ReportNo};
use crate::report::aggregate::{Evidence, PolicyPublished};
use crate::store::{Domain, RangeReader, RangeRecord, ReportSummary, Store, StoreError};

/// Reporters that are told apart, and listed.
const NAMES_MAX: usize = 2_000;
const LISTED_MAX: usize = 50;
/// Examples of a reporter.
const EXAMPLES_MAX: usize = 5;
/// A reporter contradicts itself if more than one message in this many does.
const CONTRADICTS_PART: u64 = 100;

/// Messages, and those that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    pub messages: u64,
    /// By the reporters' words.
    pub pass: u64,
    /// By their evidence.
    pub pass_by_evidence: u64,
}

/// Messages, and those of records that contradict their evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    pub messages: u64,
    pub contradicting: u64,
}

/// A record that contradicts its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub report: ReportNo,
    /// The day on which the window of its report begins.
    pub day: Day,
    pub source: Option<std::net::IpAddr>,
    pub kinds: Vec<ContradictionKind>,
    pub messages: u64,
}

/// A reporter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReporterPlausibility {
    /// `None` for reports without one, and for the reporters that are not told apart.
    pub reporter: Option<Box<str>>,
    /// One sentence.
    pub says: String,
    pub records: u64,
    pub contradicting_records: u64,
    pub part: Part,
    /// The same of reports that begin in the first half of the range, and of the others.
    pub halves: [Part; 2],
    /// Each kind that it has, with its messages, most first.
    pub kinds: Vec<(ContradictionKind, u64)>,
    /// The newest, at most 5.
    pub examples: Vec<Example>,
    figures: Figures,
}

impl ReporterPlausibility {
    /// Whether more than one message in a hundred contradicts its evidence.
    pub const fn contradicts_itself(&self) -> bool {
        self.part.contradicting.saturating_mul(CONTRADICTS_PART) > self.part.messages
    }
}

/// What reports are worth by their own evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plausibility {
    pub range: DayRange,
    /// One sentence.
    pub says: String,
    /// Those with the most contradicting messages first; at most 50.
    pub reporters: Vec<ReporterPlausibility>,
    pub total: usize,
    /// All messages; those of reporters that do not contradict themselves; those of reports whose mail passed DMARC.
    pub all: Figures,
    pub plausible: Figures,
    pub authenticated: Figures,
    /// Reports, and their messages in the range, whose records retention has dropped. They are in no other sum.
    pub without_records: (u64, u64),
}

/// Judges every record of the range, as `verify --simulator` does.
pub async fn plausibility(store: &Store, domain: &Domain, range: DayRange) -> Result<Plausibility, StoreError> {
    let mut judging = Judging {
        middle: range
            .last
            .plus(-i32::try_from((range.len() / 2).saturating_sub(1)).unwrap_or(i32::MAX)),
        reporters: vec![ReporterPlausibility::default()],
        numbers: HashMap::new(),
        current: None,
        all: Figures::default(),
        authenticated: Figures::default(),
        without_records: (0, 0),
    };
    store.read_range(domain.id, range, &mut judging).await?;
    let mut reporters = judging.reporters;
    reporters.retain(|one| one.records > 0);
    for one in &mut reporters {
        one.kinds
            .sort_unstable_by_key(|(kind, messages)| (Reverse(*messages), *kind));
        one.says = says(one);
    }
    let mut plausible = Figures::default();
    for one in reporters.iter().filter(|one| !one.contradicts_itself()) {
        plausible.add_all(&one.figures);
    }
    reporters.sort_by(|a, b| {
        let key = |one: &ReporterPlausibility| (Reverse(one.part.contradicting), Reverse(one.part.messages));
        key(a).cmp(&key(b)).then_with(|| a.reporter.cmp(&b.reporter))
    });
    let total = reporters.len();
    let found = reporters.iter().filter(|one| one.contradicts_itself()).count();
    reporters.truncate(LISTED_MAX);
    Ok(Plausibility {
        range,
        says: sentence(found, total),
        reporters,
        total,
        all: judging.all,
        plausible,
        authenticated: judging.authenticated,
        without_records: judging.without_records,
    })
}

fn sentence(found: usize, total: usize) -> String {
    let all = counted(total as u64, "reporter", "reporters");
    match (found, total) {
        (_, 0) => "No record of these days is known.".to_owned(),
        (0, 1) => "The only reporter agrees with its own evidence, apart from 1 message in 100 at most.".to_owned(),
        (0, _) => format!("All {all} agree with their own evidence, apart from 1 message in 100 at most."),
        (1, _) => format!("1 of {all} contradicts its own evidence in more than 1 message of 100."),
        _ => format!("{found} of {all} contradict their own evidence in more than 1 message of 100."),
    }
}

/// What a kind means, in words that follow "mostly".
const fn in_words(kind: ContradictionKind) -> &'static str {
    match kind {
        ContradictionKind::DkimPass => "DKIM is said to be aligned, and no signature that passed is",
        ContradictionKind::DkimFail => "DKIM is said not to be aligned, and a signature that passed is",
        ContradictionKind::SpfPass => "SPF is said to be aligned, and no result that passed is",
        ContradictionKind::SpfFail => "SPF is said not to be aligned, and a result that passed is",
        ContradictionKind::Stricter => "more was done than the policy asks, without a reason",
        ContradictionKind::Milder => "less was done than the policy asks, without a reason",
    }
}

fn says(one: &ReporterPlausibility) -> String {
    let messages = counted(one.part.messages, "message", "messages");
    let Some((kind, _)) = one.kinds.first() else {
        return format!("{messages}, and all agree with their evidence.");
    };
    let mostly = if one.kinds.len() > 1 { "mostly " } else { "" };
    let trend = match one.halves.map(|half| (half.messages > 0).then(|| half.share())) {
        [Some(earlier), Some(later)] if later > 2.0 * earlier && later - earlier > 0.01 => " It is more than before.",
        [Some(earlier), Some(later)] if earlier > 2.0 * later && earlier - later > 0.01 => " It was more before.",
        _ => "",
    };
    let contradicting = grouped(one.part.contradicting);
    format!(
        "{contradicting} of {messages} contradict their evidence: {mostly}{}.{trend}",
        in_words(*kind)
    )
}

impl Part {
    fn share(&self) -> f64 {
        self.contradicting as f64 / self.messages as f64
    }

    fn add(&mut self, messages: u64, judged: Judged) {
        self.messages = self.messages.saturating_add(messages);
        if matches!(judged, Judged::Contradicts(_)) {
            self.contradicting = self.contradicting.saturating_add(messages);
        }
    }
}

impl Figures {
    fn add(&mut self, messages: u64, (passes, by_evidence): (bool, bool)) {
        let part = |is_in: bool| if is_in { messages } else { 0 };
        self.add_all(&Self {
            messages,
            pass: part(passes),
            pass_by_evidence: part(by_evidence),
        });
    }

    fn add_all(&mut self, other: &Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.pass = self.pass.saturating_add(other.pass);
        self.pass_by_evidence = self.pass_by_evidence.saturating_add(other.pass_by_evidence);
    }
}

/// The report whose records come.
struct Current {
    no: ReportNo,
    day: Day,
    policy: PolicyPublished,
    is_authenticated: bool,
    /// 0 or 1: which half of the range it is in.
    half: usize,
    reporter: usize,
}

struct Judging {
    /// The first day of the second half of the range.
    middle: Day,
    /// The first is for those without a name.
    reporters: Vec<ReporterPlausibility>,
    numbers: HashMap<Box<str>, usize>,
    /// `None` before the first one.
    current: Option<Current>,
    all: Figures,
    authenticated: Figures,
    without_records: (u64, u64),
}

impl Judging {
    fn number(&mut self, name: &str) -> usize {
        if let Some(known) = self.numbers.get(name) {
            return *known;
        }
        if name.is_empty() || self.reporters.len() > NAMES_MAX {
            return 0;
        }
        let number = self.reporters.len();
        self.reporters.push(ReporterPlausibility {
            reporter: Some(name.into()),
            ..ReporterPlausibility::default()
        });
        self.numbers.insert(name.into(), number);
        number
    }
}

impl RangeReader for Judging {
    type Made = Claim;

    fn make(&mut self, evidence: &Evidence, policy_domain: &str) -> Claim {
        Claim::new(evidence, policy_domain)
    }

    fn report(&mut self, report: &ReportSummary) {
        let day = Day::from_unix(report.window.begin);
        let reporter = self.number(report.org_name.as_deref().unwrap_or_default());
        self.current = Some(Current {
            no: report.no,
            day,
            policy: report.policy.clone(),
            is_authenticated: report.authenticated == Authenticated::Pass,
            half: usize::from(day >= self.middle),
            reporter,
        });
    }

    fn record(&mut self, record: RangeRecord, claim: Claim) {
        let Some(current) = &self.current else { return };
        let policy = &current.policy;
        let judged = claim.judge(policy, record.verdict);
        let passes = (record.verdict.passes(), claim.passes(policy));
        self.all.add(record.messages, passes);
        if current.is_authenticated {
            self.authenticated.add(record.messages, passes);
        }
        let of = &mut self.reporters[current.reporter];
        of.records = of.records.saturating_add(record.records);
        of.figures.add(record.messages, passes);
        of.part.add(record.messages, judged);
        of.halves[current.half].add(record.messages, judged);
        let kinds: Vec<_> = judged.kinds().collect();
        if kinds.is_empty() {
            return;
        }
        of.contradicting_records = of.contradicting_records.saturating_add(record.records);
        for kind in &kinds {
            match of.kinds.iter_mut().find(|(known, _)| known == kind) {
                Some((_, messages)) => *messages = messages.saturating_add(record.messages),
                None => of.kinds.push((*kind, record.messages)),
            }
        }
        // The newest reports are read first.
        if of.examples.len() < EXAMPLES_MAX {
            of.examples.push(Example {
                report: current.no,
                day: current.day,
                source: record.source,
                kinds,
                messages: record.messages,
            });
        }
    }

    fn without_records(&mut self, _: &ReportSummary, messages: u64) {
        let (reports, sum) = &mut self.without_records;
        *reports += 1;
        *sum = sum.saturating_add(messages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_has_its_case() {
        for (found, total, expect) in [
            (0, 0, "No record of these days is known."),
            (
                0,
                1,
                "The only reporter agrees with its own evidence, apart from 1 message in 100 at most.",
            ),
            (
                0,
                3,
                "All 3 reporters agree with their own evidence, apart from 1 message in 100 at most.",
            ),
            (
                1,
                3,
                "1 of 3 reporters contradicts its own evidence in more than 1 message of 100.",
            ),
            (
                2,
                3,
                "2 of 3 reporters contradict their own evidence in more than 1 message of 100.",
            ),
        ] {
            assert_eq!(sentence(found, total), expect);
        }
        let part = |messages, contradicting| Part {
            messages,
            contradicting,
        };
        let of = |kinds: &[ContradictionKind], halves: [Part; 2]| ReporterPlausibility {
            part: part(
                halves[0].messages + halves[1].messages,
                halves[0].contradicting + halves[1].contradicting,
            ),
            kinds: kinds.iter().map(|kind| (*kind, 1)).collect(),
            halves,
            ..ReporterPlausibility::default()
        };
        let even = [part(500, 10), part(500, 10)];
        assert_eq!(
            says(&of(&[], [part(1_000, 0), part(0, 0)])),
            "1,000 messages, and all agree with their evidence."
        );
        for kind in ContradictionKind::ALL {
            let expect = format!("20 of 1,000 messages contradict their evidence: {}.", in_words(*kind));
            assert_eq!(says(&of(&[*kind], even)), expect);
        }
        for (halves, trend) in [
            ([part(500, 0), part(500, 20)], " It is more than before."),
            ([part(500, 20), part(500, 0)], " It was more before."),
            ([part(0, 0), part(1_000, 20)], ""),
            ([part(10_000, 1), part(10_000, 19)], ""),
        ] {
            let found = says(&of(&[ContradictionKind::DkimPass, ContradictionKind::Milder], halves));
            let expect = format!("mostly DKIM is said to be aligned, and no signature that passed is.{trend}");
            assert!(found.ends_with(&expect), "{found}");
        }
    }

    #[test]
    fn one_message_in_a_hundred_is_no_habit() {
        for (messages, contradicting, expect) in [(100, 1, false), (100, 2, true), (0, 0, false), (1, 1, true)] {
            let one = ReporterPlausibility {
                part: Part {
                    messages,
                    contradicting,
                },
                ..ReporterPlausibility::default()
            };
            assert_eq!(one.contradicts_itself(), expect, "{contradicting} of {messages}");
        }
    }
}
