//! The page's tab about failure reports.

use serde_json::{Value, json};

use super::protection::Session;
use crate::failures::http::keep;
use crate::failures::{SECRETS, fixtures};
use crate::http::TestApp;

#[tokio::test]
async fn page_shows_failure_reports() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    let overview = session.get(&app, &format!("/view/{id}")).await;
    assert!(!overview.text().contains("/failure-reports"));
    keep(&app, &id, "redacted").await;
    let base = format!("/view/{id}/failure-reports");
    assert!(session.get(&app, &base).await.text().contains("No failure reports"));
    assert!(
        session
            .get(&app, &format!("/view/{id}"))
            .await
            .text()
            .contains("/failure-reports")
    );
    let mut no = json!(null);
    for (_, mail) in fixtures() {
        let taken = app.upload(&id, mail).await;
        no = match taken["failure_reports"][0]["id"].clone() {
            Value::Null => no,
            new => new,
        };
    }
    let list = session.get(&app, &base).await;
    let one = session.get(&app, &format!("{base}/{no}")).await;
    let csv = session.get(&app, &format!("{base}.csv")).await;
    for part in ["192.0.2.7", "softfail", "receiver.example", "smg-policy-action"] {
        assert!(list.text().contains(part), "{part}");
    }
    assert!(one.text().contains("mail.example.com") && one.status == 200);
    for text in [list.text(), one.text(), csv.text()] {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(!text.contains("<script>"));
    }
    assert_eq!(session.get(&app, &format!("{base}?days=x")).await.status, 422);
    assert_eq!(session.get(&app, &format!("{base}/x")).await.status, 404);
}
