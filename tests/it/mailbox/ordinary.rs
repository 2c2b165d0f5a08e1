//! Mail that holds no report, as mailboxes are full of it: made from a seed, so that every run has the same.

use crate::smtp::poison::testdata::{File, base64, gzip, zip};

/// Numbers that look random, the same for each seed (splitmix64).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, max: usize) -> usize {
        (self.next() % max as u64) as usize
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    fn words(&mut self, count: usize) -> String {
        const WORDS: &[&str] = &[
            "the", "order", "meeting", "from", "of", "your", "report", "domain", "feedback", "thanks", "please",
            "find", "attached", "invoice", "on", "Monday", "policy", "records", "and", "we", "DMARC", "summary", "für",
            "naïve",
        ];
        let words: Vec<_> = (0..count).map(|_| self.pick(WORDS)).collect();
        words.join(" ")
    }
}

/// A part of a mail: its header fields and what is below them.
struct Part {
    header: String,
    body: Vec<u8>,
}

fn inline(media_type: &str, text: &str) -> Part {
    Part {
        header: format!("Content-Type: {media_type}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"),
        body: text.replace('\n', "\r\n").into_bytes(),
    }
}

fn file(media_type: &str, name: &str, bytes: &[u8]) -> Part {
    Part {
        header: format!(
            "Content-Type: {media_type}; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
             Content-Transfer-Encoding: base64\r\n"
        ),
        body: base64(bytes).into_bytes(),
    }
}

fn multipart(kind: &str, boundary: &str, parts: &[Part]) -> Part {
    let mut body = b"This is a multi-part message in MIME format.\r\n".to_vec();
    for part in parts {
        body.extend(format!("--{boundary}\r\n{}\r\n", part.header).bytes());
        body.extend(&part.body);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").bytes());
    Part {
        header: format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n"),
        body,
    }
}

fn mail(numbers: &mut Numbers, nth: usize, subject: &str, part: &Part) -> Vec<u8> {
    let to = numbers.pick(&[
        "rua@example.com",
        "office@example.com",
        "dmarc@example.com",
        "undisclosed-recipients:;",
    ]);
    let more = numbers.pick(&[
        "",
        "X-Mailer: Mailer 7\r\n",
        "List-Unsubscribe: <https://example.org/u>\r\n",
        "Precedence: bulk\r\n",
    ]);
    let header = format!(
        "Return-Path: <someone@example.org>\r\nReceived: from a.example by b.example; Thu, 26 Nov 2026 03:00:00 +0000\r\n\
         From: Someone <someone@example.org>\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Thu, 26 Nov 2026 03:00:00 +0000\r\n\
         Message-ID: <{nth}@example.org>\r\nMIME-Version: 1.0\r\n{more}{}\r\n",
        part.header
    );
    [header.as_bytes(), &part.body].concat()
}

/// The files that mail brings. The second number chooses among those of a kind.
fn attachment(numbers: &mut Numbers) -> Part {
    let noise = numbers.bytes(300);
    let begun = |magic: &[u8]| [magic, &noise].concat();
    let xml =
        |root: &str| format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}><a>1</a></{root}>\n").into_bytes();
    let octets = "application/octet-stream";
    let nth = numbers.below(10_000);
    match numbers.below(46) {
        0 => office(numbers, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "letter.docx", "word/document.xml"),
        1 => office(numbers, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "sheet.xlsx", "xl/workbook.xml"),
        2 => office(numbers, octets, "slides.pptx", "ppt/presentation.xml"),
        3 => {
            let files = [
                File::stored("mimetype", b"application/vnd.oasis.opendocument.text"),
                File::deflated("content.xml", b"<office:document-content/>"),
                File::deflated("META-INF/manifest.xml", b"<manifest/>"),
            ];
            file("application/vnd.oasis.opendocument.text", "letter.odt", &zip(&files, b""))
        }
        4 => file("application/msword", "letter.doc", &begun(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
        5 => file("application/vnd.ms-outlook", "forwarded.msg", &begun(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
        6 => file("application/pdf", "invoice.pdf", &begun(b"%PDF-1.7\n")),
        7 => file("text/xml", &format!("invoice-{nth}.xml"), &xml("Invoice")),
        8 => file("application/xml", "rechnung.xml", &xml("rsm:CrossIndustryInvoice")),
        9 => file("application/pkcs7-mime", "IT01234.xml.p7m", &begun(b"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0")),
        10 => file("application/zip", "photos.zip", &photos(numbers)),
        11 => file("application/zip", "documents.zip", &zip(&[File::deflated("invoice.pdf", &begun(b"%PDF-1.4\n"))], b"")),
        12 => file("application/x-zip-compressed", "export.zip", &zip(&[File::deflated("export.xml", &xml("export"))], b"")),
        13 => {
            let locked = File { flags: 1, ..File::deflated("payroll.xml", &noise) };
            file("application/zip", "payroll.zip", &zip(&[locked], b""))
        }
        14 => {
            let inner = zip(&[File::deflated("a.txt", b"hello")], b"");
            file("application/zip", "backup.zip", &zip(&[File::stored("inner.zip", &inner)], b"a comment"))
        }
        15 => file("application/java-archive", "app.jar", &zip(&[File::deflated("META-INF/MANIFEST.MF", b"M: 1\r\n"), File::deflated("pom.xml", &xml("project"))], b"")),
        16 => file("application/vnd.google-earth.kmz", "tour.kmz", &zip(&[File::deflated("doc.kml", &xml("kml"))], b"")),
        17 => file("application/gzip", &format!("mail.log.{nth}.gz"), &gzip(b"Nov 26 03:00:00 mx postfix/smtpd: connect from a\n")),
        18 => file("application/x-gzip", "dump.sql.gz", &gzip(b"create table feedback (report_metadata_id int);\n")),
        19 => file("application/gzip", "sources.tar.gz", &gzip(&tar())),
        20 => file(octets, "disk.xml.gz", &gzip(&noise)),
        21 => file("application/gzip", "cut.gz", &gzip(&noise)[..40]),
        22 => file(octets, "old.tar", &tar()),
        23 => file("application/x-7z-compressed", "a.7z", &begun(b"7z\xbc\xaf\x27\x1c\0\x04")),
        24 => file("application/vnd.rar", "a.rar", &begun(b"Rar!\x1a\x07\x01\0")),
        25 => file(octets, "a.bz2", &begun(b"BZh91AY&SY")),
        26 => file(octets, "a.xz", &begun(b"\xfd7zXZ\0\0")),
        27 => file(octets, "a.zst", &begun(b"\x28\xb5\x2f\xfd\x04")),
        28 => file(octets, "setup.cab", &begun(b"MSCF\0\0\0\0")),
        29 => file("application/ms-tnef", "winmail.dat", &begun(b"\x78\x9f\x3e\x22\x01")),
        30 => file("image/png", "logo.png", &begun(b"\x89PNG\r\n\x1a\n")),
        31 => file("image/jpeg", "IMG 0001.JPG", &begun(b"\xff\xd8\xff\xe0")),
        32 => file("image/svg+xml", "logo.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><path/></svg>"),
        33 => file("application/x-apple-aspen-config", "wifi.mobileconfig", &xml("plist")),
        34 => file("text/vcard", "someone.vcf", b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Someone\r\nEND:VCARD\r\n"),
        35 => file("text/calendar", "invite.ics", b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"),
        36 => file("text/csv", "numbers.csv", b"a;b\r\n1;2\r\n"),
        37 => file("application/json", "data.json", b"{\"feedback\": [1, 2], \"report_metadata\": null}"),
        38 => file("text/html", "page.html", b"<!DOCTYPE html><html><body>your feedback</body></html>"),
        39 => file("application/xml", "survey.xml", b"<?xml version=\"1.0\"?><survey><feedback>good</feedback></survey>"),
        40 => file("application/rss+xml", "feed.xml", &xml("rss")),
        41 => file("text/xml", "broken.xml", b"<?xml version=\"1.0\"?><orders><order></orders>"),
        42 => file(octets, "program.exe", &begun(b"MZ\x90\0\x03\0\0\0")),
        43 => file("text/x-patch", "0001-fix.patch", b"From 0123456789abcdef Mon Sep 17 00:00:00 2001\nFrom: A <a@b.example>\nDate: Thu, 26 Nov 2026\nSubject: [PATCH] fix\n\n---\n a.c | 2 +-\n"),
        44 => file("text/plain", "Sale! 50!percent!off!.txt", b"Only today!\r\n"),
        _ => file(octets, "noise.bin", &noise),
    }
}

fn office(numbers: &mut Numbers, media_type: &str, name: &str, first: &str) -> Part {
    let text = format!("<?xml version=\"1.0\"?><doc>{}</doc>", numbers.words(30));
    let mut files = vec![
        File::deflated("[Content_Types].xml", b"<Types/>"),
        File::deflated("_rels/.rels", b"<Relationships/>"),
        File::deflated(first, text.as_bytes()),
    ];
    let names: Vec<String> = (0..numbers.below(40))
        .map(|nth| format!("media/part{nth}.xml"))
        .collect();
    files.extend(names.iter().map(|name| File::deflated(name, text.as_bytes())));
    file(media_type, name, &zip(&files, b""))
}

fn photos(numbers: &mut Numbers) -> Vec<u8> {
    let names: Vec<String> = (0..=numbers.below(100))
        .map(|nth| format!("DCIM/IMG_{nth:04}.JPG"))
        .collect();
    let photo = [b"\xff\xd8\xff\xe0".as_slice(), &numbers.bytes(50)].concat();
    let files: Vec<_> = names.iter().map(|name| File::stored(name, &photo)).collect();
    zip(&files, b"")
}

fn tar() -> Vec<u8> {
    let mut tar = vec![0; 1_024];
    tar[..9].copy_from_slice(b"a/b/c.xml");
    tar[257..263].copy_from_slice(b"ustar\0");
    tar
}

/// One mail without a report.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn ordinary(numbers: &mut Numbers, nth: usize) -> Vec<u8> {
    let words = numbers.words(12);
    let text = inline(
        "text/plain",
        &format!("Hello,\n\n{}\n\nFrom here on it goes on.\n", numbers.words(60)),
    );
    let html = inline(
        "text/html",
        &format!("<html><body><p>{}</p></body></html>", numbers.words(40)),
    );
    let subject = numbers.pick(&[
        "Your order",
        "Re: minutes of the meeting",
        "=?utf-8?B?R3LDvMOfZQ==?=",
        "DMARC report: how to read it",
        "Newsletter",
        "Report on the domain strategy",
        "Feedback wanted",
        "",
        "Fwd: Report domain name abuse",
        "=?iso-8859-1?Q?Pr=E9sentation?=",
    ]);
    let part = match numbers.below(26) {
        0 => multipart("alternative", "alt", &[text, html]),
        1..=8 => {
            let mut parts = vec![text];
            parts.extend((0..=numbers.below(3)).map(|_| attachment(numbers)));
            multipart("mixed", "mix", &parts)
        }
        // The attachment is the mail.
        9 | 10 => attachment(numbers),
        11 => return charset(numbers, nth),
        12 => {
            let signed = multipart("mixed", "in", &[text, attachment(numbers)]);
            let signature = file(
                "application/pkcs7-signature",
                "smime.p7s",
                b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0",
            );
            multipart("signed", "sig", &[signed, signature])
        }
        13 => file(
            "application/pkcs7-mime",
            "smime.p7m",
            b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0",
        ),
        14 => {
            let version = inline("application/pgp-encrypted", "Version: 1\n");
            let message = inline(
                "application/octet-stream",
                "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n",
            );
            multipart("encrypted", "pgp", &[version, message])
        }
        15 => inline(
            "text/plain",
            "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n",
        ),
        16 => {
            let status = inline(
                "message/delivery-status",
                "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\n",
            );
            multipart("report", "dsn", &[text, status, rfc822(numbers, nth)])
        }
        17 => {
            let kind = numbers.pick(&["abuse", "auth-failure", "fraud"]);
            let arf = inline(
                "message/feedback-report",
                &format!("Feedback-Type: {kind}\nUser-Agent: x/1\nVersion: 1\n"),
            );
            multipart("report", "arf", &[text, arf, rfc822(numbers, nth)])
        }
        // Packed like a report of TLS, and none.
        18 => {
            let data = b"{\"organization\":\"a\",\"range\":{},\"id\":\"1\",\"items\":[]}";
            multipart(
                "mixed",
                "json",
                &[text, file("application/gzip", "export.json.gz", &gzip(data))],
            )
        }
        19 => {
            let mut part = text;
            for _ in 0..numbers.below(7) {
                let inner = mail(numbers, nth, "Fwd: x", &part);
                let forwarded = Part {
                    header: "Content-Type: message/rfc822\r\n".to_owned(),
                    body: inner,
                };
                part = multipart(
                    "mixed",
                    &format!("f{}", numbers.below(1_000)),
                    &[inline("text/plain", "see below\n"), forwarded],
                );
            }
            part
        }
        20 => {
            let mails: Vec<_> = (0..5).map(|_| rfc822(numbers, nth)).collect();
            multipart("digest", "dig", &mails)
        }
        21 => {
            let mut list = multipart("mixed", "list", &[text, attachment(numbers)]);
            list.body
                .extend(b"_______________\r\nList mailing list\r\nTo unsubscribe: https://example.org\r\n");
            list
        }
        22 => inline(
            "text/plain",
            "Put it between <feedback> and </feedback>, and fill the column report_metadata_id.\n",
        ),
        23 if nth.is_multiple_of(5) => {
            let fields = "To: somebody@example.com, somebody.else@example.com\r\n".repeat(2_100);
            return [fields.as_bytes(), &mail(numbers, nth, subject, &text)].concat();
        }
        24 if nth.is_multiple_of(5) => {
            let many: Vec<_> = (0..300).map(|_| file("image/gif", "dot.gif", b"GIF89a")).collect();
            multipart("related", "many", &many)
        }
        25 => {
            let away = mail(
                numbers,
                nth,
                "Automatic reply: Report Domain: example.com Submitter: a.example",
                &text,
            );
            return [b"Auto-Submitted: auto-replied\r\n".as_slice(), &away].concat();
        }
        _ => inline("text/plain", &words),
    };
    mail(numbers, nth, subject, &part)
}

fn rfc822(numbers: &mut Numbers, nth: usize) -> Part {
    let inner = inline("text/plain", "hello\n");
    Part {
        header: "Content-Type: message/rfc822\r\n".to_owned(),
        body: mail(numbers, nth, "hello", &inner),
    }
}

/// Texts in old charsets.
fn charset(numbers: &mut Numbers, nth: usize) -> Vec<u8> {
    let (charset, bytes): (&str, &[u8]) = numbers.pick(&[
        ("iso-8859-1", b"Gr\xfc\xdfe aus K\xf6ln\r\n".as_slice()),
        ("windows-1252", b"\x93quoted\x94 \x96 text\r\n"),
        ("koi8-r", b"\xf0\xd2\xc9\xd7\xc5\xd4\r\n"),
        ("gb2312", b"\xc4\xe3\xba\xc3\r\n"),
        ("iso-2022-jp", b"\x1b$B$3$s\x1b(B\r\n"),
        ("utf-16", b"\xff\xfeh\0e\0l\0l\0o\0"),
        ("utf-32", b"\xff\xfe\0\0h\0\0\0i\0\0\0"),
        ("utf-7", b"+ADw-feedback+AD4-\r\n"),
        ("us-ascii", b"\0\x01\x02 not so plain \x7f\r\n"),
    ]);
    let part = Part {
        header: format!("Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n"),
        body: bytes.to_vec(),
    };
    mail(numbers, nth, "=?koi8-r?B?8NLJ18XU?=", &part)
}

/// Mail that says that it is a report, and cannot be read.
pub fn broken(nth: usize) -> Vec<u8> {
    let mut numbers = Numbers::new(nth as u64);
    let name = "reporter.example!example.com!1795564800!1795651199";
    let subject = format!("Report Domain: example.com Submitter: reporter.example Report-ID: <{nth}>");
    let text = || inline("text/plain", "This is an aggregate report.\n");
    let packed = gzip(format!("<feedback><report_metadata>{nth}").repeat(9).as_bytes());
    let (subject, part) = match nth % 6 {
        0 => (
            "Aggregate report",
            file(
                "application/gzip",
                &format!("{name}.xml.gz"),
                &packed[..packed.len() / 2],
            ),
        ),
        1 => (
            &*subject,
            file(
                "application/zip",
                "r.zip",
                &zip(&[File::deflated("readme.txt", b"not here")], b""),
            ),
        ),
        2 => (
            "x",
            file(
                "text/xml",
                "a.xml",
                format!("<feedback><report_metadata>{nth}</feedback>").as_bytes(),
            ),
        ),
        3 => (
            "x",
            file(
                "application/x-7z-compressed",
                &format!("{name}.7z"),
                b"7z\xbc\xaf\x27\x1c\0\x04",
            ),
        ),
        4 => (&*subject, inline("text/plain", "The attachment was removed.\n")),
        _ => (
            "Fwd: have a look",
            file("application/zip", &format!("{name}!{nth}.zip"), b"PK\x03\x04 broken"),
        ),
    };
    mail(
        &mut numbers,
        1_000_000 + nth,
        subject,
        &multipart("mixed", "b", &[text(), part]),
    )
}
