//! Reading bodies and parameters field by field: every mistake is named, not only the first one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::Uri;
use axum::http::request::Parts;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::json;
use crate::api::FieldError;

/// The parameters of a query string. Unknown ones are ignored; one that is asked for and repeated is a mistake.
#[derive(Debug)]
pub(super) struct Parameters {
    pairs: Vec<(String, String)>,
    /// Names that appear more than once, until they are asked for.
    repeated: BTreeSet<String>,
    errors: Vec<FieldError>,
    uri: Uri,
}

/// The members of a JSON object. Unknown ones are errors.
#[derive(Debug)]
pub(super) struct Members {
    members: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(pairs): Query<Vec<(String, String)>> = Query::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::invalid_request("The query string cannot be read"))?;
        Ok(Self {
            repeated: repeated(&pairs),
            pairs,
            errors: Vec::new(),
            uri: parts.uri.clone(),
        })
    }
}

impl Parameters {
    /// The query string as it came, without the parameters of these names.
    pub(super) fn query_without(&self, names: &[&str]) -> String {
        let texts = self.uri.query().unwrap_or_default().split('&');
        // Empty texts do not become pairs.
        let pairs = texts.filter(|text| !text.is_empty()).zip(&self.pairs);
        let kept = pairs.filter(|(_, (name, _))| !names.contains(&name.as_str()));
        kept.map(|(text, _)| text).collect::<Vec<_>>().join("&")
    }

    /// The parameter's text.
    pub(super) fn text(&mut self, name: &str) -> Option<&str> {
        if self.repeated.remove(name) {
            self.refuse(name, "must not appear more than once");
        }
        let pair = self.pairs.iter().rev().find(|(other, _)| other == name);
        pair.map(|(_, text)| text.as_str())
    }

    /// The parameter's text of 1 to `chars_max` characters, without control characters (which PostgreSQL's text cannot
    /// hold, in the case of NUL).
    pub(super) fn plain_text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let text = self.text(name)?.to_owned();
        if text.is_empty() || text.chars().count() > chars_max || text.chars().any(char::is_control) {
            self.refuse(name, format!("must be plain text of 1 to {chars_max} characters"));
            return None;
        }
        Some(text)
    }

    /// The parameter as a value of its own type; the error is the rest of a sentence.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        match self.text(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(name, error);
                None
            }
        }
    }

    /// The parameter as one of some words.
    pub(super) fn word<T>(&mut self, name: &str, words: &[&str], from_word: fn(&str) -> Option<T>) -> Option<T> {
        let value = from_word(self.text(name)?);
        if value.is_none() {
            self.refuse(name, format!("must be one of {}", words.join(", ")));
        }
        value
    }

    /// The parameter as a whole number; digits alone, so that `+5` and `5.0` are mistakes. What is above the range, however
    /// long, is an error too.
    pub(super) fn number(&mut self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let value = whole_number(self.text(name)?).filter(|number| range.contains(number));
        if value.is_none() {
            self.refuse(
                name,
                format!("must be a whole number from {} to {}", range.start(), range.end()),
            );
        }
        value
    }

    /// Notes a mistake.
    pub(super) fn refuse(&mut self, name: &str, error: impl Display) {
        self.errors.push(FieldError::new(name, error));
    }

    /// The mistakes, if there were any.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::unprocessable(self.errors))
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Members {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|_| ApiError::invalid_request("The body cannot be read"))?;
        let (value, repeated) = json::parse(&body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            ApiError::invalid_request(format!("The body is not valid JSON (line {line}, column {column})"))
        })?;
        let Value::Object(members) = value else {
            return Err(ApiError::invalid_request("The body must be a JSON object"));
        };
        let twice = |path: &String| FieldError::new(path, "must not appear more than once");
        Ok(Self {
            members,
            errors: repeated.iter().map(twice).collect(),
        })
    }
}

impl Members {
    /// The member as text; absent and null are the same.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.members.remove(name)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            _ => {
                self.refuse(name, "must be a string");
                None
            }
        }
    }

    /// The member as text of 1 to `chars_max` characters, without control characters; absent and null are the same.
    pub(super) fn plain_text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let text = self.text(name)?;
        if text.trim().is_empty() || text.chars().count() > chars_max || text.chars().any(char::is_control) {
            self.refuse(name, format!("must be plain text of 1 to {chars_max} characters"));
            return None;
        }
        Some(text)
    }

    /// The member as a list of up to `count_max` texts as of [`Members::plain_text`]; absent and null are an empty list.
    pub(super) fn plain_texts(&mut self, name: &str, count_max: usize, chars_max: usize) -> Vec<String> {
        let texts = match self.members.remove(name) {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(items)) if items.len() <= count_max => items.into_iter().map(text).collect(),
            Some(_) => None,
        };
        let is_plain = |text: &String| {
            !text.trim().is_empty() && text.chars().count() <= chars_max && !text.chars().any(char::is_control)
        };
        let texts = texts.filter(|texts: &Vec<String>| texts.iter().all(is_plain));
        texts.unwrap_or_else(|| {
            let what = format!("must be a list of up to {count_max} plain texts of 1 to {chars_max} characters");
            self.refuse(name, what);
            Vec::new()
        })
    }

    /// The member as a whole number that null clears: `Some(None)` is null.
    pub(super) fn clearable_number(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<Option<u64>> {
        let value = self.members.remove(name)?;
        if value.is_null() {
            return Some(None);
        }
        let number = value.as_u64().or_else(|| {
            value
                .as_f64()
                .filter(|n| n.fract() == 0.0 && *n >= 0.0)
                .map(|n| n as u64)
        });
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(
                name,
                format!(
                    "must be a whole number from {} to {}, or null",
                    range.start(),
                    range.end()
                ),
            );
        }
        number.map(Some)
    }

    /// Whether a mistake was noted.
    pub(super) fn is_refused(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The member as text, which must be there.
    pub(super) fn required_text(&mut self, name: &str) -> Option<String> {
        if self.members.get(name).is_none_or(Value::is_null) {
            self.members.remove(name);
            self.refuse(name, "is required");
            return None;
        }
        self.text(name)
    }

    /// The member as a list of at most `items_max` texts; absent and null are the same.
    pub(super) fn texts(&mut self, name: &str, items_max: usize) -> Option<Vec<String>> {
        let value = self.members.remove(name)?;
        if value.is_null() {
            return None;
        }
        let items = value.as_array().filter(|items| items.len() <= items_max);
        let texts = items.and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        if texts.is_none() {
            self.refuse(name, format!("must be a list of at most {items_max} strings"));
        }
        texts
    }

    /// As [`Members::texts`], and it must be there.
    pub(super) fn required_texts(&mut self, name: &str, items_max: usize) -> Option<Vec<String>> {
        if self.members.get(name).is_none_or(Value::is_null) {
            self.members.remove(name);
            self.refuse(name, "is required");
            return None;
        }
        self.texts(name, items_max)
    }

    /// As [`Members::texts`]; null is `Some(None)`.
    pub(super) fn clearable_texts(&mut self, name: &str, items_max: usize) -> Option<Option<Vec<String>>> {
        match self.members.get(name)?.is_null() {
            true => {
                self.members.remove(name);
                Some(None)
            }
            false => self.texts(name, items_max).map(Some),
        }
    }

    /// As [`Members::texts`], but null is a mistake.
    pub(super) fn changed_texts(&mut self, name: &str, items_max: usize) -> Option<Vec<String>> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.insert(name.to_owned(), Value::from(""));
        }
        self.texts(name, items_max)
    }

    /// As [`Members::plain_text`], and it must be there.
    pub(super) fn required_plain_text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let text = self.required_text(name)?;
        self.members.insert(name.to_owned(), Value::from(text));
        self.plain_text(name, chars_max)
    }

    /// The member as an object of texts by name; a whole number becomes a text, and a member of it that is null is absent.
    /// Absent and null are the same.
    pub(super) fn texts_by_name(&mut self, name: &str) -> Option<BTreeMap<String, String>> {
        let value = self.members.remove(name)?;
        let members = match value {
            Value::Null => return None,
            Value::Object(members) => members,
            _ => {
                self.refuse(name, "must be an object");
                return None;
            }
        };
        let mut texts = BTreeMap::new();
        for (member, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
            match value.as_i64().map(|number| number.to_string()).or_else(|| text(value)) {
                Some(text) => drop(texts.insert(member, text)),
                None => self.refuse_in(name, &member, "must be a string"),
            }
        }
        Some(texts)
    }

    /// Notes a mistake in a member of an object.
    pub(super) fn refuse_in(&mut self, name: &str, member: &str, error: impl Display) {
        let cut = member.floor_char_boundary(NAME_BYTES_MAX);
        if self.errors.len() < ERRORS_MAX {
            self.refuse(&format!("{name}.{}", &member[..cut]), error);
        }
    }

    /// The member as true or false; absent and null are the same.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.members.remove(name)? {
            Value::Null => None,
            Value::Bool(flag) => Some(flag),
            _ => {
                self.refuse(name, "must be true or false");
                None
            }
        }
    }

    /// The member as one of some words; absent and null are the same.
    pub(super) fn word<T: Copy>(&mut self, name: &str, all: &[T], word: fn(T) -> &'static str) -> Option<T> {
        let text = self.text(name)?;
        let value = all.iter().copied().find(|&value| word(value) == text);
        if value.is_none() {
            let words: Vec<_> = all.iter().map(|&value| word(value)).collect();
            self.refuse(name, format!("must be one of {}", words.join(", ")));
        }
        value
    }

    /// As [`Members::word`], and it must be there.
    pub(super) fn required_word<T: Copy>(&mut self, name: &str, all: &[T], word: fn(T) -> &'static str) -> Option<T> {
        let text = self.required_text(name)?;
        self.members.insert(name.to_owned(), Value::from(text));
        self.word(name, all, word)
    }

    /// As [`Members::word`], but null is a mistake.
    pub(super) fn changed_word<T: Copy>(&mut self, name: &str, all: &[T], word: fn(T) -> &'static str) -> Option<T> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.insert(name.to_owned(), Value::from(""));
        }
        self.word(name, all, word)
    }

    /// As [`Members::flag`], but null is a mistake.
    pub(super) fn changed_flag(&mut self, name: &str) -> Option<bool> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.insert(name.to_owned(), Value::from(""));
        }
        self.flag(name)
    }

    /// The member as text that null clears: `Some(None)` is null.
    pub(super) fn clearable_text(&mut self, name: &str) -> Option<Option<String>> {
        if self.members.get(name)?.is_null() {
            self.members.remove(name);
            return Some(None);
        }
        self.text(name).map(Some)
    }

    /// The member as a whole number from 1, which must be there.
    pub(super) fn required_number(&mut self, name: &str) -> Option<i64> {
        let value = self.members.remove(name).unwrap_or_default();
        // 1.0 is a whole number in JSON's schemas.
        let number = value
            .as_i64()
            .or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64));
        let number = number.filter(|&number| number > 0);
        if value.is_null() {
            self.refuse(name, "is required");
        } else if number.is_none() {
            self.refuse(name, "must be a whole number from 1");
        }
        number
    }

    /// Notes a mistake.
    pub(super) fn refuse(&mut self, name: &str, error: impl Display) {
        self.errors.push(FieldError::new(name, error));
    }

    /// The mistakes, if there were any; unknown members are mistakes.
    pub(super) fn finish(mut self) -> Result<(), ApiError> {
        for name in self.members.keys().take(UNKNOWN_NAMED_MAX) {
            let cut = name.floor_char_boundary(NAME_BYTES_MAX);
            self.errors
                .push(FieldError::new(&name[..cut], "is not a field of this request"));
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::unprocessable(self.errors))
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn repeated(pairs: &[(String, String)]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let twice = pairs.iter().filter(|(name, _)| !seen.insert(name));
    twice.map(|(name, _)| name.clone()).collect()
}

/// An answer names no more unknown fields than this, and of each no more bytes than that.
const UNKNOWN_NAMED_MAX: usize = 20;
const NAME_BYTES_MAX: usize = 100;
/// Mistakes in members of objects are named up to this number.
const ERRORS_MAX: usize = 50;

/// A number of digits only; what is too large for 32 bits is the largest that is not.
fn whole_number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
