//! Connections: how many, how long they may take to ask, and how they end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{Request, Version};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::error::ApiError;
use super::gate::Peer;
use crate::clock::{self, Clock};

/// Further connections wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 2_048;
/// From the connection, or the last answer, to the end of a request's head.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// A request's head, and the window in which its body is read.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Requests that run when the process is told to stop have this long to be answered.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(30);
/// When no connection can be accepted (out of file descriptors), the next try comes after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers connections until `shutdown` is ready; then accepts no more, lets running requests end, and returns.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let (clock, connections) = (Clock::system(), TaskTracker::new());
    let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let accepting = async {
        loop {
            let Ok(permit) = free.clone().acquire_owned().await else {
                return;
            };
            let (stream, peer) = accept(&listener).await;
            // hyper dates every answer, and panics where there is no such date.
            if !clock::is_set(clock.now()) {
                tracing::error!("a connection was closed unanswered: the clock of this machine is not set");
                continue;
            }
            let conversation = converse(stream, peer, router.clone(), stop.clone());
            let abort = abort.clone();
            connections.spawn(async move {
                abort.run_until_cancelled(conversation).await;
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown => {}
    }
    drop(listener);
    stop.cancel();
    connections.close();
    if timeout(SHUTDOWN_TIME_MAX, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "stopped while requests were still running"
        );
        // Each holds a way in, and the intake ends when the last one is gone.
        abort.cancel();
        connections.wait().await;
    }
    Ok(())
}

/// The next connection, however many tries it takes.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The peer gave up before we came to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// All requests of one connection.
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    // Answers are written whole: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let router = router.clone();
        async move {
            Ok::<_, Infallible>(match names_one_host(&request) {
                true => answer(router, request.map(Body::new)).await,
                false => ApiError::invalid_request("Name the host once, in one Host header").into_response(),
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// RFC 9112, 3.2: a request of HTTP/1.1 without a Host, or any with several, is refused; else we and a proxy before us could
/// take it for two different ones. What it names is for a proxy to look at: we answer for every host.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(is_host),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// RFC 9110, 7.2: a name or an address, with or without a port; empty where the target has no authority.
fn is_host(text: &str) -> bool {
    text.is_empty() || (text.parse::<Authority>().is_ok() && !text.contains('@'))
}

async fn answer(router: Router, request: Request<Body>) -> axum::response::Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
