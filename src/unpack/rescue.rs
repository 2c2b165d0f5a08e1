//! What is packed in a mail whose structure is broken.

use super::claim::{Claim, Subject};
use super::problem::{Other, Problem, Reason};
use super::sniff;
use super::text::Content;
use super::transfer;
use super::walk::{Leaf, Place, Walk};

impl Walk<'_, '_> {
    /// The last resort for a mail in which nothing was found: compressed data and XML in base64 can be told by their
    /// first characters wherever they stand. Two real mails of Microsoft (March 2024) need it in other parsers.
    pub fn rescue(&mut self, message: &[u8]) {
        const TRIES_MAX: usize = 4;
        let soft = |problem: &Problem| {
            matches!(
                problem.reason,
                Reason::NotAReport | Reason::Empty | Reason::ArchiveDamaged
            )
        };
        let known = matches!(self.evidence.conclude(), Some(other) if other != Other::AutoReply);
        if self.texts > 0 || self.is_halted() || known || !self.problems.iter().all(soft) {
            return;
        }
        let problems = std::mem::take(&mut self.problems);
        for at in base64_blocks(message).take(TRIES_MAX) {
            let block = base64_block(&message[at..]);
            // The budget's own reason is told when the message is done.
            let Ok(_held) = self.budget.hold(transfer::base64_bytes(block.len())) else {
                break;
            };
            let decoded = transfer::base64(block);
            self.leaf(&Leaf {
                content: Content::Plain(&decoded),
                path: "base64 in the message",
                name: None,
                hint: None,
                media_type: "",
                // It was put there to be found, and no name says what it is.
                claim: Claim::Possible,
                place: Place {
                    is_stated: self.subject != Subject::Nothing,
                    offset: Some(at as u64),
                    ..Place::default()
                },
            });
        }
        // What was found now is what the earlier problems were about; and if nothing was, they say it better.
        if self.texts == 0 && !self.is_halted() {
            self.problems = problems;
        }
    }
}

/// Where lines begin like base64 of something worth a try.
fn base64_blocks(message: &[u8]) -> impl Iterator<Item = usize> {
    let starts = |line: &[u8]| sniff::BASE64_STARTS.iter().any(|start| line.starts_with(start));
    let first = starts(message).then_some(0);
    first.into_iter().chain(
        memchr::memchr_iter(b'\n', message)
            .map(|at| at + 1)
            .filter(move |&at| starts(&message[at..])),
    )
}

/// The lines up to an empty one or a boundary.
fn base64_block(text: &[u8]) -> &[u8] {
    let mut end = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if line.trim_ascii().is_empty() || line.starts_with(b"--") {
            break;
        }
        end += line.len();
    }
    &text[..end]
}
