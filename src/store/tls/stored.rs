//! A new TLS report with everything worked out, and what is stored of its details.

use serde::{Deserialize, Serialize};

use crate::base::Authenticated;
use crate::report::aggregate::{ContentKey, IdentityKey, WarningKind, Warnings};
use crate::report::tls::{self, Parsed, PolicyResult, Report};
use crate::store::{Acceptance, StoreError, StoredWarning};
use crate::tally::{TlsSums, tls_sums};

/// One TLS report with everything worked out that does not need the database.
#[derive(Debug)]
pub struct NewTlsReport {
    pub(in super::super) report: Report,
    pub(in super::super) warnings: Warnings,
    pub(in super::super) authenticated: Authenticated,
    /// Whether it may count, as far as can be said without the decisions of the domain's owner.
    pub(in super::super) acceptance: Acceptance,
    pub(in super::super) identity: IdentityKey,
    pub(in super::super) content: ContentKey,
    pub(in super::super) sums: TlsSums,
}

impl NewTlsReport {
    /// Works out keys and sums.
    pub fn new(parsed: Parsed, authenticated: Authenticated, acceptance: Acceptance) -> Self {
        let Parsed { report, mut warnings } = parsed;
        let (sums, is_too_long) = tls_sums(&report);
        if is_too_long {
            warnings.add(WarningKind::WindowTooLong, "date-range", None);
        }
        Self {
            identity: tls::identity_key(&report),
            content: tls::content_key(&report),
            report,
            warnings,
            authenticated,
            acceptance,
            sums,
        }
    }

    /// About how many bytes it takes in memory; texts are not counted.
    pub fn bytes_held(&self) -> usize {
        const PER_SUM: usize = 256;
        let policies = self.report.policies.iter();
        let failures: usize = policies.map(|policy| size_of_val(&*policy.failures)).sum();
        size_of_val(&*self.report.policies) + failures + self.sums.len() * PER_SUM
    }

    /// Policies that have failures.
    pub(in super::super) fn failing(&self) -> usize {
        let policies = self.report.policies.iter();
        policies
            .filter(|policy| policy.failed > 0 || !policy.failures.is_empty())
            .count()
    }
}

/// `tls_reports.content`.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    policies: Vec<PolicyResult>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    submitter: Option<String>,
    /// Kind, detail, offset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<(String, String, Option<u64>)>,
}

/// The stored form of a report's details.
pub(in super::super) fn content_json(report: &Report, warnings: &Warnings) -> String {
    let kept = warnings.kept().iter();
    let content = Content {
        policies: report.policies.clone(),
        submitter: report.submitter.as_deref().map(str::to_owned),
        warnings: kept
            .map(|one| (one.kind.word().to_owned(), one.detail.to_string(), one.offset))
            .collect(),
    };
    serde_json::to_string(&content).expect("texts and numbers always have a JSON form")
}

/// The policies, the submitter and the warnings of a stored report.
pub(in super::super) fn read_content(
    no: i64,
    json: &str,
) -> Result<(Vec<PolicyResult>, Option<String>, Vec<StoredWarning>), StoreError> {
    let content: Content =
        serde_json::from_str(json).map_err(|_| StoreError::damaged("tls_reports", no, "content is not readable"))?;
    let warnings = content.warnings.into_iter();
    let warnings = warnings.map(|(kind, detail, offset)| StoredWarning { kind, detail, offset });
    Ok((content.policies, content.submitter, warnings.collect()))
}
