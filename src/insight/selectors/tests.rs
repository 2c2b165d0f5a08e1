use super::super::testdata::{FIRST, Random};
use super::*;

fn reporter(name: &str, last: Day) -> Reporter {
    Reporter {
        org_name: name.to_owned(),
        pass: 1,
        fail: 0,
        reports: 1,
        report_days: 1,
        last_report: Some(last),
    }
}

fn signed(selector: &str, day: i32, (pass, fail): (u64, u64)) -> SignatureDay {
    SignatureDay {
        domain: "example.com".to_owned(),
        selector: selector.to_owned(),
        day: FIRST.plus(day),
        pass,
        fail,
    }
}

/// The only selector of messages on these days, seen by two reporters until a day.
fn of_days(days: &[i32], counts: (u64, u64), until: i32) -> Selector {
    let days: Vec<_> = days.iter().map(|day| signed("s1", *day, counts)).collect();
    let reporters = [
        reporter("a.example", FIRST.plus(until)),
        reporter("b.example", FIRST.plus(until - 1)),
    ];
    let mut found = judge(&days, &reporters, "example.com");
    assert_eq!((found.rows.len(), found.total), (1, 1));
    found.rows.remove(0)
}

/// Messages that passed and failed a day, the day until which reporters told, and what is said for each state of the key.
type Case = ((u64, u64), i32, SelectorStanding, [(KeyInDns, &'static str); 4]);

const CASES: [Case; 4] = [
    (
        (1, 3),
        60,
        SelectorStanding::Failing,
        [
            (KeyInDns::NotKnown, "90 of 120 messages of its last 30 days failed."),
            (
                KeyInDns::Found,
                "90 of 120 messages of its last 30 days failed, though DNS has a key: compare it with the one that signs.",
            ),
            (
                KeyInDns::None,
                "90 of 120 messages of its last 30 days failed, and DNS has no key at s1._domainkey.example.com: publish it, or sign with another.",
            ),
            (
                KeyInDns::Revoked,
                "90 of 120 messages of its last 30 days failed, and DNS has no key at s1._domainkey.example.com: publish it, or sign with another.",
            ),
        ],
    ),
    (
        (3, 1),
        60,
        SelectorStanding::Passing,
        [
            (KeyInDns::NotKnown, "90 of 120 messages of its last 30 days passed."),
            (KeyInDns::Found, "90 of 120 messages of its last 30 days passed."),
            (
                KeyInDns::None,
                "90 of 120 messages of its last 30 days passed, but DNS has no key now: later ones will fail.",
            ),
            (
                KeyInDns::Revoked,
                "90 of 120 messages of its last 30 days passed, but DNS has no key now: later ones will fail.",
            ),
        ],
    ),
    (
        (3, 1),
        67,
        SelectorStanding::Recent,
        [(
            KeyInDns::NotKnown,
            "No message for 8 days; its longest pause before was 1 day. It may come again: keep the key.",
        ); 4],
    ),
    (
        (3, 1),
        100,
        SelectorStanding::Historical,
        [
            (
                KeyInDns::NotKnown,
                "No message for 41 days at any of 2 active reporters; whether the key is still in DNS is not known.",
            ),
            (
                KeyInDns::Found,
                "No message for 41 days at any of 2 active reporters, and the key is still in DNS: remove it.",
            ),
            (
                KeyInDns::None,
                "No message for 41 days at any of 2 active reporters, and the key is no longer in DNS: there is nothing to do.",
            ),
            (
                KeyInDns::Revoked,
                "No message for 41 days at any of 2 active reporters, and the key is no longer in DNS: there is nothing to do.",
            ),
        ],
    ),
];

#[test]
fn every_sentence_has_its_case() {
    let daily: Vec<i32> = (0..60).collect();
    for (counts, until, standing, says) in CASES {
        let found = of_days(&daily, counts, until);
        assert_eq!(found.standing, standing);
        for (key, expect) in says {
            let rows = vec![found.clone()];
            let all = Selectors {
                known_until: Some(FIRST),
                rows,
                total: 1,
            };
            assert_eq!(all.with_keys(&[key]).rows[0].says, expect);
        }
    }
}

#[test]
fn what_is_not_known_is_no_end() {
    // Seen on few days: its pauses are not known.
    assert_eq!(of_days(&[0, 1, 2], (1, 0), 100).standing, SelectorStanding::Recent);
    assert_eq!(of_days(&[0, 1, 2], (1, 0), 183).standing, SelectorStanding::Historical);
    // It pauses for a month every now and then.
    let with_pause: Vec<i32> = (0..30).chain(60..90).collect();
    assert_eq!(
        of_days(&with_pause, (1, 0), 89 + 180).standing,
        SelectorStanding::Recent
    );
    assert_eq!(
        of_days(&with_pause, (1, 0), 89 + 200).standing,
        SelectorStanding::Historical
    );
    // Reports end with it: nothing is known of later days.
    let daily: Vec<i32> = (0..60).collect();
    assert_eq!(of_days(&daily, (1, 0), 60).standing, SelectorStanding::Passing);
    // A later report did not tell all signers apart.
    let mut days: Vec<_> = daily.iter().map(|day| signed("s1", *day, (1, 0))).collect();
    days.push(SignatureDay {
        domain: String::new(),
        ..signed("", 90, (5, 0))
    });
    let found = judge(&days, &[reporter("a.example", FIRST.plus(120))], "example.com");
    assert_eq!(found.rows[0].standing, SelectorStanding::Recent);
}

#[test]
fn foreign_signers_are_left_out() {
    let mut foreign = signed("s1", 0, (1, 0));
    foreign.domain = "sendgrid.net".to_owned();
    let mut below = signed("s1", 0, (1, 0));
    below.domain = "news.example.com".to_owned();
    let days = [foreign, below, signed("", 0, (1, 0))];
    let found = judge(&days, &[reporter("a.example", FIRST)], "example.com");
    assert_eq!(found.total, 1);
    assert_eq!(found.rows[0].key_name(), "s1._domainkey.news.example.com");
    let nothing = judge(&[], &[], "example.com");
    assert_eq!((nothing.total, nothing.known_until), (0, None));
}

/// The days on which a selector signs, of `days`: each habit pauses up to five times its period, and holidays are up to five weeks.
fn habit(random: &mut Random, days: i32) -> Vec<i32> {
    let period = [1, 1, 1, 2, 3, 7, 7, 14, 30][random.between(0, 9) as usize];
    let ends = random.between(20, i64::from(days)) as i32;
    let (mut day, mut all) = (random.between(0, 20) as i32, Vec::new());
    while day < ends {
        all.push(day);
        day += match random.happens(40) {
            true if period == 1 => random.between(2, 36) as i32,
            true => period * random.between(2, 6) as i32,
            false => period,
        };
    }
    all
}

#[test]
fn a_selector_that_is_declared_dead_is_not_seen_again() {
    let (mut declared, mut ended) = (0, 0);
    for seed in 0..150 {
        let mut random = Random(seed);
        let days = habit(&mut random, 500);
        let mut is_dead = None;
        for until in 0..500 {
            if is_dead.is_some_and(|since| days.contains(&until) && until - since <= 60) {
                panic!("seed {seed}: declared dead on {is_dead:?}, seen on {until}: {days:?}");
            }
            let seen: Vec<_> = days.iter().copied().filter(|day| *day <= until).collect();
            // Every fourth day, to spare time.
            if seen.is_empty() || until % 4 != 0 {
                continue;
            }
            let standing = of_days(&seen, (1, 0), until).standing;
            if standing == SelectorStanding::Historical {
                is_dead.get_or_insert(until);
                declared += 1;
            } else {
                is_dead = None;
            }
        }
        ended += usize::from(is_dead.is_some());
    }
    assert!(
        declared > 500 && ended > 20,
        "the rule declares something: {declared} {ended}"
    );
}
