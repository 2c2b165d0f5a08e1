//! Generated histories of reports, from a seed.

use crate::base::Day;
use crate::report::aggregate::Window;
use crate::store::ReportArrival;

/// The first day of every history, a Sunday.
pub const FIRST: Day = Day(20_002);

/// Random numbers from a seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `from` to `to`, without `to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + (self.next() % (to - from).unsigned_abs()).cast_signed()
    }

    /// True with this probability.
    pub fn happens(&mut self, permille: u64) -> bool {
        self.next() % 1_000 < permille
    }
}

/// How a reporter reports.
#[derive(Debug, Clone)]
pub struct Plan {
    pub name: &'static str,
    /// Messages per day.
    pub messages: i64,
    /// Days per window.
    pub every: i32,
    /// When its days begin, hours after those of UTC.
    pub offset_hours: i64,
    /// Hours from the end of a window to the report: from, and to.
    pub delay_hours: (i64, i64),
    /// The first day of the history that it no longer reports about.
    pub stops: Option<i32>,
    /// Windows that it leaves out, per thousand.
    pub skips_permille: u64,
}

pub const PLAN: Plan = Plan {
    name: "reporter.example",
    messages: 1_000,
    every: 1,
    offset_hours: 0,
    delay_hours: (4, 5),
    stops: None,
    skips_permille: 0,
};

/// The reports of some reporters about the days of a history, in no order. A day has 70 to 130 per cent of its usual messages, and each
/// reporter sees 8 per cent more or fewer of them.
pub fn arrivals(plans: &[Plan], days: i32, random: &mut Random) -> Vec<ReportArrival> {
    let mut arrivals = Vec::new();
    let volumes: Vec<_> = (0..days).map(|_| random.between(70, 130)).collect();
    for plan in plans {
        let mut first = 0;
        while first + plan.every <= plan.stops.unwrap_or(days).min(days) {
            let begin = FIRST.plus(first).begin() + plan.offset_hours * 3_600;
            let end = begin + i64::from(plan.every) * Day::SECONDS;
            let (from, to) = plan.delay_hours;
            let delay = random.between(from * 3_600, to * 3_600);
            let messages: i64 = (first..first + plan.every)
                .map(|day| plan.messages * volume_percent(FIRST.plus(day)) * volumes[day as usize] / 10_000)
                .map(|messages| messages * random.between(92, 108) / 100)
                .sum();
            if !random.happens(plan.skips_permille) {
                arrivals.push(ReportArrival {
                    reporter: plan.name.to_owned(),
                    window: Window { begin, end },
                    arrived_at: end + delay,
                    messages: messages.unsigned_abs(),
                });
            }
            first += plan.every;
        }
    }
    arrivals
}

/// Weekends have a third of the messages.
pub fn volume_percent(day: Day) -> i64 {
    if (day.0 - FIRST.0) % 7 == 0 || (day.0 - FIRST.0) % 7 == 6 {
        33
    } else {
        100
    }
}
