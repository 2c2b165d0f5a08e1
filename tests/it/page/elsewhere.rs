//! The other domains of the account on the page of a source.

use super::protection::Session;
use crate::http::{FAIL, PASS, Sample, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_sources_page_leads_to_the_same_address_in_other_domains() {
    let app = TestApp::start().await;
    let id = super::fill(&app).await;
    let session = Session::sign_in(&app, &app.key).await;
    let page = async |address: &str| {
        let path = format!("/view/{id}/sources/{address}?days=30");
        session.get(&app, &path).await.text().to_owned()
    };
    assert!(
        !page(FAIL.source).await.contains("elsewhere"),
        "there is no other domain"
    );
    for (name, rows) in [
        ("one.example", &[PASS, FAIL][..]),
        ("xn--mnchner-n2a.example", &[FAIL]),
        ("silent.example", &[]),
    ] {
        let other = app.add_domain(name).await;
        if !rows.is_empty() {
            app.upload(&other, Sample::new(name, "1", rows).xml()).await;
        }
    }
    let text = page(FAIL.source).await;
    assert!(text.contains("Seen for 3 of your domains"), "{text}");
    assert!(text.contains("münchner.example"), "{text}");
    let other = app.get("/domains").await.expect(200);
    let other = other["domains"].as_array().unwrap();
    let other = other.iter().find(|domain| domain["name"] == "one.example").unwrap();
    let link = format!(
        "/view/{}/sources/{}?days=30",
        other["id"].as_str().unwrap(),
        FAIL.source
    );
    assert!(text.contains(&format!("href=\"{link}\"")), "{link}: {text}");
    assert_eq!(session.get(&app, &link).await.status, 200);
    assert!(page(PASS.source).await.contains("Seen for 2 of your domains"));
    assert!(page("192.0.2.7").await.contains("Seen for this domain alone"));
}
