//! The row of the table of routes, and the functions that write one.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::JsonSchema;

use super::doc::{self, Content, Doc, Parameter};
use super::state::AppState;

/// A verb on a path, as axum writes paths (`/domains/{id}`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub body: Body,
    pub cost: Cost,
}

/// How much work an answer may cost the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cost {
    /// A lookup or a write.
    Short,
    /// The work grows with the account's data. Few of these run at the same time.
    Long,
}

/// Who may call a route. A key that is bound to one domain finds no other domain on any route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anyone, without a key.
    Open,
    /// Keys with `full_access` and `read_only`.
    Read,
    /// As `Read`, for a question that has a body.
    Ask,
    /// Keys with `full_access`.
    Write,
    /// Keys with `full_access` that are not bound to one domain, because the route concerns the whole account.
    Account,
    /// Keys with `submit` or `full_access`, also in the form that URLs can hold (RFC 7617).
    Submit,
    /// Anyone who knows the token in the path, without a key.
    Token,
    /// Anyone who has a link that was mailed, without a key.
    Link,
}

/// What a route takes as its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// None. A body that is sent is not read.
    None,
    /// A JSON object of at most `api_body_bytes_max`.
    Json,
    /// As `Json`; without a body, an empty object is taken.
    JsonOrNone,
    /// A report, a mail or a form with several, of at most `upload_bytes_max`.
    Upload,
    /// As `Upload`, or what a mail provider makes of a mail.
    Forwarded,
    /// A TLS report of at most `post_bytes_max`.
    Post,
}

impl Route {
    /// Whether it only reads, whatever its verb is.
    pub fn only_reads(&self) -> bool {
        self.method == Method::GET || self.access == Access::Ask
    }

    /// Whether a repeat with the same Idempotency-Key gets the first answer.
    pub fn runs_once(&self) -> bool {
        let has_key = !matches!(self.access, Access::Token | Access::Link);
        self.method == Method::POST && !self.only_reads() && has_key
    }
}

impl Body {
    /// Whether it is a report, or holds some.
    pub fn is_report(self) -> bool {
        matches!(self, Self::Upload | Self::Forwarded | Self::Post)
    }
}

/// A row of the table.
pub(super) struct Entry {
    pub route: Route,
    pub doc: Doc,
    pub handler: MethodRouter<AppState>,
}

/// A route without its answer. With the answer it becomes an [`Entry`] of the table.
pub(super) struct Draft(Entry);

/// Declares the row of a verb: `verb(path, access, handler, summary)`, the summary being a short sentence without a full
/// stop.
macro_rules! verbs {
    ($($name:ident = $method:ident;)+) => { $(
        pub(super) fn $name<H, T>(path: &'static str, access: Access, handler: H, summary: &'static str) -> Draft
        where
            H: Handler<T, AppState>,
            T: 'static,
        {
            let said = Doc {
                handler: doc::handler_name(&handler),
                summary,
                parameters: &[],
                takes: None,
                status: 200,
                or: None,
                answers: Content::Bytes(&[]),
                also: &[],
            };
            let route = Route {
                method: Method::$method,
                path,
                access,
                body: Body::None,
                cost: Cost::Short,
            };
            Draft(Entry {
                route,
                doc: said,
                handler: on(MethodFilter::$method, handler),
            })
        }
    )+ };
}

verbs! {
    get = GET;
    post = POST;
    put = PUT;
    patch = PATCH;
    delete = DELETE;
}

impl Draft {
    /// Marks the route as long work for the database.
    pub fn long(mut self) -> Self {
        self.0.route.cost = Cost::Long;
        self
    }

    /// Sets the parameters of its query string.
    pub fn with(mut self, lists: &'static [&'static [Parameter]]) -> Self {
        self.0.doc.parameters = lists;
        self
    }

    /// Sets its body: JSON of this type.
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.0.route.body = Body::Json;
        self.0.doc.takes = Some(doc::schema_of::<T>);
        self
    }

    /// Sets its body: JSON of this type, which may be left out.
    pub fn may_take<T: JsonSchema>(self) -> Self {
        let mut draft = self.takes::<T>();
        draft.0.route.body = Body::JsonOrNone;
        draft
    }

    /// Sets its body: a report, a mail or a form with several.
    pub fn takes_report(mut self) -> Self {
        self.0.route.body = Body::Upload;
        self
    }

    /// Sets its body: as [`Self::takes_report`], or what a mail provider makes of a mail.
    pub fn takes_forwarded(mut self) -> Self {
        self.0.route.body = Body::Forwarded;
        self
    }

    /// Sets its body: a TLS report.
    pub fn takes_tls_report(mut self) -> Self {
        self.0.route.body = Body::Post;
        self
    }

    /// Adds a second status of success: when it is answered.
    pub fn or(mut self, status: u16, when: &'static str) -> Self {
        self.0.doc.or = Some((status, when));
        self
    }

    /// Adds errors that only this route has: a status and when it is answered.
    pub fn also(mut self, also: &'static [(u16, &'static str)]) -> Self {
        self.0.doc.also = also;
        self
    }

    /// Sets its answer: JSON of this type.
    pub fn answers<T: JsonSchema>(mut self, status: u16) -> Entry {
        self.0.doc.status = status;
        self.0.doc.answers = Content::Json(doc::schema_of::<T>);
        self.0
    }

    /// Sets its answer: a list, as JSON of this type or as CSV.
    pub fn lists<T: JsonSchema>(mut self) -> Entry {
        self.0.doc.answers = Content::List(doc::schema_of::<T>);
        self.0
    }

    /// Sets its answer: bytes of one of these media types.
    pub fn answers_bytes(mut self, types: &'static [&'static str]) -> Entry {
        self.0.doc.answers = Content::Bytes(types);
        self.0
    }
}
