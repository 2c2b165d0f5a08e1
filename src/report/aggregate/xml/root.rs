//! Where in a text a report begins and ends.

use super::{Element, Stop, Token, Tokens, local_name, plain};
use crate::report::aggregate::{ParseError, ParseErrorKind, WarningKind, Warnings};
use quick_xml::events::BytesStart;

/// The root element.
pub(super) const ROOT: &[u8] = b"feedback";
/// How far is looked ahead for its start tag, and for what comes behind it.
const ROOT_AHEAD: usize = 1024;
/// Bytes: how far into a text the root element is looked for, and how far behind the last markup the next report.
const ROOT_BYTES_MAX: u64 = 1024 * 1024;
/// A namespace longer than this is cut.
const NAMESPACE_BYTES_MAX: usize = 512;

/// What follows a report in its text.
#[derive(Debug)]
pub(crate) enum Following {
    /// Another report, behind what is neither white space nor a declaration nor a comment.
    Report { garbage: Option<u64> },
    /// Not a report; from here on something other than white space.
    End { trailing: Option<u64> },
}

impl Tokens<'_> {
    /// Goes to the first element whose local name is `feedback`, at whatever depth (ikea.com wrapped it into an
    /// unclosed `xs:schema` in 2018), and gives its namespace.
    pub(crate) fn enter_root(&mut self, warnings: &mut Warnings) -> Result<Option<Box<str>>, Stop> {
        self.ensure(4)?;
        if self.reader.get_ref().buffered().starts_with(b"\xEF\xBB\xBF") {
            self.window().advance(3);
        }
        let mut clean = true;
        let from = self.offset();
        loop {
            self.skip_space()?;
            let offset = self.offset();
            if offset - from > ROOT_BYTES_MAX {
                return Err(Stop::Ended { offset });
            }
            let garbage = match self.token(warnings)? {
                Token::Start => {
                    if local_name(self.open_name()) == ROOT {
                        self.in_root = true;
                        return Ok(self.root_namespace());
                    }
                    if self.open.last().is_some_and(|open| open.empty) {
                        self.pop();
                    }
                    true
                }
                Token::End => false,
                Token::Text => !self.token.trim_ascii().is_empty(),
                Token::Reference | Token::LoneAmpersand => true,
            };
            if garbage && clean {
                clean = false;
                warnings.add(
                    WarningKind::LeadingGarbage,
                    "text or elements before feedback",
                    Some(offset),
                );
            }
        }
    }

    /// Leaves a report, ended or broken, and goes to the next root element, whatever stands before it: a declaration, the
    /// end of an element around both, the rest of what is broken. A comment never holds a report.
    pub(crate) fn leave_root(&mut self) -> Result<Following, Stop> {
        self.open.clear();
        self.names.clear();
        self.prefix.clear();
        self.in_root = false;
        let mut markup = self.offset();
        // White space beyond what is skipped counts as what follows.
        let trailing = match self.skip_space() {
            Err(Stop::Fatal(ParseError {
                kind: ParseErrorKind::EventTooLarge(_),
                ..
            })) => Some(self.offset()),
            skipped => skipped.map(|()| (!self.reader.get_ref().buffered().is_empty()).then(|| self.offset()))?,
        };
        let (mut garbage, mut in_aside) = (None, None::<&[u8]>);
        loop {
            self.step()?;
            self.ensure(ROOT_AHEAD)?;
            let offset = self.offset();
            let buffered = self.reader.get_ref().buffered();
            if buffered.is_empty() || offset - markup > ROOT_BYTES_MAX {
                return Ok(Following::End { trailing });
            }
            if let Some(end) = in_aside {
                let found = memchr::memmem::find(buffered, end).map(|at| at + end.len());
                in_aside = in_aside.filter(|_| found.is_none());
                // The end may span the edge.
                let len = found.unwrap_or_else(|| buffered.len().saturating_sub(end.len() - 1).max(1));
                self.window().advance(len);
                continue;
            }
            if is_root(buffered) {
                return Ok(Following::Report { garbage });
            }
            let text = memchr::memchr(b'<', buffered).unwrap_or(buffered.len());
            if text < buffered.len() {
                markup = offset + text as u64;
            }
            if !buffered[..text].trim_ascii().is_empty() {
                garbage.get_or_insert(offset);
            }
            in_aside = match &buffered[text..] {
                [b'<', b'!', b'-', b'-', ..] => Some(b"-->"),
                [b'<', b'?', ..] => Some(b"?>"),
                [b'<', b'!', ..] => Some(b">"),
                _ => None,
            };
            if text == 0 && in_aside.is_none() {
                garbage.get_or_insert(offset);
            }
            self.window().advance(text.max(1));
        }
    }

    /// Whether the root element ahead holds what a report begins with: an extension may have one of that name.
    pub(super) fn begins_report(&mut self) -> Result<bool, Stop> {
        self.ensure(ROOT_AHEAD)?;
        let buffered = self.reader.get_ref().buffered();
        let buffered = &buffered[..buffered.len().min(ROOT_AHEAD)];
        let inside = memchr::memchr(b'>', buffered).map_or(&[][..], |at| buffered[at + 1..].trim_ascii_start());
        let name = inside.strip_prefix(b"<").map_or(&[][..], plain::name);
        Ok(matches!(
            Element::from_name(local_name(name)),
            Element::Version | Element::ReportMetadata | Element::PolicyPublished
        ))
    }

    /// Notes the prefix of the root's tag, which is the current token. Returns the namespace bound to it.
    fn root_namespace(&mut self) -> Option<Box<str>> {
        let name = self.open_name().to_vec();
        self.prefix = name[..memchr::memchr(b':', &name).unwrap_or(0)].to_vec();
        let tag = String::from_utf8_lossy(&self.token);
        let name_len = String::from_utf8_lossy(&name).len();
        let content = tag.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/');
        let tag = BytesStart::from_content(content, name_len.min(content.len()));
        // Duplicates are not looked for: that would take quadratic time.
        let mut attributes = tag.attributes();
        let attribute = attributes.with_checks(false).map_while(Result::ok).find(|attribute| {
            let key = attribute.key.as_ref();
            match key.strip_prefix(b"xmlns") {
                Some(b"") => self.prefix.is_empty(),
                Some([b':', prefix @ ..]) => !self.prefix.is_empty() && prefix == &self.prefix[..],
                _ => false,
            }
        })?;
        let value = String::from_utf8_lossy(&attribute.value);
        let value: String = value.chars().filter(|char| !char.is_control()).collect();
        Some(value[..value.floor_char_boundary(NAMESPACE_BYTES_MAX)].into())
    }
}

/// Whether the start tag of a root element begins `bytes`.
pub(crate) fn is_root(bytes: &[u8]) -> bool {
    let Some(tag) = bytes.strip_prefix(b"<") else {
        return false;
    };
    let name = plain::name(tag);
    local_name(name) == ROOT && matches!(tag.get(name.len()), Some(b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>'))
}
