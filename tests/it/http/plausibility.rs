//! `/dmarc/plausibility`: reporters that contradict their own evidence, with examples and figures without them.

use serde_json::json;

use super::senders::app;

#[tokio::test(flavor = "multi_thread")]
async fn contradictions_have_their_reporter_and_an_example() {
    let (app, id) = app().await;
    let found = app
        .get(&format!("/domains/{id}/dmarc/plausibility?days=30"))
        .await
        .expect(200);
    // The sample says that SPF is aligned for news.example.com, under aspf=s: two records of 400 messages. In four records nothing
    // was done to failing messages, under p=reject.
    assert_eq!(
        found["says"],
        "1 of 1 reporter contradicts its own evidence in more than 1 message of 100."
    );
    let first = &found["reporters"][0];
    assert_eq!(
        (
            &first["org_name"],
            &first["contradicts_itself"],
            &first["contradicting_records"]
        ),
        (&json!("google.com"), &json!(true), &json!(6))
    );
    assert_eq!(
        (&first["messages"], &first["contradicting_messages"], &first["rate"]),
        (&json!(3_080), &json!(1_008), &json!(32.7))
    );
    assert_eq!(
        first["says"],
        "1,008 of 3,080 messages contradict their evidence: mostly SPF is said to be aligned, and no result that passed is."
    );
    let kinds = json!([
        { "kind": "spf_pass_without_evidence", "messages": 800 },
        { "kind": "milder_without_reason", "messages": 208 },
    ]);
    assert_eq!(first["kinds"], kinds);
    let examples = first["examples"].as_array().unwrap();
    let example = examples.iter().find(|one| one["source_ip"] == "167.89.0.1").unwrap();
    assert_eq!(
        (&example["day"], &example["kinds"]),
        (&json!("2026-03-22"), &json!(["spf_pass_without_evidence"]))
    );
    assert_eq!(app.get(example["report"].as_str().unwrap()).await.status, 200);
    assert_eq!(found["all"]["messages"], 3_080);
    assert_eq!(found["plausible"]["messages"], 0);
    assert_eq!(found["records_kept"], true);

    let nothing = app
        .get(&format!(
            "/domains/{id}/dmarc/plausibility?from=2020-01-01&to=2020-01-31"
        ))
        .await;
    assert_eq!(nothing.expect(200)["says"], "No record of these days is known.");
}
