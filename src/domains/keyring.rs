//! What private keys are encrypted with before they go into the database: AES-256-GCM, bound to the domain's public id.
//!
//! The first key encrypts; all of them decrypt. To change it: put a new one first, let `tallymark domains reseal` encrypt
//! everything with it, and take the old one out.

use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use sha2::{Digest as _, Sha256};

use crate::files;

/// Bytes of a key: 64 hexadecimal digits.
pub const KEY_BYTES: usize = 32;
/// Mark of the key, in front of each text that it encrypted.
const ID_BYTES: usize = 8;
const VERSION: u8 = 1;

/// Why keys cannot be encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be read or made.
    #[error("{path}: {source}", path = .path.display())]
    File {
        /// The file of keys.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A key is not 64 hexadecimal digits.
    #[error("key {nth} is not 64 hexadecimal digits")]
    NotAKey {
        /// Counted from 1.
        nth: usize,
    },
    /// The database has keys that were encrypted with one that is not here.
    #[error(
        "the private key was encrypted with another key than those of {place}: copy the file from the node or backup that \
         has it, set domains.master_keys, or replace the private key with `tallymark domains dkim-key --renew DOMAIN`"
    )]
    Foreign {
        /// Where keys were looked for.
        place: String,
    },
    /// The stored value is damaged, or of another domain.
    #[error("a stored private key cannot be decrypted: it is damaged, or belongs to another domain")]
    Damaged,
    /// The library failed, which it never does with good arguments.
    #[error("encryption failed")]
    Failed,
}

/// Encrypts and decrypts.
pub struct Keyring {
    keys: Vec<([u8; ID_BYTES], RandomizedNonceKey)>,
    place: String,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("place", &self.place).finish()
    }
}

impl Keyring {
    /// From keys of 64 hexadecimal digits each; `place` says in errors where they are from.
    ///
    /// # Errors
    /// [`KeyringError::NotAKey`], also if there is none.
    pub fn from_keys<'k>(keys: impl IntoIterator<Item = &'k str>, place: &str) -> Result<Self, KeyringError> {
        let mut all = Vec::new();
        for (nth, text) in keys.into_iter().enumerate() {
            let mut key = [0; KEY_BYTES];
            hex::decode_to_slice(text.trim(), &mut key).map_err(|_| KeyringError::NotAKey { nth: nth + 1 })?;
            let sealing = RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| KeyringError::Failed)?;
            all.push((id(&key), sealing));
        }
        if all.is_empty() {
            return Err(KeyringError::NotAKey { nth: 1 });
        }
        Ok(Self {
            keys: all,
            place: place.to_owned(),
        })
    }

    /// From a file with a key a line; lines that begin with `#` are comments.
    ///
    /// # Errors
    /// [`KeyringError::File`] if it cannot be read, [`KeyringError::NotAKey`].
    pub fn read(path: &Path) -> Result<Self, KeyringError> {
        let text = std::fs::read_to_string(path).map_err(|source| file_error(path, source))?;
        let lines = text.lines().map(str::trim);
        let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self::from_keys(keys, &path.display().to_string())
    }

    /// Makes a file with a new key, for its owner alone. If another process has made it meanwhile, that one's is read.
    ///
    /// # Errors
    /// [`KeyringError::File`] if it cannot be made.
    pub fn make(path: &Path) -> Result<Self, KeyringError> {
        let mut key = [0; KEY_BYTES];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| KeyringError::Failed)?;
        let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let text =
            format!("# Encrypts the DKIM keys in the database. Without it they are lost: keep a copy.\n{digits}\n");
        match files::create(path, text.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(file_error(path, error)),
            _ => Self::read(path),
        }
    }

    /// Encrypts with the first key. The result opens only for the same `domain`.
    ///
    /// # Errors
    /// [`KeyringError::Failed`].
    pub fn seal(&self, domain: &str, secret: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let (id, key) = self.keys.first().ok_or(KeyringError::Failed)?;
        let mut text = secret.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(domain.as_bytes()), &mut text)
            .map_err(|_| KeyringError::Failed)?;
        Ok([&[VERSION], &id[..], nonce.as_ref(), &text].concat())
    }

    /// Decrypts what [`Self::seal`] gave for this `domain`.
    ///
    /// # Errors
    /// [`KeyringError::Foreign`] if it was encrypted with a key that is not here, [`KeyringError::Damaged`].
    pub fn open(&self, domain: &str, sealed: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let (key, rest) = self.key_of(sealed)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(KeyringError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyringError::Damaged)?;
        let mut text = text.to_vec();
        let opened = key.open_in_place(nonce, Aad::from(domain.as_bytes()), &mut text);
        Ok(opened.map_err(|_| KeyringError::Damaged)?.to_vec())
    }

    /// Whether there is a key for this.
    ///
    /// # Errors
    /// [`KeyringError::Foreign`] if not.
    pub fn knows(&self, sealed: &[u8]) -> Result<(), KeyringError> {
        self.key_of(sealed).map(drop)
    }

    /// Whether this was encrypted with the first key.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        let id = sealed.get(1..=ID_BYTES);
        self.keys.first().is_some_and(|(first, _)| id == Some(&first[..]))
    }

    fn key_of<'s>(&self, sealed: &'s [u8]) -> Result<(&RandomizedNonceKey, &'s [u8]), KeyringError> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(KeyringError::Damaged)?;
        let (id, rest) = rest.split_at_checked(ID_BYTES).ok_or(KeyringError::Damaged)?;
        let key = self.keys.iter().find(|(known, _)| known == id);
        let (_, key) = key.ok_or_else(|| KeyringError::Foreign {
            place: self.place.clone(),
        })?;
        Ok((key, rest))
    }
}

fn file_error(path: &Path, source: std::io::Error) -> KeyringError {
    KeyringError::File {
        path: path.to_owned(),
        source,
    }
}

fn id(key: &[u8; KEY_BYTES]) -> [u8; ID_BYTES] {
    let digest = Sha256::new_with_prefix(b"tallymark master key")
        .chain_update(key)
        .finalize();
    let mut id = [0; ID_BYTES];
    id.copy_from_slice(&digest[..ID_BYTES]);
    id
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const OLD: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const NEW: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

    fn ring(keys: &[&str]) -> Keyring {
        Keyring::from_keys(keys.iter().copied(), "a test").unwrap()
    }

    #[test]
    fn a_secret_opens_for_its_domain_alone_and_only_whole() {
        let ring = ring(&[OLD]);
        let sealed = ring.seal("dom_a", b"secret").unwrap();
        assert_eq!(ring.open("dom_a", &sealed).unwrap(), b"secret");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(
            sealed,
            ring.seal("dom_a", b"secret").unwrap(),
            "every time another nonce"
        );
        assert!(matches!(ring.open("dom_b", &sealed), Err(KeyringError::Damaged)));
        for at in [0, ID_BYTES + 1, ID_BYTES + NONCE_LEN + 1, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(ring.open("dom_a", &changed).is_err(), "byte {at}");
        }
        for len in 0..sealed.len() {
            assert!(ring.open("dom_a", &sealed[..len]).is_err(), "{len} bytes");
        }
    }

    /// The example of docs/storage.md.
    #[test]
    fn the_documented_bytes_open() {
        let page = include_str!("../../docs/storage.md");
        let block = page.split("```bytes sealed_key\n").nth(1).unwrap();
        let lines = block.split("```").next().unwrap().lines();
        let digits = lines.flat_map(|line| line.split(" | ").next().unwrap().split(' '));
        let mut sealed: Vec<_> = digits.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        assert_eq!(ring(&[OLD]).open("dom_a", &sealed).unwrap(), b"secret");
        *sealed.last_mut().unwrap() ^= 1;
        assert!(ring(&[OLD]).open("dom_a", &sealed).is_err(), "the control");
    }

    #[test]
    fn the_first_key_encrypts_and_all_decrypt() {
        let sealed = ring(&[OLD]).seal("dom_a", b"secret").unwrap();
        let both = ring(&[NEW, OLD]);
        assert!(!both.is_current(&sealed));
        let again = both.seal("dom_a", &both.open("dom_a", &sealed).unwrap()).unwrap();
        assert!(both.is_current(&again));
        assert_eq!(ring(&[NEW]).open("dom_a", &again).unwrap(), b"secret");
        assert!(matches!(ring(&[OLD]).knows(&again), Err(KeyringError::Foreign { .. })));
    }

    #[test]
    fn the_file_is_for_its_owner_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(matches!(Keyring::read(&path), Err(KeyringError::File { .. })));
        let sealed = Keyring::make(&path).unwrap().seal("dom_a", b"secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Keyring::make(&path).unwrap();
        assert_eq!(again.open("dom_a", &sealed).unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn invalid_keys_are_refused_with_their_place() {
        for (keys, nth) in [
            (&[][..], 1),
            (&["abc"][..], 1),
            (
                &[OLD, "xx112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"],
                2,
            ),
        ] {
            let refused = Keyring::from_keys(keys.iter().copied(), "a test");
            assert!(
                matches!(refused, Err(KeyringError::NotAKey { nth: found }) if found == nth),
                "{keys:?}"
            );
        }
    }
}
