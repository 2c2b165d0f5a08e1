//! The JSON of a report as a tree: only members that a TLS report has, everything drawn from the budget.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Limits, ParseErrorKind};
use crate::base::budget::{Budget, Held};
use crate::report::aggregate::{WarningKind, Warnings};

/// Members that are read, at any depth; the values of others are passed over.
const MEMBERS: &[&str] = &[
    "organization-name",
    "date-range",
    "start-datetime",
    "end-datetime",
    "contact-info",
    "report-id",
    "policies",
    "policy",
    "policy-type",
    "policy-string",
    "policy-domain",
    "mx-host",
    "mx-host-pattern",
    "summary",
    "total-successful-session-count",
    "total-failure-session-count",
    "failure-details",
    "result-type",
    "sending-mta-ip",
    "receiving-mx-hostname",
    "receiving-mx-helo",
    "receiving-ip",
    "failed-session-count",
    "additional-information",
    "additional-info-uri",
    "failure-reason-code",
];

/// Longest text in the tree, in bytes: Microsoft packs all TLSA records of a host into one.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Items that a list has room for at first.
const LIST_ITEMS_MIN: usize = 4;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool,
    Count(u64),
    /// A number that cannot be a count, as it would be written.
    Number(Box<str>),
    Text(Box<str>),
    List(Vec<Node>),
    Object(Object),
}

/// Members with the position of their names in [`MEMBERS`].
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Object(Vec<(u8, Node)>);

impl Object {
    /// The member of this name, unless it is null.
    pub fn member(&self, name: &str) -> Option<&Node> {
        let position = position(name)?;
        let found = self.0.iter().find(|(of, _)| *of == position);
        found.map(|(_, node)| node).filter(|node| **node != Node::Null)
    }
}

fn position(name: &str) -> Option<u8> {
    let at = MEMBERS.iter().position(|member| *member == name)?;
    u8::try_from(at).ok()
}

/// What reading a tree draws on.
struct Reading<'r> {
    depth_max: usize,
    budget: &'r Budget<'r>,
    held: RefCell<Held<'r>>,
    repeated: RefCell<Vec<&'static str>>,
    cut: Cell<bool>,
    /// Why reading ended, if not because of the JSON.
    failed: Cell<Option<ParseErrorKind>>,
}

impl Reading<'_> {
    fn fail<E: Error>(&self, kind: ParseErrorKind) -> E {
        self.failed.set(Some(kind));
        E::custom("a limit was exceeded")
    }

    fn draw<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let drawn = self.budget.spend_events(1);
        let drawn = drawn.and_then(|()| self.held.borrow_mut().grow(size_of::<Node>() + bytes));
        drawn.map_err(|breach| self.fail(breach.into()))
    }

    /// Adds to a list, for whose growth memory is drawn: the list is moved when it is full, and is there twice meanwhile.
    fn push<T, E: Error>(&self, list: &mut Vec<T>, item: T) -> Result<(), E> {
        if list.len() == list.capacity() {
            let more = list.len().max(LIST_ITEMS_MIN);
            self.draw((list.len() + more) * size_of::<T>())?;
            list.reserve_exact(more);
        }
        list.push(item);
        Ok(())
    }

    fn text<E: Error>(&self, text: &str) -> Result<Node, E> {
        let kept = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
        if kept.len() < text.len() {
            self.cut.set(true);
        }
        self.draw(kept.len())?;
        Ok(Node::Text(kept.into()))
    }
}

/// The object that a text begins with, and the memory that is drawn for it.
///
/// A member that appears again is passed over with a warning: readers differ in which one they take (RFC 8259, 4).
pub(super) fn read<'b>(
    text: &[u8],
    limits: &Limits,
    budget: &'b Budget<'b>,
    warnings: &mut Warnings,
) -> Result<(Object, Held<'b>), (ParseErrorKind, u64)> {
    let held = budget.hold(0).map_err(|breach| (breach.into(), 0))?;
    let reading = Reading {
        depth_max: limits.depth_max,
        budget,
        held: RefCell::new(held),
        repeated: RefCell::default(),
        cut: Cell::new(false),
        failed: Cell::new(None),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let seed = Seed {
        reading: &reading,
        depth: 0,
    };
    let node = match seed.deserialize(&mut deserializer) {
        Ok(node) => node,
        Err(error) => {
            let offset = offset(text, error.line(), error.column());
            let malformed = || ParseErrorKind::Malformed(error.to_string());
            return Err((reading.failed.take().unwrap_or_else(malformed), offset));
        }
    };
    if deserializer.end().is_err() {
        warnings.add(WarningKind::TrailingData, "behind the object", None);
    }
    for name in reading.repeated.take() {
        warnings.add(WarningKind::RepeatedElement, name, None);
    }
    if reading.cut.get() {
        warnings.add(WarningKind::Cut, "a text", None);
    }
    match node {
        Node::Object(object) => Ok((object, reading.held.into_inner())),
        _ => Err((ParseErrorKind::NotAReport, 0)),
    }
}

/// The offset of a line and column, both counted from 1 as `serde_json` does.
fn offset(text: &[u8], line: usize, column: usize) -> u64 {
    let lines = memchr::memchr_iter(b'\n', text).take(line.saturating_sub(1));
    let begin = lines.last().map_or(0, |at| at + 1);
    (begin + column.saturating_sub(1)) as u64
}

/// Reads one value at a depth.
#[derive(Clone, Copy)]
struct Seed<'s, 'r> {
    reading: &'s Reading<'r>,
    depth: usize,
}

impl<'s, 'r> Seed<'s, 'r> {
    fn inside<E: Error>(self) -> Result<Self, E> {
        let Self { reading, depth } = self;
        if depth >= reading.depth_max {
            return Err(reading.fail(ParseErrorKind::TooDeep(reading.depth_max)));
        }
        Ok(Self {
            reading,
            depth: depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Count(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string().into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string().into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        self.reading.text(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let inside = self.inside()?;
        let mut list = Vec::new();
        while let Some(node) = items.next_element_seed(inside)? {
            self.reading.draw(0)?;
            self.reading.push(&mut list, node)?;
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let inside = self.inside()?;
        let mut object = Object::default();
        while let Some(name) = members.next_key_seed(Name)? {
            self.reading.draw(0)?;
            match name {
                Some(name) if object.0.iter().all(|(of, _)| *of != name) => {
                    let value = members.next_value_seed(inside)?;
                    self.reading.push(&mut object.0, (name, value))?;
                }
                Some(name) => {
                    let mut repeated = self.reading.repeated.borrow_mut();
                    let name = MEMBERS[usize::from(name)];
                    if !repeated.contains(&name) {
                        repeated.push(name);
                    }
                    members.next_value::<IgnoredAny>()?;
                }
                None => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        Ok(Node::Object(object))
    }
}

/// Reads the name of a member: its position in [`MEMBERS`].
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u8>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<u8>, E> {
        Ok(position(name))
    }
}
