//! URLs that are connected to, in one spelling. A text that two readers could understand in two ways is refused.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest URL, bytes.
pub const URL_BYTES_MAX: usize = 2_048;
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A URL without credentials and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub scheme: Scheme,
    pub host: Host,
    pub port: u16,
    /// Path and query, beginning with a slash.
    pub target: String,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

/// The server of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// In lower case.
    Name(String),
    Address(IpAddr),
}

/// Why a text is not a URL that is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("must begin with https:// or http://")]
    Scheme,
    #[error("must not be longer than {URL_BYTES_MAX} bytes")]
    Long,
    #[error("must not contain spaces, backslashes, control characters or characters outside of ASCII")]
    Characters,
    #[error("must not contain a user name or password")]
    Credentials,
    #[error("must not contain a fragment (#)")]
    Fragment,
    #[error("must name a host: a domain name, or an address in its usual form")]
    Host,
    #[error("must have a port from 1 to 65535, or none")]
    Port,
}

impl Scheme {
    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Url {
    /// Reads a URL (RFC 3986). Numbers as hosts are refused in every spelling but the usual one, because systems read the
    /// others differently.
    ///
    /// # Errors
    /// [`UrlError`]: the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlError::Long);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(UrlError::Characters);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(UrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(UrlError::Credentials);
        }
        let (host, port) = split_port(authority)?;
        let target = match target.strip_prefix('/') {
            Some(_) => target.to_owned(),
            None => format!("/{target}"),
        };
        Ok(Self {
            scheme,
            host: Host::parse(host)?,
            port: port.unwrap_or(scheme.port()),
            target,
        })
    }

    /// The same server, with another path and query. The caller has encoded `target`.
    pub fn with_target(&self, target: String) -> Self {
        Self { target, ..self.clone() }
    }

    /// Whether what is sent there stays on this machine.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(name) => name == "localhost",
            Host::Address(address) => address.is_loopback(),
        }
    }

    /// Host and port as a `Host` field has them: without the port of the scheme.
    pub fn authority(&self) -> String {
        match self.port == self.scheme.port() {
            true => self.host.to_string(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.word(), self.authority(), self.target)
    }
}

impl Host {
    /// Without the brackets of an IPv6 address: as names are resolved and certificates name it.
    pub fn plain(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(address) => address.to_string(),
        }
    }

    fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let address: Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
            return Ok(Self::Address(address.into()));
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        // 127.1, 0x7f.1, 2130706433 and 0177.0.0.1 are addresses to some systems and names to others.
        if last.starts_with(|first: char| first.is_ascii_digit()) {
            let address: Ipv4Addr = text.parse().map_err(|_| UrlError::Host)?;
            return Ok(Self::Address(address.into()));
        }
        let is_label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(plain)
        };
        if text.len() > NAME_BYTES_MAX || !text.split('.').all(is_label) {
            return Err(UrlError::Host);
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A text as a part of a path or query, or as a value of a form: all but letters, digits and `-._~` is encoded (RFC 3986, 2.3).
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let behind_address = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(at) = authority[behind_address..].find(':').map(|at| at + behind_address) else {
        return Ok((authority, None));
    };
    let digits = &authority[at + 1..];
    let port = digits.parse().ok().filter(|port| *port != 0);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || port.is_none() {
        return Err(UrlError::Port);
    }
    Ok((&authority[..at], port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_in_one_way() {
        for (text, expect) in [
            ("https://example.com", "https://example.com/"),
            ("HTTPS://Example.COM:443?a=b", "https://example.com/?a=b"),
            ("http://example.com:8080/a%20b?c", "http://example.com:8080/a%20b?c"),
            ("https://192.0.2.1:8443/", "https://192.0.2.1:8443/"),
            ("https://[2001:DB8::1]/x", "https://[2001:db8::1]/x"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/"),
            ("https://a_b.example-1.com/@:", "https://a_b.example-1.com/@:"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), expect, "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let long = format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX));
        let label = format!("https://{}.com", "a".repeat(64));
        for (text, expect) in [
            ("", UrlError::Scheme),
            ("example.com", UrlError::Scheme),
            ("ftp://example.com", UrlError::Scheme),
            ("https:/example.com", UrlError::Scheme),
            ("https://", UrlError::Host),
            ("https:///etc", UrlError::Host),
            ("https://a@example.com", UrlError::Credentials),
            ("https://a:b@example.com", UrlError::Credentials),
            ("https://example.com#@x", UrlError::Fragment),
            ("https://example.com\\@x", UrlError::Characters),
            ("https://exa mple.com", UrlError::Characters),
            ("https://ex\u{e4}mple.com", UrlError::Characters),
            ("https://example.com:", UrlError::Port),
            ("https://example.com:0", UrlError::Port),
            ("https://example.com:65536", UrlError::Port),
            ("https://example.com:+80", UrlError::Port),
            ("https://example.com:80:80", UrlError::Port),
            ("https://2130706433", UrlError::Host),
            ("https://0x7f000001", UrlError::Host),
            ("https://0177.0.0.1", UrlError::Host),
            ("https://127.1", UrlError::Host),
            ("https://127.0.0.1.", UrlError::Host),
            ("https://example.com.", UrlError::Host),
            ("https://a..b", UrlError::Host),
            ("https://[::1", UrlError::Port),
            ("https://[::1%25eth0]", UrlError::Host),
            ("https://[127.0.0.1]", UrlError::Host),
            ("https://::1/", UrlError::Port),
            ("https://%6cocalhost", UrlError::Host),
            (&label, UrlError::Host),
            (&long, UrlError::Long),
        ] {
            assert_eq!(Url::parse(text), Err(expect), "{text}");
        }
    }
}
