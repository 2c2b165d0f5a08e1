use super::super::testdata::{FIRST, PLAN, Plan, Random, arrivals};
use super::*;

const DAYS: i32 = 130;
const SEEDS: u64 = 5;
const STOPS: i32 = 90;

/// Reporters of a usual domain.
fn plans() -> Vec<Plan> {
    vec![
        Plan {
            name: "fixed.example",
            messages: 5_000,
            ..PLAN
        },
        Plan {
            name: "random.example",
            messages: 2_000,
            delay_hours: (1, 22),
            ..PLAN
        },
        Plan {
            name: "slow.example",
            messages: 1_000,
            delay_hours: (28, 50),
            skips_permille: 20,
            ..PLAN
        },
        Plan {
            name: "far.example",
            messages: 1_000,
            offset_hours: 7,
            ..PLAN
        },
        Plan {
            name: "weekly.example",
            messages: 400,
            every: 7,
            delay_hours: (2, 30),
            ..PLAN
        },
        Plan {
            name: "rare.example",
            messages: 100,
            skips_permille: 600,
            ..PLAN
        },
        Plan {
            name: "stops.example",
            messages: 400,
            delay_hours: (1, 12),
            stops: Some(STOPS),
            ..PLAN
        },
    ]
}

/// What was known of a history at an instant.
fn known(all: &[ReportArrival], now: i64) -> Completeness {
    let range = history_range(Day::from_unix(now));
    let known = all
        .iter()
        .filter(|one| range.contains(Day::from_unix(one.window.begin)));
    Completeness::learn(&known.cloned().collect::<Vec<_>>(), now)
}

/// The messages of a day that came by an instant, as shares of the windows.
fn messages(all: &[ReportArrival], day: Day, until: i64) -> f64 {
    let of = |one: &ReportArrival| {
        let part = one.window.end.min(day.end()) - one.window.begin.max(day.begin());
        one.messages as f64 * part.max(0) as f64 / (one.window.end - one.window.begin) as f64
    };
    all.iter().filter(|one| one.arrived_at <= until).map(of).sum()
}

#[test]
fn the_share_of_a_day_is_within_5_points_of_the_final_one_in_95_of_100_days() {
    let (mut days, mut right, mut looks, mut right_looks) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let all = arrivals(&plans(), DAYS, &mut Random(seed));
        for nth in 60..DAYS - 30 {
            let day = FIRST.plus(nth);
            let all_messages = messages(&all, day, i64::MAX);
            let mut is_right = true;
            for hours in (1..9 * 24).step_by(12) {
                let now = day.end() + hours * 3_600;
                let share = known(&all, now).day(day).unwrap().share;
                let truth = messages(&all, day, now) / all_messages;
                let is_near = (share - truth).abs() <= 0.05;
                looks += 1;
                right_looks += i32::from(is_near);
                is_right &= is_near;
            }
            days += 1;
            right += i32::from(is_right);
        }
    }
    println!("{right} of {days} days at every look, {right_looks} of {looks} looks");
    assert!(right_looks * 100 >= looks * 95, "{right_looks} of {looks} looks");
    assert!(right * 100 >= days * 95, "{right} of {days} days");
}

#[test]
fn who_is_missing_is_named_until_it_has_come() {
    let all = arrivals(&plans(), DAYS, &mut Random(1));
    let day = FIRST.plus(72);
    let missing = |hours: i64| -> Vec<String> {
        let share = known(&all, day.end() + hours * 3_600).day(day).unwrap();
        share.missing.into_iter().map(|one| one.reporter).collect()
    };
    assert_eq!(missing(0)[0], "fixed.example");
    let later = missing(27);
    assert_eq!(later[0], "slow.example", "{later:?}");
    assert!(!later.contains(&"fixed.example".to_owned()));
    assert_eq!(missing(9 * 24), Vec::<String>::new());
}

#[test]
fn every_reporter_that_stops_is_found_within_two_of_its_periods_and_no_other() {
    for seed in 0..SEEDS {
        for every in [1, 7] {
            let stops = STOPS / every * every;
            let mut plans = plans();
            plans.push(Plan {
                name: "gone.example",
                every,
                delay_hours: (1, 20),
                stops: Some(stops),
                ..PLAN
            });
            plans.retain(|plan| plan.name != "stops.example");
            let all = arrivals(&plans, DAYS, &mut Random(seed));
            let period = i64::from(every) * Day::SECONDS;
            // The report that does not come was due about here.
            let due = FIRST.plus(stops).begin() + period + 10 * 3_600;
            let mut found_at = None;
            for hours in (60 * 24..i64::from(DAYS) * 24).step_by(6) {
                let now = FIRST.begin() + hours * 3_600;
                let silent = known(&all, now).silent();
                let others = silent.iter().filter(|one| one.reporter != "gone.example");
                assert_eq!(
                    others.collect::<Vec<_>>(),
                    Vec::<&SilentReporter>::new(),
                    "seed {seed}, hour {hours}"
                );
                if !silent.is_empty() {
                    found_at.get_or_insert(now);
                }
            }
            let found_at = found_at.expect("a reporter that stops is found");
            assert!(
                (due..=due + 2 * period + 6 * 3_600).contains(&found_at),
                "seed {seed}, every {every}"
            );
        }
    }
}

#[test]
fn a_backlog_and_a_new_domain_tell_nothing_about_the_pace() {
    // A month that came at once, two days ago.
    let mut all = arrivals(&[PLAN], 30, &mut Random(3));
    let now = FIRST.plus(60).begin();
    for one in &mut all {
        one.arrived_at = now - 2 * Day::SECONDS;
    }
    let known = Completeness::learn(&all, now);
    assert_eq!(known.day(FIRST.plus(59)), None);
    // The first three days of a domain.
    let all = arrivals(&[PLAN], 3, &mut Random(3));
    let known = Completeness::learn(&all, FIRST.plus(4).begin());
    assert_eq!(known.day(FIRST.plus(3)), None);
    assert!(known.silent().is_empty());
}

#[test]
fn odd_windows_are_bounded() {
    let arrival = |begin, end| ReportArrival {
        reporter: "odd.example".to_owned(),
        window: crate::report::aggregate::Window { begin, end },
        arrived_at: end,
        messages: u64::MAX,
    };
    let all = [
        arrival(i64::MIN, i64::MAX),
        arrival(5, 5),
        arrival(i64::MAX, 0),
        arrival(0, i64::MAX),
    ];
    let known = Completeness::learn(&all, i64::MAX);
    assert!(known.day(Day(3)).is_some());
    assert!(known.silent().is_empty());
}
