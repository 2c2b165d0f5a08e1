//! Mail: plain text, and the same as HTML. Both have what every mail has under them (`notify/mailing.rs`).

use maud::html;

use super::settings::Secrets;
use crate::base::MailAddress;
use crate::notify::html::{Mail, button};
use crate::notify::line::Span;
use crate::notify::message::Message;

/// The address of a channel; `None` if the stored text is not one.
pub(in super::super) fn address(secrets: &Secrets) -> Option<MailAddress> {
    MailAddress::parse(secrets.get("address")).ok()
}

/// What a mail about an event says.
pub(in super::super) fn mail(message: &Message) -> Mail {
    let mut text = message.text();
    if let Some(link) = &message.link {
        text.push_str(&format!("\n\nOpen in Tallymark: {link}"));
    }
    let content = html! {
        h1 { (message.title) }
        @for line in &message.lines {
            p {
                @for span in &line.0 {
                    @match span {
                        Span::Own(text) => { (text) }
                        // Isolated: what a stranger wrote does not turn what is around it.
                        Span::Foreign(text) => { bdi { (text) } }
                    }
                }
            }
        }
        @if let Some(link) = &message.link { (button(link, "Open in Tallymark")) }
    };
    Mail {
        subject: message.title.clone(),
        text: text.trim_start().to_owned(),
        content,
    }
}
