//! SMTP TLS reports (RFC 8460): how they are read, counted and answered.

mod corpus;
mod fixtures;
mod http;
mod replay;
mod rereads;
mod store;
