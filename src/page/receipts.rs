//! Which reporters have seen a change work, service by service.

use axum::Form;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::numbers::{counted, grouped};
use super::parts::{described, empty, field_error, hostile, other_errors, time};
use super::query::{Asked, RANGE};
use super::tabs::{Tab, below, find, page};
use super::visitor::{Bare, Visitor};
use crate::api::{OwnerChangeInput, ReceiptBody, ReceiptList, SUBJECT_CHARS_MAX, ServiceReceiptBody, WHY_CHARS_MAX};

/// Standings: the word of the API, its title and its colour.
const STANDINGS: [(&str, &str, &str); 3] = [
    ("failing", "still failing", "bad"),
    ("waiting", "waiting", ""),
    ("confirmed", "confirmed", "good"),
];

/// What can be noted as changed: the word of the API, and its title.
const CHOICES: [(&str, &str); 4] = [
    ("dkim", "DKIM: a signature or its key"),
    ("spf", "SPF: a record or a MAIL FROM domain"),
    ("dmarc", "The policy"),
    ("other", "Something else"),
];

/// `GET /view/{id}/receipts`: of the changes that are known, or of a day that is asked about.
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    shown(&visitor, &id, &asked, (&Typed::default(), None)).await
}

/// The receipts, with the form as it was typed and what is wrong with it.
async fn shown(
    visitor: &Visitor,
    id: &str,
    asked: &Asked,
    (typed, wrong): (&Typed, Option<&Failure>),
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(visitor, id).await?;
    let at = asked
        .get("day")
        .map(|day| format!("{day}T00:00:00Z"))
        .unwrap_or_default();
    let path = below(id, &format!("/dmarc/receipts{}", asked.with(&[], &[("at", &at)])))?;
    let list: Told<ReceiptList> = Told::from(visitor.api.get(&path).await)?;
    let base = format!("/view/{id}");
    let receipts = format!("{base}/receipts");
    let content = html! {
        nav .crumbs aria-label="Way back to the overview" { a href=(format!("{base}{}", asked.only(&RANGE))) { "Overview" } }
        (other_errors(list.wrong(), &["at"]))
        (form(&base, asked, list.wrong()))
        @if let Told::Answer(list) = &list {
            @if list.receipts.is_empty() {
                (empty("No change is known", html! {
                    p { "A change is a DNS record that a check found to be another one, a decision about a sender, or what you note below. The newest ten of the last 90 days are here." }
                }))
            }
            @for (nth, one) in list.receipts.iter().enumerate() { (receipt((visitor, &receipts), nth, one)) }
        }
        @if visitor.may_write() { (posting(visitor, &receipts, typed, wrong)) }
    };
    let status = wrong.map_or(list.status(), |failure| failure.status);
    Ok((status, page(visitor, &domain, Tab::Overview, asked, content)))
}

/// Asks about a day on which something was changed.
fn form(base: &str, asked: &Asked, wrong: Option<&Failure>) -> Markup {
    html! {
        section .card aria-labelledby="receipts" {
            h2 #receipts { "Did a change work?" }
            p .muted { "Reports about days after a change show whether it worked. A report about a time that began before the change says nothing about it." }
            form .inline method="get" action=(format!("{base}/receipts")) {
                label for="day" { "I changed something on" }
                input #day type="date" name="day" value=[asked.get("day")] required aria-describedby=[described(wrong, "at")];
                button type="submit" { "Show" }
                @if asked.get("day").is_some() { a href=(format!("{base}/receipts")) { "Changes that are known" } }
            }
            (field_error(wrong, "at"))
        }
    }
}

/// Notes a change that no check can find.
fn posting(visitor: &Visitor, base: &str, typed: &Typed, wrong: Option<&Failure>) -> Markup {
    html! {
        section .card.slim aria-labelledby="note-change" {
            h2 #note-change { "Note a change" }
            @if let Some(failure) = wrong {
                p .notice.bad role="alert" { "It was not noted: " (hostile(&failure.message)) "." }
            }
            form .stack method="post" action=(format!("{base}/changes")) {
                (visitor.field())
                label for="kind" { "What you changed" }
                select #kind name="kind" {
                    @for (word, title) in CHOICES { option value=(word) selected[word == typed.kind] { (title) } }
                }
                (field_error(wrong, "kind"))
                label for="on" { "Day (optional: now, if empty)" }
                input #on type="date" name="day" value=(typed.day) aria-describedby=[described(wrong, "at")];
                (field_error(wrong, "at"))
                label for="service" { "Only this service (optional)" }
                input #service name="service" value=(typed.service) maxlength=(SUBJECT_CHARS_MAX) autocomplete="off" spellcheck="false";
                (field_error(wrong, "service"))
                label for="note" { "Note (optional)" }
                input #note name="note" value=(typed.note) maxlength=(WHY_CHARS_MAX) autocomplete="off";
                (field_error(wrong, "note"))
                button .primary type="submit" { "Note it" }
            }
        }
    }
}

/// What a form says.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Typed {
    form_token: String,
    kind: String,
    day: String,
    service: String,
    note: String,
}

/// `POST /view/{id}/receipts/changes`
pub(super) async fn post(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Failure> {
    visitor.check(&typed.form_token)?;
    let given = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
    let body = OwnerChangeInput {
        kind: typed.kind.clone(),
        at: given(&typed.day).map(|day| format!("{day}T00:00:00Z")),
        service: given(&typed.service),
        note: given(&typed.note),
    };
    match visitor
        .api
        .tell(Method::POST, &below(&id, "/dmarc/changes")?, &body)
        .await
    {
        Ok(()) => Ok(Redirect::to(&format!("/view/{id}/receipts")).into_response()),
        Err(failure) if failure.is_about_input() => {
            let answer = shown(&visitor, &id, &Asked::default(), (&typed, Some(&failure))).await?;
            Ok(answer.into_response())
        }
        Err(failure) => Err(failure),
    }
}

/// `POST /view/{id}/receipts/changes/{number}/remove`
pub(super) async fn remove(
    visitor: Visitor,
    Path((id, number)): Path<(String, i64)>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let path = below(&id, &format!("/dmarc/changes/{number}"))?;
    visitor.api.tell(Method::DELETE, &path, &()).await?;
    Ok(Redirect::to(&format!("/view/{id}/receipts")))
}

fn receipt((visitor, base): (&Visitor, &str), nth: usize, one: &ReceiptBody) -> Markup {
    let id = format!("change-{nth}");
    html! {
        section .card aria-labelledby=(id) {
            div .head {
                h2 #(id) { (time(&one.at)) }
                @if one.is_closed { span .chip.good { "confirmed" } } @else { span .chip { "open" } }
            }
            p { (hostile(&one.says)) }
            @if let Some(number) = one.change_id { (posted((visitor, base), (nth, number), one)) }
            @if !one.services.is_empty() { (services(nth, &one.services)) }
            @if one.total > one.services.len() as u64 {
                p .small.muted { "These are the first of " (counted(one.total, "service", "services")) "." }
            }
        }
    }
}

/// Who noted the change, and the button that removes it.
fn posted((visitor, base): (&Visitor, &str), (nth, number): (usize, i64), one: &ReceiptBody) -> Markup {
    html! {
        @if let Some(note) = &one.note { p { "Note: " (hostile(note)) } }
        @if let Some(by) = &one.by { p .small.muted { "Noted by " (hostile(by)) } }
        @if visitor.may_write() {
            form method="post" action=(format!("{base}/changes/{number}/remove")) {
                (visitor.field())
                button type="submit" aria-label=(format!("Remove change {}", nth + 1)) { "Remove" }
            }
        }
    }
}

fn services(nth: usize, services: &[ServiceReceiptBody]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label=(format!("Table of services of change {}", nth + 1)) {
            table .cards {
                thead { tr {
                    th scope="col" { "Service" }
                    th scope="col" { "Standing" }
                    th scope="col" .num { "Failed before" }
                    th scope="col" .num { "Passed since" }
                    th scope="col" .num { "Failed since" }
                } }
                tbody { @for one in services { (service(one)) } }
            }
        }
    }
}

fn service(one: &ServiceReceiptBody) -> Markup {
    let (_, title, class) = STANDINGS
        .iter()
        .find(|(word, ..)| *word == one.standing)
        .copied()
        .unwrap_or(("", "not known", ""));
    let since = |of: fn(&crate::api::ReporterReceiptBody) -> u64| {
        let counts = one.reporters.iter().map(of);
        counts.fold(0_u64, u64::saturating_add)
    };
    html! { tr {
        th scope="row" {
            @match &one.service { Some(name) => { (hostile(name)) } None => { span .muted { "without a name" } } }
            div .small.muted { (hostile(&one.says)) }
        }
        td data-label="Standing" { span .chip.(class) { (title) } }
        td .num data-label="Failed before" { (grouped(one.failed_before)) }
        td .num data-label="Passed since" { (grouped(since(|reporter| reporter.pass_count))) }
        td .num data-label="Failed since" { (grouped(since(|reporter| reporter.fail_count))) }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{CHANGE_KINDS, RECEIPT_STANDINGS};

    #[test]
    fn every_kind_has_a_title() {
        assert!(CHOICES.iter().map(|(word, _)| *word).eq(CHANGE_KINDS));
    }

    #[test]
    fn every_standing_has_a_title() {
        assert!(STANDINGS.iter().map(|(word, ..)| *word).eq(RECEIPT_STANDINGS));
    }
}
