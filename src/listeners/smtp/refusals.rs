//! Refusals for the log: enough of each kind to be noticed, and few enough not to hide the rest.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lines about one reason in one period.
const LINES_MAX: u32 = 5;
const PERIOD: Duration = Duration::from_secs(60);

/// How often what was refused was said. All sessions share it.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<&'static str, Said>>);

#[derive(Debug, Default)]
struct Said {
    since: Duration,
    lines: u32,
    /// Not said since the last line.
    silent: u64,
}

impl Refusals {
    /// Whether this one is said: then how many were not since the last one that was.
    pub fn say(&self, reason: &'static str, now: Duration) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said = all.entry(reason).or_default();
        if now.saturating_sub(said.since) >= PERIOD {
            said.since = now;
            said.lines = 0;
        }
        if said.lines >= LINES_MAX {
            said.silent = said.silent.saturating_add(1);
            return None;
        }
        said.lines += 1;
        Some(std::mem::take(&mut said.silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_refusals_per_reason_and_minute_are_logged() {
        let refusals = Refusals::default();
        let at = |seconds: u64| Duration::from_secs(1_000 + seconds);
        let said = (0..100).filter(|&second| refusals.say("no_relay", at(second / 10)).is_some());
        assert_eq!(said.count(), 5);
        assert_eq!(
            refusals.say("bare_newline", at(1)),
            Some(0),
            "another reason has its own lines"
        );
        assert_eq!(refusals.say("no_relay", at(60)), Some(95));
        assert_eq!(refusals.say("no_relay", at(61)), Some(0));
    }
}
