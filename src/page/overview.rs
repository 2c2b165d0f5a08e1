//! The first page: all domains, and what needs attention first.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::export;
use super::layout::{Place, page};
use super::parts::{
    csv_link, dash, domain_name, empty, figure, no_rows, other_errors, pages, rate, status, time_or_dash,
};
use super::query::{Asked, RANGE};
use super::tabs::{last_data, range_form};
use super::visitor::Visitor;
use super::{attention, chart};
use crate::api::{Attention, Overview, OverviewItem, PolicyBody};
use crate::base::numbers::{grouped, percent};

const PER_PAGE: &str = "50";
const NAMES: [&str; 5] = ["days", "from", "to", "search", "page"];

/// `GET /`
pub(super) async fn show(visitor: Visitor, asked: Asked) -> Result<(StatusCode, Markup), Failure> {
    let ask = |asked: &Asked| {
        let query = asked.with(&NAMES, &[("per_page", PER_PAGE)]);
        visitor.api.ask::<Overview>(format!("/overview{query}"))
    };
    let needs = visitor.api.ask::<Attention>("/attention".to_owned());
    let (mut overview, needs) = (Told::from(ask(&asked).await)?, needs.await?);
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
    let is_empty = matches!(&overview, Told::Answer(overview) if overview.total_domains == 0);
    let content = html! {
        div .head {
            div {
                h1 { "Domains" }
                @if let Told::Answer(overview) = &overview { p .muted { (overview.from) " to " (overview.to) } }
            }
            @if visitor.has_account() { a .button.primary href="/add" { "Add a domain" } }
        }
        @if is_empty { (nothing_yet(&visitor)) } @else {
            (range_form("/", &shown, &["search"], overview.wrong()))
            (other_errors(overview.wrong(), &RANGE))
            @if shown.has_range() && !asked.has_range() { (last_data(shown.get("to").unwrap_or_default())) }
            @if let Told::Answer(overview) = &overview { (figures(overview)) }
            (attention::card(&needs))
            @if let Told::Answer(overview) = &overview { (domains(overview, &shown)) }
        }
    };
    Ok((overview.status(), page(&visitor, Place::Domains, "Domains", content)))
}

/// `GET /overview.csv`
pub(super) async fn csv(visitor: Visitor, asked: Asked) -> Result<Response, Failure> {
    let path = format!("/overview{}", asked.only(&NAMES[..4]));
    export::csv(&visitor.api, path).await
}

fn figures(overview: &Overview) -> Markup {
    let pass = overview.total_messages.saturating_sub(overview.failed_messages);
    html! {
        dl .figures {
            div { dt { "Messages" } dd { (figure(overview.total_messages)) } }
            div { dt { "Pass DMARC" } dd { (percent(pass, overview.failed_messages)) } }
            div { dt { "Fail" } dd .bad[overview.failed_messages > 0] { (figure(overview.failed_messages)) } }
            div { dt { "Domains" } dd { (figure(overview.total_domains)) } }
        }
    }
}

fn domains(overview: &Overview, asked: &Asked) -> Markup {
    let to = |number: &str| format!("/{}", asked.with(&NAMES[..4], &[("page", number)]));
    let nothing = html! { p .muted { "No domain has that in its name." } };
    html! {
        section .card aria-labelledby="domains" {
            div .head {
                h2 #domains { "All domains" }
                form .inline method="get" action="/" role="search" {
                    @for name in RANGE { @if let Some(text) = asked.get(name) { input type="hidden" name=(name) value=(text); } }
                    label .hidden for="search" { "Name contains" }
                    input #search type="search" name="search" placeholder="Name contains" value=[asked.get("search")];
                    button type="submit" { "Find" }
                }
                (csv_link(&format!("/overview.csv{}", asked.only(&NAMES[..4]))))
            }
            @if overview.domains.is_empty() { (no_rows(&overview.pagination, nothing)) } @else {
                div .scroll tabindex="0" role="region" aria-label="Table of domains" {
                    table .cards {
                        thead { tr {
                            th scope="col" { "Domain" }
                            th scope="col" { "Status" }
                            th scope="col" { "Policy" }
                            th scope="col" .num { "Messages" }
                            th scope="col" { "Pass" }
                            th scope="col" { "Trend" }
                            th scope="col" { "Last data" }
                            th scope="col" { "Arrived" }
                        } }
                        tbody { @for domain in &overview.domains { (row(domain, &asked.only(&RANGE))) } }
                    }
                }
            }
            (pages(&overview.pagination, ("domain", "domains"), to))
        }
    }
}

fn row(domain: &OverviewItem, range: &str) -> Markup {
    let (all, fail) = (domain.total_messages, domain.failed_messages);
    html! {
        tr {
            th scope="row" { a href=(format!("/view/{}{range}", domain.id)) { (domain_name(&domain.name, domain.unicode_name.as_deref())) } }
            td data-label="Status" { (status(&domain.status)) }
            td data-label="Policy" { (policy(domain.policy.as_ref())) }
            td .num data-label="Messages" { (grouped(all)) }
            td data-label="Pass" { @if all > 0 { (rate(all.saturating_sub(fail), fail)) } @else { (dash()) } }
            td .trend data-label="Trend" { @if all > 0 { (chart::trend(&domain.daily_stats)) } @else { (dash()) } }
            td data-label="Last data" { (time_or_dash(domain.last_report_at.as_deref())) }
            td data-label="Arrived" { (time_or_dash(domain.last_arrived_at.as_deref())) }
        }
    }
}

/// What is published, in a word.
pub(super) fn policy(policy: Option<&PolicyBody>) -> Markup {
    match policy.and_then(|policy| policy.p.as_deref()) {
        None => dash(),
        Some("none") => html! { span .chip title="Failing mail is delivered" { "none" } },
        Some(word) => html! { span .chip.good { (word) } },
    }
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
