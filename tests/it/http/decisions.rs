//! Decisions of an owner about senders: what they change, and what is refused.

use serde_json::{Value, json};
use tallymark::base::Permission;

use super::senders::{app, rows};
use super::{Ask, TestApp};

async fn decide(app: &TestApp, id: &str, body: Value) -> Value {
    app.post(&format!("/domains/{id}/dmarc/decisions"), &body)
        .await
        .expect(200)
}

/// The fields of the service of this name that a decision changes.
async fn service(app: &TestApp, id: &str, name: &str) -> (Value, Value, Value) {
    let rows = rows(app, &format!("/domains/{id}/dmarc/services?days=30"), "services").await;
    let row = rows.iter().find(|row| row["name"] == name).unwrap_or(&Value::Null);
    (row["class"].clone(), row["flow"].clone(), row["decision"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_applies_to_the_past_and_can_be_taken_back() {
    let (app, id) = app().await;
    let before = service(&app, &id, "Amazon SES").await;
    assert_eq!(before, (json!("service"), json!("unaligned"), json!(null)));
    let body = json!({ "kind": "service", "subject": "amazon ses", "decision": "not_ours", "note": "asked all teams" });
    let made = decide(&app, &id, body).await;
    assert_eq!(
        made["by"].as_str().map(|by| by.starts_with("key ")),
        Some(true),
        "{made}"
    );
    assert_eq!(
        service(&app, &id, "Amazon SES").await,
        (json!("not_ours"), json!("not_ours"), json!("not_ours"))
    );
    // What is left to fix no longer has it, and the sums are the same.
    let to_fix = rows(
        &app,
        &format!("/domains/{id}/dmarc/services?days=30&show=to_fix"),
        "services",
    )
    .await;
    assert!(to_fix.iter().all(|row| row["name"] != "Amazon SES"), "{to_fix:?}");
    let flows = rows(&app, &format!("/domains/{id}/dmarc/flows?days=30"), "flows").await;
    let stats = app.get(&format!("/domains/{id}/dmarc/stats?days=30")).await.expect(200);
    let sum: u64 = flows.iter().map(|row| row["count"].as_u64().unwrap()).sum();
    assert_eq!(stats["total_messages"], sum);
    let not_ours = flows.iter().find(|row| row["flow"] == "not_ours").unwrap();
    assert_eq!(
        (&not_ours["fail_count"], &not_ours["class"]),
        (&json!(160), &json!("not_ours"))
    );

    // Decided again, it is the same decision.
    let again = json!({ "kind": "service", "subject": "Amazon SES", "decision": "ours" });
    let again = decide(&app, &id, again).await;
    assert_eq!((&again["id"], &again["note"]), (&made["id"], &json!(null)));
    assert_eq!(
        service(&app, &id, "Amazon SES").await,
        (json!("own"), json!("unaligned"), json!("ours"))
    );
    let path = format!("/domains/{id}/dmarc/decisions/{}", made["id"]);
    assert_eq!(app.delete(&path).await.expect(200), json!({ "deleted": true }));
    assert_eq!(app.delete(&path).await.status, 404);
    assert_eq!(service(&app, &id, "Amazon SES").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_gets_a_name_of_its_owners() {
    let (app, id) = app().await;
    let source = async |address: &str| {
        let path = format!("/domains/{id}/dmarc/sources?days=30&network={address}");
        rows(&app, &path, "sources").await.remove(0)
    };
    let before = source("203.0.113.50").await;
    let body = json!({ "kind": "network", "subject": "203.0.113.0/24", "name": "Office <b>Berlin</b>" });
    decide(&app, &id, body).await;
    let named = source("203.0.113.50").await;
    assert_eq!(named["service"], "Office <b>Berlin</b>");
    assert_eq!(
        (&named["evidence"], &named["evidence_fact"], &named["decision"]),
        (&json!("own"), &json!("203.0.113.0/24"), &json!(null))
    );
    // A name decides nothing.
    assert_eq!(named["flow"], before["flow"]);
    let body = json!({ "kind": "network", "subject": "203.0.113.50", "decision": "forwarder" });
    decide(&app, &id, body).await;
    let decided = source("203.0.113.50").await;
    assert_eq!(decided["service"], "Office <b>Berlin</b>");
    assert_eq!(
        (&decided["class"], &decided["flow"], &decided["decision"]),
        (&json!("forwarder"), &json!("forwarded"), &json!("forwarder"))
    );
    // The neighbour keeps its way.
    assert_eq!(source("203.0.113.9").await["decision"], json!(null));

    let list = rows(&app, &format!("/domains/{id}/dmarc/decisions"), "decisions").await;
    let subjects: Vec<_> = list.iter().map(|row| row["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["203.0.113.0/24", "203.0.113.50/32"]);
    let csv = app.get(&format!("/domains/{id}/dmarc/decisions?format=csv")).await;
    assert_eq!(csv.text().lines().count(), 3, "{}", csv.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_from_domain_is_decided_where_it_passed() {
    let (app, id) = app().await;
    let body = json!({ "kind": "mail_from", "subject": "amazonses.com", "decision": "ours" });
    decide(&app, &id, body).await;
    // Mail that only says so failed, and stays unknown.
    let body = json!({ "kind": "mail_from", "subject": "spoofer.example", "decision": "ours" });
    decide(&app, &id, body).await;
    assert_eq!(service(&app, &id, "Amazon SES").await.2, json!("ours"));
    let flows = rows(&app, &format!("/domains/{id}/dmarc/flows?days=30"), "flows").await;
    let unknown = flows.iter().find(|row| row["flow"] == "unknown").unwrap();
    assert_eq!(unknown["fail_count"], 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn attention_leaves_out_what_is_not_the_owners() {
    let (app, id) = app().await;
    let failing = async || {
        let attention = app.get("/attention?kind=failing_sources").await.expect(200);
        attention["items"]
            .as_array()
            .unwrap()
            .first()
            .map(|item| item["count"].clone())
    };
    let before = failing().await.expect("new addresses that fail");
    let body = json!({ "kind": "network", "subject": "203.0.113.50", "decision": "not_ours" });
    decide(&app, &id, body).await;
    let after = failing().await.and_then(|count| count.as_u64());
    assert_eq!(after, before.as_u64().map(|count| count - 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decided_is_refused_by_field() {
    let (app, id) = app().await;
    let path = format!("/domains/{id}/dmarc/decisions");
    for (body, fields) in [
        (json!({}), &["kind", "subject"][..]),
        (json!({ "kind": "service", "subject": "x" }), &["decision"]),
        (
            json!({ "kind": "planet", "subject": "x", "decision": "ours" }),
            &["kind"],
        ),
        (
            json!({ "kind": "service", "subject": "", "decision": "ours" }),
            &["subject"],
        ),
        (
            json!({ "kind": "service", "subject": "x\u{7}", "decision": "ours" }),
            &["subject"],
        ),
        (
            json!({ "kind": "service", "subject": "x", "decision": "mine" }),
            &["decision"],
        ),
        (json!({ "kind": "service", "subject": "x", "name": "y" }), &["name"]),
        (
            json!({ "kind": "network", "subject": "x", "decision": "ours" }),
            &["subject"],
        ),
        (
            json!({ "kind": "network", "subject": "::/0", "decision": "ours" }),
            &["subject"],
        ),
        (
            json!({ "kind": "network", "subject": "::1", "name": "x".repeat(81) }),
            &["name"],
        ),
        (
            json!({ "kind": "network", "subject": "::1", "decision": "ours", "why": "x" }),
            &["why"],
        ),
    ] {
        let named = app.post(&path, &body).await.refused(422, "unprocessable_entity");
        assert_eq!(named, fields, "{body}");
    }
    assert_eq!(rows(&app, &path, "decisions").await, [] as [Value; 0]);
    // A key that only reads decides nothing.
    let reader = app.key(Permission::ReadOnly, None).await;
    let body = json!({ "kind": "service", "subject": "x", "decision": "ours" }).to_string();
    let asked = Ask::new("POST", &path).key(&reader).body("application/json", body);
    assert_eq!(app.send(asked).await.status, 403);
}
