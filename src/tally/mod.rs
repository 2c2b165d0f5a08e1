//! Sums of messages: totals, days, sources, paths and signers, and how messages are spread over days; sums of TLS sessions. Pure.

mod by_address;
mod carrier;
mod identities;
mod paths;
mod signers;
mod spread;
mod sums;
#[cfg(test)]
pub(crate) mod testdata;
mod tls;
mod tls_counts;
mod totals;
mod way;
mod way_sums;

pub use by_address::ByAddress;
pub use carrier::{Carrier, Carriers};
pub use identities::{Identities, OwnSignature, Reported, SpfOutcome, kept_part};
pub use paths::{Path, PathBook, PathList, carried, carrier_of};
pub use signers::{Signed, name_cut, signed};
pub use spread::{SPREAD_DAYS_MAX, SPREAD_ENTRIES_MAX, Spread};
pub use sums::{DayFigures, DaySources, Figures, SourceTotals, Summed, added_up};
pub use tls::{TlsKey, TlsKind, TlsSum, TlsSums, tls_sums};
pub use tls_counts::TlsCounts;
pub use totals::{ResultFilter, Totals};
pub use way::{Handled, Way};
pub use way_sums::WaySums;
