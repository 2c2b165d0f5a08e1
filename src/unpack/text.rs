//! A report text: opened as a stream, capped, as UTF-8.

use super::budget::Budget;
use super::charset;
use super::gzip::GzipReader;
use super::problem::{Damage, ReadStopped, Reason};
use super::tls_fields::TlsFields;
use super::zip::{EntryReader, Method};
use crate::base::budget::Held;
use encoding_rs::Decoder;
use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};

/// One step of inflation and of transcoding; the caller's clock is asked once a step.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;
/// How much of a text is seen before deciding what it is.
const HEAD_BYTES_MIN: usize = 4 * 1024;
/// How much an unread rest may still inflate, so that the checksum behind it is seen.
const DRAIN_BYTES_MAX: u64 = 64 * 1024;
/// A step that makes less than this is charged as the opening of a member of a compressed file.
const SMALL_STEP_BYTES: usize = 1024;
/// Chunks kept per thread.
const POOLED_MAX: usize = 6;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`CHUNK_BYTES`] from the thread's pool, with the part of it that is not yet consumed.
struct Chunk {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Chunk {
    fn new() -> Self {
        let bytes = POOL.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; CHUNK_BYTES]);
        Self {
            bytes,
            start: 0,
            end: 0,
        }
    }

    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED_MAX {
                pool.push(bytes);
            }
        });
    }
}

/// The bytes of a leaf and how they are packed. May be opened repeatedly.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    Plain(&'a [u8]),
    Gzip(&'a [u8]),
    Entry {
        data: &'a [u8],
        method: Method,
        crc: u32,
        size: u64,
    },
}

enum Source<'a> {
    Plain(&'a [u8]),
    Gzip(GzipReader<'a>),
    Entry(EntryReader<'a>),
}

/// What is known about a leaf through all its openings.
#[derive(Default)]
pub(super) struct Meter {
    /// Bytes drawn from the shared budget: the most that one opening read.
    charged: Cell<u64>,
    damage: Cell<Option<Damage>>,
    /// Compressed bytes from the next document of a gzip file on.
    next_document_bytes: Cell<usize>,
}

impl Meter {
    pub fn damage(&self) -> Option<Damage> {
        self.damage.get()
    }

    /// How many bytes at the end of a gzip file hold further documents; known once the first was read to its end.
    pub fn next_document_bytes(&self) -> usize {
        self.next_document_bytes.get()
    }
}

/// Unpacked bytes of a leaf, before transcoding: capped and metered.
pub(super) struct Raw<'a> {
    source: Source<'a>,
    chunk: Chunk,
    taken: u64,
    ended: bool,
    failed: Option<Reason>,
    budget: &'a Budget<'a>,
    meter: &'a Meter,
}

impl<'a> Raw<'a> {
    pub fn new(content: Content<'a>, budget: &'a Budget<'a>, meter: &'a Meter) -> Self {
        let source = match content {
            Content::Plain(bytes) => Source::Plain(bytes),
            Content::Gzip(bytes) => Source::Gzip(GzipReader::new(bytes)),
            Content::Entry {
                data,
                method,
                crc,
                size,
            } => Source::Entry(EntryReader::new(data, method, crc, size)),
        };
        Self {
            source,
            chunk: Chunk::new(),
            taken: 0,
            ended: false,
            failed: None,
            budget,
            meter,
        }
    }

    /// Reads the beginning without consuming it.
    pub fn prime(&mut self) -> Result<(), Reason> {
        while self.chunk.end < HEAD_BYTES_MIN && !self.ended {
            self.pull()?;
        }
        Ok(())
    }

    /// What is unpacked and not consumed.
    pub fn head(&self) -> &[u8] {
        self.chunk.filled()
    }

    /// The rest as one piece in memory, of at most `bytes_max`, and what is drawn for it.
    pub fn read_all(mut self, bytes_max: usize) -> Result<(Vec<u8>, Held<'a>), Reason> {
        let mut held = self.budget.hold(0)?;
        let mut all: Vec<u8> = Vec::new();
        loop {
            let filled = self.fill()?;
            if filled.is_empty() {
                return Ok((all, held));
            }
            let needed = all.len() + filled.len();
            if needed > bytes_max {
                return Err(Reason::TooLarge);
            }
            if needed > all.capacity() {
                // Doubled as a vector doubles, and drawn before it is taken.
                let more = needed.max(all.capacity() * 2).min(bytes_max) - all.capacity();
                held.grow(more)?;
                all.reserve_exact(all.capacity() + more - all.len());
            }
            all.extend_from_slice(filled);
            let length = filled.len();
            self.chunk.start += length;
        }
    }

    fn fill(&mut self) -> Result<&[u8], Reason> {
        if self.chunk.start == self.chunk.end {
            self.chunk.start = 0;
            self.chunk.end = 0;
            while self.chunk.end == 0 && !self.ended {
                self.pull()?;
            }
        }
        Ok(self.chunk.filled())
    }

    /// One step of the source into the free end of the chunk.
    fn pull(&mut self) -> Result<(), Reason> {
        if let Some(reason) = self.failed {
            return Err(reason);
        }
        let result = self.budget.check().and_then(|()| {
            let room = &mut self.chunk.bytes[self.chunk.end..];
            let step = match &mut self.source {
                Source::Plain(rest) => take_plain(rest, room),
                Source::Gzip(reader) => reader.read(room),
                Source::Entry(reader) => reader.read(room),
            };
            let Some(made) = step else {
                self.end();
                return Ok(());
            };
            if made < SMALL_STEP_BYTES {
                // The end of a text, or one of very many small members.
                self.budget.spend_member()?;
            }
            self.chunk.end += made;
            self.taken += made as u64;
            self.budget.note_unpacked(made as u64);
            self.charge()
        });
        self.failed = result.err();
        result
    }

    /// Nothing more comes; what is wrong with the archive is known.
    fn end(&mut self) {
        self.ended = true;
        if let Source::Gzip(reader) = &self.source {
            self.meter
                .next_document_bytes
                .set(reader.next_document().map_or(0, <[u8]>::len));
        }
        self.meter.damage.set(match &self.source {
            Source::Plain(_) => None,
            Source::Gzip(reader) => reader.damage(),
            Source::Entry(reader) => reader.damage(),
        });
    }

    fn charge(&self) -> Result<(), Reason> {
        if self.taken > self.budget.limits.xml_bytes_max {
            return Err(Reason::TooLarge);
        }
        let charged = self.meter.charged.get();
        if self.taken <= charged || matches!(self.source, Source::Plain(_)) {
            return Ok(());
        }
        // Only what was granted is noted: a second opening is then stopped at the same byte.
        self.budget.spend_inflated(self.taken - charged)?;
        self.meter.charged.set(self.taken);
        Ok(())
    }

    /// Reads on a little, for the checksum behind a text whose parser stopped at its end tag.
    fn drain(&mut self) {
        let until = self.taken + DRAIN_BYTES_MAX;
        while !self.ended && self.taken < until {
            self.chunk.end = 0;
            if self.pull().is_err() {
                return;
            }
        }
    }
}

fn take_plain(rest: &mut &[u8], room: &mut [u8]) -> Option<usize> {
    if rest.is_empty() {
        return None;
    }
    let made = rest.len().min(room.len());
    room[..made].copy_from_slice(&rest[..made]);
    *rest = &rest[made..];
    Some(made)
}

/// The kind of report that a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// DMARC aggregate report, in XML.
    Aggregate,
    /// SMTP TLS report (RFC 8460), in JSON.
    Tls,
}

/// One text that may be a report.
pub struct ReportText<'a> {
    pub(super) kind: TextKind,
    pub(super) leaf: &'a str,
    pub(super) file_name: Option<&'a str>,
    pub(super) tls_fields: &'a TlsFields,
    pub(super) is_stated: bool,
    pub(super) content: Content<'a>,
    /// What was wrong with an archive further out.
    pub(super) outer_damage: Option<Damage>,
    pub(super) budget: &'a Budget<'a>,
    pub(super) meter: &'a Meter,
    /// The reader that saw the beginning serves the first opening: small texts are inflated once.
    pub(super) primed: Cell<Option<Raw<'a>>>,
}

impl<'a> ReportText<'a> {
    /// The kind of report that it may be, by its bytes.
    pub fn kind(&self) -> TextKind {
        self.kind
    }

    /// What the mail around the text says about a TLS report.
    pub fn tls_fields(&self) -> &'a TlsFields {
        self.tls_fields
    }

    /// Where the text was, for display: `part 2 > report.zip > a.xml`. Made of hostile names, but safe to print:
    /// control characters are escaped; at most 300 bytes.
    pub fn leaf(&self) -> &'a str {
        self.leaf
    }

    /// A file name that may say who reported what (`reporter!domain!begin!end…`), otherwise the innermost name.
    /// Hostile, unescaped, at most 255 bytes: a hint, never a path.
    pub fn file_name(&self) -> Option<&'a str> {
        self.file_name
    }

    /// Whether anything says that this is a report: its own elements, its name, the subject of the mail. Where nothing
    /// does, a text that is not a report is private mail.
    pub fn is_stated(&self) -> bool {
        self.is_stated
    }

    /// The text as UTF-8 from its beginning, without byte order mark. What is declared or marked as another charset
    /// is transcoded; everything else is passed on untouched, even where it is not valid UTF-8. Any `encoding` in the
    /// XML declaration is thus to be ignored.
    ///
    /// The error of reading is `TooLarge` or `TooSlow` (see [`super::reason_of`]). Where an archive breaks off the
    /// text simply ends, and [`Self::damage`] tells.
    pub fn open(&self) -> io::Result<TextReader<'a>> {
        let mut raw = self
            .primed
            .take()
            .unwrap_or_else(|| Raw::new(self.content, self.budget, self.meter));
        raw.prime().map_err(ReadStopped)?;
        let charset = charset::detect(raw.head());
        raw.chunk.start += charset.mark;
        let decode = charset.encoding.map(|encoding| Transcoder {
            decoder: encoding.new_decoder_without_bom_handling(),
            chunk: Chunk::new(),
            ended: false,
        });
        Ok(TextReader { raw, decode })
    }

    /// What was wrong with the archive around the text. Known once a reader was read to its end, or dropped less
    /// than 64 KiB before it.
    pub fn damage(&self) -> Option<Damage> {
        self.meter.damage().or(self.outer_damage)
    }
}

/// Reads one report text; see [`ReportText::open`]. It is buffered: 64 KiB at a time.
pub struct TextReader<'a> {
    raw: Raw<'a>,
    decode: Option<Transcoder>,
}

struct Transcoder {
    decoder: Decoder,
    chunk: Chunk,
    ended: bool,
}

impl Transcoder {
    fn fill(&mut self, raw: &mut Raw<'_>) -> Result<&[u8], Reason> {
        while self.chunk.start == self.chunk.end && !self.ended {
            let input = raw.fill()?;
            let last = input.is_empty();
            // The decoder never needs more room than this to make progress.
            let (result, read, written, _) = self.decoder.decode_to_utf8(input, &mut self.chunk.bytes, last);
            raw.chunk.start += read;
            self.chunk.start = 0;
            self.chunk.end = written;
            self.ended = last && result == encoding_rs::CoderResult::InputEmpty;
        }
        Ok(self.chunk.filled())
    }
}

impl BufRead for TextReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let filled = match &mut self.decode {
            None => self.raw.fill(),
            Some(decode) => decode.fill(&mut self.raw),
        };
        Ok(filled.map_err(ReadStopped)?)
    }

    fn consume(&mut self, amount: usize) {
        let chunk = self
            .decode
            .as_mut()
            .map_or(&mut self.raw.chunk, |decode| &mut decode.chunk);
        chunk.start = (chunk.start + amount).min(chunk.end);
    }
}

impl Read for TextReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let filled = self.fill_buf()?;
        let made = filled.len().min(out.len());
        out[..made].copy_from_slice(&filled[..made]);
        self.consume(made);
        Ok(made)
    }
}

impl Drop for TextReader<'_> {
    fn drop(&mut self) {
        self.raw.drain();
    }
}
