//! Mends the markup of a report that could not be read as it stands.
//!
//! Reporters write `<email><bad@example></email>` and `<comment>a < b</comment>`, forget the end tag of a leaf, and
//! leave attributes unquoted. [`Repair`] reads the text tag by tag and gives it on with everything inside a known leaf
//! escaped up to that leaf's own end tag, with broken tags reduced to their names, and without what stands before
//! `feedback`. It never invents the end of a container: a record that is not complete must not look complete.
//!
//! Linear: each byte is looked at a bounded number of times. Bounded: it looks ahead one event and no further.

use super::Limits;
use super::xml::{Element, is_root, local_name};
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
    known_end: Sight,
    comment_end: Sight,
    instruction_end: Sight,
    cdata_end: Sight,
    ahead: usize,
}

/// What a search ahead saw. It is remembered: otherwise a row of beginnings without end would take quadratic time.
#[derive(Default, Clone, Copy)]
struct Sight {
    /// Nothing begins before this offset but, perhaps, `found`.
    looked_to: u64,
    found: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    After,
}

/// A tag at the start of some bytes.
struct Tag<'t> {
    name: &'t [u8],
    /// Through `>`, or up to the `<` that came before it.
    len: usize,
    closed: bool,
}

impl<'a> Repair<'a> {
    /// Mends the text from `inner`.
    pub(crate) fn new(inner: Box<dyn Read + 'a>, limits: &Limits) -> Self {
        Self {
            inner,
            input: Vec::new(),
            start: 0,
            base: 0,
            ended: false,
            output: Vec::new(),
            given: 0,
            place: Place::Before,
            in_evaluated: false,
            known_end: Sight::default(),
            comment_end: Sight::default(),
            instruction_end: Sight::default(),
            cdata_end: Sight::default(),
            ahead: limits.event_bytes_max + 1024,
        }
    }

    /// Ensures that one event is ahead. Reads four at a time, so that moving the rest to the front stays cheap.
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
                Place::Before => self.find_root(),
                Place::Inside => self.mend(),
                Place::After => self.pass_to_root(),
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
                self.place = Place::Inside;
                self.mend_tag();
            }
            false => self.start += 1,
        }
    }

    /// Behind a report nothing is mended until another one begins.
    fn pass_to_root(&mut self) {
        let rest = self.rest();
        match memchr(b'<', rest) {
            Some(0) if is_root(rest) => {
                self.place = Place::Inside;
                self.mend_tag();
            }
            at => {
                let next = at.unwrap_or(rest.len()).max(1);
                self.pass(next);
            }
        }
    }

    fn mend(&mut self) {
        let rest = self.rest();
        match memchr(b'<', rest) {
            Some(0) => {}
            Some(len) => return self.pass(len),
            None => return self.pass(rest.len()),
        }
        let (end, needle): (fn(&mut Self) -> &mut Sight, &[u8]) = match rest {
            [b'<', b'!', b'-', b'-', ..] => (|repair| &mut repair.comment_end, b"-->"),
            [b'<', b'?', ..] => (|repair| &mut repair.instruction_end, b"?>"),
            _ if rest.starts_with(b"<![CDATA[") => (|repair| &mut repair.cdata_end, b"]]>"),
            [b'<', b'/', ..] => return self.mend_end_tag(),
            _ => return self.mend_tag(),
        };
        let mut sight = *end(self);
        let found = self.find(&mut sight, self.start, needle);
        *end(self) = sight;
        match found {
            None => self.escape(1),
            Some(at) if needle == b"]]>" => self.pass(at + needle.len() - self.start),
            Some(at) => self.start = at + needle.len(),
        }
    }

    /// Index in the input of the next `needle` at or after `from`, as far as we look.
    fn find(&self, sight: &mut Sight, from: usize, needle: &[u8]) -> Option<usize> {
        let index = |offset: u64| usize::try_from(offset.saturating_sub(self.base)).unwrap_or(usize::MAX);
        if let Some(found) = sight.found.filter(|found| *found >= self.base + from as u64) {
            return Some(index(found));
        }
        let end = self.input.len().min(self.start + self.ahead);
        let from = from.max(index(sight.looked_to)).min(end);
        let found = memmem::find(&self.input[from..end], needle).map(|at| from + at);
        sight.found = found.map(|at| self.base + at as u64);
        if found.is_none() {
            // The needle may span the edge.
            sight.looked_to = sight
                .looked_to
                .max(self.base + end.saturating_sub(needle.len() - 1) as u64);
        }
        found
    }

    fn mend_end_tag(&mut self) {
        let Some(len) = end_tag_len(self.rest()) else {
            return self.escape(1);
        };
        let name = Element::from_name(local_name(end_tag_name(&self.rest()[..len])));
        let is_root = local_name(end_tag_name(&self.rest()[..len])) == b"feedback";
        if name == Element::PolicyEvaluated {
            self.in_evaluated = false;
        }
        if is_root {
            self.place = Place::After;
        }
        self.pass(len);
    }

    fn mend_tag(&mut self) {
        let rest = &self.input[self.start..self.input.len().min(self.start + self.ahead)];
        let Some(tag) = tag(&rest[1..]) else {
            return self.escape(1);
        };
        let known = Element::from_name(local_name(tag.name));
        if !tag.closed && known == Element::Other {
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
            Element::PolicyEvaluated => self.in_evaluated = !empty,
            Element::Identifiers | Element::Identities | Element::AuthResults | Element::Record => {
                self.in_evaluated = false
            }
            _ => {}
        }
        if !empty && self.is_leaf(known) {
            self.mend_leaf(&name);
        }
    }

    /// Escapes up to the leaf's own end tag. If the end tag of another known element comes first, the leaf's
    /// was forgotten: it ends at the next known tag.
    fn mend_leaf(&mut self, name: &[u8]) {
        let own = self.next_known_end().filter(|at| {
            let tag = &self.input[*at..];
            end_tag_name(tag) == name
        });
        let len = match own {
            Some(at) => at - self.start,
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

    /// Index in the input of the next end tag of a known name, as far as we look.
    fn next_known_end(&mut self) -> Option<usize> {
        let mut sight = self.known_end;
        let mut from = self.start;
        let found = loop {
            let Some(at) = self.find(&mut sight, from, b"</") else {
                break None;
            };
            let name = local_name(end_tag_name(&self.input[at..]));
            if end_tag_len(&self.input[at..]).is_some()
                && !matches!(Element::from_name(name), Element::Other | Element::P)
            {
                break Some(at);
            }
            from = at + 2;
            sight.looked_to = self.base + from as u64;
        };
        self.known_end = sight;
        found
    }

    /// How far it is to the next tag of a known name.
    fn next_known_tag(&self) -> usize {
        let rest = self.rest();
        let mut from = 0;
        while let Some(at) = memchr(b'<', &rest[from..]).map(|at| at + from) {
            let after = &rest[at + 1..];
            let name = name_of(after.strip_prefix(b"/").unwrap_or(after));
            if !matches!(Element::from_name(local_name(name)), Element::Other | Element::P) {
                return at;
            }
            from = at + 1;
        }
        rest.len()
    }

    /// Gives `len` bytes on as text: CDATA sections stay, any other `<` is escaped. `&` is left to the tokenizer,
    /// which takes a lone one as text.
    fn escape(&mut self, len: usize) {
        let end = self.start + len;
        let mut from = self.start;
        let mut sight = self.cdata_end;
        while let Some(at) = memchr(b'<', &self.input[from..end]).map(|at| from + at) {
            self.output.extend_from_slice(&self.input[from..at]);
            from = at;
            if self.input[at..end].starts_with(b"<![CDATA[")
                && let Some(close) = self.find(&mut sight, at, b"]]>").filter(|close| close + 3 <= end)
            {
                from = close + 3;
                self.output.extend_from_slice(&self.input[at..from]);
                continue;
            }
            self.output.extend_from_slice(b"&lt;");
            from += 1;
        }
        self.output.extend_from_slice(&self.input[from..end]);
        self.cdata_end = sight;
        self.start = end;
    }

    fn is_leaf(&self, name: Element) -> bool {
        match name {
            Element::Dkim | Element::Spf => self.in_evaluated,
            // `<p>` is HTML in a comment as often as it is a policy.
            Element::Other | Element::P => false,
            Element::ReportMetadata
            | Element::PolicyPublished
            | Element::Record
            | Element::DateRange
            | Element::Row => false,
            Element::Identifiers
            | Element::Identities
            | Element::AuthResults
            | Element::PolicyEvaluated
            | Element::Reason => false,
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
