//! The form of a digest, with what was typed and what is wrong with it.

use std::collections::HashMap;

use maud::{Markup, html};
use serde::Deserialize;

use super::super::api::{Api, Failure};
use super::super::parts::{described, field_error, other_errors};
use crate::api::{CHANNEL_NAME_CHARS_MAX, DigestBody, DomainList, FieldError};
use crate::base::Period;

/// What the form of a digest says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    pub form_token: String,
    pub name: String,
    pub email: String,
    pub period: String,
    /// One of [`SCOPES`].
    pub scope: String,
    /// Names of domains, with spaces or commas between them.
    pub domains: String,
}

/// The account's domains.
#[derive(Debug, Default)]
pub(super) struct OwnDomains {
    /// Pairs of id and name.
    pairs: Vec<(String, String)>,
}

/// Whether a digest is about all domains, also those that are added later, or about some.
const ALL: &str = "all";
const SOME: &str = "some";
const SCOPES: [(&str, &str); 2] = [
    (ALL, "All domains, also those that are added later"),
    (SOME, "Only the domains named below"),
];

impl OwnDomains {
    pub async fn read(api: &Api) -> Result<Self, Failure> {
        let DomainList { domains } = api.get("/domains").await?;
        let pairs = domains.into_iter().map(|domain| (domain.id, domain.name)).collect();
        Ok(Self { pairs })
    }

    /// The names of domains, in the order of their ids.
    pub fn names(&self, ids: &[String]) -> Vec<&str> {
        let by_id: HashMap<_, _> = self
            .pairs
            .iter()
            .map(|(id, name)| (id.as_str(), name.as_str()))
            .collect();
        ids.iter().filter_map(|id| by_id.get(id.as_str()).copied()).collect()
    }

    /// The ids of domains, or the first name that is not theirs.
    fn ids<'n>(&self, names: &[&'n str]) -> Result<Vec<String>, &'n str> {
        let by_name: HashMap<_, _> = self.pairs.iter().map(|(id, name)| (name.as_str(), id)).collect();
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            ids.push((*by_name.get(name).ok_or(*name)?).clone());
        }
        Ok(ids)
    }
}

impl Typed {
    /// A form that is not filled in.
    pub fn empty() -> Self {
        Self {
            period: Period::ALL.first().copied().map_or("", Period::word).to_owned(),
            scope: ALL.to_owned(),
            ..Self::default()
        }
    }

    /// What is set.
    pub async fn from_digest(api: &Api, digest: &DigestBody) -> Result<Self, Failure> {
        let domains = match &digest.domains {
            Some(ids) => OwnDomains::read(api).await?.names(ids).join(", "),
            None => String::new(),
        };
        let scope = if digest.domains.is_some() { SOME } else { ALL };
        Ok(Self {
            form_token: String::new(),
            name: digest.name.clone(),
            email: digest.email.clone().unwrap_or_default(),
            period: digest.period.to_string(),
            scope: scope.to_owned(),
            domains,
        })
    }

    /// The ids of the domains that were typed; `None` for all.
    pub async fn domain_ids(&self, api: &Api) -> Result<Option<Vec<String>>, Failure> {
        let typed = self.domains.to_lowercase();
        let names: Vec<&str> = typed
            .split(|sign: char| sign == ',' || sign.is_whitespace())
            .filter(|name| !name.is_empty())
            .collect();
        let wrong = |why: String| Err(Failure::of_field(FieldError::new("domains", why)));
        match (self.scope.as_str(), names.is_empty()) {
            (ALL, true) => Ok(None),
            // A reader gets no mail about more than was meant.
            (ALL, false) => wrong("must be empty if the digest is about all domains".to_owned()),
            (_, true) => wrong("must name at least one domain".to_owned()),
            (_, false) => match OwnDomains::read(api).await?.ids(&names) {
                Ok(ids) => Ok(Some(ids)),
                Err(name) => wrong(format!("names {name}, which is not one of your domains")),
            },
        }
    }
}

/// A period as the page calls it.
pub(super) fn period_title(word: &str) -> &str {
    match word {
        "weekly" => "Weekly",
        "monthly" => "Monthly",
        other => other,
    }
}

/// The fields of a digest, as typed, each with what is wrong with it.
pub(super) fn fields(typed: &Typed, wrong: Option<&Failure>) -> Markup {
    let invalid = |name: &str| described(wrong, name).map(|_| "true");
    html! {
        label for="name" { "A name for it" }
        input #name name="name" value=(typed.name) maxlength=(CHANNEL_NAME_CHARS_MAX) autocomplete="off"
            aria-describedby=[described(wrong, "name")] aria-invalid=[invalid("name")];
        (field_error(wrong, "name"))
        label for="email" { "Address; its owner is asked once" }
        input #email name="email" value=(typed.email) placeholder="board@example.com" autocomplete="off" spellcheck="false" autocapitalize="none"
            aria-describedby=[described(wrong, "email")] aria-invalid=[invalid("email")];
        (field_error(wrong, "email"))
        label for="period" { "Period" }
        select #period name="period" aria-describedby=[described(wrong, "period")] {
            @for word in Period::ALL.iter().map(|period| period.word()) { option value=(word) selected[word == typed.period] { (period_title(word)) } }
        }
        (field_error(wrong, "period"))
        label for="scope" { "About" }
        select #scope name="scope" { @for (word, title) in SCOPES { option value=(word) selected[word == typed.scope] { (title) } } }
        label for="domains" { "Names of domains, with commas between them" }
        input #domains name="domains" value=(typed.domains) placeholder="example.com, example.org" autocomplete="off" spellcheck="false" autocapitalize="none"
            aria-describedby=[described(wrong, "domains")] aria-invalid=[invalid("domains")];
        (field_error(wrong, "domains"))
        (other_errors(wrong, &["name", "email", "period", "domains"]))
    }
}
