//! What is counted of TLS reports.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::labels::OutcomeLabels;

/// Reports, and the sessions of those that count. Sessions of two policies are never added: reporters count the same ones under each.
#[derive(Debug, Default)]
pub struct TlsFigures {
    reports: Family<OutcomeLabels, Counter>,
    sessions: Family<SessionLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SessionLabels {
    policy: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    result_type: &'static str,
}

impl TlsFigures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "tls_reports",
            "TLS reports by what became of them",
            self.reports.clone(),
        );
        registry.register(
            "tls_sessions",
            "Sessions in TLS reports that counted when they arrived, by type of the policy and result",
            self.sessions.clone(),
        );
        registry.register(
            "tls_failures",
            "Failed sessions in the details of TLS reports that counted when they arrived, by type of the failure",
            self.failures.clone(),
        );
    }

    /// One TLS report that was taken: `stored`, `held`, `duplicate` or `conflict`.
    pub fn count_report(&self, outcome: &'static str) {
        self.reports.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Sessions under a policy, `successful` or `failed`. The words are of closed sets.
    pub fn count_sessions(&self, policy: &'static str, result: &'static str, sessions: u64) {
        let labels = SessionLabels { policy, result };
        self.sessions.get_or_create(&labels).inc_by(sessions);
    }

    /// Failed sessions of a type, a word of a closed set.
    pub fn count_failures(&self, result_type: &'static str, sessions: u64) {
        let labels = FailureLabels { result_type };
        self.failures.get_or_create(&labels).inc_by(sessions);
    }
}
