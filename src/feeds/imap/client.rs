//! An IMAP client, as far as reading a mailbox needs one (RFC 9051, and RFC 3501 where servers are older).
//!
//! One command at a time. Every wait has an end, and every answer a limit (`wire.rs`).

mod fetching;
mod moving;
mod sign_in;
mod waiting;

use std::time::Duration;

pub(super) use self::fetching::{Listed, Size};
pub(super) use self::moving::Moving;
use super::answer::{Answer, Namespaces, Status};
use super::names;
use super::wire::{Wire, WireError};
use crate::outbound::{self, Connector, Protection, Stream, TlsError, connect};

/// How long a server may say nothing while it owes an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// For TLS to be agreed on.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(30);
/// For a command that brings no message.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(5 * 60);
/// Literals in answers that bring no message: names of folders, at most.
const LITERAL_BYTES_MAX: u64 = 16 * 1024;
/// Most messages of one folder that are listed; what is told of them takes 40 bytes each.
const LISTED_MAX: usize = 2_000_000;

/// Why a conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("a command took longer than {} seconds", .0.as_secs())]
    Slow(Duration),
    #[error("the server ended the conversation: {0}")]
    Bye(String),
    #[error("the server offers no STARTTLS")]
    NoStartTls,
    #[error("the server sent something in plain that was to be protected")]
    Injected,
    #[error("the server does not let the user in: {0}")]
    Login(String),
    #[error("the server refuses the folder {folder}: {why}")]
    Folder { folder: String, why: String },
    #[error("the server refuses {command}: {why}")]
    Refused { command: &'static str, why: String },
    #[error("the server lists more than {0} messages: set since to read the newer ones")]
    TooMany(usize),
    #[error("the server lists {0} messages without a UID, by which alone they can be fetched")]
    NoUid(usize),
}

/// How a command ended.
#[derive(Debug)]
struct Done {
    status: Status,
    code: String,
    text: String,
}

impl Done {
    fn why(&self) -> String {
        let brackets = if self.code.is_empty() { "" } else { "] " };
        let open = if self.code.is_empty() { "" } else { "[" };
        format!("{open}{}{brackets}{}", self.code, self.text)
    }

    fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }
}

/// A folder that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folder {
    pub uid_validity: u32,
}

/// A connection with a user.
pub(super) struct Client {
    wire: Wire,
    tags: u32,
    capabilities: Vec<String>,
    /// Whether the server has announced ID.
    knows_id: bool,
    namespaces: Namespaces,
    /// Whether mail has arrived since the last question for it.
    has_news: bool,
    listed_max: usize,
}

impl Client {
    /// Connects and protects the connection. Says nothing in plain, where protection is wanted, but what asks for it.
    pub async fn connect(
        host: &str,
        port: u16,
        protection: Protection,
        connector: &Connector,
    ) -> Result<Self, ClientError> {
        let stream = connect(host, port).await.map_err(ClientError::Connect)?;
        let mut stream: Box<dyn Stream> = Box::new(stream);
        if protection == Protection::Tls {
            stream = protect(connector, host, stream).await?;
        }
        let mut client = Self {
            wire: Wire::new(stream, PATIENCE),
            tags: 0,
            capabilities: Vec::new(),
            knows_id: false,
            namespaces: Namespaces::default(),
            has_news: false,
            listed_max: LISTED_MAX,
        };
        client.greeting().await?;
        if protection == Protection::StartTls {
            client.ask_capabilities().await?;
            if !client.can("STARTTLS") {
                return Err(ClientError::NoStartTls);
            }
            client.ask("STARTTLS").await?;
            // RFC 9051, 11.1: data behind the answer comes from an attacker in between.
            let stream = client.wire.into_stream().ok_or(ClientError::Injected)?;
            client.wire = Wire::new(protect(connector, host, stream).await?, PATIENCE);
            client.capabilities.clear();
        }
        Ok(client)
    }

    async fn greeting(&mut self) -> Result<(), ClientError> {
        match self.answer(LITERAL_BYTES_MAX).await? {
            Answer::Status {
                status: Status::Ok | Status::Preauth,
                code,
                ..
            } => {
                self.note_capabilities(&code);
                Ok(())
            }
            Answer::Status {
                status: Status::Bye,
                text,
                ..
            } => Err(ClientError::Bye(text)),
            _ => Err(WireError::Garbage.into()),
        }
    }

    fn on_wire(&self, folder: &str) -> String {
        names::on_wire(folder, &self.namespaces)
    }

    /// Opens a folder.
    pub async fn open(&mut self, folder: &str, access: Access) -> Result<Folder, ClientError> {
        let verb = match access {
            Access::Read => "EXAMINE",
            Access::Change => "SELECT",
        };
        let mut uid_validity = None;
        let command = format!("{verb} {}", self.on_wire(folder));
        let mut on = |answer| {
            if let Answer::Status { code, .. } = answer
                && let Some((word, number)) = code.split_once(' ')
                && word.eq_ignore_ascii_case("UIDVALIDITY")
            {
                uid_validity = number.trim().parse().ok();
            }
            Ok(())
        };
        let done = self
            .command(&command, COMMAND_TIME_MAX, LITERAL_BYTES_MAX, &mut on)
            .await?;
        let why = match uid_validity {
            Some(uid_validity) if done.is_ok() => {
                self.has_news = false;
                return Ok(Folder { uid_validity });
            }
            None if done.is_ok() => "it has no UIDVALIDITY".to_owned(),
            _ => done.why(),
        };
        let folder = folder.to_owned();
        Err(ClientError::Folder { folder, why })
    }

    /// Closes the session politely.
    pub async fn leave(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.ask("LOGOUT")).await;
        self.wire.close().await;
    }

    fn can(&self, capability: &str) -> bool {
        self.capabilities
            .iter()
            .any(|known| known.eq_ignore_ascii_case(capability))
    }

    fn note_capabilities(&mut self, code: &str) {
        if let Some((word, list)) = code.split_once(' ')
            && word.eq_ignore_ascii_case("CAPABILITY")
        {
            self.capabilities = list.split_whitespace().map(str::to_owned).collect();
            self.knows_id |= self.can("ID");
        }
    }

    async fn ask_capabilities(&mut self) -> Result<(), ClientError> {
        if !self.capabilities.is_empty() {
            return Ok(());
        }
        let mut all = Vec::new();
        let mut on = |answer| {
            if let Answer::Capability(list) = answer {
                all = list.split_whitespace().map(str::to_owned).collect();
            }
            Ok(())
        };
        let done = self
            .command("CAPABILITY", COMMAND_TIME_MAX, LITERAL_BYTES_MAX, &mut on)
            .await?;
        ok("to name its capabilities", &done)?;
        self.capabilities = all;
        self.knows_id |= self.can("ID");
        Ok(())
    }

    async fn ask(&mut self, command: &'static str) -> Result<(), ClientError> {
        let done = self.run(command).await?;
        ok(command, &done)
    }

    async fn run(&mut self, command: &str) -> Result<Done, ClientError> {
        self.command(command, COMMAND_TIME_MAX, LITERAL_BYTES_MAX, &mut |_| Ok(()))
            .await
    }

    async fn command(
        &mut self,
        command: &str,
        time_max: Duration,
        literal_bytes_max: u64,
        on: &mut (dyn FnMut(Answer) -> Result<(), ClientError> + Send),
    ) -> Result<Done, ClientError> {
        let tag = self.tag();
        self.wire.send(&format!("{tag} {command}\r\n")).await?;
        self.until_done(&tag, time_max, literal_bytes_max, on).await
    }

    async fn until_done(
        &mut self,
        tag: &str,
        time_max: Duration,
        literal_bytes_max: u64,
        on: &mut (dyn FnMut(Answer) -> Result<(), ClientError> + Send),
    ) -> Result<Done, ClientError> {
        let answers = async {
            loop {
                match self.answer(literal_bytes_max).await? {
                    Answer::Status {
                        tag: of,
                        status,
                        code,
                        text,
                    } if of == tag => return Ok(Done { status, code, text }),
                    answer => on(answer)?,
                }
            }
        };
        within(time_max, answers).await
    }

    async fn answer(&mut self, literal_bytes_max: u64) -> Result<Answer, ClientError> {
        let raw = self.wire.answer(literal_bytes_max).await?;
        let answer = Answer::parse(raw).ok_or(WireError::Garbage)?;
        self.has_news |= matches!(answer, Answer::Exists(_));
        Ok(answer)
    }

    fn tag(&mut self) -> String {
        self.tags = self.tags.wrapping_add(1);
        format!("t{}", self.tags)
    }
}

/// What a folder is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Change,
}

async fn protect(connector: &Connector, host: &str, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, ClientError> {
    let protecting = async { Ok(outbound::protect(connector, host, stream).await?) };
    within(HANDSHAKE_TIME_MAX, protecting).await
}

async fn within<T>(time_max: Duration, work: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    let done = tokio::time::timeout(time_max, work).await;
    done.unwrap_or(Err(ClientError::Slow(time_max)))
}

fn ok(command: &'static str, done: &Done) -> Result<(), ClientError> {
    match done.is_ok() {
        true => Ok(()),
        false => Err(ClientError::Refused {
            command,
            why: done.why(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client of a server that says this, whatever it is asked.
    pub(super) fn client(said: &'static str) -> Client {
        use tokio::io::AsyncWriteExt as _;
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let _ = theirs.write_all(said.as_bytes()).await;
            // It stays open until we have gone.
            let mut asked = tokio::io::sink();
            let _ = tokio::io::copy(&mut theirs, &mut asked).await;
        });
        Client {
            wire: Wire::new(Box::new(ours), Duration::from_secs(5)),
            tags: 0,
            capabilities: ["IDLE", "MOVE"].map(str::to_owned).to_vec(),
            knows_id: false,
            namespaces: Namespaces::default(),
            has_news: false,
            listed_max: 2,
        }
    }
}
