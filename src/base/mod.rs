//! The ground that every room stands on: ids, instants, days, names, networks, numbers, foreign text, words of closed sets,
//! and what one message may cost. Pure, but for [`clock`].

pub mod budget;
pub mod clock;
mod day;
mod hostname;
mod ids;
mod mail_address;
mod names;
mod network;
mod network_map;
pub mod numbers;
mod period;
mod sets;
mod suffixes;
mod tags;
pub mod text;
mod words;

pub use day::{Day, DayError, DayRange};
pub use hostname::is_hostname;
pub use ids::{
    AccountId, ChangeId, DecisionId, DeliveryId, DomainId, FindingNo, IpId, KeyId, Millis, ReportNo, SetAsideId,
    TargetId,
};
pub use mail_address::{AddressError, MailAddress};
pub use names::{
    DomainName, NameError, NameSearch, ancestors, mailbox_domain, mailbox_domain_cow, normalise_domain,
    normalise_domain_cow,
};
pub use network::{Network, NetworkError, is_public};
pub use network_map::NetworkMap;
pub use period::Period;
pub use sets::{Authenticated, DomainStatus, FailureReports, Mode, Permission, Purpose, Region, SetAsideKind, TlsMode};
pub use suffixes::{is_public_suffix, organizational_domain, registered_domain};
pub use tags::{TagError, Tags};
pub(crate) use words::words;
