//! What the lists of a domain are asked with, and their answers.

use axum::response::Response;

use super::fields::Parameters;
use super::listing::{List, Listing, days_in_name, file_name};
use super::paging::{Part, largest_page};
use super::range::day_range;
use super::state::AppState;
use crate::base::DayRange;
use crate::store::Domain;

/// The rows and the form that are asked for.
#[derive(Debug)]
pub(super) struct Listed {
    pub part: Part,
    listing: Listing,
}

impl Listed {
    /// Reads the parameters of pages, and `format`.
    pub(super) fn read(parameters: &mut Parameters, state: &AppState) -> Self {
        let listing = Listing::read(parameters, &state.config);
        let page = largest_page(parameters, &state.config);
        Self {
            part: Part::from_parameters(parameters, page),
            listing,
        }
    }

    /// The answer; `what` and `when` are in the name of a CSV file, beside the domain.
    pub(super) fn answer(self, list: impl List, domain: &Domain, (what, when): (&str, &str)) -> Response {
        let name = file_name(&[domain.name.as_str(), what, when]);
        self.listing.answer(list, |_| name)
    }
}

/// The days, the rows and the form that are asked for.
#[derive(Debug)]
pub(super) struct Ranked {
    pub range: DayRange,
    pub part: Part,
    listing: Listing,
}

impl Ranked {
    /// Reads the parameters of the days, of pages, and `format`.
    pub(super) fn read(parameters: &mut Parameters, state: &AppState) -> Self {
        let Listed { part, listing } = Listed::read(parameters, state);
        Self {
            range: day_range(parameters, state.today()),
            part,
            listing,
        }
    }

    /// The answer; `what` is in the name of a CSV file, beside the domain and the days.
    pub(super) fn answer(self, list: impl List, domain: &Domain, what: &str) -> Response {
        let Self { range, part, listing } = self;
        Listed { part, listing }.answer(list, domain, (what, &days_in_name(range)))
    }
}
