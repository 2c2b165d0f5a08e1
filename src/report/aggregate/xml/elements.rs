//! Elements and their texts, from tokens or, in their plainest form, straight from the window.

use super::root::ROOT;
use super::{Element, Open, Stop, Token, Tokens, WindowError, plain, text};
use crate::report::aggregate::{WarningKind, Warnings};

impl Tokens<'_> {
    /// Enters the next child of the open element; `None` leaves that element. Texts between are skipped.
    #[inline]
    pub(crate) fn child(&mut self, warnings: &mut Warnings) -> Result<Option<Element>, Stop> {
        if self.open.last().is_some_and(|open| open.empty) {
            self.pop();
            return Ok(None);
        }
        loop {
            self.skip_space()?;
            if let Some(found) = self.plain_tag()? {
                self.step()?;
                return Ok(found);
            }
            match self.token(warnings)? {
                Token::Start => return Ok(Some(self.known_name())),
                Token::End => return Ok(None),
                Token::Text | Token::Reference | Token::LoneAmpersand => {}
            }
        }
    }

    /// As [`Self::child`], but the texts between are gathered for [`Self::gathered`].
    pub(crate) fn child_or_text(&mut self, warnings: &mut Warnings) -> Result<Option<Element>, Stop> {
        if self.open.last().is_some_and(|open| open.empty) {
            self.pop();
            return Ok(None);
        }
        loop {
            match self.token(warnings)? {
                Token::Start => return Ok(Some(self.known_name())),
                Token::End => return Ok(None),
                token => self.gather(&token, warnings)?,
            }
        }
    }

    /// Empties the text that [`Self::child_or_text`] gathers.
    pub(crate) fn begin_gathering(&mut self) {
        self.text.clear();
    }

    /// What [`Self::child_or_text`] gathered, trimmed.
    pub(crate) fn gathered(&self) -> &str {
        self.text.trim()
    }

    /// Text of the open element, trimmed, its children's texts included (row 89 of the deviations: an email
    /// address in a child element); leaves the element.
    #[inline]
    pub(crate) fn leaf(&mut self, warnings: &mut Warnings) -> Result<&str, Stop> {
        self.plain_span = None;
        if let Some((trimmed_start, trimmed_len, text_len)) = self.plain_leaf() {
            let name_len = self.open_name().len();
            let from = self.offset();
            self.plain_span = Some((from, from + text_len as u64));
            self.pop();
            let bytes = self
                .reader
                .get_mut()
                .take(trimmed_start, trimmed_len, text_len + name_len + 3);
            // Checked in plain_leaf: this is UTF-8.
            return Ok(str::from_utf8(bytes).unwrap_or_default());
        }
        self.long_leaf(warnings)?;
        Ok(self.text.trim())
    }

    /// Leaves the open element, whatever it holds.
    pub(crate) fn skip(&mut self, warnings: &mut Warnings) -> Result<(), Stop> {
        let mut depth = 0_usize;
        loop {
            match self.child(warnings)? {
                Some(_) => depth += 1,
                None if depth == 0 => return Ok(()),
                None => depth -= 1,
            }
        }
    }

    /// `<name>text</name>` in its plainest form: where the trimmed text starts, its length, and the untrimmed one.
    #[inline]
    fn plain_leaf(&self) -> Option<(usize, usize, usize)> {
        let open = self.open.last()?;
        if open.cut_by_reader || open.empty {
            return None;
        }
        let name = &self.names[open.name_start..];
        let buffered = self.reader.get_ref().buffered();
        let buffered = &buffered[..buffered.len().min(self.limits.event_bytes_max)];
        // Not plain ASCII: the long way knows about references, control characters and other encodings.
        let text_len = plain::text_len(buffered)?;
        let end = buffered.get(text_len + 1..text_len + name.len() + 3)?;
        if end[0] != b'/' || end[end.len() - 1] != b'>' || &end[1..end.len() - 1] != name {
            return None;
        }
        let text = &buffered[..text_len];
        if let ([first, ..], [.., last]) = (text, text)
            && *first != b' '
            && *last != b' '
        {
            return Some((0, text_len, text_len));
        }
        let trimmed_start = text_len - text.trim_ascii_start().len();
        Some((trimmed_start, text.trim_ascii().len(), text_len))
    }

    fn long_leaf(&mut self, warnings: &mut Warnings) -> Result<(), Stop> {
        self.text.clear();
        if self.open.last().is_some_and(|open| open.empty) {
            self.pop();
            return Ok(());
        }
        let mut depth = 0_usize;
        loop {
            match self.token(warnings)? {
                Token::Start if self.open.last().is_some_and(|open| open.empty) => self.pop(),
                Token::Start => depth += 1,
                Token::End if depth == 0 => return Ok(()),
                Token::End => depth -= 1,
                token => self.gather(&token, warnings)?,
            }
        }
    }

    fn gather(&mut self, token: &Token, warnings: &mut Warnings) -> Result<(), Stop> {
        let offset = self.offset();
        match token {
            Token::Text => text::append(&mut self.text, &self.token, offset, warnings),
            Token::Reference => text::append_reference(&mut self.text, &self.token, offset, warnings),
            Token::LoneAmpersand => {
                self.text.push('&');
                warnings.add(WarningKind::MendedMarkup, "& in a text", Some(offset));
            }
            Token::Start | Token::End => {}
        }
        if self.text.len() > self.limits.event_bytes_max {
            return Err(self.fatal(WindowError::TokenTooLarge));
        }
        Ok(())
    }

    /// `<name>`, `<name/>` or the end tag of the open element in their plainest form; outer `None`: not such a tag.
    #[inline]
    fn plain_tag(&mut self) -> Result<Option<Option<Element>>, Stop> {
        let buffered = self.reader.get_ref().buffered();
        let [b'<', rest @ ..] = buffered else { return Ok(None) };
        if let [b'/', rest @ ..] = rest {
            let Some(open) = self.open.last() else { return Ok(None) };
            let name = &self.names[open.name_start..];
            if open.cut_by_reader || !rest.starts_with(name) || rest.get(name.len()) != Some(&b'>') {
                return Ok(None);
            }
            let len = name.len() + 3;
            self.reader.get_mut().advance(len);
            self.pop();
            return Ok(Some(None));
        }
        let Some((name_len, empty)) = plain::tag_name(rest) else {
            return Ok(None);
        };
        if self.open.len() >= self.limits.depth_max {
            // The long way says so.
            return Ok(None);
        }
        let name = &rest[..name_len];
        let known = Element::from_name(name);
        // The long way knows what else a root may be.
        if known == Element::Other && (!plain::is_name(name) || name == ROOT) {
            return Ok(None);
        }
        self.open.push(Open {
            name_start: self.names.len(),
            cut_by_reader: false,
            empty,
        });
        self.names.extend_from_slice(name);
        self.reader.get_mut().advance(name_len + 2 + usize::from(empty));
        Ok(Some(Some(known)))
    }
}
