//! Which terms of a domain's SPF record its mail needs: every message whose MAIL FROM is the domain is given to the term that
//! lets it pass.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hashbrown::HashMap;

use super::case::{Aligned, mail_from};
use super::policy::modes;
use super::published::{NewestReports, published};
use super::spf_figures::{MailFrom, SpfUsage, TermSum};
use super::spf_words::{judge, sentence};
use crate::base::{Day, DayRange, Millis};
use crate::domains::{PublishedSpf, SpfTrial, Tried};
use crate::report::aggregate::{AuthResult, Evidence, PolicyPublished};
use crate::store::{Domain, RangeReader, RangeRecord, ReportSummary, Store, StoreError};
use crate::tally::Spread;

/// Addresses of which it is remembered which term matches.
const MATCHED_MAX: usize = 200_000;
/// MAIL FROM domains that are told apart, and listed.
const NAMES_MAX: usize = 20_000;
const LISTED_MAX: usize = 50;

/// Gives the messages of a range to the terms of the record that DNS has now.
pub async fn spf_usage(
    store: &Store,
    domain: &Domain,
    (range, now): (DayRange, Millis),
    spf: PublishedSpf,
) -> Result<SpfUsage, StoreError> {
    let policy = published(&mut NewestReports::new(store, domain), now).await?.policy;
    let trial = match &spf {
        PublishedSpf::Record { trial, .. } => Some(&**trial),
        _ => None,
    };
    let mut counting = Counting::new(domain.name.as_str(), range, &policy, trial);
    store.read_range(domain.id, range, &mut counting).await?;
    let sums = counting.sums;
    let mut found = SpfUsage {
        range,
        known_from: sums.known.first().copied(),
        known_days: sums.known.len() as u64,
        says: String::new(),
        messages: sums.messages,
        decided: sums.decided,
        unmatched: sums.unmatched,
        not_known: sums.not_known,
        given_up: sums.given_up,
        differing: sums.differing,
        terms: Vec::new(),
        mail_from: listed(sums.mail_from),
        without_records: sums.without_records,
        spf,
    };
    let terms = found.trial().map_or_else(Vec::new, |trial| {
        let depth = |number| trial.with_parents(number).skip(1).count() as u32;
        let terms = (0_u16..).zip(&trial.terms);
        terms.map(|(number, term)| (term.clone(), depth(number))).collect()
    });
    let figures = terms.into_iter().zip(sums.terms);
    found.terms = figures.map(|(term, sum)| judge(&found, term, sum)).collect();
    found.says = sentence(&found, domain.name.as_str());
    Ok(found)
}

fn listed(mut rows: Vec<MailFrom>) -> (Vec<MailFrom>, usize) {
    rows.retain(|one| one.messages > 0);
    rows.sort_unstable_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.domain.cmp(&b.domain)));
    let total = rows.len();
    rows.truncate(LISTED_MAX);
    (rows, total)
}

#[derive(Default)]
struct Sums {
    /// Days of the range that reports are about.
    known: BTreeSet<Day>,
    messages: u64,
    decided: u64,
    unmatched: u64,
    not_known: u64,
    given_up: u64,
    differing: u64,
    terms: Vec<TermSum>,
    /// By number. The first is for messages without a name.
    mail_from: Vec<MailFrom>,
    without_records: (u64, u64),
}

/// What has to be known of a record's evidence.
#[derive(Debug, Clone, Copy)]
struct Case {
    aligned: Aligned,
    /// Whether the domain's record decides.
    is_own: bool,
    /// What the reporter says; `None` where it gives no result.
    passed: Option<bool>,
    mail_from: u32,
}

/// What the record says of an address.
#[derive(Debug, Clone)]
struct Matched {
    tried: Tried,
    /// The term that decides and those around it; for each whether the address passes without it.
    terms: Vec<(u16, Tried)>,
}

struct Counting<'c> {
    domain: &'c str,
    range: DayRange,
    /// The policy that is published now.
    policy: &'c PolicyPublished,
    trial: Option<&'c SpfTrial>,
    known: HashMap<IpAddr, Matched>,
    /// Of MAIL FROM domains.
    numbers: HashMap<Box<str>, u32>,
    /// Of the report whose records come: its last day in the range, and the policy that holds for its messages now.
    last_day: Day,
    of_report: PolicyPublished,
    sums: Sums,
}

impl<'c> Counting<'c> {
    fn new(domain: &'c str, range: DayRange, policy: &'c PolicyPublished, trial: Option<&'c SpfTrial>) -> Self {
        let terms = trial.map_or(0, |trial| trial.terms.len());
        Self {
            domain,
            range,
            policy,
            trial,
            known: HashMap::new(),
            numbers: HashMap::new(),
            last_day: range.last,
            of_report: PolicyPublished::default(),
            sums: Sums {
                terms: vec![TermSum::default(); terms],
                mail_from: vec![MailFrom::default()],
                ..Sums::default()
            },
        }
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(known) = self.numbers.get(name) {
            return *known;
        }
        let names = &mut self.sums.mail_from;
        if name.is_empty() || names.len() > NAMES_MAX {
            return 0;
        }
        let number = names.len() as u32;
        names.push(MailFrom {
            domain: Some(name.into()),
            ..MailFrom::default()
        });
        self.numbers.insert(name.into(), number);
        number
    }

    /// A record whose MAIL FROM is the domain.
    fn own(&mut self, record: &RangeRecord, case: &Case) {
        let add = |sum: &mut u64| *sum = sum.saturating_add(record.messages);
        add(&mut self.sums.decided);
        let Some(trial) = self.trial else { return };
        let Some(address) = record.source else {
            add(&mut self.sums.not_known);
            return;
        };
        if self.known.len() >= MATCHED_MAX && !self.known.contains_key(&address) {
            self.known.clear();
        }
        let matched = self.known.entry(address).or_insert_with(|| matched(trial, address));
        match (matched.tried, matched.terms.is_empty()) {
            (Tried::Unknown, _) => add(&mut self.sums.not_known),
            (Tried::Fail, true) if trial.fault.is_some() => add(&mut self.sums.given_up),
            (Tried::Fail, true) => add(&mut self.sums.unmatched),
            _ => {}
        }
        let passes = matched.tried == Tried::Pass;
        if matched.tried != Tried::Unknown && case.passed.is_some_and(|passed| passed != passes) {
            add(&mut self.sums.differing);
        }
        let (adkim, aspf) = modes(&self.of_report);
        let spf = |tried| case.aligned.spf_with_record(aspf, || tried);
        // It passed by SPF alone, and would again.
        let is_at_stake = !case.aligned.dkim(adkim) && case.aligned.spf(aspf) && spf(matched.tried) == Tried::Pass;
        for (term, without) in &matched.terms {
            let Some(sum) = self.sums.terms.get_mut(usize::from(*term)) else {
                continue;
            };
            sum.messages = sum.messages.saturating_add(record.messages);
            sum.last_day = sum.last_day.max(Some(self.last_day));
            if is_at_stake && spf(*without) != Tried::Pass {
                sum.would_lose = sum.would_lose.saturating_add(record.messages);
            }
        }
    }
}

fn matched(trial: &SpfTrial, address: IpAddr) -> Matched {
    let (tried, term) = trial.matched(address, None);
    let terms = term.into_iter().flat_map(|term| trial.with_parents(term));
    Matched {
        tried,
        // What may match a term is not counted for it.
        terms: match tried {
            Tried::Unknown => Vec::new(),
            _ => terms.map(|term| (term, trial.matched(address, Some(term)).0)).collect(),
        },
    }
}

impl RangeReader for Counting<'_> {
    type Made = Case;

    fn make(&mut self, evidence: &Evidence, policy_domain: &str) -> Case {
        let (name, result) = mail_from(evidence, self.domain).unwrap_or_default();
        Case {
            aligned: Aligned::new(evidence, evidence.author(policy_domain), self.domain),
            is_own: name.eq_ignore_ascii_case(self.domain),
            passed: (!evidence.spf.is_empty()).then_some(result == AuthResult::Pass),
            mail_from: self.number(&name.to_ascii_lowercase()),
        }
    }

    fn report(&mut self, report: &ReportSummary) {
        let days = Spread::for_window(report.window).days();
        self.last_day = days.last.min(self.range.last);
        let known = DayRange {
            first: days.first.max(self.range.first),
            last: self.last_day,
        };
        self.sums.known.extend(known.iter());
        // A subdomain with a record of its own keeps it.
        self.of_report = match *report.policy.domain == *self.domain {
            true => self.policy.clone(),
            false => report.policy.clone(),
        };
    }

    fn record(&mut self, record: RangeRecord, case: Case) {
        self.sums.messages = self.sums.messages.saturating_add(record.messages);
        let of_name = &mut self.sums.mail_from[case.mail_from as usize];
        of_name.messages = of_name.messages.saturating_add(record.messages);
        if case.passed == Some(true) {
            of_name.pass = of_name.pass.saturating_add(record.messages);
        }
        if case.aligned.spf(modes(&self.of_report).1) {
            of_name.aligned = of_name.aligned.saturating_add(record.messages);
        }
        if case.is_own {
            self.own(&record, &case);
        }
    }

    fn without_records(&mut self, _: &ReportSummary, messages: u64) {
        let (reports, sum) = &mut self.sums.without_records;
        *reports += 1;
        *sum = sum.saturating_add(messages);
    }
}
