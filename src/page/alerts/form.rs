//! The form of a webhook or channel, with what was typed and what is wrong with it.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::api::{Api, Failure};
use super::super::parts::{described, field_error, hostile, other_errors};
use super::kind::{Kind, Platform};
use crate::api::{
    ALL_EVENTS, CHANNEL_NAME_CHARS_MAX, ChannelBody, ChannelConfig, DomainBody, DomainList, EVENT_KINDS, FieldError,
    WebhookBody,
};

/// What the form of a target says.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub form_token: String,
    /// Of a channel.
    pub name: String,
    /// Of a webhook.
    pub url: String,
    /// The name of the domain of which alone a channel hears; empty for all.
    pub domain: String,
    pub events: Vec<String>,
    /// Settings of a channel, by the names of their fields.
    config: BTreeMap<String, String>,
}

/// What a form is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'p> {
    Webhook,
    /// With what is known of its settings, by member.
    Channel(&'p Platform, Option<&'p BTreeMap<String, String>>),
}

/// Kinds of events that one form may name.
const EVENTS_MAX: usize = 60;

impl Typed {
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        let mut typed = Self::default();
        for (name, text) in pairs {
            match name.as_str() {
                "form_token" => typed.form_token = text,
                "name" => typed.name = text,
                "url" => typed.url = text,
                "domain" => typed.domain = text,
                "events" if typed.events.len() < EVENTS_MAX => typed.events.push(text),
                name if name.starts_with("config.") => drop(typed.config.insert(name.to_owned(), text)),
                _ => {}
            }
        }
        typed
    }

    /// A form that is not filled in: everything is told.
    pub fn empty() -> Self {
        Self {
            events: vec![ALL_EVENTS.to_owned()],
            ..Self::default()
        }
    }

    /// What is set, without secrets.
    pub fn of_webhook(webhook: &WebhookBody) -> Self {
        Self {
            url: webhook.url.clone(),
            events: webhook.events.clone(),
            ..Self::default()
        }
    }

    /// What is set, without secrets.
    pub async fn of_channel(api: &Api, channel: &ChannelBody) -> Result<Self, Failure> {
        let domain = match &channel.domain_id {
            Some(id) => match api.get::<DomainBody>(&format!("/domains/{id}")).await {
                Ok(domain) => domain.name,
                // It was removed.
                Err(failure) if failure.status.is_client_error() => String::new(),
                Err(failure) => return Err(failure),
            },
            None => String::new(),
        };
        Ok(Self {
            name: channel.name.clone(),
            events: channel.events.clone(),
            domain,
            ..Self::default()
        })
    }

    /// The id of the domain that was typed; `None` for all domains.
    pub async fn domain_id(&self, api: &Api) -> Result<Option<String>, Failure> {
        let typed = self.domain.trim().to_lowercase();
        if typed.is_empty() {
            return Ok(None);
        }
        let DomainList { domains } = api.get("/domains").await?;
        match domains.into_iter().find(|domain| domain.name == typed) {
            Some(domain) => Ok(Some(domain.id)),
            None => Err(Failure::of_field(FieldError::new(
                "domain",
                "is not one of your domains",
            ))),
        }
    }

    /// The settings of a channel that were typed.
    pub fn config(&self) -> ChannelConfig {
        let given = |member: &str| {
            let text = self.config.get(&format!("config.{member}"))?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        ChannelConfig {
            webhook_url: given("webhookUrl"),
            bot_token: given("botToken"),
            chat_id: given("chatId"),
            access_token: given("accessToken"),
            routing_key: given("routingKey"),
            address: given("address"),
        }
    }

    /// Whether a setting was typed.
    pub fn has_config(&self) -> bool {
        self.config.values().any(|text| !text.trim().is_empty())
    }
}

impl About<'_> {
    pub const fn kind(self) -> Kind {
        match self {
            Self::Webhook => Kind::Webhook,
            Self::Channel(..) => Kind::Channel,
        }
    }
}

/// The fields of a target, as typed, each with what is wrong with it.
pub(super) fn fields(about: About<'_>, typed: &Typed, wrong: Option<&Failure>) -> Markup {
    let text = |name: &str, title: &str, value: &str, example: &str| {
        html! {
            label for=(name) { (title) }
            input id=(name) name=(name) value=(value) placeholder=(example) autocomplete="off" spellcheck="false" autocapitalize="none"
                aria-describedby=[described(wrong, name)] aria-invalid=[described(wrong, name).map(|_| "true")];
            (field_error(wrong, name))
        }
    };
    html! {
        @match about {
            About::Webhook => { (text("url", "URL", &typed.url, "https://example.com/hook")) }
            About::Channel(platform, known) => {
                label for="name" { "A name for it" }
                input #name name="name" value=(typed.name) maxlength=(CHANNEL_NAME_CHARS_MAX) autocomplete="off"
                    aria-describedby=[described(wrong, "name")] aria-invalid=[described(wrong, "name").map(|_| "true")];
                (field_error(wrong, "name"))
                @for field in platform.fields {
                    @let kept = known.and_then(|known| known.get(field.member()));
                    @let typed = typed.config.get(field.name).map_or("", String::as_str);
                    (text(field.name, field.title, typed, kept.map_or(field.example, String::as_str)))
                }
                @if known.is_some() { p .small.muted { "What is left empty stays as it is." } }
                (field_error(wrong, "config"))
                (text("domain", "Only about this domain (optional)", &typed.domain, "example.com"))
                (field_error(wrong, "domainId"))
            }
        }
        (events(typed, wrong))
        (other_errors(wrong, &placed(about)))
    }
}

/// The fields whose errors are shown next to them.
fn placed(about: About<'_>) -> Vec<&'static str> {
    let own = match about {
        About::Webhook => &[][..],
        About::Channel(platform, _) => platform.fields,
    };
    let own = own.iter().map(|field| field.name);
    ["url", "name", "config", "domain", "domainId", "events"]
        .into_iter()
        .chain(own)
        .collect()
}

fn events(typed: &Typed, wrong: Option<&Failure>) -> Markup {
    let tick = |word: &str, title: Markup| {
        html! {
            label .tick { input type="checkbox" name="events" value=(word) checked[typed.events.iter().any(|one| one == word)]; span { (title) } }
        }
    };
    let others = typed
        .events
        .iter()
        .filter(|word| *word != ALL_EVENTS && !EVENT_KINDS.contains(&word.as_str()));
    html! {
        fieldset aria-describedby=[described(wrong, "events")] {
            legend { "Events" }
            (tick(ALL_EVENTS, html! { b { "All of them" } }))
            (field_error(wrong, "events"))
            div .events {
                @for word in EVENT_KINDS { (tick(word, html! { code { (word) } })) }
                @for word in others { (tick(word, html! { code { (hostile(word)) } })) }
            }
        }
    }
}
