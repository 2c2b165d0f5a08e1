//! The chart of a domain's days: each is a link, several are chosen together, and those that reports still come for say so.

use super::browser::run;
use super::protection::Session;
use crate::http::{FAIL, PASS};
use crate::insight::rules::{DAY, app as with_domain, report};

#[tokio::test(flavor = "multi_thread")]
async fn days_are_chosen_by_a_click_a_drag_the_keyboard_and_without_a_script() {
    let (app, id) = with_domain().await;
    for _ in 0..30 {
        report(&app, &id, &[PASS, FAIL]).await;
        app.clock.advance(DAY);
    }
    let session = Session::sign_in(&app, &app.key).await;
    let view = format!("/view/{id}");
    // Yesterday's report has not come, and today's cannot.
    let page = session.get(&app, &format!("{view}?days=7&split=service")).await;
    let page = page.text();
    assert_eq!(
        page.matches("class=\"partial\"").count(),
        2 * 2 + 1,
        "on both charts, and once in the legend"
    );
    assert_eq!(page.matches("not wholly reported yet").count(), 1);
    assert!(
        page.contains("hardly anything reported so far, without google.com"),
        "{page}"
    );
    // A week that is settled has neither frames nor the word.
    let whole = session
        .get(&app, &format!("{view}?from=2026-03-25&to=2026-03-31"))
        .await;
    assert!(!whole.text().contains("class=\"partial\"") && !whole.text().contains("not wholly reported"));
    assert!(whole.text().contains("class=\"hits\""), "there are days");
    let origin = format!("http://{}", app.address);
    run("days.mjs", &[&origin, &app.key, &view]).await;
}

#[tokio::test]
async fn reporters_are_sorted_by_the_heads_of_their_columns() {
    let (app, id) = super::app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let page = async |query: &str| {
        let page = session.get(&app, &format!("/view/{id}/reporters{query}")).await;
        let text = page.text().to_owned();
        let place = |name: &str| text.find(&format!("<bdi>{name}</bdi>")).unwrap();
        (place("Outlook.com") < place("google.com"), text)
    };
    let (is_outlook_first, usual) = page("").await;
    assert!(!is_outlook_first, "most messages first");
    assert!(usual.contains("aria-sort=\"descending\""));
    for (query, expect) in [
        ("?sort=count&order=asc", true),
        ("?sort=reports&order=desc", false),
        ("?sort=org_name&order=asc", false),
        ("?sort=org_name&order=desc", true),
    ] {
        let (is_outlook_first, text) = page(query).await;
        assert_eq!(is_outlook_first, expect, "{query}");
        // The choice of days keeps the order, and so does the file.
        let kept = query.trim_start_matches('?').replace('&', "&amp;");
        assert!(text.contains(&format!("{kept}&amp;days=7")), "{query}: {text}");
        assert!(text.contains(&format!("/reporters.csv?{kept}")), "{query}");
    }
    let refused = session.get(&app, &format!("/view/{id}/reporters?sort=odd")).await;
    assert_eq!(refused.status, 422);
}
