//! The sessions of a TLS report by closed sets of words, for figures that must have few labels.

use std::collections::BTreeMap;

use crate::report::tls::{Report, known_policy, known_result};

/// Sessions of one report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsCounts {
    /// Successful and failed sessions by type of the policy.
    pub sessions: BTreeMap<&'static str, [u64; 2]>,
    /// Failed sessions of the details by type of the failure.
    pub failures: BTreeMap<&'static str, u64>,
}

impl TlsCounts {
    /// The sessions of a report.
    pub fn new(report: &Report) -> Self {
        let mut counts = Self::default();
        for policy in &report.policies {
            let sums = counts.sessions.entry(known_policy(&policy.kind)).or_default();
            for (sum, more) in sums.iter_mut().zip([policy.successful, policy.failed]) {
                *sum = sum.saturating_add(more);
            }
            for failure in &policy.failures {
                let sum = counts.failures.entry(known_result(&failure.result)).or_default();
                *sum = sum.saturating_add(failure.sessions);
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tls::{Failure, PolicyResult};

    #[test]
    fn words_of_no_standard_are_counted_together() {
        let failure = |result: &str, sessions| Failure {
            result: result.into(),
            sessions,
            ..Failure::default()
        };
        let policy = |kind: &str, failed, failures| PolicyResult {
            kind: kind.into(),
            successful: 5,
            failed,
            failures,
            ..PolicyResult::default()
        };
        let report = Report {
            policies: vec![
                policy("sts", 3, vec![failure("certificate-expired", 2), failure("x1", 1)]),
                policy("sts", u64::MAX, Vec::new()),
                policy("made-up", 1, vec![failure("x2", 4)]),
            ],
            ..Report::default()
        };
        let counts = TlsCounts::new(&report);
        assert_eq!(counts.sessions, [("other", [5, 1]), ("sts", [10, u64::MAX])].into());
        assert_eq!(counts.failures, [("certificate-expired", 2), ("other", 5)].into());
    }
}
