//! The key that a domain's mail is signed with (RFC 6376): made, written as a DNS record, and recognised in one.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::base::DomainName;

/// What the first selector of a domain is called: `<selector>._domainkey.<domain>`.
pub const SELECTOR: &str = "tallymark";

/// The selector with this number, from 1 on: `tallymark`, `tallymark2`, `tallymark3`.
pub fn selector(number: u32) -> String {
    match number {
        0 | 1 => SELECTOR.to_owned(),
        number => format!("{SELECTOR}{number}"),
    }
}

/// Name of the record of the key with this selector.
pub fn record_name(selector: &str, domain: &DomainName) -> String {
    format!("{selector}._domainkey.{domain}")
}

/// Characters per line of PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// A new key pair.
pub struct FreshKey {
    /// DER of a SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// DER of PKCS #8.
    pub private_key: Vec<u8>,
}

/// Makes a key pair of 2,048 bits. Takes tenths of a second of a core: not for tokio's threads. `None` only if the system
/// gives no random numbers.
pub fn generate() -> Option<FreshKey> {
    let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
    let private: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
    Some(FreshKey {
        public_key: public.as_ref().to_vec(),
        private_key: private.as_ref().to_vec(),
    })
}

/// The record's text. Longer than 255 bytes: in DNS it is several strings, which readers put together.
pub fn record_text(public_key: &[u8]) -> String {
    format!("v=DKIM1; k=rsa; p={}", key_text(public_key))
}

/// The public key as its record has it, in base64.
pub fn key_text(public_key: &[u8]) -> String {
    STANDARD.encode(public_key)
}

/// PKCS #8 as a mail server's configuration wants it.
pub fn pem(private_key: &[u8]) -> String {
    let digits = STANDARD.encode(private_key);
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    for at in (0..digits.len()).step_by(PEM_LINE) {
        text.push_str(&digits[at..digits.len().min(at + PEM_LINE)]);
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

/// An RSA public key as its two numbers, without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaKey {
    /// From base64 with any white space, as it stands in a record.
    pub fn from_base64(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        Self::from_der(&STANDARD.decode(digits).ok()?)
    }

    /// From a SubjectPublicKeyInfo (RFC 5280), as all senders publish it, or the RSAPublicKey inside (RFC 8017), as RFC 6376
    /// itself says.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let (sequence, _) = element(der, SEQUENCE)?;
        if let Some((_algorithm, rest)) = element(sequence, SEQUENCE) {
            let (bits, _) = element(rest, BIT_STRING)?;
            return Self::from_der(bits.strip_prefix(&[0])?);
        }
        let (modulus, rest) = element(sequence, INTEGER)?;
        let (exponent, _) = element(rest, INTEGER)?;
        let number = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
        let key = Self {
            modulus: number(modulus),
            exponent: number(exponent),
        };
        (!key.modulus.is_empty()).then_some(key)
    }

    /// Its length as people name it.
    pub fn bits(&self) -> usize {
        let first = self.modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        self.modulus.len() * 8 - first
    }
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;

/// The content of the DER element of this type at the front, and what follows it.
fn element(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    if first != kind {
        return None;
    }
    let (len, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        if digits.len() > 3 {
            return None;
        }
        (digits.iter().fold(0, |len, &byte| len << 8 | usize::from(byte)), rest)
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_counted() {
        assert_eq!([1, 2, 10].map(selector), ["tallymark", "tallymark2", "tallymark10"]);
    }

    #[test]
    fn a_fresh_key_is_recognised_in_either_form() {
        let fresh = generate().unwrap();
        let key = RsaKey::from_der(&fresh.public_key).unwrap();
        assert_eq!(key.bits(), 2_048);
        let pair = KeyPair::from_pkcs8(&fresh.private_key).unwrap();
        assert_eq!(RsaKey::from_der(pair.public_key().as_ref()), Some(key.clone()));
        let text = record_text(&fresh.public_key);
        let (_, digits) = text.split_once("p=").unwrap();
        let broken: String = digits.chars().flat_map(|c| [c, ' ']).collect();
        assert_eq!(RsaKey::from_base64(&broken), Some(key.clone()));
        assert_ne!(RsaKey::from_der(&generate().unwrap().public_key), Some(key));
    }

    #[test]
    fn pem_is_what_other_programs_read() {
        let fresh = generate().unwrap();
        let text = pem(&fresh.private_key);
        assert!(text.lines().all(|line| line.len() <= 64));
        let digits: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        assert_eq!(STANDARD.decode(digits).unwrap(), fresh.private_key);
    }

    #[test]
    fn invalid_keys_are_none() {
        let fresh = generate().unwrap().public_key;
        for len in 0..fresh.len() {
            assert_eq!(RsaKey::from_der(&fresh[..len]), None, "{len} bytes");
        }
        for text in ["", "AAAA", "not base64!", "MAA="] {
            assert_eq!(RsaKey::from_base64(text), None, "{text}");
        }
    }
}
