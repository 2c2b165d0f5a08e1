//! The MaxMind DB format, version 2: a binary tree of addresses, the values that its leaves point to, and metadata.
//!
//! A file may be hostile. Each node and each value that is looked at takes a step, and steps are limited: nodes may be
//! shared, so that a few hundred bytes describe 2^128 networks. Nothing recurses. `docs/decisions/0015-own-mmdb-reader.md`
//! says why the reader is ours.

use std::cell::Cell;

use memchr::memmem;

use super::NetworksError;

/// What is in front of the metadata.
const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// The metadata is in the last bytes of a file.
const METADATA_BYTES_MAX: usize = 128 * 1024;
/// Zeros between the tree and the values.
const GAP: usize = 16;

const POINTER: u8 = 1;
const TEXT: u8 = 2;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;
const BOOLEAN: u8 = 14;

/// Steps that are left.
#[derive(Debug)]
pub(super) struct Steps(Cell<u64>);

impl Steps {
    pub fn new(steps: u64) -> Self {
        Self(Cell::new(steps))
    }

    fn take(&self) -> Result<(), NetworksError> {
        let left = self.0.get().checked_sub(1).ok_or(NetworksError::TooLong)?;
        self.0.set(left);
        Ok(())
    }
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'b> {
    /// Text that should be UTF-8.
    Text(&'b [u8]),
    Number(u64),
    Map(Fields),
    /// A kind that no network table needs.
    Other,
}

/// The fields of a map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    count: usize,
    at: usize,
}

/// What is at a position.
struct Head {
    kind: u8,
    /// Bytes, fields of a map or values of a list; the position that a pointer is to.
    size: usize,
    /// Where the content begins, or where a pointer ends.
    content: usize,
}

/// Values, and pointers among them.
#[derive(Debug)]
pub(super) struct Values<'b> {
    bytes: &'b [u8],
    steps: &'b Steps,
}

const DAMAGED: NetworksError = NetworksError::Damaged("values");

impl<'b> Values<'b> {
    /// The value at a position.
    pub fn value(&self, at: usize) -> Result<Value<'b>, NetworksError> {
        let mut head = self.head(at)?;
        if head.kind == POINTER {
            head = self.head(head.size)?;
        }
        let Head { kind, size, content } = head;
        Ok(match kind {
            // The format has no pointers to pointers.
            POINTER => return Err(DAMAGED),
            TEXT => Value::Text(self.take(content, size)?),
            UINT16 | UINT32 | UINT64 if size <= 8 => {
                let digits = self.take(content, size)?.iter();
                Value::Number(digits.fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            MAP => Value::Map(Fields {
                count: size,
                at: content,
            }),
            _ => Value::Other,
        })
    }

    /// Hands over the name of each field, and the position of its value.
    pub fn each_field(
        &self,
        fields: Fields,
        mut each: impl FnMut(&'b [u8], usize) -> Result<(), NetworksError>,
    ) -> Result<(), NetworksError> {
        let mut at = fields.at;
        for _ in 0..fields.count {
            let Value::Text(name) = self.value(at)? else {
                return Err(DAMAGED);
            };
            let value = self.behind(at)?;
            each(name, value)?;
            at = self.behind(value)?;
        }
        Ok(())
    }

    /// The position behind a value and all that is in it.
    fn behind(&self, mut at: usize) -> Result<usize, NetworksError> {
        let mut left = 1_u64;
        while left > 0 {
            let Head { kind, size, content } = self.head(at)?;
            left -= 1;
            at = content;
            match kind {
                POINTER | BOOLEAN => {}
                MAP => left += 2 * size as u64,
                ARRAY => left += size as u64,
                _ => at += size,
            }
        }
        Ok(at)
    }

    fn head(&self, at: usize) -> Result<Head, NetworksError> {
        self.steps.take()?;
        let [first] = self.number(at)?;
        let at = at + 1;
        if first >> 5 == POINTER {
            return self.pointer(first, at);
        }
        let (kind, at) = match first >> 5 {
            // Kinds above 7 are in the next byte.
            0 => (self.number::<1>(at)?[0].saturating_add(7), at + 1),
            kind => (kind, at),
        };
        let (size, content) = match first & 0x1f {
            29 => (29 + big_endian(&self.number::<1>(at)?), at + 1),
            30 => (285 + big_endian(&self.number::<2>(at)?), at + 2),
            31 => (65_821 + big_endian(&self.number::<3>(at)?), at + 3),
            size => (usize::from(size), at),
        };
        Ok(Head { kind, size, content })
    }

    fn pointer(&self, first: u8, at: usize) -> Result<Head, NetworksError> {
        let upper = usize::from(first & 0x07);
        let (target, content) = match first >> 3 & 0x03 {
            0 => (upper << 8 | big_endian(&self.number::<1>(at)?), at + 1),
            1 => ((upper << 16 | big_endian(&self.number::<2>(at)?)) + 2_048, at + 2),
            2 => ((upper << 24 | big_endian(&self.number::<3>(at)?)) + 526_336, at + 3),
            _ => (big_endian(&self.number::<4>(at)?), at + 4),
        };
        Ok(Head {
            kind: POINTER,
            size: target,
            content,
        })
    }

    fn number<const BYTES: usize>(&self, at: usize) -> Result<[u8; BYTES], NetworksError> {
        let bytes = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().ok_or(DAMAGED)
    }

    fn take(&self, at: usize, bytes: usize) -> Result<&'b [u8], NetworksError> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        rest.get(..bytes).ok_or(DAMAGED)
    }
}

fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// What a file says of itself.
#[derive(Debug, Default)]
pub(super) struct Metadata<'b> {
    nodes: u64,
    record_bits: u64,
    ip_version: u64,
    format: u64,
    /// Unix seconds.
    pub build_epoch: u64,
    pub database_type: &'b [u8],
    /// In English.
    pub description: &'b [u8],
}

impl<'b> Metadata<'b> {
    fn read(values: &Values<'b>) -> Result<Self, NetworksError> {
        let mut metadata = Self::default();
        let Value::Map(fields) = values.value(0)? else {
            return Err(NetworksError::Damaged("metadata"));
        };
        values.each_field(fields, |name, at| {
            match (name, values.value(at)?) {
                (b"node_count", Value::Number(number)) => metadata.nodes = number,
                (b"record_size", Value::Number(number)) => metadata.record_bits = number,
                (b"ip_version", Value::Number(number)) => metadata.ip_version = number,
                (b"binary_format_major_version", Value::Number(number)) => metadata.format = number,
                (b"build_epoch", Value::Number(number)) => metadata.build_epoch = number,
                (b"database_type", Value::Text(text)) => metadata.database_type = text,
                (b"description", Value::Map(languages)) => values.each_field(languages, |language, at| {
                    if let (b"en", Value::Text(text)) = (language, values.value(at)?) {
                        metadata.description = text;
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(metadata)
    }
}

/// A file.
#[derive(Debug)]
pub(super) struct Mmdb<'b> {
    pub metadata: Metadata<'b>,
    pub values: Values<'b>,
    tree: &'b [u8],
    nodes: u32,
    /// Bytes of a node: two records.
    node_bytes: usize,
    steps: &'b Steps,
}

/// A part of the tree, and the addresses below it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Branch {
    record: u32,
    depth: u32,
    /// The first address.
    first: u128,
}

/// What a record of the tree stands for.
enum Leaf {
    Node,
    Nothing,
    /// The position of a value.
    Value(usize),
}

impl<'b> Mmdb<'b> {
    /// [`NetworksError::OtherFile`] if there is no metadata at the end of the file.
    pub fn read(bytes: &'b [u8], steps: &'b Steps) -> Result<Self, NetworksError> {
        let tail = bytes.len().saturating_sub(METADATA_BYTES_MAX);
        let mark = memmem::rfind(&bytes[tail..], MARK).ok_or(NetworksError::OtherFile)? + tail;
        let metadata = Metadata::read(&Values {
            bytes: &bytes[mark + MARK.len()..],
            steps,
        })?;
        if metadata.format != 2
            || ![4, 6].contains(&metadata.ip_version)
            || ![24, 28, 32].contains(&metadata.record_bits)
        {
            return Err(NetworksError::Unsupported);
        }
        let node_bytes = usize::try_from(metadata.record_bits / 4).unwrap_or(8);
        let damaged = NetworksError::Damaged("tree");
        let nodes = u32::try_from(metadata.nodes).map_err(|_| damaged)?;
        let (tree, rest) = bytes[..mark]
            .split_at_checked(nodes as usize * node_bytes)
            .ok_or(damaged)?;
        Ok(Self {
            metadata,
            values: Values {
                bytes: rest.get(GAP..).ok_or(damaged)?,
                steps,
            },
            tree,
            nodes,
            node_bytes,
            steps,
        })
    }

    /// All IPv4 addresses, as numbers of 32 bits. In a tree of IPv6 they are below `::/96`.
    pub fn ipv4(&self) -> Result<Branch, NetworksError> {
        let mut record = 0;
        if self.metadata.ip_version == 6 {
            for _ in 0..96 {
                if record < self.nodes {
                    record = self.record(record, 0)?;
                }
            }
        }
        Ok(Branch {
            record,
            depth: 96,
            first: 0,
        })
    }

    /// The global unicast addresses of IPv6, `2000::/3`; `None` in a tree of IPv4.
    pub fn ipv6(&self) -> Result<Option<Branch>, NetworksError> {
        if self.metadata.ip_version == 4 {
            return Ok(None);
        }
        let mut record = 0;
        for side in [0, 0, 1] {
            if record < self.nodes {
                record = self.record(record, side)?;
            }
        }
        Ok(Some(Branch {
            record,
            depth: 3,
            first: 1 << 125,
        }))
    }

    /// Hands over the first address of each network below a branch and the position of its value, if it has one: in
    /// order, without gaps. What is below `alias` has no value: files hang the tree of IPv4 below networks of IPv6, too.
    pub fn each_network(
        &self,
        branch: Branch,
        alias: Option<Branch>,
        mut each: impl FnMut(u128, Option<usize>) -> Result<(), NetworksError>,
    ) -> Result<(), NetworksError> {
        let alias = alias.map(|alias| alias.record).filter(|record| *record < self.nodes);
        let mut waiting = vec![branch];
        while let Some(Branch { record, depth, first }) = waiting.pop() {
            self.steps.take()?;
            match self.leaf(record)? {
                Leaf::Node if Some(record) == alias => each(first, None)?,
                Leaf::Node => {
                    let bit = 127_u32.checked_sub(depth).ok_or(NetworksError::Damaged("tree"))?;
                    for (side, first) in [(1, first | 1 << bit), (0, first)] {
                        waiting.push(Branch {
                            record: self.record(record, side)?,
                            depth: depth + 1,
                            first,
                        });
                    }
                }
                Leaf::Nothing => each(first, None)?,
                Leaf::Value(at) => each(first, Some(at))?,
            }
        }
        Ok(())
    }

    fn leaf(&self, record: u32) -> Result<Leaf, NetworksError> {
        let Some(beyond) = record.checked_sub(self.nodes) else {
            return Ok(Leaf::Node);
        };
        match (beyond as usize).checked_sub(GAP) {
            _ if beyond == 0 => Ok(Leaf::Nothing),
            Some(at) => Ok(Leaf::Value(at)),
            None => Err(NetworksError::Damaged("tree")),
        }
    }

    /// The left (0) or right (1) record of a node.
    fn record(&self, node: u32, side: usize) -> Result<u32, NetworksError> {
        let from = node as usize * self.node_bytes;
        let node = self.tree.get(from..from + self.node_bytes);
        let number = match (node, side) {
            (Some(&[a, b, c, _, _, _]), 0) | (Some(&[_, _, _, a, b, c]), 1) => [0, a, b, c],
            // Four bits of each record are in the byte between them.
            (Some(&[a, b, c, middle, _, _, _]), 0) => [middle >> 4, a, b, c],
            (Some(&[_, _, _, middle, a, b, c]), 1) => [middle & 0x0f, a, b, c],
            (Some(&[a, b, c, d, _, _, _, _]), 0) | (Some(&[_, _, _, _, a, b, c, d]), 1) => [a, b, c, d],
            _ => return Err(NetworksError::Damaged("tree")),
        };
        Ok(u32::from_be_bytes(number))
    }
}
