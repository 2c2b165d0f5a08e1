//! One leaf after the other: what it is by its bytes, and what lies inside it.

use super::budget::Budget;
use super::classify::{self, Evidence};
use super::gzip;
use super::label;
use super::problem::{Damage, Other, Problem, Reason};
use super::sniff::{self, Format};
use super::text::{Content, Meter, Raw, ReportText};
use super::transfer;
use super::zip;
use std::cell::Cell;

const DETAIL_BYTES_MAX: usize = 200;

/// How deep something lies, and where.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Multiparts around it.
    pub depth: usize,
    /// Mails around it, beside the message itself.
    pub levels: usize,
    /// Archives and base64 layers around it.
    pub nesting: usize,
    /// Its first byte in the message, unless it was decoded.
    pub offset: Option<u64>,
    /// What was wrong with an archive around it.
    pub damage: Option<Damage>,
}

/// Bytes that contain no further MIME parts.
pub(super) struct Leaf<'a> {
    pub content: Content<'a>,
    pub path: &'a str,
    pub name: Option<&'a str>,
    /// The file name to hand on: the innermost that may tell reporter and domain.
    pub hint: Option<&'a str>,
    pub media_type: &'a str,
    /// Whether name or type say that it is a report: then anything else in it is a problem.
    pub claims: bool,
    pub place: Place,
}

/// The walk through one message.
pub(super) struct Walk<'a, 'v> {
    pub budget: &'a Budget<'a>,
    visit: &'v mut dyn FnMut(ReportText<'_>),
    pub texts: usize,
    pub problems: Vec<Problem>,
    pub evidence: Evidence,
    halted: bool,
}

impl<'a, 'v> Walk<'a, 'v> {
    pub fn new(budget: &'a Budget<'a>, visit: &'v mut dyn FnMut(ReportText<'_>)) -> Self {
        Self {
            budget,
            visit,
            texts: 0,
            problems: Vec::new(),
            evidence: Evidence::default(),
            halted: false,
        }
    }

    /// Whether nothing more is looked at.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    pub fn problem(&mut self, path: &str, place: Place, reason: Reason, detail: &str) {
        // After these the rest of the message is not looked at: its author has no claim to more of our time.
        self.halted |= matches!(reason, Reason::MimeTooComplex | Reason::TooSlow);
        self.problems.push(Problem {
            leaf: path.into(),
            reason,
            detail: match detail {
                "" => reason.sentence().into(),
                detail => label::safe(detail, DETAIL_BYTES_MAX).into(),
            },
            offset: place.offset,
        });
    }

    /// Looks at one leaf and at what is packed in it.
    pub fn leaf(&mut self, leaf: &Leaf<'_>) {
        if self.halted {
            return;
        }
        let meter = Meter::default();
        self.metered_leaf(leaf, &meter);
    }

    fn metered_leaf<'l>(&mut self, leaf: &Leaf<'l>, meter: &'l Meter)
    where
        'a: 'l,
    {
        let mut raw = Raw::new(leaf.content, self.budget, meter);
        if let Err(reason) = raw.prime() {
            return self.problem(leaf.path, leaf.place, reason, "");
        }
        let head = raw.head();
        if head.is_empty() {
            drop(raw);
            return self.nothing_in(leaf, meter);
        }
        match sniff::format(head) {
            Format::AppleDouble => {}
            Format::Gzip => self.open_archive(leaf, raw, meter, Self::gzip),
            Format::Zip => self.open_archive(leaf, raw, meter, Self::zip),
            Format::Unsupported("S/MIME") if leaf.media_type.ends_with("-signature") => {}
            // Two bytes are little to go by: without a claim it is some binary file.
            Format::Unsupported("zlib") if !leaf.claims => {}
            Format::Unsupported(name) => self.problem(leaf.path, leaf.place, Reason::UnsupportedFormat, name),
            Format::Foreign(name) => self.not_a_report(leaf, name),
            Format::Json if sniff::is_tls_report(head) => self.evidence.note(Other::TlsReport),
            Format::Json => self.not_a_report(leaf, "JSON"),
            Format::Binary => self.not_a_report(leaf, "binary data"),
            Format::Text => self.text(leaf, raw, meter),
        }
    }

    fn nothing_in(&mut self, leaf: &Leaf<'_>, meter: &Meter) {
        match meter.damage() {
            Some(damage) => self.problem(leaf.path, leaf.place, Reason::ArchiveDamaged, damage.word()),
            None if leaf.claims => self.problem(leaf.path, leaf.place, Reason::Empty, ""),
            None => {}
        }
    }

    fn not_a_report(&mut self, leaf: &Leaf<'_>, detail: &str) {
        if leaf.claims {
            self.problem(leaf.path, leaf.place, Reason::NotAReport, detail);
        }
    }

    fn text<'l>(&mut self, leaf: &Leaf<'l>, raw: Raw<'l>, meter: &'l Meter) {
        let head = raw.head();
        if leaf.claims && sniff::is_xml(head) || sniff::has_feedback(head) {
            return self.visit(leaf, raw, meter);
        }
        if sniff::is_base64(head) {
            return self.open_archive(leaf, raw, meter, Self::base64);
        }
        if leaf.place.levels == 0
            && let Some(other) = classify::text(head)
        {
            return self.evidence.note(other);
        }
        if sniff::is_mail(head) {
            return self.open_archive(leaf, raw, meter, Self::mail_in_leaf);
        }
        if head.trim_ascii().is_empty() && leaf.claims {
            return self.problem(
                leaf.path,
                leaf.place,
                Reason::Empty,
                "there is nothing in it but white space",
            );
        }
        self.not_a_report(leaf, "text");
    }

    fn visit<'l>(&mut self, leaf: &Leaf<'l>, raw: Raw<'l>, meter: &'l Meter) {
        self.texts += 1;
        (self.visit)(ReportText {
            leaf: leaf.path,
            file_name: leaf.hint,
            content: leaf.content,
            outer_damage: leaf.place.damage,
            budget: self.budget,
            meter,
            primed: Cell::new(Some(raw)),
        });
        self.halted |= self.budget.is_slow();
    }

    /// Goes into a leaf that holds other leaves; what is itself packed is first unpacked into memory.
    fn open_archive(&mut self, leaf: &Leaf<'_>, raw: Raw<'_>, meter: &Meter, open: fn(&mut Self, &Leaf<'_>, &[u8])) {
        if leaf.place.nesting >= self.budget.limits.archive_nesting_max {
            return self.problem(
                leaf.path,
                leaf.place,
                Reason::ArchiveTooComplex,
                "archives inside archives",
            );
        }
        if let Content::Plain(bytes) = leaf.content {
            drop(raw);
            return open(self, leaf, bytes);
        }
        match raw.read_all(self.budget.limits.archive_bytes_max) {
            Ok(bytes) => {
                let damage = meter.damage().or(leaf.place.damage);
                open(
                    self,
                    &Leaf {
                        place: Place { damage, ..leaf.place },
                        ..*leaf
                    },
                    &bytes,
                );
            }
            Err(reason) => self.problem(leaf.path, leaf.place, reason, "archive in an archive"),
        }
    }

    fn gzip(&mut self, leaf: &Leaf<'_>, bytes: &[u8]) {
        let Some(header) = gzip::member_header(bytes) else {
            return self.archive_problem(leaf, Reason::ArchiveDamaged, "gzip header");
        };
        let stored = header.name.map(String::from_utf8_lossy);
        let stem = leaf.name.and_then(|name| name.strip_suffix(".gz"));
        let name = stored
            .as_deref()
            .filter(|name| !name.is_empty())
            .or(stem)
            .map(label::hint);
        let path = label::join(leaf.path, name.unwrap_or("gunzipped"));
        let mut rest = bytes;
        while !rest.is_empty() && !self.halted {
            let meter = Meter::default();
            let document = Leaf {
                content: Content::Gzip(rest),
                path: &path,
                name,
                hint: better_hint(name, leaf.hint),
                media_type: "",
                claims: leaf.claims,
                place: inside(leaf.place),
            };
            self.metered_leaf(&document, &meter);
            rest = &bytes[bytes.len() - meter.next_document_bytes()..];
            if !rest.is_empty()
                && let Err(reason) = self.budget.spend_entries(1)
            {
                return self.archive_problem(leaf, reason, "documents in one gzip file");
            }
        }
    }

    fn zip(&mut self, leaf: &Leaf<'_>, bytes: &[u8]) {
        let files = match zip::files(bytes, self.budget.limits.archive_entries_max) {
            Ok(files) => files,
            Err((reason, detail)) => return self.archive_problem(leaf, reason, &detail),
        };
        if files.is_empty() {
            return self.archive_problem(leaf, Reason::Empty, "there is no file in this zip");
        }
        if let Err(reason) = self.budget.spend_entries(files.len()) {
            return self.archive_problem(leaf, reason, &format!("{} files", files.len()));
        }
        let before = (self.texts, self.problems.len(), self.evidence.conclude());
        for file in files {
            match file {
                Ok(entry) => self.zip_entry(leaf, &entry),
                Err(file) => {
                    let path = label::join(leaf.path, &file.name);
                    self.problem(
                        &path,
                        Place {
                            offset: None,
                            ..leaf.place
                        },
                        file.reason,
                        &file.detail,
                    );
                }
            }
        }
        if before == (self.texts, self.problems.len(), self.evidence.conclude()) && !self.halted {
            self.not_a_report(leaf, "no file in it looks like a report");
        }
    }

    fn zip_entry(&mut self, leaf: &Leaf<'_>, entry: &zip::Entry<'_>) {
        let name = label::hint(&entry.name);
        let path = label::join(leaf.path, name);
        self.leaf(&Leaf {
            content: Content::Entry {
                data: entry.data,
                method: entry.method,
                crc: entry.crc,
                size: entry.size,
            },
            path: &path,
            name: Some(name),
            hint: better_hint(Some(name), leaf.hint),
            media_type: "",
            claims: sniff::claims_by_name(name),
            place: inside(leaf.place),
        });
    }

    /// An office document is a zip too: only what may be a report's archive is a problem.
    fn archive_problem(&mut self, leaf: &Leaf<'_>, reason: Reason, detail: &str) {
        if leaf.claims || leaf.name.is_none() {
            self.problem(leaf.path, leaf.place, reason, detail);
        }
    }

    fn base64(&mut self, leaf: &Leaf<'_>, bytes: &[u8]) {
        let decoded = transfer::base64(bytes);
        self.leaf(&Leaf {
            content: Content::Plain(&decoded),
            place: inside(leaf.place),
            ..*leaf
        });
    }

    fn mail_in_leaf(&mut self, leaf: &Leaf<'_>, bytes: &[u8]) {
        let place = Place {
            levels: leaf.place.levels + 1,
            ..leaf.place
        };
        self.mail(bytes, leaf.path, place);
    }

    /// The last resort for a mail in which nothing was found: compressed data and XML in base64 can be told by their
    /// first characters wherever they stand. Two real mails of Microsoft (March 2024) need it in other parsers.
    pub fn rescue(&mut self, message: &[u8]) {
        const TRIES_MAX: usize = 4;
        let soft = |problem: &Problem| {
            matches!(
                problem.reason,
                Reason::NotAReport | Reason::Empty | Reason::ArchiveDamaged
            )
        };
        let known = matches!(self.evidence.conclude(), Some(other) if other != Other::AutoReply);
        if self.texts > 0 || self.halted || known || !self.problems.iter().all(soft) {
            return;
        }
        let problems = std::mem::take(&mut self.problems);
        for at in base64_blocks(message).take(TRIES_MAX) {
            let decoded = transfer::base64(base64_block(&message[at..]));
            self.leaf(&Leaf {
                content: Content::Plain(&decoded),
                path: "base64 in the message",
                name: None,
                hint: None,
                media_type: "",
                claims: true,
                place: Place {
                    offset: Some(at as u64),
                    ..Place::default()
                },
            });
        }
        // What was found now is what the earlier problems were about; and if nothing was, they say it better.
        if self.texts == 0 && !self.halted {
            self.problems = problems;
        }
    }
}

fn inside(place: Place) -> Place {
    Place {
        nesting: place.nesting + 1,
        offset: None,
        ..place
    }
}

/// The inner file name, unless only the outer one has the form `reporter!domain!begin!end`.
fn better_hint<'n>(inner: Option<&'n str>, outer: Option<&'n str>) -> Option<&'n str> {
    match (inner, outer) {
        (Some(inner), Some(outer)) if !inner.contains('!') && outer.contains('!') => Some(outer),
        (Some(inner), _) => Some(inner),
        (None, outer) => outer,
    }
}

/// Where lines begin like base64 of something worth a try.
fn base64_blocks(message: &[u8]) -> impl Iterator<Item = usize> {
    let starts = |line: &[u8]| sniff::BASE64_STARTS.iter().any(|start| line.starts_with(start));
    let first = starts(message).then_some(0);
    first.into_iter().chain(
        memchr::memchr_iter(b'\n', message)
            .map(|at| at + 1)
            .filter(move |&at| starts(&message[at..])),
    )
}

/// The lines up to an empty one or a boundary.
fn base64_block(text: &[u8]) -> &[u8] {
    let mut end = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if line.trim_ascii().is_empty() || line.starts_with(b"--") {
            break;
        }
        end += line.len();
    }
    &text[..end]
}
