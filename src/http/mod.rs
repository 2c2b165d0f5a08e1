//! The API. The only room with axum.
//!
//! [`routes()`] lists every route with its permission; a request passes through [`envelope`] (request id, panics,
//! counting), [`gate`] (key, permission, rate, body) and one handler, which extracts, asks the store once and
//! answers a DTO. DTOs live beside their handler.

mod api_keys;
mod arrivals;
mod attention;
mod breakdown;
mod domain_body;
mod domain_input;
mod domains;
mod entry;
mod envelope;
mod error;
mod export;
mod export_csv;
mod export_json;
mod fields;
mod figures;
mod gate;
mod idempotency;
mod inbound;
mod json;
mod key_uses;
mod openapi;
mod overview;
mod owned;
mod paging;
mod quarantine;
mod range;
mod rate;
mod records;
mod reports;
mod routes;
mod schema;
mod serve;
mod service;
mod source;
mod state;
mod trust;
mod upload;

pub use error::{ApiError, FieldError};
pub use gate::{Peer, SignedIn};
pub use idempotency::forgotten;
pub use openapi::openapi;
pub use rate::{Allowance, Bucket, Rate, RateLimiter};
pub use routes::{Access, Body, Route, router, routes, service_router};
pub use serve::serve;
pub use state::{AppState, HttpConfig, MetricsAccess};
