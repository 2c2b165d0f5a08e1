//! A domain: what its mail did in a range of days, and the frame of the pages below it.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::api::Failure;
use super::data::{Dispositions, Domain, ReporterList, SignatureList, SourceList, Stats};
use super::layout::{self, Place};
use super::parts::{counted, csv_link, drawn, empty, grouped, hostile, percent_text, status};
use super::query::{Asked, RANGE};
use super::sessions::Visitor;
use super::{chart, export, sources, tables};

/// Rows of the tables on a domain's first page.
const FEW: u32 = 8;

/// Which page of a domain is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Sources,
    Reporters,
    Dkim,
    Reports,
    Setup,
    Settings,
}

const TABS: [(Tab, &str, &str); 7] = [
    (Tab::Overview, "", "Overview"),
    (Tab::Sources, "/sources", "Sources"),
    (Tab::Reporters, "/reporters", "Reporters"),
    (Tab::Dkim, "/dkim", "DKIM"),
    (Tab::Reports, "/reports", "Reports"),
    (Tab::Setup, "/setup", "DNS set-up"),
    (Tab::Settings, "/settings", "Settings"),
];

/// The domain of a path: the API says whether it is the visitor's.
pub(super) async fn find(visitor: &Visitor, id: &str) -> Result<Domain, Failure> {
    visitor.api.get(&below(id, "")?).await
}

/// A path of the API below a domain. An id is letters, digits and `_`: anything else is no domain.
pub(super) fn below(id: &str, rest: &str) -> Result<String, Failure> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Failure::missing());
    }
    Ok(format!("/domains/{id}{rest}"))
}

/// A page of a domain.
pub(super) fn page(visitor: &Visitor, domain: &Domain, tab: Tab, asked: &Asked, content: Markup) -> Markup {
    let range = asked.only(&RANGE);
    let tabs = TABS
        .iter()
        .filter(|(other, ..)| *other != Tab::Settings || visitor.may_write());
    let (_, _, title) = TABS
        .iter()
        .find(|(other, ..)| *other == tab)
        .copied()
        .unwrap_or(TABS[0]);
    let body = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/" { "Domains" } }
        div .head { h1 { (hostile(&domain.name)) " " (status(&domain.status)) } }
        nav .tabs aria-label="Domain" {
            @for (other, path, title) in tabs {
                a href=(format!("/view/{}{path}{range}", domain.id)) aria-current=[(*other == tab).then_some("page")] { (title) }
            }
        }
        (content)
    };
    layout::page(visitor, Place::Domains, &format!("{title} · {}", domain.name), body)
}

/// The choice of days. `names` are the parameters that the choice keeps.
pub(super) fn range_form(base: &str, asked: &Asked, names: &[&str]) -> Markup {
    let chosen = asked
        .get("days")
        .or((asked.get("from").is_none() && asked.get("to").is_none()).then_some("30"));
    let preset = |days: &str| {
        let query = asked.with(names, &[("days", days), ("from", ""), ("to", ""), ("page", "")]);
        format!("{base}{query}")
    };
    html! {
        div .range {
            div .segments role="group" aria-label="Days" {
                @for (days, title) in [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year")] {
                    a href=(preset(days)) aria-current=[(chosen == Some(days)).then_some("true")] { (title) }
                }
            }
            form .inline method="get" action=(base) {
                @for name in names { @if let Some(text) = asked.get(name) { input type="hidden" name=(name) value=(text); } }
                label .hidden for="from" { "From" }
                input #from type="date" name="from" value=[asked.get("from")] required;
                span .muted { "to" }
                label .hidden for="to" { "To" }
                input #to type="date" name="to" value=[asked.get("to")] required;
                button type="submit" { "Show" }
            }
        }
    }
}

/// `GET /view/{id}`
pub(super) async fn show(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Markup, Failure> {
    let domain = find(&visitor, &id).await?;
    let range = asked.with(&RANGE, &[]);
    let few = asked.with(&RANGE, &[("per_page", &FEW.to_string())]);
    let path = |rest: &str, query: &str| below(&id, &format!("/dmarc/{rest}{query}"));
    let (stats, sources) = (path("stats", &range)?, path("sources", &few)?);
    let (reporters, signatures) = (path("reporters", &few)?, path("dkim", &few)?);
    let (stats, sources) = (visitor.api.ask::<Stats>(stats), visitor.api.ask::<SourceList>(sources));
    let reporters = visitor.api.ask::<ReporterList>(reporters);
    let signatures = visitor.api.ask::<SignatureList>(signatures);
    let (stats, sources, reporters, signatures) = (stats.await?, sources.await?, reporters.await?, signatures.await?);
    let base = format!("/view/{id}");
    let content = html! {
        (range_form(&base, &asked, &[]))
        @if stats.total_messages == 0 { (no_messages(&domain, &stats)) } @else {
            (figures(&stats))
            (daily(&stats, &format!("{base}/days.csv{range}")))
            section .card aria-labelledby="sources" {
                div .head {
                    h2 #sources { "Who sends" }
                    a .small href=(format!("{base}/sources{range}")) { "All " (counted(sources.pagination.total, "source", "sources")) }
                }
                (sources::table(&base, &asked, &sources.sources, None))
            }
            div .two {
                section .card aria-labelledby="reporters" {
                    div .head {
                        h2 #reporters { "Who reports" }
                        a .small href=(format!("{base}/reporters{range}")) { "All " (counted(reporters.pagination.total, "reporter", "reporters")) }
                    }
                    (tables::reporter_table(&base, &asked, &reporters.reporters, true))
                }
                section .card aria-labelledby="signatures" {
                    div .head {
                        h2 #signatures { "Who signs" }
                        a .small href=(format!("{base}/dkim{range}")) { "All " (counted(signatures.pagination.total, "signer", "signers")) }
                    }
                    (tables::signature_table(&signatures.signatures, true))
                }
            }
        }
    };
    Ok(page(&visitor, &domain, Tab::Overview, &asked, content))
}

/// `GET /view/{id}/days.csv`
pub(super) async fn days_csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/stats{}", asked.only(&RANGE)))?;
    let columns = &[("date", "/date"), ("pass", "/pass"), ("fail", "/fail")];
    export::csv(&visitor.api, path, "daily_stats", columns, "days").await
}

fn figures(stats: &Stats) -> Markup {
    let all = stats.total_messages;
    let (fail, pass) = (stats.failed_messages, all - stats.failed_messages);
    let share = |part: u64| percent_text(part.min(all), all - part.min(all));
    html! {
        dl .figures {
            div { dt { "Messages" } dd { (grouped(all)) } }
            div { dt { "Pass DMARC" } dd { (percent_text(pass, fail)) } }
            div { dt { "Fail" } dd .bad[fail > 0] { (grouped(fail)) } }
            div { dt { "DKIM aligned" } dd { (share(stats.dkim_aligned)) } }
            div { dt { "SPF aligned" } dd { (share(stats.spf_aligned)) } }
            div { dt { "Sources" } dd { (grouped(stats.sources)) } }
            div { dt { "Reports" } dd { (grouped(stats.reports)) } }
        }
    }
}

fn daily(stats: &Stats, csv: &str) -> Markup {
    let label = format!(
        "Messages per day from {} to {}, passed and failed; the table below has the numbers",
        stats.from, stats.to
    );
    html! {
        section .card aria-labelledby="daily" {
            div .head {
                h2 #daily { "Messages per day" }
                p .legend { span .key.pass { "pass" } span .key.fail { "fail" } }
                (csv_link(csv))
            }
            @for (class, width, height) in [("wide", 1_100, 260), ("slim", 380, 240)] {
                @if let Some(svg) = chart::daily(&stats.daily_stats, width, height) {
                    div .chart.(class) role="img" aria-label=(label) { (drawn(svg)) }
                }
            }
            (done(&stats.dispositions))
            details {
                summary { "As a table" }
                div .scroll.low tabindex="0" role="region" aria-label="Messages per day" {
                    table {
                        thead { tr { th scope="col" { "Day (UTC)" } th scope="col" .num { "Pass" } th scope="col" .num { "Fail" } } }
                        tbody { @for day in stats.daily_stats.iter().rev().filter(|day| day.pass + day.fail > 0).take(400) {
                            tr { th scope="row" { (day.date) } td .num { (grouped(day.pass)) } td .num { (grouped(day.fail)) } }
                        } }
                    }
                }
            }
        }
    }
}

/// What receivers did with the messages.
pub(super) fn done(dispositions: &Dispositions) -> Markup {
    html! {
        dl .done {
            dt { "Receivers" }
            dd { b { (grouped(dispositions.none)) } " delivered as usual" }
            dd { b { (grouped(dispositions.quarantine)) } " put into spam" }
            dd { b { (grouped(dispositions.reject)) } " refused" }
        }
    }
}

fn no_messages(domain: &Domain, stats: &Stats) -> Markup {
    empty(
        &format!("No messages from {} to {}", stats.from, stats.to),
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
