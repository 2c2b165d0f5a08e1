//! A block of header fields: names and unfolded values.

use crate::report::aggregate::{WarningKind, Warnings};

/// Fields of a block that are read.
const FIELDS_MAX: usize = 256;
/// Longest name and value, in bytes.
const NAME_BYTES_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 4 * 1_024;

/// The fields of a block, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a block. `what` is its name in warnings. Lines without a field are passed over, and so are empty ones.
    pub fn read(block: &[u8], what: &str, warnings: &mut Warnings) -> Self {
        let text = decoded(block, what, warnings);
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut is_field = false;
        for line in text.split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut().filter(|_| is_field) {
                    append(value, line.trim());
                }
                continue;
            }
            let named = line.split_once(':');
            let named = named.map(|(name, value)| (name.trim_end(), value.trim()));
            let named = named.filter(|(name, _)| is_name(name));
            is_field = named.is_some() && fields.len() < FIELDS_MAX;
            let Some((name, value)) = named else { continue };
            if !is_field {
                warnings.add(WarningKind::Cut, what, None);
                break;
            }
            fields.push((name.to_ascii_lowercase(), String::new()));
            if let Some((_, kept)) = fields.last_mut() {
                append(kept, value);
            }
        }
        // The name of a field is the sender's own text, so the warning does not have it.
        if fields.iter().any(|(_, value)| value.len() >= VALUE_BYTES_MAX) {
            warnings.add(WarningKind::Cut, what, None);
        }
        Self(fields)
    }

    /// The first value under a name; an empty one counts as none.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// As [`Self::first`], of a field that may occur once: a repeated one is a warning.
    pub fn only(&self, name: &str, warnings: &mut Warnings) -> Option<&str> {
        let mut all = self.all(name);
        let first = all.next();
        if all.next().is_some() {
            warnings.add(WarningKind::RepeatedElement, name, None);
        }
        first
    }

    /// Every value under a name.
    pub fn all<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        let of_name = self
            .0
            .iter()
            .filter(move |(other, value)| other == name && !value.is_empty());
        of_name.map(|(_, value)| &**value)
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Adds a line to a value, after a space.
fn append(value: &mut String, line: &str) {
    if !value.is_empty() && !line.is_empty() {
        value.push(' ');
    }
    let room = VALUE_BYTES_MAX.saturating_sub(value.len());
    value.push_str(&line[..line.floor_char_boundary(room)]);
}

/// RFC 5322, 2.2.
fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Bytes as text: UTF-8, else each byte as the character of its number. Control characters become spaces.
pub(super) fn decoded(bytes: &[u8], what: &str, warnings: &mut Warnings) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            warnings.add(WarningKind::InvalidUtf8, what, None);
            bytes.iter().map(|&byte| char::from(byte)).collect()
        }
    };
    let is_odd = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
    if !text.contains(is_odd) {
        return text;
    }
    warnings.add(WarningKind::ControlCharacter, what, None);
    text.chars().map(|char| if is_odd(char) { ' ' } else { char }).collect()
}
