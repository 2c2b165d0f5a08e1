//! Places in lists, as `next` says them.

use crate::api::{FailureReportItem, ReportItem, TlsReportItem};
use crate::base::clock::{format_instant, parse_instant};
use crate::base::{ReportNo, SetAsideId};
use crate::store::{ReportPlace, SourcePlace};

/// A positive number of digits only.
pub(super) fn row_number(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&number| digits && number > 0)
}

/// A place in a report's rows: the number of rows before it.
pub(super) fn record_place(text: &str) -> Option<u64> {
    row_number(text)?.try_into().ok()
}

/// A place in a list of messages set aside.
pub(super) fn set_aside_place(text: &str) -> Option<SetAsideId> {
    row_number(text).map(SetAsideId)
}

/// A place in a list of reports.
pub(super) fn report_place(text: &str) -> Option<ReportPlace> {
    let (begin, no) = text.split_once('_')?;
    Some(ReportPlace {
        begin: begin.parse().ok()?,
        no: ReportNo(row_number(no)?),
    })
}

/// What [`report_place`] reads: the place behind a report whose window begins at `begin`, unix seconds.
pub(super) fn report_place_text(begin: i64, no: ReportNo) -> String {
    format!("{begin}_{no}")
}

/// The place behind a report of an answer; `None` if its window begins at an instant that the answer cannot say.
pub(super) fn place_of(report: &ReportItem) -> Option<String> {
    place_behind(&report.date_range_begin, report.id)
}

/// As [`place_of`], of a TLS report.
pub(super) fn tls_place_of(report: &TlsReportItem) -> Option<String> {
    place_behind(&report.date_range_begin, report.id)
}

/// As [`place_of`], of a failure report.
pub(super) fn failure_place_of(report: &FailureReportItem) -> Option<String> {
    place_behind(&report.happened_at, report.id)
}

fn place_behind(date_range_begin: &str, id: i64) -> Option<String> {
    let begin = parse_instant(date_range_begin)?.div_euclid(1_000);
    let is_exact = instant(begin) == date_range_begin;
    is_exact.then(|| report_place_text(begin, ReportNo(id)))
}

/// An end of a window: unix seconds, and whatever a reporter wrote.
pub(super) fn instant(seconds: i64) -> String {
    format_instant(seconds.saturating_mul(1_000))
}

/// A place among the records behind a source.
pub(super) fn source_place(text: &str) -> Option<SourcePlace> {
    let mut parts = text.split('_');
    let (begin, no) = (parts.next()?.parse().ok()?, row_number(parts.next()?)?);
    let given = match parts.next() {
        Some(given) => u64::try_from(row_number(given)?).ok()?,
        None => 0,
    };
    parts.next().is_none().then_some(SourcePlace {
        begin,
        no: ReportNo(no),
        given,
    })
}

/// What [`source_place`] reads.
pub(super) fn source_place_text(place: &SourcePlace) -> String {
    let SourcePlace { begin, no, given } = place;
    match given {
        0 => format!("{begin}_{no}"),
        given => format!("{begin}_{no}_{given}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_number_is_positive_digits() {
        for (text, expect) in [
            ("7", Some(7)),
            ("0", None),
            ("-7", None),
            ("+7", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(row_number(text), expect, "{text}");
        }
    }
}
