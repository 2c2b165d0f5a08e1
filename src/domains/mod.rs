//! A domain's life: how its row is named, which DNS records it must publish, and whether it does.

mod identifiers;
mod records;

pub use identifiers::{IDENTIFIER_RANDOM_BYTES, public_id, rua_token};
pub use records::{DnsRecord, Purpose, RecordType, RegionNames, ServiceNames, records, rua_address};
