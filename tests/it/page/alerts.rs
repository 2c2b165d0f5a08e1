//! The page of webhooks and channels.

use serde_json::json;
use tallymark::base::Permission;

use super::app;
use super::protection::Session;
use crate::http::{PASS, Sample};
use crate::notify::receiver::{Receiver, Reply};

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_and_channels_are_listed_tested_and_their_deliveries_seen() {
    let (app, domain) = app().await;
    let receiver = Receiver::start(&[Reply::Says(200, "ok"), Reply::Says(404, "<b>gone</b>")]).await;
    let url = receiver.url();
    let body = json!({ "type": "slack", "name": "<b>us", "events": ["*"], "config": { "webhookUrl": url } });
    let made = app.post("/notification-channels", &body).await.expect(201);
    let body = json!({ "url": url, "events": ["tls.failure"] });
    let webhook = app.post("/webhooks", &body).await.expect(201)["id"].to_string();
    let session = Session::sign_in(&app, &app.key).await;
    let page = session.get(&app, "/alerts").await;
    assert!(
        page.text().contains("&lt;b&gt;us") && page.text().contains("tls.failure"),
        "{}",
        page.text()
    );
    let channel = format!("/alerts/channel/{}", made["id"].as_str().unwrap());
    let tested = session.post(&app, &format!("{channel}/test"), "").await;
    assert_eq!(tested.header("location"), Some("/alerts?done=taken&status=200"));
    let tested = session.post(&app, &format!("/alerts/webhook/{webhook}/test"), "").await;
    assert_eq!(tested.header("location"), Some("/alerts?done=refused&status=404"));
    let page = session.get(&app, "/alerts?done=refused&status=404").await;
    assert!(page.text().contains("It answered 404."));

    assert!(session.get(&app, &channel).await.text().contains("No deliveries"));
    let mut sample = Sample::new("example.com", "new", &[PASS]);
    sample.rows[0].count = 77;
    app.upload(&domain, sample.xml()).await;
    app.targets.deliver(|| 100).await.unwrap();
    let page = session.get(&app, &channel).await;
    assert!(
        page.text().contains("dmarc.report.received") && page.text().contains("404 "),
        "{}",
        page.text()
    );
    assert!(page.text().contains("&lt;b&gt;gone") && page.text().contains("failed"));
    assert!(
        session
            .get(&app, "/alerts")
            .await
            .text()
            .contains("the channel does not exist any more")
    );

    for path in [
        "/alerts/channel/nc_999",
        "/alerts/other/1",
        "/alerts/channel/..%2f..",
        "/alerts/webhook/x",
    ] {
        assert_eq!(session.get(&app, path).await.status, 404, "{path}");
    }
    let reading = app.key(Permission::ReadOnly, None).await;
    let reading = Session::sign_in(&app, &reading).await;
    assert_eq!(reading.get(&app, "/alerts").await.status, 403);
}
