//! What comes of handing a mail over.

use std::time::Duration;

use crate::outbound::tls::TlsError;

/// From this code on a refusal is for ever (RFC 5321, 4.2.1).
const FOR_EVER: u16 = 500;

/// The answer of the server that took a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its code (RFC 5321, 4.2).
    pub code: u16,
    pub text: String,
}

/// Why a mail was not taken. Only [`MailError::Refused`] is about the recipient or the mail; all others are about this
/// installation and its server.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The file with the password cannot be used.
    #[error("outbound.mail.password_file: {0}")]
    Password(String),
    #[error("the mail server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the mail server: {0}")]
    Tls(#[from] TlsError),
    /// Nothing was said but the name of this host.
    #[error("the mail server offers no TLS, and outbound.mail.tls asks for it")]
    NoTls,
    /// Nothing was sent.
    #[error("the domain of outbound.mail.from has tls_mode enforced, and outbound.mail.tls is plain")]
    Unprotected,
    /// The server speaks otherwise than a mail server does.
    #[error("the mail server said what is not understood: {0}")]
    Odd(String),
    #[error("the mail server refused to let this program sign in: {0}")]
    SignIn(String),
    /// The server does not take mail from `outbound.mail.from`, or none at all.
    #[error("the mail server refused outbound.mail.from: {0}")]
    Sender(String),
    /// The recipient or the mail was refused: for now with a code below 500, for ever from 500 on.
    #[error("the mail server refused the mail: {text}")]
    Refused { code: u16, text: String },
    #[error("the mail server did not answer within {} s", .0.as_secs())]
    Late(Duration),
}

impl MailError {
    /// Whether the server said that it will never take this mail.
    pub fn is_for_ever(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if *code >= FOR_EVER)
    }
}
