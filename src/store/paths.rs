//! `paths`: the paths of a domain's messages, numbered, so that `daily_sources` has numbers.
//!
//! Paths are only added, up to [`PATHS_MAX`] per domain. A row has [`BLOCK`] of them, so that a new one rewrites one row.
//! A value, version 1: a version byte, then for each path the number of its bytes, and these.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::base::DomainId;
use crate::tally::{Carrier, Carriers, PathBook, PathList, carried, carrier_of};

use super::codec::{Reader, put_number};
use super::db::{Args, Conn};
use super::sql::sql;
use super::{StoreError, bulk};

const VERSION: u8 = 1;
/// Paths that a domain keeps with their names. Others have the number of their path without its names.
pub(super) const PATHS_MAX: usize = 65_536;
/// Paths of a row.
pub(super) const BLOCK: usize = 16;
/// Bytes of paths that a writer remembers, about; then all are forgotten, and read again.
const REMEMBERED_BYTES_MAX: usize = 32 << 20;

/// What a writer remembers of paths.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    books: HashMap<DomainId, PathBook>,
    bytes: usize,
}

impl Remembered {
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Paths of a report, and its carrier.
pub(super) type CarriedPaths = (Arc<PathList>, Carrier);

/// The numbers that the paths of lists have in their domain: by domain, by list, in the order of the list.
pub(super) type Numbers = HashMap<DomainId, Vec<Vec<u32>>>;

/// The numbers of paths in their domains. Adds the paths that are new.
pub(super) async fn numbers(
    conn: &mut Conn<'_>,
    remembered: &mut Remembered,
    wanted: &BTreeMap<DomainId, Vec<CarriedPaths>>,
) -> Result<Numbers, StoreError> {
    if remembered.bytes > REMEMBERED_BYTES_MAX {
        remembered.forget();
    }
    let mut numbers = Numbers::with_capacity(wanted.len());
    let mut behind = Vec::new();
    for (domain, lists) in wanted {
        let of_list = |book: &PathBook, (list, carrier): &CarriedPaths| {
            list.iter().map(|path| book.known(&carried(path, *carrier))).collect()
        };
        let book = remembered.books.get(domain);
        let known = book.and_then(|book| lists.iter().map(|list| of_list(book, list)).collect());
        match known {
            Some(known) => _ = numbers.insert(*domain, known),
            None => behind.push(*domain),
        }
    }
    catch_up(conn, remembered, &behind).await?;
    let mut rows = Vec::new();
    for domain in behind {
        let book = remembered
            .books
            .entry(domain)
            .or_insert_with(|| PathBook::bounded(PATHS_MAX));
        let (count, bytes) = (book.list().len(), book.list().bytes_held());
        let of_list =
            |(list, carrier): &CarriedPaths| list.iter().map(|path| book.number(&carried(path, *carrier))).collect();
        numbers.insert(domain, wanted[&domain].iter().map(of_list).collect());
        remembered.bytes += book.list().bytes_held() - bytes;
        if book.list().len() > count {
            let blocks = count / BLOCK..book.list().len().div_ceil(BLOCK);
            rows.extend(blocks.map(|block| (domain, block, encode(book.list(), block))));
        }
    }
    conn.bulk(&bulk::PATHS_PUT, &rows, |args, (domain, block, content)| {
        args.push_int(domain.0);
        args.push_int(*block as i64);
        args.push_blob(content);
    })
    .await?;
    Ok(numbers)
}

/// Reads the paths of domains that are not remembered, from where the memory ends.
async fn catch_up(conn: &mut Conn<'_>, remembered: &mut Remembered, domains: &[DomainId]) -> Result<(), StoreError> {
    let block = |remembered: &Remembered, domain: &DomainId| {
        let known = remembered.books.get(domain).map_or(0, |book| book.list().len());
        known / BLOCK
    };
    let mut wanted: Vec<_> = domains
        .iter()
        .map(|domain| (*domain, block(remembered, domain)))
        .collect();
    while !wanted.is_empty() {
        let rows = conn.bulk_all(&bulk::PATHS_BY_BLOCK, &wanted, |args, (domain, block)| {
            args.push_int(domain.0);
            args.push_int(*block as i64);
        });
        let mut next = Vec::new();
        for row in rows.await? {
            let (domain, block) = (DomainId(row.int("domain_id")?), row.count("block")? as usize);
            let book = remembered
                .books
                .entry(domain)
                .or_insert_with(|| PathBook::bounded(PATHS_MAX));
            let (known, bytes) = (book.list().len(), book.list().bytes_held());
            let (mut nth, mut is_intact) = (block * BLOCK, true);
            is_intact &= decode(row.blob("content")?, |path| {
                if nth >= known {
                    book.push(path);
                }
                nth += 1;
            });
            if !is_intact || book.list().len() < nth {
                return Err(StoreError::damaged(
                    "paths",
                    format!("{domain} {block}"),
                    "cannot be read",
                ));
            }
            remembered.bytes += book.list().bytes_held() - bytes;
            if nth == (block + 1) * BLOCK {
                next.push((domain, block + 1));
            }
        }
        wanted = next;
    }
    Ok(())
}

/// All paths of a domain, by number.
pub(super) async fn read(conn: &mut Conn<'_>, domain: DomainId) -> Result<PathList, StoreError> {
    let mut list = PathList::default();
    for row in conn.all(sql!("paths_of_domain"), Args::default().int(domain.0)).await? {
        let block = row.count("block")?;
        let is_next = block == (list.len() / BLOCK) as u64;
        if !is_next || !decode(row.blob("content")?, |path| list.push(path)) {
            return Err(StoreError::damaged(
                "paths",
                format!("{domain} {block}"),
                "cannot be read",
            ));
        }
    }
    Ok(list)
}

/// The paths that sums are of.
pub(super) struct Included {
    /// Whether each path is, by number; `None`: all are.
    paths: Option<Vec<bool>>,
}

impl Included {
    /// The paths of a domain on which reports with these carriers are.
    pub async fn read(conn: &mut Conn<'_>, domain: DomainId, carriers: Carriers) -> Result<Self, StoreError> {
        let paths = match carriers {
            Carriers::All => None,
            Carriers::Vouched => {
                let list = read(conn, domain).await?;
                Some(list.iter().map(|path| carriers.include(carrier_of(path))).collect())
            }
        };
        Ok(Self { paths })
    }

    /// Whether all paths are.
    pub fn is_all(&self) -> bool {
        self.paths.is_none()
    }

    /// Whether a path is. One that came after the paths were read is not: neither is its report.
    pub fn has(&self, path: u32) -> bool {
        let Some(paths) = &self.paths else { return true };
        paths.get(path as usize).copied().unwrap_or(false)
    }
}

/// Packs a block of paths.
pub(super) fn encode(list: &PathList, block: usize) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for path in list.iter().skip(block * BLOCK).take(BLOCK) {
        put_number(&mut bytes, path.len() as u64);
        bytes.extend_from_slice(path);
    }
    bytes
}

/// Calls `each` with the paths of a block. False if the bytes are damaged or from another version.
#[must_use]
pub(super) fn decode(bytes: &[u8], mut each: impl FnMut(&[u8])) -> bool {
    let mut read = || {
        let mut reader = Reader::new(bytes);
        let mut is_intact = reader.byte()? == VERSION;
        while is_intact && !reader.is_empty() {
            let len = usize::try_from(reader.number()?).ok();
            let path = len.and_then(|len| reader.take(len));
            path.map(&mut each);
            is_intact = path.is_some();
        }
        is_intact.then_some(())
    };
    read().is_some()
}
