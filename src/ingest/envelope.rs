//! What the transport knows of a message apart from its bytes.

use std::net::IpAddr;

use crate::store::{PeerTls, Provenance};

/// RFC 5321, 4.5.3.1: a path is up to 256 octets. Longer texts are cut, because they are only shown.
const TEXT_BYTES_MAX: usize = 256;

/// Who brought a message, and in whose name (RFC 5321). Origins without a peer, such as files, have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The other end of the connection; behind a proxy, the address that the proxy names.
    pub peer: IpAddr,
    /// Whether the message is the peer's own: not if it is a server of ours that hands on what others have sent. Then SPF
    /// (RFC 7208, 2.3) has nothing to go by.
    pub is_from_peer: bool,
    /// The argument of HELO, EHLO or LHLO.
    pub helo: String,
    /// MAIL FROM without the angle brackets; empty for the null sender.
    pub mail_from: String,
    /// `None`: in plain.
    pub tls: Option<PeerTls>,
    /// Our name for the message, as in the reply and the log.
    pub queue_id: String,
}

impl Envelope {
    /// The envelope of a mail that was checked before; `None` if no peer delivered it.
    pub(super) fn from_facts(mail: &Provenance) -> Option<Self> {
        let peer = mail.peer?;
        Some(Self {
            peer,
            is_from_peer: !mail.relayed,
            helo: mail.helo.clone(),
            mail_from: mail.mail_from.clone(),
            tls: mail.tls.clone(),
            queue_id: mail.queue_id.clone(),
        })
    }

    /// The facts, before anything has been checked.
    pub(super) fn facts(&self) -> Provenance {
        let text = |text: &str| text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned();
        Provenance {
            peer: Some(self.peer.to_canonical()),
            helo: text(&self.helo),
            mail_from: text(&self.mail_from),
            tls: self.tls.clone(),
            relayed: !self.is_from_peer,
            queue_id: text(&self.queue_id),
            ..Provenance::fetched()
        }
    }

    /// The facts, and why there is no more: a stable word.
    pub(super) fn unchecked(&self, why: &str) -> Provenance {
        Provenance {
            unchecked: Some(why.to_owned()),
            ..self.facts()
        }
    }
}
