//! Every route of the table, asked by whoever may not.

use tallymark::http::{Access, Body, Route, routes};
use tallymark::store::Permission;

use super::{Answer, Ask, PASS, Sample, TestApp};

/// A request for `route` that would succeed with the right key.
fn ask(route: &Route, domain: &str, report: &str) -> Ask {
    let id = if route.path.starts_with("/quarantine") {
        report
    } else {
        domain
    };
    let path = route
        .path
        .replace("{id}", id)
        .replace("{report_id}", report)
        .replace("{source_ip}", PASS.source)
        .replace("{message_id}", MAIL);
    let ask = Ask::new(route.method.as_str(), &path);
    match route.body {
        Body::None => ask,
        Body::Json => ask.body("application/json", "{\"name\":\"new.example\"}"),
        Body::Upload => ask.body("application/xml", Sample::new("example.com", "new", &[PASS]).xml()),
    }
}

fn with_key() -> Vec<Route> {
    let mut routes = routes();
    routes.retain(|route| route.access != Access::Open);
    assert!(routes.len() > 10);
    routes
}

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    (answer.status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// The first message that is set aside.
const MAIL: &str = "1";

/// An app with a domain that has a report and a mail, and the ids of domain and report.
async fn app() -> (TestApp, String, String) {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let taken = app
        .upload(&domain, Sample::new("example.com", "r1", &[PASS]).xml())
        .await;
    let report = taken["reports"][0]["id"].to_string();
    assert_eq!(app.mail(&domain, "Subject: hello\r\n\r\n").await.to_string(), MAIL);
    (app, domain, report)
}

#[tokio::test]
async fn without_a_key_every_route_that_wants_one_is_401() {
    let (app, domain, report) = app().await;
    for route in with_key() {
        let answer = app.send(ask(&route, &domain, &report)).await;
        assert_eq!(code(&answer), (401, "unauthorized".to_owned()), "{route:?}");
    }
}

#[tokio::test]
async fn a_sending_key_is_403_everywhere() {
    let (app, domain, report) = app().await;
    let key = app.key(Permission::SendingAccess, None).await;
    for route in with_key() {
        let answer = app.send(ask(&route, &domain, &report).key(&key)).await;
        assert_eq!(code(&answer), (403, "forbidden".to_owned()), "{route:?}");
    }
}

#[tokio::test]
async fn a_reading_key_reads_and_changes_nothing() {
    let (app, domain, report) = app().await;
    let key = app.key(Permission::ReadOnly, None).await;
    for route in with_key() {
        let answer = app.send(ask(&route, &domain, &report).key(&key)).await;
        let expect = if route.access == Access::Read { 200 } else { 403 };
        assert_eq!(answer.status, expect, "{route:?}");
    }
    app.get(&format!("/domains/{domain}")).await.expect(200);
}

#[tokio::test]
async fn what_belongs_to_another_account_does_not_exist() {
    let (app, domain, report) = app().await;
    let (_, stranger) = app.stranger().await;
    for route in with_key().into_iter().filter(|route| route.path.contains("{id}")) {
        let answer = app.send(ask(&route, &domain, &report).key(&stranger)).await;
        assert_eq!(code(&answer), (404, "not_found".to_owned()), "{route:?}");
    }
    let list = app.send(Ask::new("GET", "/domains").key(&stranger)).await.expect(200);
    assert_eq!(list["domains"].as_array().unwrap().len(), 0);
    app.get(&format!("/domains/{domain}/dmarc/reports/{report}"))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_foreign_report_does_not_exist_under_an_own_domain() {
    let (app, _, report) = app().await;
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
    let (app, domain, report) = app().await;
    let own = app.add_domain("own.example").await;
    let key = app.key(Permission::FullAccess, Some(app.domain_id(&own).await)).await;
    for route in with_key().into_iter().filter(|route| route.path.contains("{id}")) {
        let answer = app.send(ask(&route, &domain, &report).key(&key)).await;
        let expect = if route.access == Access::Account {
            (403, "forbidden")
        } else {
            (404, "not_found")
        };
        assert_eq!(code(&answer), (expect.0, expect.1.to_owned()), "{route:?}");
    }
    app.get(&format!("/domains/{domain}")).await.expect(200);
}

#[tokio::test]
async fn ids_that_were_never_given_out_are_404_whatever_their_form() {
    let (app, domain, _) = app().await;
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
            let answer = app.send(ask(&route, id, "1").key(&app.key)).await;
            if !route.path.starts_with("/quarantine") {
                assert_eq!(code(&answer), (404, "not_found".to_owned()), "{id} {route:?}");
            }
        }
    }
    for report in ["0", "-1", "x", "99999999999999999999999", "1%00", "999999999"] {
        let answer = app.get(&format!("/domains/{domain}/dmarc/reports/{report}")).await;
        answer.refused(404, "not_found");
        let replay = Ask::new("POST", &format!("/quarantine/{report}/replay")).key(&app.key);
        app.send(replay).await.refused(404, "not_found");
    }
}
