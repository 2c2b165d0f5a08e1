//! An API that is asked with a token and answers in JSON, as those of mailbox providers do. A token that is refused is
//! replaced once; then the fault is told.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use super::oauth::{self, OauthSettings, Token};
use super::outcome::Failure;
use super::reading::Reading;
use crate::base::clock::Clock;
use crate::health::Trouble;
use crate::outbound::{Answer, Bounds, Call, Client, Connector, Url, Verb, connector};

/// Longest answer that is not a message. A page of ids is much shorter.
const ANSWER_BYTES_MAX: usize = 8 << 20;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
/// For a message of the greatest length over a slow line.
const FETCH_TIME_MAX: Duration = Duration::from_secs(10 * 60);
/// Longest link to another page, bytes.
const LINK_BYTES_MAX: usize = 16 * 1024;

/// Where an API is, and how tokens for it are got.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiSettings {
    /// `https://...`, up to the version of the API.
    pub url: String,
    /// File with trusted authorities (PEM); `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    pub oauth: OauthSettings,
}

/// An API that is spoken to.
pub(super) struct Api<'s> {
    oauth: &'s OauthSettings,
    url: Url,
    connector: Connector,
    clock: Clock,
    token: Mutex<Option<Token>>,
    /// For all but messages.
    client: Client,
    /// For messages.
    fetcher: Client,
}

/// A request.
pub(super) struct Ask {
    pub verb: Verb,
    /// Path and query, encoded.
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

impl Ask {
    pub fn get(target: String) -> Self {
        Self {
            verb: Verb::Get,
            target,
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn post(target: String, body: Value) -> Self {
        Self {
            verb: Verb::Post,
            target,
            headers: Vec::new(),
            body: Some(body),
        }
    }
}

/// What an API says of a request that failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// A stable word.
    pub code: String,
    pub message: String,
}

impl<'s> Api<'s> {
    /// `message_answer_bytes_max`: the longest answer that has a message.
    pub fn new(settings: &'s ApiSettings, reading: &Reading, message_answer_bytes_max: u64) -> Result<Self, Failure> {
        let url = Url::parse(settings.url.trim_end_matches('/')).map_err(|error| {
            let what = format!("api_url {error}");
            Failure::new(Trouble::Unreachable, what)
        })?;
        let connector = connector(settings.ca_file.as_deref())?;
        let bounds = |time_max, answer_bytes_max| Bounds {
            time_max,
            answer_bytes_max,
        };
        let message_answer_bytes_max = usize::try_from(message_answer_bytes_max).unwrap_or(usize::MAX);
        let answers = bounds(ANSWER_TIME_MAX, ANSWER_BYTES_MAX);
        let messages = bounds(FETCH_TIME_MAX, message_answer_bytes_max);
        Ok(Self {
            oauth: &settings.oauth,
            url,
            client: Client::for_operator(connector.clone(), answers),
            fetcher: Client::for_operator(connector.clone(), messages),
            connector,
            clock: reading.clock().clone(),
            token: Mutex::new(None),
        })
    }

    /// A path below the URL of the API.
    pub fn target(&self, path: &str) -> String {
        format!("{}/{path}", self.url.target.trim_end_matches('/'))
    }

    /// The target of a link in an answer. `None`: it leads elsewhere, where no token may go.
    pub fn linked(&self, link: &str) -> Option<String> {
        let server = self.url.with_target("/".to_owned()).to_string();
        let rest = link.strip_prefix(&server)?;
        let is_link = rest.len() <= LINK_BYTES_MAX && rest.bytes().all(|byte| byte.is_ascii_graphic());
        is_link.then(|| format!("/{rest}"))
    }

    /// Asks for anything but a message. Returns the answer unless its status concerns all requests.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, Failure> {
        self.send(&self.client, ask).await
    }

    /// Asks for a message.
    pub async fn fetch(&self, ask: Ask) -> Result<Answer, Failure> {
        self.send(&self.fetcher, ask).await
    }

    async fn send(&self, client: &Client, ask: Ask) -> Result<Answer, Failure> {
        let url = self.url.with_target(ask.target);
        let mut headers = ask.headers;
        let body = ask.body.map(|body| body.to_string()).unwrap_or_default();
        if !body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let mut refused = None;
        loop {
            let secret = self.secret(refused.as_deref()).await?;
            let mut call = Call {
                verb: ask.verb,
                headers: headers.clone(),
                body: body.clone(),
            };
            call.headers.push(("authorization", format!("Bearer {secret}")));
            let answer = client.send(&url, call).await?;
            match answer.status {
                // It has run out early, or was revoked: a new one may do.
                401 if refused.is_none() => refused = Some(secret),
                401 | 429 | 503 => return Err(failure(&answer)),
                403 if is_rate(&refusal(&answer)) => return Err(failure(&answer)),
                _ => return Ok(answer),
            }
        }
    }

    /// A token: the one that is held, unless it is this one or a new one is due.
    async fn secret(&self, refused: Option<&str>) -> Result<String, Failure> {
        let mut held = self.token.lock().await;
        if let Some(token) = &*held
            && self.clock.monotonic() < token.due_at
            && refused != Some(token.secret.as_str())
        {
            return Ok(token.secret.clone());
        }
        let token = oauth::token(&self.clock, self.oauth, &self.connector).await?;
        if !token.secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            let what = "the token server gives a token that cannot be sent";
            return Err(Failure::new(Trouble::TokenRefused, what));
        }
        let secret = token.secret.clone();
        *held = Some(token);
        Ok(secret)
    }
}

/// Reads the answer to a request that succeeded.
pub(super) fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    if !matches!(answer.status, 200..=299) {
        return Err(failure(answer));
    }
    let parsed = answer
        .is_whole
        .then(|| serde_json::from_slice(&answer.body).ok())
        .flatten();
    parsed.ok_or_else(|| {
        let what = format!("the server answers {} without the JSON of this API", answer.status);
        Failure::new(Trouble::Answer, what)
    })
}

/// What an answer means that is not what was asked for.
pub(super) fn failure(answer: &Answer) -> Failure {
    let status = answer.status;
    let refusal = refusal(answer);
    let trouble = match status {
        401 => Trouble::LoginRefused,
        429 | 503 => Trouble::Throttled,
        403 if is_rate(&refusal) => Trouble::Throttled,
        403 | 404 => Trouble::FolderRefused,
        500.. => Trouble::Unreachable,
        _ => Trouble::Answer,
    };
    let what = format!("the server answers {status} {} {}", refusal.code, refusal.message);
    Failure {
        pause: answer.retry_after.unwrap_or_default(),
        ..Failure::new(trouble, what.trim_end())
    }
}

/// What the server says of a request that failed; empty if it says nothing in this form.
pub(super) fn refusal(answer: &Answer) -> Refusal {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        error: Error,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Error {
        /// Microsoft's is a word, Google's the status.
        code: Value,
        message: String,
        errors: Vec<Reason>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Reason {
        reason: String,
    }
    let Body { error } = serde_json::from_slice(&answer.body).unwrap_or_default();
    let word = error.code.as_str().map(str::to_owned);
    let reason = error.errors.into_iter().next().map(|first| first.reason);
    Refusal {
        code: word.or(reason).unwrap_or_default(),
        message: error.message,
    }
}

/// Google says 403 where others say 429.
fn is_rate(refusal: &Refusal) -> bool {
    matches!(
        refusal.code.as_str(),
        "rateLimitExceeded" | "userRateLimitExceeded" | "dailyLimitExceeded" | "quotaExceeded"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_is_wrong() {
        let check = |status, body: &str, trouble, detail: &str| {
            let answer = Answer {
                status,
                body: body.as_bytes().to_vec(),
                ..Answer::default()
            };
            let failure = failure(&answer);
            assert_eq!((failure.trouble, failure.detail.as_str()), (trouble, detail));
        };
        check(
            404,
            r#"{"error":{"code":"ErrorItemNotFound","message":"not found","innerError":{"date":"2026-03-23"}}}"#,
            Trouble::FolderRefused,
            "the server answers 404 ErrorItemNotFound not found",
        );
        let google = r#"{"error":{"code":403,"message":"Quota","errors":[{"message":"Quota","domain":"usageLimits","reason":"userRateLimitExceeded"}],"status":"PERMISSION_DENIED"}}"#;
        check(
            403,
            google,
            Trouble::Throttled,
            "the server answers 403 userRateLimitExceeded Quota",
        );
        check(403, "<html>", Trouble::FolderRefused, "the server answers 403");
        check(401, "[]", Trouble::LoginRefused, "the server answers 401");
        check(429, "", Trouble::Throttled, "the server answers 429");
        check(503, "", Trouble::Throttled, "the server answers 503");
        check(500, "{\"error\":7}", Trouble::Unreachable, "the server answers 500");
        check(302, "", Trouble::Answer, "the server answers 302");
    }
}
