//! The table itself, and looking addresses up in it.

use std::net::IpAddr;
use std::sync::LazyLock;

use super::encoding::{MAGIC, Reader, SOURCE_BYTES_MAX, inflate};
use crate::base::Day;

#[cfg(feature = "networks")]
pub(super) const BUILT_IN: Option<&[u8]> = Some(include_bytes!("../../../data/networks.bin"));
#[cfg(not(feature = "networks"))]
pub(super) const BUILT_IN: Option<&[u8]> = None;

static TABLE: LazyLock<Networks> = LazyLock::new(|| match BUILT_IN {
    Some(bytes) => Networks::read(bytes).expect("a test reads data/networks.bin"),
    None => Networks::empty(),
});

/// The network of an address. `None` is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts<'n> {
    pub asn: Option<u32>,
    pub as_name: Option<&'n str>,
    /// ISO 3166 code of the country that the address is registered in, which is often not where it is.
    pub country: Option<&'n str>,
}

/// Why bytes are not a network table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworksError {
    #[error("is not a network table: it is neither an mmdb file nor made by `tallymark networks make`")]
    OtherFile,
    #[error("is a damaged network table: its {0} cannot be read")]
    Damaged(&'static str),
    #[error("is not an mmdb file of format 2 with IPv4 or IPv6 addresses in records of 24, 28 or 32 bits")]
    Unsupported,
    #[error("takes too many steps to read: it is damaged, or has more networks than a table of AS has")]
    TooLong,
    #[error("has more AS or ranges than a network table may have")]
    TooLarge,
    #[error("names no AS: names of senders need a file with AS numbers")]
    NoSystems,
}

/// Sorted ranges of addresses. About 12 MB.
#[derive(Debug, PartialEq, Eq)]
pub struct Networks {
    pub(super) day: Option<Day>,
    pub(super) source: String,
    pub(super) numbers: Vec<u32>,
    pub(super) names: Names,
    pub(super) countries: String,
    pub(super) as_of_ipv4: Ranges<u32, u32>,
    pub(super) as_of_ipv6: Ranges<u64, u32>,
    pub(super) country_of_ipv4: Ranges<u32, u16>,
    pub(super) country_of_ipv6: Ranges<u64, u16>,
}

impl Networks {
    /// The compiled-in table, inflated on first use. Empty if the Cargo feature `networks` is off.
    pub fn built_in() -> &'static Self {
        &TABLE
    }

    /// A table that knows no address.
    pub fn empty() -> Self {
        Self {
            day: None,
            source: String::new(),
            numbers: Vec::new(),
            names: Names::default(),
            countries: String::new(),
            as_of_ipv4: Ranges::default(),
            as_of_ipv6: Ranges::default(),
            country_of_ipv4: Ranges::default(),
            country_of_ipv6: Ranges::default(),
        }
    }

    /// The table in the bytes of one of our files.
    pub fn read(bytes: &[u8]) -> Result<Self, NetworksError> {
        let bytes = bytes.strip_prefix(MAGIC).ok_or(NetworksError::OtherFile)?;
        let mut head = Reader::new(bytes);
        let day = head.number().and_then(|day| i32::try_from(day).ok());
        let source = head.text(SOURCE_BYTES_MAX);
        let (Some(day), Some(source)) = (day, source) else {
            return Err(NetworksError::Damaged("head"));
        };
        let columns = inflate(head.rest()).ok_or(NetworksError::Damaged("compressed part"))?;
        let mut reader = Reader::new(&columns);
        let numbers = numbers(&mut reader).ok_or(NetworksError::Damaged("list of AS numbers"))?;
        let names = reader.text(usize::MAX).and_then(|text| Names::new(text, numbers.len()));
        let names = names.ok_or(NetworksError::Damaged("list of AS names"))?;
        let countries = countries(&mut reader).ok_or(NetworksError::Damaged("list of countries"))?;
        let (of_as, of_country) = (numbers.len(), countries.len() / 2);
        let damaged = NetworksError::Damaged("ranges");
        let networks = Self {
            day: Some(Day(day)),
            source: source.to_owned(),
            as_of_ipv4: Ranges::read(&mut reader, of_as).ok_or(damaged)?,
            as_of_ipv6: Ranges::read(&mut reader, of_as).ok_or(damaged)?,
            country_of_ipv4: Ranges::read(&mut reader, of_country).ok_or(damaged)?,
            country_of_ipv6: Ranges::read(&mut reader, of_country).ok_or(damaged)?,
            numbers,
            names,
            countries,
        };
        if !reader.rest().is_empty() {
            return Err(NetworksError::Damaged("end"));
        }
        Ok(networks)
    }

    /// What is known of an address. IPv6 is told apart by its upper 64 bits.
    pub fn facts(&self, address: IpAddr) -> Facts<'_> {
        let (number, country) = match address.to_canonical() {
            IpAddr::V4(address) => {
                let key = address.to_bits();
                (self.as_of_ipv4.find(key), self.country_of_ipv4.find(key))
            }
            IpAddr::V6(address) => {
                let key = (address.to_bits() >> 64) as u64;
                (self.as_of_ipv6.find(key), self.country_of_ipv6.find(key))
            }
        };
        let nth = (number as usize).checked_sub(1);
        let country = usize::from(country).checked_sub(1);
        Facts {
            asn: nth.and_then(|nth| self.numbers.get(nth)).copied(),
            as_name: nth.and_then(|nth| self.names.get(nth)).filter(|name| !name.is_empty()),
            country: country.and_then(|nth| self.countries.get(nth * 2..nth * 2 + 2)),
        }
    }

    /// The day that the data is from; `None` for an empty table.
    pub fn day(&self) -> Option<Day> {
        self.day
    }

    /// Where the data is from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Number of AS.
    pub fn systems(&self) -> usize {
        self.numbers.len()
    }

    /// Number of countries.
    pub fn countries(&self) -> usize {
        self.countries.len() / 2
    }

    /// Ranges with an AS: IPv4 and IPv6.
    pub fn ranges(&self) -> (usize, usize) {
        (self.as_of_ipv4.len(), self.as_of_ipv6.len())
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.numbers.len() * size_of::<u32>()
            + self.names.bytes()
            + self.countries.len()
            + self.as_of_ipv4.bytes()
            + self.as_of_ipv6.bytes()
            + self.country_of_ipv4.bytes()
            + self.country_of_ipv6.bytes()
    }
}

fn numbers(reader: &mut Reader<'_>) -> Option<Vec<u32>> {
    let count = reader.count()?;
    let mut numbers = Vec::with_capacity(count);
    let mut last = 0_u32;
    for _ in 0..count {
        last = last.checked_add(u32::try_from(reader.number()?).ok()?)?;
        numbers.push(last);
    }
    Some(numbers)
}

fn countries(reader: &mut Reader<'_>) -> Option<String> {
    let count = reader.count()?;
    let letters = reader.take(count.checked_mul(2)?)?;
    let text = std::str::from_utf8(letters).ok()?;
    text.bytes()
        .all(|byte| byte.is_ascii_uppercase())
        .then(|| text.to_owned())
}

/// Texts in one piece of memory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    text: String,
    /// Where each begins, and where the last ends.
    starts: Vec<u32>,
}

impl Names {
    /// `None` if the text has not `count` lines.
    pub fn new(text: &str, count: usize) -> Option<Self> {
        let mut names = Self {
            text: String::with_capacity(text.len()),
            starts: Vec::with_capacity(count + 1),
        };
        for line in text.split_terminator('\n') {
            names.starts.push(u32::try_from(names.text.len()).ok()?);
            names.text.push_str(line);
        }
        let found = names.starts.len();
        names.starts.push(u32::try_from(names.text.len()).ok()?);
        (found == count).then_some(names)
    }

    fn get(&self, nth: usize) -> Option<&str> {
        let (start, end) = (*self.starts.get(nth)?, *self.starts.get(nth + 1)?);
        self.text.get(start as usize..end as usize)
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.starts.len() * size_of::<u32>()
    }
}

/// A number that addresses are compared by.
pub(super) trait Key: Copy + Ord + TryFrom<u64> {
    /// Its upper 16 bits.
    fn prefix(self) -> usize;
}

impl Key for u32 {
    fn prefix(self) -> usize {
        (self >> 16) as usize
    }
}

impl Key for u64 {
    fn prefix(self) -> usize {
        (self >> 48) as usize
    }
}

const PREFIXES: usize = 1 << 16;

/// Values of ranges of keys. A range begins at a bound, and ends before the next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ranges<K, V> {
    bounds: Vec<K>,
    values: Vec<V>,
    /// For each prefix and the end, how many bounds are below it: a search begins there, and needs few steps.
    below: Vec<u32>,
}

impl<K, V> Default for Ranges<K, V> {
    fn default() -> Self {
        Self {
            bounds: Vec::new(),
            values: Vec::new(),
            below: Vec::new(),
        }
    }
}

impl<K: Key, V: Copy + Default + PartialEq + TryFrom<u64>> Ranges<K, V> {
    /// `None` if it is damaged or a value is above `most`.
    fn read(reader: &mut Reader<'_>, most: usize) -> Option<Self> {
        let count = reader.count()?;
        let powers = reader.take(count)?;
        let mut bounds = Vec::with_capacity(count);
        let mut last = 0_u64;
        for (nth, &power) in powers.iter().enumerate() {
            let odd = reader.number()?;
            let distance = odd.checked_mul(1_u64.checked_shl(power.into())?)?;
            if nth > 0 && distance == 0 {
                return None;
            }
            last = last.checked_add(distance)?;
            bounds.push(K::try_from(last).ok()?);
        }
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            let value = reader.number()?;
            if value > most as u64 {
                return None;
            }
            values.push(V::try_from(value).ok()?);
        }
        Some(Self::new(bounds, values))
    }

    /// Bounds in order, and the value that begins at each.
    pub fn new(bounds: Vec<K>, values: Vec<V>) -> Self {
        let mut below = vec![0_u32; PREFIXES + 1];
        for bound in &bounds {
            below[bound.prefix() + 1] += 1;
        }
        let mut sum = 0;
        for count in &mut below {
            sum += *count;
            *count = sum;
        }
        Self { bounds, values, below }
    }

    /// The value of the range that the key is in; the default outside all.
    fn find(&self, key: K) -> V {
        let prefix = key.prefix();
        let (Some(&start), Some(&end)) = (self.below.get(prefix), self.below.get(prefix + 1)) else {
            return V::default();
        };
        let (start, end) = (start as usize, end as usize);
        let upto = start + self.bounds[start..end].partition_point(|bound| *bound <= key);
        upto.checked_sub(1).map_or_else(V::default, |at| self.values[at])
    }

    /// Ranges with a value.
    fn len(&self) -> usize {
        self.values.iter().filter(|value| **value != V::default()).count()
    }

    fn bytes(&self) -> usize {
        self.bounds.len() * size_of::<K>() + self.values.len() * size_of::<V>() + self.below.len() * size_of::<u32>()
    }
}
