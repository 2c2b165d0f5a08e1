//! The only file that knows *now*, and how an instant is written.
//!
//! Code that needs the time gets a [`Clock`] or, better, an instant: a test can then set the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

use crate::base::Millis;

/// Tells the time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(TimeBase);

#[derive(Debug, Clone)]
enum TimeBase {
    /// The machine's clock, and the process's start for monotonic time.
    System(Instant),
    /// Shared by all clones, so that a test can move it for all of them.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of this machine.
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn system() -> Self {
        Self(TimeBase::System(Instant::now()))
    }

    /// A clock that stands still at `now`, unix milliseconds, until it is [`Clock::advance`]d. For tests.
    pub fn fixed(now: Millis) -> Self {
        Self(TimeBase::Fixed(Arc::new(AtomicI64::new(now))))
    }

    /// Moves a fixed clock, and all its clones; does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let TimeBase::Fixed(now) = &self.0 {
            now.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// Now, unix milliseconds. May jump when the machine's clock is set.
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn now(&self) -> Millis {
        match &self.0 {
            TimeBase::System(_) => Timestamp::now().as_millisecond(),
            TimeBase::Fixed(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Processor time that the calling thread has used. A fixed clock's threads work without a pause.
    pub fn thread_time(&self) -> Duration {
        match &self.0 {
            TimeBase::System(_) => {
                let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                // Neither part is ever negative.
                let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
                Duration::new(seconds, u32::try_from(used.tv_nsec).unwrap_or(0))
            }
            TimeBase::Fixed(_) => self.monotonic(),
        }
    }

    /// Time since some fixed point, never running backwards: for rates, timeouts and durations.
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            TimeBase::System(start) => start.elapsed(),
            TimeBase::Fixed(now) => Duration::from_millis(u64::try_from(now.load(Ordering::SeqCst)).unwrap_or(0)),
        }
    }
}

/// Whether an instant is one that a set clock can tell: from 1970 up to the year 9999. Libraries beneath (hyper, hickory)
/// panic at any other; so who is about to use them asks first.
pub fn is_set(now: Millis) -> bool {
    (0..END_OF_TIME).contains(&now)
}

/// The year 9999, unix milliseconds.
const END_OF_TIME: Millis = 253_370_764_800_000;

/// An instant as the API writes it: RFC 3339, UTC, milliseconds (`2026-03-23T10:00:00.000Z`).
///
/// An instant beyond the year 9999, or before -9999, is written as the last or first that can be.
pub fn format_instant(instant: Millis) -> String {
    let timestamp =
        Timestamp::from_millisecond(instant).unwrap_or(if instant < 0 { Timestamp::MIN } else { Timestamp::MAX });
    format!("{timestamp:.3}")
}

/// An instant as header fields of mail have it (RFC 5322, 3.3): `Mon, 23 Mar 2026 10:00:00 -0000`. One that cannot be written so
/// is the beginning of 1970.
pub fn format_mail_date(instant: Millis) -> String {
    let timestamp = Timestamp::from_millisecond(instant).unwrap_or(Timestamp::UNIX_EPOCH);
    let date = DateTimePrinter::new().timestamp_to_string(&timestamp);
    date.unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 -0000".to_owned())
}

/// Reads the date of a mail (RFC 5322, 3.3). `None` for any other text.
pub fn parse_mail_date(text: &str) -> Option<Millis> {
    let timestamp = DateTimeParser::new().parse_timestamp(text);
    timestamp.ok().map(Timestamp::as_millisecond)
}

/// Reads an RFC 3339 instant with any offset; finer parts than milliseconds are dropped. `None` for any other text.
pub fn parse_instant(text: &str) -> Option<Millis> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_with_milliseconds_in_utc() {
        assert_eq!(format_instant(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format_instant(1_774_260_000_000), "2026-03-23T10:00:00.000Z");
        assert_eq!(format_instant(1_774_260_000_007), "2026-03-23T10:00:00.007Z");
        assert_eq!(format_instant(-1), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_date_of_mail_has_its_form() {
        assert_eq!(format_mail_date(1_774_260_000_000), "Mon, 23 Mar 2026 10:00:00 -0000");
        assert_eq!(format_mail_date(i64::MAX), "Thu, 1 Jan 1970 00:00:00 -0000");
    }

    #[test]
    fn a_clock_before_1970_or_of_the_year_9999_is_not_set() {
        for (now, expect) in [
            (0, true),
            (1_774_260_000_000, true),
            (parse_instant("9998-12-31T23:59:59.999Z").unwrap(), true),
            (parse_instant("9999-01-01T00:00:00Z").unwrap(), false),
            (-1, false),
            (-86_400_000, false),
            (i64::MIN, false),
            (i64::MAX, false),
        ] {
            assert_eq!(is_set(now), expect, "{now}");
        }
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        assert!(format_instant(i64::MAX).starts_with("9999-"));
        assert!(format_instant(i64::MIN).starts_with("-"));
    }

    #[test]
    fn an_instant_reads_back() {
        for instant in [0, -1, 1_774_260_000_007] {
            assert_eq!(parse_instant(&format_instant(instant)), Some(instant));
        }
        assert_eq!(parse_instant("2026-03-23T12:00:00+02:00"), Some(1_774_260_000_000));
        assert_eq!(parse_instant("yesterday"), None);
    }

    #[test]
    fn the_time_of_a_thread_is_what_it_worked() {
        let clock = Clock::system();
        let (began, worked) = (clock.monotonic(), clock.thread_time());
        let mut sum = 0_u64;
        while clock.thread_time() == worked {
            sum = sum.wrapping_mul(31).wrapping_add(std::hint::black_box(7));
        }
        std::hint::black_box(sum);
        // Another thread's work is not counted.
        let other = std::thread::spawn({
            let clock = clock.clone();
            move || clock.thread_time()
        });
        assert!(other.join().unwrap() <= clock.monotonic());
        assert!(clock.thread_time() - worked <= clock.monotonic() - began + Duration::from_millis(20));
        let fixed = Clock::fixed(1_000);
        fixed.advance(Duration::from_secs(3));
        assert_eq!(fixed.thread_time(), Duration::from_secs(4));
    }

    #[test]
    fn a_fixed_clock_moves_only_by_hand_for_all_clones() {
        let clock = Clock::fixed(1_000);
        let other = clock.clone();
        assert_eq!(clock.now(), 1_000);
        clock.advance(Duration::from_secs(2));
        assert_eq!((other.now(), other.monotonic()), (3_000, Duration::from_secs(3)));
    }
}
