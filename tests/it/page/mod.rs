//! The web page: what protects it, and a walk through it with a real browser.

mod alerts;
mod alerts_by_mail;
mod answers;
mod authentic;
mod browser;
mod budget;
mod choices;
mod compression;
mod days;
mod decisions;
mod elsewhere;
mod failure_reports;
mod faults;
mod held;
mod insecure;
mod keys;
mod levels;
mod lists;
mod locale;
mod many_domains;
mod names_in_dns;
mod protection;
mod records_in_use;
mod tls;
mod uploads;
mod vouched;

use crate::http::{PASS, Row, Sample, TestApp};

/// A failing source whose signature passes for another domain.
const MIXED: Row = Row {
    source: "192.0.2.7",
    count: 2,
    dkim: "pass",
    spf: "fail",
    disposition: "none",
};

/// An app with the domain example.com and a report a day, for 25 days.
async fn app() -> (TestApp, String) {
    let app = TestApp::start().await;
    let domain = fill(&app).await;
    (app, domain)
}

/// Adds that domain with its reports, and gives its id.
async fn fill(app: &TestApp) -> String {
    let domain = app.add_domain("example.com").await;
    for day in 0..25 {
        let mut sample = Sample::new("example.com", &format!("r{day}"), &[PASS, crate::http::FAIL, MIXED]);
        sample.begin -= day * 86_400;
        if day % 5 == 0 {
            sample.org_name = "Outlook.com".to_owned();
        }
        app.upload(&domain, sample.xml()).await;
    }
    domain
}

/// The page with a domain's DNS records, as a signed-in user sees it.
pub async fn setup(app: &TestApp, id: &str) -> String {
    let session = protection::Session::sign_in(app, &app.key).await;
    let page = session.get(app, &format!("/view/{id}/setup")).await;
    assert_eq!(page.status, 200);
    page.text().to_owned()
}
