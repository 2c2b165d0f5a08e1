//! Messages that fail each time: the server closes the connection over them, answers nonsense, or does not answer. After three losses
//! one is left alone for 5 minutes, then for twice as long each time, up to 6 hours, so that it keeps no other message back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::reading::ATTEMPTS_MAX;

/// Pause after the third loss; it doubles with each further one.
const PAUSE_MIN: Duration = Duration::from_secs(5 * 60);
const PAUSE_MAX: Duration = Duration::from_secs(6 * 3_600);
/// Messages that are noted. Beyond them the one that is due last is forgotten, with its losses.
const NOTED_MAX: usize = 1_000;

/// The messages of one feed, over all connections. It is in memory alone: after a start each is tried again.
#[derive(Debug, Default)]
pub(super) struct PutOff(Mutex<HashMap<String, Noted>>);

#[derive(Debug, Clone, Copy)]
struct Noted {
    losses: u32,
    /// Monotonic.
    due_at: Duration,
}

impl PutOff {
    /// Notes that the connection was lost over a message. Returns whether it is left alone from now on.
    pub fn lost(&self, name: &str, now: Duration) -> bool {
        let mut all = self.all();
        if all.len() >= NOTED_MAX && !all.contains_key(name) {
            let last = all.iter().max_by_key(|(_, noted)| noted.due_at);
            let last = last.map(|(name, _)| name.clone());
            last.map(|last| all.remove(&last));
        }
        let noted = all.entry(name.to_owned()).or_insert(Noted { losses: 0, due_at: now });
        noted.losses = noted.losses.saturating_add(1);
        let Some(beyond) = noted.losses.checked_sub(ATTEMPTS_MAX) else {
            return false;
        };
        let pause = PAUSE_MIN.saturating_mul(1 << beyond.min(20)).min(PAUSE_MAX);
        noted.due_at = now.saturating_add(pause);
        true
    }

    /// Whether a message is left alone at `now`.
    pub fn is_waiting(&self, name: &str, now: Duration) -> bool {
        self.all().get(name).is_some_and(|noted| now < noted.due_at)
    }

    /// Whether a message was lost three times or more.
    pub fn is_noted(&self, name: &str) -> bool {
        let all = self.all();
        all.get(name).is_some_and(|noted| noted.losses >= ATTEMPTS_MAX)
    }

    /// Forgets a message that was dealt with, or has gone.
    pub fn settled(&self, name: &str) {
        self.all().remove(name);
    }

    /// Forgets the messages that are left alone and no longer remembered: another node dealt with them, or the place numbers its
    /// messages differently now.
    pub fn forget_unknown(&self, is_known: impl Fn(&str) -> bool) {
        self.all()
            .retain(|name, noted| noted.losses < ATTEMPTS_MAX || is_known(name));
    }

    /// Number of messages with three or more losses.
    pub fn count(&self) -> usize {
        let all = self.all();
        all.values().filter(|noted| noted.losses >= ATTEMPTS_MAX).count()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_left_alone_after_three_losses_and_for_longer_each_time() {
        let put_off = PutOff::default();
        let mut now = Duration::from_secs(10);
        assert_eq!([1, 2, 3].map(|_| put_off.lost("a", now)), [false, false, true]);
        assert!(put_off.is_waiting("a", now) && !put_off.is_waiting("b", now));
        assert!(put_off.is_noted("a") && !put_off.is_noted("b"));
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let due_at = put_off.all()["a"].due_at;
            pauses.push((due_at - now).as_secs() / 60);
            now = due_at;
            assert!(!put_off.is_waiting("a", now));
            assert!(put_off.lost("a", now));
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 360, 360]);
        put_off.lost("b", now);
        assert_eq!(put_off.count(), 1);
        put_off.settled("a");
        assert_eq!(put_off.count(), 0);
    }

    #[test]
    fn what_is_no_longer_remembered_is_not_left_alone() {
        let put_off = PutOff::default();
        for name in ["a", "a", "a", "b", "b", "b", "c"] {
            put_off.lost(name, Duration::ZERO);
        }
        put_off.forget_unknown(|name| name == "b");
        assert!(!put_off.is_noted("a") && put_off.is_noted("b"));
        assert_eq!(put_off.count(), 1);
        // What was lost less often is remembered nowhere else: its losses still count.
        assert_eq!([2, 3].map(|_| put_off.lost("c", Duration::ZERO)), [false, true]);
    }

    #[test]
    fn what_is_noted_is_bounded() {
        let put_off = PutOff::default();
        for nth in 0..NOTED_MAX + 10 {
            put_off.lost(&nth.to_string(), Duration::ZERO);
        }
        assert_eq!(put_off.all().len(), NOTED_MAX);
        // One more is still left alone after three losses.
        assert_eq!(
            [1, 2, 3].map(|_| put_off.lost("new", Duration::ZERO)),
            [false, false, true]
        );
    }
}
