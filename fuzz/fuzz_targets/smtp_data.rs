//! The data of a message against the standard's own words (RFC 5321, 4.1.1.4 and 4.5.2), at any cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tallymark::listeners::smtp::data::{Decoder, Hops, Progress};

fuzz_target!(|input: &[u8]| {
    let Some((&cut, data)) = input.split_first() else {
        return;
    };
    let (first, second) = data.split_at(usize::from(cut).min(data.len()));
    let (mut decoder, mut hops) = (Decoder::new(), Hops::new());
    let mut message = Vec::new();
    let mut end = None;
    let mut before = 0;
    for chunk in [first, second] {
        let given = message.len();
        let progress = decoder.decode(chunk, &mut message);
        hops.see(&message[given..]);
        if let Progress::End(used) = progress {
            end = Some(before + used);
            break;
        }
        before += chunk.len();
    }
    // The CR LF of the DATA line counts.
    let whole = [b"\r\n", data].concat();
    let found = whole.windows(5).position(|window| window == b"\r\n.\r\n");
    assert_eq!(end, found.map(|at| at + 3));
    let mut counted = Hops::new();
    counted.see(&message);
    assert_eq!(hops.count(), counted.count());
    if let Some(at) = found {
        let text = &whole[..at + 2];
        let own = text
            .iter()
            .enumerate()
            .skip(2)
            .filter(|(at, byte)| **byte != b'.' || &text[at - 2..*at] != b"\r\n");
        assert!(message.iter().eq(own.map(|(_, byte)| byte)));
        // Neither CR nor LF without the other; the end's own are not looked at.
        let bare = (2..text.len()).any(|at| match text[at] {
            b'\n' => text[at - 1] != b'\r',
            b'\r' => text.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        assert_eq!(decoder.has_bare_newline(), bare);
    }
});
