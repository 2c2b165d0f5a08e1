//! Rows 1 to 30 of the deviations seen in the wild: mails. The later rows are in `archive_tests`.

use super::testdata::{File, base64, gzip, mail, report, zip};
use super::*;
use proptest::prelude::*;
use std::io::Read;

/// What a visitor saw of one text.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub leaf: String,
    pub name: Option<String>,
    pub text: Vec<u8>,
    pub damage: Option<Damage>,
    pub stopped: Option<Reason>,
}

/// Unpacks and reads every text twice, as the parser may.
pub fn run(message: &[u8], limits: &Limits) -> (Vec<Seen>, Unpacked) {
    run_as(Context::File, message, limits)
}

/// The same of a message that came in this way.
pub fn run_as(context: Context, message: &[u8], limits: &Limits) -> (Vec<Seen>, Unpacked) {
    let mut seen = Vec::new();
    let unpacked = unpack_as(
        context,
        message,
        limits,
        &crate::base::budget::Budget::of_time(&|_| false),
        &mut |text| {
            let (first, stopped) = read(&text);
            let (second, again) = read(&text);
            assert_eq!(
                (first.len(), stopped),
                (second.len(), again),
                "two openings of {} differ",
                text.leaf()
            );
            assert!(first == second);
            seen.push(Seen {
                leaf: text.leaf().into(),
                name: text.file_name().map(Into::into),
                text: first,
                damage: text.damage(),
                stopped,
            });
        },
    );
    assert_eq!(unpacked.texts, seen.len());
    assert_eq!(unpacked.other.is_none(), unpacked.texts > 0);
    (seen, unpacked)
}

fn read(text: &ReportText<'_>) -> (Vec<u8>, Option<Reason>) {
    let mut bytes = Vec::new();
    let stopped = match text.open().and_then(|mut reader| reader.read_to_end(&mut bytes)) {
        Ok(_) => None,
        Err(error) => Some(reason_of(&error).expect("every error has a reason")),
    };
    (bytes, stopped)
}

/// The texts must be exactly `expect`, without a problem.
#[track_caller]
pub fn check(message: &[u8], expect: &[(&str, &[u8])]) {
    let (seen, unpacked) = run(message, &Limits::default());
    let found: Vec<_> = seen
        .iter()
        .map(|seen| (seen.leaf.as_str(), seen.text.as_slice()))
        .collect();
    assert_eq!(
        unpacked.problems,
        [],
        "found {:?}",
        found.iter().map(|found| found.0).collect::<Vec<_>>()
    );
    assert_eq!(found, expect);
}

/// No text; the problems' leaves and words must be `expect`, and the kind `other`.
#[track_caller]
pub fn check_none(message: &[u8], expect: &[(&str, &str)], other: Other) {
    let (seen, unpacked) = run(message, &Limits::default());
    assert!(seen.is_empty(), "{seen:?}");
    let found: Vec<_> = unpacked
        .problems
        .iter()
        .map(|problem| (&*problem.leaf, problem.reason.word()))
        .collect();
    assert_eq!(found, expect, "{:?}", unpacked.problems);
    assert_eq!(unpacked.other, Some(other));
}

/// A mail with one part of the given header lines and body.
fn part(header: &str, body: &[u8]) -> Vec<u8> {
    let start = "From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\n";
    [start.as_bytes(), header.as_bytes(), b"\r\n", body, b"\r\n--=_b--\r\n"].concat()
}

#[test]
fn whatever_the_type_says_the_bytes_decide() {
    let xml = report(2);
    for media_type in [
        "application/octet-stream",
        "application/zip",
        "application/gzip",
        "text/plain",
        "image/png",
    ] {
        let name = "r!example.com!1!2.xml.gz";
        let leaf = format!("part 2 > {name} > r!example.com!1!2.xml");
        check(&mail(media_type, name, &gzip(&xml)), &[(&leaf, &xml)]);
        let leaf = format!("part 2 > {name} > a.xml");
        check(
            &mail(media_type, name, &zip(&[File::deflated("a.xml", &xml)], b"")),
            &[(&leaf, &xml)],
        );
        check(&mail(media_type, "x.bin", &xml), &[("part 2 > x.bin", &xml)]);
    }
}

#[test]
fn bare_files() {
    let xml = report(2);
    check(&xml, &[("file", &xml)]);
    check(&gzip(&xml), &[("file > gunzipped", &xml)]);
    check(&gzip(&gzip(&xml)), &[("file > gunzipped > gunzipped", &xml)]);
    check(&zip(&[File::stored("a", &xml)], b"comment"), &[("file > a", &xml)]);
    check(base64(&gzip(&xml)).as_bytes(), &[("file > gunzipped", &xml)]);
    check(base64(&xml).as_bytes(), &[("file", &xml)]);
    let garbage = [b"\" oops\n".as_slice(), &xml].concat();
    check(&garbage, &[("file", &garbage)]);
}

#[test]
fn a_mail_that_is_the_report() {
    let xml = report(1);
    let header =
        "From: a@b.example\nContent-Type: application/zip; name=\"a.zip\"\nContent-Transfer-Encoding: base64\n\n";
    let archive = base64(&zip(&[File::deflated("r.xml", &xml)], b""));
    check((header.to_owned() + &archive).as_bytes(), &[("a.zip > r.xml", &xml)]);
    let inline = [b"From: a@b.example\n\nHello,\nthis is it:\n".as_slice(), &xml].concat();
    check(&inline, &[("body", &inline[19..])]);
}

#[test]
fn row_6_multipart_type_without_boundary() {
    let xml = report(1);
    let header = "Content-Type: multipart/alternative\r\nContent-Transfer-Encoding: base64\r\n";
    check(
        &part(header, base64(&gzip(&xml)).as_bytes()),
        &[("part 1 > gunzipped", &xml)],
    );
}

#[test]
fn row_7_type_without_hyphen() {
    let xml = report(1);
    let header = "ContentType: application/gzip\r\nContent-Transfer-Encoding: BASE64\r\n";
    check(
        &part(header, base64(&gzip(&xml)).as_bytes()),
        &[("part 1 > gunzipped", &xml)],
    );
}

#[test]
fn row_8_line_without_colon_in_a_header() {
    let xml = report(1);
    let body = base64(&gzip(&xml));
    let header = "Content-Type: application/gzip\r\nname=\"a!b.xml.gz\"\r\nContent-Transfer-Encoding: base64\r\n";
    check(&part(header, body.as_bytes()), &[("part 1 > gunzipped", &xml)]);
    // No empty line, no encoding, a boundary that never comes: told by its first characters alone.
    check(
        &part("Content-Type: application/gzip\r\n", body.as_bytes()),
        &[("part 1 > gunzipped", &xml)],
    );
    let bare =
        format!("From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\nhello\r\n{body}\r\n--y--\r\n");
    check(bare.as_bytes(), &[("base64 in the message > gunzipped", &xml)]);
}

#[test]
fn row_9_split_and_folded_names() {
    let (xml, body) = (report(1), base64(&gzip(&report(1))));
    let check = |name: &str, expect: &str| {
        let header = format!(
            "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; {name}\r\n\
             Content-Transfer-Encoding: base64\r\n"
        );
        let (seen, _) = run(&part(&header, body.as_bytes()), &Limits::default());
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].text, xml);
        assert_eq!(seen[0].name.as_deref(), Some(expect));
    };
    check(
        "filename*0=\"amazonses.com!a\"; filename*1=\".example!1!2.xml.gz\"",
        "amazonses.com!a.example!1!2.xml",
    );
    check("filename*=utf-8''a%21b%211%212.xml.gz", "a!b!1!2.xml");
    check("filename=\"mail.example!\r\n b!1!2.xml.gz\"", "mail.example!b!1!2.xml");
    check("filename=\"../../etc/pass\\\"wd.gz\"", "../../etc/pass\"wd");
}

#[test]
fn row_16_forwarded_mails() {
    let xml = report(1);
    let inner = mail("application/gzip", "a.xml.gz", &gzip(&xml));
    let leaf = "part 1 > mail > part 2 > a.xml.gz > a.xml";
    check(&part("Content-Type: message/rfc822\r\n", &inner), &[(leaf, &xml)]);
    let encoded = base64(&inner);
    let header = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n";
    check(&part(header, encoded.as_bytes()), &[(leaf, &xml)]);
    let header = "Content-Type: application/octet-stream; name=r.eml\r\nContent-Transfer-Encoding: base64\r\n";
    check(
        &part(header, encoded.as_bytes()),
        &[("part 1 > r.eml > part 2 > a.xml.gz > a.xml", &xml)],
    );
}

#[test]
fn row_22_broken_base64() {
    let xml = report(3);
    let body = base64(&gzip(&xml));
    let header = "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n";
    let broken = [
        body.trim_end().trim_end_matches('=').to_owned(),
        body.replace("\r\n", "\r\r\n"),
        body.replace("\r\n", "!\r\n ."),
    ];
    for body in broken {
        check(&part(header, body.as_bytes()), &[("part 1 > gunzipped", &xml)]);
    }
}

#[test]
fn a_short_mail_around_binary_data_is_a_mail() {
    let header = b"From: a@b.example\nContent-Type: application/zip\nContent-Transfer-Encoding: binary\n\n";
    let archive = zip(
        &[File {
            flags: 8,
            ..File::stored("a", b"<feedback/>")
        }],
        b"",
    );
    check(&[header.as_slice(), &archive].concat(), &[("body > a", b"<feedback/>")]);
}

#[test]
fn row_23_wrong_transfer_encoding() {
    let xml = report(1);
    let packed = gzip(&xml);
    for encoding in ["base64", "quoted-printable", "binary", "x-unknown"] {
        let header = format!("Content-Type: application/gzip\r\nContent-Transfer-Encoding: {encoding}\r\n");
        check(&part(&header, &packed), &[("part 1 > gunzipped", &xml)]);
    }
    let quoted: String = packed.iter().map(|byte| format!("={byte:02X}=\r\n")).collect();
    let header = "Content-Type: application/gzip\r\nContent-Transfer-Encoding: quoted-printable\r\n";
    check(&part(header, quoted.as_bytes()), &[("part 1 > gunzipped", &xml)]);
    let header = "Content-Type: text/xml\r\nContent-Transfer-Encoding: base64\r\n";
    check(&part(header, &xml), &[("part 1", &xml)]);
}

#[test]
fn ordinary_mails_are_left_alone() {
    let html = b"<html><body>Your <b>feedback</b> counts: <feedback-form/> &lt;feedback&gt;</body></html>";
    check_none(&part("Content-Type: text/html\r\n", html), &[], Other::Mail);
    check_none(
        &part("Content-Type: text/plain\r\n", b"To: be or not to be\r\n\r\nthat is it"),
        &[],
        Other::Mail,
    );
    let vacation =
        b"From: a@b.example\r\nAuto-Submitted: auto-replied\r\nSubject: Report Domain: a\r\n\r\nI am away.\r\n";
    check_none(vacation, &[], Other::AutoReply);
    check_none(b"From: a@b.example\r\nSubject: x\r\n", &[], Other::Mail);
    let encrypted = zip(
        &[File {
            flags: 1,
            ..File::deflated("a.xml", b"<feedback/>")
        }],
        b"",
    );
    check_none(
        &mail("application/zip", "a.zip", &encrypted),
        &[("part 2 > a.zip > a.xml", "encrypted_archive")],
        Other::Mail,
    );
}

#[test]
fn boundaries_may_be_prefixes_of_each_other() {
    let xml = report(1);
    let message = [
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
          Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\nContent-Type: text/xml\r\n\r\n"
            .as_slice(),
        &xml,
        b"--bb--\r\n--b  \r\nContent-Type: text/xml\r\n\r\n",
        &xml,
        b"--bbb\r\n--b-- \r\nepilogue",
    ]
    .concat();
    let last = [xml.as_slice(), b"--bbb"].concat();
    check(&message, &[("part 1.1", &xml[..xml.len() - 2]), ("part 2", &last)]);
}

#[test]
fn an_offset_points_into_the_message() {
    let message = part(
        "Content-Type: application/zip; name=\"r.example!example.com!1!2.zip\"\r\n",
        b"PK\x03\x04 broken",
    );
    let (_, unpacked) = run(&message, &Limits::default());
    let problem = &unpacked.problems[0];
    assert_eq!(problem.reason, Reason::ArchiveDamaged);
    assert!(message[problem.offset.unwrap() as usize..].starts_with(b"PK\x03\x04"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        run(&bytes, &Limits::default());
    }

    #[test]
    fn mutated_messages_never_panic(
        which in 0..5_usize,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..20),
    ) {
        let xml = report(3);
        let archive = zip(&[File::deflated("a.xml", &xml), File::stored("b.xml.gz", &gzip(&xml))], b"c");
        let mut message = match which {
            0 => mail("application/gzip", "a.xml.gz", &gzip(&xml)),
            1 => part("Content-Type: message/rfc822\r\n", &mail("application/zip", "a.zip", &archive)),
            2 => archive,
            3 => gzip(&archive),
            _ => part("Content-Type: application/zip\r\n", &archive),
        };
        for (at, byte, how) in edits {
            let at = at.index(message.len().max(1));
            match how {
                0 if at < message.len() => message[at] = byte,
                1 => message.insert(at.min(message.len()), byte),
                2 if at < message.len() => { message.remove(at); }
                _ => message.truncate(at.max(message.len() / 2)),
            }
        }
        run(&message, &Limits::default());
    }
}
