//! Links in mail that do something for who has them: agree to mail, or end it. A link is what it does, encrypted and authenticated
//! with the master key (AES-256-GCM), so that only this installation can make one, change one, or read an account out of it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::targets::{Targets, TargetsError};
use crate::base::{AccountId, Millis};
use crate::store::Reader;

/// What links are bound to when they are encrypted.
const PLACE: &str = "links in mail";
/// Longest text that is looked at. Ours are far shorter.
const TOKEN_BYTES_MAX: usize = 512;
/// How long a question can be answered.
const QUESTION_VALID: Millis = 7 * 86_400_000;

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// The owner of an address agrees to mail of an account, until an instant.
    Agree {
        account: AccountId,
        reader: Reader,
        until: Millis,
    },
    /// They want no more mail of an account.
    Leave { account: AccountId, reader: Reader },
    /// They want never to be asked again, either.
    Never { account: AccountId, reader: Reader },
}

impl Link {
    pub fn agree(account: AccountId, reader: Reader, now: Millis) -> Self {
        let until = now.saturating_add(QUESTION_VALID);
        Self::Agree { account, reader, until }
    }

    fn write(self) -> Vec<u8> {
        let (kind, account, number, reader) = match self {
            Self::Agree { account, reader, until } => (b'a', account, until, reader),
            Self::Leave { account, reader } => (b'l', account, 0, reader),
            Self::Never { account, reader } => (b'n', account, 0, reader),
        };
        [&[kind], &account.0.to_be_bytes()[..], &number.to_be_bytes(), &reader.0].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (account, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (account, number) = (AccountId(i64::from_be_bytes(*account)), i64::from_be_bytes(*number));
        let reader = Reader(rest.try_into().ok()?);
        match kind {
            b'a' => Some(Self::Agree {
                account,
                reader,
                until: number,
            }),
            b'l' => Some(Self::Leave { account, reader }),
            b'n' => Some(Self::Never { account, reader }),
            _ => None,
        }
    }
}

impl Targets {
    /// The end of the URL of a link.
    pub(super) fn link_token(&self, link: Link) -> Result<String, TargetsError> {
        let sealed = self.domains().seal(PLACE, &link.write())?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What a link does; `None` for a text that this installation did not make.
    pub(super) fn link_of(&self, token: &str) -> Option<Link> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        Link::read(&self.domains().open(PLACE, &sealed).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_as_it_was_written() {
        let (account, reader) = (AccountId(7), Reader([3; 32]));
        let leave = Link::Leave { account, reader };
        for link in [Link::agree(account, reader, 1_000), leave] {
            let written = link.write();
            assert_eq!(Link::read(&written), Some(link));
            for len in 0..written.len() {
                assert_eq!(Link::read(&written[..len]), None);
            }
            assert_eq!(Link::read(&[&written[..], &[0]].concat()), None);
        }
        assert_eq!(Link::read(&[b'x'; 49]), None);
    }
}
