//! What the operator says about mail that leaves.

use std::path::PathBuf;

use super::answer::MailError;
use crate::base::{MailAddress, is_hostname};
use crate::outbound::protection::Protection;

/// Longest password, bytes.
const PASSWORD_BYTES_MAX: usize = 1_000;

/// The submission server, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// A name or an address. Empty: no mail is sent.
    pub host: String,
    /// Port; 0: the default of the protocol ([`Self::port`]).
    pub port: u16,
    pub protection: Protection,
    /// Empty: the program does not sign in.
    pub user: String,
    pub password_file: PathBuf,
    /// The address that mail is from.
    pub from: String,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 0,
            protection: Protection::Tls,
            user: String::new(),
            password_file: PathBuf::new(),
            from: String::new(),
        }
    }
}

impl MailSettings {
    /// The port to connect to. Default: 465 with TLS from the first byte, otherwise 587 (RFC 8314, 7.3).
    pub fn port(&self) -> u16 {
        match (self.port, self.protection) {
            (0, Protection::Tls) => 465,
            (0, Protection::StartTls | Protection::None) => 587,
            (port, _) => port,
        }
    }

    /// What is wrong with the settings: which one, and why.
    pub fn complaint(&self) -> Option<(&'static str, &'static str)> {
        let has_password = !self.password_file.as_os_str().is_empty();
        if self.host.is_empty() {
            let is_set = !self.from.is_empty() || !self.user.is_empty() || has_password;
            return is_set.then_some(("host", "is missing: without it no mail is sent"));
        }
        let is_address = self.host.parse::<std::net::IpAddr>().is_ok();
        if !is_address && !is_hostname(&self.host) {
            return Some(("host", "must be the name or the address of one server"));
        }
        if MailAddress::parse(&self.from).is_err() {
            return Some(("from", "must be a plain address, as in alerts@example.com"));
        }
        match (self.user.is_empty(), has_password) {
            (false, false) => Some(("password_file", "is missing, and outbound.mail.user is set")),
            (true, true) => Some(("user", "is missing, and outbound.mail.password_file is set")),
            (false, true) if self.protection == Protection::None => Some((
                "tls",
                "must not be plain with a user: anyone on the way could read the password",
            )),
            _ => None,
        }
    }

    /// The password, read again for each mail; `None` if the program does not sign in.
    pub(super) async fn password(&self) -> Result<Option<String>, MailError> {
        if self.user.is_empty() {
            return Ok(None);
        }
        let text = tokio::fs::read_to_string(&self.password_file).await;
        let text = text.map_err(|error| MailError::Password(error.to_string()))?;
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            return Err(MailError::Password("does not hold a password".to_owned()));
        }
        Ok(Some(password.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_named() {
        let good = MailSettings {
            host: "mail.example.com".to_owned(),
            user: "alerts".to_owned(),
            password_file: PathBuf::from("/p"),
            from: "alerts@example.com".to_owned(),
            ..MailSettings::default()
        };
        let check = |change: fn(&mut MailSettings), expect: Option<&str>| {
            let mut settings = good.clone();
            change(&mut settings);
            assert_eq!(settings.complaint().map(|(key, _)| key), expect, "{settings:?}");
        };
        assert_eq!(MailSettings::default().complaint(), None);
        check(|_| {}, None);
        check(|one| one.host = "127.0.0.1".to_owned(), None);
        check(|one| one.host.clear(), Some("host"));
        check(|one| one.host = "a b".to_owned(), Some("host"));
        check(|one| one.from = "Alerts <a@example.com>".to_owned(), Some("from"));
        check(|one| one.from.clear(), Some("from"));
        check(|one| one.user.clear(), Some("user"));
        check(|one| one.password_file = PathBuf::new(), Some("password_file"));
        check(|one| one.protection = Protection::None, Some("tls"));
        let open = |one: &mut MailSettings| {
            one.protection = Protection::None;
            one.user.clear();
            one.password_file = PathBuf::new();
        };
        check(open, None);
        let ports = [Protection::Tls, Protection::StartTls, Protection::None].map(|protection| {
            let settings = MailSettings {
                protection,
                ..good.clone()
            };
            settings.port()
        });
        assert_eq!(ports, [465, 587, 587]);
    }
}
