//! Who must hear of what: webhooks and channels of accounts, and the job that delivers events to them. Events themselves are
//! written by the store, in the transaction of their cause.

mod attempts;
mod channels;
mod delivery;
mod line;
mod message;
mod places;
mod platforms;
mod rule_words;
mod schedule;
mod signature;
mod targets;
mod webhooks;
mod words;

pub use attempts::Tried;
pub use channels::NewChannel;
pub use platforms::{Field as ChannelField, Places as PlatformPlaces, fields as channel_fields};
pub use rule_words::finding_words;
pub use schedule::Bounds;
pub use signature::{Secret, sign};
pub use targets::{ChannelOptions, Targets, TargetsError};
