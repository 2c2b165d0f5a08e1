//! `ruf` is offered where failure reports are read, and nowhere else.

use tallymark::base::FailureReports;
use tallymark::domains::Purpose;
use tallymark::store::DomainChanges;

use super::World;
use super::named::Named;
use super::offers::check;
use crate::store::{Database, Dialect, NOW};

#[tokio::test]
async fn ruf_is_added_to_what_is_published() {
    let mut named = Named::start();
    let db = Database::start(Dialect::Sqlite).await;
    let world = World::new(db, named.dns(), &[Purpose::Dmarc]);
    let address = format!("{}@rua.tally.example", world.domain().await.rua_token);
    let whole = |text: &str| text.replace("OURS", &address);
    let published = [
        (
            "v=DMARC1; p=reject; rua=mailto:OURS",
            "v=DMARC1; p=reject; rua=mailto:OURS; ruf=mailto:OURS",
        ),
        (
            "v=DMARC1; p=none; ruf=mailto:f@other.example; rua=mailto:OURS",
            "v=DMARC1; p=none; ruf=mailto:f@other.example,mailto:OURS; rua=mailto:OURS",
        ),
        ("v=DMARC1; p=none", "v=DMARC1; p=none; rua=mailto:OURS; ruf=mailto:OURS"),
    ];
    let complete = "v=DMARC1; p=none; ruf=mailto:OURS; rua=mailto:OURS";
    for kept in [FailureReports::Off, FailureReports::Redacted] {
        let changes = DomainChanges {
            failure_reports: Some(kept),
            ..DomainChanges::default()
        };
        let (account, id) = (world.db.account.id, world.db.domain.id);
        world.db.store.update_domain(account, id, changes, NOW).await.unwrap();
        for (text, expect) in published {
            named.text("_dmarc.example.com", &[&whole(text)]);
            named.reload().await;
            let record = world.look(Purpose::Dmarc).await;
            assert_eq!(record.verified, text.contains("rua"), "{text}: {record:?}");
            let offered = record.suggestion.as_ref().map(|offer| offer.value.clone());
            match kept {
                FailureReports::Off => assert!(
                    !offered.unwrap_or_default().contains(&whole("ruf=mailto:OURS")),
                    "{text}"
                ),
                _ => assert_eq!(offered, Some(whole(expect)), "{text}"),
            }
            check(&world, &mut named, &record).await;
        }
        named.text("_dmarc.example.com", &[&whole(complete)]);
        named.reload().await;
        let record = world.look(Purpose::Dmarc).await;
        assert!(record.verified && record.suggestion.is_none(), "{record:?}");
    }
}
