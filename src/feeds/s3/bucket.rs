//! One bucket: its objects are listed, fetched, and moved or tagged.
//!
//! A move is a copy and a removal. Both name the ETag that was read, so that an object that someone replaced meanwhile stays,
//! and is read as another one. A copy that is there already is not made again, and replaces nothing else.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as NAME;
use sha2::{Digest as _, Sha256};

use super::signature::{Scope, Subject, encoded_path, query, sign};
use super::xml::{self, Object};
use super::{S3Settings, credentials};
use crate::base::clock::Clock;
use crate::feeds::outcome::Failure;
use crate::feeds::reading::Reading;
use crate::feeds::shelf::{Change, Destination, Fetched, Found, Next, Page, PutAway, Shelf, Start};
use crate::health::Trouble;
use crate::outbound::{Answer, Bounds, Call, Client, Url, Verb, connector};

/// A thousand keys of the longest kind are shorter.
const ANSWER_BYTES_MAX: usize = 8 << 20;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
/// For a message of the greatest length over a slow line.
const FETCH_TIME_MAX: Duration = Duration::from_secs(10 * 60);

/// A bucket that is read.
pub(super) struct Bucket<'s> {
    settings: &'s S3Settings,
    url: Url,
    clock: Clock,
    /// For all but messages.
    client: Client,
    /// For messages.
    fetcher: Client,
    message_bytes_max: u64,
}

/// A request. `key`: of the object; empty: the bucket itself.
#[derive(Default)]
struct Ask<'a> {
    key: &'a str,
    query: &'a [(&'a str, &'a str)],
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl<'s> Bucket<'s> {
    pub fn new(settings: &'s S3Settings, reading: &Reading) -> Result<Self, Failure> {
        let url = Url::parse(&settings.endpoint).map_err(|error| {
            let what = format!("endpoint {error}");
            Failure::new(Trouble::Unreachable, what)
        })?;
        let connector = connector(settings.ca_file.as_deref())?;
        let bounds = Bounds {
            time_max: ANSWER_TIME_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let message_bytes_max = reading.all.message_bytes_max;
        let fetching = Bounds {
            time_max: FETCH_TIME_MAX,
            // One byte more shows a message that is too long.
            answer_bytes_max: usize::try_from(message_bytes_max)
                .unwrap_or(usize::MAX)
                .saturating_add(1),
        };
        Ok(Self {
            settings,
            url,
            clock: reading.clock().clone(),
            client: Client::for_operator(connector.clone(), bounds),
            fetcher: Client::for_operator(connector, fetching),
            message_bytes_max,
        })
    }

    async fn ask(&self, client: &Client, verb: Verb, ask: Ask<'_>) -> Result<Answer, Failure> {
        let keys = credentials::read(&self.settings.credentials_file)?;
        let path = encoded_path(&self.settings.bucket, ask.key);
        let host = self.url.authority();
        let subject = Subject {
            verb: verb.word(),
            host: &host,
            path: &path,
            query: ask.query,
            body: &ask.body,
        };
        let scope = Scope {
            region: &self.settings.region,
            now: self.clock.now(),
        };
        let headers = sign(&subject, ask.headers, &scope, &keys);
        let target = match ask.query {
            [] => path,
            pairs => format!("{path}?{}", query(pairs)),
        };
        let call = Call {
            verb,
            headers,
            body: ask.body,
        };
        Ok(client.send(&self.url.with_target(target), call).await?)
    }

    /// Copies and removes an object.
    async fn move_to(&self, object: &Object, prefix: &str) -> Result<PutAway, Failure> {
        let rest = object.key.strip_prefix(&self.settings.prefix).unwrap_or(&object.key);
        let mut to = format!("{prefix}{rest}");
        let there = self.etag(&to).await?;
        // What cannot be looked at may be another object, which a copy would replace.
        let is_free = match &there {
            Seen::Nothing => true,
            Seen::Object(etag) => *etag == object.etag,
            Seen::Hidden => false,
        };
        if !is_free {
            to = format!("{to}.{}", object.etag.trim_matches('"'));
        }
        if there != Seen::Object(object.etag.clone()) {
            let source = encoded_path(&self.settings.bucket, &object.key);
            let copy = Ask {
                key: &to,
                headers: vec![
                    ("x-amz-copy-source", source),
                    ("x-amz-copy-source-if-match", object.etag.clone()),
                ],
                ..Ask::default()
            };
            let copied = self.ask(&self.client, Verb::Put, copy).await?;
            match copied.status {
                404 | 412 => return gone_or_failure(&copied),
                // A copy that fails after its beginning is told in a body.
                200 if xml::refusal(&copied.body).is_none() => {}
                _ => return refused_or_failure(&copied),
            }
        }
        let remove = Ask {
            key: &object.key,
            headers: vec![("if-match", object.etag.clone())],
            ..Ask::default()
        };
        let removed = self.ask(&self.client, Verb::Delete, remove).await?;
        match removed.status {
            200..=299 => Ok(PutAway::Gone),
            404 | 412 => gone_or_failure(&removed),
            _ => refused_or_failure(&removed),
        }
    }

    /// What is under a key.
    async fn etag(&self, key: &str) -> Result<Seen, Failure> {
        let head = Ask { key, ..Ask::default() };
        let answer = self.ask(&self.client, Verb::Head, head).await?;
        match answer.status {
            200 => Ok(Seen::Object(answer.etag.unwrap_or_default())),
            404 => Ok(Seen::Nothing),
            // Where objects may not be listed, one that is not there is forbidden. A key may be too long to be asked for.
            400 | 403 => Ok(Seen::Hidden),
            _ => Err(failure(&answer)),
        }
    }

    /// Adds a tag to those that an object has.
    async fn tag(&self, object: &Object, name: &str, value: &str) -> Result<PutAway, Failure> {
        let tagging = [("tagging", "")];
        let ask = || Ask {
            key: &object.key,
            query: &tagging,
            ..Ask::default()
        };
        let answer = self.ask(&self.client, Verb::Get, ask()).await?;
        let mut tags = match answer.status {
            200 => xml::tags(&answer.body).ok_or_else(|| not_understood(&answer))?,
            404 => return gone_or_failure(&answer),
            _ => return refused_or_failure(&answer),
        };
        tags.retain(|(known, _)| known != name);
        tags.push((name.to_owned(), value.to_owned()));
        let body = xml::tagging(&tags);
        let checksum = base64::prelude::BASE64_STANDARD.encode(Sha256::digest(body.as_bytes()));
        let put = Ask {
            headers: vec![
                ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
                ("x-amz-checksum-sha256", checksum),
            ],
            body,
            ..ask()
        };
        let answer = self.ask(&self.client, Verb::Put, put).await?;
        match answer.status {
            200..=299 => Ok(PutAway::Stays),
            404 => gone_or_failure(&answer),
            _ => refused_or_failure(&answer),
        }
    }
}

/// What is under a key.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    /// An object with this ETag.
    Object(String),
    /// It cannot be looked at.
    Hidden,
}

impl Shelf for Bucket<'_> {
    async fn page(&self, start: Start<'_>) -> Result<Option<Page>, Failure> {
        let mut query = vec![("list-type", "2"), ("encoding-type", "url")];
        if !self.settings.prefix.is_empty() {
            query.push(("prefix", &self.settings.prefix));
        }
        match start {
            Start::Beginning => {}
            // A bucket has no list of changes.
            Start::Changes(_) => return Ok(None),
            Start::Page(token) => query.push(("continuation-token", token)),
        }
        let list = Ask {
            query: &query,
            ..Ask::default()
        };
        let answer = self.ask(&self.client, Verb::Get, list).await?;
        if answer.status != 200 {
            return Err(failure(&answer));
        }
        let whole = answer.is_whole.then(|| xml::objects(&answer.body)).flatten();
        let page = whole.ok_or_else(|| not_understood(&answer))?;
        // A server that does not know prefixes would have all of the bucket read.
        if let Some(other) = page
            .objects
            .iter()
            .find(|object| !object.key.starts_with(&self.settings.prefix))
        {
            let what = format!("it lists {:?}, which does not begin with prefix", other.key);
            return Err(Failure::new(Trouble::Answer, what));
        }
        let changes = page.objects.into_iter().map(|object| {
            Change::Found(Found {
                name: name(&object),
                bytes: object.bytes,
            })
        });
        Ok(Some(Page {
            changes: changes.collect(),
            next: page.next.map_or(Next::End(None), Next::Page),
        }))
    }

    async fn fetch(&self, name: &str) -> Result<Fetched, Failure> {
        let Some(object) = object(name) else {
            return Ok(Fetched::Gone);
        };
        let get = Ask {
            key: &object.key,
            headers: vec![("if-match", object.etag)],
            ..Ask::default()
        };
        let answer = self.ask(&self.fetcher, Verb::Get, get).await?;
        match answer.status {
            200 if answer.is_whole => Ok(Fetched::Whole(answer.body)),
            200 if answer.body.len() as u64 > self.message_bytes_max => Ok(Fetched::TooLarge(answer.body.len() as u64)),
            200 => Ok(Fetched::Refused("the transfer broke off".to_owned())),
            404 | 412 => gone_or_failure(&answer).map(|_| Fetched::Gone),
            _ => match refused_or_failure(&answer)? {
                PutAway::Refused(why) => Ok(Fetched::Refused(why)),
                PutAway::Gone | PutAway::Stays => Ok(Fetched::Gone),
            },
        }
    }

    async fn put_away(&self, name: &str, to: Destination) -> Result<PutAway, Failure> {
        let Some(object) = object(name) else {
            return Ok(PutAway::Gone);
        };
        let S3Settings {
            processed, failed, tag, ..
        } = self.settings;
        let (prefix, word) = match to {
            Destination::Processed => (processed, "processed"),
            Destination::Failed => (failed, "failed"),
        };
        match (prefix, tag) {
            (Some(prefix), _) => self.move_to(&object, prefix).await,
            (None, Some(tag)) => self.tag(&object, tag, word).await,
            (None, None) => Ok(PutAway::Stays),
        }
    }

    fn origin(&self, name: &str) -> String {
        let key = object(name).map(|object| object.key).unwrap_or_default();
        format!("s3://{}/{key}", self.settings.bucket)
    }
}

/// The name of an object, of characters that every key of the database may have.
fn name(object: &Object) -> String {
    format!("{}.{}", NAME.encode(&object.key), NAME.encode(&object.etag))
}

/// The object of a name.
fn object(name: &str) -> Option<Object> {
    let decoded = |part: &str| String::from_utf8(NAME.decode(part).ok()?).ok();
    let (key, etag) = name.split_once('.')?;
    Some(Object {
        key: decoded(key)?,
        etag: decoded(etag)?,
        bytes: None,
    })
}

/// What it means that an object is not there, or is another one by now.
fn gone_or_failure(answer: &Answer) -> Result<PutAway, Failure> {
    match xml::refusal(&answer.body) {
        Some(refusal) if refusal.code == "NoSuchBucket" => Err(failure(answer)),
        _ => Ok(PutAway::Gone),
    }
}

/// What it means that a request about one object is refused: it may be the object, or all of the bucket.
fn refused_or_failure(answer: &Answer) -> Result<PutAway, Failure> {
    let failure = failure(answer);
    match failure.trouble {
        Trouble::FolderRefused | Trouble::Unreachable => Ok(PutAway::Refused(failure.detail)),
        // Such as an object that is encrypted with a key of its owner, or has all the tags that one may have.
        Trouble::Answer if (400..500).contains(&answer.status) => Ok(PutAway::Refused(failure.detail)),
        _ => Err(failure),
    }
}

/// What an answer means that is not what was asked for.
fn failure(answer: &Answer) -> Failure {
    let status = answer.status;
    let refusal = xml::refusal(&answer.body).unwrap_or_default();
    let trouble = match (status, refusal.code.as_str()) {
        (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => Trouble::TokenRefused,
        (
            _,
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed" | "AuthorizationHeaderMalformed",
        )
        | (401, _) => Trouble::LoginRefused,
        (429 | 503, _) | (_, "SlowDown") => Trouble::Throttled,
        (403 | 404, _) => Trouble::FolderRefused,
        (500.., _) => Trouble::Unreachable,
        _ => Trouble::Answer,
    };
    let what = format!("the server answers {status} {} {}", refusal.code, refusal.message);
    Failure {
        pause: answer.retry_after.unwrap_or_default(),
        ..Failure::new(trouble, what.trim_end())
    }
}

fn not_understood(answer: &Answer) -> Failure {
    let what = format!("the server answers {} without what S3 has there", answer.status);
    Failure::new(Trouble::Answer, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_an_object_with_this_content() {
        let of = |key: &str, etag: &str| Object {
            key: key.to_owned(),
            etag: etag.to_owned(),
            bytes: None,
        };
        let long = "ü".repeat(512);
        for (key, etag) in [
            ("in/a", "\"70ee\""),
            ("", ""),
            ("a.b\0\u{1b}[31m\r\n", "W/\"x\""),
            (&*long, "\"1-2\""),
        ] {
            let name = name(&of(key, etag));
            assert_eq!(object(&name), Some(of(key, etag)));
            assert!(
                name.bytes().all(|byte| byte.is_ascii_graphic()) && name.len() < 1_600,
                "{name}"
            );
        }
        for name in ["", "a", "%.a", "_w.YQ"] {
            assert_eq!(object(name), None, "{name}");
        }
    }

    #[test]
    fn an_answer_means_the_object_or_the_bucket() {
        for (status, code, trouble, is_object) in [
            (403, "AccessDenied", Trouble::FolderRefused, true),
            (403, "InvalidObjectState", Trouble::FolderRefused, true),
            (500, "InternalError", Trouble::Unreachable, true),
            (403, "InvalidAccessKeyId", Trouble::LoginRefused, false),
            (403, "SignatureDoesNotMatch", Trouble::LoginRefused, false),
            (400, "ExpiredToken", Trouble::TokenRefused, false),
            (503, "SlowDown", Trouble::Throttled, false),
            (429, "", Trouble::Throttled, false),
            (301, "PermanentRedirect", Trouble::Answer, false),
            (400, "InvalidRequest", Trouble::Answer, true),
            (400, "AuthorizationHeaderMalformed", Trouble::LoginRefused, false),
        ] {
            let body = format!("<Error><Code>{code}</Code><Message>because</Message></Error>");
            let answer = Answer {
                status,
                body: body.into_bytes(),
                ..Answer::default()
            };
            assert_eq!(failure(&answer).trouble, trouble, "{status} {code}");
            assert_eq!(refused_or_failure(&answer).is_ok(), is_object, "{status} {code}");
        }
        let waiting = Answer {
            status: 503,
            retry_after: Some(Duration::from_secs(7)),
            ..Answer::default()
        };
        assert_eq!(failure(&waiting).pause, Duration::from_secs(7));
    }
}
