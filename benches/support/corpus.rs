//! Mails with aggregate reports, made by rule: the same seed gives the same bytes on every machine.
//!
//! The mix is that of a small provider: 2,000 reports about 200 domains in three reporters' styles, 62 % as gzip and 38 %
//! as zip, half of them with at most eight records and five with 5,000 to 50,000; 150,000 records in all. A domain has a
//! handful of senders with address pools, selectors and bounce domains of their own, and strangers who forge it from
//! everywhere; so evidence repeats within a report as it does in real ones, and addresses repeat from day to day.
//!
//! In a varied mix, records have authentication results of their own, and nine in ten windows are of the last day.

use std::fmt::Write as _;
use std::io::Write as _;

/// One mail and what it holds.
pub struct Mail {
    pub bytes: Vec<u8>,
    pub records: u64,
    pub messages: u64,
    /// Of the report's XML.
    pub xml_bytes: usize,
}

/// A report before it is packed.
pub struct Xml {
    pub text: String,
    pub file_stem: String,
    pub records: u64,
    pub messages: u64,
}

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    pub reports: usize,
    pub domains: usize,
    /// First day of the windows, days since 1970, and how many days they cover.
    pub first_day: i64,
    pub days: i64,
    /// Records of the largest reports; they come first among the positions that the seed gives them.
    pub large: &'static [usize],
    /// Records with authentication results of their own, in percent.
    pub own: usize,
    /// Windows of the last day, in percent. The others are spread over all days.
    pub last_day: usize,
}

impl Mix {
    /// The mix of the published figures.
    pub const STANDARD: Self = Self {
        reports: 2_000,
        domains: 200,
        first_day: 20_600,
        days: 30,
        large: &[5_000, 8_000, 12_000, 20_000, 50_000],
        own: 0,
        last_day: 0,
    };

    /// The standard mix, where this percentage of the records has authentication results of its own.
    pub const fn varied(own: usize, domains: usize) -> Self {
        Self {
            own,
            domains,
            last_day: 90,
            ..Self::STANDARD
        }
    }

    /// Mixes by name: the percentage of own results; `wide` ones have 20,000 domains.
    pub const NAMED: [(&str, Self); 7] = [
        ("friendly", Self::STANDARD),
        ("varied-5", Self::varied(5, 200)),
        ("varied-40", Self::varied(40, 200)),
        ("varied-70", Self::varied(70, 200)),
        ("wide-5", Self::varied(5, 20_000)),
        ("wide-40", Self::varied(40, 20_000)),
        ("wide-70", Self::varied(70, 20_000)),
    ];
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `below` - 1.
    pub fn below(&mut self, below: usize) -> usize {
        (self.next() % below as u64) as usize
    }

    /// True in `percent` of 100 cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Small numbers often, large ones seldom: the log-uniform distribution up to `max`.
    pub fn skewed(&mut self, max: usize) -> usize {
        let bits = (max as f64).ln();
        let unit = self.next() as f64 / u64::MAX as f64;
        (unit * bits).exp() as usize
    }
}

/// Every mail of a mix.
pub fn mails(mix: Mix, seed: u64) -> Vec<Mail> {
    xmls(mix, seed)
        .into_iter()
        .enumerate()
        .map(|(nth, xml)| mail(&xml, nth))
        .collect()
}

/// Every report of a mix, unpacked.
pub fn xmls(mix: Mix, seed: u64) -> Vec<Xml> {
    let mut random = Random(seed);
    let mut sizes: Vec<usize> = (0..mix.reports).map(|_| size(&mut random)).collect();
    for large in mix.large {
        let nth = random.below(sizes.len());
        sizes[nth] = *large;
    }
    sizes
        .into_iter()
        .enumerate()
        .map(|(nth, records)| xml(mix, seed, nth, records, &mut random))
        .collect()
}

/// Records of an ordinary report: median 8, 90 % up to 60, 99 % up to 400.
fn size(random: &mut Random) -> usize {
    match random.below(100) {
        0..50 => 1 + random.below(8),
        50..90 => 9 + random.skewed(52),
        90..99 => 55 + random.below(220),
        _ => 387 + random.below(400),
    }
}

/// Who sends mail as a domain.
struct Sender {
    /// First address of the pool.
    network: u32,
    pool: usize,
    ipv6: bool,
    spf_domain: String,
    dkim_domain: String,
    selectors: usize,
    /// In percent.
    aligned: usize,
    forged: bool,
}

fn senders(domain: usize, seed: u64) -> Vec<Sender> {
    let mut random = Random(seed ^ (domain as u64) << 20);
    let name = domain_name(domain);
    let mut senders = Vec::new();
    for nth in 0..3 + random.below(6) {
        let service = random.below(40);
        let own = nth == 0;
        senders.push(Sender {
            network: 0x0b00_0000 + random.below(0x6000_0000) as u32,
            pool: 2 + random.skewed(if own { 30 } else { 600 }),
            ipv6: random.percent(20),
            spf_domain: if own {
                format!("bounce.{name}")
            } else {
                format!("mail{service}.service{service}.example")
            },
            dkim_domain: if random.percent(80) {
                name.clone()
            } else {
                format!("service{service}.example")
            },
            selectors: 1 + random.below(3),
            aligned: if own { 99 } else { 70 + random.below(30) },
            forged: false,
        });
    }
    senders.push(Sender {
        network: 0,
        pool: usize::MAX,
        ipv6: false,
        spf_domain: String::new(),
        dkim_domain: String::new(),
        selectors: 0,
        aligned: 0,
        forged: true,
    });
    senders
}

fn domain_name(domain: usize) -> String {
    format!("customer-{domain}.example")
}

const REPORTERS: [&str; 12] = [
    "google.example",
    "yahoo.example",
    "outlook.example",
    "mail-ru.example",
    "comcast.example",
    "gmx.example",
    "fastmail.example",
    "seznam.example",
    "mimecast.example",
    "cisco.example",
    "docomo.example",
    "web.example",
];

fn xml(mix: Mix, seed: u64, nth: usize, records: usize, random: &mut Random) -> Xml {
    // Large domains are reported on more often.
    let domain = random.skewed(mix.domains).min(mix.domains) - 1;
    let name = domain_name(domain);
    let reporter = REPORTERS[random.below(REPORTERS.len())];
    let style = nth % 3;
    let day = if mix.last_day > 0 && random.percent(mix.last_day) {
        mix.days - 1
    } else {
        random.below(mix.days as usize) as i64
    };
    let begin = (mix.first_day + day) * 86_400;
    let end = begin + if style == 1 { 86_400 } else { 86_399 };
    let senders = senders(domain, seed);
    let mut text = String::with_capacity(600 + records * 800);
    head(&mut text, style, reporter, &name, nth, begin, end);
    let mut messages = 0;
    for _ in 0..records {
        let forger = senders.len() - 1;
        let sender = if random.percent(if records > 1_000 { 60 } else { 15 }) {
            forger
        } else {
            random.below(forger)
        };
        let own = mix.own > 0 && random.percent(mix.own);
        messages += if own {
            own_record(&mut text, style, &name, &senders[sender], random)
        } else {
            record(&mut text, style, &name, &senders[sender], random)
        };
    }
    text.push_str("</feedback>\n");
    Xml {
        text,
        file_stem: format!("{reporter}!{name}!{begin}!{end}"),
        records: records as u64,
        messages,
    }
}

#[expect(clippy::too_many_arguments, reason = "a row of data")]
fn head(text: &mut String, style: usize, reporter: &str, name: &str, nth: usize, begin: i64, end: i64) {
    let root = [
        "<feedback>",
        "<feedback xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">",
        "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">",
    ][style];
    let _ = write!(
        text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n{root}\n  <version>1.0</version>\n  <report_metadata>\n    \
         <org_name>{reporter}</org_name>\n    <email>noreply-dmarc@{reporter}</email>\n    \
         <extra_contact_info>https://{reporter}/dmarc</extra_contact_info>\n    <report_id>{}</report_id>\n    \
         <date_range>\n      <begin>{begin}</begin>\n      <end>{end}</end>\n    </date_range>\n  </report_metadata>\n  \
         <policy_published>\n    <domain>{name}</domain>\n    <adkim>r</adkim>\n    <aspf>r</aspf>\n    <p>reject</p>\n    \
         <sp>reject</sp>\n    <pct>100</pct>\n  </policy_published>\n",
        15_000_000_000_000_000_000_u64 + nth as u64 * 7_919,
    );
}

fn record(text: &mut String, style: usize, name: &str, sender: &Sender, random: &mut Random) -> u64 {
    let aligned = !sender.forged && random.percent(sender.aligned);
    let word = |pass: bool| if pass { "pass" } else { "fail" };
    let count = random.skewed(if aligned { 400 } else { 20 }) as u64;
    let disposition = if aligned {
        "none"
    } else {
        ["reject", "quarantine"][usize::from(random.percent(5))]
    };
    text.push_str("  <record>\n    <row>\n      <source_ip>");
    address(text, sender, random);
    let _ = write!(
        text,
        "</source_ip>\n      <count>{count}</count>\n      <policy_evaluated>\n        \
         <disposition>{disposition}</disposition>\n        <dkim>{}</dkim>\n        <spf>{}</spf>\n",
        word(aligned),
        word(aligned && sender.spf_domain.ends_with(name)),
    );
    if !sender.forged && !aligned && random.percent(30) {
        text.push_str("        <reason>\n          <type>local_policy</type>\n          <comment>arc=pass</comment>\n        </reason>\n");
    }
    text.push_str("      </policy_evaluated>\n    </row>\n    <identifiers>\n");
    let envelope = if sender.forged {
        format!("host{}.example", random.skewed(400))
    } else {
        sender.spf_domain.clone()
    };
    if style != 0 {
        let _ = writeln!(text, "      <envelope_from>{envelope}</envelope_from>");
    }
    let below = if random.percent(90) { "" } else { "news." };
    let _ = write!(
        text,
        "      <header_from>{below}{name}</header_from>\n    </identifiers>\n    <auth_results>\n"
    );
    if !sender.forged {
        let _ = write!(
            text,
            "      <dkim>\n        <domain>{}</domain>\n        <selector>s{}</selector>\n        \
             <result>{}</result>\n      </dkim>\n",
            sender.dkim_domain,
            random.below(sender.selectors),
            word(aligned)
        );
    }
    let scope = if style == 0 {
        ""
    } else {
        "        <scope>mfrom</scope>\n"
    };
    let spf = if sender.forged {
        ["softfail", "none", "pass"][random.below(3)]
    } else {
        "pass"
    };
    let _ = write!(
        text,
        "      <spf>\n        <domain>{envelope}</domain>\n{scope}        <result>{spf}</result>\n      </spf>\n    \
         </auth_results>\n  </record>\n"
    );
    count
}

/// A record of mail that came through a list or forwarder: it rewrote the bounce address, and signed again.
fn own_record(text: &mut String, style: usize, name: &str, sender: &Sender, random: &mut Random) -> u64 {
    let count = random.skewed(20) as u64;
    let relay = random.below(300);
    let bounce = format!(
        "b{:07x}.lists{relay}.relay{}.example",
        random.below(1 << 28),
        relay % 40
    );
    let survives = random.percent(60);
    let word = if survives { "pass" } else { "fail" };
    text.push_str("  <record>\n    <row>\n      <source_ip>");
    address(text, sender, random);
    let _ = write!(
        text,
        "</source_ip>\n      <count>{count}</count>\n      <policy_evaluated>\n        <disposition>none</disposition>\n        \
         <dkim>{word}</dkim>\n        <spf>fail</spf>\n        <reason>\n          <type>mailing_list</type>\n        \
         </reason>\n      </policy_evaluated>\n    </row>\n    <identifiers>\n"
    );
    if style != 0 {
        let _ = writeln!(text, "      <envelope_from>{bounce}</envelope_from>");
    }
    let _ = write!(
        text,
        "      <header_from>{name}</header_from>\n    </identifiers>\n    <auth_results>\n      <dkim>\n        \
         <domain>{name}</domain>\n        <selector>s{}</selector>\n        <result>{word}</result>\n      </dkim>\n",
        random.below(4)
    );
    if random.percent(50) {
        let _ = write!(
            text,
            "      <dkim>\n        <domain>relay{}.example</domain>\n        <selector>2026{:02}</selector>\n        \
             <result>pass</result>\n      </dkim>\n",
            relay % 40,
            random.below(4)
        );
    }
    let scope = ["", "        <scope>mfrom</scope>\n"][usize::from(style != 0)];
    let _ = write!(
        text,
        "      <spf>\n        <domain>{bounce}</domain>\n{scope}        <result>pass</result>\n      </spf>\n    \
         </auth_results>\n  </record>\n"
    );
    count
}

fn address(text: &mut String, sender: &Sender, random: &mut Random) {
    let nth = if sender.forged {
        0
    } else {
        random.below(sender.pool) as u32
    };
    let bits = if sender.forged {
        0x0100_0000 + random.below(0xdc00_0000) as u32
    } else {
        sender.network + nth
    };
    if sender.ipv6 {
        let _ = write!(
            text,
            "2001:db8:{:x}:{:x}::{nth:x}",
            sender.network >> 16,
            sender.network & 0xffff
        );
    } else {
        let _ = write!(text, "{}", std::net::Ipv4Addr::from_bits(bits));
    }
}

/// One report of a given number of records, handed out piece by piece.
pub fn huge(records: usize, random: &mut Random, write: &mut dyn FnMut(&str)) {
    let name = domain_name(0);
    let senders = senders(0, 1);
    let mut text = String::new();
    let begin = Mix::STANDARD.first_day * 86_400;
    head(&mut text, 1, REPORTERS[0], &name, 0, begin, begin + 86_400);
    for _ in 0..records {
        let sender = random.below(senders.len());
        record(&mut text, 1, &name, &senders[sender], random);
        write(&text);
        text.clear();
    }
    write("</feedback>\n");
}

/// Packs a report as its reporter would: a one-part mail, or a multipart with a text in front.
pub fn mail(xml: &Xml, nth: usize) -> Mail {
    let gzip = nth % 13 < 8;
    let (kind, ending, packed) = if gzip {
        ("gzip", "xml.gz", gzipped(&xml.text))
    } else {
        ("zip", "zip", zipped(xml))
    };
    let name = format!("{}.{ending}", xml.file_stem);
    let attachment = format!(
        "Content-Type: application/{kind}; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}",
        base64(&packed)
    );
    let head = format!(
        "Received: from mail.reporter.example (mail.reporter.example [192.0.2.25])\r\n\tby mx.rua.example with ESMTPS id {nth:x}\r\n\t\
         for <dmarc@rua.example>; Tue, 10 Mar 2026 04:05:06 +0000\r\nDate: Tue, 10 Mar 2026 04:05:00 +0000\r\n\
         From: DMARC <noreply-dmarc@reporter.example>\r\nTo: dmarc@rua.example\r\n\
         Subject: Report Domain: {0} Submitter: reporter.example Report-ID: <{nth}>\r\nMessage-ID: <{nth}@reporter.example>\r\n\
         MIME-Version: 1.0\r\n",
        xml.file_stem
    );
    let text = if nth.is_multiple_of(2) {
        format!("{head}{attachment}")
    } else {
        format!(
            "{head}Content-Type: multipart/mixed; boundary=\"=_{nth:08x}\"\r\n\r\n--=_{nth:08x}\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\nThis is an aggregate report.\r\n\r\n--=_{nth:08x}\r\n\
             {attachment}\r\n--=_{nth:08x}--\r\n"
        )
    };
    Mail {
        bytes: text.into_bytes(),
        records: xml.records,
        messages: xml.messages,
        xml_bytes: xml.text.len(),
    }
}

/// `text` as one gzip member.
pub fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("memory takes every byte")
}

fn zipped(xml: &Xml) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    writer
        .start_file(format!("{}.xml", xml.file_stem), options)
        .expect("a name that is not too long");
    writer.write_all(xml.text.as_bytes()).expect("memory takes every byte");
    writer.finish().expect("memory takes every byte").into_inner()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len() * 3 / 2);
    for (line, chunk) in bytes.chunks(57).enumerate() {
        if line > 0 {
            text.push_str("\r\n");
        }
        for three in chunk.chunks(3) {
            let bits = three
                .iter()
                .enumerate()
                .fold(0_u32, |bits, (nth, byte)| bits | u32::from(*byte) << (16 - 8 * nth));
            for nth in 0..4 {
                let symbol = ALPHABET[(bits >> (18 - 6 * nth) & 63) as usize] as char;
                text.push(if nth > three.len() { '=' } else { symbol });
            }
        }
    }
    text
}
