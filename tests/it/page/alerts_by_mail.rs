//! The page of digests, and of channels that mail.

use serde_json::{Value, json};
use tallymark::base::Permission;

use super::alerts::{escaped, text};
use super::app;
use super::protection::Session;
use crate::http::TestApp;
use crate::notify::mail::{READER, dead_server, mailing};

async fn mailing_app() -> (TestApp, String, Session) {
    let app = TestApp::start_telling(mailing(dead_server(), None)).await;
    let domain = super::fill(&app).await;
    app.add_domain("other.example").await;
    let session = Session::sign_in(&app, &app.key).await;
    (app, domain, session)
}

/// The page of a new digest about one domain, and its path in the API.
async fn digest_made(app: &TestApp, session: &Session) -> (String, String) {
    let email = escaped(READER);
    let form = format!("name=%3Cb%3EBoard&email={email}&period=weekly&scope=some&domains=EXAMPLE.com");
    let made = session.post(app, "/alerts/new/digest", &form).await;
    let (path, done) = made.header("location").unwrap().split_once('?').unwrap();
    assert_eq!(done, "done=asks");
    (path.to_owned(), path.replace("/alerts/digest", "/digests"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_digest_is_said_next_to_its_field() {
    let (app, _, session) = mailing_app().await;
    let page = text(&session, &app, "/alerts").await;
    assert!(
        page.contains("/alerts/new/email") && page.contains("No digests"),
        "{page}"
    );
    let form = text(&session, &app, "/alerts/new/digest").await;
    assert!(
        form.contains("name=\"domains\"") && form.contains("value=\"monthly\""),
        "{form}"
    );
    // What is wrong is said next to its field, with what was typed.
    let email = escaped(READER);
    for (form, wrong, kept) in [
        (format!("name=&email={email}&period=weekly&scope=all"), "name", READER),
        (
            "name=x&email=Me+%3Ca%3E&period=weekly&scope=all".to_owned(),
            "email",
            "Me &lt;a&gt;",
        ),
        (format!("name=x&email={email}&period=daily&scope=all"), "period", READER),
        (
            format!("name=x&email={email}&period=weekly&scope=some&domains="),
            "domains",
            READER,
        ),
        (
            format!("name=x&email={email}&period=weekly&scope=some&domains=example.com+%3Cb%3E"),
            "domains",
            "example.com &lt;b&gt;",
        ),
        (
            format!("name=x&email={email}&period=weekly&scope=all&domains=example.com"),
            "domains",
            "example.com",
        ),
    ] {
        let refused = session.post(&app, "/alerts/new/digest", &form).await;
        let page = refused.text();
        assert_eq!(refused.status, 422, "{form}");
        assert!(
            page.contains(&format!("id=\"{wrong}-error\"")) && page.contains(&format!("value=\"{kept}\"")),
            "{form}: {page}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_added_looked_at_and_changed() {
    let (app, domain, session) = mailing_app().await;
    let (path, api) = digest_made(&app, &session).await;
    let shown = async || app.get(&api).await.expect(200);
    let digest = shown().await;
    assert_eq!(
        (&digest["domains"], &digest["period"]),
        (&json!([domain]), &json!("weekly"))
    );
    for (place, parts) in [
        ("/alerts", ["&lt;b&gt;Board", READER, "Weekly", "example.com"]),
        (
            &path,
            [
                "&lt;b&gt;Board",
                READER,
                "could not be asked yet",
                "value=\"example.com\"",
            ],
        ),
        (
            &format!("{path}/preview"),
            ["&lt;b&gt;Board", "2026-03-16", "example.com", " messages, "],
        ),
    ] {
        let page = text(&session, &app, place).await;
        assert!(
            parts.iter().all(|part| page.contains(part)) && !page.contains("<iframe"),
            "{place}: {page}"
        );
    }
    // Its reader has not agreed, and no server takes the question.
    let refused = session.post(&app, &format!("{path}/switch/on"), "").await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("Nothing was changed: ") && refused.text().contains("value=\"example.com\""));
    let asked = session.post(&app, &format!("{path}/confirm"), "").await;
    assert_eq!(asked.header("location"), Some(&*format!("{path}?done=unasked")));

    let form = format!("name=Ours&email={}&period=monthly&scope=all&domains=", escaped(READER));
    let saved = session.post(&app, &path, &form).await;
    assert_eq!(saved.header("location"), Some(&*format!("{path}?done=saved")));
    let digest = shown().await;
    assert_eq!(
        (&digest["name"], &digest["domains"], &digest["period"]),
        (&json!("Ours"), &Value::Null, &json!("monthly"))
    );
    let refused = session
        .post(&app, &path, "name=&email=x&period=monthly&scope=all")
        .await;
    assert!(refused.status == 422 && refused.text().contains("id=\"email-error\""));
    assert_eq!(shown().await["name"], "Ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_touched_by_its_account_alone_and_removed() {
    let (app, _, session) = mailing_app().await;
    let (path, api) = digest_made(&app, &session).await;
    let form = format!("name=Ours&email={}&period=monthly&scope=all&domains=", escaped(READER));
    // A form of elsewhere, another account, and a key that may only read.
    let foreign = Session {
        cookie: session.cookie.clone(),
        form_token: "0".repeat(128),
    };
    let stranger = Session::sign_in(&app, &app.stranger().await.1).await;
    let reading = Session::sign_in(&app, &app.key(Permission::ReadOnly, None).await).await;
    for action in ["", "/confirm", "/switch/off", "/remove"] {
        let path = format!("{path}{action}");
        assert_eq!(foreign.post(&app, &path, &form).await.status, 403, "{path}");
        assert_eq!(stranger.post(&app, &path, &form).await.status, 404, "{path}");
        assert_eq!(reading.post(&app, &path, &form).await.status, 403, "{path}");
    }
    assert_eq!(foreign.post(&app, "/alerts/new/digest", &form).await.status, 403);
    for place in [&path, &format!("{path}/preview"), "/alerts/digest/..%2f.."] {
        assert_eq!(stranger.get(&app, place).await.status, 404, "{place}");
    }
    let off = session.post(&app, &format!("{path}/switch/off"), "").await;
    assert_eq!(off.header("location"), Some(&*format!("{path}?done=unmailed")));
    let removed = session.post(&app, &format!("{path}/remove"), "").await;
    assert_eq!(removed.header("location"), Some("/alerts?done=ended"));
    app.get(&api).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reader_of_a_channel_is_asked_again() {
    let (app, _, session) = mailing_app().await;
    let form = format!("name=Board&events=domain.verified&config.address={}", escaped(READER));
    let made = session.post(&app, "/alerts/new/email", &form).await;
    let (path, done) = made.header("location").unwrap().split_once('?').unwrap();
    assert_eq!(done, "done=asks");
    let page = text(&session, &app, path).await;
    assert!(page.contains("could not be asked yet") && page.contains(&format!("{path}/confirm")));
    // Nothing is sent before its reader agrees, and the page says so in its place.
    for action in ["test", "switch/on"] {
        let refused = session.post(&app, &format!("{path}/{action}"), "").await;
        assert_eq!(refused.status, 409, "{action}");
        assert!(refused.text().contains("value=\"Board\""), "{action}");
    }
    let asked = session.post(&app, &format!("{path}/confirm"), "").await;
    assert_eq!(asked.header("location"), Some(&*format!("{path}?done=unasked")));
    // A chat has no reader to ask.
    let chat =
        "name=Chat&events=domain.verified&config.webhookUrl=https%3A%2F%2Fhooks.slack.com%2Fservices%2FT0%2FB0%2Fx";
    let made = session.post(&app, "/alerts/new/slack", chat).await;
    let (path, done) = made.header("location").unwrap().split_once('?').unwrap();
    assert_eq!(done, "done=added");
    session.post(&app, &format!("{path}/switch/off"), "").await;
    assert!(!text(&session, &app, path).await.contains("/confirm"));
    assert_eq!(session.post(&app, &format!("{path}/confirm"), "").await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mail_no_digest_and_no_channel_that_mails_is_offered() {
    let (app, _) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    for path in ["/alerts", "/alerts/new/digest"] {
        let page = text(&session, &app, path).await;
        assert!(
            page.contains("[outbound.mail]") && page.contains("notify.page_url"),
            "{page}"
        );
        assert!(
            !page.contains("/alerts/new/email") && !page.contains("name=\"email\""),
            "{page}"
        );
        assert!(!page.contains("\"/alerts/new/digest\""), "{page}");
    }
    let form = format!("name=x&email={}&period=weekly&scope=all", escaped(READER));
    let refused = session.post(&app, "/alerts/new/digest", &form).await;
    assert!(refused.status == 409 && refused.text().contains("outbound.mail"));
}
