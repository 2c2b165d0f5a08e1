//! Incoming webhooks of Mattermost (<https://developers.mattermost.com/integrate/webhooks/incoming/>).
//!
//! A backslash makes Markdown text, but `\@all` still mentions everyone. What a stranger wrote is code, in which nothing is
//! looked for.

use serde_json::{Value, json};

use super::escaping::{backslash, escaped, plain};
use super::settings::Secrets;
use super::{Request, json_post};
use crate::notify::line::{Line, Span};
use crate::notify::message::Message;

/// A post has 16,383. Each part is below a share of that.
const SPAN_MAX: usize = 2_000;

pub(super) fn request(secrets: &Secrets, message: &Message) -> Request {
    Request {
        url: secrets.url().to_owned(),
        post: json_post(&body(message)),
    }
}

pub(super) fn body(message: &Message) -> Value {
    let mut text = format!("**{}**", escaped(&message.title, SPAN_MAX, backslash));
    for line in message.lines.iter().map(line) {
        text.push('\n');
        text.push_str(&line);
    }
    if let Some(link) = &message.link {
        text.push_str(&format!("\n[Open in Tallymark](<{link}>)"));
    }
    json!({ "text": text })
}

fn line(line: &Line) -> String {
    let span = |span: &Span| match span {
        Span::Own(text) => escaped(text, SPAN_MAX, backslash),
        Span::Foreign(text) => code(&escaped(text, SPAN_MAX, plain)),
    };
    line.0.iter().map(span).collect()
}

/// Code between more backticks than are in it in a row (CommonMark, 6.1). The spaces are not shown.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}
