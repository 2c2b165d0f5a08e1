//! Deciding on the page whose senders are.

use super::protection::Session;
use crate::http::senders::app;

/// What is asked for many senders at once: those that can be decided are, and the others are named.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_senders_those_that_cannot_be_decided_are_named() {
    let (app, id) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    let path = format!("/view/{id}/decisions");
    let form = "kind=network&decision=ours&subject=192.0.2.1&subject=no-network&subject=192.0.2.2&subject=%3Cb%3E";
    let answer = session.post(&app, &path, form).await;
    assert_eq!(answer.status, 422);
    let text = answer.text();
    assert!(
        text.contains("These were not decided: <bdi>no-network, &lt;b&gt;</bdi>. "),
        "{text}"
    );
    assert!(text.contains("value=\"no-network\"") && !text.contains("<b>"), "{text}");
    for decided in ["192.0.2.1/32", "192.0.2.2/32"] {
        assert!(text.contains(decided), "{decided} in {text}");
    }
    let stored = app.get(&format!("/domains/{id}/dmarc/decisions")).await.expect(200);
    assert_eq!(stored["pagination"]["total"], 2);
    // Without any, the form says what is missing.
    let nothing = session.post(&app, &path, "kind=service&decision=ours").await;
    assert_eq!(nothing.status, 422);
    assert!(nothing.text().contains("It was not decided: "), "{}", nothing.text());
}
