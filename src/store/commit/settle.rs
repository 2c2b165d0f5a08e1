//! Which of the texts of one identity counts.

use crate::base::{AccountId, Authenticated};
use crate::report::aggregate::IdentityKey;

use super::super::Acceptance;
use super::super::rollup::Change;
use super::decide::Decisions;
use super::register::{Known, Register};

impl Decisions {
    /// Makes the right text of an identity the counted one: of those that may count the one that the owner has accepted, else
    /// the first that is vouched for, else the first.
    pub fn settle(&mut self, register: &mut Register, account: AccountId, identity: IdentityKey) {
        let group = register.of_identity(account, identity);
        let texts = &register.texts;
        // Sums whose records have gone can be neither taken back nor counted again.
        let fixed = group
            .iter()
            .position(|&nth| texts[nth].counted && !texts[nth].records_kept);
        // Who counts already came first: numbers tell the order of arrival on one node only.
        let first = |wanted: &dyn Fn(&Known) -> bool| {
            let wanted = |nth: usize| texts[nth].records_kept && texts[nth].may_count() && wanted(&texts[nth]);
            let counted = group.iter().position(|&nth| texts[nth].counted && wanted(nth));
            counted.or_else(|| group.iter().position(|&nth| wanted(nth)))
        };
        let accepted = |known: &Known| known.is(Acceptance::Accepted);
        let passed = |known: &Known| known.authenticated == Authenticated::Pass;
        let winner = fixed.or_else(|| first(&accepted)).or_else(|| first(&passed));
        let winner = winner.or_else(|| first(&|_| true));
        for (place, &nth) in group.iter().enumerate() {
            let known = &mut register.texts[nth];
            if !known.records_kept {
                continue;
            }
            known.counted = Some(place) == winner;
            for row in &mut known.rows {
                let counted = known.counted && row.acceptance.may_count();
                if row.counted == counted {
                    continue;
                }
                row.counted = counted;
                match row.here {
                    Some(here) => self.all[here].counted = counted,
                    None => {
                        let change = if counted { Change::Add } else { Change::Subtract };
                        self.changes.push((row.domain, row.no, change));
                    }
                }
            }
        }
    }
}
