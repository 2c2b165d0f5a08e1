//! Tallymark: a DMARC aggregate report collector.

pub mod report;
pub mod unpack;
