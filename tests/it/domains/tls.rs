//! The record that asks for TLS reports: what is found of it, and what is offered.

use tallymark::domains::{Purpose, RecordState};
use tallymark::keys::PostToken;

use super::offers::{check_offers, txt};
use super::{Named, World};
use crate::store::{Database, Dialect, NOW};

const OWN: &str = "_smtp._tls.example.com";
const ALL: [Purpose; 1] = [Purpose::Dmarc];

#[tokio::test]
async fn an_offered_tls_record_keeps_what_is_published() {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
    check_offers(
        &world,
        &mut named,
        Purpose::TlsReports,
        &[
            (&[], Ok("v=TLSRPTv1; rua=mailto:OURS")),
            (
                &[(
                    OWN,
                    &["v=TLSRPTv1; rua=https://collector.example/v1,mailto:tls@example.com;"],
                )],
                Ok("v=TLSRPTv1; rua=https://collector.example/v1,mailto:tls@example.com,mailto:OURS"),
            ),
            (
                &[(OWN, &["v=TLSRPTv1;rua=mailto:tls@example.com", "other text"])],
                Ok("v=TLSRPTv1;rua=mailto:tls@example.com,mailto:OURS"),
            ),
            (
                &[(OWN, &["\"v=TLSRPTv1; rua=mailto:OURS\""])],
                Ok("v=TLSRPTv1; rua=mailto:OURS"),
            ),
            (
                &[(OWN, &["v=tlsrptv1; rua=mailto:OURS"])],
                Ok("v=TLSRPTv1; rua=mailto:OURS"),
            ),
            (
                &[(
                    OWN,
                    &["v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:OURS"],
                )],
                Ok("v=TLSRPTv1; rua=mailto:a@b.example,mailto:OURS"),
            ),
            (
                &[(
                    OWN,
                    &[
                        "v=TLSRPTv1; rua=mailto:a@b.example",
                        "v=TLSRPTv1; rua=mailto:c@d.example",
                    ],
                )],
                Ok("v=TLSRPTv1; rua=mailto:a@b.example,mailto:c@d.example,mailto:OURS"),
            ),
            (
                &[(OWN, &["v=TLSRPTv1; rua=mailto:a@b.example; rua=mailto:c@d.example"])],
                Err("sent elsewhere"),
            ),
        ],
    )
    .await;
}

/// A record that says more than addresses is not put together with another, and another text is not taken for a record.
#[tokio::test]
async fn an_offered_tls_record_is_of_all_that_are_meant_as_one() {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
    check_offers(
        &world,
        &mut named,
        Purpose::TlsReports,
        &[
            (
                &[(
                    OWN,
                    &[
                        "v=tlsrptv1; rua=mailto:a@b.example",
                        "v=tlsrptv1; rua=mailto:c@d.example",
                    ],
                )],
                Ok("v=TLSRPTv1; rua=mailto:a@b.example,mailto:c@d.example,mailto:OURS"),
            ),
            (
                &[(
                    OWN,
                    &[
                        "v=TLSRPTv1; rua=mailto:a@b.example; ext=1",
                        "v=TLSRPTv1; rua=mailto:OURS",
                    ],
                )],
                Err("exactly one"),
            ),
            (
                &[(
                    OWN,
                    &[
                        "v=tlsrptv1; rua=mailto:a@b.example; ext=1",
                        "v=tlsrptv1; rua=mailto:OURS",
                    ],
                )],
                Err("must begin with v=TLSRPTv1"),
            ),
            (
                &[(OWN, &["tlsrpt-provider-verification=abc123"])],
                Ok("v=TLSRPTv1; rua=mailto:OURS"),
            ),
        ],
    )
    .await;
}

/// The control is the address of a token that was replaced.
#[tokio::test]
async fn an_address_for_posts_is_an_address_of_the_domain() {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
    let domain = world.domain().await;
    let tokens =
        [[1; PostToken::RANDOM_BYTES], [2; PostToken::RANDOM_BYTES]].map(|random| PostToken::generate(&random));
    let posted = format!("v=TLSRPTv1; rua=https://tally.example/tlsrpt/{}", tokens[0].reveal());
    named.text(OWN, &[&posted]);
    named.reload().await;
    assert_eq!(world.look(Purpose::TlsReports).await.state, RecordState::Wrong);
    for (nth, state) in [(0, RecordState::Found), (1, RecordState::Wrong)] {
        let put = Some((&tokens[nth].hash(), NOW));
        assert!(
            world
                .db
                .store
                .put_tls_token(domain.account, domain.id, put)
                .await
                .unwrap()
        );
        assert_eq!(world.look(Purpose::TlsReports).await.state, state, "{nth}");
    }
    // A quoted one is offered as it should read, with its own address and no second one.
    let own = format!("v=TLSRPTv1; rua=HTTPS://tally.example/tlsrpt/{}", tokens[1].reveal());
    for (text, state, offered) in [
        (own.clone(), RecordState::Found, None),
        (format!("\"{own}\""), RecordState::Wrong, Some(&own)),
    ] {
        named.set(OWN, &[&txt(&text)]);
        named.reload().await;
        let record = world.look(Purpose::TlsReports).await;
        assert_eq!(record.state, state, "{text}");
        assert_eq!(record.suggestion.map(|offer| offer.value).as_ref(), offered, "{text}");
    }
}

/// It is optional: a domain without it is verified all the same.
#[tokio::test]
async fn a_domain_is_verified_without_a_tls_record() {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
    let dmarc = world.record(Purpose::Dmarc).await;
    super::publish(&mut named, &dmarc);
    named.reload().await;
    let missing = world.look(Purpose::TlsReports).await;
    assert!(!missing.required && missing.state == RecordState::Missing);
    assert_eq!(world.domain().await.status.word(), "verified");
}
