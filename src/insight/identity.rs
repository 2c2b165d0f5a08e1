//! Whether the policy in each report, simulated, gives what the report says.

use hashbrown::HashMap;

use super::contradiction::{Claim, ContradictionKind, Judged};
use crate::base::{Day, DayRange};
use crate::report::aggregate::{Evidence, PolicyPublished};
use crate::store::{Domain, RangeReader, RangeRecord, ReportSummary, Store, StoreError};

/// Contradictions that are told apart, and listed.
const TOLD_APART_MAX: usize = 10_000;
const LISTED_MAX: usize = 100;

/// The days of every report.
const ALWAYS: DayRange = DayRange {
    first: Day(i32::MIN),
    last: Day(i32::MAX),
};

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

impl RangeReader for Comparison<'_> {
    type Made = Claim;

    fn make(&mut self, evidence: &Evidence, policy_domain: &str) -> Claim {
        Claim::new(evidence, policy_domain)
    }

    fn report(&mut self, report: &ReportSummary) {
        self.policy = report.policy.clone();
        self.reporter = report.org_name.as_deref().unwrap_or_default().into();
    }

    fn record(&mut self, record: RangeRecord, claim: Claim) {
        self.found.records += record.records;
        let judged = claim.judge(&self.policy, record.verdict);
        let outcome = match judged {
            Judged::Agrees => &mut self.found.agreeing,
            Judged::Overridden => &mut self.found.overridden,
            Judged::Contradicts(_) => &mut self.found.contradicting,
        };
        *outcome += record.records;
        for kind in judged.kinds() {
            self.contradicts(kind, &record);
        }
    }

    fn without_records(&mut self, _: &ReportSummary, _: u64) {}
}
