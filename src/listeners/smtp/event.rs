//! What a session asks of its driver, and what it is told.

use std::time::Duration;

use super::command::{Mail, Mailbox};
use crate::ingest::Belonging;

/// What the driver has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Send the output and read on.
    Read,
    /// Whether a message of this size may begin. Call [`super::Engine::answer_sender`].
    Sender {
        /// As declared (RFC 1870); `None` if nothing was.
        size: Option<u64>,
    },
    /// The owner of this recipient is needed. Call [`super::Engine::answer_recipient`].
    Recipient(Mailbox),
    /// Take [`super::Engine::body`], then step on. Call [`super::Engine::refuse_body`] if it cannot be kept.
    Body,
    /// The message was refused at its end: throw away what was given of it.
    Discard,
    /// The message is whole, and all of it was given. Call [`super::Engine::answer_message`].
    Message,
    /// Do nothing for this time, then step on.
    Pause(Duration),
    /// Send the output, do the handshake (nothing read before belongs to it), call [`super::Engine::secured`].
    StartTls,
    /// Send the output and close.
    Close,
}

/// Whether there is room for another message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// Yes.
    Free,
    /// Memory or disk is short.
    Short,
}

/// What a recipient means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientAnswer {
    /// Mail to it is kept for all of these.
    Accepted(Vec<Belonging>),
    /// The domain is ours, the mailbox is not.
    UnknownUser,
    /// The domain is not ours.
    Foreign,
    /// It cannot be looked up now.
    Unavailable,
    /// It should be there, but the account that the configuration names is not.
    NotConfigured,
}

/// What is between the peer and us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Nothing.
    Plain,
    /// TLS, by STARTTLS.
    Tls,
}

/// A message's envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The sender and what was said of the message.
    pub mail: Mail,
    /// Those that were accepted, in the order in which they were given.
    pub recipients: Vec<Recipient>,
}

/// A recipient that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// As the peer wrote it.
    pub mailbox: Mailbox,
    /// Whose its mail is.
    pub targets: Vec<Belonging>,
}
