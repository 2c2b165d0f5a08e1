//! What a list over a range of days is asked with, and its answer.

use axum::response::Response;

use super::fields::Parameters;
use super::listing::{List, Listing, days_in_name, file_name};
use super::paging::{Part, largest_page};
use super::range::day_range;
use super::state::AppState;
use crate::base::DayRange;
use crate::store::Domain;

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
        let listing = Listing::read(parameters, &state.config);
        let range = day_range(parameters, state.today());
        let page = largest_page(parameters, &state.config);
        Self {
            range,
            part: Part::from_parameters(parameters, page),
            listing,
        }
    }

    /// The answer; `what` is in the name of a CSV file, beside the domain and the days.
    pub(super) fn answer(self, list: impl List, domain: &Domain, what: &str) -> Response {
        let name = file_name(&[domain.name.as_str(), what, &days_in_name(self.range)]);
        self.listing.answer(list, |_| name)
    }
}
