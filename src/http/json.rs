//! JSON that can be read in one way only: a member that appears twice is a mistake.
//!
//! RFC 8259, 4, leaves open which of them counts, and readers differ: what checks a request on its way may see another one
//! than we do.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Maximum number of repeated members that are named, and of bytes of each path.
const NAMED_MAX: usize = 20;
const PATH_BYTES_MAX: usize = 100;

/// The value of a JSON text, and the members that appear twice in it, by their path: `permission`, `list[2].name`.
pub(super) fn parse(bytes: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let mut repeated = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let once = Once {
        path: &Path::Root,
        repeated: &mut repeated,
    };
    let value = once.deserialize(&mut reader)?;
    reader.end()?;
    Ok((value, repeated))
}

/// Where in the text a value is.
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Member(Path::Root, name) => f.write_str(name),
            Path::Member(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, nth) => write!(f, "{parent}[{nth}]"),
        }
    }
}

/// Reads a value and notes what is repeated in it. `serde_json` bounds the depth of nesting.
struct Once<'p, 'r> {
    path: &'p Path<'p>,
    repeated: &'r mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Once<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let once = Once {
                path: &Path::Item(self.path, list.len()),
                repeated: self.repeated,
            };
            match items.next_element_seed(once)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = Path::Member(self.path, &name);
            if map.contains_key(&name) && self.repeated.len() < NAMED_MAX {
                let mut path = path.to_string();
                path.truncate(path.floor_char_boundary(PATH_BYTES_MAX));
                if !self.repeated.contains(&path) {
                    self.repeated.push(path);
                }
            }
            let once = Once {
                path: &path,
                repeated: self.repeated,
            };
            let value = members.next_value_seed(once)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_member_that_appears_twice_is_named() {
        for (text, expect) in [
            (r#"{"a":1,"b":2}"#, &[][..]),
            (
                r#"{"permission":"read_only","permission":"full_access"}"#,
                &["permission"],
            ),
            (r#"{"a":1,"a":1,"a":null}"#, &["a"]),
            // One name, written in two ways.
            (r#"{"a":1,"\u0061":2}"#, &["a"]),
            (r#"{"a":{"b":1,"c":2,"b":3}}"#, &["a.b"]),
            (r#"{"l":[{"x":1},{"y":1,"y":2}],"l":[]}"#, &["l[1].y", "l"]),
            (r#"[[{"":1,"":2}]]"#, &["[0][0]."]),
            (r#"{"a":{"b":1},"c":{"b":1}}"#, &[]),
            (r#"{"A":1,"a":2}"#, &[]),
        ] {
            let (_, repeated) = parse(text.as_bytes()).unwrap();
            assert_eq!(repeated, expect, "{text}");
        }
        let many: Vec<_> = (0..100).map(|nth| format!(r#""{nth}":1,"{nth}":2"#)).collect();
        let (_, repeated) = parse(format!("{{{}}}", many.join(",")).as_bytes()).unwrap();
        assert_eq!(repeated.len(), NAMED_MAX);
        let long = "\u{e9}".repeat(10_000);
        let (_, repeated) = parse(format!(r#"{{"{long}":1,"{long}":2}}"#).as_bytes()).unwrap();
        assert!(repeated[0].len() <= PATH_BYTES_MAX);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9f64..1e9).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(".{0,4}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn else_it_is_read_as_ever(value in value()) {
            let text = value.to_string();
            let expect: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(parse(text.as_bytes()).unwrap(), (expect, vec![]));
        }

        #[test]
        fn invalid_json_is_refused_as_before(text in r#"[\[\]{}",:0-9a-z \\]{0,30}"#) {
            let expect = serde_json::from_slice::<Value>(text.as_bytes());
            prop_assert_eq!(parse(text.as_bytes()).is_ok(), expect.is_ok(), "{}", text);
        }
    }
}
