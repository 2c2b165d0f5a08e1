//! The bounds of unpacking one message.

/// Each bound is named with its unit and holds for one whole message, whatever is nested in what; a breach is a
/// [`super::Reason`]. The size of the message itself is the caller's bound; memory is bounded by the budget of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Multiparts inside each other, counted through forwarded mails.
    pub mime_depth_max: usize,
    /// Body parts of all multiparts together.
    pub mime_parts_max: usize,
    /// Mails inside mails: `message/rfc822`, or a leaf that looks like a mail.
    pub rfc822_levels_max: usize,
    /// One header block, of the message or of a part.
    pub header_bytes_max: usize,
    /// Fields in one header block.
    pub header_fields_max: usize,
    /// Files in all archives together; folders and resource forks are not counted.
    pub archive_entries_max: usize,
    /// Archives (and base64 layers) inside each other.
    pub archive_nesting_max: usize,
    /// An archive inside an archive: it must be held in memory.
    pub archive_bytes_max: usize,
    /// One report text after inflation. It is streamed, so memory does not depend on it.
    pub xml_bytes_max: u64,
    /// All that is inflated for one message; reading a text a second time is not counted again.
    pub inflated_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mime_depth_max: 8,
            mime_parts_max: 256,
            rfc822_levels_max: 4,
            header_bytes_max: 100 * 1024,
            header_fields_max: 1_000,
            archive_entries_max: 16,
            archive_nesting_max: 3,
            archive_bytes_max: 25 * 1024 * 1024,
            xml_bytes_max: 256 * 1024 * 1024,
            inflated_bytes_max: 512 * 1024 * 1024,
        }
    }
}
