//! The search over all domains of an account.

use serde_json::Value;

use tallymark::base::Permission;

use super::sample::{PASS, Sample};
use super::{Ask, TestApp, senders};

/// The kinds and texts of hits, by kind.
fn found(list: &Value) -> Vec<(String, String, String)> {
    let text = |hit: &Value, name: &str| hit[name].as_str().unwrap_or_default().to_owned();
    let hits = list["hits"].as_array().unwrap().iter();
    hits.map(|hit| (text(hit, "kind"), text(hit, "domain"), text(hit, "text")))
        .collect()
}

async fn texts(app: &TestApp, query: &str) -> Vec<String> {
    let list = app.get(&format!("/search?q={query}")).await.expect(200);
    found(&list)
        .into_iter()
        .map(|(kind, domain, text)| format!("{kind} {domain} {text}"))
        .collect()
}

/// The domain of [`senders::app`], and another one that SendGrid also sent for.
async fn app() -> (TestApp, String) {
    let (app, id) = senders::app().await;
    let other = app.add_domain("example.net").await;
    let sent = [("example.net", "167.89.0.1", 5, true, "sendgrid.net", "example.net")];
    let report = String::from_utf8(senders::report("r9", 0, &sent)).unwrap();
    app.upload(
        &other,
        report.replace("<domain>example.com</domain>", "<domain>example.net</domain>"),
    )
    .await;
    (app, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_found_by_what_people_have_at_hand() {
    let (app, _) = app().await;
    for (query, expect) in [
        // An address and a network, in whichever domain they sent for.
        (
            "167.89.0.1",
            &["source example.com 167.89.0.1", "source example.net 167.89.0.1"][..],
        ),
        (
            "167.89.0.0/16",
            &["source example.com 167.89.0.1", "source example.net 167.89.0.1"],
        ),
        ("10.0.0.0/8", &[]),
        // A part of an address is a text.
        (
            "203.0.113",
            &[
                "service example.com 203.0.113.0/24",
                "source example.com 203.0.113.50",
                "source example.com 203.0.113.9",
            ],
        ),
        // A report by its id, and by nothing less.
        ("r1", &["report example.com r1"]),
        ("r", &["service example.com Twilio SendGrid"]),
        (
            "EXAMPLE.NET",
            &["domain example.net example.net", "from_domain example.net example.net"],
        ),
        ("no%20such%20thing", &[]),
    ] {
        let texts = texts(&app, query).await;
        match query {
            // One letter is in much.
            "r" => assert!(
                texts.iter().any(|text| text == expect[0]) && !texts.contains(&"report example.com r1".to_owned())
            ),
            "EXAMPLE.NET" => assert!(
                expect.iter().all(|one| texts.iter().any(|text| text == one)),
                "{texts:?}"
            ),
            _ => assert_eq!(texts, expect, "{query}"),
        }
    }
    let sendgrid = app.get("/search?q=sendGRID").await.expect(200);
    assert_eq!(sendgrid["totals"]["service"], 2, "{sendgrid}");
    assert_eq!(sendgrid["totals"]["source"], 2);
    assert!(sendgrid["totals"]["signature"].as_u64().unwrap() >= 2);
    assert_eq!(
        (&sendgrid["searched_domains"], &sendgrid["total_domains"]),
        (&2.into(), &2.into())
    );
    // The figures are those of the lists of the domain.
    let first = &sendgrid["hits"][0];
    assert_eq!(
        (&first["kind"], &first["count"], &first["pass_count"]),
        (&"service".into(), &800.into(), &800.into())
    );
    let selector = app.get("/search?q=s1&kind=signature").await.expect(200);
    assert!(
        found(&selector)
            .iter()
            .any(|(_, _, text)| text == "s1._domainkey.sendgrid.net"),
        "{selector}"
    );
    assert_eq!(selector["pagination"]["total"], selector["totals"]["signature"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_range_and_what_the_key_may_see_is_searched() {
    let (app, id) = app().await;
    let sample = Sample {
        begin: super::sample::BEGIN - 80 * 86_400,
        ..Sample::new("example.com", "old", &[PASS])
    };
    app.upload(&id, sample.xml()).await;
    assert_eq!(texts(&app, "old").await, Vec::<String>::new());
    assert_eq!(texts(&app, "old&days=90").await, ["report example.com old"]);
    app.get("/search?q=old&days=365")
        .await
        .refused(422, "unprocessable_entity");

    let one = app.key(Permission::ReadOnly, Some(app.domain_id(&id).await)).await;
    let list = app
        .send(Ask::new("GET", "/search?q=167.89.0.1").key(&one))
        .await
        .expect(200);
    assert_eq!(
        found(&list),
        [("source".into(), "example.com".into(), "167.89.0.1".into())]
    );
    let (_, stranger) = app.stranger().await;
    let list = app
        .send(Ask::new("GET", "/search?q=167.89.0.1").key(&stranger))
        .await
        .expect(200);
    assert_eq!((found(&list), &list["total_domains"]), (Vec::new(), &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_says_what_is_wrong_with_it() {
    let app = TestApp::start().await;
    for query in ["?q=a%00b", "?q=x&kind=all"] {
        app.get(&format!("/search{query}"))
            .await
            .refused(422, "unprocessable_entity");
    }
    for query in ["", "?q=%20"] {
        let list = app.get(&format!("/search{query}")).await.expect(200);
        assert_eq!((found(&list), &list["searched_domains"]), (Vec::new(), &0.into()));
    }
    // Text that means something elsewhere is only text here.
    for query in ["%25", "%27--", "%3Cscript%3E", "%5C", "..%2F"] {
        assert_eq!(texts(&app, query).await, Vec::<String>::new());
    }
}
