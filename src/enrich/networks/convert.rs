//! A network table from an mmdb file of the operator's.

use hashbrown::HashMap;

use super::encoding::{MAGIC, SOURCE_BYTES_MAX};
use super::make::{NAME_BYTES_MAX, kept_text};
use super::mmdb::{Fields, Metadata, Mmdb, Steps, Value, Values};
use super::table::{Key, Names, Ranges};
use super::{Networks, NetworksError};
use crate::base::Day;

/// What reading an mmdb file may take.
#[derive(Debug, Clone, Copy)]
pub struct MmdbLimits {
    /// Nodes and values that are looked at: about 0.7 s per 100 million. IPinfo Lite takes 13 million.
    pub steps_max: u64,
    /// Bounds of ranges in the table: up to 12 bytes each.
    pub bounds_max: usize,
    /// AS: ten times as many as there are.
    pub systems_max: usize,
}

impl Default for MmdbLimits {
    fn default() -> Self {
        Self {
            steps_max: 200_000_000,
            bounds_max: 20_000_000,
            systems_max: 1_000_000,
        }
    }
}

/// Values that are remembered by their position; others are read again for each network.
const REMEMBERED_MAX: usize = 1_000_000;

impl Networks {
    /// The table in a file: an mmdb file, or one of ours.
    pub fn from_file(bytes: &[u8]) -> Result<Self, NetworksError> {
        match bytes.starts_with(MAGIC) {
            true => Self::read(bytes),
            false => Self::from_mmdb(bytes, MmdbLimits::default()),
        }
    }

    /// The table in an mmdb file with the fields of IPinfo, MaxMind or DB-IP. Of IPv6 it has `2000::/3`.
    ///
    /// A network finer than an IPv6 /64 counts for the whole /64; the first one that has a value does.
    pub fn from_mmdb(bytes: &[u8], limits: MmdbLimits) -> Result<Self, NetworksError> {
        let steps = Steps::new(limits.steps_max);
        let file = Mmdb::read(bytes, &steps)?;
        let mut making = Making {
            limits,
            values: &file.values,
            systems: Systems::default(),
            countries: Countries::default(),
            remembered: HashMap::new(),
            bounds: 0,
        };
        let ipv4 = file.ipv4()?;
        let (mut as_of_ipv4, mut country_of_ipv4) = (Bounds::default(), Bounds::default());
        file.each_network(ipv4, None, |first, value| {
            making.put(first as u32, value, &mut as_of_ipv4, &mut country_of_ipv4)
        })?;
        let (mut as_of_ipv6, mut country_of_ipv6) = (Bounds::default(), Bounds::default());
        if let Some(ipv6) = file.ipv6()? {
            file.each_network(ipv6, Some(ipv4), |first, value| {
                making.put((first >> 64) as u64, value, &mut as_of_ipv6, &mut country_of_ipv6)
            })?;
            making.put(BEHIND_GLOBAL, None, &mut as_of_ipv6, &mut country_of_ipv6)?;
        }
        let Making { systems, countries, .. } = making;
        if systems.numbers.is_empty() {
            return Err(NetworksError::NoSystems);
        }
        let lines: String = systems.names.iter().flat_map(|name| [name, "\n"]).collect();
        Ok(Self {
            day: Some(day(&file.metadata)),
            source: source(&file.metadata),
            names: Names::new(&lines, systems.names.len()).ok_or(NetworksError::TooLarge)?,
            numbers: systems.numbers,
            countries: countries.codes,
            as_of_ipv4: as_of_ipv4.into_ranges(),
            as_of_ipv6: as_of_ipv6.into_ranges(),
            country_of_ipv4: country_of_ipv4.into_ranges(),
            country_of_ipv6: country_of_ipv6.into_ranges(),
        })
    }
}

/// The upper half of the first address behind `2000::/3`.
const BEHIND_GLOBAL: u64 = 0x4000 << 48;

fn day(metadata: &Metadata<'_>) -> Day {
    Day::from_unix(i64::try_from(metadata.build_epoch).unwrap_or(0))
}

fn source(metadata: &Metadata<'_>) -> String {
    let text = |bytes| kept_bytes(bytes, SOURCE_BYTES_MAX / 4);
    let (kind, description) = (text(metadata.database_type), text(metadata.description));
    match description.is_empty() || description == kind {
        true => kind,
        false => format!("{kind}: {description}"),
    }
}

/// A text as it is kept. Only its first bytes are looked at.
fn kept_bytes(bytes: &[u8], bytes_max: usize) -> String {
    let first = &bytes[..bytes.len().min(2 * bytes_max)];
    kept_text(&String::from_utf8_lossy(first), bytes_max)
}

/// A table that is being made.
struct Making<'m, 'b> {
    limits: MmdbLimits,
    values: &'m Values<'b>,
    systems: Systems,
    countries: Countries,
    /// What a value says, by its position: networks share values.
    remembered: HashMap<usize, (u32, u16)>,
    bounds: usize,
}

impl Making<'_, '_> {
    /// The next network: it ends where the one after it begins.
    fn put<K: Key>(
        &mut self,
        first: K,
        value: Option<usize>,
        systems: &mut Bounds<K, u32>,
        countries: &mut Bounds<K, u16>,
    ) -> Result<(), NetworksError> {
        let (system, country) = match value {
            Some(at) => self.facts(at)?,
            None => (0, 0),
        };
        self.bounds += usize::from(systems.put(first, system)) + usize::from(countries.put(first, country));
        match self.bounds <= self.limits.bounds_max {
            true => Ok(()),
            false => Err(NetworksError::TooLarge),
        }
    }

    /// The AS and the country that a value names: their places in the lists, from 1 on. 0: none.
    fn facts(&mut self, at: usize) -> Result<(u32, u16), NetworksError> {
        if let Some(known) = self.remembered.get(&at) {
            return Ok(*known);
        }
        let Value::Map(fields) = self.values.value(at)? else {
            return Err(NetworksError::Damaged("values"));
        };
        let found = Found::read(self.values, fields)?;
        let system = match found.asn {
            Some(asn) => self.systems.place(asn, found.as_name, self.limits.systems_max)?,
            None => 0,
        };
        let facts = (system, found.country().map_or(0, |code| self.countries.place(code)));
        if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.insert(at, facts);
        }
        Ok(facts)
    }
}

/// What a value says of a network.
#[derive(Default)]
struct Found<'b> {
    asn: Option<u32>,
    as_name: &'b [u8],
    /// Where it is registered.
    registered: Option<&'b [u8]>,
    /// Where it is.
    located: Option<&'b [u8]>,
}

impl<'b> Found<'b> {
    fn read(values: &Values<'b>, fields: Fields) -> Result<Self, NetworksError> {
        let mut found = Self::default();
        values.each_field(fields, |name, at| {
            // The names of IPinfo are in front, those of MaxMind, which DB-IP has too, behind.
            match (name, values.value(at)?) {
                (b"asn" | b"autonomous_system_number", Value::Number(number)) => {
                    found.asn = u32::try_from(number).ok();
                }
                (b"asn", Value::Text(text)) => found.asn = as_number(text),
                (b"as_name" | b"autonomous_system_organization", Value::Text(text)) => found.as_name = text,
                (b"country_code", Value::Text(code)) => found.located = Some(code),
                // IPinfo's field has a code in some files, and the name of the country in others.
                (b"country", Value::Text(code)) if code.len() == 2 => found.located = Some(code),
                (b"country", Value::Map(country)) => found.located = iso_code(values, country)?,
                (b"registered_country", Value::Map(country)) => found.registered = iso_code(values, country)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn country(&self) -> Option<[u8; 2]> {
        let code = |text: &'b [u8]| {
            let code: [u8; 2] = text.try_into().ok()?;
            code.iter().all(u8::is_ascii_uppercase).then_some(code)
        };
        self.registered.and_then(code).or_else(|| self.located.and_then(code))
    }
}

const ASN_DIGITS_MAX: usize = 10;

/// The number in `AS64500` or `64500`.
fn as_number(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"AS").unwrap_or(text);
    if digits.len() > ASN_DIGITS_MAX {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn iso_code<'b>(values: &Values<'b>, fields: Fields) -> Result<Option<&'b [u8]>, NetworksError> {
    let mut code = None;
    values.each_field(fields, |name, at| {
        if let (b"iso_code", Value::Text(text)) = (name, values.value(at)?) {
            code = Some(text);
        }
        Ok(())
    })?;
    Ok(code)
}

#[derive(Default)]
struct Systems {
    places: HashMap<u32, u32>,
    numbers: Vec<u32>,
    names: Vec<String>,
}

impl Systems {
    /// The first name of an AS is kept.
    fn place(&mut self, asn: u32, name: &[u8], most: usize) -> Result<u32, NetworksError> {
        let place = match self.places.get(&asn) {
            Some(place) => *place,
            None if self.numbers.len() >= most => return Err(NetworksError::TooLarge),
            None => {
                self.numbers.push(asn);
                self.names.push(String::new());
                let place = self.numbers.len() as u32;
                self.places.insert(asn, place);
                place
            }
        };
        let kept = &mut self.names[place as usize - 1];
        if kept.is_empty() && !name.is_empty() {
            *kept = kept_bytes(name, NAME_BYTES_MAX);
        }
        Ok(place)
    }
}

#[derive(Default)]
struct Countries {
    /// Two letters each.
    codes: String,
    places: HashMap<[u8; 2], u16>,
}

impl Countries {
    /// There are 676 codes of two letters at most.
    fn place(&mut self, code: [u8; 2]) -> u16 {
        let Self { codes, places } = self;
        *places.entry(code).or_insert_with(|| {
            codes.extend(code.map(char::from));
            (codes.len() / 2) as u16
        })
    }
}

/// The bounds of ranges, in order.
struct Bounds<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
    /// What was put last.
    last: Option<(K, V)>,
}

impl<K, V> Default for Bounds<K, V> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            values: Vec::new(),
            last: None,
        }
    }
}

impl<K: Key, V: Copy + Default + PartialEq + TryFrom<u64>> Bounds<K, V> {
    /// From this key on, addresses have this value. Of several values for one key, the first that is not *none* counts.
    /// Returns whether there is a bound more.
    fn put(&mut self, key: K, value: V) -> bool {
        let none = V::default();
        let before = self.keys.len();
        if let Some((last, kept)) = self.last
            && last == key
        {
            if kept != none || value == none {
                return false;
            }
            if self.keys.last() == Some(&key) {
                self.keys.pop();
                self.values.pop();
            }
        }
        self.last = Some((key, value));
        if self.values.last().copied().unwrap_or(none) != value {
            self.keys.push(key);
            self.values.push(value);
        }
        self.keys.len() > before
    }

    fn into_ranges(mut self) -> Ranges<K, V> {
        self.keys.shrink_to_fit();
        self.values.shrink_to_fit();
        Ranges::new(self.keys, self.values)
    }
}
