//! Messages of all domains of an account, in stretches of days.

use tallymark::base::{Authenticated, Day};
use tallymark::store::Stretches;

use super::{Database, NOW, day, message, new_domain, on_both, report, taken};

on_both!(stretches_have_the_messages_of_their_days);
async fn stretches_have_the_messages_of_their_days(db: Database) {
    let store = &db.store;
    let other = store
        .add_domain(db.account.id, new_domain("other.example"), NOW)
        .await
        .unwrap();
    let silent = store
        .add_domain(db.account.id, new_domain("silent.example"), NOW)
        .await
        .unwrap();
    let about = |name: &str, nth: i64, pass: u64, fail: u64| {
        let records = [("192.0.2.1", pass, true), ("192.0.2.2", fail, false)];
        let mut about = report(&format!("{name} {nth}"), day(nth), &records);
        about.policy.domain = name.into();
        taken(about, Authenticated::Unknown)
    };
    let sent = [
        ("example.com", 0, 100, 100),
        ("example.com", 1, 1, 2),
        ("example.com", 4, 4, 8),
        ("example.com", 5, 16, 32),
        ("example.com", 9, 64, 128),
        ("example.com", 12, 500, 500),
        ("other.example", 7, 3, 5),
    ];
    for (name, nth, pass, fail) in sent {
        db.commit_all(vec![message(db.account.id, vec![about(name, nth, pass, fail)])])
            .await;
    }
    let first = Day::from_unix(day(0).0);
    let at = |nth: i32| Day(first.0 + nth);
    let stretches = Stretches {
        first: [at(1), at(5), at(8)],
        last: at(11),
    };
    let totals = store.totals_of_account(db.account.id, stretches).await.unwrap();
    let of = |domain| {
        let found = totals[&domain];
        (found.of.map(|of| (of.pass, of.fail)), found.last_day)
    };
    assert_eq!(of(db.domain.id), ([(5, 10), (16, 32), (64, 128)], Some(at(9))));
    assert_eq!(of(other.id), ([(0, 0), (3, 5), (0, 0)], Some(at(7))));
    assert!(!totals.contains_key(&silent.id));
    // A stretch without days is empty, and what is left goes to the next.
    let stretches = Stretches {
        first: [at(1), at(5), at(5)],
        last: at(11),
    };
    let totals = store.totals_of_account(db.account.id, stretches).await.unwrap();
    assert_eq!(totals[&db.domain.id].of.map(|of| of.pass), [5, 0, 80]);
}
