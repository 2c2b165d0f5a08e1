//! The switch that leaves out the messages of reports that are not authentic.

use super::protection::Session;
use crate::http::{FAIL, PASS, Sample, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_leaves_out_what_is_not_authentic_and_says_its_share() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    for (id, records) in [("r1", &[PASS][..]), ("r2", &[FAIL][..])] {
        app.upload(&domain, Sample::new("example.com", id, records).xml()).await;
    }
    let get = async |path: &str| session.get(&app, path).await.text().to_owned();
    let view = format!("/view/{domain}?days=7");
    // Where all is alike there is nothing to choose.
    assert!(!get(&view).await.contains("id=\"authentic\""));
    let database = rusqlite::Connection::open(app.folder.path().join("tallymark.sqlite")).unwrap();
    // As if the mail of the first had vouched for it: 10 messages passed, 3 failed.
    database
        .execute_batch(
            "update reports set authenticated = 1 where report_id = 'r1';
             insert into daily_totals select domain_id, day, 1, pass, 0, 0, 0, 0, 0, 0, 1 from daily_totals;
             update daily_totals set pass = 0, reports = 1 where vouched = 0;",
        )
        .unwrap();
    let all = get(&view).await;
    assert!(all.contains("23.1% of the messages are of reports that are"), "{all}");
    let switched = format!("/view/{domain}?days=7&amp;authenticated=pass");
    assert!(all.contains(&switched), "{all}");
    let authentic = get(&switched.replace("&amp;", "&")).await;
    assert!(authentic.contains("are without 3 messages (23.1%)"), "{authentic}");
    // It stays when other days are chosen, and ends by the link.
    assert!(
        authentic.contains("days=90&amp;authenticated=pass") || authentic.contains("authenticated=pass&amp;days=90")
    );
    assert!(authentic.contains(&format!("href=\"/view/{domain}?days=7\"")));
    let csv = get(&format!("/view/{domain}/days.csv?days=7&authenticated=pass")).await;
    assert!(csv.contains(",10,0") && !csv.contains(",10,3"), "{csv}");
    let wrong = session.get(&app, &format!("{view}&authenticated=fail")).await;
    assert_eq!(wrong.status, 422);
}

#[tokio::test]
async fn reports_and_figures_are_selected_by_the_verdict_on_their_mail() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    app.upload(&domain, Sample::new("example.com", "r1", &[PASS, FAIL]).xml())
        .await;
    let get = async |path: &str| app.get(&format!("/domains/{domain}/dmarc/{path}")).await;
    for (word, total) in [("unknown", 1), ("pass", 0), ("fail", 0), ("none", 0)] {
        let list = get(&format!("reports?authenticated={word}")).await.expect(200);
        assert_eq!(list["pagination"]["total"], total, "{word}");
        let list = get(&format!("reports?authenticated={word}&status=held"))
            .await
            .expect(200);
        assert_eq!(list["pagination"]["total"], 0, "{word}");
    }
    let all = get("stats?days=7").await.expect(200);
    assert_eq!(
        (&all["total_messages"], &all["unauthenticated_messages"]),
        (&13.into(), &13.into())
    );
    let none = get("stats?days=7&authenticated=pass&include=flows").await.expect(200);
    assert_eq!(
        (&none["total_messages"], &none["unauthenticated_messages"]),
        (&0.into(), &13.into())
    );
    assert_eq!(
        (&none["sources"], &none["reports"], &none["flows"]["direct"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(get("sources?days=7&authenticated=pass").await.expect(200)["total"], 0);
    // As asked where names are needed.
    assert_eq!(
        get("sources?days=7&authenticated=pass&search=192").await.expect(200)["total"],
        0
    );
    assert_eq!(get("sources?days=7").await.expect(200)["total"], 2);
    for path in [
        "stats?authenticated=fail",
        "sources?authenticated=x",
        "reports?authenticated=yes",
    ] {
        get(path).await.refused(422, "unprocessable_entity");
    }
    // A file was carried by no mail: nothing proves it.
    let no = get("reports").await.expect(200)["reports"][0]["id"].clone();
    get(&format!("reports/{no}/proof")).await.refused(404, "not_found");
}
