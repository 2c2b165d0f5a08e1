//! What was odd about a report that could be read all the same.

/// Why a report, though readable, is not as the standards say.
///
/// The word of each kind is part of the API and stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WarningKind {
    /// Bytes that are not UTF-8 were read as windows-1252.
    InvalidUtf8,
    /// Control characters were dropped.
    ControlCharacter,
    /// Bytes before the root element were skipped.
    LeadingGarbage,
    /// Bytes after the root element were skipped.
    TrailingData,
    /// A document type declaration was ignored.
    DoctypeIgnored,
    /// `<`, `>` or `&` stood unescaped in a text, or an end tag was missing, and was mended.
    MendedMarkup,
    /// An entity that XML does not define was kept as text or mapped from HTML.
    UnknownEntity,
    /// The text broke off; complete records were kept.
    Partial,
    /// An element that may occur once occurred again; the first was kept.
    RepeatedElement,
    /// A required element is missing or empty.
    Missing,
    /// A value that must be a number is not one.
    NotANumber,
    /// A word outside the standards was kept as text.
    UnknownWord,
    /// A text was longer than its limit and was cut.
    Cut,
    /// More `dkim` or `spf` elements than allowed: the rest was dropped.
    TooManyResults,
    /// The window's end is before its begin: swapped.
    WindowSwapped,
    /// The window is longer than can be spread over days: its messages fall on the first day.
    WindowTooLong,
    /// A date was given in another form than unix seconds.
    OddDate,
    /// `source_ip` holds more than an address, or none that can be read.
    OddSourceIp,
    /// `policy_evaluated` is missing or incomplete: the verdict was derived from the authentication results.
    VerdictDerived,
    /// A record without address and messages ("null report") was dropped.
    EmptyRecord,
    /// The report has no records.
    NoRecords,
    /// `report_id` is missing: one was made from the content.
    ReportIdSynthesised,
    /// A value was taken from the file name because the text lacks it.
    Inferred,
    /// A value is of another kind than it should be, such as a text instead of a number: it was read or left out.
    WrongType,
    /// The checksum or length of the archive did not match, but the text was complete.
    ArchiveDamaged,
}

impl WarningKind {
    /// The word used in the API and the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid_utf8",
            Self::ControlCharacter => "control_character",
            Self::LeadingGarbage => "leading_garbage",
            Self::TrailingData => "trailing_data",
            Self::DoctypeIgnored => "doctype_ignored",
            Self::MendedMarkup => "mended_markup",
            Self::UnknownEntity => "unknown_entity",
            Self::Partial => "partial",
            Self::RepeatedElement => "repeated_element",
            Self::Missing => "missing",
            Self::NotANumber => "not_a_number",
            Self::UnknownWord => "unknown_word",
            Self::Cut => "cut",
            Self::TooManyResults => "too_many_results",
            Self::WindowSwapped => "window_swapped",
            Self::WindowTooLong => "window_too_long",
            Self::OddDate => "odd_date",
            Self::OddSourceIp => "odd_source_ip",
            Self::VerdictDerived => "verdict_derived",
            Self::EmptyRecord => "empty_record",
            Self::NoRecords => "no_records",
            Self::ReportIdSynthesised => "report_id_synthesised",
            Self::Inferred => "inferred",
            Self::WrongType => "wrong_type",
            Self::ArchiveDamaged => "archive_damaged",
        }
    }
}

/// One oddity, with where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub kind: WarningKind,
    /// The element or value concerned, at most 200 bytes. Hostile text.
    pub detail: Box<str>,
    /// Byte offset in the UTF-8 text of the report, where one is known.
    pub offset: Option<u64>,
}

/// The warnings of one report: the first [`Warnings::KEPT_MAX`], and how many there were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Warnings {
    kept: Vec<Warning>,
    total: u64,
}

impl Warnings {
    /// How many warnings are kept; the rest is only counted.
    pub const KEPT_MAX: usize = 100;
    const DETAIL_BYTES_MAX: usize = 200;

    /// Adds a warning; beyond [`Self::KEPT_MAX`] it is only counted.
    pub fn add(&mut self, kind: WarningKind, detail: &str, offset: Option<u64>) {
        self.total += 1;
        if self.kept.len() < Self::KEPT_MAX {
            let cut = detail.floor_char_boundary(Self::DETAIL_BYTES_MAX);
            self.kept.push(Warning {
                kind,
                detail: detail[..cut].into(),
                offset,
            });
        }
    }

    /// Moves the places of all by `bytes`.
    pub(crate) fn shift(&mut self, bytes: u64) {
        let offsets = self.kept.iter_mut().filter_map(|warning| warning.offset.as_mut());
        offsets.for_each(|offset| *offset += bytes);
    }

    /// The kept warnings, in the order they arose.
    pub fn kept(&self) -> &[Warning] {
        &self.kept
    }

    /// How many arose, kept or not.
    pub fn total(&self) -> u64 {
        self.total
    }
}
