//! Whether mail to a domain comes encrypted: sessions by policy, and what failed.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::export;
use super::numbers::{date, grouped};
use super::parts::{csv_link, empty, hostile_or_dash, no_rows, other_errors, pages, rate, token};
use super::query::{Asked, RANGE};
use super::tabs::{Tab, below, find, page, range_form};
use super::visitor::Visitor;
use crate::api::{TlsFailureBody, TlsFailureList, TlsPolicySums, TlsStats};

const PER_PAGE: &str = "50";
const PAGED: [&str; 4] = ["days", "from", "to", "page"];

/// `GET /view/{id}/tls`
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let path = below(&id, &format!("/tls/stats{}", asked.with(&RANGE, &[("per_page", "1")])))?;
    let stats: Told<TlsStats> = Told::from(visitor.api.get(&path).await)?;
    let path = below(
        &id,
        &format!("/tls/failures{}", asked.with(&PAGED, &[("per_page", PER_PAGE)])),
    )?;
    let failures: Told<TlsFailureList> = Told::from(visitor.api.get(&path).await)?;
    let base = format!("/view/{id}/tls");
    let to = |number: &str| format!("{base}{}", asked.with(&RANGE, &[("page", number)]));
    let content = html! {
        (range_form(&base, &asked, &[], stats.wrong()))
        (other_errors(failures.wrong(), &RANGE))
        @if let Told::Answer(stats) = &stats {
            section .card aria-labelledby="sessions" {
                h2 #sessions { "Encrypted sessions" }
                @if stats.policies.is_empty() { (no_reports()) } @else { (policy_table(&stats.policies)) }
            }
        }
        section .card aria-labelledby="failures" {
            div .head { h2 #failures { "Failures" } (csv_link(&format!("{base}.csv{}", asked.only(&RANGE)))) }
            @if let Told::Answer(TlsFailureList { failures, pagination }) = &failures {
                @let table = failure_table(failures);
                @if failures.is_empty() { (no_rows(pagination, table)) } @else { (table) }
                (pages(pagination, ("failure", "failures"), to))
            }
        }
    };
    Ok((stats.status(), page(&visitor, &domain, Tab::Tls, &asked, content)))
}

/// `GET /view/{id}/tls.csv`
pub(super) async fn csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/tls/failures{}", asked.only(&RANGE)))?;
    export::csv(&visitor.api, path).await
}

fn no_reports() -> Markup {
    empty(
        "No TLS reports",
        html! {
            p {
                "No TLS report covers these days. Senders report how mail to a domain was encrypted if the TXT record "
                code { "_smtp._tls" } " of the domain asks for it: " code { "v=TLSRPTv1; rua=mailto:…" } "."
            }
        },
    )
}

/// The sessions by type of policy. They are not added: reporters count the same sessions under each policy.
fn policy_table(policies: &[TlsPolicySums]) -> Markup {
    html! {
        p .muted { "Reporters count the same session under each policy of a domain." }
        div .scroll tabindex="0" role="region" aria-label="Table of policies" {
            table .cards {
                thead { tr {
                    th scope="col" { "Policy" }
                    th scope="col" .num { "Successful" }
                    th scope="col" .num { "Failed" }
                    th scope="col" { "Success" }
                } }
                tbody { @for policy in policies { tr {
                    th scope="row" { (hostile_or_dash(policy.policy_type.as_deref())) }
                    td .num data-label="Successful" { (grouped(policy.successful_sessions)) }
                    td .num data-label="Failed" { (grouped(policy.failed_sessions)) }
                    td data-label="Success" { (rate(policy.successful_sessions, policy.failed_sessions)) }
                } } }
            }
        }
    }
}

fn failure_table(failures: &[TlsFailureBody]) -> Markup {
    if failures.is_empty() {
        return empty(
            "No failures",
            html! { p { "No failed session was reported for these days." } },
        );
    }
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of failures" {
            table .cards {
                thead { tr {
                    th scope="col" { "Failure" }
                    th scope="col" { "Policy" }
                    th scope="col" { "Receiving host" }
                    th scope="col" { "Sending server" }
                    th scope="col" .num { "Sessions" }
                    th scope="col" { "Last seen" }
                } }
                tbody { @for failure in failures { tr {
                    th scope="row" { (hostile_or_dash(failure.result_type.as_deref())) }
                    td data-label="Policy" { (hostile_or_dash(failure.policy_type.as_deref())) }
                    td data-label="Receiving host" { (hostile_or_dash(failure.receiving_mx.as_deref())) }
                    td data-label="Sending server" { (token(failure.sending_mta_ip.as_deref())) }
                    td .num data-label="Sessions" { (grouped(failure.sessions)) }
                    td .day data-label="Last seen" { (date(&failure.last_seen)) }
                } } }
            }
        }
    }
}
