//! What changed: the records in DNS as checks found them, and the policy as reporters saw it.

use maud::{Markup, html};
use serde_json::Value;

use super::api::Failure;
use super::numbers::counted;
use super::parts::{hostile, time};
use super::tabs::below;
use super::visitor::Visitor;
use crate::api::{FindingBody, FindingList};

/// Changes of each kind that are shown, the newest.
const SHOWN: &str = "50";

/// A change, and what it was from and to.
#[derive(Debug)]
pub(super) struct Change {
    /// When it was found.
    pub at: String,
    pub what: String,
    before: Vec<String>,
    after: Vec<String>,
}

/// The changes that the rules remember of a domain, newest first. They are asked for at once, whenever they are awaited.
pub(super) fn changes(
    visitor: &Visitor,
    id: &str,
) -> Result<impl Future<Output = Result<Vec<Change>, Failure>> + use<>, Failure> {
    let path = |kind: &str| below(id, &format!("/dmarc/findings?kind={kind}&per_page={SHOWN}"));
    let records = visitor.api.ask::<FindingList>(path("record_changed")?);
    let policies = visitor.api.ask::<FindingList>(path("policy_changed")?);
    Ok(async move {
        let mut changes: Vec<_> = records.await?.findings.iter().map(record).collect();
        changes.extend(policies.await?.findings.iter().map(policy));
        changes.sort_by(|a, b| b.at.cmp(&a.at));
        Ok(changes)
    })
}

fn record(finding: &FindingBody) -> Change {
    let name = finding.subject.as_deref().unwrap_or_default().replace('_', " ");
    Change {
        at: finding.began_at.clone(),
        what: format!("{name} record in DNS"),
        before: texts(finding.data.get("before")),
        after: texts(finding.data.get("after")),
    }
}

fn policy(finding: &FindingBody) -> Change {
    Change {
        at: finding.began_at.clone(),
        what: "Policy that reporters saw".to_owned(),
        before: tags(finding.data.get("previous_policy")),
        after: tags(finding.data.get("policy")),
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// `p=none; sp=reject`
fn tags(value: Option<&Value>) -> Vec<String> {
    let tags = value.and_then(Value::as_object).into_iter().flatten();
    let tags = tags.filter_map(|(tag, value)| match value {
        Value::String(text) => Some(format!("{tag}={text}")),
        Value::Number(number) => Some(format!("{tag}={number}")),
        _ => None,
    });
    let tags: Vec<_> = tags.collect();
    if tags.is_empty() {
        Vec::new()
    } else {
        vec![tags.join("; ")]
    }
}

/// The card of all changes.
pub(super) fn card(changes: &[Change]) -> Markup {
    html! {
        section #history .card aria-labelledby="changes" {
            div .head {
                h2 #changes { "What changed" }
                @if !changes.is_empty() { span .muted.small { (counted(changes.len() as u64, "change", "changes")) ", the newest first" } }
            }
            @if changes.is_empty() {
                p .calm { "No record and no policy changed since they were first read. Changes are found when DNS is asked, and are kept for 400 days." }
            } @else {
                ol .changes { @for change in changes { li {
                    p { (time(&change.at)) " " b { (hostile(&change.what)) } }
                    dl .facts {
                        dt { "Before" } dd { (compared(&change.before, &change.after, Side::Before)) }
                        dt { "After" } dd { (compared(&change.after, &change.before, Side::After)) }
                    }
                } } }
            }
        }
    }
}

/// Which side of a change is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// Texts with the words marked that the other side has not.
fn compared(texts: &[String], others: &[String], side: Side) -> Markup {
    let known: Vec<&str> = others.iter().flat_map(|text| words(text)).map(bare).collect();
    html! {
        @if texts.is_empty() { span .muted { "nothing" } }
        @for text in texts { div .mono { @for word in words(text) {
            @match (known.contains(&bare(word)), side) {
                (true, _) => { (hostile(word)) }
                (false, Side::Before) => { del { (hostile(word.trim_end())) } (blank(word)) }
                (false, Side::After) => { ins { (hostile(word.trim_end())) } (blank(word)) }
            }
        } } }
    }
}

/// A record's words, each with what separates it from the next.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive([' ', ','])
}

/// The blank that a word ends with.
fn blank(word: &str) -> &str {
    if word.ends_with(' ') { " " } else { "" }
}

/// A word without its separator.
fn bare(word: &str) -> &str {
    word.trim_matches([' ', ';', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_came_and_went_are_marked() {
        let shown = |texts: &[&str], others: &[&str], side| {
            let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
            let html = compared(&owned(texts), &owned(others), side).into_string();
            html.replace("<bdi>", "").replace("</bdi>", "")
        };
        let (old, new) = (
            "v=DMARC1; p=none; rua=mailto:a@b.example",
            "v=DMARC1; p=reject; rua=mailto:a@b.example",
        );
        let expect = "<div class=\"mono\">v=DMARC1; <del>p=none;</del> rua=mailto:a@b.example</div>";
        assert_eq!(shown(&[old], &[new], Side::Before), expect);
        assert!(shown(&[new], &[old], Side::After).contains("<ins>p=reject;</ins>"));
        assert_eq!(shown(&[], &[new], Side::Before), "<span class=\"muted\">nothing</span>");
        assert!(shown(&["<b>"], &[], Side::After).contains("<ins>&lt;b&gt;</ins>"));
    }

    #[test]
    fn a_policy_is_its_tags() {
        let value = serde_json::json!({ "p": "reject", "pct": 50, "sp": null });
        assert_eq!(tags(Some(&value)), ["p=reject; pct=50"]);
        assert!(tags(None).is_empty());
    }
}
