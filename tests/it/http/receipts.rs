//! `/dmarc/receipts`: changes, and which reporters have seen them work.

use serde_json::{Value, json};
use tallymark::base::clock::format_instant;

use super::app::NOW;
use super::senders::{Sent, report};
use super::{PASS, Sample, TestApp};
use crate::domains::named::Named;

async fn receipts(app: &TestApp, id: &str, query: &str) -> Vec<Value> {
    let found = app
        .get(&format!("/domains/{id}/dmarc/receipts{query}"))
        .await
        .expect(200);
    found["receipts"].as_array().unwrap().clone()
}

/// Mail of Amazon SES that passes, or fails.
fn sent(passes: bool) -> Sent<'static> {
    (
        "example.com",
        "54.240.8.1",
        80,
        passes,
        "amazonses.com",
        "eu-west-1.amazonses.com",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stated_change_is_confirmed_by_later_windows_alone() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    assert!(receipts(&app, &id, "").await.is_empty());
    // Windows begin on 2026-03-19 and 2026-03-21.
    app.upload(&id, report("r3", 3, &[sent(false)])).await;
    app.upload(&id, report("r1", 1, &[sent(true)])).await;
    let of = async |at: &str| receipts(&app, &id, &format!("?at={at}")).await.remove(0);
    let found = of("2026-03-20T12:00:00Z").await;
    assert_eq!(
        (&found["cause"], &found["subject"], &found["at"], &found["is_closed"]),
        (
            &json!("stated"),
            &Value::Null,
            &json!("2026-03-20T12:00:00.000Z"),
            &json!(true)
        )
    );
    assert_eq!(
        found["says"],
        "You changed something, and everything that failed is confirmed to pass."
    );
    let first = &found["services"][0];
    assert_eq!(
        (&first["service"], &first["says"]),
        (
            &json!("Amazon SES"),
            &json!("Confirmed by google.com; last failing message before the change 2026-03-19.")
        )
    );
    assert_eq!(
        first["reporters"],
        json!([{ "org_name": "google.com", "standing": "confirmed", "pass_count": 80, "fail_count": 0 }])
    );
    // The window that passes began before this one.
    let found = of("2026-03-21T00:00:01Z").await;
    assert_eq!(
        (&found["is_closed"], &found["services"][0]["standing"]),
        (&json!(false), &json!("waiting"))
    );
    // And here both begin after it.
    let found = of("2026-03-18T00:00:00Z").await;
    assert_eq!(found["services"][0]["standing"], "failing");

    for at in ["yesterday", "2026-03-24T00:00:00Z", "2020-01-01T00:00:00Z"] {
        let refused = app.get(&format!("/domains/{id}/dmarc/receipts?at={at}")).await;
        assert_eq!(refused.refused(422, "unprocessable_entity"), ["at"], "{at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_records_and_decisions_open_receipts() {
    let mut named = Named::start();
    named.text("_dmarc.new.example", &["v=DMARC1; p=none; rua=mailto:own@new.example"]);
    named.reload().await;
    let app = TestApp::start_as(|_| {}, Some(named.dns())).await;
    let id = app.add_domain("new.example").await;
    app.post(&format!("/domains/{id}/verify"), &json!({})).await.expect(200);
    app.upload(&id, Sample::new("new.example", "r1", &[PASS]).xml()).await;
    named.text(
        "_dmarc.new.example",
        &["v=DMARC1; p=quarantine; rua=mailto:own@new.example"],
    );
    named.reload().await;
    app.post(&format!("/domains/{id}/verify"), &json!({})).await.expect(200);
    let body = json!({ "kind": "service", "subject": "Mailchimp", "decision": "ours" });
    app.post(&format!("/domains/{id}/dmarc/decisions"), &body)
        .await
        .expect(200);
    let found = receipts(&app, &id, "").await;
    let causes: Vec<_> = found.iter().map(|one| (&one["cause"], &one["subject"])).collect();
    assert!(causes.contains(&(&json!("record"), &json!("dmarc"))), "{found:?}");
    assert!(causes.contains(&(&json!("decision"), &json!("Mailchimp"))), "{found:?}");
    for one in &found {
        assert_eq!(one["at"], tallymark::base::clock::format_instant(NOW));
        assert_eq!((&one["is_closed"], &one["total"]), (&json!(false), &json!(0)));
        assert!(
            one["says"]
                .as_str()
                .unwrap()
                .ends_with(", and no service failed before or since.")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_change_opens_a_receipt_until_it_is_removed() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, report("r3", 3, &[sent(false)])).await;
    app.upload(&id, report("r1", 1, &[sent(true)])).await;
    let path = format!("/domains/{id}/dmarc/changes");
    let at = "2026-03-20T12:00:00.000Z";
    let body = json!({ "kind": "dkim", "at": at, "service": "amazon ses", "note": "Own-domain DKIM switched on" });
    let posted = app.post(&path, &body).await.expect(200);
    assert_eq!(
        (&posted["at"], &posted["posted_at"]),
        (&json!(at), &json!(format_instant(NOW)))
    );
    assert!(posted["by"].as_str().unwrap().starts_with("key "));
    // The same again, in other letters, is the same change.
    let again = json!({ "kind": "dkim", "at": at, "service": "Amazon SES" });
    assert_eq!(app.post(&path, &again).await.expect(200), posted);
    // One of another service has a receipt of its own, without rows.
    let other = json!({ "kind": "other", "at": at, "service": "Mailchimp" });
    let other = app.post(&path, &other).await.expect(200);
    let found = receipts(&app, &id, "").await;
    let of = |change: &Value| found.iter().find(|one| one["change_id"] == change["id"]).unwrap();
    let ses = of(&posted);
    for (member, expect) in [
        ("cause", "posted"),
        ("subject", "dkim"),
        ("only_service", "amazon ses"),
        ("note", "Own-domain DKIM switched on"),
        (
            "says",
            "You changed DKIM for amazon ses, and everything that failed is confirmed to pass.",
        ),
    ] {
        assert_eq!(ses[member], expect, "{member}");
    }
    assert_eq!(
        (&ses["is_closed"], &ses["services"][0]["standing"]),
        (&json!(true), &json!("confirmed"))
    );
    assert_eq!(
        (&of(&other)["is_closed"], &of(&other)["total"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(
        of(&other)["says"],
        "You changed something for Mailchimp, and no service failed before or since."
    );
    let csv = app.get(&format!("{path}?format=csv")).await;
    assert_eq!(csv.text().lines().next(), Some("id,kind,at,service,note,by,posted_at"));
    assert_eq!(csv.text().lines().count(), 3);
    let removed = format!("{path}/{}", posted["id"]);
    app.delete(&removed).await.expect(200);
    app.delete(&removed).await.refused(404, "not_found");
    let left = receipts(&app, &id, "").await;
    assert_eq!((left.len(), &left[0]["change_id"]), (1, &other["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_of_the_last_ninety_days_and_has_a_plain_note() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let path = format!("/domains/{id}/dmarc/changes");
    let day = 86_400_000;
    for (body, wrong) in [
        (json!({}), "kind"),
        (json!({ "kind": "dns" }), "kind"),
        (json!({ "kind": "spf", "at": format_instant(NOW + 1_000) }), "at"),
        (json!({ "kind": "spf", "at": format_instant(NOW - 91 * day) }), "at"),
        (json!({ "kind": "spf", "at": "yesterday" }), "at"),
        (json!({ "kind": "spf", "note": "a\nb" }), "note"),
        (json!({ "kind": "spf", "note": "x".repeat(201) }), "note"),
        (json!({ "kind": "spf", "service": "x".repeat(254) }), "service"),
        (json!({ "kind": "spf", "domain": "example.com" }), "domain"),
    ] {
        let fields = app.post(&path, &body).await.refused(422, "unprocessable_entity");
        assert_eq!(fields, [wrong], "{body}");
    }
    for at in [NOW, NOW - 90 * day] {
        let body = json!({ "kind": "spf", "at": format_instant(at), "note": "x".repeat(200) });
        app.post(&path, &body).await.expect(200);
    }
}
