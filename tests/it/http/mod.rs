//! The API, over real HTTP.

mod app;
pub mod client;
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

use app::{NOW, TestApp};
use client::{Answer, Ask};
use sample::{FAIL, PASS, Sample};
