//! Files that hold many mails, and folders that hold more than mail: each report counts, or what was not read is named.

use std::fs;

use serde_json::Value;

use super::{Home, stderr, stdout};
use crate::mailbox::{other_mail, report_mail, sum, verify};
use crate::smtp::poison::testdata::{File, base64, gzip, zip};

fn import(home: &Home, path: &str) -> Value {
    let arguments = ["import", "--json", "--add-domains", path];
    serde_json::from_str(&stdout(&home.run(&arguments).success())).unwrap()
}

/// How many reports were stored and how many messages quarantined.
fn stored(told: &Value) -> (u64, u64) {
    let quarantined = told["quarantined"].as_object().unwrap().values();
    let quarantined = quarantined.map(|count| count.as_u64().unwrap()).sum();
    (told["reports"]["stored"].as_u64().unwrap(), quarantined)
}

/// Three mails with these separators, each with what comes behind it.
fn mailbox(separators: [&str; 3], behind: &str) -> String {
    let mails = [0, 1, 2].map(|nth| report_mail(nth).replace("\r\n", "\n"));
    let parts = separators.into_iter().zip(&mails);
    parts
        .map(|(separator, mail)| format!("{separator}{mail}{behind}"))
        .collect()
}

const USUAL: &str = "From dmarc@reporter.example Thu Nov 26 03:00:00 2026\n";
const MMDF: &str = "\x01\x01\x01\x01\n";

fn mailboxes() -> Vec<(&'static str, String)> {
    let begin = format!("{MMDF}{USUAL}");
    vec![
        ("usual", mailbox([USUAL; 3], "\n")),
        ("From alone", mailbox(["From \n"; 3], "\n")),
        ("From without a space", mailbox(["From\n"; 3], "\n")),
        (
            "Mozilla's",
            mailbox(["From - \n", "From -\n", "From - Thu Nov 26\n"], "\n"),
        ),
        (
            "a name alone",
            mailbox(["From nobody\n", "From a@b\n", "From \"a b\"\n"], "\n"),
        ),
        ("no blank lines between", mailbox([USUAL; 3], "")),
        ("neither", mailbox(["From \n"; 3], "")),
        ("blank lines first", format!("\n\r\n \n{}", mailbox([USUAL; 3], "\n"))),
        ("a mark first", format!("\u{feff}{}", mailbox([USUAL; 3], "\n"))),
        (
            "marks between",
            mailbox(["\u{feff}From \n", "\u{feff}From x\n", USUAL], "\n"),
        ),
        ("mixed", mailbox([USUAL, "From - \n", "From \n"], "\n")),
        ("MMDF", mailbox([MMDF; 3], MMDF)),
        ("MMDF around mbox", mailbox([&*begin; 3], MMDF)),
        (
            "a list's archive",
            mailbox(["From a at b.example  Thu Nov 26 03:00:00 2026\n"; 3], "\n"),
        ),
    ]
}

#[test]
fn every_mail_of_a_mailbox_file_is_read_whatever_separates_them() {
    for (name, text) in mailboxes() {
        let dos = text.replace('\n', "\r\n");
        for (way, bytes) in [
            ("plain", text.clone().into_bytes()),
            ("gzip, CR LF", gzip(dos.as_bytes())),
        ] {
            let home = Home::new();
            home.file("box", bytes);
            assert_eq!(stored(&import(&home, "box")), (3, 0), "{name}, {way}");
            verify(&home, 3, sum(0..3));
        }
    }
}

#[test]
fn a_sentence_separates_nothing() {
    let home = Home::new();
    let sentences = "Hello,\n\nFrom here on it goes on.\n\nFrom Monday to Friday\nNote: we are open.\n\nFrom us\n\n";
    let mail = |nth| {
        report_mail(nth)
            .replace("\r\n", "\n")
            .replace("see below\n", &format!("see below\n{sentences}"))
    };
    assert!(mail(0).contains("From Monday"));
    home.file("box", format!("{USUAL}{}\n{USUAL}{}\n", mail(0), mail(1)));
    assert_eq!(stored(&import(&home, "box")), (2, 0));
    // A text that begins with a sentence is a text.
    home.file("text", "From here on\nthere is nothing.\n");
    assert_eq!(stored(&import(&home, "text")), (0, 1));
    verify(&home, 2, sum(0..2));
}

#[test]
fn a_mailbox_file_in_something_else_is_read() {
    let text = mailbox(["From \n"; 3], "\n");
    let attached = |media_type: &str, bytes: &[u8]| {
        format!(
            "From: a@b.example\r\nSubject: archive\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
             Content-Type: {media_type}; name=archive\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--x--\r\n",
            base64(bytes)
        )
    };
    let packed = zip(&[File::deflated("archive.mbox", text.as_bytes())], b"");
    let ways = [
        ("zip", packed.clone()),
        ("attachment", attached("application/mbox", text.as_bytes()).into_bytes()),
        ("zip in a mail", attached("application/zip", &packed).into_bytes()),
        (
            "gzip in a mail",
            attached("application/gzip", &gzip(text.as_bytes())).into_bytes(),
        ),
        (
            "mailbox file in a mailbox file",
            format!("{USUAL}{}\n", attached("text/plain", text.as_bytes())).into_bytes(),
        ),
    ];
    for (name, bytes) in ways {
        let home = Home::new();
        home.file("file", bytes);
        assert_eq!(stored(&import(&home, "file")), (3, 0), "{name}");
        verify(&home, 3, sum(0..3));
    }
}

/// Mails that were put together with nothing between: each stands behind the last boundary of the one before.
#[test]
fn mail_behind_the_last_boundary_is_read() {
    for between in ["", "\r\n", "\r\n\r\n", "From \r\n"] {
        let home = Home::new();
        home.file("a.eml", [0, 1, 2].map(report_mail).join(between));
        let (reports, quarantined) = stored(&import(&home, "a.eml"));
        assert_eq!((reports, quarantined), (3, 0), "{between:?}");
        verify(&home, 3, sum(0..3));
    }
    // Without any boundary: a mail that is a packed report, and the next.
    let single = |nth: i64| {
        let begin = 1_704_067_200 + 3_600 * nth;
        let xml = crate::intake::xml_at("example.com", &nth.to_string(), nth as u64 + 1, (begin, begin + 86_399));
        let packed = base64(&gzip(xml.as_bytes()));
        format!(
            "From: a@b.example\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n{packed}"
        )
    };
    let home = Home::new();
    home.file("a.eml", [0, 1, 2].map(single).concat());
    assert_eq!(stored(&import(&home, "a.eml")), (3, 0));
    // A list's footer is not a mail.
    let home = Home::new();
    home.file(
        "a.eml",
        format!(
            "{}_____\r\nTo unsubscribe: write to list@example.org\r\n",
            report_mail(0)
        ),
    );
    assert_eq!(stored(&import(&home, "a.eml")), (1, 0));
}

#[test]
fn a_packed_mailbox_file_that_is_damaged_is_named_and_what_is_good_counts() {
    let home = Home::new();
    // Long enough that the first mails stand before the damage.
    let mails: String = (0..200)
        .map(|nth| format!("{USUAL}{}\n", report_mail(nth).replace("\r\n", "\n")))
        .collect();
    let packed = gzip(mails.as_bytes());
    home.file("box.gz", &packed[..packed.len() / 2]);
    let imported = home.run(&["import", "--json", "--add-domains", "box.gz"]).code(1);
    assert!(stderr(&imported).contains("box.gz"), "{}", stderr(&imported));
    let told: Value = serde_json::from_str(&stdout(&imported)).unwrap();
    let (reports, _) = stored(&told);
    assert!((1..200).contains(&reports), "{told}");
}

#[test]
fn a_packed_mailbox_file_is_read_as_a_stream() {
    let home = Home::new();
    let filler = format!("{USUAL}From: a@b.example\n\n{}\n", "nothing\n".repeat(2_000));
    let text = |mails| {
        format!(
            "{}{USUAL}{}\n",
            filler.repeat(mails),
            report_mail(0).replace("\r\n", "\n")
        )
    };
    // What unpacks to far more than mail does is not read for ever, and named.
    home.file("bomb.gz", gzip(text(5_000).as_bytes()));
    let bomb = home.run(&["parse", "bomb.gz"]).code(1);
    assert!(stderr(&bomb).contains("unpacks to more than"), "{}", stderr(&bomb));
    let text = text(3_500);
    let mebibytes = text.len() as u64 >> 20;
    home.file("box.gz", gzip(text.as_bytes()));
    drop(text);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tallymark"));
    command.current_dir(home.path()).args(["parse", "box.gz"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut printed = String::new();
    let mut output = child.stdout.take().unwrap();
    let mut peak = 0;
    let mut buffer = [0; 65_536];
    while let Ok(read @ 1..) = std::io::Read::read(&mut output, &mut buffer) {
        printed.push_str(&String::from_utf8_lossy(&buffer[..read]));
        peak = crate::mailbox::peak_mebibytes(child.id()).unwrap_or(peak);
    }
    child.wait().unwrap();
    assert!(
        printed.contains("in 3,501 messages"),
        "{}",
        &printed[printed.len().saturating_sub(200)..]
    );
    assert!(peak > 0 && peak < mebibytes, "{peak} MiB of {mebibytes}");
}

fn maildir(home: &Home, path: &str) {
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(home.path().join(path).join(part)).unwrap();
    }
}

#[test]
fn only_new_and_cur_of_a_maildir_hold_mail() {
    let home = Home::new();
    for path in [
        "Maildir",
        "Maildir/.Reports",
        "Maildir/.Reports.Old",
        "Maildir/Archive/2025",
        "mail/fs",
    ] {
        maildir(&home, path);
    }
    for (nth, path) in [
        "Maildir/new/1.mx",
        "Maildir/cur/2.mx:2,S",
        "Maildir/.Reports/cur/3.mx:2,",
        "Maildir/.Reports.Old/new/4.mx",
        "Maildir/Archive/2025/cur/5.mx:2,S",
        "mail/fs/cur/6.mx:2,S",
    ]
    .into_iter()
    .enumerate()
    {
        home.file(path, report_mail(nth as u32));
    }
    let index = b"\x01\x00dovecot\xff".as_slice();
    for name in [
        "Maildir/tmp/7.mx",
        "Maildir/.Reports/tmp/8.mx",
        "Maildir/dovecot-uidlist",
        "Maildir/dovecot-uidvalidity.6a0b1c2d",
        "Maildir/dovecot.index.log",
        "Maildir/dovecot.index.cache",
        "Maildir/subscriptions",
        "Maildir/maildirsize",
        "Maildir/.Reports/maildirfolder",
        "Maildir/.Reports/dovecot-keywords",
        "Maildir/courierimapsubscribed",
        "Maildir/courierimapuiddb",
        "Maildir/courierimapkeywords/:list",
        "Maildir/sieve/filter.sieve",
        "Maildir/.dovecot.sieve",
        "Maildir/cur/.nfs0001",
    ] {
        home.file(
            name,
            if name.contains("tmp") {
                report_mail(9).into_bytes()
            } else {
                index.to_vec()
            },
        );
    }
    for path in ["Maildir", "mail"] {
        let told = import(&home, path);
        assert_eq!(stored(&told).1, 0, "{path}: {told}");
    }
    verify(&home, 6, sum(0..6));
}

#[test]
fn a_plain_folder_is_read_completely_but_for_indexes() {
    let home = Home::new();
    for (nth, path) in ["in/tmp/a.eml", "in/new/b.eml", "in/c.eml", "in/.d.eml", "in/cyrus/1."]
        .into_iter()
        .enumerate()
    {
        home.file(path, report_mail(nth as u32));
    }
    home.file("in/e.eml", other_mail(0));
    for name in [
        "in/cyrus/cyrus.index",
        "in/cyrus/cyrus.header",
        "in/Inbox.msf",
        "in/.mh_sequences",
        "in/dovecot.index.log",
    ] {
        home.file(name, b"\x01\x02\x03".as_slice());
    }
    assert_eq!(stored(&import(&home, "in")), (5, 0));
    verify(&home, 5, sum(0..5));
}
