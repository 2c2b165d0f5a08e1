//! Failure reports in the database: what a new one brings, lists, and how they move between domains.

mod list;
mod moving;
mod reread;
mod stored;

pub(super) use moving::{gather, hand_over};
pub(super) use reread::{Reread, reread};
pub(super) use stored::{Standing, content_json};

pub use list::{FailureDetail, FailureFilter, FailureSummary};
pub use stored::NewFailure;
