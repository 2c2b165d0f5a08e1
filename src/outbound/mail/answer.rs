//! What comes of handing a mail over.

use std::time::Duration;

use crate::outbound::tls::TlsError;

/// From this code on a refusal is for ever (RFC 5321, 4.2.1).
const FOR_EVER: u16 = 500;
/// Mailboxes that do not exist, or take no mail any more (RFC 3463, 3.2 and 3.3; RFC 7505, 4).
const NO_MAILBOX: [&str; 6] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];
/// Codes that say the same where the server has no finer ones.
const NO_MAILBOX_BARE: [u16; 3] = [550, 551, 553];
/// The sender's address is refused (RFC 3463, 3.2).
const BAD_SENDER: [&str; 2] = ["5.1.7", "5.1.8"];
/// The server wants another sign-in.
const SIGN_IN: [u16; 2] = [530, 535];

/// The answer of the server that took a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its code (RFC 5321, 4.2).
    pub code: u16,
    pub text: String,
}

/// Why a mail was not taken. Only [`MailError::NoMailbox`] and [`MailError::Refused`] are about the recipient or the mail; all others
/// are about this installation and its server.
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
    /// The server does not speak SMTP as it should.
    #[error("the mail server said what is not understood: {0}")]
    Odd(String),
    #[error("the mail server refused to let this program sign in: {0}")]
    SignIn(String),
    /// The server does not take mail from `outbound.mail.from`, or none at all.
    #[error("the mail server refused outbound.mail.from: {0}")]
    Sender(String),
    /// The server does not let this installation send to any recipient.
    #[error("the mail server does not let this program send: {0}")]
    Denied(String),
    /// There is no such recipient, and will not be.
    #[error("the mail server refused the recipient: {text}")]
    NoMailbox { code: u16, text: String },
    /// The recipient or the mail was refused.
    #[error("the mail server refused the mail: {text}")]
    Refused { code: u16, text: String },
    #[error("the mail server did not answer within {} s", .0.as_secs())]
    Late(Duration),
    /// All was sent, and no answer came: the server may have taken the mail.
    #[error("the mail server did not say whether it took the mail")]
    Unanswered,
}

/// What the server was told when it refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Recipient,
    Content,
}

impl MailError {
    /// What a code other than 421 means. Servers refuse senders and programs, too, only when they hear the recipient. `said` is what
    /// came after the code, `text` is for people.
    pub(super) fn of_refusal(step: Step, (code, said): (u16, &str), text: String) -> Self {
        let finer = said.split_whitespace().next().filter(|word| is_finer(word));
        let is_denied = match finer {
            Some(finer) => finer.starts_with("5.7.") || BAD_SENDER.contains(&finer),
            None => false,
        };
        let is_no_mailbox = match finer {
            Some(finer) => NO_MAILBOX.contains(&finer),
            None => NO_MAILBOX_BARE.contains(&code),
        };
        match step {
            _ if SIGN_IN.contains(&code) => Self::Denied(text),
            Step::Recipient if code >= FOR_EVER && is_denied => Self::Denied(text),
            Step::Recipient if code >= FOR_EVER && is_no_mailbox => Self::NoMailbox { code, text },
            Step::Recipient | Step::Content => Self::Refused { code, text },
        }
    }
}

/// Whether a word is an enhanced code (RFC 2034, 4).
fn is_finer(word: &str) -> bool {
    let mut numbers = 0;
    word.split('.').all(|number| {
        numbers += 1;
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    }) && numbers == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_mailbox_is_for_ever() {
        use Step::{Content, Recipient};
        for (step, code, said, expect) in [
            (Recipient, 550, "5.1.1 no such user", "no mailbox"),
            (Recipient, 550, "5.1.10 null MX", "no mailbox"),
            (Recipient, 554, "5.2.1 disabled", "no mailbox"),
            (Recipient, 550, "no such user", "no mailbox"),
            (Recipient, 553, "", "no mailbox"),
            (Recipient, 554, "no", "refused"),
            (Recipient, 552, "5.2.2 full", "refused"),
            (Recipient, 450, "4.2.0 later", "refused"),
            (Recipient, 554, "5.7.1 relay access denied", "denied"),
            (Recipient, 550, "5.7.1 sender rejected", "denied"),
            (Recipient, 550, "5.1.8 sender's domain", "denied"),
            (Recipient, 530, "5.7.0 authenticate first", "denied"),
            (Recipient, 535, "who?", "denied"),
            (Content, 550, "5.1.1 no such user", "refused"),
            (Content, 550, "spam", "refused"),
            (Content, 554, "5.7.1 spam", "refused"),
        ] {
            let found = match MailError::of_refusal(step, (code, said), String::new()) {
                MailError::NoMailbox { .. } => "no mailbox",
                MailError::Refused { .. } => "refused",
                MailError::Denied(_) => "denied",
                other => panic!("{other}"),
            };
            assert_eq!(found, expect, "{step:?} {code} {said}");
        }
    }
}
