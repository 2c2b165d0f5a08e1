//! What the rules found, and the buttons that snooze it.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::api::{Failure, Told};
use super::super::export;
use super::super::parts::{csv_link, empty, hostile, other_errors, plain, time};
use super::super::query::{Asked, DAY_MILLIS, query_escaped};
use super::super::state::PageState;
use super::super::visitor::{Bare, Visitor};
use super::kind::is_plain;
use crate::api::{FindingBody, FindingList, SnoozeInput};
use crate::base::clock::format_instant;

/// Findings on a page.
const PER_PAGE: &str = "25";
/// States of findings: the word of the API, its title, and what is said where there are none.
const STATES: [(&str, &str, &str); 3] = [
    ("open", "Open", "Nothing is the matter, as far as the reports say."),
    ("snoozed", "Snoozed", "Nothing is snoozed."),
    (
        "ended",
        "History",
        "Nothing has been found and ended in the last 400 days.",
    ),
];
/// Days of a snooze: what is sent, and its title.
const DAYS: [(&str, &str); 3] = [("1", "1 day"), ("7", "7 days"), ("30", "30 days")];

/// The findings in a state, as a part of a page, and the status of that page.
pub(super) async fn section(visitor: &Visitor, asked: &Asked) -> Result<(StatusCode, Markup), Failure> {
    let state = asked.get("state").unwrap_or(STATES[0].0);
    let query = asked.with(&["after"], &[("state", state), ("per_page", PER_PAGE)]);
    let list = Told::from(visitor.api.get::<FindingList>(&format!("/findings{query}")).await)?;
    let nothing = STATES
        .iter()
        .find(|(word, ..)| *word == state)
        .map_or("", |(.., says)| says);
    let here = format!("/alerts?state={}", query_escaped(state));
    let section = html! {
        section .card aria-labelledby="findings" {
            div .head {
                h2 #findings { "Findings" }
                div .segments role="group" aria-label="State" { @for (word, title, _) in STATES {
                    a href=(format!("/alerts?state={word}")) aria-current=[(word == state).then_some("true")] { (title) }
                } }
                (csv_link(&format!("/findings.csv?state={}", query_escaped(state))))
            }
            (other_errors(list.wrong(), &[]))
            @if let Told::Answer(FindingList { findings, next, .. }) = &list {
                @if findings.is_empty() { (empty("No findings", html! { p { (nothing) } })) }
                @else { (table(visitor, findings)) }
                @let is_behind = asked.get("after").is_some();
                @if is_behind || next.is_some() { nav .pages aria-label="Pages of findings" {
                    @if is_behind { a .button href=(here) rel="first" { "First page" } }
                    @if let Some(next) = next { a .button href=(format!("{here}&after={}", query_escaped(next))) rel="next" { "Earlier ones" } }
                } }
            }
        }
    };
    Ok((list.status(), section))
}

fn table(visitor: &Visitor, findings: &[FindingBody]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of findings" {
            table .cards.findings {
                thead { tr {
                    th scope="col" { "What was found" } th scope="col" { "Began" } th scope="col" { "State" }
                    th scope="col" { span .hidden { "Actions" } }
                } }
                tbody { @for finding in findings { tr {
                    th scope="row" {
                        a href=(format!("/view/{}", finding.domain_id)) { (hostile(&finding.title)) }
                        p .small { (hostile(&finding.text)) }
                    }
                    td data-label="Began" { (time(&finding.began_at)) }
                    td data-label="State" { (state(finding)) }
                    td { @if visitor.may_write() { (actions(visitor, finding)) } }
                } } }
            }
        }
    }
}

fn state(finding: &FindingBody) -> Markup {
    let snooze = finding.snooze.as_ref();
    html! {
        @match (&finding.ended_at, snooze.filter(|_| finding.state == "snoozed")) {
            (Some(at), _) => { "ended " (time(at)) }
            (None, Some(snooze)) => {
                span .chip { "snoozed" } " until " (time(&snooze.until))
                p .small.muted { "by " (hostile(&snooze.by)) @if let Some(note) = &snooze.note { ": " (hostile(note)) } }
            }
            (None, None) => span .chip.bad { "open" },
        }
    }
}

fn actions(visitor: &Visitor, finding: &FindingBody) -> Markup {
    let what = format!(
        "{} {}",
        plain(&finding.title),
        plain(finding.subject.as_deref().unwrap_or_default())
    );
    html! {
        @match finding.state.as_ref() {
            "open" => form .inline method="post" action=(format!("/alerts/findings/{}/snooze", finding.id)) {
                (visitor.field())
                span .small.muted { "Snooze" }
                @for (days, title) in DAYS {
                    button type="submit" name="days" value=(days) aria-label=(format!("Snooze for {title}: {what}")) { (title) }
                }
            },
            "snoozed" => form method="post" action=(format!("/alerts/findings/{}/wake", finding.id)) {
                (visitor.field())
                button type="submit" aria-label=(format!("End the snooze: {what}")) { "End the snooze" }
            },
            _ => {}
        }
    }
}

/// For how long a finding is snoozed.
#[derive(Debug, Deserialize)]
pub(super) struct Days {
    form_token: String,
    days: String,
}

/// `POST /alerts/findings/{id}/snooze`
pub(super) async fn snooze(
    State(state): State<PageState>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Days>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let known = DAYS.iter().find(|(days, _)| *days == form.days);
    let days: i64 = known
        .and_then(|(days, _)| days.parse().ok())
        .ok_or_else(Failure::missing)?;
    let wanted = SnoozeInput {
        until: format_instant(state.clock.now() + days * DAY_MILLIS),
        note: None,
    };
    visitor.api.tell(Method::PUT, &path(&id)?, &wanted).await?;
    Ok(Redirect::to("/alerts?done=snoozed"))
}

/// `POST /alerts/findings/{id}/wake`
pub(super) async fn wake(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    visitor.api.tell(Method::DELETE, &path(&id)?, &()).await?;
    Ok(Redirect::to("/alerts?done=woken"))
}

/// `GET /findings.csv`
pub(super) async fn csv(visitor: Visitor, asked: Asked) -> Result<Response, Failure> {
    export::csv(&visitor.api, format!("/findings{}", asked.only(&["state"]))).await
}

fn path(id: &str) -> Result<String, Failure> {
    match is_plain(id) {
        true => Ok(format!("/findings/{id}/snooze")),
        false => Err(Failure::missing()),
    }
}
