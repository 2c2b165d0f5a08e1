//! The page of keys and sessions.

use tallymark::base::Permission;

use super::app;
use super::protection::Session;

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_shown_once_and_revoked() {
    let (app, _) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let made = session.post(&app, "/keys", "name=<b>robot&permission=read_only").await;
    let (_, rest) = made.text().split_once("<code id=\"secret\">").expect("the secret");
    let secret = rest.split('<').next().unwrap().to_owned();
    assert!(made.text().contains("&lt;b&gt;robot"), "{}", made.text());
    app.send(crate::http::Ask::new("GET", "/domains").key(&secret))
        .await
        .expect(200);
    let page = session.get(&app, "/keys").await;
    assert!(!page.text().contains(&secret), "only once");
    let id = page.text().match_indices("/revoke\"").map(|(at, _)| {
        let before = &page.text()[..at];
        before[before.rfind('/').unwrap() + 1..].to_owned()
    });
    // The newest is the first.
    let id = id.into_iter().next().unwrap();
    assert_eq!(session.post(&app, &format!("/keys/{id}/revoke"), "").await.status, 303);
    app.send(crate::http::Ask::new("GET", "/domains").key(&secret))
        .await
        .refused(401, "unauthorized");
    // What was typed stays.
    let wrong = session.post(&app, "/keys", "name=typed&permission=everything").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("value=\"typed\"") && wrong.text().contains("permission-error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_within_the_account() {
    let (app, _) = app().await;
    let other_key = app.key(Permission::ReadOnly, None).await;
    let (own, other) = (
        Session::sign_in(&app, &app.key).await,
        Session::sign_in(&app, &other_key).await,
    );
    let (_, stranger) = app.stranger().await;
    let stranger = Session::sign_in(&app, &stranger).await;
    let hashes = |text: &str| -> Vec<String> {
        let parts = text.split("name=\"session\" value=\"").skip(1);
        parts.map(|part| part[..64].to_owned()).collect()
    };
    let page = own.get(&app, "/keys").await;
    let listed = hashes(page.text());
    assert_eq!(listed.len(), 2);
    assert_eq!(page.text().matches("this one").count(), 1);
    // Not by another account, nor with a key that only reads.
    assert_eq!(hashes(stranger.get(&app, "/keys").await.text()).len(), 1);
    for hash in &listed {
        assert_eq!(
            stranger
                .post(&app, "/keys/end", &format!("session={hash}"))
                .await
                .status,
            303
        );
        assert_eq!(
            other.post(&app, "/keys/end", &format!("session={hash}")).await.status,
            403
        );
    }
    assert_eq!(other.get(&app, "/keys").await.status, 403);
    assert_eq!(
        (own.get(&app, "/").await.status, other.get(&app, "/").await.status),
        (200, 200)
    );
    // Its own one last.
    let this = page.text().split("<tr>").find(|row| row.contains("this one")).unwrap();
    let this = hashes(this).remove(0);
    let others = listed.iter().filter(|hash| **hash != this);
    for hash in others.chain([&this]) {
        let ended = own.post(&app, "/keys/end", &format!("session={hash}")).await;
        assert_eq!(ended.header("location"), Some("/keys?done=ended"));
    }
    assert_eq!(
        (own.get(&app, "/").await.status, other.get(&app, "/").await.status),
        (303, 303)
    );
    assert_eq!(stranger.get(&app, "/").await.status, 200);
}
