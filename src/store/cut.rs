//! Which rows of a list are wanted.

use crate::base::ReportNo;

/// A page of a list, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub page: u32,
    pub per_page: u32,
}

/// Rows of a list that is computed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// Rows before the first of them.
    pub before: u64,
    pub count: u32,
}

impl Rows {
    /// Their range in a list of `total` rows.
    pub fn within(&self, total: usize) -> std::ops::Range<usize> {
        let start = usize::try_from(self.before).unwrap_or(usize::MAX).min(total);
        start..start.saturating_add(self.count as usize).min(total)
    }
}

impl From<Page> for Rows {
    fn from(page: Page) -> Self {
        Self {
            before: page.offset(),
            count: page.per_page,
        }
    }
}

/// Where a list of reports continues: after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportPlace {
    /// Begin of its window, unix seconds.
    pub begin: i64,
    pub no: ReportNo,
}

/// Which rows of a list that is kept in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut<P> {
    /// The rows of a page. The statement skips the rows before them.
    Page(Page),
    /// A number of rows behind a place, which costs the same wherever that is.
    After(P, u32),
}

/// Lists that are stored in order are counted up to this number; one more means that there are more.
pub const COUNTED_ROWS_MAX: u64 = 100_000;

/// The number at which counting ends.
pub(super) const COUNT_END: i64 = COUNTED_ROWS_MAX as i64 + 1;

impl Page {
    /// Rows before this page.
    pub fn offset(&self) -> u64 {
        u64::from(self.page.saturating_sub(1)) * u64::from(self.per_page)
    }
}

impl<P: Copy> Cut<P> {
    /// How many rows, and how many before them are walked over.
    pub(super) fn window(&self) -> (i64, i64) {
        match self {
            Self::Page(page) => (page.per_page.into(), page.offset().cast_signed()),
            Self::After(_, count) => ((*count).into(), 0),
        }
    }

    /// The place that they are behind.
    pub(super) fn place(&self) -> Option<P> {
        match self {
            Self::Page(_) => None,
            Self::After(place, _) => Some(*place),
        }
    }
}

impl<P> From<Page> for Cut<P> {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}
