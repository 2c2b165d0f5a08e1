//! What a TLS report adds to the days of its window: sessions by policy, failed sessions by what failed and where.
//!
//! Reporters count the same sessions under each policy of a domain, so sums are kept apart by policy, and types of failures
//! overlap, so the failures may sum to more than the failed sessions.

use std::collections::BTreeMap;

use crate::base::{Day, words};
use crate::report::tls::{PolicyResult, Report};

use super::{Spread, Totals, name_cut};

/// Failures of one report that are kept apart: those with the most sessions. The rest is gathered by policy and type.
const FAILURES_MAX: usize = 256;

words! {
    /// What a sum is about.
    TlsKind: i64 {
        /// Reports of a reporter.
        Reporter = 0 "reporter",
        /// Sessions under a policy.
        Policy = 1 "policy",
        /// Failed sessions.
        Failure = 2 "failure",
    }
}

/// One sum. What a report does not say is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TlsKey {
    pub kind: TlsKind,
    pub day: Day,
    /// Type of the policy.
    pub policy: String,
    /// A reporter's name, the domain of a policy, or the type of a failure.
    pub subject: String,
    /// Of a failure: the receiving host.
    pub place: String,
    /// Of a failure: the address of the sending server.
    pub sender: String,
}

/// Sessions and reports; what is taken away is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TlsSum {
    pub successful: i64,
    pub failed: i64,
    /// Reports whose window begins on the day.
    pub reports: i64,
}

impl TlsSum {
    /// Adds `other`, `sign` times.
    pub fn add(&mut self, other: Self, sign: i64) {
        const MAX: i64 = Totals::SUM_MAX.cast_signed();
        let add = |sum: i64, more: i64| sum.saturating_add(more.saturating_mul(sign)).clamp(-MAX, MAX);
        self.successful = add(self.successful, other.successful);
        self.failed = add(self.failed, other.failed);
        self.reports = add(self.reports, other.reports);
    }
}

/// Human-readable, as `verify` prints it.
impl std::fmt::Display for TlsKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, day, .. } = self;
        write!(f, "{day}, TLS {}", kind.word())?;
        for text in [&self.policy, &self.subject, &self.place, &self.sender] {
            write!(f, " \"{text}\"")?;
        }
        Ok(())
    }
}

/// Human-readable, as `verify` prints it.
impl std::fmt::Display for TlsSum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            successful,
            failed,
            reports,
        } = self;
        write!(
            f,
            "{successful} successful and {failed} failed sessions, {reports} reports"
        )
    }
}

/// All sums of one report.
pub type TlsSums = BTreeMap<TlsKey, TlsSum>;

/// The sums of a report, and whether its window is too long to be spread. Each count is spread over the days by largest
/// remainder, so no session is lost or invented.
pub fn tls_sums(report: &Report) -> (TlsSums, bool) {
    let failures = failures(&report.policies);
    let spread = Spread::bounded(report.window, report.policies.len() + failures.len());
    let mut sums = TlsSums::new();
    let mut add = |kind, day, [policy, subject, place, sender]: [&str; 4], sum| {
        let key = TlsKey {
            kind,
            day,
            policy: policy.to_owned(),
            subject: subject.to_owned(),
            place: place.to_owned(),
            sender: sender.to_owned(),
        };
        sums.entry(key).or_default().add(sum, 1);
    };
    let reports = TlsSum {
        reports: 1,
        ..TlsSum::default()
    };
    let org_name = name_cut(report.org_name.as_deref());
    let first = Day::from_unix(report.window.begin);
    add(TlsKind::Reporter, first, ["", org_name, "", ""], reports);
    for policy in &report.policies {
        let names = [&policy.kind, policy.domain.as_deref().unwrap_or_default(), "", ""];
        spread.split(policy.successful, |day, successful| {
            let successful = successful.cast_signed();
            let sum = TlsSum {
                successful,
                ..TlsSum::default()
            };
            add(TlsKind::Policy, day, names, sum);
        });
        spread.split(policy.failed, |day, failed| {
            let failed = failed.cast_signed();
            add(
                TlsKind::Policy,
                day,
                names,
                TlsSum {
                    failed,
                    ..TlsSum::default()
                },
            );
        });
    }
    for ([policy, subject, place, sender], sessions) in &failures {
        spread.split(*sessions, |day, failed| {
            let failed = failed.cast_signed();
            let sum = TlsSum {
                failed,
                ..TlsSum::default()
            };
            add(TlsKind::Failure, day, [policy, subject, place, sender], sum);
        });
    }
    (sums, spread.is_too_long())
}

/// The failed sessions by policy, type, host and sender, with a bounded number of entries.
fn failures(policies: &[PolicyResult]) -> BTreeMap<[String; 4], u64> {
    let mut all: BTreeMap<[String; 4], u64> = BTreeMap::new();
    for policy in policies {
        for failure in &policy.failures {
            let sender = failure.sending_mta.map(|address| address.to_string());
            let place = failure.mx.as_deref().unwrap_or_default();
            let names = [
                &policy.kind,
                &failure.result,
                place,
                sender.as_deref().unwrap_or_default(),
            ];
            let sessions = all.entry(names.map(str::to_owned)).or_default();
            *sessions = sessions.saturating_add(failure.sessions);
        }
    }
    if all.len() <= FAILURES_MAX {
        return all;
    }
    let mut ordered: Vec<_> = all.into_iter().collect();
    ordered.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest = ordered.split_off(FAILURES_MAX);
    let mut kept: BTreeMap<_, _> = ordered.into_iter().collect();
    // A reporter may invent types of failures: what is left of too many of them is of no type.
    for ([policy, result, ..], sessions) in rest {
        let named = [policy.clone(), result, String::new(), String::new()];
        let key = match kept.len() < 2 * FAILURES_MAX || kept.contains_key(&named) {
            true => named,
            false => [policy, String::new(), String::new(), String::new()],
        };
        let sum = kept.entry(key).or_default();
        *sum = sum.saturating_add(sessions);
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::aggregate::Window;
    use crate::report::tls::Failure;

    const DAY: i64 = 86_400;

    fn policy(kind: &str, successful: u64, failed: u64, failures: Vec<Failure>) -> PolicyResult {
        PolicyResult {
            kind: kind.into(),
            domain: Some("example.com".into()),
            successful,
            failed,
            failures,
            ..PolicyResult::default()
        }
    }

    fn failure(nth: u64, sessions: u64) -> Failure {
        Failure {
            result: "certificate-expired".into(),
            sessions,
            mx: Some(format!("mx{nth}.example.com").into()),
            ..Failure::default()
        }
    }

    fn report(days: i64, policies: Vec<PolicyResult>) -> Report {
        Report {
            window: Window {
                begin: 0,
                end: days * DAY,
            },
            policies,
            ..Report::default()
        }
    }

    fn total(sums: &TlsSums, kind: TlsKind) -> (i64, i64) {
        let of_kind = sums.iter().filter(|(key, _)| key.kind == kind);
        of_kind.fold((0, 0), |(successful, failed), (_, sum)| {
            (successful + sum.successful, failed + sum.failed)
        })
    }

    #[test]
    fn week_is_spread_over_its_days() {
        let (sums, is_too_long) = tls_sums(&report(7, vec![policy("sts", 70, 15, vec![failure(1, 7)])]));
        assert!(!is_too_long);
        let of = |day: i32, kind| {
            let mut of_day = sums.iter().filter(|(key, _)| key.day == Day(day) && key.kind == kind);
            of_day.next().map(|(_, sum)| (sum.successful, sum.failed))
        };
        assert_eq!(of(0, TlsKind::Policy), Some((10, 3)));
        assert_eq!(of(6, TlsKind::Policy), Some((10, 2)));
        assert_eq!(of(6, TlsKind::Failure), Some((0, 1)));
        assert_eq!(of(7, TlsKind::Policy), None);
    }

    #[test]
    fn failures_that_are_too_many_are_gathered() {
        let many: Vec<_> = (0..1_000).map(|nth| failure(nth, 1 + nth)).collect();
        let (sums, _) = tls_sums(&report(1, vec![policy("sts", 0, 1, many)]));
        let failures: Vec<_> = sums.iter().filter(|(key, _)| key.kind == TlsKind::Failure).collect();
        assert_eq!(failures.len(), FAILURES_MAX + 1);
        assert_eq!(total(&sums, TlsKind::Failure), (0, 500_500));
        assert!(failures.iter().any(|(key, _)| key.place == "mx999.example.com"));
        let mut odd: Vec<_> = (0..1_000).map(|nth| failure(nth, 1)).collect();
        for (nth, one) in odd.iter_mut().enumerate() {
            one.result = format!("type {nth}").into();
        }
        let (sums, _) = tls_sums(&report(1, vec![policy("sts", 0, 1, odd)]));
        assert!(sums.len() <= 2 * FAILURES_MAX + 3, "{}", sums.len());
        assert_eq!(total(&sums, TlsKind::Failure), (0, 1_000));
    }

    proptest! {
        #[test]
        fn no_session_is_lost_or_invented(
            days in 0_i64..400,
            counts in prop::collection::vec((0_u64..1_000, 0_u64..1_000, prop::collection::vec(0_u64..50, 0..8)), 0..4),
        ) {
            let policies: Vec<_> = counts.iter().map(|(successful, failed, details)| {
                let failures = (0..).zip(details).map(|(nth, sessions)| failure(nth % 3, *sessions));
                policy("sts", *successful, *failed, failures.collect())
            }).collect();
            let (sums, _) = tls_sums(&report(days, policies));
            let successful: u64 = counts.iter().map(|one| one.0).sum();
            let failed: u64 = counts.iter().map(|one| one.1).sum();
            let details: u64 = counts.iter().flat_map(|one| &one.2).sum();
            prop_assert_eq!(total(&sums, TlsKind::Policy), (successful as i64, failed as i64));
            prop_assert_eq!(total(&sums, TlsKind::Failure), (0, details as i64));
            prop_assert_eq!(sums.values().map(|sum| sum.reports).sum::<i64>(), 1);
        }
    }
}
