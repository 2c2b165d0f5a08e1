//! Ways: a path with what was aligned, and the messages that came on one.

use super::Totals;
use crate::report::aggregate::{Disposition, Verdict};

/// The number of a path, and what the reporter found aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Way(u32);

impl Way {
    const ALIGNMENTS: u32 = 4;

    /// On the path with this number, with this alignment: bit 0 DKIM, bit 1 SPF. Numbers from 2^30 on are not told apart.
    pub fn new(path: u32, aligned: u8) -> Self {
        let aligned = u32::from(aligned) % Self::ALIGNMENTS;
        Self(path.min(u32::MAX / Self::ALIGNMENTS) * Self::ALIGNMENTS + aligned)
    }

    /// On the path with this number, as a record with this verdict.
    pub fn of_verdict(path: u32, verdict: Verdict) -> Self {
        Self::new(path, u8::from(verdict.dkim_aligned) + 2 * u8::from(verdict.spf_aligned))
    }

    /// The same alignment on another path.
    pub fn on(self, path: u32) -> Self {
        Self::new(path, self.bits())
    }

    /// The number of the path.
    pub fn path(self) -> u32 {
        self.0 / Self::ALIGNMENTS
    }

    pub fn dkim_aligned(self) -> bool {
        self.0 & 1 != 0
    }

    pub fn spf_aligned(self) -> bool {
        self.0 & 2 != 0
    }

    /// Whether its messages passed DMARC.
    pub fn passes(self) -> bool {
        self.bits() != 0
    }

    /// Where it is in a list of all ways.
    pub fn place(self) -> usize {
        self.0 as usize
    }

    /// The way at a place, which is that of a way.
    pub fn at(place: usize) -> Self {
        Self(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// What is aligned: bit 0 DKIM, bit 1 SPF.
    pub fn bits(self) -> u8 {
        (self.0 % Self::ALIGNMENTS) as u8
    }
}

/// Messages of one way by disposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handled {
    pub messages: u64,
    pub none: u64,
    pub quarantine: u64,
    pub reject: u64,
}

impl Handled {
    /// Adds messages with this disposition.
    pub fn add_messages(&mut self, disposition: Disposition, count: u64) {
        let add = |sum: &mut u64| *sum = sum.saturating_add(count).min(Totals::SUM_MAX);
        add(&mut self.messages);
        match disposition {
            Disposition::None | Disposition::Pass => add(&mut self.none),
            Disposition::Quarantine => add(&mut self.quarantine),
            Disposition::Reject => add(&mut self.reject),
            Disposition::Unknown => {}
        }
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, |sum, more| sum.saturating_add(more).min(Totals::SUM_MAX));
    }

    /// Takes a sum away that was added before.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, u64::saturating_sub);
    }

    fn combine(&mut self, other: &Self, with: fn(u64, u64) -> u64) {
        self.messages = with(self.messages, other.messages);
        self.none = with(self.none, other.none);
        self.quarantine = with(self.quarantine, other.quarantine);
        self.reject = with(self.reject, other.reject);
    }

    /// The totals of messages that came on this way.
    pub fn totals(&self, way: Way) -> Totals {
        let of = |is_it: bool| if is_it { self.messages } else { 0 };
        Totals {
            pass: of(way.passes()),
            fail: of(!way.passes()),
            dkim_aligned: of(way.dkim_aligned()),
            spf_aligned: of(way.spf_aligned()),
            none: self.none,
            quarantine: self.quarantine,
            reject: self.reject,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_way_has_its_path_and_its_alignment(path in 0_u32..1 << 30, bits in 0_u8..4) {
            let way = Way::new(path, bits);
            prop_assert_eq!((way.path(), way.bits()), (path, bits));
            let (dkim, spf) = (bits & 1 != 0, bits & 2 != 0);
            prop_assert_eq!((way.dkim_aligned(), way.spf_aligned(), way.passes()), (dkim, spf, dkim || spf));
            prop_assert_eq!(way.on(7), Way::new(7, bits));
        }
    }
}
