//! Which reporters have seen a change work, service by service.

use axum::extract::Path;
use axum::http::StatusCode;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::numbers::{counted, grouped};
use super::parts::{described, empty, field_error, hostile, other_errors, time};
use super::query::{Asked, RANGE};
use super::tabs::{Tab, below, find, page};
use super::visitor::Visitor;
use crate::api::{ReceiptBody, ReceiptList, ServiceReceiptBody};

/// Standings: the word of the API, its title and its colour.
const STANDINGS: [(&str, &str, &str); 3] = [
    ("failing", "still failing", "bad"),
    ("waiting", "waiting", ""),
    ("confirmed", "confirmed", "good"),
];

/// `GET /view/{id}/receipts`: of the changes that are known, or of a day that is asked about.
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let at = asked
        .get("day")
        .map(|day| format!("{day}T00:00:00Z"))
        .unwrap_or_default();
    let path = below(&id, &format!("/dmarc/receipts{}", asked.with(&[], &[("at", &at)])))?;
    let list: Told<ReceiptList> = Told::from(visitor.api.get(&path).await)?;
    let base = format!("/view/{id}");
    let content = html! {
        nav .crumbs aria-label="Way back to the overview" { a href=(format!("{base}{}", asked.only(&RANGE))) { "Overview" } }
        (other_errors(list.wrong(), &["at"]))
        (form(&base, &asked, list.wrong()))
        @if let Told::Answer(list) = &list {
            @if list.receipts.is_empty() {
                (empty("No change is known", html! {
                    p { "A change is a DNS record that a check found to be another one, or a decision about a sender. The newest ten of the last 90 days are here." }
                }))
            }
            @for (nth, one) in list.receipts.iter().enumerate() { (receipt(nth, one)) }
        }
    };
    Ok((list.status(), page(&visitor, &domain, Tab::Overview, &asked, content)))
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

fn receipt(nth: usize, one: &ReceiptBody) -> Markup {
    let id = format!("change-{nth}");
    html! {
        section .card aria-labelledby=(id) {
            div .head {
                h2 #(id) { (time(&one.at)) }
                @if one.is_closed { span .chip.good { "confirmed" } } @else { span .chip { "open" } }
            }
            p { (hostile(&one.says)) }
            @if !one.services.is_empty() { (services(nth, &one.services)) }
            @if one.total > one.services.len() as u64 {
                p .small.muted { "These are the first of " (counted(one.total, "service", "services")) "." }
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
    use crate::api::RECEIPT_STANDINGS;

    #[test]
    fn every_standing_has_a_title() {
        assert!(STANDINGS.iter().map(|(word, ..)| *word).eq(RECEIPT_STANDINGS));
    }
}
