//! A link that signs in once: `serve` prints it, so that the first visit needs no key.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::base::Millis;
use crate::keys::same_hash;
use crate::store::ApiKey;

/// How long a link may be used.
const LINK_MILLIS: Millis = 3_600_000;
const TOKEN_BYTES: usize = 32;

/// What a link stands for. Its token is nowhere but in the link.
#[derive(Debug, Clone)]
pub struct SignInLink {
    token_hash: [u8; 32],
    key: ApiKey,
    until: Millis,
}

impl SignInLink {
    /// A link that signs in with `key`, and its path.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(key: ApiKey, now: Millis) -> Result<(Self, String), getrandom::Error> {
        let mut random = [0; TOKEN_BYTES];
        getrandom::fill(&mut random)?;
        let token = hex::encode(random);
        let link = Self {
            token_hash: hash(&token),
            key,
            until: now + LINK_MILLIS,
        };
        Ok((link, format!("/sign-in/{token}")))
    }
}

/// The link of this process, until it is used.
#[derive(Debug, Default)]
pub(super) struct Link(Mutex<Option<SignInLink>>);

impl Link {
    pub fn new(link: Option<SignInLink>) -> Self {
        Self(Mutex::new(link))
    }

    /// Whether the token is that of a link that can still be used.
    pub fn knows(&self, token: &str, now: Millis) -> bool {
        let link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        link.as_ref().is_some_and(|link| is_good(link, token, now))
    }

    /// The key that the link signs in with; it can be used no more then.
    pub fn take(&self, token: &str, now: Millis) -> Option<ApiKey> {
        let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = link.take_if(|link| is_good(link, token, now))?;
        Some(taken.key)
    }
}

fn is_good(link: &SignInLink, token: &str, now: Millis) -> bool {
    same_hash(&link.token_hash, &hash(token)) && now < link.until
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AccountId, KeyId, Permission};

    #[test]
    fn a_link_signs_in_once_and_within_the_hour() {
        let key = ApiKey {
            id: KeyId(7),
            account: AccountId(1),
            name: String::new(),
            permission: Permission::FullAccess,
            domain: None,
            prefix: String::new(),
            hash: [0; 32],
            created_at: 0,
            last_used_at: None,
            revoked_at: None,
        };
        let (link, path) = SignInLink::new(key, 1_000).unwrap();
        let token = path.strip_prefix("/sign-in/").unwrap();
        let late = Link::new(Some(link.clone()));
        assert!(late.take(token, 1_000 + LINK_MILLIS).is_none());
        let link = Link::new(Some(link));
        for wrong in ["", &token[1..], &"0".repeat(64)] {
            assert!(
                !link.knows(wrong, 1_000) && link.take(wrong, 1_000).is_none(),
                "{wrong}"
            );
        }
        assert!(link.knows(token, 2_000));
        assert_eq!(link.take(token, 2_000).map(|key| key.id), Some(KeyId(7)));
        assert!(!link.knows(token, 2_000) && link.take(token, 2_000).is_none());
        assert!(!Link::default().knows(token, 0));
    }
}
