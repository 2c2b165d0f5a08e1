//! The page's own budget: people who look at pages and scripts with the same key do not use up each other's requests.

use std::time::Duration;

use tallymark::http::{HttpConfig, Rate};
use tallymark::page::PageOptions;

use super::fill;
use super::protection::Session;
use crate::http::{Ask, TestApp};

const KEY_RATE: Rate = Rate {
    per_second: 1,
    burst: 30,
};
const PAGE_RATE: Rate = Rate {
    per_second: 1,
    burst: 60,
};

async fn app() -> (TestApp, String) {
    let change = |config: &mut HttpConfig| config.rate = Some(KEY_RATE);
    let options = PageOptions {
        rate: Some(PAGE_RATE),
        ..PageOptions::default()
    };
    let app = TestApp::start_page(change, None, options).await;
    let domain = fill(&app).await;
    (app, domain)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_do_not_use_up_the_requests_of_a_key() {
    let (app, domain) = app().await;
    app.clock.advance(Duration::from_secs(60));
    let session = Session::sign_in(&app, &app.key).await;
    // Each of these asks the API five times and more.
    for path in ["", "/sources", "/reporters", "/dkim", "/reports"]
        .iter()
        .cycle()
        .take(50)
    {
        let page = session.get(&app, &format!("/view/{domain}{path}")).await;
        assert_eq!(page.status, 200, "{path}");
    }
    // A CSV file of many rows is one request of the page.
    assert_eq!(
        session.get(&app, &format!("/view/{domain}/sources.csv")).await.status,
        200
    );
    let answer = app.get("/overview").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("x-ratelimit-remaining"),
        Some("29"),
        "nothing of the key's was used"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_key_do_not_use_up_the_pages() {
    let (app, domain) = app().await;
    app.clock.advance(Duration::from_secs(60));
    let mut last = 0;
    for _ in 0..40 {
        last = app.get("/overview").await.status;
    }
    assert_eq!(last, 429, "the key has used up its own");
    let session = Session::sign_in(&app, &app.key).await;
    for path in ["/".to_owned(), "/intake".to_owned(), format!("/view/{domain}")] {
        assert_eq!(session.get(&app, &path).await.status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_over_its_rate_learns_when_to_continue() {
    let (app, domain) = app().await;
    let (session, other) = (
        Session::sign_in(&app, &app.key).await,
        Session::sign_in(&app, &app.key).await,
    );
    let path = format!("/view/{domain}/setup?x=1");
    let mut answer = session.get(&app, &path).await;
    for _ in 0..PAGE_RATE.burst {
        answer = session.get(&app, &path).await;
    }
    assert_eq!(answer.status, 429);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    let text = answer.text();
    assert!(text.contains(&format!("Go on in {seconds} second")), "{text}");
    assert!(
        text.contains(&format!("href=\"{path}\"")),
        "it leads back to the page: {text}"
    );
    assert_eq!(other.get(&app, &path).await.status, 200, "another session has its own");
    app.clock.advance(Duration::from_secs(seconds));
    assert_eq!(session.get(&app, &path).await.status, 200, "after that time it goes on");
    // A form counts as well, and nothing of it is done when it is refused.
    while session.get(&app, &path).await.status == 200 {}
    let refused = session
        .post(&app, &format!("/view/{domain}/delete"), "name=example.com")
        .await;
    assert_eq!(refused.status, 429);
    let ask = Ask::new("GET", "/healthz");
    assert_eq!(app.send(ask).await.status, 200);
    app.clock.advance(Duration::from_secs(60));
    app.get(&format!("/domains/{domain}")).await.expect(200);
}
