//! Messages and archives for tests, made and not stored: `fixtures/hostile/README.md` lists the hostile ones.

use super::gzip::testing::{crc, deflate, deflate_unended};

/// A small report of `records` records.
pub fn report(records: usize) -> Vec<u8> {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\r\n<feedback>\r\n<report_metadata><org_name>Example</org_name>\
         <email>reports@reporter.example</email><report_id>1</report_id><date_range><begin>1700000000</begin>\
         <end>1700086399</end></date_range></report_metadata><policy_published><domain>example.com</domain>\
         <p>none</p></policy_published>\r\n",
    );
    for record in 0..records {
        xml += &format!(
            "<record><row><source_ip>192.0.2.{}</source_ip><count>{}</count><policy_evaluated>\
             <disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>\
             <identifiers><header_from>example.com</header_from></identifiers><auth_results><dkim>\
             <domain>example.com</domain><result>pass</result></dkim></auth_results></record>\r\n",
            record % 256,
            record * 7 % 1000
        );
    }
    (xml + "</feedback>\r\n").into_bytes()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    out.extend(deflate(bytes));
    out.extend(crc(bytes).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// A gigabyte of zeros for each 1,024 rounds, in about a kilobyte a round.
pub fn gzip_bomb(rounds: usize, first: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    out.extend(deflate_unended(first));
    out.extend(deflate_unended(&vec![0; 1 << 20]).repeat(rounds));
    out.extend([3, 0]);
    out.extend([0; 8]);
    out
}

/// One file for [`zip`]; what it claims of itself may be false.
pub struct File<'a> {
    pub name: &'a str,
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    pub size: u32,
    /// Names the data of an earlier file as this one's too.
    pub same_data_as: Option<usize>,
    pub zip64: bool,
}

impl<'a> File<'a> {
    pub fn deflated(name: &'a str, bytes: &[u8]) -> Self {
        Self {
            data: deflate(bytes),
            method: 8,
            ..Self::stored(name, bytes)
        }
    }

    pub fn stored(name: &'a str, bytes: &[u8]) -> Self {
        Self {
            name,
            data: bytes.to_vec(),
            method: 0,
            flags: 0,
            crc: crc(bytes),
            size: bytes.len() as u32,
            same_data_as: None,
            zip64: false,
        }
    }
}

/// An archive of `files` with a comment.
pub fn zip(files: &[File<'_>], comment: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut offsets = Vec::new();
    for file in files {
        offsets.push(file.same_data_as.map_or(out.len(), |earlier| offsets[earlier]));
        if file.same_data_as.is_none() {
            local(&mut out, file);
        }
    }
    let directory = out.len();
    for (file, &offset) in files.iter().zip(&offsets) {
        central(&mut out, file, offset);
    }
    let size = out.len() - directory;
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((files.len() as u16).to_le_bytes().repeat(2));
    out.extend((size as u32).to_le_bytes());
    out.extend((directory as u32).to_le_bytes());
    out.extend((comment.len() as u16).to_le_bytes());
    out.extend(comment);
    out
}

fn local(out: &mut Vec<u8>, file: &File<'_>) {
    let has_descriptor = file.flags & 8 != 0;
    out.extend(b"PK\x03\x04\x14\0");
    out.extend(file.flags.to_le_bytes());
    out.extend(file.method.to_le_bytes());
    out.extend([0; 4]);
    let (crc, length, size) = if has_descriptor {
        (0, 0, 0)
    } else {
        (file.crc, file.data.len() as u32, file.size)
    };
    out.extend([crc, length, size].map(u32::to_le_bytes).concat());
    out.extend((file.name.len() as u16).to_le_bytes());
    out.extend([0; 2]);
    out.extend(file.name.as_bytes());
    out.extend(&file.data);
    if has_descriptor {
        out.extend(b"PK\x07\x08");
        out.extend(
            [file.crc, file.data.len() as u32, file.size]
                .map(u32::to_le_bytes)
                .concat(),
        );
    }
}

fn central(out: &mut Vec<u8>, file: &File<'_>, offset: usize) {
    let (length, size) = if file.zip64 {
        (u32::MAX, u32::MAX)
    } else {
        (file.data.len() as u32, file.size)
    };
    out.extend(b"PK\x01\x02\x14\0\x14\0");
    out.extend(file.flags.to_le_bytes());
    out.extend(file.method.to_le_bytes());
    out.extend([0; 4]);
    out.extend([file.crc, length, size].map(u32::to_le_bytes).concat());
    out.extend((file.name.len() as u16).to_le_bytes());
    out.extend(if file.zip64 { 20_u16 } else { 0 }.to_le_bytes());
    out.extend([0; 10]);
    out.extend((offset as u32).to_le_bytes());
    out.extend(file.name.as_bytes());
    if file.zip64 {
        out.extend([1, 0, 16, 0]);
        out.extend(
            [u64::from(file.size), file.data.len() as u64]
                .map(u64::to_le_bytes)
                .concat(),
        );
    }
}

/// Base64 in lines of 76 characters.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (index, group) in bytes.chunks(3).enumerate() {
        if index > 0 && index % 19 == 0 {
            out += "\r\n";
        }
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let character = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize] as char;
            out.push(if at > group.len() { '=' } else { character });
        }
    }
    out + "\r\n"
}

/// A multipart mail with a greeting and one base64 attachment of the given type and name.
pub fn mail(media_type: &str, name: &str, attachment: &[u8]) -> Vec<u8> {
    format!(
        "Received: from a.example by b.example; Mon, 1 Jan 2024 00:00:00 +0000\r\nFrom: reports@reporter.example\r\n\
         To: rua@example.com\r\nSubject: Report Domain: example.com\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\nThis is MIME.\r\n--b1\r\nContent-Type: text/plain\r\n\r\n\
         A report.\r\n--b1\r\nContent-Type: {media_type}; name=\"{name}\"\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}--b1--\r\n",
        base64(attachment)
    )
    .into_bytes()
}

/// Mails inside mails, each a header of 32 bytes: 700 KB of it overflow the stack of a recursive parser.
pub fn nested_mails(levels: usize) -> Vec<u8> {
    [
        b"From: a@b.example\r\n".to_vec(),
        b"Content-Type: message/rfc822\r\n\r\n".repeat(levels),
    ]
    .concat()
}

/// A digest whose every part is empty: each is a mail of its own to a parser that keeps them all.
pub fn empty_digest(bytes: usize) -> Vec<u8> {
    let header = b"From: a@b.example\r\nContent-Type: multipart/digest; boundary=b\r\n\r\n".to_vec();
    [header, b"--b\n\n".repeat(bytes / 5)].concat()
}

/// Multiparts inside multiparts, each with a boundary of its own that is a prefix of the next.
pub fn nested_multiparts(levels: usize) -> Vec<u8> {
    let mut mail = b"From: a@b.example\r\n".to_vec();
    for level in 1..=levels {
        let boundary = "b".repeat(level);
        mail.extend(format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n").bytes());
    }
    mail.extend(b"Content-Type: text/xml\r\n\r\n<feedback></feedback>\r\n");
    mail
}

/// A mail padded to `bytes` with `filler`.
pub fn padded(start: &str, filler: &[u8], bytes: usize) -> Vec<u8> {
    let rounds = bytes.saturating_sub(start.len()) / filler.len();
    [start.as_bytes(), &filler.repeat(rounds)].concat()
}
