//! Tallymark: a DMARC aggregate report collector.

mod apart;
pub mod api;
pub mod app;
pub mod base;
pub mod cli;
pub mod config;
pub mod csv;
pub mod dns;
pub mod domains;
pub mod enrich;
pub mod feeds;
pub mod files;
pub mod health;
pub mod heap;
#[expect(clippy::too_many_arguments, reason = "until its parameters are structs")]
pub mod http;
pub mod ingest;
pub mod insight;
pub mod jobs;
pub mod keys;
pub mod listeners;
pub mod metrics;
pub mod notify;
pub mod outbound;
pub mod page;
pub mod report;
#[expect(
    clippy::fn_params_excessive_bools,
    clippy::too_many_arguments,
    reason = "until its parameters are structs"
)]
pub mod store;
pub mod tally;
pub mod unpack;
