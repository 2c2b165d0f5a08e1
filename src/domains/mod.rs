//! A domain's life: how its row is named, which DNS records it must publish, and whether it does.

mod check;
mod conflicts;
mod dkim;
mod identifiers;
mod keyring;
mod records;
mod rotating;
mod rotation;
mod round;
mod service;
mod signing;
mod standing;

pub use crate::base::Purpose;
pub use crate::store::{RecordState, Suggestion};
pub use check::{
    InForce, KeyInDns, PolicyFrom, PublishedSpf, RecordKind, SPF_LOOKUPS_MAX, SpfTerm, SpfTermKind, SpfTrial, Tried,
    Unread,
};
pub use conflicts::{Conflict, DomainNames, NameField, conflicts};
pub use identifiers::{IDENTIFIER_RANDOM_BYTES, public_id, rua_token};
pub use keyring::{Keyring, KeyringError};
pub use records::{
    DnsRecord, RecordType, RegionNames, ServiceNames, records, rua_address, tls_record_name, tls_record_value,
};
pub use rotating::{KeyRotation, RotationState};
pub use rotation::{RotationOptions, Wait};
pub use round::Round;
pub use service::{Domains, DomainsError, DomainsOptions, Published};
pub use signing::InName;
