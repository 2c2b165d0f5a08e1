//! The API, over real HTTP.

mod app;
mod client;
mod connections;
mod contract;
mod domains;
mod export;
mod figures;
mod inbound;
mod isolation;
mod openapi;
mod quarantine;
mod reports;
mod sample;
mod service;
mod upload;

use app::NOW;
pub use app::TestApp;
pub use client::{Answer, Ask};
pub use sample::{FAIL, PASS, Row, Sample};
