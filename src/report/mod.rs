//! What a DMARC aggregate report *is*: its types, its verdicts, and the parser.
//!
//! Pure: no I/O beyond the reader it is handed, no async, no clock.

mod error;
mod file_name;
mod limits;
mod model;
mod parse;
mod repair;
mod text;
mod warning;
mod xml;

pub use error::{ParseError, ParseErrorKind};
pub use file_name::FileNameFacts;
pub use limits::Limits;
pub use model::{
    AlignmentMode, AuthResult, DiscoveryMethod, Disposition, DkimAuth, Evaluated, Evidence, Metadata, PassFail, Policy,
    PolicyPublished, RawField, RawText, Reason, ReasonKind, Record, Report, SpfAuth, SpfScope, Window,
};
pub use parse::{Parsed, parse};
pub use warning::{Warning, WarningKind, Warnings};
