//! The bounds of parsing one report.

/// Each bound is named with its unit; a breach is a [`super::ParseErrorKind`], or a warning where noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One XML event: a text, or a tag with its attributes.
    pub event_bytes_max: usize,
    pub depth_max: usize,
    pub attributes_max: usize,
    pub records_max: usize,
    /// Records that differ in more than address and count: what they say is held in memory while a report is read.
    pub evidence_max: usize,
    /// `dkim` elements a record, and likewise `spf`; the rest is dropped with a warning.
    pub results_max: usize,
    /// A domain name; longer ones are cut with a warning.
    pub domain_bytes_max: usize,
    /// `org_name`, `report_id`, `email`, selector; longer ones are cut with a warning.
    pub name_bytes_max: usize,
    /// Comments, errors, contact texts; longer ones are cut with a warning.
    pub text_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes_max: 64 * 1024,
            depth_max: 32,
            attributes_max: 64,
            records_max: 2_000_000,
            evidence_max: 250_000,
            results_max: 100,
            domain_bytes_max: 253,
            name_bytes_max: 512,
            text_bytes_max: 1024,
        }
    }
}
