//! How values are written in settings: units, words, and what an empty text stands for.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Error, Expected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::{DomainName, Purpose, Region};
use crate::outbound::Url;

/// A time in whole seconds.
#[derive(Deserialize, Serialize)]
pub(super) struct Seconds(u64);

impl From<&Duration> for Seconds {
    fn from(time: &Duration) -> Self {
        Self(time.as_secs())
    }
}

impl From<Seconds> for Duration {
    fn from(Seconds(seconds): Seconds) -> Self {
        Self::from_secs(seconds)
    }
}

/// A time in whole milliseconds.
#[derive(Deserialize, Serialize)]
pub(super) struct Milliseconds(u64);

impl From<&Duration> for Milliseconds {
    fn from(time: &Duration) -> Self {
        Self(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<Milliseconds> for Duration {
    fn from(Milliseconds(milliseconds): Milliseconds) -> Self {
        Self::from_millis(milliseconds)
    }
}

/// A path; empty: none.
#[derive(Deserialize, Serialize)]
pub(super) struct OptionalPath(PathBuf);

impl From<&Option<PathBuf>> for OptionalPath {
    fn from(path: &Option<PathBuf>) -> Self {
        Self(path.clone().unwrap_or_default())
    }
}

impl From<OptionalPath> for Option<PathBuf> {
    fn from(OptionalPath(path): OptionalPath) -> Self {
        (!path.as_os_str().is_empty()).then_some(path)
    }
}

/// A text; empty: none.
#[derive(Deserialize, Serialize)]
pub(super) struct OptionalText(String);

impl From<&Option<String>> for OptionalText {
    fn from(text: &Option<String>) -> Self {
        Self(text.clone().unwrap_or_default())
    }
}

impl From<OptionalText> for Option<String> {
    fn from(OptionalText(text): OptionalText) -> Self {
        (!text.is_empty()).then_some(text)
    }
}

/// An address of a server on the web, without a slash at the end.
#[derive(Clone, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct WebUrl(String);

impl TryFrom<String> for WebUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Url::parse(&text).map_err(|error| format!("{text}: {error}"))?;
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl From<WebUrl> for String {
    fn from(WebUrl(url): WebUrl) -> Self {
        url
    }
}

impl From<&String> for WebUrl {
    fn from(url: &String) -> Self {
        Self(url.clone())
    }
}

/// A [`WebUrl`]; empty: none.
#[derive(Clone, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct OptionalUrl(Option<WebUrl>);

impl TryFrom<String> for OptionalUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.is_empty() {
            true => Ok(Self(None)),
            false => WebUrl::try_from(text).map(|url| Self(Some(url))),
        }
    }
}

impl From<OptionalUrl> for String {
    fn from(OptionalUrl(url): OptionalUrl) -> Self {
        url.map(Self::from).unwrap_or_default()
    }
}

impl From<&Option<String>> for OptionalUrl {
    fn from(url: &Option<String>) -> Self {
        Self(url.as_ref().map(WebUrl::from))
    }
}

impl From<OptionalUrl> for Option<String> {
    fn from(OptionalUrl(url): OptionalUrl) -> Self {
        url.map(String::from)
    }
}

/// Records that a domain may have to publish to be verified. What must stand in our own zone is none of these.
#[derive(Deserialize, Serialize)]
pub(super) struct RequiredRecords(Vec<RequiredRecord>);

struct RequiredRecord(Purpose);

impl From<&Vec<Purpose>> for RequiredRecords {
    fn from(required: &Vec<Purpose>) -> Self {
        Self(required.iter().copied().map(RequiredRecord).collect())
    }
}

impl From<RequiredRecords> for Vec<Purpose> {
    fn from(RequiredRecords(required): RequiredRecords) -> Self {
        required.into_iter().map(|RequiredRecord(purpose)| purpose).collect()
    }
}

impl<'de> Deserialize<'de> for RequiredRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Purpose::ALL.iter().copied();
        let word = Word {
            all: all.filter(|purpose| !matches!(purpose, Purpose::DmarcAuthorization | Purpose::DkimRotation)),
            word_of: Purpose::word,
        };
        deserializer.deserialize_str(word).map(Self)
    }
}

impl Serialize for RequiredRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Self::ALL.iter().copied();
        deserializer.deserialize_str(Word {
            all,
            word_of: Self::word,
        })
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Reads one of `all` by its word. What is wrong is found while the text is visited, so that the error has its place.
struct Word<I, T> {
    all: I,
    word_of: fn(T) -> &'static str,
}

impl<T: Copy, I: Iterator<Item = T> + Clone> Visitor<'_> for Word<I, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self
            .all
            .clone()
            .map(|value| format!("`{}`", (self.word_of)(value)))
            .collect();
        write!(f, "one of {}", words.join(", "))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        let found = self.all.clone().find(|value| (self.word_of)(*value) == word);
        found.ok_or_else(|| E::custom(format!("unknown variant `{word}`, expected {}", &self as &dyn Expected)))
    }
}

/// A host's name, or none: an empty text, or a placeholder that older examples had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct OptionalHost(Option<DomainName>);

/// What the examples of version 0.1 called the installation. No mail is received there.
const PLACEHOLDER: &str = "tallymark.example";

impl OptionalHost {
    /// The name itself.
    pub fn name(&self) -> Option<&DomainName> {
        self.0.as_ref()
    }
}

impl TryFrom<String> for OptionalHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        let name = DomainName::parse(&text).map_err(|error| format!("{text}: {error}"))?;
        let is_placeholder = name.as_str() == PLACEHOLDER || name.ancestors().any(|above| above == PLACEHOLDER);
        Ok(Self((!is_placeholder).then_some(name)))
    }
}

impl From<OptionalHost> for String {
    fn from(host: OptionalHost) -> Self {
        host.0.map(|name| name.to_string()).unwrap_or_default()
    }
}
