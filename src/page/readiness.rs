//! Whether the policy may be stricter: the first thing on a domain's page.

use maud::{Markup, html};

use super::numbers::{counted, date, grouped};
use super::parts::{copy, hostile};
use crate::api::{FailingBody, ReadinessBody, StepBody, TagsBody};

/// The card, for a domain about which something was reported.
pub(super) fn card(view: &str, found: &ReadinessBody) -> Markup {
    let (class, word) = match (found.verdict.as_ref(), found.record.as_ref()) {
        ("done", _) => ("good", "nothing to do"),
        ("ready", _) => ("good", "ready"),
        ("not_yet", _) => ("odd", "not yet"),
        ("no_record", "none" | "several" | "faulty" | "inherited") => ("odd", "a record first"),
        _ => ("", "not known"),
    };
    html! {
        section .card aria-labelledby="readiness" {
            div .head {
                h2 #readiness { "May the policy be stricter?" }
                span .chip.(class) { (word) }
            }
            p #verdict { (hostile(&found.says)) }
            p .small.muted { (now(found)) }
            ul .checks {
                @for one in &found.checks {
                    li .(if one.passed { "passed" } else { "failed" }) {
                        span .hidden { (if one.passed { "Passed: " } else { "Not passed: " }) }
                        (hostile(&one.says))
                    }
                }
            }
            @if found.to_fix_total > 0 {
                p .small { a href="#fails" { (counted(found.to_fix_total, "sender", "senders")) " to fix" } }
            }
            @if found.verdict == "no_record" { p { a href=(format!("{view}/setup")) { "DNS set-up" } } }
            (lost(&found.failing, &found.verdict))
            @if let Some(next) = found.next.as_ref().filter(|_| found.verdict == "ready") { (record(view, next)) }
        }
    }
}

/// The policy now, and since when it is seen.
fn now(found: &ReadinessBody) -> Markup {
    html! {
        "Now: " code { (tags(&found.published)) }
        @match (found.origin.as_ref(), found.record.as_ref()) {
            ("dns", "inherited") => { " in the record of a domain above" }
            ("dns", _) => { " in DNS" }
            ("report", _) => { " in the newest report" }
            _ => {}
        }
        @match &found.seen_since {
            Some(day) => { ", seen by reporters since " (date(day)) "." }
            None if found.record == "own" => { ". The newest report saw another one." }
            None => { "." }
        }
    }
}

fn tags(published: &TagsBody) -> String {
    let TagsBody { p, sp, np, t, pct, .. } = published;
    let words = [("p", p), ("sp", sp), ("np", np), ("t", t)];
    let words = words
        .iter()
        .filter_map(|(tag, word)| Some(format!("{tag}={}", word.as_ref()?)));
    let tags: Vec<_> = words
        .chain(pct.filter(|pct| *pct < 100).map(|pct| format!("pct={pct}")))
        .collect();
    if tags.is_empty() {
        return "no policy".to_owned();
    }
    tags.join("; ")
}

/// What a stricter policy keeps from inboxes.
fn lost(failing: &FailingBody, verdict: &str) -> Markup {
    let FailingBody {
        to_fix,
        forwarded,
        unknown,
        not_ours,
    } = failing;
    let parts = [
        (to_fix, "of your senders"),
        (forwarded, "forwarded"),
        (unknown, "of unknown senders"),
        (not_ours, "not yours"),
    ];
    let all = parts.iter().fold(0_u64, |sum, (count, _)| sum.saturating_add(**count));
    html! {
        @if all > 0 {
            p #lost {
                @if verdict == "done" { "The policy applied to " } @else { "A stricter policy would have applied to " }
                (counted(all, "failing message", "failing messages")) " of these days: "
                @for (nth, (count, words)) in parts.iter().filter(|(count, _)| **count > 0).enumerate() {
                    @if nth > 0 { ", " }
                    span .whole { (grouped(**count)) " " (words) }
                }
                "."
            }
        }
    }
}

/// The record to publish; only where the step can be taken.
fn record(view: &str, next: &StepBody) -> Markup {
    html! {
        @match &next.record {
            Some(record) => {
                h3 { "The record to publish next" }
                p {
                    code #next-record { (hostile(record)) } " "
                    (copy(record, "record"))
                }
                p .small.muted { "It is your record with one tag changed. Publish it at the same name, and look here again after two weeks." }
            }
            None => {
                p .muted { "DNS was not read wholly: " a href=(format!("{view}/setup")) { "see DNS set-up" } "." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    /// The card, with these members of the answer changed.
    fn shown(changes: &Value) -> String {
        let mut body = json!({
            "from": "2026-03-01", "to": "2026-03-30", "verdict": "ready", "says": "A verdict.",
            "published": { "p": "none", "sp": null, "np": null, "adkim": null, "aspf": null, "t": null, "pct": null },
            "origin": "dns", "record": "own", "seen_since": "2026-01-02", "next": null, "checks": [], "to_fix": [],
            "to_fix_total": 0, "failing": { "to_fix": 0, "forwarded": 0, "unknown": 0, "not_ours": 0 }
        });
        for (member, value) in changes.as_object().unwrap() {
            body[member] = value.clone();
        }
        card("/view/dom_x", &from_value(body).unwrap()).into_string()
    }

    #[test]
    fn the_word_of_a_verdict_and_the_way_to_the_set_up() {
        let none = json!({ "p": null });
        for (verdict, record, word, has_way) in [
            ("done", "own", ">nothing to do<", false),
            ("done", "inherited", ">nothing to do<", false),
            ("ready", "own", ">ready<", false),
            ("ready", "not_known", ">ready<", false),
            ("not_yet", "own", ">not yet<", false),
            ("no_data", "own", ">not known<", false),
            ("no_record", "none", ">a record first<", true),
            ("no_record", "several", ">a record first<", true),
            ("no_record", "faulty", ">a record first<", true),
            ("no_record", "inherited", ">a record first<", true),
            ("no_record", "not_known", ">not known<", true),
        ] {
            let html = shown(&json!({ "verdict": verdict, "record": record, "published": none }));
            assert!(html.contains(word), "{verdict} {record}: {html}");
            assert_eq!(
                html.contains("href=\"/view/dom_x/setup\""),
                has_way,
                "{verdict} {record}"
            );
        }
    }

    #[test]
    fn where_the_policy_is_known_from() {
        let none = json!({ "p": null });
        for (changes, expect) in [
            (
                json!({}),
                "Now: <code>p=none</code> in DNS, seen by reporters since <time datetime=\"2026-01-02\">2026-01-02</time>.",
            ),
            (
                json!({ "seen_since": null }),
                "Now: <code>p=none</code> in DNS. The newest report saw another one.",
            ),
            (
                json!({ "record": "inherited", "seen_since": null }),
                "Now: <code>p=none</code> in the record of a domain above.",
            ),
            (
                json!({ "record": "several", "seen_since": null, "published": none }),
                "Now: <code>no policy</code> in DNS.",
            ),
            (
                json!({ "record": "not_known", "origin": "report" }),
                "Now: <code>p=none</code> in the newest report, seen by reporters since <time datetime=\"2026-01-02\">2026-01-02</time>.",
            ),
            (
                json!({ "record": "not_known", "origin": "nothing", "seen_since": null, "published": none }),
                "Now: <code>no policy</code>.",
            ),
        ] {
            let html = shown(&changes);
            assert!(
                html.contains(&format!("<p class=\"small muted\">{expect}</p>")),
                "{expect}: {html}"
            );
        }
    }

    #[test]
    fn a_record_is_offered_if_the_one_in_dns_is_known() {
        let next = |record: Value| json!({ "next": { "tag": "p", "value": "quarantine", "record": record } });
        let html = shown(&next(json!("v=DMARC1; p=quarantine")));
        assert!(
            html.contains("<code id=\"next-record\"><bdi>v=DMARC1; p=quarantine</bdi></code>"),
            "{html}"
        );
        let html = shown(&next(Value::Null));
        assert!(
            html.contains("DNS was not read wholly: <a href=\"/view/dom_x/setup\">see DNS set-up</a>."),
            "{html}"
        );
    }
}
