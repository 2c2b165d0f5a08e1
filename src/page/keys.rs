//! The account's API keys, and who is signed in.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::api::Failure;
use super::layout::{Place, page};
use super::parts::{copy, dash, described, empty, field_error, hostile, time, time_or_dash};
use super::query::Asked;
use super::state::PageState;
use super::visitor::{Bare, Visitor, store_failure};
use crate::api::{ApiKeyWithSecret, KEY_NAME_CHARS_MAX, KeyBody, KeyInput, KeyList};
use crate::base::clock::format_instant;
use crate::store::Session;

/// What keys may do: the word of the API, and its title.
const PERMISSIONS: [(&str, &str); 4] = [
    ("read_only", "Read"),
    ("full_access", "Everything"),
    ("sending_access", "Send mail only"),
    ("submit", "Hand in reports only"),
];

/// `GET /keys`
pub(super) async fn show(State(state): State<PageState>, visitor: Visitor, asked: Asked) -> Result<Markup, Failure> {
    let notice = match asked.get("done") {
        Some("revoked") => "The key is revoked: it is refused from now on, and its sessions have ended.",
        Some("ended") => "The session has ended.",
        _ => "",
    };
    let notice = html! { @if !notice.is_empty() { p .notice.good role="status" { (notice) } } };
    content(&state, &visitor, notice, (&Typed::default(), None)).await
}

/// The form for a new key, as it was typed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    form_token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    permission: String,
}

/// `POST /keys`: the secret is shown once.
pub(super) async fn create(
    State(state): State<PageState>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Failure> {
    visitor.check(&typed.form_token)?;
    let wanted = KeyInput {
        name: typed.name.trim().to_owned(),
        permission: typed.permission.clone(),
        domain_id: None,
        allow_full_access: None,
    };
    match visitor
        .api
        .send::<ApiKeyWithSecret>(Method::POST, "/api-keys", &wanted)
        .await
    {
        Ok(made) => {
            let page = content(&state, &visitor, secret(&made), (&Typed::default(), None)).await?;
            Ok(page.into_response())
        }
        Err(failure) if failure.is_about_input() => {
            let page = content(&state, &visitor, Markup::default(), (&typed, Some(&failure))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(failure) => Err(failure),
    }
}

/// `POST /keys/{id}/revoke`
pub(super) async fn revoke(visitor: Visitor, Path(id): Path<i64>, Form(form): Form<Bare>) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    visitor
        .api
        .tell(Method::DELETE, &format!("/api-keys/{id}"), &())
        .await?;
    Ok(Redirect::to("/keys?done=revoked"))
}

/// The session that is to end.
#[derive(Debug, Deserialize)]
pub(super) struct End {
    form_token: String,
    session: String,
}

/// `POST /keys/end`: ends a session of the account.
pub(super) async fn end(
    State(state): State<PageState>,
    visitor: Visitor,
    Form(form): Form<End>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let mut hash = [0; 32];
    if !visitor.has_account() || hex::decode_to_slice(&form.session, &mut hash).is_err() {
        return Err(Failure::refused("This session cannot be ended from here"));
    }
    let ended = state.store.end_session(visitor.key.account, &hash).await;
    ended.map_err(|error| store_failure(&error))?;
    Ok(Redirect::to("/keys?done=ended"))
}

async fn content(
    state: &PageState,
    visitor: &Visitor,
    notice: Markup,
    form: (&Typed, Option<&Failure>),
) -> Result<Markup, Failure> {
    let KeyList { api_keys } = visitor.api.get("/api-keys").await?;
    let sessions = state.store.sessions(visitor.key.account, state.clock.now()).await;
    let sessions = sessions.map_err(|error| store_failure(&error))?;
    let content = html! {
        div .head { h1 { "Keys and sessions" } }
        (notice)
        section .card aria-labelledby="keys" {
            h2 #keys { "API keys" }
            p .muted { "Programs use them, and people sign in with them. Give each its own, so that it can be revoked alone." }
            (keys(visitor, &api_keys))
        }
        (new_key(visitor, form))
        section .card aria-labelledby="sessions" {
            h2 #sessions { "Signed in now" }
            p .muted { "A session ends after a day, with its key, or here." }
            (signed_in(visitor, &api_keys, &sessions))
        }
    };
    Ok(page(visitor, Place::Keys, "Keys and sessions", content))
}

fn keys(visitor: &Visitor, keys: &[KeyBody]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of keys" {
            table .cards {
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Begins with" } th scope="col" { "May" } th scope="col" { "Domain" }
                    th scope="col" { "Made" } th scope="col" { "Last used" } th scope="col" { span .hidden { "Actions" } }
                } }
                tbody { @for key in keys { tr {
                    th scope="row" { (hostile(&key.name)) @if key.id == visitor.key.id.0 { " " span .chip { "you" } } }
                    td data-label="Begins with" { code { (key.key_prefix) "…" } }
                    td data-label="May" { (permission(&key.permission)) }
                    td data-label="Domain" { @match &key.domain_id {
                        Some(id) => { a href=(format!("/view/{id}")) { "one domain" } }
                        None => { "all" }
                    } }
                    td data-label="Made" { (time(&key.created_at)) }
                    td data-label="Last used" { (time_or_dash(key.last_used_at.as_deref())) }
                    td { details {
                        summary { "Revoke…" }
                        p .small { "It is refused from then on." @if key.id == visitor.key.id.0 { " You are signed in with it: your session ends, too." } }
                        form method="post" action=(format!("/keys/{}/revoke", key.id)) {
                            (visitor.field())
                            button .danger type="submit" aria-label=(format!("Revoke the key {}", key.key_prefix)) { "Revoke" }
                        }
                    } }
                } } }
            }
        }
    }
}

fn permission(word: &str) -> &'static str {
    let known = PERMISSIONS.iter().find(|(other, _)| *other == word);
    known.map_or("–", |(_, title)| *title)
}

fn new_key(visitor: &Visitor, (typed, wrong): (&Typed, Option<&Failure>)) -> Markup {
    html! {
        section .card.slim aria-labelledby="new" {
            h2 #new { "New key" }
            form .stack method="post" action="/keys" {
                (visitor.field())
                label for="name" { "What it is for" }
                input #name name="name" value=(typed.name) maxlength=(KEY_NAME_CHARS_MAX) required autocomplete="off" placeholder="dashboard"
                    aria-describedby=[described(wrong, "name")];
                (field_error(wrong, "name"))
                label for="permission" { "What it may do" }
                select #permission name="permission" aria-describedby=[described(wrong, "permission")] {
                    @for (word, title) in PERMISSIONS { option value=(word) selected[word == typed.permission] { (title) } }
                }
                (field_error(wrong, "permission"))
                button .primary type="submit" { "Make a key" }
            }
        }
    }
}

fn secret(made: &ApiKeyWithSecret) -> Markup {
    html! {
        div .notice.good role="status" {
            p { "The key " b { (hostile(&made.body.name)) } " is made. It is shown only here: put it where it is needed." }
            p { code #secret { (made.key) } " " (copy(&made.key, "key")) }
        }
    }
}

fn signed_in(visitor: &Visitor, keys: &[KeyBody], sessions: &[Session]) -> Markup {
    if sessions.is_empty() {
        return empty("No sessions", html! { p { "Only programs use this account now." } });
    }
    let name = |session: &Session| keys.iter().find(|key| key.id == session.key.0).map(|key| &key.name);
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of sessions" {
            table .cards {
                thead { tr {
                    th scope="col" { "Key" } th scope="col" { "Since" } th scope="col" { "Until" }
                    th scope="col" { span .hidden { "Actions" } }
                } }
                tbody { @for session in sessions { tr {
                    th scope="row" {
                        @match name(session) { Some(name) => { (hostile(name)) } None => { (dash()) } }
                        @if session.hash == visitor.session { " " span .chip { "this one" } }
                    }
                    td data-label="Since" { (time(&format_instant(session.created_at))) }
                    td data-label="Until" { (time(&format_instant(session.until))) }
                    td { form method="post" action="/keys/end" {
                        (visitor.field())
                        input type="hidden" name="session" value=(hex::encode(session.hash));
                        button type="submit" { "End" }
                    } }
                } } }
            }
        }
    }
}
