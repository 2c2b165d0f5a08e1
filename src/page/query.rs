//! The parameters of a page, and the addresses of others.

use std::fmt::Write as _;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::api::Failure;
use crate::base::Millis;
use crate::base::clock::{format_instant, parse_instant};

/// The query of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(pairs) = Query::from_request_parts(parts, state)
            .await
            .map_err(|_| Failure::missing())?;
        Ok(Self(pairs))
    }
}

impl Asked {
    /// These parameters.
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The same request for other days: the 30 up to `last`.
    pub fn until(&self, last: &str) -> Self {
        let others = self.0.iter().filter(|(name, _)| !RANGE.contains(&name.as_str()));
        let mut pairs: Vec<_> = others.cloned().collect();
        if let Some(end) = parse_instant(&format!("{last}T00:00:00Z")) {
            let first = format_instant(end - 29 * DAY_MILLIS);
            pairs.push(("from".to_owned(), first.get(..10).unwrap_or_default().to_owned()));
        }
        pairs.push(("to".to_owned(), last.to_owned()));
        Self(pairs)
    }

    /// Whether it says which days.
    pub fn has_range(&self) -> bool {
        RANGE.iter().any(|name| self.get(name).is_some())
    }

    /// The last value of that name, if it is not empty: fields of a form that are left empty say nothing.
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self
            .0
            .iter()
            .rev()
            .find(|(other, text)| other == name && !text.is_empty());
        pair.map(|(_, text)| text.as_str())
    }

    /// Only these parameters, as a query string with its `?`, or nothing.
    pub fn only(&self, names: &[&str]) -> String {
        joined(names.iter().filter_map(|name| Some((*name, self.get(name)?))))
    }

    /// These parameters, some of them changed; `""` takes one away.
    pub fn with(&self, names: &[&str], changes: &[(&str, &str)]) -> String {
        let changed = |name: &str| changes.iter().find(|(other, _)| *other == name).map(|(_, text)| *text);
        let kept = names.iter().filter(|name| changed(name).is_none());
        let kept = kept.filter_map(|name| Some((*name, self.get(name)?)));
        joined(kept.chain(changes.iter().filter(|(_, text)| !text.is_empty()).copied()))
    }
}

fn joined<'t>(pairs: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let mut query = String::new();
    for (name, text) in pairs {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        query.push_str(&query_escaped(text));
    }
    query
}

/// Milliseconds per day.
pub(super) const DAY_MILLIS: Millis = 86_400_000;
/// What says which days.
pub(super) const RANGE: [&str; 3] = ["days", "from", "to"];

/// A text as a value in a query string.
pub(super) fn query_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_kept_changed_and_escaped() {
        let pairs = [
            ("days", "7"),
            ("sort", "count"),
            ("network", "10.0.0.0/24&x"),
            ("from", ""),
        ];
        let asked = Asked(pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec());
        assert_eq!(asked.only(&RANGE), "?days=7");
        assert_eq!(
            asked.with(&["days", "sort"], &[("sort", "pass"), ("page", "")]),
            "?days=7&sort=pass"
        );
        assert_eq!(asked.only(&["network"]), "?network=10.0.0.0%2F24%26x");
        assert_eq!(asked.only(&["from"]), "");
        assert_eq!(asked.until("2025-08-15").only(&RANGE), "?from=2025-07-17&to=2025-08-15");
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_a_query() {
        assert_eq!(query_escaped("a&b=c #d/é+"), "a%26b%3Dc%20%23d%2F%C3%A9%2B");
    }
}
