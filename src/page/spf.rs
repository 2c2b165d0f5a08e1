//! The SPF record of a domain: which terms its mail needs, and what another record would do.

use axum::extract::Path;
use axum::http::{Method, StatusCode};
use maud::{Markup, html};
use serde_json::json;

use super::api::{Failure, Told};
use super::glossary::term;
use super::numbers::{counted, date, grouped};
use super::parts::{dash, described, empty, field_error, figure, hostile, other_errors};
use super::query::{Asked, RANGE};
use super::tabs::{Found, Tab, below, find, found, page, range_form};
use super::visitor::Visitor;
use crate::api::{MailFromBody, SPF_CHARS_MAX, ServiceShift, SimulationBody, SpfTermBody, SpfUsageBody};

/// Standings: the word of the API, its title and its colour.
const STANDINGS: [(&str, &str, &str); 6] = [
    ("needed", "needed", "good"),
    ("used", "used", ""),
    ("unused", "not used", "odd"),
    ("not_seen", "not seen", ""),
    ("not_known", "not known", ""),
    ("end", "the end", ""),
];
/// The parameter with a record that is tried.
const TRIED: &str = "try";
/// Parameters with a field of their own, which shows what is wrong with them.
const FIELDS: [&str; 4] = ["days", "from", "to", "spf"];

/// `GET /view/{id}/spf`: with `try`, also what that record would do.
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let path = |asked: &Asked| below(&id, &format!("/dmarc/spf{}", asked.only(&RANGE)));
    let is_empty = |usage: &Told<SpfUsageBody>| matches!(usage, Told::Answer(usage) if usage.messages == 0);
    let Found {
        list: usage,
        asked,
        notice,
    } = found(&visitor, &id, asked, path, is_empty).await?;
    let tried = match (asked.get(TRIED), &usage) {
        (Some(record), Told::Answer(_)) => {
            let path = below(&id, &format!("/dmarc/simulate{}", asked.only(&RANGE)))?;
            let body = json!({ "spf": record });
            Some(Told::from(
                visitor.api.send::<SimulationBody>(Method::POST, &path, &body).await,
            )?)
        }
        _ => None,
    };
    let base = format!("/view/{id}/spf");
    let wrong = tried.as_ref().and_then(Told::wrong);
    let content = html! {
        (range_form(&base, &asked, &[TRIED], usage.wrong()))
        (other_errors(usage.wrong(), &FIELDS))
        (other_errors(wrong, &FIELDS))
        (notice)
        @if let Told::Answer(usage) = &usage {
            (record(usage))
            (mail_from(usage))
            (trial(&base, &asked, wrong, usage))
        }
        @if let Some(Told::Answer(tried)) = &tried { (outcome(tried)) }
    };
    let status = tried.as_ref().map_or(usage.status(), Told::status);
    Ok((status, page(&visitor, &domain, Tab::Spf, &asked, content)))
}

/// The record of today with its terms.
fn record(usage: &SpfUsageBody) -> Markup {
    let around = usage.decided.saturating_sub(usage.unmatched);
    html! {
        section .card aria-labelledby="spf" {
            h2 #spf { "The SPF record, and what uses it" }
            p #spf-says { (hostile(&usage.says)) }
            @if let Some(record) = &usage.record { p { code { (hostile(record)) } } }
            dl .figures {
                div { dt { "Messages with this MAIL FROM" } dd { (figure(usage.decided)) }
                    dd .small.muted { "of " (grouped(usage.messages)) } }
                @if usage.state == "record" {
                    div { dt { "Given to a term" } dd { (figure(around.saturating_sub(usage.not_known).saturating_sub(usage.given_up))) } }
                    div { dt { "Reported otherwise" } dd { (figure(usage.differing)) }
                        dd .small.muted { "by another record, or another look at it" } }
                }
            }
            @if !usage.terms.is_empty() { (terms(&usage.terms)) }
            @if usage.not_known > 0 {
                p .small { "For " (counted(usage.not_known, "message", "messages")) " the term is not known: it depends on more than the address, or DNS did not answer." }
            }
            @if usage.given_up > 0 {
                p .small { "Receivers give up on the record for " (counted(usage.given_up, "message", "messages")) "." }
            }
            @if !usage.records_kept {
                p .small { "Not looked at: " (counted(usage.without_records.messages, "message", "messages"))
                    " of reports whose records are no longer kept." }
            }
        }
    }
}

fn terms(terms: &[SpfTermBody]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of terms" {
            table .cards {
                thead { tr {
                    th scope="col" { "Term" }
                    th scope="col" { "Standing" }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Last day" }
                    th scope="col" .num { "Lookups" }
                    th scope="col" .num { "Would lose" }
                } }
                tbody { @for one in terms { tr {
                    th scope="row" {
                        code { (hostile(&one.term)) }
                        @if one.depth > 0 { div .small.muted { "in the record of " (hostile(&one.record)) } }
                        div .small.muted { (hostile(&one.says)) }
                    }
                    td data-label="Standing" { (standing(&one.standing)) }
                    td .num data-label="Messages" { (grouped(one.messages)) }
                    td .day data-label="Last day" { @match one.last_day.as_deref() { Some(day) => { (date(day)) } None => { (dash()) } } }
                    td .num data-label="Lookups" { (one.lookups) }
                    td .num data-label="Would lose" { (grouped(one.would_lose)) }
                } } }
            }
        }
        p .small.muted { "Would lose: messages that passed by SPF alone, and would not without this term." }
    }
}

fn standing(word: &str) -> Markup {
    let (_, title, class) =
        STANDINGS
            .iter()
            .find(|(other, ..)| *other == word)
            .copied()
            .unwrap_or((word, "not known", ""));
    html! { span .chip.(class) { (title) } }
}

/// Which MAIL FROM domains there are: the record decides for one of them.
fn mail_from(usage: &SpfUsageBody) -> Markup {
    html! {
        section .card aria-labelledby="mail-from" {
            h2 #mail-from { "MAIL FROM domains" }
            p .muted { "SPF is checked for the domain in MAIL FROM, by that domain's record." }
            @if usage.mail_from.is_empty() {
                (empty("No messages", html! { p { "No report is about these days. Choose more days above." } }))
            } @else {
                div .scroll tabindex="0" role="region" aria-label="Table of MAIL FROM domains" {
                    table .cards {
                        thead { tr {
                            th scope="col" { "Domain" }
                            th scope="col" .num { "Messages" }
                            th scope="col" .num { "SPF passes" }
                            th scope="col" .num { "Passes and " (term("aligned", "aligned")) }
                        } }
                        tbody { @for one in &usage.mail_from { (mail_from_row(one)) } }
                    }
                }
                @if usage.mail_from_total > usage.mail_from.len() as u64 {
                    p .small.muted { "These are the first of " (counted(usage.mail_from_total, "domain", "domains")) "." }
                }
            }
        }
    }
}

fn mail_from_row(one: &MailFromBody) -> Markup {
    html! { tr {
        th scope="row" { @match &one.domain {
            Some(domain) => { (hostile(domain)) }
            None => { span .muted { "not reported" } }
        } }
        td .num data-label="Messages" { (grouped(one.messages)) }
        td .num data-label="SPF passes" { (grouped(one.pass_count)) }
        td .num data-label="Passes and aligned" { (grouped(one.aligned_count)) }
    } }
}

/// The form that tries another record.
fn trial(base: &str, asked: &Asked, wrong: Option<&Failure>, usage: &SpfUsageBody) -> Markup {
    let shown = asked.get(TRIED).or(usage.record.as_deref()).unwrap_or_default();
    html! {
        section .card aria-labelledby="dry-run" {
            h2 #dry-run { "Try another record" }
            form .stack method="get" action=(format!("{base}#outcome")) {
                @for name in RANGE { @if let Some(text) = asked.get(name) { input type="hidden" name=(name) value=(text); } }
                label for=(TRIED) { "An SPF record. Nothing is changed." }
                input #(TRIED) name=(TRIED) value=(shown) maxlength=(SPF_CHARS_MAX) required autocomplete="off" spellcheck="false"
                    aria-describedby=[described(wrong, "spf")];
                (field_error(wrong, "spf"))
                div { button .primary type="submit" { "Try it" } }
            }
        }
    }
}

/// What the tried record does, service by service.
fn outcome(tried: &SimulationBody) -> Markup {
    let (now, after) = (tried.shift.now.pass, tried.shift.after.pass);
    let moved = |one: &&ServiceShift| one.shift.difference.pass != 0 || one.shift.after.unknown > 0;
    let rows: Vec<_> = tried.services.rows.iter().filter(moved).collect();
    html! {
        section #outcome .card aria-labelledby="with-it" {
            h2 #with-it { "With this record" }
            p #outcome-says {
                "Of " (counted(tried.messages, "message", "messages")) ", " (grouped(after)) " would pass DMARC; now it is " (grouped(now)) "."
                @if tried.shift.after.unknown > 0 { " For " (grouped(tried.shift.after.unknown)) " it is not known." }
            }
            @if let Some(problem) = tried.spf.as_ref().and_then(|spf| spf.problem.as_ref()) {
                p .notice.bad { "Receivers give up on this record before its end: " (hostile(problem)) "." }
            }
            @if let Some(spf) = &tried.spf { p .small.muted { "It needs " (counted(spf.lookups.into(), "DNS lookup", "DNS lookups")) " of the 10 that are allowed." } }
            @if rows.is_empty() { p .calm { "Nothing changes for any service." } } @else { (services(&rows)) }
        }
    }
}

fn services(rows: &[&ServiceShift]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of services that change" {
            table .cards {
                thead { tr {
                    th scope="col" { "Service" }
                    th scope="col" .num { "Messages" }
                    th scope="col" .num { "Pass now" }
                    th scope="col" .num { "Pass then" }
                    th scope="col" .num { "Not known" }
                } }
                tbody { @for one in rows { tr {
                    th scope="row" { @match &one.name {
                        Some(name) => { (hostile(name)) }
                        None => { span .muted { "without a name" } }
                    } }
                    td .num data-label="Messages" { (grouped(one.messages)) }
                    td .num data-label="Pass now" { (grouped(one.shift.now.pass)) }
                    td .num data-label="Pass then" { (grouped(one.shift.after.pass)) }
                    td .num data-label="Not known" { (grouped(one.shift.after.unknown)) }
                } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::TERM_USES;

    #[test]
    fn every_standing_has_a_title() {
        assert!(STANDINGS.iter().map(|(word, ..)| *word).eq(TERM_USES));
    }
}
