//! A list is whole, or says that it is not and where the rest is; and a page behind the last one is called that.

use super::app;
use super::protection::Session;
use crate::http::{FAIL, PASS, Row, Sample, TestApp};

/// `count` rows of one address in a report.
fn rows(source: &'static str, count: usize) -> Vec<Row> {
    vec![
        Row {
            source,
            count: 2,
            ..FAIL
        };
        count
    ]
}

fn messages(csv: &str) -> (usize, u64) {
    let lines: Vec<_> = csv.lines().skip(1).collect();
    (
        lines.len(),
        lines
            .iter()
            .map(|line| line.split(',').nth(4).unwrap().parse::<u64>().unwrap())
            .sum(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_sources_records_has_all_of_them() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    // Several reports of a few rows; one report with more rows than an answer has; many reports of one row.
    for (source, reports, in_each) in [("192.0.2.77", 8, 9), ("192.0.2.78", 1, 457), ("192.0.2.79", 29, 1)] {
        for nth in 0..reports {
            let mut sample = Sample::new("example.com", &format!("{source}-{nth}"), &rows(source, in_each));
            sample.begin -= nth * 86_400;
            app.upload(&domain, sample.xml()).await;
        }
        let path = format!("/view/{domain}/sources/{source}");
        let csv = session.get(&app, &format!("{path}/records.csv?days=365")).await;
        let total = reports as usize * in_each;
        assert_eq!(messages(csv.text()), (total, 2 * total as u64), "{source}");
        let page = session.get(&app, &format!("{path}?days=365")).await;
        let shown = page.text().matches("<tr class=\"fail\">").count();
        assert_eq!(shown, total.min(50), "{source}");
        assert_eq!(
            page.text().contains("The CSV file has all of them"),
            total > 50,
            "{source}"
        );
        // And page by page, each once.
        let mut seen = shown;
        let mut text = page.text().to_owned();
        while let Some((_, rest)) = text.split_once(&format!("href=\"{path}?days=365&amp;before=")) {
            let before = rest.split('"').next().unwrap().to_owned();
            let next = session.get(&app, &format!("{path}?days=365&before={before}")).await;
            text = next.text().to_owned();
            seen += text.matches("<tr class=\"fail\">").count();
        }
        assert_eq!(seen, total, "{source}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_begins_long_before_the_days_is_looked_through() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    // A window of 100 days that ends yesterday, and one of the week before it.
    for (id, days) in [("quarter", 100), ("week", 8)] {
        let mut sample = Sample::new("example.com", id, &rows("192.0.2.9", 2));
        sample.rows.iter_mut().for_each(|row| row.count = 100);
        sample.begin -= (days - 1) * 86_400;
        let xml = String::from_utf8(sample.xml()).unwrap();
        let end = format!("<end>{}</end>", sample.begin + 86_400);
        let xml = xml.replace(&end, &format!("<end>{}</end>", sample.begin + days * 86_400));
        app.upload(&domain, xml).await;
    }
    let csv = session
        .get(&app, &format!("/view/{domain}/sources/192.0.2.9/records.csv?days=7"))
        .await;
    assert_eq!(messages(csv.text()).0, 4, "{}", csv.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_behind_the_last_one_says_so_and_leads_to_the_last() {
    let (app, domain) = app().await;
    app.upload(&domain, "<feedback>").await;
    for nth in 0..60 {
        app.add_domain(&format!("d{nth}.example")).await;
    }
    let session = Session::sign_in(&app, &app.key).await;
    for (path, last) in [
        (format!("/view/{domain}/sources"), 1),
        (format!("/view/{domain}/sources?group=address"), 1),
        (format!("/view/{domain}/reporters"), 1),
        (format!("/view/{domain}/dkim"), 1),
        (format!("/view/{domain}/reports"), 1),
        (format!("/view/{domain}/reports/1"), 1),
        ("/".to_owned(), 2),
        ("/intake".to_owned(), 1),
        ("/needs-attention?kind=records_missing".to_owned(), 2),
        ("/find?q=example&kind=domain".to_owned(), 2),
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        for number in ["99", "4000000000"] {
            let page = session.get(&app, &format!("{path}{joint}page={number}")).await;
            assert_eq!(page.status, 200, "{path}");
            let text = page.text();
            let shown = if number == "99" { "99" } else { "4,000,000,000" };
            assert!(text.contains(&format!("There is no page {shown}")), "{path}: {text}");
            assert!(
                !text.contains("Page 99 of") && !text.contains("No sources") && !text.contains("Nothing here"),
                "{path}"
            );
            assert!(
                text.contains(&format!("page={last}\" rel=\"prev\">Last page")),
                "{path}: {text}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_says_how_many_need_attention_and_shows_all_of_them_elsewhere() {
    let app = TestApp::start().await;
    for nth in 0..245 {
        app.add_domain(&format!("d{nth}.example")).await;
    }
    // The domain with messages comes first, though it was added last.
    let busy = app.add_domain("zz.example").await;
    app.upload(&busy, Sample::new("zz.example", "1", &[PASS]).xml()).await;
    let session = Session::sign_in(&app, &app.key).await;
    let first = session.get(&app, "/").await;
    assert!(first.text().contains("Not verified: all 246"), "{}", first.text());
    let mut seen = 0;
    for number in 1..=5 {
        let page = session
            .get(&app, &format!("/needs-attention?kind=records_missing&page={number}"))
            .await;
        seen += page.text().matches("<li class=\"records_missing\">").count();
        if number == 1 {
            let at = |name: &str| page.text().find(name);
            assert!(
                at("zz.example") < at("d0.example") && at("zz.example").is_some(),
                "the worst first"
            );
        }
    }
    assert_eq!(seen, 246);
    let csv = session.get(&app, "/needs-attention.csv?kind=records_missing").await;
    assert_eq!(csv.text().lines().count(), 247);
    assert_eq!(session.get(&app, "/overview.csv").await.text().lines().count(), 247);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_days_has_every_day() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let session = Session::sign_in(&app, &app.key).await;
    for nth in 0..450 {
        let mut sample = Sample::new("example.com", &nth.to_string(), &[PASS]);
        sample.begin -= nth * 86_400;
        app.upload(&domain, sample.xml()).await;
    }
    let page = session.get(&app, &format!("/view/{domain}?days=1000")).await;
    // And today, of which nothing has come yet.
    assert_eq!(page.text().matches("#daily\">202").count(), 451);
    let csv = session.get(&app, &format!("/view/{domain}/reports.csv?all=true")).await;
    assert_eq!(csv.text().lines().count(), 451);
    // The latest reports are a part: that is said, and the file has the rest.
    let intake = session.get(&app, "/intake").await;
    assert!(intake.text().contains("The last 50; the file has"), "{}", intake.text());
    assert_eq!(session.get(&app, "/arrivals.csv").await.text().lines().count(), 451);
}
