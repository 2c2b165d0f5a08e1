//! The figures of an SPF record: what its terms were used for.

use crate::base::{Day, DayRange, words};
use crate::domains::{PublishedSpf, SpfTerm, SpfTrial};

/// Days without a message after which a term counts as not used.
pub(super) const UNUSED_DAYS: u64 = 90;

words! {
    /// How a term of an SPF record is used.
    TermUse: u8 {
        /// Messages lose their only aligned pass without it.
        Needed = 0 "needed",
        Used = 1 "used",
        /// No message of at least [`UNUSED_DAYS`] days matched it.
        Unused = 2 "unused",
        /// No message of fewer days matched it.
        NotSeen = 3 "not_seen",
        /// Which messages match it is not known.
        NotKnown = 4 "not_known",
        /// `all`.
        End = 5 "end",
    }
}

words! {
    /// What DNS has of SPF.
    SpfState: u8 { Record = 0 "record", None = 1 "none", Several = 2 "several", Faulty = 3 "faulty", NotKnown = 4 "not_known" }
}

/// A term, and the messages that matched it or the records that it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermFigures {
    pub term: SpfTerm,
    /// The number of terms that refer to its record, one within the other.
    pub depth: u32,
    pub standing: TermUse,
    /// One sentence.
    pub says: String,
    pub messages: u64,
    /// The last day of the newest window with such a message.
    pub last_day: Option<Day>,
    /// Messages that passed by aligned SPF alone, and would not without this term.
    pub would_lose: u64,
}

/// Messages of one MAIL FROM domain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailFrom {
    /// `None` for messages without one, and for the domains that are not told apart.
    pub domain: Option<Box<str>>,
    pub messages: u64,
    /// Those for which the reporter says that SPF passed.
    pub pass: u64,
    /// Those that pass DMARC by it.
    pub aligned: u64,
}

/// How an SPF record is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfUsage {
    pub range: DayRange,
    /// The first day of the range that a report is about, and the number of all such days.
    pub known_from: Option<Day>,
    pub known_days: u64,
    pub spf: PublishedSpf,
    /// One sentence.
    pub says: String,
    /// Messages that were looked at.
    pub messages: u64,
    /// Those whose MAIL FROM is the domain, which its record decides.
    pub decided: u64,
    /// Of these: what no term matches, what cannot be known, and what receivers give up on.
    pub unmatched: u64,
    pub not_known: u64,
    pub given_up: u64,
    /// Of these: the reporter says that SPF passed and the record of today does not, or the reverse.
    pub differing: u64,
    /// In the order of evaluation.
    pub terms: Vec<TermFigures>,
    /// The first 50, most messages first, and the number of all.
    pub mail_from: (Vec<MailFrom>, usize),
    /// Reports, and their messages in the range, whose records retention has dropped. They are in no other sum.
    pub without_records: (u64, u64),
}

impl SpfUsage {
    pub const fn state(&self) -> SpfState {
        match self.spf {
            PublishedSpf::Record { .. } => SpfState::Record,
            PublishedSpf::None => SpfState::None,
            PublishedSpf::Several(_) => SpfState::Several,
            PublishedSpf::Faulty { .. } => SpfState::Faulty,
            PublishedSpf::NotKnown => SpfState::NotKnown,
        }
    }

    /// What DNS says to the record, where there is one.
    pub fn trial(&self) -> Option<&SpfTrial> {
        match &self.spf {
            PublishedSpf::Record { trial, .. } => Some(trial),
            _ => None,
        }
    }
}

/// The messages of one term.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TermSum {
    pub messages: u64,
    pub last_day: Option<Day>,
    pub would_lose: u64,
}
