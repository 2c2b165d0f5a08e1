//! A domain's settings, and removing it.

use axum::Form;
use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::api::Failure;
use super::held;
use super::parts::{described, field_error, hostile, time};
use super::query::Asked;
use super::tabs::{Tab, below, find, page};
use super::visitor::Visitor;
use crate::api::{Change, DomainBody, DomainPatch};

/// `GET /view/{id}/settings`
pub(super) async fn form(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Markup, Failure> {
    writer(&visitor)?;
    let domain = find(&visitor, &id).await?;
    let content = settings(&visitor, &domain, &SettingsForm::from_domain(&domain), None);
    let trust = visitor.api.get(&below(&id, "/dmarc/trust")?).await?;
    let content = html! {
        @if asked.get("saved").is_some() { p .notice.good role="status" { "Saved." } }
        (content)
        (held::settings(&visitor, &id, &trust, None))
        (removal(&id))
    };
    Ok(page(&visitor, &domain, Tab::Settings, &asked, content))
}

/// The words of `failure_reports`, as people choose them.
const FAILURE_REPORTS: [(&str, &str); 3] = [
    ("off", "Nothing: off"),
    ("redacted", "Facts without names before the @"),
    ("headers", "Facts, and header fields with all addresses"),
];

/// What the form says; what is not ticked is not said.
#[derive(Debug, Deserialize)]
pub(super) struct SettingsForm {
    form_token: String,
    tls_mode: String,
    #[serde(default)]
    open_tracking: Option<String>,
    #[serde(default)]
    click_tracking: Option<String>,
    #[serde(default)]
    inbound_enabled: Option<String>,
    #[serde(default)]
    catch_all: Option<String>,
    custom_return_path: String,
    tracking_domain: String,
    bimi_logo_url: String,
    #[serde(default)]
    failure_reports: String,
    #[serde(default)]
    tags: String,
}

impl SettingsForm {
    /// The form as it shows what is set.
    fn from_domain(domain: &DomainBody) -> Self {
        let tick = |is: bool| is.then(|| "on".to_owned());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            form_token: String::new(),
            tls_mode: domain.tls_mode.to_string(),
            open_tracking: tick(domain.open_tracking),
            click_tracking: tick(domain.click_tracking),
            inbound_enabled: tick(domain.inbound_enabled),
            catch_all: tick(domain.catch_all),
            custom_return_path: text(&domain.custom_return_path),
            tracking_domain: text(&domain.tracking_domain),
            bimi_logo_url: text(&domain.bimi_logo_url),
            failure_reports: domain.failure_reports.to_string(),
            tags: domain.tags.join(" "),
        }
    }
}

/// `POST /view/{id}/settings`
pub(super) async fn save(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<SettingsForm>,
) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let domain = find(&visitor, &id).await?;
    let given = |text: &str| match text.trim() {
        "" => Change::Clear,
        text => Change::Set(text.to_owned()),
    };
    let wanted = DomainPatch {
        tls_mode: Some(form.tls_mode.clone()),
        open_tracking: Some(form.open_tracking.is_some()),
        click_tracking: Some(form.click_tracking.is_some()),
        inbound_enabled: Some(form.inbound_enabled.is_some()),
        catch_all: Some(form.catch_all.is_some()),
        custom_return_path: given(&form.custom_return_path),
        tracking_domain: given(&form.tracking_domain),
        bimi_logo_url: given(&form.bimi_logo_url),
        failure_reports: Some(form.failure_reports.clone()).filter(|word| !word.is_empty()),
        tags: Some(tags(&form.tags)),
    };
    match visitor.api.tell(Method::PATCH, &below(&id, "")?, &wanted).await {
        Ok(()) => Ok(Redirect::to(&format!("/view/{id}/settings?saved=true")).into_response()),
        Err(failure) if failure.status.is_client_error() => {
            let content = settings(&visitor, &domain, &form, Some(&failure));
            let content = html! { (content) (removal(&id)) };
            let page = page(&visitor, &domain, Tab::Settings, &Asked::default(), content);
            Ok((failure.status, page).into_response())
        }
        Err(failure) => Err(failure),
    }
}

/// The form with what is set, or with refused input.
fn settings(visitor: &Visitor, domain: &DomainBody, form: &SettingsForm, failure: Option<&Failure>) -> Markup {
    let id = &domain.id;
    let invalid = |name: &str| described(failure, name).map(|_| "true");
    let tick = |name: &str, ticked: &Option<String>, title: &str, text: &str| {
        html! {
            label .tick { input type="checkbox" name=(name) checked[ticked.is_some()]; span { b { (title) } br; span .small.muted { (text) } } }
            (field_error(failure, name))
        }
    };
    let text = |name: &str, value: &str, title: &str, example: &str| {
        html! {
            label for=(name) { (title) }
            input id=(name) name=(name) value=(value) placeholder=(example) spellcheck="false" autocapitalize="none"
                aria-describedby=[described(failure, name)] aria-invalid=[invalid(name)];
            (field_error(failure, name))
        }
    };
    html! {
        @if let Some(failure) = failure { p .notice.bad role="alert" { "Nothing was changed: " (hostile(&failure.message)) "." } }
        section .card.slim aria-labelledby="settings" {
            h2 #settings { "Settings" }
            form method="post" action=(format!("/view/{id}/settings")) .stack {
                (visitor.field())
                fieldset { legend { "In the list of domains" }
                    (text("tags", &form.tags, "Tags, with spaces between them", "shop de"))
                }
                fieldset { legend { "Mail to the domain" }
                    (tick("inbound_enabled", &form.inbound_enabled, "Accept mail for this domain", "dmarc@, dmarc-reports@, postmaster@ and abuse@ at the domain itself"))
                    (tick("catch_all", &form.catch_all, "Catch all", "any address at the domain"))
                }
                fieldset { legend { "Failure reports" }
                    label for="failure_reports" { "What is kept of reports about single mails" }
                    select #failure_reports name="failure_reports" aria-describedby="failure_reports_note" {
                        @for (word, title) in FAILURE_REPORTS {
                            option value=(word) selected[word == form.failure_reports] { (title) }
                        }
                    }
                    p #failure_reports_note .small.muted { "Unless it is off, the DMARC record below DNS set-up asks for them with ruf. \
                        They are deleted after 30 days, unless the operator has set another time." }
                    (field_error(failure, "failure_reports"))
                }
                fieldset { legend { "Mail from the domain" }
                    label for="tls_mode" { "TLS" }
                    select #tls_mode name="tls_mode" {
                        @for (word, title) in [("opportunistic", "Opportunistic"), ("enforced", "Enforced: no TLS, no delivery")] {
                            option value=(word) selected[word == form.tls_mode] { (title) }
                        }
                    }
                    (field_error(failure, "tls_mode"))
                    (text("custom_return_path", &form.custom_return_path, "Return path", "bounce.example.com"))
                    (text("tracking_domain", &form.tracking_domain, "Tracking host", "links.example.com"))
                    (tick("open_tracking", &form.open_tracking, "Track opens", "whether mail was looked at"))
                    (tick("click_tracking", &form.click_tracking, "Track clicks", "which links were followed"))
                    (text("bimi_logo_url", &form.bimi_logo_url, "BIMI logo", "https://example.com/logo.svg"))
                }
                p .small.muted { "Region " (domain.region) " · added " (time(&domain.created_at))
                    @if let Some(at) = &domain.verified_at { " · verified " (time(at)) } }
                button .primary type="submit" { "Save" }
            }
        }
    }
}

/// The words of the field for tags.
fn tags(text: &str) -> Vec<String> {
    let words = text.split(|sign: char| sign.is_whitespace() || sign == ',');
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The way to remove a domain: below everything else.
fn removal(id: &str) -> Markup {
    html! {
        section .card.slim aria-labelledby="remove" {
            h2 #remove { "Remove the domain" }
            p { "Its reports move to the closest domain above it that you have. Without one, they and all figures are removed." }
            p { a .button.danger href=(format!("/view/{id}/delete")) { "Remove…" } }
        }
    }
}

/// `GET /view/{id}/delete`
pub(super) async fn delete_form(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Markup, Failure> {
    writer(&visitor)?;
    let domain = find(&visitor, &id).await?;
    let content = confirm(&visitor, &domain, None);
    Ok(page(&visitor, &domain, Tab::Settings, &asked, content))
}

/// What the confirmation says.
#[derive(Debug, Deserialize)]
pub(super) struct DeleteForm {
    form_token: String,
    name: String,
}

/// `POST /view/{id}/delete`
pub(super) async fn delete(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<DeleteForm>,
) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let domain = find(&visitor, &id).await?;
    if form.name.trim() != domain.name {
        let content = confirm(&visitor, &domain, Some(&form.name));
        return Ok(page(&visitor, &domain, Tab::Settings, &Asked::default(), content).into_response());
    }
    visitor.api.tell(Method::DELETE, &below(&id, "")?, &()).await?;
    Ok(Redirect::to("/").into_response())
}

/// `wrong` is another name, which was typed to confirm.
fn confirm(visitor: &Visitor, domain: &DomainBody, wrong: Option<&str>) -> Markup {
    html! {
        section .card.slim aria-labelledby="remove" {
            h2 #remove { "Remove " (hostile(&domain.name)) "?" }
            p { "All its reports, records and figures are deleted. This cannot be undone." }
            form method="post" action=(format!("/view/{}/delete", domain.id)) .stack {
                (visitor.field())
                label for="name" { "Type the domain's name to confirm" }
                input #name name="name" value=[wrong] required autocomplete="off" spellcheck="false" autocapitalize="none";
                @if wrong.is_some() { p .bad role="alert" { "Nothing was removed: the typed name is not that of the \
                    domain." } }
                div .row {
                    button .danger type="submit" { "Remove it" }
                    a .button href=(format!("/view/{}/settings", domain.id)) { "Keep it" }
                }
            }
        }
    }
}

fn writer(visitor: &Visitor) -> Result<(), Failure> {
    let refused = || Failure::refused("This key may only read");
    visitor.may_write().then_some(()).ok_or_else(refused)
}
