//! The bytes of a mail as they are stored: as received, or deflated where that saves room.
//!
//! docs/storage.md describes the form byte by byte. The digest of a mail is always that of the bytes as received.

use std::borrow::Cow;
use std::cell::Cell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Shorter mails are stored as received: the whole row takes less than what deflating could save.
const PACKED_BYTES_MIN: usize = 512;
/// The part of a mail, from its middle, that shows whether the rest is text: the head of most mails is, whatever they carry.
const SAMPLE_BYTES: usize = 1_024;
/// In compressed and encoded data (base64 of gzip) two random bytes agree once in 60 times, in XML and HTML once in 20.
const RANDOM_BYTES: u64 = 48;
/// No DEFLATE stream expands to more than this many times its length (RFC 1951: 258 bytes from two bits).
const EXPANSION_MAX: usize = 1_032;

/// The bytes of one mail, in the form in which they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredBytes {
    bytes: Vec<u8>,
    /// Length as received, if `bytes` are deflated.
    unpacked_len: Option<usize>,
}

impl StoredBytes {
    /// The smaller form. Costs about 10 µs for a report of 2 KiB in plain XML, and below 1 µs for a mail whose payload is
    /// compressed already.
    pub fn packed(self) -> Self {
        if self.unpacked_len.is_some() || !is_text(&self.bytes) {
            return self;
        }
        match deflated(&self.bytes) {
            Some(bytes) => Self {
                bytes,
                unpacked_len: Some(self.bytes.len()),
            },
            None => self,
        }
    }

    /// Length as received.
    pub fn len(&self) -> usize {
        self.unpacked_len.unwrap_or(self.bytes.len())
    }

    /// Whether nothing was received.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of the column `bytes`.
    pub fn stored(&self) -> &[u8] {
        &self.bytes
    }

    /// The value of the column `unpacked_len`.
    pub(super) fn unpacked_len(&self) -> Option<i64> {
        self.unpacked_len.map(|len| i64::try_from(len).unwrap_or(i64::MAX))
    }
}

/// As received.
impl From<Vec<u8>> for StoredBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            unpacked_len: None,
        }
    }
}

/// The mail as received, from the columns `unpacked_len` and `bytes`; `None` if they are damaged. Takes no more memory than
/// the mail did when it was received, and at most 1,032 times what is stored.
pub(super) fn unpack(unpacked_len: Option<i64>, bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(len) = unpacked_len else {
        return Some(Cow::Borrowed(bytes));
    };
    let len = usize::try_from(len).ok()?;
    if len > bytes.len().saturating_mul(EXPANSION_MAX) {
        return None;
    }
    let mut received = Vec::with_capacity(len);
    let mut state = Decompress::new(false);
    let status = state
        .decompress_vec(bytes, &mut received, FlushDecompress::Finish)
        .ok()?;
    let is_whole = status == Status::StreamEnd && received.len() == len && state.total_in() == bytes.len() as u64;
    is_whole.then_some(Cow::Owned(received))
}

/// Whether deflating is worth a try.
fn is_text(received: &[u8]) -> bool {
    if received.len() < PACKED_BYTES_MIN {
        return false;
    }
    let sampled = received.len().min(SAMPLE_BYTES);
    let from = (received.len() - sampled) / 2;
    let mut counts = [0_u64; 256];
    for byte in &received[from..from + sampled] {
        counts[usize::from(*byte)] += 1;
    }
    let agreeing: u64 = counts.iter().map(|count| count * count).sum();
    let sampled = sampled as u64;
    agreeing * RANDOM_BYTES > sampled * sampled
}

/// Longest mail for which there is room for a stream that is longer than the mail, so that its state can be used again.
const ROOMY_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// Takes 300 KiB, and a while to make. Not there if its last stream did not end: `reset` of zlib-rs 0.6 leaves the open
    /// block of such a stream open, and the next stream is damaged or panics.
    static COMPRESS: Cell<Option<Compress>> = const { Cell::new(None) };
}

/// Raw DEFLATE, if that saves an eighth.
fn deflated(received: &[u8]) -> Option<Vec<u8>> {
    let saving = received.len() - received.len() / 8;
    let room = if received.len() <= ROOMY_BYTES_MAX {
        // The fixed codes have at most nine bits a byte.
        received.len() + received.len() / 8 + 64
    } else {
        saving
    };
    let mut bytes = Vec::with_capacity(room);
    let mut state = COMPRESS
        .take()
        .unwrap_or_else(|| Compress::new(Compression::fast(), false));
    let status = state.compress_vec(received, &mut bytes, FlushCompress::Finish).ok()?;
    if status != Status::StreamEnd {
        return None;
    }
    state.reset();
    COMPRESS.set(Some(state));
    if bytes.len() > saving {
        return None;
    }
    bytes.shrink_to_fit();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes without a pattern, the same for the same seed.
    fn noise(len: usize, mut seed: u64) -> Vec<u8> {
        let mut next = || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 56) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    fn xml(records: usize) -> Vec<u8> {
        let record = |nth: usize| {
            format!("<record><row><source_ip>192.0.2.{nth}</source_ip><count>{nth}</count></row></record>\r\n")
        };
        (0..records).map(record).collect::<String>().into_bytes()
    }

    fn back(packed: &StoredBytes) -> Vec<u8> {
        unpack(packed.unpacked_len(), packed.stored()).unwrap().into_owned()
    }

    /// In base64, whole groups only.
    fn encoded(bytes: &[u8]) -> Vec<u8> {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let group = |group: &[u8; 3]| {
            let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            [18, 12, 6, 0].map(|shift| LETTERS[(bits >> shift) as usize & 63])
        };
        let (groups, _) = bytes.as_chunks();
        let text = groups.iter().flat_map(group).collect::<Vec<_>>();
        text.chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Whatever came before in the same thread: texts that save too little end the stream early.
        #[test]
        fn a_mail_comes_back_after_any_others(
            lens in proptest::collection::vec((0_usize..4, 1_usize..150_000), 1..12),
            seed in any::<u64>(),
        ) {
            for (nth, (kind, len)) in lens.into_iter().enumerate() {
                let seed = seed.wrapping_add(nth as u64);
                let received = match kind {
                    0 => encoded(&noise(len, seed)),
                    1 => [encoded(&noise(len, seed)), xml(len / 100)].concat(),
                    2 => noise(len, seed).iter().map(|byte| byte % 100 + 150).collect(),
                    _ => xml(len / 90),
                };
                let packed = StoredBytes::from(received.clone()).packed();
                prop_assert!(back(&packed) == received, "{} bytes of kind {kind}", received.len());
            }
        }
    }

    #[test]
    fn text_is_deflated_and_random_bytes_are_not() {
        let mail = |payload: Vec<u8>| [b"Subject: report\r\n\r\n".to_vec(), payload].concat();
        for (name, received, is_packed) in [
            ("plain XML", xml(40), true),
            ("XML in a mail", mail(xml(40)), true),
            ("XML in base64", mail(encoded(&xml(200))), true),
            (
                "a page",
                "<p>Dear customer, your invoice is attached.</p>\n"
                    .repeat(30)
                    .into_bytes(),
                true,
            ),
            ("one byte over and over", vec![b'a'; 10_000], true),
            ("an archive", noise(4_000, 1), false),
            ("an archive in base64", mail(encoded(&noise(4_000, 2))), false),
            ("a short mail", xml(3), false),
            ("nothing", Vec::new(), false),
        ] {
            let packed = StoredBytes::from(received.clone()).packed();
            assert_eq!(packed.unpacked_len.is_some(), is_packed, "{name}");
            assert_eq!(
                (packed.len(), packed.is_empty()),
                (received.len(), received.is_empty()),
                "{name}"
            );
            let most = if is_packed {
                received.len() - received.len() / 8
            } else {
                received.len()
            };
            assert!(packed.stored().len() <= most, "{name}");
            assert_eq!(back(&packed), received, "{name}");
        }
    }

    /// The sample shows text, and yet nothing is saved.
    #[test]
    fn bytes_that_do_not_shrink_are_stored_as_received() {
        let mut received = noise(20_000, 3);
        received[9_000..11_000].fill(b' ');
        assert!(is_text(&received));
        assert_eq!(StoredBytes::from(received.clone()).packed(), received.into());
    }

    #[test]
    fn damaged_bytes_are_not_unpacked() {
        let packed = StoredBytes::from(xml(40)).packed();
        let (len, bytes) = (packed.unpacked_len().unwrap(), packed.stored());
        assert!(unpack(Some(len), bytes).is_some(), "the control");
        assert!(unpack(Some(len - 1), bytes).is_none());
        assert!(unpack(Some(len + 1), bytes).is_none());
        assert!(unpack(Some(-1), bytes).is_none());
        assert!(unpack(Some(len), &bytes[..bytes.len() - 1]).is_none());
        assert!(unpack(Some(len), &[bytes, b"x"].concat()).is_none());
        assert!(unpack(Some(len), &[]).is_none());
        assert_eq!(unpack(Some(0), &[]), None);
    }

    /// A row that claims to be huge costs no memory: the claim is compared with what DEFLATE can do.
    #[test]
    fn a_claimed_length_is_bounded_by_what_is_stored() {
        let packed = StoredBytes::from(vec![b'a'; 4 << 20]).packed();
        assert!(
            packed.stored().len() * EXPANSION_MAX >= 4 << 20,
            "the most that DEFLATE can do"
        );
        assert_eq!(back(&packed).len(), 4 << 20);
        assert_eq!(unpack(Some(i64::MAX), packed.stored()), None);
        assert_eq!(unpack(Some(1 << 40), packed.stored()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(
            received in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..3_000),
                proptest::collection::vec(b'a'..=b'f', 0..3_000),
            ]
        ) {
            prop_assert_eq!(back(&StoredBytes::from(received.clone()).packed()), received);
        }

        #[test]
        fn any_stored_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), len in any::<i64>()) {
            let _ = unpack(Some(len), &bytes);
            let _ = unpack(Some(len % 10_000), &bytes);
        }
    }
}
