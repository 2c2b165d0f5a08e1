//! What is answered: one place for every code, so that a code can be looked up here and in the standard.

use std::borrow::Cow;

/// One reply. `enhanced` is the status code of RFC 2034 and RFC 3463, empty where there must be none (RFC 2034, 4: not
/// in greetings, not in answers to HELO and EHLO; 3xx has no class).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits (RFC 5321, 4.2.1).
    pub code: u16,
    /// `class.subject.detail`.
    pub enhanced: &'static str,
    /// Human-readable and printable, without line ends.
    pub text: Cow<'static, str>,
}

impl Reply {
    const fn fixed(code: u16, enhanced: &'static str, text: &'static str) -> Self {
        Self {
            code,
            enhanced,
            text: Cow::Borrowed(text),
        }
    }

    /// With a text of its own. What comes from a peer must not be put into it.
    pub fn new(code: u16, enhanced: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            enhanced,
            text: text.into(),
        }
    }

    /// Whether the reply is a refusal, temporary or permanent.
    pub fn is_negative(&self) -> bool {
        self.code >= 400
    }

    /// Why it refuses, as a stable word for figures and the log; `None` if it does not refuse, or only because the server is
    /// stopping.
    pub fn reason(&self) -> Option<&'static str> {
        let known = REASONS.iter().find(|(reply, _)| reply == self);
        known.map(|(_, reason)| *reason)
    }

    /// Whether the reply is a permanent refusal: a repeat is refused again (RFC 5321, 4.2.1).
    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// Appends it as the peer reads it (RFC 5321, 4.2).
    pub fn write(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(self.code.to_string().as_bytes());
        output.push(b' ');
        if !self.enhanced.is_empty() {
            output.extend_from_slice(self.enhanced.as_bytes());
            output.push(b' ');
        }
        output.extend_from_slice(self.text.as_bytes());
        output.extend_from_slice(b"\r\n");
    }

    /// Appends a reply of several lines, all with the same code (RFC 5321, 4.2.1).
    pub fn write_lines(code: u16, lines: &[Cow<'_, str>], output: &mut Vec<u8>) {
        let Some((last, others)) = lines.split_last() else {
            return;
        };
        for line in others {
            output.extend_from_slice(format!("{code}-{line}\r\n").as_bytes());
        }
        output.extend_from_slice(format!("{code} {last}\r\n").as_bytes());
    }
}

/// RFC 5321, 4.1.1.10.
pub const BYE: Reply = Reply::fixed(221, "2.0.0", "bye");
/// RFC 5321, 4.1.1.9 and 4.1.1.5.
pub const OK: Reply = Reply::fixed(250, "2.0.0", "ok");
/// RFC 5321, 4.1.1.2.
pub const SENDER_OK: Reply = Reply::fixed(250, "2.1.0", "ok");
/// RFC 5321, 4.1.1.3.
pub const RECIPIENT_OK: Reply = Reply::fixed(250, "2.1.5", "ok");
/// RFC 5321, 3.5.3: says neither that there is such a mailbox nor that there is none.
pub const CANNOT_VERIFY: Reply = Reply::fixed(252, "2.5.2", "send some mail, and see");
/// RFC 3207, 4.
pub const TLS_READY: Reply = Reply::fixed(220, "2.0.0", "go ahead");
/// RFC 5321, 4.1.1.4.
pub const GO_AHEAD: Reply = Reply::fixed(354, "", "end with <CR><LF>.<CR><LF>");

/// RFC 5321, 3.8: the only code that may come at any time.
pub const CLOSING: Reply = Reply::fixed(421, "4.3.2", "shutting down, try again soon");
/// As above, for a peer that is slower than the limits allow.
pub const TOO_SLOW: Reply = Reply::fixed(421, "4.4.2", "time is up");
/// As above, for a peer whose commands keep failing.
pub const TOO_MANY_ERRORS: Reply = Reply::fixed(421, "4.7.0", "too many errors");
/// As above, for a peer, its network or all of them having too many connections.
pub const TOO_MANY_CONNECTIONS: Reply = Reply::fixed(421, "4.7.0", "too many connections, try again later");
/// The database failed; nothing was kept, or it will be recognised as a duplicate.
pub const NOT_STORED: Reply = Reply::fixed(451, "4.3.0", "could not be stored, try again later");
/// SPF, DKIM and DMARC had no result, for lack of time, room or an answer of the DNS (RFC 7208, 8.6; RFC 9989, 5.3.6). The
/// same mail is taken at its next try.
pub const UNDECIDED: Reply = Reply::fixed(
    451,
    "4.7.5",
    "the sender could not be authenticated now, try again later",
);
/// A recipient cannot be looked up now.
pub const NOT_LOOKED_UP: Reply = Reply::fixed(451, "4.3.0", "recipient could not be looked up, try again later");
/// This installation names an account that does not exist.
pub const NOT_CONFIGURED: Reply = Reply::fixed(451, "4.3.5", "this server is not set up completely, try again later");
/// Memory or disk is short.
pub const NO_ROOM: Reply = Reply::fixed(452, "4.3.1", "no room now, try again later");
/// RFC 3463, 3.3: not all of it can be counted, and the quota of the day for such mail is used up.
pub const OVER_QUOTA: Reply = Reply::fixed(
    452,
    "4.2.2",
    "no report in it that can be counted here, and no room for more of these today",
);
/// RFC 3463, 3.4.3: it was stored for others of its recipients, and takes no more room for these when it comes again.
pub const TOO_MUCH_FOR_OTHERS: Reply = Reply::fixed(
    452,
    "4.5.3",
    "stored for some recipients, too large to be stored for all at once: send it again for the rest",
);
/// RFC 5321, 4.5.3.1.10.
pub const TOO_MANY_RECIPIENTS: Reply = Reply::fixed(452, "4.5.3", "too many recipients");

/// RFC 5321, 4.2.4: not recognised.
pub const UNKNOWN_COMMAND: Reply = Reply::fixed(500, "5.5.2", "command not recognised");
/// RFC 5321, 2.3.8: only CR LF ends a line.
pub const BAD_LINE_END: Reply = Reply::fixed(
    500,
    "5.5.2",
    "a line ends with <CR><LF> and holds no control characters",
);
/// RFC 5321, 4.5.3.1.4.
pub const LINE_TOO_LONG: Reply = Reply::fixed(500, "5.5.2", "line too long");
/// RFC 2033, 4.1: each protocol has its own greeting.
pub const WRONG_PROTOCOL: Reply = Reply::fixed(500, "5.5.1", "not in this protocol");
/// RFC 5321, 4.2.4.
pub const BAD_ARGUMENT: Reply = Reply::fixed(501, "5.5.4", "argument cannot be read");
/// RFC 5321, 4.1.1.2.
pub const BAD_SENDER: Reply = Reply::fixed(501, "5.1.7", "sender address cannot be read");
/// RFC 5321, 4.1.1.3.
pub const BAD_RECIPIENT: Reply = Reply::fixed(501, "5.1.3", "recipient address cannot be read");
/// RFC 5321, 4.2.4: recognised, but not offered.
pub const NOT_OFFERED: Reply = Reply::fixed(502, "5.5.1", "not offered here");
/// RFC 5321, 4.1.4.
pub const BAD_SEQUENCE: Reply = Reply::fixed(503, "5.5.1", "not now");
/// RFC 5321, 4.1.4: EHLO or HELO comes first.
pub const HELO_FIRST: Reply = Reply::fixed(503, "5.5.1", "say hello first");
/// RFC 5321, 3.3, and RFC 2033, 4.2 (LMTP must answer 503).
pub const NO_RECIPIENTS: Reply = Reply::fixed(503, "5.5.1", "no valid recipients");
/// RFC 5321, 3.6.2: what is not ours is not relayed.
pub const NO_RELAY: Reply = Reply::fixed(550, "5.7.1", "not a domain of this server; it does not relay");
/// RFC 5321, 3.4.
pub const NO_SUCH_USER: Reply = Reply::fixed(550, "5.1.1", "no such recipient here");
/// RFC 5321, 2.3.8 and 4.1.1.4: such data means different things to different servers.
pub const BARE_NEWLINE: Reply = Reply::fixed(550, "5.6.11", "message has a <CR> or <LF> that is not <CR><LF>");
/// RFC 1870, 6.1 and 6.3.
pub const TOO_LARGE: Reply = Reply::fixed(552, "5.3.4", "message is too large");
/// RFC 6531, 3.5.
pub const NEEDS_SMTPUTF8: Reply = Reply::fixed(553, "5.6.7", "address needs SMTPUTF8");
/// RFC 5321, 6.3.
pub const LOOP: Reply = Reply::fixed(554, "5.4.6", "message has come by too many servers");
/// RFC 5321, 4.3.1 and RFC 2920, 3.1: some commands must be the last that is sent before their reply is read.
pub const TALKED_TOO_SOON: Reply = Reply::fixed(554, "5.5.0", "input came before it was asked for");
/// A web browser, or a page that makes one talk to us.
pub const NOT_A_MAIL_CLIENT: Reply = Reply::fixed(554, "5.5.2", "this is a mail server");
/// RFC 5321, 4.1.1.11.
pub const UNKNOWN_PARAMETER: Reply = Reply::fixed(555, "5.5.4", "parameter not recognised");

/// Every refusal with its word.
static REASONS: &[(Reply, &str)] = &[
    (TOO_SLOW, "too_slow"),
    (TOO_MANY_ERRORS, "too_many_errors"),
    (NOT_STORED, "not_stored"),
    (UNDECIDED, "undecided"),
    (NOT_LOOKED_UP, "not_looked_up"),
    (NOT_CONFIGURED, "not_configured"),
    (NO_ROOM, "no_room"),
    (OVER_QUOTA, "over_quota"),
    (TOO_MUCH_FOR_OTHERS, "too_much_for_others"),
    (TOO_MANY_RECIPIENTS, "too_many_recipients"),
    (UNKNOWN_COMMAND, "unknown_command"),
    (BAD_LINE_END, "bad_line_end"),
    (LINE_TOO_LONG, "line_too_long"),
    (WRONG_PROTOCOL, "wrong_protocol"),
    (BAD_ARGUMENT, "bad_argument"),
    (BAD_SENDER, "bad_sender"),
    (BAD_RECIPIENT, "bad_recipient"),
    (NOT_OFFERED, "not_offered"),
    (BAD_SEQUENCE, "bad_sequence"),
    (HELO_FIRST, "helo_first"),
    (NO_RECIPIENTS, "no_recipients"),
    (NO_RELAY, "no_relay"),
    (NO_SUCH_USER, "no_such_user"),
    (BARE_NEWLINE, "bare_newline"),
    (TOO_LARGE, "too_large"),
    (NEEDS_SMTPUTF8, "needs_smtputf8"),
    (LOOP, "loop"),
    (TALKED_TOO_SOON, "talked_too_soon"),
    (NOT_A_MAIL_CLIENT, "not_a_mail_client"),
    (UNKNOWN_PARAMETER, "unknown_parameter"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_word_of_its_own() {
        let mut words: Vec<_> = REASONS.iter().map(|(_, word)| *word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), REASONS.len());
        let source = include_str!("reply.rs");
        let fixed = source.matches(": Reply = Reply::fixed(").filter(|_| true).count();
        let others = [
            BYE,
            OK,
            SENDER_OK,
            RECIPIENT_OK,
            CANNOT_VERIFY,
            TLS_READY,
            GO_AHEAD,
            CLOSING,
            TOO_MANY_CONNECTIONS,
        ];
        assert_eq!(fixed - 1, REASONS.len() + others.len(), "of all but this line");
        assert!(others.iter().all(|reply| reply.reason().is_none()));
        assert_eq!(BARE_NEWLINE.reason(), Some("bare_newline"));
    }
}
