//! The API, asked in this process as whoever is signed in.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Extensions, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

use super::layout;
use crate::http::{Peer, SignedIn};

/// Longest answer of the API that is read whole: a page of a table for an export is the longest.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The API for one visitor.
#[derive(Debug, Clone)]
pub(super) struct Api {
    router: Router,
    signed_in: SignedIn,
    peer: Option<Peer>,
}

/// Why there is no page: what the API said.
#[derive(Debug)]
pub(super) struct Failure {
    pub status: StatusCode,
    /// One sentence. Text of the visitor's may be in it.
    pub message: String,
    /// What is wrong with which field.
    pub fields: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    #[serde(default)]
    fields: Vec<FieldBody>,
}

#[derive(Deserialize)]
struct FieldBody {
    field: String,
    error: String,
}

impl Api {
    pub fn new(router: Router, signed_in: SignedIn, extensions: &Extensions) -> Self {
        Self {
            router,
            signed_in,
            peer: extensions.get().copied(),
        }
    }

    /// `GET`, read as JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(Method::GET, path, Bytes::new()).await
    }

    /// As [`Self::get`], begun at once and on a thread of its own: a question to SQLite keeps its thread until it is
    /// answered.
    pub fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        path: String,
    ) -> impl Future<Output = Result<T, Failure>> + use<T> {
        let api = self.clone();
        let asked = tokio::spawn(async move { api.get(&path).await });
        async move { asked.await.unwrap_or_else(|_| Err(Failure::fault("The API failed"))) }
    }

    /// A request with a JSON body and answer.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        self.json(method, path, body.to_string().into()).await
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
            Failure::fault("The page cannot read what the API says")
        })
    }

    /// Any request; refusals are failures.
    pub async fn call(&self, mut request: Request<Body>) -> Result<Response, Failure> {
        request.extensions_mut().insert(self.signed_in.clone());
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        let answer = match self.router.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.unwrap_or_default();
        let body = serde_json::from_slice(&bytes).unwrap_or(ErrorBody {
            error: "The API gave no reason".to_owned(),
            fields: Vec::new(),
        });
        Err(Failure {
            status,
            message: body.error,
            fields: body
                .fields
                .into_iter()
                .map(|field| (field.field, field.error))
                .collect(),
        })
    }
}

impl Failure {
    /// There is no such thing.
    pub fn missing() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: "There is no such page".to_owned(),
            fields: Vec::new(),
        }
    }

    /// It was there, and retention has dropped it.
    pub fn gone(message: &str) -> Self {
        Self {
            status: StatusCode::GONE,
            message: message.to_owned(),
            fields: Vec::new(),
        }
    }

    pub fn refused(message: &str) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            message: message.to_owned(),
            fields: Vec::new(),
        }
    }

    fn fault(message: &str) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: message.to_owned(),
            fields: Vec::new(),
        }
    }

    /// What is wrong with a field of a form.
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map(|(_, error)| error.as_str())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, layout::failure(&self)).into_response()
    }
}
