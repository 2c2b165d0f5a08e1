//! What the OpenAPI document says about a route, in addition to the route itself.

use std::any::type_name;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// What the document says about a route, in addition to its [`super::Route`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Doc {
    /// Path of the handler's function.
    pub handler: &'static str,
    /// What it does, as a short sentence.
    pub summary: &'static str,
    /// Lists of what its query string may have.
    pub parameters: &'static [&'static [Parameter]],
    /// Schema of a JSON body.
    pub takes: Option<SchemaOf>,
    /// The status where all went well.
    pub status: u16,
    /// Another status where all went well, and when it is answered.
    pub or: Option<(u16, &'static str)>,
    pub answers: Content,
    /// What can go wrong here and nowhere else: a status and when.
    pub also: &'static [(u16, &'static str)],
}

/// Returns a type's schema.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What is in an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Json(SchemaOf),
    /// JSON, or the same rows as CSV.
    List(SchemaOf),
    /// Anything of these media types.
    Bytes(&'static [&'static str]),
}

/// A parameter of a query string.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub says: &'static str,
    pub schema: fn() -> Value,
}

/// A type's schema.
pub(super) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The path of a handler's function.
pub(super) fn handler_name<H>(_: &H) -> &'static str {
    type_name::<H>()
}
