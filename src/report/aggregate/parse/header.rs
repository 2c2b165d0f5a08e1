//! `report_metadata` and `policy_published`.

use super::{Building, Seen};
use crate::base::normalise_domain_cow;
use crate::report::aggregate::text::{self, Read};
use crate::report::aggregate::xml::{Element, Stop, Tokens};
use crate::report::aggregate::{DiscoveryMethod, Policy, WarningKind, instant};

/// Reads `report_metadata`.
pub(super) fn read_metadata(tokens: &mut Tokens<'_>, building: &mut Building<'_>) -> Result<(), Stop> {
    let mut seen = Seen::default();
    let limits = building.limits;
    while let Some(name) = tokens.child(&mut building.warnings)? {
        use Element::{DateRange, Email, Error, ExtraContactInfo, Generator, OrgName, ReportId};
        let known = matches!(
            name,
            OrgName | Email | ExtraContactInfo | ReportId | DateRange | Error | Generator
        );
        // RFC 7489, appendix C: any number of errors; RFC 9990 allows one.
        if !known || (name != Error && building.repeats(&mut seen, name, tokens.offset())) {
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        if name == DateRange {
            read_date_range(tokens, building)?;
            continue;
        }
        let text = tokens.leaf(&mut building.warnings)?;
        match name {
            OrgName => building.report.metadata.org_name = building.boxed(text, limits.name_bytes_max, "org_name"),
            Email => {
                let address = text::without_brackets(text);
                building.report.metadata.email = building.boxed(address, limits.name_bytes_max, "email");
            }
            ExtraContactInfo => {
                building.report.metadata.extra_contact_info =
                    building.boxed(text, limits.text_bytes_max, "extra_contact_info");
            }
            ReportId => {
                let id = text::without_brackets(text);
                building.report.metadata.report_id = building
                    .boxed(id, limits.name_bytes_max, "report_id")
                    .unwrap_or_default();
            }
            Generator => building.report.metadata.generator = building.boxed(text, limits.name_bytes_max, "generator"),
            _ if building.report.metadata.errors.len() >= limits.results_max => {
                building.warn(WarningKind::TooManyResults, "error", Some(tokens.offset()));
            }
            _ => {
                let error = building.boxed(text, limits.text_bytes_max, "error");
                building.report.metadata.errors.extend(error);
            }
        }
    }
    Ok(())
}

/// Bytes of an unreadable date that are shown.
const DATE_BYTES_MAX: usize = 80;

fn read_date_range(tokens: &mut Tokens<'_>, building: &mut Building<'_>) -> Result<(), Stop> {
    let mut seen = Seen::default();
    while let Some(name) = tokens.child(&mut building.warnings)? {
        let known = matches!(name, Element::Begin | Element::End);
        if !known || building.repeats(&mut seen, name, tokens.offset()) {
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        let offset = tokens.offset();
        let text = tokens.leaf(&mut building.warnings)?;
        let instant = match instant::instant(text) {
            Some(Read::Plain(instant)) => Some(instant),
            Some(Read::Odd(instant)) => {
                building.warn(WarningKind::OddDate, text, Some(offset));
                Some(instant)
            }
            None => {
                building.warn(WarningKind::NotANumber, text, Some(offset));
                let (shown, _) = text::cut(text, DATE_BYTES_MAX);
                building.no_date.get_or_insert_with(|| (shown.into(), offset));
                None
            }
        };
        match name {
            Element::Begin => building.begin = instant,
            _ => building.end = instant,
        }
    }
    Ok(())
}

/// Reads `policy_published`.
pub(super) fn read_policy(tokens: &mut Tokens<'_>, building: &mut Building<'_>) -> Result<(), Stop> {
    let mut seen = Seen::default();
    let limits = building.limits;
    while let Some(name) = tokens.child(&mut building.warnings)? {
        use Element::{Adkim, Aspf, DiscoveryMethod as Method, Domain, Fo, Np, P, Pct, Sp, Testing};
        let known = matches!(name, Domain | P | Sp | Np | Adkim | Aspf | Pct | Fo | Testing | Method);
        if !known || building.repeats(&mut seen, name, tokens.offset()) {
            tokens.skip(&mut building.warnings)?;
            continue;
        }
        let text = tokens.leaf(&mut building.warnings)?;
        match name {
            Domain => {
                let domain = normalise_domain_cow(text).unwrap_or_default();
                building.report.policy.domain = building
                    .boxed(&domain, limits.domain_bytes_max, "domain")
                    .unwrap_or_default();
            }
            P => building.report.policy.p = word(building, text, Policy::from_word),
            Sp => building.report.policy.sp = word(building, text, Policy::from_word),
            Np => building.report.policy.np = word(building, text, Policy::from_word),
            Adkim => building.report.policy.adkim = known_or_warn(building, text, text::alignment_mode(text)),
            Aspf => building.report.policy.aspf = known_or_warn(building, text, text::alignment_mode(text)),
            Testing => building.report.policy.testing = known_or_warn(building, text, text::yes_or_no(text)),
            Method => building.report.policy.discovery_method = word(building, text, DiscoveryMethod::from_word),
            Fo => building.report.policy.fo = building.boxed(text, limits.name_bytes_max, "fo"),
            _ => {
                building.report.policy.pct = text::percentage(text);
                if building.report.policy.pct.is_none() && !text.is_empty() {
                    building.warn(WarningKind::NotANumber, text, None);
                }
            }
        }
    }
    if building.report.policy.p.is_none() {
        building.warn(WarningKind::Missing, "p", Some(tokens.offset()));
    }
    Ok(())
}

fn word<T>(building: &mut Building<'_>, text: &str, from_word: impl Fn(&str) -> Option<T>) -> Option<T> {
    known_or_warn(building, text, text::word(text, from_word))
}

/// An empty element counts as absent (Cisco writes `<sp/>`). Any other unknown word gets a warning.
fn known_or_warn<T>(building: &mut Building<'_>, text: &str, known: Option<T>) -> Option<T> {
    if known.is_none() && !text.is_empty() {
        building.warn(WarningKind::UnknownWord, text, None);
    }
    known
}
