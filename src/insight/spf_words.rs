//! What is said of an SPF record and its terms.

use super::spf_figures::{SpfUsage, TermFigures, TermSum, TermUse, UNUSED_DAYS};
use crate::base::numbers::{counted, grouped};
use crate::domains::{PublishedSpf, SPF_LOOKUPS_MAX, SpfTerm, SpfTermKind};

/// The figures of a term with its sentence.
pub(super) fn judge(usage: &SpfUsage, (term, depth): (SpfTerm, u32), sum: TermSum) -> TermFigures {
    let days = usage.known_days;
    let standing = match (term.kind, sum.would_lose, sum.messages) {
        (SpfTermKind::End, ..) => TermUse::End,
        (_, 1.., _) => TermUse::Needed,
        (_, _, 1..) => TermUse::Used,
        (SpfTermKind::Open, ..) => TermUse::NotKnown,
        _ if days >= UNUSED_DAYS && usage.without_records.0 == 0 => TermUse::Unused,
        _ => TermUse::NotSeen,
    };
    let messages = counted(sum.messages, "message", "messages");
    let says = match standing {
        TermUse::Needed => {
            let verb = if sum.would_lose == 1 { "loses its" } else { "lose their" };
            let lost = counted(sum.would_lose, "message", "messages");
            format!(
                "{lost} of {} {verb} only aligned pass without it.",
                grouped(sum.messages)
            )
        }
        TermUse::Used => format!("{messages} matched it, and none loses its only aligned pass without it."),
        TermUse::Unused => format!("It was not used for {}.", counted(days, "day", "days")),
        TermUse::NotSeen if days == 0 => "There is no report about these days.".to_owned(),
        TermUse::NotSeen => format!(
            "No message matched it on the {} that reports are known of; look at {UNUSED_DAYS} before you remove it.",
            counted(days, "day", "days")
        ),
        TermUse::NotKnown => {
            "Which messages match it is not known: it depends on more than the address, or DNS did not answer."
                .to_owned()
        }
        TermUse::End => format!("{messages} matched nothing before it."),
    };
    TermFigures {
        term,
        depth,
        standing,
        says,
        messages: sum.messages,
        last_day: sum.last_day,
        would_lose: sum.would_lose,
    }
}

/// One sentence about the record.
pub(super) fn sentence(usage: &SpfUsage, domain: &str) -> String {
    let trial = match &usage.spf {
        PublishedSpf::Record { trial, .. } => trial,
        PublishedSpf::None => return format!("{domain} has no SPF record."),
        PublishedSpf::Several(count) => {
            return format!("{domain} has {count} SPF records, and receivers use none of them: keep one.");
        }
        PublishedSpf::Faulty { sentence, .. } => {
            return format!("Receivers cannot read the SPF record of {domain}: {sentence}.");
        }
        PublishedSpf::NotKnown => return "DNS did not answer, so the SPF record is not known.".to_owned(),
    };
    if let Some(fault) = &trial.fault {
        return format!("Receivers give up on the SPF record before its end: {fault}.");
    }
    let lookups = format!("The record needs {} of {SPF_LOOKUPS_MAX} DNS lookups", trial.lookups);
    if usage.decided == 0 {
        return format!("{lookups}, and no message of these days has {domain} as its MAIL FROM.");
    }
    let unused = usage
        .terms
        .iter()
        .filter(|one| one.depth == 0 && one.standing == TermUse::Unused);
    let (count, saved) = unused.fold((0, 0), |(count, saved), one| (count + 1, saved + one.term.lookups));
    match count {
        0 => format!("{lookups}."),
        1 => format!("{lookups}; 1 term, with {saved} of them, was not used for {UNUSED_DAYS} days or more."),
        _ => format!("{lookups}; {count} terms, with {saved} of them, were not used for {UNUSED_DAYS} days or more."),
    }
}
