//! "Authentic" says whose mail vouches for a report, whatever the reporter calls itself.

use super::protection::Session;
use crate::http::{PASS, Sample, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn authentic_stands_beside_the_domain_that_vouches() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    // A name that belongs to another account; an address with a subdomain; none at all, and a name that is a domain.
    let reporters = [
        ("bigmail.example", Some("x@attacker.example"), "attacker.example"),
        (
            "Google Inc.",
            Some("dmarc@reports.attacker.example"),
            "reports.attacker.example",
        ),
        ("reporter.example", None, "reporter.example"),
    ];
    for (nth, (org_name, email, _)) in reporters.iter().enumerate() {
        let mut sample = Sample::new("example.com", &format!("r{nth}"), &[PASS]);
        (sample.org_name, sample.begin) = ((*org_name).to_owned(), sample.begin - nth as i64 * 86_400);
        let xml = String::from_utf8(sample.xml()).unwrap();
        let email = email.map(|email| format!("<email>{email}</email>")).unwrap_or_default();
        app.upload(
            &domain,
            xml.replace("<email>noreply-dmarc-support@google.com</email>", &email),
        )
        .await;
    }
    // An upload has no sender: nothing is said of it.
    let unvouched = session.get(&app, &format!("/view/{domain}/reports")).await;
    assert!(!unvouched.text().contains("authentic"), "{}", unvouched.text());
    let database = rusqlite::Connection::open(app.folder.path().join("tallymark.sqlite")).unwrap();
    database.execute("update reports set authenticated = 1", []).unwrap();
    let list = app.get(&format!("/domains/{domain}/dmarc/reports")).await.expect(200);
    for (nth, (org_name, _, vouches)) in reporters.iter().enumerate() {
        let report = &list["reports"][nth];
        assert_eq!(
            (&report["org_name"], &report["authenticated"]),
            (&(*org_name).into(), &"pass".into())
        );
        assert_eq!(report["authenticated_domain"], *vouches);
        let shown = format!("authentic: <bdi>{vouches}</bdi>");
        for page in [
            format!("/view/{domain}/reports"),
            format!("/view/{domain}/reports/{}", report["id"]),
            "/intake".to_owned(),
        ] {
            let page = session.get(&app, &page).await;
            assert!(page.text().contains(&shown), "{shown}: {}", page.text());
        }
    }
    // One that failed vouches for nothing.
    database.execute("update reports set authenticated = 2", []).unwrap();
    let list = app.get(&format!("/domains/{domain}/dmarc/reports")).await.expect(200);
    assert!(
        list["reports"]
            .as_array()
            .unwrap()
            .iter()
            .all(|report| report["authenticated_domain"].is_null())
    );
}
