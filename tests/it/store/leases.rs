//! One holder at a time, and another when it is gone.

use tallymark::store::{Lease, Store};

use super::{Database, NOW, on_both};

const MINUTE: i64 = 60_000;

on_both!(a_lease_is_taken_renewed_released_and_stolen);
async fn a_lease_is_taken_renewed_released_and_stolen(db: Database) {
    let store = &db.store;
    let take = async |holder: &str, now: i64| store.take_lease("purge", holder, now, MINUTE).await.unwrap();
    assert_eq!(store.lease("purge").await.unwrap(), None);
    assert!(take("a", NOW).await);
    assert!(!take("b", NOW + 1).await);
    // Renewed by its holder, at any time.
    assert!(take("a", NOW + MINUTE - 1).await);
    assert!(!take("b", NOW + MINUTE).await);
    assert_eq!(
        store.lease("purge").await.unwrap(),
        Some(Lease {
            holder: "a".to_owned(),
            until: NOW + 2 * MINUTE - 1
        })
    );
    // Not heard of any more: another takes it, and then it is the first that has to wait.
    assert!(take("b", NOW + 2 * MINUTE - 1).await);
    assert!(!take("a", NOW + 2 * MINUTE).await);
    // Given up, by its holder alone.
    assert!(!store.release_lease("purge", "a").await.unwrap());
    assert!(store.release_lease("purge", "b").await.unwrap());
    assert!(take("a", NOW + 2 * MINUTE).await);
    // Leases have nothing to do with one another.
    assert!(store.take_lease("verify", "b", NOW, MINUTE).await.unwrap());
}

on_both!(of_many_that_want_a_lease_one_gets_it);
async fn of_many_that_want_a_lease_one_gets_it(db: Database) {
    let other = Store::open(db.location.clone()).await.unwrap();
    for round in 0..10_i64 {
        let now = NOW + round * 2 * MINUTE;
        let mut all = tokio::task::JoinSet::new();
        for nth in 0..8 {
            let store = if nth % 2 == 0 { db.store.clone() } else { other.clone() };
            all.spawn(async move { store.take_lease("purge", &nth.to_string(), now, MINUTE).await.unwrap() });
        }
        let taken = all.join_all().await;
        assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
    }
}
