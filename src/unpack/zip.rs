//! zip: the files of an archive, through its central directory. Nothing is ever written under a name from it.

mod directory;

use super::budget::Budget;
use super::gzip::{Inflate, Inflated};
use super::problem::{Damage, Reason};
use std::io::Cursor;
use zip::CompressionMethod;

/// Directory entries looked at per counted file: folders and `__MACOSX/` twins come on top of the files.
const ENTRIES_PER_FILE: usize = 4;
/// Longest directory that is read, in bytes. An entry of an ordinary report takes 150.
const DIRECTORY_BYTES_MAX: usize = 256 * 1024;
/// Memory per byte of the directory: `zip` makes some 100 bytes of an extra field of four.
const MEMORY_PER_BYTE: usize = 32;

/// One file of an archive. The sizes are claims and nothing is allocated by them.
pub(super) struct Entry<'a> {
    pub name: Box<str>,
    pub data: &'a [u8],
    pub method: Method,
    pub crc: u32,
    pub size: u64,
}

/// How a file is stored in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// A file that cannot be read, and why; the others can.
pub(super) struct Unreadable {
    pub name: Box<str>,
    pub reason: Reason,
    pub detail: String,
}

/// The files of an archive in the order of its central directory, without folders and AppleDouble twins.
/// An error concerns the archive as a whole.
///
/// The directory is found and measured here ([`directory`]). `zip` is handed a copy of its entries with an end record of
/// our own behind them, so that there is nothing for it to search: its own search takes the square of the archive's length
/// (`docs/decisions/0001-zip-directory.md`).
pub(super) fn files<'a>(bytes: &'a [u8], budget: &Budget<'_>) -> Result<Files<'a>, (Reason, String)> {
    let because = |reason: Reason| (reason, String::new());
    let damaged = |error: zip::result::ZipError| (Reason::ArchiveDamaged, error.to_string());
    let entries_max = budget.limits.archive_entries_max.saturating_mul(ENTRIES_PER_FILE);
    let end = directory::find(bytes).ok_or((Reason::ArchiveDamaged, "it has no central directory".to_owned()))?;
    if end.entries > entries_max as u64 {
        return Err((Reason::ArchiveTooComplex, format!("{} entries", end.entries)));
    }
    let directory = directory::measure(bytes, &end);
    if directory.bytes.len() > DIRECTORY_BYTES_MAX {
        let detail = format!("a directory of {} bytes", directory.bytes.len());
        return Err((Reason::ArchiveTooComplex, detail));
    }
    let _held = budget.hold(directory.bytes.len() * MEMORY_PER_BYTE).map_err(because)?;
    budget.check().map_err(because)?;
    let config = zip::read::Config {
        archive_offset: zip::read::ArchiveOffset::Known(0),
    };
    let archive = zip::ZipArchive::with_config(config, Cursor::new(directory.alone())).map_err(damaged)?;
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(damaged)?;
        let name: Box<str> = String::from_utf8_lossy(entry.name_raw()).into();
        if name.ends_with('/') || name.ends_with('\\') || name.starts_with("__MACOSX/") {
            continue;
        }
        found.push(file(bytes, end.shift, name, &entry));
    }
    let unreadable = |detail: String| {
        Err(Unreadable {
            name: "zip".into(),
            reason: Reason::ArchiveDamaged,
            detail,
        })
    };
    if archive.has_duplicate_names() {
        // The index keeps the last of them; the others must not be lost without a word.
        found.push(unreadable(
            "several files of the same name: the last was read".to_owned(),
        ));
    }
    if (directory.entries as u64) < end.entries {
        let detail = format!(
            "its directory names {} files and breaks off behind {}",
            end.entries, directory.entries
        );
        found.push(unreadable(detail));
    }
    Ok(found)
}

/// The files of an archive, and what cannot be read of it.
pub(super) type Files<'a> = Vec<Result<Entry<'a>, Unreadable>>;

/// Whether an archive is a document of an office program, a book or a program, by the file that all of these have (ECMA-376,
/// part 2; ODF 1.3, part 2; JAR): the XML in it is not a report.
pub(super) fn is_package(files: &[Result<Entry<'_>, Unreadable>]) -> bool {
    let names = files.iter().map(|file| match file {
        Ok(entry) => &*entry.name,
        Err(unreadable) => &*unreadable.name,
    });
    let marks = [
        "[Content_Types].xml",
        "mimetype",
        "META-INF/MANIFEST.MF",
        "META-INF/manifest.xml",
    ];
    names.into_iter().any(|name| marks.contains(&name))
}

fn file<'a>(
    bytes: &'a [u8],
    shift: i64,
    name: Box<str>,
    entry: &zip::read::ZipFileEntry<'_>,
) -> Result<Entry<'a>, Unreadable> {
    if entry.encrypted() {
        return Err(Unreadable {
            name,
            reason: Reason::EncryptedArchive,
            detail: "zip with a password".into(),
        });
    }
    let method = match entry.compression() {
        CompressionMethod::Stored => Method::Stored,
        CompressionMethod::Deflated => Method::Deflated,
        other => {
            let detail = format!("zip method {other}");
            return Err(Unreadable {
                name,
                reason: Reason::UnsupportedFormat,
                detail,
            });
        }
    };
    // What stands before the archive shifts every offset in it; some programs have counted it already.
    let shifted = entry.header_start().checked_add_signed(shift);
    let at = |start: u64| data(bytes, start, entry.compressed_size());
    let Some(data) = shifted.and_then(at).or_else(|| at(entry.header_start())) else {
        return Err(Unreadable {
            name,
            reason: Reason::ArchiveDamaged,
            detail: "entry is outside the file".into(),
        });
    };
    Ok(Entry {
        name,
        data,
        method,
        crc: entry.crc32(),
        size: entry.size(),
    })
}

/// The compressed bytes of an entry. The local header is only skipped: with a data descriptor its sizes are 0.
fn data(bytes: &[u8], header_start: u64, size: u64) -> Option<&[u8]> {
    let local = bytes.get(usize::try_from(header_start).ok()?..)?;
    let [b'P', b'K', 3, 4, ..] = *local else { return None };
    let lengths = local.get(26..30)?;
    let name = usize::from(u16::from_le_bytes([lengths[0], lengths[1]]));
    let extra = usize::from(u16::from_le_bytes([lengths[2], lengths[3]]));
    let data = local.get(30 + name + extra..)?;
    // A cut archive may still have its directory at another place: what is there is read, and the damage is told.
    Some(&data[..data.len().min(usize::try_from(size).unwrap_or(usize::MAX))])
}

/// Reads one file of an archive.
pub(super) struct EntryReader<'a> {
    input: &'a [u8],
    method: Method,
    inflate: Inflate,
    crc: u32,
    size: u64,
    ended: bool,
    damage: Option<Damage>,
}

impl<'a> EntryReader<'a> {
    pub fn new(data: &'a [u8], method: Method, crc: u32, size: u64) -> Self {
        Self {
            input: data,
            method,
            inflate: Inflate::new(),
            crc,
            size,
            ended: false,
            damage: None,
        }
    }

    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// `None` at the end; `Some(0)` is not the end, only a step without output.
    pub fn read(&mut self, out: &mut [u8]) -> Option<usize> {
        if self.ended {
            return None;
        }
        let step = match self.method {
            Method::Deflated => self.inflate.step(&mut self.input, out),
            Method::Stored => {
                let made = self.inflate.copy(self.input, out);
                self.input = &self.input[made..];
                if self.input.is_empty() {
                    Inflated::Last(made)
                } else {
                    Inflated::Some(made)
                }
            }
        };
        match step {
            Inflated::Some(made) => Some(made),
            Inflated::Last(made) => {
                self.ended = true;
                if self.inflate.checksum() != self.crc || self.inflate.length() != self.size {
                    self.damage = Some(Damage::Checksum);
                }
                Some(made)
            }
            Inflated::Broken(damage) => {
                self.ended = true;
                self.damage = Some(damage);
                None
            }
        }
    }
}
