//! Sums by service, subdomain and reporter.

use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;

use super::sums::Shift;
use crate::enrich::FlowCounts;

/// Rows of each list.
const ROWS_MAX: usize = 50;
/// Names that are told apart. The rest is counted together.
const NAMES_MAX: usize = 20_000;

/// Failing messages, and how often the reporters did not apply the policy to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overrides {
    /// Messages that failed, by their own evidence and the policy of their report.
    pub failing: u64,
    /// Those for which the reporter did less than was asked. Where nothing was asked: those for which it gave a reason.
    pub overridden: u64,
}

impl Overrides {
    pub(super) fn add(&mut self, other: Self) {
        self.failing = self.failing.saturating_add(other.failing);
        self.overridden = self.overridden.saturating_add(other.overridden);
    }

    /// How many of `messages` remain if as many are overridden as before.
    pub(super) fn remaining(self, messages: u64) -> u64 {
        let (overridden, failing) = (u128::from(self.overridden), u128::from(self.failing).max(1));
        let less = (u128::from(messages) * overridden + failing / 2) / failing;
        messages.saturating_sub(u64::try_from(less).unwrap_or(u64::MAX))
    }
}

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// `None` for what has no name, and for the names that are not told apart.
    pub name: Option<Arc<str>>,
    pub shift: Shift,
    /// Messages by flow; of services only.
    pub flows: FlowCounts,
    /// Whether DNS has the name; `None` where DNS was not asked. Of subdomains only.
    pub exists: Option<bool>,
    /// Of reporters only.
    pub overrides: Overrides,
}

/// The first rows of a list: those for which most would change, then those with most messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// At most 50.
    pub rows: Vec<Group>,
    /// Number of rows with those that are not listed.
    pub total: usize,
}

/// Groups by number. Number 0 is for what has no name of its own.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    numbers: HashMap<Box<str>, u32>,
}

impl Groups {
    /// The number of a name.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(known) = self.numbers.get(name) {
            return *known;
        }
        if name.is_empty() || self.numbers.len() >= NAMES_MAX {
            return 0;
        }
        let number = self.numbers.len() as u32 + 1;
        self.numbers.insert(name.into(), number);
        self.at(number).name = Some(name.into());
        number
    }

    pub fn at(&mut self, number: u32) -> &mut Group {
        let nth = number as usize;
        if self.groups.len() <= nth {
            self.groups.resize_with(nth + 1, Group::default);
        }
        &mut self.groups[nth]
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Group)> {
        (0..).zip(&mut self.groups)
    }

    /// The rows of those that have messages.
    pub fn listed(self) -> Listed {
        let mut rows = self.groups;
        rows.retain(|group| group.shift.now.messages() > 0);
        rows.sort_unstable_by(|a, b| {
            let key = |group: &Group| (Reverse(group.shift.moved()), Reverse(group.shift.now.messages()));
            (key(a), &a.name).cmp(&(key(b), &b.name))
        });
        let total = rows.len();
        rows.truncate(ROWS_MAX);
        Listed { rows, total }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sums::Counts;
    use super::*;

    #[test]
    fn the_first_rows_are_those_for_which_most_changes() {
        let mut groups = Groups::default();
        for (name, messages, rejected) in [("much", 900, 0), ("moved", 10, 9), ("", 5, 0), ("unseen", 0, 0)] {
            let number = groups.number(name);
            groups.at(number).shift = Shift {
                now: Counts::passed(messages),
                after: Counts {
                    none: messages - rejected,
                    reject: rejected,
                    ..Counts::default()
                },
            };
        }
        assert_eq!(groups.number("much"), groups.number("much"));
        let listed = groups.listed();
        let names: Vec<_> = listed.rows.iter().map(|row| row.name.as_deref()).collect();
        assert_eq!((names, listed.total), (vec![Some("moved"), Some("much"), None], 3));
    }

    #[test]
    fn a_list_is_bounded_and_counts_what_it_does_not_list() {
        let mut groups = Groups::default();
        for nth in 0..NAMES_MAX + 10 {
            let number = groups.number(&nth.to_string());
            groups.at(number).shift.add(&Shift {
                now: Counts::passed(1),
                after: Counts::passed(1),
            });
        }
        assert_eq!(groups.at(0).shift.now.messages(), 10);
        let listed = groups.listed();
        assert_eq!((listed.rows.len(), listed.total), (ROWS_MAX, NAMES_MAX + 1));
        assert_eq!(listed.rows[0].name, None, "the rest has most messages");
    }

    #[test]
    fn what_remains_is_rounded() {
        for (failing, overridden, messages, expect) in [
            (0, 0, 7, 7),
            (10, 0, 7, 7),
            (10, 10, 7, 0),
            (2, 1, 7, 3),
            (3, 1, 7, 5),
            (u64::MAX, u64::MAX, u64::MAX, 0),
        ] {
            let overrides = Overrides { failing, overridden };
            assert_eq!(overrides.remaining(messages), expect, "{overrides:?}");
        }
    }
}
