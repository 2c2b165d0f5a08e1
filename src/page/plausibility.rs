//! Which reporters contradict their own evidence.

use axum::extract::Path;
use axum::http::StatusCode;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::numbers::{counted, date, grouped, percent};
use super::parts::{empty, hostile, hostile_or_dash, other_errors};
use super::query::{Asked, RANGE};
use super::tabs::{Found, Tab, below, find, found, page, range_form};
use super::visitor::Visitor;
use crate::api::{ContradictionExample, PlausibilityBody, PlausibleFigures, ReporterPlausibilityBody};

/// Kinds of contradictions: the word of the API, and its title.
const KINDS: [(&str, &str); 6] = [
    ("dkim_pass_without_evidence", "DKIM aligned without evidence"),
    ("dkim_fail_despite_evidence", "DKIM not aligned despite evidence"),
    ("spf_pass_without_evidence", "SPF aligned without evidence"),
    ("spf_fail_despite_evidence", "SPF not aligned despite evidence"),
    ("stricter_without_reason", "more done than asked"),
    ("milder_without_reason", "less done than asked"),
];

/// `GET /view/{id}/plausibility`
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let path = |asked: &Asked| below(&id, &format!("/dmarc/plausibility{}", asked.only(&RANGE)));
    let is_empty = |body: &Told<PlausibilityBody>| matches!(body, Told::Answer(body) if body.total == 0);
    let Found {
        list: body,
        asked,
        notice,
    } = found(&visitor, &id, asked, path, is_empty).await?;
    let base = format!("/view/{id}/plausibility");
    let content = html! {
        nav .crumbs aria-label="Way back to the reporters" { a href=(format!("/view/{id}/reporters{}", asked.only(&RANGE))) { "Reporters" } }
        (range_form(&base, &asked, &[], body.wrong()))
        (other_errors(body.wrong(), &RANGE))
        (notice)
        @if let Told::Answer(body) = &body { (figures(body)) (reporters(&id, &body.reporters, body.total)) }
    };
    Ok((body.status(), page(&visitor, &domain, Tab::Reporters, &asked, content)))
}

/// The figures of the domain, by whom they are believed.
fn figures(body: &PlausibilityBody) -> Markup {
    let rows = [
        ("All reports", &body.all),
        ("Without reporters that contradict themselves", &body.plausible),
        ("Only reports whose mail is authentic", &body.authenticated),
    ];
    html! {
        section .card aria-labelledby="plausibility" {
            h2 #plausibility { "Do reports agree with their own evidence?" }
            p #plausibility-says { (hostile(&body.says)) }
            div .scroll tabindex="0" role="region" aria-label="Table of figures" {
                table .cards {
                    thead { tr {
                        th scope="col" { "Figures" }
                        th scope="col" .num { "Messages" }
                        th scope="col" .num { "Pass, as reported" }
                        th scope="col" .num { "Pass, by the evidence" }
                    } }
                    tbody { @for (title, one) in rows { tr {
                        th scope="row" { (title) }
                        td .num data-label="Messages" { (grouped(one.messages)) }
                        td .num data-label="Pass, as reported" { (share(one, one.pass_count)) }
                        td .num data-label="Pass, by the evidence" { (share(one, one.pass_by_evidence)) }
                    } } }
                }
            }
            @if !body.records_kept {
                p .small { "Not judged: " (counted(body.without_records.messages, "message", "messages"))
                    " of reports whose records are no longer kept." }
            }
        }
    }
}

fn share(figures: &PlausibleFigures, part: u64) -> Markup {
    html! {
        @if figures.messages == 0 { span .muted { "–" } }
        @else { (percent(part, figures.messages.saturating_sub(part))) }
    }
}

fn reporters(id: &str, reporters: &[ReporterPlausibilityBody], total: u64) -> Markup {
    html! {
        section .card aria-labelledby="who-contradicts" {
            h2 #who-contradicts { "Reporters" }
            @if reporters.is_empty() {
                (empty("No records", html! { p { "No report is about these days. Choose more days above." } }))
            } @else {
                div .scroll tabindex="0" role="region" aria-label="Table of reporters" {
                    table .cards {
                        thead { tr {
                            th scope="col" { "Reporter" }
                            th scope="col" .num { "Messages" }
                            th scope="col" .num { "Contradicting" }
                            th scope="col" { "Newest example" }
                        } }
                        tbody { @for one in reporters { tr {
                            th scope="row" {
                                @match &one.org_name { Some(name) => { (hostile(name)) } None => { span .muted { "no name given" } } }
                                @if one.contradicts_itself { " " span .chip.odd { "contradicts itself" } }
                                div .small.muted { (hostile(&one.says)) }
                            }
                            td .num data-label="Messages" { (grouped(one.messages)) }
                            td .num data-label="Contradicting" { (grouped(one.contradicting_messages)) }
                            td data-label="Newest example" { @match one.examples.first() {
                                Some(example) => { (newest(id, example)) }
                                None => { span .muted { "–" } }
                            } }
                        } } }
                    }
                }
                @if total > reporters.len() as u64 {
                    p .small.muted { "These are the first of " (counted(total, "reporter", "reporters")) "." }
                }
            }
        }
    }
}

fn newest(id: &str, example: &ContradictionExample) -> Markup {
    let number = example.report.rsplit('/').next().unwrap_or_default();
    html! {
        a href=(format!("/view/{id}/reports/{number}")) { (date(&example.day)) } " "
        (hostile_or_dash(example.source_ip.as_deref()))
        @for kind in &example.kinds { div .small.muted { (title(kind)) } }
    }
}

fn title(kind: &str) -> &'static str {
    let known = KINDS.iter().find(|(word, _)| *word == kind);
    known.map_or("another contradiction", |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::CONTRADICTIONS;

    #[test]
    fn every_kind_has_a_title() {
        assert!(KINDS.iter().map(|(word, _)| *word).eq(CONTRADICTIONS));
    }
}
