//! Windows that end in the future.

use crate::base::Millis;
use crate::report::aggregate::Window;

/// How far a window may end in the future: clocks differ, and a day ends at midnight.
const AHEAD_MAX: Millis = 2 * 86_400_000;
/// 2020-01-01T00:00:00Z. An earlier clock was not set, and then no window counts as in the future.
const CLOCK_IS_SET: Millis = 1_577_836_800_000;

/// Whether a window ends in the future, beyond what clocks differ.
pub(super) fn ends_in_the_future(window: Window, now: Millis) -> bool {
    now > CLOCK_IS_SET && window.end > now.saturating_add(AHEAD_MAX).div_euclid(1_000)
}
