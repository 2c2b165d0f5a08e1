//! What a leaf is, by its bytes. Types and names are only hints: every pairing of a wrong type with a report exists.

use std::sync::LazyLock;

use memchr::memmem;

/// How much of a message is seen before deciding whether it is a mail.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How far into a text the root element is looked for.
const ROOT_BYTES_MAX: usize = 64 * 1024;
/// How far into a text header fields are looked for.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// What the first bytes of a leaf say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Gzip,
    Zip,
    /// An archive or envelope that is known and not unpacked.
    Unsupported(&'static str),
    /// A known format that holds no report.
    Foreign(&'static str),
    /// A resource fork as macOS adds it to archives.
    AppleDouble,
    Json,
    /// Anything else, in some charset.
    Text,
    /// Bytes that are not text.
    Binary,
}

const MAGIC: &[(&[u8], Format)] = &[
    (b"\x1f\x8b", Format::Gzip),
    (b"PK\x03\x04", Format::Zip),
    (b"PK\x05\x06", Format::Zip),
    (b"PK\x07\x08", Format::Zip),
    (b"7z\xbc\xaf\x27\x1c", Format::Unsupported("7z")),
    (b"Rar!\x1a\x07", Format::Unsupported("rar")),
    (b"\xfd7zXZ\0", Format::Unsupported("xz")),
    (b"\x28\xb5\x2f\xfd", Format::Unsupported("zstd")),
    (b"\x04\x22\x4d\x18", Format::Unsupported("lz4")),
    (b"\x1f\x9d", Format::Unsupported("compress (.Z)")),
    (b"LZIP\x01", Format::Unsupported("lzip")),
    (b"MSCF\0\0\0\0", Format::Unsupported("cab")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format::Unsupported("OLE (.msg)")),
    (b"\x78\x9f\x3e\x22", Format::Unsupported("TNEF (winmail.dat)")),
    (b"-----BEGIN PGP MESSAGE-----", Format::Unsupported("PGP message")),
    (b"\xff\xfe\0\0", Format::Unsupported("UTF-32")),
    (b"\0\0\xfe\xff", Format::Unsupported("UTF-32")),
    (b"\x4c\x6f\xa7\x94", Format::Unsupported("EBCDIC")),
    (b"\0\x05\x16\x07", Format::AppleDouble),
    (b"\x89PNG", Format::Foreign("PNG image")),
    (b"\xff\xd8\xff", Format::Foreign("JPEG image")),
    (b"GIF8", Format::Foreign("GIF image")),
    (b"%PDF-", Format::Foreign("PDF")),
];

/// The object identifier 1.2.840.113549.1.7, under which S/MIME keeps everything.
const PKCS7: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07";

/// What a leaf with this beginning is.
pub(super) fn format(head: &[u8]) -> Format {
    if let Some((_, format)) = MAGIC
        .iter()
        .find(|(magic, _)| magic.first() == head.first() && head.starts_with(magic))
    {
        return *format;
    }
    match head {
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..] => Format::Unsupported("bz2"),
        [0x30, ..] if memmem::find(&head[..head.len().min(32)], PKCS7).is_some() => Format::Unsupported("S/MIME"),
        // RFC 1950, 2.2: method 8, and the two bytes are a multiple of 31. `x` is a letter, so the next bytes count.
        [0x78, flags, rest @ ..]
            if (0x7800 + u16::from(*flags)).is_multiple_of(31) && rest.iter().take(16).any(|&byte| byte >= 0x80) =>
        {
            Format::Unsupported("zlib")
        }
        _ if head.get(257..262) == Some(b"ustar") => Format::Unsupported("tar"),
        _ => text_format(head),
    }
}

fn text_format(head: &[u8]) -> Format {
    if super::charset::detect(head)
        .encoding
        .is_some_and(|encoding| !encoding.is_ascii_compatible())
    {
        return Format::Text;
    }
    let start = trim(head);
    if start.starts_with(b"{") || start.starts_with(b"[{") {
        return Format::Json;
    }
    if is_xml_start(head) {
        // A short report padded with NUL is mostly NUL.
        return Format::Text;
    }
    // A stray NUL is repaired by the parser; data with a tenth of control characters is not text, unless it is a short
    // mail around binary data or a report behind some garbage.
    let sample = &head[..head.len().min(256)];
    let controls: u16 = sample
        .iter()
        .map(|&byte| u16::from((byte < 9) | (byte > 13) & (byte < 0x20)))
        .sum();
    let is_binary = usize::from(controls) * 10 > sample.len() && !is_mail(head) && !has_feedback(head);
    if is_binary { Format::Binary } else { Format::Text }
}

/// Without byte order mark and white space in front.
pub(super) fn trim(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

/// Whether a text begins with a tag.
pub(super) fn is_xml_start(head: &[u8]) -> bool {
    trim(head).starts_with(b"<")
}

/// Whether a text that claims to be a report is XML: it begins with a tag, or has one of a report after some garbage.
pub(super) fn is_xml(head: &[u8]) -> bool {
    if super::charset::detect(head)
        .encoding
        .is_some_and(|encoding| !encoding.is_ascii_compatible())
    {
        return memchr::memchr(b'<', &head[..head.len().min(HEADER_BYTES_MAX)]).is_some();
    }
    is_xml_start(head) || memmem::find(head, b"<?xml").is_some() || has_feedback(head)
}

/// Whether a root element of a report, `feedback` in any namespace, stands near the beginning.
pub(super) fn has_feedback(head: &[u8]) -> bool {
    let head = &head[..head.len().min(ROOT_BYTES_MAX)];
    match super::charset::detect(head).encoding {
        Some(encoding) if !encoding.is_ascii_compatible() => {
            has_feedback_tag(encoding.decode_without_bom_handling(head).0.as_bytes())
        }
        _ => has_feedback_tag(head),
    }
}

/// Whether a text holds a tag `feedback`, in any namespace.
pub(super) fn has_feedback_tag(text: &[u8]) -> bool {
    static FEEDBACK: LazyLock<memmem::Finder<'_>> = LazyLock::new(|| memmem::Finder::new(b"feedback"));
    FEEDBACK.find_iter(text).any(|at| {
        let before = &text[..at];
        let ends = matches!(
            text.get(at + b"feedback".len()),
            Some(b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n')
        );
        ends && (before.ends_with(b"<") || before.ends_with(b":") && is_prefixed(&before[..at - 1]))
    })
}

/// Whether `before` ends in `<` and a namespace prefix.
fn is_prefixed(before: &[u8]) -> bool {
    let name = before
        .iter()
        .rev()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte));
    let length = name.count();
    length > 0 && before[..before.len() - length].ends_with(b"<")
}

/// Whether a text is base64 of something that may hold a report: gzip, zip, XML.
pub(super) fn is_base64(head: &[u8]) -> bool {
    let start = trim(head);
    BASE64_STARTS.iter().any(|prefix| start.starts_with(prefix))
        && start
            .iter()
            .take(64)
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte))
}

/// How gzip, zip, `<?xml`, `<feedback` and the latter two behind a byte order mark look in base64.
pub(super) const BASE64_STARTS: &[&[u8]] = &[b"H4sI", b"UEsDB", b"PD94bW", b"PGZlZWRiYWNr", b"77u/PD94", b"77u/PGZl"];

/// Whether bytes look like a mail: the first lines are header fields, and one of them is a usual one.
pub(super) fn is_mail(head: &[u8]) -> bool {
    const USUAL: &[&str] = &[
        "from",
        "to",
        "received",
        "return-path",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "delivered-to",
        "content-transfer-encoding",
        "reply-to",
        "sender",
        "dkim-signature",
    ];
    let head = trim(&head[..head.len().min(HEADER_BYTES_MAX)]);
    // An mbox separator or a stray line may come first.
    let mut stray = 2;
    for line in head.split(|&byte| byte == b'\n') {
        match line {
            [] | [b'\r'] => return false,
            [b' ' | b'\t', ..] => {}
            _ => match field_name(line) {
                Some(name) if USUAL.iter().any(|usual| name.eq_ignore_ascii_case(usual.as_bytes())) => return true,
                Some(_) => {}
                None if stray > 0 => stray -= 1,
                None => return false,
            },
        }
    }
    false
}

/// The name of the header field that a line begins.
pub(super) fn field_name(line: &[u8]) -> Option<&[u8]> {
    let name = line[..memchr::memchr(b':', line)?].trim_ascii_end();
    (!name.is_empty() && name.iter().all(|byte| (b'!'..=b'~').contains(byte))).then_some(name)
}

/// Whether JSON may be an SMTP TLS report (RFC 8460, 4.4).
pub(super) fn is_tls_report(head: &[u8]) -> bool {
    let has = |key: &[u8]| memmem::find(head, key).is_some();
    has(b"\"policies\"") && (has(b"\"organization-name\"") || has(b"\"report-id\"")) || states_tls_report(head)
}

/// Whether JSON has what only TLS reports have.
pub(super) fn states_tls_report(head: &[u8]) -> bool {
    let has = |key: &[u8]| memmem::find(head, key).is_some();
    has(b"\"date-range\"") && (has(b"\"policies\"") || has(b"\"organization-name\""))
}
