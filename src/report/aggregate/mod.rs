//! What a DMARC aggregate report *is*: its types, its verdicts, and the parser.
//!
//! Pure: no I/O beyond the reader it is handed, no async, no clock.

mod alignment;
mod error;
mod file_name;
mod instant;
mod keys;
mod limits;
mod model;
mod number;
mod parse;
mod records;
mod repair;
mod text;
mod verdict;
mod warning;
mod whole;
mod xml;

pub use alignment::is_aligned;
pub(super) use instant::instant;
pub(super) use text::{Read, address, count, cut};

pub use error::{ParseError, ParseErrorKind};
pub use file_name::FileNameFacts;
pub use keys::{ContentKey, IdentityKey, PieceKey, Reporter};
pub use limits::Limits;
pub use model::{
    AlignmentMode, AuthResult, DiscoveryMethod, Disposition, DkimAuth, Evaluated, Evidence, Metadata, PassFail, Policy,
    PolicyPublished, RawField, RawText, Reason, ReasonKind, Record, SpfAuth, SpfScope, Window,
};
pub use parse::{DOCUMENTS_MAX, FAILED_MAX, Parsed, parse, parse_all};
pub use records::Records;
pub use verdict::{Verdict, Verdicts, verdict};
pub use warning::{Warning, WarningKind, Warnings};
pub use whole::Report;
