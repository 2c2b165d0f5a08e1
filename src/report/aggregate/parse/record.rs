//! One record: `row`, `identifiers`, `auth_results`.

use super::draft::{AuthDraft, ReasonDraft, Span};
use super::memo;
use super::{Building, Seen, spent};
use crate::base::budget::{Breach, Cost};
use crate::report::aggregate::text::{self, Read};
use crate::report::aggregate::xml::{Element, Stop, Tokens};
use crate::report::aggregate::{
    Disposition, Evaluated, ParseError, ParseErrorKind, PassFail, RawField, ReasonKind, Record, SpfScope, WarningKind,
};
use std::net::IpAddr;

/// What `row` holds.
#[derive(Default)]
struct Row {
    source: Option<IpAddr>,
    has_source_text: bool,
    count: u64,
    has_count_text: bool,
    evaluated: Evaluated,
    /// Offsets of the two texts, where they were plain.
    source_span: Option<(u64, u64)>,
    count_span: Option<(u64, u64)>,
}

/// Reads the record whose start tag, at offset `from`, was just read; `warnings_before` arose before that tag.
pub(super) fn read(
    tokens: &mut Tokens<'_>,
    building: &mut Building<'_>,
    from: u64,
    warnings_before: u64,
) -> Result<(), Stop> {
    if building.report.records.len() >= building.limits.records_max {
        let kind = ParseErrorKind::TooManyRecords(building.limits.records_max);
        return Err(Stop::Fatal(ParseError { kind, offset: from }));
    }
    if building.report.evidence.len() > building.limits.evidence_max {
        let kind = ParseErrorKind::TooMuchEvidence(building.limits.evidence_max);
        return Err(Stop::Fatal(ParseError { kind, offset: from }));
    }
    building.scratch.draft.clear();
    let mut row = Row::default();
    let mut seen = Seen::default();
    while let Some(name) = tokens.child(&mut building.warnings)? {
        // ing.unipi.it and junc.org wrote `identities`.
        let name = if name == Element::Identities {
            Element::Identifiers
        } else {
            name
        };
        let known = matches!(name, Element::Row | Element::Identifiers | Element::AuthResults);
        if !known || building.repeats(&mut seen, name, tokens.offset()) {
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        match name {
            Element::Row => read_row(tokens, building, &mut row)?,
            Element::Identifiers => read_identifiers(tokens, building)?,
            _ => read_auth_results(tokens, building)?,
        }
    }
    if !row.has_source_text && row.count == 0 && building.scratch.draft.header_from.is_none() {
        // wp.pl and o2.pl send one such record in a report without messages (2023).
        building.warn(
            WarningKind::EmptyRecord,
            "record without address and messages",
            Some(from),
        );
        return Ok(());
    }
    warn_of_missing(building, &row, &seen, from);
    let evidence = match building
        .scratch
        .interner
        .find(&mut building.scratch.draft, &building.report.evidence)
    {
        Ok(known) => known,
        Err(hash) => building.add_evidence(hash).map_err(|breach| spent(breach, from))?,
    };
    let record = Record {
        source: row.source,
        evaluated: row.evaluated,
        evidence,
        count: row.count,
    };
    building.push_record(record).map_err(|breach| spent(breach, from))?;
    if building.warnings.total() == warnings_before && building.scratch.memo.wants(building.report.records.len()) {
        remember(tokens, building, from, &row, record);
    }
    Ok(())
}

fn remember(tokens: &mut Tokens<'_>, building: &mut Building<'_>, from: u64, row: &Row, record: Record) {
    let (Some(source), Some(count)) = (row.source_span, row.count_span) else {
        return;
    };
    let to = tokens.offset();
    let Some(bytes) = tokens.window().slice(from, to) else {
        return;
    };
    // All offsets are inside the slice, whose length is a usize.
    let relative =
        |(start, end): (u64, u64)| Some(usize::try_from(start - from).ok()?..usize::try_from(end - from).ok()?);
    let (Some(address), Some(count)) = (relative(source), relative(count)) else {
        return;
    };
    building.scratch.memo.remember(&memo::Parsed {
        bytes,
        address,
        count,
        record,
    });
}

impl Building<'_> {
    /// Adds the drafted evidence, which is new, and draws what it takes.
    fn add_evidence(&mut self, hash: u64) -> Result<u32, Breach> {
        let Cost { memory, stored } = self.scratch.draft.cost();
        self.draw(memory, stored, Breach::TooMuchEvidence)?;
        let scratch = &mut self.scratch;
        Ok(scratch.interner.add(hash, &scratch.draft, &mut self.report.evidence))
    }
}

fn warn_of_missing(building: &mut Building<'_>, row: &Row, seen: &Seen, offset: u64) {
    if !row.has_source_text {
        building.warn(WarningKind::Missing, "source_ip", Some(offset));
    }
    if !row.has_count_text {
        building.warn(WarningKind::Missing, "count", Some(offset));
    }
    if building.scratch.draft.header_from.is_none() {
        building.warn(WarningKind::Missing, "header_from", Some(offset));
    }
    if !seen.has(Element::AuthResults) {
        building.warn(WarningKind::Missing, "auth_results", Some(offset));
    }
    let Evaluated { disposition, dkim, spf } = row.evaluated;
    if disposition.is_none() || dkim.is_none() || spf.is_none() {
        building.warn(WarningKind::VerdictDerived, "policy_evaluated", Some(offset));
    }
}

fn read_row(tokens: &mut Tokens<'_>, building: &mut Building<'_>, row: &mut Row) -> Result<(), Stop> {
    let mut seen = Seen::default();
    while let Some(name) = tokens.child(&mut building.warnings)? {
        let known = matches!(name, Element::SourceIp | Element::Count | Element::PolicyEvaluated);
        if !known || building.repeats(&mut seen, name, tokens.offset()) {
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        match name {
            Element::SourceIp => {
                let text = tokens.leaf(&mut building.warnings)?;
                row.has_source_text = !text.is_empty();
                match text::address(text) {
                    Some(Read::Plain(address)) => row.source = Some(address),
                    Some(Read::Odd(address)) => {
                        row.source = Some(address);
                        building.keep_raw(RawField::SourceIp, WarningKind::OddSourceIp, text);
                    }
                    None if text.is_empty() => {}
                    None => building.keep_raw(RawField::SourceIp, WarningKind::OddSourceIp, text),
                }
                row.source_span = tokens.plain_span();
            }
            Element::Count => {
                let text = tokens.leaf(&mut building.warnings)?;
                row.has_count_text = !text.is_empty();
                match text::count(text) {
                    Some(Read::Plain(count)) => row.count = count,
                    Some(Read::Odd(count)) => {
                        row.count = count;
                        building.keep_raw(RawField::Count, WarningKind::NotANumber, text);
                    }
                    None if text.is_empty() => {}
                    // Not 1: nothing says that there was a message.
                    None => building.keep_raw(RawField::Count, WarningKind::NotANumber, text),
                }
                row.count_span = tokens.plain_span();
            }
            _ => row.evaluated = read_evaluated(tokens, building)?,
        }
    }
    Ok(())
}

fn read_evaluated(tokens: &mut Tokens<'_>, building: &mut Building<'_>) -> Result<Evaluated, Stop> {
    let mut evaluated = Evaluated::default();
    let mut seen = Seen::default();
    while let Some(name) = tokens.child(&mut building.warnings)? {
        if name == Element::Reason {
            read_reason(tokens, building)?;
            continue;
        }
        let known = matches!(name, Element::Disposition | Element::Dkim | Element::Spf);
        if !known || building.repeats(&mut seen, name, tokens.offset()) {
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        let text = tokens.leaf(&mut building.warnings)?;
        match name {
            Element::Disposition => {
                evaluated.disposition = text::disposition(text);
                if evaluated.disposition == Some(Disposition::Unknown) {
                    building.keep_raw(RawField::Disposition, WarningKind::UnknownWord, text);
                }
            }
            Element::Dkim => evaluated.dkim = pass_or_fail(building, RawField::Dkim, text),
            _ => evaluated.spf = pass_or_fail(building, RawField::Spf, text),
        }
    }
    Ok(evaluated)
}

/// RFC 9990, 3.1.1.11: pass or fail. globetax.com and uniqa.cz write `none` and `softfail` (2024): no pass either.
fn pass_or_fail(building: &mut Building<'_>, field: RawField, text: &str) -> Option<PassFail> {
    if text.is_empty() {
        return None;
    }
    let known = text::word(text, PassFail::from_word);
    if known.is_none() {
        building.keep_raw(field, WarningKind::UnknownWord, text);
    }
    Some(known.unwrap_or(PassFail::Fail))
}

/// `reason` with `type` and `comment`, or, as rspamd wrote it, with the type as its bare text.
fn read_reason(tokens: &mut Tokens<'_>, building: &mut Building<'_>) -> Result<(), Stop> {
    if building.scratch.draft.reasons.len() >= building.limits.results_max {
        building.warn(WarningKind::TooManyResults, "reason", Some(tokens.offset()));
        return tokens.skip(&mut building.warnings);
    }
    let mut kind = None;
    let mut comment = None;
    let mut bare = String::new();
    let mut seen = Seen::default();
    loop {
        tokens.begin_gathering();
        let child = tokens.child_or_text(&mut building.warnings)?;
        if bare.is_empty() {
            bare.push_str(tokens.gathered());
        }
        let Some(name) = child else { break };
        let known = matches!(name, Element::Type | Element::Comment);
        if !known || building.repeats(&mut seen, name, tokens.offset()) {
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        let text = tokens.leaf(&mut building.warnings)?;
        if name == Element::Type {
            kind = reason_kind(building, text);
        } else {
            comment = building.keep(text, building.limits.text_bytes_max, "comment");
        }
    }
    let kind = kind.or_else(|| reason_kind(building, &bare));
    // kddi.com writes an empty type and no comment (2024): there is no reason in it.
    if kind.is_some() || comment.is_some() {
        let (kind, kind_raw) = kind.unwrap_or_default();
        building.scratch.draft.reasons.push(ReasonDraft {
            kind,
            kind_raw,
            comment,
        });
    }
    Ok(())
}

/// The kind, and its text if it is not a known word; `None` for an empty text.
fn reason_kind(building: &mut Building<'_>, text: &str) -> Option<(ReasonKind, Option<Span>)> {
    if text.is_empty() {
        return None;
    }
    // The API's own word `unknown` is not in the standards.
    match text::word(text, ReasonKind::from_word).filter(|kind| *kind != ReasonKind::Unknown) {
        Some(kind) => Some((kind, None)),
        None => {
            building.warn(WarningKind::UnknownWord, text, None);
            Some((
                ReasonKind::Unknown,
                building.keep(text, building.limits.name_bytes_max, "type"),
            ))
        }
    }
}

fn read_identifiers(tokens: &mut Tokens<'_>, building: &mut Building<'_>) -> Result<(), Stop> {
    let mut seen = Seen::default();
    while let Some(name) = tokens.child(&mut building.warnings)? {
        let known = matches!(name, Element::HeaderFrom | Element::EnvelopeFrom | Element::EnvelopeTo);
        if !known || building.repeats(&mut seen, name, tokens.offset()) {
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        let text = tokens.leaf(&mut building.warnings)?;
        if name == Element::EnvelopeFrom {
            // RFC 9990, 3.1.1.12: it may be empty, for the null reverse-path.
            let domain = building.keep_domain(text, "envelope_from");
            building.scratch.draft.envelope_from = Some(domain.unwrap_or(0..0));
            continue;
        }
        let domain = building.keep_domain(text, name.word());
        if name == Element::EnvelopeTo {
            building.scratch.draft.envelope_to = domain;
            continue;
        }
        building.scratch.draft.header_from = domain;
        if text.contains(['@', '<']) {
            building.keep_raw(RawField::HeaderFrom, WarningKind::UnknownWord, text);
        }
    }
    Ok(())
}

fn read_auth_results(tokens: &mut Tokens<'_>, building: &mut Building<'_>) -> Result<(), Stop> {
    while let Some(name) = tokens.child(&mut building.warnings)? {
        let results = match name {
            Element::Dkim => building.scratch.draft.dkim.len(),
            Element::Spf => building.scratch.draft.spf.len(),
            _ => {
                tokens.skip(&mut building.warnings)?;
                continue;
            }
        };
        // RFC 9990, 3.1.1.14: at most 100.
        if results >= building.limits.results_max {
            building.warn(WarningKind::TooManyResults, name.word(), Some(tokens.offset()));
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        let auth = read_auth(tokens, building)?;
        if auth.says_nothing() {
            continue;
        }
        match name {
            Element::Dkim => building.scratch.draft.dkim.push(AuthDraft { scope: None, ..auth }),
            _ => building.scratch.draft.spf.push(AuthDraft { selector: None, ..auth }),
        }
    }
    Ok(())
}

/// A `dkim` or `spf` element; the one's `selector` and the other's `scope` are read in both.
fn read_auth(tokens: &mut Tokens<'_>, building: &mut Building<'_>) -> Result<AuthDraft, Stop> {
    let mut auth = AuthDraft::default();
    let mut seen = Seen::default();
    while let Some(name) = tokens.child(&mut building.warnings)? {
        let known = matches!(
            name,
            Element::Domain | Element::Selector | Element::Scope | Element::Result | Element::HumanResult
        );
        if !known || building.repeats(&mut seen, name, tokens.offset()) {
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        let text = tokens.leaf(&mut building.warnings)?;
        match name {
            Element::Domain => auth.domain = building.keep_domain(text, "domain"),
            Element::Selector => auth.selector = building.keep(text, building.limits.name_bytes_max, "selector"),
            Element::HumanResult => {
                auth.human_result = building.keep(text, building.limits.text_bytes_max, "human_result");
            }
            Element::Scope => {
                auth.scope = match text::word(text, SpfScope::from_word) {
                    _ if text.is_empty() => None,
                    Some(scope) if scope != SpfScope::Other => Some(scope),
                    _ => {
                        building.keep_raw(RawField::SpfScope, WarningKind::UnknownWord, text);
                        Some(SpfScope::Other)
                    }
                };
            }
            _ => {
                let (result, odd) = match text::auth_result(text) {
                    Read::Plain(result) => (result, false),
                    Read::Odd(result) => (result, true),
                };
                if odd {
                    building.warn(WarningKind::UnknownWord, text, None);
                }
                auth.result = result;
                auth.has_result = !text.is_empty();
                if text != result.word() {
                    auth.result_raw = building.keep(text, building.limits.name_bytes_max, "result");
                }
            }
        }
    }
    Ok(auth)
}
