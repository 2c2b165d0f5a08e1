//! Tiny mmdb files for tests and benches, written by the format's description.

#![allow(dead_code, reason = "each user takes its part")]

use std::net::IpAddr;

/// A value.
#[derive(Debug, Clone)]
pub enum Data {
    Text(&'static str),
    /// With this many bytes.
    Number(u64, usize),
    Map(Vec<(&'static str, Data)>),
    List(Vec<Data>),
    Boolean,
    /// Bytes as they are.
    Raw(Vec<u8>),
}

/// A value as IPinfo Lite has it.
pub fn ipinfo(asn: &'static str, name: &'static str, country: &'static str) -> Data {
    Data::Map(vec![
        ("as_domain", Data::Text("one.example")),
        ("as_name", Data::Text(name)),
        ("asn", Data::Text(asn)),
        ("continent", Data::Text("Europe")),
        ("country", Data::Text("Germany")),
        ("country_code", Data::Text(country)),
    ])
}

/// A file to be written.
#[derive(Debug, Clone)]
pub struct Mmdb {
    pub ip_version: u64,
    pub record_bits: u64,
    /// Unix seconds.
    pub build_epoch: u64,
    pub networks: Vec<(&'static str, Data)>,
    /// Networks of IPv6 that have the tree of IPv4 below them.
    pub aliases: Vec<&'static str>,
}

impl Mmdb {
    /// IPv4 in a tree of IPv6, in records of 24 bits.
    pub fn new(networks: Vec<(&'static str, Data)>) -> Self {
        Self {
            ip_version: 6,
            record_bits: 24,
            build_epoch: 20_000 * 86_400,
            networks,
            aliases: Vec::new(),
        }
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut tree = vec![[Record::Nothing; 2]];
        let mut values = Vec::new();
        for (network, data) in &self.networks {
            let at = values.len();
            put(&mut values, data);
            insert(&mut tree, &self.bits(network), Record::Value(at));
        }
        for network in &self.aliases {
            let ipv4 = find(&tree, &[false; 96]);
            insert(&mut tree, &self.bits(network), ipv4);
        }
        let nodes = tree.len();
        let number = |record| match record {
            Record::Nothing => nodes,
            Record::Node(node) => node,
            Record::Value(at) => nodes + 16 + at,
        };
        let records = tree
            .iter()
            .flat_map(|[left, right]| put_node(self.record_bits, number(*left) as u32, number(*right) as u32));
        let tree: Vec<u8> = records.collect();
        file(&tree, &values, &self.metadata(nodes))
    }

    fn metadata(&self, nodes: usize) -> Data {
        metadata(nodes as u64, self.record_bits, self.ip_version, self.build_epoch)
    }

    fn bits(&self, network: &str) -> Vec<bool> {
        let (address, length) = network.split_once('/').expect("a network");
        let length: usize = length.parse().expect("a length");
        let (number, from, length) = match address.parse().expect("an address") {
            IpAddr::V4(address) if self.ip_version == 4 => (u128::from(address.to_bits()), 96, length),
            IpAddr::V4(address) => (u128::from(address.to_bits()), 0, 96 + length),
            IpAddr::V6(address) => (address.to_bits(), 0, length),
        };
        (from..from + length)
            .map(|bit| number >> (127 - bit) & 1 == 1)
            .collect()
    }
}

/// The metadata of a file.
pub fn metadata(nodes: u64, record_bits: u64, ip_version: u64, build_epoch: u64) -> Data {
    let languages = Data::List(vec![Data::Text("en"), Data::Text("de")]);
    let description = Data::Map(vec![("de", Data::Text("Netze")), ("en", Data::Text("Networks"))]);
    Data::Map(vec![
        ("binary_format_major_version", Data::Number(2, 2)),
        ("binary_format_minor_version", Data::Number(0, 2)),
        ("build_epoch", Data::Number(build_epoch, 8)),
        ("database_type", Data::Text("Test-ASN")),
        ("description", description),
        ("ip_version", Data::Number(ip_version, 2)),
        ("languages", languages),
        ("node_count", Data::Number(nodes, 4)),
        ("record_size", Data::Number(record_bits, 2)),
    ])
}

/// A file of these parts.
pub fn file(tree: &[u8], values: &[u8], metadata: &Data) -> Vec<u8> {
    let mut bytes = [tree, &[0; 16], values, b"\xab\xcd\xefMaxMind.com"].concat();
    put(&mut bytes, metadata);
    bytes
}

/// A node of the tree.
pub fn put_node(record_bits: u64, left: u32, right: u32) -> Vec<u8> {
    let (left, right) = (left.to_be_bytes(), right.to_be_bytes());
    match record_bits {
        28 => [&left[1..], &[left[0] << 4 | right[0]], &right[1..]].concat(),
        32 => [left, right].concat(),
        _ => [&left[1..], &right[1..]].concat(),
    }
}

#[derive(Debug, Clone, Copy)]
enum Record {
    Nothing,
    Node(usize),
    Value(usize),
}

fn insert(tree: &mut Vec<[Record; 2]>, bits: &[bool], record: Record) {
    let (last, above) = bits.split_last().expect("not everything");
    let mut node = 0;
    for bit in above {
        node = match tree[node][usize::from(*bit)] {
            Record::Node(next) => next,
            _ => {
                tree.push([Record::Nothing; 2]);
                tree[node][usize::from(*bit)] = Record::Node(tree.len() - 1);
                tree.len() - 1
            }
        };
    }
    tree[node][usize::from(*last)] = record;
}

fn find(tree: &[[Record; 2]], bits: &[bool]) -> Record {
    bits.iter().fold(Record::Node(0), |record, bit| match record {
        Record::Node(node) => tree[node][usize::from(*bit)],
        other => other,
    })
}

/// Writes a value.
pub fn put(bytes: &mut Vec<u8>, data: &Data) {
    match data {
        Data::Text(text) => {
            put_head(bytes, 2, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
        Data::Number(number, size) => {
            put_head(bytes, if *size == 8 { 9 } else { *size as u8 / 2 + 4 }, *size);
            bytes.extend_from_slice(&number.to_be_bytes()[8 - size..]);
        }
        Data::Map(fields) => {
            put_head(bytes, 7, fields.len());
            for (name, value) in fields {
                put(bytes, &Data::Text(name));
                put(bytes, value);
            }
        }
        Data::List(values) => {
            put_head(bytes, 11, values.len());
            values.iter().for_each(|value| put(bytes, value));
        }
        Data::Boolean => put_head(bytes, 14, 1),
        Data::Raw(raw) => bytes.extend_from_slice(raw),
    }
}

fn put_head(bytes: &mut Vec<u8>, kind: u8, size: usize) {
    let (short, more) = match size {
        0..29 => (size as u8, Vec::new()),
        29..285 => (29, vec![(size - 29) as u8]),
        285..65_821 => (30, ((size - 285) as u16).to_be_bytes().to_vec()),
        _ => (31, ((size - 65_821) as u32).to_be_bytes()[1..].to_vec()),
    };
    match kind {
        8.. => bytes.extend([short, kind - 7]),
        _ => bytes.push(kind << 5 | short),
    }
    bytes.extend(more);
}
