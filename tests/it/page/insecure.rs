//! Signing in over plain HTTP: only where the operator allows it, only from private networks, and marked.

use tallymark::page::PageOptions;

use super::browser::run;
use super::fill;
use super::protection::FORM;
use crate::http::{Answer, Ask, TestApp};

async fn app(insecure_sign_in: bool) -> TestApp {
    let options = PageOptions {
        insecure_sign_in,
        ..PageOptions::default()
    };
    let app = TestApp::start_page(|_| {}, None, options).await;
    fill(&app).await;
    app
}

/// As a browser that reached the page by this origin, which sends no Sec-Fetch-Site over plain HTTP.
async fn sign_in(app: &TestApp, scheme: &str, headers: &[(&str, &str)]) -> Answer {
    let mut ask = Ask::new("POST", "/sign-in").header("Origin", &format!("{scheme}://{}", app.address));
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    app.send(ask.body(FORM, format!("key={}&next=/", app.key))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_cookie_is_given_only_where_it_is_allowed() {
    for (allowed, scheme, headers, is_plain) in [
        (false, "http", &[][..], false),
        (true, "https", &[], false),
        (true, "http", &[("X-Forwarded-For", "203.0.113.9")], false),
        (true, "http", &[("Forwarded", "for=203.0.113.9")], false),
        (true, "http", &[("Via", "1.1 proxy")], false),
        (true, "http", &[], true),
    ] {
        let app = app(allowed).await;
        let answer = sign_in(&app, scheme, headers).await;
        assert_eq!(answer.status, 303, "{allowed} {scheme} {headers:?}");
        let cookie = answer.header("set-cookie").unwrap().to_owned();
        let what = format!("{allowed} {scheme} {headers:?}: {cookie}");
        assert_eq!(!cookie.contains("; Secure"), is_plain, "{what}");
        assert_eq!(cookie.starts_with("tallymark-insecure="), is_plain, "{what}");
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
            "{what}"
        );
        if !is_plain {
            continue;
        }
        let pair = cookie.split(';').next().unwrap();
        let get = async |headers: &[(&str, &str)]| {
            let mut ask = Ask::new("GET", "/").header("Cookie", pair);
            for (name, value) in headers {
                ask = ask.header(name, value);
            }
            app.send(ask).await
        };
        let page = get(&[]).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("not encrypted"), "it is marked: {}", page.text());
        // The cookie counts nowhere else: not behind a proxy, and not where it is not allowed.
        assert_eq!(get(&[("X-Forwarded-For", "203.0.113.9")]).await.status, 303);
        let strict = super::insecure::app(false).await;
        let ask = Ask::new("GET", "/").header("Cookie", pair);
        assert_eq!(strict.send(ask).await.status, 303);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_over_plain_http_only_where_it_is_allowed() {
    for allowed in [false, true] {
        let app = app(allowed).await;
        let port = app.address.port().to_string();
        run(
            "insecure.mjs",
            &[&port, &app.key, if allowed { "allowed" } else { "refused" }],
        )
        .await;
    }
}
