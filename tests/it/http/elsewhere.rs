//! `/dmarc/sources/{source_ip}/domains`: for which other domains of an account an address sent.

use serde_json::{Value, json};
use tallymark::base::Permission;

use super::{Ask, FAIL, PASS, Sample, TestApp};

async fn sent(app: &TestApp, name: &str, reports: usize) -> String {
    let id = app.add_domain(name).await;
    for nth in 0..reports {
        let mut sample = Sample::new(name, &format!("{name} {nth}"), &[PASS, FAIL]);
        sample.begin -= nth as i64 * 86_400;
        app.upload(&id, sample.xml()).await;
    }
    id
}

fn names(list: &Value) -> Vec<&str> {
    let domains = list["domains"].as_array().unwrap().iter();
    domains.map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_address_is_found_in_the_other_domains_of_the_account_alone() {
    let app = TestApp::start().await;
    let id = sent(&app, "example.com", 1).await;
    let other = sent(&app, "example.net", 3).await;
    sent(&app, "xn--mnchner-n2a.example", 1).await;
    let quiet = app.add_domain("quiet.example").await;
    let no_such = sent(&app, "others.example", 0).await;
    let mut unrelated = Sample::new("others.example", "1", &[PASS]);
    unrelated.rows[0].source = "192.0.2.200";
    app.upload(&no_such, unrelated.xml()).await;
    // The same address in another account.
    let (_, stranger) = app.stranger().await;
    let theirs = Ask::new("POST", "/domains")
        .key(&stranger)
        .json(&json!({ "name": "theirs.example" }));
    let theirs = app.send(theirs).await.expect(201)["id"].as_str().unwrap().to_owned();
    let report = Sample::new("theirs.example", "1", &[PASS, FAIL]).xml();
    let upload = Ask::new("POST", &format!("/domains/{theirs}/dmarc/reports")).key(&stranger);
    app.send(upload.body("application/xml", report)).await.expect(201);

    let path = format!("/domains/{id}/dmarc/sources/203.0.113.50/domains");
    let list = app.get(&path).await.expect(200);
    assert_eq!(names(&list), ["example.net", "xn--mnchner-n2a.example"]);
    assert_eq!(
        list["domains"][0],
        json!({
            "id": other, "name": "example.net", "unicode_name": null, "count": 9, "pass_count": 0, "fail_count": 9,
            "first_seen": "2026-03-20", "last_seen": "2026-03-22",
        })
    );
    assert_eq!(list["domains"][1]["unicode_name"], "münchner.example");
    assert_eq!(
        (&list["total"], &list["searched_domains"], &list["total_domains"]),
        (&json!(2), &json!(3), &json!(3))
    );
    // Of the days that are asked for.
    let list = app
        .get(&format!("{path}?from=2026-03-20&to=2026-03-21"))
        .await
        .expect(200);
    assert_eq!(
        (names(&list), &list["domains"][0]["count"]),
        (vec!["example.net"], &json!(6))
    );

    // A key of one domain sees no other; a stranger does not see the domain at all.
    let narrow = app.key(Permission::ReadOnly, Some(app.domain_id(&id).await)).await;
    let list = app.send(Ask::new("GET", &path).key(&narrow)).await.expect(200);
    assert_eq!((names(&list).len(), &list["total_domains"]), (0, &json!(0)));
    app.send(Ask::new("GET", &path).key(&stranger))
        .await
        .refused(404, "not_found");
    for wrong in ["unknown", "nonsense"] {
        app.get(&format!("/domains/{quiet}/dmarc/sources/{wrong}/domains"))
            .await
            .refused(404, "not_found");
    }
}
