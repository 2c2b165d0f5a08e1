//! Leases, by which one node of a database does a thing at a time, and the background jobs that run under them.

mod lease;
mod scheduler;

use std::time::Duration;

pub use lease::{Held, Leases, Pace};
pub use scheduler::{JobError, Jobs};

/// `pause`, up to `spread_permille` of it shorter or longer: what waits for the same time does not come at once.
pub(crate) fn jittered(pause: Duration, spread_permille: u32, random: u64) -> Duration {
    let below = random % (2 * u64::from(spread_permille) + 1);
    let permille = (1_000 - spread_permille).saturating_add(u32::try_from(below).unwrap_or(0));
    pause * permille / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_spread_evenly_around_its_length() {
        let check = |spread, random, expect| {
            let pause = jittered(Duration::from_secs(1), spread, random);
            assert_eq!(pause, Duration::from_millis(expect), "{spread} {random}");
        };
        check(100, 0, 900);
        check(100, 100, 1_000);
        check(100, 200, 1_100);
        check(100, 201, 900);
        check(250, 250, 1_000);
        check(250, 500, 1_250);
        check(0, u64::MAX, 1_000);
    }
}
