//! TLS reports in the database: what a new one brings, which of an identity counts, sums, lists, moves between domains.

mod known;
mod list;
mod moving;
mod recount;
mod stored;
mod sums;

pub(super) use known::{Known, better, settled};
pub(super) use moving::{gather, hand_over, set_counted};
pub(super) use recount::{Recounted, recount};
pub(super) use stored::{content_json, read_content};
pub(super) use sums::Moves;

pub use list::{
    TlsContents, TlsDay, TlsFailure, TlsPolicySum, TlsReportDetail, TlsReportFilter, TlsReportSummary, TlsReporter,
    TlsStanding,
};
pub use stored::NewTlsReport;
