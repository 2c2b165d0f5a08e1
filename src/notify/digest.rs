//! A digest as text and as HTML, from its data (`insight/digest.rs`).

use std::fmt::Write as _;

use maud::{Markup, html};
use serde_json::Value;

use super::html::{Mail, button, document};
use crate::base::numbers::{counted, grouped, percent};
use crate::base::text::shown;

/// Longest text of the data, bytes. It may be a stranger's.
const TEXT_BYTES_MAX: usize = 400;

/// A digest in its forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestForms {
    pub subject: String,
    pub text: String,
    /// A whole document.
    pub html: String,
}

/// The forms of the data of a digest. `page`: the URL of the web page, for links.
pub fn digest_forms(data: &Value, page: Option<&str>) -> DigestForms {
    let Mail { subject, text, content } = forms(data, page);
    DigestForms {
        html: document(&subject, &content, &html! {}),
        subject,
        text: text + "\n",
    }
}

/// The mail for a delivery of a digest.
pub(super) fn mail(payload: &str, page: Option<&str>) -> Mail {
    // It was written by this program, perhaps by another version of it.
    let payload: Value = serde_json::from_str(payload).unwrap_or_default();
    forms(&payload["data"], page)
}

fn forms(data: &Value, page: Option<&str>) -> Mail {
    let page = page.map(|page| page.trim_end_matches('/'));
    let said = Said::new(data, page);
    Mail {
        subject: said.title.clone(),
        text: said.text(),
        content: said.html(),
    }
}

/// What is said, before it is text or HTML. No text has characters that could deceive a reader.
struct Said<'p> {
    title: String,
    says: String,
    is_quiet: bool,
    figures: String,
    before: String,
    parts: Vec<Part>,
    page: Option<&'p str>,
}

/// A list with a heading. None is empty.
struct Part {
    heading: &'static str,
    rows: Vec<Row>,
    /// Said under a list that was cut.
    more: Option<String>,
}

struct Row {
    domain: String,
    link: Option<String>,
    what: String,
    /// What to do about it.
    action: String,
}

impl<'p> Said<'p> {
    fn new(data: &Value, page: Option<&'p str>) -> Self {
        let (from, to) = (text(data, "from"), text(data, "to"));
        let domains = items(data, "domains");
        let about = match (domains, count(data, "domains_total")) {
            ([one], 0..=1) => text(one, "domain"),
            (_, many) => counted(many, "domain", "domains"),
        };
        let part = |heading, name: &str, row: fn(&Value) -> (String, String)| Part {
            heading,
            rows: items(data, name)
                .iter()
                .map(|one| Row::new(one, page, row(one)))
                .collect(),
            more: more(data, name),
        };
        let action = |one: &Value| (text(one, "reason"), text(one, "action"));
        let parts = vec![
            part("To do", "to_do", action),
            part("What is new", "new", |one| (text(one, "says"), String::new())),
            part("Silent reporters", "silent", action),
            part("Domains", "domains", |one| {
                let before = sums(one, "previous_");
                (format!("{}. Before: {before}.", sums(one, "")), text(one, "readiness"))
            }),
        ];
        Self {
            title: format!("DMARC of {about}, {from} to {to}"),
            says: text(data, "says"),
            is_quiet: data["nothing_to_do"] == true,
            figures: format!("{}.", sums(data, "")),
            before: format!("The period before: {}.", sums(data, "previous_")),
            parts: parts.into_iter().filter(|part| !part.rows.is_empty()).collect(),
            page,
        }
    }

    fn text(&self) -> String {
        let mut said = format!("{}\n\n{}\n\n{}\n{}\n", self.title, self.says, self.figures, self.before);
        for part in &self.parts {
            let _ = write!(said, "\n{}\n", part.heading);
            for row in &part.rows {
                let domain = if row.domain.is_empty() {
                    "All domains"
                } else {
                    &row.domain
                };
                let _ = writeln!(said, "- {domain}: {}", row.what);
                if !row.action.is_empty() {
                    let _ = writeln!(said, "  {}", row.action);
                }
            }
            if let Some(more) = &part.more {
                let _ = writeln!(said, "  {more}");
            }
        }
        if let Some(page) = self.page {
            let _ = write!(said, "\nOpen in Tallymark: {page}/\n");
        }
        said.truncate(said.trim_end().len());
        said
    }

    fn html(&self) -> Markup {
        html! {
            h1 { (self.title) }
            p .good[self.is_quiet].bad[!self.is_quiet] { strong { (self.says) } }
            p { (self.figures) br; span .small { (self.before) } }
            @for part in &self.parts {
                h2 { (part.heading) }
                ul {
                    @for row in &part.rows {
                        li {
                            strong {
                                @match (&row.link, row.domain.is_empty()) {
                                    (_, true) => { "All domains" }
                                    (Some(link), _) => { a href=(link) { bdi { (row.domain) } } }
                                    (None, _) => { bdi { (row.domain) } }
                                }
                            }
                            ": " bdi { (row.what) }
                            @if !row.action.is_empty() { br; span .small { (row.action) } }
                        }
                    }
                }
                @if let Some(more) = &part.more { p .small { (more) } }
            }
            @if let Some(page) = self.page { (button(&format!("{page}/"), "Open in Tallymark")) }
        }
    }
}

impl Row {
    fn new(one: &Value, page: Option<&str>, (what, action): (String, String)) -> Self {
        let id = one["domain_id"].as_str().unwrap_or_default();
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let link = page.filter(|_| is_id).map(|page| format!("{page}/view/{id}"));
        Self {
            domain: text(one, "domain"),
            link,
            what,
            action,
        }
    }
}

/// Messages, and how many of them passed.
fn sums(data: &Value, prefix: &str) -> String {
    let (pass, fail) = (
        count(data, &format!("{prefix}pass_count")),
        count(data, &format!("{prefix}fail_count")),
    );
    match pass.saturating_add(fail) {
        0 => "no messages were reported".to_owned(),
        all => format!(
            "{}, {} passed DMARC",
            counted(all, "message", "messages"),
            percent(pass, fail)
        ),
    }
}

fn more(data: &Value, name: &str) -> Option<String> {
    let more = count(data, &format!("{name}_total")).checked_sub(items(data, name).len() as u64)?;
    (more > 0).then(|| format!("And {} more.", grouped(more)))
}

fn items<'v>(data: &'v Value, name: &str) -> &'v [Value] {
    data[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(data: &Value, name: &str) -> String {
    shown(data[name].as_str().unwrap_or_default(), TEXT_BYTES_MAX).into_owned()
}

fn count(data: &Value, name: &str) -> u64 {
    data[name].as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data() -> Value {
        json!({
            "from": "2026-03-16", "to": "2026-03-22", "says": "2 things to do.", "nothing_to_do": false,
            "pass_count": 11_999, "fail_count": 1, "previous_pass_count": 9_000, "previous_fail_count": 1_000,
            "domains": [{
                "domain_id": "dom_abc123def456", "domain": "example.com", "pass_count": 11_999, "fail_count": 1,
                "previous_pass_count": 9_000, "previous_fail_count": 1_000,
                "readiness": "You may publish p=quarantine: all checks pass.",
            }],
            "domains_total": 1,
            "to_do": [{ "domain_id": "dom_abc123def456", "domain": "example.com", "reason": "1 sender of yours fails.",
                "action": "Switch on DKIM." }],
            "to_do_total": 3,
            "new": [{ "domain_id": "dom_abc123def456", "domain": "example.com", "says": "Mailchimp sends since 2026-03-18." }],
            "new_total": 1,
            "silent": [], "silent_total": 0,
        })
    }

    const GOLDEN: &str = "\
DMARC of example.com, 2026-03-16 to 2026-03-22

2 things to do.

12,000 messages, 99.9% passed DMARC.
The period before: 10,000 messages, 90.0% passed DMARC.

To do
- example.com: 1 sender of yours fails.
  Switch on DKIM.
  And 2 more.

What is new
- example.com: Mailchimp sends since 2026-03-18.

Domains
- example.com: 12,000 messages, 99.9% passed DMARC. Before: 10,000 messages, 90.0% passed DMARC.
  You may publish p=quarantine: all checks pass.

Open in Tallymark: https://tally.example/
";

    #[test]
    fn a_digest_is_said_in_text() {
        let forms = digest_forms(&data(), Some("https://tally.example/"));
        assert_eq!(forms.text, GOLDEN);
        assert_eq!(forms.subject, "DMARC of example.com, 2026-03-16 to 2026-03-22");
        assert!(
            forms
                .html
                .contains("<a href=\"https://tally.example/view/dom_abc123def456\">")
        );
        assert!(forms.html.contains("prefers-color-scheme:dark"));
        let nothing =
            json!({ "nothing_to_do": true, "says": "Nothing to do.", "from": "2026-03-16", "to": "2026-03-22" });
        let forms = digest_forms(&nothing, None);
        assert!(
            forms.text.contains("\n\nNothing to do.\n\nno messages were reported"),
            "{}",
            forms.text
        );
        assert!(
            forms
                .html
                .contains("<p class=\"good\"><strong>Nothing to do.</strong></p>"),
            "{}",
            forms.html
        );
    }

    /// Every text of the data is hostile, one after the other.
    #[test]
    fn hostile_text_stays_text() {
        const HOSTILE: &str =
            "</li></ul><script>alert(1)</script><img src=//evil.example/x>\" onload=\"x\u{202e}\r\nBcc: a@b";
        fn texts(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
            match value {
                Value::String(_) => change(value),
                Value::Array(items) => items.iter_mut().for_each(|item| texts(item, change)),
                Value::Object(members) => members.values_mut().for_each(|member| texts(member, change)),
                _ => {}
            }
        }
        let mut count = 0;
        texts(&mut data(), &mut |_| count += 1);
        assert!(count > 12, "{count}");
        let plain = digest_forms(&data(), Some("https://tally.example"));
        let tags = |html: &str| html.matches('<').count();
        for nth in 0..count {
            let (mut hostile, mut at) = (data(), 0);
            texts(&mut hostile, &mut |text| {
                if at == nth {
                    *text = HOSTILE.into();
                }
                at += 1;
            });
            let forms = digest_forms(&hostile, Some("https://tally.example"));
            for bad in ["<script", "<img", "onload=\"x", "\u{202e}", "\r"] {
                assert!(!forms.html.contains(bad), "{nth}: {bad} in {}", forms.html);
            }
            assert!(!forms.text.contains(['\r', '\u{202e}']), "{}", forms.text);
            assert!(!forms.subject.contains(['\r', '\n']), "{}", forms.subject);
            // A link to a domain is left out where its id cannot be one.
            assert!(tags(&forms.html) <= tags(&plain.html), "{nth}: {}", forms.html);
        }
        for broken in [json!(null), json!([]), json!({ "domains": 7, "to_do": [1, "x", {}] })] {
            digest_forms(&broken, None);
        }
    }
}
