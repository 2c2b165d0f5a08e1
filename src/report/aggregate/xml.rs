//! The door to `quick_xml`: markup in, known names and plain texts out.
//!
//! [`Tokens`] keeps the stack of open elements itself and uses `quick_xml` only to cut a tag, a comment, a CDATA
//! section or a processing instruction out of the text. So there is no state to disturb in it between two tokens, and whatever is
//! in the plainest form, `<name>`, `</name>` and `<name>text</name>`, is read straight from the
//! [`Window`] below it. One rule keeps its own stack from growing: an element whose start tag it has seen
//! must have its end tag seen by it too ([`Open::cut_by_reader`]).
//!
//! No entity is ever expanded, but for the five that XML defines, character references, and the HTML names that
//! reporters use without declaring them. A document type declaration is skipped. Nothing is ever fetched.

mod element;
mod elements;
mod plain;
mod root;
mod text;
mod window;

use super::{Limits, ParseError, ParseErrorKind, WarningKind, Warnings};
use crate::base::budget::Budget;
pub(crate) use element::Element;
pub(crate) use plain::text_len as plain_text_len;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
pub(crate) use root::{Following, is_root};
use std::io::{BufRead, Read};
pub(crate) use window::Window;
use window::{SPACE_BYTES_MAX, WindowError};

/// Longest reference between `&` and `;`; the longest HTML name we know is far shorter.
const REFERENCE_BYTES_MAX: usize = 32;
/// Steps that are drawn from the budget at once; the clock is asked then.
const EVENTS_AT_ONCE: u32 = 4096;
/// Why reading the text stopped before the end of the report.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The text ended between two tokens.
    Ended { offset: u64 },
    /// Markup that cannot be read.
    Syntax { reason: String, offset: u64 },
    /// Another report begins before this one has ended; its start tag is what comes next.
    Next { offset: u64 },
    /// A limit, or the reader's own error: there is nothing to be gained by trying again.
    Fatal(ParseError),
}

impl Stop {
    /// The same, `bytes` later.
    pub(crate) fn shifted(mut self, bytes: u64) -> Self {
        match &mut self {
            Self::Ended { offset } | Self::Syntax { offset, .. } | Self::Next { offset } => *offset += bytes,
            Self::Fatal(error) => error.offset += bytes,
        }
        self
    }
}

/// Buffers that one text hands to the next.
#[derive(Default)]
pub(crate) struct Buffers {
    window: Vec<u8>,
    token: Vec<u8>,
    text: String,
}

/// One open element.
struct Open {
    /// Where its name starts in [`Tokens::names`].
    name_start: usize,
    /// Whether `quick_xml` saw the start tag, so that it must see the end tag.
    cut_by_reader: bool,
    /// Whether it is written `<name/>`, without an end tag.
    empty: bool,
}

/// What was cut from the text; its bytes are in [`Tokens::token`].
enum Token {
    Start,
    End,
    /// Character data that may hold control characters or invalid UTF-8.
    Text,
    /// What stands between `&` and `;`.
    Reference,
    /// An `&` that begins no reference.
    LoneAmpersand,
}

/// The tokenizer of one text.
pub(crate) struct Tokens<'a> {
    reader: Reader<Window<'a>>,
    token: Vec<u8>,
    text: String,
    names: Vec<u8>,
    open: Vec<Open>,
    /// Prefix of the root element: elements with another one belong to extensions.
    prefix: Vec<u8>,
    plain_span: Option<(u64, u64)>,
    /// Offset of the token at hand.
    token_from: u64,
    /// Whether the root was entered. Anything that looks like a report then begins another one.
    in_root: bool,
    limits: Limits,
    budget: &'a Budget<'a>,
    /// Steps that are drawn and not made yet.
    events: u32,
}

impl<'a> Tokens<'a> {
    /// A tokenizer at the start of `text`.
    pub(crate) fn new(text: Box<dyn Read + 'a>, limits: &Limits, budget: &'a Budget<'a>, buffers: Buffers) -> Self {
        let window = Window::new(text, buffers.window, limits.event_bytes_max);
        let mut reader = Reader::from_reader(window);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        Self {
            reader,
            token: buffers.token,
            text: buffers.text,
            names: Vec::new(),
            open: Vec::new(),
            prefix: Vec::new(),
            plain_span: None,
            token_from: 0,
            in_root: false,
            limits: *limits,
            budget,
            events: 0,
        }
    }

    /// Gives the buffers back for the next text.
    pub(crate) fn into_buffers(self) -> Buffers {
        Buffers {
            window: self.reader.into_inner().into_buffer(),
            token: self.token,
            text: self.text,
        }
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.reader.get_ref().offset()
    }

    /// The window below; between two tokens whole elements may be consumed from it.
    pub(crate) fn window(&mut self) -> &mut Window<'a> {
        self.reader.get_mut()
    }

    /// Reads on until `len` bytes are buffered or the text ends.
    pub(crate) fn ensure(&mut self, len: usize) -> Result<(), Stop> {
        let result = self.reader.get_mut().ensure(len);
        result.map_err(|error| self.fatal(error))
    }

    /// Counts a step: a tag, a text, or what is skipped between them.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<(), Stop> {
        match self.events.checked_sub(1) {
            Some(events) => self.events = events,
            None => self.draw()?,
        }
        Ok(())
    }

    #[cold]
    fn draw(&mut self) -> Result<(), Stop> {
        self.events = EVENTS_AT_ONCE - 1;
        let drawn = self.budget.spend_events(u64::from(EVENTS_AT_ONCE));
        drawn.map_err(|breach| {
            Stop::Fatal(ParseError {
                kind: ParseErrorKind::Budget(breach),
                offset: self.offset(),
            })
        })
    }

    /// Offsets of the text of the last leaf, if it was a plain `<name>text</name>`.
    pub(crate) fn plain_span(&self) -> Option<(u64, u64)> {
        self.plain_span
    }

    /// Cuts the next token; comments, processing instructions and declarations are skipped.
    fn token(&mut self, warnings: &mut Warnings) -> Result<Token, Stop> {
        loop {
            self.step()?;
            self.token.clear();
            self.reader.get_mut().begin_token();
            self.ensure(REFERENCE_BYTES_MAX + 2)?;
            let offset = self.offset();
            self.token_from = offset;
            match self.reader.get_ref().buffered() {
                [] => return Err(Stop::Ended { offset }),
                [b'<', b'!', b'D' | b'd', ..] => {
                    warnings.add(WarningKind::DoctypeIgnored, "document type declaration", Some(offset));
                    self.skip_doctype()?;
                }
                buffered @ [b'<', ..] => {
                    if self.in_root && is_root(buffered) && self.begins_report()? {
                        return Err(Stop::Next { offset });
                    }
                    if let Some(token) = self.markup(offset)? {
                        return Ok(token);
                    }
                }
                [b'&', rest @ ..] => {
                    let rest = &rest[..rest.len().min(REFERENCE_BYTES_MAX + 1)];
                    let len = memchr::memchr3(b';', b'&', b'<', rest).filter(|&len| len > 0 && rest[len] == b';');
                    let Some(len) = len else {
                        self.window().advance(1);
                        return Ok(Token::LoneAmpersand);
                    };
                    self.token.extend_from_slice(&rest[..len]);
                    self.window().advance(len + 2);
                    return Ok(Token::Reference);
                }
                _ => {
                    self.cut_text()?;
                    return Ok(Token::Text);
                }
            }
        }
    }

    /// Lets `quick_xml` cut one piece of markup; `None` for what is skipped.
    fn markup(&mut self, offset: u64) -> Result<Option<Token>, Stop> {
        let event = match self.reader.read_event_into(&mut self.token) {
            Ok(event) => event,
            Err(error) => {
                return Err(match self.reader.get_mut().take_error() {
                    Some(error) => self.fatal(error),
                    None => Stop::Syntax {
                        reason: error.to_string(),
                        offset,
                    },
                });
            }
        };
        let token = match event {
            Event::Start(tag) => Some((tag, false)),
            Event::Empty(tag) => Some((tag, true)),
            Event::End(tag) => {
                let Some(open) = self.open.last() else {
                    return Err(Stop::Syntax {
                        reason: "end tag without start tag".to_owned(),
                        offset,
                    });
                };
                if tag.name().as_ref() != &self.names[open.name_start..] {
                    let expected = String::from_utf8_lossy(&self.names[open.name_start..]);
                    return Err(Stop::Syntax {
                        reason: format!("expected the end tag of {expected}"),
                        offset,
                    });
                }
                self.pop();
                return Ok(Some(Token::End));
            }
            Event::CData(data) => {
                let len = data.len();
                // `<![CDATA[` data `]]>`: keep the data alone.
                self.check_size()?;
                self.token.truncate(9 + len);
                self.token.drain(..9);
                return Ok(Some(Token::Text));
            }
            _ => None,
        };
        if let Some((tag, empty)) = token {
            if has_more_attributes_than(&tag, self.limits.attributes_max) {
                return Err(self.breach(ParseErrorKind::TooManyAttributes(self.limits.attributes_max)));
            }
            if self.open.len() >= self.limits.depth_max {
                return Err(self.breach(ParseErrorKind::TooDeep(self.limits.depth_max)));
            }
            self.open.push(Open {
                name_start: self.names.len(),
                cut_by_reader: !empty,
                empty,
            });
            self.names.extend_from_slice(tag.name().as_ref());
            self.check_size()?;
            return Ok(Some(Token::Start));
        }
        self.check_size()?;
        Ok(None)
    }

    /// Text up to the next `<` or `&`.
    fn cut_text(&mut self) -> Result<(), Stop> {
        loop {
            let result = self.reader.get_mut().fill_buf();
            let Ok(available) = result else {
                let error = self.reader.get_mut().take_error().unwrap_or(WindowError::TokenTooLarge);
                return Err(self.fatal(error));
            };
            let stop = memchr::memchr2(b'<', b'&', available);
            let len = stop.unwrap_or(available.len());
            self.token.extend_from_slice(&available[..len]);
            self.reader.get_mut().consume(len);
            self.check_size()?;
            if stop.is_some() || len == 0 {
                return Ok(());
            }
        }
    }

    /// Skips `<!DOCTYPE ...>`: quotes and one pair of brackets may hold `>`. Nothing in it is looked at.
    fn skip_doctype(&mut self) -> Result<(), Stop> {
        let (mut quote, mut brackets, mut len) = (None, 0_usize, 0_usize);
        loop {
            self.ensure(1)?;
            let buffered = self.reader.get_ref().buffered();
            let Some(&byte) = buffered.first() else {
                return Err(Stop::Ended { offset: self.offset() });
            };
            self.window().advance(1);
            len += 1;
            if len > self.limits.event_bytes_max {
                return Err(self.fatal(WindowError::TokenTooLarge));
            }
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'[') => brackets += 1,
                (None, b']') => brackets = brackets.saturating_sub(1),
                (None, b'>') if brackets == 0 => return Ok(()),
                (None, _) => {}
            }
        }
    }

    /// Skips white space.
    #[inline]
    pub(crate) fn skip_space(&mut self) -> Result<(), Stop> {
        let result = self.reader.get_mut().skip_space();
        result.map_err(|error| self.fatal(error))
    }

    fn check_size(&self) -> Result<(), Stop> {
        if self.token.len() > self.limits.event_bytes_max {
            return Err(self.fatal(WindowError::TokenTooLarge));
        }
        Ok(())
    }

    fn open_name(&self) -> &[u8] {
        self.open.last().map_or(&[], |open| &self.names[open.name_start..])
    }

    /// The name just opened, if it is one of a report: an element with a prefix other than the root's is not.
    fn known_name(&self) -> Element {
        let name = self.open_name();
        match memchr::memchr(b':', name) {
            Some(colon) if name[..colon] == self.prefix[..] => Element::from_name(&name[colon + 1..]),
            Some(_) => Element::Other,
            None => Element::from_name(name),
        }
    }

    fn pop(&mut self) {
        if let Some(open) = self.open.pop() {
            self.names.truncate(open.name_start);
        }
    }

    fn fatal(&self, error: WindowError) -> Stop {
        match error {
            WindowError::Read(error) => Stop::Fatal(ParseError {
                kind: ParseErrorKind::Read(error),
                offset: self.offset(),
            }),
            WindowError::SpaceTooLong => self.breach(ParseErrorKind::EventTooLarge(SPACE_BYTES_MAX)),
            WindowError::TokenTooLarge => self.breach(ParseErrorKind::EventTooLarge(self.limits.event_bytes_max)),
        }
    }

    fn breach(&self, kind: ParseErrorKind) -> Stop {
        Stop::Fatal(ParseError {
            kind,
            offset: self.token_from,
        })
    }
}

/// What follows the prefix.
pub(crate) fn local_name(name: &[u8]) -> &[u8] {
    memchr::memchr(b':', name).map_or(name, |colon| &name[colon + 1..])
}

/// Whether the tag has more than `max` attributes. Does not look for duplicates, and counts only where the tag is
/// long enough for that many (` a=""`).
fn has_more_attributes_than(tag: &BytesStart<'_>, max: usize) -> bool {
    let mut attributes = tag.attributes();
    tag.len() > max * 5 && attributes.with_checks(false).take(max + 1).count() > max
}
