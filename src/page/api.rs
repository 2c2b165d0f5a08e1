//! The API, called in this process as the signed-in user.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Extensions, Method, Request, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt as _;

use crate::api::{ErrorBody, FieldError};
use crate::http::{Line, Peer, SignedIn};
use crate::store::View;

/// Longest answer of the API that is read whole.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The API for one visitor.
#[derive(Debug, Clone)]
pub(super) struct Api {
    router: Router,
    signed_in: SignedIn,
    peer: Option<Peer>,
    line: Option<Line>,
    /// What its questions share.
    view: View,
}

/// Why there is no page: what the API said.
#[derive(Debug)]
pub(super) struct Failure {
    pub status: StatusCode,
    /// One sentence. Text of the visitor's may be in it.
    pub message: String,
    /// What is wrong with which field.
    pub fields: Vec<FieldError>,
    /// Seconds after which it can be tried again, where that is known.
    pub retry_after: Option<u64>,
}

impl Api {
    pub fn new(router: Router, signed_in: SignedIn, extensions: &Extensions) -> Self {
        Self {
            router,
            signed_in,
            peer: extensions.get().copied(),
            line: extensions.get().cloned(),
            view: View::default(),
        }
    }

    /// `GET`, read as JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(Method::GET, path, Bytes::new()).await
    }

    /// As [`Self::get`], started at once and on a thread of its own, because a query to SQLite keeps its thread until it is
    /// answered.
    pub fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        path: String,
    ) -> impl Future<Output = Result<T, Failure>> + use<T> {
        let api = self.clone();
        // Dropped, the task ends where it next waits. A statement that SQLite runs ends when the visitor's connection closes.
        let asked = AbortOnDropHandle::new(tokio::spawn(async move { api.get(&path).await }));
        async move { asked.await.unwrap_or_else(|_| Err(Failure::fault("The API failed"))) }
    }

    /// A request with a JSON body and answer.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|_| Failure::fault("The page cannot write its request"))?;
        self.json(method, path, body.into()).await
    }

    /// A request whose answer says nothing new.
    pub async fn tell(&self, method: Method, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        self.send::<IgnoredAny>(method, path, body).await.map(drop)
    }

    async fn json<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .map_err(|_| Failure::missing())?;
        let answer = self.call(request).await?;
        self.read(answer).await
    }

    /// The JSON of an answer.
    pub async fn read<T: DeserializeOwned>(&self, answer: Response) -> Result<T, Failure> {
        let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX)
            .await
            .map_err(|_| Failure::fault("The answer of the API broke off"))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            tracing::error!(%error, "the page cannot read an answer of the API");
            Failure::fault("The page cannot read the answer of the API")
        })
    }

    /// Any request; refusals are failures.
    pub async fn call(&self, mut request: Request<Body>) -> Result<Response, Failure> {
        request.extensions_mut().insert(self.signed_in.clone());
        request.extensions_mut().insert(self.view.clone());
        if let Some(line) = &self.line {
            request.extensions_mut().insert(line.clone());
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        let answer = answer_of(&self.router, request).await;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.unwrap_or_default();
        let body = serde_json::from_slice::<ErrorBody>(&bytes);
        let (message, fields) = body.map_or_else(
            |_| ("The API gave no reason".to_owned(), Vec::new()),
            |body| (body.error, body.fields),
        );
        Err(Failure {
            status,
            message,
            fields,
            retry_after,
        })
    }
}

/// What the API answers, as it is.
pub(super) async fn answer_of(router: &Router, request: Request<Body>) -> Response {
    match router.clone().oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

impl Failure {
    fn new(status: StatusCode, message: &str) -> Self {
        Self {
            status,
            message: message.to_owned(),
            fields: Vec::new(),
            retry_after: None,
        }
    }

    /// There is no such thing.
    pub fn missing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is no such page")
    }

    /// It was there, and retention has dropped it.
    pub fn gone(message: &str) -> Self {
        Self::new(StatusCode::GONE, message)
    }

    /// A mistake in a field that the page itself found.
    pub fn of_field(error: FieldError) -> Self {
        Self {
            fields: vec![error],
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "A field cannot be taken")
        }
    }

    pub fn refused(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// The session asks for more than it may; it can go on after these seconds.
    pub fn too_many(retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many pages were asked for in a short time",
            )
        }
    }

    /// The database cannot be asked.
    pub fn unavailable() -> Self {
        Self {
            retry_after: Some(5),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not available right now")
        }
    }

    /// What a status says by itself.
    pub fn of_status(status: StatusCode) -> Self {
        let message = match status {
            StatusCode::NOT_FOUND => "There is no such page",
            StatusCode::METHOD_NOT_ALLOWED => "This address cannot be used that way",
            StatusCode::PAYLOAD_TOO_LARGE => "That is more than this form takes; nothing was saved",
            StatusCode::UNAUTHORIZED => "This address is part of the API, which asks for a key",
            status if status.is_client_error() => "What was sent cannot be read; nothing was saved",
            _ => "Something went wrong on our side",
        };
        Self::new(status, message)
    }

    pub(super) fn fault(message: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// Whether it is about what the user typed or chose. The page then shows it next to its form.
    pub fn is_about_input(&self) -> bool {
        self.status == StatusCode::UNPROCESSABLE_ENTITY && !self.fields.is_empty()
    }

    /// Whether what was asked for cannot be done as things are now.
    pub fn is_about_now(&self) -> bool {
        matches!(self.status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS)
    }

    /// What is wrong with a field of a form.
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|one| one.field == name);
        field.map(|one| one.error.as_str())
    }
}

/// What a page shows in the place of a table: the table, or what is wrong with what was asked for.
#[derive(Debug)]
pub(super) enum Told<T> {
    Answer(T),
    Wrong(Failure),
}

impl<T> Told<T> {
    /// Failures that are not about input stay failures.
    pub fn from(answer: Result<T, Failure>) -> Result<Self, Failure> {
        match answer {
            Ok(answer) => Ok(Self::Answer(answer)),
            Err(failure) if failure.is_about_input() => Ok(Self::Wrong(failure)),
            Err(failure) => Err(failure),
        }
    }

    /// What is wrong, if something is.
    pub fn wrong(&self) -> Option<&Failure> {
        match self {
            Self::Answer(_) => None,
            Self::Wrong(failure) => Some(failure),
        }
    }

    /// The status of the page that shows it.
    pub fn status(&self) -> StatusCode {
        self.wrong().map_or(StatusCode::OK, |failure| failure.status)
    }
}
