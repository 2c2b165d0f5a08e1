//! Whether a report is in the figures, in words.

use crate::store::{Acceptance, ReportStanding, ReportSummary};

/// What can be asked for.
pub(super) const STANDINGS: [&str; 3] = ["counted", "held", "discounted"];

/// The standing of exactly this word.
pub(super) fn standing(word: &str) -> Option<ReportStanding> {
    match word {
        "counted" => Some(ReportStanding::Counted),
        "held" => Some(ReportStanding::Held),
        "discounted" => Some(ReportStanding::Discounted),
        _ => None,
    }
}

/// Where a report stands.
pub(super) fn status(summary: &ReportSummary) -> &'static str {
    match summary.acceptance {
        _ if summary.counted => "counted",
        acceptance if acceptance.is_held() => "held",
        Acceptance::Discounted => "discounted",
        _ => "conflict",
    }
}

/// Why a report is held; `None` if it is not.
pub(super) fn held_because(summary: &ReportSummary) -> Option<&'static str> {
    let held = Some(summary.acceptance).filter(|acceptance| acceptance.is_held());
    held.map(Acceptance::word)
}
