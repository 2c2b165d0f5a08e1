//! Addresses that this program writes to, in one spelling.

use super::hostname::is_hostname;
use super::names::normalise_domain;

/// RFC 5321, 4.5.3.1.
const LOCAL_BYTES_MAX: usize = 64;
const BYTES_MAX: usize = 254;

/// An address of a mailbox: ASCII, without quotes, comments or a name. The domain is in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailAddress {
    text: String,
    at: usize,
}

/// Why a text is not an address that is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a plain address, as in alerts@example.com")]
pub struct AddressError;

impl MailAddress {
    /// Reads an address. Names of domains in other scripts become ASCII. Quoted local parts and those outside of ASCII are
    /// refused: few servers take them, and what reads them in two ways is a danger.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError)?;
        if domain.contains(char::is_whitespace) || domain.contains(|c: char| c.is_ascii() && !is_of_name(c)) {
            return Err(AddressError);
        }
        let domain = normalise_domain(domain).ok_or(AddressError)?;
        let has_form = is_dot_atom(local) && domain.contains('.') && is_hostname(&domain) && domain.is_ascii();
        if !has_form || local.len() > LOCAL_BYTES_MAX || local.len() + 1 + domain.len() > BYTES_MAX {
            return Err(AddressError);
        }
        Ok(Self {
            text: format!("{local}@{domain}"),
            at: local.len(),
        })
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is before the `@`.
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    /// What is after it.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// RFC 5322, 3.2.3.
fn is_dot_atom(text: &str) -> bool {
    let is_atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.split('.')
        .all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        let long = format!("{}@example.com", "a".repeat(65));
        for (text, expect) in [
            ("me@example.com", Some("me@example.com")),
            ("Me.Too+x@Example.COM", Some("Me.Too+x@example.com")),
            ("o'neil@example.com", Some("o'neil@example.com")),
            ("a@b\u{fc}cher.example", Some("a@xn--bcher-kva.example")),
            ("", None),
            ("example.com", None),
            ("@example.com", None),
            ("me@", None),
            ("me@localhost", None),
            ("me@example.com ", None),
            ("me@exa mple.com", None),
            ("me@example.com\r\nRCPT TO:<x@y.example>", None),
            ("me\r\n@example.com", None),
            ("<me@example.com>", None),
            ("me@example.com>", None),
            ("\"a b\"@example.com", None),
            ("a..b@example.com", None),
            (".a@example.com", None),
            ("m\u{e4}@example.com", None),
            ("me@[127.0.0.1]", None),
            ("a@b@example.com", None),
            ("me@example.com:25", None),
            (&long, None),
        ] {
            let parsed = MailAddress::parse(text).ok();
            assert_eq!(parsed.as_ref().map(MailAddress::as_str), expect, "{text:?}");
        }
        let address = MailAddress::parse("me@example.com").unwrap();
        assert_eq!((address.local(), address.domain()), ("me", "example.com"));
    }
}
