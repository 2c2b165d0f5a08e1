//! `/domains/{id}/inbound`

use super::{Ask, PASS, Sample, TestApp};

#[tokio::test]
async fn mail_that_is_no_report_is_listed_and_can_be_fetched() {
    let app = TestApp::start().await;
    let (one, two) = (app.add_domain("example.com").await, app.add_domain("example.org").await);
    let bytes = b"Subject: caf\xe9\r\n\r\n<script>\0\r\n";
    let id = app.mail(&one, bytes).await;
    assert_eq!(app.mail(&one, bytes).await, id);
    // A mail to both domains is kept for each.
    let of_two = app.mail(&two, bytes).await;
    assert_ne!(of_two, id);
    for nth in 0..3 {
        app.mail(&one, format!("Subject: {nth}\r\n\r\n")).await;
    }
    app.upload(&one, Sample::new("example.com", "r1", &[PASS]).xml()).await;
    app.upload(&one, "<feedback><report_metadata>").await;
    let list = app
        .get(&format!("/domains/{one}/inbound?per_page=3&page=2"))
        .await
        .expect(200);
    assert_eq!(
        (&list["pagination"]["total"], &list["pagination"]["total_pages"]),
        (&4.into(), &2.into())
    );
    let message = &list["messages"][0];
    assert_eq!(message["id"], id);
    assert_eq!(message["kind"], "mail");
    assert_eq!(message["origin"], "192.0.2.1:25 mx.example, from <a@b.example>");
    assert_eq!(message["received_at"], "2026-03-23T10:00:00.000Z");
    assert_eq!(
        (&message["arrivals"], &message["size_bytes"]),
        (&2.into(), &bytes.len().into())
    );

    let fetched = app.get(&format!("/domains/{one}/inbound/{id}")).await;
    assert_eq!((fetched.status, &*fetched.body), (200, &bytes[..]));
    assert_eq!(fetched.header("content-type"), Some("message/rfc822"));
    assert_eq!(
        fetched.header("content-security-policy"),
        Some("sandbox; default-src 'none'")
    );
    let disposition = format!("attachment; filename=\"message-{id}.eml\"");
    assert_eq!(fetched.header("content-disposition"), Some(&*disposition));
}

#[tokio::test]
async fn it_is_the_domains_own() {
    let app = TestApp::start().await;
    let (one, two) = (app.add_domain("example.com").await, app.add_domain("example.org").await);
    let id = app.mail(&one, "Subject: secret\r\n\r\n").await;
    let quarantined = app.upload(&one, "<feedback><report_metadata>").await["quarantined"][0]["id"].clone();
    for path in [
        format!("/domains/{two}/inbound/{id}"),
        format!("/domains/{one}/inbound/{quarantined}"),
        format!("/domains/{one}/inbound/0"),
        format!("/domains/{one}/inbound/{id}x"),
        format!("/domains/{one}/inbound/999999"),
    ] {
        app.get(&path).await.refused(404, "not_found");
    }
    let list = app.get(&format!("/domains/{two}/inbound")).await.expect(200);
    assert_eq!(list["pagination"]["total"], 0);
    let (_, stranger) = app.stranger().await;
    for path in [
        format!("/domains/{one}/inbound"),
        format!("/domains/{one}/inbound/{id}"),
    ] {
        app.send(Ask::new("GET", &path).key(&stranger))
            .await
            .refused(404, "not_found");
    }
    // What came for a domain goes out of its new owner's reach with it.
    app.delete(&format!("/domains/{one}")).await.expect(200);
    let again = app.add_domain("example.com").await;
    assert_eq!(
        app.get(&format!("/domains/{again}/inbound")).await.expect(200)["pagination"]["total"],
        0
    );
}
