//! The cookie that holds a session's token. Its kind depends on how the browser reaches us.

use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};

use crate::http::Peer;
use crate::page::state::PageState;

/// Random bytes of a session's token.
pub(in crate::page) const TOKEN_BYTES: usize = 32;

/// `__Host-`: of this host alone, only over TLS (or, browsers say, to this machine), for all paths.
const COOKIE: &str = "__Host-tallymark";
/// Over plain HTTP, where that is allowed. Nothing that asks for TLS ever looks at it.
const INSECURE_COOKIE: &str = "tallymark-insecure";

/// How a browser reaches us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::page) enum Connection {
    /// Over TLS, or within this machine, as far as the browser is concerned: it decides whether it keeps the cookie.
    Browsers,
    /// Over plain HTTP in a private network, which the operator allows.
    Insecure,
}

impl Connection {
    /// A request that a proxy passed on is not private: its peer is the proxy, not the browser.
    pub fn from_parts(state: &PageState, parts: &Parts) -> Self {
        let is_forwarded = FORWARDED.iter().any(|name| parts.headers.contains_key(*name));
        let peer = parts.extensions.get::<Peer>();
        let is_private = peer.is_some_and(|Peer(peer)| is_private(peer.ip()));
        if state.insecure_sign_in && is_private && !is_forwarded {
            Self::Insecure
        } else {
            Self::Browsers
        }
    }
}

/// What proxies add.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "via"];

/// Whether the address is private (RFC 1918, RFC 4193), link-local or of this machine.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local(),
    }
}

/// Where a browser keeps a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::page) enum Cookie {
    Secure,
    Insecure,
}

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Self::Secure => COOKIE,
            Self::Insecure => INSECURE_COOKIE,
        }
    }
}

/// The insecure cookie only where it is allowed and the form's origin is plain HTTP; the secure one everywhere else.
pub(in crate::page) fn kind_of_cookie(headers: &HeaderMap, connection: Connection) -> Cookie {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let is_plain = origin.is_some_and(|origin| origin.starts_with("http://"));
    match connection {
        Connection::Insecure if is_plain => Cookie::Insecure,
        _ => Cookie::Secure,
    }
}

pub(in crate::page) fn cookie(kind: Cookie, token: &str, more: &str) -> (header::HeaderName, HeaderValue) {
    let secure = match kind {
        Cookie::Secure => " Secure;",
        Cookie::Insecure => "",
    };
    let text = format!(
        "{}={token}; Path=/;{secure} HttpOnly; SameSite=Strict{more}",
        kind.name()
    );
    let value = HeaderValue::from_str(&text).expect("a token is hex digits");
    (header::SET_COOKIE, value)
}

pub(in crate::page) fn token_of(headers: &HeaderMap, connection: Connection) -> Option<&str> {
    let secure = token_in(headers, Cookie::Secure);
    match connection {
        Connection::Insecure => secure.or_else(|| token_in(headers, Cookie::Insecure)),
        Connection::Browsers => secure,
    }
}

fn token_in(headers: &HeaderMap, kind: Cookie) -> Option<&str> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, _)| *name == kind.name())?;
    let fits = token.len() == 2 * TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::super::tests::headers;
    use super::*;

    #[test]
    fn a_token_is_found_among_other_cookies_and_nothing_else_is_one() {
        let token = "0a".repeat(32);
        for (cookies, found) in [
            (format!("a=b; {COOKIE}={token}"), true),
            (format!("{COOKIE}={token}0"), false),
            (format!("{COOKIE}={}", "zz".repeat(32)), false),
            (format!("tallymark={token}"), false),
        ] {
            let headers = headers(&[("cookie", &cookies)]);
            let secure = token_of(&headers, Connection::Browsers);
            assert_eq!(secure.is_some(), found, "{cookies}");
            assert_eq!(token_of(&headers, Connection::Insecure), secure, "{cookies}");
        }
        let insecure = format!("{INSECURE_COOKIE}={token}");
        let headers = headers(&[("cookie", &insecure)]);
        assert!(token_of(&headers, Connection::Insecure).is_some());
        assert_eq!(
            token_of(&headers, Connection::Browsers),
            None,
            "nothing but the setting makes it count"
        );
    }

    #[test]
    fn private_networks_are_recognised() {
        for (address, private) in [
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.178.20", true),
            ("169.254.7.7", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:192.168.0.1", true),
            ("100.64.0.1", false),
            ("192.0.2.1", false),
            ("8.8.8.8", false),
            ("2001:db8::1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), private, "{address}");
        }
    }
}
