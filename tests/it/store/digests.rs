//! Digests in every database: kept beside channels, told once per period by the first node; and readers that agreed to mail.

use serde_json::json;
use tallymark::base::{Day, MailAddress, Period};
use tallymark::store::{ACCOUNT_QUESTIONS_MAX, Digest, NewTarget, QUESTIONS_MAX, Reader, StoreError, Target, Wanted};

use super::{Database, FIRST_PAGE, NOW, on_both};

const TODAY: Day = Day(20_535);

async fn add(db: &Database, off: Option<&str>) -> Target<Digest> {
    let new = NewTarget {
        domain: None,
        events: Wanted::new([]),
        off: off.map(str::to_owned),
        address: Digest {
            name: "For the board".to_owned(),
            recipient: b"sealed".to_vec(),
            period: Period::Weekly,
            domains: Some(vec![db.domain.id]),
            told: TODAY,
        },
    };
    db.store.add_digest(db.account.id, new, NOW).await.unwrap().unwrap()
}

on_both!(a_digest_is_told_once_per_period);
async fn a_digest_is_told_once_per_period(db: Database) {
    let (store, account) = (&db.store, db.account.id);
    let digest = add(&db, None).await;
    let key = (account, digest.id);
    assert_eq!(store.digest(account, digest.id).await.unwrap(), Some(digest.clone()));
    assert_eq!(store.channel(account, digest.id).await.unwrap(), None);
    let tell = async |day: i32| {
        store
            .tell_digest(key, Day(TODAY.0 + day), json!({ "says": "x" }), NOW)
            .await
            .unwrap()
    };
    assert!(!tell(0).await, "it was told");
    let both = tokio::join!(tell(7), tell(7));
    assert!(both.0 != both.1, "{both:?}");
    assert!(!tell(7).await && tell(14).await && !tell(7).await);
    let (rows, total) = store.deliveries(digest.id, FIRST_PAGE).await.unwrap();
    assert_eq!(total, 2);
    assert!(rows.iter().all(|row| row.event == "digest" && row.next_at == Some(NOW)));
    assert_ne!(rows[0].event_id, rows[1].event_id);
    let monthly = |digest: &mut Target<Digest>| {
        digest.address.period = Period::Monthly;
        digest.address.domains = None;
        Ok::<_, StoreError>(())
    };
    let changed = store.change_digest(key, NOW + 1, monthly).await.unwrap().unwrap();
    let expect = (Period::Monthly, None, Day(TODAY.0 + 14));
    assert_eq!(
        (changed.address.period, changed.address.domains, changed.address.told),
        expect
    );
    // One that is off is not told, and is not among those that are on.
    assert_eq!(store.digests_on().await.unwrap().len(), 1);
    assert!(
        store
            .disable_target(digest.id, "Its reader unsubscribed", NOW)
            .await
            .unwrap()
    );
    assert!(!tell(21).await);
    assert_eq!(store.digests_on().await.unwrap(), []);
    store.enable_target(account, digest.id, NOW).await.unwrap();
    assert!(tell(21).await);
    let waiting = add(&db, Some("waits")).await;
    assert_eq!(
        (waiting.active, waiting.disabled),
        (false, Some((NOW, "waits".to_owned())))
    );
    assert!(store.remove_digest(account, digest.id).await.unwrap());
    assert_eq!(store.digests(account).await.unwrap().len(), 1);
}

on_both!(a_damaged_digest_keeps_no_other_from_being_told);
async fn a_damaged_digest_keeps_no_other_from_being_told(db: Database) {
    let (_, good) = (add(&db, None).await, add(&db, None).await);
    assert_eq!(db.store.digests_on().await.unwrap().len(), 2, "the control");
    let damage = format!("update targets set scope = 'x' where target_id < {}", good.id.0);
    db.execute(&damage).await;
    assert_eq!(db.store.digests_on().await.unwrap(), [good]);
}

on_both!(readers_agree_once_and_are_asked_a_few_times);
async fn readers_agree_once_and_are_asked_a_few_times(db: Database) {
    let (store, account) = (&db.store, db.account.id);
    let reader = |text: &str| Reader::new(&MailAddress::parse(text).unwrap());
    let me = reader("me@reader.example");
    assert_eq!(me, reader("ME@Reader.example"));
    assert!(!store.has_confirmed(account, me).await.unwrap());
    assert!(!store.confirm_reader(account, me, NOW).await.unwrap(), "nobody asked");
    for _ in 0..QUESTIONS_MAX {
        assert!(store.may_ask(account, me, TODAY).await.unwrap());
    }
    assert!(!store.may_ask(account, me, TODAY).await.unwrap());
    assert!(
        !store.may_ask(account, me, TODAY.plus(30)).await.unwrap(),
        "without an answer"
    );
    // One that was not sent does not count.
    store.was_not_asked(account, me, TODAY).await.unwrap();
    assert!(store.may_ask(account, me, TODAY).await.unwrap());
    let mut asked = QUESTIONS_MAX;
    for nth in 0.. {
        if !store
            .may_ask(account, reader(&format!("r{nth}@reader.example")), TODAY)
            .await
            .unwrap()
        {
            break;
        }
        asked += 1;
    }
    assert_eq!(asked, ACCOUNT_QUESTIONS_MAX);
    assert!(store.confirm_reader(account, me, NOW).await.unwrap());
    assert!(!store.confirm_reader(account, me, NOW).await.unwrap(), "they have");
    assert!(store.has_confirmed(account, me).await.unwrap());
    assert!(!store.has_confirmed(account, reader("r0@reader.example")).await.unwrap());
    store.forget_confirmation(account, me, TODAY).await.unwrap();
    assert!(!store.has_confirmed(account, me).await.unwrap());
    // Who left is not asked for 30 days, and those who never agreed are forgotten in time.
    assert!(!store.may_ask(account, me, TODAY.plus(1)).await.unwrap());
    assert!(!store.may_ask(account, me, TODAY.plus(30)).await.unwrap());
    assert!(store.may_ask(account, me, TODAY.plus(31)).await.unwrap());
    assert!(store.confirm_reader(account, me, NOW).await.unwrap());
    assert!(
        store
            .may_ask(account, reader("new@reader.example"), TODAY.plus(60))
            .await
            .unwrap()
    );
    assert!(store.has_confirmed(account, me).await.unwrap());
    assert!(
        !store
            .confirm_reader(account, reader("r0@reader.example"), NOW)
            .await
            .unwrap()
    );
}

on_both!(a_digest_waits_for_its_reader_until_its_owner_switches_it_off);
async fn a_digest_waits_for_its_reader_until_its_owner_switches_it_off(db: Database) {
    let (store, account) = (&db.store, db.account.id);
    let digest = add(&db, None).await;
    let key = (account, digest.id);
    let shown = async || store.digest(account, digest.id).await.unwrap().unwrap();
    // Nothing waits yet, also if it is off.
    assert!(store.disable_target(digest.id, "refused", NOW).await.unwrap());
    store.reader_agreed(key).await.unwrap();
    store.wait_because(key, "asked").await.unwrap();
    assert_eq!(shown().await.disabled, Some((NOW, "refused".to_owned())));
    assert!(!shown().await.active);
    // It is off for an older reason, and gets another address.
    store.wait_for_reader(key, "not asked", NOW + 1).await.unwrap();
    store.wait_because(key, "asked").await.unwrap();
    assert_eq!(shown().await.disabled, Some((NOW + 1, "asked".to_owned())));
    store.reader_agreed(key).await.unwrap();
    assert!(shown().await.active && shown().await.disabled.is_none());
    store.wait_for_reader(key, "not asked", NOW + 2).await.unwrap();
    store.wait_no_more(key).await.unwrap();
    store.reader_agreed(key).await.unwrap();
    assert!(!shown().await.active, "its owner wants it off");
}
