//! The API, over real HTTP.

mod api_keys;
mod app;
mod client;
mod connections;
mod contract;
mod domains;
mod export;
mod figures;
mod idempotency;
mod isolation;
mod openapi;
mod patch;
mod quarantine;
mod reports;
mod sample;
mod service;
mod upload;

use app::{NOW, TestApp};
pub use client::Ask;
use client::Answer;
use sample::{FAIL, PASS, Sample};
