//! What was done, as the address of a page says.

use maud::{Markup, html};

use super::super::query::Asked;

/// What was done; nothing if nothing was.
pub(super) fn notice(asked: &Asked) -> Markup {
    let number = |name: &str| asked.get(name).and_then(|number| number.parse::<u32>().ok());
    let answer = number("status").map(|status| format!(" It answered {status}."));
    let good = match asked.get("done") {
        Some("taken") => format!("The test message was accepted.{}", answer.unwrap_or_default()),
        Some("refused") => {
            let answer = answer.unwrap_or_else(|| " There was no answer.".to_owned());
            return html! { p .notice.bad role="status" { "The test message was not accepted." (answer) } };
        }
        Some("added") => "It is added. Send it a test.".to_owned(),
        Some("saved") => "The settings are saved.".to_owned(),
        Some("on") => "It is on: it is told of what happens from now on.".to_owned(),
        Some("off") => "It is off: it is told of nothing.".to_owned(),
        Some("removed") => "It is removed with its deliveries.".to_owned(),
        Some("asks") => "It is added, and is off until its reader agrees: they are sent a mail with a link.".to_owned(),
        Some("agreed") => "The digest is added and on: its reader agreed to mail before.".to_owned(),
        Some("asked") => "The question is sent again.".to_owned(),
        Some("unasked") => {
            let text = "The mail server did not take the question. The log of the program says why.";
            return html! { p .notice.bad role="status" { (text) } };
        }
        Some("mailed") => "The digest is on.".to_owned(),
        Some("unmailed") => "The digest is off: it is not mailed.".to_owned(),
        Some("ended") => "The digest is removed.".to_owned(),
        Some("replayed") => match number("count") {
            Some(count) => format!("Due again: {count}."),
            None => "It is due again, and is sent within seconds.".to_owned(),
        },
        Some("snoozed") => "The finding is snoozed: nothing is told of it until then.".to_owned(),
        Some("woken") => "The snooze has ended: what still holds is told within 15 minutes.".to_owned(),
        _ => return html! {},
    };
    html! { p .notice.good role="status" { (good) } }
}
