//! Every route of the table, called by every client without permission.

use serde_json::json;
use tallymark::base::Permission;
use tallymark::http::{Access, Body, Route, routes};

use super::{Answer, Ask, NOW, PASS, Sample, TestApp, tls_report};
use crate::failures::fixture;
use crate::failures::http::keep;
use crate::notify::mail::{dead_server, mailing};

/// What the paths of the routes name, all of one account.
struct Things {
    domain: String,
    report: String,
    tls_report: String,
    failure_report: String,
    mail: String,
    aside: String,
    decision: String,
    change: String,
    key: String,
    webhook: String,
    delivery: String,
    channel: String,
    message: String,
    digest: String,
    finding: String,
}

/// A request for `route` that would succeed with the right key. A route without a rule here fails every test.
fn ask(route: &Route, things: &Things) -> Ask {
    let id = match route.path.split('/').nth(1) {
        // All but the first name nothing: they are about all that the key sees.
        Some("domains" | "overview" | "attention" | "arrivals" | "refused" | "search" | "reports" | "thresholds") => {
            &things.domain
        }
        Some("findings") => &things.finding,
        Some("quarantine") => &things.aside,
        Some("api-keys") => &things.key,
        Some("webhooks") => &things.webhook,
        Some("notification-channels") => &things.channel,
        Some("digests") => &things.digest,
        _ => panic!("what does {} name?", route.path),
    };
    let delivery = match id == &things.channel {
        true => &things.message,
        false => &things.delivery,
    };
    let path = route
        .path
        .replace("{id}", id)
        .replace(
            "/tls/reports/{report_id}",
            &format!("/tls/reports/{}", things.tls_report),
        )
        .replace(
            "/failure-reports/{report_id}",
            &format!("/failure-reports/{}", things.failure_report),
        )
        .replace("{report_id}", &things.report)
        .replace("/search", "/search?q=example.com")
        .replace("{number}", "1")
        .replace("{source_ip}", PASS.source)
        .replace("{message_id}", &things.mail)
        .replace("{decision_id}", &things.decision)
        .replace("{change_id}", &things.change)
        .replace("{delivery_id}", delivery);
    let ask = Ask::new(route.method.as_str(), &path);
    let json = |text: &str| ask.clone().body("application/json", text);
    match (route.body, route.method.as_str(), route.path) {
        (Body::None | Body::JsonOrNone, ..) => ask,
        (Body::Post, ..) => ask.body("application/tlsrpt+json", tls_report()),
        (Body::Upload | Body::Forwarded, ..) => {
            ask.body("application/xml", Sample::new("example.com", "new", &[PASS]).xml())
        }
        (Body::Json, "POST", "/domains") => json("{\"name\":\"new.example\"}"),
        (Body::Json, "PATCH", "/domains/{id}") => json("{\"catch_all\":true}"),
        (Body::Json, "PATCH", path) if path.ends_with("/thresholds") => json("{\"reporter_silent_days_min\":9}"),
        (Body::Json, "PUT", "/findings/{id}/snooze") => json("{\"until\":\"2026-03-30T00:00:00Z\"}"),
        (Body::Json, "PATCH", "/domains/{id}/dmarc/trust") => json("{\"report_messages_max\":1}"),
        (Body::Json, "POST", path) if path.contains("/dmarc/reporters/") => json("{\"reporter\":\"x.example\"}"),
        (Body::Json, "POST", path) if path.contains("/dmarc/reports/") => json("{}"),
        (Body::Json, "POST", path) if path.ends_with("/dmarc/decisions") => {
            json("{\"kind\":\"service\",\"subject\":\"Mailchimp\",\"decision\":\"ours\"}")
        }
        (Body::Json, "POST", path) if path.ends_with("/dmarc/changes") => json("{\"kind\":\"dkim\"}"),
        (Body::Json, "POST", "/domains/{id}/dmarc/simulate") => json("{\"p\":\"reject\"}"),
        (Body::Json, "POST", "/domains/{id}/ip") => json("{\"ipAddressId\":1}"),
        (Body::Json, "POST", "/api-keys") => json("{\"name\":\"x\",\"permission\":\"full_access\"}"),
        (Body::Json, "POST", "/webhooks") => json("{\"url\":\"https://example.com/\",\"events\":[\"*\"]}"),
        (Body::Json, "POST", "/notification-channels") => json(
            "{\"type\":\"slack\",\"name\":\"x\",\"events\":[\"*\"],\"config\":{\"webhookUrl\":\"https://example.com/\"}}",
        ),
        (Body::Json, "PUT", "/notification-channels/{id}" | "/digests/{id}") => json("{\"name\":\"other\"}"),
        (Body::Json, "POST", "/digests") => {
            json("{\"name\":\"x\",\"email\":\"you@reader.example\",\"period\":\"weekly\"}")
        }
        (Body::Json, "PATCH", "/webhooks/{id}") => json("{\"events\":[\"domain.failed\"]}"),
        (Body::Json, ..) => panic!("what does {} {} take?", route.method, route.path),
    }
}

fn with_key() -> Vec<Route> {
    let mut routes = routes();
    routes.retain(|route| !matches!(route.access, Access::Open | Access::Token | Access::Link));
    assert!(routes.len() > 20);
    routes
}

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    (answer.status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// An app with a domain that has a report, a message set aside, an address and a key.
async fn app() -> (TestApp, Things) {
    // Nothing listens there.
    let app = TestApp::start_telling(mailing(dead_server(), None)).await;
    let domain = app.add_domain("example.com").await;
    // Nothing listens there.
    let body = json!({ "url": "http://127.0.0.1:9/", "events": ["*"] });
    let webhook = app.post("/webhooks", &body).await.expect(201)["id"].to_string();
    let body =
        json!({ "type": "slack", "name": "x", "events": ["*"], "config": { "webhookUrl": "http://127.0.0.1:9/" } });
    let channel = app.post("/notification-channels", &body).await.expect(201)["id"].clone();
    let channel = channel.as_str().unwrap().to_owned();
    let body = json!({ "name": "x", "email": "me@reader.example", "period": "weekly" });
    let digest = app.post("/digests", &body).await.expect(201)["id"].clone();
    let taken = app
        .upload(&domain, Sample::new("example.com", "r1", &[PASS]).xml())
        .await;
    let tls = app.upload(&domain, tls_report()).await;
    keep(&app, &domain, "headers").await;
    let failure = app.upload(&domain, fixture("whole-mail.eml")).await;
    let aside = app.upload(&domain, "no report").await;
    let address = "192.0.2.9".parse().unwrap();
    assert_eq!(app.store.add_ip(app.account, address, NOW).await.unwrap().id.0, 1);
    let body = json!({ "name": "x", "permission": "read_only" });
    let key = app.post("/api-keys", &body).await.expect(201);
    let body = json!({ "kind": "service", "subject": "Amazon SES", "decision": "ours" });
    let decision = app
        .post(&format!("/domains/{domain}/dmarc/decisions"), &body)
        .await
        .expect(200);
    let change = app
        .post(&format!("/domains/{domain}/dmarc/changes"), &json!({ "kind": "spf" }))
        .await
        .expect(200);
    let finding = app.find(&domain, "Shop").await;
    let deliveries = app.get(&format!("/webhooks/{webhook}/deliveries")).await.expect(200);
    let path = format!("/notification-channels/{channel}/deliveries");
    let messages = app.get(&path).await.expect(200);
    let things = Things {
        message: messages["deliveries"][0]["id"].to_string(),
        channel,
        digest: digest.as_str().unwrap().to_owned(),
        finding,
        delivery: deliveries["deliveries"][0]["id"].to_string(),
        webhook,
        decision: decision["id"].to_string(),
        change: change["id"].to_string(),
        mail: app.mail(&domain, "Subject: hello\r\n\r\n").await.to_string(),
        report: taken["reports"][0]["id"].to_string(),
        tls_report: tls["tls_reports"][0]["id"].to_string(),
        failure_report: failure["failure_reports"][0]["id"].to_string(),
        aside: aside["quarantined"][0]["id"].to_string(),
        key: key["id"].to_string(),
        domain,
    };
    (app, things)
}

/// Nothing of the account has changed by what was refused.
async fn check_untouched(app: &TestApp, things: &Things) {
    let domain = app.get(&format!("/domains/{}", things.domain)).await.expect(200);
    assert_eq!(
        (&domain["catch_all"], &domain["dedicated_ip"]),
        (&json!(false), &json!(null))
    );
    let reports = app
        .get(&format!("/domains/{}/dmarc/reports", things.domain))
        .await
        .expect(200);
    assert_eq!(reports["pagination"]["total"], 1);
    app.get(&format!("/api-keys/{}", things.key)).await.expect(200);
    let decisions = app
        .get(&format!("/domains/{}/dmarc/decisions", things.domain))
        .await
        .expect(200);
    assert_eq!(decisions["pagination"]["total"], 1);
    let changes = app
        .get(&format!("/domains/{}/dmarc/changes", things.domain))
        .await
        .expect(200);
    assert_eq!(changes["pagination"]["total"], 1);
    let webhook = app.get(&format!("/webhooks/{}", things.webhook)).await.expect(200);
    let changed = (&webhook["events"], &webhook["secretRotatedAt"]);
    assert_eq!(changed, (&json!(["*"]), &json!(null)));
    let path = format!("/notification-channels/{}", things.channel);
    assert_eq!(app.get(&path).await.expect(200)["name"], "x");
    let path = format!("/digests/{}", things.digest);
    assert_eq!(app.get(&path).await.expect(200)["name"], "x");
    let findings = app.get("/findings").await.expect(200);
    assert_eq!(findings["findings"][0]["snooze"], json!(null));
    let path = format!("/domains/{}/dmarc/thresholds", things.domain);
    for threshold in app.get(&path).await.expect(200)["thresholds"].as_array().unwrap() {
        assert_eq!(threshold["set_by"], "default");
    }
}

/// Without this the tests below would also pass if every request were wrong.
#[tokio::test]
async fn the_right_key_passes_everywhere() {
    let (app, things) = app().await;
    let mut routes = with_key();
    routes.sort_by_key(|route| (route.method == "DELETE", route.path.ends_with("/withdraw")));
    routes.sort_by_key(|route| (route.method.as_str(), route.path) == ("DELETE", "/domains/{id}"));
    for route in routes {
        let answer = app.send(ask(&route, &things).key(&app.key)).await;
        // This app has no name servers to ask.
        let expect: &[u16] = match route.path {
            path if path.ends_with("/verify") => &[503],
            // Its domains have no keys.
            "/domains/{id}/dkim/rotate" if route.method == "POST" => &[409],
            "/domains/{id}/dkim/rotate/activate" => &[409],
            // Its report came as a file, so that there is no mail that proves it.
            path if path.ends_with("/proof") => &[404],
            // It does not mail, so that there is no question to send.
            "/notification-channels/{id}/confirm" => &[409],
            _ => &[200, 201],
        };
        assert!(expect.contains(&answer.status), "{route:?} {answer:?}");
    }
}

#[tokio::test]
async fn without_a_key_every_route_that_wants_one_is_401() {
    let (app, things) = app().await;
    for route in with_key() {
        let answer = app.send(ask(&route, &things)).await;
        assert_eq!(code(&answer), (401, "unauthorized".to_owned()), "{route:?}");
    }
    check_untouched(&app, &things).await;
}

#[tokio::test]
async fn a_revoked_key_is_401_everywhere() {
    let (app, things) = app().await;
    let body = json!({ "name": "short-lived", "permission": "full_access" });
    let made = app.post("/api-keys", &body).await.expect(201);
    let key = made["key"].as_str().unwrap();
    app.send(Ask::new("GET", "/domains").key(key)).await.expect(200);
    app.delete(&format!("/api-keys/{}", made["id"])).await.expect(200);
    for route in with_key() {
        let answer = app.send(ask(&route, &things).key(key)).await;
        assert_eq!(code(&answer), (401, "unauthorized".to_owned()), "{route:?}");
    }
    check_untouched(&app, &things).await;
}

#[tokio::test]
async fn a_sending_key_is_403_everywhere() {
    let (app, things) = app().await;
    let key = app.key(Permission::SendingAccess, None).await;
    for route in with_key() {
        let answer = app.send(ask(&route, &things).key(&key)).await;
        assert_eq!(code(&answer), (403, "forbidden".to_owned()), "{route:?}");
    }
    check_untouched(&app, &things).await;
}

#[tokio::test]
async fn a_submitting_key_hands_in_and_is_403_everywhere_else() {
    let (app, things) = app().await;
    let domain = app.domain_id(&things.domain).await;
    for bound_to in [None, Some(domain)] {
        let key = app.key(Permission::Submit, bound_to).await;
        let mut may = Vec::new();
        for route in with_key() {
            let answer = app.send(ask(&route, &things).key(&key)).await;
            match route.access {
                Access::Submit => {
                    // The report is known already.
                    assert_eq!(answer.expect(201)["duplicates"], 1, "{route:?}");
                    may.push(route.path);
                }
                _ => assert_eq!(code(&answer), (403, "forbidden".to_owned()), "{route:?}"),
            }
        }
        assert_eq!(may, ["/reports"]);
    }
    check_untouched(&app, &things).await;
}

#[tokio::test]
async fn a_reading_key_reads_and_changes_nothing() {
    let (app, things) = app().await;
    let key = app.key(Permission::ReadOnly, None).await;
    for route in with_key() {
        let answer = app.send(ask(&route, &things).key(&key)).await;
        let expect = match route.only_reads() && route.access != Access::Account {
            true if route.path.ends_with("/proof") => 404,
            true => 200,
            false => 403,
        };
        assert_eq!(answer.status, expect, "{route:?}");
    }
    check_untouched(&app, &things).await;
}

#[tokio::test]
async fn objects_of_another_account_do_not_exist() {
    let (app, things) = app().await;
    let (_, stranger) = app.stranger().await;
    for route in with_key().into_iter().filter(|route| route.path.contains("{id}")) {
        let answer = app.send(ask(&route, &things).key(&stranger)).await;
        assert_eq!(code(&answer), (404, "not_found".to_owned()), "{route:?}");
    }
    let list = app.send(Ask::new("GET", "/domains").key(&stranger)).await.expect(200);
    assert_eq!(list["domains"].as_array().unwrap().len(), 0);
    for (path, list) in [("/api-keys", "api_keys"), ("/quarantine", "messages")] {
        let answer = app.send(Ask::new("GET", path).key(&stranger)).await.expect(200);
        let own = if list == "api_keys" { 1 } else { 0 };
        assert_eq!(answer[list].as_array().unwrap().len(), own, "{path}");
    }
    for path in ["/overview", "/attention", "/arrivals", "/findings"] {
        let answer = app.send(Ask::new("GET", path).key(&stranger)).await;
        answer.expect(200);
        assert!(!answer.text().contains("example.com"), "{path}");
        // Who may see it does.
        assert!(app.get(path).await.text().contains("example.com"), "{path}");
    }
    check_untouched(&app, &things).await;
}

#[tokio::test]
async fn a_foreign_report_does_not_exist_under_an_own_domain() {
    let (app, Things { report, .. }) = app().await;
    let (_, stranger) = app.stranger().await;
    let add = Ask::new("POST", "/domains")
        .key(&stranger)
        .body("application/json", "{\"name\":\"example.com\"}");
    let own = app.send(add).await.expect(201)["id"].as_str().unwrap().to_owned();
    for path in ["", "/original"] {
        let path = format!("/domains/{own}/dmarc/reports/{report}{path}");
        app.send(Ask::new("GET", &path).key(&stranger))
            .await
            .refused(404, "not_found");
    }
    let other = app.add_domain("other.example").await;
    app.get(&format!("/domains/{other}/dmarc/reports/{report}"))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn for_a_key_bound_to_one_domain_no_other_exists() {
    let (app, things) = app().await;
    let own = app.add_domain("own.example").await;
    let key = app.key(Permission::FullAccess, Some(app.domain_id(&own).await)).await;
    for route in with_key() {
        let answer = app.send(ask(&route, &things).key(&key)).await;
        let (status, word) = match (route.access, route.path.contains("{id}")) {
            (Access::Account, _) => (403, "forbidden"),
            (_, true) => (404, "not_found"),
            (_, false) => {
                assert!([200, 201].contains(&answer.status), "{route:?}");
                assert!(!answer.text().contains(&things.domain), "{route:?}");
                if route.path == "/domains" {
                    assert_eq!(answer.json()["domains"][0]["id"], own);
                }
                continue;
            }
        };
        assert_eq!(code(&answer), (status, word.to_owned()), "{route:?}");
    }
    check_untouched(&app, &things).await;
}

#[tokio::test]
async fn ids_that_were_never_given_out_are_404_whatever_their_form() {
    let (app, things) = app().await;
    let domain = &things.domain;
    for id in [
        "1",
        "dom_",
        "dom_zzzzzzzzzzzzzzzz",
        "dom_%00aaaaaaaaaaaa",
        "..%2f..",
        "%ff",
        "dom_'%20or%201=1--",
    ] {
        for route in with_key().into_iter().filter(|route| route.path.contains("{id}")) {
            let wrong = Things {
                domain: id.to_owned(),
                aside: id.replace('1', "999"),
                decision: things.decision.clone(),
                change: things.change.clone(),
                key: id.replace('1', "999"),
                webhook: id.replace('1', "999"),
                delivery: things.delivery.clone(),
                channel: format!("nc_{}", id.replace('1', "999")),
                message: things.message.clone(),
                digest: format!("dg_{}", id.replace('1', "999")),
                finding: id.replace("dom_", "fnd_"),
                report: things.report.clone(),
                failure_report: things.failure_report.clone(),
                tls_report: things.tls_report.clone(),
                mail: things.mail.clone(),
            };
            let answer = app.send(ask(&route, &wrong).key(&app.key)).await;
            assert_eq!(code(&answer), (404, "not_found".to_owned()), "{id} {route:?}");
        }
    }
    for report in ["0", "-1", "x", "99999999999999999999999", "1%00", "999999999"] {
        let answer = app.get(&format!("/domains/{domain}/dmarc/reports/{report}")).await;
        answer.refused(404, "not_found");
        let answer = app.get(&format!("/domains/{domain}/tls/reports/{report}")).await;
        answer.refused(404, "not_found");
        let replay = Ask::new("POST", &format!("/quarantine/{report}/replay")).key(&app.key);
        app.send(replay).await.refused(404, "not_found");
        let finding = things.finding.rsplit_once('_').unwrap().0;
        app.delete(&format!("/findings/{finding}_{report}/snooze"))
            .await
            .refused(404, "not_found");
        let decision = format!("/domains/{domain}/dmarc/decisions/{report}");
        app.delete(&decision).await.refused(404, "not_found");
        let change = format!("/domains/{domain}/dmarc/changes/{report}");
        app.delete(&change).await.refused(404, "not_found");
        for of in [
            format!("/webhooks/{}", things.webhook),
            format!("/notification-channels/{}", things.channel),
        ] {
            let replay = Ask::new("POST", &format!("{of}/deliveries/{report}/replay")).key(&app.key);
            app.send(replay).await.refused(404, "not_found");
        }
    }
}
