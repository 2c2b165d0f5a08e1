//! The API, over real HTTP.

mod api_keys;
mod app;
pub mod client;
mod connections;
mod contract;
mod csv_lists;
mod decisions;
mod domains;
mod export;
mod figures;
mod greedy;
mod hand_in;
mod idempotency;
mod inbound;
mod isolation;
mod lists;
mod openapi;
mod overview;
mod own_networks;
mod patch;
mod policies;
pub mod posts;
mod quarantine;
mod readiness;
mod reports;
mod sample;
pub mod senders;
mod service;
mod simulate;
mod trust;
mod upload;
mod webhooks;

pub use app::NOW;
pub use app::{TestApp, outbound};
pub use client::{Answer, Ask};
pub use sample::{FAIL, PASS, Row, Sample, form, tls_report};
