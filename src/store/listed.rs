//! Records as they are listed. A record may have results that fill pages; a list shows the first of them.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::report::aggregate::{DkimAuth, Evidence, RawText, Reason, SpfAuth};

use super::db::Conn;
use super::records::{Evidences, PackedRecord};
use super::{StoreError, StoredRecord};

/// How much of records is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedMax {
    /// Bytes per kind of results of a record. The first result is always listed.
    pub results_bytes: usize,
    /// Bytes of all records. More records are not listed. The first is always listed.
    pub bytes: usize,
}

/// A record as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRecord {
    pub record: StoredRecord,
    /// Its place in its report, from 1 on.
    pub number: u64,
    pub omitted: Omitted,
}

/// How many more results a record has than are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Omitted {
    pub dkim: u64,
    pub spf: u64,
    pub reasons: u64,
    pub raw: u64,
}

/// Evidence that is read before it is shortened: as many may be in memory as a whole.
const WHOLE_AT_ONCE: usize = 16;
/// Bytes of a record and of a result apart from their texts: about the names of the members in JSON.
const RECORD_BYTES: usize = 400;
const RESULT_BYTES: usize = 96;

/// Records with their numbers as they are listed: from the first on, as many as `most` allows.
pub(super) async fn listed(
    conn: &mut Conn<'_>,
    evidences: &Evidences,
    packed: &[(u64, PackedRecord)],
    most: ListedMax,
) -> Result<Vec<ListedRecord>, StoreError> {
    let mut known: HashMap<u32, (Arc<Evidence>, Omitted)> = HashMap::new();
    let mut listed = Vec::with_capacity(packed.len());
    let mut bytes = 0_usize;
    for piece in packed.chunks(WHOLE_AT_ONCE) {
        let wanted = piece.iter().map(|(_, record)| record);
        let wanted = wanted.filter(|record| !known.contains_key(&record.evidence));
        let mut whole = HashMap::new();
        evidences.look_up(conn, wanted, &mut whole).await?;
        for (number, evidence) in whole {
            let (evidence, omitted) = shortened(&evidence, most.results_bytes);
            known.insert(number, (evidence, omitted));
        }
        for (number, record) in piece {
            let (evidence, omitted) = evidences.known(record, &known)?;
            bytes = bytes.saturating_add(size(evidence));
            if bytes > most.bytes && !listed.is_empty() {
                return Ok(listed);
            }
            listed.push(ListedRecord {
                record: record.stored(evidence),
                number: number + 1,
                omitted: *omitted,
            });
        }
    }
    Ok(listed)
}

/// What is listed of evidence, and what is not. The same evidence is always cut alike.
fn shortened(evidence: &Arc<Evidence>, bytes_max: usize) -> (Arc<Evidence>, Omitted) {
    let dkim = fitting(&evidence.dkim, dkim_bytes, bytes_max);
    let spf = fitting(&evidence.spf, spf_bytes, bytes_max);
    let reasons = fitting(&evidence.reasons, reason_bytes, bytes_max);
    let raw = fitting(&evidence.raw, raw_bytes, bytes_max);
    let omitted = Omitted {
        dkim: (evidence.dkim.len() - dkim) as u64,
        spf: (evidence.spf.len() - spf) as u64,
        reasons: (evidence.reasons.len() - reasons) as u64,
        raw: (evidence.raw.len() - raw) as u64,
    };
    if omitted == Omitted::default() {
        return (Arc::clone(evidence), omitted);
    }
    let listed = Evidence {
        header_from: evidence.header_from.clone(),
        envelope_from: evidence.envelope_from.clone(),
        envelope_to: evidence.envelope_to.clone(),
        dkim: evidence.dkim[..dkim].to_vec(),
        spf: evidence.spf[..spf].to_vec(),
        reasons: evidence.reasons[..reasons].to_vec(),
        raw: evidence.raw[..raw].to_vec(),
    };
    (Arc::new(listed), omitted)
}

/// How many entries of a list, from the first on, fit into `bytes_max`; at least one, if there is one.
fn fitting<T>(list: &[T], bytes_of: fn(&T) -> usize, bytes_max: usize) -> usize {
    let mut bytes = 0_usize;
    let beyond = list.iter().position(|one| {
        bytes = bytes.saturating_add(RESULT_BYTES + bytes_of(one));
        bytes > bytes_max
    });
    beyond.map_or(list.len(), |count| count.max(1))
}

/// About the bytes that a record with this evidence takes where it is written.
pub(super) fn size(evidence: &Evidence) -> usize {
    fn all<T>(list: &[T], bytes_of: fn(&T) -> usize) -> usize {
        list.iter().map(|one| RESULT_BYTES + bytes_of(one)).sum()
    }
    let own = [&evidence.header_from, &evidence.envelope_from, &evidence.envelope_to];
    RECORD_BYTES
        + own.into_iter().map(text_bytes).sum::<usize>()
        + all(&evidence.dkim, dkim_bytes)
        + all(&evidence.spf, spf_bytes)
        + all(&evidence.reasons, reason_bytes)
        + all(&evidence.raw, raw_bytes)
}

fn text_bytes(text: &Option<Box<str>>) -> usize {
    text.as_deref().map_or(0, str::len)
}

fn dkim_bytes(dkim: &DkimAuth) -> usize {
    let texts = [&dkim.domain, &dkim.selector, &dkim.result_raw, &dkim.human_result];
    texts.into_iter().map(text_bytes).sum()
}

fn spf_bytes(spf: &SpfAuth) -> usize {
    let texts = [&spf.domain, &spf.result_raw, &spf.human_result];
    texts.into_iter().map(text_bytes).sum()
}

fn reason_bytes(reason: &Reason) -> usize {
    text_bytes(&reason.kind_raw) + text_bytes(&reason.comment)
}

fn raw_bytes(raw: &RawText) -> usize {
    raw.text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dkim(selector_bytes: usize) -> DkimAuth {
        DkimAuth {
            selector: Some("s".repeat(selector_bytes).into()),
            ..DkimAuth::default()
        }
    }

    #[test]
    fn listed_results_fit_and_the_rest_is_counted() {
        for (selectors, listed) in [
            (vec![], 0),
            (vec![10, 10], 2),
            (vec![900, 10], 1),
            (vec![10, 900, 10], 1),
            (vec![5_000, 10], 1),
            (vec![404, 404, 1], 2),
        ] {
            let evidence = Arc::new(Evidence {
                dkim: selectors.iter().map(|bytes| dkim(*bytes)).collect(),
                ..Evidence::default()
            });
            let (short, omitted) = shortened(&evidence, 1_000);
            assert_eq!(short.dkim.len(), listed, "{selectors:?}");
            assert_eq!(omitted.dkim as usize, selectors.len() - listed, "{selectors:?}");
            assert_eq!(short.dkim, evidence.dkim[..listed]);
        }
    }
}
