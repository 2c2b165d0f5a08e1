//! Who sent a message, and on which way it came: names and flows, from what authenticated.
//!
//! `networks`, `services`, `identities`, `naming` and `flows` are pure. Names are computed when they are read: nothing of
//! them is stored, so that a better table renames the past. docs/senders.md has the rules.

mod flows;
mod gather;
mod identities;
mod naming;
mod networks;
mod paths;
mod services;
mod tables;
#[cfg(test)]
mod testdata;

pub use flows::{Class, Flow, FlowCounts, FlowRule, Homes};
pub use gather::{Gathered, ServiceFigures, SourceFigures, gather};
pub use identities::{Identities, OwnSignature, Reported, SpfOutcome};
pub use naming::{Name, Named, Rule, Sender, name};
pub use networks::{Facts, MadeFrom, MakeError, Networks, NetworksError, make_networks};
pub use paths::{Path, PathNo, Paths};
pub use services::{Category, Problem, Service, Services, ServicesError};
pub use tables::{Tables, TablesError};
