//! Mail that was told to come again because its sender could not be found out: each once.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashSet;

/// Mails that are remembered, of 24 bytes each. What comes when there are as many is taken at once: a flood may keep no
/// mail away.
const MAILS_MAX: usize = 10_000;
/// For how long: senders try again within hours.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);

/// The mails that were told to come again, by the digests of their bytes.
#[derive(Debug, Default)]
pub(super) struct Deferred(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: HashSet<[u8; 16]>,
    /// In the order in which they came, with until when each is remembered.
    order: VecDeque<([u8; 16], Duration)>,
}

impl Deferred {
    /// Whether a mail is to come again: then it is remembered. Never twice for the same mail as long as it is.
    pub fn is_first(&self, digest: [u8; 16], now: Duration) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { known, order } = &mut *state;
        while order.front().is_some_and(|(_, until)| *until <= now) {
            if let Some((old, _)) = order.pop_front() {
                known.remove(&old);
            }
        }
        if order.len() >= MAILS_MAX || !known.insert(digest) {
            return false;
        }
        order.push_back((digest, now + REMEMBERED));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(nth: u64) -> [u8; 16] {
        u128::from(nth).to_be_bytes()
    }

    #[test]
    fn each_mail_is_deferred_once() {
        let deferred = Deferred::default();
        let now = Duration::from_secs(5);
        assert!(deferred.is_first(digest(1), now));
        assert!(!deferred.is_first(digest(1), now));
        assert!(deferred.is_first(digest(2), now));
        assert!(!deferred.is_first(digest(1), now + REMEMBERED / 2));
        // As new a day later.
        assert!(deferred.is_first(digest(1), now + REMEMBERED));
        assert!(!deferred.is_first(digest(1), now + REMEMBERED));
    }

    #[test]
    fn a_flood_defers_no_other_mail() {
        let deferred = Deferred::default();
        let first = (0..2 * MAILS_MAX as u64).filter(|nth| deferred.is_first(digest(*nth), Duration::ZERO));
        assert_eq!(first.count(), MAILS_MAX);
        assert!(!deferred.is_first(digest(u64::MAX), Duration::from_secs(60)));
        assert!(deferred.is_first(digest(u64::MAX), REMEMBERED));
        let state = deferred.0.lock().unwrap();
        assert_eq!((state.order.len(), state.known.len()), (1, 1));
    }
}
