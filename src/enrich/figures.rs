//! Figures of senders, with names.

use std::sync::Arc;

use super::flows::FlowCounts;
use super::naming::{Name, Named, Rule};
use super::{Facts, Flow};
use crate::store::{Source, Whose};
use crate::tally::{Totals, Way};

/// The senders of a range of days.
#[derive(Debug)]
pub struct Gathered<'t> {
    /// By messages, most first, then by address.
    pub sources: Vec<SourceFigures<'t>>,
    /// By messages, most first, then by name.
    pub services: Vec<ServiceFigures>,
    /// By messages, most first, then by name.
    pub subdomains: Vec<SubdomainFigures>,
    /// Messages by flow, in the order of [`Flow::ALL`].
    pub flows: Vec<(Flow, Counts)>,
    pub totals: Totals,
}

/// One sending address.
#[derive(Debug)]
pub struct SourceFigures<'t> {
    pub source: Source,
    pub network: Facts<'t>,
    /// The forward-confirmed name of the address.
    pub ptr: Option<Arc<str>>,
    /// The name for most of its messages.
    pub name: Name,
    pub flows: FlowCounts,
    /// What the owner decided about most of its messages.
    pub decision: Option<Whose>,
}

/// One service, or who operates the addresses where none is known.
#[derive(Debug)]
pub struct ServiceFigures {
    /// With the evidence for most of its messages; `None` gathers the messages without an address or evidence.
    pub named: Option<Named>,
    /// Messages by the rule that named their sender.
    pub rules: Vec<(Rule, u64)>,
    /// Addresses that it sent from.
    pub sources: u64,
    pub counts: Counts,
    pub flows: FlowCounts,
    /// What the owner decided about most of its messages.
    pub decision: Option<Whose>,
}

/// What was sent with one domain in the From header.
#[derive(Debug)]
pub struct SubdomainFigures {
    /// Empty where the reports have no name that can be a domain.
    pub header_from: Box<str>,
    pub sources: u64,
    pub counts: Counts,
    pub flows: FlowCounts,
}

/// Messages by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub pass: u64,
    pub fail: u64,
    pub dkim_aligned: u64,
    pub spf_aligned: u64,
}

impl Counts {
    /// All messages.
    pub fn messages(&self) -> u64 {
        self.pass.saturating_add(self.fail)
    }

    pub(super) fn for_way(way: Way, messages: u64) -> Self {
        let of = |is_it: bool| if is_it { messages } else { 0 };
        Self {
            pass: of(way.passes()),
            fail: of(!way.passes()),
            dkim_aligned: of(way.dkim_aligned()),
            spf_aligned: of(way.spf_aligned()),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more).min(Totals::SUM_MAX);
        add(&mut self.pass, other.pass);
        add(&mut self.fail, other.fail);
        add(&mut self.dkim_aligned, other.dkim_aligned);
        add(&mut self.spf_aligned, other.spf_aligned);
    }
}
