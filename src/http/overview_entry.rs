//! A domain, or an organisation's domains, in the overview.

use crate::base::{DomainId, organizational_domain};
use crate::store::{Domain, Latest, StretchTotals};
use crate::tally::Totals;

/// A domain with its figures, or the highest domain of an organisation with the figures of several.
#[derive(Debug)]
pub(super) struct Entry {
    pub domain: Domain,
    /// The domains that the figures are of.
    pub members: Vec<DomainId>,
    /// Before the range, its complete days, its other days.
    pub totals: StretchTotals,
    /// Only where it was asked for.
    pub latest: Option<Latest>,
}

impl Entry {
    /// A domain of its own.
    pub(super) fn new(domain: Domain, totals: StretchTotals) -> Self {
        Self {
            members: vec![domain.id],
            domain,
            totals,
            latest: None,
        }
    }

    /// Messages of the range.
    pub(super) fn now(&self) -> Totals {
        let mut now = self.totals.of[1];
        now.add(&self.totals.of[2]);
        now
    }

    /// Messages of the days before the range.
    pub(super) fn before(&self) -> Totals {
        self.totals.of[0]
    }

    /// Change of the messages of complete days in per cent, to one decimal; `None` without messages before.
    pub(super) fn change(&self) -> Option<f64> {
        let (before, now) = (self.before().messages(), self.totals.of[1].messages());
        (before > 0).then(|| ((now as f64 - before as f64) * 1_000.0 / before as f64).round() / 10.0)
    }

    /// The organisational domain.
    pub(super) fn organisation(&self) -> &str {
        organizational_domain(self.domain.name.as_str())
    }

    /// Takes in the figures of another entry.
    pub(super) fn add(&mut self, other: &Self) {
        self.members.extend(&other.members);
        for (sum, more) in self.totals.of.iter_mut().zip(&other.totals.of) {
            sum.add(more);
        }
        self.totals.last_day = self.totals.last_day.max(other.totals.last_day);
    }
}
