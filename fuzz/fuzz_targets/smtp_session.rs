//! A session, driven into one of its states first; then the input, in two ways of cutting it.

#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tallymark::base::AccountId;
use tallymark::ingest::Belonging;
use tallymark::listeners::smtp::reply::{self, Reply};
use tallymark::listeners::smtp::{BareNewline, Capacity, Engine, Event, Protocol, RecipientAnswer, Settings, StartTls};

/// What leads into each state.
const STATES: [&[&[u8]]; 8] = [
    &[],
    &[b"EHLO c\r\n"],
    &[b"EHLO c\r\n", b"MAIL FROM:<a@b>\r\n"],
    &[b"EHLO c\r\n", b"MAIL FROM:<a@b> SMTPUTF8\r\n", b"RCPT TO:<ok@b>\r\n"],
    &[
        b"EHLO c\r\n",
        b"MAIL FROM:<a@b>\r\n",
        b"RCPT TO:<ok@b>\r\n",
        b"DATA\r\n",
    ],
    &[
        b"EHLO c\r\n",
        b"MAIL FROM:<a@b>\r\n",
        b"RCPT TO:<ok@b>\r\n",
        b"DATA\r\n",
        b"a\r\n.",
    ],
    &[b"EHLO c\r\n", b"STARTTLS\r\n"],
    &[
        b"EHLO c\r\n",
        b"STARTTLS\r\n",
        b"EHLO c\r\n",
        b"MAIL FROM:<a@b>\r\n",
        b"RCPT TO:<ok@b>\r\n",
    ],
];

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    output: Vec<u8>,
    messages: Vec<Vec<u8>>,
    closed: bool,
}

struct Driver {
    engine: Engine,
    outcome: Outcome,
    message: Vec<u8>,
    /// Number of bytes of a body after which the driver refuses it.
    room: usize,
}

impl Driver {
    fn new(settings: &Settings, room: usize) -> Self {
        let mut engine = Engine::new(Arc::new(settings.clone()), Duration::ZERO);
        engine.greet(Duration::ZERO, b"");
        // Said however much, or little, comes.
        engine.output().clear();
        Self {
            engine,
            outcome: Outcome::default(),
            message: Vec::new(),
            room,
        }
    }

    fn feed(&mut self, mut input: &[u8]) {
        let now = Duration::ZERO;
        loop {
            match self.engine.step(now, &mut input) {
                Event::Read => break,
                Event::Close => {
                    self.outcome.closed = true;
                    break;
                }
                Event::Sender { .. } => self.engine.answer_sender(now, Capacity::Free),
                Event::Recipient(mailbox) => self.engine.answer_recipient(
                    now,
                    match mailbox.local.as_bytes().first() {
                        Some(b'o') => RecipientAnswer::Accepted(vec![Belonging::Account(AccountId(1))]),
                        Some(b'n') => RecipientAnswer::UnknownUser,
                        _ => RecipientAnswer::Unavailable,
                    },
                ),
                Event::Body => {
                    self.message.append(self.engine.body());
                    if self.message.len() > self.room {
                        self.message.clear();
                        self.engine.refuse_body(now, reply::NO_ROOM);
                    }
                }
                Event::Discard => self.message.clear(),
                Event::Message => {
                    assert!(
                        self.engine
                            .transaction()
                            .is_some_and(|transaction| !transaction.recipients.is_empty())
                    );
                    self.outcome.messages.push(std::mem::take(&mut self.message));
                    self.engine.answer_message(now, &[Reply::new(250, "2.0.0", "kept")]);
                }
                Event::Pause(_) => {}
                Event::StartTls => self.engine.secured(now),
            }
        }
        assert!(input.is_empty());
        self.outcome.output.append(self.engine.output());
    }
}

fn run<'a>(settings: &Settings, room: usize, state: &[&[u8]], chunks: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut driver = Driver::new(settings, room);
    state.iter().for_each(|turn| driver.feed(turn));
    chunks.for_each(|chunk| driver.feed(chunk));
    driver.outcome
}

fuzz_target!(|input: &[u8]| {
    let Some((&[state, flags, size], bytes)) = input.split_first_chunk() else {
        return;
    };
    let settings = Settings {
        start_tls: if flags & 1 == 0 {
            StartTls::Offered
        } else {
            StartTls::NotOffered
        },
        bare_newline: if flags & 2 == 0 {
            BareNewline::Reject
        } else {
            BareNewline::Accept
        },
        message_bytes_max: if flags & 4 == 0 { 64 } else { 10_000 },
        hops_max: if flags & 8 == 0 { 2 } else { 100 },
        ..Settings::new(
            if flags & 16 == 0 {
                Protocol::Smtp
            } else {
                Protocol::Lmtp
            },
            "mx.example",
        )
    };
    let room = if flags & 32 == 0 { usize::MAX } else { 20 };
    let state = STATES[usize::from(state) % STATES.len()];
    // By lines, as a peer would that waits for every answer; then the same with every line cut into pieces.
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    let whole = run(&settings, room, state, lines());
    let size = usize::from(size).max(1);
    // A body that the driver gives up on in the middle may be cut off earlier or later: its answer is the same.
    let cut = run(&settings, room, state, lines().flat_map(|line| line.chunks(size)));
    assert_eq!(cut, whole);
    // All at once: the same, or found out.
    let at_once = run(&settings, room, state, std::iter::once(bytes));
    let too_soon = at_once.output.windows(9).any(|window| window == b"554 5.5.0");
    assert!(too_soon || at_once == whole);
    let text = std::str::from_utf8(&whole.output).expect("replies are UTF-8");
    for reply in text.split_terminator("\r\n") {
        assert!(
            reply.len() >= 4 && reply.len() <= 512 && reply.as_bytes()[..3].iter().all(u8::is_ascii_digit),
            "{reply}"
        );
        assert!(!reply.contains(char::is_control), "{reply}");
    }
    assert!(text.is_empty() || text.ends_with("\r\n"));
    let asked = text
        .split_terminator("\r\n")
        .filter(|reply| reply.starts_with("354"))
        .count();
    assert!(whole.messages.len() <= asked);
});
