//! One message through a session: MAIL, RCPT, DATA, and the answer.

use std::time::Duration;

use super::{Engine, REFUSALS_MAX, RefusedMessage, State};
use crate::listeners::smtp::command::{AddressText, Mail, Mailbox};
use crate::listeners::smtp::data::{Decoder, Hops, Progress};
use crate::listeners::smtp::event::{Capacity, Recipient, RecipientAnswer, Transaction};
use crate::listeners::smtp::reply::{self, Reply};
use crate::listeners::smtp::settings::{BareNewline, Protocol, Settings};

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Data {
    decoder: Decoder,
    hops: Hops,
    /// Bytes of the message so far (RFC 1870, 5: without stuffing).
    length: u64,
    /// Bytes received on the connection since 354.
    received: u64,
    began_at: Duration,
    read_at: Duration,
    /// The driver cannot keep it.
    refusal: Option<Reply>,
}

/// A refused message is drained up to this multiple of the limit, so that the answer comes where the peer expects it.
const DISCARD_FACTOR: u64 = 4;

impl Data {
    fn new(now: Duration) -> Self {
        Self {
            decoder: Decoder::new(),
            hops: Hops::new(),
            length: 0,
            received: 0,
            began_at: now,
            read_at: now,
            refusal: None,
        }
    }

    /// `time` for the first byte and for any pause, and a pace on the whole.
    pub fn deadline(&self, time: Duration, bytes_per_second_min: u64) -> Duration {
        let earned = Duration::from_secs(self.received / bytes_per_second_min.max(1));
        (self.began_at + time + earned).min(self.read_at + time)
    }

    /// Why it will be refused. Decided by sums, not by what was noticed first, and what is for good comes before what is
    /// for now: so the chunks in which it came change nothing.
    fn fault(&self, settings: &Settings) -> Option<Reply> {
        if self.decoder.has_bare_newline() && settings.bare_newline == BareNewline::Reject {
            return Some(reply::BARE_NEWLINE);
        }
        // RFC 1870, 6.3.
        if self.length > settings.message_bytes_max {
            return Some(reply::TOO_LARGE);
        }
        // RFC 5321, 6.3.
        if self.hops.count() >= settings.hops_max {
            return Some(reply::LOOP);
        }
        self.refusal.clone()
    }
}

impl Engine {
    /// Answers [`super::Event::Sender`].
    pub fn answer_sender(&mut self, now: Duration, capacity: Capacity) {
        let mail = match std::mem::replace(&mut self.state, State::Command) {
            State::Sender(mail) => mail,
            other => return self.state = other,
        };
        self.turn_at = now;
        match capacity {
            Capacity::Free => {
                self.transaction = Some(Transaction {
                    mail,
                    recipients: Vec::new(),
                });
                self.say(&reply::SENDER_OK);
            }
            // RFC 1870, 6.1.
            Capacity::Short => self.refuse(reply::NO_ROOM),
        }
    }

    /// Answers [`super::Event::Recipient`].
    pub fn answer_recipient(&mut self, now: Duration, answer: RecipientAnswer) {
        let mailbox = match std::mem::replace(&mut self.state, State::Command) {
            State::Recipient(mailbox) => mailbox,
            other => return self.state = other,
        };
        self.turn_at = now;
        let refusal = match (answer, &mut self.transaction) {
            (RecipientAnswer::Accepted(targets), Some(transaction)) => {
                transaction.recipients.push(Recipient { mailbox, targets });
                return self.say(&reply::RECIPIENT_OK);
            }
            (RecipientAnswer::Accepted(_), None) => reply::BAD_SEQUENCE,
            (RecipientAnswer::UnknownUser, _) => reply::NO_SUCH_USER,
            (RecipientAnswer::Foreign, _) => reply::NO_RELAY,
            (RecipientAnswer::Unavailable, _) => return self.refuse(reply::NOT_LOOKED_UP),
            (RecipientAnswer::NotConfigured, _) => return self.refuse(reply::NOT_CONFIGURED),
        };
        self.bad_recipients = self.bad_recipients.saturating_add(1);
        self.refuse(refusal);
        // A peer that guesses names must wait for the answers.
        if self.bad_recipients > self.settings.bad_recipients_max && matches!(self.state, State::Command) {
            self.state = State::Pause;
        }
    }

    /// The message that is being given cannot be kept. Its rest is read and dropped.
    pub fn refuse_body(&mut self, now: Duration, refusal: Reply) {
        self.body.clear();
        match &mut self.state {
            State::Data(data) => data.refusal = Some(refusal),
            State::Message => self.finish(now, &[refusal]),
            _ => {}
        }
    }

    /// Answers [`super::Event::Message`]: one reply for each recipient, in their order, or one for all.
    pub fn answer_message(&mut self, now: Duration, replies: &[Reply]) {
        if matches!(self.state, State::Message) {
            self.finish(now, replies);
        }
    }

    pub(super) fn mail(&mut self, mail: Mail) {
        if self.hello.is_none() {
            return self.refuse(reply::HELO_FIRST);
        }
        // RFC 5321, 4.1.4.
        if self.transaction.is_some() {
            return self.refuse(reply::BAD_SEQUENCE);
        }
        self.sender = Some(mail.sender.as_ref().map(ToString::to_string).unwrap_or_default());
        // RFC 1870, 6.1.
        if mail.size.is_some_and(|size| size > self.settings.message_bytes_max) {
            return self.refuse(reply::TOO_LARGE);
        }
        self.state = State::Sender(mail);
    }

    pub(super) fn rcpt(&mut self, mailbox: Mailbox) {
        let Some(transaction) = &self.transaction else {
            return self.refuse(if self.hello.is_none() {
                reply::HELO_FIRST
            } else {
                reply::BAD_SEQUENCE
            });
        };
        // RFC 6531, 3.4.
        if transaction.mail.text == AddressText::Ascii && !mailbox.is_ascii() {
            return self.refuse(reply::NEEDS_SMTPUTF8);
        }
        if transaction.recipients.len() >= self.settings.recipients_max {
            return self.refuse(reply::TOO_MANY_RECIPIENTS);
        }
        self.state = State::Recipient(mailbox);
    }

    pub(super) fn begin_data(&mut self, now: Duration, rest: &[u8]) {
        // RFC 2920, 3.1: the client must read the answer before it continues.
        if !self.is_last(rest) {
            return;
        }
        match &self.transaction {
            None if self.hello.is_none() => return self.refuse(reply::HELO_FIRST),
            None => return self.refuse(reply::BAD_SEQUENCE),
            Some(transaction) if transaction.recipients.is_empty() => return self.refuse(reply::NO_RECIPIENTS),
            Some(_) => {}
        }
        self.state = State::Data(Data::new(now));
        self.say(&reply::GO_AHEAD);
    }

    /// Takes the next bytes of a message off the input. The body before them has been taken.
    pub(super) fn data(&mut self, now: Duration, input: &mut &[u8]) {
        let State::Data(data) = &mut self.state else { return };
        self.body.reserve_exact(input.len());
        let progress = data.decoder.decode(input, &mut self.body);
        let used = match progress {
            Progress::More => input.len(),
            Progress::End(used) => used,
        };
        *input = &input[used..];
        data.received = data.received.saturating_add(used as u64);
        data.read_at = now;
        data.length = data.length.saturating_add(self.body.len() as u64);
        self.message_bytes = data.received;
        data.hops.see(&self.body);
        let fault = data.fault(&self.settings);
        let endless = data.received / DISCARD_FACTOR > self.settings.message_bytes_max;
        if fault.is_some() {
            self.body.clear();
        }
        match (progress, fault) {
            (_, Some(_)) if endless => {
                let transaction = self.transaction.take();
                self.note_refused(
                    &reply::TOO_LARGE,
                    transaction.iter().flat_map(|one| &one.recipients),
                    self.refused.len(),
                );
                self.close(reply::TOO_LARGE);
            }
            (Progress::End(_), None) => self.state = State::Message,
            (Progress::End(_), Some(fault)) => {
                self.finish(now, &[fault]);
                if matches!(self.state, State::Command) {
                    self.state = State::Discard;
                }
            }
            (Progress::More, _) => {}
        }
    }

    /// Records a refused message once per owner. `noted` is the number of entries before this message.
    fn note_refused<'r>(&mut self, reply: &Reply, recipients: impl IntoIterator<Item = &'r Recipient>, noted: usize) {
        let Some(reason) = Some(reply).filter(|reply| reply.is_negative()).and_then(Reply::reason) else {
            return;
        };
        let targets = recipients.into_iter().flat_map(|recipient| &recipient.targets);
        for target in targets {
            let is_full = self.refused.len() >= REFUSALS_MAX;
            let mut of_message = self.refused.iter_mut().skip(noted);
            match of_message.find(|refused| refused.reason == reason) {
                Some(refused) if refused.targets.contains(target) => {}
                Some(refused) => refused.targets.push(*target),
                None if is_full => {}
                None => self.refused.push(RefusedMessage {
                    reason,
                    targets: vec![*target],
                    bytes: self.message_bytes,
                }),
            }
        }
    }

    /// Returns the message's answer.
    fn finish(&mut self, now: Duration, replies: &[Reply]) {
        let transaction = self.transaction.take();
        let recipients = transaction.map_or(Vec::new(), |transaction| transaction.recipients);
        self.state = State::Command;
        self.turn_at = now;
        self.message_at = now;
        self.idle_commands = 0;
        if replies.iter().any(|reply| reply.code == reply::CLOSING.code) {
            return self.close(reply::CLOSING);
        }
        let of = |nth: usize| {
            replies
                .get(nth)
                .or(replies.last())
                .unwrap_or(const { &reply::NOT_STORED })
        };
        let given: Vec<&Reply> = match self.settings.protocol {
            // It was taken if it was taken for every recipient; else it comes again, and is a duplicate where it was taken.
            Protocol::Smtp => vec![replies.iter().find(|reply| reply.is_negative()).unwrap_or(of(0))],
            // RFC 2033, 4.2: a reply for each successful RCPT, in their order.
            Protocol::Lmtp => (0..recipients.len()).map(of).collect(),
        };
        for reply in &given {
            self.say(reply);
        }
        // Over LMTP some recipients may have taken it.
        let noted = self.refused.len();
        for (nth, recipient) in recipients.iter().enumerate() {
            self.note_refused(of(nth), [recipient], noted);
        }
        if given.iter().any(|reply| reply.is_permanent()) {
            self.errors = self.errors.saturating_add(1);
            self.check_errors();
        }
    }
}
