//! A new failure report with everything worked out, and what is stored of its details.

use serde::{Deserialize, Serialize};

use crate::base::{Authenticated, FailureReports};
use crate::report::aggregate::{ContentKey, Reporter, Warnings};
use crate::report::failure::{Parsed, Report, Texts};
use crate::store::{Provenance, StoreError, StoredWarning};

/// A failure report, and whether it is taken as one.
#[derive(Debug)]
pub struct NewFailure {
    pub(in super::super) report: Report,
    pub(in super::super) texts: Texts,
    pub(in super::super) warnings: Warnings,
    pub(in super::super) content: ContentKey,
    pub(in super::super) authenticated: Authenticated,
    /// What its owner says about it, once it has been placed.
    pub(in super::super) standing: Standing,
}

/// What becomes of a failure report for one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) enum Standing {
    /// Its domain is not looked up yet.
    #[default]
    Open,
    /// It is other mail: its domain does not read failure reports, the account does not have it, or nothing names one.
    Off,
    /// It may not be handed in for its domain: a problem of the message says why.
    Misaddressed,
    /// It is stored.
    Kept(FailureReports),
}

impl NewFailure {
    /// The report that came with a mail of this provenance.
    pub fn new(parsed: Parsed, provenance: Option<&Provenance>) -> Self {
        let Parsed {
            report,
            texts,
            content,
            warnings,
        } = parsed;
        let reporter = Reporter::named(report.reporter.as_deref(), None);
        Self {
            authenticated: provenance.map_or(Authenticated::Unknown, |mail| mail.verdict_on(&reporter)),
            report,
            texts,
            warnings,
            content,
            standing: Standing::Open,
        }
    }

    /// About how many bytes it takes in memory.
    pub fn bytes_held(&self) -> usize {
        let texts = self.texts.fields.iter().chain(&self.texts.header);
        let texts: usize = texts.map(|(name, value)| name.len() + value.len()).sum();
        size_of::<Self>() + 2 * texts
    }

    /// Whether it says which mail failed.
    pub(in super::super) fn has_facts(&self) -> bool {
        let Report { domain, source, .. } = &self.report;
        !domain.is_empty() || source.is_some() || !self.texts.header.is_empty()
    }

    /// Whether it is taken as a report.
    pub(in super::super) fn is_report(&self) -> bool {
        self.standing != Standing::Off
    }

    /// Whether it is stored: then nothing else of its mail may be.
    pub(in super::super) fn is_kept(&self) -> bool {
        matches!(self.standing, Standing::Kept(_))
    }

    /// The result of a method, by the report if it says one, else by the header of the mail.
    pub(in super::super) fn result_of(&self, method: &str) -> Option<&str> {
        let mut results = self.report.results.iter();
        results.find(|one| &*one.method == method).map(|one| &*one.result)
    }

    /// The header fields, if they are kept.
    pub(in super::super) fn texts_json(&self) -> Option<String> {
        let is_wanted = self.standing == Standing::Kept(FailureReports::Headers);
        is_wanted.then(|| serde_json::to_string(&self.texts).expect("texts always have a JSON form"))
    }
}

/// `failure_reports.content`.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    #[serde(flatten)]
    report: Report,
    /// Kind, detail, offset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<(String, String, Option<u64>)>,
}

/// The stored form of a report's details.
pub(in super::super) fn content_json(new: &NewFailure) -> String {
    let kept = new.warnings.kept().iter();
    let content = Content {
        report: new.report.clone(),
        warnings: kept
            .map(|one| (one.kind.word().to_owned(), one.detail.to_string(), one.offset))
            .collect(),
    };
    serde_json::to_string(&content).expect("texts and numbers always have a JSON form")
}

/// The details and the warnings of a stored report. What has columns of its own is not in them.
pub(super) fn read_content(no: i64, json: &str) -> Result<(Report, Vec<StoredWarning>), StoreError> {
    let content: Content = serde_json::from_str(json)
        .map_err(|_| StoreError::damaged("failure_reports", no, "content is not readable"))?;
    let warnings = content.warnings.into_iter();
    let warnings = warnings.map(|(kind, detail, offset)| StoredWarning { kind, detail, offset });
    Ok((content.report, warnings.collect()))
}

/// The stored header fields of a report.
pub(super) fn read_texts(no: i64, json: &str) -> Result<Texts, StoreError> {
    serde_json::from_str(json).map_err(|_| StoreError::damaged("failure_reports", no, "texts are not readable"))
}
