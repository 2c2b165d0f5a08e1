//! The listening sockets: who is let in, and how it all ends.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::{ConnectionLimits, Connections, Crowded, Seat};
use super::proxy::{self, Header};
use super::refusals::Refusals;
use super::reply;
use super::session::{self, Acknowledge, Shared};
use super::settings::{Protocol, Settings, StartTls};
use super::spill::{Budget, BudgetOptions};
use super::tls::{Tls, TlsError, TlsFiles};
use crate::base::Network;
use crate::base::clock::Clock;
use crate::ingest::{Addresses, Intake};
use crate::metrics::Metrics;

/// Everything about receiving mail from other mail servers.
#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// Where SMTP is spoken.
    pub smtp: Vec<SocketAddr>,
    /// Where LMTP is spoken: to a mail server of one's own, never to the world.
    pub lmtp: Vec<SocketAddr>,
    /// Bounds and habits of a session. `protocol` and `start_tls` are set by the listener.
    pub settings: Settings,
    /// The certificate; `None` offers no TLS.
    pub tls: Option<TlsFiles>,
    /// How many may be connected.
    pub connections: ConnectionLimits,
    /// How much may be in flight.
    pub budget: BudgetOptions,
    /// Load balancers: connections from here must begin with a PROXY header, and no others may.
    pub proxy_networks: Vec<Network>,
    /// For a PROXY header to arrive.
    pub proxy_time_max: Duration,
    /// For a TLS handshake.
    pub handshake_time_max: Duration,
    /// For messages that are being received when the server stops.
    pub drain_time_max: Duration,
    /// For tests only; no configuration reaches it.
    #[doc(hidden)]
    pub acknowledge: Acknowledge,
}

impl SmtpOptions {
    /// The defaults: port 25 on all addresses, no LMTP, a self-signed certificate in `dir`, where bodies spill to too.
    pub fn new(host: &str, dir: &Path) -> Self {
        let settings = Settings::new(Protocol::Smtp, host);
        let tls = TlsFiles::SelfSigned {
            dir: dir.to_owned(),
            names: vec![host.to_owned()],
        };
        Self {
            smtp: vec![SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 0], 25))],
            lmtp: Vec::new(),
            tls: Some(tls),
            connections: ConnectionLimits::default(),
            budget: BudgetOptions::new(dir, settings.message_bytes_max),
            settings,
            proxy_networks: Vec::new(),
            proxy_time_max: Duration::from_secs(5),
            handshake_time_max: Duration::from_secs(10),
            drain_time_max: Duration::from_secs(30),
            acknowledge: Acknowledge::default(),
        }
    }
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A message of the largest size would wait for ever.
    #[error("in_flight_bytes_max must be at least twice message_bytes_max")]
    BudgetTooSmall,
    /// RFC 2033, 5.
    #[error("LMTP must not be spoken on port 25")]
    LmtpOnSmtpPort,
}

/// Sockets that listen and do not answer yet.
#[derive(Debug)]
pub struct Listener {
    shared: Arc<Shared>,
    sockets: Vec<(TcpListener, Arc<Settings>)>,
    door: Arc<Door>,
}

/// Who is let in.
#[derive(Debug)]
struct Door {
    proxy_networks: Vec<Network>,
    proxy_time_max: Duration,
}

/// After a failed accept, most often for lack of file descriptors: trying at once again would only burn a core.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Connections that wait in the system to be accepted. The client repeats one beyond them after a second.
const BACKLOG: i32 = 1_024;
/// Interval between checks of the free disk space, apart from those that mail triggers.
const DISK_LOOK_EVERY: Duration = Duration::from_secs(10);
/// For sessions that do not end when they should.
const ABANDON_AFTER: Duration = Duration::from_secs(5);

impl Listener {
    /// Opens the sockets and the certificate. No peer is answered before [`Listener::serve`].
    pub async fn bind(
        clock: Clock,
        intake: Intake,
        addresses: Addresses,
        metrics: Metrics,
        options: SmtpOptions,
    ) -> Result<Self, ListenError> {
        if options.budget.in_flight_bytes_max / 2 < options.settings.message_bytes_max {
            return Err(ListenError::BudgetTooSmall);
        }
        let tls = options.tls.as_ref().map(Tls::open).transpose()?;
        let start_tls = if tls.is_some() {
            StartTls::Offered
        } else {
            StartTls::NotOffered
        };
        let settings = |protocol| {
            Arc::new(Settings {
                protocol,
                start_tls,
                ..options.settings.clone()
            })
        };
        let mut sockets = Vec::new();
        for (protocol, addresses) in [(Protocol::Smtp, &options.smtp), (Protocol::Lmtp, &options.lmtp)] {
            let settings = settings(protocol);
            for &address in addresses {
                if protocol == Protocol::Lmtp && address.port() == 25 {
                    return Err(ListenError::LmtpOnSmtpPort);
                }
                let socket = TcpListener::bind(address).await;
                let socket = socket.map_err(|source| ListenError::Bind { address, source })?;
                // The standard library listens with 128.
                let _ = rustix::net::listen(&socket, BACKLOG);
                sockets.push((socket, Arc::clone(&settings)));
            }
        }
        let shared = Shared {
            clock,
            intake,
            metrics,
            addresses,
            budget: Arc::new(Budget::new(options.budget)),
            tls,
            connections: Connections::new(options.connections),
            shutdown: CancellationToken::new(),
            handshake_time_max: options.handshake_time_max,
            drain_time_max: options.drain_time_max,
            refusals: Refusals::default(),
            messages: AtomicU64::new(0),
            acknowledge: options.acknowledge,
        };
        let door = Door {
            proxy_networks: options.proxy_networks,
            proxy_time_max: options.proxy_time_max,
        };
        Ok(Self {
            shared: Arc::new(shared),
            sockets,
            door: Arc::new(door),
        })
    }

    /// Where it listens, SMTP first, each in the order of the options.
    pub fn addresses(&self) -> Vec<(Protocol, SocketAddr)> {
        let address =
            |(socket, settings): &(TcpListener, Arc<Settings>)| Some((settings.protocol, socket.local_addr().ok()?));
        self.sockets.iter().filter_map(address).collect()
    }

    /// Tells, whenever it is asked, whether mail is refused because too little disk is free.
    pub fn disk_look(&self) -> impl Fn() -> bool + Send + Sync + 'static + use<> {
        let (budget, metrics) = (Arc::clone(&self.shared.budget), self.shared.metrics.clone());
        move || {
            let is_short = budget.is_disk_short();
            match is_short {
                true => metrics.set_smtp_disk_short(),
                false => metrics.set_smtp_disk_free(),
            }
            is_short
        }
    }

    /// Answers every peer until `shutdown`. Then no new peer is admitted, messages that are being received are finished
    /// within the drain time, and all other peers are told to come again.
    ///
    /// The certificate is read again on SIGHUP and when its files change.
    pub async fn serve(self, shutdown: CancellationToken) {
        let disk_look = self.disk_look();
        let Self { shared, sockets, door } = self;
        let (sessions, abandon) = (TaskTracker::new(), CancellationToken::new());
        let accepting = TaskTracker::new();
        for (socket, settings) in sockets {
            accepting.spawn(accept(
                Arc::clone(&shared),
                Arc::clone(&door),
                settings,
                socket,
                (sessions.clone(), abandon.clone()),
            ));
        }
        let watching = Arc::clone(&shared);
        accepting.spawn(async move {
            if let Some(tls) = &watching.tls {
                tls.watch(watching.shutdown.clone()).await;
            }
        });
        let stopping = shared.shutdown.clone();
        accepting.spawn(async move {
            // So that the log says it when it begins, and not when the next mail comes.
            while !stopping.is_cancelled() {
                disk_look();
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = sleep(DISK_LOOK_EVERY) => {}
                }
            }
        });
        accepting.close();
        shutdown.cancelled().await;
        shared.shutdown.cancel();
        accepting.wait().await;
        sessions.close();
        if timeout(shared.drain_time_max + ABANDON_AFTER, sessions.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                connections = sessions.len(),
                "connections did not end in time; mail that was not acknowledged is sent again"
            );
            abandon.cancel();
            sessions.wait().await;
        }
    }
}

async fn accept(
    shared: Arc<Shared>,
    door: Arc<Door>,
    settings: Arc<Settings>,
    socket: TcpListener,
    (sessions, abandon): (TaskTracker, CancellationToken),
) {
    loop {
        let accepted = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let seat = match shared.connections.seat() {
            Ok(seat) => seat,
            Err(crowded) => {
                turn_away(&shared, &stream, peer, crowded);
                continue;
            }
        };
        let (shared, door, settings) = (Arc::clone(&shared), Arc::clone(&door), Arc::clone(&settings));
        let abandon = abandon.clone();
        sessions.spawn(async move {
            tokio::select! {
                () = let_in(&shared, &door, &settings, stream, (peer, seat)) => {}
                () = abandon.cancelled() => {}
            }
            shared.metrics.set_smtp_connections(shared.connections.total());
        });
    }
}

async fn let_in(
    shared: &Arc<Shared>,
    door: &Door,
    settings: &Arc<Settings>,
    mut stream: TcpStream,
    (peer, seat): (SocketAddr, Seat),
) {
    shared.metrics.set_smtp_connections(shared.connections.total());
    // Answers are small, and each is waited for. Without it they are only later.
    let _ = stream.set_nodelay(true);
    let (peer, mut early) = if door.proxy_networks.iter().any(|network| network.contains(peer.ip())) {
        match timeout(door.proxy_time_max, behind_proxy(&mut stream, peer)).await {
            Ok(Ok(found)) => found,
            _ => {
                tracing::warn!(%peer, "load balancer sent no readable PROXY header; its connection was closed");
                return shared.metrics.count_smtp_refused("proxy");
            }
        }
    } else {
        (peer, Vec::new())
    };
    let _seat = match seat.count_for(peer.ip()) {
        Ok(seat) => seat,
        Err(crowded) => return turn_away(shared, &stream, peer, crowded),
    };
    // RFC 5321, 4.3.1: a client waits for the greeting. Looked at without waiting for it.
    let mut first = [0; 1];
    let looked = rustix::net::recv(&stream, &mut first, RecvFlags::PEEK | RecvFlags::DONTWAIT);
    if let Ok((_, 1..)) = looked {
        early.extend(first);
    }
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port()).to_string();
    session::serve(shared, settings, &peer, stream, &early).await;
}

/// The client that a load balancer speaks for, and what came behind the header.
async fn behind_proxy(stream: &mut TcpStream, proxy: SocketAddr) -> io::Result<(SocketAddr, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        match proxy::parse(&bytes) {
            Header::Whole { client, length } => {
                let early = bytes.split_off(length);
                return Ok((client.unwrap_or(proxy), early));
            }
            Header::Incomplete if bytes.len() < proxy::HEADER_BYTES_MAX => {}
            Header::Incomplete | Header::Bad => return Err(io::ErrorKind::InvalidData.into()),
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Says so and closes, without waiting for the peer to read it.
fn turn_away(shared: &Shared, stream: &TcpStream, peer: SocketAddr, crowded: Crowded) {
    let mut output = Vec::new();
    reply::TOO_MANY_CONNECTIONS.write(&mut output);
    let _ = rustix::net::send(stream, &output, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    tracing::debug!(%peer, limit = crowded.word(), "connection was refused: there are too many");
    shared.metrics.count_smtp_refused(crowded.word());
}
