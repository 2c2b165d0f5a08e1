//! Records that repeat an earlier one but for address and count, read without being parsed.
//!
//! Big reports say the same thing about thousands of addresses, byte for byte. Of every record that was parsed
//! without a warning, and in which `source_ip` and `count` occurred once each as a plain text, the memo keeps
//! the bytes around those two texts: before the first, between, and after the second up to the end tag of the
//! record. At the same point of a later record, between two elements below `feedback`, the same bytes around a
//! canonical address and plain digits are taken for what they meant before.
//!
//! **Why this is exact.** The parser is deterministic, and between two children of `feedback` its state is: that
//! element open, an empty draft, and what the report holds so far, of which a record without a warning uses only
//! the interned evidence (which is never changed, only added to) and adds one record. It has no look-ahead
//! beyond the token at hand, and how the text is cut into reads does not matter. So equal bytes from there give
//! an equal result; and the two texts that differ are of forms that cannot change how anything else is read: an
//! address without decoration and a number up to a trillion give exactly themselves, in the memo as in the parser.
//! `differential` in the tests of [`super`] holds the two against each other.

use crate::report::aggregate::xml::plain_text_len;
use crate::report::aggregate::{Evaluated, Record, text};
use hashbrown::{DefaultHashBuilder, HashTable};
use memchr::memmem;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Different surroundings of the two texts; a reporter has one, two if it knows IPv6 from elsewhere.
const HEADS_MAX: usize = 4;
const ENTRIES_MAX: usize = 8192;
/// All remembered bytes together.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longer records are parsed each time.
pub(super) const RECORD_BYTES_MAX: usize = 16 * 1024;
/// Neither text is longer than this: 45 bytes make the longest IPv6 address.
const TEXT_BYTES_MAX: usize = 45;
/// Lookups after which the memo must have paid; otherwise it is given up for this report.
const TRIAL_LOOKUPS: u32 = 128;
/// Shorter reports gain nothing.
const FIRST_RECORD: usize = 3;

/// See the module's comment.
#[derive(Default)]
pub(super) struct Memo {
    heads: Vec<Head>,
    hasher: DefaultHashBuilder,
    table: HashTable<Entry>,
    bytes: Vec<u8>,
    /// Finds the end tag of a record.
    end: Option<memmem::Finder<'static>>,
    /// The entry found last: runs of the same evidence need no hash.
    last: Option<Entry>,
    lookups: u32,
    hits: u32,
    given_up: bool,
    #[cfg(test)]
    disabled: bool,
}

/// Which of the two texts comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    AddressFirst,
    CountFirst,
}

/// What surrounds the two texts, from the start of the record.
struct Head {
    before: Box<[u8]>,
    between: Box<[u8]>,
    order: Order,
}

/// What follows the second text, and what it means.
#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    from: u32,
    len: u32,
    head: u8,
    evaluated: Evaluated,
    evidence: u32,
}

/// A record that was parsed: its bytes, and where in them its two texts are.
pub(super) struct Parsed<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) address: std::ops::Range<usize>,
    pub(super) count: std::ops::Range<usize>,
    pub(super) record: Record,
}

impl Memo {
    /// A memo that never remembers anything.
    #[cfg(test)]
    pub(super) fn disabled() -> Self {
        Self {
            disabled: true,
            ..Self::default()
        }
    }

    /// Forgets everything for the next report.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
        if self.table.capacity() > 1024 {
            self.table = HashTable::new();
            self.bytes = Vec::new();
        }
        self.table.clear();
        self.bytes.clear();
        self.end = None;
        self.last = None;
        self.lookups = 0;
        self.hits = 0;
        self.given_up = false;
        #[cfg(test)]
        {
            self.given_up = self.disabled;
        }
    }

    /// Whether a record at this place in the report is worth remembering.
    pub(super) fn wants(&self, records: usize) -> bool {
        !self.given_up && records >= FIRST_RECORD && self.table.len() < ENTRIES_MAX && self.bytes.len() < BYTES_MAX
    }

    /// The record at the start of `bytes` and its length, if all but its address and count was seen before.
    #[inline]
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<(usize, Record)> {
        if self.heads.is_empty() || self.given_up {
            return None;
        }
        self.lookups += 1;
        if self.lookups > TRIAL_LOOKUPS && self.hits < self.lookups / 8 {
            self.given_up = true;
        }
        let found = self.heads.iter().enumerate().find_map(|(index, head)| {
            let (texts_len, source, count) = head.read(bytes)?;
            let entry = self.find_rest(index, &bytes[texts_len..])?;
            Some((entry, texts_len, source, count))
        });
        let (entry, texts_len, source, count) = found?;
        self.hits += 1;
        self.last = Some(entry);
        let record = Record {
            source: Some(source),
            evaluated: entry.evaluated,
            evidence: entry.evidence,
            count,
        };
        Some((texts_len + entry.len as usize, record))
    }

    fn find_rest(&self, head: usize, rest: &[u8]) -> Option<Entry> {
        let last = self.last.filter(|last| usize::from(last.head) == head);
        if let Some(last) = last.filter(|last| rest.starts_with(self.stored(last))) {
            return Some(last);
        }
        let window = &rest[..rest.len().min(RECORD_BYTES_MAX)];
        let end = self.end.as_ref()?;
        let rest = &rest[..end.find(window)? + end.needle().len()];
        let hash = self.hasher.hash_one(rest);
        self.table
            .find(hash, |entry| {
                entry.hash == hash && usize::from(entry.head) == head && self.stored(entry) == rest
            })
            .copied()
    }

    fn stored(&self, entry: &Entry) -> &[u8] {
        let from = entry.from as usize;
        &self.bytes[from..from + entry.len as usize]
    }

    /// Remembers a record.
    pub(super) fn remember(&mut self, parsed: &Parsed<'_>) {
        let bytes = parsed.bytes;
        let (order, first, second) = match parsed.address.start < parsed.count.start {
            true => (Order::AddressFirst, &parsed.address, &parsed.count),
            false => (Order::CountFirst, &parsed.count, &parsed.address),
        };
        if bytes.len() > RECORD_BYTES_MAX || first.end > second.start || second.end > bytes.len() {
            return;
        }
        let (before, between, rest) = (
            &bytes[..first.start],
            &bytes[first.end..second.start],
            &bytes[second.end..],
        );
        let Some(head) = self.head(before, between, order) else {
            return;
        };
        if self.end.is_none() {
            let at = memchr::memrchr(b'<', rest).unwrap_or(0);
            self.end = Some(memmem::Finder::new(&rest[at..]).into_owned());
        }
        // A lookup takes everything to the first end tag; a record with another one in it would not be found.
        let found = self
            .end
            .as_ref()
            .and_then(|end| Some(end.find(rest)? + end.needle().len()));
        if found != Some(rest.len()) {
            return;
        }
        let hash = self.hasher.hash_one(rest);
        let stored = &self.bytes;
        let is_same = |entry: &Entry| {
            let from = entry.from as usize;
            entry.head == head && stored[from..from + entry.len as usize] == *rest
        };
        if self.table.find(hash, is_same).is_some() {
            return;
        }
        let (Ok(from), Ok(len)) = (u32::try_from(self.bytes.len()), u32::try_from(rest.len())) else {
            return;
        };
        let Record {
            evaluated, evidence, ..
        } = parsed.record;
        self.bytes.extend_from_slice(rest);
        let entry = Entry {
            hash,
            from,
            len,
            head,
            evaluated,
            evidence,
        };
        self.table.insert_unique(hash, entry, |entry| entry.hash);
    }

    fn head(&mut self, before: &[u8], between: &[u8], order: Order) -> Option<u8> {
        let is_same = |head: &Head| head.order == order && *head.before == *before && *head.between == *between;
        let known = self.heads.iter().position(is_same);
        let index = match known {
            Some(index) => index,
            None if self.heads.len() >= HEADS_MAX => return None,
            None => {
                self.heads.push(Head {
                    before: before.into(),
                    between: between.into(),
                    order,
                });
                self.heads.len() - 1
            }
        };
        u8::try_from(index).ok()
    }
}

impl Head {
    /// Reads the two texts: how far they reach, and their values.
    #[inline]
    fn read(&self, bytes: &[u8]) -> Option<(usize, IpAddr, u64)> {
        let rest = bytes.strip_prefix(&*self.before)?;
        let first_len = text_len(rest)?;
        let (first, rest) = rest.split_at(first_len);
        let rest = rest.strip_prefix(&*self.between)?;
        let second_len = text_len(rest)?;
        let second = &rest[..second_len];
        let (address, count) = match self.order {
            Order::AddressFirst => (first, second),
            Order::CountFirst => (second, first),
        };
        let len = self.before.len() + first_len + self.between.len() + second_len;
        Some((len, text::plain_address(address)?, text::plain_count(count)?))
    }
}

#[inline]
fn text_len(bytes: &[u8]) -> Option<usize> {
    plain_text_len(&bytes[..bytes.len().min(TEXT_BYTES_MAX + 1)])
}
