//! The frame of a domain's pages, the choice of days, and the days that are shown if the last ones are empty.

use axum::http::StatusCode;
use maud::{Markup, html};
use serde::de::DeserializeOwned;

use super::api::{Failure, Told};
use super::layout::{self, Place};
use super::numbers::{date, grouped};
use super::parts::{described, domain_name, field_error, hostile, plain, status};
use super::query::{Asked, RANGE};
use super::visitor::Visitor;
use crate::api::{Dispositions, DomainBody, Pagination, StatsBody};

/// Which page of a domain is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Sources,
    Reporters,
    Dkim,
    Spf,
    Reports,
    FailureReports,
    Tls,
    Setup,
    Settings,
}

const TABS: [(Tab, &str, &str); 10] = [
    (Tab::Overview, "", "Overview"),
    (Tab::Sources, "/sources", "Sources"),
    (Tab::Reporters, "/reporters", "Reporters"),
    (Tab::Dkim, "/dkim", "DKIM"),
    (Tab::Spf, "/spf", "SPF"),
    (Tab::Reports, "/reports", "Reports"),
    (Tab::FailureReports, "/failure-reports", "Failure reports"),
    (Tab::Tls, "/tls", "TLS"),
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
        .filter(|(other, ..)| *other != Tab::Settings || visitor.may_write())
        // Those of a domain that reads none any more can still be looked at by their address.
        .filter(|(other, ..)| *other != Tab::FailureReports || tab == *other || domain.failure_reports != "off");
    let (_, _, title) = TABS
        .iter()
        .find(|(other, ..)| *other == tab)
        .copied()
        .unwrap_or(TABS[0]);
    let body = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/" { "Domains" } }
        div .head { h1 { (domain_name(&domain.name, domain.unicode_name.as_deref())) " " (status(&domain.status))
            @for tag in &domain.tags { " " a .chip href=(format!("/?tag={tag}")) { (tag) } } } }
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

/// The content of a domain's page, its days, and a notice if these are not the usual ones.
pub(super) struct Found<T> {
    pub list: Told<T>,
    pub asked: Asked,
    pub notice: Markup,
}

impl<T> Found<T> {
    /// The same page with a content made from the answer.
    pub fn map<U>(self, show: impl FnOnce(&T, &Asked) -> U) -> Found<U> {
        let Self { list, asked, notice } = self;
        let list = match list {
            Told::Answer(list) => Told::Answer(show(&list, &asked)),
            Told::Wrong(failure) => Told::Wrong(failure),
        };
        Found { list, asked, notice }
    }
}

/// Asks the API for the path of a request. If no days are chosen and the last 30 are empty, it asks again for the 30
/// days up to the last data.
pub(super) async fn found<T: DeserializeOwned>(
    visitor: &Visitor,
    id: &str,
    asked: Asked,
    path: impl Fn(&Asked) -> Result<String, Failure>,
    is_empty: impl Fn(&Told<T>) -> bool,
) -> Result<Found<T>, Failure> {
    let ask = async |asked: &Asked| match visitor.api.get::<T>(&path(asked)?).await {
        // Other days may have data, and can be chosen.
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

/// Whether a list has no rows at all. A page after the last one belongs to a list with rows.
pub(super) fn has_none<T>(list: &Told<T>, pagination: fn(&T) -> &Pagination) -> bool {
    matches!(list, Told::Answer(list) if pagination(list).total == 0)
}

const PRESETS: [(&str, &str); 4] = [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year")];

/// The form to choose days. `names` are the parameters that it keeps. Mistakes in the days are shown below it.
pub(super) fn range_form(base: &str, asked: &Asked, names: &[&str], wrong: Option<&Failure>) -> Markup {
    let chosen = asked
        .get("days")
        .or((!asked.has_range() && asked.get("all").is_none()).then_some("30"));
    // The API answers at most 92 days for all domains together.
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

/// Explains why days other than the last ones are shown.
pub(super) fn last_data(day: &str) -> Markup {
    html! {
        p .notice role="status" {
            "Nothing was reported for the last 30 days. The last data is of " b { (date(day)) } ": shown are the 30 days up to it."
        }
    }
}
