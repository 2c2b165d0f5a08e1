//! Who must hear of what: webhooks of accounts, and the job that delivers events to them. Events themselves are written by the
//! store, in the transaction of their cause.

mod delivery;
mod places;
mod schedule;
mod signature;
mod webhooks;

pub use schedule::Bounds;
pub use signature::{Secret, sign};
pub use webhooks::{Tried, Webhooks, WebhooksError};
