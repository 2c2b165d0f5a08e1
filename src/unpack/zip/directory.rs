//! Where the central directory of a zip archive is (APPNOTE 6.3.10, 4.3.12 to 4.3.16).
//!
//! All of it takes one pass over the last 64 KiB of the archive, one over the directory, and, where the end record says
//! the wrong place, one search for the first entry. What an archive says of itself chooses among places; it never repeats
//! a search.

use memchr::memmem;

/// A kind of record that is looked for.
struct Kind {
    signature: &'static [u8],
    /// Its length without what varies.
    bytes: usize,
}

/// The end record; its comment varies.
const END: Kind = Kind {
    signature: b"PK\x05\x06",
    bytes: 22,
};
/// The zip64 end record; its extensible data varies.
const END64: Kind = Kind {
    signature: b"PK\x06\x06",
    bytes: 56,
};
/// The record that points to a zip64 end record, directly before the end record.
const LOCATOR: Kind = Kind {
    signature: b"PK\x06\x07",
    bytes: 20,
};
/// An entry of the directory; name, extra field and comment vary.
const ENTRY: Kind = Kind {
    signature: b"PK\x01\x02",
    bytes: 46,
};

/// The longest comment behind the end record.
const COMMENT_BYTES_MAX: usize = 65_535;
/// End records that are looked at, nearest the end of the file first. A file that has more is made to be searched.
const CANDIDATES_MAX: usize = 16;

/// What the end of an archive says, checked as far as one look can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// Entries that the directory is said to have.
    pub entries: u64,
    /// What is to be added to each offset in the archive: the length of what stands before it.
    pub shift: i64,
    /// The first byte of the directory, and the first byte behind it.
    from: usize,
    to: usize,
}

/// The entries of a directory that follow one another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory<'a> {
    pub bytes: &'a [u8],
    pub entries: usize,
}

/// The end of an archive; `None` if there is no directory in it.
///
/// Of several end records, the one nearest the end of the file counts whose comment ends with the file and whose directory
/// is where it says; else the nearest whose comment fits into the file and whose directory can be found, because some
/// programs append bytes behind the comment.
pub(super) fn find(bytes: &[u8]) -> Option<End> {
    let from = bytes.len().saturating_sub(END.bytes + COMMENT_BYTES_MAX);
    let tail = &bytes[from..];
    let mut loose = None;
    for at in memmem::rfind_iter(tail, END.signature)
        .take(CANDIDATES_MAX)
        .map(|at| from + at)
    {
        let Some(comment) = number::<2>(bytes, at + 20) else {
            continue;
        };
        let behind = at as u64 + END.bytes as u64 + comment;
        if behind > bytes.len() as u64 {
            continue;
        }
        let Some(end) = end(bytes, at) else { continue };
        if behind == bytes.len() as u64 {
            return Some(end);
        }
        loose = loose.or(Some(end));
    }
    loose.or_else(|| search(bytes))
}

/// The entries at the place that the end record says, up to the first that is not whole.
pub(super) fn measure<'a>(bytes: &'a [u8], end: &End) -> Directory<'a> {
    let all = &bytes[end.from..end.to];
    let (mut len, mut entries) = (0, 0);
    while (entries as u64) < end.entries {
        let entry = &all[len..];
        let Some(entry_len) = entry_len(entry).filter(|entry_len| *entry_len <= entry.len()) else {
            break;
        };
        len += entry_len;
        entries += 1;
    }
    Directory {
        bytes: &all[..len],
        entries,
    }
}

impl Directory<'_> {
    /// The directory as an archive of its own: its entries, and behind them an end record that says where they are.
    pub fn alone(&self) -> Vec<u8> {
        let mut alone = Vec::with_capacity(self.bytes.len() + END.bytes);
        alone.extend_from_slice(self.bytes);
        alone.extend_from_slice(END.signature);
        // The disks.
        alone.extend_from_slice(&[0; 4]);
        // The caller bounds the entries, by some dozens, and the bytes, by 256 KiB.
        let entries = u16::try_from(self.entries).unwrap_or(u16::MAX).to_le_bytes();
        alone.extend_from_slice(&[entries, entries].concat());
        alone.extend_from_slice(&u32::try_from(self.bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        // It begins at 0 and has no comment.
        alone.extend_from_slice(&[0; 6]);
        alone
    }
}

fn entry_len(entry: &[u8]) -> Option<usize> {
    let lengths: u64 = [28, 30, 32]
        .into_iter()
        .map(|at| number::<2>(entry, at))
        .sum::<Option<u64>>()?;
    entry
        .starts_with(ENTRY.signature)
        .then_some(ENTRY.bytes + usize::try_from(lengths).ok()?)
}

/// What the end record at `at` says; `None` if there is no directory at the places that follow from it.
fn end(bytes: &[u8], at: usize) -> Option<End> {
    let short = Stated {
        entries: number::<2>(bytes, at + 10)?,
        size: number::<4>(bytes, at + 12)?,
        offset: number::<4>(bytes, at + 16)?,
        to: at,
    };
    let is_long = short.entries == 0xffff || short.size == 0xffff_ffff || short.offset == 0xffff_ffff;
    let long = is_long.then(|| end64(bytes, at)).flatten();
    long.and_then(|stated| place(bytes, &stated))
        .or_else(|| place(bytes, &short))
}

/// What an end record states.
struct Stated {
    entries: u64,
    size: u64,
    offset: u64,
    /// The first byte behind the directory.
    to: usize,
}

/// The zip64 end record that the locator before the end record at `at` points to. What stands before the archive moves it:
/// then it is directly before the locator.
fn end64(bytes: &[u8], at: usize) -> Option<Stated> {
    let locator = at.checked_sub(LOCATOR.bytes)?;
    if !bytes[locator..].starts_with(LOCATOR.signature) {
        return None;
    }
    let stated = usize::try_from(number::<8>(bytes, locator + 8)?).ok();
    let adjacent = locator.checked_sub(END64.bytes);
    let record = [stated, adjacent].into_iter().flatten().find(|&record| {
        let ends_at = number::<8>(bytes, record.saturating_add(4)).map(|size| size.saturating_add(record as u64 + 12));
        bytes
            .get(record..)
            .is_some_and(|rest| rest.starts_with(END64.signature))
            && ends_at == Some(locator as u64)
    })?;
    Some(Stated {
        entries: number::<8>(bytes, record + 32)?,
        size: number::<8>(bytes, record + 40)?,
        offset: number::<8>(bytes, record + 48)?,
        to: record,
    })
}

/// Where the directory is: directly before its end record, else where the record says.
fn place(bytes: &[u8], stated: &Stated) -> Option<End> {
    let to = stated.to;
    let offset = i64::try_from(stated.offset).ok()?;
    let end = |from: usize| End {
        entries: stated.entries,
        shift: from as i64 - offset,
        from,
        to,
    };
    if stated.entries == 0 {
        return (stated.offset <= to as u64).then(|| end(to));
    }
    // A directory before the place that the record says is that of an archive that was cut: its offsets lead nowhere.
    let adjacent = usize::try_from(stated.size).ok().and_then(|size| to.checked_sub(size));
    let adjacent = adjacent.filter(|from| *from as u64 >= stated.offset);
    let by_offset = usize::try_from(stated.offset).ok().filter(|from| *from < to);
    let is_entry = |from: &usize| bytes[*from..to].starts_with(ENTRY.signature);
    [adjacent, by_offset].into_iter().flatten().find(is_entry).map(end)
}

/// The last resort, for an end record that names the wrong place: the first entry of the archive. One search, for the
/// end record nearest the end of the file.
fn search(bytes: &[u8]) -> Option<End> {
    let tail = bytes.len().saturating_sub(END.bytes + COMMENT_BYTES_MAX);
    let at = tail + memmem::rfind(&bytes[tail..], END.signature)?;
    let entries = number::<2>(bytes, at + 10)?;
    let offset = number::<4>(bytes, at + 16)?;
    let from = usize::try_from(offset).ok().filter(|from| *from < at)?;
    let from = from + memmem::find(&bytes[from..at], ENTRY.signature)?;
    let end = End {
        entries,
        shift: from as i64 - i64::try_from(offset).ok()?,
        from,
        to: at,
    };
    (entries > 0 && measure(bytes, &end).entries as u64 == entries).then_some(end)
}

/// The little-endian number of `N` bytes at `at`.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(N)?)?;
    Some(
        field
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unpack::testdata::{File, zip};

    fn archive(comment: &[u8]) -> Vec<u8> {
        zip(
            &[File::stored("a.xml", b"<a/>"), File::stored("b.xml", b"<b/>")],
            comment,
        )
    }

    /// How many entries are found, and by how much their offsets are moved.
    fn check(bytes: &[u8], expect: Option<(usize, i64)>) {
        let found = find(bytes).map(|end| (measure(bytes, &end).entries, end.shift));
        assert_eq!(found, expect);
    }

    #[test]
    fn bytes_around_an_archive_move_its_directory() {
        let plain = archive(b"");
        check(&plain, Some((2, 0)));
        check(&archive(b"a comment"), Some((2, 0)));
        check(&archive(&[b'x'; COMMENT_BYTES_MAX]), Some((2, 0)));
        check(&[b"#!/bin/sh\n", plain.as_slice()].concat(), Some((2, 10)));
        check(&[plain.as_slice(), b"\r\n"].concat(), Some((2, 0)));
        check(&[plain.as_slice(), &[0; 60_000]].concat(), Some((2, 0)));
        check(&plain[10..], None);
        // Cut within the end record: its numbers are still there, or not.
        check(&plain[..plain.len() - 1], Some((2, 0)));
        check(&plain[..plain.len() - 8], None);
        check(&plain[..plain.len() - 22], None);
        check(b"", None);
        check(b"PK\x05\x06", None);
    }

    #[test]
    fn of_several_end_records_the_one_that_ends_with_the_file_counts() {
        // An archive in the comment of another: both end where they should. Every reader takes the inner one.
        let inner = zip(&[File::stored("c.xml", b"<c/>")], b"");
        check(
            &archive(&inner),
            Some((1, (archive(&inner).len() - inner.len()) as i64)),
        );
        // A record in the comment whose own comment does not end with the file is passed over.
        let mut short = inner.clone();
        short.push(b'x');
        check(&archive(&short), Some((2, 0)));
        // So is one that says a directory that is not there.
        let stray = [END.signature, &[0, 0, 0, 0, 5, 0, 5, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0]].concat();
        check(&archive(&stray), Some((2, 0)));
        // More than are looked at.
        check(&archive(&END.signature.repeat(16_000)), None);
    }

    #[test]
    fn a_directory_that_breaks_off_is_measured_to_its_last_whole_entry() {
        let plain = archive(b"");
        let second = memmem::rfind(&plain, ENTRY.signature).unwrap();
        for change in [second, second + 3] {
            let mut broken = plain.clone();
            broken[change] ^= 0xff;
            check(&broken, Some((1, 0)));
        }
        // A name that is longer than the directory.
        let mut broken = plain.clone();
        broken[second + 29] = 0xff;
        check(&broken, Some((1, 0)));
    }

    #[test]
    fn signatures_without_end_are_passed_once() {
        // As a stranger makes them: each search of a directory would read all the others.
        for (signature, times) in [
            (END64.signature, 200_000),
            (ENTRY.signature, 200_000),
            (LOCATOR.signature, 100_000),
            (END.signature, 100_000),
        ] {
            let mut bytes = signature.repeat(times);
            bytes.extend(END.signature);
            bytes.extend([
                0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0,
            ]);
            let entries = find(&bytes).map(|end| measure(&bytes, &end).entries);
            assert_eq!(entries.unwrap_or(0), 0, "{signature:?}");
        }
    }
}
