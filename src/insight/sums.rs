//! Messages by what is asked for them, now and after a change.

use crate::report::aggregate::Policy;
use crate::tally::Totals;

use super::policy::{Asked, lowered};

/// Messages by what the policy asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that pass DMARC. They are in `none`, too.
    pub pass: u64,
    /// Nothing is asked.
    pub none: u64,
    pub quarantine: u64,
    pub reject: u64,
    /// Messages for which it cannot be known whether they would pass.
    pub unknown: u64,
}

impl Counts {
    /// All messages.
    pub fn messages(&self) -> u64 {
        let known = self.none.saturating_add(self.quarantine).saturating_add(self.reject);
        known.saturating_add(self.unknown)
    }

    /// Messages that are kept from an inbox.
    pub fn enforced(&self) -> u64 {
        self.quarantine.saturating_add(self.reject)
    }

    pub(super) fn add(&mut self, other: &Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more).min(Totals::SUM_MAX);
        add(&mut self.pass, other.pass);
        add(&mut self.none, other.none);
        add(&mut self.quarantine, other.quarantine);
        add(&mut self.reject, other.reject);
        add(&mut self.unknown, other.unknown);
    }

    pub(super) fn passed(messages: u64) -> Self {
        Self {
            pass: messages,
            none: messages,
            ..Self::default()
        }
    }

    pub(super) fn unknown(messages: u64) -> Self {
        Self {
            unknown: messages,
            ..Self::default()
        }
    }

    fn of_policy(&mut self, policy: Policy) -> &mut u64 {
        match policy {
            Policy::None => &mut self.none,
            Policy::Quarantine => &mut self.quarantine,
            Policy::Reject => &mut self.reject,
        }
    }
}

/// Divides failing messages by `pct`. What is left over of one record goes to the next, so that of all messages together the
/// right part has the policy, rounded down, of those that quarantine is asked for as of those that reject is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sampling {
    /// Hundredths of a message, by the code of the policy.
    rests: [u128; Policy::ALL.len()],
}

impl Sampling {
    pub fn failed(&mut self, messages: u64, asked: Asked) -> Counts {
        let mut counts = Counts::default();
        if asked.percent == 100 || asked.policy == Policy::None {
            *counts.of_policy(asked.policy) = messages;
            return counts;
        }
        let rest = &mut self.rests[usize::from(asked.policy.code())];
        let hundredths = *rest + u128::from(messages) * u128::from(asked.percent);
        let sampled = u64::try_from(hundredths / 100).unwrap_or(u64::MAX).min(messages);
        *rest = hundredths % 100;
        *counts.of_policy(asked.policy) += sampled;
        *counts.of_policy(lowered(asked.policy)) += messages - sampled;
        counts
    }
}

/// Messages now and after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shift {
    pub now: Counts,
    pub after: Counts,
}

impl Shift {
    pub(super) fn add(&mut self, other: &Self) {
        self.now.add(&other.now);
        self.after.add(&other.after);
    }

    /// Messages for which something else is asked, at least.
    pub fn moved(&self) -> u64 {
        let more = |of: fn(&Counts) -> u64| of(&self.after).saturating_sub(of(&self.now));
        let asked: [fn(&Counts) -> u64; 4] = [
            |counts| counts.none,
            |counts| counts.quarantine,
            |counts| counts.reject,
            |counts| counts.unknown,
        ];
        asked.into_iter().fold(0, |sum, of| sum.saturating_add(more(of)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_part_of_all_messages_has_the_policy(
            messages in proptest::collection::vec(0_u64..1_000, 0..40), percent in 0_u8..=100,
        ) {
            let mut sampling = Sampling::default();
            let mut sum = Counts::default();
            for count in &messages {
                let part = sampling.failed(*count, Asked { policy: Policy::Reject, percent });
                prop_assert_eq!(part.messages(), *count);
                sum.add(&part);
            }
            let all: u64 = messages.iter().sum();
            prop_assert_eq!(sum.reject, all * u64::from(percent) / 100);
            prop_assert_eq!(sum.quarantine, all - sum.reject);
        }
    }

    #[test]
    fn what_moves_is_counted_once() {
        let shift = Shift {
            now: Counts {
                none: 10,
                ..Counts::default()
            },
            after: Counts {
                none: 4,
                quarantine: 1,
                reject: 5,
                ..Counts::default()
            },
        };
        assert_eq!(shift.moved(), 6);
        assert_eq!(shift.after.enforced(), 6);
    }
}
