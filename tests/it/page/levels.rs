//! Every page in every state that a visitor may have it in: `tests/browser/levels.mjs`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::browser::run;
use super::fill;
use super::protection::Session;
use crate::failures::fixture;
use crate::failures::http::keep;
use crate::http::{PASS, Row, Sample, TestApp};
use crate::notify::mail::{READER, dead_server, mailing};

/// The files that say at which addresses there are pages.
const ROUTES: [&str; 2] = [
    include_str!("../../../src/page/mod.rs"),
    include_str!("../../../src/page/alerts.rs"),
];
/// The ends of those that answer with files.
const FILES: [&str; 5] = [".csv", "/message", "/original", "/proof", "/assets/{name}"];

/// The addresses of all pages, as the router has them.
fn pages() -> Vec<String> {
    let mut found = Vec::new();
    for route in ROUTES.iter().flat_map(|file| file.split(".route(").skip(1)) {
        let (_, rest) = route.split_once('"').unwrap();
        let (path, handlers) = rest.split_once('"').unwrap();
        let is_file = FILES.iter().any(|end| path.ends_with(end));
        if handlers.trim_start_matches([',', ' ', '\n']).starts_with("get(") && !is_file {
            found.push(path.to_owned());
        }
    }
    found
}

#[test]
fn all_routes_of_pages_are_found() {
    let pages = pages();
    assert!(pages.len() > 30, "{pages:?}");
    for path in ["/", "/view/{id}/spf", "/confirm/{token}", "/alerts/digest/{id}/preview"] {
        assert!(pages.iter().any(|page| page == path), "{path}");
    }
    assert!(
        !pages
            .iter()
            .any(|page| page.ends_with(".csv") || page.ends_with("/verify"))
    );
}

/// Adds something of everything that pages show; returns what the script needs to find it.
async fn furnished(app: &TestApp) -> Value {
    let domain = fill(app).await;
    app.add_domain("empty.example").await;
    let session = Session::sign_in(app, &app.key).await;
    let trust = format!("/view/{domain}/trust");
    assert_eq!(session.post(app, &trust, "report_messages_max=50").await.status, 303);
    app.upload(
        &domain,
        Sample::new("example.com", "huge", &[Row { count: 51, ..PASS }]).xml(),
    )
    .await;
    let mut warned = Sample::new("example.com", "warned", &[PASS]);
    warned.org_name = "A Reporter With a Long Name and No Domain of Its Own".to_owned();
    let report = app.upload(&domain, warned.xml()).await["reports"][0]["id"].clone();
    keep(app, &domain, "redacted").await;
    let failure = app.upload(&domain, fixture("whole-mail.eml")).await["failure_reports"][0]["id"].clone();
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls/two-policies.json");
    app.upload(&domain, fs::read(tls).unwrap()).await;
    let broken = "<feedback><report_metadata></wrong>";
    let aside = app.upload(&domain, broken).await["quarantined"][0]["id"].clone();
    app.find(&domain, "Shop").await;
    let change = ("v=DMARC1; p=reject", "v=DMARC1; p=none");
    app.change_record(&domain, 3, change).await;
    let decision = json!({ "kind": "network", "subject": "203.0.113.50", "name": "Office", "decision": "ours" });
    app.post(&format!("/domains/{domain}/dmarc/decisions"), &decision)
        .await
        .expect(200);

    let hook = json!({ "url": "http://127.0.0.1:9/", "events": ["*"] });
    let hook = app.post("/webhooks", &hook).await.expect(201)["id"].clone();
    let config = json!({ "webhookUrl": "http://127.0.0.1:9/" });
    let channel = json!({ "type": "slack", "name": "Team", "events": ["*"], "config": config });
    let channel = app.post("/notification-channels", &channel).await.expect(201)["id"].clone();
    let digest = json!({ "name": "Board", "email": READER, "period": "weekly" });
    let digest = app.post("/digests", &digest).await.expect(201)["id"].clone();
    app.upload(&domain, Sample::new("example.com", "told", &[PASS]).xml())
        .await;
    let [channel, digest] = [channel, digest].map(|id| id.as_str().unwrap().to_owned());
    let targets = [
        format!("/alerts/webhook/{hook}"),
        format!("/alerts/channel/{channel}"),
        format!("/alerts/digest/{digest}"),
        format!("/alerts/digest/{digest}/preview"),
    ];
    json!({
        "view": format!("/view/{domain}"), "report": report, "failure": failure, "aside": aside, "targets": targets, "routes": pages(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_in_every_state() {
    let app = TestApp::start_telling(mailing(dead_server(), None)).await;
    let furnished = furnished(&app).await;
    let file = app.folder.path().join("furnished.json");
    fs::write(&file, furnished.to_string()).unwrap();
    let origin = format!("http://{}", app.address);
    run("levels.mjs", &[&origin, &app.key, file.to_str().unwrap()]).await;
}
