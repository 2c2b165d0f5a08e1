//! The API. The only room with axum.
//!
//! [`routes()`] lists every route with its permission; a request passes through [`envelope`] (request id, panics,
//! counting), [`gate`] (key, permission, rate, body) and one handler, which extracts, asks the store once and
//! answers a type of [`crate::api`].

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
mod openapi;
mod overview;
mod owned;
mod paced;
mod paging;
mod quarantine;
mod range;
mod rate;
mod receive;
mod records;
mod refused;
mod report_record;
mod reports;
mod routes;
mod seats;
mod serve;
mod service;
mod shares;
mod source;
mod standing;
mod state;
mod trust;
mod upload;
#[cfg(test)]
mod words_tests;

pub use entry::{Access, Body, Cost, Route};
pub use error::{ApiError, FieldError};
pub use gate::{Peer, SignedIn};
pub use idempotency::forgotten;
pub use openapi::openapi;
pub use rate::{Allowance, Bucket, Rate, RateLimiter};
pub use routes::{router, routes, service_router};
pub use seats::ConnectionLimits;
pub use serve::{serve, serve_within};
pub use state::{AppState, HttpConfig, MetricsAccess};
