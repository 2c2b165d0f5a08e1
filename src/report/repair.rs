//! Mends the markup of a report that could not be read as it stands.
//!
//! Reporters write `<email><bad@example></email>` and `<comment>a < b</comment>`, forget the end tag of a leaf, and
//! leave attributes unquoted. [`Repair`] reads the text tag by tag and gives it on with everything inside a known leaf
//! escaped up to that leaf's own end tag, with broken tags reduced to their names, and without what stands before
//! `feedback`. It never invents the end of a container: a record that is not complete must not look complete.
//!
//! Linear: each byte is looked at a bounded number of times. Bounded: it looks ahead one event and no further.

use super::Limits;
use super::xml::{Name, local_name};
use memchr::{memchr, memchr2, memmem};
use std::io::{self, Read};

/// See the module's comment.
pub(crate) struct Repair<'a> {
    inner: Box<dyn Read + 'a>,
    /// Bytes from `start` on are not mended yet.
    input: Vec<u8>,
    start: usize,
    /// Offset of `input[0]`.
    base: u64,
    ended: bool,
    /// Mended bytes from `given` on wait to be read.
    output: Vec<u8>,
    given: usize,
    place: Place,
    in_evaluated: bool,
    /// How far end tags of known names were looked for, and the first one found at or after the current place.
    looked_to: u64,
    known_end: Option<u64>,
    ahead: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeRoot,
    InRoot,
    AfterRoot,
}

/// A tag at the start of some bytes.
struct Tag<'t> {
    name: &'t [u8],
    /// Through `>`, or up to the `<` that came before it.
    len: usize,
    closed: bool,
}

impl<'a> Repair<'a> {
    /// Mends what `inner` gives.
    pub(crate) fn new(inner: Box<dyn Read + 'a>, limits: &Limits) -> Self {
        Self {
            inner,
            input: Vec::new(),
            start: 0,
            base: 0,
            ended: false,
            output: Vec::new(),
            given: 0,
            place: Place::BeforeRoot,
            in_evaluated: false,
            looked_to: 0,
            known_end: None,
            ahead: limits.event_bytes_max + 1024,
        }
    }

    /// Sees to it that one event lies ahead. Reads four at a time, so that moving the rest to the front stays cheap.
    fn fill(&mut self) -> io::Result<()> {
        if self.ended || self.input.len() - self.start >= self.ahead {
            return Ok(());
        }
        self.input.drain(..self.start);
        self.base += self.start as u64;
        self.start = 0;
        let mut len = self.input.len();
        self.input.resize(self.ahead * 4, 0);
        let result = loop {
            if len == self.input.len() {
                break Ok(());
            }
            match self.inner.read(&mut self.input[len..]) {
                Ok(0) => {
                    self.ended = true;
                    break Ok(());
                }
                Ok(read) => len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.input.truncate(len);
        result
    }

    /// Mends the next piece into the output; nothing is put there at the end.
    fn step(&mut self) -> io::Result<()> {
        self.output.clear();
        self.given = 0;
        while self.output.is_empty() {
            self.fill()?;
            if self.start == self.input.len() {
                return Ok(());
            }
            match self.place {
                Place::BeforeRoot => self.find_root(),
                Place::InRoot => self.mend(),
                Place::AfterRoot => self.pass(self.input.len() - self.start),
            }
        }
        Ok(())
    }

    fn rest(&self) -> &[u8] {
        let to = self.input.len().min(self.start + self.ahead);
        &self.input[self.start..to]
    }

    fn pass(&mut self, len: usize) {
        self.output.extend_from_slice(&self.input[self.start..self.start + len]);
        self.start += len;
    }

    fn find_root(&mut self) {
        let rest = self.rest();
        let Some(at) = memchr(b'<', rest) else {
            self.start += rest.len();
            return;
        };
        let found = tag(&rest[at + 1..])
            .filter(|tag| local_name(tag.name) == b"feedback")
            .is_some();
        self.start += at;
        match found {
            true => {
                self.place = Place::InRoot;
                self.mend_tag();
            }
            false => self.start += 1,
        }
    }

    fn mend(&mut self) {
        let rest = self.rest();
        match memchr(b'<', rest) {
            Some(0) => {}
            Some(len) => return self.pass(len),
            None => return self.pass(rest.len()),
        }
        let until = |end: &[u8]| memmem::find(rest, end).map(|at| at + end.len());
        match rest {
            [b'<', b'!', b'-', b'-', ..] => match until(b"-->") {
                Some(len) => self.start += len,
                None => self.escape(1),
            },
            [b'<', b'?', ..] => match until(b"?>") {
                Some(len) => self.start += len,
                None => self.escape(1),
            },
            _ if rest.starts_with(b"<![CDATA[") => match until(b"]]>") {
                Some(len) => self.pass(len),
                None => self.escape(1),
            },
            [b'<', b'/', ..] => self.mend_end_tag(),
            _ => self.mend_tag(),
        }
    }

    fn mend_end_tag(&mut self) {
        let Some(len) = end_tag_len(self.rest()) else {
            return self.escape(1);
        };
        let name = Name::of(local_name(end_tag_name(&self.rest()[..len])));
        let is_root = local_name(end_tag_name(&self.rest()[..len])) == b"feedback";
        if name == Name::PolicyEvaluated {
            self.in_evaluated = false;
        }
        if is_root {
            self.place = Place::AfterRoot;
        }
        self.pass(len);
    }

    fn mend_tag(&mut self) {
        let rest = &self.input[self.start..self.input.len().min(self.start + self.ahead)];
        let Some(tag) = tag(&rest[1..]) else {
            return self.escape(1);
        };
        let known = Name::of(local_name(tag.name));
        if !tag.closed && known == Name::Other {
            return self.escape(1);
        }
        let whole = &rest[..tag.len + 1];
        let quotes = |quote: u8| whole.iter().filter(|byte| **byte == quote).count();
        let empty = tag.closed && whole.ends_with(b"/>");
        let name = tag.name.to_vec();
        if tag.closed && quotes(b'"') % 2 == 0 && quotes(b'\'') % 2 == 0 {
            self.output.extend_from_slice(whole);
        } else {
            self.output.push(b'<');
            self.output.extend_from_slice(&name);
            self.output.extend_from_slice(if empty { b"/>" } else { b">" });
        }
        self.start += tag.len + 1;
        match known {
            Name::PolicyEvaluated => self.in_evaluated = !empty,
            Name::Identifiers | Name::Identities | Name::AuthResults | Name::Record => self.in_evaluated = false,
            _ => {}
        }
        if !empty && self.is_leaf(known) {
            self.mend_leaf(&name);
        }
    }

    /// Escapes up to the leaf's own end tag. If the end tag of another known element comes first, the leaf's
    /// was forgotten: it ends at the next known tag.
    fn mend_leaf(&mut self, name: &[u8]) {
        let here = self.base + self.start as u64;
        let end = self.next_known_end();
        let own = end.filter(|&at| {
            let from = self.start + usize::try_from(at - here).unwrap_or_default();
            self.input.get(from..).and_then(end_tag_len).is_some()
                && self.input.get(from + 2..).is_some_and(|rest| {
                    rest.starts_with(name) && !rest.get(name.len()).is_some_and(|byte| is_name_byte(*byte))
                })
        });
        let len = match own {
            Some(at) => usize::try_from(at - here).unwrap_or_default(),
            None => self.next_known_tag(),
        };
        let misspelt = if own.is_none() {
            misspelt_end(&self.input[self.start..self.start + len])
        } else {
            len
        };
        self.escape(misspelt);
        self.start += len - misspelt;
        let missing = own.is_none();
        // At the end of the text, or of what we look at, nothing is known to be missing.
        if missing && self.input.get(self.start) == Some(&b'<') {
            self.output.extend_from_slice(b"</");
            self.output.extend_from_slice(name);
            self.output.push(b'>');
        }
    }

    /// Offset of the next end tag of a known name, as far as we look. What was looked at once is remembered:
    /// otherwise a row of leaves without end tags would take quadratic time.
    fn next_known_end(&mut self) -> Option<u64> {
        let here = self.base + self.start as u64;
        if self.known_end.is_some_and(|at| at >= here) {
            return self.known_end;
        }
        let end = self.start + self.rest().len();
        let mut at = self.start + usize::try_from(self.looked_to.saturating_sub(here)).unwrap_or_default();
        self.known_end = None;
        while at < end {
            let Some(next) = memmem::find(&self.input[at..end], b"</") else {
                break;
            };
            at += next;
            if end_tag_len(&self.input[at..]).is_some()
                && !matches!(
                    Name::of(local_name(end_tag_name(&self.input[at..]))),
                    Name::Other | Name::P
                )
            {
                self.known_end = Some(self.base + at as u64);
                self.looked_to = self.base + at as u64;
                return self.known_end;
            }
            at += 2;
        }
        // `</` may lie across the edge.
        self.looked_to = self.looked_to.max(self.base + end.saturating_sub(1) as u64);
        None
    }

    /// How far it is to the next tag of a known name.
    fn next_known_tag(&self) -> usize {
        let rest = self.rest();
        let mut from = 0;
        while let Some(at) = memchr(b'<', &rest[from..]).map(|at| at + from) {
            let after = &rest[at + 1..];
            let name = name_of(after.strip_prefix(b"/").unwrap_or(after));
            if !matches!(Name::of(local_name(name)), Name::Other | Name::P) {
                return at;
            }
            from = at + 1;
        }
        rest.len()
    }

    /// Gives `len` bytes on as text: CDATA sections stay, comments go, `<` is escaped. `&` is left to the tokenizer,
    /// which takes a lone one as text.
    fn escape(&mut self, len: usize) {
        let mut rest = &self.input[self.start..self.start + len];
        while let Some(at) = memchr(b'<', rest) {
            self.output.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with(b"<![CDATA[")
                && let Some(len) = memmem::find(rest, b"]]>")
            {
                self.output.extend_from_slice(&rest[..len + 3]);
                rest = &rest[len + 3..];
                continue;
            }
            self.output.extend_from_slice(b"&lt;");
            rest = &rest[1..];
        }
        self.output.extend_from_slice(rest);
        self.start += len;
    }

    fn is_leaf(&self, name: Name) -> bool {
        use Name::*;
        match name {
            Dkim | Spf => self.in_evaluated,
            Other | ReportMetadata | PolicyPublished | Record | DateRange | Row | Identifiers | Identities
            | AuthResults | PolicyEvaluated | Reason => false,
            // `<p>` is HTML in a comment as often as it is a policy.
            P => false,
            _ => true,
        }
    }
}

impl Read for Repair<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.output.len() {
            self.step()?;
        }
        let len = out.len().min(self.output.len() - self.given);
        out[..len].copy_from_slice(&self.output[self.given..self.given + len]);
        self.given += len;
        Ok(len)
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':') || byte >= 0x80
}

fn name_of(bytes: &[u8]) -> &[u8] {
    let starts = bytes
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let len = if starts {
        bytes.iter().take(256).take_while(|byte| is_name_byte(**byte)).count()
    } else {
        0
    };
    &bytes[..len]
}

/// The tag whose name begins `bytes`, if it looks like one.
fn tag(bytes: &[u8]) -> Option<Tag<'_>> {
    let name = name_of(bytes);
    if name.is_empty() || !matches!(bytes.get(name.len()), Some(b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>')) {
        return None;
    }
    let end = memchr2(b'>', b'<', &bytes[name.len()..])? + name.len();
    let closed = bytes[end] == b'>';
    Some(Tag {
        name,
        len: end + usize::from(closed),
        closed,
    })
}

/// Length of the end tag that begins `bytes`: `</name>` or `</name   >`.
fn end_tag_len(bytes: &[u8]) -> Option<usize> {
    let name = name_of(bytes.strip_prefix(b"</")?);
    let rest = &bytes[2 + name.len()..];
    let space = rest
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    (!name.is_empty() && rest.get(space) == Some(&b'>')).then_some(3 + name.len() + space)
}

/// Where the end tag of another name begins that stands last in a leaf without markup of its own (`<count>3</cnt>`):
/// it is the leaf's end tag, misspelt. The length of the leaf if there is none.
fn misspelt_end(leaf: &[u8]) -> usize {
    match memchr(b'<', leaf) {
        Some(at) if end_tag_len(&leaf[at..]) == Some(leaf[at..].trim_ascii_end().len()) => at,
        _ => leaf.len(),
    }
}

fn end_tag_name(bytes: &[u8]) -> &[u8] {
    bytes.get(2..).map_or(&[], name_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mend(text: &str) -> String {
        let mut mended = String::new();
        let mut repair = Repair::new(Box::new(text.as_bytes()), &Limits::default());
        repair.read_to_string(&mut mended).unwrap();
        mended
    }

    #[test]
    fn mends() {
        for (text, expect) in [
            (
                "x<feedback><email><bad@x></email></feedback>",
                "<feedback><email>&lt;bad@x></email></feedback>",
            ),
            (
                "<feedback><comment>a < b & c</comment></feedback>",
                "<feedback><comment>a &lt; b & c</comment></feedback>",
            ),
            (
                "<feedback><comment><p>x</p></comment></feedback>",
                "<feedback><comment>&lt;p>x&lt;/p></comment></feedback>",
            ),
            (
                "<feedback><row><count>1</row></feedback>",
                "<feedback><row><count>1</count></row></feedback>",
            ),
            (
                "<feedback><report_id>1<date_range><begin>2</begin></date_range></feedback>",
                "<feedback><report_id>1</report_id><date_range><begin>2</begin></date_range></feedback>",
            ),
            (
                "<feedback><row><count>3</cnt>\n<source_ip>x</source_ip></row></feedback>",
                "<feedback><row><count>3</count><source_ip>x</source_ip></row></feedback>",
            ),
            ("<feedback a=\"><row/></feedback>", "<feedback><row/></feedback>"),
            (
                "<feedback><!-- < --><row></row></feedback>",
                "<feedback><row></row></feedback>",
            ),
            (
                "<feedback><row x= <count>1</count></row></feedback>",
                "<feedback><row><count>1</count></row></feedback>",
            ),
            ("<feedback><count>1", "<feedback><count>1"),
            ("no report", ""),
        ] {
            assert_eq!(mend(text), expect, "{text}");
        }
    }
}
