//! The page's tab about TLS reports.

use std::fs;
use std::path::Path;

use super::protection::Session;
use crate::http::TestApp;

#[tokio::test]
async fn page_shows_sessions_by_policy_and_failures() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    let empty = session.get(&app, &format!("/view/{id}/tls")).await;
    assert!(empty.text().contains("No TLS reports"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls");
    let hostile = fs::read_to_string(folder.join("two-policies.json")).unwrap();
    let hostile = hostile.replace("certificate-expired", "<script>alert(1)</script>");
    app.upload(&id, hostile).await;
    let page = session.get(&app, &format!("/view/{id}/tls")).await;
    let text = page.text();
    for part in [
        "5,326",
        "303",
        "5,626",
        "mx1.example.com",
        "2001:db8::1",
        "sts-policy-fetch-error",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("<script>alert"), "{text}");
    let csv = session.get(&app, &format!("/view/{id}/tls.csv")).await;
    assert!(csv.text().contains("mx1.example.com"));
    let wrong = session.get(&app, &format!("/view/{id}/tls?days=x")).await;
    assert_eq!(wrong.status, 422);
}
