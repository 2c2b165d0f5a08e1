//! Bytes -> report texts, bounded. Pure: no I/O, no async, no clock.
//!
//! [`unpack`] walks one message (or one bare file) to its leaves, through MIME parts, forwarded mails, gzip, zip and
//! base64, and shows every text that may be a report to a visitor, as a stream. What a leaf is, its bytes
//! decide. Everything nested draws on one budget, see [`Limits`].

mod budget;
mod charset;
mod claim;
mod classify;
mod failure;
mod fields;
mod gzip;
mod label;
mod limits;
mod mail;
pub mod mbox;
mod problem;
mod rescue;
mod sniff;
mod text;
mod tls_fields;
mod transfer;
mod walk;
mod zip;

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod claim_tests;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod testdata;
#[cfg(test)]
mod tests;

pub use claim::Context;
pub use failure::{FailureForm, FailureParts};
pub use gzip::gunzip;
pub use limits::Limits;
pub use problem::{Damage, Other, Problem, ReadStopped, Reason, reason_of};
pub use text::{ReportText, TextKind, TextReader};
pub use tls_fields::TlsFields;

use budget::Budget;
use claim::Claim;
use text::Content;
use walk::{Leaf, Place, Walk};

/// What one message held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// How many texts were visited.
    pub texts: usize,
    /// Leaves that gave no text though they should have, in the order of the message. The fate of a visited text is
    /// not in here, its reader tells it; but a limit of the whole message is, wherever it was noticed first, if anything was
    /// left unread.
    pub problems: Vec<Problem>,
    /// What the message is, if no text was visited.
    pub other: Option<Other>,
    /// What the message is if no text that was visited is a report.
    pub kind: Other,
    /// The failure report in it, if it is one. What else is in the mail was walked through all the same.
    pub failure: Option<FailureParts>,
}

/// As [`unpack_as`], of a file that was handed in as a report, with no limits but these and time.
pub fn unpack(
    message: &[u8],
    limits: &Limits,
    stop: &dyn Fn() -> bool,
    visit: &mut dyn FnMut(ReportText<'_>),
) -> Unpacked {
    unpack_as(
        Context::File,
        message,
        limits,
        &crate::base::budget::Budget::of_time(&|_| stop()),
        visit,
    )
}

/// Whether a message says anywhere, as far as it is not packed, that there is a report in it. Linear.
pub fn says_report(message: &[u8]) -> bool {
    claim::is_stated_anywhere(message)
}

/// Shows every text of a message that may be a report to `visit`, in the order of the message.
///
/// A text is shown if it has a `feedback` element in its first 64 KiB, or is XML and its name or type is of a kind that
/// reports come in, or is JSON with the members of a TLS report; whether it truly is one, the parser decides. `message` may also be a bare file: XML, gzip, zip, or
/// base64 of one. What gives no text is a problem only if something says that it is a report (`claim.rs`).
///
/// The budget is asked before each part and at least once for each 64 KiB that are unpacked. Once a limit of it is
/// exceeded, by unpacking or by the visitor, everything ends with [`Reason::TooSlow`] or [`Reason::Budget`]. Never panics,
/// and needs less than 256 KiB of stack.
pub fn unpack_as(
    context: Context,
    message: &[u8],
    limits: &Limits,
    cost: &crate::base::budget::Budget<'_>,
    visit: &mut dyn FnMut(ReportText<'_>),
) -> Unpacked {
    let budget = Budget::new(limits, cost);
    let mut walk = Walk::new(&budget, context, visit);
    let place = Place {
        offset: Some(0),
        ..Place::default()
    };
    let head = &message[..message.len().min(sniff::HEAD_BYTES_MAX)];
    let is_text = sniff::format(head) == sniff::Format::Text && !sniff::is_xml_start(head);
    let is_mail = is_text && (context == Context::Mailbox || sniff::is_mail(head));
    if message.trim_ascii().is_empty() {
        if context != Context::Mailbox {
            walk.problem("message", place, Reason::Empty, "");
        }
    } else if is_mail {
        walk.mail(message, "", place);
        walk.rescue(message);
    } else {
        walk.leaf(&Leaf {
            content: Content::Plain(message),
            path: "file",
            name: None,
            hint: None,
            media_type: "",
            claim: match context {
                Context::Mailbox => Claim::Possible,
                Context::File | Context::ReportAddress | Context::Post => Claim::Stated,
            },
            place,
        });
        walk.rescue(message);
    }
    walk.conclude(message);
    if let Some(reason) = budget
        .spent()
        .filter(|spent| walk.problems.iter().all(|problem| problem.reason != *spent))
    {
        walk.problem("message", place, reason, "not everything was looked at");
    }
    let kind = if is_mail { Other::Mail } else { Other::NotMail };
    Unpacked {
        texts: walk.texts,
        other: (walk.texts == 0).then(|| walk.evidence.conclude().unwrap_or(kind)),
        kind: walk.evidence.conclude().unwrap_or(kind),
        failure: walk.failure.finish(is_mail.then_some(message)),
        problems: walk.problems,
    }
}
