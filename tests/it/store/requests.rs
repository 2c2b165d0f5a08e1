//! Requests that name themselves, keys that change their secret, and settings of domains.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tallymark::base::{KeyId, Mode, Permission, TlsMode};
use tallymark::keys::ApiSecret;
use tallymark::store::{
    ApiKey, Begun, DomainChanges, KEPT_REQUEST_BYTES, NewKey, Patience, RequestMemory, RequestName,
    SESSIONS_PER_KEY_MAX, StoreError,
};

use super::{ALL_DAYS, Database, NOW, on_both};

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

    // A request that looked the key up just before it was rotated or revoked.
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

/// SL8: sessions of a key end one after the other, oldest first, and no other key's.
async fn a_key_has_so_many_sessions_and_the_oldest_ends(db: Database) {
    let secrets = [1, 2].map(|byte| ApiSecret::generate(Mode::Live, &[byte; ApiSecret::RANDOM_BYTES]));
    let mut keys = Vec::new();
    for secret in &secrets {
        let new = NewKey {
            name: "k".to_owned(),
            permission: Permission::FullAccess,
            domain: None,
            prefix: secret.prefix().to_owned(),
            hash: secret.hash(),
        };
        keys.push(db.store.add_key(db.account.id, new, NOW).await.unwrap());
    }
    let hash = |of: u8, nth: i64| {
        let mut hash = [of; 32];
        hash[..8].copy_from_slice(&nth.to_be_bytes());
        hash
    };
    let is_there = async |of, nth| {
        let key = db.store.session_key(&hash(of, nth), NOW + 1_000).await.unwrap();
        key.is_some()
    };
    assert!(
        db.store
            .add_session(&hash(2, 0), &keys[1], NOW, NOW + DAY)
            .await
            .unwrap()
    );
    for nth in 0..SESSIONS_PER_KEY_MAX + 2 {
        let at = NOW + nth;
        assert!(
            db.store
                .add_session(&hash(1, nth), &keys[0], at, at + DAY)
                .await
                .unwrap()
        );
    }
    assert!(!is_there(1, 0).await && !is_there(1, 1).await);
    for nth in 2..SESSIONS_PER_KEY_MAX + 2 {
        assert!(is_there(1, nth).await, "{nth}");
    }
    assert!(is_there(2, 0).await, "another key's");
}
on_both!(a_key_has_so_many_sessions_and_the_oldest_ends);

/// SL8: what an account keeps is bounded, the oldest goes first, and what still runs stays.
async fn kept_answers_of_an_account_are_trimmed_oldest_first(db: Database) {
    let secret = ApiSecret::generate(Mode::Live, &[9; ApiSecret::RANDOM_BYTES]);
    let other = db.store.add_account("other", Mode::Live, NOW).await.unwrap().id;
    let new = |byte| NewKey {
        name: "k".to_owned(),
        permission: Permission::FullAccess,
        domain: None,
        prefix: secret.prefix().to_owned(),
        hash: [byte; 32],
    };
    let own = db.store.add_key(db.account.id, new(1), NOW).await.unwrap().id;
    let second = db.store.add_key(db.account.id, new(2), NOW).await.unwrap().id;
    let foreign = db.store.add_key(other, new(3), NOW).await.unwrap().id;
    let name = |key, nth: u8| RequestName { key, scope: [nth; 32] };
    let memory = RequestMemory {
        forgotten: 0,
        given_up: 0,
    };
    let begin = async |name: RequestName, at| {
        let begun = db.store.begin_request(&name, &[1; 32], &[1; 16], at, memory).await;
        begun.unwrap()
    };
    for nth in 0..40_u8 {
        for key in [if nth % 2 == 0 { own } else { second }, foreign] {
            let at = NOW + i64::from(nth);
            assert_eq!(begin(name(key, nth), at).await, Begun::First);
            let answer = vec![nth; 1_000];
            let kept = db.store.finish_request(&name(key, nth), &[1; 16], 201, &answer).await;
            assert!(kept.unwrap());
        }
    }
    assert_eq!(begin(name(own, 100), NOW - 1).await, Begun::First);
    let all = 40 * (1_000 + KEPT_REQUEST_BYTES) + KEPT_REQUEST_BYTES;
    assert_eq!(
        db.store.trim_requests(db.account.id, all).await.unwrap(),
        all,
        "just enough"
    );
    let left = db.store.trim_requests(db.account.id, all - 1).await.unwrap();
    assert!(left <= all / 2 && left > all / 8, "{left}");
    let last = NOW + 1_000;
    assert_eq!(begin(name(own, 100), last).await, Begun::Running);
    assert!(matches!(begin(name(second, 39), last).await, Begun::Answered { .. }));
    assert_eq!(begin(name(own, 0), last).await, Begun::First);
    assert!(matches!(begin(name(foreign, 0), last).await, Begun::Answered { .. }));
    // Nothing can be done about what still runs.
    assert!(db.store.trim_requests(db.account.id, 1).await.unwrap() > 1);
}
on_both!(kept_answers_of_an_account_are_trimmed_oldest_first);

/// SH6: an abandoned question ends, and its connection is free for others.
async fn a_question_that_is_given_up_is_stopped(db: Database) {
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    let patience = Patience::new(move || told.load(Ordering::Relaxed));
    let domain = db.domain.id;
    let ask = || patience.scope(db.store.stats(domain, ALL_DAYS));
    assert!(ask().await.is_ok(), "the control");
    is_over.store(true, Ordering::Relaxed);
    let given_up = matches!(ask().await, Err(StoreError::GivenUp));
    // The server of PostgreSQL stops what it runs when its client is gone.
    assert_eq!(given_up, db.dialect == super::Dialect::Sqlite);
    assert!(db.store.stats(domain, ALL_DAYS).await.is_ok());
    db.store.ping().await.unwrap();
}
on_both!(a_question_that_is_given_up_is_stopped);
