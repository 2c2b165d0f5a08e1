//! Who sent a message, and on which way it came: names and flows, from what authenticated.
//!
//! `networks`, `services`, `naming` and `flows` are pure. `ptr` asks name servers, in the background. Names are computed
//! when they are read: nothing else is stored of them, so that a better table renames the past. docs/senders.md has the rules.

mod decisions;
mod figures;
mod flows;
mod gather;
mod knowledge;
mod naming;
mod networks;
mod ptr;
mod services;
mod tables;
mod wanted;

pub use decisions::decided_class;
pub use figures::{Counts, Gathered, ServiceFigures, SourceFigures, SubdomainFigures};
pub use flows::{Class, Flow, FlowCounts, FlowRule, Homes};
pub use gather::{LARGEST, Senders, ServiceDay, ServiceDays, flows_by_day, largest_services_by_day, services_by_day};
pub use knowledge::{Knowledge, Meant, Peer, home_range};
pub use naming::{Name, Named, Rule, operator_name};
pub use networks::{Facts, MadeFrom, MakeError, MmdbLimits, Networks, NetworksError, make_networks};
pub use ptr::{Ptr, PtrError, PtrOptions};
pub use services::{Category, Problem, Service, Services, ServicesError};
pub use tables::{LiveTables, NamesFile, NamesFiles, Tables, TablesError};
pub use wanted::{Failed, Wanted};
