//! SQLite's write-ahead log, looked at before SQLite reads it: it drops silently what follows a damaged frame.
//!
//! The format is that of "Database File Format", 4 (The Write-Ahead Log), of SQLite's documentation. Checksums are a chain:
//! each frame's goes on from that of the frame before. A commit is on disk before the next one begins, so that a power
//! failure can spoil frames of the last commit only. Where a frame is spoiled, and the chain that its stored checksum began
//! goes on over two commits or more, the first of these was acknowledged: its frame was damaged later.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The last bit says in which order checksums take bytes: 1 for big-endian.
const MAGIC: u32 = 0x377f_0682;
/// Pages have this many bytes at most.
const PAGE_BYTES_MAX: usize = 65_536;
/// Copies of damaged logs that are kept.
const COPIES_MAX: u32 = 100;

/// The two sums of a chain.
type Sums = [u32; 2];

/// The log of a database file.
pub(super) fn path_of(database: &Path) -> PathBuf {
    with_suffix(database, "-wal")
}

/// Keeps a copy of the log beside the database if commits in it cannot be read any more, and gives how many. To be called
/// before SQLite opens the file. While a server runs, its log is whole to its last commit, and nothing is found.
///
/// # Errors
/// If the log is there and cannot be read, or its copy cannot be written.
pub(super) fn rescue(database: &Path) -> io::Result<u64> {
    let path = path_of(database);
    let lost = match File::open(&path) {
        Ok(file) => lost_commits(BufReader::with_capacity(1 << 20, file))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    if lost > 0 {
        for number in 1..=COPIES_MAX {
            let copy = with_suffix(database, &format!("-wal.damaged-{number}"));
            let mut from = File::open(&path)?;
            match private(&copy) {
                Ok(mut to) => {
                    io::copy(&mut from, &mut to)?;
                    to.sync_all()?;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(lost)
}

/// The copies of damaged logs next to the database.
pub(super) fn damaged(database: &Path) -> Vec<PathBuf> {
    (1..=COPIES_MAX)
        .map(|number| with_suffix(database, &format!("-wal.damaged-{number}")))
        .take_while(|copy| copy.exists())
        .collect()
}

fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// How many commits behind a damaged frame were acknowledged; 0 for a log that is whole, or that a crash cut off.
pub(super) fn lost_commits(mut log: impl Read) -> io::Result<u64> {
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut log, &mut header)? {
        return Ok(0);
    }
    let (magic, page_bytes) = (word(&header, 0), word(&header, 8) as usize);
    let is_plausible = page_bytes.is_power_of_two() && (512..=PAGE_BYTES_MAX).contains(&page_bytes);
    if magic & !1 != MAGIC || !is_plausible {
        return Ok(0);
    }
    let is_big_endian = magic & 1 == 1;
    let sum = |sums, bytes: &[u8]| checksum(sums, bytes, is_big_endian);
    let salts = [word(&header, 16), word(&header, 20)];
    let mut sums = sum([0; 2], &header[..24]);
    if sums != [word(&header, 24), word(&header, 28)] {
        return Ok(0);
    }
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let mut is_broken = false;
    let mut commits = 0;
    while fill(&mut log, &mut frame)? {
        // Frames of an earlier round have other salts.
        if [word(&frame, 8), word(&frame, 12)] != salts {
            break;
        }
        let stored = [word(&frame, 16), word(&frame, 20)];
        let computed = sum(sum(sums, &frame[..8]), &frame[FRAME_HEADER_BYTES..]);
        if computed != stored {
            if is_broken {
                break;
            }
            is_broken = true;
        }
        sums = stored;
        let is_commit = word(&frame, 4) != 0;
        commits += u64::from(is_broken && is_commit);
    }
    // The last one may have been cut off by a crash before it was acknowledged.
    Ok(if commits >= 2 { commits } else { 0 })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |four| u32::from_be_bytes(*four))
}

fn checksum([mut a, mut b]: Sums, bytes: &[u8], is_big_endian: bool) -> Sums {
    let read = |four: &[u8; 4]| match is_big_endian {
        true => u32::from_be_bytes(*four),
        false => u32::from_le_bytes(*four),
    };
    let (words, _) = bytes.as_chunks::<4>();
    let (pairs, _) = words.as_chunks::<2>();
    for [first, second] in pairs {
        a = a.wrapping_add(read(first)).wrapping_add(b);
        b = b.wrapping_add(read(second)).wrapping_add(a);
    }
    [a, b]
}

/// Fills the buffer, or says that the log ends before.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// The log of ten commits, as a process leaves it that is killed.
    fn log_of_ten_commits(folder: &Path) -> Vec<u8> {
        let database = folder.join("t.sqlite");
        let conn = Connection::open(&database).unwrap();
        conn.execute_batch("pragma journal_mode = wal; pragma wal_autocheckpoint = 0; create table t (a blob)")
            .unwrap();
        for nth in 0..9_u8 {
            conn.execute("insert into t values (?1)", [vec![nth; 3_000]]).unwrap();
        }
        std::fs::read(path_of(&database)).unwrap()
    }

    fn frames(log: &[u8]) -> usize {
        (log.len() - HEADER_BYTES) / (FRAME_HEADER_BYTES + 4_096)
    }

    fn at(frame: usize) -> usize {
        HEADER_BYTES + frame * (FRAME_HEADER_BYTES + 4_096)
    }

    #[test]
    fn a_whole_log_and_one_that_a_crash_cut_off_have_lost_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let log = log_of_ten_commits(folder.path());
        assert!(frames(&log) >= 10, "{}", log.len());
        assert_eq!(lost_commits(&log[..]).unwrap(), 0);
        for len in (0..log.len()).step_by(997) {
            assert_eq!(lost_commits(&log[..len]).unwrap(), 0, "cut off at {len}");
        }
        // The last commit, torn: its frames reached the disk in any order.
        let mut torn = log.clone();
        let last = at(frames(&log) - 1);
        torn[last + 100] ^= 1;
        assert_eq!(lost_commits(&torn[..]).unwrap(), 0);
        // A new round over an old one: what is left of that has other salts.
        let mut old = log.clone();
        for frame in frames(&log) / 2..frames(&log) {
            old[at(frame) + 8] ^= 1;
        }
        assert_eq!(lost_commits(&old[..]).unwrap(), 0);
        assert_eq!(lost_commits(&b"no log"[..]).unwrap(), 0);
        assert_eq!(lost_commits(&[0; 10_000][..]).unwrap(), 0);
    }

    #[test]
    fn a_damaged_frame_tells_the_commits_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = log_of_ten_commits(folder.path());
        let count = frames(&log);
        // In a page, in the page's number, in the commit's size.
        for byte in [100, 3, 7] {
            let mut damaged = log.clone();
            damaged[at(count / 2) + byte] ^= 0x10;
            let lost = lost_commits(&damaged[..]).unwrap();
            assert!((3..10).contains(&lost), "byte {byte}: {lost}");
        }
    }

    #[test]
    fn a_damaged_log_is_kept_before_sqlite_drops_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log_of_ten_commits(folder.path());
        let place = at(frames(&log) / 2) + 100;
        let database = folder.path().join("u.sqlite");
        std::fs::copy(folder.path().join("t.sqlite"), &database).unwrap();
        std::fs::write(path_of(&database), &log).unwrap();
        assert_eq!(rescue(&database).unwrap(), 0);
        assert_eq!(damaged(&database), Vec::<PathBuf>::new());
        log[place] ^= 1;
        std::fs::write(path_of(&database), &log).unwrap();
        assert!(rescue(&database).unwrap() >= 2);
        let copies = damaged(&database);
        assert_eq!(copies.len(), 1);
        assert_eq!(std::fs::read(&copies[0]).unwrap(), log);
        let conn = Connection::open(&database).unwrap();
        let rows: i64 = conn.query_row("select count(*) from t", [], |row| row.get(0)).unwrap();
        assert!(rows < 9, "SQLite itself says nothing of the rest");
    }
}
