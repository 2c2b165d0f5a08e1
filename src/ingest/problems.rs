//! Problems of reports, as they are kept and shown.

use std::io;

use crate::base::budget::Breach;
use crate::store::Problem;
use crate::unpack;

/// Longest stored detail, in bytes. It may quote a tag of the message.
const DETAIL_BYTES_MAX: usize = 1_024;

/// A problem of a report, at an offset in its text if one is known. The text is a stranger's: its words are cut.
pub(super) fn problem_of(reason: &'static str, detail: &str, offset: Option<u64>) -> Problem {
    Problem {
        leaf: String::new(),
        reason,
        detail: detail[..detail.floor_char_boundary(DETAIL_BYTES_MAX)].to_owned(),
        offset,
    }
}

/// Why the text of a report could not be read to its end.
pub(super) fn read_reason(error: &io::Error) -> &'static str {
    unpack::reason_of(error).map_or("unreadable", unpack::Reason::word)
}

/// A budget or limit that is used up.
pub(super) fn breach_of(breach: Breach) -> Problem {
    problem_of(breach.word(), &breach.to_string(), None)
}

/// A report with more messages or sessions than may be counted.
pub(super) fn too_many(detail: &str) -> Problem {
    problem_of("too_many_messages", detail, None)
}
