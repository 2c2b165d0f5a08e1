//! Deciding on the page which reports are in the figures.

use serde_json::{Value, json};
use tallymark::base::Permission;

use super::protection::Session;
use crate::http::{Ask, PASS, Row, Sample, TestApp};

/// A domain with a limit of 50 messages per report, and the id of a report about 51.
async fn with_a_held_report(app: &TestApp, session: &Session) -> (String, Value) {
    let domain = app.add_domain("example.com").await;
    let path = format!("/view/{domain}/trust");
    assert_eq!(session.post(app, &path, "report_messages_max=50").await.status, 303);
    let mut sample = Sample::new("example.com", "huge", &[Row { count: 51, ..PASS }]);
    sample.org_name = "&lt;b&gt;Big\u{202e}".to_owned();
    let taken = app.upload(&domain, sample.xml()).await;
    (domain, taken["reports"][0]["id"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_a_report_may_be_about_are_set_on_the_page() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    let saved = session
        .post(&app, &format!("/view/{domain}/trust"), "report_messages_max=50")
        .await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (303, Some(&*format!("/view/{domain}/settings?saved=true")))
    );
    let settings = session.get(&app, &format!("/view/{domain}/settings")).await;
    assert!(
        settings.text().contains("name=\"report_messages_max\" value=\"50\""),
        "{}",
        settings.text()
    );
    for wrong in ["0", "many%3Cb%3E", "1000000000001"] {
        let refused = session
            .post(
                &app,
                &format!("/view/{domain}/trust"),
                &format!("report_messages_max={wrong}"),
            )
            .await;
        assert_eq!(refused.status, 422, "{wrong}");
        assert!(refused.text().contains("This must be a whole number") && !refused.text().contains("<b>many"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn held_reports_are_listed_and_counted_on_the_page() {
    let app = TestApp::start().await;
    let session = Session::sign_in(&app, &app.key).await;
    let (domain, id) = with_a_held_report(&app, &session).await;
    // It needs attention, and is in no figure.
    let first = session.get(&app, "/").await;
    let link = format!("/view/{domain}/reports?all=true&amp;status=held");
    assert!(
        first.text().contains(&link) && first.text().contains("1 report is held"),
        "{}",
        first.text()
    );
    let list = session
        .get(&app, &format!("/view/{domain}/reports?all=true&status=held"))
        .await;
    assert!(
        list.text().contains("held: implausible") && !list.text().contains("<b>Big"),
        "{}",
        list.text()
    );
    let counted = session.get(&app, &format!("/view/{domain}/reports?all=true")).await;
    assert!(
        !counted.text().contains(&format!("/reports/{id}\"")),
        "{}",
        counted.text()
    );
    let csv = session
        .get(&app, &format!("/view/{domain}/reports.csv?status=held&days=365"))
        .await;
    assert!(
        csv.text().lines().nth(1).unwrap().ends_with(",held,implausible"),
        "{}",
        csv.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn held_reports_are_decided_on_the_page() {
    let app = TestApp::start().await;
    let session = Session::sign_in(&app, &app.key).await;
    let (domain, id) = with_a_held_report(&app, &session).await;
    // Counted, and taken out again, with the reasons.
    let page = format!("/view/{domain}/reports/{id}");
    let total = async || {
        let stats = app.get(&format!("/domains/{domain}/dmarc/stats")).await.expect(200);
        stats["total_messages"].as_u64().unwrap()
    };
    assert_eq!(total().await, 0);
    for (action, why, expect) in [
        ("count", "it+is+%3Ci%3Etrue", 51),
        ("discount", "", 0),
        ("count", "", 51),
    ] {
        let done = session
            .post(&app, &format!("{page}/judge"), &format!("decision={action}&why={why}"))
            .await;
        assert_eq!((done.status, done.header("location")), (303, Some(&*page)), "{action}");
        assert_eq!(total().await, expect);
    }
    let shown = session.get(&app, &page).await;
    assert!(
        shown.text().contains("it is &lt;i&gt;true") && shown.text().matches("<li>").count() >= 3,
        "{}",
        shown.text()
    );
    // Neither another action, nor a form that is not ours, nor a key that only reads decides.
    assert_eq!(
        session
            .post(&app, &format!("{page}/judge"), "decision=remove")
            .await
            .status,
        404
    );
    let foreign = Ask::new("POST", &format!("{page}/judge")).header("Cookie", &session.cookie);
    let foreign = foreign.body(super::protection::FORM, "form_token=x&decision=discount");
    assert!(app.send(foreign).await.status >= 400);
    let reading = Session::sign_in(&app, &app.key(Permission::ReadOnly, None).await).await;
    assert!(
        reading
            .post(&app, &format!("{page}/judge"), "decision=discount")
            .await
            .status
            >= 400
    );
    assert!(!reading.get(&app, &page).await.text().contains("/judge"));
    assert_eq!(total().await, 51);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reporter_is_accepted_and_withdrawn_on_the_page() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    let accepted = session
        .post(
            &app,
            &format!("/view/{domain}/reporters/accept"),
            "reporter=x%3Cb%3E.example&why=known",
        )
        .await;
    assert_eq!(accepted.status, 303);
    let settings = session.get(&app, &format!("/view/{domain}/settings")).await;
    assert!(
        settings.text().contains("x&lt;b&gt;.example") && settings.text().contains("known"),
        "{}",
        settings.text()
    );
    let withdrawn = session
        .post(
            &app,
            &format!("/view/{domain}/reporters/withdraw"),
            "reporter=x%3Cb%3E.example",
        )
        .await;
    assert_eq!(withdrawn.status, 303);
    let trust = app.get(&format!("/domains/{domain}/dmarc/trust")).await.expect(200);
    assert_eq!(trust["accepted_reporters"], json!([]));
}
