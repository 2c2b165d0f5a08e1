//! `/domains`

use serde_json::{Value, json};
use tallymark::base::Permission;
use tallymark::ingest::{Belonging, RawMessage};

use super::{Ask, NOW, PASS, Sample, TestApp};

/// A domain in the spelling that the provider's newest client reads has what the documented one has.
fn check_newest(newest: &Value, bare: &Value) {
    for (camel, snake) in [
        ("publicId", "id"),
        ("openTracking", "open_tracking"),
        ("clickTracking", "click_tracking"),
        ("trackingDomain", "tracking_domain"),
        ("catchAll", "catch_all"),
        ("inboundEnabled", "inbound_enabled"),
        ("tlsMode", "tls_mode"),
        ("bimiLogoUrl", "bimi_logo_url"),
        ("customReturnPath", "custom_return_path"),
        ("dnsRecords", "dns_records"),
        ("verifiedAt", "verified_at"),
        ("createdAt", "created_at"),
    ] {
        assert!(newest.get(camel).is_some(), "{camel}");
        assert_eq!(newest[camel], bare[snake], "{camel}");
    }
}

#[tokio::test]
async fn a_domain_is_added_shown_listed_and_removed() {
    let app = TestApp::start().await;
    let body = json!({ "name": "Example.COM.", "region": "us-east-1", "custom_return_path": "bounce.example.com",
        "open_tracking": true, "click_tracking": true, "tls_mode": "enforced" });
    let added = app.post("/domains", &body).await.expect(201);
    let id = added["id"].as_str().unwrap();
    assert!(id.starts_with("dom_") && id.len() == 20, "{id}");
    let token = added["rua_address"]
        .as_str()
        .unwrap()
        .strip_suffix("@rua.tally.example")
        .unwrap();
    let record = |purpose, kind, name, value: &str, required| {
        json!({ "type": kind, "name": name, "value": value, "purpose": purpose, "verified": false, "required": required,
            "priority": null, "found": [], "problem": null, "state": "unchecked", "suggested": null, "added": [],
            "remove": [] })
    };
    let dmarc = format!("v=DMARC1; p=none; rua=mailto:{token}@rua.tally.example");
    let tls = format!("v=TLSRPTv1; rua=mailto:{token}@rua.tally.example");
    let mut bare = added.clone();
    let newest = bare.as_object_mut().unwrap().remove("domain").unwrap();
    assert_eq!(
        bare,
        json!({
            "id": id,
            "name": "example.com",
            "unicode_name": null,
            "status": "pending",
            "region": "us-east-1",
            "tls_mode": "enforced",
            "open_tracking": true,
            "click_tracking": true,
            "tracking_domain": null,
            "catch_all": false,
            "inbound_enabled": false,
            "custom_return_path": "bounce.example.com",
            "bimi_logo_url": null,
            "tags": [],
            "failure_reports": "off",
            "dedicated_ip": null,
            "rua_address": format!("{token}@rua.tally.example"),
            "dns_records": [
                record("spf", "TXT", "example.com", "v=spf1 include:spf.tally.example ~all", true),
                record("dmarc", "TXT", "_dmarc.example.com", &dmarc, true),
                record("dmarc_authorization", "TXT", "example.com._report._dmarc.rua.tally.example", "v=DMARC1;", false),
                record("tls_reports", "TXT", "_smtp._tls.example.com", &tls, false),
                record("return_path", "CNAME", "bounce.example.com", "bounce.tally.example", false),
            ],
            "setup_advice": [],
            "created_at": "2026-03-23T10:00:00.000Z",
            "updated_at": "2026-03-23T10:00:00.000Z",
            "verified_at": null,
            "last_checked_at": null,
        })
    );
    check_newest(&newest, &bare);
    assert_eq!(app.get(&format!("/domains/{id}")).await.expect(200), added);
    let item = json!({ "id": id, "name": "example.com", "status": "pending", "region": "us-east-1",
        "created_at": "2026-03-23T10:00:00.000Z" });
    assert_eq!(app.get("/domains").await.expect(200), json!({ "domains": [item] }));

    assert_eq!(
        app.delete(&format!("/domains/{id}")).await.expect(200),
        json!({ "success": true, "deleted": true })
    );
    app.delete(&format!("/domains/{id}")).await.refused(404, "not_found");
    app.get(&format!("/domains/{id}")).await.refused(404, "not_found");
    assert_eq!(app.get("/domains").await.expect(200), json!({ "domains": [] }));
}

#[tokio::test]
async fn absent_members_have_defaults() {
    let app = TestApp::start().await;
    let body = json!({ "name": "bücher.example", "region": null, "custom_return_path": null });
    let added = app.post("/domains", &body).await.expect(201);
    assert_eq!(added["name"], "xn--bcher-kva.example");
    assert_eq!(added["region"], "eu-west-1");
    assert_eq!(added["tls_mode"], "opportunistic");
    assert_eq!(
        (&added["open_tracking"], &added["click_tracking"]),
        (&json!(false), &json!(false))
    );
}

#[tokio::test]
async fn the_same_name_again_is_409_but_another_account_may_have_it() {
    let app = TestApp::start().await;
    app.add_domain("example.com").await;
    app.post("/domains", &json!({ "name": "EXAMPLE.com" }))
        .await
        .refused(409, "conflict");
    let (_, other) = app.stranger().await;
    let ask = Ask::new("POST", "/domains")
        .key(&other)
        .json(&json!({ "name": "example.com" }));
    app.send(ask).await.expect(201);
}

#[tokio::test]
async fn a_name_without_possible_owner_is_422() {
    let app = TestApp::start().await;
    for name in [
        "",
        "localhost",
        "co.uk",
        "com",
        "192.0.2.1",
        "[2001:db8::1]",
        "https://example.com",
        "a@example.com",
        "exa mple.com",
        "-a.example.com",
        "example..com",
        "a\u{0}.example.com",
        &format!("{}.com", "a".repeat(64)),
        &format!("{}com", "a.".repeat(130)),
    ] {
        let answer = app.post("/domains", &json!({ "name": name })).await;
        assert_eq!(answer.refused(422, "unprocessable_entity"), ["name"], "{name}");
    }
    for host in ["example.com", "bounce.example.org", "notexample.com", "bounce"] {
        let answer = app
            .post(
                "/domains",
                &json!({ "name": "example.com", "custom_return_path": host }),
            )
            .await;
        assert_eq!(
            answer.refused(422, "unprocessable_entity"),
            ["custom_return_path"],
            "{host}"
        );
    }
}

#[tokio::test]
async fn domains_are_listed_newest_first() {
    let app = TestApp::start().await;
    for name in ["a.example", "b.example", "c.example"] {
        app.add_domain(name).await;
        app.clock.advance(std::time::Duration::from_secs(1));
    }
    let list = app.get("/domains").await.expect(200);
    let names: Vec<_> = list["domains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|domain| domain["name"].clone())
        .collect();
    assert_eq!(names, ["c.example", "b.example", "a.example"]);
}

#[tokio::test]
async fn a_key_bound_to_a_domain_lists_only_that_one_and_adds_none() {
    let app = TestApp::start().await;
    let (mine, other) = (
        app.add_domain("mine.example").await,
        app.add_domain("other.example").await,
    );
    let bound = app.key(Permission::FullAccess, Some(app.domain_id(&mine).await)).await;
    let list = app.send(Ask::new("GET", "/domains").key(&bound)).await.expect(200);
    assert_eq!(list["domains"].as_array().unwrap().len(), 1);
    assert_eq!(list["domains"][0]["id"], json!(mine));
    let add = Ask::new("POST", "/domains")
        .key(&bound)
        .json(&json!({ "name": "third.example" }));
    app.send(add).await.refused(403, "forbidden");
    app.send(Ask::new("GET", &format!("/domains/{mine}")).key(&bound))
        .await
        .expect(200);
    app.send(Ask::new("DELETE", &format!("/domains/{other}")).key(&bound))
        .await
        .refused(404, "not_found");
    app.send(Ask::new("DELETE", &format!("/domains/{mine}")).key(&bound))
        .await
        .expect(200);
}

#[tokio::test]
async fn reports_that_came_before_their_domain_are_counted_when_it_is_added() {
    let app = TestApp::start().await;
    for policy_domain in ["example.com", "mail.example.com", "notexample.com", "com"] {
        let bytes = Sample::new(policy_domain, policy_domain, &[PASS]).xml();
        let origin = "a file".to_owned();
        let belonging = Belonging::Account(app.account);
        let raw = RawMessage {
            bytes,
            received_at: NOW,
            origin,
            belonging,
            envelope: None,
        };
        app.intake.submit(raw).await.unwrap();
    }
    let unclaimed = async || app.get("/quarantine?kind=unclaimed").await.expect(200)["pagination"]["total"].clone();
    assert_eq!(unclaimed().await, 4);
    let id = app.add_domain("example.com").await;
    let stats = app.get(&format!("/domains/{id}/dmarc/stats")).await.expect(200);
    assert_eq!((&stats["reports"], &stats["total_messages"]), (&json!(2), &json!(20)));
    assert_eq!(unclaimed().await, 2);
}

#[tokio::test]
async fn a_domain_that_is_removed_takes_its_reports_with_it() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, Sample::new("example.com", "r1", &[PASS]).xml()).await;
    app.delete(&format!("/domains/{id}")).await.expect(200);
    let id = app.add_domain("example.com").await;
    let list = app.get(&format!("/domains/{id}/dmarc/reports")).await.expect(200);
    assert_eq!(list["pagination"]["total"], 0);
}
