//! Dedicated addresses: whose they are, who sends from them, and what that changes.

use crate::store::{Database, NOW, new_domain, on_both};
use tallymark::base::{IpId, Mode};
use tallymark::domains::Purpose;
use tallymark::store::StoreError;

use super::{Named, World, publish};

on_both!(an_address_is_assigned_within_its_account);
async fn an_address_is_assigned_within_its_account(db: Database) {
    let named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Spf]);
    let (store, account, domain) = (&world.db.store, world.db.account.id, world.db.domain.id);
    let stranger = store.add_account("stranger", Mode::Live, NOW).await.unwrap().id;
    let theirs = store
        .add_domain(stranger, new_domain("example.net"), NOW)
        .await
        .unwrap();
    let ip = store
        .add_ip(account, "::ffff:192.0.2.1".parse().unwrap(), NOW)
        .await
        .unwrap();
    assert_eq!(ip.address.to_string(), "192.0.2.1");
    let again = store.add_ip(stranger, "192.0.2.1".parse().unwrap(), NOW).await;
    assert!(matches!(again, Err(StoreError::Exists(_))));
    assert_eq!(store.ips_of_account(account).await.unwrap(), std::slice::from_ref(&ip));
    assert_eq!(store.ips_of_account(stranger).await.unwrap(), []);

    for (account, domain, id) in [
        (stranger, theirs.id, ip.id),
        (stranger, domain, ip.id),
        (account, theirs.id, ip.id),
        (account, domain, IpId(ip.id.0 + 1)),
    ] {
        assert!(!store.assign_ip(account, domain, id, NOW).await.unwrap());
    }
    assert!(!store.release_ip(account, domain, NOW).await.unwrap());
    assert!(store.assign_ip(account, domain, ip.id, NOW).await.unwrap());
    assert!(!store.release_ip(stranger, domain, NOW).await.unwrap());
    assert_eq!(store.domain_dns(domain).await.unwrap().dedicated_ip, Some(ip.clone()));
    assert_eq!(store.ips().await.unwrap(), [(ip.clone(), 1)]);
    let value = world.record(Purpose::Spf).await.value;
    assert_eq!(value, "v=spf1 ip4:192.0.2.1 include:spf.tally.example ~all");

    assert!(store.release_ip(account, domain, NOW).await.unwrap());
    assert_eq!(store.domain_dns(domain).await.unwrap().dedicated_ip, None);
    assert!(store.assign_ip(account, domain, ip.id, NOW).await.unwrap());
    assert!(store.remove_ip(ip.address, NOW + 5).await.unwrap());
    // A check of its records meanwhile looked for the address that has gone.
    assert_eq!(world.domain().await.updated_at, NOW + 5);
    assert!(!store.remove_ip(ip.address, NOW).await.unwrap());
    assert_eq!(store.domain_dns(domain).await.unwrap().dedicated_ip, None);
    assert_eq!(store.ips().await.unwrap(), []);
}

/// The domain stays verified; the problem says what is missing for mail from the new address.
#[tokio::test]
async fn a_new_address_must_be_published() {
    let mut named = Named::start();
    let world = World::new(
        Database::start(crate::store::Dialect::Sqlite).await,
        named.dns(),
        &[Purpose::Spf],
    );
    publish(&mut named, &world.record(Purpose::Spf).await);
    named.reload().await;
    let (store, account, domain) = (&world.db.store, world.db.account.id, world.db.domain.id);
    let ip = store
        .add_ip(account, "2001:db8::7".parse().unwrap(), NOW)
        .await
        .unwrap();
    assert!(store.assign_ip(account, domain, ip.id, NOW).await.unwrap());
    let record = world.look(Purpose::Spf).await;
    assert!(record.verified);
    assert_eq!(
        record.problem.as_deref(),
        Some("Add ip6:2001:db8::7 to the SPF record of example.com.")
    );
    for text in ["v=spf1 ip6:2001:db8::/32 include:spf.tally.example ~all", &record.value] {
        named.text("example.com", &[text]);
        named.reload().await;
        let record = world.look(Purpose::Spf).await;
        assert!(record.verified && record.problem.is_none(), "{record:?}");
    }
}
