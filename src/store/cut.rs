//! Which rows of a list are wanted.

use super::ReportNo;

/// A page of a list, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub page: u32,
    pub per_page: u32,
}

/// Where a list of reports goes on: behind this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportPlace {
    /// Begin of its window, unix seconds.
    pub begin: i64,
    pub no: ReportNo,
}

/// Which rows of a list that is kept in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut<P> {
    /// Those of a page: what is before them is walked over.
    Page(Page),
    /// A number of rows behind a place, which costs the same wherever that is.
    After(P, u32),
}

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
