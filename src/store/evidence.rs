//! How one [`Evidence`] is stored: in a few dozen bytes, since a domain has thousands of them.
//!
//! Version 1: a version byte, then the fields in the order of [`encode`]. A number is LEB128. A text is a number
//! `2 * length` with the bytes behind it, or `2 * n + 1` for the same text as the n-th before it, where the 0th is the
//! name of the domain row: the names in an evidence are mostly one and the same. An optional value has 0 in front for none; a list its length.
//! [`super::commit`] interns on the key of the content, so the encoding may change without making duplicates.

use hashbrown::HashMap;

use crate::report::aggregate::{
    AuthResult, DkimAuth, Evidence, RawField, RawText, Reason, ReasonKind, SpfAuth, SpfScope,
};

use super::codec::{Reader, put_number};

const VERSION: u8 = 1;

/// The stored form, for a domain row of this name.
pub(super) fn encode(evidence: &Evidence, domain: &str) -> Vec<u8> {
    let mut writer = Writer {
        bytes: Vec::with_capacity(64),
        texts: Texts::new(domain),
    };
    writer.bytes.push(VERSION);
    writer.opt(evidence.header_from.as_deref());
    writer.opt(evidence.envelope_from.as_deref());
    writer.opt(evidence.envelope_to.as_deref());
    writer.len(evidence.dkim.len());
    for dkim in &evidence.dkim {
        writer.opt(dkim.domain.as_deref());
        writer.opt(dkim.selector.as_deref());
        writer.bytes.push(dkim.result.code());
        writer.opt(dkim.result_raw.as_deref());
        writer.opt(dkim.human_result.as_deref());
    }
    writer.len(evidence.spf.len());
    for spf in &evidence.spf {
        writer.opt(spf.domain.as_deref());
        writer.bytes.push(spf.scope.map_or(0, |scope| scope.code() + 1));
        writer.bytes.push(spf.result.code());
        writer.opt(spf.result_raw.as_deref());
        writer.opt(spf.human_result.as_deref());
    }
    writer.len(evidence.reasons.len());
    for reason in &evidence.reasons {
        writer.bytes.push(reason.kind.code());
        writer.opt(reason.kind_raw.as_deref());
        writer.opt(reason.comment.as_deref());
    }
    writer.len(evidence.raw.len());
    for raw in &evidence.raw {
        writer.bytes.push(raw.field.code());
        writer.text(&raw.text);
    }
    writer.bytes
}

/// Reads the stored form of a domain row of this name; `None` if it is damaged or from a newer version.
pub(super) fn decode(bytes: &[u8], domain: &str) -> Option<Evidence> {
    let mut reader = TextReader {
        reader: Reader::new(bytes),
        texts: vec![domain],
    };
    if reader.reader.byte()? != VERSION {
        return None;
    }
    let mut evidence = Evidence {
        header_from: reader.opt()?,
        envelope_from: reader.opt()?,
        envelope_to: reader.opt()?,
        ..Evidence::default()
    };
    for _ in 0..reader.len()? {
        evidence.dkim.push(DkimAuth {
            domain: reader.opt()?,
            selector: reader.opt()?,
            result: AuthResult::from_code(reader.reader.byte()?)?,
            result_raw: reader.opt()?,
            human_result: reader.opt()?,
        });
    }
    for _ in 0..reader.len()? {
        evidence.spf.push(SpfAuth {
            domain: reader.opt()?,
            scope: match reader.reader.byte()? {
                0 => None,
                code => Some(SpfScope::from_code(code - 1)?),
            },
            result: AuthResult::from_code(reader.reader.byte()?)?,
            result_raw: reader.opt()?,
            human_result: reader.opt()?,
        });
    }
    for _ in 0..reader.len()? {
        evidence.reasons.push(Reason {
            kind: ReasonKind::from_code(reader.reader.byte()?)?,
            kind_raw: reader.opt()?,
            comment: reader.opt()?,
        });
    }
    for _ in 0..reader.len()? {
        evidence.raw.push(RawText {
            field: RawField::from_code(reader.reader.byte()?)?,
            text: reader.text()?,
        });
    }
    reader.reader.is_empty().then_some(evidence)
}

struct Writer<'e> {
    bytes: Vec<u8>,
    texts: Texts<'e>,
}

/// Number of texts up to which they are compared one by one; more are looked up. Few evidences have more.
const COMPARED_MAX: usize = 16;

/// The texts that were written, by number.
struct Texts<'e> {
    all: Vec<&'e str>,
    /// Those behind the first [`COMPARED_MAX`].
    more: HashMap<&'e str, usize>,
    #[cfg(test)]
    compared: usize,
}

impl<'e> Texts<'e> {
    fn new(first: &'e str) -> Self {
        Self {
            all: vec![first],
            more: HashMap::new(),
            #[cfg(test)]
            compared: 0,
        }
    }

    /// The number of a text; `None` if it is new. It has the next one then.
    fn number(&mut self, text: &'e str) -> Option<usize> {
        let first = &self.all[..self.all.len().min(COMPARED_MAX)];
        let known = first.iter().position(|known| *known == text);
        #[cfg(test)]
        {
            self.compared += known.map_or(first.len(), |nth| nth + 1);
        }
        let next = self.all.len();
        if known.is_some() {
            return known;
        }
        if next >= COMPARED_MAX {
            match self.more.entry(text) {
                hashbrown::hash_map::Entry::Occupied(known) => return Some(*known.get()),
                hashbrown::hash_map::Entry::Vacant(free) => _ = free.insert(next),
            }
        }
        self.all.push(text);
        None
    }
}

impl<'e> Writer<'e> {
    fn len(&mut self, len: usize) {
        put_number(&mut self.bytes, len as u64);
    }

    fn opt(&mut self, text: Option<&'e str>) {
        match text {
            None => self.bytes.push(0),
            Some(text) => self.numbered(text, 1),
        }
    }

    fn text(&mut self, text: &'e str) {
        self.numbered(text, 0);
    }

    /// `above` makes room for the number that says "none".
    fn numbered(&mut self, text: &'e str, above: u64) {
        if let Some(nth) = self.texts.number(text) {
            return put_number(&mut self.bytes, 2 * nth as u64 + 1 + above);
        }
        put_number(&mut self.bytes, 2 * text.len() as u64 + above);
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

struct TextReader<'b> {
    reader: Reader<'b>,
    texts: Vec<&'b str>,
}

impl TextReader<'_> {
    fn len(&mut self) -> Option<u64> {
        self.reader.number()
    }

    /// Outer `None`: damaged.
    fn opt(&mut self) -> Option<Option<Box<str>>> {
        match self.reader.number()? {
            0 => Some(None),
            number => self.numbered(number - 1).map(Some),
        }
    }

    fn text(&mut self) -> Option<Box<str>> {
        let number = self.reader.number()?;
        self.numbered(number)
    }

    fn numbered(&mut self, number: u64) -> Option<Box<str>> {
        let half = usize::try_from(number / 2).ok()?;
        if number % 2 == 1 {
            return self.texts.get(half).map(|text| (*text).into());
        }
        let text = std::str::from_utf8(self.reader.take(half)?).ok()?;
        self.texts.push(text);
        Some(text.into())
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

    proptest! {
        #[test]
        fn comes_back_as_it_was(evidence in evidence()) {
            prop_assert_eq!(decode(&encode(&evidence, "a"), "a"), Some(evidence));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, "example.com");
        }
    }

    /// Reasons with texts of their own, and the same ones once more.
    fn many_texts(count: usize) -> Evidence {
        let reason = |nth: usize| Reason {
            kind: ReasonKind::Other,
            kind_raw: None,
            comment: Some(format!("text {nth}").into()),
        };
        Evidence {
            reasons: (0..count).chain(0..count).map(reason).collect(),
            ..Evidence::default()
        }
    }

    #[test]
    fn many_texts_come_back_and_each_is_written_once() {
        for count in [
            1,
            COMPARED_MAX - 2,
            COMPARED_MAX - 1,
            COMPARED_MAX,
            COMPARED_MAX + 1,
            3_000,
        ] {
            let evidence = many_texts(count);
            let bytes = encode(&evidence, "example.com");
            assert_eq!(decode(&bytes, "example.com"), Some(evidence), "{count}");
            assert!(bytes.len() < count * 22 + 32, "{count}: {} bytes", bytes.len());
        }
    }

    /// Four times the texts cost four times the comparisons; without the lookup it would be sixteen times.
    #[test]
    fn the_cost_of_many_texts_is_linear() {
        let compared = |count: usize| {
            let texts: Vec<_> = (0..count).map(|nth| format!("text {nth}")).collect();
            let mut known = Texts::new("example.com");
            texts.iter().chain(&texts).for_each(|text| _ = known.number(text));
            assert_eq!(known.all.len(), count + 1);
            known.compared
        };
        assert!(
            compared(4_000) <= 4 * (compared(1_000) + COMPARED_MAX * COMPARED_MAX),
            "{}",
            compared(4_000)
        );
        assert!(compared(4_000) <= 2 * 4_000 * COMPARED_MAX);
    }

    #[test]
    fn a_common_one_is_small() {
        let name: Option<Box<str>> = Some("news.example.com".into());
        let evidence = Evidence {
            header_from: name.clone(),
            envelope_from: name.clone(),
            dkim: vec![DkimAuth {
                domain: name.clone(),
                selector: Some("s2026a".into()),
                result: AuthResult::Pass,
                ..DkimAuth::default()
            }],
            spf: vec![SpfAuth {
                domain: name,
                scope: Some(SpfScope::Mfrom),
                result: AuthResult::Pass,
                ..SpfAuth::default()
            }],
            ..Evidence::default()
        };
        assert_eq!(encode(&evidence, "news.example.com").len(), 24);
    }
}
