//! `POST /domains/{id}/dmarc/reports`

use serde_json::{Value, json};

use super::sample::{form, gzip, mail, zip};
use super::{Ask, FAIL, PASS, Sample, TestApp};
use tallymark::base::Permission;

fn counts(taken: &Value) -> (usize, u64, usize) {
    let len = |name: &str| taken[name].as_array().unwrap().len();
    (
        len("reports"),
        taken["duplicates"].as_u64().unwrap(),
        len("quarantined"),
    )
}

#[tokio::test]
async fn a_report_can_be_handed_in_as_xml_gzip_zip_and_mail() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    // Each about another day: the same messages under another report_id would be taken for the same report.
    let xml = |name: &str, day: i64| {
        let sample = Sample::new("example.com", name, &[PASS]);
        let begin = sample.begin - day * 86_400;
        Sample { begin, ..sample }.xml()
    };
    for (nth, bytes) in [
        ("xml", xml("xml", 0)),
        ("gz", gzip(&xml("gz", 1))),
        ("zip", zip(&xml("zip", 2))),
        ("mail", mail(&xml("mail", 3))),
    ] {
        let taken = app.upload(&id, bytes).await;
        assert_eq!(counts(&taken), (1, 0, 0), "{nth}: {taken}");
        assert_eq!(taken["reports"][0]["report_id"], json!(nth));
        assert_eq!(taken["reports"][0]["outcome"], "stored");
        assert_eq!(taken["reports"][0]["total_count"], 10);
    }
    let stats = app.get(&format!("/domains/{id}/dmarc/stats")).await.expect(200);
    assert_eq!((&stats["total_messages"], &stats["reports"]), (&json!(40), &json!(4)));
}

#[tokio::test]
async fn the_media_type_does_not_matter_unless_it_cannot_be_a_report() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let path = format!("/domains/{id}/dmarc/reports");
    let xml = Sample::new("example.com", "r1", &[PASS]).xml();
    let types = [
        "text/xml",
        "application/gzip",
        "message/rfc822",
        "application/x-www-form-urlencoded",
        "nonsense",
    ];
    for media_type in types {
        app.send(Ask::new("POST", &path).key(&app.key).body(media_type, xml.clone()))
            .await
            .expect(201);
    }
    let mut untyped = Ask::new("POST", &path).key(&app.key).body("x", xml.clone());
    untyped.headers.retain(|(name, _)| name != "Content-Type");
    app.send(untyped).await.expect(201);
    for media_type in ["application/json", "multipart/mixed; boundary=x"] {
        let ask = Ask::new("POST", &path).key(&app.key).body(media_type, xml.clone());
        app.send(ask).await.refused(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn several_files_come_in_one_form_and_the_same_one_counts_once() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let path = format!("/domains/{id}/dmarc/reports");
    let first = Sample::new("example.com", "r1", &[PASS]).xml();
    let second = gzip(&Sample::new("example.com", "r2", &[FAIL]).xml());
    let (media_type, body) = form(&[&first, &second, &first, b"neither"]);
    let ask = Ask::new("POST", &path).key(&app.key).body(&media_type, body.clone());
    let taken = app.send(ask.clone()).await.expect(201);
    assert_eq!(counts(&taken), (2, 1, 1), "{taken}");
    let taken = app.send(ask).await.expect(201);
    assert_eq!((counts(&taken).0, counts(&taken).1), (0, 3), "{taken}");
    let stats = app.get(&format!("/domains/{id}/dmarc/stats")).await.expect(200);
    assert_eq!(
        (&stats["total_messages"], &stats["failed_messages"]),
        (&json!(13), &json!(3))
    );
}

#[tokio::test]
async fn a_broken_or_empty_body_is_400() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let path = format!("/domains/{id}/dmarc/reports");
    let (media_type, body) = form(&[b"", b""]);
    for (media_type, body) in [
        ("application/xml", Vec::new()),
        ("multipart/form-data", b"x".to_vec()),
        (
            "multipart/form-data; boundary=frontier",
            b"--frontier\r\nnonsense".to_vec(),
        ),
        (&media_type, body),
    ] {
        let ask = Ask::new("POST", &path).key(&app.key).body(media_type, body);
        app.send(ask).await.refused(400, "invalid_request");
    }
    let (media_type, body) = form(&[b"x".as_slice(); 101]);
    let ask = Ask::new("POST", &path).key(&app.key).body(&media_type, body);
    assert_eq!(app.send(ask).await.refused(422, "unprocessable_entity"), ["body"]);
}

#[tokio::test]
async fn unreadable_upload_is_quarantined_with_reason() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let taken = app.upload(&id, "<feedback><report_metadata>").await;
    assert_eq!(counts(&taken), (0, 0, 1), "{taken}");
    let aside = &taken["quarantined"][0];
    assert_eq!(aside["kind"], "quarantined");
    assert!(
        aside["id"].is_i64() && !aside["reason"].as_str().unwrap().is_empty(),
        "{aside}"
    );

    let taken = app.upload(&id, Sample::new("example.org", "r1", &[PASS]).xml()).await;
    assert_eq!(counts(&taken), (0, 0, 1), "{taken}");
    let stats = app.get(&format!("/domains/{id}/dmarc/stats")).await.expect(200);
    assert_eq!(stats["total_messages"], 0);
}

#[tokio::test]
async fn an_upload_is_counted_for_the_domain_it_is_about_and_says_so() {
    let app = TestApp::start().await;
    let (a, b) = (app.add_domain("a.example").await, app.add_domain("b.example").await);
    for (about, name, id) in [("b.example", "b.example", &b), ("x.a.example", "a.example", &a)] {
        let report = Sample::new(about, about, &[PASS]).xml();
        let taken = app.upload(&a, report.clone()).await;
        assert_eq!(counts(&taken), (1, 0, 0), "{taken}");
        let said = &taken["reports"][0];
        assert_eq!((&said["domain_id"], &said["domain_name"]), (&json!(id), &json!(name)));
        assert_eq!(said["domain"], about);
        assert_eq!(counts(&app.upload(&b, report).await), (0, 1, 0));
    }
    let taken = app.upload(&a, Sample::new("c.example", "3", &[PASS]).xml()).await;
    let waits = &taken["quarantined"][0];
    assert_eq!(
        (&waits["kind"], &waits["policy_domain"]),
        (&json!("unclaimed"), &json!("c.example"))
    );
    // A piece, and the whole of it.
    let whole = Sample::new("b.example", "4", &[FAIL, PASS]).xml();
    let whole = String::from_utf8_lossy(&whole).into_owned();
    let (at, _) = whole.match_indices("<record>").nth(1).unwrap();
    assert_eq!(
        app.upload(&a, &whole[..at + 12]).await["reports"][0]["outcome"],
        "stored"
    );
    assert_eq!(app.upload(&a, whole).await["reports"][0]["outcome"], "completed");
}

#[tokio::test]
async fn a_key_bound_to_a_domain_hands_in_reports_of_no_other() {
    let app = TestApp::start().await;
    let (a, b) = (app.add_domain("a.example").await, app.add_domain("b.example").await);
    let bound = app.key(Permission::FullAccess, Some(app.domain_id(&a).await)).await;
    let upload = async |about: &str| {
        let ask = Ask::new("POST", &format!("/domains/{a}/dmarc/reports")).key(&bound);
        let xml = Sample::new(about, about, &[PASS]).xml();
        app.send(ask.body("application/xml", xml)).await.expect(201)
    };
    assert_eq!(counts(&upload("x.a.example").await), (1, 0, 0));
    for about in ["b.example", "c.example"] {
        let taken = upload(about).await;
        assert_eq!(counts(&taken), (0, 0, 1), "{taken}");
        let aside = &taken["quarantined"][0];
        assert_eq!(aside["reason"], "misaddressed");
        let detail = aside["detail"].as_str().unwrap();
        assert!(
            detail.contains(about) && detail.contains("reports of a.example"),
            "{detail}"
        );
    }
    let stats = app.get(&format!("/domains/{b}/dmarc/stats")).await.expect(200);
    assert_eq!(stats["total_messages"], 0);
}

#[tokio::test]
async fn a_contradiction_is_kept_beside_the_counted_one() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, Sample::new("example.com", "r1", &[PASS]).xml()).await;
    let taken = app.upload(&id, Sample::new("example.com", "r1", &[FAIL]).xml()).await;
    assert_eq!(counts(&taken), (1, 0, 0), "{taken}");
    assert_eq!(taken["reports"][0]["outcome"], "conflict");
    assert_eq!(taken["reports"][0]["counted"], false);
    let stats = app.get(&format!("/domains/{id}/dmarc/stats")).await.expect(200);
    assert_eq!(
        (&stats["total_messages"], &stats["failed_messages"]),
        (&json!(10), &json!(0))
    );
}
