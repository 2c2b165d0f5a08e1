//! `/domains/{id}/dkim/rotate`: the answers, in both spellings, and the refusals.

use serde_json::{Value, json};

use super::app::TestApp;
use crate::domains::named;
use crate::provenance::dns::{Dns, Has};

/// A field as the newest client reads it, and its other spelling.
const FIELDS: [(&str, &str); 11] = [
    ("domainId", "domain_id"),
    ("activeSelector", "active_selector"),
    ("pendingSelector", "pending_selector"),
    ("pendingPublicKey", "pending_public_key"),
    ("pendingRecordName", "pending_record_name"),
    ("pendingRecordValue", "pending_record_value"),
    ("startedAt", "started_at"),
    ("publishedAt", "published_at"),
    ("activatesAfter", "activates_after"),
    ("retiredSelector", "retired_selector"),
    ("retireAfter", "retire_after"),
];

/// The rotation of an answer, which has it bare and in an envelope, in both spellings; with the names of what is not null.
fn rotation(answer: &Value) -> (String, Vec<&'static str>) {
    let mut bare = answer.clone();
    assert_eq!(bare.as_object_mut().unwrap().remove("rotation"), Some(bare.clone()));
    assert_eq!(bare.as_object().unwrap().len(), 2 * FIELDS.len() + 1, "{bare}");
    for (camel, snake) in FIELDS {
        assert_eq!(bare[camel], bare[snake], "{camel}");
    }
    let there = FIELDS
        .iter()
        .map(|(camel, _)| *camel)
        .filter(|camel| !bare[*camel].is_null());
    (bare["state"].as_str().unwrap().to_owned(), there.collect())
}

const PENDING: [&str; 7] = [
    "domainId",
    "activeSelector",
    "pendingSelector",
    "pendingPublicKey",
    "pendingRecordName",
    "pendingRecordValue",
    "startedAt",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_the_rotation() {
    let dns = Dns::start().await;
    let app = TestApp::start_signing(named::dns(dns.address)).await;
    let id = app.add_domain("example.com").await;
    let path = format!("/domains/{id}/dkim/rotate");
    let (activate, force) = (format!("{path}/activate"), format!("{path}/activate?force=true"));
    let idle = app.get(&path).await.expect(200);
    assert_eq!(rotation(&idle).0, "idle");

    let staged = app.post(&path, &json!({})).await.expect(200);
    assert_eq!(rotation(&staged), ("pending_dns".to_owned(), PENDING.to_vec()));
    assert_eq!(app.post(&path, &json!({})).await.expect(200), staged);
    assert_eq!(app.get(&path).await.expect(200), staged);
    assert_eq!(
        (&staged["domainId"], &staged["pendingSelector"]),
        (&json!(id), &json!("tallymark2"))
    );
    for path in [&activate, &force, &format!("{activate}?force=false")] {
        let refused = app.post(path, &json!({})).await.expect(409);
        assert!(
            refused["error"].as_str().unwrap().contains("publish it first"),
            "{refused}"
        );
    }
    for bad in ["1", "", "yes"] {
        app.post(&format!("{activate}?force={bad}"), &json!({}))
            .await
            .expect(422);
    }
    let name = staged["pendingRecordName"].as_str().unwrap();
    dns.add(name, Has::Failure);
    let unread = app.post(&force, &json!({})).await.expect(503);
    assert!(
        unread["error"].as_str().unwrap().contains("could not be asked"),
        "{unread}"
    );
    assert_eq!(
        app.get(&path).await.expect(200),
        staged,
        "nothing of it changed anything"
    );

    dns.clear(name);
    dns.text(name, staged["pendingRecordValue"].as_str().unwrap());
    app.post(&format!("/domains/{id}/verify"), &json!({})).await.expect(200);
    let ready = app.get(&path).await.expect(200);
    let there = [&PENDING[..], &["publishedAt", "activatesAfter"]].concat();
    assert_eq!(rotation(&ready), ("ready".to_owned(), there));
    app.post(&activate, &json!({})).await.expect(409);
    let switched = app.post(&force, &json!({})).await.expect(200);
    let there = [
        "domainId",
        "activeSelector",
        "startedAt",
        "retiredSelector",
        "retireAfter",
    ];
    assert_eq!(rotation(&switched), ("retiring".to_owned(), there.to_vec()));
    assert_eq!(
        (&switched["activeSelector"], &switched["retiredSelector"]),
        (&json!("tallymark2"), &json!("tallymark"))
    );
    assert_eq!(app.post(&force, &json!({})).await.expect(200), switched);
    for (answer, with) in [
        (app.post(&path, &json!({})).await.expect(409), "at the latest"),
        (app.delete(&path).await.expect(409), "cannot be cancelled"),
    ] {
        assert!(answer["error"].as_str().unwrap().contains(with), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_key_is_forgotten_before_it_signs() {
    let dns = Dns::start().await;
    let app = TestApp::start_signing(named::dns(dns.address)).await;
    let id = app.add_domain("example.com").await;
    let path = format!("/domains/{id}/dkim/rotate");
    assert_eq!(
        rotation(&app.delete(&path).await.expect(200)).0,
        "idle",
        "there is none"
    );
    app.post(&path, &json!({})).await.expect(200);
    let purposes = async || {
        let domain = app.get(&format!("/domains/{id}")).await.expect(200);
        let records = domain["dns_records"].as_array().unwrap().clone();
        records
            .iter()
            .filter(|record| record["purpose"] == "dkim_rotation")
            .count()
    };
    assert_eq!(purposes().await, 1);
    let idle = app.delete(&path).await.expect(200);
    assert_eq!(rotation(&idle), ("idle".to_owned(), vec!["domainId", "activeSelector"]));
    assert_eq!(idle["activeSelector"], "tallymark");
    assert_eq!(purposes().await, 0);
    assert_eq!(
        app.post(&path, &json!({})).await.expect(200)["pendingSelector"],
        "tallymark3"
    );
}
