//! The table of digests.

use maud::{Markup, html};

use super::super::api::Failure;
use super::super::parts::{empty, hostile, hostile_or_dash, time_or_dash};
use super::super::visitor::Visitor;
use super::digest_form::{OwnDomains, period_title};
use super::listed::state;
use crate::api::{DigestBody, DigestList};

/// Names of domains that a row shows.
const NAMES_SHOWN: usize = 3;

/// The digests, and the way to add one where mail is sent.
pub(super) async fn section(visitor: &Visitor, list: &DigestList) -> Result<Markup, Failure> {
    let names_domains = list.digests.iter().any(|digest| digest.domains.is_some());
    let own = match names_domains {
        true => OwnDomains::read(&visitor.api).await?,
        false => OwnDomains::default(),
    };
    Ok(html! {
        section .card aria-labelledby="digests" {
            h2 #digests { "Digests" }
            p .muted { "The state of domains by mail, weekly or monthly." }
            @if list.digests.is_empty() { (empty("No digests", html! { p { "No summary is mailed." } })) }
            @else { (table(&list.digests, &own)) }
            @if list.sends_mail { p { a .button href="/alerts/new/digest" { "Add a digest" } } }
            @else { (no_mail()) }
        }
    })
}

/// What the operator sets before mail can be sent.
pub(super) fn no_mail() -> Markup {
    html! { p .notice role="note" {
        "This installation sends no mail. Its operator sets " code { "[outbound.mail]" } " and " code { "notify.page_url" } "."
    } }
}

fn table(digests: &[DigestBody], own: &OwnDomains) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of digests" {
            table .cards {
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Address" } th scope="col" { "Period" } th scope="col" { "Domains" }
                    th scope="col" { "State" } th scope="col" { "Last attempt" }
                } }
                tbody { @for digest in digests { tr {
                    th scope="row" { a href=(format!("/alerts/digest/{}", digest.id)) { (hostile(&digest.name)) } }
                    td data-label="Address" { (hostile_or_dash(digest.email.as_deref())) }
                    td data-label="Period" { (period_title(&digest.period)) }
                    td data-label="Domains" { (domains(digest, own)) }
                    td data-label="State" { (state(digest.active.into(), digest.disabled_reason.as_deref())) }
                    td data-label="Last attempt" {
                        (time_or_dash(digest.last_used_at.as_deref()))
                        @if let Some(status) = digest.last_status { p .small { "Answer " (status) } }
                    }
                } } }
            }
        }
    }
}

fn domains(digest: &DigestBody, own: &OwnDomains) -> Markup {
    let Some(ids) = &digest.domains else {
        return html! { "all" };
    };
    let names = own.names(ids);
    let more = names.len().saturating_sub(NAMES_SHOWN);
    let shown = &names[..names.len() - more];
    html! {
        @if names.is_empty() { "none that is left" }
        (hostile(&shown.join(", ")))
        @if more > 0 { " and " (more) " more" }
    }
}
