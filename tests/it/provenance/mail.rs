//! Report mails, and signatures on them.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::{Canonicalization, DkimSigner};

/// Which algorithm a signature uses.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    Rsa,
    Ed25519,
}

static RSA: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap().as_ref().to_vec()
});
static ED25519: LazyLock<Vec<u8>> = LazyLock::new(|| Ed25519Key::generate_pkcs8().unwrap());

fn rsa() -> RsaKey<Sha256> {
    RsaKey::from_key_der(RSA.as_slice().try_into().unwrap()).unwrap()
}

fn ed25519() -> Ed25519Key {
    Ed25519Key::from_pkcs8_der(&ED25519).unwrap()
}

impl Key {
    /// The record below `_domainkey`.
    pub fn record(self) -> String {
        match self {
            Self::Rsa => format!("v=DKIM1; k=rsa; p={}", base64(&rsa().public_key())),
            Self::Ed25519 => format!("v=DKIM1; k=ed25519; p={}", base64(&ed25519().public_key())),
        }
    }

    /// The mail with one signature more, above its header.
    pub fn sign(self, mail: &[u8], domain: &str, selector: &str) -> Vec<u8> {
        self.sign_with(Canonicalization::Relaxed, mail, domain, selector)
    }

    /// As [`Self::sign`], with a choice of what counts as a change of the body.
    pub fn sign_with(self, body: Canonicalization, mail: &[u8], domain: &str, selector: &str) -> Vec<u8> {
        const SIGNED: [&str; 4] = ["From", "To", "Subject", "Content-Type"];
        macro_rules! signed {
            ($key:expr) => {{
                let signer = DkimSigner::from_key($key).domain(domain).selector(selector);
                let signer = signer.headers(SIGNED).body_canonicalization(body);
                signer.sign(mail).unwrap().to_header()
            }};
        }
        let header = match self {
            Self::Rsa => signed!(rsa()),
            Self::Ed25519 => signed!(ed25519()),
        };
        [header.as_bytes(), mail].concat()
    }
}

/// A mail that carries a report.
pub fn mail(from: &str, xml: &[u8]) -> Vec<u8> {
    let mut mail = format!(
        "From: {from}\r\nTo: reports@tally.example\r\nSubject: Report domain: example.com\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/xml; name=\"report.xml\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    .into_bytes();
    for line in base64(xml).as_bytes().chunks(76) {
        mail.extend_from_slice(line);
        mail.extend_from_slice(b"\r\n");
    }
    mail
}

pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .zip([16, 8, 0])
            .fold(0_u32, |bits, (byte, shift)| bits | u32::from(*byte) << shift);
        for nth in 0..4 {
            let digit = char::from(ALPHABET[(bits >> (18 - 6 * nth) & 63) as usize]);
            text.push(if nth <= chunk.len() { digit } else { '=' });
        }
    }
    text
}
