//! Keys: made once per domain, kept encrypted, given to their owner only.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use tallymark::domains::{DomainsError, Keyring, KeyringError, Purpose};

use super::{MASTER, Named, World};
use crate::store::{Database, Dialect, on_both};

const OTHER: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

/// The record of a key of 4,096 bits that is not ours.
pub fn foreign_4096() -> String {
    let pair = KeyPair::generate(KeySize::Rsa4096).unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    format!("v=DKIM1; k=rsa; p={}", base64(public.as_ref()))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

on_both!(a_domain_has_one_key_and_it_is_kept_encrypted);
async fn a_domain_has_one_key_and_it_is_kept_encrypted(db: Database) {
    let named = Named::start();
    let world = World::new(db, named.dns(), &[]);
    let domain = world.domain().await;
    // Many at a time: one key.
    let asked = (0..4).map(|_| world.domains.published(&domain));
    let published = futures_util::future::join_all(asked).await;
    let values: Vec<String> = published
        .into_iter()
        .map(|published| {
            let mut records = published.unwrap().records.into_iter();
            records.find(|record| record.purpose == Purpose::Dkim).unwrap().value
        })
        .collect();
    assert!(values.windows(2).all(|pair| pair[0] == pair[1]));
    let pem = world.domains.private_key(&domain).await.unwrap();
    let digits: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    use base64::Engine as _;
    let der = base64::engine::general_purpose::STANDARD.decode(&digits).unwrap();
    let public: PublicKeyX509Der<'_> = KeyPair::from_pkcs8(&der).unwrap().public_key().as_der().unwrap();
    assert_eq!(values[0], format!("v=DKIM1; k=rsa; p={}", base64(public.as_ref())));
    let sealed = world.db.store.sealed_dkim_key(domain.id).await.unwrap().unwrap();
    assert!(!sealed.windows(32).any(|part| part == &der[100..132]));

    // The key of another domain does not open as this one's; a key ring without the key opens nothing.
    let foreign = World::with(world.db, named.dns(), &[], |options| {
        options.keyring = Some(Keyring::from_keys([OTHER], "elsewhere").unwrap());
    });
    let refused = foreign.domains.private_key(&domain).await;
    assert!(matches!(
        refused,
        Err(DomainsError::Keyring(KeyringError::Foreign { .. }))
    ));
    // Changing the master key: the new one first, everything encrypted again, the old one gone.
    let both = World::with(foreign.db, named.dns(), &[], |options| {
        options.keyring = Some(Keyring::from_keys([OTHER, MASTER], "here").unwrap());
    });
    assert_eq!(both.domains.reseal().await.unwrap(), 1);
    assert_eq!(both.domains.reseal().await.unwrap(), 0);
    let new = World::with(both.db, named.dns(), &[], |options| {
        options.keyring = Some(Keyring::from_keys([OTHER], "here").unwrap());
    });
    assert_eq!(new.domains.private_key(&domain).await.unwrap(), pem);

    // It goes with the domain.
    new.db
        .store
        .remove_domain(domain.account, &domain.public_id, 0)
        .await
        .unwrap();
    assert_eq!(new.db.store.sealed_dkim_key(domain.id).await.unwrap(), None);
}

/// A round makes no keys: a hundred thousand of them would take hours, and none could have been published.
#[tokio::test]
async fn a_round_makes_no_keys() {
    let named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &[Purpose::Dkim]);
    assert_eq!(world.domains.check_due().await.unwrap().checked, 1);
    assert_eq!(world.db.store.domain_dns(world.db.domain.id).await.unwrap().dkim, None);
}
