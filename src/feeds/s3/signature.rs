//! How requests are signed: AWS Signature Version 4, with the rules of S3 (paths are encoded once, and each request says the
//! hash of its body).

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use sha2::{Digest as _, Sha256};

use super::credentials::Credentials;
use crate::base::Millis;
use crate::base::clock::format_instant;
use crate::outbound::percent_encoded;

/// What is signed, besides its headers.
pub(super) struct Subject<'s> {
    /// `GET` and so on.
    pub verb: &'static str,
    /// As the `Host` field has it.
    pub host: &'s str,
    /// Encoded by [`encoded_path`].
    pub path: &'s str,
    /// Not encoded, in any order.
    pub query: &'s [(&'s str, &'s str)],
    pub body: &'s str,
}

/// Where and when a signature holds.
pub(super) struct Scope<'s> {
    pub region: &'s str,
    pub now: Millis,
}

/// Signs a request with these headers. Returns all headers to send, without `Host`.
pub(super) fn sign(
    subject: &Subject<'_>,
    mut headers: Vec<(&'static str, String)>,
    scope: &Scope<'_>,
    keys: &Credentials,
) -> Vec<(&'static str, String)> {
    let time = compact(scope.now);
    let day = &time[..8];
    let hash = hex::encode(Sha256::digest(subject.body.as_bytes()));
    headers.push(("x-amz-content-sha256", hash.clone()));
    headers.push(("x-amz-date", time.clone()));
    if let Some(token) = &keys.session_token {
        headers.push(("x-amz-security-token", token.clone()));
    }
    let mut signed: Vec<(String, &str)> = vec![("host".to_owned(), subject.host)];
    signed.extend(
        headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim())),
    );
    signed.sort_unstable();
    let names = signed
        .iter()
        .map(|(name, _)| name.as_str())
        .collect::<Vec<_>>()
        .join(";");
    let mut canonical = format!("{}\n{}\n{}\n", subject.verb, subject.path, query(subject.query));
    for (name, value) in &signed {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{names}\n{hash}");
    let place = format!("{day}/{}/s3/aws4_request", scope.region);
    let canonical = hex::encode(Sha256::digest(canonical.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{place}\n{canonical}");
    let mut key = mac(format!("AWS4{}", keys.secret).as_bytes(), day);
    for part in [scope.region, "s3", "aws4_request"] {
        key = mac(key.as_ref(), part);
    }
    let signature = hex::encode(mac(key.as_ref(), &to_sign));
    let key_id = &keys.key_id;
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={key_id}/{place}, SignedHeaders={names}, Signature={signature}");
    headers.push(("authorization", authorization));
    headers
}

/// The path of an object, or of the bucket if `key` is empty.
pub(super) fn encoded_path(bucket: &str, key: &str) -> String {
    let mut path = String::from("/");
    path.push_str(&percent_encoded(bucket));
    path.push('/');
    for (nth, part) in key.split('/').enumerate() {
        if nth > 0 {
            path.push('/');
        }
        path.push_str(&percent_encoded(part));
    }
    path
}

/// A query, encoded and in the order in which it is signed. It is also sent like this.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let mut encoded: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
        .collect();
    encoded.sort_unstable();
    encoded.join("&")
}

/// `20260323T100000Z`.
fn compact(now: Millis) -> String {
    let instant = format_instant(now);
    let seconds = instant.split('.').next().unwrap_or_default();
    seconds
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .chain(['Z'])
        .collect()
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys, the time and the bucket of the examples in Amazon's documentation of Signature Version 4 for S3.
    fn check(subject: &Subject<'_>, headers: Vec<(&'static str, String)>, expect: &str) {
        let keys = Credentials {
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
        };
        let scope = Scope {
            region: "us-east-1",
            // 2013-05-24T00:00:00Z
            now: 1_369_353_600_000,
        };
        let signed = sign(subject, headers, &scope, &keys);
        let (name, value) = signed.last().unwrap();
        assert_eq!(*name, "authorization");
        assert!(value.ends_with(&format!("Signature={expect}")), "{value}");
    }

    #[test]
    fn the_examples_of_the_documentation() {
        let host = "examplebucket.s3.amazonaws.com";
        let get = Subject {
            verb: "GET",
            host,
            path: "/test.txt",
            query: &[],
            body: "",
        };
        check(
            &get,
            vec![("Range", "bytes=0-9".to_owned())],
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        );
        let list = Subject {
            path: "/",
            query: &[("prefix", "J"), ("max-keys", "2")],
            ..get
        };
        check(
            &list,
            Vec::new(),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        );
        let put = Subject {
            verb: "PUT",
            host,
            path: "/test%24file.text",
            query: &[],
            body: "Welcome to Amazon S3.",
        };
        let headers = [
            ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        check(
            &put,
            headers.map(|(name, value)| (name, value.to_owned())).into(),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        );
    }

    #[test]
    fn keys_are_encoded_once_and_keep_their_slashes() {
        for (key, expect) in [
            ("", "/b/"),
            ("in/a b+c.eml", "/b/in/a%20b%2Bc.eml"),
            ("/a//b/", "/b//a//b/"),
            ("ü%2F?#", "/b/%C3%BC%252F%3F%23"),
        ] {
            assert_eq!(encoded_path("b", key), expect);
        }
        assert_eq!(
            query(&[("prefix", "in/"), ("list-type", "2")]),
            "list-type=2&prefix=in%2F"
        );
    }
}
