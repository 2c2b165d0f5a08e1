//! One report with its records.

use super::{Evidence, Metadata, PolicyPublished, Records};

/// One aggregate report, as its reporter stated it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Namespace of the root element, if it has one. It does not tell the dialect (RFC 7489 and RFC 9990
    /// vocabulary occur under either), so nothing branches on it.
    pub namespace: Option<Box<str>>,
    /// Text of `version`; 1.0 on paper, seen as 0, 0.1, 1, 1.0 and 2.0.
    pub version: Option<Box<str>>,
    pub metadata: Metadata,
    pub policy: PolicyPublished,
    /// In the order of the document. A tuple may repeat: some reporters write one record a message.
    pub records: Records,
    /// What the records refer to, in order of first appearance, without repetition.
    pub evidence: Vec<Evidence>,
    /// Whether the text broke off, so that only the complete records before the break are here, or its archive is damaged.
    pub partial: bool,
}
