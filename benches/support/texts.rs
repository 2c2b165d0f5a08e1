//! Texts of reports that cost more than they look, made by rule.

#![allow(dead_code, reason = "each user takes its part")]

use std::fmt::Write as _;

use std::cell::RefCell;

use flate2::{Compress, Compression, Crc, FlushCompress};

use super::corpus::Random;

/// A text as pieces, each with how often it stands there.
pub struct Text {
    pub name: &'static str,
    pub pieces: Vec<(Vec<u8>, u64)>,
}

/// Bytes of a repeated piece that are compressed at once.
const BLOCK_BYTES: usize = 256 * 1024;

impl Text {
    /// A report: its header, `block` repeated to about `bytes`, and its end.
    fn report(name: &'static str, block: impl Into<Vec<u8>>, bytes: u64) -> Self {
        let block = block.into();
        let times = (bytes / block.len().max(1) as u64).max(1);
        Self {
            name,
            pieces: vec![
                (header("hostile").into_bytes(), 1),
                (block, times),
                (RECORD.as_bytes().to_vec(), 1),
                (b"</feedback>".to_vec(), 1),
            ],
        }
    }

    /// Pieces that differ, each made by its number.
    fn made(name: &'static str, count: u64, mut each: impl FnMut(u64, &mut String)) -> Self {
        let mut text = header(name);
        (0..count).for_each(|nth| each(nth, &mut text));
        text.push_str("</feedback>");
        Self {
            name,
            pieces: vec![(text.into_bytes(), 1)],
        }
    }

    /// All of it, at most `bytes_max`.
    pub fn flat(&self, bytes_max: usize) -> Vec<u8> {
        let mut flat = Vec::new();
        for (piece, times) in &self.pieces {
            for _ in 0..*times {
                if flat.len() + piece.len() > bytes_max {
                    return flat;
                }
                flat.extend_from_slice(piece);
            }
        }
        flat
    }

    /// A raw deflate stream of it.
    pub fn deflated(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (piece, times) in &self.pieces {
            let at_once = (BLOCK_BYTES / piece.len().max(1)).max(1) as u64;
            let (rounds, rest) = (times / at_once, times % at_once);
            let repeated = |times: u64| piece.repeat(usize::try_from(times).unwrap_or(0));
            if rounds > 0 {
                out.extend(deflate(&repeated(at_once), false).repeat(usize::try_from(rounds).unwrap_or(0)));
            }
            out.extend(deflate(&repeated(rest), false));
        }
        out.extend(deflate(b"", true));
        out
    }

    /// A gzip file of it, whose checksum is wrong.
    pub fn gzipped(&self) -> Vec<u8> {
        let mut out = GZIP.to_vec();
        out.extend(self.deflated());
        out.extend([0; 8]);
        out
    }
}

const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
const RECORD: &str = "<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record>";

/// Shorter texts are not worth the time that the best level takes.
const BEST_FROM_BYTES: usize = 256 << 10;

thread_local! {
    /// A compressor is several hundred KiB of zeros: one serves all texts of its level.
    static PACKERS: RefCell<[Compress; 2]> =
        RefCell::new([Compression::fast(), Compression::best()].map(|level| Compress::new(level, false)));
}

#[expect(clippy::fn_params_excessive_bools, reason = "a row of data")]
fn deflate(bytes: &[u8], is_last: bool) -> Vec<u8> {
    // Room for all of it: a compressor whose output was cut cannot be used again.
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 8 + 1_024);
    let flush = if is_last {
        FlushCompress::Finish
    } else {
        FlushCompress::Full
    };
    PACKERS.with_borrow_mut(|packers| {
        let packer = &mut packers[usize::from(bytes.len() >= BEST_FROM_BYTES)];
        packer.reset();
        packer.compress_vec(bytes, &mut out, flush).expect("it compresses");
    });
    out
}

/// A gzip file of plain bytes.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GZIP.to_vec();
    out.extend(deflate(bytes, true));
    let mut crc = Crc::new();
    crc.update(bytes);
    out.extend(crc.sum().to_le_bytes());
    out.extend(crc.amount().to_le_bytes());
    out
}

fn header(id: &str) -> String {
    header_over(id, 1_795_564_800, 1_795_651_199)
}

fn header_over(id: &str, begin: i64, end: i64) -> String {
    format!(
        "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>reporter.example</org_name>\
         <email>dmarc@reporter.example</email><report_id>{id}</report_id><date_range><begin>{begin}</begin>\
         <end>{end}</end></date_range></report_metadata><policy_published><domain>example.com</domain><p>none</p>\
         </policy_published>"
    )
}

#[expect(clippy::too_many_arguments, reason = "a row of data")]
fn record(out: &mut String, address: &str, count: u64, from: &str, reasons: &str, results: &str) {
    let _ = write!(
        out,
        "<record><row><source_ip>{address}</source_ip><count>{count}</count><policy_evaluated>{reasons}</policy_evaluated>\
         </row><identifiers><header_from>{from}</header_from></identifiers><auth_results>{results}</auth_results></record>"
    );
}

fn v4(nth: u64) -> String {
    std::net::Ipv4Addr::from(0x0b00_0000_u32.wrapping_add(nth as u32)).to_string()
}

fn v6(nth: u64) -> String {
    std::net::Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15))).to_string()
}

/// How many kinds of [`text`] there are.
pub const TEXTS: usize = 33;

/// A text of one kind that is about `bytes` long, as far as its kind goes.
#[expect(clippy::too_many_lines, reason = "a table of kinds")]
pub fn text(kind: usize, bytes: u64, random: &mut Random) -> Text {
    // What differs from record to record is written out, so it is bounded.
    let made = bytes.min(24 << 20);
    let block = |name, block: &str| Text::report(name, block, bytes);
    match kind {
        0 => Text::made("sources", made / 200, |nth, out| {
            record(out, &v4(nth), 1, "example.com", "", "");
        }),
        1 => Text::made("sources of IPv6", made / 220, |nth, out| {
            record(out, &v6(nth), 1, "example.com", "", "");
        }),
        2 => Text::made("empty results", made / 1_800, |nth, out| {
            let results = "<dkim/>".repeat(100) + &"<spf/>".repeat(100);
            record(out, &v4(nth), 100, &format!("a{nth}.example.com"), "", &results);
        }),
        3 => Text::made("many texts", made / 40_000, |nth, out| {
            let (mut reasons, mut results) = (String::new(), String::new());
            for i in 0..100 {
                let _ = write!(
                    reasons,
                    "<reason><type>y{i}a{nth}</type><comment>z{i}b{nth}</comment></reason>"
                );
                let _ = write!(
                    results,
                    "<dkim><domain>a{i}.c{nth}</domain><selector>b{i}c{nth}</selector><result>r{i}d{nth}</result>\
                     <human_result>h{i}e{nth}</human_result></dkim><spf><domain>d{i}.c{nth}</domain>\
                     <result>s{i}f{nth}</result><human_result>t{i}g{nth}</human_result></spf>"
                );
            }
            record(out, &v4(nth), 100, "example.com", &reasons, &results);
        }),
        4 => block(
            "wide results",
            &format!(
                "<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row><auth_results>{}</auth_results></record>",
                format!(
                    "<dkim><domain>x.example</domain><human_result>{}</human_result></dkim>",
                    "&quot;".repeat(1_024)
                )
                .repeat(100)
            ),
        ),
        5 => {
            let days = 1 + random.below(700) as i64;
            let (end, count) = (1_795_651_199, 1 + random.next() % 1_000);
            let mut text = header_over("window", end + 1 - days * 86_400, end);
            for nth in 0..(made / 300).min(1 + random.next() % 5_000) {
                record(&mut text, &v4(nth), count, "example.com", "", "");
            }
            text.push_str("</feedback>");
            Text {
                name: "a long window",
                pieces: vec![(text.into_bytes(), 1)],
            }
        }
        6 => block(
            "reasons",
            &format!(
                "<record><row><source_ip>192.0.2.1</source_ip><count>1</count><policy_evaluated>{}</policy_evaluated></row></record>",
                "<reason>q</reason>".repeat(100)
            ),
        ),
        7 => {
            let results = "<dkim><domain>a.b.example.org</domain><result>pass</result></dkim>".repeat(100);
            block(
                "verdicts to derive",
                &format!(
                    "<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row><auth_results>{results}</auth_results></record>"
                ),
            )
        }
        8 => block("comments", "<!---->"),
        9 => block("instructions", "<?a?>"),
        10 => block("CDATA", "<![CDATA[]]>"),
        11 => block(
            "references",
            &format!("<record><row><count>{}</count></row></record>", "&amp;".repeat(5_000)),
        ),
        12 => block(
            "HTML references",
            &format!(
                "<record><row><count>{}</count></row></record>",
                "&euro;&xxe;".repeat(2_000)
            ),
        ),
        13 => block("attributes", &format!("<a {}/>", "a=\"\" ".repeat(60))),
        14 => block(
            "more attributes than are read",
            &format!("<a {}/>", "a=\"\" ".repeat(10_000)),
        ),
        15 => block("deep elements", &("<a>".repeat(28) + &"</a>".repeat(28))),
        16 => block("elements without end", "<a>"),
        17 => block("white space", " "),
        18 => block("one text", "a"),
        19 => block("tags in tags", "<record <row "),
        20 => block("ends without begin", "</a>"),
        21 => block("lone marks", "<"),
        22 => Text::report(
            "bytes that are no text",
            b"<error>\xff\xfe\xff\xfe\xff\xfe\xff\xfe</error>".repeat(100),
            bytes,
        ),
        23 => block(
            "control characters",
            &format!("<record><row><count>{}</count></row></record>", "\u{1}".repeat(1_000)),
        ),
        24 => {
            let mut small = header("many");
            small.push_str(RECORD);
            small.push_str("</feedback>");
            Text {
                name: "many reports",
                pieces: vec![(small.into_bytes(), 1 + bytes / 500)],
            }
        }
        25 => Text::report(
            "errors of the reporter",
            format!(
                "<report_metadata>{}</report_metadata>",
                format!("<error>{}</error>", "e".repeat(1_024)).repeat(100)
            ),
            bytes,
        ),
        26 => {
            let label: String = (0..330).filter_map(|nth| char::from_u32(0x4e00 + nth * 7)).collect();
            block(
                "names in other scripts",
                &format!(
                    "<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row><identifiers><header_from>{label}</header_from></identifiers></record>"
                ),
            )
        }
        27 => block(
            "leaves that are not closed",
            "<record><row><count>1<source_ip>192.0.2.1</row></record>",
        ),
        28 => block("a document type", "<!DOCTYPE a [<!ENTITY b \"c\">]>"),
        29 => block("comments without end", "<!-- <record>"),
        30 => Text::report("names of elements", format!("<{0}>x</{0}>", "n".repeat(60_000)), bytes),
        31 => block(
            "numbers",
            "<record><row><source_ip>1:2:3:4:5:6:7:8.</source_ip><count>1,000,000,000,000.00000000000000000000000001</count></row></record>",
        ),
        _ => Text {
            name: "no report",
            pieces: vec![(b"<a>".to_vec(), 1), (b"<b/>".to_vec(), bytes / 4)],
        },
    }
}
