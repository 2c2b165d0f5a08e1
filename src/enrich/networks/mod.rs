//! Which network an address belongs to: its AS number, the name of that AS, and the country of registration.
//!
//! A file of the operator's may be an mmdb file (`mmdb.rs`), which is converted to the same table (`convert.rs`).
//!
//! The compiled-in table is `data/networks.bin`. It begins with eight bytes that name the format, the day of the data (days since 1970) and the
//! text of its origin (a length and UTF-8). The rest is one zlib stream of columns. Numbers are LEB128.
//!
//! | column | content |
//! |---|---|
//! | AS numbers | how many, then each as its distance from the one before |
//! | AS names | length in bytes, then the names, one per line, in the same order |
//! | countries | how many, then two letters each |
//! | four range tables | IPv4 to AS, IPv6 to AS, IPv4 to country, IPv6 to country |
//!
//! A range table has how many bounds there are, then three columns: the power of two and the odd factor of the distance to
//! the bound before, and the value that begins there (0: none, else the place in its list, from 1 on). IPv6 bounds are the
//! upper 64 bits of addresses.

mod convert;
mod encoding;
mod make;
mod mmdb;
mod table;

pub use convert::MmdbLimits;
pub use make::{MadeFrom, MakeError, make_networks};
pub use table::{Facts, Networks, NetworksError};

#[cfg(test)]
mod mmdb_tests;
#[cfg(test)]
pub(super) mod testdata;
#[cfg(test)]
mod tests;
