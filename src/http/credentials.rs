//! The key that a request shows.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::entry::Access;
use crate::keys::ApiSecret;

/// What a client without a key is asked for, in addition to a bearer token.
const BASIC: (HeaderName, HeaderValue) = (
    header::WWW_AUTHENTICATE,
    HeaderValue::from_static("Basic realm=\"tallymark\""),
);
/// Longest credentials that are decoded: a name, a colon and a key need less.
const BASIC_BYTES_MAX: usize = 512;

/// The key of a request to a route of this access.
pub(super) fn presented(headers: &HeaderMap, access: Access) -> Option<ApiSecret> {
    // Two such headers count as none.
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    let secret = secret.trim();
    // RFC 9110, 11.1: the scheme's case does not matter.
    if scheme.eq_ignore_ascii_case("bearer") {
        // RFC 6750, 2.1.
        return ApiSecret::parse(secret);
    }
    // Mail providers can send no header of ours, but what is in a URL: https://NAME:KEY@HOST/reports.
    match access == Access::Submit && scheme.eq_ignore_ascii_case("basic") {
        true => of_basic(secret),
        false => None,
    }
}

/// RFC 7617, 2. The password is the key, and the name means nothing.
fn of_basic(credentials: &str) -> Option<ApiSecret> {
    if credentials.len() > BASIC_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
    ApiSecret::parse(text.split_once(':')?.1)
}

/// The challenge that a refusal by a route of this access needs, in addition to the usual one. A provider shows what is in the
/// URL only after it was asked.
pub(super) fn challenge(access: Access) -> Option<(HeaderName, HeaderValue)> {
    (access == Access::Submit).then_some(BASIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[String], access: Access) -> bool {
        let headers = values
            .iter()
            .map(|value| (header::AUTHORIZATION, value.parse().unwrap()));
        presented(&headers.collect(), access).is_some()
    }

    #[test]
    fn the_key_is_read_from_one_bearer_header() {
        let secret = format!("sk_live_{}", "a".repeat(43));
        for (values, is_key) in [
            (vec![format!("Bearer {secret}")], true),
            (vec![format!("bearer  {secret}")], true),
            (vec![format!("Basic {secret}")], false),
            (vec![secret.clone()], false),
            (vec![format!("Bearer {secret}"), format!("Bearer {secret}")], false),
            (vec![], false),
        ] {
            for access in [Access::Read, Access::Submit] {
                assert_eq!(found(&values, access), is_key, "{values:?}");
            }
        }
    }

    #[test]
    fn a_password_is_a_key_where_providers_post_only() {
        let secret = format!("sk_live_{}", "a".repeat(43));
        for (credentials, is_key) in [
            (format!("hook:{secret}"), true),
            (format!(":{secret}"), true),
            (secret.clone(), false),
            (format!("a:b:{secret}"), false),
            (format!("{}:{secret}", "a".repeat(500)), false),
        ] {
            let value = vec![format!("basic {}", BASE64_STANDARD.encode(&credentials))];
            assert_eq!(found(&value, Access::Submit), is_key, "{credentials}");
            assert!(!found(&value, Access::Write), "{credentials}");
        }
        assert!(!found(&["Basic %".to_owned()], Access::Submit));
    }
}
