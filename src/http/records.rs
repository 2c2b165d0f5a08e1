//! A report's rows and policy as clients see them: in a report, and in an export.

use std::borrow::Cow;

use super::config::HttpConfig;
use crate::api::{Dispositions, DkimBody, OmittedBody, PolicyBody, RawBody, ReasonBody, RecordBody, SpfBody};
use crate::report::aggregate::{DkimAuth, Evidence, PolicyPublished, Reason, SpfAuth};
use crate::store::{ListedMax, ListedRecord, Omitted, StoredRecord};
use crate::tally::Totals;

impl<'a> From<&'a StoredRecord> for RecordBody<'a> {
    fn from(record: &'a StoredRecord) -> Self {
        let evidence: &Evidence = &record.evidence;
        let raw = evidence.raw.iter().map(|raw| RawBody {
            field: raw.field.word().into(),
            text: Cow::Borrowed(&raw.text),
        });
        Self {
            source_ip: record.source,
            count: record.count,
            result: result_word(record).into(),
            disposition: record.verdict.disposition.word().into(),
            dkim_aligned: record.verdict.dkim_aligned,
            spf_aligned: record.verdict.spf_aligned,
            derived: record.verdict.derived,
            header_from: evidence.header_from.as_deref().map(Cow::Borrowed),
            envelope_from: evidence.envelope_from.as_deref().map(Cow::Borrowed),
            envelope_to: evidence.envelope_to.as_deref().map(Cow::Borrowed),
            dkim: evidence.dkim.iter().map(DkimBody::from).collect(),
            spf: evidence.spf.iter().map(SpfBody::from).collect(),
            reasons: evidence.reasons.iter().map(ReasonBody::from).collect(),
            raw: raw.collect(),
            number: None,
            omitted: None,
        }
    }
}

impl<'a> From<&'a ListedRecord> for RecordBody<'a> {
    fn from(listed: &'a ListedRecord) -> Self {
        let Omitted {
            dkim,
            spf,
            reasons,
            raw,
        } = listed.omitted;
        let omitted = OmittedBody {
            dkim,
            spf,
            reasons,
            raw,
        };
        Self {
            number: Some(listed.number),
            omitted: (listed.omitted != Omitted::default()).then_some(omitted),
            ..Self::from(&listed.record)
        }
    }
}

/// How much of records an answer lists.
pub(super) fn listed_max(config: &HttpConfig) -> ListedMax {
    ListedMax {
        results_bytes: RESULTS_BYTES_MAX,
        bytes: config.page_bytes_max,
    }
}

/// Bytes per kind of results of a row: about ten results of the usual length. A page of 100 rows fits into 1 MiB,
/// whatever is in them.
const RESULTS_BYTES_MAX: usize = 1_536;

impl<'a> From<&'a DkimAuth> for DkimBody<'a> {
    fn from(dkim: &'a DkimAuth) -> Self {
        Self {
            domain: dkim.domain.as_deref().map(Cow::Borrowed),
            selector: dkim.selector.as_deref().map(Cow::Borrowed),
            result: dkim.result.word().into(),
            result_raw: dkim.result_raw.as_deref().map(Cow::Borrowed),
            human_result: dkim.human_result.as_deref().map(Cow::Borrowed),
        }
    }
}

impl<'a> From<&'a SpfAuth> for SpfBody<'a> {
    fn from(spf: &'a SpfAuth) -> Self {
        Self {
            domain: spf.domain.as_deref().map(Cow::Borrowed),
            scope: spf.scope.map(|scope| scope.word().into()),
            result: spf.result.word().into(),
            result_raw: spf.result_raw.as_deref().map(Cow::Borrowed),
            human_result: spf.human_result.as_deref().map(Cow::Borrowed),
        }
    }
}

impl<'a> From<&'a Reason> for ReasonBody<'a> {
    fn from(reason: &'a Reason) -> Self {
        Self {
            r#type: reason.kind.word().into(),
            type_raw: reason.kind_raw.as_deref().map(Cow::Borrowed),
            comment: reason.comment.as_deref().map(Cow::Borrowed),
        }
    }
}

impl From<&PolicyPublished> for PolicyBody {
    fn from(policy: &PolicyPublished) -> Self {
        Self {
            p: policy.p.map(|p| p.word().into()),
            sp: policy.sp.map(|sp| sp.word().into()),
            np: policy.np.map(|np| np.word().into()),
            adkim: policy.adkim.map(|adkim| adkim.word().into()),
            aspf: policy.aspf.map(|aspf| aspf.word().into()),
            pct: policy.pct,
            testing: policy.testing,
        }
    }
}

impl From<&Totals> for Dispositions {
    fn from(totals: &Totals) -> Self {
        Self {
            none: totals.none,
            quarantine: totals.quarantine,
            reject: totals.reject,
            unknown: totals.unknown(),
        }
    }
}

/// The record's DMARC result as a word.
pub(super) fn result_word(record: &StoredRecord) -> &'static str {
    if record.verdict.passes() { "pass" } else { "fail" }
}
