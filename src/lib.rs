//! Tallymark: a DMARC aggregate report collector.

pub mod clock;
pub mod ingest;
pub mod report;
pub mod store;
pub mod unpack;
