//! What the owner decided about senders: the list, and the forms that decide.

use axum::Form;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::export;
use super::parts::{csv_link, empty, field_error, hostile, hostile_or_dash, no_rows, other_errors, pages, plain, time};
use super::query::Asked;
use super::tabs::{Tab, below, find, page};
use super::visitor::{Bare, Visitor};
use crate::api::{
    OWN_NAME_CHARS_MAX, SUBJECT_CHARS_MAX, SUBJECT_KINDS, SenderDecisionBody, SenderDecisionInput, SenderDecisionList,
    SourceBody, WHY_CHARS_MAX,
};
use crate::base::Network;

/// What can be decided: the word of the API, and its title.
const CHOICES: [(&str, &str); 3] = [("ours", "Ours"), ("not_ours", "Not ours"), ("forwarder", "Forwarder")];
/// Senders that one form decides about: a page of the list has fewer.
const SUBJECTS_MAX: usize = 200;
/// The form that the boxes of a table of services belong to.
pub(super) const FORM: &str = "decide";

/// Whose a sender is, as it was decided; nothing if nothing was.
pub(super) fn chip(decision: Option<&str>) -> Markup {
    let title = CHOICES.iter().find(|(word, _)| Some(*word) == decision);
    html! { @if let Some((_, title)) = title { " " span .chip title="Decided by you" { (title) } } }
}

/// Decides about the services that were chosen in the table above.
pub(super) fn bar(visitor: &Visitor, id: &str) -> Markup {
    html! {
        @if visitor.may_write() {
            form id=(FORM) .decide .inline method="post" action=(format!("/view/{id}/decisions")) {
                (visitor.field())
                input type="hidden" name="kind" value="service";
                span { "The chosen ones are" }
                (buttons())
                label .hidden for="note" { "Note" }
                input #note name="note" maxlength=(WHY_CHARS_MAX) placeholder="Note (optional)" autocomplete="off";
                a href=(format!("/view/{id}/decisions")) { "What was decided" }
            }
            p .small.muted {
                "Ours: what does not pass is yours to fix. Not ours: what does not pass is no longer in what you have to look at. \
                 Forwarder: it passes on what others sent. It applies to all days, and can be taken back."
            }
        }
    }
}

fn buttons() -> Markup {
    html! { @for (word, title) in CHOICES { button type="submit" name="decision" value=(word) { (title) } } }
}

/// Decides about an address or its network, and names it.
pub(super) fn of_source(visitor: &Visitor, id: &str, source: &SourceBody) -> Markup {
    let Some(address) = source.source_ip.filter(|_| visitor.may_write()) else {
        return html! {};
    };
    let around = Network::around(address);
    html! {
        details .card.plain {
            summary { "Name it, or decide whose it is…" }
            form .stack method="post" action=(format!("/view/{id}/decisions")) {
                (visitor.field())
                input type="hidden" name="kind" value="network";
                label for="subject" { "What" }
                select #subject name="subject" {
                    option value=(address) { "This address" }
                    option value=(around) { "All of " (around) }
                }
                (details(&Typed::default(), None))
                button .primary type="submit" { "Save" }
            }
        }
    }
}

/// The fields behind what is decided about; with what was typed.
fn details(typed: &Typed, wrong: Option<&Failure>) -> Markup {
    html! {
        label for="decision" { "Whose it is" }
        select #decision name="decision" {
            option value="" { "Not decided" }
            @for (word, title) in CHOICES { option value=(word) selected[word == typed.decision] { (title) } }
        }
        (field_error(wrong, "decision"))
        label for="name" { "Your name for it (optional, for addresses and networks)" }
        input #name name="name" value=(typed.name) maxlength=(OWN_NAME_CHARS_MAX) autocomplete="off";
        (field_error(wrong, "name"))
        label for="note" { "Note (optional)" }
        input #note name="note" value=(typed.note) maxlength=(WHY_CHARS_MAX) autocomplete="off";
        (field_error(wrong, "note"))
    }
}

/// `GET /view/{id}/decisions`
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    shown(&visitor, &id, &asked, (&Typed::default(), None)).await
}

/// The list, with the form as it was typed and what is wrong with it.
async fn shown(
    visitor: &Visitor,
    id: &str,
    asked: &Asked,
    (typed, wrong): (&Typed, Option<&Failure>),
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(visitor, id).await?;
    let base = format!("/view/{id}/decisions");
    let query = asked.with(&["page"], &[("per_page", "50")]);
    let path = below(id, &format!("/dmarc/decisions{query}"))?;
    let list: Told<SenderDecisionList> = Told::from(visitor.api.get(&path).await)?;
    let content = html! {
        nav .crumbs aria-label="Way back to the sources" { a href=(format!("/view/{id}/sources")) { "Sources" } }
        (other_errors(list.wrong(), &[]))
        section .card aria-labelledby="decisions" {
            div .head {
                h2 #decisions { "What was decided about senders" }
                (csv_link(&format!("{base}.csv")))
            }
            @if let Told::Answer(list) = &list {
                @if list.decisions.is_empty() {
                    (no_rows(&list.pagination, empty("Nothing was decided", html! {
                        p { "Choose services under Sources, or open an address, and say whose they are." }
                    })))
                } @else { (table(visitor, &base, &list.decisions)) }
                (pages(&list.pagination, ("decision", "decisions"), |number| {
                    format!("{base}{}", asked.with(&[], &[("page", number)]))
                }))
            }
        }
        @if visitor.may_write() { (form(visitor, &base, typed, wrong)) }
    };
    let status = wrong.map_or(list.status(), |failure| failure.status);
    Ok((status, page(visitor, &domain, Tab::Sources, asked, content)))
}

fn table(visitor: &Visitor, base: &str, decisions: &[SenderDecisionBody]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of decisions" {
            table .cards {
                thead { tr {
                    th scope="col" { "Sender" }
                    th scope="col" { "Decided" }
                    th scope="col" { "Your name" }
                    th scope="col" { "Note" }
                    th scope="col" { "By" }
                    @if visitor.may_write() { th scope="col" { span .hidden { "Change" } } }
                } }
                tbody { @for one in decisions { tr {
                    th scope="row" { (hostile(&one.subject)) div .small.muted { (kind_title(&one.kind)) } }
                    td data-label="Decided" { @if one.decision.is_some() { (chip(one.decision.as_deref())) } @else { "only named" } }
                    td data-label="Your name" { (hostile_or_dash(one.name.as_deref())) }
                    td data-label="Note" { (hostile_or_dash(one.note.as_deref())) }
                    td data-label="By" { (hostile(&one.by)) " " span .small.muted { (time(&one.decided_at)) } }
                    @if visitor.may_write() { td {
                        form method="post" action=(format!("{base}/{}/remove", one.id)) {
                            (visitor.field())
                            button type="submit" aria-label=(format!("Take back the decision about {}", plain(&one.subject))) { "Take back" }
                        }
                    } }
                } } }
            }
        }
    }
}

fn kind_title(kind: &str) -> &'static str {
    match kind {
        "service" => "service",
        "mail_from" => "MAIL FROM domain",
        _ => "addresses",
    }
}

fn form(visitor: &Visitor, base: &str, typed: &Typed, wrong: Option<&Failure>) -> Markup {
    html! {
        section .card.slim aria-labelledby="more" {
            h2 #more { "Decide about another sender" }
            @if let Some(failure) = wrong { (refused(&typed.subjects, failure)) }
            form .stack method="post" action=(base) {
                (visitor.field())
                label for="kind" { "What it is" }
                select #kind name="kind" {
                    @for word in SUBJECT_KINDS { option value=(word) selected[word == typed.kind] { (kind_title(word)) } }
                }
                label for="subject" { "Its name, domain, address or network" }
                input #subject name="subject" value=[typed.subjects.first()] maxlength=(SUBJECT_CHARS_MAX) required
                    autocomplete="off" spellcheck="false" autocapitalize="none" placeholder="192.0.2.0/24";
                (field_error(wrong, "subject"))
                (details(typed, wrong))
                button .primary type="submit" { "Save" }
            }
        }
    }
}

/// What was not decided, and why. The list above has what was.
fn refused(subjects: &[String], failure: &Failure) -> Markup {
    html! {
        p .notice.bad role="alert" {
            @match subjects {
                [] | [_] => { "It was not decided: " }
                many => { "These were not decided: " (hostile(&many.join(", "))) ". " }
            }
            (hostile(&failure.message)) "."
        }
    }
}

/// What a form says; `subject` may come many times.
#[derive(Debug, Default)]
struct Typed {
    form_token: String,
    kind: String,
    subjects: Vec<String>,
    decision: String,
    name: String,
    note: String,
}

impl Typed {
    fn new(pairs: Vec<(String, String)>) -> Self {
        let mut typed = Self::default();
        for (name, text) in pairs {
            match name.as_str() {
                "form_token" => typed.form_token = text,
                "kind" => typed.kind = text,
                "subject" => typed.subjects.push(text),
                "decision" => typed.decision = text,
                "name" => typed.name = text,
                "note" => typed.note = text,
                _ => {}
            }
        }
        typed
    }
}

/// `POST /view/{id}/decisions`
pub(super) async fn decide(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let mut typed = Typed::new(pairs);
    visitor.check(&typed.form_token)?;
    let path = below(&id, "/dmarc/decisions")?;
    typed.subjects.truncate(SUBJECTS_MAX);
    if typed.subjects.is_empty() {
        // Nothing was chosen: the API says what is missing.
        typed.subjects.push(String::new());
    }
    let given = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
    let (mut refused, mut wrong) = (Vec::new(), None);
    let asked = std::mem::take(&mut typed.subjects);
    for subject in asked {
        let body = SenderDecisionInput {
            kind: typed.kind.clone(),
            subject: subject.clone(),
            decision: given(&typed.decision),
            name: given(&typed.name),
            note: given(&typed.note),
        };
        match visitor.api.tell(Method::POST, &path, &body).await {
            Ok(()) => {}
            Err(failure) if failure.is_about_input() => {
                refused.push(subject);
                wrong.get_or_insert(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    // The list that is shown has what was decided; the form has the rest.
    typed.subjects = refused;
    if let Some(failure) = wrong {
        let answer = shown(&visitor, &id, &Asked::default(), (&typed, Some(&failure))).await?;
        return Ok(answer.into_response());
    }
    Ok(Redirect::to(&format!("/view/{id}/decisions")).into_response())
}

/// `POST /view/{id}/decisions/{number}/remove`
pub(super) async fn remove(
    visitor: Visitor,
    Path((id, number)): Path<(String, i64)>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let path = below(&id, &format!("/dmarc/decisions/{number}"))?;
    visitor.api.tell(Method::DELETE, &path, &()).await?;
    Ok(Redirect::to(&format!("/view/{id}/decisions")))
}

/// `GET /view/{id}/decisions.csv`
pub(super) async fn csv(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    export::csv(&visitor.api, below(&id, "/dmarc/decisions")?).await
}
