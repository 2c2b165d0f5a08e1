//! Mails with failure reports, made by rule: fields absent, repeated, of no sense, and far too many.

#![allow(dead_code, reason = "each user takes its part")]

use std::fmt::Write as _;

use super::corpus::Random;

/// Fields of a report (RFC 5965, RFC 6591), and ordinary values.
const FIELDS: [(&str, &str); 21] = [
    ("Feedback-Type", "auth-failure"),
    ("User-Agent", "Reporter/1.0 (of no-one)"),
    ("Version", "1"),
    ("Auth-Failure", "dmarc"),
    ("Delivery-Result", "reject"),
    ("Identity-Alignment", "dkim, spf"),
    ("Original-Mail-From", "<local.part@bounce.example.com>"),
    ("Original-Rcpt-To", "<local.part@victim.example>"),
    ("Arrival-Date", "Wed, 25 Nov 2026 09:35:00 +0000"),
    ("Source-IP", "192.0.2.7"),
    ("Source-Port", "25"),
    ("Incidents", "3"),
    ("Reported-Domain", "example.com"),
    ("Reported-URI", "http://example.com/local.part"),
    ("Reporting-MTA", "dns; mx.receiver.example"),
    (
        "Authentication-Results",
        "mx.receiver.example; spf=fail smtp.mailfrom=a@b.example; dmarc=fail (p=none) header.from=example.com",
    ),
    ("DKIM-Domain", "example.com"),
    ("DKIM-Identity", "local.part@example.com"),
    ("DKIM-Selector", "s1"),
    ("DKIM-Canonicalized-Body", "UExVR0g="),
    ("SPF-DNS", "txt : example.com : \"v=spf1 -all\""),
];

/// Fields of the mail that failed.
const HEADER: [(&str, &str); 10] = [
    (
        "Received",
        "from a (b [192.0.2.7]) by mx.receiver.example with ESMTPS id 1 for <local.part@victim.example>; Wed, 25 Nov 2026 09:34:00 +0000",
    ),
    (
        "Authentication-Results",
        "mx.receiver.example; dkim=fail header.d=example.com header.s=s1",
    ),
    (
        "DKIM-Signature",
        "v=1; a=rsa-sha256; d=example.com; s=s1; i=local.part@example.com; h=from:to; bh=AAAA; b=BBBB",
    ),
    ("Return-Path", "<local.part@bounce.example.com>"),
    ("From", "\"local.part\" <local.part@example.com>"),
    (
        "To",
        "\"A (local.part)\" <local.part@victim.example>, =?utf-8?q?local=2Epart?= <a@b.example>",
    ),
    ("Reply-To", "local.part@reply.example.com"),
    ("Message-ID", "<1@mail.example.com>"),
    ("List-Id", "A list <friends.lists.example.com>"),
    ("Date", "Wed, 25 Nov 2026 09:33:57 +0000"),
];

/// Values that readers stumble over, each repeated as often as there is room.
const PIECES: [&str; 14] = [
    "(",
    "((a)",
    "\"",
    "<",
    "a@b.example,",
    ";",
    "; dkim=fail header.d=a.example",
    "=?utf-8?q?=41?= ",
    "\r\n ",
    "\r\n\t;",
    "\u{202e}\u{0}",
    "é",
    "9",
    "x",
];

/// A mail of one of several forms, of about `bytes`.
pub fn failure_mail(random: &mut Random, bytes: usize) -> Vec<u8> {
    let mut mail = "From: DMARC <dmarc@receiver.example>\r\nTo: rua@example.com\r\nSubject: FW: a mail\r\n\
                    Date: Wed, 25 Nov 2026 09:40:00 +0000\r\nMessage-ID: <1@receiver.example>\r\nMIME-Version: 1.0\r\n"
        .to_owned();
    let room = bytes / 2;
    match random.below(8) {
        0 => plain(&mut mail, room, random),
        1 => {
            mail.push_str("Content-Type: message/feedback-report\r\n\r\n");
            block(&mut mail, &FIELDS, room, random);
        }
        2 => {
            let depth = 1 + random.below(6);
            for _ in 0..depth {
                mail.push_str("Content-Type: message/rfc822\r\n\r\n");
            }
            report(&mut mail, room, random);
        }
        _ => report(&mut mail, room, random),
    }
    mail.into_bytes()
}

/// A multipart/report: its text, its fields, a copy of the mail; some parts absent, some more than once.
fn report(mail: &mut String, room: usize, random: &mut Random) {
    mail.push_str("Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n");
    let parts = [
        "text/plain",
        "message/feedback-report",
        ["message/rfc822", "text/rfc822-headers", "message/global-headers"][random.below(3)],
    ];
    for media_type in parts {
        let times = match random.below(20) {
            0 => 0,
            1 => random.skewed(300),
            _ => 1,
        };
        for _ in 0..times {
            let _ = write!(mail, "--b\r\nContent-Type: {media_type}\r\n");
            let encoding = [
                "",
                "Content-Transfer-Encoding: quoted-printable\r\n",
                "Content-Transfer-Encoding: base64\r\n",
            ];
            mail.push_str(encoding[random.below(12).saturating_sub(9)]);
            mail.push_str("\r\n");
            match media_type {
                "text/plain" => mail.push_str("This is an authentication failure report.\r\n"),
                "message/feedback-report" => block(mail, &FIELDS, room / times, random),
                _ => {
                    block(mail, &HEADER, room / times, random);
                    mail.push_str("\r\nthe body of a private mail\r\n");
                }
            }
        }
    }
    if random.percent(90) {
        mail.push_str("--b--\r\n");
    }
}

/// The text that Exim and its relatives write.
fn plain(mail: &mut String, room: usize, random: &mut Random) {
    mail.push_str(
        "Content-Type: text/plain\r\n\r\nA message claiming to be from you has failed the published DMARC\r\npolicy for your \
         domain.\r\n\r\n",
    );
    for (name, value) in [
        ("Sender Domain", "example.com"),
        ("Sender IP Address", "192.0.2.7"),
        ("Received Date", "Wed, 25 Nov 2026 09:35:00 +0000"),
        ("SPF Alignment", "no"),
        ("DKIM Alignment", "yes"),
        ("DMARC Results", "Reject"),
    ] {
        mail.push_str("  ");
        field(mail, name, value, room / 6, random);
    }
    mail.push_str(
        "\r\n------ This is a copy of the headers that were received before the error\r\nwas detected.\r\n\r\n",
    );
    block(mail, &HEADER, room, random);
}

/// Fields in their order, each drawn; and sometimes one of them until the room is used up.
fn block(mail: &mut String, fields: &[(&str, &str)], room: usize, random: &mut Random) {
    for (name, value) in fields {
        field(mail, name, value, room / fields.len(), random);
    }
    if random.percent(20) {
        let (name, value) = fields[random.below(fields.len())];
        let line = format!("{name}: {value}\r\n");
        mail.push_str(&line.repeat(room / line.len()));
    }
    mail.push_str("\r\n");
}

fn field(mail: &mut String, name: &str, value: &str, room: usize, random: &mut Random) {
    let piece = PIECES[random.below(PIECES.len())];
    let long = |random: &mut Random| piece.repeat(random.skewed(room.max(2)));
    match random.below(16) {
        0 => {}
        1 => _ = write!(mail, "{name}: {value}\r\n{name}: {value}\r\n"),
        2 => _ = write!(mail, "{name}: {}\r\n", long(random)),
        3 => _ = write!(mail, "{name}: {value}{}\r\n", long(random)),
        4 => _ = write!(mail, "{name}: {}{value}\r\n", long(random)),
        5 => _ = write!(mail, "{name}:\r\n"),
        6 => _ = write!(mail, "{} {value}\r\n", name.to_lowercase()),
        _ => _ = write!(mail, "{name}: {value}\r\n"),
    }
}
