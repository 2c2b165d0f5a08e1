//! Tallymark: a DMARC aggregate report collector.

pub mod clock;
pub mod config;
pub mod ingest;
pub mod origin;
pub mod report;
pub mod store;
pub mod unpack;
