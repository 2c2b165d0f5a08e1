//! How messages reach us. Each origin ends in `intake.submit(raw).await`, and says that it has a message only
//! after that came back.

pub mod files;
pub mod mbox;
pub mod smtp;
