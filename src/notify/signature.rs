//! What a receiver checks: PostStack's signature and that of Standard Webhooks 1.0.0, with one secret.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Standard Webhooks: how a symmetric secret begins.
const PREFIX: &str = "whsec_";

/// The secret of a webhook, as its owner sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(...)")
    }
}

impl Secret {
    /// Standard Webhooks: 24 to 64 bytes.
    pub const RANDOM_BYTES: usize = 32;

    /// A new secret.
    pub fn generate(random: &[u8; Self::RANDOM_BYTES]) -> Self {
        Self(format!("{PREFIX}{}", BASE64_STANDARD.encode(random)))
    }

    /// A secret as it was shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text that the owner is shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// PostStack: the key is the text itself.
    fn text_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes())
    }

    /// Standard Webhooks: the key is what the text encodes.
    fn bytes_key(&self) -> Option<hmac::Key> {
        let bytes = BASE64_STANDARD.decode(self.0.strip_prefix(PREFIX)?).ok()?;
        Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    }
}

/// The header fields that sign a body: every secret signs, so that a receiver may know either during a rotation. `id` must
/// not contain a dot, and is the same for every attempt; `seconds` is the time of the attempt.
pub fn sign(secrets: &[Secret], id: &str, seconds: i64, body: &str) -> Vec<(&'static str, String)> {
    let of_text = secrets.iter().map(|secret| {
        let tag = hmac::sign(&secret.text_key(), body.as_bytes());
        format!("sha256={}", hex::encode(tag))
    });
    let signed = format!("{id}.{seconds}.{body}");
    let of_bytes = secrets.iter().filter_map(|secret| {
        let tag = hmac::sign(&secret.bytes_key()?, signed.as_bytes());
        Some(format!("v1,{}", BASE64_STANDARD.encode(tag)))
    });
    vec![
        ("X-PostStack-Signature", of_text.collect::<Vec<_>>().join(",")),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", of_bytes.collect::<Vec<_>>().join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"id":"evt_01","type":"dmarc.report.received","timestamp":"2026-11-28T10:00:00.000Z","data":{"domain_id":"dom_abc123def456","report_id":42}}"#;
    const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";
    const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const OLD: &str = "whsec_Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

    fn check(secrets: &[&str], (id, seconds, body): (&str, i64, &str), post_stack: &str, standard: &str) {
        let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        let fields = sign(&secrets, id, seconds, body);
        let expect = [
            ("X-PostStack-Signature", post_stack),
            ("webhook-id", id),
            ("webhook-timestamp", &seconds.to_string()),
            ("webhook-signature", standard),
        ];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(fields, expect);
    }

    #[test]
    fn the_vectors_of_both_formats() {
        let signed = (ID, 1_795_860_000, BODY);
        let new = "sha256=170447a432c9fdc7bdf455b37744b8da3377428082a4cec2ef0ccd0c7671acf0";
        let old = "sha256=3b8192651ac84d2f8561176ea9a23a7bf1a086cf917fecca2dc2b7e6f4f8cd58";
        let (v1_new, v1_old) = (
            "v1,Z+9CcH7n96iMMbmtok7anCQETlAMvAEgDtVxJkBURJU=",
            "v1,VZtCKnxhe9eoLAs0DcwJ/IWUTiJyTjE1WfRuvfeMaOU=",
        );
        check(&[NEW], signed, new, v1_new);
        check(
            &[NEW, OLD],
            signed,
            &format!("{new},{old}"),
            &format!("{v1_new} {v1_old}"),
        );
        // A secret of another form signs for PostStack's clients alone.
        let plain = "sha256=cbc179231ac9b2993a2281b421ca7b4cc288c2adb2b8ecab6c5112e305bbe8c2";
        check(&["pswh_0123456789abcdef"], signed, plain, "");
        // The vector of the standard's own libraries.
        let theirs = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let fields = sign(&[secret], theirs.0, theirs.1, theirs.2);
        assert_eq!(fields[3].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_shown_in_the_form_of_the_standard_and_never_logged() {
        let random: [u8; 32] = std::array::from_fn(|nth| u8::try_from(nth).unwrap());
        let secret = Secret::generate(&random);
        assert_eq!(secret.reveal(), NEW);
        assert_eq!(format!("{secret:?}"), "Secret(...)");
    }
}
