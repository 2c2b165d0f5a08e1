//! Results of unpacking apart from the texts: why a leaf has none, what was damaged, which kind of mail it was.

use crate::base::budget::Breach;
use std::borrow::Cow;
use std::io;

/// A leaf that gave no text, and why. Texts that were visited are not in here: their reader told the visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the message, as [`super::ReportText::leaf`].
    pub leaf: Box<str>,
    pub reason: Reason,
    /// What was found: the name of a format or a limit. Human-readable, safe to print, at most 200 bytes.
    pub detail: Box<str>,
    /// Byte offset in the message, where one is known.
    pub offset: Option<u64>,
}

/// Why a leaf gave no text; [`Reason::word`] is stable in the database and the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Too many parts, multiparts or mails inside each other, or too long a header.
    MimeTooComplex,
    /// Too many files in archives, or archives inside each other.
    ArchiveTooComplex,
    /// More bytes after inflation than allowed.
    TooLarge,
    /// The caller's clock ran out.
    TooSlow,
    /// Nothing in it.
    Empty,
    /// A password would be needed.
    EncryptedArchive,
    /// A known format that is not unpacked; the detail names it.
    UnsupportedFormat,
    /// An archive whose structure cannot be read.
    ArchiveDamaged,
    /// It claims to be a report by its name or type, and holds something else; the detail names it.
    NotAReport,
    /// A limit of the whole message other than time was exceeded.
    Budget(Breach),
}

impl From<Breach> for Reason {
    fn from(breach: Breach) -> Self {
        match breach {
            Breach::TooSlow => Self::TooSlow,
            other => Self::Budget(other),
        }
    }
}

impl Reason {
    /// Whether nothing more of the message is looked at.
    pub(super) const fn ends_all(self) -> bool {
        matches!(self, Self::TooSlow | Self::Budget(_))
    }

    /// The stable word for this reason.
    pub const fn word(self) -> &'static str {
        match self {
            Self::MimeTooComplex => "mime_too_complex",
            Self::ArchiveTooComplex => "archive_too_complex",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Empty => "empty",
            Self::EncryptedArchive => "encrypted_archive",
            Self::UnsupportedFormat => "unsupported_format",
            Self::ArchiveDamaged => "archive_damaged",
            Self::NotAReport => "not_a_report",
            Self::Budget(breach) => breach.word(),
        }
    }
}

impl Reason {
    /// What to say where nothing more is known.
    pub(super) fn sentence(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::MimeTooComplex => "it has more parts, or deeper nested parts, than are read",
            Self::ArchiveTooComplex => "it has more files, or deeper nested archives, than are read",
            Self::TooLarge => "it unpacks to more bytes than are read",
            Self::TooSlow => "reading it took too long",
            Self::Empty => "there is nothing in it",
            Self::EncryptedArchive => "it is encrypted, and could not be opened",
            Self::UnsupportedFormat => "it is in a format that is not unpacked",
            Self::ArchiveDamaged => "the archive is damaged, and nothing could be unpacked",
            Self::NotAReport => "it holds no report",
            Self::Budget(breach) => return Cow::Owned(breach.to_string()),
        })
    }
}

/// What was wrong with the archive around a text; what could be read was given all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Damage {
    /// The compressed data break off.
    Truncated,
    /// The compressed data are not valid from some point on.
    Corrupt,
    /// Everything could be inflated, but checksum or length differ.
    Checksum,
}

impl Damage {
    /// The stable word for this damage.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt",
            Self::Checksum => "checksum",
        }
    }
}

/// What a message without an aggregate report is. Classified by content, not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Other {
    /// SMTP TLS report (RFC 8460).
    TlsReport,
    /// DMARC failure report (RFC 9991), in ARF or as plain text.
    FailureReport,
    /// ARF about something else (RFC 5965): abuse, fraud.
    AbuseReport,
    /// Delivery status notification.
    Bounce,
    /// Vacation notice, read receipt.
    AutoReply,
    /// Any other mail.
    Mail,
    /// No mail at all.
    NotMail,
}

impl Other {
    /// The stable word for this kind.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TlsReport => "tls_report",
            Self::FailureReport => "failure_report",
            Self::AbuseReport => "abuse_report",
            Self::Bounce => "bounce",
            Self::AutoReply => "auto_reply",
            Self::Mail => "mail",
            Self::NotMail => "not_mail",
        }
    }
}

/// The error inside the [`io::Error`] of a text's reader: [`Reason::TooLarge`], [`Reason::TooSlow`] or [`Reason::Budget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("reading was stopped: {}", .0.word())]
pub struct ReadStopped(pub Reason);

/// Why a text's reader failed; `None` if the error is not from it.
pub fn reason_of(error: &io::Error) -> Option<Reason> {
    error.get_ref()?.downcast_ref::<ReadStopped>().map(|stopped| stopped.0)
}

impl From<ReadStopped> for io::Error {
    fn from(stopped: ReadStopped) -> Self {
        Self::other(stopped)
    }
}
