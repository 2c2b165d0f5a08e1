//! Which DMARC policy is in force for a domain, by what DNS had when the domain was last looked at.

use super::policy::{Existence, Policy, is_policy, parse};
use super::{FOUND_CHARS_MAX, FOUND_MAX, merge};
use crate::base::{Purpose, organizational_domain, words};
use crate::report::aggregate::PolicyPublished;
use crate::store::{DomainDns, RecordCheck, RecordState, Suggestion};

words! {
    /// Where the policy for a name is from.
    PolicyFrom: u8 {
        /// The `p` of the name's own record.
        Own = 0 "own",
        /// The `sp` of a record above.
        Sp = 1 "sp",
        /// The `p` of a record above, which has no `sp`.
        P = 2 "p",
    }
}

words! {
    /// What receivers find for mail of a domain, in a word.
    RecordKind: u8 {
        /// DNS was not read, or what it has was not kept to its end.
        NotKnown = 0 "not_known",
        /// DNS has no record.
        Nothing = 1 "none",
        /// DNS has several of the domain's own, which receivers discard.
        Several = 2 "several",
        /// Receivers ignore the record.
        Faulty = 3 "faulty",
        /// Receivers follow the record of a domain above.
        Inherited = 4 "inherited",
        /// Receivers follow the domain's own record.
        Own = 5 "own",
    }
}

/// Why it is not known what receivers find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// DNS was not looked at yet.
    NotLooked,
    /// The last look got an error, a circle of aliases, or no answer.
    NoAnswer,
    /// What DNS has was not kept to its end.
    Cut,
}

/// What receivers find for mail of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InForce {
    /// It is not known.
    NotKnown(Unread),
    /// DNS has no record.
    Nothing,
    /// DNS has this many records of the domain; at most 10 are counted. Receivers discard them all (RFC 9989, 4.10), and look
    /// above the domain.
    Several(usize),
    /// DNS has texts that are meant to be records of the domain. Receivers discard them, and look above the domain.
    Misspelt,
    /// Receivers ignore the record, and look no further (RFC 9989, 4.7).
    Faulty {
        /// The domain above that publishes it; `None` if the domain itself does.
        above: Option<String>,
    },
    /// Receivers follow a record.
    Record(Box<RecordInForce>),
}

/// A DMARC record that receivers follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordInForce {
    text: String,
    /// The domain above that publishes it; `None` if the domain itself does.
    above: Option<String>,
    policy: Policy,
}

impl InForce {
    /// By the last look at a domain's records.
    pub fn of_dns(dns: &DomainDns) -> Self {
        let check = dns.checks.iter().find(|check| check.purpose == Purpose::Dmarc);
        check.map_or(Self::NotKnown(Unread::NotLooked), Self::of_check)
    }

    /// By what `dmarc::look` came to: texts at the domain's own name, or one text that it found above the domain.
    fn of_check(check: &RecordCheck) -> Self {
        let found = &check.found;
        match check.state {
            RecordState::Unchecked => return Self::NotKnown(Unread::NotLooked),
            RecordState::Unreadable => return Self::NotKnown(Unread::NoAnswer),
            // Nothing is wrong without a text, apart from the way to it.
            RecordState::Wrong if found.is_empty() => return Self::NotKnown(Unread::NoAnswer),
            RecordState::Found | RecordState::Missing | RecordState::Wrong => {}
        }
        let own: Vec<&String> = found.iter().filter(|text| is_policy(text)).collect();
        let above = match found.as_slice() {
            // A text at the own name may look like one from above. It is wrong, and one from above is not.
            [text] if check.state != RecordState::Wrong => from_above(text),
            _ => None,
        };
        match (own.as_slice(), above) {
            ([_, _, ..], _) => Self::Several(own.len()),
            // What is behind the end of a full list is not known.
            _ if found.len() >= FOUND_MAX => Self::NotKnown(Unread::Cut),
            ([text], _) => Self::of_record(text, None),
            ([], Some((above, text))) => Self::of_record(text, Some(above)),
            ([], None) if found.is_empty() => Self::Nothing,
            ([], None) => Self::Misspelt,
        }
    }

    fn of_record(text: &str, above: Option<&str>) -> Self {
        // The kept text has the name above in front.
        let kept = above.map_or_else(|| text.to_owned(), |above| to_above(above, text));
        if kept.chars().count() >= FOUND_CHARS_MAX {
            return Self::NotKnown(Unread::Cut);
        }
        let policy = match above {
            None => parse(text),
            Some(_) => parse(text).of_domain_below(),
        };
        let above = above.map(str::to_owned);
        match policy.fault {
            Some(_) => Self::Faulty { above },
            None => Self::Record(Box::new(RecordInForce {
                text: text.to_owned(),
                above,
                policy,
            })),
        }
    }

    fn record(&self) -> Option<&RecordInForce> {
        match self {
            Self::Record(record) => Some(record),
            Self::NotKnown(_) | Self::Nothing | Self::Several(_) | Self::Misspelt | Self::Faulty { .. } => None,
        }
    }

    /// What it is, in a word.
    pub fn kind(&self) -> RecordKind {
        match self {
            Self::NotKnown(_) => RecordKind::NotKnown,
            Self::Nothing => RecordKind::Nothing,
            Self::Several(_) => RecordKind::Several,
            Self::Misspelt | Self::Faulty { .. } => RecordKind::Faulty,
            Self::Record(record) if record.above.is_some() => RecordKind::Inherited,
            Self::Record(_) => RecordKind::Own,
        }
    }

    /// The domain above whose record receivers follow.
    pub fn inherited_from(&self) -> Option<&str> {
        self.record()?.above.as_deref()
    }

    /// Whether the domain's own record says that the domain is an organization's, whatever is above it (RFC 9989, 4.10).
    pub fn is_organization(&self) -> bool {
        let own = self.record().filter(|record| record.above.is_none());
        own.is_some_and(|record| record.policy.psd.as_deref() == Some("n"))
    }

    /// What is asked for mail of `domain` and below: nothing where receivers follow no record. `None` if it is not known, as for
    /// a domain below an organization's if receivers discard what it has itself. A record above the domain is read as one that
    /// the domain could publish itself to the same effect.
    pub fn asked(&self, domain: &str) -> Option<PolicyPublished> {
        let nothing = || PolicyPublished {
            domain: domain.into(),
            ..PolicyPublished::default()
        };
        match self {
            Self::NotKnown(_) => None,
            Self::Several(_) | Self::Misspelt if organizational_domain(domain) != domain => None,
            Self::Nothing | Self::Several(_) | Self::Misspelt | Self::Faulty { .. } => Some(nothing()),
            Self::Record(record) => Some(record.policy.asked(domain)),
        }
    }

    /// The domain's own record with these tags changed or gone, to be published in its place. Every other tag stays as it is.
    /// `None` if receivers follow no record of the domain's own.
    pub fn own_record_with(&self, changes: &[(&str, Option<&str>)]) -> Option<Suggestion> {
        let own = self.record().filter(|record| record.above.is_none())?;
        merge::dmarc_with_tags(&own.text, changes)?.offered("", Vec::new())
    }

    /// The policy for mail of the domain: `none`, `quarantine` or `reject`, and where it is from. `None` if receivers follow no
    /// record, or it is not known.
    pub fn for_domain(&self) -> Option<(String, PolicyFrom)> {
        self.record().map(|record| applied(&record.policy))
    }

    /// The same for mail of a name that exists below the organizational domain of the record, and has no record itself.
    pub fn for_names_below(&self) -> Option<(String, PolicyFrom)> {
        let policy = self.record()?.policy.clone();
        Some(applied(&policy.of_domain_below()))
    }
}

fn applied(policy: &Policy) -> (String, PolicyFrom) {
    let from = match (policy.is_own, policy.has_sp()) {
        (true, _) => PolicyFrom::Own,
        (false, true) => PolicyFrom::Sp,
        (false, false) => PolicyFrom::P,
    };
    (policy.in_force(Existence::Exists).to_owned(), from)
}

/// The domain and the record of a text that [`to_above`] wrote.
fn from_above(text: &str) -> Option<(&str, &str)> {
    let (above, text) = text.strip_prefix("_dmarc.")?.split_once(": ")?;
    is_policy(text).then_some((above, text))
}

/// How a record that was found above the domain is kept.
pub(super) fn to_above(above: &str, text: &str) -> String {
    format!("_dmarc.{above}: {text}")
}

#[cfg(test)]
mod tests;
