//! What a DMARC aggregate report *is*: its types, its verdicts, and the parser.
//!
//! Pure: no I/O beyond the reader it is handed, no async, no clock.

mod error;
mod limits;
mod model;
mod warning;

pub use error::{ParseError, ParseErrorKind};
pub use limits::Limits;
pub use model::{
    AlignmentMode, AuthResult, DiscoveryMethod, Disposition, DkimAuth, Evaluated, Evidence, Metadata, PassFail, Policy,
    PolicyPublished, RawField, RawText, Reason, ReasonKind, Record, Report, SpfAuth, SpfScope, Window,
};
pub use warning::{Warning, WarningKind, Warnings};
