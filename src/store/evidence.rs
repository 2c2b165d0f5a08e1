//! `evidence`: what the records of a report refer to, in blocks of about a page.
//!
//! Each report has its own: a record says which piece it refers to, and a reader of records has all of it nearby. A block has
//! the texts of its pieces once, since names repeat even where results do not. A piece is numbered within its report:
//! [`PLACES`] times the number of its block, plus its place in it. docs/storage.md has the bytes.

use hashbrown::HashMap;

use crate::report::aggregate::{
    AuthResult, DkimAuth, Evidence, RawField, RawText, Reason, ReasonKind, SpfAuth, SpfScope,
};

use super::codec::{Reader, put_number};

const VERSION: u8 = 1;
/// Numbers of a block. A block that is full of bytes leaves some of them out.
pub(super) const PLACES: u32 = 128;
/// Bytes of a block, if it has more than one piece: it fits into a page of SQLite's, beside the keys and lengths of its row.
pub(super) const BLOCK_BYTES_MAX: usize = 3_900;

// The head of a piece.
const ENVELOPE_FROM: u8 = 1;
const ENVELOPE_TO: u8 = 1 << 1;
const DKIM_SHIFT: u8 = 2;
const SPF_SHIFT: u8 = 4;
/// This number of results or more follows as a number.
const MANY: u8 = 3;
const REASONS: u8 = 1 << 6;
const RAW: u8 = 1 << 7;

/// Of the byte of a DKIM result, of an SPF result, and of a reason.
const CODE: u8 = 0x0f;
const DKIM_RAW: u8 = 1 << 4;
const DKIM_HUMAN: u8 = 1 << 5;
const SCOPE_SHIFT: u8 = 4;
const SPF_RAW: u8 = 1 << 6;
const SPF_HUMAN: u8 = 1 << 7;
const KIND_RAW: u8 = 1 << 4;
const COMMENT: u8 = 1 << 5;

/// The block and the place of a piece of evidence.
pub(super) fn place(number: u32) -> (u32, u32) {
    (number / PLACES, number % PLACES)
}

/// Packs the evidence of a report.
#[derive(Default)]
pub(super) struct Packer<'e> {
    full: Vec<Vec<u8>>,
    last: Block<'e>,
}

/// A block that is being filled.
#[derive(Default)]
struct Block<'e> {
    /// By text, its number in this block.
    texts: HashMap<&'e str, u32>,
    table: Vec<u8>,
    pieces: Vec<u8>,
    count: u32,
    /// Bytes of the largest piece with its new texts.
    largest: usize,
}

impl<'e> Packer<'e> {
    /// Adds a piece. Returns its number.
    pub fn add(&mut self, evidence: &'e Evidence) -> u32 {
        if self.last.is_full() {
            self.full.push(self.last.take());
        }
        let block = u32::try_from(self.full.len()).unwrap_or(u32::MAX / PLACES);
        block * PLACES + self.last.add(evidence)
    }

    /// The blocks, from 0 on.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        if self.last.count > 0 {
            self.full.push(self.last.take());
        }
        self.full
    }
}

impl<'e> Block<'e> {
    fn bytes(&self) -> usize {
        // The version, and the number of texts.
        3 + self.table.len() + self.pieces.len()
    }

    /// Whether another piece of the largest size would be too much.
    fn is_full(&self) -> bool {
        self.count == PLACES || self.count > 0 && self.bytes() + self.largest > BLOCK_BYTES_MAX
    }

    fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes());
        bytes.push(VERSION);
        put_number(&mut bytes, self.texts.len() as u64);
        bytes.extend_from_slice(&self.table);
        bytes.extend_from_slice(&self.pieces);
        self.texts.clear();
        self.table.clear();
        self.pieces.clear();
        (self.count, self.largest) = (0, 0);
        bytes
    }

    fn add(&mut self, evidence: &'e Evidence) -> u32 {
        let before = self.bytes();
        self.pieces.push(head(evidence));
        self.opt(&evidence.header_from);
        self.if_some(&evidence.envelope_from);
        self.if_some(&evidence.envelope_to);
        self.many(evidence.dkim.len());
        for dkim in &evidence.dkim {
            self.opt(&dkim.domain);
            self.opt(&dkim.selector);
            let texts = flag(DKIM_RAW, &dkim.result_raw) | flag(DKIM_HUMAN, &dkim.human_result);
            self.pieces.push(dkim.result.code() | texts);
            self.if_some(&dkim.result_raw);
            self.if_some(&dkim.human_result);
        }
        self.many(evidence.spf.len());
        for spf in &evidence.spf {
            self.opt(&spf.domain);
            let scope = spf.scope.map_or(0, |scope| scope.code() + 1) << SCOPE_SHIFT;
            let texts = flag(SPF_RAW, &spf.result_raw) | flag(SPF_HUMAN, &spf.human_result);
            self.pieces.push(spf.result.code() | scope | texts);
            self.if_some(&spf.result_raw);
            self.if_some(&spf.human_result);
        }
        if !evidence.reasons.is_empty() {
            self.number(evidence.reasons.len() as u64);
        }
        for reason in &evidence.reasons {
            let texts = flag(KIND_RAW, &reason.kind_raw) | flag(COMMENT, &reason.comment);
            self.pieces.push(reason.kind.code() | texts);
            self.if_some(&reason.kind_raw);
            self.if_some(&reason.comment);
        }
        if !evidence.raw.is_empty() {
            self.number(evidence.raw.len() as u64);
        }
        for raw in &evidence.raw {
            self.pieces.push(raw.field.code());
            self.text(&raw.text, 0);
        }
        self.largest = self.largest.max(self.bytes() - before);
        self.count += 1;
        self.count - 1
    }

    fn number(&mut self, number: u64) {
        put_number(&mut self.pieces, number);
    }

    /// The length of a list, if the head has no room for it.
    fn many(&mut self, len: usize) {
        if len >= usize::from(MANY) {
            self.number(len as u64);
        }
    }

    fn if_some(&mut self, text: &'e Option<Box<str>>) {
        if let Some(text) = text {
            self.text(text, 0);
        }
    }

    fn opt(&mut self, text: &'e Option<Box<str>>) {
        match text {
            None => self.pieces.push(0),
            Some(text) => self.text(text, 1),
        }
    }

    /// `above` makes room for the number that says "none".
    fn text(&mut self, text: &'e str, above: u64) {
        let next = self.texts.len() as u32;
        let nth = *self.texts.entry(text).or_insert(next);
        if nth == next {
            put_number(&mut self.table, text.len() as u64);
            self.table.extend_from_slice(text.as_bytes());
        }
        self.number(u64::from(nth) + above);
    }
}

fn flag(bit: u8, text: &Option<Box<str>>) -> u8 {
    if text.is_some() { bit } else { 0 }
}

fn head(evidence: &Evidence) -> u8 {
    let few = |len: usize| len.min(usize::from(MANY)) as u8;
    let rest = |bit: u8, is_empty: bool| if is_empty { 0 } else { bit };
    flag(ENVELOPE_FROM, &evidence.envelope_from)
        | flag(ENVELOPE_TO, &evidence.envelope_to)
        | few(evidence.dkim.len()) << DKIM_SHIFT
        | few(evidence.spf.len()) << SPF_SHIFT
        | rest(REASONS, evidence.reasons.is_empty())
        | rest(RAW, evidence.raw.is_empty())
}

/// Unpacks a block: calls `each` with each place and its piece, in order. False if the bytes are damaged or from a newer
/// version.
#[must_use]
pub(super) fn decode(bytes: &[u8], each: impl FnMut(u32, Evidence)) -> bool {
    read(bytes, each).is_some()
}

fn read(bytes: &[u8], mut each: impl FnMut(u32, Evidence)) -> Option<()> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION {
        return None;
    }
    let mut texts = Vec::new();
    for _ in 0..reader.number()? {
        let len = usize::try_from(reader.number()?).ok()?;
        texts.push(std::str::from_utf8(reader.take(len)?).ok()?);
    }
    let mut pieces = PieceReader { reader, texts };
    for place in 0..PLACES {
        if pieces.reader.is_empty() {
            return Some(());
        }
        each(place, pieces.piece()?);
    }
    pieces.reader.is_empty().then_some(())
}

struct PieceReader<'b> {
    reader: Reader<'b>,
    texts: Vec<&'b str>,
}

impl PieceReader<'_> {
    fn piece(&mut self) -> Option<Evidence> {
        let head = self.reader.byte()?;
        let mut evidence = Evidence {
            header_from: self.opt()?,
            envelope_from: self.text_if(head & ENVELOPE_FROM)?,
            envelope_to: self.text_if(head & ENVELOPE_TO)?,
            ..Evidence::default()
        };
        for _ in 0..self.len(head >> DKIM_SHIFT)? {
            let (domain, selector, byte) = (self.opt()?, self.opt()?, self.reader.byte()?);
            evidence.dkim.push(DkimAuth {
                domain,
                selector,
                result: AuthResult::from_code(byte & CODE)?,
                result_raw: self.text_if(byte & DKIM_RAW)?,
                human_result: self.text_if(byte & DKIM_HUMAN)?,
            });
        }
        for _ in 0..self.len(head >> SPF_SHIFT)? {
            let (domain, byte) = (self.opt()?, self.reader.byte()?);
            evidence.spf.push(SpfAuth {
                domain,
                scope: match byte >> SCOPE_SHIFT & 3 {
                    0 => None,
                    code => Some(SpfScope::from_code(code - 1)?),
                },
                result: AuthResult::from_code(byte & CODE)?,
                result_raw: self.text_if(byte & SPF_RAW)?,
                human_result: self.text_if(byte & SPF_HUMAN)?,
            });
        }
        for _ in 0..self.number_if(head & REASONS)? {
            let byte = self.reader.byte()?;
            evidence.reasons.push(Reason {
                kind: ReasonKind::from_code(byte & CODE)?,
                kind_raw: self.text_if(byte & KIND_RAW)?,
                comment: self.text_if(byte & COMMENT)?,
            });
        }
        for _ in 0..self.number_if(head & RAW)? {
            evidence.raw.push(RawText {
                field: RawField::from_code(self.reader.byte()?)?,
                text: self.text()?,
            });
        }
        Some(evidence)
    }

    fn len(&mut self, bits: u8) -> Option<u64> {
        match bits & MANY {
            MANY => self.reader.number(),
            few => Some(few.into()),
        }
    }

    fn number_if(&mut self, bit: u8) -> Option<u64> {
        if bit == 0 { Some(0) } else { self.reader.number() }
    }

    /// Outer `None`: damaged.
    fn opt(&mut self) -> Option<Option<Box<str>>> {
        match self.reader.number()? {
            0 => Some(None),
            number => self.numbered(number - 1).map(Some),
        }
    }

    /// Outer `None`: damaged.
    fn text_if(&mut self, bit: u8) -> Option<Option<Box<str>>> {
        if bit == 0 { Some(None) } else { self.text().map(Some) }
    }

    fn text(&mut self) -> Option<Box<str>> {
        let number = self.reader.number()?;
        self.numbered(number)
    }

    fn numbered(&self, number: u64) -> Option<Box<str>> {
        let text = self.texts.get(usize::try_from(number).ok()?)?;
        Some((*text).into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Option<Box<str>>> {
        proptest::option::of(prop_oneof!["[a-c]{0,3}", "\\PC{0,200}"].prop_map(Box::from))
    }

    fn result() -> impl Strategy<Value = AuthResult> {
        proptest::sample::select(AuthResult::ALL)
    }

    fn evidence() -> impl Strategy<Value = Evidence> {
        let dkim =
            (text(), text(), result(), text(), text()).prop_map(|(domain, selector, result, raw, human)| DkimAuth {
                domain,
                selector,
                result,
                result_raw: raw,
                human_result: human,
            });
        let scope = proptest::option::of(proptest::sample::select(SpfScope::ALL));
        let spf = (text(), scope, result(), text(), text()).prop_map(|(domain, scope, result, raw, human)| SpfAuth {
            domain,
            scope,
            result,
            result_raw: raw,
            human_result: human,
        });
        let reason =
            (proptest::sample::select(ReasonKind::ALL), text(), text()).prop_map(|(kind, kind_raw, comment)| Reason {
                kind,
                kind_raw,
                comment,
            });
        let raw = (proptest::sample::select(RawField::ALL), "\\PC{0,20}").prop_map(|(field, text)| RawText {
            field,
            text: text.into(),
        });
        let lists = (
            proptest::collection::vec(dkim, 0..4),
            proptest::collection::vec(spf, 0..3),
            proptest::collection::vec(reason, 0..3),
            proptest::collection::vec(raw, 0..3),
        );
        (text(), text(), text(), lists).prop_map(|(header_from, envelope_from, envelope_to, lists)| Evidence {
            header_from,
            envelope_from,
            envelope_to,
            dkim: lists.0,
            spf: lists.1,
            reasons: lists.2,
            raw: lists.3,
        })
    }

    fn packed(all: &[Evidence]) -> (Vec<u32>, Vec<Vec<u8>>) {
        let mut packer = Packer::default();
        let numbers = all.iter().map(|one| packer.add(one)).collect();
        (numbers, packer.finish())
    }

    fn unpacked(numbers: &[u32], blocks: &[Vec<u8>]) -> Vec<Evidence> {
        let read = |block: &Vec<u8>| {
            let mut read = Vec::new();
            assert!(decode(block, |place, one| {
                assert_eq!(place as usize, read.len());
                read.push(one);
            }));
            read
        };
        let blocks: Vec<Vec<Evidence>> = blocks.iter().map(read).collect();
        let one = |number: &u32| {
            let (block, place) = place(*number);
            blocks[block as usize][place as usize].clone()
        };
        numbers.iter().map(one).collect()
    }

    proptest! {
        #[test]
        fn comes_back_as_it_was(all in proptest::collection::vec(evidence(), 0..40)) {
            let (numbers, blocks) = packed(&all);
            prop_assert_eq!(unpacked(&numbers, &blocks), all);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, |_, _| {});
        }
    }

    /// What a forwarder adds: a bounce domain of its own.
    fn forwarded(nth: usize) -> Evidence {
        let bounce: Option<Box<str>> = Some(format!("b{nth:06}.lists.example.net").into());
        Evidence {
            header_from: Some("news.example.com".into()),
            envelope_from: bounce.clone(),
            dkim: vec![DkimAuth {
                domain: Some("news.example.com".into()),
                selector: Some("s2026a".into()),
                result: AuthResult::Pass,
                ..DkimAuth::default()
            }],
            spf: vec![SpfAuth {
                domain: bounce,
                scope: Some(SpfScope::Mfrom),
                result: AuthResult::Pass,
                ..SpfAuth::default()
            }],
            ..Evidence::default()
        }
    }

    #[test]
    fn a_piece_takes_its_own_texts_and_a_few_bytes() {
        for count in [1_usize, 2, 127, 128, 129, 20_000] {
            let all: Vec<_> = (0..count).map(forwarded).collect();
            let (numbers, blocks) = packed(&all);
            assert_eq!(unpacked(&numbers, &blocks), all, "{count}");
            assert!(blocks.iter().all(|block| block.len() <= BLOCK_BYTES_MAX), "{count}");
            let bytes: usize = blocks.iter().map(Vec::len).sum();
            let shared = blocks.len() * 32;
            assert!(bytes <= shared + count * (26 + 10), "{count}: {bytes}");
            // All blocks but the last are nearly full, of bytes or of pieces.
            let full = blocks.iter().rev().skip(1);
            assert!(full.clone().all(|block| block.len() > BLOCK_BYTES_MAX - 100), "{count}");
        }
        // The same piece again takes no text.
        let same = vec![forwarded(1); 300];
        let (numbers, blocks) = packed(&same);
        assert_eq!(numbers.iter().map(|number| place(*number).0).max(), Some(2));
        assert_eq!(unpacked(&numbers, &blocks), same);
        assert!(blocks.iter().all(|block| block.len() < 128 * 8 + 60));
    }

    #[test]
    fn a_large_piece_has_a_block_and_leaves_the_others_theirs() {
        let mut large = forwarded(0);
        large.reasons = (0..1_000)
            .map(|nth| Reason {
                comment: Some(format!("text {nth}").into()),
                ..Reason::default()
            })
            .collect();
        let all = [forwarded(1), large, forwarded(2), forwarded(3)];
        let (numbers, blocks) = packed(&all);
        assert_eq!(unpacked(&numbers, &blocks), all);
        assert_eq!(numbers, [0, 1, PLACES, PLACES + 1]);
    }

    #[test]
    fn codes_fit_into_their_bits() {
        let results = AuthResult::ALL.iter().map(|one| one.code());
        let kinds = ReasonKind::ALL.iter().map(|one| one.code());
        assert!(results.chain(kinds).all(|code| code <= CODE));
        assert!(SpfScope::ALL.iter().all(|scope| scope.code() < 3));
    }
}
