//! The simulator, against the truth of every message.

use std::collections::{BTreeMap, HashMap};

use tallymark::base::{Authenticated, Day, DayRange};
use tallymark::enrich::Tables;
use tallymark::insight::{
    Counts, Origin, PolicyChange, Shift, SimulateError, Simulated, Simulation, prepare, simulate,
};
use tallymark::report::aggregate::{Policy, PolicyPublished};
use tallymark::store::Retention;

use super::oracle::{
    Dice, FROM, Message, REPORTERS, SERVICES, aligned, applied, asked, documents_under, of_subdomain, one_less,
    published, reports,
};
use crate::store::{ALL_DAYS, Database, Dialect, NOW, day, message, new_report, on_both, taken};

const MESSAGES: usize = 300;
/// Records that could be published: so many for each of these worlds of messages under published records.
const CANDIDATES: usize = 500;
const WORLDS: u64 = 20;
const MESSAGES_OF_A_WORLD: usize = 60;

/// Messages, and the records that were published while they came: that of the domain, and that of the subdomain.
struct World {
    messages: Vec<Message>,
    own: PolicyPublished,
    sub: PolicyPublished,
}

fn existing() -> HashMap<Box<str>, bool> {
    let known = FROM
        .iter()
        .filter_map(|(name, exists)| Some(((*name).into(), (*exists)?)));
    known.collect()
}

async fn ask(db: &Database, range: DayRange, simulation: &Simulation) -> Result<Simulated, SimulateError> {
    static TABLES: std::sync::LazyLock<Tables> = std::sync::LazyLock::new(Tables::built_in);
    let prepared = prepare(&db.store, &db.domain, (range, NOW), simulation).await?;
    let at = (&db.store, &db.domain, &*TABLES);
    simulate(at, range, simulation, (prepared, existing())).await
}

fn add(counts: &mut Counts, policy: Policy, passes: bool) {
    counts.pass += u64::from(passes);
    match policy {
        Policy::None => counts.none += 1,
        Policy::Quarantine => counts.quarantine += 1,
        Policy::Reject => counts.reject += 1,
    }
}

/// Divides what is asked by `pct`, of all messages together.
fn sampled(counts: Counts, pct: Option<u8>) -> Counts {
    let percent = u64::from(pct.unwrap_or(100));
    let (reject, quarantine) = (counts.reject * percent / 100, counts.quarantine * percent / 100);
    Counts {
        reject,
        quarantine: quarantine + counts.reject - reject,
        none: counts.none + counts.quarantine - quarantine,
        ..counts
    }
}

/// What one policy asks for messages that `passes` says pass.
fn truth<'m>(
    messages: impl Iterator<Item = &'m Message>,
    (own, sub): (&PolicyPublished, &PolicyPublished),
    fixed: &[usize],
) -> Counts {
    let (mut counts, mut others) = (Counts::default(), Counts::default());
    for message in messages {
        let policy = applied(message, own, sub);
        let (dkim, spf) = aligned(message, policy);
        let is_fixed = message.service.is_some_and(|service| fixed.contains(&service));
        let passes = dkim || spf || is_fixed;
        let asked = if passes { Policy::None } else { asked(message, policy) };
        add(
            if message.reporter == 2 {
                &mut others
            } else {
                &mut counts
            },
            asked,
            passes,
        );
    }
    let (counts, others) = (sampled(counts, own.pct), sampled(others, sub.pct));
    Counts {
        pass: counts.pass + others.pass,
        none: counts.none + others.none,
        quarantine: counts.quarantine + others.quarantine,
        reject: counts.reject + others.reject,
        unknown: 0,
    }
}

fn sum(shifts: impl Iterator<Item = Shift>) -> [Counts; 2] {
    let add = |sum: &mut Counts, more: &Counts| {
        sum.pass += more.pass;
        sum.none += more.none;
        sum.quarantine += more.quarantine;
        sum.reject += more.reject;
    };
    shifts.fold([Counts::default(); 2], |mut sums, shift| {
        add(&mut sums[0], &shift.now);
        add(&mut sums[1], &shift.after);
        sums
    })
}

/// Whether a policy asks for something else where a name is missing in DNS.
fn tells_missing_apart(policy: &PolicyPublished) -> bool {
    let sp = policy.sp.or(policy.p);
    policy.np.or(sp) != sp
}

fn check(found: &Simulated, world: &World, change: &PolicyChange, fixed: &[usize]) {
    let World { messages, own, sub } = world;
    let after = change.applied_to(own);
    let truth_of = |wanted: &dyn Fn(&Message) -> bool| Shift {
        now: truth(messages.iter().filter(|message| wanted(message)), (own, sub), &[]),
        after: truth(messages.iter().filter(|message| wanted(message)), (&after, sub), fixed),
    };
    assert_eq!(found.total, truth_of(&|_| true), "{change:?} {fixed:?}");
    assert_eq!((&found.published.policy, &found.candidate), (own, &after));
    for rows in [&found.services, &found.subdomains, &found.reporters] {
        assert_eq!(
            sum(rows.rows.iter().map(|row| row.shift)),
            [found.total.now, found.total.after]
        );
        assert_eq!(rows.rows.len(), rows.total);
    }
    assert_eq!(
        sum(found.flows.iter().map(|(_, shift)| *shift)),
        [found.total.now, found.total.after]
    );
    // Of a part of the messages `pct` takes what is left over from others.
    if after.pct.is_none_or(|percent| percent == 100 || percent == 0) {
        for row in &found.subdomains.rows {
            let name = row.name.as_deref().unwrap();
            assert_eq!(
                row.shift,
                truth_of(&|message| FROM[message.from].0 == name),
                "{name} {change:?}"
            );
        }
        for row in &found.reporters.rows {
            let name = row.name.as_deref().unwrap();
            let expect = truth_of(&|message| REPORTERS[message.reporter] == name);
            assert_eq!(row.shift, expect, "{name} {change:?}");
        }
        for (nth, (_, name)) in SERVICES.iter().enumerate() {
            let row = found
                .services
                .rows
                .iter()
                .find(|row| row.name.as_deref() == Some(name))
                .unwrap();
            assert_eq!(
                row.shift,
                truth_of(&|message| message.service == Some(nth)),
                "{name} {change:?}"
            );
        }
    }
    let unknown = messages.iter().filter(|message| {
        let fails = |policy| aligned(message, policy) == (false, false);
        let is_fixed = message.service.is_some_and(|service| fixed.contains(&service));
        message.reporter != 2 && message.from == 3 && (fails(own) || (fails(&after) && !is_fixed))
    });
    let matters = tells_missing_apart(own) || tells_missing_apart(&after);
    let expect = if matters { unknown.count() as u64 } else { 0 };
    assert_eq!(found.existence_unknown, expect, "{change:?}");
}

/// Tries records in a world of its own. Returns the number of those that change something.
async fn try_records(nth: u64) -> usize {
    let db = Database::start(Dialect::Sqlite).await;
    let mut dice = Dice::new(19 + nth);
    let world = World {
        messages: (0..MESSAGES_OF_A_WORLD).map(|_| dice.message()).collect(),
        own: dice.record_of("example.com"),
        sub: dice.record_of("news.example.com"),
    };
    let reports = documents_under(&world.messages, &world.own, &world.sub).into_iter();
    db.commit(reports.map(|report| taken(report, Authenticated::Unknown)).collect())
        .await;
    let mut changed = 0;
    for _ in 0..CANDIDATES {
        let (change, fixed) = dice.candidate();
        let simulation = Simulation {
            change: change.clone(),
            fixed: fixed.iter().map(|nth| SERVICES[*nth].1.to_uppercase()).collect(),
            spf: None,
        };
        let found = ask(&db, ALL_DAYS, &simulation).await.unwrap();
        check(&found, &world, &change, &fixed);
        changed += usize::from(found.total.now != found.total.after);
    }
    changed
}

/// Ten thousand records that could be published, each exact to the message.
#[tokio::test(flavor = "multi_thread")]
async fn any_record_asks_for_what_it_asks_for() {
    let worlds: Vec<_> = (0..WORLDS).map(|nth| tokio::spawn(try_records(nth))).collect();
    let mut changed = 0;
    for world in worlds {
        changed += world.await.unwrap();
    }
    // Most records change something, and some do not.
    let candidates = CANDIDATES * usize::try_from(WORLDS).unwrap();
    assert!((candidates / 2..candidates).contains(&changed), "{changed}");
}

#[tokio::test]
async fn what_reporters_do_and_contradict_is_counted() {
    let db = Database::start(Dialect::Sqlite).await;
    let mut dice = Dice::new(7);
    let messages: Vec<Message> = (0..MESSAGES).map(|_| dice.message()).collect();
    db.commit(reports(&messages)).await;
    let change = PolicyChange {
        p: Some(Policy::Reject),
        ..PolicyChange::default()
    };
    let simulation = Simulation {
        change: change.clone(),
        ..Simulation::default()
    };
    let found = ask(&db, ALL_DAYS, &simulation).await.unwrap();
    let (own, sub) = (published(), of_subdomain());
    let mut records: BTreeMap<&Message, u64> = BTreeMap::new();
    messages
        .iter()
        .for_each(|message| *records.entry(message).or_default() += 1);
    let contradictory = || records.iter().filter(|(message, _)| message.is_contradictory);
    let expect = (
        contradictory().count() as u64,
        contradictory().map(|(_, count)| count).sum::<u64>(),
    );
    assert_eq!(found.contradicting, expect);
    let others = messages.iter().filter(|message| message.reporter == 2).count();
    assert_eq!(found.under_other_records, others as u64);
    let mut expected = Counts::default();
    for (nth, name) in REPORTERS.iter().enumerate() {
        let failing = |message: &&Message| {
            message.reporter == nth && aligned(message, applied(message, &own, &sub)) == (false, false)
        };
        let failing: Vec<_> = messages.iter().filter(failing).collect();
        let forgiven = failing.iter().filter(|message| message.is_forgiven).count() as u64;
        let row = found
            .reporters
            .rows
            .iter()
            .find(|row| row.name.as_deref() == Some(name))
            .unwrap();
        assert_eq!(
            (row.overrides.failing, row.overrides.overridden),
            (failing.len() as u64, forgiven),
            "{name}"
        );
        let share = forgiven as f64 / failing.len() as f64;
        let remaining = |count: u64| count - (count as f64 * share).round() as u64;
        expected.quarantine += remaining(row.shift.after.quarantine);
        expected.reject += remaining(row.shift.after.reject);
    }
    assert!(found.overrides.overridden > 0);
    assert_eq!(
        (found.expected.quarantine, found.expected.reject),
        (expected.quarantine, expected.reject)
    );
    assert_eq!(found.expected.messages(), found.total.after.messages());
    assert_eq!(
        found.reasons.iter().map(|(_, count)| count).sum::<u64>(),
        found.overrides.overridden
    );
    assert_eq!(one_less(Policy::Reject), Policy::Quarantine);
}

on_both!(a_total_is_that_of_the_figures_of_the_range);
async fn a_total_is_that_of_the_figures_of_the_range(db: Database) {
    let (begin, _) = day(0);
    let half = 43_200;
    // Windows of a day, of two halves of days, of eight days, and of more days than are spread.
    db.commit(vec![
        new_report(
            "r1",
            day(0),
            &[("192.0.2.1", 10, true), ("192.0.2.2", 7, false), ("", 0, false)],
        ),
        new_report(
            "r2",
            (begin + half, begin + half + 86_400),
            &[("192.0.2.1", 9, true), ("192.0.2.2", 7, false)],
        ),
        new_report(
            "r3",
            (begin - half, begin + 7 * 86_400),
            &[("192.0.2.3", 101, true), ("192.0.2.3", 33, false)],
        ),
        new_report("r4", (begin - 500 * 86_400, begin), &[("192.0.2.3", 4, false)]),
    ])
    .await;
    let first = Day::from_unix(begin);
    for (from, to) in [
        (-600, 600),
        (0, 0),
        (1, 1),
        (-1, 2),
        (3, 9),
        (-500, -500),
        (-499, -1),
        (20, 30),
    ] {
        let range = DayRange {
            first: first.plus(from),
            last: first.plus(to),
        };
        let stats = db.store.stats(db.domain.id, range).await.unwrap();
        let found = ask(&db, range, &Simulation::default()).await.unwrap();
        assert_eq!(found.total.now.messages(), stats.totals.messages(), "{from} to {to}");
        assert_eq!(found.total.now.pass, stats.totals.pass, "{from} to {to}");
        assert_eq!(found.total.now, found.total.after, "nothing is tried");
        assert_eq!(found.published.origin, Origin::Report);
        assert_eq!(found.total.now.reject, stats.totals.fail, "the reports say p=reject");
    }
}

on_both!(records_that_retention_dropped_are_named);
async fn records_that_retention_dropped_are_named(db: Database) {
    let old = new_report("old", day(0), &[("192.0.2.1", 10, true), ("192.0.2.2", 7, false)]);
    let new = new_report("new", day(20), &[("192.0.2.1", 5, true)]);
    let mut batch = [old, new].map(|report| message(db.account.id, vec![report]));
    batch[0].received_at = day(1).0 * 1_000;
    db.commit_all(batch.into()).await;
    let whole = ask(&db, ALL_DAYS, &Simulation::default()).await.unwrap();
    assert_eq!((whole.total.now.messages(), whole.without_records), (22, (0, 0)));
    let retention = Retention {
        originals_days: 0,
        set_aside_days: 0,
        records_days: 10,
        failure_reports_days: 0,
    };
    let purged = db.store.purge(retention, NOW).await.unwrap();
    assert_eq!((purged.reports, purged.records), (1, 2));
    let found = ask(&db, ALL_DAYS, &Simulation::default()).await.unwrap();
    assert_eq!((found.total.now.messages(), found.without_records), (5, (1, 17)));
    let stats = db.store.stats(db.domain.id, ALL_DAYS).await.unwrap();
    assert_eq!(stats.totals.messages(), 22);
}

#[tokio::test]
async fn a_service_that_sent_nothing_cannot_be_put_right() {
    let db = Database::start(Dialect::Sqlite).await;
    db.commit(vec![new_report("r1", day(0), &[("192.0.2.1", 10, false)])])
        .await;
    let simulation = Simulation {
        fixed: vec!["Mailgun".to_owned()],
        ..Simulation::default()
    };
    let refused = ask(&db, ALL_DAYS, &simulation).await.unwrap_err();
    assert!(refused.to_string().ends_with("Mailgun"), "{refused}");
    // By the name of the network around the address.
    let simulation = Simulation {
        fixed: vec!["192.0.2.0/24".to_owned()],
        ..Simulation::default()
    };
    let found = ask(&db, ALL_DAYS, &simulation).await.unwrap();
    assert_eq!((found.total.now.reject, found.total.after.pass), (10, 10));
}
