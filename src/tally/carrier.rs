//! The mail that carried a report: whether it vouches for it. Sums are kept apart by it.

use crate::base::Authenticated;

/// The mail that carried a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Carrier {
    /// It did not pass DMARC for the reporter, was not checked, or there was none.
    #[default]
    Other,
    /// It passed DMARC for the reporter's own organisation.
    Vouched,
}

impl Carrier {
    pub const ALL: [Self; 2] = [Self::Other, Self::Vouched];

    /// Of a report with this verdict.
    pub fn from_verdict(verdict: Authenticated) -> Self {
        match verdict {
            Authenticated::Pass => Self::Vouched,
            Authenticated::Unknown | Authenticated::Fail | Authenticated::None => Self::Other,
        }
    }

    /// The stored form.
    pub fn code(self) -> i64 {
        i64::from(self == Self::Vouched)
    }

    /// From the stored form. `None` for other numbers.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|carrier| carrier.code() == code)
    }
}

/// Which reports sums are of, by their carriers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carriers {
    #[default]
    All,
    /// Only those whose mail vouches for them.
    Vouched,
}

impl Carriers {
    pub fn include(self, carrier: Carrier) -> bool {
        self == Self::All || carrier == Carrier::Vouched
    }
}
