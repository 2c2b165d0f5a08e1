//! How many addresses domains and their reporters have let wait on a day.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::base::{Day, DomainId};

/// A reporter has at most this part of the addresses of its domain: others may come later that day.
const REPORTER_PART: u32 = 2;

/// What domains have let wait on a day.
#[derive(Debug)]
pub(super) struct Today {
    /// Addresses that a domain may let wait.
    max: u32,
    day: Option<Day>,
    domains: HashMap<DomainId, OfDomain>,
}

#[derive(Debug, Default)]
struct OfDomain {
    count: u32,
    /// Those with addresses: they are no more than the addresses.
    reporters: HashMap<Arc<str>, u32>,
}

impl Today {
    pub fn new(max: u32) -> Self {
        Self {
            max,
            day: None,
            domains: HashMap::new(),
        }
    }

    /// Forgets what was on another day.
    pub fn begin(&mut self, day: Day) {
        if self.day.replace(day) != Some(day) {
            self.domains.clear();
        }
    }

    /// Whether a domain may let no more wait.
    pub fn is_full(&self, domain: DomainId) -> bool {
        self.domains.get(&domain).is_some_and(|of| of.count >= self.max)
    }

    /// The turn of the next address of a domain, from a reporter: 0 for the first of the day. `None` if the domain or the
    /// reporter has no more.
    pub fn turn(&mut self, domain: DomainId, reporter: &Arc<str>) -> Option<u32> {
        let of = self.domains.entry(domain).or_default();
        let of_reporter = of.reporters.get(reporter).copied().unwrap_or_default();
        if of.count >= self.max || of_reporter >= self.max.div_ceil(REPORTER_PART) {
            return None;
        }
        of.reporters.insert(Arc::clone(reporter), of_reporter + 1);
        of.count += 1;
        Some(of.count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_and_a_reporter_have_so_many_on_a_day() {
        let (mut today, one, other) = (Today::new(5), Arc::from("a"), Arc::from("b"));
        today.begin(Day(1));
        let turns = |today: &mut Today, reporter| [0; 4].map(|_| today.turn(DomainId(1), reporter));
        assert_eq!(turns(&mut today, &one), [Some(0), Some(1), Some(2), None]);
        assert!(!today.is_full(DomainId(1)));
        assert_eq!(turns(&mut today, &other), [Some(3), Some(4), None, None]);
        assert!(today.is_full(DomainId(1)));
        assert_eq!(today.turn(DomainId(2), &one), Some(0), "another domain has its own");
        today.begin(Day(1));
        assert!(today.is_full(DomainId(1)));
        today.begin(Day(2));
        assert_eq!(today.turn(DomainId(1), &one), Some(0));
    }
}
