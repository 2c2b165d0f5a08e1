//! A server of an API for mailboxes, with the server of its tokens, on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// A mailbox, and how it is spoken to.
pub trait Mailbox: Default + Send + 'static {
    /// The name of the list of settings.
    const LIST: &'static str;
    /// How the paths of its requests begin.
    const ROOT: &'static str;
    /// Its own settings: what is read, and where mail goes.
    const SETTINGS: &'static str;

    /// New mail.
    fn deliver(&mut self, content: &str);

    /// Takes a mail away from where it is read.
    fn take_away(&mut self, content: &str);

    /// Puts one back that was taken away.
    fn put_back(&mut self, content: &str);

    /// What is in a folder or has a label, sorted.
    fn contents(&self, folder: &str) -> Vec<String>;

    /// Forgets how far clients were.
    fn forget_changes(&mut self);

    fn answer(&mut self, asked: &Asked) -> Reply;
}

/// A request.
pub struct Asked {
    pub is_post: bool,
    /// Below [`Mailbox::ROOT`], decoded.
    pub path: Vec<String>,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    /// The server as the client calls it.
    pub server: String,
}

/// An answer.
pub enum Reply {
    Json(u16, Value),
    Bytes(Vec<u8>),
}

#[derive(Default)]
struct All<M> {
    mailbox: M,
    tokens_given: usize,
    good: BTreeSet<String>,
    refuses: bool,
}

/// A running server.
pub struct Server<M> {
    pub port: u16,
    all: Arc<Mutex<All<M>>>,
}

impl<M: Mailbox> Server<M> {
    pub fn start() -> Self {
        let all: Arc<Mutex<All<M>>> = Arc::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = Router::new().fallback(serve::<M>).with_state(Arc::clone(&all));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        Self { port, all }
    }

    fn all(&self) -> MutexGuard<'_, All<M>> {
        self.all.lock().unwrap()
    }

    /// Does something with the mailbox.
    pub fn with<T>(&self, act: impl FnOnce(&mut M) -> T) -> T {
        act(&mut self.all().mailbox)
    }

    /// Another hand on the same mailbox.
    pub fn shared(&self) -> Self {
        let all = Arc::clone(&self.all);
        Self { port: self.port, all }
    }

    pub fn contents(&self, folder: &str) -> Vec<String> {
        self.with(|mailbox| mailbox.contents(folder))
    }

    /// No token that was given is good any more.
    pub fn revoke(&self) {
        self.all().good.clear();
    }

    /// Whether no token is good at all.
    pub fn refuse(&self, refuses: bool) {
        self.all().refuses = refuses;
    }

    pub fn tokens_given(&self) -> usize {
        self.all().tokens_given
    }
}

async fn serve<M: Mailbox>(
    State(all): State<Arc<Mutex<All<M>>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut all = all.lock().unwrap();
    let field = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    if uri.path() == "/token" {
        let form = String::from_utf8(body.to_vec()).unwrap();
        assert!(form.contains("client_secret=s%26cret"), "{form}");
        all.tokens_given += 1;
        let token = format!("secret-token-{}", all.tokens_given);
        all.good.insert(format!("Bearer {token}"));
        return reply(Reply::Json(200, json!({ "access_token": token, "expires_in": 3_600 })));
    }
    if all.refuses || !all.good.contains(&field("authorization")) {
        let error = json!({ "error": { "code": "InvalidAuthenticationToken", "message": "token has expired" } });
        return reply(Reply::Json(401, error));
    }
    let path = uri.path().strip_prefix(M::ROOT).unwrap_or_else(|| panic!("{uri}"));
    let asked = Asked {
        is_post: method == Method::POST,
        path: path.split('/').map(decoded).collect(),
        query: pairs(uri.query().unwrap_or_default()),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        server: format!("http://{}", field("host")),
    };
    reply(all.mailbox.answer(&asked))
}

fn reply(reply: Reply) -> Response {
    match reply {
        Reply::Json(status, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("content-type", "application/json")], body.to_string()).into_response()
        }
        Reply::Bytes(bytes) => bytes.into_response(),
    }
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
