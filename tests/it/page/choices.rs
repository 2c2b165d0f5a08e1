//! What the user chose or typed is kept: days across pages, forms that were refused, addresses with mistakes.

use std::time::Duration;

use super::protection::{FORM, Session, own};
use super::{app, fill};
use crate::http::{Ask, PASS, Sample, TestApp};

/// The targets of links and forms, as a browser reads them.
fn targets(text: &str) -> Vec<String> {
    let links = text.split("href=\"").skip(1).chain(text.split("action=\"").skip(1));
    links
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_are_kept_on_every_way_between_the_pages_of_a_domain() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    for range in ["days=7", "days=90", "from=2026-03-01&to=2026-03-10"] {
        for tab in [
            "",
            "/sources",
            "/sources/198.51.100.1",
            "/reporters",
            "/dkim",
            "/spf",
            "/reports",
        ] {
            let page = session.get(&app, &format!("/view/{domain}{tab}?{range}")).await;
            assert_eq!(page.status, 200, "{tab} {range}");
            let text = page.text();
            for other in ["", "/sources", "/reporters", "/dkim", "/spf", "/reports"] {
                let tab_link = format!("/view/{domain}{other}?{range}");
                assert!(targets(text).contains(&tab_link), "{tab} {range}: {tab_link}");
            }
            // Whatever else leads to a list of the domain says which days, too.
            let lists = targets(text).into_iter().filter(|target| {
                let path = target.split('?').next().unwrap();
                [".csv", "/reports", "/sources", "/reporters", "/dkim", "/spf"]
                    .iter()
                    .any(|end| path.ends_with(end))
            });
            for target in lists.filter(|target| target.starts_with("/view/") && target.contains('?')) {
                let is_choice = target.contains("days=") || target.contains("from=") || target.contains("all=true");
                assert!(is_choice, "{tab} {range}: {target}");
            }
        }
    }
    // What the first page offers can be fetched.
    for target in targets(session.get(&app, "/").await.text())
        .iter()
        .filter(|target| target.contains("days="))
    {
        assert_eq!(session.get(&app, target).await.status, 200, "{target}");
    }
    let count = async |path: &str| {
        let page = session.get(&app, &format!("/view/{domain}/reports?{path}")).await;
        page.text().matches("data-label=\"Begin\"").count()
    };
    // Days of the reports' windows: the 23rd has none.
    assert_eq!(count("days=7").await, 6);
    assert_eq!(count("days=7&org=Outlook.com").await, 2);
    assert_eq!(count("from=2026-03-01&to=2026-03-10").await, 10);
    assert_eq!(count("all=true").await, 25);
    let api = app
        .get(&format!("/domains/{domain}/dmarc/reports?days=7"))
        .await
        .expect(200);
    assert_eq!(api["pagination"]["total"], 6);
    app.get(&format!("/domains/{domain}/dmarc/reports?days=7&from=2026-03-01"))
        .await
        .refused(422, "unprocessable_entity");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_an_address_are_shown_with_its_form() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    for (path, shown, said) in [
        (
            "/sources?from=2026-11-20&to=2026-11-01",
            "value=\"2026-11-20\"",
            "must not be after to",
        ),
        ("/sources?network=abc", "value=\"abc\"", "aria-invalid=\"true\""),
        ("/sources?days=abc", "days=<bdi>abc</bdi>", "must be a whole number"),
        ("/sources?sort=foo", "<bdi>sort</bdi>", "must be one of"),
        (
            "/sources?days=7&from=2026-03-01",
            "value=\"2026-03-01\"",
            "cannot be combined",
        ),
        ("/sources?result=odd", "All results", "must be one of"),
        ("?days=0", "days=<bdi>0</bdi>", "must be a whole number"),
        ("?from=2026-02-30&to=2026-03-01", "value=\"2026-02-30\"", "is not a day"),
        ("/reporters?page=x", "<bdi>page</bdi>", "must be a whole number"),
        (
            "/dkim?from=2026-03-05&to=2026-03-01",
            "value=\"2026-03-05\"",
            "must not be after to",
        ),
        (
            "/reports?from=2026-11-20&to=2026-11-01",
            "value=\"2026-11-20\"",
            "must not be after to",
        ),
        ("/reports?org=%00", "name=\"org\"", "must be plain text"),
        ("/reports/1?page=x", "<bdi>page</bdi>", "must be a whole number"),
        ("/sources/198.51.100.1?before=x", "<bdi>before</bdi>", "must be one of"),
    ] {
        let page = session.get(&app, &format!("/view/{domain}{path}")).await;
        assert_eq!(page.status, 422, "{path}");
        let text = page.text();
        assert!(
            text.contains("class=\"tabs\"") && text.contains("Sign out"),
            "{path}: {text}"
        );
        assert!(text.contains(shown), "{path} shows {shown}: {text}");
        assert!(text.matches(said).count() == 1, "{path} says once {said}: {text}");
    }
    for (path, said) in [
        ("/?days=400", "more than 92 days"),
        ("/?page=0", "must be a whole number"),
        ("/intake?kind=x", "must be one of"),
        ("/needs-attention?kind=x", "must be one of"),
    ] {
        let page = session.get(&app, path).await;
        assert_eq!(page.status, 422, "{path}");
        assert!(
            page.text().matches(said).count() == 1 && page.text().contains("Sign out"),
            "{path}: {}",
            page.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_address_is_a_page_in_browsers_else_json() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let browse = async |path: &str| {
        let ask = Ask::new("GET", path).header("Cookie", &session.cookie);
        app.send(ask.header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"))
            .await
    };
    for path in [
        "/nothing-here".to_owned(),
        "/view/".to_owned(),
        "/view/dom_nothere000000".to_owned(),
        "/assets/none.css".to_owned(),
        format!("/view/{domain}/nothing"),
        format!("/view/{domain}/reports/999"),
        format!("/view/{domain}/reports/x"),
        "/domain".to_owned(),
        "/quarantine/".to_owned(),
    ] {
        let answer = browse(&path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{path}"
        );
        assert!(answer.header("content-security-policy").is_some(), "{path}");
        assert!(answer.text().contains("Sign out"), "{path}: {}", answer.text());
        let tabs = answer.text().contains("class=\"tabs\"");
        assert_eq!(tabs, path.contains(&domain), "{path}");
    }
    // The API's addresses, for a person: which is what has a key is told.
    assert_eq!(
        browse("/domains").await.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    app.get("/nothing-here").await.refused(404, "not_found");
    app.send(Ask::new("GET", "/domains").header("Accept", "text/html"))
        .await;
    app.send(Ask::new("GET", "/domains").header("Accept", "*/*"))
        .await
        .refused(401, "unauthorized");
    // What the router refuses by itself is a page, too.
    for (method, path, status) in [
        ("POST", "/intake", 405),
        ("POST", "/intake/x/replay", 400),
        ("GET", "/sign-out", 405),
    ] {
        let ask = own(Ask::new(method, path)).header("Cookie", &session.cookie);
        let answer = app.send(ask.body(FORM, "form_token=x")).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains("<h1"), "{path}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_refused_keeps_what_was_entered() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let form = "tls_mode=enforced&open_tracking=on&catch_all=on&custom_return_path=bounce.example.com\
                &tracking_domain=not+a+host&bimi_logo_url=https%3A%2F%2Fexample.com%2Flogo.svg";
    let answer = session.post(&app, &format!("/view/{domain}/settings"), form).await;
    assert_eq!(answer.status, 422);
    let text = answer.text();
    for kept in [
        "value=\"not a host\"",
        "value=\"bounce.example.com\"",
        "value=\"https://example.com/logo.svg\"",
        "<option value=\"enforced\" selected>",
        "name=\"open_tracking\" checked",
        "name=\"catch_all\" checked",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert!(!text.contains("name=\"click_tracking\" checked") && !text.contains("name=\"inbound_enabled\" checked"));
    assert!(
        text.contains("id=\"tracking_domain-error\"") && text.contains("aria-describedby=\"tracking_domain-error\"")
    );
    let stored = app.get(&format!("/domains/{domain}")).await.expect(200);
    assert_eq!(stored["tls_mode"], "opportunistic", "nothing was saved");
    // Siblings: a name that cannot be added, and one that does not confirm.
    let answer = session.post(&app, "/add", "name=no+domain&region=us-east-1").await;
    assert!(
        answer.text().contains("value=\"no domain\"")
            && answer.text().contains("<option value=\"us-east-1\" selected>")
    );
    let answer = session
        .post(&app, &format!("/view/{domain}/delete"), "name=exampel.com")
        .await;
    assert!(answer.text().contains("value=\"exampel.com\""), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_an_ended_session_says_that_nothing_was_saved_and_leads_back() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    app.clock.advance(Duration::from_secs(24 * 3_600 + 1));
    for (path, page) in [
        (format!("/view/{domain}/settings"), format!("/view/{domain}/settings")),
        (format!("/view/{domain}/delete"), format!("/view/{domain}/delete")),
        ("/add".to_owned(), "/add".to_owned()),
        (format!("/view/{domain}/verify"), format!("/view/{domain}/setup")),
        ("/upload".to_owned(), "/intake".to_owned()),
    ] {
        let ask = own(Ask::new("POST", &path))
            .header("Cookie", &session.cookie)
            .header("Referer", &format!("http://{}{page}", app.address));
        let answer = app
            .send(ask.body(FORM, format!("form_token={}", session.form_token)))
            .await;
        assert_eq!(answer.status, 303, "{path}");
        let place = answer.header("location").unwrap().to_owned();
        let next = page.replace('/', "%2F");
        assert_eq!(place, format!("/sign-in?unsaved=true&next={next}"), "{path}");
        let form = app.send(Ask::new("GET", &place)).await;
        assert!(form.text().contains("Nothing was saved"), "{}", form.text());
        assert!(
            form.text().contains(&format!("value=\"{page}\"")),
            "{path}: {}",
            form.text()
        );
    }
    // Signing out of a session that has ended does no harm.
    let answer = session.post(&app, "/sign-out", "").await;
    assert_eq!(answer.header("location"), Some("/sign-in?next=%2F"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_changes_the_list_and_nothing_else() {
    let app = TestApp::start().await;
    fill(&app).await;
    let other = app.add_domain("münchner.example").await;
    app.upload(&other, Sample::new("xn--mnchner-n2a.example", "m", &[PASS]).xml())
        .await;
    let session = Session::sign_in(&app, &app.key).await;
    let parts = async |query: &str| {
        let page = session.get(&app, &format!("/{query}")).await;
        let text = page.text().to_owned();
        let (head, list) = text.split_once("<h2 id=\"domains\">").unwrap();
        let (_, tiles) = head.split_once("<dl class=\"figures\">").unwrap();
        (
            tiles.to_owned(),
            list.matches("data-label=\"Status\"").count(),
            list.to_owned(),
        )
    };
    let (all, count, _) = parts("").await;
    assert_eq!(count, 2);
    assert!(all.contains("<dt>Domains</dt><dd>2</dd>"), "{all}");
    for (search, found) in [
        ("nothing", 0),
        ("example.com", 1),
        ("M%C3%9CNCH", 1),
        ("xn--mn", 1),
        ("mu%CC%88nchner", 1),
        ("example", 2),
    ] {
        let (tiles, count, list) = parts(&format!("?search={search}")).await;
        assert_eq!(count, found, "{search}");
        assert_eq!(tiles, all, "{search}: the figures are those of all domains");
        if search.contains("NCH") {
            assert!(
                list.contains("münchner.example") && list.contains("xn--mnchner-n2a.example"),
                "both forms: {list}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_named_by_their_domain_and_days() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let name = async |path: &str| {
        let answer = session.get(&app, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let header = answer.header("content-disposition").unwrap().to_owned();
        header.split('"').nth(1).unwrap().to_owned()
    };
    for (path, expect) in [
        ("/sources.csv?days=7", "example.com_sources_2026-03-17_2026-03-23.csv"),
        ("/sources.csv", "example.com_sources_2026-02-22_2026-03-23.csv"),
        (
            "/services.csv?from=2026-03-01&to=2026-03-10",
            "example.com_services_2026-03-01_2026-03-10.csv",
        ),
        (
            "/reporters.csv?days=30",
            "example.com_reporters_2026-02-22_2026-03-23.csv",
        ),
        ("/dkim.csv?days=1", "example.com_dkim_2026-03-23_2026-03-23.csv"),
        ("/days.csv?days=30", "example.com_days_2026-02-22_2026-03-23.csv"),
        ("/reports.csv?all=true", "example.com_reports_all_to_2026-03-23.csv"),
        (
            "/sources/198.51.100.1/records.csv?days=7",
            "example.com_198.51.100.1_records_2026-03-17_2026-03-23.csv",
        ),
    ] {
        assert_eq!(name(&format!("/view/{domain}{path}")).await, expect);
    }
    let report = name(&format!("/view/{domain}/reports/1/records.csv")).await;
    assert!(report.starts_with("example.com_report-1_records_2026-0"), "{report}");
    assert_eq!(name("/overview.csv?days=7").await, "domains_2026-03-17_2026-03-23.csv");
    assert_eq!(
        name("/quarantine.csv?kind=other").await,
        "not-counted_other_2026-03-23.csv"
    );
    assert_eq!(
        name("/needs-attention.csv?kind=records_missing").await,
        "needs-attention_records_missing_2026-03-23.csv"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_last_days_have_nothing_the_last_data_is_shown() {
    let app = TestApp::start().await;
    let session = Session::sign_in(&app, &app.key).await;
    let old = app.add_domain("old.example").await;
    let mut sample = Sample::new("old.example", "1", &[PASS]);
    sample.begin -= 200 * 86_400;
    app.upload(&old, sample.xml()).await;
    // 2025-09-03 is 200 days before 2026-03-22.
    for tab in [
        "",
        "/sources",
        "/reporters",
        "/dkim",
        "/reports",
        "/sources/198.51.100.1",
    ] {
        let page = session.get(&app, &format!("/view/{old}{tab}")).await;
        assert_eq!(page.status, 200, "{tab}");
        let text = page.text();
        assert!(text.contains("The last data is of <b>2025-09-03</b>"), "{tab}: {text}");
        assert!(
            text.contains("value=\"2025-08-05\"") && text.contains("value=\"2025-09-03\""),
            "{tab}: {text}"
        );
        assert!(text.contains(">10<") || tab == "/reports", "{tab}: {text}");
    }
    let first = session.get(&app, "/").await;
    assert!(
        first.text().contains("The last data is of <b>2025-09-03</b>"),
        "{}",
        first.text()
    );
    assert!(first.text().contains("2025-08-05 to 2025-09-03"));
    // Days that are asked for are shown as they are, also empty; and a domain with new data shows the last days.
    let page = session.get(&app, &format!("/view/{old}?days=30")).await;
    assert!(
        !page.text().contains("The last data") && page.text().contains("No messages from"),
        "{}",
        page.text()
    );
    let new = app.add_domain("new.example").await;
    app.upload(&new, Sample::new("new.example", "1", &[PASS]).xml()).await;
    let page = session.get(&app, &format!("/view/{new}")).await;
    assert!(!page.text().contains("The last data"), "{}", page.text());
    assert!(!session.get(&app, "/").await.text().contains("The last data"));
}
