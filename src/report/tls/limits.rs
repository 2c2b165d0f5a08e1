//! The bounds of parsing one TLS report.

/// Each bound is named with its unit; a breach is a [`super::ParseErrorKind`], or a warning where noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The text of a report, which is held in memory while it is read.
    pub json_bytes_max: usize,
    /// Objects and lists inside each other.
    pub depth_max: usize,
    /// Policies of one report.
    pub policies_max: usize,
    /// Failures of all policies of one report.
    pub failures_max: usize,
    /// Lines of one policy, and likewise patterns of MX hosts; the rest is dropped with a warning.
    pub lines_max: usize,
    /// Names, ids and addresses; longer ones are cut with a warning.
    pub name_bytes_max: usize,
    /// Lines of policies, reasons and links; longer ones are cut with a warning.
    pub text_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes_max: 16 * 1024 * 1024,
            depth_max: 16,
            policies_max: 1_000,
            failures_max: 50_000,
            lines_max: 64,
            name_bytes_max: 512,
            text_bytes_max: 1024,
        }
    }
}
