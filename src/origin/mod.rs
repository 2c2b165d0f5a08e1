//! How messages reach us. Each origin ends in `intake.submit(raw).await`, and says that it has a message only
//! after that came back.

mod connect;
pub mod files;
pub mod imap;
pub mod maildir;
pub mod mbox;
mod places;
pub mod smtp;
pub mod sources;
mod watched;
