//! gzip (RFC 1952), all members, and the pooled inflater it shares with zip.

use super::problem::Damage;
use flate2::{Crc, Decompress, FlushDecompress, Status};
use std::cell::RefCell;
use std::io::{BufRead, Read};

/// Inflaters kept per thread: a report needs one, an archive in an archive two.
const POOLED_MAX: usize = 4;

thread_local! {
    // Measured: a reused state is about twice as fast as a new one on attachments below 64 KiB.
    static POOL: RefCell<Vec<Decompress>> = const { RefCell::new(Vec::new()) };
}

/// A raw deflate stream (RFC 1951) over bytes in memory, with the checksum of what came out.
pub(super) struct Inflate {
    state: Option<Decompress>,
    crc: Crc,
    length: u64,
}

/// What one step of inflation gave.
pub(super) enum Inflated {
    /// Number of bytes, perhaps zero; more may follow.
    Some(usize),
    /// Number of bytes, and the stream is complete.
    Last(usize),
    Broken(Damage),
}

impl Inflate {
    pub fn new() -> Self {
        let pooled = POOL.with_borrow_mut(Vec::pop);
        let state = match pooled {
            Some(mut state) => {
                state.reset(false);
                state
            }
            None => Decompress::new(false),
        };
        Self {
            state: Some(state),
            crc: Crc::new(),
            length: 0,
        }
    }

    /// Begins another stream.
    pub fn reset(&mut self) {
        if let Some(state) = &mut self.state {
            state.reset(false);
        }
        self.crc.reset();
        self.length = 0;
    }

    /// Inflates from `input`, which is moved on, into `out`, which must not be empty.
    pub fn step(&mut self, input: &mut &[u8], out: &mut [u8]) -> Inflated {
        let Some(state) = &mut self.state else {
            return Inflated::Broken(Damage::Corrupt);
        };
        let (consumed_before, made_before) = (state.total_in(), state.total_out());
        let status = state.decompress(input, out, FlushDecompress::None);
        let consumed = usize::try_from(state.total_in() - consumed_before)
            .unwrap_or(usize::MAX)
            .min(input.len());
        let made = usize::try_from(state.total_out() - made_before)
            .unwrap_or(usize::MAX)
            .min(out.len());
        *input = &input[consumed..];
        self.crc.update(&out[..made]);
        self.length += made as u64;
        match status {
            Ok(Status::StreamEnd) => Inflated::Last(made),
            // The last bytes before a defect are still good: they are given first, the defect shows in the next step.
            _ if made > 0 => Inflated::Some(made),
            Err(_) => Inflated::Broken(Damage::Corrupt),
            Ok(_) if input.is_empty() => Inflated::Broken(Damage::Truncated),
            Ok(_) if consumed > 0 => Inflated::Some(0),
            Ok(_) => Inflated::Broken(Damage::Corrupt),
        }
    }

    /// Copies stored bytes from `input` to `out` and counts them like inflated ones. Returns their number.
    pub fn copy(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let made = input.len().min(out.len());
        out[..made].copy_from_slice(&input[..made]);
        self.crc.update(&out[..made]);
        self.length += made as u64;
        made
    }

    /// CRC-32 of everything given since the last reset.
    pub fn checksum(&self) -> u32 {
        self.crc.sum()
    }

    /// Bytes given since the last reset.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        let Some(state) = self.state.take() else { return };
        // At the end of a thread the pool may be gone already.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED_MAX {
                pool.push(state);
            }
        });
    }
}

/// What is in a gzip file, as a stream: for files that are not a message but hold many.
///
/// The error of reading is `InvalidData` or `UnexpectedEof` where the file is damaged, and what was read before it is good.
pub fn gunzip(packed: impl BufRead) -> impl Read {
    flate2::bufread::MultiGzDecoder::new(packed)
}

/// Reads the members of a gzip file one after the other as one text, and ignores what follows the last. A member that
/// begins with an XML declaration is another document: the text ends before it (RFC 1952, 2.2 allows both).
pub(super) struct GzipReader<'a> {
    input: &'a [u8],
    next_document: Option<&'a [u8]>,
    inflate: Inflate,
    in_member: bool,
    first: bool,
    damage: Option<Damage>,
}

impl<'a> GzipReader<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            next_document: None,
            inflate: Inflate::new(),
            in_member: false,
            first: true,
            damage: None,
        }
    }

    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// The members from the next document on, known once this one was read to its end.
    pub fn next_document(&self) -> Option<&'a [u8]> {
        self.next_document
    }

    /// `None` at the end; `Some(0)` is not the end, only a step without output.
    pub fn read(&mut self, out: &mut [u8]) -> Option<usize> {
        if !self.in_member && !self.begin_member() {
            return None;
        }
        match self.inflate.step(&mut self.input, out) {
            Inflated::Some(made) => Some(made),
            Inflated::Last(made) => {
                self.end_member();
                Some(made)
            }
            Inflated::Broken(damage) => {
                self.end_at(damage);
                None
            }
        }
    }

    fn begin_member(&mut self) -> bool {
        match member_header(self.input) {
            Some(header) if !self.first && begins_document(&self.input[header.length..]) => {
                self.next_document = Some(std::mem::take(&mut self.input));
                false
            }
            Some(header) => {
                self.input = &self.input[header.length..];
                if !self.first {
                    self.inflate.reset();
                }
                self.first = false;
                self.in_member = true;
                true
            }
            // Other bytes after the last member (Mimecast appends CRLF) are not damage.
            None => {
                if self.first {
                    self.damage = Some(Damage::Truncated);
                }
                self.input = &[];
                false
            }
        }
    }

    fn end_member(&mut self) {
        self.in_member = false;
        let Some((trailer, rest)) = self.input.split_first_chunk::<8>() else {
            self.end_at(Damage::Truncated);
            return;
        };
        self.input = rest;
        let [c0, c1, c2, c3, l0, l1, l2, l3] = *trailer;
        // RFC 1952, 2.3.1: ISIZE is the length modulo 2^32.
        let length_matches = u32::from_le_bytes([l0, l1, l2, l3]) == self.inflate.length() as u32;
        if u32::from_le_bytes([c0, c1, c2, c3]) != self.inflate.checksum() || !length_matches {
            self.damage.get_or_insert(Damage::Checksum);
        }
    }

    fn end_at(&mut self, damage: Damage) {
        self.damage.get_or_insert(damage);
        self.in_member = false;
        self.first = false;
        self.input = &[];
    }
}

/// Whether what a member holds begins with an XML declaration.
fn begins_document(mut member: &[u8]) -> bool {
    let mut inflate = Inflate::new();
    let mut out = [0; 64];
    let mut filled = 0;
    while filled < out.len() {
        match inflate.step(&mut member, &mut out[filled..]) {
            Inflated::Some(made) => filled += made,
            Inflated::Last(made) => {
                filled += made;
                break;
            }
            Inflated::Broken(_) => break,
        }
    }
    let text = &out[..filled];
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    text.trim_ascii_start().starts_with(b"<?xml")
}

/// The header of one gzip member.
pub(super) struct MemberHeader<'a> {
    pub length: usize,
    /// The file name it carries: a hint, never a path.
    pub name: Option<&'a [u8]>,
}

/// The header at the start of `bytes`; `None` if there is no complete one.
pub(super) fn member_header(bytes: &[u8]) -> Option<MemberHeader<'_>> {
    let [0x1f, 0x8b, 8, flags, ..] = *bytes else {
        return None;
    };
    let mut at = 10;
    let mut name = None;
    if flags & 4 != 0 {
        let length = bytes.get(at..at + 2)?;
        at += 2 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    }
    if flags & 8 != 0 {
        let end = memchr::memchr(0, bytes.get(at..)?)?;
        name = Some(&bytes[at..at + end]);
        at += end + 1;
    }
    if flags & 16 != 0 {
        at += memchr::memchr(0, bytes.get(at..)?)? + 1;
    }
    if flags & 2 != 0 {
        at += 2;
    }
    (at <= bytes.len()).then_some(MemberHeader { length: at, name })
}

/// Compression for tests: flate2 is used in no other file but zip's.
#[cfg(test)]
pub(super) mod testing {
    use flate2::{Compress, Compression, Crc, FlushCompress};

    /// A raw deflate stream.
    pub fn deflate(bytes: &[u8]) -> Vec<u8> {
        compressed(bytes, FlushCompress::Finish)
    }

    /// A raw deflate stream that another may follow.
    pub fn deflate_unended(bytes: &[u8]) -> Vec<u8> {
        compressed(bytes, FlushCompress::Full)
    }

    fn compressed(bytes: &[u8], flush: FlushCompress) -> Vec<u8> {
        let mut state = Compress::new(Compression::best(), false);
        let mut out = Vec::with_capacity(bytes.len() + 1024);
        state.compress_vec(bytes, &mut out, flush).unwrap();
        assert_eq!(state.total_in(), bytes.len() as u64);
        out
    }

    pub fn crc(bytes: &[u8]) -> u32 {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum()
    }
}
