//! Whole sessions as data: what the client sends in one go, and everything that is answered to it.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::base::AccountId;
use crate::ingest::Belonging;
use crate::listeners::smtp::{Capacity, Recipient, RecipientAnswer};

/// A client's turn and the answer.
pub type Turn<'a> = (&'a [u8], &'a str);

/// What a session left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub messages: Vec<Vec<u8>>,
    /// After this number of messages.
    handshakes: Vec<usize>,
    pauses: usize,
    closed: bool,
}

/// Answers events as a server would: mailboxes that begin with `ok` are ours, `nobody` is unknown, `later` cannot be
/// looked up, all else is foreign.
pub struct Driver {
    pub engine: Engine,
    pub outcome: Outcome,
    message: Vec<u8>,
}

impl Driver {
    pub fn new(settings: &Settings) -> Self {
        let mut engine = Engine::new(Arc::new(settings.clone()), Duration::ZERO);
        engine.greet(Duration::ZERO, b"");
        engine.output().clear();
        Self {
            engine,
            outcome: Outcome::default(),
            message: Vec::new(),
        }
    }

    pub fn feed(&mut self, mut input: &[u8]) {
        let now = Duration::ZERO;
        loop {
            match self.engine.step(now, &mut input) {
                Event::Read => break,
                Event::Close => {
                    self.outcome.closed = true;
                    break;
                }
                Event::Sender { .. } => self.engine.answer_sender(now, Capacity::Free),
                Event::Recipient(mailbox) => self.engine.answer_recipient(now, verdict(&mailbox.local)),
                Event::Body => self.message.append(self.engine.body()),
                Event::Discard => self.message.clear(),
                Event::Message => {
                    let recipients = &self.engine.transaction().expect("there is a message").recipients;
                    let replies: Vec<_> = recipients.iter().map(kept).collect();
                    self.outcome.messages.push(std::mem::take(&mut self.message));
                    self.engine.answer_message(now, &replies);
                }
                Event::Pause(_) => self.outcome.pauses += 1,
                Event::StartTls => {
                    self.outcome.handshakes.push(self.outcome.messages.len());
                    self.engine.secured(now);
                }
            }
        }
        assert!(input.is_empty(), "left {}", input.escape_ascii());
        self.outcome.output.append(self.engine.output());
    }
}

fn verdict(local: &str) -> RecipientAnswer {
    match local {
        _ if local.starts_with("ok") => RecipientAnswer::Accepted(vec![Belonging::Account(AccountId(1))]),
        "nobody" => RecipientAnswer::UnknownUser,
        "later" => RecipientAnswer::Unavailable,
        _ => RecipientAnswer::Foreign,
    }
}

fn kept(recipient: &Recipient) -> Reply {
    match &*recipient.mailbox.local {
        "ok-full" => reply::NO_ROOM,
        "ok-broken" => reply::NOT_STORED,
        "ok-closing" => reply::CLOSING,
        local => Reply::new(250, "2.0.0", format!("{local} queued")),
    }
}

pub fn smtp() -> Settings {
    let tarpit = Duration::ZERO;
    Settings {
        start_tls: StartTls::Offered,
        tarpit,
        ..Settings::new(Protocol::Smtp, "mx.example")
    }
}

fn lmtp() -> Settings {
    Settings::new(Protocol::Lmtp, "mx.example")
}

/// Feeds all turns, each in one piece but one, which comes in two.
pub fn run(settings: &Settings, turns: &[&[u8]], cut: Option<(usize, usize)>) -> Driver {
    let mut driver = Driver::new(settings);
    for (nth, turn) in turns.iter().enumerate() {
        match cut {
            Some((turn_cut, at)) if turn_cut == nth => {
                driver.feed(&turn[..at]);
                driver.feed(&turn[at..]);
            }
            _ => driver.feed(turn),
        }
    }
    driver
}

/// The session returns these answers and messages, at every cut of every turn, and byte by byte.
pub fn check(settings: &Settings, turns: &[Turn<'_>], messages: &[&[u8]]) {
    let inputs: Vec<_> = turns.iter().map(|turn| turn.0).collect();
    let expect: String = turns.iter().map(|turn| turn.1).collect();
    let same = |outcome: &Outcome, how: String| {
        assert_eq!(String::from_utf8_lossy(&outcome.output), expect, "{how}");
        assert!(outcome.messages == messages, "{how}: {:?}", outcome.messages);
    };
    same(&run(settings, &inputs, None).outcome, "whole".to_owned());
    for (nth, input) in inputs.iter().enumerate() {
        for at in 0..=input.len() {
            same(
                &run(settings, &inputs, Some((nth, at))).outcome,
                format!("turn {nth} cut at {at}"),
            );
        }
    }
    let mut driver = Driver::new(settings);
    inputs.concat().chunks(1).for_each(|byte| driver.feed(byte));
    same(&driver.outcome, "byte by byte".to_owned());
}

pub const HELLO: Turn<'_> = (
    b"EHLO c.example\r\n",
    "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 26214400\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n\
     250-8BITMIME\r\n250 SMTPUTF8\r\n",
);
pub const MAIL: Turn<'_> = (b"MAIL FROM:<a@b.example>\r\n", "250 2.1.0 ok\r\n");
pub const RCPT: Turn<'_> = (b"RCPT TO:<ok@mx.example>\r\n", "250 2.1.5 ok\r\n");
pub const DATA: Turn<'_> = (b"DATA\r\n", "354 end with <CR><LF>.<CR><LF>\r\n");
pub const QUIT: Turn<'_> = (b"QUIT\r\n", "221 2.0.0 bye\r\n");
pub const KEPT: &str = "250 2.0.0 ok queued\r\n";
pub const BARE: &str = "550 5.6.11 message has a <CR> or <LF> that is not <CR><LF>\r\n";

#[test]
fn messages_are_taken_one_after_the_other() {
    let first = (&b"Subject: a\r\n\r\n..dot\r\n.\r\n"[..], KEPT);
    let second = (&b".\r\n"[..], KEPT);
    let turns = [HELLO, MAIL, RCPT, DATA, first, MAIL, RCPT, RCPT, DATA, second, QUIT];
    check(&smtp(), &turns, &[b"Subject: a\r\n\r\n.dot\r\n", b""]);
}

#[test]
fn a_group_of_commands_is_answered_in_order() {
    // RFC 2920, 3.1: the end of the data may be followed by the next group.
    let group = b"MAIL FROM:<> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<ok1@x>\r\nRCPT TO:<nobody@x>\r\nRCPT TO:<later@x>\r\nDATA\r\n";
    let answers = "250 2.1.0 ok\r\n250 2.1.5 ok\r\n550 5.1.1 no such recipient here\r\n\
         451 4.3.0 recipient could not be looked up, try again later\r\n354 end with <CR><LF>.<CR><LF>\r\n";
    let data = b"x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@foreign>\r\nRSET\r\nNOOP x\r\nVRFY a\r\nQUIT\r\nNOOP\r\n";
    let after = "250 2.0.0 ok1 queued\r\n250 2.1.0 ok\r\n550 5.7.1 not a domain of this server; it does not relay\r\n\
         250 2.0.0 ok\r\n250 2.0.0 ok\r\n252 2.5.2 send some mail, and see\r\n221 2.0.0 bye\r\n";
    check(&smtp(), &[HELLO, (group, answers), (data, after)], &[b"x\r\n"]);
}

#[test]
fn commands_out_of_order_are_refused() {
    let hello_first = "503 5.5.1 say hello first\r\n";
    let not_now = "503 5.5.1 not now\r\n";
    let turns = [
        (MAIL.0, hello_first),
        (RCPT.0, hello_first),
        (DATA.0, hello_first),
        (&b"STARTTLS\r\n"[..], hello_first),
        (b"LHLO c\r\n", "500 5.5.1 not in this protocol\r\n"),
        (b"HELO c\r\n", "250 mx.example\r\n"),
        (RCPT.0, not_now),
        (DATA.0, not_now),
        MAIL,
        (DATA.0, "503 5.5.1 no valid recipients\r\n"),
        MAIL_AGAIN,
        // RFC 5321, 4.1.4: a hello is a reset.
        HELLO,
        (RCPT.0, not_now),
        (b"BDAT 1\r\n", "502 5.5.1 not offered here\r\n"),
        (b"FOO\r\n", "500 5.5.2 command not recognised\r\n"),
        (
            b"NOOP\n",
            "500 5.5.2 a line ends with <CR><LF> and holds no control characters\r\n",
        ),
        QUIT,
    ];
    check(&smtp(), &turns, &[]);
}
const MAIL_AGAIN: Turn<'_> = (b"MAIL FROM:<c@b.example>\r\n", "503 5.5.1 not now\r\n");

#[test]
fn a_message_is_refused_after_its_end() {
    let settings = Settings {
        message_bytes_max: 300,
        hops_max: 3,
        line_bytes_max: 80,
        ..smtp()
    };
    let hello = (HELLO.0, HELLO.1.replace("26214400", "300"));
    let large = [b"a\r\n".repeat(101), b".\r\n".to_vec()].concat();
    let full = [b"..\r\n".repeat(100), b".\r\n".to_vec()].concat();
    let turns = [
        (&b"MAIL FROM:<> SIZE=301\r\n"[..], "552 5.3.4 message is too large\r\n"),
        (
            b"MAIL FROM:<> SIZE=99999999999999999999\r\n",
            "552 5.3.4 message is too large\r\n",
        ),
        (&[b'a'; 100], ""),
        (b"\r\n", "500 5.5.2 line too long\r\n"),
        MAIL,
        RCPT,
        DATA,
        (&large, "552 5.3.4 message is too large\r\n"),
        MAIL,
        RCPT,
        DATA,
        (
            b"Received: a\r\nreceived: b\r\nRECEIVED: c\r\n\r\n.\r\n",
            "554 5.4.6 message has come by too many servers\r\n",
        ),
        MAIL,
        RCPT,
        DATA,
        (&full, KEPT),
        QUIT,
    ];
    let turns: Vec<_> = std::iter::once((hello.0, &*hello.1)).chain(turns).collect();
    check(&settings, &turns, &[&b".\r\n".repeat(100)]);
}

#[test]
fn a_message_without_end_is_not_read_for_ever() {
    let settings = Settings {
        message_bytes_max: 10,
        ..smtp()
    };
    let hello = (HELLO.0, &*HELLO.1.replace("26214400", "10"));
    let turns = [
        hello,
        MAIL,
        RCPT,
        DATA,
        (&[b'x'; 100][..], "552 5.3.4 message is too large\r\n"),
    ];
    check(&settings, &turns, &[]);
    assert!(run(&settings, &turns.map(|turn| turn.0), None).outcome.closed);
}

#[test]
fn a_peer_that_does_not_wait_is_shown_out() {
    let too_soon = "554 5.5.0 input came before it was asked for\r\n";
    for (before, early) in [
        (&[][..], &b"EHLO c\r\nMAIL FROM:<>\r\n"[..]),
        (&[], b"HELO c\r\nN"),
        (&[HELLO, MAIL, RCPT], b"DATA\r\nSubject: a\r\n\r\n.\r\n"),
        (&[HELLO], b"DATA\r\nQUIT\r\n"),
        (&[HELLO], b"STARTTLS\r\nMAIL FROM:<>\r\n"),
    ] {
        let mut driver = Driver::new(&smtp());
        before.iter().for_each(|turn| driver.feed(turn.0));
        driver.outcome.output.clear();
        driver.feed(early);
        assert_eq!(
            String::from_utf8_lossy(&driver.outcome.output),
            too_soon,
            "{}",
            early.escape_ascii()
        );
        assert!(driver.outcome.closed && driver.outcome.handshakes.is_empty() && driver.outcome.messages.is_empty());
    }
    let mut engine = Engine::new(Arc::new(smtp()), Duration::ZERO);
    engine.greet(Duration::ZERO, b"E");
    assert_eq!(
        (
            engine.step(Duration::ZERO, &mut &b"HLO c\r\n"[..]),
            engine.output().as_slice()
        ),
        (Event::Close, too_soon.as_bytes())
    );
    let mut driver = Driver::new(&smtp());
    driver.feed(b"POST / HTTP/1.1\r\nEHLO c\r\n");
    assert!(driver.outcome.closed && driver.outcome.output.starts_with(b"554 5.5.2"));
}

#[test]
fn after_tls_everything_is_forgotten() {
    let hello_first = "503 5.5.1 say hello first\r\n";
    let again = HELLO.1.replace("250-STARTTLS\r\n", "");
    let turns = [
        HELLO,
        MAIL,
        RCPT,
        (&b"STARTTLS now\r\n"[..], "501 5.5.4 argument cannot be read\r\n"),
        (b"STARTTLS\r\n", "220 2.0.0 go ahead\r\n"),
        (MAIL.0, hello_first),
        (DATA.0, hello_first),
        (HELLO.0, &again),
        (RCPT.0, "503 5.5.1 not now\r\n"),
        (b"STARTTLS\r\n", "503 5.5.1 not now\r\n"),
        MAIL,
        RCPT,
        DATA,
        (b"a\r\n.\r\n", KEPT),
    ];
    check(&smtp(), &turns, &[b"a\r\n"]);
    let outcome = run(&smtp(), &turns.map(|turn| turn.0), None).outcome;
    assert_eq!(outcome.handshakes.len(), 1);
    let plain = Settings {
        start_tls: StartTls::NotOffered,
        ..smtp()
    };
    let hello = (HELLO.0, &*again);
    check(
        &plain,
        &[hello, (b"STARTTLS\r\n", "502 5.5.1 not offered here\r\n")],
        &[],
    );
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let hello = "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 26214400\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n";
    let wrong = "500 5.5.1 not in this protocol\r\n";
    let two = b"RCPT TO:<ok1@x>\r\nRCPT TO:<nobody@x>\r\nRCPT TO:<ok-full@x>\r\nRCPT TO:<ok1@x>\r\n";
    let accepted = "250 2.1.5 ok\r\n550 5.1.1 no such recipient here\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n";
    let answers = "250 2.0.0 ok1 queued\r\n452 4.3.1 no room now, try again later\r\n250 2.0.0 ok1 queued\r\n";
    let turns = [
        (&b"EHLO c\r\n"[..], wrong),
        (b"HELO c\r\n", wrong),
        (b"LHLO c\r\n", hello),
        MAIL,
        (two, accepted),
        DATA,
        (b"a\r\n.\r\n", answers),
        MAIL,
        (two, accepted),
        DATA,
        (b"a\n.\r\n\r\n.\r\n", &BARE.repeat(3)),
        QUIT,
    ];
    check(&lmtp(), &turns, &[b"a\r\n"]);
}

#[test]
fn a_message_that_is_not_kept_for_all_is_not_accepted() {
    for (local, answer) in [
        ("ok-full", "452 4.3.1 no room now, try again later\r\n"),
        ("ok-broken", "451 4.3.0 could not be stored, try again later\r\n"),
        ("ok-closing", "421 4.3.2 shutting down, try again soon\r\n"),
    ] {
        let other = format!("RCPT TO:<{local}@x>\r\n");
        let turns = [
            HELLO,
            MAIL,
            RCPT,
            (other.as_bytes(), RCPT.1),
            RCPT,
            DATA,
            (b"a\r\n.\r\n", answer),
        ];
        check(&smtp(), &turns, &[b"a\r\n"]);
    }
}

#[test]
fn errors_unknown_recipients_and_idling_have_an_end() {
    let closed = "421 4.7.0 too many errors\r\n";
    let unknown = "500 5.5.2 command not recognised\r\n";
    check(&smtp(), &[(&b"X\r\n".repeat(25), &(unknown.repeat(20) + closed))], &[]);
    let idle = [
        HELLO,
        (&b"NOOP\r\n".repeat(101), &("250 2.0.0 ok\r\n".repeat(100) + closed)),
    ];
    check(&smtp(), &idle, &[]);
    let bad = b"RCPT TO:<nobody@x>\r\n".repeat(12);
    let outcome = run(&smtp(), &[HELLO.0, MAIL.0, &bad], None).outcome;
    assert_eq!(outcome.pauses, 2);
    let few = Settings {
        recipients_max: 2,
        ..smtp()
    };
    let three = (
        &RCPT.0.repeat(3)[..],
        &*(RCPT.1.repeat(2) + "452 4.5.3 too many recipients\r\n"),
    );
    check(&few, &[HELLO, MAIL, three], &[]);
}

#[test]
fn internationalised_addresses_need_their_extension() {
    let turns = [
        HELLO,
        (
            "MAIL FROM:<é@b.example>\r\n".as_bytes(),
            "553 5.6.7 address needs SMTPUTF8\r\n",
        ),
        MAIL,
        (
            "RCPT TO:<oké@mx.example>\r\n".as_bytes(),
            "553 5.6.7 address needs SMTPUTF8\r\n",
        ),
        (b"RSET\r\n", "250 2.0.0 ok\r\n"),
        ("MAIL FROM:<é@b.example> SMTPUTF8\r\n".as_bytes(), MAIL.1),
        ("RCPT TO:<oké@bücher.example>\r\n".as_bytes(), RCPT.1),
    ];
    check(&smtp(), &turns, &[]);
}

#[test]
fn deadlines_are_absolute() {
    let seconds = Duration::from_secs;
    let settings = smtp();
    let mut engine = Engine::new(Arc::new(settings), seconds(1_000));
    engine.greet(seconds(1_000), b"");
    assert_eq!(engine.deadline(Patience::Normal), seconds(1_300));
    assert_eq!(engine.deadline(Patience::Stressed), seconds(1_030));
    // A byte now and then does not help.
    engine.step(seconds(1_200), &mut &b"EHL"[..]);
    assert_eq!(engine.deadline(Patience::Normal), seconds(1_300));
    engine.step(seconds(1_250), &mut &b"O c\r\n"[..]);
    assert_eq!(engine.deadline(Patience::Normal), seconds(1_550));
    engine.step(seconds(1_300), &mut { MAIL.0 });
    engine.answer_sender(seconds(1_300), Capacity::Free);
    engine.step(seconds(1_300), &mut { RCPT.0 });
    engine.answer_recipient(seconds(1_300), verdict("ok"));
    engine.step(seconds(1_400), &mut { DATA.0 });
    assert_eq!(engine.deadline(Patience::Normal), seconds(1_700));
    // 50,000 bytes are 100 seconds more on the pace, but no pause may be longer than 300.
    engine.step(seconds(1_690), &mut [b'a'; 50_000].as_ref());
    assert_eq!(engine.deadline(Patience::Normal), seconds(1_800));
    engine.body().clear();
    engine.step(seconds(1_790), &mut [b'a'; 5_000_000].as_ref());
    assert_eq!(engine.deadline(Patience::Normal), seconds(2_090));
    engine.body().clear();
    engine.step(seconds(2_700), &mut [b'a'; 5].as_ref());
    assert_eq!(
        engine.deadline(Patience::Normal),
        seconds(1_000 + 1_800),
        "the whole transaction"
    );
    engine.time_out();
    assert!(engine.output().ends_with(b"421 4.4.2 time is up\r\n"));
    assert_eq!(engine.step(seconds(0), &mut &b"a\r\n.\r\n"[..]), Event::Close);
}

#[test]
fn stopping_lets_a_message_finish() {
    let closing = "421 4.3.2 shutting down, try again soon\r\n";
    let mut driver = run(&smtp(), &[HELLO.0, MAIL.0, RCPT.0], None);
    assert!(!driver.engine.stop());
    driver.outcome.output.clear();
    driver.feed(b"DATA\r\n");
    assert_eq!(
        (&*String::from_utf8_lossy(&driver.outcome.output), driver.outcome.closed),
        (closing, true)
    );
    let mut driver = run(&smtp(), &[HELLO.0, MAIL.0, RCPT.0, DATA.0, b"a"], None);
    assert!(driver.engine.stop());
    driver.outcome.output.clear();
    driver.feed(b"b\r\n.\r\nMAIL FROM:<>\r\n");
    let output = String::from_utf8_lossy(&driver.outcome.output).into_owned();
    assert_eq!((output, driver.outcome.closed), (format!("{KEPT}{closing}"), true));
    assert_eq!(driver.outcome.messages, [b"ab\r\n"]);
}

#[test]
fn a_body_that_cannot_be_kept_is_read_to_its_end_and_refused() {
    let mut driver = run(&smtp(), &[HELLO.0, MAIL.0, RCPT.0, DATA.0], None);
    assert_eq!(driver.engine.step(Duration::ZERO, &mut &b"a\r\n"[..]), Event::Body);
    driver.engine.refuse_body(Duration::ZERO, reply::NO_ROOM);
    driver.outcome.output.clear();
    driver.feed(b"more\r\n.\r\nQUIT\r\n");
    let expect = "452 4.3.1 no room now, try again later\r\n221 2.0.0 bye\r\n";
    assert_eq!(
        (
            &*String::from_utf8_lossy(&driver.outcome.output),
            driver.outcome.messages.len()
        ),
        (expect, 0)
    );
}
