//! Traffic of which the truth is known message by message, and what a policy asks for it, by the plainest rules.

use std::collections::BTreeMap;

use tallymark::base::Authenticated;
use tallymark::insight::PolicyChange;
use tallymark::report::aggregate::{
    AlignmentMode, AuthResult, Disposition, DkimAuth, Evaluated, Evidence, Metadata, PassFail, Policy, PolicyPublished,
    Reason, ReasonKind, Record, Report, SpfAuth, SpfScope, Window,
};
use tallymark::store::NewReport;

use crate::chance::Chance;
use crate::store::{day, taken};

/// From domains, with what DNS says of their existence.
pub const FROM: [(&str, Option<bool>); 4] = [
    ("example.com", None),
    ("news.example.com", Some(true)),
    ("gone.example.com", Some(false)),
    ("a.b.example.com", None),
];
/// Signers and MAIL FROM domains. The last two are of nobody's organisation.
const NAMES: [&str; 6] = [
    "example.com",
    "news.example.com",
    "mail.example.com",
    "gone.example.com",
    "notexample.com",
    "example.com.evil.example",
];
/// Foreign signers with the names of their services.
pub const SERVICES: [(&str, &str); 2] = [("sendgrid.net", "Twilio SendGrid"), ("mailgun.org", "Mailgun")];
pub const REPORTERS: [&str; 3] = ["strict.example", "lenient.example", "sub.example"];

/// One message, with everything that was found of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    pub reporter: usize,
    pub day: i64,
    pub from: usize,
    pub signers: Vec<(&'static str, bool)>,
    pub service: Option<usize>,
    pub mail_from: Option<(&'static str, bool)>,
    pub source: u8,
    /// The reporter did not apply the policy, and says so.
    pub is_forgiven: bool,
    /// The reporter says the opposite of what it found of DKIM.
    pub is_contradictory: bool,
}

/// Messages and policies by chance.
pub struct Dice(Chance);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Chance(seed))
    }

    pub fn below(&mut self, sides: u64) -> usize {
        usize::try_from(self.0.below(sides)).unwrap()
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    fn maybe<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let nth = self.below(all.len() as u64 + 1);
        all.get(nth).copied()
    }

    pub fn message(&mut self) -> Message {
        let reporter = self.below(REPORTERS.len() as u64);
        let signers = (0..self.below(3))
            .map(|_| (NAMES[self.below(6)], !self.one_in(3)))
            .collect();
        Message {
            reporter,
            day: self.below(4) as i64,
            // The last reporter saw the record of news.example.com.
            from: if reporter == 2 {
                1
            } else {
                self.below(FROM.len() as u64)
            },
            signers,
            service: self.maybe(&[0, 1]),
            mail_from: self.maybe(&NAMES).map(|name| (name, !self.one_in(3))),
            source: self.below(5) as u8,
            is_forgiven: reporter == 1 && self.one_in(2),
            is_contradictory: self.one_in(20),
        }
    }

    /// The record of a domain, with no tag that is equal to its default: reports do not tell such a tag from none.
    pub fn record_of(&mut self, domain: &str) -> PolicyPublished {
        let modes = [AlignmentMode::Relaxed, AlignmentMode::Strict];
        let p = self.maybe(Policy::ALL).or(Some(Policy::None));
        let sp = self.maybe(Policy::ALL).filter(|sp| Some(*sp) != p);
        PolicyPublished {
            domain: domain.into(),
            p,
            sp,
            np: self.maybe(Policy::ALL).filter(|np| Some(*np) != sp.or(p)),
            adkim: self.maybe(&modes),
            aspf: self.maybe(&modes),
            testing: self.maybe(&[false, true]),
            pct: self.maybe(&[100, 100, 0]),
            ..PolicyPublished::default()
        }
    }

    /// Any tags in place of the published ones, and services to put right.
    pub fn candidate(&mut self) -> (PolicyChange, Vec<usize>) {
        let modes = [AlignmentMode::Relaxed, AlignmentMode::Strict];
        let change = PolicyChange {
            p: self.maybe(Policy::ALL),
            sp: self.maybe(Policy::ALL),
            np: self.maybe(Policy::ALL),
            adkim: self.maybe(&modes),
            aspf: self.maybe(&modes),
            testing: self.maybe(&[false, true]),
            pct: self.maybe(&[100, 100, 100, 50, 33, 0]),
        };
        let fixed = (0..SERVICES.len()).filter(|_| self.one_in(4)).collect();
        (change, fixed)
    }
}

/// The record of example.com.
pub fn published() -> PolicyPublished {
    PolicyPublished {
        domain: "example.com".into(),
        p: Some(Policy::Quarantine),
        sp: Some(Policy::None),
        np: Some(Policy::Reject),
        adkim: Some(AlignmentMode::Strict),
        ..PolicyPublished::default()
    }
}

/// The record of news.example.com.
pub fn of_subdomain() -> PolicyPublished {
    PolicyPublished {
        domain: "news.example.com".into(),
        p: Some(Policy::Reject),
        ..PolicyPublished::default()
    }
}

/// The record that applied to a message: that of example.com, or that of the subdomain.
pub fn applied<'p>(message: &Message, own: &'p PolicyPublished, sub: &'p PolicyPublished) -> &'p PolicyPublished {
    if message.reporter == 2 { sub } else { own }
}

fn is_ours(name: &str) -> bool {
    name == "example.com" || name.ends_with(".example.com")
}

fn is_aligned(mode: Option<AlignmentMode>, name: &str, from: &str) -> bool {
    if mode == Some(AlignmentMode::Strict) {
        name == from
    } else {
        is_ours(name) && is_ours(from)
    }
}

/// Aligned DKIM and aligned SPF.
pub fn aligned(message: &Message, policy: &PolicyPublished) -> (bool, bool) {
    let from = FROM[message.from].0;
    let mut dkim = false;
    for (name, passed) in &message.signers {
        dkim |= *passed && is_aligned(policy.adkim, name, from);
    }
    let spf = match message.mail_from {
        Some((name, passed)) => passed && is_aligned(policy.aspf, name, from),
        None => false,
    };
    (dkim, spf)
}

/// What is asked for a message if it fails, apart from `pct`.
pub fn asked(message: &Message, policy: &PolicyPublished) -> Policy {
    let (from, exists) = FROM[message.from];
    let p = policy.p.unwrap_or(Policy::None);
    let sp = policy.sp.unwrap_or(p);
    let np = policy.np.unwrap_or(sp);
    let asked = if *policy.domain == *from {
        p
    } else if exists == Some(false) {
        np
    } else {
        sp
    };
    if policy.testing == Some(true) {
        one_less(asked)
    } else {
        asked
    }
}

pub fn one_less(policy: Policy) -> Policy {
    if policy == Policy::Reject {
        Policy::Quarantine
    } else {
        Policy::None
    }
}

/// The reports about these messages: one for each reporter and day, with equal messages in one record.
pub fn reports(messages: &[Message]) -> Vec<NewReport> {
    let all = documents(messages).into_iter();
    all.map(|report| taken(report, Authenticated::Unknown)).collect()
}

/// The same, as they are before they are handed in.
pub fn documents(messages: &[Message]) -> Vec<Report> {
    documents_under(messages, &published(), &of_subdomain())
}

/// The same under other records: that of the domain, and that of the subdomain.
pub fn documents_under(messages: &[Message], own: &PolicyPublished, sub: &PolicyPublished) -> Vec<Report> {
    let mut grouped: BTreeMap<(usize, i64), BTreeMap<&Message, u64>> = BTreeMap::new();
    for message in messages {
        let report = grouped.entry((message.reporter, message.day)).or_default();
        *report.entry(message).or_default() += 1;
    }
    let reports = grouped.into_iter().map(|((reporter, nth), records)| {
        let (begin, end) = day(nth);
        let policy = if reporter == 2 { sub.clone() } else { own.clone() };
        let evidence: Vec<_> = records.keys().map(|message| evidence(message)).collect();
        let rows = records.iter().zip(0..);
        Report {
            metadata: Metadata {
                org_name: Some(REPORTERS[reporter].into()),
                report_id: format!("{reporter}-{nth}").into(),
                window: Window { begin, end },
                ..Metadata::default()
            },
            records: rows
                .map(|((message, count), nth)| record(message, *count, nth, &policy))
                .collect(),
            policy,
            evidence,
            ..Report::default()
        }
    });
    reports.collect()
}

fn result(passed: bool) -> AuthResult {
    if passed { AuthResult::Pass } else { AuthResult::Fail }
}

fn evidence(message: &Message) -> Evidence {
    let signed = message.signers.iter().copied();
    let service = message.service.map(|nth| (SERVICES[nth].0, true));
    let dkim = signed.chain(service).map(|(name, passed)| DkimAuth {
        domain: Some(name.into()),
        selector: Some("s1".into()),
        result: result(passed),
        ..DkimAuth::default()
    });
    let spf = message.mail_from.map(|(name, passed)| SpfAuth {
        domain: Some(name.into()),
        scope: Some(SpfScope::Mfrom),
        result: result(passed),
        ..SpfAuth::default()
    });
    let reason = message.is_forgiven.then(|| Reason {
        kind: ReasonKind::MailingList,
        ..Reason::default()
    });
    Evidence {
        header_from: Some(FROM[message.from].0.into()),
        dkim: dkim.collect(),
        spf: spf.into_iter().collect(),
        reasons: reason.into_iter().collect(),
        ..Evidence::default()
    }
}

fn record(message: &Message, count: u64, evidence: u32, policy: &PolicyPublished) -> Record {
    let (dkim, spf) = aligned(message, policy);
    let applied = match asked(message, policy) {
        _ if dkim || spf || message.is_forgiven => Disposition::None,
        Policy::None => Disposition::None,
        Policy::Quarantine => Disposition::Quarantine,
        Policy::Reject => Disposition::Reject,
    };
    let word = |passed: bool| Some(if passed { PassFail::Pass } else { PassFail::Fail });
    Record {
        source: Some([192, 0, 2, message.source].into()),
        evaluated: Evaluated {
            disposition: Some(applied),
            dkim: word(dkim != message.is_contradictory),
            spf: word(spf),
        },
        evidence,
        count,
    }
}
