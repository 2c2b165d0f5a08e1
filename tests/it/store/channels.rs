//! Channels in every database: kept beside webhooks, told of one domain or of all, and switched off with their domain.

use tallymark::base::DomainId;
use tallymark::store::{Channel, ChannelChanges, NewTarget, NewWebhook, Platform, StoreError, Target, Wanted};

use super::{Database, FIRST_PAGE, NOW, day, new_report, on_both};

async fn add(db: &Database, platform: Platform, domain: Option<DomainId>) -> Target<Channel> {
    let new = NewTarget {
        domain,
        events: Wanted::new(["*".to_owned()]),
        off: None,
        address: Channel {
            platform,
            name: "Our alerts".to_owned(),
            configuration: b"sealed".to_vec(),
        },
    };
    db.store.add_channel(db.account.id, new, NOW).await.unwrap().unwrap()
}

async fn heard(db: &Database, channel: &Target<Channel>) -> u64 {
    db.store.deliveries(channel.id, FIRST_PAGE).await.unwrap().1
}

on_both!(channels_and_webhooks_are_kept_apart);
async fn channels_and_webhooks_are_kept_apart(db: Database) {
    let (store, account) = (&db.store, db.account.id);
    let webhook = NewWebhook {
        url: "https://example.com/".to_owned(),
        events: Wanted::new(["*".to_owned()]),
        secret: b"secret".to_vec(),
    };
    let webhook = store.add_webhook(account, webhook, NOW).await.unwrap().unwrap();
    for platform in Platform::ALL {
        let channel = add(&db, *platform, None).await;
        assert_eq!(store.channel(account, channel.id).await.unwrap(), Some(channel));
    }
    let channels = store.channels(account).await.unwrap();
    let platforms: Vec<_> = channels.iter().rev().map(|channel| channel.address.platform).collect();
    assert_eq!(platforms, Platform::ALL);
    assert_eq!(store.webhooks(account).await.unwrap(), std::slice::from_ref(&webhook));
    let channel = &channels[0];
    assert_eq!(store.channel(account, webhook.id).await.unwrap(), None);
    assert_eq!(store.webhook(account, channel.id).await.unwrap(), None);
    assert!(!store.remove_webhook(account, channel.id).await.unwrap());
    assert!(store.remove_channel(account, channel.id).await.unwrap());
    assert!(!store.remove_channel(account, channel.id).await.unwrap());
}

on_both!(a_change_sees_the_configuration_as_it_is);
async fn a_change_sees_the_configuration_as_it_is(db: Database) {
    let channel = add(&db, Platform::Slack, None).await;
    let key = (db.account.id, channel.id);
    let longer = |channel: &Channel| Ok::<_, StoreError>([channel.configuration.as_slice(), b"!"].concat());
    let change = |changes| db.store.change_channel(key, changes, NOW + 5, longer);
    let named = ChannelChanges {
        name: Some("Other".to_owned()),
        domain: Some(Some(db.domain.id)),
        ..ChannelChanges::default()
    };
    let changed = change(named).await.unwrap().unwrap();
    assert_eq!(
        (changed.address.name.as_str(), changed.domain),
        ("Other", Some(db.domain.id))
    );
    assert_eq!((changed.created_at, changed.updated_at), (NOW, NOW + 5));
    // None of two that come at once is lost.
    let (one, other) = tokio::join!(change(ChannelChanges::default()), change(ChannelChanges::default()));
    assert!(one.unwrap().is_some() && other.unwrap().is_some());
    let after = db.store.channel(key.0, key.1).await.unwrap().unwrap();
    assert_eq!(after.address.configuration, b"sealed!!!");
    let refused = db.store.change_channel(key, ChannelChanges::default(), NOW, |_| {
        Err::<Vec<u8>, _>(StoreError::Exists("a mistake".to_owned()))
    });
    assert!(matches!(refused.await, Err(StoreError::Exists(_))));
    assert_eq!(db.store.channel(key.0, key.1).await.unwrap(), Some(after));
}

on_both!(a_channel_of_a_domain_goes_off_with_it);
async fn a_channel_of_a_domain_goes_off_with_it(db: Database) {
    let (all, own) = (
        add(&db, Platform::Slack, None).await,
        add(&db, Platform::Ntfy, Some(db.domain.id)).await,
    );
    let other = add(&db, Platform::Ntfy, Some(DomainId(db.domain.id.0 + 1_000))).await;
    db.commit(vec![new_report("r1", day(0), &[("192.0.2.1", 1, true)])])
        .await;
    assert_eq!(
        [heard(&db, &all).await, heard(&db, &own).await, heard(&db, &other).await],
        [1, 1, 0]
    );
    let id = db.store.domain_public_id(db.account.id, db.domain.id).await.unwrap();
    assert_eq!(id.as_deref(), Some(db.domain.public_id.as_str()));
    assert!(
        db.store
            .remove_domain(db.account.id, &db.domain.public_id, NOW + 9)
            .await
            .unwrap()
    );
    assert_eq!(
        db.store.domain_public_id(db.account.id, db.domain.id).await.unwrap(),
        None
    );
    let after = async |channel: &Target<Channel>| {
        let channel = db.store.channel(db.account.id, channel.id).await.unwrap().unwrap();
        (channel.active, channel.disabled)
    };
    assert_eq!(
        after(&own).await,
        (false, Some((NOW + 9, "The domain was removed".to_owned())))
    );
    assert_eq!([after(&all).await, after(&other).await], [(true, None), (true, None)]);
    let (waiting, _) = db.store.deliveries(own.id, FIRST_PAGE).await.unwrap();
    assert_eq!(waiting[0].next_at, None, "nothing waits for it any more");
}
