//! Who gets the next free place. Accounts take turns, and each leaves as much free as it has, so that the receivers of one
//! account, however slow they are, never keep those of another waiting.

use std::collections::{BTreeMap, BTreeSet};

use super::schedule::Bounds;
use crate::base::{AccountId, Millis, TargetId};

/// A target that has something due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub account: AccountId,
    pub target: TargetId,
    /// Whether its last attempt failed.
    pub is_failing: bool,
    /// Since when it waits.
    pub since: Millis,
}

/// The places, and who has them.
#[derive(Debug)]
pub(super) struct Places {
    bounds: Bounds,
    taken: usize,
    by_account: BTreeMap<AccountId, usize>,
    by_target: BTreeMap<TargetId, usize>,
    /// Those that have a place although their last attempt failed.
    failing: BTreeMap<TargetId, AccountId>,
    /// When each account got a place last, in places given. One that got none comes first.
    turns: BTreeMap<AccountId, u64>,
    given: u64,
}

impl Places {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            taken: 0,
            by_account: BTreeMap::new(),
            by_target: BTreeMap::new(),
            failing: BTreeMap::new(),
            turns: BTreeMap::new(),
            given: 0,
        }
    }

    /// Who gets the next place: the account with the fewest, of these the one whose turn is the longest ago, and of its
    /// targets the one that waits the longest. `None` if none may have one.
    pub fn next(&self, claims: impl Iterator<Item = Claim>) -> Option<TargetId> {
        let rank = |claim: &Claim| {
            let turn = self.turns.get(&claim.account).copied().unwrap_or(0);
            let (of_account, of_target) = (self.of_account(claim.account), self.of_target(claim.target));
            (of_account, turn, of_target, claim.since, claim.target)
        };
        let admitted = claims.filter(|claim| self.admits(claim));
        admitted.min_by_key(rank).map(|claim| claim.target)
    }

    pub fn take(&mut self, claim: Claim) {
        self.taken += 1;
        *self.by_account.entry(claim.account).or_default() += 1;
        *self.by_target.entry(claim.target).or_default() += 1;
        if claim.is_failing {
            self.failing.insert(claim.target, claim.account);
        }
        self.given += 1;
        self.turns.insert(claim.account, self.given);
    }

    pub fn leave(&mut self, account: AccountId, target: TargetId) {
        self.taken = self.taken.saturating_sub(1);
        less(&mut self.by_account, account);
        less(&mut self.by_target, target);
        if self.of_target(target) == 0 {
            self.failing.remove(&target);
        }
    }

    /// Forgets the turns of other accounts than these.
    pub fn forget_others(&mut self, accounts: &BTreeSet<AccountId>) {
        self.turns.retain(|account, _| accounts.contains(account));
    }

    /// The share of an account is what it leaves free: one gets half of all, two get a third each, and so on.
    fn admits(&self, claim: &Claim) -> bool {
        let (of_account, of_target) = (self.of_account(claim.account), self.of_target(claim.target));
        let free = self.bounds.in_flight_max.saturating_sub(self.taken);
        let share = free.saturating_sub(of_account);
        if !claim.is_failing {
            return of_target < share.min(self.bounds.per_target_max);
        }
        let free = (self.bounds.in_flight_max / 2).saturating_sub(self.failing.len());
        let of_account = self.failing.values().filter(|other| **other == claim.account);
        of_target < share.min(1) && of_account.count() < free
    }

    fn of_account(&self, account: AccountId) -> usize {
        self.by_account.get(&account).copied().unwrap_or(0)
    }

    fn of_target(&self, target: TargetId) -> usize {
        self.by_target.get(&target).copied().unwrap_or(0)
    }
}

fn less<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(account: i64, target: i64, since: Millis) -> Claim {
        Claim {
            account: AccountId(account),
            target: TargetId(target),
            is_failing: false,
            since,
        }
    }

    fn failing(account: i64, target: i64) -> Claim {
        Claim {
            is_failing: true,
            ..claim(account, target, 0)
        }
    }

    /// Gives places until none may have one. Returns the targets in order.
    fn fill(places: &mut Places, claims: &[Claim]) -> Vec<i64> {
        let mut given = Vec::new();
        while let Some(next) = places.next(claims.iter().copied()) {
            places.take(*claims.iter().find(|claim| claim.target == next).unwrap());
            given.push(next.0);
        }
        given
    }

    #[test]
    fn the_longest_waiting_comes_first_and_accounts_take_turns() {
        let mut places = Places::new(Bounds::default());
        let claims = [claim(1, 1, 50), claim(1, 2, 10), claim(2, 3, 40), claim(3, 4, 5)];
        let given = fill(&mut places, &claims);
        assert_eq!(given[..6], [4, 2, 3, 4, 1, 3], "{given:?}");
        assert_eq!(given.len(), 16, "each target has its four");
        // One place is left again and again: each gets it in turn, though one waits longer than all others.
        let mut places = Places::new(Bounds {
            in_flight_max: 1,
            per_target_max: 1,
        });
        let claims = [claim(1, 1, 0), claim(2, 2, 10), claim(3, 3, 20)];
        let mut given = Vec::new();
        for _ in 0..6 {
            let next = fill(&mut places, &claims);
            let claim = claims.iter().find(|claim| claim.target.0 == next[0]).unwrap();
            places.leave(claim.account, claim.target);
            given.extend(next);
        }
        assert_eq!(given, [1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn no_account_keeps_another_from_its_places() {
        let mut places = Places::new(Bounds::default());
        let greedy: Vec<_> = (1..=20).map(|target| claim(1, target, 0)).collect();
        assert_eq!(fill(&mut places, &greedy).len(), 16, "half");
        // The slow account keeps its own: the next ones still get places, each of them fewer.
        let mut counts = Vec::new();
        for account in 2..=5 {
            let more: Vec<_> = (1..=20).map(|nth| claim(account, account * 100 + nth, 9)).collect();
            counts.push(fill(&mut places, &more).len());
        }
        assert_eq!(counts, [8, 4, 2, 1]);
    }

    #[test]
    fn those_that_fail_share_the_half_of_the_places() {
        let mut places = Places::new(Bounds::default());
        let dead: Vec<_> = (1..=20).map(|target| failing(1, target)).collect();
        assert_eq!(fill(&mut places, &dead).len(), 8, "one each, and half of the half");
        let dead: Vec<_> = (101..=120).map(|target| failing(2, target)).collect();
        assert_eq!(fill(&mut places, &dead).len(), 4);
        assert_eq!(fill(&mut places, &[claim(3, 201, 0)]), [201; 4]);
        // The control: what is left can be taken again.
        places.leave(AccountId(1), TargetId(1));
        assert_eq!(fill(&mut places, &[failing(2, 101), failing(4, 301)]), [301]);
    }
}
