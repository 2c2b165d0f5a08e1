//! Changes that an owner posted.

use tallymark::base::Mode;
use tallymark::store::{Actor, ChangeKind, Noted, OwnerChange, Posted};

use super::{Database, NOW, new_domain, on_both};

fn posted(kind: ChangeKind, service: Option<&str>) -> Posted {
    Posted {
        kind,
        at: NOW - 5,
        service: service.map(str::to_owned),
    }
}

fn actor(why: Option<&str>) -> Actor {
    Actor {
        by: "key test".to_owned(),
        why: why.map(str::to_owned),
        at: NOW,
    }
}

async fn post(db: &Database, what: Posted) -> OwnerChange {
    let place = (db.account.id, db.domain.id);
    match db.store.post_change(place, what, actor(Some("because"))).await.unwrap() {
        Noted::Done(change) => change,
        other => panic!("{other:?}"),
    }
}

on_both!(changes_are_of_one_domain_and_go_with_it);
async fn changes_are_of_one_domain_and_go_with_it(db: Database) {
    let other = db.store.add_domain(db.account.id, new_domain("other.example"), NOW);
    let other = other.await.unwrap();
    let stranger = db.store.add_account("stranger", Mode::Live, NOW).await.unwrap();
    let first = post(&db, posted(ChangeKind::Dkim, Some("Mailchimp"))).await;
    let second = post(&db, posted(ChangeKind::Dkim, None)).await;
    // A repeat is the first one, whatever its note.
    assert_eq!(post(&db, posted(ChangeKind::Dkim, Some("MAILCHIMP"))).await, first);
    assert_ne!(first.id, second.id);
    assert_eq!(
        db.store.owner_changes(db.domain.id).await.unwrap(),
        [first.clone(), second.clone()]
    );
    assert_eq!(db.store.owner_changes(other.id).await.unwrap(), []);
    for place in [(stranger.id, db.domain.id), (db.account.id, other.id)] {
        assert!(!db.store.remove_change(place, first.id).await.unwrap());
    }
    let foreign = (stranger.id, db.domain.id);
    let refused = db
        .store
        .post_change(foreign, posted(ChangeKind::Spf, None), actor(None));
    assert_eq!(refused.await.unwrap(), Noted::Missing);
    let place = (db.account.id, db.domain.id);
    assert!(db.store.remove_change(place, first.id).await.unwrap());
    assert!(!db.store.remove_change(place, first.id).await.unwrap());
    assert_eq!(db.store.owner_changes(db.domain.id).await.unwrap(), [second]);
    let public_id = &db.domain.public_id;
    assert!(db.store.remove_domain(db.account.id, public_id, NOW).await.unwrap());
    assert_eq!(db.store.owner_changes(db.domain.id).await.unwrap(), []);
}

on_both!(a_domain_has_at_most_a_hundred_changes);
async fn a_domain_has_at_most_a_hundred_changes(db: Database) {
    let service = |nth: u32| posted(ChangeKind::Other, Some(&format!("service {nth}")));
    for nth in 0..100 {
        post(&db, service(nth)).await;
    }
    let place = (db.account.id, db.domain.id);
    let more = db.store.post_change(place, service(100), actor(None));
    assert_eq!(more.await.unwrap(), Noted::Full);
    // One that is there can be posted again, and room can be made.
    let known = post(&db, service(7)).await;
    assert!(db.store.remove_change(place, known.id).await.unwrap());
    post(&db, service(100)).await;
    assert_eq!(db.store.owner_changes(db.domain.id).await.unwrap().len(), 100);
}
