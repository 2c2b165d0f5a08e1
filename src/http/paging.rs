//! Pages of lists.

use serde_json::json;

use super::config::HttpConfig;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::places::row_number;
use crate::api::{CSV_ROWS_MAX, FieldError, NewestPagination, PAGED_ROWS_MAX, Pagination};
use crate::store::{COUNTED_ROWS_MAX, Cut, Page, Rows};

impl Pagination {
    /// The position of `page` in a list of `total` rows.
    pub(super) fn new(page: Page, total: u64) -> Self {
        let newest = NewestPagination {
            per_page: page.per_page,
            total_pages: total.div_ceil(u64::from(page.per_page.max(1))),
        };
        Self {
            total,
            more_than_total: false,
            page: page.page,
            per_page: newest.per_page,
            total_pages: newest.total_pages,
            next: None,
            newest,
        }
    }

    /// For a list that is counted up to [`COUNTED_ROWS_MAX`] plus one.
    fn counted(page: Page, total: u64) -> Self {
        Self {
            more_than_total: total > COUNTED_ROWS_MAX,
            ..Self::new(page, total.min(COUNTED_ROWS_MAX))
        }
    }

    /// Adds the place where the list continues.
    pub(super) fn going_on(self, next: Option<String>) -> Self {
        Self { next, ..self }
    }
}

/// What is asked of a list that is kept in order: a page, or what is behind a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<P> {
    pub page: Page,
    pub after: Option<P>,
}

impl<P: Copy> Wanted<P> {
    /// The cut includes one row more than wanted, to know whether the list continues. If the page is too deep, it has
    /// no row.
    pub(super) fn cut(&self) -> Cut<P> {
        match self.after {
            Some(place) => Cut::After(place, self.page.per_page.saturating_add(1)),
            None if self.page.offset() < PAGED_ROWS_MAX => Cut::Page(self.page),
            None => Cut::Page(Page {
                page: u32::MAX,
                per_page: u32::MAX,
            }),
        }
    }

    /// Keeps the wanted rows, and states where the list of `total` rows continues.
    ///
    /// # Errors
    /// 422 for a page that is in the list, and deeper than pages reach.
    pub(super) fn finish<R>(
        &self,
        rows: &mut Vec<R>,
        total: u64,
        place: impl FnOnce(&R) -> String,
    ) -> Result<Pagination, ApiError> {
        let (wanted, before) = (self.page.per_page as usize, self.page.offset());
        if self.after.is_none() && before >= PAGED_ROWS_MAX && before < total {
            let error = "must be within the first 10,000 rows; continue with after, as in pagination.next";
            return Err(ApiError::unprocessable(vec![FieldError::new("page", error)]));
        }
        let goes_on = match self.after {
            None => before.saturating_add(rows.len() as u64) < total && !rows.is_empty(),
            Some(_) => rows.len() > wanted,
        };
        rows.truncate(wanted);
        let next = rows.last().filter(|_| goes_on).map(place);
        Ok(Pagination::counted(self.page, total).going_on(next))
    }
}

/// Reads the parameters of an ordered list: those of [`page`], or `after`, which `place_of` parses. The rows before a
/// page are skipped one by one, so pages reach only [`PAGED_ROWS_MAX`] rows.
pub(super) fn wanted<P>(
    parameters: &mut Parameters,
    config: &HttpConfig,
    place_of: fn(&str) -> Option<P>,
) -> Wanted<P> {
    let page = page(parameters, config);
    let after = parameters.word("after", &["the text of pagination.next"], place_of);
    Wanted {
        page: match after {
            None => page,
            // The number of that page is unknown.
            Some(_) => Page { page: 1, ..page },
        },
        after,
    }
}

/// The parameter `after` of a list of reports.
pub(super) const AFTER_REPORT: &[Parameter] = &[Parameter {
    name: "after",
    says: AFTER_SAYS,
    schema: || json!({ "type": "string", "pattern": "^-?[0-9]{1,15}_[1-9][0-9]{0,17}$", "examples": ["1774137600_1"] }),
}];

/// The parameter `after` of a list of numbered things.
pub(super) const AFTER_NUMBER: &[Parameter] = &[Parameter {
    name: "after",
    says: AFTER_SAYS,
    schema: || json!({ "type": "string", "pattern": "^[1-9][0-9]{0,17}$", "examples": ["20"] }),
}];

/// The parameter `after` of a list that is computed as a whole for each answer.
pub(super) const AFTER_ROWS: &[Parameter] = &[Parameter {
    name: "after",
    says: "Continues after the answer with this `pagination.next`; `page` is ignored. The list is ordered by its figures: rows \
           may move when the figures change in between.",
    schema: || json!({ "type": "string", "pattern": "^[1-9][0-9]{0,17}$", "examples": ["20"] }),
}];

const AFTER_SAYS: &str = "Continues after the answer with this `pagination.next`; `page` is ignored. It costs the \
    same at any depth, while `page` reaches only the first 10,000 rows.";

/// What [`page`] and [`largest_page`] read.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "page",
        says: "Number of the page, counted from 1. A page beyond the end is empty.",
        schema: || json!({ "type": "integer", "minimum": 1 }),
    },
    Parameter {
        name: "per_page",
        says: "Rows per page. Larger values are reduced to the limit of the installation (default 100).",
        schema: || json!({ "type": "integer", "minimum": 1 }),
    },
    Parameter {
        name: "perPage",
        says: "Alias of `per_page`. If both are given, `per_page` applies.",
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

/// The requested rows of a list that is computed as a whole: those of a page, or those after a number of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    page: Page,
    pub rows: Rows,
}

impl Part {
    /// Reads the parameter `after`; without it, the rows of `page`.
    pub(super) fn from_parameters(parameters: &mut Parameters, page: Page) -> Self {
        let after = parameters.word("after", &["the text of pagination.next"], row_number);
        match after {
            Some(before) => Self {
                page: Page { page: 1, ..page },
                rows: Rows {
                    before: before.unsigned_abs(),
                    count: page.per_page,
                },
            },
            None => Self {
                page,
                rows: page.into(),
            },
        }
    }

    /// Returns the requested rows.
    pub(super) fn cut<'r, T>(&self, rows: &'r [T]) -> &'r [T] {
        &rows[self.rows.within(rows.len())]
    }

    /// The position in a list of `total` rows.
    pub(super) fn pagination(&self, total: usize) -> Pagination {
        let shown = self.rows.within(total);
        let goes_on = shown.end < total && !shown.is_empty();
        Pagination::new(self.page, total as u64).going_on(goes_on.then(|| shown.end.to_string()))
    }
}

fn page_of(parameters: &mut Parameters, config: &HttpConfig, size: u32) -> Page {
    // A line of CSV is short, and its bytes are bounded.
    let most = match parameters.text("format") {
        Some("csv") => config.page_size_max.max(CSV_ROWS_MAX),
        _ => config.page_size_max,
    };
    let camel = parameters.number("perPage", 1..=u32::MAX);
    let snake = parameters.number("per_page", 1..=u32::MAX);
    Page {
        page: parameters.number("page", 1..=u32::MAX).unwrap_or(1),
        per_page: snake.or(camel).unwrap_or(size).clamp(1, most.max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(page: u32, per_page: u32, after: Option<u64>) -> Wanted<u64> {
        Wanted {
            page: Page { page, per_page },
            after,
        }
    }

    #[test]
    fn pages_reach_the_first_rows_of_a_list_and_after_reaches_all() {
        for (page, per_page, total, refused) in [
            (100, 100, 20_000, false),
            (101, 100, 20_000, true),
            (10_001, 1, 10_002, true),
            (101, 100, 10_000, false),
            (u32::MAX, 100, 20_000, false),
        ] {
            let wanted = wanted(page, per_page, None);
            let reads = !matches!(wanted.cut(), Cut::Page(Page { page: u32::MAX, .. }));
            assert_eq!(reads, wanted.page.offset() < PAGED_ROWS_MAX);
            let mut rows = vec![0; if reads { per_page as usize } else { 0 }];
            let done = wanted.finish(&mut rows, total, ToString::to_string);
            assert_eq!(done.is_err(), refused, "{page} {per_page} {total}");
        }
        let more = wanted(1, 2, None).finish(&mut vec![0, 0], COUNTED_ROWS_MAX + 1, ToString::to_string);
        let more = more.unwrap();
        assert_eq!((more.total, more.more_than_total), (COUNTED_ROWS_MAX, true));
        let deep = wanted(1, 2, Some(15_000));
        assert!(matches!(deep.cut(), Cut::After(15_000, 3)));
        let mut rows = vec![15_001, 15_002, 15_003];
        let pagination = deep.finish(&mut rows, 20_000, ToString::to_string).unwrap();
        assert_eq!((rows.len(), pagination.next.as_deref()), (2, Some("15002")));
        let mut rows = vec![19_999];
        assert_eq!(deep.finish(&mut rows, 20_000, ToString::to_string).unwrap().next, None);
    }
    #[test]
    fn a_computed_list_continues_after_any_row() {
        let list: Vec<_> = (0..25).collect();
        for (page, per_page, after, shown, next) in [
            (1, 10, None, 0..10, Some("10")),
            (3, 10, None, 20..25, None),
            (9, 10, None, 25..25, None),
            (1, 10, Some(7), 7..17, Some("17")),
            (1, 10, Some(15), 15..25, None),
            (1, 25, None, 0..25, None),
            (1, 10, Some(u64::MAX), 25..25, None),
        ] {
            let page = Page { page, per_page };
            let before = after.unwrap_or(page.offset());
            let rows = Rows {
                before,
                count: per_page,
            };
            let part = Part { page, rows };
            assert_eq!(part.cut(&list), &list[shown], "{page:?} {after:?}");
            assert_eq!(part.pagination(25).next.as_deref(), next, "{page:?} {after:?}");
        }
    }
}
