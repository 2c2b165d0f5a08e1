//! Every list as CSV: the rows of its JSON, in parts that say where the list goes on.

use serde_json::{Value, json};
use tallymark::http::openapi;

use super::{Answer, FAIL, PASS, Row, Sample, TestApp, tls_report};
use crate::failures::fixture;
use crate::failures::http::keep;

/// The paths whose document has an answer as CSV, without the export of all records.
fn csv_paths() -> Vec<String> {
    let document: Value = serde_json::from_str(openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let has_csv = |content: &Value| {
        let types = content.as_object().into_iter().flatten();
        types.map(|(name, _)| name).any(|name| name.starts_with("text/csv"))
    };
    let paths = paths.filter(|(path, operations)| {
        has_csv(&operations["get"]["responses"]["200"]["content"]) && !path.ends_with("/export")
    });
    paths.map(|(path, _)| path.clone()).collect()
}

/// The cells of a line.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    for sign in line.chars() {
        match sign {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            sign => cells.last_mut().unwrap().push(sign),
        }
    }
    cells
}

fn lines(answer: &Answer) -> Vec<String> {
    assert!(answer.header("content-type").unwrap().starts_with("text/csv"));
    answer.text().split_terminator("\r\n").map(str::to_owned).collect()
}

/// The lines of all parts behind their heads, and the number of parts.
async fn all_parts(app: &TestApp, path: &str, bytes_max: usize) -> (Vec<String>, usize) {
    let (base, query) = path.split_once('?').unwrap();
    let (mut query, mut found, mut parts) = (format!("?{query}"), Vec::new(), 0);
    loop {
        let answer = app.get(&format!("{base}{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
        let part = lines(&answer);
        let without_last: usize = part[..part.len() - 1].iter().map(|line| line.len() + 2).sum();
        assert!(without_last <= bytes_max, "{without_last} bytes");
        found.extend_from_slice(&part[1..]);
        parts += 1;
        assert!(parts < 500, "{path} does not end");
        let Some(link) = answer.header("link") else {
            return (found, parts);
        };
        let link = link.strip_prefix('<').unwrap();
        query = link.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
}

/// A domain with something in every list.
async fn filled(app: &TestApp, reports: usize, sources: &[&'static str]) -> String {
    let domain = app.add_domain("example.com").await;
    for nth in 0..reports {
        let rows: Vec<_> = sources.iter().map(|source| Row { source, ..FAIL }).collect();
        let mut sample = Sample::new("example.com", &format!("r{nth}"), &[&rows[..], &[PASS]].concat());
        sample.org_name = format!("=reporter{nth}, \"quoted\"");
        sample.begin -= nth as i64 * 86_400;
        app.upload(&domain, sample.xml()).await;
        app.upload(&domain, format!("no report {nth}")).await;
        app.mail(&domain, format!("Subject: hello {nth}\r\n\r\n")).await;
    }
    app.upload(&domain, tls_report().replace("Reporter Example", "=Reporter"))
        .await;
    keep(app, &domain, "redacted").await;
    app.upload(&domain, fixture("whole-mail.eml")).await;
    let decisions = format!("/domains/{domain}/dmarc/decisions");
    for nth in 0..reports {
        let name = format!("=site{nth}, \"quoted\"");
        let body = json!({ "kind": "network", "subject": format!("192.0.2.{nth}"), "name": name });
        app.post(&decisions, &body).await.expect(200);
        let body = json!({ "kind": "other", "note": format!("=note{nth}, \"quoted\"") });
        app.post(&format!("/domains/{domain}/dmarc/changes"), &body)
            .await
            .expect(200);
    }
    for service in ["Shop", "=News", "Mail"] {
        app.find(&domain, service).await;
    }
    domain
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_has_the_rows_of_its_json_as_csv() {
    let app = TestApp::start().await;
    let domain = filled(&app, 3, &["203.0.113.50", "2001:db8::7"]).await;
    let report = app.get("/arrivals").await.expect(200)["reports"][0]["id"].to_string();
    let paths = csv_paths();
    assert_eq!(paths.len(), 28, "{paths:?}");
    let document: Value = serde_json::from_str(openapi()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let asks = operations["get"]["parameters"].as_array().into_iter().flatten();
        let is_paged = asks.clone().any(|parameter| parameter["name"] == "per_page");
        // A delivery is mostly a body of any form, which has no columns.
        let is_of_bodies = path.ends_with("/{id}/deliveries");
        assert_eq!(is_paged && !is_of_bodies, is_paged && paths.contains(path), "{path}");
    }
    for path in paths {
        let address = path.replace("{report_id}", &report).replace("{id}", &domain);
        let address = address.replace("{source_ip}", PASS.source);
        let address = address.replace("/search", "/search?q=example.com");
        let json = app.get(&address).await.expect(200);
        let members = json.as_object().unwrap().iter();
        let mut rows = members.filter(|(name, value)| {
            let is_beside = ["errors", "warning_list", "conflicts", "history"].contains(&name.as_str())
                || *name == "flows" && path.ends_with("/services")
                || *name == "policies" && path.ends_with("/tls/stats");
            value.is_array() && !is_beside
        });
        let (_, rows) = rows.next().unwrap();
        let joint = if address.contains('?') { '&' } else { '?' };
        let answer = app.get(&format!("{address}{joint}format=csv")).await;
        let lines = lines(&answer);
        let head = cells(&lines[0]);
        assert_eq!(lines.len() - 1, rows.as_array().unwrap().len(), "{path}");
        assert!(lines.len() > 1 || path == "/refused", "{path} is not filled");
        for line in &lines {
            let cells = cells(line);
            assert_eq!(cells.len(), head.len(), "{path}: {line}");
            assert!(
                !cells.iter().any(|cell| cell.starts_with(['=', '+', '-', '@'])),
                "{line}"
            );
        }
        let name = answer.header("content-disposition").unwrap();
        let name = name.strip_prefix("attachment; filename=\"").unwrap();
        let name = name.strip_suffix(".csv\"").unwrap();
        let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "._-".contains(sign);
        assert!(name.len() > 5 && name.chars().all(is_plain), "{path}: {name}");
        if path.starts_with("/domains/") {
            assert!(name.starts_with("example.com_"), "{path}: {name}");
        }
        app.get(&format!("{address}{joint}format=xml"))
            .await
            .refused(422, "unprocessable_entity");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_goes_on_where_its_link_says() {
    const SOURCES: [&str; 5] = ["192.0.2.1", "192.0.2.77", "198.18.0.9", "2001:db8::1", "2001:db8:1::1"];
    let usual = TestApp::start().await;
    // Short answers: each ends with the line that reaches the limit.
    let short = TestApp::start_with(|config| config.page_bytes_max = 250).await;
    for (app, bytes_max) in [(&usual, 1024 * 1024), (&short, 250)] {
        let domain = filled(app, 11, &SOURCES).await;
        let report = app.get("/arrivals").await.expect(200)["reports"][0]["id"].to_string();
        let dmarc = format!("/domains/{domain}/dmarc");
        for (path, rows) in [
            (format!("{dmarc}/sources?sort=source_ip&order=asc"), 6),
            (format!("{dmarc}/senders?days=90"), 5),
            (format!("{dmarc}/reporters?days=90"), 11),
            (format!("{dmarc}/reports?days=90"), 11),
            (format!("{dmarc}/reports/{report}?"), 6),
            (format!("{dmarc}/sources/192.0.2.77?days=30"), 11),
            ("/arrivals?".to_owned(), 11),
            ("/quarantine?kind=all".to_owned(), 22),
            (format!("/domains/{domain}/inbound?"), 11),
            ("/attention?kind=records_missing".to_owned(), 1),
            ("/overview?search=example".to_owned(), 1),
            ("/search?q=198.18.0.0/15&kind=source".to_owned(), 1),
        ] {
            // The store bounds the results of records, and not the rest of them.
            let bytes_max = if path.contains("/sources/") {
                1024 * 1024
            } else {
                bytes_max
            };
            let whole = format!("{path}&format=csv&per_page=1000");
            let (expect, whole_parts) = all_parts(app, &whole, bytes_max).await;
            assert_eq!(expect.len(), rows, "{path}");
            let is_short = app.address == short.address;
            assert!(whole_parts == 1 || is_short, "{path}: {whole_parts}");
            assert!(whole_parts > 1 || !is_short || rows < 6, "{path}: {whole_parts}");
            let (found, parts) = all_parts(app, &format!("{path}&format=csv&per_page=4"), bytes_max).await;
            assert!(parts >= rows.div_ceil(4), "{path}");
            assert_eq!(found, expect, "{path}: each row once, in the same order");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_selects_and_orders_as_json() {
    let app = TestApp::start().await;
    let domain = filled(&app, 2, &["203.0.113.50", "203.0.113.9"]).await;
    for (query, addresses) in [
        (
            "result=fail&sort=source_ip&order=asc",
            &["203.0.113.9", "203.0.113.50"][..],
        ),
        ("result=pass", &["198.51.100.1"]),
        ("network=203.0.113.0/28", &["203.0.113.9"]),
        ("days=1", &[]),
    ] {
        let path = format!("/domains/{domain}/dmarc/sources?{query}&format=csv");
        let answer = app.get(&path).await;
        let found: Vec<_> = lines(&answer)[1..].iter().map(|line| cells(line)[0].clone()).collect();
        assert_eq!(found, addresses, "{query}");
    }
    let (_, foreign) = app.stranger().await;
    let ask = super::Ask::new("GET", &format!("/domains/{domain}/dmarc/sources?format=csv")).key(&foreign);
    app.send(ask).await.refused(404, "not_found");
    // A page holds more rows as CSV, for every key.
    let csv = app.get("/arrivals?format=csv&per_page=5000").await;
    assert_eq!(lines(&csv).len(), 3);
}
