//! Who sent a message, and on which way it came: names and flows, from what authenticated.
//!
//! `networks`, `services`, `naming` and `flows` are pure. Names are computed when they are read: nothing of them is
//! stored, so that a better table renames the past. docs/senders.md has the rules.

mod flows;
mod gather;
mod naming;
mod networks;
mod services;
mod tables;

pub use flows::{Class, Flow, FlowCounts, FlowRule, Homes};
pub use gather::{
    Counts, Failed, Gathered, Senders, ServiceFigures, SourceFigures, SubdomainFigures, Wanted, flows_by_day,
};
pub use naming::{Name, Named, Rule, Sender, name, operator_name};
pub use networks::{Facts, MadeFrom, MakeError, MmdbLimits, Networks, NetworksError, make_networks};
pub use services::{Category, Problem, Service, Services, ServicesError};
pub use tables::{LiveTables, NamesFile, NamesFiles, Tables, TablesError};
