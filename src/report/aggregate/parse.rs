//! One aggregate report from its text.
//!
//! The union of RFC 7489, appendix C, RFC 9990, appendix A, and the draft of 2012. An element is known by its
//! local name and its parent, in any order; the first of an element that may occur once wins; an unknown element is
//! skipped with all that is in it, since an extension may use our names for its own ends.
//!
//! A text whose markup is broken is read a second time through [`Repair`]. What cannot be mended ends the report
//! there: the complete records before are kept and the report is marked partial.

#[cfg(test)]
mod documents_tests;
mod draft;
mod finish;
mod header;
mod memo;
mod record;
#[cfg(test)]
mod tests;

use super::repair::Repair;
use super::xml::{Buffers, Element, Following, Stop, Tokens};
use super::{FileNameFacts, Limits, ParseError, ParseErrorKind, RawField, Record, Report, WarningKind, Warnings, text};
use crate::base::budget::{Breach, Budget, Cost};
use crate::base::{mailbox_domain_cow, normalise_domain_cow};
use draft::{Draft, Interner, Span};
use memo::Memo;
use std::cell::RefCell;
use std::io::{self, Read};

/// A record shorter than this is completely in the window, so that it is read without the tokenizer's help.
const AHEAD_BYTES: usize = memo::RECORD_BYTES_MAX;

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
struct Building<'a> {
    budget: &'a Budget<'a>,
    /// What this report has drawn from the budget; it is given back if the report is dropped.
    drawn: Cost,
    report: Report,
    warnings: Warnings,
    limits: Limits,
    scratch: Scratch,
    begin: Option<i64>,
    end: Option<i64>,
    /// The first date that could not be read, and where it stands.
    no_date: Option<(Box<str>, u64)>,
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

/// Parses the first report in the text that `open` gives, with no limits but these; as [`parse_all`].
///
/// # Errors
/// As there.
pub fn parse<R: Read>(
    open: &mut dyn FnMut() -> io::Result<R>,
    hints: Option<&FileNameFacts>,
    limits: &Limits,
) -> Result<Parsed, ParseError> {
    let mut first = None;
    let budget = Budget::of_time(&|_| false);
    parse_all(open, hints, limits, &budget, &mut |result| {
        first.get_or_insert(result);
    });
    first.unwrap_or(Err(ParseError {
        kind: ParseErrorKind::NotAReport,
        offset: 0,
    }))
}

/// Parses every report in the text that `open` gives, and calls `each` in their order, at least once: UTF-8, whatever a
/// declaration in it says. Reports stand one behind the other, or in an element around all of them. `open` is called
/// once, and a second time if the markup is broken. `hints` stand in for what the text lacks, with a warning.
///
/// Time is linear in the text, memory is that of the [`Report`] and a constant, and both are drawn from `budget`. Once a
/// limit of it is exceeded, no more is read, and the report at hand is dropped. Of a text with more than
/// [`DOCUMENTS_MAX`] reports, or more than [`FAILED_MAX`] that cannot be read, the rest is not read, which is an error.
///
/// # Errors
/// `each` is given one when nothing of a report can be kept: no report in it, a limit exceeded, no policy domain or date
/// range, broken markup before the first complete record, or the reader's own error.
pub fn parse_all<R: Read>(
    open: &mut dyn FnMut() -> io::Result<R>,
    hints: Option<&FileNameFacts>,
    limits: &Limits,
    budget: &Budget<'_>,
    each: &mut dyn FnMut(Result<Parsed, ParseError>),
) {
    let mut scratch = SCRATCH.with_borrow_mut(Option::take).unwrap_or_default();
    let shared = Shared { hints, limits, budget };
    parse_with(&mut || Ok(Box::new(open()?)), &shared, &mut scratch, each);
    SCRATCH.with_borrow_mut(|kept| *kept = Some(scratch));
}

/// Reports that are read of one text.
pub const DOCUMENTS_MAX: usize = 1_000;
/// Reports of one text that may be unreadable before the rest of it is not looked at.
pub const FAILED_MAX: usize = 16;

/// What holds for all reports of a text.
struct Shared<'a> {
    hints: Option<&'a FileNameFacts>,
    limits: &'a Limits,
    budget: &'a Budget<'a>,
}

fn parse_with<'a>(
    open: &mut dyn FnMut() -> io::Result<Box<dyn Read + 'a>>,
    shared: &Shared<'a>,
    scratch: &mut Scratch,
    each: &mut dyn FnMut(Result<Parsed, ParseError>),
) {
    let text = match open() {
        Ok(text) => text,
        Err(error) => return each(Err(unreadable(error))),
    };
    let mut reading = Reading {
        tokens: Tokens::new(text, shared.limits, shared.budget, std::mem::take(&mut scratch.buffers)),
        base: 0,
        is_mended: false,
    };
    let (mut count, mut failed, mut garbage) = (0, 0, None);
    loop {
        let from = reading.offset();
        if count >= DOCUMENTS_MAX || failed > FAILED_MAX {
            let kind = ParseErrorKind::TooManyReports(count);
            each(Err(ParseError { kind, offset: from }));
            break;
        }
        let (mut building, mut stop) = reading.run(shared, scratch);
        if let Some(offset) = garbage.take() {
            building.warn(WarningKind::LeadingGarbage, "text between two reports", Some(offset));
        }
        if !reading.is_mended && matches!(stop, Some(Stop::Syntax { .. })) {
            let again = Again { open, from };
            match reading.mend(again, (building, stop), shared, scratch) {
                Ok(mended) => (building, stop) = mended,
                Err(error) => {
                    each(Err(unreadable(error)));
                    break;
                }
            }
        }
        let following = reading.leave(&mut building, stop.as_ref());
        let drawn = building.drawn;
        let mut result = building.finish(stop, shared.hints);
        if let Ok(parsed) = &result
            && let Err(breach) = shared
                .budget
                .charge(finish::header_cost(parsed), Breach::TooMuchToStore)
        {
            result = Err(ParseError {
                kind: ParseErrorKind::Budget(breach),
                offset: from,
            });
        }
        if result.is_err() {
            shared.budget.refund(drawn);
        }
        count += 1;
        failed += usize::from(result.is_err());
        each(result);
        match following {
            Ok(Following::Report { garbage: found }) => garbage = found,
            Ok(Following::End { .. }) => break,
            // The report is complete; what comes behind it could not be read.
            Err(Stop::Fatal(error)) => {
                each(Err(error));
                break;
            }
            Err(_) => break,
        }
    }
    scratch.buffers = reading.tokens.into_buffers();
}

/// Why reading stops when the budget is spent.
fn spent(breach: Breach, offset: u64) -> Stop {
    Stop::Fatal(ParseError {
        kind: ParseErrorKind::Budget(breach),
        offset,
    })
}

fn unreadable(error: io::Error) -> ParseError {
    ParseError {
        kind: ParseErrorKind::Read(error),
        offset: 0,
    }
}

/// How far a text was read, and through what.
struct Reading<'a> {
    tokens: Tokens<'a>,
    /// Where in the text the tokens began.
    base: u64,
    /// Whether the tokens come through [`Repair`]. Their offsets are then those of the mended text.
    is_mended: bool,
}

/// The text of a report once more.
struct Again<'o, 'a> {
    open: &'o mut dyn FnMut() -> io::Result<Box<dyn Read + 'a>>,
    /// Where in the text the report begins.
    from: u64,
}

impl<'a> Reading<'a> {
    fn offset(&self) -> u64 {
        self.base + self.tokens.offset()
    }

    /// Reads one report to its end or as far as it goes.
    fn run(&mut self, shared: &Shared<'a>, scratch: &mut Scratch) -> (Building<'a>, Option<Stop>) {
        let (mut building, stop) = Building::run(&mut self.tokens, shared, scratch);
        building.warnings.shift(self.base);
        if let Some((_, offset)) = &mut building.no_date {
            *offset += self.base;
        }
        (building, stop.map(|stop| stop.shifted(self.base)))
    }

    /// Goes on to the next report, and notes what stands behind the one that was read.
    fn leave(&mut self, building: &mut Building<'_>, stop: Option<&Stop>) -> Result<Following, Stop> {
        if matches!(stop, Some(Stop::Ended { .. } | Stop::Fatal(_))) {
            return Ok(Following::End { trailing: None });
        }
        let base = self.base;
        match self.tokens.leave_root().map_err(|stop| stop.shifted(base)) {
            Ok(Following::Report { garbage }) => Ok(Following::Report {
                garbage: garbage.map(|offset| base + offset),
            }),
            Ok(following) => {
                if let (None, Following::End { trailing: Some(offset) }) = (stop, &following) {
                    building.warn(WarningKind::TrailingData, "data after feedback", Some(base + offset));
                }
                Ok(following)
            }
            Err(stop) => {
                if let Stop::Fatal(error) = &stop {
                    building.warn(WarningKind::ArchiveDamaged, &error.kind.to_string(), Some(error.offset));
                }
                Err(stop)
            }
        }
    }

    /// Reads a report whose markup is broken a second time, and returns the better of the two readings. What follows is
    /// read through [`Repair`] too.
    fn mend(
        &mut self,
        again: Again<'_, 'a>,
        (building, stop): (Building<'a>, Option<Stop>),
        shared: &Shared<'a>,
        scratch: &mut Scratch,
    ) -> io::Result<(Building<'a>, Option<Stop>)> {
        let limits = shared.limits;
        let Some(Stop::Syntax { reason, offset }) = stop else {
            return Ok((building, stop));
        };
        let Again { open, from } = again;
        let mut text = open()?;
        io::copy(&mut text.by_ref().take(from), &mut io::sink())?;
        let mended = Tokens::new(
            Box::new(Repair::new(text, limits)),
            limits,
            shared.budget,
            Buffers::default(),
        );
        scratch.buffers = std::mem::replace(&mut self.tokens, mended).into_buffers();
        (self.base, self.is_mended) = (from, true);
        let (mut second, second_stop) = self.run(shared, scratch);
        // Where the damage cannot be mended, the second reading may end earlier than the first.
        let is_spent =
            matches!(&second_stop, Some(Stop::Fatal(error)) if matches!(error.kind, ParseErrorKind::Budget(_)));
        if second_stop.is_some() && !is_spent && second.report.records.len() < building.report.records.len() {
            second.drop_drawn();
            return Ok((building, Some(Stop::Syntax { reason, offset })));
        }
        building.drop_drawn();
        second.warn(WarningKind::MendedMarkup, &reason, Some(offset));
        let second_stop = match second_stop {
            Some(Stop::Fatal(error)) => Some(Stop::Fatal(error)),
            // Text that was not a record before mending may have been one before it was broken: this report is not empty.
            None if !second.report.records.is_empty() => None,
            // Offsets of the second reading are those of the mended text.
            _ => Some(Stop::Syntax { reason, offset }),
        };
        Ok((second, second_stop))
    }
}

impl<'a> Building<'a> {
    /// Reads one report to its end or as far as it goes.
    fn run(tokens: &mut Tokens<'_>, shared: &Shared<'a>, scratch: &mut Scratch) -> (Self, Option<Stop>) {
        let mut building = Self {
            budget: shared.budget,
            drawn: Cost::default(),
            report: Report::default(),
            warnings: Warnings::default(),
            limits: *shared.limits,
            scratch: std::mem::take(scratch),
            begin: None,
            end: None,
            no_date: None,
            seen: Seen::default(),
        };
        building.scratch.interner.clear();
        building.scratch.memo.clear();
        let stop = building.read(tokens).err();
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
        Ok(())
    }

    /// Reads the records that the memo knows. Returns the offset after them.
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
            tokens.step()?;
            tokens.window().advance(len);
            self.push_record(record)
                .map_err(|breach| spent(breach, tokens.offset()))?;
        }
        Ok(tokens.offset())
    }

    #[inline]
    fn push_record(&mut self, record: Record) -> Result<(), Breach> {
        let more = self.report.records.growth();
        if more > 0 {
            self.make_room(more)?;
        }
        self.report.records.push(record);
        Ok(())
    }

    /// Room for more records, drawn before it is taken.
    #[cold]
    fn make_room(&mut self, more: usize) -> Result<(), Breach> {
        let bytes = (more * size_of::<Record>()) as u64;
        self.draw(bytes, 0, self.budget.too_much_memory())?;
        self.report.records.grow();
        Ok(())
    }

    /// Draws from the budget what this report takes more.
    fn draw(&mut self, memory: u64, stored: u64, breach: Breach) -> Result<(), Breach> {
        let cost = Cost { memory, stored };
        self.budget.charge(cost, breach)?;
        self.drawn.add(cost);
        Ok(())
    }

    /// Gives back what was drawn: the report is dropped.
    fn drop_drawn(self) {
        self.budget.refund(self.drawn);
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
        let domain = match memchr::memchr(b'@', text.as_bytes()).is_some() {
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
