//! Places that we read: mailboxes over IMAP, Maildirs, folders, files, mbox. A message is moved, marked or renamed only
//! after its commit.

pub mod files;
pub mod imap;
pub mod maildir;
pub mod mbox;
mod outcome;
mod places;
pub(crate) mod reading;
pub mod watched;
