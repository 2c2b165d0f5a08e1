//! The address at which mail servers post TLS reports about a domain: whether there is one, and a new one, shown once.

use axum::Form;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Redirect;
use maud::{Markup, html};

use super::api::Failure;
use super::parts::{copy, plain, time};
use super::query::Asked;
use super::tabs::{Tab, below, find, page};
use super::visitor::{Bare, Visitor};
use crate::api::{TlsTokenBody, TlsTokenMade};

/// The card of the DNS page.
pub(super) async fn card(visitor: &Visitor, id: &str) -> Result<Markup, Failure> {
    let known: TlsTokenBody = visitor.api.get(&below(id, "/tls/address")?).await?;
    let action = format!("/view/{id}/tls/address");
    Ok(html! {
        section .card aria-labelledby="tls-address" {
            div .head {
                h2 #tls-address { "TLS reports over HTTPS" }
                span .chip { @if known.created_at.is_some() { "on" } @else { "off" } }
            }
            p .muted { "Mail servers can also post TLS reports to a secret address, which the record of the domain lists next to the address for mail." }
            @if let Some(at) = &known.created_at {
                p { "The address was made " (time(at)) ". It is shown only once." }
            }
            @if visitor.may_write() {
                form method="post" action=(action) {
                    (visitor.field())
                    button type="submit" { @if known.created_at.is_some() { "Replace the address" } @else { "Make an address" } }
                }
                @if known.created_at.is_some() {
                    details {
                        summary { "Remove…" }
                        p .small { "Posts to it are refused from then on. Take it out of the record first." }
                        form method="post" action=(format!("{action}/remove")) {
                            (visitor.field())
                            button .danger type="submit" { "Remove the address" }
                        }
                    }
                }
            }
        }
    })
}

/// `POST /view/{id}/tls/address`: the address is shown once.
pub(super) async fn create(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Markup, Failure> {
    visitor.check(&form.form_token)?;
    let domain = find(&visitor, &id).await?;
    let path = below(&id, "/tls/address")?;
    let made: TlsTokenMade = visitor.api.send(Method::POST, &path, &()).await?;
    let address = made.rua.as_deref().unwrap_or(&made.path);
    let content = html! {
        div .notice.good role="status" {
            p { "The address is made. It is shown only here. An earlier one is refused from now on." }
            p { code #secret { (plain(address)) } " " (copy(address, "address for TLS reports")) }
        }
        @if made.rua.is_none() {
            p .bad { "This is only the path of the address: the operator must set http.public_url to the URL under which mail servers reach this installation." }
        }
        section .card aria-labelledby="record" {
            h2 #record { "What to publish" }
            dl .facts {
                dt { "Type" } dd { "TXT" }
                dt { "Name" } dd { code { (plain(&made.record_name)) } " " (copy(&made.record_name, "name of the record")) }
                @if let (Some(value), Some(_)) = (&made.record_value, &made.rua) {
                    dt { "Value" } dd { code { (plain(value)) } " " (copy(value, "value of the record")) }
                }
            }
            p .muted { "If the domain has such a record already, keep it and add the address to its rua with a comma." }
            p { a href=(format!("/view/{id}/setup")) { "Back to the DNS records" } }
        }
    };
    Ok(page(&visitor, &domain, Tab::Setup, &Asked::default(), content))
}

/// `POST /view/{id}/tls/address/remove`
pub(super) async fn remove(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    visitor
        .api
        .tell(Method::DELETE, &below(&id, "/tls/address")?, &())
        .await?;
    Ok(Redirect::to(&format!("/view/{id}/setup")))
}
