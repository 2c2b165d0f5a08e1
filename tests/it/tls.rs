//! SMTP TLS reports (RFC 8460): how they are read, counted and answered.

mod fixtures;
mod http;
mod replay;
mod store;
