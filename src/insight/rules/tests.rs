//! Generated years of reports with known breaks, judged after every report.

use std::collections::BTreeMap;

use super::super::completeness::history_range;
use super::super::testdata::{FIRST, PLAN, Plan, Random, arrivals, volume_percent};
use super::policy::SeenPolicy;
use super::*;
use crate::base::DayRange;
use crate::report::aggregate::{Policy, PolicyPublished};
use crate::store::ReportArrival;
use crate::tally::Totals;

/// What a service does in a history.
#[derive(Debug, Clone)]
struct Sends {
    name: &'static str,
    messages: u64,
    /// The days of the history on which it sends.
    days: (i32, i32),
    /// The days on which its messages fail.
    broken: (i32, i32),
    /// From which day on it sends more, and how many times as much.
    grows: (i32, u64),
}

const NEVER: (i32, i32) = (i32::MAX, i32::MAX);
const SENDS: Sends = Sends {
    name: "Own",
    messages: 2_000,
    days: (0, i32::MAX),
    broken: NEVER,
    grows: (i32::MAX, 1),
};

/// A domain: reports in the order of their arrival, and what was found and told.
struct World {
    reports: Vec<ReportArrival>,
    sends: Vec<Sends>,
    random: Random,
    /// By name of the service and day: messages that passed, and that failed.
    told: BTreeMap<(&'static str, Day), (u64, u64)>,
    known: Vec<StoredFinding>,
    thresholds: Thresholds,
    /// What was told: when, what, and about what.
    events: Vec<(Millis, EventKind, Value)>,
}

/// Reporters with different shares, some of them late.
fn plans() -> Vec<Plan> {
    let plan = |name, messages, delay_hours| Plan {
        name,
        messages,
        delay_hours,
        ..PLAN
    };
    vec![
        plan("large.example", 50, (3, 9)),
        plan("middle.example", 30, (1, 20)),
        plan("small.example", 12, (10, 12)),
        Plan {
            skips_permille: 20,
            ..plan("late.example", 8, (26, 40))
        },
    ]
}

impl World {
    fn new(seed: u64, days: i32, plans: &[Plan], sends: Vec<Sends>) -> Self {
        let mut random = Random(seed);
        let mut reports = arrivals(plans, days, &mut random);
        reports.sort_by_key(|report| report.arrived_at);
        Self {
            reports,
            sends,
            random,
            told: BTreeMap::new(),
            known: Vec::new(),
            thresholds: Thresholds::default(),
            events: Vec::new(),
        }
    }

    /// Judges after every report, and once per day when none comes, until a day of the history.
    fn run(&mut self, until: i32) {
        let mut next = 0;
        for hour in 0..i64::from(until) * 24 {
            let now = FIRST.begin() + hour * 3_600;
            let before = next;
            while next < self.reports.len() && self.reports[next].arrived_at <= now {
                self.read(next);
                next += 1;
            }
            if next > before || hour % 24 == 0 {
                self.judge(next, now * 1_000);
            }
        }
    }

    /// A report has its part of what each service sent on its day, 5 per thousand of it failing.
    fn read(&mut self, nth: usize) {
        let day = Day::from_unix(self.reports[nth].window.begin);
        let of_day = day.0 - FIRST.0;
        let plans = plans();
        let part = plans.iter().find(|plan| plan.name == self.reports[nth].reporter);
        let part = part.map_or(1, |plan| plan.messages.unsigned_abs());
        let mut all = 0;
        for sends in &self.sends {
            if !(sends.days.0..sends.days.1).contains(&of_day) {
                continue;
            }
            let times = if of_day >= sends.grows.0 { sends.grows.1 } else { 1 };
            let noise = self.random.between(80, 120).unsigned_abs();
            let usual = sends.messages * volume_percent(day).unsigned_abs() / 100;
            let messages = usual * times * part * noise / 10_000;
            let is_broken = (sends.broken.0..sends.broken.1).contains(&of_day);
            let fail = match is_broken {
                true => messages,
                false => (0..messages).filter(|_| self.random.happens(5)).count() as u64,
            };
            let told = self.told.entry((sends.name, day)).or_default();
            told.0 += messages - fail;
            told.1 += fail;
            all += messages;
        }
        self.reports[nth].messages = all;
    }

    fn facts(&self, reports: usize, now: Millis) -> Facts {
        let today = Day::from_unix(now / 1_000);
        let (range, history) = (DayRange::ending(today, HISTORY_DAYS), history_range(today));
        let mut services: Vec<ServiceDays> = Vec::new();
        let mut days: BTreeMap<Day, Totals> = BTreeMap::new();
        for (&(name, day), &(pass, fail)) in self.told.iter().filter(|((_, day), _)| range.contains(*day)) {
            if services.last().is_none_or(|last| &*last.name != name) {
                services.push(ServiceDays {
                    name: name.into(),
                    decision: None,
                    days: Vec::new(),
                });
            }
            let last = services.len() - 1;
            services[last].days.push(crate::enrich::ServiceDay { day, pass, fail });
            let totals = days.entry(day).or_default();
            totals.pass += pass;
            totals.fail += fail;
        }
        let known = self.reports[..reports].iter();
        let known = known.filter(|report| history.contains(Day::from_unix(report.window.begin)));
        Facts {
            now,
            days: days
                .into_iter()
                .map(|(day, totals)| DayTotals { day, totals })
                .collect(),
            completeness: Completeness::learn(&known.cloned().collect::<Vec<_>>(), now / 1_000),
            services,
            policy: None,
            latest_report: Some(reports as i64),
            thresholds: self.thresholds.clone(),
        }
    }

    fn judge(&mut self, reports: usize, now: Millis) {
        let facts = self.facts(reports, now);
        self.keep(&facts);
    }

    /// What the store does with changes.
    fn keep(&mut self, facts: &Facts) {
        for FindingChange { finding, event } in judge(facts, &self.known) {
            self.known
                .retain(|one| (one.kind, &one.subject) != (finding.kind, &finding.subject));
            self.known.push(finding);
            self.events.extend(event.map(|(kind, data)| (facts.now, kind, data)));
        }
    }

    fn told_of(&self, kind: EventKind) -> Vec<&(Millis, EventKind, Value)> {
        self.events.iter().filter(|(_, told, _)| *told == kind).collect()
    }

    /// When the first report about a day of the history came.
    fn first_report(&self, day: i32) -> Millis {
        let begin = FIRST.plus(day).begin();
        let about = self.reports.iter().filter(|report| report.window.begin >= begin);
        about.map(|report| report.arrived_at).min().unwrap() * 1_000
    }
}

#[test]
fn a_break_is_told_with_its_first_report_once_and_so_is_its_end() {
    let (mut at_once, mut false_events) = (0, 0);
    let worlds = 40;
    for seed in 0..worlds {
        let mut random = Random(seed + 1_000);
        let broken = i32::try_from(random.between(50, 70)).unwrap();
        let mended = broken + i32::try_from(random.between(2, 12)).unwrap();
        let shop = Sends {
            name: "Shop",
            messages: random.between(300, 3_000).unsigned_abs(),
            broken: (broken, mended),
            ..SENDS
        };
        let mut world = World::new(seed, 100, &plans(), vec![SENDS, shop]);
        world.run(100);
        let told = world.told_of(EventKind::ServiceBroken);
        assert_eq!(told.len(), 1, "seed {seed}: {:?}", world.events);
        assert_eq!(told[0].2["service"], "Shop");
        let late = told[0].0 - world.first_report(broken);
        assert!(late >= 0, "seed {seed}: before anything was known");
        at_once += i32::from(late <= 3_600_000);
        let ended = world.told_of(EventKind::ServiceRecovered);
        assert_eq!(ended.len(), 1, "seed {seed}: {:?}", world.events);
        assert_eq!(ended[0].2["last_failed"], FIRST.plus(mended - 1).to_string());
        assert!(ended[0].0 >= world.first_report(mended));
        false_events += world.events.len() - 2;
    }
    println!("{at_once} of {worlds} with the first report, {false_events} false events");
    assert!(
        at_once * 100 >= i32::try_from(worlds).unwrap() * 95,
        "{at_once} of {worlds}"
    );
    // 40 worlds of 100 days are 10 years.
    assert!(false_events <= 10, "{false_events}");
}

#[test]
fn a_year_without_breaks_has_at_most_one_event() {
    for seed in 0..6 {
        let shop = Sends {
            name: "Shop",
            messages: 300,
            ..SENDS
        };
        let mut world = World::new(seed, 365, &plans(), vec![SENDS, shop]);
        world.run(365);
        assert!(world.events.len() <= 1, "seed {seed}: {:?}", world.events);
    }
}

#[test]
fn a_new_service_is_told_once_and_none_of_a_new_domain() {
    let news = Sends {
        name: "News",
        messages: 200,
        days: (60, i32::MAX),
        ..SENDS
    };
    let mut world = World::new(5, 90, &plans(), vec![SENDS, news]);
    world.run(90);
    let told: Vec<_> = world
        .events
        .iter()
        .map(|(_, kind, data)| (*kind, &data["service"]))
        .collect();
    assert_eq!(told, [(EventKind::ServiceNew, &json!("News"))]);
}

#[test]
fn another_volume_is_told_once_and_when_it_has_become_usual() {
    let grown = Sends {
        grows: (60, 6),
        ..SENDS
    };
    let mut world = World::new(6, 120, &plans(), vec![grown]);
    world.run(120);
    let told = world.told_of(EventKind::VolumeChanged);
    let states: Vec<_> = told.iter().map(|(_, _, data)| &data["state"]).collect();
    assert_eq!(states, ["open", "resolved"], "{:?}", world.events);
    assert_eq!(told[0].2["day"], FIRST.plus(60).to_string());
    // Not before most of the day was reported.
    let large = world
        .reports
        .iter()
        .filter(|report| report.window.begin == FIRST.plus(60).begin());
    let large = large.filter(|report| ["large.example", "middle.example"].contains(&&*report.reporter));
    assert!(told[0].0 >= large.map(|report| report.arrived_at).max().unwrap() * 1_000);
}

#[test]
fn a_reporter_that_stops_is_told_and_so_is_its_return() {
    let mut plans = plans();
    plans[1].stops = Some(60);
    let mut world = World::new(7, 110, &plans, vec![SENDS]);
    plans[1].stops = None;
    let again = arrivals(&plans[1..2], 110, &mut Random(8));
    let again = again
        .into_iter()
        .filter(|report| report.window.begin >= FIRST.plus(80).begin());
    world.reports.extend(again);
    world.reports.sort_by_key(|report| report.arrived_at);
    world.run(110);
    let told = world.told_of(EventKind::ReporterSilent);
    let states: Vec<_> = told
        .iter()
        .map(|(_, _, data)| (&data["state"], &data["reporter"]))
        .collect();
    let middle = json!("middle.example");
    assert_eq!(
        states,
        [(&json!("open"), &middle), (&json!("resolved"), &middle)],
        "{:?}",
        world.events
    );
    let due = FIRST.plus(62).begin() * 1_000;
    assert!(told[0].0 <= due + 2 * DAY, "within two of its periods");
    // Incomplete days do not count as another volume.
    assert!(world.told_of(EventKind::VolumeChanged).is_empty());
}

#[test]
fn a_domain_whose_reports_stop_altogether_is_one_finding() {
    let mut plans = plans();
    for plan in &mut plans {
        plan.stops = Some(60);
    }
    let mut world = World::new(9, 75, &plans, vec![SENDS]);
    // Until nothing is known of them any more, and beyond.
    world.run(150);
    let told = world.told_of(EventKind::ReporterSilent);
    assert_eq!(
        told.iter().filter(|(_, _, data)| data["reporter"].is_null()).count(),
        1,
        "{told:?}"
    );
    assert!(world.told_of(EventKind::VolumeChanged).is_empty());
    // A reporter that stays away is not told to be back.
    assert!(told.iter().all(|(_, _, data)| data["state"] == "open"), "{told:?}");
}

#[test]
fn a_weekly_reporter_that_stays_away_is_told_once() {
    let mut plans = plans();
    plans[1] = Plan {
        every: 7,
        stops: Some(84),
        ..plans[1].clone()
    };
    let mut world = World::new(11, 200, &plans, vec![SENDS]);
    world.run(200);
    let told = world.told_of(EventKind::ReporterSilent);
    let states: Vec<_> = told
        .iter()
        .map(|(_, _, data)| (&data["state"], &data["reporter"]))
        .collect();
    assert_eq!(states, [(&json!("open"), &json!("middle.example"))]);
}

#[test]
fn a_stranger_with_many_names_is_told_of_in_part_and_after_who_passes() {
    let mut world = World::new(12, 70, &plans(), vec![SENDS]);
    world.run(70);
    let mut facts = world.facts(world.reports.len(), FIRST.plus(70).begin() * 1_000);
    let service = |name: String, pass, fail| ServiceDays {
        name: name.into(),
        decision: None,
        days: vec![crate::enrich::ServiceDay {
            day: FIRST.plus(69),
            pass,
            fail,
        }],
    };
    facts.services = (0..500).map(|nth| service(format!("spam{nth}"), 0, 900)).collect();
    facts.services.push(service("Mailchimp".to_owned(), 6, 0));
    let told: Vec<_> = judge(&facts, &[])
        .into_iter()
        .filter_map(|change| change.event)
        .filter(|(kind, _)| *kind == EventKind::ServiceNew)
        .collect();
    assert_eq!((told.len(), &told[0].1["service"]), (10, &json!("Mailchimp")));
}

#[test]
fn what_the_owner_decided_is_respected() {
    let mut world = World::new(10, 80, &plans(), vec![SENDS]);
    world.run(70);
    let mut facts = world.facts(world.reports.len(), FIRST.plus(70).begin() * 1_000);
    for whose in [crate::store::Whose::NotOurs, crate::store::Whose::Forwarder] {
        let mut broken = facts.services[0].clone();
        let last = broken.days.len() - 1;
        broken.days[last].fail = 100_000;
        broken.decision = Some(whose);
        facts.services = vec![broken];
        let events: Vec<_> = judge(&facts, &[])
            .into_iter()
            .filter_map(|change| change.event)
            .collect();
        assert_eq!(events, [], "{whose:?}");
    }
    // The control: nothing was decided.
    facts.services[0].decision = None;
    let events: Vec<_> = judge(&facts, &[])
        .into_iter()
        .filter_map(|change| change.event)
        .collect();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, EventKind::ServiceBroken);
}

#[test]
fn a_policy_is_told_when_a_later_day_has_it_and_not_what_reporters_leave_out() {
    let mut world = World::new(11, 1, &[], vec![]);
    let seen = |p, sp, day: i64| {
        let policy = PolicyPublished {
            p: Some(p),
            sp,
            ..PolicyPublished::default()
        };
        Some(SeenPolicy::new(&policy, day * DAY))
    };
    let (none, reject) = (Policy::None, Policy::Reject);
    for (policy, told) in [
        (seen(none, Some(none), 10), 0),
        // Leaves `sp` out.
        (seen(none, None, 11), 0),
        // Another reporter, about the same day: it may have looked later, or remember less.
        (seen(reject, Some(reject), 11), 0),
        (seen(reject, Some(reject), 12), 1),
        // Remembers the old one.
        (seen(none, Some(none), 12), 1),
        (seen(reject, Some(reject), 13), 1),
        (seen(none, Some(none), 20), 2),
    ] {
        let mut facts = world.facts(0, 0);
        facts.now = policy.as_ref().unwrap().until + DAY / 2;
        facts.policy = policy;
        world.keep(&facts);
        assert_eq!(world.events.len(), told, "{:?}", facts.policy);
    }
    assert_eq!(world.events[0].2["policy"], json!({ "p": "reject", "sp": "reject" }));
    assert_eq!(
        world.events[0].2["previous_policy"],
        json!({ "p": "none", "sp": "none" })
    );
}

#[test]
fn thresholds_of_the_owner_move_what_is_told() {
    let told = |threshold: Option<(Threshold, u64)>| {
        let grown = Sends {
            grows: (60, 6),
            ..SENDS
        };
        let few = Sends {
            name: "Shop",
            messages: 60,
            broken: (80, 84),
            ..SENDS
        };
        let mut plans = plans();
        plans[1].stops = Some(90);
        let mut world = World::new(6, 100, &plans, vec![grown, few]);
        if let Some((threshold, value)) = threshold {
            world.thresholds.domain.set(threshold, Some(value));
        }
        world.run(100);
        [
            EventKind::VolumeChanged,
            EventKind::ServiceBroken,
            EventKind::ReporterSilent,
        ]
        .map(|kind| !world.told_of(kind).is_empty())
    };
    for (threshold, expect) in [
        (None, [true, true, true]),
        (Some((Threshold::VolumeChangedTimes, 20)), [false, true, true]),
        (Some((Threshold::VolumeChangedMessages, 100_000)), [false, true, true]),
        (Some((Threshold::ServiceBrokenMessages, 1_000)), [true, false, true]),
        (Some((Threshold::ReporterSilentPercent, 50)), [true, true, false]),
        (Some((Threshold::ReporterSilentDays, 30)), [true, true, false]),
    ] {
        assert_eq!(told(threshold), expect, "{threshold:?}");
    }
}
