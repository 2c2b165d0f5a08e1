//! The page's tab about TLS reports.

use std::fs;
use std::path::Path;

use super::protection::{FORM, Session, own};
use crate::http::{Ask, TestApp};

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

/// Each form needs its token; the address is on the page that made it and on no other.
#[tokio::test]
async fn page_makes_an_address_for_posts_and_shows_it_once() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    let setup = format!("/view/{id}/setup");
    let before = session.get(&app, &setup).await;
    assert!(before.text().contains("Make an address") && before.text().contains("_smtp._tls.example.com"));
    let action = format!("/view/{id}/tls/address");
    let wrong = format!("form_token={}", "0".repeat(64));
    for path in [action.clone(), format!("{action}/remove")] {
        let ask = own(Ask::new("POST", &path)).header("Cookie", &session.cookie);
        assert_eq!(app.send(ask.body(FORM, wrong.clone())).await.status, 403, "{path}");
    }
    assert!(session.get(&app, &setup).await.text().contains("Make an address"));
    let made = session.post(&app, &action, "").await;
    assert_eq!(made.status, 200);
    let (_, secret) = made.text().split_once("/tlsrpt/").expect("the address");
    let secret: String = secret.chars().take_while(char::is_ascii_hexdigit).collect();
    assert_eq!(secret.len(), 40);
    let after = session.get(&app, &setup).await;
    assert!(after.text().contains("Replace the address") && !after.text().contains(&secret));
    session.post(&app, &format!("{action}/remove"), "").await;
    assert!(session.get(&app, &setup).await.text().contains("Make an address"));
}
