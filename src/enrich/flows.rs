//! Flows: the way a message came. The first rule that applies decides; docs/senders.md has the table.
//!
//! A signature's *home* is the MAIL FROM domain that carries it. A valid aligned signature under other passing MAIL FROM
//! domains, each with a small share of its messages, was forwarded. Only what passed is evidence, and what reporters give
//! as a reason is their word.

use hashbrown::HashMap;

use super::{Service, Services};
use crate::base::{organizational_domain, words};
use crate::tally::{Identities, OwnSignature, Path, PathList, Reported, SpfOutcome, Way, WaySums};

/// Messages of a signature from which on shares mean something.
const MESSAGES_MIN: u64 = 20;
/// A bucket with this share of a signature's messages, in per cent, is its home; 50 for the failing own MAIL FROM.
const HOME_PERCENT: u64 = 20;
const HOME_OWN_FAILED_PERCENT: u64 = 50;
/// Below this share, in per cent, a message was forwarded; 20 for the failing own MAIL FROM.
const AWAY_PERCENT: u64 = 5;
const AWAY_OWN_FAILED_PERCENT: u64 = 20;
/// Signatures of a domain, and buckets of a signature, that are told apart. Others are of no home.
const SIGNATURES_MAX: usize = 4_096;
const BUCKETS_MAX: usize = 4_096;

words! {
    /// The way a message came, as it is counted.
    Flow: u8 {
        Direct = 0 "direct", Service = 1 "service", List = 2 "list", Forwarded = 3 "forwarded",
        OwnMissingInSpf = 4 "own_missing_in_spf",
        /// Possibly forwarded.
        Open = 5 "open",
        /// A service that nothing is aligned for: to be authorised, or asked about.
        Unaligned = 6 "unaligned",
        Unknown = 7 "unknown",
        /// Of a sender that is not theirs, as the owner says, and nothing is aligned.
        NotOurs = 8 "not_ours",
    }
}

words! {
    /// Whose the messages are.
    Class: u8 { Own = 0 "own", Service = 1 "service", Forwarder = 2 "forwarder", Unknown = 3 "unknown", NotOurs = 4 "not_ours" }
}

words! {
    /// The rule that decided a flow, in the order of the rules.
    FlowRule: u8 {
        Direct = 1 "direct", List = 2 "list", ReportedForwarded = 3 "forwarded_as_reported",
        ForwardedCopy = 4 "forwarded_copy_of_service", ServiceAligned = 5 "service_aligned",
        Rewritten = 6 "forwarded_rewritten", HomeForeign = 7 "home_foreign", HomeOwnFailing = 8 "home_own_failing",
        AwayFromHome = 9 "away_from_home", PossiblyForwarded = 10 "possibly_forwarded",
        ServiceUnaligned = 11 "service_unaligned", SaidForwarded = 12 "said_to_be_forwarded", Unknown = 13 "unknown",
    }
}

impl FlowRule {
    /// What its messages are counted as.
    pub fn flow(self) -> Flow {
        match self {
            Self::Direct => Flow::Direct,
            Self::List => Flow::List,
            Self::ReportedForwarded | Self::ForwardedCopy | Self::Rewritten | Self::AwayFromHome => Flow::Forwarded,
            Self::ServiceAligned | Self::HomeForeign => Flow::Service,
            Self::HomeOwnFailing => Flow::OwnMissingInSpf,
            Self::PossiblyForwarded => Flow::Open,
            Self::ServiceUnaligned => Flow::Unaligned,
            Self::SaidForwarded | Self::Unknown => Flow::Unknown,
        }
    }
}

impl Flow {
    /// Whose the messages of a flow are, if no service is known to have sent them.
    pub fn class(self) -> Class {
        match self {
            Self::Direct | Self::OwnMissingInSpf => Class::Own,
            Self::Service | Self::Unaligned => Class::Service,
            Self::List | Self::Forwarded => Class::Forwarder,
            Self::Open | Self::Unknown => Class::Unknown,
            Self::NotOurs => Class::NotOurs,
        }
    }

    /// As [`Self::class`], of messages that a known service sent.
    pub fn class_of_service(self) -> Class {
        match self {
            Self::Direct => Class::Service,
            other => other.class(),
        }
    }
}

/// Messages by flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowCounts([u64; Flow::ALL.len()]);

impl FlowCounts {
    pub fn add(&mut self, flow: Flow, messages: u64) {
        let count = &mut self.0[usize::from(flow.code())];
        *count = count.saturating_add(messages);
    }

    pub fn messages_in(&self, flow: Flow) -> u64 {
        self.0[usize::from(flow.code())]
    }

    pub fn merge(&mut self, other: &Self) {
        for (flow, count) in other.iter() {
            self.add(flow, count);
        }
    }

    /// Every flow with its messages.
    pub fn iter(&self) -> impl Iterator<Item = (Flow, u64)> {
        Flow::ALL.iter().map(|flow| (*flow, self.messages_in(*flow)))
    }

    /// The flow with most messages; of several the first. `None` without messages.
    pub fn main(&self) -> Option<Flow> {
        let most = *self.0.iter().max()?;
        (most > 0).then(|| self.iter().find(|(_, count)| *count == most).map(|(flow, _)| flow))?
    }

    /// All messages.
    pub fn messages(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Where the messages of a signature come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Bucket {
    Own,
    /// The registered domain of a foreign MAIL FROM that passed.
    Foreign(Box<str>),
    OwnFailed,
    ForeignFailed,
}

impl Bucket {
    fn for_identities(identities: &Identities<'_>) -> Self {
        match identities.spf {
            SpfOutcome::Own => Self::Own,
            SpfOutcome::Foreign(name) => Self::Foreign(organizational_domain(name).into()),
            SpfOutcome::OwnFailed => Self::OwnFailed,
            SpfOutcome::ForeignFailed => Self::ForeignFailed,
        }
    }
}

#[derive(Debug, Default)]
struct Signature {
    messages: u64,
    buckets: HashMap<Bucket, u64>,
}

/// Where a domain's signatures are at home: from the paths of its messages of some 30 days.
#[derive(Debug, Default)]
pub struct Homes {
    signatures: HashMap<(Box<str>, Box<str>), Signature>,
}

/// How much of a signature a bucket has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    Home,
    Away,
    /// Between the two, or too few messages to say.
    Between,
}

impl Homes {
    /// Adds messages of a path.
    pub fn add(&mut self, (path, way): &(Path<'_>, Way), messages: u64) {
        if !way.dkim_aligned() {
            return;
        }
        let key = signature(&path.identities);
        let known = self.signatures.len() < SIGNATURES_MAX;
        let key = (Box::from(key.0), Box::from(key.1));
        if !known && !self.signatures.contains_key(&key) {
            return;
        }
        let signature = self.signatures.entry(key).or_default();
        signature.messages = signature.messages.saturating_add(messages);
        let bucket = if way.spf_aligned() {
            Bucket::Own
        } else {
            Bucket::for_identities(&path.identities)
        };
        if signature.buckets.len() < BUCKETS_MAX || signature.buckets.contains_key(&bucket) {
            let sum = signature.buckets.entry(bucket).or_default();
            *sum = sum.saturating_add(messages);
        }
    }

    /// Adds the messages of ways on these paths.
    pub fn add_all(&mut self, paths: &PathList, messages: &WaySums) {
        for (way, messages) in messages.iter() {
            if let Some(path) = Path::read(paths.get(way.path())) {
                self.add(&(path, way), messages);
            }
        }
    }

    fn share(&self, path: &Path<'_>) -> Share {
        let key = signature(&path.identities);
        let bucket = Bucket::for_identities(&path.identities);
        let (home, away) = match bucket {
            Bucket::Own => return Share::Home,
            Bucket::Foreign(_) => (HOME_PERCENT, AWAY_PERCENT),
            Bucket::OwnFailed => (HOME_OWN_FAILED_PERCENT, AWAY_OWN_FAILED_PERCENT),
            Bucket::ForeignFailed => return Share::Between,
        };
        let Some(signature) = self.signatures.get(&(Box::from(key.0), Box::from(key.1))) else {
            return Share::Between;
        };
        if signature.messages < MESSAGES_MIN {
            return Share::Between;
        }
        let Some(of_bucket) = signature.buckets.get(&bucket) else {
            return Share::Between;
        };
        let (part, all) = (u128::from(*of_bucket) * 100, u128::from(signature.messages));
        match () {
            () if part >= all * u128::from(home) => Share::Home,
            () if part < all * u128::from(away) => Share::Away,
            () => Share::Between,
        }
    }
}

/// The aligned signature that passed; empty where the reporter says that one passed, and not which.
fn signature<'p>(identities: &Identities<'p>) -> (&'p str, &'p str) {
    match identities.own {
        OwnSignature::Passed { domain, selector } => (domain, selector),
        OwnSignature::Broken | OwnSignature::Missing => ("", ""),
    }
}

/// The services that a path's foreign identities prove.
fn proven<'s>(identities: &Identities<'_>, services: &'s Services) -> impl Iterator<Item = &'s Service> {
    let signers = identities.foreign.into_iter().flatten();
    let by_dkim = signers.filter_map(|name| services.by_dkim(name));
    let by_mail_from = identities.mail_from().and_then(|name| services.by_mail_from(name));
    by_dkim.chain(by_mail_from).map(|service| &**service)
}

impl FlowRule {
    /// The rule that decides the flow of a path's messages. `operator` is the service that operates the address.
    pub fn new((path, way): &(Path<'_>, Way), operator: Option<&Service>, homes: &Homes, services: &Services) -> Self {
        let ids = &path.identities;
        if way.spf_aligned() || (way.dkim_aligned() && ids.spf == SpfOutcome::Own) {
            return Self::Direct;
        }
        let is_list = |service: &Service| service.category == super::Category::MailingList;
        if ids.reported == Reported::MailingList || proven(ids, services).any(is_list) {
            return Self::List;
        }
        if matches!(ids.reported, Reported::TrustedForwarder | Reported::ArcPass) {
            return Self::ReportedForwarded;
        }
        if way.dkim_aligned() {
            return Self::of_aligned(path, operator, homes, services);
        }
        if proven(ids, services).next().is_some() {
            return Self::ServiceUnaligned;
        }
        if ids.reported == Reported::Forwarded && !ids.has_foreign_pass() && ids.own == OwnSignature::Broken {
            return Self::SaidForwarded;
        }
        Self::Unknown
    }

    fn of_aligned(path: &Path<'_>, operator: Option<&Service>, homes: &Homes, services: &Services) -> Self {
        let ids = &path.identities;
        let sender = proven(ids, services).find(|service| !service.category.passes_mail_on());
        if let Some(sender) = sender {
            let passes_on = operator.filter(|operator| operator.category.passes_mail_on());
            let is_other = passes_on.is_some_and(|operator| !operator.is_of_family(sender));
            return if is_other {
                Self::ForwardedCopy
            } else {
                Self::ServiceAligned
            };
        }
        let share = homes.share(path);
        let mail_from = ids.mail_from().and_then(|name| services.by_mail_from(name));
        match share {
            Share::Home if ids.spf == SpfOutcome::OwnFailed => Self::HomeOwnFailing,
            Share::Home => Self::HomeForeign,
            _ if mail_from.is_some_and(|service| service.category.passes_mail_on()) => Self::Rewritten,
            Share::Away => Self::AwayFromHome,
            Share::Between => Self::PossiblyForwarded,
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod traffic_tests;
