//! `Idempotency-Key`: the same request again gives the first answer again.

/// A client's key is taken up to this length, bytes.
pub(super) const KEY_BYTES_MAX: usize = 255;
