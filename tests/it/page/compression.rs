//! Answers are packed for those who ask, and never where their length could tell a secret.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use super::app;
use super::protection::Session;
use crate::http::{Answer, Ask, TestApp};

async fn ask(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut ask = Ask::new("GET", path).header("Accept-Encoding", "gzip, br");
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    app.send(ask).await
}

fn unpacked(answer: &Answer) -> String {
    assert_eq!(answer.header("content-encoding"), Some("gzip"), "{answer:?}");
    let mut text = String::new();
    MultiGzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn pages_lists_and_exports_are_packed() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let own = [("Cookie", session.cookie.as_str()), ("Sec-Fetch-Site", "same-origin")];
    for (path, part) in [
        (format!("/view/{domain}"), "</html>"),
        (format!("/view/{domain}/days.csv"), "date,pass,fail"),
    ] {
        let answer = ask(&app, &path, &own).await;
        assert!(
            answer.header_values("vary").any(|vary| vary == "Accept-Encoding"),
            "{path}"
        );
        assert!(unpacked(&answer).contains(part), "{path}");
        assert!(answer.complete);
    }
    let page = ask(&app, &format!("/view/{domain}"), &own).await;
    assert!(4 * page.body.len() < unpacked(&page).len(), "{}", page.body.len());
    let key = format!("Bearer {}", app.key);
    let list = ask(
        &app,
        &format!("/domains/{domain}/dmarc/stats"),
        &[("Authorization", &key)],
    )
    .await;
    assert!(unpacked(&list).contains("daily_stats"));
    // Every row of a streamed export, as without packing.
    let path = format!("/domains/{domain}/dmarc/export");
    let export = unpacked(&ask(&app, &path, &[("Authorization", &key)]).await);
    let plain = app.send(Ask::new("GET", &path).key(&app.key)).await;
    assert_eq!(plain.header("content-encoding"), None, "it was not asked for");
    assert_eq!(export, plain.text());
    assert!(export.lines().count() > 25);
}

#[tokio::test]
async fn another_sites_script_learns_nothing_from_lengths() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    for site in ["cross-site", "same-site"] {
        let headers = [("Cookie", session.cookie.as_str()), ("Sec-Fetch-Site", site)];
        let answer = ask(&app, &format!("/view/{domain}"), &headers).await;
        assert_eq!(
            (answer.status, answer.header("content-encoding")),
            (200, None),
            "{site}"
        );
    }
    // The token is another text on every page, and every one of them is taken.
    let pages = [session.get(&app, "/").await, session.get(&app, "/").await];
    let tokens = pages.each_ref().map(|page| {
        let (_, rest) = page.text().split_once("name=\"form_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    });
    assert_ne!(tokens[0], tokens[1]);
    for form_token in tokens {
        let session = Session {
            cookie: session.cookie.clone(),
            form_token,
        };
        let answer = session
            .post(&app, &format!("/view/{domain}/delete"), "name=other")
            .await;
        assert!(answer.text().contains("not that of the"), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_short_or_a_download_of_the_original_is_sent_as_it_is() {
    let (app, domain) = app().await;
    let key = format!("Bearer {}", app.key);
    for path in [
        "/healthz".to_owned(),
        format!("/domains/{domain}/dmarc/reports/1/original"),
    ] {
        let answer = ask(&app, &path, &[("Authorization", &key)]).await;
        assert_eq!(
            (answer.status, answer.header("content-encoding")),
            (200, None),
            "{path}"
        );
    }
}
