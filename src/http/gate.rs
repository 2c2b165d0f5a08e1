//! The checks of a request before its handler: key, rate, permission, body, and the time for the answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::Either;
use tokio::time::{Duration, Instant, timeout, timeout_at};

use super::client::{Client, SignedIn, peer_address};
use super::credentials::{challenge, presented};
use super::entry::{Access, Cost, Route};
use super::error::ApiError;
use super::idempotency;
use super::line::Line;
use super::mail_links;
use super::posting::Poster;
use super::rate::{Allowance, Bucket};
use super::receive::{drain, receive_body};
use super::request_scope::{RouteLabel, with_allowance};
use super::shares::{Asker, Share, UploadMemory};
use super::state::AppState;
use crate::apart::Apart;
use crate::base::Permission;
use crate::keys::{ApiSecret, same_hash};
use crate::store::{ApiKey, Patience, View};

/// Passes a request to the handler of `route`, or answers instead. A handler that panics answers 500.
pub(super) async fn gate(
    State((state, route)): State<(AppState, Arc<Route>)>,
    request: Request,
    next: Next,
) -> Response {
    let passed = AssertUnwindSafe(pass(&state, &route, request, next))
        .catch_unwind()
        .await;
    let mut response = passed.unwrap_or_else(|panic| {
        tracing::error!(route = route.path, panic = %panic_text(&*panic), "a handler panicked");
        ApiError::internal().into_response()
    });
    response.extensions_mut().insert(RouteLabel(route.path));
    response
}

async fn pass(state: &AppState, route: &Route, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let admitted = match route.access {
        Access::Token => Poster::admit(state, &mut parts).await.map(|left| (None, left)),
        Access::Link => mail_links::admit(state, &parts).map(|left| (None, left)),
        _ => admit(state, route, &parts).await,
    };
    let (admitted, allowance) = match admitted {
        Ok(admitted) => admitted,
        Err((error, allowance)) => {
            drain(Request::from_parts(parts, body)).await;
            let mut response = error.into_response();
            if response.status() == StatusCode::UNAUTHORIZED {
                response.headers_mut().extend(challenge(route.access));
            }
            return with_allowance(response, allowance);
        }
    };
    if let Some((client, _)) = &admitted {
        parts.extensions.insert(*client);
    }
    let is_of_page = parts.extensions.get::<SignedIn>().is_some();
    let line = parts.extensions.get::<Line>().cloned();
    let view = parts.extensions.get::<View>().cloned();
    let response = match receive_body(state, route.body, Request::from_parts(parts, body)).await {
        Err(error) => error.into_response(),
        Ok((request, _)) if route.only_reads() => match admitted {
            Some((client, _)) => {
                let asker = if is_of_page { Asker::Page } else { Asker::Key };
                let share = state.shares.for_account(client.account);
                let question = Question {
                    route,
                    share,
                    asker,
                    line,
                    view,
                };
                let answer = question.answer(state, next.run(request)).await;
                answer.unwrap_or_else(ApiError::into_response)
            }
            None => next.run(request).await,
        },
        Ok((request, memory)) => {
            let (path, time_max) = (route.path, state.config.answer_time_max);
            let is_report = route.body.is_report();
            let run = move |request| {
                let answer = next.run(request);
                let answer = match is_report {
                    true => Either::Left(Apart::new(answer)),
                    false => Either::Right(answer),
                };
                run(answer, memory, path, time_max)
            };
            match admitted {
                // The page shows no secret to seal an answer with, and never asks for one again.
                Some((client, Some(secret))) if route.runs_once() => {
                    idempotency::once(state, client, &secret, request, run).await
                }
                _ => run(request).await,
            }
        }
    };
    with_allowance(response, allowance)
}

/// A request that only reads.
struct Question<'r> {
    route: &'r Route,
    share: Arc<Share>,
    asker: Asker,
    line: Option<Line>,
    /// The view of a page that asks.
    view: Option<View>,
}

impl Question<'_> {
    /// The handler's answer. It is stopped when its time is over or its client has gone, also while the database is at work.
    async fn answer(&self, state: &AppState, answer: impl Future<Output = Response>) -> Result<Response, ApiError> {
        let reads_later = self.asker == Asker::Key;
        if reads_later && self.share.answers.is_full() {
            let message = "Answers to this account have not been read yet; read them, or ask again soon";
            return Err(ApiError::busy(message, UNREAD_RETRY_SECONDS));
        }
        let answer = async {
            match &self.view {
                Some(view) => view.scope(answer).await,
                None => answer.await,
            }
        };
        let response = match self.route.cost {
            Cost::Long => {
                let _place = state.shares.query(&self.share, self.asker).await?;
                self.within(state.config.answer_time_max, Apart::new(answer)).await
            }
            Cost::Short => self.within(state.config.answer_time_max, answer).await,
        }?;
        // The page reads its answers at once, in this process.
        Ok(match reads_later {
            true => self.share.answers.count(response).await,
            false => response,
        })
    }

    /// The answer, if it comes in time.
    async fn within(&self, time_max: Duration, answer: impl Future<Output = Response>) -> Result<Response, ApiError> {
        let (end, line) = (Instant::now() + time_max, self.line.clone());
        let is_over = move || Instant::now() >= end || line.as_ref().is_some_and(Line::is_closed);
        let answered = timeout_at(end, Patience::new(is_over).scope(answer)).await;
        if Instant::now() >= end {
            let route = self.route.path;
            tracing::warn!(route, "a query was stopped because it took too long");
        }
        answered.map_err(|_| ApiError::unavailable())
    }
}

/// A client that does not read its answers is told to try again after this time.
const UNREAD_RETRY_SECONDS: u64 = 2;

/// The handler's answer, if it comes in time. The memory counts the body's bytes until they are stored.
async fn run(
    answer: impl Future<Output = Response>,
    _memory: Option<UploadMemory>,
    path: &'static str,
    time_max: Duration,
) -> Response {
    timeout(time_max, answer).await.unwrap_or_else(|_| {
        tracing::warn!(route = path, "a request was given up because it took too long");
        ApiError::unavailable().into_response()
    })
}

/// The client, its secret (the page has none), and what is left of its rate; or the reason for a refusal.
async fn admit(
    state: &AppState,
    route: &Route,
    parts: &Parts,
) -> Result<(Option<(Client, Option<ApiSecret>)>, Option<Allowance>), (ApiError, Option<Allowance>)> {
    let now = state.clock.monotonic();
    let peer = Bucket::peer(peer_address(&parts.extensions));
    if route.access == Access::Open {
        return Ok((None, state.limiter.look(peer, now)));
    }
    let key = match find_key(state, route.access, parts).await {
        Ok(key) => key,
        Err(error) => return Err((error, state.limiter.look(peer, now))),
    };
    let bucket = key.as_ref().map_or(peer, |(key, _)| Bucket::Account(key.account));
    // The page has its own rate, so users and scripts with one key do not use up each other's.
    let is_of_page = parts.extensions.get::<SignedIn>().is_some();
    let allowance = (!is_of_page).then(|| state.limiter.take(bucket, now)).flatten();
    if let Some(seconds) = allowance.and_then(|allowance| allowance.retry_after_seconds) {
        return Err((ApiError::rate_limit_exceeded(seconds), allowance));
    }
    let Some((key, secret)) = key else {
        return Err((ApiError::unauthorized(), allowance));
    };
    state.key_uses.note(&state.store, &key, state.clock.now());
    permit(route.access, &parts.method, &key).map_err(|error| (error, allowance))?;
    let client = Client {
        account: key.account,
        key: key.id,
        domain: key.domain,
    };
    Ok((Some((client, secret)), allowance))
}

/// The key of the request, if it is known and not revoked.
async fn find_key(
    state: &AppState,
    access: Access,
    parts: &Parts,
) -> Result<Option<(ApiKey, Option<ApiSecret>)>, ApiError> {
    if let Some(SignedIn(key)) = parts.extensions.get() {
        let key = Some(key.clone()).filter(|key| key.revoked_at.is_none());
        return Ok(key.map(|key| (key, None)));
    }
    let Some(secret) = presented(&parts.headers, access) else {
        return Ok(None);
    };
    let hash = secret.hash();
    let key = state.store.key_by_hash(&hash).await?;
    let key = key.filter(|key| same_hash(&key.hash, &hash) && key.revoked_at.is_none());
    Ok(key.map(|key| (key, Some(secret))))
}

fn permit(access: Access, method: &Method, key: &ApiKey) -> Result<(), ApiError> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match (key.permission, access) {
        (_, Access::Open | Access::Token | Access::Link) => Ok(()),
        (Permission::Submit, Access::Submit) => Ok(()),
        (Permission::Submit, _) => Err(ApiError::forbidden(
            "This key may only hand in reports at POST /reports",
        )),
        (Permission::SendingAccess, _) => Err(ApiError::forbidden("This key may only send mail")),
        (Permission::ReadOnly, Access::Read) if reads => Ok(()),
        (Permission::ReadOnly, Access::Ask) => Ok(()),
        (Permission::ReadOnly, _) => Err(ApiError::forbidden("This key may only read")),
        (Permission::FullAccess, Access::Account) if key.domain.is_some() => {
            Err(ApiError::forbidden("This key is bound to one domain"))
        }
        (Permission::FullAccess, _) => Ok(()),
    }
}

/// How much of a panic's message is logged.
const PANIC_BYTES_MAX: usize = 300;

/// A panic's message, escaped and cut, because it may contain report text.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    crate::base::text::shown(text, PANIC_BYTES_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body as HttpBody;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use axum::http::{HeaderValue, header};

    use super::*;
    use crate::base::clock::Clock;
    use crate::base::{AccountId, DomainId, DomainName, KeyId};
    use crate::domains::{Domains, DomainsOptions, ServiceNames};
    use crate::http::{Body, HttpConfig};
    use crate::ingest::{Intake, IntakeOptions};
    use crate::metrics::Metrics;
    use crate::store::Store;

    fn key(permission: Permission, domain: Option<DomainId>) -> ApiKey {
        ApiKey {
            id: KeyId(1),
            account: AccountId(1),
            name: String::new(),
            permission,
            domain,
            prefix: String::new(),
            hash: [0; 32],
            created_at: 0,
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "a row of a table")]
    fn check(access: Access, permission: Permission, domain: Option<DomainId>, method: &Method, passes: bool) {
        let key = key(permission, domain);
        let context = format!("{access:?} {permission:?} {domain:?} {method}");
        assert_eq!(permit(access, method, &key).is_ok(), passes, "{context}");
    }

    #[test]
    fn permissions_are_as_the_contract_says() {
        use Permission::{FullAccess, ReadOnly, SendingAccess, Submit};
        let one = Some(DomainId(1));
        check(Access::Read, FullAccess, None, &Method::GET, true);
        check(Access::Read, FullAccess, one, &Method::GET, true);
        check(Access::Read, ReadOnly, None, &Method::GET, true);
        check(Access::Read, ReadOnly, one, &Method::HEAD, true);
        check(Access::Read, SendingAccess, None, &Method::GET, false);
        check(Access::Ask, FullAccess, one, &Method::POST, true);
        check(Access::Ask, ReadOnly, None, &Method::POST, true);
        check(Access::Ask, SendingAccess, None, &Method::POST, false);
        check(Access::Write, FullAccess, None, &Method::POST, true);
        check(Access::Write, FullAccess, one, &Method::POST, true);
        check(Access::Write, ReadOnly, None, &Method::DELETE, false);
        check(Access::Write, SendingAccess, None, &Method::POST, false);
        check(Access::Account, FullAccess, None, &Method::POST, true);
        check(Access::Account, FullAccess, one, &Method::POST, false);
        check(Access::Account, ReadOnly, None, &Method::GET, false);
        check(Access::Account, SendingAccess, None, &Method::GET, false);
        check(Access::Submit, FullAccess, one, &Method::POST, true);
        check(Access::Submit, Submit, one, &Method::POST, true);
        check(Access::Submit, ReadOnly, None, &Method::POST, false);
        check(Access::Submit, SendingAccess, None, &Method::POST, false);
        for access in [Access::Read, Access::Ask, Access::Write, Access::Account] {
            check(access, Submit, None, &Method::POST, false);
            check(access, Submit, None, &Method::GET, false);
        }
    }

    #[test]
    fn a_panic_message_is_cut_and_escaped() {
        assert_eq!(panic_text(&"a\nb\u{1b}[31m"), "a\\u{a}b\\u{1b}[31m");
        let cut = panic_text(&"é".repeat(PANIC_BYTES_MAX));
        assert!(cut.len() <= PANIC_BYTES_MAX && cut.ends_with("é…"), "{cut}");
    }

    async fn state(folder: &tempfile::TempDir) -> AppState {
        let store = Store::open(&folder.path().join("tallymark.sqlite")).await.unwrap();
        let (clock, metrics) = (Clock::fixed(0), Metrics::new());
        let fresh = || unreachable!("no message is taken in");
        let (intake, _) = Intake::start(clock.clone(), store.clone(), metrics.clone(), IntakeOptions::new(fresh));
        let name = DomainName::parse("tally.example").unwrap();
        let options = DomainsOptions::new(ServiceNames::of_one_node(&name, &name));
        let domains = Domains::new(store.clone(), clock.clone(), metrics.clone(), options);
        AppState::new(store, intake, domains, clock, metrics, HttpConfig::default())
    }

    fn route(method: Method, access: Access, body: Body, cost: Cost) -> Arc<Route> {
        Arc::new(Route {
            method,
            path: "/",
            access,
            body,
            cost,
        })
    }

    /// Keeps its thread until another task of the same runtime has run, or for `time_max`: whether one did.
    fn works(time_max: std::time::Duration) -> String {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        tokio::spawn(async move { tell.send(()) });
        told.recv_timeout(time_max).is_ok().to_string()
    }

    /// What a route answers whose handler works, on a runtime with one worker.
    fn answer(route: Arc<Route>, handler: axum::routing::MethodRouter) -> String {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let asked = async move {
            let folder = tempfile::tempdir().unwrap();
            let method = route.method.clone();
            let app = Router::new()
                .route("/", handler)
                .route_layer(from_fn_with_state((state(&folder).await, route), gate));
            let mut request = Request::new(HttpBody::from("<feedback/>"));
            *request.method_mut() = method;
            let media_type = HeaderValue::from_static("application/xml");
            request.headers_mut().insert(header::CONTENT_TYPE, media_type);
            request
                .extensions_mut()
                .insert(SignedIn(key(Permission::FullAccess, None)));
            let response = app.oneshot(request).await.unwrap();
            let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        };
        runtime.block_on(async { tokio::spawn(asked).await.unwrap() })
    }

    /// SM7: 8 exports that started made `/readyz` wait for most of a second.
    #[test]
    fn slow_requests_do_not_block_workers() {
        use std::time::Duration;
        let late = async || works(Duration::from_secs(60));
        let long = route(Method::GET, Access::Read, Body::None, Cost::Long);
        assert_eq!(answer(long, get(late)), "true");
        let upload = route(Method::POST, Access::Write, Body::Upload, Cost::Short);
        assert_eq!(answer(upload, axum::routing::post(late)), "true");
        let short = route(Method::GET, Access::Read, Body::None, Cost::Short);
        let soon = async || works(Duration::from_millis(500));
        assert_eq!(
            answer(short, get(soon)),
            "false",
            "the control: a short lookup may not work at all"
        );
    }

    #[tokio::test]
    async fn a_query_is_given_up_when_its_client_has_gone() {
        use tokio::net::{TcpListener, TcpStream};
        for (cost, has_gone) in [
            (Cost::Long, false),
            (Cost::Long, true),
            (Cost::Short, false),
            (Cost::Short, true),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (ours, _) = listener.accept().await.unwrap();
            let client = (!has_gone).then_some(client);
            if has_gone {
                ours.readable().await.unwrap();
            }
            let folder = tempfile::tempdir().unwrap();
            let state = state(&folder).await;
            let store = state.store.clone();
            let handler = async move || match store.account(AccountId(1)).await {
                Ok(_) => StatusCode::OK,
                Err(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            let route = route(Method::GET, Access::Read, Body::None, cost);
            let app = Router::new()
                .route("/", get(handler))
                .route_layer(from_fn_with_state((state, route), gate));
            let mut request = Request::new(HttpBody::empty());
            let extensions = request.extensions_mut();
            extensions.insert(SignedIn(key(Permission::FullAccess, None)));
            extensions.insert(Line::new(ours));
            let status = app.oneshot(request).await.unwrap().status();
            let expect = if has_gone {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                StatusCode::OK
            };
            assert_eq!(status, expect, "{cost:?}");
            drop(client);
        }
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_a_500_that_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder).await;
        let route = route(Method::GET, Access::Open, Body::None, Cost::Short);
        async fn handler() {
            panic!("a secret")
        }
        let app = Router::new()
            .route("/", get(handler))
            .route_layer(from_fn_with_state((state, route), gate));
        let response = app.oneshot(Request::new(HttpBody::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.contains("internal_error") && !text.contains("secret"), "{text}");
    }
}
