//! The evidence of the record at hand, before it is known whether it is new.
//!
//! Records repeat their evidence, so it is first laid out in one reusable buffer, hashed there, and compared with
//! what the report already has; only evidence not seen before is allocated. The hasher is seeded at random, so
//! that no sender can choose texts that collide.

use crate::base::budget::Cost;
use crate::report::aggregate::{
    AuthResult, DkimAuth, Evidence, RawField, RawText, Reason, ReasonKind, SpfAuth, SpfScope,
};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::ops::Range;

/// A text in [`Draft::texts`].
pub(super) type Span = Range<usize>;

/// See the module's comment.
#[derive(Default)]
pub(super) struct Draft {
    /// Every text, in order of arrival, and how many they are.
    texts: String,
    texts_count: u64,
    /// The evidence as bytes, in an order that does not depend on the document's.
    key: Vec<u8>,
    pub(super) header_from: Option<Span>,
    pub(super) envelope_from: Option<Span>,
    pub(super) envelope_to: Option<Span>,
    pub(super) dkim: Vec<AuthDraft>,
    pub(super) spf: Vec<AuthDraft>,
    pub(super) reasons: Vec<ReasonDraft>,
    pub(super) raw: Vec<(RawField, Span)>,
}

/// A `dkim` or `spf` element.
#[derive(Default)]
pub(super) struct AuthDraft {
    pub(super) domain: Option<Span>,
    /// DKIM only.
    pub(super) selector: Option<Span>,
    /// SPF only.
    pub(super) scope: Option<SpfScope>,
    pub(super) result: AuthResult,
    pub(super) result_raw: Option<Span>,
    pub(super) human_result: Option<Span>,
    /// Whether `result` was present and not empty.
    pub(super) has_result: bool,
}

impl AuthDraft {
    /// Whether nothing in the element says anything: such a result is not kept.
    pub(super) fn says_nothing(&self) -> bool {
        let texts = [&self.domain, &self.selector, &self.human_result];
        !self.has_result && self.scope.is_none() && texts.iter().all(|text| text.is_none())
    }
}

/// A `reason` element.
#[derive(Default)]
pub(super) struct ReasonDraft {
    pub(super) kind: ReasonKind,
    pub(super) kind_raw: Option<Span>,
    pub(super) comment: Option<Span>,
}

impl Draft {
    /// Empties the draft, keeping its buffers.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.texts_count = 0;
        self.header_from = None;
        self.envelope_from = None;
        self.envelope_to = None;
        self.dkim.clear();
        self.spf.clear();
        self.reasons.clear();
        self.raw.clear();
    }

    /// Keeps a text.
    #[inline]
    pub(super) fn push(&mut self, text: &str) -> Span {
        let from = self.texts.len();
        self.texts_count += 1;
        self.texts.push_str(text);
        from..self.texts.len()
    }

    /// As [`Self::push`], but nothing for an empty text.
    #[inline]
    pub(super) fn push_some(&mut self, text: &str) -> Option<Span> {
        (!text.is_empty()).then(|| self.push(text))
    }

    /// Keeps a text that could not be mapped.
    pub(super) fn push_raw(&mut self, field: RawField, text: &str) {
        let span = self.push(text);
        self.raw.push((field, span));
    }

    /// What keeping the evidence takes: its parts and texts, the same packed, and what is worked out for each piece of
    /// evidence (its place in an index, the messages that it stands for).
    pub(super) fn cost(&self) -> Cost {
        const MEMORY: u64 = 192;
        const MEMORY_PER_TEXT: u64 = 24;
        const STORED: u64 = 16;
        const STORED_PER_PART: u64 = 4;
        const STORED_PER_TEXT: u64 = 3;
        let bytes = |of_one: usize, count: usize| (of_one * count) as u64;
        let lists = bytes(size_of::<DkimAuth>(), self.dkim.len())
            + bytes(size_of::<SpfAuth>(), self.spf.len())
            + bytes(size_of::<Reason>(), self.reasons.len())
            + bytes(size_of::<RawText>(), self.raw.len());
        let parts = (self.dkim.len() + self.spf.len() + self.reasons.len() + self.raw.len()) as u64;
        let texts = self.texts.len() as u64;
        let unpacked = size_of::<Evidence>() as u64 + lists + texts + MEMORY_PER_TEXT * self.texts_count;
        let packed = texts - self.repeated_bytes() + STORED_PER_PART * parts + STORED_PER_TEXT * self.texts_count;
        Cost {
            memory: MEMORY + unpacked + packed,
            stored: STORED + packed,
        }
    }

    /// Bytes of texts that are there twice: most results are about the domain in the From header or in MAIL FROM. Evidence is
    /// packed with each text once.
    fn repeated_bytes(&self) -> u64 {
        let own = [self.text(&self.header_from), self.text(&self.envelope_from)];
        let domains = self.dkim.iter().chain(&self.spf).map(|auth| self.text(&auth.domain));
        let repeated = domains.filter(|domain| own.contains(domain)).flatten();
        repeated.map(|domain| domain.len() as u64).sum()
    }

    /// The hash of the evidence. Texts hold no control character but tab, line feed and carriage return, so the
    /// separators 0 to 4 make different evidence different bytes, and no sender can choose colliding ones.
    fn hash(&mut self, hasher: &DefaultHashBuilder) -> u64 {
        let (mut key, texts) = (std::mem::take(&mut self.key), self.texts.as_bytes());
        key.clear();
        let push = |key: &mut Vec<u8>, span: &Option<Span>| match span {
            Some(span) => {
                key.extend_from_slice(&texts[span.clone()]);
                key.push(0);
            }
            None => key.push(1),
        };
        for span in [&self.header_from, &self.envelope_from, &self.envelope_to] {
            push(&mut key, span);
        }
        for (separator, auths) in [(2, &self.dkim), (3, &self.spf)] {
            for auth in auths {
                for span in [&auth.domain, &auth.selector, &auth.result_raw, &auth.human_result] {
                    push(&mut key, span);
                }
                key.extend_from_slice(&[
                    auth.result.code(),
                    auth.scope.map_or(u8::MAX, SpfScope::code),
                    separator,
                ]);
            }
        }
        for reason in &self.reasons {
            push(&mut key, &reason.kind_raw);
            push(&mut key, &reason.comment);
            key.extend_from_slice(&[reason.kind.code(), 4]);
        }
        for (field, span) in &self.raw {
            key.extend_from_slice(&texts[span.clone()]);
            key.extend_from_slice(&[0, field.code()]);
        }
        let hash = hasher.hash_one(key.as_slice());
        self.key = key;
        hash
    }

    fn text(&self, span: &Option<Span>) -> Option<&str> {
        span.as_ref().map(|span| &self.texts[span.clone()])
    }

    fn boxed(&self, span: &Option<Span>) -> Option<Box<str>> {
        self.text(span).map(Into::into)
    }

    fn matches(&self, evidence: &Evidence) -> bool {
        let same = |span: &Option<Span>, text: &Option<Box<str>>| self.text(span) == text.as_deref();
        same(&self.header_from, &evidence.header_from)
            && same(&self.envelope_from, &evidence.envelope_from)
            && same(&self.envelope_to, &evidence.envelope_to)
            && self.dkim.len() == evidence.dkim.len()
            && self.spf.len() == evidence.spf.len()
            && self.reasons.len() == evidence.reasons.len()
            && self.raw.len() == evidence.raw.len()
            && self.dkim.iter().zip(&evidence.dkim).all(|(draft, auth)| {
                draft.result == auth.result
                    && same(&draft.domain, &auth.domain)
                    && same(&draft.selector, &auth.selector)
                    && same(&draft.result_raw, &auth.result_raw)
                    && same(&draft.human_result, &auth.human_result)
            })
            && self.spf.iter().zip(&evidence.spf).all(|(draft, auth)| {
                draft.result == auth.result
                    && draft.scope == auth.scope
                    && same(&draft.domain, &auth.domain)
                    && same(&draft.result_raw, &auth.result_raw)
                    && same(&draft.human_result, &auth.human_result)
            })
            && self.reasons.iter().zip(&evidence.reasons).all(|(draft, reason)| {
                draft.kind == reason.kind
                    && same(&draft.kind_raw, &reason.kind_raw)
                    && same(&draft.comment, &reason.comment)
            })
            && self
                .raw
                .iter()
                .zip(&evidence.raw)
                .all(|((field, span), raw)| *field == raw.field && self.texts[span.clone()] == *raw.text)
    }

    fn to_evidence(&self) -> Evidence {
        Evidence {
            header_from: self.boxed(&self.header_from),
            envelope_from: self.boxed(&self.envelope_from),
            envelope_to: self.boxed(&self.envelope_to),
            dkim: self
                .dkim
                .iter()
                .map(|auth| DkimAuth {
                    domain: self.boxed(&auth.domain),
                    selector: self.boxed(&auth.selector),
                    result: auth.result,
                    result_raw: self.boxed(&auth.result_raw),
                    human_result: self.boxed(&auth.human_result),
                })
                .collect(),
            spf: self
                .spf
                .iter()
                .map(|auth| SpfAuth {
                    domain: self.boxed(&auth.domain),
                    scope: auth.scope,
                    result: auth.result,
                    result_raw: self.boxed(&auth.result_raw),
                    human_result: self.boxed(&auth.human_result),
                })
                .collect(),
            reasons: self
                .reasons
                .iter()
                .map(|reason| Reason {
                    kind: reason.kind,
                    kind_raw: self.boxed(&reason.kind_raw),
                    comment: self.boxed(&reason.comment),
                })
                .collect(),
            raw: self
                .raw
                .iter()
                .map(|(field, span)| RawText {
                    field: *field,
                    text: self.texts[span.clone()].into(),
                })
                .collect(),
        }
    }
}

/// Finds evidence that the report already has.
#[derive(Default)]
pub(super) struct Interner {
    hasher: DefaultHashBuilder,
    /// Indices into the report's evidence.
    table: HashTable<u32>,
    /// Hash of each, so that growing the table needs no second look at the texts.
    hashes: Vec<u64>,
}

impl Interner {
    /// Forgets everything, keeping the buffers of ordinary size.
    pub(super) fn clear(&mut self) {
        if self.hashes.len() > 4096 {
            *self = Self::default();
        }
        self.table.clear();
        self.hashes.clear();
    }

    /// Index of the drafted evidence in `evidence`; if it is not there, the hash by which [`Self::add`] adds it.
    pub(super) fn find(&self, draft: &mut Draft, evidence: &[Evidence]) -> Result<u32, u64> {
        let hash = draft.hash(&self.hasher);
        let known = self.table.find(hash, |&index| {
            self.hashes[index as usize] == hash && draft.matches(&evidence[index as usize])
        });
        known.copied().ok_or(hash)
    }

    /// Adds the drafted evidence, which is not in `evidence`, and returns its index.
    pub(super) fn add(&mut self, hash: u64, draft: &Draft, evidence: &mut Vec<Evidence>) -> u32 {
        let index = u32::try_from(evidence.len()).unwrap_or(u32::MAX);
        evidence.push(draft.to_evidence());
        self.hashes.push(hash);
        self.table
            .insert_unique(hash, index, |&index| self.hashes[index as usize]);
        index
    }
}
