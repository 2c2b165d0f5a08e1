//! The clock was wrong for a while: nothing that was written then holds anything up once it is right.

use tallymark::base::{KeyId, Mode, Permission};
use tallymark::keys::ApiSecret;
use tallymark::store::{
    Begun, CLOCKS_DIFFER_MAX, Decision, DomainFinding, NewKey, RequestMemory, RequestName, Standing,
};

use super::{Database, NOW, on_both};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// How far ahead the clock was: a restored snapshot, a daylight saving of one's own, a dead battery.
const AHEAD: [i64; 5] = [10 * MINUTE, HOUR, 3 * DAY, 730 * DAY, i64::MAX - NOW - DAY];

on_both!(a_lease_from_the_future_is_taken_over);
async fn a_lease_from_the_future_is_taken_over(db: Database) {
    let take = async |name: &str, holder: &str, now: i64, lasts: i64| {
        db.store.take_lease(name, holder, now, lasts).await.unwrap()
    };
    for (nth, ahead) in AHEAD.into_iter().enumerate() {
        for kind in ["purge", "source imap://mail.example/INBOX"] {
            let name = format!("{kind} {nth}");
            assert!(take(&name, "before the crash", NOW + ahead, MINUTE).await);
            assert!(take(&name, "after it", NOW, MINUTE).await, "{name}: {ahead}");
            assert_eq!(db.store.lease(&name).await.unwrap().unwrap().until, NOW + MINUTE);
            // And that one is genuine.
            assert!(!take(&name, "another", NOW + 1, MINUTE).await);
        }
    }
    // Negative control: nodes' clocks differ a little, and a lease may be longer than the asker's.
    assert!(take("checks", "a", NOW + MINUTE / 4, MINUTE).await);
    assert!(!take("checks", "b", NOW, MINUTE).await);
    assert!(take("long", "a", NOW, HOUR).await);
    assert!(!take("long", "b", NOW, MINUTE).await);
}

on_both!(a_check_that_was_put_off_far_into_the_future_is_due);
async fn a_check_that_was_put_off_far_into_the_future_is_due(db: Database) {
    let is_due = async |now: i64| !db.store.accounts_due(now).await.unwrap().is_empty();
    for ahead in [3 * DAY, 730 * DAY] {
        let at = NOW + ahead + DAY;
        db.execute(&format!(
            "update domains set next_check_at = {at}, last_checked_at = {}",
            NOW + ahead
        ))
        .await;
        assert!(!is_due(NOW).await);
        assert_eq!(db.store.recall_checks(NOW, NOW + 2 * DAY).await.unwrap(), 1);
        assert!(is_due(NOW).await);
        // What is found now is kept, though the last look says that it was later.
        let found = DomainFinding {
            domain: db.domain.id,
            at: NOW,
            updated_at: db.domain.updated_at,
            records: Vec::new(),
            own_networks: None,
            selector: None,
            rotation: None,
        };
        let decide = |standing: &Standing, found: &DomainFinding| Decision {
            status: standing.status,
            verified_at: None,
            misses: 0,
            missed_at: None,
            next_check_at: found.at + HOUR,
            checks: Vec::new(),
            own_networks: Vec::new(),
            rotation: None,
        };
        assert_eq!(db.store.keep_checks(&[found], &decide).await.unwrap().len(), 1);
    }
    // Negative control: a check of tomorrow stays one.
    assert_eq!(db.store.recall_checks(NOW, NOW + 2 * DAY).await.unwrap(), 0);
    assert!(!is_due(NOW).await);
}

on_both!(a_session_from_the_future_is_none);
async fn a_session_from_the_future_is_none(db: Database) {
    let secret = ApiSecret::generate(Mode::Live, &[1; 96]);
    let new = NewKey {
        name: "k".to_owned(),
        permission: Permission::ReadOnly,
        domain: None,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
    };
    let key = db.store.add_key(db.account.id, new, NOW).await.unwrap();
    for (nth, ahead) in [(1, 10 * MINUTE), (2, 3 * DAY), (3, 730 * DAY)] {
        let begun = NOW + ahead;
        assert!(
            db.store
                .add_session(&[nth; 32], &key, begun, begun + DAY)
                .await
                .unwrap()
        );
        assert!(db.store.session_key(&[nth; 32], begun).await.unwrap().is_some());
        assert!(
            db.store.session_key(&[nth; 32], NOW).await.unwrap().is_none(),
            "{ahead}"
        );
    }
    // Negative control: of another node, whose clock is a little ahead.
    let begun = NOW + CLOCKS_DIFFER_MAX;
    assert!(db.store.add_session(&[9; 32], &key, begun, begun + DAY).await.unwrap());
    assert!(db.store.session_key(&[9; 32], NOW).await.unwrap().is_some());
    // The next sign-in has forgotten those of the far future.
    assert!(db.store.session_key(&[3; 32], NOW + 730 * DAY).await.unwrap().is_none());
}

on_both!(a_request_that_began_in_the_future_is_taken_over);
async fn a_request_that_began_in_the_future_is_taken_over(db: Database) {
    let begin = async |scope: u8, owner: u8, now: i64| {
        let name = RequestName {
            key: KeyId(1),
            scope: [scope; 32],
        };
        let memory = RequestMemory {
            forgotten: now - DAY,
            given_up: now - MINUTE,
        };
        let owner = [owner; 16];
        let begun = db.store.begin_request(&name, &[7; 32], &owner, now, memory);
        (begun.await.unwrap(), name)
    };
    for (scope, ahead) in [(1, 10 * MINUTE), (2, 3 * DAY), (3, 730 * DAY)] {
        assert_eq!(begin(scope, 1, NOW + ahead).await.0, Begun::First);
        assert_eq!(begin(scope, 2, NOW).await.0, Begun::First, "{ahead}");
        // It is this node's now.
        assert_eq!(begin(scope, 3, NOW + 1).await.0, Begun::Running);
    }
    // Negative controls: one of a node whose clock is a little ahead runs; and an answer is an answer, whenever it was.
    assert_eq!(begin(4, 1, NOW + CLOCKS_DIFFER_MAX).await.0, Begun::First);
    assert_eq!(begin(4, 2, NOW).await.0, Begun::Running);
    let (_, name) = begin(5, 1, NOW + 3 * DAY).await;
    assert!(db.store.finish_request(&name, &[1; 16], 201, b"done").await.unwrap());
    assert!(matches!(begin(5, 2, NOW).await.0, Begun::Answered { status: 201, .. }));
    // The job forgets what is of the far future, and nothing of today.
    assert_eq!(db.store.purge_requests(NOW - DAY).await.unwrap(), 1);
}
