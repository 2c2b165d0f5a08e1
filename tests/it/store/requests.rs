//! Requests that name themselves, keys that change their secret, and settings of domains.

use tallymark::keys::ApiSecret;
use tallymark::store::{
    ApiKey, Begun, DomainChanges, KeyId, Mode, NewKey, Permission, RequestMemory, RequestName, TlsMode,
};

use super::{Database, NOW, on_both};

const NAME: RequestName = RequestName {
    key: KeyId(1),
    scope: [1; 32],
};
const DAY: i64 = 86_400_000;

async fn begin(db: &Database, body: u8, owner: u8, now: i64) -> Begun {
    let memory = RequestMemory {
        forgotten: now - DAY,
        given_up: now - 1_000,
    };
    let (body, owner) = ([body; 32], [owner; 16]);
    db.store.begin_request(&NAME, &body, &owner, now, memory).await.unwrap()
}

async fn a_request_is_the_first_ones_until_it_is_answered(db: Database) {
    assert_eq!(begin(&db, 1, 1, NOW).await, Begun::First);
    assert_eq!(begin(&db, 1, 2, NOW).await, Begun::Running);
    assert_eq!(begin(&db, 2, 2, NOW + 5_000).await, Begun::Differs);
    assert_eq!(begin(&db, 1, 2, NOW + 1_000).await, Begun::First);
    assert!(!db.store.finish_request(&NAME, &[1; 16], 201, b"late").await.unwrap());
    assert!(!db.store.forget_request(&NAME, &[1; 16]).await.unwrap());
    assert!(db.store.finish_request(&NAME, &[2; 16], 201, b"answer").await.unwrap());
    let answered = Begun::Answered {
        status: 201,
        answer: b"answer".to_vec(),
    };
    assert_eq!(begin(&db, 1, 3, NOW + DAY).await, answered);
    assert_eq!(begin(&db, 2, 3, NOW + DAY).await, Begun::Differs);
    assert_eq!(begin(&db, 2, 3, NOW + DAY + 1_000).await, Begun::First);
    assert!(db.store.forget_request(&NAME, &[3; 16]).await.unwrap());
    assert_eq!(begin(&db, 3, 4, NOW + DAY).await, Begun::First);
}
on_both!(a_request_is_the_first_ones_until_it_is_answered);

async fn of_many_that_begin_at_once_one_is_the_first(db: Database) {
    let tries = (0..8).map(|owner| begin(&db, 1, owner, NOW));
    let begun = futures_util::future::join_all(tries).await;
    assert_eq!(
        begun.iter().filter(|begun| **begun == Begun::First).count(),
        1,
        "{begun:?}"
    );
    assert_eq!(
        begun.iter().filter(|begun| **begun == Begun::Running).count(),
        7,
        "{begun:?}"
    );
}
on_both!(of_many_that_begin_at_once_one_is_the_first);

async fn what_is_old_is_forgotten_however_much_it_is(db: Database) {
    let memory = RequestMemory {
        forgotten: 0,
        given_up: 0,
    };
    for nth in 0..1_010_u32 {
        let mut name = NAME;
        name.scope[..4].copy_from_slice(&nth.to_be_bytes());
        let at = if nth < 1_005 { NOW } else { NOW + 1 };
        db.store
            .begin_request(&name, &[0; 32], &[0; 16], at, memory)
            .await
            .unwrap();
    }
    assert_eq!(db.store.purge_requests(NOW).await.unwrap(), 1_005);
    assert_eq!(db.store.purge_requests(NOW + 1).await.unwrap(), 5);
}
on_both!(what_is_old_is_forgotten_however_much_it_is);

async fn a_key_that_is_rotated_is_found_by_its_new_secret_only(db: Database) {
    let secrets = [[1; 96], [2; 96]].map(|random| ApiSecret::generate(Mode::Live, &random));
    let new = NewKey {
        name: "k".to_owned(),
        permission: Permission::ReadOnly,
        domain: Some(db.domain.id),
        prefix: secrets[0].prefix().to_owned(),
        hash: secrets[0].hash(),
    };
    let key = db.store.add_key(db.account.id, new, NOW).await.unwrap();
    let other = db.store.add_account("other", Mode::Live, NOW).await.unwrap().id;
    let (prefix, hash) = (secrets[1].prefix(), secrets[1].hash());
    assert!(!db.store.rotate_key(other, key.id, prefix, &hash).await.unwrap());
    assert!(db.store.rotate_key(db.account.id, key.id, prefix, &hash).await.unwrap());
    assert_eq!(db.store.key_by_hash(&secrets[0].hash()).await.unwrap(), None);
    let rotated = ApiKey {
        prefix: prefix.to_owned(),
        hash,
        ..key.clone()
    };
    assert_eq!(db.store.key_by_hash(&hash).await.unwrap(), Some(rotated.clone()));
    assert_eq!(
        db.store.key_of_account(db.account.id, key.id).await.unwrap(),
        Some(rotated)
    );
    assert_eq!(db.store.key_of_account(other, key.id).await.unwrap(), None);
    assert!(db.store.revoke_key(db.account.id, key.id, NOW).await.unwrap());
    assert!(!db.store.rotate_key(db.account.id, key.id, prefix, &hash).await.unwrap());
}
on_both!(a_key_that_is_rotated_is_found_by_its_new_secret_only);

async fn a_key_that_changes_has_no_sessions_of_before(db: Database) {
    let secrets = [[1; 96], [2; 96], [3; 96]].map(|random| ApiSecret::generate(Mode::Live, &random));
    let add = async |secret: &ApiSecret| {
        let new = NewKey {
            name: "k".to_owned(),
            permission: Permission::ReadOnly,
            domain: None,
            prefix: secret.prefix().to_owned(),
            hash: secret.hash(),
        };
        db.store.add_key(db.account.id, new, NOW).await.unwrap()
    };
    let sign_in = async |session: u8, key: &ApiKey| {
        let added = db.store.add_session(&[session; 32], key, NOW, NOW + DAY).await;
        added.unwrap()
    };
    let signed_in = async |session: u8| {
        let key = db.store.session_key(&[session; 32], NOW).await.unwrap();
        key.map(|key| key.id)
    };
    let (key, other) = (add(&secrets[0]).await, add(&secrets[1]).await);
    assert!(sign_in(1, &key).await && sign_in(2, &other).await);
    let (prefix, hash) = (secrets[2].prefix(), secrets[2].hash());
    assert!(db.store.rotate_key(db.account.id, key.id, prefix, &hash).await.unwrap());
    assert_eq!((signed_in(1).await, signed_in(2).await), (None, Some(other.id)));

    // Whoever looked the key up just before it was rotated or revoked.
    assert!(db.store.revoke_key(db.account.id, other.id, NOW).await.unwrap());
    assert!(!sign_in(3, &key).await && !sign_in(4, &other).await);
    assert_eq!((signed_in(3).await, signed_in(4).await), (None, None));
    assert!(sign_in(5, &ApiKey { hash, ..key }).await);
}
on_both!(a_key_that_changes_has_no_sessions_of_before);

async fn changes_made_at_the_same_time_are_all_made(db: Database) {
    let changes = [
        DomainChanges {
            tls_mode: Some(TlsMode::Enforced),
            ..DomainChanges::default()
        },
        DomainChanges {
            catch_all: Some(true),
            ..DomainChanges::default()
        },
        DomainChanges {
            bimi_logo_url: Some(Some("https://example.com/logo.svg".to_owned())),
            ..DomainChanges::default()
        },
    ];
    let made = changes.map(|changes| db.store.update_domain(db.account.id, db.domain.id, changes, NOW));
    for made in futures_util::future::join_all(made).await {
        assert!(made.unwrap().is_some());
    }
    let domain = db
        .store
        .domain_by_id(db.account.id, db.domain.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((domain.tls_mode, domain.catch_all), (TlsMode::Enforced, true));
    assert_eq!(domain.bimi_logo_url.as_deref(), Some("https://example.com/logo.svg"));
    assert_eq!(domain.updated_at, db.domain.updated_at + 3);
    let other = db.store.add_account("other", Mode::Live, NOW).await.unwrap().id;
    let foreign = db
        .store
        .update_domain(other, db.domain.id, DomainChanges::default(), NOW)
        .await;
    assert_eq!(foreign.unwrap(), None);
}
on_both!(changes_made_at_the_same_time_are_all_made);
