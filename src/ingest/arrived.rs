//! A message as it comes in.

use std::time::Duration;

use super::envelope::Envelope;
use crate::base::{Millis, SetAsideId};
use crate::store::{Belonging, Problem, Provenance};
use crate::unpack::Context;

/// One message as received.
#[derive(Debug, Clone)]
pub struct RawMessage {
    pub bytes: Vec<u8>,
    pub received_at: Millis,
    /// Human-readable origin: a path or a peer. At most 512 bytes are kept.
    pub origin: String,
    pub belonging: Belonging,
    /// The envelope, if a peer delivered the message. Its sender is then authenticated.
    pub envelope: Option<Envelope>,
}

/// A message, and what is known of it apart from its bytes.
pub(super) struct Arrived {
    pub raw: RawMessage,
    pub provenance: Option<Provenance>,
    pub how: How,
    /// Processor time that was spent on it, of what one message may take.
    pub spent: Duration,
}

/// What is done with a message.
pub(super) enum How {
    /// It is read, and kept in any case.
    Keep(Context),
    /// It is read; if there is no report in it, it stays where it is, and nothing is kept of it here.
    KeepReports(Context),
    /// It is not read but set aside with this reason: its bytes are only a note about it.
    SetAside(Problem),
    /// It was set aside before, and a person wants it read again.
    Replay(SetAsideId),
    /// It was set aside before, and the program reads it again by itself.
    Reread(SetAsideId),
}
