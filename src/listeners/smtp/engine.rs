//! A session of SMTP or LMTP without input and output: bytes in, events and replies out. It knows no socket, no clock and
//! no database, so that a test can put it through everything.
//!
//! Drive it so: [`Engine::greet`], then [`Engine::step`] with what was read, and do what each event asks for. Replies
//! gather in [`Engine::output`] and need only be sent before waiting (RFC 2920, 3.2). In whatever chunks the bytes come, the
//! outcome is the same, with one exception: a peer that does not wait where it must is detected only if its bytes arrive
//! together.

mod receiving;
#[cfg(test)]
mod smuggling_tests;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::command::{Command, Mail, Mailbox};
use super::event::{Event, Security, Transaction};
use super::line::{Line, LineBuffer};
use super::reply::{self, Reply};
use super::settings::{Patience, Protocol, Settings, StartTls};
use crate::ingest::Belonging;
use receiving::Data;

/// One session.
#[derive(Debug)]
pub struct Engine {
    settings: Arc<Settings>,
    state: State,
    line: LineBuffer,
    output: Vec<u8>,
    body: Vec<u8>,
    hello: Option<String>,
    security: Security,
    transaction: Option<Transaction>,
    errors: u32,
    bad_recipients: u32,
    idle_commands: u32,
    /// What was refused since the driver looked.
    refusals: Vec<Refusal>,
    refused: Vec<RefusedMessage>,
    /// Length of the message that is being answered, bytes.
    message_bytes: u64,
    /// As the last MAIL has it.
    sender: Option<String>,
    /// Whether the session is stopping: no new message is begun.
    stopping: bool,
    /// When the peer's turn began.
    turn_at: Duration,
    /// When the last message ended, or the session began.
    message_at: Duration,
}

/// Refusals that are kept for a driver that does not look.
const REFUSALS_MAX: usize = 64;

/// Something that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was answered.
    pub reply: Reply,
    /// Why, a stable word.
    pub reason: &'static str,
    /// The sender that the peer has named, if it has named one.
    pub sender: Option<String>,
}

/// A message that was refused after its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMessage {
    /// The reason, a stable word.
    pub reason: &'static str,
    /// The owners of its recipients.
    pub targets: Vec<Belonging>,
    /// Its length as received.
    pub bytes: u64,
}

/// What the engine waits for.
#[derive(Debug)]
enum State {
    /// For [`Engine::greet`].
    Greeting,
    Command,
    /// For [`Engine::answer_sender`].
    Sender(Mail),
    /// For [`Engine::answer_recipient`].
    Recipient(Mailbox),
    /// For the next step; only then is the output sent.
    Pause,
    Data(Data),
    /// For the next step, after a message was refused.
    Discard,
    /// For [`Engine::answer_message`].
    Message,
    /// For [`Engine::secured`].
    Handshake,
    Closed,
}

impl Engine {
    /// A session that begins at `now`, from any fixed point.
    pub fn new(settings: Arc<Settings>, now: Duration) -> Self {
        Self {
            settings,
            state: State::Greeting,
            line: LineBuffer::default(),
            output: Vec::new(),
            body: Vec::new(),
            hello: None,
            security: Security::Plain,
            transaction: None,
            errors: 0,
            bad_recipients: 0,
            idle_commands: 0,
            refusals: Vec::new(),
            refused: Vec::new(),
            message_bytes: 0,
            sender: None,
            stopping: false,
            turn_at: now,
            message_at: now,
        }
    }

    /// Greets the peer, unless it has spoken already: `early` is what came before.
    pub fn greet(&mut self, now: Duration, early: &[u8]) {
        if !matches!(self.state, State::Greeting) {
            return;
        }
        self.turn_at = now;
        // RFC 5321, 4.3.1: the client must wait for the greeting. Those that do not are robots, or no mail clients.
        if !early.is_empty() {
            return self.close(reply::TALKED_TOO_SOON);
        }
        self.state = State::Command;
        let service = match self.settings.protocol {
            Protocol::Smtp => "ESMTP",
            Protocol::Lmtp => "LMTP",
        };
        Reply::new(220, "", format!("{} {service} Tallymark", self.settings.host)).write(&mut self.output);
    }

    /// What comes next. Takes what it needs off the input, and all of it before it asks to read on.
    ///
    /// Hand it everything that has been read: the bytes behind a command show whether the peer waited.
    pub fn step(&mut self, now: Duration, input: &mut &[u8]) -> Event {
        loop {
            match &self.state {
                State::Greeting => self.greet(now, input),
                State::Closed => {
                    *input = &[];
                    return Event::Close;
                }
                State::Sender(mail) => return Event::Sender { size: mail.size },
                State::Recipient(mailbox) => return Event::Recipient(mailbox.clone()),
                State::Data(_) | State::Message if !self.body.is_empty() => return Event::Body,
                State::Message => return Event::Message,
                State::Discard => {
                    self.state = State::Command;
                    return Event::Discard;
                }
                State::Handshake => return Event::StartTls,
                State::Pause => {
                    self.state = State::Command;
                    return Event::Pause(self.settings.tarpit);
                }
                State::Data(_) if input.is_empty() => return Event::Read,
                State::Data(_) => self.data(now, input),
                State::Command if self.stopping => self.close(reply::CLOSING),
                State::Command => {
                    let line = self.line.take(input, self.settings.line_bytes_max);
                    if line == Line::Incomplete {
                        return Event::Read;
                    }
                    self.turn_at = now;
                    self.line(now, line, input);
                }
            }
        }
    }

    /// Replies to be sent. Clear it then.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Bytes of the message, in order, without stuffing. Clear it when they are kept.
    pub fn body(&mut self) -> &mut Vec<u8> {
        &mut self.body
    }

    /// What was refused since this was asked last.
    pub fn refusals(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.refusals)
    }

    /// Returns the messages refused since the last call.
    pub fn refused(&mut self) -> Vec<RefusedMessage> {
        std::mem::take(&mut self.refused)
    }

    /// The envelope, from MAIL to the answer to the message.
    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    /// What the peer calls itself, once it has said hello.
    pub fn hello(&self) -> Option<&str> {
        self.hello.as_deref()
    }

    /// What is between the peer and us.
    pub fn security(&self) -> Security {
        self.security
    }

    /// Until when the peer must have done what it is waited for. Absolute: a byte now and then does not move it.
    pub fn deadline(&self, patience: Patience) -> Duration {
        let time = self.settings.command_time(patience);
        let own = match &self.state {
            State::Data(data) => data.deadline(time, self.settings.data_bytes_per_second_min),
            _ => self.turn_at + time,
        };
        own.min(self.message_at + self.settings.transaction_time_max)
    }

    /// The deadline has passed.
    pub fn time_out(&mut self) {
        self.close(reply::TOO_SLOW);
    }

    /// The server is stopping: a message that is being received is finished, anything else ends now. Returns whether there
    /// is such a message.
    pub fn stop(&mut self) -> bool {
        self.stopping = true;
        let busy = matches!(self.state, State::Data(_) | State::Message);
        if !busy {
            self.close(reply::CLOSING);
        }
        busy
    }

    /// Ends the session at once.
    pub fn abort(&mut self) {
        self.close(reply::CLOSING);
    }

    /// The handshake that [`Event::StartTls`] asked for is done.
    pub fn secured(&mut self, now: Duration) {
        if !matches!(self.state, State::Handshake) {
            return;
        }
        // RFC 3207, 4.2: nothing that was said without TLS may be believed.
        self.hello = None;
        self.sender = None;
        self.transaction = None;
        self.line.clear();
        self.security = Security::Tls;
        self.turn_at = now;
        self.state = State::Command;
    }

    fn line(&mut self, now: Duration, line: Line, rest: &[u8]) {
        let command = match line {
            Line::Incomplete => return,
            Line::Whole => Command::parse(self.line.bytes()),
            Line::BadEnd => Err(reply::BAD_LINE_END),
            Line::TooLong => Err(reply::LINE_TOO_LONG),
        };
        match command {
            Ok(command) => self.command(now, command, rest),
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn command(&mut self, now: Duration, command: Command, rest: &[u8]) {
        match command {
            // RFC 2033, 4.1: each protocol has its own hello, so that neither is taken for the other.
            Command::Ehlo(_) | Command::Helo(_) if self.settings.protocol == Protocol::Lmtp => {
                self.refuse(reply::WRONG_PROTOCOL);
            }
            Command::Lhlo(_) if self.settings.protocol == Protocol::Smtp => self.refuse(reply::WRONG_PROTOCOL),
            Command::Ehlo(name) | Command::Lhlo(name) if self.is_last(rest) => self.welcome(name, Self::extensions),
            Command::Helo(name) if self.is_last(rest) => self.welcome(name, |_| Vec::new()),
            Command::Ehlo(_) | Command::Lhlo(_) | Command::Helo(_) => {}
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(mailbox) => self.rcpt(mailbox),
            Command::Data => self.begin_data(now, rest),
            Command::Rset => {
                self.transaction = None;
                self.idle(&reply::OK);
            }
            Command::Noop => self.idle(&reply::OK),
            Command::Vrfy => self.idle(&reply::CANNOT_VERIFY),
            Command::Quit => self.close(reply::BYE),
            Command::StartTls => self.start_tls(rest),
            Command::Http => self.close(reply::NOT_A_MAIL_CLIENT),
        }
    }

    fn welcome(&mut self, name: String, extensions: impl FnOnce(&Self) -> Vec<Cow<'static, str>>) {
        if self.hello.is_some() && !self.spend_idle() {
            return;
        }
        // RFC 5321, 4.1.4: a hello is also a reset.
        self.transaction = None;
        self.hello = Some(name);
        let mut lines = vec![Cow::Owned(self.settings.host.clone())];
        lines.extend(extensions(self));
        Reply::write_lines(250, &lines, &mut self.output);
    }

    fn extensions(&self) -> Vec<Cow<'static, str>> {
        let mut lines = vec![
            // RFC 2920, 2.
            Cow::Borrowed("PIPELINING"),
            // RFC 1870, 3.
            Cow::Owned(format!("SIZE {}", self.settings.message_bytes_max)),
        ];
        // RFC 3207, 4.2: not once there is TLS.
        if self.offers_tls() {
            lines.push(Cow::Borrowed("STARTTLS"));
        }
        // RFC 2034, 3; RFC 6152, 2; RFC 6531, 3.1 (which asks for 8BITMIME too).
        lines.extend(["ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"].map(Cow::Borrowed));
        lines
    }

    fn offers_tls(&self) -> bool {
        self.settings.start_tls == StartTls::Offered && self.security == Security::Plain
    }

    fn start_tls(&mut self, rest: &[u8]) {
        // RFC 3207, 4.2: what came in the clear behind the command must not be taken for something that came with TLS.
        if !self.is_last(rest) {
            return;
        }
        if self.settings.start_tls == StartTls::NotOffered {
            return self.refuse(reply::NOT_OFFERED);
        }
        if self.security == Security::Tls {
            return self.refuse(reply::BAD_SEQUENCE);
        }
        if self.hello.is_none() {
            return self.refuse(reply::HELO_FIRST);
        }
        self.say(&reply::TLS_READY);
        self.state = State::Handshake;
    }

    /// Whether the peer waited after a command that must be the last of a group (RFC 2920, 3.1). Ends the session if not.
    fn is_last(&mut self, rest: &[u8]) -> bool {
        if !rest.is_empty() {
            self.close(reply::TALKED_TOO_SOON);
        }
        rest.is_empty()
    }

    fn idle(&mut self, answer: &Reply) {
        if self.spend_idle() {
            self.say(answer);
        }
    }

    fn spend_idle(&mut self) -> bool {
        self.idle_commands = self.idle_commands.saturating_add(1);
        let within = self.idle_commands <= self.settings.idle_commands_max;
        if !within {
            self.close(reply::TOO_MANY_ERRORS);
        }
        within
    }

    fn refuse(&mut self, refusal: Reply) {
        self.say(&refusal);
        // A failure that may succeed later is not the peer's error.
        self.errors = self.errors.saturating_add(u32::from(refusal.is_permanent()));
        self.check_errors();
    }

    fn check_errors(&mut self) {
        if self.errors >= self.settings.errors_max {
            self.close(reply::TOO_MANY_ERRORS);
        }
    }

    fn close(&mut self, last: Reply) {
        if !matches!(self.state, State::Closed) {
            self.say(&last);
        }
        self.state = State::Closed;
        self.transaction = None;
        self.body.clear();
    }

    fn say(&mut self, reply: &Reply) {
        if let Some(reason) = reply.reason()
            && self.refusals.len() < REFUSALS_MAX
        {
            self.refusals.push(Refusal {
                reply: reply.clone(),
                reason,
                sender: self.sender.clone(),
            });
        }
        reply.write(&mut self.output);
    }
}
