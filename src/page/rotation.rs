//! From one DKIM key of a domain to the next: how far it is, the record to publish, and what can be done.

use axum::Form;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Redirect;
use maud::{Markup, html};

use super::api::Failure;
use super::parts::time;
use super::tabs::below;
use super::visitor::{Bare, Visitor};
use crate::api::{RotationBody, RotationOne};

/// The card of the DNS page. The record of the key that does not sign follows it.
pub(super) async fn card(visitor: &Visitor, id: &str) -> Result<Markup, Failure> {
    let RotationOne { bare: known, .. } = visitor.api.get(&below(id, "/dkim/rotate")?).await?;
    // A domain that signs nothing has no key to change.
    let Some(active) = &known.active_selector else {
        return Ok(html! {});
    };
    let chip = match known.state.as_ref() {
        "pending_dns" => "record awaited",
        "ready" => "ready",
        "retiring" => "switched",
        _ => "not under way",
    };
    Ok(html! {
        section .card aria-labelledby="rotation" {
            div .head {
                h2 #rotation { "Change the DKIM key" }
                span .chip { (chip) }
            }
            p { "Mail is signed with the selector " code { (active) } "." }
            (says(&known))
            @if visitor.may_write() { (steps(visitor, id, &known)) }
        }
    })
}

fn says(known: &RotationBody) -> Markup {
    let pending = known.pending_selector.as_deref().unwrap_or_default();
    let retired = known.retired_selector.as_deref().unwrap_or_default();
    html! {
        @match known.state.as_ref() {
            "pending_dns" => {
                p { "The next key has the selector " code { (pending) } ". Publish its record, which is shown below, and leave the record of the \
                    present key where it is. Until the record is seen, nothing changes, however long that takes." }
            }
            "ready" => {
                p { "The record of the next key, " code { (pending) } ", is in DNS. "
                    @if let Some(at) = &known.activates_after {
                        "The key signs from " (time(at)) " on, when no cache is without its record any more."
                    }
                }
            }
            "retiring" => {
                p { "The record of the key before, " code { (retired) } ", must stay for mail that is still on its way. That ends when \
                    every reporter that saw the key has sent a later report without it"
                    @if let Some(at) = &known.retire_after { ", and at the latest " (time(at)) }
                    ". Until then no other change can begin." }
                p { "A mail server that signs with the exported key needs the new one: " code { "tallymark domains dkim-key" } " prints it." }
            }
            _ => {
                p .muted { "A key that may have leaked, or has signed for a year, is replaced without a gap: the next key is published \
                    first, then it signs, and the record of the one before goes last." }
            }
        }
    }
}

/// What can be done. A key whose record was not seen is never offered to sign.
fn steps(visitor: &Visitor, id: &str, known: &RotationBody) -> Markup {
    let action = format!("/view/{id}/dkim/rotate");
    let cancel = html! {
        form method="post" action=(format!("{action}/cancel")) {
            (visitor.field())
            button type="submit" { "Cancel the change" }
        }
    };
    html! {
        @match known.state.as_ref() {
            "pending_dns" => { (cancel) }
            "ready" => {
                details {
                    summary { "Switch now…" }
                    p .small { "DNS is asked once more. Receivers whose caches are still without the record take the signature for a broken one." }
                    form method="post" action=(format!("{action}/activate")) {
                        (visitor.field())
                        button .danger type="submit" data-busy="Asking DNS…" { "Sign with the next key now" }
                    }
                }
                (cancel)
            }
            "retiring" => {}
            _ => {
                form method="post" action=(action) {
                    (visitor.field())
                    button type="submit" data-busy="Making a key…" { "Make the next key" }
                }
            }
        }
    }
}

/// `POST /view/{id}/dkim/rotate`
pub(super) async fn start(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    let done = tell(&visitor, &id, &form, (Method::POST, "/dkim/rotate")).await?;
    // What DNS has is part of what is offered. If it does not answer, the page says so.
    let _ = visitor.api.tell(Method::POST, &below(&id, "/verify")?, &()).await;
    Ok(done)
}

/// `POST /view/{id}/dkim/rotate/activate`
pub(super) async fn activate(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    tell(&visitor, &id, &form, (Method::POST, "/dkim/rotate/activate?force=true")).await
}

/// `POST /view/{id}/dkim/rotate/cancel`
pub(super) async fn cancel(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    tell(&visitor, &id, &form, (Method::DELETE, "/dkim/rotate")).await
}

async fn tell(visitor: &Visitor, id: &str, form: &Bare, (method, path): (Method, &str)) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    visitor.api.tell(method, &below(id, path)?, &()).await?;
    Ok(Redirect::to(&format!("/view/{id}/setup")))
}
