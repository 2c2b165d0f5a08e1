//! Uploading on the page: to no domain in particular, and with the token in the form.

use super::app;
use super::protection::{Session, own, readable};
use crate::http::{Answer, Ask, PASS, Sample, TestApp};

fn form(token: &str, files: &[&[u8]]) -> Vec<u8> {
    let mut body =
        format!("--frontier\r\nContent-Disposition: form-data; name=\"form_token\"\r\n\r\n{token}\r\n").into_bytes();
    for (nth, file) in files.iter().enumerate() {
        let head = format!(
            "--frontier\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{nth}.xml\"\r\n\
             Content-Type: text/xml\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--frontier--\r\n");
    body
}

async fn send(app: &TestApp, session: &Session, body: Vec<u8>) -> Answer {
    let ask = own(Ask::new("POST", "/upload")).header("Cookie", &session.cookie);
    readable(app.send(ask.body("multipart/form-data; boundary=frontier", body)).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_part_of_an_address_and_no_file_is_read_without_it() {
    let (app, _) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    for path in ["/", "/intake", "/upload", "/add"] {
        let text = session.get(&app, path).await.text().to_owned();
        assert!(
            !text.contains("?form_token") && !text.contains("&amp;form_token"),
            "{path}"
        );
    }
    let report = Sample::new("example.com", "uploaded", &[PASS]).xml();
    for token in ["", "0", &"0".repeat(64), &session.form_token[1..]] {
        let answer = send(&app, &session, form(token, &[&report])).await;
        assert_eq!(answer.status, 403, "{token}");
    }
    let nameless = form(&session.form_token, &[&report]);
    let text = String::from_utf8(nameless).unwrap().replace("form_token", "file");
    assert_eq!(
        send(&app, &session, text.into_bytes()).await.status,
        403,
        "a file in the token's place"
    );
    assert_eq!(send(&app, &session, b"--frontier\r\n".to_vec()).await.status, 400);
    assert_eq!(send(&app, &session, vec![b'x'; 100_000]).await.status, 400);
    let answer = send(&app, &session, form(&session.form_token, &[&report, &report])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer.text().contains("1 new report") && answer.text().contains("1 was here already"),
        "{}",
        answer.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_the_limit_is_refused_with_a_page() {
    let app = TestApp::start_with(|config| config.upload_bytes_max = 10_000).await;
    app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    let answer = send(&app, &session, form(&session.form_token, &[&vec![b'x'; 200_000]])).await;
    assert_eq!(answer.status, 413);
    assert!(
        answer.text().contains("larger than 10000 bytes") && answer.text().contains("Sign out"),
        "{}",
        answer.text()
    );
    let empty = TestApp::start().await;
    let session = Session::sign_in(&empty, &empty.key).await;
    let answer = send(&empty, &session, form(&session.form_token, &[b"<feedback/>"])).await;
    assert_eq!(answer.status, 409);
    assert!(answer.text().contains("Add a domain"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_counts_for_the_domains_that_the_reports_are_about() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for nth in 0..520 {
        ids.push(app.add_domain(&format!("d{nth}.example")).await);
    }
    let session = Session::sign_in(&app, &app.key).await;
    let report = |domain: &str, id: &str| Sample::new(domain, id, &[PASS]).xml();
    // The first and the last that was added, one below a domain of the account, one that it does not have, one in
    // capitals, and no name.
    let files = [
        report("d0.example", "1"),
        report("d519.example", "2"),
        report("mail.d300.example", "3"),
        report("elsewhere.example", "4"),
        report("D77.Example.", "5"),
        b"<feedback>".to_vec(),
    ];
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    // As a browser without scripts sends it, from whichever page.
    let answer = send(&app, &session, form(&session.form_token, &files)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    for (nth, name) in [
        (0, "d0.example"),
        (519, "d519.example"),
        (300, "d300.example"),
        (77, "d77.example"),
    ] {
        assert!(
            text.contains(&format!("<a href=\"/view/{}\"><bdi>{name}</bdi></a>", ids[nth])),
            "{name}: {text}"
        );
        let stats = app.get(&format!("/domains/{}/dmarc/stats", ids[nth])).await.expect(200);
        assert_eq!(stats["total_messages"], 10, "{name}");
    }
    assert!(
        text.contains("4 new reports") && text.contains("1 part could not be read"),
        "{text}"
    );
    assert!(text.contains("about <b><bdi>elsewhere.example</bdi></b>"), "{text}");
    assert!(
        text.contains("href=\"/add?name=elsewhere.example\""),
        "it can be added and counted: {text}"
    );
    assert_eq!(
        app.get("/overview").await.expect(200)["total_messages"],
        40,
        "nothing counts for another domain"
    );
    let add = session.get(&app, "/add?name=elsewhere.example").await;
    assert!(add.text().contains("value=\"elsewhere.example\""), "{}", add.text());
    session
        .post(&app, "/add", "name=elsewhere.example&region=eu-west-1")
        .await;
    assert_eq!(
        app.get("/overview").await.expect(200)["total_messages"],
        50,
        "what waited counts now"
    );
    let aside = app.get("/quarantine?kind=unclaimed").await.expect(200);
    assert_eq!(aside["pagination"]["total"], 0);
}
