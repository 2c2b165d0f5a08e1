//! `/quarantine`

use serde_json::json;
use tallymark::base::Permission;

use super::{Ask, PASS, Sample, TestApp};

#[tokio::test]
async fn messages_set_aside_are_listed_and_replayed() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let broken = "<feedback><report_metadata>";
    let aside = app.upload(&id, broken).await["quarantined"][0].clone();
    let list = app.get("/quarantine").await.expect(200);
    assert_eq!(list["pagination"]["total"], 1);
    let message = &list["messages"][0];
    assert_eq!(message["id"], aside["id"]);
    assert_eq!(message["reason"], aside["reason"]);
    assert_eq!(message["kind"], "quarantined");
    assert_eq!(message["received_at"], "2026-03-23T10:00:00.000Z");
    assert_eq!(message["size_bytes"], broken.len());

    let replay = Ask::new("POST", &format!("/quarantine/{}/replay", aside["id"])).key(&app.key);
    let taken = app.send(replay).await.expect(200);
    assert_eq!(taken["reports"], json!([]));
    assert_eq!(taken["quarantined"][0]["reason"], aside["reason"]);
}

#[tokio::test]
async fn the_list_is_of_one_kind_or_all() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, "<feedback><report_metadata>").await;
    for (query, status) in [
        ("kind=all", 200),
        ("kind=other", 200),
        ("kind=unclaimed", 200),
        ("kind=x", 422),
    ] {
        assert_eq!(app.get(&format!("/quarantine?{query}")).await.status, status, "{query}");
    }
    assert_eq!(
        app.get("/quarantine?kind=unclaimed").await.expect(200)["pagination"]["total"],
        0
    );
    assert_eq!(
        app.get("/quarantine?kind=all").await.expect(200)["pagination"]["total"],
        1
    );
}

#[tokio::test]
async fn it_is_the_accounts_own_and_asks_for_full_access_to_all_of_it() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let aside = app.upload(&id, Sample::new("example.org", "r1", &[PASS]).xml()).await["quarantined"][0]["id"].clone();
    let (_, stranger) = app.stranger().await;
    let list = app
        .send(Ask::new("GET", "/quarantine").key(&stranger))
        .await
        .expect(200);
    assert_eq!(list["pagination"]["total"], 0);
    let replay = Ask::new("POST", &format!("/quarantine/{aside}/replay"));
    app.send(replay.clone().key(&stranger)).await.refused(404, "not_found");
    for (permission, domain) in [
        (Permission::ReadOnly, None),
        (Permission::SendingAccess, None),
        (Permission::FullAccess, Some(app.domain_id(&id).await)),
    ] {
        let key = app.key(permission, domain).await;
        app.send(Ask::new("GET", "/quarantine").key(&key))
            .await
            .refused(403, "forbidden");
        app.send(replay.clone().key(&key)).await.refused(403, "forbidden");
    }
}
