//! Rounds: who is looked at, in which order, and what a round that was cut off leaves.

use crate::provenance::dns::Dns;
use crate::store::{Database, Dialect, NOW, new_domain, on_both};
use tallymark::base::{AccountId, DomainName, Mode};
use tallymark::domains::{Purpose, Round};
use tallymark::store::{Decision, DomainChanges, DomainFinding, Standing};

use super::{MINUTE, Named, World, named};

/// Adds `count` domains of another account, all due.
async fn add(db: &Database, account: &str, count: usize) -> AccountId {
    let account = db.store.add_account(account, Mode::Live, NOW).await.unwrap().id;
    for nth in 0..count {
        let domain = new_domain(&format!("d{nth}.example.net"));
        db.store.add_domain(account, domain, NOW).await.unwrap();
    }
    account
}

on_both!(accounts_take_turns_and_each_domain_its_own);
async fn accounts_take_turns_and_each_domain_its_own(db: Database) {
    // Before example.com in every order but the turns.
    db.execute(&format!("update domains set next_check_at = {}", NOW + 1))
        .await;
    add(&db, "large", 150).await;
    let server = Dns::start().await;
    // One at a time: the order of the questions is then the order of the turns.
    let world = World::with(db, named::dns(server.address), &[Purpose::Dmarc], |options| {
        options.domains_in_flight_max = 1;
    });
    world.clock.advance(MINUTE);
    let round = world.domains.check_due().await.unwrap();
    assert_eq!(
        round,
        Round {
            checked: 151,
            changed: 0
        }
    );
    let asked = server.asked();
    let first = asked
        .iter()
        .position(|name| name.starts_with("_dmarc.example.com."))
        .unwrap();
    let before = asked[..first]
        .iter()
        .filter(|name| name.starts_with("_dmarc.d"))
        .count();
    assert!(
        before <= 1,
        "{before} domains came before the only one of the small account"
    );
    // No domain is due now, and each is due once within the next half hour and a bit.
    assert_eq!(world.domains.check_due().await.unwrap(), Round::default());
    world.clock.advance(15 * MINUTE);
    let early = world.domains.check_due().await.unwrap().checked;
    world.clock.advance(14 * MINUTE);
    let some = world.domains.check_due().await.unwrap().checked;
    world.clock.advance(5 * MINUTE);
    let rest = world.domains.check_due().await.unwrap().checked;
    assert_eq!((early, some + rest), (0, 151));
    assert!(some > 0 && rest > 0, "spread: {some} and {rest}");
}

#[tokio::test]
async fn a_round_that_was_cut_off_is_finished_by_the_next() {
    let db = Database::start(Dialect::Sqlite).await;
    let account = add(&db, "large", 600).await;
    let server = Dns::start().await;
    let world = World::with(db, named::dns(server.address), &[Purpose::Dmarc], |options| {
        options.domains_in_flight_max = 4;
    });
    world.clock.advance(MINUTE);
    {
        let round = world.domains.check_due();
        let some_are_kept = async {
            while !world.metrics.encode().0.contains("tallymark_domain_checks_total{") {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = some_are_kept => {}
            round = round => panic!("it was not cut off: {round:?}"),
        }
    }
    let (text, _) = world.metrics.encode();
    let line = text
        .lines()
        .find(|line| line.starts_with("tallymark_domain_checks_total{"))
        .unwrap();
    let kept: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    let rest = world.domains.check_due().await.unwrap().checked;
    // What was being committed when it was cut off is kept, and was not counted.
    assert!(rest > 0 && kept + rest <= 601, "{kept} and {rest}");
    let domains = world.db.store.domains(account).await.unwrap();
    assert!(domains.iter().all(|domain| domain.last_checked_at.is_some()));
}

fn with_return_path() -> DomainChanges {
    DomainChanges {
        custom_return_path: Some(Some(DomainName::parse("bounce.example.com").unwrap())),
        ..DomainChanges::default()
    }
}

on_both!(settings_changed_during_a_look_are_looked_at_again);
async fn settings_changed_during_a_look_are_looked_at_again(db: Database) {
    let (store, account, domain) = (&db.store, db.account.id, &db.domain);
    let decide = |standing: &Standing, found: &DomainFinding| Decision {
        status: standing.status,
        verified_at: None,
        misses: 0,
        missed_at: None,
        next_check_at: found.at + 3_600_000,
        checks: Vec::new(),
        own_networks: Vec::new(),
        rotation: None,
    };
    let found = |updated_at| DomainFinding {
        domain: domain.id,
        at: NOW + 1,
        updated_at,
        records: Vec::new(),
        own_networks: None,
        selector: None,
        rotation: None,
    };
    let changed = store
        .update_domain(account, domain.id, with_return_path(), NOW + 2)
        .await;
    assert_eq!(changed.unwrap().unwrap().updated_at, NOW + 2);
    let kept = store.keep_checks(&[found(domain.updated_at)], &decide).await.unwrap();
    assert_eq!(kept, []);
    assert_eq!(store.accounts_due(NOW + 2).await.unwrap(), [account]);
    let kept = store.keep_checks(&[found(NOW + 2)], &decide).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(store.accounts_due(NOW + 2).await.unwrap(), []);
}

/// A caller of a check, or a round, may have read the domain long before its turn.
#[tokio::test]
async fn a_look_is_for_the_settings_of_its_moment() {
    let db = Database::start(Dialect::Sqlite).await;
    let named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Dmarc]);
    let before = world.domain().await;
    let changed = world
        .db
        .store
        .update_domain(before.account, before.id, with_return_path(), NOW + 1);
    assert!(changed.await.unwrap().is_some());
    world.clock.advance(MINUTE);
    let (after, published) = world.domains.verify(&before).await.unwrap();
    assert_eq!(after.last_checked_at, Some(world.clock.now()));
    let record = published
        .records
        .iter()
        .find(|record| record.purpose == Purpose::ReturnPath);
    let record = record.expect("it is wanted now");
    assert!(record.problem.is_some(), "it was looked for: {record:?}");
}
