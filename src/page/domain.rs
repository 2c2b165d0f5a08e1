//! A domain: what its mail did in a range of days, and the frame of the pages below it.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::de::DeserializeOwned;

use super::api::{Failure, Told};
use super::export::{self, Follow, Table, Unsaid};
use super::layout::{self, Place};
use super::overview::last_data;
use super::parts::{
    counted, csv_link, described, domain_name, empty, field_error, figure, grouped, hostile, percent_text, plain,
    status,
};
use super::query::{Asked, RANGE};
use super::sessions::Visitor;
use super::tables::Columns;
use super::{chart, sources, tables};
use crate::api::{Dispositions, DomainBody, Pagination, ReporterList, SignatureList, SourceList, StatsBody};

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
pub(super) async fn find(visitor: &Visitor, id: &str) -> Result<DomainBody, Failure> {
    visitor.api.get(&below(id, "")?).await
}

/// A path of the API below a domain. An id is letters, digits and `_`: anything else is not a domain.
pub(super) fn below(id: &str, rest: &str) -> Result<String, Failure> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Failure::missing());
    }
    Ok(format!("/domains/{id}{rest}"))
}

/// A page of a domain.
pub(super) fn page(visitor: &Visitor, domain: &DomainBody, tab: Tab, asked: &Asked, content: Markup) -> Markup {
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
        div .head { h1 { (domain_name(&domain.name, domain.unicode_name.as_deref())) " " (status(&domain.status)) } }
        nav .tabs aria-label="Pages of the domain" {
            @for (other, path, title) in tabs {
                a href=(format!("/view/{}{path}{range}", domain.id)) aria-current=[(*other == tab).then_some("page")] { (title) }
            }
        }
        (content)
    };
    layout::page(
        visitor,
        Place::Domains,
        &format!("{title} · {}", plain(&domain.name)),
        body,
    )
}

/// The tab of what an address has behind the domain.
pub(super) fn tab_of(path: &str) -> Tab {
    let first = path.split('/').next().unwrap_or_default();
    let tab = TABS.iter().find(|(_, path, _)| path.trim_start_matches('/') == first);
    match (tab, first) {
        (Some((tab, ..)), _) => *tab,
        (None, "delete") => Tab::Settings,
        (None, _) => Tab::Overview,
    }
}

/// What a page of the domain shows, of which days, and a notice if these are not the ones that are usual.
pub(super) struct Found<T> {
    pub list: Told<T>,
    pub asked: Asked,
    pub notice: Markup,
}

impl<T> Found<T> {
    /// The same with what is made of an answer.
    pub fn map<U>(self, show: impl FnOnce(&T, &Asked) -> U) -> Found<U> {
        let Self { list, asked, notice } = self;
        let list = match list {
            Told::Answer(list) => Told::Answer(show(&list, &asked)),
            Told::Wrong(failure) => Told::Wrong(failure),
        };
        Found { list, asked, notice }
    }
}

/// Asks for the path that belongs to what was asked. Where no days are asked for and the last 30 have nothing, it is asked
/// again for the 30 days up to the last data.
pub(super) async fn found<T: DeserializeOwned>(
    visitor: &Visitor,
    id: &str,
    asked: Asked,
    path: impl Fn(&Asked) -> Result<String, Failure>,
    is_empty: impl Fn(&Told<T>) -> bool,
) -> Result<Found<T>, Failure> {
    let ask = async |asked: &Asked| match visitor.api.get::<T>(&path(asked)?).await {
        // Other days may have something of it: they can be chosen.
        Err(failure) if failure.status == StatusCode::NOT_FOUND => Ok(Told::Wrong(failure)),
        list => Told::from(list),
    };
    let list = ask(&asked).await?;
    if is_empty(&list) && !asked.has_range() {
        let stats: StatsBody = visitor.api.get(&below(id, "/dmarc/stats")?).await?;
        if let Some(last) = stats.last_day.filter(|_| stats.total_messages == 0) {
            let asked = asked.until(&last);
            return Ok(Found {
                list: ask(&asked).await?,
                asked,
                notice: last_data(&last),
            });
        }
    }
    Ok(Found {
        list,
        asked,
        notice: Markup::default(),
    })
}

/// Has a list no rows? Pages behind the last one belong to lists that have some.
pub(super) fn has_none<T>(list: &Told<T>, pagination: fn(&T) -> &Pagination) -> bool {
    matches!(list, Told::Answer(list) if pagination(list).total == 0)
}

const PRESETS: [(&str, &str); 4] = [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year")];

/// The choice of days. `names` are the parameters that the choice keeps; what is wrong with the days is said below it.
pub(super) fn range_form(base: &str, asked: &Asked, names: &[&str], wrong: Option<&Failure>) -> Markup {
    let chosen = asked
        .get("days")
        .or((!asked.has_range() && asked.get("all").is_none()).then_some("30"));
    // Of all domains at once the API answers for at most 92 days.
    let presets = if base == "/" { &PRESETS[..3] } else { &PRESETS[..] };
    let preset = |days: &str| {
        let query = asked.with(names, &[("days", days), ("from", ""), ("to", ""), ("page", "")]);
        format!("{base}{query}")
    };
    html! {
        div .range {
            div .segments role="group" aria-label="Days" {
                @for (days, title) in presets {
                    a href=(preset(days)) aria-current=[(chosen == Some(*days)).then_some("true")] { (title) }
                }
            }
            form .inline method="get" action=(base) {
                @for name in names { @if let Some(text) = asked.get(name) { input type="hidden" name=(name) value=(text); } }
                label .hidden for="from" { "From" }
                input #from type="date" name="from" value=[asked.get("from")] required aria-describedby=[described(wrong, "from")];
                span .muted { "to" }
                label .hidden for="to" { "To" }
                input #to type="date" name="to" value=[asked.get("to")] required aria-describedby=[described(wrong, "to")];
                button type="submit" { "Show" }
            }
        }
        (field_error(wrong, "from"))
        (field_error(wrong, "to"))
        @if let Some(error) = wrong.and_then(|wrong| wrong.field("days")) {
            p .bad.small role="alert" { b { "days=" (hostile(asked.get("days").unwrap_or_default())) } " " (hostile(error)) "." }
        }
    }
}

/// `GET /view/{id}`
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let stats = |asked: &Asked| below(&id, &format!("/dmarc/stats{}", asked.only(&RANGE)));
    let is_empty = |stats: &Told<StatsBody>| matches!(stats, Told::Answer(stats) if stats.total_messages == 0);
    let Found {
        list: stats,
        asked,
        notice,
    } = found(&visitor, &id, asked, stats, is_empty).await?;
    let range = asked.only(&RANGE);
    let few = asked.with(&RANGE, &[("per_page", &FEW.to_string())]);
    let path = |rest: &str| below(&id, &format!("/dmarc/{rest}{few}"));
    let sources = visitor.api.ask::<SourceList>(path("sources")?);
    let reporters = visitor.api.ask::<ReporterList>(path("reporters")?);
    let signatures = visitor.api.ask::<SignatureList>(path("dkim")?);
    let base = format!("/view/{id}");
    let content = html! {
        (range_form(&base, &asked, &[], stats.wrong()))
        (notice)
        @if let Told::Answer(stats) = &stats {
            @if stats.total_messages == 0 { (no_messages(&domain, stats)) } @else {
                (figures(stats))
                (daily(stats, &format!("{base}/days.csv{range}")))
                (who_sends(&base, &asked, &sources.await?))
                div .two {
                    (who_reports(&base, &asked, &reporters.await?))
                    (who_signs(&base, &asked, &signatures.await?))
                }
            }
        }
    };
    Ok((stats.status(), page(&visitor, &domain, Tab::Overview, &asked, content)))
}

fn who_sends(base: &str, asked: &Asked, list: &SourceList) -> Markup {
    html! {
        section .card aria-labelledby="sources" {
            div .head {
                h2 #sources { "Who sends" }
                a .small href=(format!("{base}/sources{}", asked.only(&RANGE))) { "All " (counted(list.pagination.total, "source", "sources")) }
            }
            (sources::table(base, asked, &list.sources, None))
        }
    }
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
    let path = below(&id, &format!("/dmarc/stats{}", asked.only(&RANGE)))?;
    let table = Table {
        list: "daily_stats",
        columns: &[("date", "/date"), ("pass", "/pass"), ("fail", "/fail")],
        follow: Follow::Whole,
    };
    download(&visitor, &id, &asked, path, table, "days").await
}

/// A table of a domain as a file that is named by it, by what the table is and by its days.
pub(super) async fn download(
    visitor: &Visitor,
    id: &str,
    asked: &Asked,
    path: String,
    table: Table,
    what: &str,
) -> Result<Response, Failure> {
    let domain = find(visitor, id).await?;
    let unsaid = if what == "reports" { Unsaid::All } else { Unsaid::Month };
    let name = export::file_name(&[&domain.name, what], &export::days_of(asked, visitor.now, unsaid));
    export::csv(&visitor.api, path, table, &name).await
}

fn figures(stats: &StatsBody) -> Markup {
    let all = stats.total_messages;
    let (fail, pass) = (stats.failed_messages, all.saturating_sub(stats.failed_messages));
    let share = |part: u64| percent_text(part.min(all), all - part.min(all));
    html! {
        dl .figures {
            div { dt { "Messages" } dd { (figure(all)) } }
            div { dt { "Pass DMARC" } dd { (percent_text(pass, fail)) } }
            div { dt { "Fail" } dd .bad[fail > 0] { (figure(fail)) } }
            div { dt { "DKIM aligned" } dd { (share(stats.dkim_aligned)) } }
            div { dt { "SPF aligned" } dd { (share(stats.spf_aligned)) } }
            div { dt { "Sources" } dd { (figure(stats.sources)) } }
            div { dt { "Reports" } dd { (figure(stats.reports)) } }
        }
    }
}

fn daily(stats: &StatsBody, csv: &str) -> Markup {
    let title = format!("Messages per {}", chart::unit(stats.daily_stats.len()));
    let label = format!(
        "{title} from {} to {}, passed and failed; the table below has the numbers",
        stats.from, stats.to
    );
    let days = stats
        .daily_stats
        .iter()
        .rev()
        .filter(|day| day.pass > 0 || day.fail > 0);
    html! {
        section .card aria-labelledby="daily" {
            div .head {
                h2 #daily { (title) }
                p .legend { span .key.pass { (swatch("pass")) "pass" } span .key.fail { (swatch("fail")) "fail" } }
                (csv_link(csv))
            }
            @for (class, shape) in [("wide", chart::WIDE), ("slim", chart::SLIM)] {
                div .chart.(class) role="img" aria-label=(label) { (chart::daily(&stats.daily_stats, shape)) }
            }
            (done(&stats.dispositions))
            details {
                summary { "As a table" }
                div .scroll.low tabindex="0" role="region" aria-label="Table of days" {
                    table {
                        thead { tr { th scope="col" { "Day (UTC)" } th scope="col" .num { "Pass" } th scope="col" .num { "Fail" } } }
                        tbody { @for day in days {
                            tr { th scope="row" { (day.date) } td .num { (grouped(day.pass)) } td .num { (grouped(day.fail)) } }
                        } }
                    }
                }
            }
        }
    }
}

/// A piece of a bar: drawn, since paper has no backgrounds.
fn swatch(class: &str) -> Markup {
    html! { svg .swatch width="11" height="11" aria-hidden="true" { rect .(class) width="11" height="11" {} } }
}

/// What receivers did with the messages.
pub(super) fn done(dispositions: &Dispositions) -> Markup {
    html! {
        dl .done {
            dt { "Receivers" }
            dd { b { (grouped(dispositions.none)) } " delivered as usual" }
            dd { b { (grouped(dispositions.quarantine)) } " put into spam" }
            dd { b { (grouped(dispositions.reject)) } " refused" }
            @if dispositions.unknown > 0 {
                dd title="The reporter does not say, or not in a word of the standards" { b { (grouped(dispositions.unknown)) } " not known" }
            }
        }
    }
}

fn no_messages(domain: &DomainBody, stats: &StatsBody) -> Markup {
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
