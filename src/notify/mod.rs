//! Who must hear of what: webhooks and channels of accounts, and the job that delivers events to them. Events themselves are
//! written by the store, in the transaction of their cause.

mod attempts;
mod channels;
mod delivery;
mod digest;
mod digests;
mod heard;
mod html;
mod line;
mod links;
mod mailing;
mod message;
mod places;
mod platforms;
mod readers;
mod rule_words;
mod schedule;
mod signature;
mod targets;
mod webhooks;
mod words;

pub use attempts::Tried;
pub use channels::NewChannel;
pub use digest::{DigestForms, digest_forms};
pub use digests::{DigestChanges, NewDigest};
pub use platforms::{Field as ChannelField, Places as PlatformPlaces, fields as channel_fields};
pub use readers::Offer;
pub use rule_words::finding_words;
pub use schedule::Bounds;
pub use signature::{Secret, sign};
pub use targets::{ChannelOptions, Targets, TargetsError};
