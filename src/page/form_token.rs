//! The token that shows that a form is one of ours.
//!
//! Pages are compressed, and some repeat text from their address. A token that was the same on each of them could be guessed,
//! part by part, from their lengths. So each form has it behind a mask of its own.

use sha2::{Digest as _, Sha256};

use crate::keys::same_hash;

const BYTES: usize = 32;

/// The token of a session.
#[derive(Debug, Clone)]
pub(super) struct FormToken([u8; BYTES]);

impl FormToken {
    /// Derives it from the session's own token, which it does not tell.
    pub fn of_session(token: &str) -> Self {
        Self(Sha256::digest(format!("form {token}").as_bytes()).into())
    }

    /// The token for one form: a random mask, then the token under it, as hex digits.
    pub fn masked(&self) -> String {
        let mut mask = [0; BYTES];
        if getrandom::fill(&mut mask).is_err() {
            tracing::error!("the system gives no random bytes: forms are sent without a mask");
        }
        self.under(mask)
    }

    fn under(&self, mask: [u8; BYTES]) -> String {
        let mut bytes = [0; 2 * BYTES];
        bytes[..BYTES].copy_from_slice(&mask);
        bytes[BYTES..].copy_from_slice(&mixed(mask, &self.0));
        hex::encode(bytes)
    }

    /// Whether a form has this token, under any mask.
    pub fn is(&self, sent: &str) -> bool {
        let mut bytes = [0; 2 * BYTES];
        if hex::decode_to_slice(sent, &mut bytes).is_err() {
            return false;
        }
        let (mask, masked) = bytes.split_at(BYTES);
        let mask: [u8; BYTES] = mask.try_into().expect("half of the bytes");
        same_hash(&mixed(mask, masked), &self.0)
    }
}

fn mixed(mut mask: [u8; BYTES], with: &[u8]) -> [u8; BYTES] {
    mask.iter_mut().zip(with).for_each(|(mask, byte)| *mask ^= byte);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_another_text_and_the_same_token() {
        let (token, other) = (FormToken::of_session("a"), FormToken::of_session("b"));
        let texts: Vec<_> = (0..10).map(|_| token.masked()).collect();
        for (nth, text) in texts.iter().enumerate() {
            assert!(token.is(text) && !other.is(text), "{text}");
            assert!(!texts[..nth].contains(text), "{text}");
            // Neither half is the token itself.
            assert!(!text.contains(&hex::encode(token.0)));
        }
        for wrong in ["", "00", &"0".repeat(128), &"zz".repeat(64), &hex::encode(token.0)] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert!(token.is(&token.under([0; BYTES])));
    }
}
