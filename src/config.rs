//! Every setting: its default, what it means, and how it is read from a file and from the environment.
//!
//! A section is the type that a component takes, with its defaults (`config/sections.rs` has those that several components
//! share). The one table in `config/table.rs` says where in it each setting goes, and gives the documentation of `config
//! example` and the names that an unknown key is compared with, so that these cannot drift apart; what there may be
//! several of is in `config/lists.rs`, in the same manner. How they are read is in `config/reading.rs`.

// Before all that use its macros.
#[macro_use]
mod described;

mod api_feeds;
mod feeds;
mod lists;
mod places;
mod reading;
mod sections;
mod settings;
mod table;
mod units;
mod zero;

pub use lists::{FeedEntry, Folder, Gmail, Graph, Imap, Maildir, S3};
pub use reading::{ConfigError, ENVIRONMENT_PREFIX};
pub use sections::{
    Database, Domains, Enrich, Http, Installation, Limits, Log, LogFormat, Node, Notify, Provenance, RegionHosts,
    RetentionSettings, Role, Smtp,
};
pub use settings::Config;
