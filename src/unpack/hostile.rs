//! What attackers send: each of these must end soon, with a reason, in little memory and stack.

use super::testdata::*;
use super::tests::{run, run_as};
use super::*;
use std::cell::Cell;
use std::io::{BufRead, Read};

/// The reasons with which unpacking must end.
#[track_caller]
fn check(message: &[u8], expect: &[&str]) {
    let (_, unpacked) = run_as(Context::ReportAddress, message, &Limits::default());
    let found: Vec<_> = unpacked.problems.iter().map(|problem| problem.reason.word()).collect();
    assert_eq!(found, expect, "{:?}", unpacked.problems);
}

/// Runs on a stack as small as promised.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn nested_mails_end_at_the_limit() {
    on_small_stack(|| {
        check(&nested_mails(21_814), &["mime_too_complex"]);
        check(&nested_mails(4), &[]);
    });
}

#[test]
fn a_digest_of_empty_parts_ends_at_the_limit() {
    on_small_stack(|| check(&empty_digest(10 << 20), &["mime_too_complex"]));
}

#[test]
fn nested_multiparts_end_at_the_limit() {
    on_small_stack(|| {
        check(&nested_multiparts(9), &["mime_too_complex"]);
        assert_eq!(run(&nested_multiparts(8), &Limits::default()).0.len(), 1);
    });
}

#[test]
fn the_deepest_allowed_nesting_fits_the_stack() {
    // Four mails inside the message, alternately by type and by look, and three archives in the innermost.
    let mut message = gzip(&zip(&[File::deflated("a.xml.gz", &gzip(&report(1)))], b""));
    for _ in 0..2 {
        message = mail(
            "message/rfc822",
            "m.eml",
            &mail("application/octet-stream", "x", &message),
        );
    }
    let message = mail("application/octet-stream", "x", &message);
    on_small_stack(move || {
        let (seen, unpacked) = run(&message, &Limits::default());
        assert_eq!((seen.len(), unpacked.problems.len()), (1, 0), "{:?}", unpacked.problems);
    });
}

#[test]
fn header_bombs() {
    let limit = |filler: &[u8]| padded("From: a@b.example\r\n", filler, 2 << 20);
    check(&limit(b"A: b\r\n"), &["mime_too_complex"]);
    check(&limit(b" folded\r\n"), &["mime_too_complex"]);
    check(&limit(b"no colon here\r\n"), &["mime_too_complex"]);
    check(&limit(b"Content-Type: a/b\r\n"), &["mime_too_complex"]);
    check(
        &padded("From: a@b.example\r\nSubject: ", b"x", 2 << 20),
        &["mime_too_complex"],
    );
    // Below the limits, but many parameters: quadratic in the parser if it saw all.
    for filler in [
        "; a*1=b",
        "; a=b",
        "; boundary*0*=%41",
        " =?utf-8?Q?a?=",
        "; 'a'b'c",
        "; \"",
        "(",
        "; a*=''b",
        "=",
    ] {
        let mut message = padded(
            "From: a@b.example\r\nContent-Type: multipart/mixed",
            filler.as_bytes(),
            90_000,
        );
        message.extend(b"\r\n\r\n--x\r\n\r\nbody\r\n");
        check(&message, &[]);
    }
}

#[test]
fn gzip_bombs_are_streamed_up_to_the_limit() {
    let limits = Limits {
        xml_bytes_max: 3 << 20,
        ..Limits::default()
    };
    let bomb = gzip_bomb(1024, b"<feedback>");
    assert!(bomb.len() < 2 << 20);
    let (seen, _) = run(&bomb, &limits);
    assert_eq!(seen[0].stopped, Some(Reason::TooLarge));
    assert!(seen[0].text.len() <= 3 << 20);
    // A bomb that is not a text is not even begun.
    let (seen, unpacked) = run(&gzip_bomb(1024, b""), &Limits::default());
    assert_eq!((seen.len(), unpacked.problems[0].reason), (0, Reason::NotAReport));
    // Archives in archives are held in memory, and end sooner.
    let nested = gzip_bomb(1024, &[gzip(b""), b"\x1f\x8b".to_vec()].concat());
    check(&nested, &["too_large"]);
}

#[test]
fn many_texts_share_one_budget() {
    let limits = Limits {
        inflated_bytes_max: 3 << 20,
        ..Limits::default()
    };
    let big = [b"<feedback>".as_slice(), &vec![b' '; 1 << 20]].concat();
    let files: Vec<_> = (0..5)
        .map(|at| File {
            same_data_as: (at > 0).then_some(0),
            ..File::deflated("a", &big)
        })
        .collect();
    let names = ["a", "b", "c", "d", "e"];
    let files: Vec<_> = files
        .into_iter()
        .zip(names)
        .map(|(file, name)| File { name, ..file })
        .collect();
    let (seen, unpacked) = run(&zip(&files, b""), &limits);
    let stopped: Vec<_> = seen.iter().map(|seen| seen.stopped).collect();
    assert_eq!(stopped, [None, None, Some(Reason::TooLarge)]);
    assert_eq!(
        unpacked
            .problems
            .iter()
            .map(|problem| problem.reason)
            .collect::<Vec<_>>(),
        [Reason::TooLarge; 2]
    );
}

#[test]
fn archives_inside_archives_end_at_the_limit() {
    let mut archive = zip(&[File::stored("a.xml", &report(1))], b"");
    for level in 1..6 {
        let inner = archive.clone();
        archive = zip(&[File::deflated("a.zip", &inner)], b"");
        let (seen, unpacked) = run(&archive, &Limits::default());
        assert_eq!(seen.len(), usize::from(level < 3));
        assert_eq!(unpacked.problems.len(), usize::from(level >= 3));
    }
    // As in 42.zip: sixteen archives in each of sixteen archives.
    let names: Vec<String> = (0..16).map(|at| format!("{at}.zip")).collect();
    let many = |inner: &[u8]| {
        zip(
            &names.iter().map(|name| File::deflated(name, inner)).collect::<Vec<_>>(),
            b"",
        )
    };
    check(
        &many(&many(&zip(&[File::deflated("a.xml", &report(1))], b""))),
        &["archive_too_complex"; 16],
    );
}

#[test]
fn zips_of_too_many_files() {
    let names: Vec<String> = (0..65_000).map(|at| at.to_string()).collect();
    let files = |count: usize| {
        names[..count]
            .iter()
            .map(|name| File::stored(name, b"<feedback/>"))
            .collect::<Vec<_>>()
    };
    check(&zip(&files(65_000), b""), &["archive_too_complex"]);
    check(&zip(&files(1_000), b""), &["archive_too_complex"]);
    check(&zip(&files(17), b""), &["archive_too_complex"]);
    check(&zip(&files(16), b""), &[]);
}

#[test]
fn zips_that_lie() {
    let xml = report(2);
    let lie = |change: fn(&mut File<'_>)| {
        let mut file = File::deflated("a.xml", &xml);
        change(&mut file);
        run(&zip(&[file], b""), &Limits::default())
    };
    let changes: [fn(&mut File<'_>); 3] = [|file| file.size = u32::MAX, |file| file.size = 0, |file| file.crc = 7];
    for change in changes {
        let (seen, _) = lie(change);
        assert_eq!((&seen[0].text, seen[0].damage), (&xml, Some(Damage::Checksum)));
    }
    let (seen, _) = lie(|file| file.data.truncate(file.data.len() - 10));
    assert_eq!(seen[0].damage, Some(Damage::Truncated));
    assert!(lie(|file| file.data[3] ^= 0xff).1.problems.len() <= 1);
    // A comment that holds another end of directory, and the longest there may be.
    let inner = zip(&[File::stored("b.xml", &xml)], b"");
    for comment in [inner, b"PK\x05\x06".repeat(16_000), vec![b'x'; 65_535]] {
        let (seen, unpacked) = run(&zip(&[File::stored("a.xml", &xml)], &comment), &Limits::default());
        assert_eq!(seen.len() + unpacked.problems.len(), 1);
    }
    let twins = zip(&[File::stored("a.xml", &xml), File::stored("a.xml", &report(3))], b"");
    let (seen, unpacked) = run(&twins, &Limits::default());
    assert_eq!((seen.len(), unpacked.problems[0].reason), (1, Reason::ArchiveDamaged));
    let whole = zip(&[File::deflated("a.xml", &xml)], b"");
    for cut in 1..whole.len() {
        run(&whole[..cut], &Limits::default());
    }
}

#[test]
fn names_are_made_harmless() {
    let name = "../../\u{1b}[2J\u{202e}gnp.\r\n\0<script>";
    let (seen, _) = run(&zip(&[File::stored(name, &report(1))], b""), &Limits::default());
    assert_eq!(
        seen[0].leaf,
        "file > ../../\\u{1b}[2J\\u{202e}gnp.\\u{d}\\u{a}\\u{0}<script>"
    );
    let long = "x".repeat(65_000);
    let (seen, _) = run(&zip(&[File::stored(&long, &report(1))], b""), &Limits::default());
    assert!(seen[0].leaf.len() < 100);
    assert_eq!(seen[0].name.as_ref().map(String::len), Some(255));
}

#[test]
fn the_callers_clock_ends_everything() {
    let bomb = mail("application/gzip", "a.xml.gz", &gzip_bomb(64, b"<feedback>"));
    for questions in 0..40 {
        let left = Cell::new(questions);
        let stop = || {
            left.set(left.get() - 1);
            left.get() < 0
        };
        let mut read = 0;
        let unpacked = unpack(&bomb, &Limits::default(), &stop, &mut |text| {
            let Ok(mut reader) = text.open() else { return };
            let error = std::io::copy(&mut reader, &mut std::io::sink()).unwrap_err();
            assert_eq!(reason_of(&error), Some(Reason::TooSlow));
            assert_eq!(reason_of(&reader.fill_buf().unwrap_err()), Some(Reason::TooSlow));
            read += 1;
        });
        assert!(read <= 1);
        let reasons: Vec<_> = unpacked.problems.iter().map(|problem| problem.reason).collect();
        assert_eq!(reasons, [Reason::TooSlow]);
    }
}

#[test]
fn empty_members_ask_the_clock() {
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 1_000
    };
    let unpacked = unpack(
        &gzip(b"").repeat(50_000),
        &Limits::default(),
        &stop,
        &mut |_| unreachable!(),
    );
    assert_eq!(unpacked.problems[0].reason, Reason::TooSlow);
}

#[test]
fn a_text_need_not_be_read() {
    let mut leaves = 0;
    let message = mail("application/gzip", "a.xml.gz", &gzip(&report(2)));
    unpack(&message, &Limits::default(), &|| false, &mut |_| leaves += 1);
    unpack(&message, &Limits::default(), &|| false, &mut |text| {
        let mut one = text.open().unwrap();
        let mut two = text.open().unwrap();
        let mut buffer = [0; 1];
        assert_eq!(one.read(&mut buffer).unwrap() + two.read(&mut buffer).unwrap(), 2);
        leaves += 1;
    });
    assert_eq!(leaves, 2);
}
