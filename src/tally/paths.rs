//! Paths: what naming and flows need of a record, in a few bytes that repeat from record to record.
//!
//! The stored form of a path holds domain names and never services, so that a better table of services renames the past.
//! A text is a byte with the length and the bytes; a name of length 0 in the own signature is the From domain. In this
//! order: the From domain; domain and selector of the own signature, if it passed; the foreign signatures; the foreign
//! MAIL FROM domain, if it passed; two bytes of flags ([`Flags`]). docs/storage.md has examples.
//!
//! A path also has the carrier of its report, so that messages of both carriers have numbers of their own. Where all reports of a
//! domain have one carrier, it has no more paths than without.

use std::borrow::Cow;
use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::carrier::Carrier;
use super::identities::{FOREIGN_MAX, Identities, OwnSignature, Reported, SpfOutcome};
use crate::base::is_hostname;
use crate::report::aggregate::Evidence;

/// The identities of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path<'n> {
    /// The domain in the From header; empty if the report has none that can be a domain.
    pub header_from: &'n str,
    pub identities: Identities<'n>,
    /// The mail that carried the report.
    pub carrier: Carrier,
}

/// The first byte of the flags, from bit 0 on: own signature (two bits: missing, broken, passed), SPF (two bits: foreign and
/// failed, own and failed, own and passed, foreign and passed). The second: foreign signatures (three bits), what the
/// reporter said (three bits), the carrier (one bit).
struct Flags;

impl Flags {
    const SPF_SHIFT: u8 = 2;
    const REPORTED_SHIFT: u8 = 3;
    const REPORTED: u8 = 7;
    const VOUCHED: u8 = 1 << 6;
    const BYTES: usize = 2;
}

impl<'n> Path<'n> {
    /// The path of a record with this evidence, whatever carried it. `organization` is that of the domain that the report is
    /// about.
    pub fn new(evidence: &'n Evidence, organization: &str) -> Self {
        let header_from = evidence.header_from.as_deref().filter(|name| is_hostname(name));
        Self {
            header_from: header_from.unwrap_or_default(),
            identities: Identities::from_evidence(evidence, organization),
            carrier: Carrier::Other,
        }
    }

    /// The path without its names, as if nothing foreign had passed: a record is then rather unknown than wrongly named.
    pub fn without_names(&self) -> Self {
        let identities = &self.identities;
        Self {
            header_from: "",
            identities: Identities {
                own: match identities.own {
                    OwnSignature::Passed { .. } => OwnSignature::Passed {
                        domain: "",
                        selector: "",
                    },
                    other => other,
                },
                foreign: [None; FOREIGN_MAX],
                spf: match identities.spf {
                    SpfOutcome::Foreign(_) => SpfOutcome::ForeignFailed,
                    other => other,
                },
                reported: identities.reported,
            },
            carrier: self.carrier,
        }
    }

    /// Appends the stored form.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let identities = &self.identities;
        put_text(bytes, self.header_from);
        let own = match identities.own {
            OwnSignature::Missing => 0,
            OwnSignature::Broken => 1,
            OwnSignature::Passed { domain, selector } => {
                put_text(bytes, if domain == self.header_from { "" } else { domain });
                put_text(bytes, selector);
                2
            }
        };
        let mut foreign = 0;
        for name in identities.signers() {
            put_text(bytes, name);
            foreign += 1;
        }
        let spf = match identities.spf {
            SpfOutcome::ForeignFailed => 0,
            SpfOutcome::OwnFailed => 1,
            SpfOutcome::Own => 2,
            SpfOutcome::Foreign(name) => {
                put_text(bytes, name);
                3
            }
        };
        bytes.push(own | spf << Flags::SPF_SHIFT);
        let vouched = match self.carrier {
            Carrier::Other => 0,
            Carrier::Vouched => Flags::VOUCHED,
        };
        bytes.push(foreign | identities.reported.code() << Flags::REPORTED_SHIFT | vouched);
    }

    /// Reads the stored form. `None` for other bytes.
    pub fn read(bytes: &'n [u8]) -> Option<Self> {
        let (mut rest, &[first, second]) = bytes.split_last_chunk::<{ Flags::BYTES }>()?;
        let header_from = text(&mut rest)?;
        let own = match first & 3 {
            0 => OwnSignature::Missing,
            1 => OwnSignature::Broken,
            2 => {
                let domain = Some(text(&mut rest)?).filter(|name| !name.is_empty());
                OwnSignature::Passed {
                    domain: domain.unwrap_or(header_from),
                    selector: text(&mut rest)?,
                }
            }
            _ => return None,
        };
        let mut foreign = [None; FOREIGN_MAX];
        for name in foreign.get_mut(..usize::from(second & 7))? {
            *name = Some(text(&mut rest)?);
        }
        let spf = match first >> Flags::SPF_SHIFT {
            0 => SpfOutcome::ForeignFailed,
            1 => SpfOutcome::OwnFailed,
            2 => SpfOutcome::Own,
            3 => SpfOutcome::Foreign(text(&mut rest)?),
            _ => return None,
        };
        let identities = Identities {
            own,
            foreign,
            spf,
            reported: Reported::from_code(second >> Flags::REPORTED_SHIFT & Flags::REPORTED)?,
        };
        let is_known = second < Flags::VOUCHED << 1;
        (rest.is_empty() && is_known).then_some(Self {
            header_from,
            identities,
            carrier: carrier_of(bytes),
        })
    }
}

/// The carrier of a stored path.
pub fn carrier_of(path: &[u8]) -> Carrier {
    match path.last() {
        Some(last) if last & Flags::VOUCHED != 0 => Carrier::Vouched,
        _ => Carrier::Other,
    }
}

/// A stored path as it is for reports with this carrier. One that has a carrier keeps it.
pub fn carried(path: &[u8], carrier: Carrier) -> Cow<'_, [u8]> {
    if carrier == Carrier::Other {
        return Cow::Borrowed(path);
    }
    let mut path = path.to_vec();
    if let Some(last) = path.last_mut() {
        *last |= Flags::VOUCHED;
    }
    Cow::Owned(path)
}

/// No name is longer than 253 bytes; a selector is cut to them.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).unwrap_or(0));
    if bytes.last() != Some(&0) {
        bytes.extend_from_slice(text.as_bytes());
    }
}

fn text<'b>(rest: &mut &'b [u8]) -> Option<&'b str> {
    let (len, behind) = rest.split_first()?;
    let (text, behind) = behind.split_at_checked(usize::from(*len))?;
    *rest = behind;
    std::str::from_utf8(text).ok()
}

/// Human-readable, as `verify` prints it. Names are hostile text: the caller writes them out.
impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Identities { own, spf, reported, .. } = &self.identities;
        write!(f, "From \"{}\"", self.header_from)?;
        match own {
            OwnSignature::Missing => {}
            OwnSignature::Broken => write!(f, ", own signature failed")?,
            OwnSignature::Passed { domain, selector } => {
                write!(f, ", signed by \"{domain}\" with \"{selector}\"")?;
            }
        }
        for name in self.identities.signers() {
            write!(f, ", signed by \"{name}\"")?;
        }
        match spf {
            SpfOutcome::Own => write!(f, ", SPF passed")?,
            SpfOutcome::Foreign(name) => write!(f, ", SPF passed for \"{name}\"")?,
            SpfOutcome::OwnFailed => write!(f, ", SPF failed")?,
            SpfOutcome::ForeignFailed => {}
        }
        if *reported != Reported::Nothing {
            write!(f, ", reported as {}", reported.word())?;
        }
        if self.carrier == Carrier::Vouched {
            write!(f, ", in mail that vouches for its report")?;
        }
        Ok(())
    }
}

/// Stored paths, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathList {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl PathList {
    pub fn push(&mut self, path: &[u8]) {
        self.bytes.extend_from_slice(path);
        self.ends.push(self.bytes.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The path with this number; empty bytes for an unknown number.
    pub fn get(&self, number: u32) -> &[u8] {
        let nth = number as usize;
        let begin = nth.checked_sub(1).and_then(|before| self.ends.get(before).copied());
        let end = self.ends.get(nth).copied().unwrap_or(0);
        self.bytes.get(begin.unwrap_or(0)..end).unwrap_or_default()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|nth| self.get(nth as u32))
    }

    /// Bytes that it takes in memory.
    pub fn bytes_held(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.ends)
    }
}

/// Paths, each kept once, numbered in the order in which they came.
#[derive(Debug)]
pub struct PathBook {
    list: PathList,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
    paths_max: usize,
}

impl PathBook {
    /// A book that keeps up to about `paths_max` paths with their names. Paths beyond them lose their names.
    pub fn bounded(paths_max: usize) -> Self {
        Self {
            list: PathList::default(),
            numbers: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            paths_max,
        }
    }

    /// The number of a path that is in the book, or that would be if it had its names.
    pub fn known(&self, path: &[u8]) -> Option<u32> {
        self.find(path).or_else(|| {
            let is_full = self.list.len() >= self.paths_max;
            is_full.then(|| self.find(&without_names(path)))?
        })
    }

    /// The number of a path, which is added if it is new.
    pub fn number(&mut self, path: &[u8]) -> u32 {
        match self.known(path) {
            Some(number) => number,
            None if self.list.len() < self.paths_max => self.push(path),
            None => self.push(&without_names(path)),
        }
    }

    fn find(&self, path: &[u8]) -> Option<u32> {
        let is_it = |number: &u32| self.list.get(*number) == path;
        self.numbers.find(self.hasher.hash_one(path), is_it).copied()
    }

    /// Adds a path that is not in the book.
    pub fn push(&mut self, path: &[u8]) -> u32 {
        let number = self.list.len() as u32;
        self.list.push(path);
        let (list, hasher) = (&self.list, &self.hasher);
        let hash = |number: &u32| hasher.hash_one(list.get(*number));
        self.numbers.insert_unique(hasher.hash_one(path), number, hash);
        number
    }

    /// The paths by their numbers.
    pub fn list(&self) -> &PathList {
        &self.list
    }

    /// The same.
    pub fn into_list(self) -> PathList {
        self.list
    }
}

fn without_names(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(path) = Path::read(path) {
        path.without_names().write(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testdata::{dkim, evidence, reason, spf};
    use super::*;
    use crate::base::organizational_domain;

    fn stored(path: &Path<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        path.write(&mut bytes);
        bytes
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::sample::select(
                &[
                    "example.com",
                    "mail.example.com",
                    "sendgrid.net",
                    "a.b.c.sendgrid.net",
                    "us-west-2.amazonses.com",
                    "co.uk",
                    ""
                ][..]
            )
            .prop_map(str::to_owned),
            "\\PC{0,300}",
        ]
    }

    fn any_evidence() -> impl Strategy<Value = Evidence> {
        let result = || proptest::sample::select(&["pass", "fail", "none"][..]);
        let signature = (name(), name(), result()).prop_map(|(name, selector, result)| {
            let mut dkim = dkim(&name, result);
            dkim.selector = Some(selector.into());
            dkim
        });
        let kinds = [
            "forwarded",
            "mailing_list",
            "trusted_forwarder",
            "local_policy",
            "other",
        ];
        let reasons = proptest::collection::vec(
            proptest::sample::select(kinds.to_vec()).prop_map(|kind| reason(kind, "arc=pass")),
            0..3,
        );
        let mail_from = (name(), result()).prop_map(|(name, result)| spf(&name, result));
        (
            name(),
            proptest::collection::vec(signature, 0..7),
            proptest::collection::vec(mail_from, 0..3),
            reasons,
        )
            .prop_map(|(from, dkim, spf, reasons)| Evidence {
                header_from: Some(from.into()),
                reasons,
                ..evidence(&dkim, &spf)
            })
    }

    proptest! {
        #[test]
        fn a_path_comes_back_as_it_was(
            evidence in any_evidence(),
            domain in name(),
            carrier in proptest::sample::select(&Carrier::ALL[..]),
        ) {
            let path = Path::new(&evidence, organizational_domain(&domain));
            let path = Path { carrier, ..path };
            let bytes = stored(&path);
            prop_assert_eq!(Path::read(&bytes), Some(path));
            prop_assert_eq!(carrier_of(&bytes), carrier);
            let bare = stored(&Path { carrier: Carrier::Other, ..path });
            prop_assert_eq!(&*carried(&bare, carrier), &bytes);
            prop_assert_eq!(&*carried(&bytes, Carrier::Other), &bytes);
            prop_assert!(bytes.len() <= 6 * 254 + 2 * 254 + Flags::BYTES, "{}", bytes.len());
            let nameless = stored(&path.without_names());
            prop_assert!(nameless.len() <= 5);
            prop_assert_eq!(Path::read(&nameless).map(|path| path.without_names()), Path::read(&nameless));
        }

        #[test]
        fn any_bytes_are_a_path_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(path) = Path::read(&bytes) {
                let again = stored(&path);
                prop_assert_eq!(Path::read(&again), Some(path));
            }
        }
    }

    fn signed_by(signer: &str) -> Vec<u8> {
        let found = evidence(&[dkim("example.com", "pass"), dkim(signer, "pass")], &[]);
        stored(&Path::new(&found, "example.com"))
    }

    #[test]
    fn a_common_path_is_small() {
        let found = evidence(&[dkim("example.com", "pass")], &[spf("example.com", "pass")]);
        let path = stored(&Path::new(&found, "example.com"));
        assert_eq!(path, b"\x0bexample.com\0\x02s1\x0a\0");
    }

    #[test]
    fn paths_beyond_the_limit_lose_their_names_and_no_others_do() {
        let mut book = PathBook::bounded(100);
        let early = book.number(&signed_by("sendgrid.net"));
        for nth in 0..200 {
            book.number(&signed_by(&format!("d{nth}.example")));
        }
        assert_eq!(book.list().len(), 101);
        assert_eq!(book.number(&signed_by("sendgrid.net")), early);
        let late = book.number(&signed_by("late.example"));
        let late = Path::read(book.list().get(late)).unwrap();
        assert!(!late.identities.has_foreign_pass() && late.header_from.is_empty());
        assert!(book.list().get(u32::MAX).is_empty());
    }

    #[test]
    fn a_book_keeps_each_path_once() {
        let mut book = PathBook::bounded(usize::MAX);
        let mut number = |name: &str| book.number(&signed_by(name));
        let numbers = ["b.example", "a.example", "c.example", "a.example"].map(&mut number);
        assert_eq!(numbers, [0, 1, 2, 1]);
        assert_eq!(book.known(&signed_by("a.example")), Some(1));
        assert_eq!(book.known(&signed_by("d.example")), None);
        assert_eq!(book.list().iter().collect::<Vec<_>>()[2], signed_by("c.example"));
    }
}
