//! One exchange over HTTP/1.1: a connection, a request, an answer. Redirects are answers like others.

use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::connect::{Stream, connect, connect_to_any};
use super::guard::{Guard, Refusal};
use super::tls::{self, Connector, TlsError};
use super::url::{Scheme, Url};

/// What one exchange may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// From the question to the name server to the last byte of the answer.
    pub time_max: Duration,
    /// What is read of an answer's body. The rest is not read.
    pub answer_bytes_max: usize,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Head,
    Post,
    Put,
    Delete,
}

impl Verb {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request. `headers`: all but `Host` and `Content-Length`.
#[derive(Debug, Clone)]
pub struct Call {
    pub verb: Verb,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// A body that is posted.
#[derive(Debug, Clone)]
pub struct Post {
    /// Header fields besides `Host`, `Content-Type` and `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
    pub content_type: &'static str,
    pub body: String,
}

/// What a server answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Seconds of a `Retry-After` field that has them. Dates are not read.
    pub retry_after: Option<Duration>,
    /// The `ETag` field, with its quotation marks.
    pub etag: Option<String>,
    /// What of the body arrived in time and within the limit.
    pub body: Vec<u8>,
    /// Whether `body` is the whole body. One that has exactly as many bytes as the limit counts as cut.
    pub is_whole: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Nothing was sent: the URL leads where customers must not send us.
    #[error("the URL {0}")]
    Refused(#[from] Refusal),
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
}

/// Sends requests. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    connector: Connector,
    bounds: Bounds,
    /// `None`: the operator says where requests go.
    guard: Option<Guard>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// For URLs of the operator's own settings: private hosts too, resolved by the system.
    pub fn for_operator(connector: Connector, bounds: Bounds) -> Self {
        Self {
            connector,
            bounds,
            guard: None,
        }
    }

    /// For URLs that customers give.
    pub fn for_customers(connector: Connector, guard: Guard) -> Self {
        let settings = guard.settings();
        Self {
            connector,
            bounds: Bounds {
                time_max: settings.exchange_time_max,
                answer_bytes_max: settings.answer_bytes_max,
            },
            guard: Some(guard),
        }
    }

    /// Posts, and returns the answer, whatever its status.
    ///
    /// # Errors
    /// [`ExchangeError`]. Unless it is [`ExchangeError::Refused`], the server may have received the request.
    pub async fn post(&self, url: &Url, post: Post) -> Result<Answer, ExchangeError> {
        let mut headers = post.headers;
        headers.push(("Content-Type", post.content_type.to_owned()));
        let (verb, body) = (Verb::Post, post.body);
        self.send(url, Call { verb, headers, body }).await
    }

    /// Sends a request, and returns the answer, whatever its status.
    ///
    /// # Errors
    /// As [`Self::post`].
    pub async fn send(&self, url: &Url, call: Call) -> Result<Answer, ExchangeError> {
        let ends_at = Instant::now() + self.bounds.time_max;
        let late = |_| ExchangeError::Late(self.bounds.time_max);
        let stream = timeout_at(ends_at, self.connect(url, ends_at)).await.map_err(late)??;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = timeout_at(ends_at, handshake).await.map_err(late)?.map_err(broken)?;
        let request = request(url, call)?;
        let answering = async {
            let answer = timeout_at(ends_at, sender.send_request(request)).await;
            let answer = answer.map_err(late)?.map_err(broken)?;
            Ok(self.read(answer, ends_at).await)
        };
        tokio::pin!(answering, connection);
        tokio::select! {
            answered = &mut answering => answered,
            // When the connection ends first, the answer says why, or is there already.
            _ = &mut connection => answering.await,
        }
    }

    async fn connect(&self, url: &Url, ends_at: Instant) -> Result<Box<dyn Stream>, ExchangeError> {
        let host = url.host.plain();
        let stream = match &self.guard {
            None => connect(&host, url.port).await,
            // The name is not resolved again: what was checked is what is connected to.
            Some(guard) => {
                let resolved = timeout_at(ends_at, guard.resolve(url)).await;
                // Servers that answer say sooner that a name has no address.
                connect_to_any(resolved.unwrap_or(Err(Refusal::NoResolver))?).await
            }
        };
        let stream = stream.map_err(|error| ExchangeError::Unreachable(error.to_string()))?;
        Ok(match url.scheme {
            Scheme::Http => Box::new(stream),
            Scheme::Https => tls::protect(&self.connector, &host, Box::new(stream)).await?,
        })
    }

    /// The status counts, also where the body is too long, too slow or broken off.
    async fn read(&self, answer: Response<Incoming>, ends_at: Instant) -> Answer {
        let bytes_max = self.bounds.answer_bytes_max;
        let field = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = field(header::RETRY_AFTER).and_then(|value| value.trim().parse().ok());
        let etag = field(header::ETAG).map(str::to_owned);
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        let mut bytes = Vec::new();
        let mut is_whole = false;
        while bytes.len() < bytes_max {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
            let frame = match timeout_at(ends_at, frame).await {
                Ok(Some(Ok(frame))) => frame,
                ended => {
                    is_whole = matches!(ended, Ok(None));
                    break;
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            bytes.extend_from_slice(&data[..data.len().min(bytes_max - bytes.len())]);
        }
        Answer {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            etag,
            body: bytes,
            is_whole,
        }
    }
}

fn request(url: &Url, call: Call) -> Result<Request<String>, ExchangeError> {
    let mut request = Request::builder()
        .method(call.verb.word())
        .uri(&url.target)
        .header(header::HOST, url.authority());
    // Servers refuse a body of unknown length, and hyper leaves the length of an empty one out.
    if call.body.is_empty() && matches!(call.verb, Verb::Post | Verb::Put) {
        request = request.header(header::CONTENT_LENGTH, 0);
    }
    for (name, value) in call.headers {
        request = request.header(name, value);
    }
    request
        .body(call.body)
        .map_err(|error| ExchangeError::Unreachable(error.to_string()))
}

fn broken(error: hyper::Error) -> ExchangeError {
    ExchangeError::Unreachable(error.to_string())
}
