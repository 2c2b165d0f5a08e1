//! The API. The only room with axum.
//!
//! [`routes()`] lists every route with its permission; a request passes through [`request_scope`] (request id, panics,
//! counting), [`gate`] (key, permission, rate, body) and one handler, which extracts, asks the store once and
//! answers a type of [`crate::api`].

mod api_keys;
mod arrivals;
mod attention;
mod breakdown;
mod client;
mod config;
mod decisions;
mod doc;
mod domain_body;
mod domain_input;
mod domains;
mod entry;
mod error;
mod example;
mod export;
mod export_csv;
mod export_json;
mod fields;
mod figures;
mod gate;
mod idempotency;
mod in_flight;
mod inbound;
mod json;
mod kept;
mod key_uses;
mod line;
mod listing;
mod openapi;
mod overview;
mod owned;
mod paced;
mod paging;
mod places;
mod quarantine;
mod range;
mod rate;
mod receive;
mod records;
mod refused;
mod report_record;
mod reports;
mod request_scope;
mod result_filter;
mod routes;
mod seats;
mod senders;
mod serve;
mod service;
mod shares;
mod source;
mod standing;
mod state;
mod sums;
mod tables;
mod trust;
mod upload;
mod webhooks;

pub use client::{Peer, SignedIn};
pub use config::{HttpConfig, MetricsAccess};
pub use entry::{Access, Body, Cost, Route};
pub use error::ApiError;
pub use idempotency::forgotten;
pub use line::Line;
pub use rate::{Allowance, Bucket, Rate, RateLimiter};
pub use routes::{openapi_text as openapi, router, routes, service_router};
pub use seats::ConnectionLimits;
pub use serve::{serve, serve_within};
pub use state::AppState;
