//! Tallymark: a DMARC aggregate report collector.

mod apart;
pub mod app;
pub mod base;
pub mod cli;
pub mod config;
pub mod csv;
pub mod dns;
pub mod domains;
pub mod feeds;
pub mod files;
pub mod health;
mod heap;
pub mod http;
pub mod ingest;
pub mod jobs;
pub mod keys;
pub mod listeners;
pub mod metrics;
pub mod page;
pub mod report;
pub mod store;
pub mod tally;
pub mod unpack;
