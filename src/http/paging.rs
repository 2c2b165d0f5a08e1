//! Pages of lists.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::fields::Parameters;
use super::openapi::Parameter;
use super::state::HttpConfig;
use crate::store::Page;

/// Where a page lies in its list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Pagination {
    /// Rows in the whole list.
    total: u64,
    /// This page, counted from 1.
    page: u32,
    /// Rows on a full page.
    per_page: u32,
    /// Pages in the whole list; 0 if it is empty.
    total_pages: u64,
}

impl Pagination {
    /// Of `page` in a list of `total` rows.
    pub(super) fn new(page: Page, total: u64) -> Self {
        Self {
            total,
            page: page.page,
            per_page: page.per_page,
            total_pages: total.div_ceil(u64::from(page.per_page.max(1))),
        }
    }
}

/// What [`page`] and [`largest_page`] read.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "page",
        says: "Which page, counted from 1; a page beyond the end is empty.",
        schema: || json!({ "type": "integer", "minimum": 1 }),
    },
    Parameter {
        name: "per_page",
        says: "Rows on a page; more than this installation's limit (100 by default) is cut down to it.",
        schema: || json!({ "type": "integer", "minimum": 1 }),
    },
    Parameter {
        name: "perPage",
        says: "Another spelling of `per_page`, which counts if both are there.",
        schema: || json!({ "type": "integer", "minimum": 1 }),
    },
];

/// The parameters `page` and `per_page`, which the official client spells `perPage` on some paths. Too large a page is cut
/// down to the configured size; a page beyond the end is empty, not a mistake.
pub(super) fn page(parameters: &mut Parameters, config: &HttpConfig) -> Page {
    page_of(parameters, config, config.page_size_default)
}

/// As [`page`], where the official client does not page at all: as many rows as one page can have.
pub(super) fn largest_page(parameters: &mut Parameters, config: &HttpConfig) -> Page {
    page_of(parameters, config, config.page_size_max)
}

/// As [`page`], with another size if the client says none.
pub(super) fn page_sized(parameters: &mut Parameters, config: &HttpConfig, size: u32) -> Page {
    page_of(parameters, config, size.min(config.page_size_max))
}

/// Rows on the pages before this one.
pub(super) fn rows_before(page: Page) -> usize {
    usize::try_from(page.offset()).unwrap_or(usize::MAX)
}

/// The rows of a page of a list that is here as a whole.
pub(super) fn cut<T>(rows: &[T], page: Page) -> &[T] {
    let start = rows_before(page).min(rows.len());
    &rows[start..start.saturating_add(page.per_page as usize).min(rows.len())]
}

/// As many rows can the web page ask for, to export a table.
const PAGE_ROWS_MAX: u32 = 100_000;

fn page_of(parameters: &mut Parameters, config: &HttpConfig, size: u32) -> Page {
    let most = if parameters.of_page() {
        PAGE_ROWS_MAX
    } else {
        config.page_size_max
    };
    let camel = parameters.number("perPage", 1..=u32::MAX);
    let snake = parameters.number("per_page", 1..=u32::MAX);
    Page {
        page: parameters.number("page", 1..=u32::MAX).unwrap_or(1),
        per_page: snake.or(camel).unwrap_or(size).clamp(1, most.max(1)),
    }
}
