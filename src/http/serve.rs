//! Connections: their number, the time for a request, and their end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Version};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::client::Peer;
use super::error::ApiError;
use super::line::Line;
use super::order::Order;
use super::paced::Paced;
use super::request_scope::dressed;
use super::seats::{ConnectionLimits, Forwarded, Seated, Seats, Service};
use crate::base::clock::{self, Clock};

/// Time for the request on a connection that is only for health checks. The whole connection has twice this time.
const HEALTH_TIME_MAX: Duration = Duration::from_secs(5);
/// Paths that such a connection can request.
const HEALTH_PATHS: [&str; 2] = ["/healthz", "/readyz"];
/// A request's head, and the window in which its body is read.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Time for running requests to be answered when the process stops.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of answers that the system buffers per connection, without those on their way to the client. The system's own limit is
/// 4 MB, also for a client that reads nothing. Copying them is most of the work for such a client.
const UNSENT_BYTES_MAX: u32 = 16 * 1024;
/// Connections that wait in the system to be accepted. The client repeats one beyond them after a second.
const BACKLOG: i32 = 1_024;
/// When no connection can be accepted (out of file descriptors), the next try comes after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// As [`serve_within`], with the usual limits.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    serve_within(ConnectionLimits::default(), listener, router, shutdown).await
}

/// Answers connections until `shutdown` is ready; then accepts no more, lets running requests end, and returns.
pub async fn serve_within(
    limits: ConnectionLimits,
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    // The standard library listens with 128.
    let _ = SockRef::from(&listener).listen(BACKLOG);
    let (clock, connections) = (Clock::system(), TaskTracker::new());
    let (seats, order) = (Seats::new(limits, clock.clone()), Order::default());
    let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
    let accepting = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            // hyper dates every answer, and panics where there is no such date.
            if !clock::is_set(clock.now()) {
                tracing::error!("a connection was closed unanswered: the clock of this machine is not set");
                continue;
            }
            let seated = seats.admit(peer.ip());
            let of = seated.seat.of;
            let conversation = converse(stream, peer, seated, seats.clone(), router.clone(), stop.clone());
            let (abort, connections) = (abort.clone(), connections.clone());
            order.line_up(of, move |first| {
                connections.spawn(async move {
                    drop(first);
                    abort.run_until_cancelled(conversation).await;
                });
            });
        }
    };
    tokio::select! {
        never = accepting => never,
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
        // Each holds a clone of the intake, which ends when the last one is dropped.
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
            // The peer gave up before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Bounds the part of an answer that the system buffers.
fn keep_little(stream: &TcpStream) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
}

/// All requests of one connection.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    seated: Seated,
    seats: Seats,
    router: Router,
    stop: CancellationToken,
) {
    // Answers are written whole: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let _ = keep_little(&stream);
    let seat = Arc::clone(&seated.seat);
    let limits = seats.limits();
    let (head_time_max, time_max) = match seated.service {
        Service::Whole => (limits.head_time_max, Duration::MAX),
        Service::Health => (HEALTH_TIME_MAX, 2 * HEALTH_TIME_MAX),
    };
    let line = Line::new(stream);
    let stream = Paced::new(line.clone(), Arc::clone(&seat), limits.stall_time_max);
    let visit = Arc::new(Visit {
        peer,
        line,
        seated,
        seats,
        router,
    });
    let service = service_fn(move |request: Request<Incoming>| {
        let visit = Arc::clone(&visit);
        async move { Ok::<_, Infallible>(visit.answer(request.map(Body::new)).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time_max)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let talking = async {
        tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    tokio::select! {
        outcome = timeout(time_max, talking) => if let Ok(Err(error)) = outcome {
            tracing::debug!(%error, "a connection ended badly");
        },
        () = seat.end.cancelled() => tracing::debug!(%peer, "a connection that waited for its client made room for another"),
    }
}

/// The shared state of the requests of a connection.
struct Visit {
    peer: SocketAddr,
    line: Line,
    seated: Seated,
    seats: Seats,
    router: Router,
}

impl Visit {
    async fn answer(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(self.line.clone());
        let seat = &self.seated.seat;
        seat.begins();
        // This also runs if the request is dropped.
        let _ends = AtEnd(|| seat.ends());
        if !names_one_host(&request) {
            return dressed(ApiError::invalid_request("Name the host once, in one Host header").into_response());
        }
        let is_health = HEALTH_PATHS.contains(&request.uri().path());
        if self.seated.service == Service::Health {
            let mut response = match is_health {
                true => pass(&self.router, request, self.peer).await,
                false => busy("Too many connections are open; try again soon"),
            };
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
            return response;
        }
        let client = self.seats.client(self.peer, request.headers());
        if is_health {
            return pass(&self.router, request, client).await;
        }
        let forwarded = match client == self.peer {
            true => None,
            false => match self.seats.forwarded(client.ip()) {
                None => return busy("Too many requests of your address are being answered; try again soon"),
                forwarded => forwarded,
            },
        };
        let answers = forwarded
            .as_ref()
            .map_or(&self.seated.address.answers, Forwarded::answers);
        if answers.is_full() {
            return busy("Answers to your address have not been read yet; read them, or try again soon");
        }
        answers.count(pass(&self.router, request, client).await).await
    }
}

fn busy(message: &'static str) -> Response {
    dressed(ApiError::not_ready(message).into_response())
}

/// Whether the request names one host (RFC 9112, 3.2). Without one in HTTP/1.1, or with several, a proxy and this
/// server could read two different requests. Every host is answered: which is allowed is for a proxy to check.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(is_host),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// Whether the text is a Host: a name or an address, with or without a port, or empty where the target has no
/// authority (RFC 9110, 7.2).
fn is_host(text: &str) -> bool {
    text.is_empty() || (text.parse::<Authority>().is_ok() && !text.contains('@'))
}

async fn pass(router: &Router, mut request: Request<Body>, client: SocketAddr) -> Response {
    request.extensions_mut().insert(Peer(client));
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Runs `end` when it is dropped.
struct AtEnd<F: Fn()>(F);

impl<F: Fn()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
