//! What a report *is*, one folder per kind. Pure: no I/O beyond the reader that a parser is handed, no async, no clock.

pub mod aggregate;
mod encoder;
pub mod failure;
pub mod tls;
