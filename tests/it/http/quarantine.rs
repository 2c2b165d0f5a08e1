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

#[tokio::test]
async fn a_message_is_looked_into_downloaded_and_dismissed() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let broken = "<feedback><report_metadata></wrong>a";
    let aside = app.upload(&id, broken).await["quarantined"][0]["id"].clone();
    let path = format!("/quarantine/{aside}");
    let message = app.get(&path).await.expect(200);
    let offset = usize::try_from(message["offset"].as_u64().unwrap()).unwrap();
    let excerpt = &message["excerpt"];
    let parts = ["before", "at", "after"].map(|part| excerpt[part].as_str().unwrap());
    assert_eq!((&excerpt["first_byte"], parts.concat()), (&0.into(), broken.to_owned()));
    assert_eq!(parts[0].len(), offset, "the mark is at the byte: {message}");
    assert_eq!(
        message["reason"],
        app.get("/quarantine").await.expect(200)["messages"][0]["reason"]
    );

    let bytes = app.get(&format!("{path}/message")).await;
    assert_eq!((bytes.status, bytes.text()), (200, broken));
    assert_eq!(bytes.header("content-type"), Some("message/rfc822"));
    assert!(bytes.header("content-disposition").unwrap().starts_with("attachment"));

    let (_, stranger) = app.stranger().await;
    for (verb, path) in [
        ("GET", path.clone()),
        ("GET", format!("{path}/message")),
        ("DELETE", path.clone()),
    ] {
        app.send(Ask::new(verb, &path).key(&stranger))
            .await
            .refused(404, "not_found");
    }
    let dismiss = Ask::new("DELETE", &path).key(&app.key);
    assert_eq!(app.send(dismiss.clone()).await.expect(200), json!({ "deleted": true }));
    app.send(dismiss).await.refused(404, "not_found");
    app.get(&path).await.refused(404, "not_found");
    assert_eq!(app.get("/quarantine").await.expect(200)["pagination"]["total"], 0);
    // Its bytes are gone with it: the same message is new.
    let again = app.upload(&id, broken).await["quarantined"][0]["id"].clone();
    assert_eq!(
        app.get(&format!("/quarantine/{again}")).await.expect(200)["arrivals"],
        1
    );
}

#[tokio::test]
async fn messages_are_counted_by_reason_and_sender() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, "<feedback><report_metadata></wrong>").await;
    app.upload(&id, "<feedback><report_metadata></wrong> ").await;
    let last = app.upload(&id, "no report").await["quarantined"][0].clone();
    let groups = app.get("/quarantine/groups").await.expect(200);
    let counts: Vec<_> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["messages"])
        .collect();
    assert_eq!(counts, [2, 1], "{groups}");
    assert_eq!(
        (&groups["groups"][1]["reason"], &groups["groups"][1]["newest_id"]),
        (&last["reason"], &last["id"])
    );
    let (_, stranger) = app.stranger().await;
    let others = app
        .send(Ask::new("GET", "/quarantine/groups").key(&stranger))
        .await
        .expect(200);
    assert_eq!(others["groups"], json!([]));
    app.get("/quarantine/groups?kind=all").await.expect(422);
}
