//! One connection: the engine with a socket, a clock and the intake around it.

mod submission;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConnection;
use tokio_util::sync::CancellationToken;

use super::command::Mailbox;
use super::connections::Connections;
use super::engine::Engine;
use super::event::{Capacity, Event, RecipientAnswer};
use super::input;
use super::refusals::Refusals;
use super::reply::{self, Reply};
use super::settings::Settings;
use super::spill::{Body, Budget, SpillError};
use super::tls::Tls;
use crate::base::clock::Clock;
use crate::ingest::{Addresses, Belonging, Intake, Owner, PeerTls};
use crate::metrics::Metrics;

/// What all sessions share.
#[derive(Debug)]
pub(super) struct Shared {
    pub clock: Clock,
    pub intake: Intake,
    pub metrics: Metrics,
    pub addresses: Addresses,
    pub budget: Arc<Budget>,
    pub tls: Option<Tls>,
    pub connections: Arc<Connections>,
    pub shutdown: CancellationToken,
    pub handshake_time_max: Duration,
    pub drain_time_max: Duration,
    /// What was refused, and is said in the log.
    pub refusals: Refusals,
    /// Messages so far, for their queue ids.
    pub messages: AtomicU64,
    pub acknowledge: Acknowledge,
}

/// When a message is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[doc(hidden)]
pub enum Acknowledge {
    /// After its transaction is committed.
    #[default]
    AfterCommit,
    /// Before, which loses mail when the process is killed: for the test that must notice.
    BeforeCommitWhichLosesMail,
}

struct Session<'a> {
    shared: &'a Arc<Shared>,
    settings: &'a Settings,
    peer: &'a str,
    /// `None`: in plain.
    tls: Option<PeerTls>,
    engine: Engine,
    body: Body,
    /// Set once the server is stopping: when the message that is being received must have ended.
    drain_until: Option<Duration>,
}

/// Why a conversation ended.
enum After {
    /// We said the last word.
    Close,
    /// The peer has gone.
    Gone,
    StartTls,
}

/// What waiting for the peer came to.
enum Wait {
    Bytes(Vec<u8>),
    Gone,
    /// The engine has something to say.
    Over,
}

/// Between looks at how scarce connections are.
const LOOK: Duration = Duration::from_secs(10);
/// For the peer to read our last words before the connection is reset under them.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 1 << 20;
/// Longest text from a peer in a log line.
const SHOWN_BYTES_MAX: usize = 100;
/// Talks to a peer until one of the two has enough. `early` is what it sent before it was greeted.
pub(super) async fn serve<S>(shared: &Arc<Shared>, settings: &Arc<Settings>, peer: &str, mut stream: S, early: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut engine = Engine::new(Arc::clone(settings), shared.clock.monotonic());
    engine.greet(shared.clock.monotonic(), early);
    let mut session = Session {
        shared,
        settings,
        peer,
        tls: None,
        engine,
        body: Body::default(),
        drain_until: None,
    };
    let ended = match session.converse(&mut stream).await {
        Ok(After::StartTls) => Box::pin(session.secure(stream)).await,
        Ok(After::Close) => hang_up(&mut stream).await,
        Ok(After::Gone) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!(peer, %error, "connection broke");
    }
}

/// Ends the connection so that the peer can read what was said last: with its bytes unread, ours could be lost.
async fn hang_up<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut buffer = [0; 1_024];
    let mut left = LINGER_BYTES_MAX;
    let drain = async {
        stream.shutdown().await?;
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            left = left.saturating_sub(read);
            if left == 0 {
                break;
            }
        }
        Ok(())
    };
    // Whether it has read everything cannot be known; that was its chance.
    timeout(LINGER, drain).await.unwrap_or(Ok(()))
}

impl Session<'_> {
    async fn secure<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: S) -> io::Result<()> {
        let Some(tls) = &self.shared.tls else { return Ok(()) };
        let handshake = TlsAcceptor::from(tls.config()).accept(stream);
        let mut stream = match timeout(self.shared.handshake_time_max, handshake).await {
            Ok(Ok(stream)) => stream,
            failed => {
                let reason = match failed {
                    Ok(Err(error)) => shown(&error.to_string()),
                    _ => "time is up".to_owned(),
                };
                tracing::debug!(peer = self.peer, reason, "handshake failed");
                self.shared.metrics.count_smtp_refused("handshake");
                return Ok(());
            }
        };
        self.tls = peer_tls(stream.get_ref().1);
        self.engine.secured(self.shared.clock.monotonic());
        match self.converse(&mut stream).await? {
            After::Close => hang_up(&mut stream).await,
            After::Gone | After::StartTls => Ok(()),
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<After> {
        let mut bytes = Vec::new();
        loop {
            let after = self.act(&mut &*bytes).await;
            self.note_refusals();
            self.flush(stream).await?;
            if let Some(after) = after {
                return Ok(after);
            }
            // Nothing is held while the peer is waited for.
            drop(bytes);
            bytes = match self.wait(stream).await? {
                Wait::Bytes(bytes) => bytes,
                Wait::Gone => return Ok(After::Gone),
                Wait::Over => Vec::new(),
            };
        }
    }

    /// Does what the engine asks for until it wants more input. Returns how the conversation ends, if it does.
    async fn act(&mut self, input: &mut &[u8]) -> Option<After> {
        loop {
            let now = self.shared.clock.monotonic();
            match self.engine.step(now, input) {
                Event::Read => return None,
                Event::Close => return Some(After::Close),
                Event::StartTls => return Some(After::StartTls),
                Event::Pause(time) => tokio::select! {
                    () = sleep(time) => {}
                    () = self.shared.shutdown.cancelled() => {}
                },
                Event::Sender { size } => {
                    let capacity = self.capacity(size.unwrap_or_default()).await;
                    self.engine.answer_sender(now, capacity);
                }
                Event::Recipient(mailbox) => {
                    let answer = self.resolve(&mailbox).await;
                    self.engine.answer_recipient(self.shared.clock.monotonic(), answer);
                }
                Event::Body => self.keep_body(now).await,
                Event::Discard => {
                    self.body = Body::default();
                    self.shared.metrics.count_smtp_message("refused");
                }
                Event::Message => {
                    let replies = self.take_message().await;
                    self.engine.answer_message(self.shared.clock.monotonic(), &replies);
                }
            }
        }
    }

    /// Whether a message of this size can be kept; 0 if its sender does not say.
    async fn capacity(&self, bytes: u64) -> Capacity {
        if self.shared.budget.capacity() == Capacity::Short {
            self.shared.intake.make_room().await;
        }
        match self.shared.budget.capacity() {
            Capacity::Free if self.shared.intake.has_room(bytes).await => Capacity::Free,
            _ => Capacity::Short,
        }
    }

    /// Refusals are counted by reason, and logged: otherwise a reporter whose software has changed would be refused for ever
    /// unnoticed.
    fn note_refusals(&mut self) {
        for refused in self.engine.refused() {
            let mut accounts: Vec<_> = refused.targets.into_iter().map(Belonging::account).collect();
            accounts.sort_unstable();
            accounts.dedup();
            for account in accounts {
                self.shared.intake.note_refused(account, refused.reason, refused.bytes);
            }
        }
        for refusal in self.engine.refusals() {
            self.shared.metrics.count_smtp_refused(refusal.reason);
            let Some(not_said) = self.shared.refusals.say(refusal.reason, self.shared.clock.monotonic()) else {
                continue;
            };
            let sender = refusal.sender.as_deref().map(shown).unwrap_or_default();
            let hello = shown(self.engine.hello().unwrap_or_default());
            let (peer, reason) = (self.peer, refusal.reason);
            let answer = format!(
                "{} {} {}",
                refusal.reply.code, refusal.reply.enhanced, refusal.reply.text
            );
            match refusal.sender {
                Some(_) => tracing::warn!(peer, hello, sender, reason, answer, not_said, "mail refused"),
                // The peer has not announced mail yet.
                None => tracing::info!(peer, hello, reason, answer, not_said, "command refused"),
            }
        }
    }

    async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        let output = self.engine.output();
        if output.is_empty() {
            return Ok(());
        }
        let time = self.settings.command_time(self.shared.connections.patience());
        let sent = async {
            stream.write_all(output).await?;
            stream.flush().await
        };
        timeout(time, sent).await??;
        output.clear();
        Ok(())
    }

    /// Waits for the peer's bytes, no longer than the engine allows.
    async fn wait<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Wait> {
        loop {
            let now = self.shared.clock.monotonic();
            if self.drain_until.is_some_and(|until| now >= until) {
                self.engine.abort();
                return Ok(Wait::Over);
            }
            let deadline = self.engine.deadline(self.shared.connections.patience());
            if now >= deadline {
                self.engine.time_out();
                return Ok(Wait::Over);
            }
            let until = self.drain_until.map_or(deadline, |until| until.min(deadline));
            tokio::select! {
                read = input::read(stream) => {
                    let bytes = read?;
                    return Ok(if bytes.is_empty() { Wait::Gone } else { Wait::Bytes(bytes) });
                }
                () = self.shared.shutdown.cancelled(), if self.drain_until.is_none() => {
                    self.drain_until = Some(now + self.shared.drain_time_max);
                    if !self.engine.stop() {
                        return Ok(Wait::Over);
                    }
                }
                // The deadline comes nearer when connections become scarce.
                () = sleep((until - now).min(LOOK)) => {}
            }
        }
    }

    async fn resolve(&self, mailbox: &Mailbox) -> RecipientAnswer {
        match self.shared.addresses.owner(&mailbox.local, &mailbox.domain).await {
            Ok(Owner::Known(targets)) => RecipientAnswer::Accepted(targets),
            Ok(Owner::UnknownUser) => RecipientAnswer::UnknownUser,
            Ok(Owner::Foreign) => RecipientAnswer::Foreign,
            Ok(Owner::NotConfigured) => RecipientAnswer::NotConfigured,
            Err(error) => {
                tracing::error!(%error, "a recipient could not be looked up; its sender is told to try again");
                RecipientAnswer::Unavailable
            }
        }
    }

    async fn keep_body(&mut self, now: Duration) {
        let bytes = std::mem::take(self.engine.body());
        let kept = self.body.push(&self.shared.budget, bytes).await;
        if let Err(error) = kept {
            self.body = Body::default();
            self.engine.refuse_body(now, self.without_room(&error));
        }
    }

    fn without_room(&self, error: &SpillError) -> Reply {
        match error {
            SpillError::NoRoom => reply::NO_ROOM,
            SpillError::Io(source) => {
                tracing::error!(error = %source, "a message could not be spilled to disk; its sender is told to try again");
                if source.kind() == io::ErrorKind::StorageFull {
                    reply::NO_ROOM
                } else {
                    reply::NOT_STORED
                }
            }
        }
    }
}

/// What was agreed on with the peer.
fn peer_tls(connection: &ServerConnection) -> Option<PeerTls> {
    Some(PeerTls {
        version: connection.protocol_version()?.as_str()?.replace('_', "."),
        cipher: connection.negotiated_cipher_suite()?.suite().as_str()?.to_owned(),
    })
}

/// A peer's text for a log line: safe, and of bounded length.
fn shown(text: &str) -> String {
    crate::base::text::shown(text, SHOWN_BYTES_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_peer_cannot_forge_a_log_line() {
        assert_eq!(
            shown("mx.example\n\u{1b}[31m\u{202e}"),
            "mx.example\\u{a}\\u{1b}[31m\\u{202e}"
        );
        assert!(shown(&"x".repeat(5_000)).len() <= SHOWN_BYTES_MAX);
    }
}
