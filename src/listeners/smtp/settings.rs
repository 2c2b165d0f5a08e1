//! What a session may do and cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits and behaviour of one listener's sessions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The protocol of the listener.
    pub protocol: Protocol,
    /// Our name in the greeting (RFC 5321, 4.2 and 4.3.1).
    pub host: String,
    /// Whether STARTTLS is offered.
    pub start_tls: StartTls,
    /// What happens to a message with a CR or LF that is not part of CR LF.
    pub bare_newline: BareNewline,
    /// Longest message, bytes: what SIZE announces (RFC 1870, 4).
    pub message_bytes_max: u64,
    /// Longest command line, bytes, with its CR LF. RFC 5321, 4.5.3.1.4 asks for 512 and more with extensions.
    pub line_bytes_max: usize,
    /// Maximum number of recipients of a message. RFC 5321, 4.5.3.1.8 asks for 100.
    pub recipients_max: usize,
    /// Refused commands after which a session is closed.
    pub errors_max: u32,
    /// Unknown recipients in a session that are answered at once. Answers to more of them are delayed by `tarpit`.
    pub bad_recipients_max: u32,
    /// Delay of each of these answers.
    pub tarpit: Duration,
    /// Maximum number of idle commands between two messages: NOOP, RSET, VRFY, a repeated hello.
    pub idle_commands_max: u32,
    /// Maximum number of `Received:` fields. A message with more is in a mail loop. RFC 5321, 6.3 asks for 100.
    pub hops_max: u32,
    /// Time for one command, and the longest pause in data. RFC 5321, 4.5.3.2 asks for five minutes.
    pub command_time_max: Duration,
    /// The same when four fifths of the connections are open.
    pub command_time_under_stress_max: Duration,
    /// Lowest rate of data, bytes per second, after one command's time.
    pub data_bytes_per_second_min: u64,
    /// Time from one message (or the beginning) to the end of the next.
    pub transaction_time_max: Duration,
}

/// SMTP (RFC 5321) or LMTP (RFC 2033).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One answer per message.
    Smtp,
    /// One answer per recipient; for a mail server on this machine or network.
    Lmtp,
}

/// RFC 3207.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    /// Announced, and done on request.
    Offered,
    /// There is no certificate.
    NotOffered,
}

/// What happens to a message with a CR or LF that is not part of CR LF (RFC 5321, 2.3.8). Neither ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BareNewline {
    /// Read to its true end, then refused with 550 5.6.11.
    #[default]
    Reject,
    /// Accepted as it is.
    Accept,
}

/// How long to wait for a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as the standard asks.
    Normal,
    /// Shorter, because connections are becoming scarce.
    Stressed,
}

impl Settings {
    /// The defaults for a server of this name.
    pub fn new(protocol: Protocol, host: impl Into<String>) -> Self {
        Self {
            protocol,
            host: host.into(),
            start_tls: StartTls::NotOffered,
            bare_newline: BareNewline::default(),
            message_bytes_max: 25 << 20,
            line_bytes_max: 2_048,
            recipients_max: 100,
            errors_max: 20,
            bad_recipients_max: 10,
            tarpit: Duration::from_secs(5),
            idle_commands_max: 100,
            hops_max: 100,
            command_time_max: Duration::from_secs(300),
            command_time_under_stress_max: Duration::from_secs(30),
            data_bytes_per_second_min: 500,
            transaction_time_max: Duration::from_secs(30 * 60),
        }
    }

    /// Time for one command.
    pub fn command_time(&self, patience: Patience) -> Duration {
        match patience {
            Patience::Normal => self.command_time_max,
            Patience::Stressed => self.command_time_under_stress_max.min(self.command_time_max),
        }
    }
}
