//! Which senders of a list are wanted.

use std::net::IpAddr;

use super::figures::SourceFigures;
use super::{Category, Flow, Tables};
use crate::base::text::folded;
use crate::base::words;
use crate::store::Source;
use crate::tally::Totals;

/// Which sources, by what they are named; those that fit all of it.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The name of the service, in any case.
    pub service: Option<String>,
    pub category: Option<Category>,
    /// Those with messages of this flow.
    pub flow: Option<Flow>,
    pub asn: Option<u32>,
    /// Those with messages that failed so.
    pub failed: Option<Failed>,
    /// A part of the address, or of a name, in any case.
    pub search: Option<String>,
}

words! {
    /// What messages lack.
    Failed: u8 {
        /// An aligned DKIM pass.
        Dkim = 0 "dkim",
        /// An aligned SPF pass.
        Spf = 1 "spf",
        /// Both, so that DMARC failed.
        Both = 2 "both",
    }
}

impl Failed {
    fn is_of(self, totals: &Totals) -> bool {
        match self {
            Self::Dkim => totals.dkim_aligned < totals.messages(),
            Self::Spf => totals.spf_aligned < totals.messages(),
            Self::Both => totals.fail > 0,
        }
    }
}

impl Wanted {
    pub(super) fn needs_names(&self) -> bool {
        self.service.is_some() || self.category.is_some() || self.flow.is_some() || self.search.is_some()
    }

    /// Whether a source fits all that can be told without its name.
    pub(super) fn fits_unnamed(&self, source: &Source, tables: &Tables) -> bool {
        let asn = |address: IpAddr| tables.networks().facts(address).asn;
        self.failed.is_none_or(|failed| failed.is_of(&source.totals))
            && self
                .asn
                .is_none_or(|wanted| source.address.and_then(asn) == Some(wanted))
    }

    pub(super) fn fits(&self, one: &SourceFigures<'_>) -> bool {
        let best = one.name.best();
        let is_service = |wanted: &String| best.is_some_and(|named| folded(&named.name) == folded(wanted));
        self.service.as_ref().is_none_or(is_service)
            && self
                .category
                .is_none_or(|wanted| best.and_then(|named| named.category) == Some(wanted))
            && self.flow.is_none_or(|wanted| one.flows.messages_in(wanted) > 0)
            && self
                .search
                .as_ref()
                .is_none_or(|wanted| one.mentions(&wanted.to_lowercase()))
    }
}

impl SourceFigures<'_> {
    /// Whether a text in lower case is in the address, a name, or the evidence for a name.
    pub fn mentions(&self, wanted: &str) -> bool {
        let named = [&self.name.service, &self.name.organisation].into_iter().flatten();
        let names = named.flat_map(|named| [&*named.name, &*named.fact]);
        let address = self.source.address.map(|address| address.to_string());
        names
            .chain(self.network.as_name)
            .chain(self.ptr.as_deref())
            .chain(address.as_deref())
            .any(|text| text.to_lowercase().contains(wanted))
    }
}
