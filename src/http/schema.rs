//! What the document says about the texts in bodies, and examples made of what it says.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::base::Mode;
use crate::store::{Authenticated, DomainStatus, Permission, Purpose, Region, SetAsideKind, TlsMode};

/// Names kinds of texts for `#[schemars(with = "...")]`: each is a schema that stands where it is used.
macro_rules! texts {
    ($($(#[$meta:meta])* $name:ident = $schema:expr;)+) => { $(
        $(#[$meta])*
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+ };
}

texts! {
    /// RFC 3339, UTC, milliseconds.
    Instant = text(json!({ "format": "date-time", "examples": ["2026-03-23T10:00:00.000Z"] }));
    /// A UTC day.
    DayText = text(json!({ "format": "date", "examples": ["2026-03-23"] }));
    /// What [`crate::domains::public_id`] gives, and what the provider's own ids look like.
    DomainKey = text(json!({ "pattern": DOMAIN_KEY, "examples": ["dom_abc123def456"] }));
    /// What [`crate::base::DomainName::parse`] takes. The format is ours: no pattern can tell a public suffix.
    NameText = text(json!({ "format": "domain-name", "minLength": 3, "maxLength": 1012, "examples": ["yourdomain.com"] }));
    /// A host below the domain.
    HostText = text(json!({ "format": "domain-name", "minLength": 3, "maxLength": 1012,
        "examples": ["bounce.yourdomain.com"] }));
    /// Where a brand's logo is.
    LogoUrl = text(json!({ "maxLength": LOGO_URL_BYTES_MAX, "pattern": LOGO_URL,
        "examples": ["https://yourdomain.com/.well-known/bimi/logo.svg"] }));
    /// IPv4 or IPv6.
    Address = text(json!({ "examples": ["198.51.100.1"] }));
    StatusWord = words(DomainStatus::ALL, DomainStatus::word);
    PermissionWord = words(Permission::ALL, Permission::word);
    ModeWord = words(Mode::ALL, Mode::word);
    RegionWord = words(Region::ALL, Region::word);
    TlsWord = words(TlsMode::ALL, TlsMode::word);
    AuthenticatedWord = words(Authenticated::ALL, Authenticated::word);
    PurposeWord = words(Purpose::ALL, Purpose::word);
    /// Anything.
    AnyObject = json_schema!({ "type": "object" });
    SetAsideWord = words(SetAsideKind::ALL, SetAsideKind::word);
}

/// The form of a domain's id.
pub(super) const DOMAIN_KEY: &str = "^dom_[a-z0-9]{12,24}$";

/// A logo's address is published in one TXT record, and no sane one is longer.
pub(super) const LOGO_URL_BYTES_MAX: usize = 1_024;

/// The form of a logo's address: what can stand in a record as it is.
const LOGO_URL: &str = "^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-:<-~]*)?$";

fn text(mut with: Value) -> Schema {
    with["type"] = json!("string");
    Schema::try_from(with).unwrap_or_default()
}

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Schema {
    let words: Vec<_> = all.iter().map(|&value| word(value)).collect();
    json_schema!({ "type": "string", "enum": words })
}

/// A value that fits the schema, made of the examples of its fields. `Err` is the path of a text that has none.
pub(super) fn example(schema: &Value, definitions: &Map<String, Value>) -> Result<Value, String> {
    let given = |name: &str| schema[name].as_array().and_then(|all| all.first());
    if let Some(example) = given("examples")
        .or_else(|| given("enum"))
        .or_else(|| schema.get("const"))
    {
        return Ok(example.clone());
    }
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap_or_default();
        return example(&definitions[name], definitions).map_err(|path| format!("{name}.{path}"));
    }
    if let Some(first) = given("anyOf") {
        return example(first, definitions);
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        Value::String(kind) => vec![kind.as_str()],
        _ => vec![],
    };
    match kinds.as_slice() {
        ["object", ..] => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let members = properties.map(|(name, property)| {
                let value = example(property, definitions).map_err(|path| format!("{name}.{path}"))?;
                Ok((name.clone(), value))
            });
            members.collect::<Result<_, String>>().map(Value::Object)
        }
        ["array", ..] => Ok(json!([example(&schema["items"], definitions)?])),
        ["integer" | "number"] => Ok(json!(schema["minimum"].as_u64().unwrap_or(0).max(1))),
        ["boolean", ..] => Ok(json!(false)),
        // Only now: what is an example where one is given is more telling than its absence.
        kinds if kinds.contains(&"null") => Ok(Value::Null),
        _ => Err("has no example".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_made_of_the_examples_of_the_fields() {
        let definitions = json!({ "A": { "type": "object", "properties": { "b": { "type": ["string", "null"] } } } });
        let definitions = definitions.as_object().unwrap();
        for (schema, expect) in [
            (json!({ "$ref": "#/components/schemas/A" }), Ok(json!({ "b": null }))),
            (
                json!({ "type": "array", "items": { "type": "integer", "minimum": 1 } }),
                Ok(json!([1])),
            ),
            (json!({ "type": "string", "enum": ["x", "y"] }), Ok(json!("x"))),
            (
                json!({ "anyOf": [{ "type": "boolean" }, { "type": "null" }] }),
                Ok(json!(false)),
            ),
            (
                json!({ "type": "object", "properties": { "c": { "type": "string" } } }),
                Err("c.has no example".to_owned()),
            ),
        ] {
            assert_eq!(example(&schema, definitions), expect, "{schema}");
        }
    }
}
