//! The first page: what needs attention, all domains together, and each of them.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::comparison::{explained, figures};
use super::export;
use super::layout::{Place, page};
use super::numbers::date;
use super::parts::{empty, figure, other_errors};
use super::query::{Asked, RANGE};
use super::tabs::{last_data, range_form};
use super::visitor::Visitor;
use super::{attention, domains};
use crate::api::{Attention, Overview};

const PER_PAGE: &str = "50";
/// Where the API takes long to find what needs attention: accounts with more domains.
const MANY_DOMAINS: u64 = 500;
/// How long the page waits for it there. The search goes on without it.
const ATTENTION_WAIT: Duration = Duration::from_millis(50);

/// `GET /`
pub(super) async fn show(visitor: Visitor, asked: Asked) -> Result<(StatusCode, Markup), Failure> {
    let ask = |asked: &Asked| {
        let query = asked.with(&domains::NAMES, &[("per_page", PER_PAGE)]);
        visitor.api.ask::<Overview>(format!("/overview{query}"))
    };
    let needs = visitor.api.ask::<Attention>("/attention".to_owned());
    let mut overview = Told::from(ask(&asked).await)?;
    let mut shown = asked.clone();
    if let Told::Answer(Overview {
        total_messages: 0,
        last_day: Some(last),
        ..
    }) = &overview
        && !asked.has_range()
    {
        shown = asked.until(last);
        overview = Told::from(ask(&shown).await)?;
    }
    let total_domains = match &overview {
        Told::Answer(overview) => overview.total_domains,
        Told::Wrong(_) => 1,
    };
    let needs = match total_domains > MANY_DOMAINS {
        true => tokio::time::timeout(ATTENTION_WAIT, needs).await.ok().transpose()?,
        false => Some(needs.await?),
    };
    let content = html! {
        div .head {
            div {
                h1 { "Domains" }
                @if let Told::Answer(overview) = &overview { p .muted { (date(&overview.from)) " to " (date(&overview.to)) } }
            }
            @if visitor.has_account() { a .button.primary href="/add" { "Add a domain" } }
        }
        @if total_domains == 0 { (nothing_yet(&visitor)) } @else {
            (attention::card(needs.as_ref()))
            (range_form("/", &shown, domains::KEPT, overview.wrong()))
            (other_errors(overview.wrong(), domains::FIELDS))
            @if shown.has_range() && !asked.has_range() { (last_data(shown.get("to").unwrap_or_default())) }
            @if let Told::Answer(overview) = &overview {
                @let (all, fail) = (overview.total_messages, overview.failed_messages);
                dl .figures {
                    (figures((all, fail), overview.comparison.as_ref(), &Markup::default()))
                    div { dt { "Domains" } dd { (figure(overview.total_domains)) } }
                }
                @let week = "/?days=7".to_owned();
                (explained(overview.comparison.as_ref(), Some(&week).filter(|_| shown.get("days") != Some("7"))))
            }
            (domains::card(&overview, &shown))
        }
    };
    Ok((overview.status(), page(&visitor, Place::Domains, "Domains", content)))
}

/// `GET /overview.csv`
pub(super) async fn csv(visitor: Visitor, asked: Asked) -> Result<Response, Failure> {
    let names: Vec<_> = RANGE.iter().chain(domains::KEPT).copied().collect();
    export::csv(&visitor.api, format!("/overview{}", asked.only(&names))).await
}

fn nothing_yet(visitor: &Visitor) -> Markup {
    empty(
        "No domain yet",
        html! {
            @if visitor.has_account() {
                p { "Add the domain that you send mail as. You get the DNS records to publish; reports come a day or two after." }
                p { a .button.primary href="/add" { "Add your first domain" } }
                p .muted { "Reports that you have already: " code { "tallymark import --add-domains PATH" } "." }
            } @else {
                p { "A user with a full access key has to add one." }
            }
        },
    )
}
