//! Examples of bodies, made of what their schemas say.

use serde_json::{Map, Value, json};

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
