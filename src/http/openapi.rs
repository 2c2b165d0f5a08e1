//! `/openapi.json`: the routes' table as an OpenAPI 3.1 document.

use axum::Extension;
use axum::http::header;
use axum::response::IntoResponse;
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::doc::{Content, Doc, SchemaOf, schema_of};
use super::entry::{Access, Body, Route};
use super::example::example;
use super::{hook, idempotency, listing};
use crate::apart::aside;
use crate::api::{CHANNEL_KEY, DOMAIN_KEY, ErrorBody, ErrorCode};

/// The document that is served, made when it is first asked for.
#[derive(Clone, Copy)]
pub(super) struct Served(pub fn() -> &'static str);

/// `GET /openapi.json`
pub(super) async fn show(Extension(Served(text)): Extension<Served>) -> impl IntoResponse {
    // Making it takes tens of milliseconds. Those that ask meanwhile must not hold workers of the runtime.
    static MADE: OnceCell<&str> = OnceCell::const_new();
    let text = *MADE.get_or_init(async || aside(text)).await;
    ([(header::CONTENT_TYPE, "application/json")], text)
}

/// The document about these routes, indented, with a newline at its end.
pub(super) fn document_text(routes: &[(Route, Doc)]) -> String {
    let text = serde_json::to_string_pretty(&document(routes));
    text.expect("texts and numbers with text keys are JSON") + "\n"
}

fn document(routes: &[(Route, Doc)]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for (route, doc) in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation(route, doc, &mut schemas);
    }
    let responses = ErrorCode::ALL
        .iter()
        .map(|&code| (code.word().to_owned(), error_response(code, &mut schemas)));
    let responses: Map<_, _> = responses.collect();
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Tallymark",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": "Instants are RFC 3339 in UTC with milliseconds. Days are `YYYY-MM-DD` in UTC. Every \
                answer has an `X-Request-Id`. Unknown fields of a body are refused; unknown parameters are \
                ignored. An id of another account gets 404. Every GET route answers HEAD.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "sk_live_ or sk_test_ and 43 letters and digits",
                "description": "An API key. A `full_access` key permits everything, a `read_only` key permits \
                    reading, a `submit` key permits handing in reports at `/reports`, and a `sending_access` key permits \
                    nothing here. A key that is bound to one domain cannot access any other.",
            } },
            "headers": headers(),
            "responses": responses,
            "schemas": schemas.all(),
        },
    })
}

/// The schemas that were asked for. What is taken and what is answered differs: an answer has all its fields.
struct Schemas {
    taken: SchemaGenerator,
    answered: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let generator = |contract| {
            let settings = SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
                settings.contract = contract;
            });
            settings.into_generator()
        };
        Self {
            taken: generator(Contract::Deserialize),
            answered: generator(Contract::Serialize),
        }
    }

    fn all(self) -> Map<String, Value> {
        let mut all = self.taken.definitions().clone();
        all.extend(self.answered.definitions().clone());
        all
    }

    fn taken(&mut self, schema: SchemaOf) -> Value {
        let schema = Value::from(schema(&mut self.taken));
        media(schema, self.taken.definitions())
    }

    fn answered(&mut self, schema: SchemaOf) -> Value {
        let schema = Value::from(schema(&mut self.answered));
        media(schema, self.answered.definitions())
    }
}

/// A schema with an example. A text without one is named in its place, and a test finds that.
fn media(schema: Value, definitions: &Map<String, Value>) -> Value {
    let example = example(&schema, definitions).unwrap_or_else(|path| json!({ MISSING: path }));
    json!({ "schema": schema, "example": example })
}

pub(super) const MISSING: &str = "missing example";

fn operation(route: &Route, doc: &Doc, schemas: &mut Schemas) -> Value {
    let mut operation = json!({
        "operationId": operation_id(doc.handler),
        "summary": doc.summary,
        "description": access_text(route.access),
        "tags": [tag(route.path)],
        "parameters": parameters(route, doc),
        "responses": responses(route, doc, schemas),
    });
    if matches!(route.access, Access::Open | Access::Token | Access::Link) {
        operation["security"] = json!([]);
    }
    if let Some(takes) = doc.takes {
        operation["requestBody"] = json!({
            "required": route.body == Body::Json,
            "content": { "application/json": schemas.taken(takes) },
        });
    }
    match route.body {
        Body::Upload | Body::Forwarded => operation["requestBody"] = upload_body(route.body),
        Body::Post => operation["requestBody"] = post_body(),
        Body::None | Body::Json | Body::JsonOrNone => {}
    }
    operation
}

/// `tallymark::http::domains::create` is `domains_create`.
pub(super) fn operation_id(handler: &str) -> String {
    let mut names: Vec<_> = handler.rsplit("::").take(2).collect();
    names.reverse();
    names.join("_")
}

fn tag(path: &str) -> &str {
    match path.split('/').nth(1).unwrap_or_default() {
        "domains" if path.contains("/dmarc/") => "dmarc",
        "reports" => "dmarc",
        tag @ ("domains" | "quarantine" | "api-keys" | "webhooks" | "notification-channels") => tag,
        _ => "service",
    }
}

fn access_text(access: Access) -> &'static str {
    match access {
        Access::Open => "Needs no key.",
        Access::Read | Access::Ask => "For keys with `full_access` or `read_only`.",
        Access::Write => "For keys with `full_access`.",
        Access::Account => "For keys with `full_access` that are not bound to one domain.",
        Access::Submit => {
            "For keys with `submit` or `full_access`. The key may also be the password of HTTP Basic authentication."
        }
        Access::Token => "Needs no key, but the token that its owner made.",
        Access::Link => "Needs no key, but a link that was mailed.",
    }
}

fn parameters(route: &Route, doc: &Doc) -> Value {
    let names = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = names.map(|name| path_parameter(route.path, name)).collect();
    let format = matches!(doc.answers, Content::List(_)).then_some(&listing::FORMAT);
    parameters.extend(doc.parameters.iter().copied().flatten().chain(format).map(
        |parameter| json!({ "name": parameter.name, "in": "query", "description": parameter.says, "schema": (parameter.schema)() }),
    ));
    if route.runs_once() {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A repeat with the same key and body within 24 hours gets the first answer, with \
                `Idempotent-Replayed: true`. A repeat with another body gets 422. A repeat while the first request \
                runs gets 409.",
            "schema": { "type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": idempotency::KEY_BYTES_MAX },
        }));
    }
    Value::Array(parameters)
}

fn path_parameter(path: &str, name: &str) -> Value {
    let (says, schema) = match (path.split('/').nth(1), name) {
        (Some("domains"), "id") => (
            "Id of a domain.",
            json!({ "type": "string", "pattern": DOMAIN_KEY, "examples": ["dom_abc123def456"] }),
        ),
        (Some("notification-channels"), "id") => (
            "Id of a channel.",
            json!({ "type": "string", "pattern": CHANNEL_KEY, "examples": ["nc_1"] }),
        ),
        (_, "token") => (
            "The secret part of the address of a domain.",
            json!({ "type": "string", "pattern": "^[0-9a-f]{40}$", "examples": ["3f9a1c5e7b2d4f6081a3c5e7092b4d6f8091a2b3"] }),
        ),
        (_, "source_ip") => (
            "An address, or `unknown` for the rows without a readable one.",
            json!({ "type": "string", "format": "source", "examples": ["198.51.100.1"] }),
        ),
        _ => (
            "Number of the object that the path names.",
            json!({ "type": "integer", "format": "int64", "minimum": 1, "examples": [1] }),
        ),
    };
    json!({ "name": name, "in": "path", "required": true, "description": says, "schema": schema })
}

fn upload_body(body: Body) -> Value {
    let types = [
        "application/gzip",
        "application/zip",
        "message/rfc822",
        "application/octet-stream",
    ];
    // Without a type, as bytes are said to be; but there is at least one. Of XML a schema says what is in it, not its bytes.
    let bytes = json!({ "schema": { "minLength": 1 } });
    let mut content: Map<_, _> = types.map(|name| (name.to_owned(), bytes.clone())).into_iter().collect();
    let text = match body {
        Body::Forwarded => "application/json",
        _ => "application/xml",
    };
    content.insert(text.to_owned(), json!({ "schema": {} }));
    let says = format!(
        "One to {} files. Their format is recognised by their bytes.",
        hook::FILES_MAX
    );
    let file = json!({ "description": says, "minLength": 1, "minItems": 1, "maxItems": hook::FILES_MAX });
    let files = json!({ "type": "object", "required": ["file"], "additionalProperties": false, "properties": { "file": file } });
    content.insert("multipart/form-data".to_owned(), json!({ "schema": files }));
    json!({
        "required": true,
        "description": "A report as XML, gzip, zip or mail, or several as the files of a form. The format is \
            recognised by the bytes.",
        "content": content,
    })
}

fn post_body() -> Value {
    json!({
        "required": true,
        "description": "A TLS report (RFC 8460). Its format is recognised by its bytes.",
        "content": {
            "application/tlsrpt+gzip": { "schema": { "minLength": 1 } },
            "application/tlsrpt+json": { "schema": { "type": "object" } },
        },
    })
}

fn responses(route: &Route, doc: &Doc, schemas: &mut Schemas) -> Value {
    let content: Map<_, _> = match doc.answers {
        Content::Json(schema) => [("application/json".to_owned(), schemas.answered(schema))]
            .into_iter()
            .collect(),
        Content::List(schema) => [
            ("application/json".to_owned(), schemas.answered(schema)),
            (listing::CSV.to_owned(), json!({})),
        ]
        .into_iter()
        .collect(),
        Content::Bytes(types) => types.iter().map(|&name| (name.to_owned(), json!({}))).collect(),
    };
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    for name in ["X-RateLimit-Limit", "X-RateLimit-Remaining"] {
        headers[name] = json!({ "$ref": format!("#/components/headers/{name}") });
    }
    if route.runs_once() {
        headers["Idempotent-Replayed"] = json!({ "$ref": "#/components/headers/Idempotent-Replayed" });
    }
    if matches!(doc.answers, Content::List(_)) {
        headers["Link"] = json!({ "$ref": "#/components/headers/Link" });
    }
    let done = json!({ "description": "Done.", "headers": headers, "content": content });
    let mut all = Map::new();
    if let Some((status, when)) = doc.or {
        let mut other = done.clone();
        other["description"] = json!(when);
        all.insert(status.to_string(), other);
    }
    all.insert(doc.status.to_string(), done);
    for code in ErrorCode::ALL
        .iter()
        .filter(|code| can_happen(code.status(), route, doc))
    {
        let mut response = json!({ "$ref": format!("#/components/responses/{}", code.word()) });
        if let Some((_, when)) = doc.also.iter().find(|(status, _)| *status == code.status()) {
            response["description"] = json!(when);
        }
        all.insert(code.status().to_string(), response);
    }
    Value::Object(all)
}

/// Whether a request to the route can be refused with that status.
fn can_happen(status: u16, route: &Route, doc: &Doc) -> bool {
    let (body, post) = (route.body != Body::None, route.runs_once());
    let asks = !doc.parameters.is_empty() || matches!(doc.answers, Content::List(_));
    doc.also.iter().any(|(also, _)| *also == status)
        || match status {
            400 => body || post || asks,
            401 | 403 => !matches!(route.access, Access::Open | Access::Token | Access::Link),
            429 => route.access != Access::Open,
            404 => route.path.contains('{'),
            408 | 413 | 415 => body,
            409 => post,
            422 => body || post || asks,
            405 => false,
            _ => true,
        }
}

fn error_response(code: ErrorCode, schemas: &mut Schemas) -> Value {
    let mut media = schemas.answered(schema_of::<ErrorBody>);
    let mut example = json!({ "error": code.example(), "code": code });
    if code.status() == 422 {
        example["fields"] =
            json!([{ "field": "region", "error": "must be one of eu-west-1, us-east-1, sa-east-1, ap-northeast-1" }]);
    }
    media["example"] = example;
    let mut response = json!({ "description": code.says(), "content": { "application/json": media } });
    response["headers"] = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    if [429, 503].contains(&code.status()) {
        response["headers"]["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    response
}

fn headers() -> Value {
    let whole = |says: &str, required: bool| json!({ "description": says, "required": required, "schema": { "type": "integer", "minimum": 0 } });
    json!({
        "X-Request-Id": { "description": "Id of the request in the log. A client's own id is kept if it is a valid \
            token.", "required": true,
            "schema": { "type": "string" } },
        "X-RateLimit-Limit": whole("Maximum number of requests in one burst; absent without a limit.", false),
        "X-RateLimit-Remaining": whole("Requests left in the burst.", false),
        "Link": { "description": "CSV only: `<?QUERY>; rel=\"next\"`, where QUERY is the query string of the next \
            page. Absent at the end of the list.", "schema": { "type": "string" } },
        "Retry-After": whole("Seconds to wait, at most 60.", true),
        "Idempotent-Replayed": { "description": "The answer is the stored first answer. The request did not run \
            again.",
            "schema": { "type": "string", "enum": ["true"] } },
    })
}
