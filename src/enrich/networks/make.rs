//! Makes a network table from CSV files.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::encoding::{MAGIC, SOURCE_BYTES_MAX, deflate, put_number, put_text};
use crate::base::Day;
use crate::base::text::is_unsafe;

/// Longest name of an AS that is kept, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 100;

/// What a table is made from.
#[derive(Debug, Clone)]
pub struct MadeFrom<'t> {
    /// The files: a name for messages, and the text. A line is `first,last,number,name` (AS) or `first,last,code` (country);
    /// ranges of a file are in order.
    pub files: Vec<(String, &'t str)>,
    /// Where they are from, at most 1,024 bytes.
    pub source: String,
    /// The day that they describe.
    pub day: Day,
}

/// Why no table was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    #[error("{file}, line {line}: {what}")]
    Line {
        file: String,
        line: usize,
        what: &'static str,
    },
    #[error("the files name no AS: give the CSV files of AS numbers, too")]
    NoSystems,
    #[error("the files name no country: give the CSV files of countries, too")]
    NoCountries,
    #[error("the source is longer than {SOURCE_BYTES_MAX} bytes, or has control characters")]
    Source,
}

/// A range of keys, both ends included, and what it is worth.
type Rows<V> = Vec<(u64, u64, V)>;

#[derive(Default)]
struct Tables<'t> {
    names: BTreeMap<u32, &'t str>,
    countries: BTreeSet<&'t str>,
    as_of_ipv4: Rows<u32>,
    as_of_ipv6: Rows<u32>,
    country_of_ipv4: Rows<&'t str>,
    country_of_ipv6: Rows<&'t str>,
}

/// The bytes of a table: the same for the same files, whatever their order.
///
/// Where ranges overlap, the one that begins first is worth more. A range finer than an IPv6 /64 is worth as much as the
/// whole /64.
pub fn make_networks(from: &MadeFrom<'_>) -> Result<Vec<u8>, MakeError> {
    if from.source.len() > SOURCE_BYTES_MAX || from.source.chars().any(is_unsafe) {
        return Err(MakeError::Source);
    }
    let mut tables = Tables::default();
    for (file, text) in &from.files {
        for (nth, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            tables.add(line).map_err(|what| MakeError::Line {
                file: file.clone(),
                line: nth + 1,
                what,
            })?;
        }
    }
    if tables.names.is_empty() {
        return Err(MakeError::NoSystems);
    }
    if tables.countries.is_empty() {
        return Err(MakeError::NoCountries);
    }
    let mut bytes = MAGIC.to_vec();
    put_number(&mut bytes, u64::try_from(from.day.0).unwrap_or(0));
    put_text(&mut bytes, &from.source);
    bytes.extend_from_slice(&deflate(&tables.columns()));
    Ok(bytes)
}

impl<'t> Tables<'t> {
    fn add(&mut self, line: &'t str) -> Result<(), &'static str> {
        let mut cells = line.splitn(4, ',');
        let mut cell = || cells.next().ok_or("has fewer than three columns");
        let (first, last, third) = (cell()?, cell()?, cell()?);
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| "does not begin with two addresses");
        let (first, last) = (address(first)?, address(last)?);
        if first > last {
            return Err("ends before it begins");
        }
        let (first, last, is_ipv4) = match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (first.to_bits().into(), last.to_bits().into(), true),
            (IpAddr::V6(first), IpAddr::V6(last)) => (upper(first.to_bits()), upper(last.to_bits()), false),
            _ => return Err("begins with addresses of two kinds"),
        };
        let Some(name) = cells.next() else {
            if third.len() != 2 || !third.bytes().all(|byte| byte.is_ascii_uppercase()) {
                return Err("has no country code of two letters");
            }
            self.countries.insert(third);
            let rows = if is_ipv4 {
                &mut self.country_of_ipv4
            } else {
                &mut self.country_of_ipv6
            };
            rows.push((first, last, third));
            return Ok(());
        };
        let number: u32 = third.parse().map_err(|_| "has no AS number")?;
        self.names.entry(number).or_insert(name);
        let rows = if is_ipv4 {
            &mut self.as_of_ipv4
        } else {
            &mut self.as_of_ipv6
        };
        rows.push((first, last, number));
        Ok(())
    }

    fn columns(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_number(&mut bytes, self.names.len() as u64);
        let mut before = 0;
        for number in self.names.keys() {
            put_number(&mut bytes, u64::from(number - before));
            before = *number;
        }
        let names: String = self
            .names
            .values()
            .flat_map(|name| [clean(name), "\n".to_owned()])
            .collect();
        put_text(&mut bytes, &names);
        put_number(&mut bytes, self.countries.len() as u64);
        self.countries
            .iter()
            .for_each(|code| bytes.extend_from_slice(code.as_bytes()));

        let systems: BTreeMap<u32, u64> = self.names.into_keys().zip(1..).collect();
        let countries: BTreeMap<&str, u64> = self.countries.into_iter().zip(1..).collect();
        let ipv4_max = u32::MAX.into();
        put_ranges(&mut bytes, self.as_of_ipv4, ipv4_max, |number| systems[&number]);
        put_ranges(&mut bytes, self.as_of_ipv6, u64::MAX, |number| systems[&number]);
        put_ranges(&mut bytes, self.country_of_ipv4, ipv4_max, |code| countries[code]);
        put_ranges(&mut bytes, self.country_of_ipv6, u64::MAX, |code| countries[code]);
        bytes
    }
}

fn upper(bits: u128) -> u64 {
    (bits >> 64) as u64
}

/// A cell of the CSV as it is kept: without its quotes, without control characters, not too long.
fn clean(cell: &str) -> String {
    let inside = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
    let text = inside.map_or_else(|| cell.to_owned(), |inside| inside.replace("\"\"", "\""));
    kept_text(&text, NAME_BYTES_MAX)
}

/// A text as it is kept: without control characters, not too long.
pub(super) fn kept_text(text: &str, bytes_max: usize) -> String {
    let mut kept: String = text.chars().filter(|c| !is_unsafe(*c)).collect();
    kept.truncate(kept.floor_char_boundary(bytes_max));
    kept
}

/// Writes the bounds of ranges of keys up to `most`.
fn put_ranges<V: Ord + Copy>(bytes: &mut Vec<u8>, mut rows: Rows<V>, most: u64, number: impl Fn(V) -> u64) {
    rows.sort_unstable();
    let mut bounds: Vec<(u64, u64)> = Vec::with_capacity(rows.len() * 2);
    let mut put = |key: u64, value: u64| {
        // The later of two bounds at the same key replaces the first: the first range ended where the second begins.
        if bounds.last().is_some_and(|(last, _)| *last == key) {
            bounds.pop();
        }
        if bounds.last().map_or(0, |(_, last)| *last) != value {
            bounds.push((key, value));
        }
    };
    let mut end = 0;
    for (first, last, value) in rows {
        // What a range before has already is left to it.
        let first = first.max(end);
        if first <= last {
            put(first, number(value));
            end = last.saturating_add(1);
            if last < most {
                put(end, 0);
            }
        }
    }
    put_number(bytes, bounds.len() as u64);
    let distances: Vec<u64> = std::iter::once(0)
        .chain(bounds.iter().map(|(key, _)| *key))
        .zip(bounds.iter().map(|(key, _)| *key))
        .map(|(before, key)| key - before)
        .collect();
    let power = |distance: u64| if distance == 0 { 0 } else { distance.trailing_zeros() };
    bytes.extend(distances.iter().map(|distance| power(*distance) as u8));
    for distance in distances {
        put_number(bytes, distance >> power(distance));
    }
    for (_, value) in bounds {
        put_number(bytes, value);
    }
}
