//! Sums of messages: totals, days, sources and signers, and how messages are spread over days. Pure.

mod by_address;
mod signers;
mod spread;
mod sums;
mod totals;

pub use by_address::ByAddress;
pub use signers::{Signed, name_cut, signed};
pub use spread::{SPREAD_DAYS_MAX, SPREAD_ENTRIES_MAX, Spread};
pub use sums::{DayFigures, DaySums, Figures, SourceTotals, Summed};
pub use totals::{ResultFilter, Totals};
