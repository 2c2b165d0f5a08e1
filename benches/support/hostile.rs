//! Hostile messages, made by rule: the same seed gives the same bytes on every machine.
//!
//! A message is a text of a report that costs more than it looks, in an encoding, in archives, in a mail, each drawn at
//! random from what attackers have sent or could send; then a few of its bytes are changed. Texts are made of pieces that
//! repeat, and a repeated piece is compressed once, so that a message of some kilobytes that inflates to gigabytes takes
//! microseconds to make.

#![allow(dead_code, reason = "each user takes its part")]

use std::fmt::Write as _;

use super::corpus::Random;
use super::texts::{TEXTS, Text, gzip, text};
use super::tls_texts::{TLS_TEXTS, tls_text};

/// A message, and of what it was made.
pub struct Hostile {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// How large the messages are.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Longest message, bytes.
    pub message_bytes_max: usize,
    /// What texts are inflated to, at most about, bytes.
    pub inflated_bytes_max: u64,
}

/// A file for [`zip`]; what the directory says of it may be false.
struct Member {
    name: String,
    data: Vec<u8>,
    method: u16,
    size: u32,
}

/// How an archive departs from the standard.
#[derive(Default)]
struct Lies {
    before: Vec<u8>,
    comment: Vec<u8>,
    behind: Vec<u8>,
    entries: Option<u16>,
    directory_size: Option<u32>,
    directory_offset: Option<u32>,
    /// All entries are of the data of the first.
    overlaps: bool,
    /// Directory entries of each file.
    repeats: usize,
}

fn zip(files: &[Member], lies: &Lies) -> Vec<u8> {
    let mut out = lies.before.clone();
    let mut offsets = Vec::new();
    for file in files {
        if lies.overlaps && !offsets.is_empty() {
            offsets.push(offsets[0]);
            continue;
        }
        offsets.push((out.len() - lies.before.len()) as u32);
        out.extend(b"PK\x03\x04\x14\0\0\0");
        out.extend(file.method.to_le_bytes());
        out.extend([0; 8]);
        out.extend((file.data.len() as u32).to_le_bytes());
        out.extend(file.size.to_le_bytes());
        out.extend((file.name.len() as u16).to_le_bytes());
        out.extend([0; 2]);
        out.extend(file.name.as_bytes());
        out.extend(&file.data);
    }
    let directory = out.len();
    for (file, offset) in files.iter().zip(offsets) {
        for _ in 0..lies.repeats.max(1) {
            out.extend(b"PK\x01\x02\x14\0\x14\0\0\0");
            out.extend(file.method.to_le_bytes());
            out.extend([0; 8]);
            out.extend((file.data.len() as u32).to_le_bytes());
            out.extend(file.size.to_le_bytes());
            out.extend((file.name.len() as u16).to_le_bytes());
            out.extend([0; 12]);
            out.extend(offset.to_le_bytes());
            out.extend(file.name.as_bytes());
        }
    }
    let size = (out.len() - directory) as u32;
    let entries = lies.entries.unwrap_or((files.len() * lies.repeats.max(1)) as u16);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
    out.extend(lies.directory_size.unwrap_or(size).to_le_bytes());
    let offset = (directory - lies.before.len()) as u32;
    out.extend(lies.directory_offset.unwrap_or(offset).to_le_bytes());
    out.extend((lies.comment.len() as u16).to_le_bytes());
    out.extend(&lies.comment);
    out.extend(&lies.behind);
    out
}

/// Two end records that point into `signatures` signatures of a zip64 end record: a search for the record takes
/// the square of their number.
pub fn slow_zip(signatures: usize) -> Vec<u8> {
    let half = b"PK\x06\x06".repeat(signatures);
    let mut out = b"PK\x03\x04".to_vec();
    out.extend([0; 26]);
    let middle = out.len() + half.len();
    out.extend([half.as_slice(), half.as_slice()].concat());
    for offset in [0, middle as u64] {
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(offset.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
        out.extend(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    }
    out
}

/// An archive made to be searched: signatures over signatures, and some end records at the end.
pub fn signatures(random: &mut Random, bytes: usize) -> Vec<u8> {
    const SIGNATURES: [&[u8]; 6] = [
        b"PK\x01\x02",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x06\x06",
        b"PK\x06\x07",
        b"PK\x07\x08",
    ];
    let unit: Vec<u8> = (0..1 + random.below(3))
        .flat_map(|_| {
            let mut unit = SIGNATURES[random.below(6)].to_vec();
            unit.extend(std::iter::repeat_n(random.next() as u8 % 3, random.below(48)));
            unit
        })
        .collect();
    let mut out = b"PK\x03\x04".to_vec();
    out.extend(unit.repeat(bytes / unit.len()));
    for _ in 0..1 + random.below(20) {
        if random.percent(50) {
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend((random.next() % (out.len() as u64 + 1)).to_le_bytes());
            out.extend(1_u32.to_le_bytes());
        }
        out.extend(b"PK\x05\x06\0\0\0\0");
        let field = |random: &mut Random| match random.below(3) {
            0 => u32::MAX,
            1 => random.below(bytes + 1) as u32,
            _ => random.below(4) as u32,
        };
        let entries = (field(random) as u16).to_le_bytes();
        out.extend([entries, entries].concat());
        out.extend(field(random).to_le_bytes());
        out.extend(field(random).to_le_bytes());
        out.extend((random.below(3) as u16).to_le_bytes());
    }
    out
}

/// A text, packed in one of many ways. `name` gathers of what it is made.
fn packed(text: &Text, scale: Scale, random: &mut Random, name: &mut String) -> Vec<u8> {
    let plain = |method: u16| match method {
        8 => text.deflated(),
        _ => text.flat(scale.message_bytes_max / 4),
    };
    let how = random.below(10);
    let _ = write!(name, ", packed as {how}");
    let mut bytes = match how {
        0 => text.flat(scale.message_bytes_max / 2),
        1..=3 => text.gzipped(),
        4 => {
            // Members of a few bytes each.
            let mut members = gzip(&text.flat(2_000));
            members.extend(gzip(b"").repeat(random.skewed(scale.message_bytes_max / 64)));
            members
        }
        5 => signatures(random, scale.message_bytes_max / 2),
        6 => slow_zip(random.skewed(scale.message_bytes_max / 8)),
        _ => {
            let method = if random.percent(80) { 8 } else { 0 };
            let data = plain(method);
            let count = if random.percent(70) { 1 } else { 1 + random.below(70) };
            let names = [
                "a.xml",
                "r.example!example.com!1795564800!1795651199.xml",
                "b.xml.gz",
                "x",
            ];
            let files: Vec<_> = (0..count)
                .map(|nth| Member {
                    name: format!("{nth}{}", names[random.below(4)]),
                    data: if nth == 0 { data.clone() } else { Vec::new() },
                    method,
                    size: random.next() as u32,
                })
                .collect();
            let some = |random: &mut Random| random.percent(10).then(|| random.next() as u32);
            let lies = Lies {
                before: vec![b'#'; if random.percent(10) { random.below(2_000) } else { 0 }],
                comment: b"PK\x05\x06".repeat(if random.percent(10) { random.below(16_000) } else { 0 }),
                behind: vec![0; if random.percent(10) { random.below(70_000) } else { 0 }],
                entries: some(random).map(|entries| entries as u16),
                directory_size: some(random),
                directory_offset: some(random),
                overlaps: random.percent(50),
                repeats: if random.percent(10) { random.skewed(2_000) } else { 1 },
            };
            zip(&files, &lies)
        }
    };
    for _ in 0..random.below(3) {
        if random.percent(30) {
            bytes = gzip(&bytes);
            name.push_str(", in gzip");
        }
    }
    bytes
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 3 * 4 + bytes.len() / 50 + 8);
    for line in bytes.chunks(57) {
        for group in line.chunks(3) {
            let bits = group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
            for at in 0..4 {
                let character = BASE64[(bits >> (18 - 6 * at) & 63) as usize];
                out.push(if at > group.len() { b'=' } else { character });
            }
        }
        out.extend(b"\r\n");
    }
    out
}

/// How many kinds of [`mail`] there are.
const MAILS: usize = 10;

/// An attachment in a mail of one of many kinds.
fn mail(attachment: &[u8], scale: Scale, random: &mut Random, name: &mut String) -> Vec<u8> {
    let kind = random.below(MAILS);
    let _ = write!(name, ", mailed as {kind}");
    let room = scale.message_bytes_max / 3;
    let head = "From: dmarc@reporter.example\r\nTo: rua@example.com\r\nSubject: Report Domain: example.com Submitter: \
                reporter.example Report-ID: <1>\r\nMIME-Version: 1.0\r\n";
    let file = "name=\"reporter.example!example.com!1795564800!1795651199.xml.gz\"";
    let leaf = [
        format!("Content-Type: application/gzip; {file}\r\nContent-Transfer-Encoding: base64\r\n\r\n").into_bytes(),
        base64(attachment),
    ]
    .concat();
    let join = |parts: &[&[u8]]| parts.concat();
    match kind {
        0..=2 => join(&[head.as_bytes(), &leaf]),
        3 => {
            let parts = b"--b\r\n\r\n\r\n".repeat(random.skewed(room / 10));
            let start = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
            join(&[head.as_bytes(), start, &leaf, &parts, b"--b--\r\n"])
        }
        4 => join(&[head.as_bytes(), &b"X: y\r\n".repeat(random.skewed(room / 6)), &leaf]),
        5 => {
            let words = b"Subject: =?utf-8?Q?=41=42=43?= =?utf-8?B?QUJD?=\r\n".repeat(random.skewed(room / 50));
            join(&[head.as_bytes(), &words, &leaf])
        }
        6 => {
            let nested = b"Content-Type: message/rfc822\r\n\r\n".repeat(random.skewed(room / 32));
            join(&[head.as_bytes(), &nested, head.as_bytes(), &leaf])
        }
        7 => {
            let mut out = head.as_bytes().to_vec();
            for level in 0..1 + random.below(20) {
                let boundary = "b".repeat(level + 1);
                out.extend(
                    format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n").into_bytes(),
                );
            }
            join(&[&out, &leaf])
        }
        8 => {
            let garbage: Vec<u8> = base64(attachment).iter().flat_map(|&byte| [byte, b'!']).collect();
            let start = "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n";
            join(&[head.as_bytes(), start.as_bytes(), &garbage])
        }
        _ => {
            let mbox = join(&[
                b"From a@b Thu Nov 26 03:00:00 2026\n",
                head.as_bytes(),
                b"\r\ntext\r\n\r\n",
            ]);
            join(&[
                &mbox.repeat(random.skewed(room / 400)),
                b"From a@b Thu Nov 26 03:00:00 2026\n",
                head.as_bytes(),
                &leaf,
            ])
        }
    }
}

/// Changes some bytes, takes some out, or puts some in twice.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.skewed(16) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len());
        let to = (at + random.skewed(64)).min(bytes.len());
        match random.below(6) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.drain(at..to)),
            3 => {
                let twice = bytes[at..to].to_vec();
                bytes.splice(at..at, twice);
            }
            4 if random.percent(10) => bytes.truncate(at),
            _ => {
                let from = random.below(bytes.len());
                let len = (to - at).min(bytes.len() - from);
                let moved = bytes[from..from + len].to_vec();
                bytes.splice(at..at, moved);
            }
        }
    }
}

/// A message of any kind.
pub fn message(random: &mut Random, scale: Scale) -> Hostile {
    let bytes = 1 << random.below(64 - scale.inflated_bytes_max.leading_zeros() as usize);
    let text = text(random.below(TEXTS), bytes, random);
    carried(&text, bytes, scale, random)
}

/// A message of any kind with a TLS report of one.
pub fn tls_message(random: &mut Random, scale: Scale) -> Hostile {
    let bytes = 1 << random.below(64 - scale.inflated_bytes_max.leading_zeros() as usize);
    let text = tls_text(random.below(TLS_TEXTS), bytes, random);
    carried(&text, bytes, scale, random)
}

/// A text of about `bytes`, packed and mailed in one of many ways, and changed.
fn carried(text: &Text, bytes: u64, scale: Scale, random: &mut Random) -> Hostile {
    let mut name = format!("{} of {bytes} bytes", text.name);
    let mut bytes = packed(text, scale, random, &mut name);
    if bytes.len() < scale.message_bytes_max / 2 && random.percent(70) {
        bytes = mail(&bytes, scale, random, &mut name);
    }
    if random.percent(30) {
        mutate(&mut bytes, random);
        name.push_str(", changed");
    }
    bytes.truncate(scale.message_bytes_max);
    Hostile { name, bytes }
}

/// The cases of the catalogue and their like at full size, each with the stable word that refuses it; `None`: it may be
/// stored, if that takes no more than a message of its size may take.
pub fn cases() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    const GIB: u64 = 1 << 30;
    let random = &mut Random(15);
    let mut packed = |kind, bytes| text(kind, bytes, random).gzipped();
    let full = 254 << 20;
    vec![
        ("slow zip, 1.6 MB", slow_zip(200_000), Some("archive_damaged")),
        (
            "slow zip, 5.6 MB, in gzip",
            gzip(&slow_zip(700_000)),
            Some("archive_damaged"),
        ),
        ("empty results", packed(2, 24 << 20), Some("too_much_evidence")),
        ("many texts", packed(3, 24 << 20), Some("too_much_evidence")),
        ("wide results", packed(4, full), None),
        ("a long window", packed(5, 1 << 20), None),
        ("reasons", packed(6, full), None),
        ("verdicts to derive", packed(7, full), None),
        ("sources of IPv6", packed(1, 24 << 20), None),
        ("comments", packed(8, full), Some("too_many_events")),
        ("references", packed(11, full), Some("too_many_events")),
        ("HTML references", packed(12, full), None),
        ("bytes that are no text", packed(22, full), None),
        ("names in other scripts", packed(26, full), None),
        ("10 GiB of one text", packed(18, 10 * GIB), Some("event_too_large")),
        ("10 GiB of white space", packed(17, 10 * GIB), Some("event_too_large")),
        ("10 GiB of records", packed(31, 10 * GIB), None),
    ]
}

/// The same of TLS reports. Their archives have a wrong checksum, which is the reason wherever the text is broken.
pub fn tls_cases() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let random = &mut Random(21);
    let mut packed = |kind, bytes| tls_text(kind, bytes, random).gzipped();
    let (below, full) = (15 << 20, 10 << 30);
    vec![
        ("TLS: a drawn report", packed(0, below), None),
        ("TLS: deep lists", packed(1, below), Some("too_deep")),
        ("TLS: deep objects", packed(2, below), Some("too_deep")),
        (
            "TLS: deep values passed over",
            packed(3, below),
            Some("archive_damaged"),
        ),
        (
            "TLS: a number of many digits",
            packed(4, below),
            Some("archive_damaged"),
        ),
        ("TLS: repeated members", packed(5, below), None),
        ("TLS: policies", packed(6, 1 << 20), Some("too_many_policies")),
        ("TLS: failures", packed(7, 6 << 20), Some("too_many_failures")),
        ("TLS: escapes", packed(9, below), None),
        ("TLS: empty values", packed(10, below), None),
        ("TLS: 10 GiB of one text", packed(8, full), Some("too_large")),
        ("TLS: 10 GiB of white space", packed(11, full), Some("too_large")),
    ]
}
