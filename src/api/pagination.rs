//! The position of a page in its list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::newest::NewestPagination;

/// The position of a page in its list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Pagination {
    /// Number of rows in the whole list, as far as they are counted.
    pub total: u64,
    /// Present and true if the list has more rows than `total`. Ordered lists are counted up to 100,000 rows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(!default)]
    pub more_than_total: bool,
    /// Number of this page, counted from 1.
    pub page: u32,
    /// Rows on a full page.
    pub per_page: u32,
    /// Number of pages for `total` rows; 0 for an empty list.
    pub total_pages: u64,
    /// Value of `after` that continues the list after this answer. Absent at the end.
    #[schemars(example = &"1774137600_1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(flatten)]
    pub newest: NewestPagination,
}

/// Rows of a list in order that numbered pages reach; what is behind them is reached with `after`.
pub const PAGED_ROWS_MAX: u64 = 10_000;

impl Pagination {
    /// Whether it is behind the last page of a list that has pages.
    pub fn is_beyond(&self) -> bool {
        self.total > 0 && u64::from(self.page) > self.total_pages
    }

    /// The last numbered page of a list that continues by `next`.
    pub fn last_with_number(&self) -> u64 {
        PAGED_ROWS_MAX.div_ceil(u64::from(self.per_page.max(1)))
    }
}

/// Rows of an answer as CSV.
pub const CSV_ROWS_MAX: u32 = 1_000;
