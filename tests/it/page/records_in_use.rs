//! The pages that say what of a domain's records is used: SPF with its dry run, and the selectors.

use super::protection::Session;
use crate::domains::named;
use crate::http::senders::{self, report};
use crate::http::{PASS, Sample, TestApp};
use crate::provenance::dns::Dns;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_spf_shows_terms_and_tries_another_record() {
    let dns = Dns::start().await;
    dns.text("example.com", "v=spf1 ip4:198.51.100.0/24 include:inc.example -all");
    dns.text("inc.example", "v=spf1 ip4:203.0.113.0/24 -all");
    dns.text("s1._domainkey.example.com", "v=DKIM1; p=MIIB");
    let app = TestApp::start_as(|_| {}, Some(named::dns(dns.address))).await;
    let id = app.add_domain("example.com").await;
    let sent = [
        ("example.com", "198.51.100.9", 1_005, false, "", "example.com"),
        ("example.com", "203.0.113.7", 7, true, "", "example.com"),
    ];
    app.upload(&id, report("r1", 0, &sent)).await;
    let session = Session::sign_in(&app, &app.key).await;
    let page = session.get(&app, &format!("/view/{id}/spf")).await;
    assert_eq!(page.status, 200);
    for expect in [
        "The record needs 1 of 10 DNS lookups.",
        "1,005 messages of 1,005 lose their only aligned pass without it.",
        "<span class=\"chip good\">needed</span>",
        "7 messages matched it, and none loses its only aligned pass without it.",
        "<bdi>include:inc.example</bdi>",
    ] {
        assert!(page.text().contains(expect), "{expect}: {}", page.text());
    }
    assert!(!page.text().contains("id=\"outcome\""), "nothing was tried");

    let page = session.get(&app, &format!("/view/{id}/spf?try=v%3Dspf1%20-all")).await;
    assert!(
        page.text()
            .contains("Of 1,012 messages, 7 would pass DMARC; now it is 1,012."),
        "{}",
        page.text()
    );
    assert!(
        page.text()
            .contains("It needs 0 DNS lookups of the 10 that are allowed.")
    );
    assert!(page.text().contains("value=\"v=spf1 -all\""), "it stays in the form");
    let page = session
        .get(
            &app,
            &format!("/view/{id}/spf?try=v%3Dspf1%20ip4%3A198.51.100.9%20-all"),
        )
        .await;
    assert!(
        page.text().contains("Nothing changes for any service."),
        "{}",
        page.text()
    );
    let page = session.get(&app, &format!("/view/{id}/spf?try=v%3Dspf1%20hello")).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("is not a term of SPF"), "{}", page.text());

    let page = session.get(&app, &format!("/view/{id}/dkim")).await;
    assert!(
        page.text().contains("7 of 1,012 messages") || page.text().contains("1,005 of 1,012 messages"),
        "{}",
        page.text()
    );
    assert!(page.text().contains("<span class=\"chip bad\">active, failing</span>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_without_answers_of_dns_has_its_pages() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    let page = session.get(&app, &format!("/view/{id}/spf")).await;
    assert!(
        page.text()
            .contains("DNS did not answer, so the SPF record is not known.")
    );
    assert!(page.text().contains("No report is about these days."));
    app.upload(&id, Sample::new("example.com", "r", &[PASS]).xml()).await;
    let page = session.get(&app, &format!("/view/{id}/dkim")).await;
    assert!(
        page.text().contains("10 of 10 messages of its last 30 days passed."),
        "{}",
        page.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reporters_that_contradict_themselves_are_shown_with_an_example() {
    let (app, id) = senders::app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let page = session.get(&app, &format!("/view/{id}/reporters")).await;
    assert!(page.text().contains(&format!("/view/{id}/plausibility")));
    let page = session.get(&app, &format!("/view/{id}/plausibility")).await;
    assert_eq!(page.status, 200);
    for expect in [
        "1 of 1 reporter contradicts its own evidence in more than 1 message of 100.",
        "<span class=\"chip odd\">contradicts itself</span>",
        "SPF aligned without evidence",
    ] {
        assert!(page.text().contains(expect), "{expect}: {}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_has_its_receipt() {
    let (app, id) = senders::app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let overview = session.get(&app, &format!("/view/{id}")).await;
    assert!(overview.text().contains(&format!("/view/{id}/receipts")));
    let page = session.get(&app, &format!("/view/{id}/receipts")).await;
    assert!(page.text().contains("No change is known"), "{}", page.text());
    let page = session.get(&app, &format!("/view/{id}/receipts?day=2026-03-22")).await;
    assert!(
        page.text()
            .contains("Still failing at google.com; last failing message before the change"),
        "{}",
        page.text()
    );
    assert!(page.text().contains("<span class=\"chip bad\">still failing</span>"));
    let page = session.get(&app, &format!("/view/{id}/receipts?day=2030-01-01")).await;
    assert_eq!(page.status, 422);
    assert!(
        page.text().contains("must be an instant of the last 365 days"),
        "{}",
        page.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_noted_on_the_page_and_removed() {
    let (app, id) = senders::app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let path = format!("/view/{id}/receipts");
    let form = "kind=dkim&day=2026-03-22&service=Mailchimp&note=%3Cb%3Eon%3C%2Fb%3E";
    let noted = session.post(&app, &format!("{path}/changes"), form).await;
    assert_eq!((noted.status, noted.header("location")), (303, Some(&*path)));
    let page = session.get(&app, &path).await;
    for expect in [
        "You changed DKIM for Mailchimp, and no service failed before or since.",
        "Note: <bdi>&lt;b&gt;on&lt;/b&gt;</bdi>",
    ] {
        assert!(page.text().contains(expect), "{expect}: {}", page.text());
    }
    // What is wrong is said next to what was typed.
    let wrong = session
        .post(
            &app,
            &format!("{path}/changes"),
            "kind=spf&day=2030-01-01&service=&note=later",
        )
        .await;
    assert_eq!(wrong.status, 422);
    for expect in ["must be an instant of the last 90 days", "value=\"later\""] {
        assert!(wrong.text().contains(expect), "{expect}: {}", wrong.text());
    }
    let changes = app.get(&format!("/domains/{id}/dmarc/changes")).await.expect(200);
    let remove = format!("{path}/changes/{}/remove", changes["changes"][0]["id"]);
    assert_eq!(session.post(&app, &remove, "").await.status, 303);
    let changes = app.get(&format!("/domains/{id}/dmarc/changes")).await.expect(200);
    assert_eq!(changes["pagination"]["total"], 0);
}
