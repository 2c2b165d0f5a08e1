//! What an SPF record says of addresses, once its lookups have been asked (`spf_reading.rs`).

use std::net::IpAddr;

use super::spf_networks::Networks;

/// What a record says of mail from an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    Pass,
    /// Anything but a pass.
    Fail,
    /// The record has a term that depends on more than the address, or DNS did not answer.
    Unknown,
}

/// An SPF record with all that DNS says to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfTrial {
    pub(super) steps: Vec<Step>,
    /// DNS lookups of the whole record, up to the first that is too many. Receivers allow ten.
    pub lookups: u32,
    /// What makes receivers give up for mail that no earlier term lets pass.
    pub fault: Option<String>,
    /// Whether a term cannot be decided by the address.
    pub is_uncertain: bool,
    /// The terms of the record, and those of its records that refer to others: in the order of evaluation, each before those of
    /// the record that it refers to. At most [`TERMS_MAX`].
    pub terms: Vec<SpfTerm>,
}

/// Terms that are told apart.
pub(super) const TERMS_MAX: u16 = 500;

/// A term of an SPF record, or of one that this refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfTerm {
    /// As the record has it.
    pub text: Box<str>,
    /// Name that has the record.
    pub record: Box<str>,
    /// The term that refers to that record; `None` in the domain's own.
    pub parent: Option<u16>,
    /// DNS lookups, with those of the record that it refers to.
    pub lookups: u32,
    pub kind: SpfTermKind,
}

/// What a term is, as far as its use depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpfTermKind {
    /// It names addresses.
    Addresses,
    /// `include` or `redirect`.
    Record,
    /// It depends on more than the address, or DNS did not answer.
    Open,
    /// `all`.
    End,
}

/// A part of a record, with what a match comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Addresses that match, of all terms that follow each other without one of another kind. So the steps of a record and of
    /// all that it includes are few: other terms need a lookup each.
    Networks(Networks<Mark>),
    /// A record whose pass is a match.
    Included {
        mark: Mark,
        steps: Vec<Step>,
    },
    /// A record in place of the rest.
    Instead {
        mark: Mark,
        steps: Vec<Step>,
    },
    All(Mark),
    /// It may match.
    Open(Mark),
    /// Receivers give up here.
    GivenUp,
}

impl SpfTrial {
    /// What the record says of mail from this address.
    pub fn tried(&self, address: IpAddr) -> Tried {
        self.matched(address, None).0
    }

    /// As [`Self::tried`], with the number of the term that decides, for a record that lacks the term `without`. There is no number
    /// where no term matches, where receivers give up, and for terms that are not told apart.
    pub fn matched(&self, address: IpAddr, without: Option<u16>) -> (Tried, Option<u16>) {
        let Outcome { decided, term } = outcome(&self.steps, address, without);
        let tried = match decided {
            Decided::Yes => Tried::Pass,
            Decided::No | Decided::GivenUp => Tried::Fail,
            Decided::Unknown => Tried::Unknown,
        };
        (tried, term)
    }

    /// The term and those that refer to its record, the innermost first.
    pub fn with_parents(&self, term: u16) -> impl Iterator<Item = u16> {
        let parent = |term: &u16| self.terms.get(usize::from(*term))?.parent;
        std::iter::successors(Some(term), parent)
    }
}

/// What a match comes to, and the term that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub matched: Decided,
    pub term: Option<u16>,
}

/// What steps come to, and by which term.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    decided: Decided,
    term: Option<u16>,
}

/// What steps come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decided {
    Yes,
    No,
    /// A permanent error, of the record that includes this one as well.
    GivenUp,
    Unknown,
}

fn outcome(steps: &[Step], address: IpAddr, without: Option<u16>) -> Outcome {
    let counts = |mark: Mark| mark.term.is_none() || mark.term != without;
    let of = |mark: Mark| Outcome {
        decided: mark.matched,
        term: mark.term,
    };
    // What may match and what follows may come to the same: then it does not matter which of them matches.
    let either = |mark: Mark, rest: &[Step]| match outcome(rest, address, without) {
        rest if rest.decided == mark.matched => rest,
        _ => Outcome {
            decided: Decided::Unknown,
            term: mark.term,
        },
    };
    for (nth, step) in steps.iter().enumerate() {
        let rest = &steps[nth + 1..];
        match step {
            Step::Networks(networks) => {
                if let Some(mark) = networks.first(address, counts) {
                    return of(mark);
                }
            }
            Step::Included { mark, .. } | Step::Instead { mark, .. } | Step::All(mark) | Step::Open(mark)
                if !counts(*mark) => {}
            Step::Included { mark, steps } => {
                let included = outcome(steps, address, without);
                match included.decided {
                    Decided::Yes => {
                        return Outcome {
                            decided: mark.matched,
                            term: included.term.or(mark.term),
                        };
                    }
                    Decided::No => {}
                    Decided::GivenUp => return included,
                    Decided::Unknown => return either(*mark, rest),
                }
            }
            Step::Instead { steps, .. } => return outcome(steps, address, without),
            Step::All(mark) => return of(*mark),
            Step::Open(mark) => return either(*mark, rest),
            Step::GivenUp => {
                return Outcome {
                    decided: Decided::GivenUp,
                    term: None,
                };
            }
        }
    }
    Outcome {
        decided: Decided::No,
        term: None,
    }
}
