//! Places that we read: mailboxes over IMAP, Microsoft Graph and the Gmail API, buckets, Maildirs, folders, files, mbox. A message is moved, marked or renamed only
//! after its commit.

pub mod bearer;
pub mod files;
pub mod gmail;
pub mod graph;
pub mod imap;
pub mod maildir;
pub mod mbox;
pub mod oauth;
mod outcome;
mod places;
mod put_off;
pub(crate) mod reading;
pub mod s3;
mod shelf;
pub mod watched;
