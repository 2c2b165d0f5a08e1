//! Sessions, forms and headers, without a browser.

use std::time::Duration;

use serde_json::json;
use tallymark::base::Permission;

use super::app;
use crate::http::{Answer, Ask, TestApp};

/// A signed-in user: their cookie, and the token of their forms.
pub(super) struct Session {
    pub cookie: String,
    pub form_token: String,
}

pub(super) const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn own(ask: Ask) -> Ask {
    ask.header("Sec-Fetch-Site", "same-origin")
}

async fn try_key(app: &TestApp, key: &str) -> Answer {
    let ask = own(Ask::new("POST", "/sign-in")).body(FORM, format!("key={key}&next=/intake"));
    app.send(ask).await
}

impl Session {
    pub(super) async fn sign_in(app: &TestApp, key: &str) -> Self {
        let answer = try_key(app, key).await;
        assert_eq!(answer.status, 303);
        let cookie = answer
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let mut session = Self {
            cookie,
            form_token: String::new(),
        };
        let page = session.get(app, "/").await;
        assert_eq!(page.status, 200);
        let text = page.text().to_owned();
        let (_, rest) = text
            .split_once("name=\"form_token\" value=\"")
            .expect("a form that signs out");
        session.form_token = rest.split('"').next().unwrap().to_owned();
        session
    }

    pub(super) async fn get(&self, app: &TestApp, path: &str) -> Answer {
        readable(app.send(Ask::new("GET", path).header("Cookie", &self.cookie)).await)
    }

    pub(super) async fn post(&self, app: &TestApp, path: &str, form: &str) -> Answer {
        let form = format!("form_token={}&{form}", self.form_token);
        let ask = own(Ask::new("POST", path)).header("Cookie", &self.cookie);
        readable(app.send(ask.body(FORM, form)).await)
    }
}

/// A page as people read it: without the elements that give machines the values of numbers and days.
pub(super) fn readable(mut answer: Answer) -> Answer {
    let is_page = answer.header("content-type") == Some("text/html; charset=utf-8");
    if is_page {
        let numbers = unwrapped(answer.text(), ("<data value=\"", "</data>"), |_| true);
        let day = |value: &str| value.len() == "2026-03-23".len();
        answer.body = unwrapped(&numbers, ("<time datetime=\"", "</time>"), day).into_bytes();
    }
    answer
}

/// The text with the content of elements in their place, of those whose value is wanted.
fn unwrapped(html: &str, (start, end): (&str, &str), is_wanted: fn(&str) -> bool) -> String {
    let mut parts = html.split(start);
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (value, rest) = part.split_once("\">").unwrap();
        if is_wanted(value) {
            text += &rest.replacen(end, "", 1);
        } else {
            text += &[start, part].concat();
        }
    }
    text
}

#[tokio::test]
async fn a_session_ends_with_signing_out_with_its_key_and_with_time() {
    let (app, _) = app().await;
    for way in ["sign out", "revoke", "rotate", "time"] {
        let key = app.key(Permission::FullAccess, None).await;
        let session = Session::sign_in(&app, &key).await;
        match way {
            "sign out" => assert_eq!(session.post(&app, "/sign-out", "").await.status, 303),
            "revoke" => {
                let keys = app.store.keys(app.account).await.unwrap();
                let newest = keys.iter().find(|one| key.starts_with(&one.prefix)).unwrap();
                assert!(
                    app.store
                        .revoke_key(app.account, newest.id, app.clock.now())
                        .await
                        .unwrap()
                );
            }
            "rotate" => {
                let keys = app.store.keys(app.account).await.unwrap();
                let newest = keys.iter().find(|one| key.starts_with(&one.prefix)).unwrap();
                let path = format!("/api-keys/{}/rotate", newest.id.0);
                app.post(&path, &json!({})).await.expect(200);
            }
            _ => app.clock.advance(Duration::from_secs(24 * 3_600 + 1)),
        }
        let answer = session.get(&app, "/intake").await;
        assert_eq!(answer.status, 303, "{way}");
        assert_eq!(answer.header("location"), Some("/sign-in?next=%2Fintake"), "{way}");
    }
}

#[tokio::test]
async fn only_the_hash_of_a_session_is_kept() {
    let (app, _) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let (_, token) = session.cookie.split_once('=').unwrap();
    let mut files = String::new();
    for name in ["tallymark.sqlite", "tallymark.sqlite-wal"] {
        let bytes = std::fs::read(app.folder.path().join(name)).unwrap();
        files.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(
        files.contains("noreply-dmarc-support@google.com"),
        "these are the files"
    );
    assert!(!files.contains(token) && !files.contains(&app.key));
}

#[tokio::test]
async fn a_form_from_elsewhere_changes_nothing() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let path = format!("/view/{domain}/delete");
    let good = format!("form_token={}&name=example.com", session.form_token);
    let send = async |headers: &[(&str, &str)], form: &str| {
        let mut ask = Ask::new("POST", &path).header("Cookie", &session.cookie);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        app.send(ask.body(FORM, form.to_owned())).await.status
    };
    assert_eq!(send(&[("Sec-Fetch-Site", "cross-site")], &good).await, 403);
    assert_eq!(send(&[("Sec-Fetch-Site", "same-site")], &good).await, 403);
    assert_eq!(send(&[("Origin", "https://evil.example")], &good).await, 403);
    assert_eq!(send(&[], &good).await, 403);
    let other = format!("form_token={}&name=example.com", "0".repeat(64));
    assert_eq!(send(&[("Sec-Fetch-Site", "same-origin")], &other).await, 403);
    app.get(&format!("/domains/{domain}")).await.expect(200);
    // The same as it should be.
    assert_eq!(send(&[("Sec-Fetch-Site", "same-origin")], &good).await, 303);
    app.get(&format!("/domains/{domain}")).await.expect(404);
}

#[tokio::test]
async fn guessing_keys_is_slowed_and_locks_no_one_else_out() {
    let (app, _) = app().await;
    let wrong = format!("sk_live_{}", "a".repeat(43));
    let mut seen = Vec::new();
    for _ in 0..12 {
        seen.push(try_key(&app, &wrong).await.status);
    }
    assert_eq!(seen[..10], [401; 10]);
    assert_eq!(seen[10..], [429; 2]);
    // Behind a proxy the owner of a key has the same address; signing in uses up nothing.
    for _ in 0..12 {
        assert_eq!(try_key(&app, &app.key).await.status, 303);
    }
    assert_eq!(try_key(&app, &wrong).await.status, 429);
    app.clock.advance(Duration::from_secs(2));
    assert_eq!(try_key(&app, &wrong).await.status, 401);
}

#[tokio::test]
async fn a_key_sees_what_it_sees_over_the_api() {
    let (app, domain) = app().await;
    let other = app.add_domain("other.example").await;
    let (_, stranger) = app.stranger().await;
    let bound = app.key(Permission::FullAccess, Some(app.domain_id(&other).await)).await;
    for key in [stranger, bound] {
        let session = Session::sign_in(&app, &key).await;
        for path in [
            "",
            "/sources",
            "/sources/198.51.100.1",
            "/reporters",
            "/dkim",
            "/reports",
            "/reports/1",
            "/setup",
            "/settings",
            "/sources.csv",
            "/reports.csv",
            "/reports/1/original",
            "/reports/1/records.csv",
        ] {
            assert_eq!(
                session.get(&app, &format!("/view/{domain}{path}")).await.status,
                404,
                "{path}"
            );
        }
        let seen = session.get(&app, "/").await.text().to_owned() + session.get(&app, "/intake").await.text();
        assert!(
            !seen.contains("example.com") || seen.contains("placeholder=\"example.com\""),
            "{seen}"
        );
        assert_eq!(
            session
                .post(&app, &format!("/view/{domain}/delete"), "name=example.com")
                .await
                .status,
            404
        );
    }
    app.get(&format!("/domains/{domain}")).await.expect(200);
    let sending = app.key(Permission::SendingAccess, None).await;
    assert_eq!(try_key(&app, &sending).await.status, 403);
}

#[tokio::test]
async fn a_reading_key_changes_nothing() {
    let (app, domain) = app().await;
    let reading = app.key(Permission::ReadOnly, None).await;
    let session = Session::sign_in(&app, &reading).await;
    for (path, form) in [
        ("/add".to_owned(), "name=new.example&region=eu-west-1"),
        (format!("/view/{domain}/delete"), "name=example.com"),
        ("/intake/1/replay".to_owned(), ""),
    ] {
        assert_eq!(session.post(&app, &path, form).await.status, 403, "{path}");
    }
    assert_eq!(session.get(&app, &format!("/view/{domain}/settings")).await.status, 403);
    let domains = app.get("/domains").await.expect(200);
    assert_eq!(domains["domains"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_page_is_protected_and_what_it_loads_is_kept() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    for path in [
        "/",
        "/intake",
        "/add",
        &format!("/view/{domain}"),
        &format!("/view/{domain}/setup"),
        "/view/dom_x",
        "/sign-in",
    ] {
        let answer = session.get(&app, path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let text = answer.text();
        assert!(
            !text.contains(" style=") && !text.contains("<script>") && !text.contains(" onclick="),
            "{path}"
        );
        let (_, style) = text.split_once("<link rel=\"stylesheet\" href=\"").unwrap();
        let asset = session.get(&app, style.split('"').next().unwrap()).await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("cache-control").unwrap().contains("immutable"));
    }
}

#[tokio::test]
async fn the_page_shows_what_the_api_says() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let stats = app
        .get(&format!("/domains/{domain}/dmarc/stats?days=30"))
        .await
        .expect(200);
    assert_eq!(stats["total_messages"], json!(25 * 15));
    let page = session
        .get(&app, &format!("/view/{domain}?days=30"))
        .await
        .text()
        .to_owned();
    assert!(page.contains("<dt>Messages</dt><dd>375</dd>"), "{page}");
    let list = app
        .get(&format!("/domains/{domain}/dmarc/sources?days=30"))
        .await
        .expect(200);
    let csv = session
        .get(&app, &format!("/view/{domain}/sources.csv?days=30"))
        .await
        .text()
        .to_owned();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 1 + list["sources"].as_array().unwrap().len());
    assert!(lines[1].starts_with("198.51.100.1,,,,250,250,0,"), "{csv}");
}
