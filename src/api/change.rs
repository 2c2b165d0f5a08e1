//! A new value for a setting, in a request.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a request does to a setting that can be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Not mentioned: it stays as it is.
    #[default]
    Keep,
    /// `null`: it becomes empty.
    Clear,
    /// A new value.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the setting stays as it is. Such a member is left out.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep | Self::Clear => serializer.serialize_none(),
            Self::Set(value) => serializer.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::deserialize(deserializer)?;
        Ok(value.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{DomainPatch, TrustPatch};

    #[test]
    fn only_a_change_is_written_and_read_back() {
        for (change, text) in [
            (Change::Keep, "{}"),
            (Change::Clear, r#"{"report_messages_max":null}"#),
            (Change::Set(7), r#"{"report_messages_max":7}"#),
        ] {
            let patch = TrustPatch {
                report_messages_max: change.clone(),
            };
            assert_eq!(serde_json::to_string(&patch).unwrap(), text);
            let read: TrustPatch = serde_json::from_str(text).unwrap();
            assert_eq!(read.report_messages_max, change);
        }
        let patch = DomainPatch {
            catch_all: Some(true),
            tracking_domain: Change::Clear,
            bimi_logo_url: Change::Set("https://example.com/logo.svg".to_owned()),
            ..DomainPatch::default()
        };
        let text = r#"{"catch_all":true,"tracking_domain":null,"bimi_logo_url":"https://example.com/logo.svg"}"#;
        assert_eq!(serde_json::to_string(&patch).unwrap(), text);
        assert!(serde_json::from_str::<DomainPatch>(r#"{"name":"a.example"}"#).is_err());
    }
}
