//! How a row of the table of routes is written.

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

/// How long the database may have to work for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cost {
    /// A look-up, or a write.
    Short,
    /// It grows with what the account has: few of these run at once.
    Long,
}

/// Who may call a route. A key that is bound to one domain finds no other one, whatever the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anyone, without a key.
    Open,
    /// Keys with `full_access` and `read_only`.
    Read,
    /// Keys with `full_access`.
    Write,
    /// Keys with `full_access` that are not bound to one domain: it concerns the account as a whole.
    Account,
}

/// What a route takes as its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// Nothing: if there is one it is not read.
    None,
    /// A JSON object of at most `api_body_bytes_max`.
    Json,
    /// A report, a mail or a form with several, of at most `upload_bytes_max`.
    Upload,
}

/// A row of the table.
pub(super) struct Entry {
    pub route: Route,
    pub doc: Doc,
    pub handler: MethodRouter<AppState>,
}

/// A route that does not yet say what it answers: only then is it an [`Entry`] of the table.
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
    patch = PATCH;
    delete = DELETE;
}

impl Draft {
    /// The database may have to work long for it.
    pub fn long(mut self) -> Self {
        self.0.route.cost = Cost::Long;
        self
    }

    /// Its query string may have these.
    pub fn with(mut self, lists: &'static [&'static [Parameter]]) -> Self {
        self.0.doc.parameters = lists;
        self
    }

    /// Its body is JSON of this type.
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.0.route.body = Body::Json;
        self.0.doc.takes = Some(doc::schema_of::<T>);
        self
    }

    /// Its body is a report, a mail or a form with several.
    pub fn takes_report(mut self) -> Self {
        self.0.route.body = Body::Upload;
        self
    }

    /// What can go wrong here beyond what can everywhere: a status and when.
    pub fn also(mut self, also: &'static [(u16, &'static str)]) -> Self {
        self.0.doc.also = also;
        self
    }

    /// It answers JSON of this type.
    pub fn answers<T: JsonSchema>(mut self, status: u16) -> Entry {
        self.0.doc.status = status;
        self.0.doc.answers = Content::Json(doc::schema_of::<T>);
        self.0
    }

    /// It answers a list, as JSON of this type or as CSV.
    pub fn lists<T: JsonSchema>(mut self) -> Entry {
        self.0.doc.answers = Content::List(doc::schema_of::<T>);
        self.0
    }

    /// It answers bytes of one of these media types.
    pub fn answers_bytes(mut self, types: &'static [&'static str]) -> Entry {
        self.0.doc.answers = Content::Bytes(types);
        self.0
    }
}
