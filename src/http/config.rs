//! The limits and names of the API.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rate::Rate;

/// The limits and names of the API.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Longest body except an upload, bytes.
    pub api_body_bytes_max: usize,
    /// An uploaded report or mail, or several in one form, bytes.
    pub upload_bytes_max: usize,
    /// A TLS report that is posted without a key, bytes.
    pub post_bytes_max: usize,
    /// What has come of all uploads that are being received or stored, bytes; a quarter of it for each account.
    pub uploads_in_flight_bytes_max: usize,
    /// Rows on a page if the client does not say.
    pub page_size_default: u32,
    /// Larger wishes are cut down to this.
    pub page_size_max: u32,
    /// The records of an answer, bytes. A longer list ends early and states where it continues.
    pub page_bytes_max: usize,
    /// For all keys of an account together; `None`: no limit.
    pub rate: Option<Rate>,
    /// For posts without a key: of each peer, and to each domain; `None`: no limit.
    pub post_rate: Option<Rate>,
    /// From the last byte of the body to the first byte of the answer.
    pub answer_time_max: Duration,
    /// From the head of the request to the last byte of its body.
    pub body_time_max: Duration,
    /// From one piece of the body to the next.
    pub body_stall_time_max: Duration,
    /// How long a client that reads an export may stop reading.
    pub export_stall_time_max: Duration,
    /// Exports at the same time: each has thousands of rows in memory, and asks the database without a pause.
    pub exports_max: usize,
    /// Exports that may run at the same time for one account.
    pub exports_per_account_max: usize,
    /// Questions at the same time that may take long; fewer than there are connections to ask the database with.
    pub queries_max: usize,
    /// Concurrent long queries for the keys of one account, and as many for its users at the page.
    pub queries_per_account_max: usize,
    /// How long such a question, or a piece of an upload, waits for its turn; a question of a user at the page, four times as
    /// long.
    pub wait_time_max: Duration,
    /// Answers to one account that have not been read yet, bytes.
    pub answers_per_account_bytes_max: usize,
    /// Answers that one account has kept for the same request to come again, bytes; the oldest are forgotten first.
    pub kept_answers_per_account_bytes_max: u64,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// Where others reach the API over HTTPS; `None`: it is not known.
    pub public_url: PublicUrl,
}

/// Where others reach the API over HTTPS: `https://`, a host, and a port or a path if need be. Empty: it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The URL of a path below it, which begins with a slash; `None` if it is not known.
    pub fn url_for(&self, path: &str) -> Option<String> {
        (!self.0.is_empty()).then(|| format!("{}{path}", self.0))
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        // It becomes a part of DNS records, where some other characters have a meaning (RFC 8460, 3).
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]".contains(&byte);
        let host = text.strip_prefix("https://");
        match text.is_empty() || host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_plain)) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("{text} is not a URL as in https://tally.example.net")),
        }
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

/// Who may read `/metrics`: figures, no report text, but they tell how busy an installation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricsAccess {
    /// Clients on this machine that do not act for another client (a proxy says so by its headers).
    Loopback,
    Everybody,
    Nobody,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            api_body_bytes_max: 64 * 1024,
            upload_bytes_max: 25 * 1024 * 1024,
            post_bytes_max: 4 * 1024 * 1024,
            uploads_in_flight_bytes_max: 256 * 1024 * 1024,
            page_size_default: 20,
            page_size_max: 100,
            page_bytes_max: 1024 * 1024,
            rate: Some(Rate {
                per_second: 20,
                burst: 200,
            }),
            post_rate: Some(Rate {
                per_second: 5,
                burst: 100,
            }),
            answer_time_max: Duration::from_secs(60),
            body_time_max: Duration::from_secs(120),
            body_stall_time_max: Duration::from_secs(20),
            export_stall_time_max: Duration::from_secs(60),
            exports_max: 8,
            exports_per_account_max: 2,
            queries_max: 6,
            queries_per_account_max: 4,
            wait_time_max: Duration::from_secs(5),
            answers_per_account_bytes_max: 16 * 1024 * 1024,
            kept_answers_per_account_bytes_max: 64 * 1024 * 1024,
            metrics: MetricsAccess::Loopback,
            public_url: PublicUrl::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_has_nothing_that_a_record_would_cut() {
        for (text, expect) in [
            ("https://tally.example", Some("https://tally.example/x")),
            (
                " https://tally.example:8443/api/ ",
                Some("https://tally.example:8443/api/x"),
            ),
            ("", None),
        ] {
            let url = PublicUrl::try_from(text.to_owned()).unwrap();
            assert_eq!(url.url_for("/x").as_deref(), expect, "{text}");
        }
        for text in [
            "http://tally.example",
            "https://",
            "https://a!b",
            "https://a,b",
            "https://a;b",
            "https://a b",
            "tally.example",
        ] {
            assert!(PublicUrl::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
