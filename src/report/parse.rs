//! One aggregate report from its text.
//!
//! The union of RFC 7489, appendix C, RFC 9990, appendix A, and the draft of 2012. An element is known by its
//! local name and its parent, in any order; the first of an element that may occur once wins; an unknown element is
//! skipped with all that is in it, since an extension may use our names for its own ends.
//!
//! A text whose markup is broken is read a second time through [`Repair`]. What cannot be mended ends the report
//! there: the complete records before are kept and the report is marked partial.

mod draft;
mod finish;
mod header;
mod memo;
mod record;
#[cfg(test)]
mod tests;

use super::repair::Repair;
use super::xml::{Buffers, Element, Stop, Tokens};
use super::{
    FileNameFacts, Limits, ParseError, ParseErrorKind, RawField, Record, Report, WarningKind, Warnings,
    mailbox_domain_cow, normalise_domain_cow, text,
};
use draft::{Draft, Interner, Span};
use memo::Memo;
use std::cell::RefCell;
use std::io::{self, Read};

/// A record shorter than this lies whole in the window, so that it is read without the tokenizer's help.
const AHEAD_BYTES: usize = memo::RECORD_BYTES_MAX;

/// From here on, records are not doubled but reserved for at once, and for how many.
const RECORDS_DOUBLED_MAX: usize = 1 << 16;
const RECORDS_RESERVED: usize = 2_000_000;

/// A report, and what was odd about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    pub report: Report,
    pub warnings: Warnings,
}

thread_local! {
    /// Buffers of the last parse on this thread, so that a small report does not pay for making them.
    static SCRATCH: RefCell<Option<Scratch>> = const { RefCell::new(None) };
}

/// Everything that one report leaves to the next, empty.
#[derive(Default)]
struct Scratch {
    buffers: Buffers,
    draft: Draft,
    interner: Interner,
    memo: Memo,
}

/// The report being built.
struct Building {
    report: Report,
    warnings: Warnings,
    limits: Limits,
    scratch: Scratch,
    begin: Option<i64>,
    end: Option<i64>,
    seen: Seen,
}

/// Which elements that may occur once have occurred in the open one.
#[derive(Default, Clone, Copy)]
struct Seen(u64);

impl Seen {
    fn has(self, name: Element) -> bool {
        self.0 & (1 << (name as u8)) != 0
    }
}

/// Parses the report in the text that `open` gives: UTF-8, whatever a declaration in it says. `open` is called
/// once, and a second time if the markup is broken. `hints` stand in for what the text lacks, with a warning.
///
/// Time is linear in the text, memory is that of the [`Report`] and a constant.
///
/// # Errors
/// When nothing can be kept: no report in it, a limit exceeded, no policy domain or date range, broken markup before the
/// first complete record, or the reader's own error.
pub fn parse<R: Read>(
    open: &mut dyn FnMut() -> io::Result<R>,
    hints: Option<&FileNameFacts>,
    limits: &Limits,
) -> Result<Parsed, ParseError> {
    let mut scratch = SCRATCH.with_borrow_mut(Option::take).unwrap_or_default();
    let result = parse_with(&mut || Ok(Box::new(open()?)), hints, limits, &mut scratch);
    SCRATCH.with_borrow_mut(|kept| *kept = Some(scratch));
    result
}

fn parse_with<'a>(
    open: &mut dyn FnMut() -> io::Result<Box<dyn Read + 'a>>,
    hints: Option<&FileNameFacts>,
    limits: &Limits,
    scratch: &mut Scratch,
) -> Result<Parsed, ParseError> {
    let unreadable = |error| ParseError {
        kind: ParseErrorKind::Read(error),
        offset: 0,
    };
    let (building, stop) = Building::run(open().map_err(unreadable)?, limits, scratch);
    let Some(Stop::Syntax { reason, offset }) = stop else {
        return building.finish(stop, hints);
    };
    let mended = Repair::new(open().map_err(unreadable)?, limits);
    let (mut second, second_stop) = Building::run(Box::new(mended), limits, scratch);
    // Where the damage cannot be mended, the second reading may end earlier than the first.
    if second_stop.is_some() && second.report.records.len() < building.report.records.len() {
        return building.finish(Some(Stop::Syntax { reason, offset }), hints);
    }
    second.warn(WarningKind::MendedMarkup, &reason, Some(offset));
    let second_stop = match second_stop {
        Some(Stop::Fatal(error)) => Some(Stop::Fatal(error)),
        // What was no record before mending may have been one before it was broken: this is no empty report.
        None if !second.report.records.is_empty() => None,
        // Offsets of the second reading are those of the mended text.
        _ => Some(Stop::Syntax { reason, offset }),
    };
    second.finish(second_stop, hints)
}

impl Building {
    /// Reads one text to the end of its report or as far as it goes.
    fn run(text: Box<dyn Read + '_>, limits: &Limits, scratch: &mut Scratch) -> (Self, Option<Stop>) {
        let mut building = Self {
            report: Report::default(),
            warnings: Warnings::default(),
            limits: *limits,
            scratch: std::mem::take(scratch),
            begin: None,
            end: None,
            seen: Seen::default(),
        };
        building.scratch.interner.clear();
        building.scratch.memo.clear();
        let mut tokens = Tokens::new(text, limits, std::mem::take(&mut building.scratch.buffers));
        let stop = building.read(&mut tokens).err();
        building.scratch.buffers = tokens.into_buffers();
        *scratch = std::mem::take(&mut building.scratch);
        (building, stop)
    }

    fn read(&mut self, tokens: &mut Tokens<'_>) -> Result<(), Stop> {
        self.report.namespace = match tokens.enter_root(&mut self.warnings) {
            Err(Stop::Ended { offset }) => {
                return Err(Stop::Fatal(ParseError {
                    kind: ParseErrorKind::NotAReport,
                    offset,
                }));
            }
            namespace => namespace?,
        };
        loop {
            let warnings_before = self.warnings.total();
            let from = self.read_known_records(tokens)?;
            let Some(name) = tokens.child(&mut self.warnings)? else {
                break;
            };
            if name == Element::Record {
                record::read(tokens, self, from, warnings_before)?;
                continue;
            }
            let known = matches!(
                name,
                Element::Version | Element::ReportMetadata | Element::PolicyPublished
            );
            let mut seen = self.seen;
            if !known || self.repeats(&mut seen, name, tokens.offset()) {
                tokens.skip(&mut self.warnings)?;
                continue;
            }
            self.seen = seen;
            match name {
                Element::Version => {
                    let text = tokens.leaf(&mut self.warnings)?;
                    self.report.version = self.boxed(text, self.limits.name_bytes_max, "version");
                }
                Element::ReportMetadata => header::read_metadata(tokens, self)?,
                _ => header::read_policy(tokens, self)?,
            }
        }
        tokens.leave_root(&mut self.warnings);
        Ok(())
    }

    /// Takes the records that the memo knows and gives the offset of what follows.
    fn read_known_records(&mut self, tokens: &mut Tokens<'_>) -> Result<u64, Stop> {
        loop {
            tokens.ensure(AHEAD_BYTES)?;
            tokens.skip_space()?;
            if self.report.records.len() >= self.limits.records_max {
                break;
            }
            let Some((len, record)) = self.scratch.memo.find(tokens.window().buffered()) else {
                break;
            };
            tokens.window().advance(len);
            self.push_record(record);
        }
        Ok(tokens.offset())
    }

    fn push_record(&mut self, record: Record) {
        let records = &mut self.report.records;
        if records.len() == records.capacity() && records.len() >= RECORDS_DOUBLED_MAX {
            // Doubling a million records would hold the old and the new ones at once, and the allocator keeps the
            // old ones a while: 89 MB for 32. Memory that is reserved but not written to costs nothing.
            let more = self
                .limits
                .records_max
                .min(RECORDS_RESERVED)
                .saturating_sub(records.len());
            // If that much cannot be had, pushing finds out how much can.
            let _ = records.try_reserve_exact(more);
        }
        records.push(record);
    }

    fn warn(&mut self, kind: WarningKind, detail: &str, offset: Option<u64>) {
        self.warnings.add(kind, detail, offset);
    }

    /// Notes that `name` occurred; `true`, with a warning, if it had before.
    #[inline]
    fn repeats(&mut self, seen: &mut Seen, name: Element, offset: u64) -> bool {
        if seen.has(name) {
            self.warn(WarningKind::RepeatedElement, name.word(), Some(offset));
            return true;
        }
        seen.0 |= 1 << (name as u8);
        false
    }

    /// At most `bytes_max` bytes of `text`.
    fn cut<'t>(&mut self, text: &'t str, bytes_max: usize, what: &str) -> &'t str {
        let (text, cut) = text::cut(text, bytes_max);
        if cut {
            self.warn(WarningKind::Cut, what, None);
        }
        text
    }

    fn boxed(&mut self, text: &str, bytes_max: usize, what: &str) -> Option<Box<str>> {
        let text = self.cut(text, bytes_max, what);
        (!text.is_empty()).then(|| text.into())
    }

    /// Keeps a text of the record at hand.
    #[inline]
    fn keep(&mut self, text: &str, bytes_max: usize, what: &str) -> Option<Span> {
        let text = self.cut(text, bytes_max, what);
        self.scratch.draft.push_some(text)
    }

    /// Keeps a domain of the record at hand.
    #[inline]
    fn keep_domain(&mut self, text: &str, what: &str) -> Option<Span> {
        let domain = match text.as_bytes().contains(&b'@') {
            true => mailbox_domain_cow(text)?,
            false => normalise_domain_cow(text)?,
        };
        self.keep(&domain, self.limits.domain_bytes_max, what)
    }

    /// Keeps a text of the record at hand that could not be mapped, and warns.
    fn keep_raw(&mut self, field: RawField, kind: WarningKind, text: &str) {
        self.warn(kind, text, None);
        let text = self.cut(text, self.limits.name_bytes_max, field.word());
        self.scratch.draft.push_raw(field, text);
    }
}
