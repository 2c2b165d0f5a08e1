//! One message in is one message out, however its bytes are cut and whatever they are.

use proptest::prelude::*;

use super::tests::{BARE, DATA, Driver, HELLO, KEPT, MAIL, QUIT, RCPT, check, run, smtp};
use crate::listeners::smtp::{BareNewline, Settings};

/// Every way that some server has taken for the end of a message.
const SMUGGLED: [&[u8]; 16] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r\r\n.\r\n\r\n",
    b"\r\n.\r\r\n",
    b"\r\n\r.\r\n",
    b"\n\r\n.\n\r\n",
    b"\r\n.\n\r\n",
    b"\n.\r",
    b"\r.\n",
    b"\r\n.\x0b\n",
    b"\r\n\x00.\n",
    b"\r\0\n.\r\0\n",
];

#[test]
fn no_other_ending_lets_a_second_message_in() {
    for ending in SMUGGLED {
        let inner = b"MAIL FROM:<evil@x>\r\nRCPT TO:<ok@x>\r\nDATA\r\nevil\r\n.\r\n";
        let data = [b"a", ending, &inner[..]].concat();
        let refused = run(&smtp(), &[HELLO.0, MAIL.0, RCPT.0, DATA.0, &data], None).outcome;
        // One of them has the true end in it: what follows are commands then, which is the sender's own doing.
        if !ending.windows(5).any(|window| window == b"\r\n.\r\n") {
            check(&smtp(), &[HELLO, MAIL, RCPT, DATA, (&data, BARE), QUIT], &[]);
            let message = decoded(&data);
            let accept = Settings {
                bare_newline: BareNewline::Accept,
                ..smtp()
            };
            check(&accept, &[HELLO, MAIL, RCPT, DATA, (&data, KEPT), QUIT], &[&message]);
        }
        assert!(
            refused
                .output
                .windows(BARE.len())
                .any(|window| window == BARE.as_bytes())
        );
    }
    // NUL is a byte like any other.
    for ending in [&b"\r\n\0.\r\n"[..], b"\r\n.\0\r\n", b"\r\n.\x0b\r\n"] {
        let data = [b"a", ending, b"MAIL FROM:<evil@x>\r\n.\r\n"].concat();
        check(
            &smtp(),
            &[HELLO, MAIL, RCPT, DATA, (&data, KEPT), QUIT],
            &[&decoded(&data)],
        );
    }
}

/// Unstuffing by the letter of RFC 5321, 4.5.2, on the whole: cut at the first CR LF . CR LF, drop each line's first dot.
fn decoded(data: &[u8]) -> Vec<u8> {
    let whole = [b"\r\n", data].concat();
    let end = whole
        .windows(5)
        .position(|window| window == b"\r\n.\r\n")
        .expect("the data ends");
    let text = &whole[..end + 2];
    let mut message = Vec::new();
    for (at, byte) in text.iter().enumerate().skip(2) {
        if *byte != b'.' || &text[at - 2..at] != b"\r\n" {
            message.push(*byte);
        }
    }
    message
}

/// Lines that lead somewhere, mixed with ones that do not, and bytes of all kinds.
fn session() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let lines: [&[u8]; 13] = [
        b"EHLO c\r\n",
        MAIL.0,
        RCPT.0,
        DATA.0,
        b"RSET\r\n",
        b"STARTTLS\r\n",
        b".\r\n",
        b"a\r\n.\r\n",
        b"\r\n",
        b"..\r\n",
        b"QUIT\r\n",
        b"RCPT TO:<nobody@x>\r\n",
        b"NOOP\n",
    ];
    let line = prop_oneof![
        8 => proptest::sample::select(lines.to_vec()).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(proptest::sample::select(b"\r\n. a\0\xff".to_vec()), 0..12),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(line, 0..30)
}

proptest! {
    /// Each turn is a line, so that no peer talks too soon by the way its bytes are put together. Cut once more anywhere,
    /// everything is the same.
    #[test]
    fn chunks_change_nothing(lines in session(), cuts in proptest::collection::vec(0..40_usize, 30)) {
        let settings = Settings { message_bytes_max: 40, ..smtp() };
        // A group that ends within a line may be followed by its end: feed by complete lines.
        let all = lines.concat();
        let turns: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
        let whole = run(&settings, &turns, None).outcome;
        let mut driver = Driver::new(&settings);
        for (turn, cut) in turns.iter().zip(cuts.iter().cycle()) {
            let (first, second) = turn.split_at(*cut.min(&turn.len()));
            driver.feed(first);
            driver.feed(second);
        }
        prop_assert_eq!(&driver.outcome, &whole);
        // All at once: the same, unless it is found out to have talked too soon.
        let at_once = run(&settings, &[&all], None).outcome;
        let too_soon = at_once.output.windows(9).any(|window| window == b"554 5.5.0");
        prop_assert!(too_soon || at_once == whole, "{:?}\n{:?}", at_once, whole);
        if too_soon {
            let before = at_once.output.len() - "554 5.5.0 input came before it was asked for\r\n".len();
            prop_assert_eq!(&at_once.output[..before], &whole.output[..before]);
            prop_assert_eq!(&at_once.messages[..], &whole.messages[..at_once.messages.len()]);
        }
    }

    #[test]
    fn any_message_comes_out_as_it_went_in(lines in proptest::collection::vec("[a-z.\0\u{80}-\u{ff}]{0,6}", 0..8), cut in any::<prop::sample::Index>()) {
        let message: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
        let mut sent = Vec::new();
        for line in &lines {
            let stuffing = if line.starts_with('.') { "." } else { "" };
            sent.extend_from_slice(format!("{stuffing}{line}\r\n").as_bytes());
        }
        sent.extend_from_slice(b".\r\n");
        let outcome = run(&smtp(), &[HELLO.0, MAIL.0, RCPT.0, DATA.0, &sent], Some((4, cut.index(sent.len())))).outcome;
        prop_assert_eq!(outcome.messages, [message]);
    }

    #[test]
    fn data_of_any_bytes_means_what_the_standard_says(
        bytes in proptest::collection::vec(proptest::sample::select(b"\r\n.a".to_vec()), 0..40), cut in any::<prop::sample::Index>(),
    ) {
        let data = [&bytes[..], b"\r\n.\r\n"].concat();
        let settings = Settings { bare_newline: BareNewline::Accept, ..smtp() };
        let driver = run(&settings, &[HELLO.0, MAIL.0, RCPT.0, DATA.0, &data], Some((4, cut.index(data.len()))));
        prop_assert_eq!(&driver.outcome.messages[0], &decoded(&data));
    }
}
