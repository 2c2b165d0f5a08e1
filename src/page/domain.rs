//! A domain: what its mail did in a range of days, and the frame of the pages below it.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::authentic::{self, AUTHENTICATED, OF_STATS};
use super::comparison::explained;
use super::days::Split;
use super::export;
use super::glossary::term;
use super::numbers::{counted, date, percent};
use super::parts::{empty, figure, other_errors};
use super::query::{Asked, RANGE};
use super::tables::Columns;
use super::tabs::{Found, Tab, below, find, found, page, range_form};
use super::visitor::Visitor;
use super::{comparison, days, fails, history, readiness, senders, tables};
use crate::api::{DomainBody, FlowBody, ReadinessBody, ReporterList, ServiceList, SignatureList, StatsBody};

/// Rows of the tables on a domain's first page.
const FEW: u32 = 8;

/// `GET /view/{id}`
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let lists = |asked: &Asked| -> Result<_, Failure> {
        let few = asked.with(&RANGE, &[("per_page", &FEW.to_string())]);
        let path = |rest: &str| below(&id, &format!("/dmarc/{rest}{few}"));
        let services = visitor.api.ask::<ServiceList>(path("services")?);
        let readiness = below(&id, &format!("/dmarc/readiness{}", asked.only(&RANGE)))?;
        let readiness = visitor.api.ask::<ReadinessBody>(readiness);
        let reporters = visitor.api.ask::<ReporterList>(path("reporters")?);
        let signatures = visitor.api.ask::<SignatureList>(path("dkim")?);
        Ok((services, readiness, reporters, signatures))
    };
    // The lists start before it is known whether these days have messages: they mostly do.
    let started = lists(&asked)?;
    let domain = find(&visitor, &id).await?;
    let split = Split::asked(&asked);
    let stats = |asked: &Asked| {
        below(
            &id,
            &format!(
                "/dmarc/stats{}",
                asked.with(&OF_STATS, &[("include", split.includes())])
            ),
        )
    };
    let changes = history::changes(&visitor, &id)?;
    let is_empty = |stats: &Told<StatsBody>| matches!(stats, Told::Answer(stats) if has_none(stats));
    let Found {
        list: stats,
        asked: shown,
        notice,
    } = found(&visitor, &id, asked.clone(), stats, is_empty).await?;
    let (services, readiness, reporters, signatures) = match shown == asked {
        true => started,
        false => lists(&shown)?,
    };
    let asked = shown;
    let base = format!("/view/{id}");
    let content = html! {
        (range_form(&base, &asked, &[AUTHENTICATED, "split"], stats.wrong()))
        (other_errors(stats.wrong(), &RANGE))
        p .small.screen { a href=(format!("{base}/summary")) { "Summary on one page, to print" } }
        (notice)
        @if let Told::Answer(stats) = &stats {
            @if has_none(stats) { (no_messages(&domain, stats)) } @else {
                @let services = services.await?;
                @let readiness = readiness.await?;
                (figures(stats, &services.flows, &asked))
                (authentic::switch(&base, &asked, stats))
                @let week = format!("{base}?days=7");
                (explained(stats.comparison.as_ref(), Some(&week).filter(|_| asked.get("days") != Some("7"))))
                (readiness::card(&base, &readiness))
                (fails::card(&base, &asked, &readiness))
                (senders::first(&base, &asked, &services))
                (days::card(stats, split, &changes.await?, (&base, &asked)))
                div .two {
                    (who_reports(&base, &asked, &reporters.await?))
                    (who_signs(&base, &asked, &signatures.await?))
                }
            }
        }
    };
    Ok((stats.status(), page(&visitor, &domain, Tab::Overview, &asked, content)))
}

/// Whether nothing was reported, by whatever mail.
fn has_none(stats: &StatsBody) -> bool {
    stats.total_messages == 0 && stats.unauthenticated_messages == 0
}

fn who_reports(base: &str, asked: &Asked, list: &ReporterList) -> Markup {
    html! {
        section .card aria-labelledby="reporters" {
            div .head {
                h2 #reporters { "Who reports" }
                a .small href=(format!("{base}/reporters{}", asked.only(&RANGE))) { "All " (counted(list.pagination.total, "reporter", "reporters")) }
            }
            (tables::reporter_table(base, asked, &list.reporters, Columns::Few))
        }
    }
}

fn who_signs(base: &str, asked: &Asked, list: &SignatureList) -> Markup {
    html! {
        section .card aria-labelledby="signatures" {
            div .head {
                h2 #signatures { "DKIM signers" }
                a .small href=(format!("{base}/dkim{}", asked.only(&RANGE))) { "All " (counted(list.pagination.total, "signer", "signers")) }
            }
            (tables::signature_table(&list.signatures, Columns::Few))
        }
    }
}

/// `GET /view/{id}/days.csv`
pub(super) async fn days_csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/stats{}", asked.only(&OF_STATS)))?;
    export::csv(&visitor.api, path).await
}

fn figures(stats: &StatsBody, flows: &[FlowBody], asked: &Asked) -> Markup {
    let (all, fail) = (stats.total_messages, stats.failed_messages);
    let share = |part: u64| percent(part.min(all), all - part.min(all));
    let failing =
        html! { @if fail > 0 && !authentic::is_on(asked) { dd .small.muted #failing { (senders::failing(flows)) } } };
    html! {
        dl .figures {
            (comparison::figures((all, fail), stats.comparison.as_ref(), &failing))
            div { dt { "DKIM " (term("aligned", "aligned")) } dd { (share(stats.dkim_aligned)) } }
            div { dt { "SPF " (term("aligned", "aligned")) } dd { (share(stats.spf_aligned)) } }
            div { dt { (term("source", "Sources")) } dd { (figure(stats.sources)) } }
            div { dt { (term("report", "Reports")) } dd { (figure(stats.reports)) } }
        }
    }
}

fn no_messages(domain: &DomainBody, stats: &StatsBody) -> Markup {
    empty(
        &format!("No messages from {} to {}", date(&stats.from), date(&stats.to)),
        html! {
            @if domain.status == "verified" {
                p { "Receivers send a report once a day: the first ones come a day or two after the DMARC record is published." }
            } @else {
                p { "Receivers report once the domain's DMARC record asks them to." }
                p { a .button.primary href=(format!("/view/{}/setup", domain.id)) { "See the DNS records to publish" } }
            }
            p .muted { "You have reports already? " a href=(format!("/intake?domain={}", domain.id)) { "Upload them" } "." }
        },
    )
}
