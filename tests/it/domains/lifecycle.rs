//! Each purpose, all the way: pending, verified, lost, failed, and verified again.

use tallymark::base::DomainStatus::{Failed, Pending, Verified};
use tallymark::domains::Purpose;

use super::{HOUR, MINUTE, Named, World, publish};
use crate::store::{Database, on_both};

/// Every setting that brings a record.
const SETTINGS: &str = "update domains set custom_return_path = 'bounce.example.com', inbound_enabled = 1,
    tracking_domain = 'go.example.com', bimi_logo_url = 'https://example.com/logo.svg'";

on_both!(every_purpose_is_verified_lost_and_failed);
async fn every_purpose_is_verified_lost_and_failed(db: Database) {
    db.execute(SETTINGS).await;
    let mut named = Named::start();
    let mut world = World::new(db, named.dns(), &[]);
    // The other key of a domain that changes its key is never required.
    for purpose in Purpose::ALL.iter().filter(|purpose| **purpose != Purpose::DkimRotation) {
        // Everything else is missing, and matters not.
        world = World::new(world.db, named.dns(), &[*purpose]);
        world
            .db
            .execute("update domains set status = 0, verified_at = null, last_checked_at = null, misses = 0")
            .await;
        world.db.execute("update domains set next_check_at = 0").await;
        world.db.execute("delete from domain_checks").await;
        let wanted = world.record(*purpose).await;
        assert!(
            wanted.required && !wanted.verified && wanted.found.is_empty(),
            "{wanted:?}"
        );

        assert_eq!(world.after(MINUTE).await, Pending, "{purpose:?}");
        let record = world.record(*purpose).await;
        assert!(!record.verified && record.found.is_empty());
        let problem = record.problem.expect("it says what to do");
        assert!(problem.contains(&record.name), "{problem}");

        publish(&mut named, &record_of(&world, *purpose).await);
        named.reload().await;
        assert_eq!(world.after(20 * MINUTE).await, Pending, "not due yet");
        assert_eq!(world.after(15 * MINUTE).await, Verified, "{purpose:?}");
        let record = world.record(*purpose).await;
        assert!(record.verified && record.found.len() == 1, "{record:?}");

        named.set(&record.name, &[]);
        named.reload().await;
        assert_eq!(world.after(20 * HOUR).await, Verified, "not due yet");
        for (time, expect) in [(8 * HOUR, Verified), (66 * MINUTE, Verified), (66 * MINUTE, Failed)] {
            assert_eq!(world.after(time).await, expect, "{purpose:?}");
            assert!(!world.record(*purpose).await.verified, "{purpose:?}");
        }

        publish(&mut named, &record_of(&world, *purpose).await);
        named.reload().await;
        assert_eq!(world.after(28 * HOUR).await, Verified, "{purpose:?}");
        let (text, _) = world.metrics.encode();
        for line in [
            r#"tallymark_domain_changes_total{from="pending",to="verified"} 1"#,
            r#"tallymark_domain_changes_total{from="verified",to="failed"} 1"#,
            r#"tallymark_domain_changes_total{from="failed",to="verified"} 1"#,
            r#"tallymark_domain_checks_total{status="pending"} 1"#,
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        named.set(&record.name, &[]);
    }
}

async fn record_of(world: &World, purpose: Purpose) -> tallymark::domains::DnsRecord {
    world.record(purpose).await
}

on_both!(three_days_without_records_are_too_many);
async fn three_days_without_records_are_too_many(db: Database) {
    let mut named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Spf, Purpose::Dkim, Purpose::Dmarc]);
    for purpose in [Purpose::Spf, Purpose::Dkim] {
        publish(&mut named, &world.record(purpose).await);
    }
    named.reload().await;
    assert_eq!(world.after(MINUTE).await, Pending);
    assert_eq!(world.after(71 * HOUR).await, Pending);
    assert_eq!(world.after(HOUR).await, Failed);
    // By hand, at once, and with all of it.
    publish(&mut named, &world.record(Purpose::Dmarc).await);
    named.reload().await;
    world.clock.advance(MINUTE);
    let (domain, published) = world.domains.verify(&world.domain().await).await.unwrap();
    assert_eq!(domain.status, Verified);
    assert_eq!(domain.verified_at, domain.last_checked_at);
    let required = published.records.iter().filter(|record| record.required);
    assert_eq!(
        required
            .filter(|record| record.verified && record.problem.is_none())
            .count(),
        3
    );
}
