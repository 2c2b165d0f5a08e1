//! Whether the policy in each report, simulated, gives what the report says.

use hashbrown::HashMap;

use super::case::{Aligned, override_reason};
use super::policy::{Asked, Place};
use super::simulator::handled;
use crate::base::{Day, DayRange, words};
use crate::report::aggregate::{Evidence, Policy, PolicyPublished};
use crate::store::{Domain, RangeReader, RangeRecord, ReportSummary, Store, StoreError};

/// Contradictions that are told apart, and listed.
const TOLD_APART_MAX: usize = 10_000;
const LISTED_MAX: usize = 100;

/// The days of every report.
const ALWAYS: DayRange = DayRange {
    first: Day(i32::MIN),
    last: Day(i32::MAX),
};

words! {
    /// How a record contradicts its own evidence.
    ContradictionKind: u8 {
        DkimPass = 0 "dkim_pass_without_evidence",
        DkimFail = 1 "dkim_fail_despite_evidence",
        SpfPass = 2 "spf_pass_without_evidence",
        SpfFail = 3 "spf_fail_despite_evidence",
        /// More was done than was asked, without a reason.
        Stricter = 4 "stricter_without_reason",
        /// Less was done than was asked, without a reason.
        Milder = 5 "milder_without_reason",
    }
}

/// Records of one reporter that contradict their evidence in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    pub domain: String,
    /// Empty for reports without one.
    pub reporter: String,
    pub kind: ContradictionKind,
    pub records: u64,
    pub messages: u64,
}

/// The outcome for all records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    pub records: u64,
    /// Records of which the simulated verdict is the reported one.
    pub agreeing: u64,
    /// Records to which the reporter did not apply the policy, and says why.
    pub overridden: u64,
    pub contradicting: u64,
    /// The first 100, those with most records first.
    pub contradictions: Vec<Contradiction>,
    /// Number of contradictions that are not listed.
    pub unlisted: u64,
}

/// Simulates the policy in each counted report of these domains, and compares every record with it.
pub async fn identity(store: &Store, domains: &[Domain]) -> Result<Identity, StoreError> {
    let mut found = Identity::default();
    let mut told = Vec::new();
    for domain in domains {
        let mut comparison = Comparison::new(&mut found);
        store.read_range(domain.id, ALWAYS, &mut comparison).await?;
        told.extend(
            comparison
                .told
                .into_iter()
                .map(|((reporter, kind), (records, messages))| Contradiction {
                    domain: domain.name.to_string(),
                    reporter: reporter.into(),
                    kind,
                    records,
                    messages,
                }),
        );
    }
    told.sort_unstable_by(|a, b| {
        let key = |one: &Contradiction| (std::cmp::Reverse(one.records), one.kind);
        (key(a), &a.domain, &a.reporter).cmp(&(key(b), &b.domain, &b.reporter))
    });
    found.unlisted = told.len().saturating_sub(LISTED_MAX) as u64;
    told.truncate(LISTED_MAX);
    found.contradictions = told;
    Ok(found)
}

/// What has to be known of a record's evidence.
#[derive(Debug, Clone, Copy)]
struct Case {
    aligned: Aligned,
    place: Place,
    has_reason: bool,
}

struct Comparison<'f> {
    found: &'f mut Identity,
    policy: PolicyPublished,
    reporter: Box<str>,
    /// Records and messages.
    told: HashMap<(Box<str>, ContradictionKind), (u64, u64)>,
}

impl<'f> Comparison<'f> {
    fn new(found: &'f mut Identity) -> Self {
        Self {
            found,
            policy: PolicyPublished::default(),
            reporter: Box::default(),
            told: HashMap::new(),
        }
    }

    fn contradicts(&mut self, kind: ContradictionKind, record: &RangeRecord) {
        let key = (self.reporter.clone(), kind);
        let is_known = self.told.contains_key(&key) || self.told.len() < TOLD_APART_MAX;
        let key = if is_known { key } else { (Box::default(), kind) };
        let (records, messages) = self.told.entry(key).or_default();
        *records = records.saturating_add(record.records);
        *messages = messages.saturating_add(record.messages);
    }
}

/// The least and the most that a policy asks for failing messages. Whether a name below the policy domain existed is not
/// known.
fn asked(policy: &PolicyPublished, place: Place) -> (Policy, Policy) {
    let places: &[Place] = match place {
        Place::Own => &[Place::Own],
        _ => &[Place::Existing, Place::Missing],
    };
    let asked = || places.iter().map(|place| Asked::new(policy, *place));
    let least = asked().map(Asked::least).min().unwrap_or(Policy::None);
    (least, asked().map(Asked::most).max().unwrap_or(least))
}

impl RangeReader for Comparison<'_> {
    type Made = Case;

    fn make(&mut self, evidence: &Evidence, policy_domain: &str) -> Case {
        let author = evidence.author(policy_domain);
        Case {
            aligned: Aligned::new(evidence, author, policy_domain),
            place: Place::new(author, policy_domain, None),
            has_reason: override_reason(evidence).is_some(),
        }
    }

    fn report(&mut self, report: &ReportSummary) {
        self.policy = report.policy.clone();
        self.reporter = report.org_name.as_deref().unwrap_or_default().into();
    }

    fn record(&mut self, record: RangeRecord, case: Case) {
        use ContradictionKind::{DkimFail, DkimPass, Milder, SpfFail, SpfPass, Stricter};
        self.found.records += record.records;
        let (dkim, spf) = case.aligned.under(&self.policy);
        let verdict = record.verdict;
        let kinds = [
            (verdict.dkim_aligned && !dkim, DkimPass),
            (!verdict.dkim_aligned && dkim, DkimFail),
            (verdict.spf_aligned && !spf, SpfPass),
            (!verdict.spf_aligned && spf, SpfFail),
        ];
        let mut kinds: Vec<_> = kinds
            .into_iter()
            .filter(|(is_so, _)| *is_so)
            .map(|(_, kind)| kind)
            .collect();
        let (least, most) = match dkim || spf {
            true => (Policy::None, Policy::None),
            false => asked(&self.policy, case.place),
        };
        let differs = handled(verdict.disposition).and_then(|handled| match handled {
            _ if handled < least => Some(Milder),
            _ if handled > most => Some(Stricter),
            _ => None,
        });
        let is_overridden = kinds.is_empty() && differs.is_some() && case.has_reason;
        // A disposition that follows from another verdict is no contradiction of its own.
        if kinds.is_empty() && !is_overridden {
            kinds.extend(differs);
        }
        let outcome = match (kinds.is_empty(), is_overridden) {
            (true, true) => &mut self.found.overridden,
            (true, false) => &mut self.found.agreeing,
            (false, _) => &mut self.found.contradicting,
        };
        *outcome += record.records;
        for kind in kinds {
            self.contradicts(kind, &record);
        }
    }

    fn without_records(&mut self, _: &ReportSummary, _: u64) {}
}
