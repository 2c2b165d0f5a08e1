//! Whether a report is in the figures, and deciding it.

use axum::Form;
use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Failure;
use super::numbers::grouped;
use super::parts::{hostile, hostile_or_dash, time};
use super::query::{Asked, query_escaped};
use super::tabs::{Tab, below, find, page};
use super::visitor::Visitor;
use crate::api::{DecisionBody, DecisionInput, ReportBody, ReportItem, ReporterInput, TrustBody};

/// What a list says of a report that does not count.
pub(super) fn chip(report: &ReportItem) -> Markup {
    let (class, text, title) = match (report.status.as_ref(), report.held_because.as_deref()) {
        ("counted", _) => return html! {},
        ("held", Some("implausible")) => (
            "odd",
            "held: implausible",
            "It is about more messages than the limit of the domain",
        ),
        ("held", Some("crowded")) => (
            "odd",
            "held: crowded day",
            "With it, a day of the domain would have more source addresses than the limit",
        ),
        ("held", Some("undecided")) => (
            "odd",
            "held: not known yet",
            "The sender of its mail could not be authenticated yet; it is checked again",
        ),
        ("held", _) => (
            "odd",
            "held",
            "The mail that carried it passed neither DMARC nor an aligned SPF or DKIM check",
        ),
        ("discounted", _) => ("bad", "discounted", "Taken out of the figures"),
        _ => ("bad", "not counted", "It contradicts another report, which counts"),
    };
    html! { span .chip.(class) title=(title) { (text) } " " }
}

/// Whether a report is in the figures and why, what was decided, and how to decide otherwise.
pub(super) fn card(visitor: &Visitor, id: &str, detail: &ReportBody) -> Markup {
    let report = &detail.report;
    let is_plain = report.status == "counted" && detail.history.is_empty();
    if is_plain && !visitor.may_write() {
        return html! {};
    }
    html! {
        section .card aria-labelledby="figures" {
            h2 #figures { "In the figures?" }
            p { (says(report)) }
            @if !detail.history.is_empty() { (history(&detail.history)) }
            @if visitor.may_write() { (forms(visitor, id, report)) }
        }
    }
}

fn says(report: &ReportItem) -> Markup {
    html! {
        @match (report.status.as_ref(), report.held_because.as_deref()) {
            ("counted", _) => { "Yes: its " (grouped(report.total_count)) " messages count." }
            ("held", Some("implausible")) => {
                "No, it is held: it is about " (grouped(report.total_count)) " messages, more than a report of this domain may be about."
            }
            ("held", Some("crowded")) => {
                "No, it is held: with it, a day of this domain would have more source addresses than the limit."
            }
            ("held", Some("undecided")) => {
                "No, it is held: the sender of the mail that carried it could not be authenticated yet. It is checked \
                    again, less and less often, for two days and a half."
            }
            ("held", _) => {
                "No, it is held: the mail that carried it passed neither DMARC nor an aligned SPF or DKIM check, so that anyone may have written it."
            }
            ("discounted", _) => { "No, it was taken out of the figures." }
            _ => { "No: it contradicts another report with the same identity, which counts." }
        }
    }
}

fn history(decisions: &[DecisionBody]) -> Markup {
    html! {
        ul .decisions { @for one in decisions { li {
            (hostile(&one.action)) " by " (hostile(&one.by)) " " (time(&one.at))
            @if let Some(why) = &one.why { ": " (hostile(why)) }
        } } }
    }
}

/// What is done: its word, what opens its form, what the form says, and what its button says.
type Choice = (&'static str, &'static str, &'static str, &'static str);

fn forms(visitor: &Visitor, id: &str, report: &ReportItem) -> Markup {
    let (action, opens, says, button): Choice = match report.status.as_ref() {
        "counted" => (
            "discount",
            "Take it out of the figures…",
            "Its messages leave all figures. The report stays listed as discounted, and can be put back.",
            "Take it out",
        ),
        _ => (
            "count",
            "Put it into the figures…",
            "Its messages are added to the figures. It can be taken out again.",
            "Put it in",
        ),
    };
    let also_discount = report.status == "held";
    html! {
        details {
            summary { (opens) }
            p .small { (says) }
            (decide(visitor, id, report, action, button))
        }
        @if also_discount {
            details {
                summary { "Dismiss it…" }
                p .small { "It stays out of the figures, and no longer waits for a decision." }
                (decide(visitor, id, report, "discount", "Dismiss it"))
            }
        }
        @if report.held_because.as_deref() == Some("unvouched") && !report.reporter.is_empty() {
            details {
                summary { "Accept all of " (hostile(&report.reporter)) "…" }
                p .small {
                    "All reports that name this reporter, held now or arriving later, count whatever mail carries \
                        them:"
                    "also forged ones. The settings of the domain take that back."
                }
                form method="post" action=(format!("/view/{id}/reporters/accept")) .stack {
                    (visitor.field())
                    input type="hidden" name="reporter" value=(report.reporter);
                    (reason("why-all"))
                    button type="submit" { "Accept the reporter" }
                }
            }
        }
    }
}

fn decide(visitor: &Visitor, id: &str, report: &ReportItem, action: &str, button: &str) -> Markup {
    html! {
        form method="post" action=(format!("/view/{id}/reports/{}/judge", report.id)) .stack {
            (visitor.field())
            input type="hidden" name="decision" value=(action);
            (reason(&format!("why-{action}")))
            button type="submit" { (button) }
        }
    }
}

fn reason(id: &str) -> Markup {
    html! {
        label for=(id) { "Why (optional)" }
        input id=(id) name="why" maxlength="200" autocomplete="off";
    }
}

/// What a form about a report says.
#[derive(Debug, Deserialize)]
pub(super) struct JudgeForm {
    form_token: String,
    decision: String,
    #[serde(default)]
    why: String,
}

/// What a form about a reporter says.
#[derive(Debug, Deserialize)]
pub(super) struct ReporterForm {
    form_token: String,
    reporter: String,
    #[serde(default)]
    why: String,
}

/// What the form of the limit says.
#[derive(Debug, Deserialize)]
pub(super) struct TrustForm {
    form_token: String,
    report_messages_max: String,
}

/// `POST /view/{id}/reports/{number}/judge`
pub(super) async fn judge(
    visitor: Visitor,
    Path((id, number)): Path<(String, String)>,
    Form(form): Form<JudgeForm>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let action = match form.decision.as_str() {
        "count" => "count",
        "discount" => "discount",
        _ => return Err(Failure::missing()),
    };
    let number = query_escaped(&number);
    let path = below(&id, &format!("/dmarc/reports/{number}/{action}"))?;
    let body = DecisionInput {
        why: reason_of(&form.why),
    };
    visitor.api.tell(Method::POST, &path, &body).await?;
    Ok(Redirect::to(&format!("/view/{id}/reports/{number}")))
}

/// `POST /view/{id}/reporters/accept`
pub(super) async fn accept(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<ReporterForm>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let body = ReporterInput {
        why: reason_of(&form.why),
        reporter: form.reporter,
    };
    let path = below(&id, "/dmarc/reporters/accept")?;
    visitor.api.tell(Method::POST, &path, &body).await?;
    Ok(Redirect::to(&format!("/view/{id}/reports?all=true&status=held")))
}

/// `POST /view/{id}/reporters/withdraw`
pub(super) async fn withdraw(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<ReporterForm>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let path = below(&id, "/dmarc/reporters/withdraw")?;
    let body = ReporterInput {
        reporter: form.reporter,
        why: None,
    };
    visitor.api.tell(Method::POST, &path, &body).await?;
    Ok(Redirect::to(&format!("/view/{id}/settings?saved=true")))
}

/// `POST /view/{id}/trust`
pub(super) async fn save(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<TrustForm>,
) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let given = form.report_messages_max.trim();
    // What is not a number is handed on too: the API says what is wrong with it.
    let messages_max = match given.parse::<u64>() {
        _ if given.is_empty() => Value::Null,
        Ok(number) => Value::from(number),
        Err(_) => Value::from(given),
    };
    let path = below(&id, "/dmarc/trust")?;
    let body = json!({ "report_messages_max": messages_max });
    match visitor.api.tell(Method::PATCH, &path, &body).await {
        Ok(()) => Ok(Redirect::to(&format!("/view/{id}/settings?saved=true")).into_response()),
        Err(failure) if failure.is_about_input() => {
            let domain = find(&visitor, &id).await?;
            let trust = visitor.api.get(&path).await?;
            let content = settings(&visitor, &id, &trust, Some((&failure, given)));
            let page = page(&visitor, &domain, Tab::Settings, &Asked::default(), content);
            Ok((failure.status, page).into_response())
        }
        Err(failure) => Err(failure),
    }
}

fn reason_of(why: &str) -> Option<String> {
    Some(why.trim()).filter(|why| !why.is_empty()).map(str::to_owned)
}

/// The part of the settings that decides which reports count; `wrong` is a limit that was refused.
pub(super) fn settings(visitor: &Visitor, id: &str, trust: &TrustBody, wrong: Option<(&Failure, &str)>) -> Markup {
    let set = trust.report_messages_max.map(|max| max.to_string()).unwrap_or_default();
    let value = wrong.map_or(set.as_str(), |(_, given)| given);
    let error = wrong.and_then(|(failure, _)| failure.field("report_messages_max"));
    html! {
        section .card.slim aria-labelledby="trust" {
            h2 #trust { "Which reports count" }
            form method="post" action=(format!("/view/{id}/trust")) .stack {
                (visitor.field())
                label for="report_messages_max" { "Messages that one report may be about" }
                input #report_messages_max name="report_messages_max" value=(value) inputmode="numeric" placeholder="the limit of this installation"
                    aria-describedby=[error.map(|_| "trust-error")] aria-invalid=[error.map(|_| "true")];
                @if error.is_some() {
                    p #trust-error .bad role="alert" { "This must be a whole number from 1 to 1,000,000,000,000, or empty." }
                }
                p .small.muted { "Reports about more are held, however they come. Reports that are here already stay as they are." }
                button type="submit" { "Save the limit" }
            }
            h3 { "Accepted reporters" }
            @if trust.accepted_reporters.is_empty() {
                p .muted { "None: reports whose mail passes no check are held." }
            } @else {
                ul .accepted { @for one in &trust.accepted_reporters { li {
                    b { (hostile(&one.reporter)) } " "
                    span .small.muted { "by " (hostile(&one.by)) " " (time(&one.accepted_at)) " " @if one.why.is_some() { (hostile_or_dash(one.why.as_deref())) } }
                    form method="post" action=(format!("/view/{id}/reporters/withdraw")) .inline {
                        (visitor.field())
                        input type="hidden" name="reporter" value=(one.reporter);
                        button type="submit" { "Withdraw" }
                    }
                } } }
            }
        }
    }
}
