//! Ordinary mail is not a broken report: a mail is classified by what it says.

use super::testdata::{File, base64, gzip, report, zip};
use super::tests::run_as;
use super::*;

const NAME: &str = "reporter.example!example.com!1795564800!1795651199";
const SUBJECT: &str = "Report Domain: example.com Submitter: reporter.example Report-ID: <1>";

/// A mail with this subject and these parts: type, name, content.
fn mail(subject: &str, parts: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut mail = format!(
        "From: a@b.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; \
         boundary=edge\r\n\r\n--edge\r\nContent-Type: text/plain\r\n\r\nPlease see the attached.\r\n"
    );
    for (media_type, name, content) in parts {
        mail += &format!(
            "--edge\r\nContent-Type: {media_type}; name=\"{name}\"\r\nContent-Disposition: attachment; \
             filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            base64(content)
        );
    }
    (mail + "--edge--\r\n").into_bytes()
}

/// How many texts, and for which reasons something was not read, in a mailbox.
fn in_mailbox(message: &[u8]) -> (usize, Vec<&'static str>) {
    found(Context::Mailbox, message)
}

fn found(context: Context, message: &[u8]) -> (usize, Vec<&'static str>) {
    let (seen, unpacked) = run_as(context, message, &Limits::default());
    let reasons = unpacked.problems.iter().map(|problem| problem.reason.word());
    (seen.len(), reasons.collect())
}

/// Files that ordinary mail brings, of every format that is known and of those that are opened.
#[expect(clippy::too_many_lines, reason = "a table")]
fn ordinary() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let package = |first: &'static str| {
        zip(
            &[
                File::deflated(first, b"<Types/>"),
                File::deflated("word/document.xml", b"<w:document>x</w:document>"),
                File::deflated("docProps/app.xml", b"<broken"),
            ],
            b"",
        )
    };
    let many: Vec<String> = (0..90).map(|nth| format!("IMG_{nth:04}.jpg")).collect();
    let photos: Vec<_> = many
        .iter()
        .map(|name| File::stored(name, b"\xff\xd8\xff\xe0"))
        .collect();
    let locked = File {
        flags: 1,
        ..File::deflated("payroll.xml", b"<a/>")
    };
    let pkcs7 = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0";
    let tar = [vec![b'a'; 257], b"ustar\0\x30\x30".to_vec(), vec![0; 300]].concat();
    let octets = "application/octet-stream";
    let mut all = vec![
        (
            "application/msword",
            "letter.doc",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0".to_vec(),
        ),
        (
            "application/vnd.ms-outlook",
            "mail.msg",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0".to_vec(),
        ),
        (octets, "a.docx", package("[Content_Types].xml")),
        (octets, "a.odt", package("mimetype")),
        ("application/zip", "library.zip", package("META-INF/MANIFEST.MF")),
        ("application/zip", "photos.zip", zip(&photos, b"")),
        ("application/zip", "payroll.zip", zip(&[locked], b"")),
        ("application/zip", "empty.zip", zip(&[], b"")),
        ("application/zip", "cut.zip", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec()),
        (
            "application/zip",
            "invoice.xml.zip",
            zip(&[File::deflated("i.xml", b"<Invoice/>")], b""),
        ),
        (
            "application/xml",
            "invoice.xml",
            b"<?xml version=\"1.0\"?><Invoice/>".to_vec(),
        ),
        ("text/xml", "broken.xml", b"<?xml version=\"1.0\"?><a><b></a>".to_vec()),
        (
            "text/xml",
            "survey.xml",
            b"<survey><feedback>good</feedback></survey>".to_vec(),
        ),
        (
            "image/svg+xml",
            "logo.svg",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(),
        ),
        (
            "application/x-apple-aspen-config",
            "wifi.mobileconfig",
            b"<plist version=\"1.0\"></plist>".to_vec(),
        ),
        ("application/xml", "none.xml", Vec::new()),
        (
            "application/gzip",
            "mail.log.gz",
            gzip(b"Nov 26 03:00:00 mx postfix: ok\n"),
        ),
        ("application/gzip", "cut.gz", gzip(&[b'x'; 3_000])[..14].to_vec()),
        (octets, "a.tar", tar.clone()),
        ("application/gzip", "a.tar.gz", gzip(&tar)),
        (octets, "a.7z", b"7z\xbc\xaf\x27\x1c\0\x04".to_vec()),
        (octets, "a.rar", b"Rar!\x1a\x07\x01\0".to_vec()),
        (octets, "a.bz2", b"BZh91AY&SY\0".to_vec()),
        (octets, "a.xz", b"\xfd7zXZ\0\0".to_vec()),
        (octets, "a.zst", b"\x28\xb5\x2f\xfd\x04".to_vec()),
        (octets, "a.cab", b"MSCF\0\0\0\0x".to_vec()),
        (octets, "a.bin", b"\x78\x9c\x4b\xcb\xcf\x07\0\x02\x82\x01\x45".to_vec()),
        ("application/ms-tnef", "winmail.dat", b"\x78\x9f\x3e\x22\x01".to_vec()),
        ("application/pkcs7-mime", "smime.p7m", pkcs7.to_vec()),
        (
            "application/pgp-encrypted",
            "msg.asc",
            b"-----BEGIN PGP MESSAGE-----\n\nabc".to_vec(),
        ),
        ("text/plain", "utf32.txt", b"\xff\xfe\0\0a\0\0\0".to_vec()),
        ("image/png", "a.png", b"\x89PNG\r\n\x1a\n\0".to_vec()),
        ("application/json", "a.json", b"{\"a\": 1}".to_vec()),
        (
            "text/calendar",
            "invite.ics",
            b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_vec(),
        ),
    ];
    all.push((
        "application/zip",
        "zips.zip",
        zip(&[File::stored("a.zip", &all[5].2)], b""),
    ));
    all
}

#[test]
fn an_ordinary_attachment_makes_no_broken_report() {
    for (media_type, name, content) in ordinary() {
        for subject in ["Your papers", "How to read DMARC reports", "Report domain abuse"] {
            let message = mail(subject, &[(media_type, name, &content)]);
            for context in [Context::Mailbox, Context::File] {
                let (_, reasons) = found(context, &message);
                // The XML is shown to the parser, and says nothing of itself.
                assert_eq!(reasons, [""; 0], "{name} in {subject}");
                unpack_as(
                    context,
                    &message,
                    &Limits::default(),
                    &crate::base::budget::Budget::of_time(&|_| false),
                    &mut |text| {
                        assert!(!text.is_stated(), "{name} in {subject}");
                    },
                );
            }
        }
    }
}

/// The same files where something says that they are a report: by the name, by the subject.
#[test]
fn a_claimed_report_that_cannot_be_read_is_a_problem() {
    let cut = &gzip(&report(3))[..20];
    let log = zip(&[File::deflated("readme.txt", b"nothing here")], b"");
    let locked = zip(
        &[File {
            flags: 1,
            ..File::deflated("a.xml", b"x")
        }],
        b"",
    );
    let seven = b"7z\xbc\xaf\x27\x1c\0\x04";
    let named = |suffix: &str| format!("{NAME}{suffix}");
    for (name, subject, content, reason) in [
        (named(".xml.gz"), "x", cut, "archive_damaged"),
        (named(".zip"), "x", &log, "not_a_report"),
        (named(".zip"), "x", &locked, "encrypted_archive"),
        (named(".7z"), "x", seven, "unsupported_format"),
        (named(""), "x", b"text".as_slice(), "not_a_report"),
        (named(".xml"), "x", b"", "empty"),
        ("r.gz".to_owned(), SUBJECT, cut, "archive_damaged"),
        ("r.zip".to_owned(), SUBJECT, &log, "not_a_report"),
        ("r.zip".to_owned(), SUBJECT, &locked, "encrypted_archive"),
        ("r.7z".to_owned(), SUBJECT, seven, "unsupported_format"),
        (
            "r.zip".to_owned(),
            "=?utf-8?Q?Report_Domain:_example.com_Submitter:_a.example?=",
            &log,
            "not_a_report",
        ),
        ("photo.jpg".to_owned(), SUBJECT, b"\xff\xd8\xff\xe0", "not_a_report"),
    ] {
        let message = mail(subject, &[("application/octet-stream", &name, content)]);
        assert_eq!(in_mailbox(&message), (0, vec![reason]), "{name} in {subject}");
    }
    // A subject alone is enough, but not in an answer.
    assert_eq!(in_mailbox(&mail(SUBJECT, &[])), (0, vec!["not_a_report"]));
    assert_eq!(in_mailbox(&mail(&format!("Re: {SUBJECT}"), &[])), (0, vec![]));
    let forwarded = mail("Fwd: have a look", &[("message/rfc822", "r.eml", &mail(SUBJECT, &[]))]);
    assert_eq!(in_mailbox(&forwarded), (0, vec!["not_a_report"]));
}

#[test]
fn a_good_report_counts_under_any_name() {
    let xml = report(1);
    let zipped = zip(&[File::deflated("data", &xml)], b"");
    let package = ordinary().swap_remove(2);
    for (name, content) in [
        ("data.bin", &gzip(&xml)),
        ("data", &zipped),
        ("photo.jpg", &xml),
        ("a.7z", &gzip(&zipped)),
    ] {
        let parts = [
            ("application/octet-stream", "a.docx", package.2.as_slice()),
            ("application/octet-stream", name, content),
        ];
        assert_eq!(in_mailbox(&mail("Your data", &parts)), (1, vec![]), "{name}");
    }
}

/// Texts that look like the header of a mail, at any depth, and other mail in mail.
#[test]
fn apparent_header_fields_do_not_end_the_walk() {
    let xml = gzip(&report(1));
    let deep = b"From: a@b.example\r\n\r\n".repeat(40);
    let parts = b"--x\r\nContent-Type: application/pdf\r\n\r\n\r\n".repeat(30);
    let mut forwards = mail("end", &[]);
    for _ in 0..9 {
        forwards = mail("Fwd: x", &[("message/rfc822", "f.eml", &forwards)]);
    }
    let multiparts = super::testdata::nested_multiparts(12);
    for before in [&deep, &[b"\r\n".as_slice(), &parts].concat(), &forwards] {
        let alone = mail("Fwd: minutes", &[("text/plain", "a.txt", before)]);
        assert_eq!(in_mailbox(&alone), (0, vec![]), "{}", before.escape_ascii());
        let with_report = mail(
            "Fwd: minutes",
            &[("text/plain", "a.txt", before), ("a/b", "r.bin", &xml)],
        );
        assert_eq!(in_mailbox(&with_report).0, 1, "{}", before.escape_ascii());
    }
    let with_report = mail("x", &[("message/rfc822", "a.eml", &multiparts), ("a/b", "r.bin", &xml)]);
    assert_eq!(in_mailbox(&with_report).0, 1);
}

#[test]
fn a_header_that_is_too_long_costs_neither_mail_nor_report() {
    let long = |subject: &str, field: &str, body: &[u8]| {
        let fields = field.repeat(110_000 / field.len());
        let text = String::from_utf8(mail(subject, &[("a/b", "r.bin", body)])).unwrap();
        // Behind the fields that count.
        text.replacen("\r\n\r\n", &format!("\r\n{fields}\r\n"), 1).into_bytes()
    };
    let xml = gzip(&report(1));
    for field in [
        "X-Hop: one\r\n",
        "Received: from a by b\r\n",
        "To: b@example.com,\r\n c@example.com\r\n",
    ] {
        assert_eq!(in_mailbox(&long("x", field, b"a picture")), (0, vec![]), "{field}");
        assert_eq!(in_mailbox(&long("x", field, &xml)).0, 1, "{field}");
        let says_so = in_mailbox(&long(SUBJECT, field, b"a picture"));
        assert_eq!(says_so, (0, vec!["mime_too_complex"]), "{field}");
    }
}

#[test]
fn breaches_are_problems_near_a_report() {
    let part = |name: &str| format!("--edge\r\nContent-Type: image/png; name=\"{name}\"\r\n\r\nx\r\n");
    let start = "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=edge\r\n\r\n";
    let pictures = part("a.png").repeat(300);
    assert_eq!(in_mailbox(format!("{start}{pictures}").as_bytes()), (0, vec![]));
    let last = part(&format!("{NAME}.xml"));
    let reports = format!("{start}{pictures}{last}");
    assert_eq!(in_mailbox(reports.as_bytes()), (0, vec!["mime_too_complex"]));
    let first = format!("{start}--edge\r\n\r\n<feedback/>\r\n{pictures}");
    assert_eq!(in_mailbox(first.as_bytes()), (1, vec!["mime_too_complex"]));
}

/// Mail of every mailbox is mail, with whatever it begins; and at an address for reports, what is broken may be one.
#[test]
fn the_origin_of_a_message_decides_its_claim() {
    let odd = b"X-One: a\r\nX-Two: b\r\n\r\nhello";
    let none = b"no header at all";
    let package = ordinary().swap_remove(2).2;
    for message in [odd.as_slice(), none, b" \r\n", b"\0\x01\x02\x03binary", &package] {
        assert_eq!(in_mailbox(message), (0, vec![]), "{}", message.escape_ascii());
        assert!(
            !found(Context::File, message).1.is_empty(),
            "{}",
            message.escape_ascii()
        );
    }
    assert_eq!(in_mailbox(&report(1)), (1, vec![]));
    for (media_type, name, content) in ordinary() {
        let (_, reasons) = found(Context::ReportAddress, &mail("x", &[(media_type, name, &content)]));
        let expect = match name {
            "cut.zip" | "cut.gz" => vec!["archive_damaged"],
            "none.xml" => vec!["empty"],
            _ => vec![],
        };
        assert_eq!(reasons, expect, "{name}");
    }
}

#[test]
fn reports_of_another_kind_say_so() {
    let tls = b"{\"organization-name\":\"a\",\"date-range\":{},\"policies\":[]}";
    let name = format!("{NAME}!001.json.gz");
    for (content, texts, problems) in [(gzip(tls), 1, 0), (b"\x1f\x8b".to_vec(), 0, 1)] {
        let message = mail(SUBJECT, &[("application/tlsrpt+gzip", &name, &content)]);
        let (_, unpacked) = run_as(Context::Mailbox, &message, &Limits::default());
        assert_eq!((unpacked.texts, unpacked.problems.len()), (texts, problems));
        assert_eq!(unpacked.kind, Other::TlsReport);
    }
    let away = [b"Auto-Submitted: auto-replied\r\n".as_slice(), &mail(SUBJECT, &[])].concat();
    assert_eq!(in_mailbox(&away), (0, vec![]));
}
