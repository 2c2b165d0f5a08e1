//! Numbers and days in the form that the browser asks for.

use super::browser::run;
use super::protection::Session;
use crate::http::{Answer, Ask, FAIL, PASS, Row, Sample, TestApp};

/// 1,234,567 messages of 2026-03-22, two thirds of which passed.
async fn app() -> (TestApp, String) {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let rows = [Row { count: 823_045, ..PASS }, Row { count: 411_522, ..FAIL }];
    app.upload(&domain, Sample::new("example.com", "r", &rows).xml()).await;
    (app, domain)
}

async fn ask(app: &TestApp, session: &Session, path: &str, languages: &str) -> Answer {
    let ask = Ask::new("GET", path).header("Cookie", &session.cookie);
    app.send(ask.header("Accept-Language", languages)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_the_browser_and_files_do_not() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let view = format!("/view/{domain}");
    for (languages, number, day) in [
        ("en-GB,en;q=0.9", "1,234,567", "2026-03-22"),
        ("de-AT;q=0.3, it", "1.234.567", "22/03/2026"),
        ("nl", "1.234.567", "22-03-2026"),
        ("pl-PL", "1\u{a0}234\u{a0}567", "22.03.2026"),
        ("es-MX", "1,234,567", "22/03/2026"),
        ("xx,<script>", "1,234,567", "2026-03-22"),
    ] {
        let page = ask(&app, &session, &view, languages).await;
        let text = page.text();
        assert!(
            text.contains(&format!("<data value=\"1234567\">{number}</data>")),
            "{languages}: {text}"
        );
        assert!(
            text.contains(&format!("<time datetime=\"2026-03-22\">{day}</time>")),
            "{languages}: {text}"
        );
        assert!(
            text.contains("<html lang=\"en\">") && !text.contains("<script>"),
            "{languages}"
        );
        // A cache that keeps pages keeps one of each form.
        let vary: Vec<_> = page.header_values("vary").collect();
        assert!(vary.contains(&"Accept-Language"), "{vary:?}");
        let csv = ask(&app, &session, &format!("{view}/days.csv?days=2"), languages).await;
        assert_eq!(
            csv.text(),
            "date,pass,fail\r\n2026-03-22,823045,411522\r\n2026-03-23,0,0\r\n",
            "{languages}"
        );
        assert!(
            !csv.header_values("vary").any(|vary| vary.contains("Language")),
            "{languages}"
        );
    }
    let json = Ask::new("GET", "/domains")
        .key(&app.key)
        .header("Accept-Language", "de");
    let json = app.send(json).await;
    assert!(!json.header_values("vary").any(|vary| vary.contains("Language")));
}

/// An element in an attribute would be shown as markup.
#[tokio::test(flavor = "multi_thread")]
async fn attributes_have_texts_and_no_elements() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let view = format!("/view/{domain}");
    for path in [
        "/",
        "/needs-attention",
        "/intake",
        "/find?q=e",
        "/alerts",
        "/keys",
        &view,
        &format!("{view}?days=7&split=reporter"),
        &format!("{view}/sources"),
        &format!("{view}/sources?group=address"),
        &format!("{view}/sources/{}", FAIL.source),
        &format!("{view}/reporters"),
        &format!("{view}/dkim"),
        &format!("{view}/spf"),
        &format!("{view}/reports"),
        &format!("{view}/summary"),
        &format!("{view}/plausibility"),
    ] {
        let page = ask(&app, &session, path, "fr").await;
        assert_eq!(page.status, 200, "{path}");
        for wrong in ["=\"<", "&lt;data", "&lt;time"] {
            assert!(!page.text().contains(wrong), "{path} has {wrong}: {}", page.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_numbers_and_days_in_its_language() {
    let (app, _) = app().await;
    run("locales.mjs", &[&format!("http://{}", app.address), &app.key]).await;
}
