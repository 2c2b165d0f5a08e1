//! The secrets that clients show: how they are made, recognised and kept.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base::Mode;

/// The whole text of an API key: `sk_live_` or `sk_test_` and 43 characters of `0-9A-Za-z`, 256 bits of chance.
///
/// It is shown once, when it is made; what is kept is [`ApiSecret::hash`] and [`ApiSecret::prefix`].
#[derive(Clone, PartialEq, Eq)]
pub struct ApiSecret(String);

impl ApiSecret {
    /// Random bytes that a key is made of: more than it needs, because some are rejected to keep every character
    /// equally likely.
    pub const RANDOM_BYTES: usize = 96;
    const CHARACTERS: usize = 43;

    /// A key for accounts of this mode. `random` must come from the system's generator.
    pub fn generate(mode: Mode, random: &[u8; Self::RANDOM_BYTES]) -> Self {
        let mut text = String::with_capacity(8 + Self::CHARACTERS);
        text.push_str(mode_prefix(mode));
        // 248 is the largest multiple of 62 in a byte: larger bytes would favour the first letters.
        let fair = random.iter().filter(|&&byte| byte < 248).map(|byte| byte % 62);
        // Should more than half of the bytes be rejected (2^-150), the rest is drawn from a hash of them.
        let digest = Sha256::digest(random);
        let spare = digest.iter().chain(digest.iter()).map(|byte| byte % 62);
        text.extend(fair.chain(spare).take(Self::CHARACTERS).map(base62));
        Self(text)
    }

    /// The key in `text`; `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = Mode::ALL
            .iter()
            .find_map(|&mode| text.strip_prefix(mode_prefix(mode)))?;
        let fits = digits.len() == Self::CHARACTERS && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_owned()))
    }

    /// What the database holds in place of the key. A plain SHA-256 is enough: 256 random bits cannot be guessed.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The first 12 characters, to tell keys apart.
    pub fn prefix(&self) -> &str {
        &self.0[..12]
    }

    /// The whole key, to be shown to its owner once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Only the prefix: a key never reaches a log.
impl fmt::Debug for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiSecret({}...)", self.prefix())
    }
}

/// The end of the URL that TLS reports about a domain are posted to: 40 of `0-9a-f`, 160 bits of chance. A client that reads the
/// DNS of the domain knows it; it cannot be guessed before.
#[derive(Clone, PartialEq, Eq)]
pub struct PostToken(String);

impl PostToken {
    /// Random bytes that a token is made of.
    pub const RANDOM_BYTES: usize = 20;

    /// A token. `random` must come from the system's generator.
    pub fn generate(random: &[u8; Self::RANDOM_BYTES]) -> Self {
        Self(random.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What is shown in place of a token, whatever its form. It is looked up in the same way as a good one, so that the time of an
    /// answer says nothing about its form.
    pub fn of_request(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What the database holds in place of the token.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The whole token, to be shown to its owner once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Nothing of it: a token never reaches a log.
impl fmt::Debug for PostToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostToken(...)")
    }
}

/// Closes and opens what is kept of an answer: only who shows the same API key and the same name of the request again can
/// open it. So the answer that shows a secret can be given again, and the database alone gives nothing away.
pub struct AnswerSeal(RandomizedNonceKey);

impl AnswerSeal {
    /// The seal for a request with this key and this name. `None` if the library fails, which it does not.
    pub fn new(secret: &ApiSecret, name: &[u8]) -> Option<Self> {
        // The secret has 256 bits of chance: a hash of it is as good a key as any, and the name makes each its own.
        let mut hash = Sha256::new();
        hash.update(b"tallymark answer\0");
        hash.update(secret.0.as_bytes());
        hash.update(name);
        RandomizedNonceKey::new(&AES_256_GCM, &hash.finalize()).ok().map(Self)
    }

    /// The answer, closed: a nonce by chance, then what AES-256-GCM makes of it.
    pub fn close(&self, answer: &[u8]) -> Option<Vec<u8>> {
        let mut closed = answer.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::empty(), &mut closed).ok()?;
        Some([nonce.as_ref().as_slice(), &closed].concat())
    }

    /// The answer again; `None` if it was closed with something else.
    pub fn open(&self, closed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = closed.split_first_chunk::<NONCE_LEN>()?;
        let mut answer = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.0.open_in_place(nonce, Aad::empty(), &mut answer).ok()?.len();
        answer.truncate(length);
        Some(answer)
    }
}

/// Whether two hashes are equal. Takes the same time wherever they differ.
pub fn same_hash(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.ct_eq(right).into()
}

fn mode_prefix(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "sk_live_",
        Mode::Test => "sk_test_",
    }
}

fn base62(digit: u8) -> char {
    char::from(match digit {
        0..=9 => b'0' + digit,
        10..=35 => b'A' + digit - 10,
        _ => b'a' + digit - 36,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_documented_form_and_reads_back() {
        for (mode, random) in [(Mode::Live, [7; 96]), (Mode::Test, [255; 96]), (Mode::Live, [0; 96])] {
            let secret = ApiSecret::generate(mode, &random);
            assert_eq!(secret.reveal().len(), 51, "{secret:?}");
            assert_eq!(ApiSecret::parse(secret.reveal()), Some(secret));
        }
    }

    #[test]
    fn every_character_occurs_and_other_random_bytes_give_another_key() {
        let every: std::collections::BTreeSet<char> = (0..62).map(base62).collect();
        assert_eq!(every.len(), 62);
        assert!(every.iter().all(char::is_ascii_alphanumeric));
        let keys = [[1; 96], [2; 96]].map(|random| ApiSecret::generate(Mode::Live, &random));
        assert_ne!(keys[0].hash(), keys[1].hash());
    }

    #[test]
    fn invalid_keys_are_refused() {
        let good = format!("sk_live_{}", "a".repeat(43));
        assert!(ApiSecret::parse(&good).is_some());
        for bad in [
            "",
            "sk_live_",
            &good[..50],
            &format!("{good}a"),
            &good.replace("live", "demo"),
            &format!("sk_live_{}-", "a".repeat(42)),
            &format!("sk_live_{}é", "a".repeat(41)),
        ] {
            assert!(ApiSecret::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_opened_by_the_same_key_and_name_only() {
        let secrets = [[1; 96], [2; 96]].map(|random| ApiSecret::generate(Mode::Live, &random));
        let seal = |secret: usize, name: &str| AnswerSeal::new(&secrets[secret], name.as_bytes()).unwrap();
        let closed = seal(0, "a").close(b"a secret").unwrap();
        assert!(!closed.windows(6).any(|window| window == b"secret"));
        assert_eq!(seal(0, "a").open(&closed).as_deref(), Some(&b"a secret"[..]));
        for (other, closed) in [
            (seal(0, "b"), closed.clone()),
            (seal(1, "a"), closed.clone()),
            (seal(0, "a"), closed[..closed.len() - 1].to_vec()),
            (seal(0, "a"), vec![0; 5]),
        ] {
            assert_eq!(other.open(&closed), None);
        }
        assert_ne!(seal(0, "a").close(b"x"), seal(0, "a").close(b"x"));
    }

    #[test]
    fn a_token_for_posts_has_the_documented_form_and_is_not_shown() {
        let token = PostToken::generate(&[0xa5; 20]);
        assert_eq!(token.reveal(), "a5".repeat(20));
        assert_eq!(PostToken::of_request(token.reveal()).hash(), token.hash());
        assert_ne!(PostToken::generate(&[0xa6; 20]).hash(), token.hash());
        assert_eq!(format!("{token:?}"), "PostToken(...)");
    }

    #[test]
    fn debug_shows_the_prefix_only() {
        let secret = ApiSecret::generate(Mode::Test, &[9; 96]);
        assert_eq!(format!("{secret:?}"), format!("ApiSecret({}...)", secret.prefix()));
    }
}
