//! Judges records one by one, and sums up what is asked for their messages before and after a change.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::case::{Aligned, override_reason};
use super::groups::{Groups, Overrides};
use super::naming::Naming;
use super::policy::{Asked, Place, modes, tells_missing_apart};
use super::simulation::Simulation;
use super::sums::{Counts, Sampling, Shift};
use crate::domains::{SpfTrial, Tried};
use crate::enrich::Flow;
use crate::report::aggregate::{Disposition, Evidence, Policy, PolicyPublished, ReasonKind};
use crate::store::{RangeReader, RangeRecord, ReportSummary};

/// Addresses of which it is remembered what the SPF record says.
const TRIED_MAX: usize = 200_000;

/// The policies that are compared.
pub(super) struct Compared<'s> {
    /// The domain that publishes them.
    pub domain: &'s str,
    pub now: &'s PolicyPublished,
    pub after: &'s PolicyPublished,
    /// Of subdomains: whether DNS has them.
    pub existing: std::collections::HashMap<Box<str>, bool>,
}

/// What has to be known of a record's evidence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    aligned: Aligned,
    /// The author domain, seen from the domain whose policy is changed.
    place: Place,
    /// The same, seen from the policy domain of the report.
    place_in_report: Place,
    subdomain: u32,
    path: u32,
    reason: Option<ReasonKind>,
}

/// The report whose records come.
#[derive(Default)]
struct Current {
    policy: PolicyPublished,
    /// Whether the domain's own record applied, and not that of a subdomain.
    is_of_domain: bool,
    reporter: u32,
}

/// All sums.
#[derive(Default)]
pub(super) struct Sums {
    pub total: Shift,
    pub services: Groups,
    pub flows: [Shift; Flow::ALL.len()],
    pub subdomains: Groups,
    pub reporters: Groups,
    /// Overridden messages; `None`: no reason was given.
    pub reasons: HashMap<Option<ReasonKind>, u64>,
    /// Records and messages.
    pub contradicting: (u64, u64),
    /// Reports and messages.
    pub without_records: (u64, u64),
    pub under_other_records: u64,
    pub existence_unknown: u64,
}

/// What is left over of messages that are divided by `pct`.
#[derive(Default)]
struct Samplings {
    now: Sampling,
    after: Sampling,
    /// Under records of subdomains.
    other: Sampling,
}

/// A service that is put right.
struct Fixed {
    /// Its name as it was given first.
    name: String,
    lower: String,
    has_messages: bool,
}

impl Fixed {
    /// One for each service, whatever its name was given as.
    fn each(names: &[String]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::with_capacity(names.len());
        for name in names {
            let lower = name.to_lowercase();
            if all.iter().all(|known| known.lower != lower) {
                all.push(Self {
                    name: name.clone(),
                    lower,
                    has_messages: false,
                });
            }
        }
        all
    }
}

pub(super) struct Simulator<'s> {
    compared: Compared<'s>,
    is_missing_told_apart: bool,
    spf: Option<&'s SpfTrial>,
    /// What the SPF record says of addresses.
    known: HashMap<IpAddr, Tried>,
    /// Services that are put right.
    fixed: Vec<Fixed>,
    /// Whether it is put right, by number of the service, as far as it is known.
    is_fixed: Vec<Option<bool>>,
    naming: Naming<'s>,
    report: Current,
    samplings: Samplings,
    sums: Sums,
}

impl<'s> Simulator<'s> {
    pub fn new(compared: Compared<'s>, naming: Naming<'s>, simulation: &'s Simulation) -> Self {
        Self {
            is_missing_told_apart: tells_missing_apart(compared.now) || tells_missing_apart(compared.after),
            compared,
            spf: simulation.spf.as_ref(),
            known: HashMap::new(),
            fixed: Fixed::each(&simulation.fixed),
            is_fixed: Vec::new(),
            naming,
            report: Current::default(),
            samplings: Samplings::default(),
            sums: Sums::default(),
        }
    }

    /// Services that were to be put right, and sent nothing, as they were named.
    pub fn fixed_without_messages(&self) -> Vec<String> {
        let missing = self.fixed.iter().filter(|fixed| !fixed.has_messages);
        missing.map(|fixed| fixed.name.clone()).collect()
    }

    pub fn finish(mut self) -> Sums {
        for (number, group) in self.sums.services.iter_mut() {
            group.name = self.naming.service(number).cloned();
        }
        self.sums
    }

    fn is_fixed(&mut self, service: u32) -> bool {
        let nth = service as usize;
        if self.is_fixed.len() <= nth {
            self.is_fixed.resize(nth + 1, None);
        }
        if let Some(known) = self.is_fixed[nth] {
            return known;
        }
        let name = self.naming.service(service).map(|name| name.to_lowercase());
        let found = self.fixed.iter_mut().find(|fixed| Some(&fixed.lower) == name.as_ref());
        let is_fixed = found.map(|found| found.has_messages = true).is_some();
        self.is_fixed[nth] = Some(is_fixed);
        is_fixed
    }

    /// Compares what the reporter says and did with the record's own evidence.
    fn look_at_reporter(&mut self, record: &RangeRecord, case: &Case) {
        let Current { policy, reporter, .. } = &self.report;
        let own = case.aligned.under(policy);
        let verdict = record.verdict;
        if own != (verdict.dkim_aligned, verdict.spf_aligned) {
            let (records, messages) = &mut self.sums.contradicting;
            *records = records.saturating_add(record.records);
            *messages = messages.saturating_add(record.messages);
        }
        if own.0 || own.1 {
            return;
        }
        let least = Asked::new(policy, case.place_in_report).least();
        let is_overridden = match handled(verdict.disposition) {
            Some(handled) if least > Policy::None => handled < least,
            _ => case.reason.is_some(),
        };
        let overridden = if is_overridden { record.messages } else { 0 };
        self.sums.reporters.at(*reporter).overrides.add(Overrides {
            failing: record.messages,
            overridden,
        });
        if is_overridden {
            let sum = self.sums.reasons.entry(case.reason).or_default();
            *sum = sum.saturating_add(overridden);
        }
    }

    /// Whether a record's messages pass after the change.
    fn tried(&mut self, record: &RangeRecord, case: &Case) -> Tried {
        let after = match self.report.is_of_domain {
            true => self.compared.after,
            false => &self.report.policy,
        };
        let (adkim, aspf) = modes(after);
        if case.aligned.dkim(adkim) {
            return Tried::Pass;
        }
        match self.spf {
            None if case.aligned.spf(aspf) => Tried::Pass,
            None => Tried::Fail,
            Some(trial) => {
                let known = &mut self.known;
                case.aligned
                    .spf_with_record(aspf, || tried_once(known, trial, record.source))
            }
        }
    }

    /// What is asked for a record's messages, now and after the change; `tried` says whether they pass then.
    fn shift(&mut self, messages: u64, case: &Case, tried: Tried) -> Shift {
        let samplings = &mut self.samplings;
        if !self.report.is_of_domain {
            // One record on both sides asks for the same on both.
            let policy = &self.report.policy;
            let asked = Asked::new(policy, case.place_in_report);
            let passes_now = passes(case, policy);
            let failed = match passes_now && tried != Tried::Fail {
                true => Counts::default(),
                false => samplings.other.failed(messages, asked),
            };
            return Shift {
                now: match passes_now {
                    true => Counts::passed(messages),
                    false => failed,
                },
                after: match tried {
                    Tried::Pass => Counts::passed(messages),
                    Tried::Unknown => unknown(messages, asked),
                    Tried::Fail => failed,
                },
            };
        }
        let Compared { now, after, .. } = self.compared;
        let passes_now = passes(case, now);
        if case.place == Place::Unknown && self.is_missing_told_apart && !(passes_now && tried == Tried::Pass) {
            self.sums.existence_unknown = self.sums.existence_unknown.saturating_add(messages);
        }
        let asked = Asked::new(after, case.place);
        Shift {
            now: match passes_now {
                true => Counts::passed(messages),
                false => samplings.now.failed(messages, Asked::new(now, case.place)),
            },
            after: match tried {
                Tried::Pass => Counts::passed(messages),
                Tried::Unknown => unknown(messages, asked),
                Tried::Fail => samplings.after.failed(messages, asked),
            },
        }
    }
}

fn passes(case: &Case, policy: &PolicyPublished) -> bool {
    let (dkim, spf) = case.aligned.under(policy);
    dkim || spf
}

/// Where nothing is asked for failing messages, it does not matter whether they pass.
fn unknown(messages: u64, asked: Asked) -> Counts {
    match asked.most() {
        Policy::None => Counts {
            none: messages,
            ..Counts::default()
        },
        _ => Counts::unknown(messages),
    }
}

fn tried_once(known: &mut HashMap<IpAddr, Tried>, trial: &SpfTrial, address: Option<IpAddr>) -> Tried {
    let Some(address) = address else {
        return Tried::Unknown;
    };
    if known.len() >= TRIED_MAX {
        known.clear();
    }
    *known.entry(address).or_insert_with(|| trial.tried(address))
}

/// What was done, as a policy; `None` for a word outside every standard.
pub(super) fn handled(disposition: Disposition) -> Option<Policy> {
    match disposition {
        Disposition::None | Disposition::Pass => Some(Policy::None),
        Disposition::Quarantine => Some(Policy::Quarantine),
        Disposition::Reject => Some(Policy::Reject),
        Disposition::Unknown => None,
    }
}

impl RangeReader for Simulator<'_> {
    type Made = Case;

    fn make(&mut self, evidence: &Evidence, policy_domain: &str) -> Case {
        let author = evidence.author(policy_domain);
        let exists = self.compared.existing.get(author).copied();
        let domain = self.compared.domain;
        let subdomain = self.sums.subdomains.number(author);
        if subdomain > 0 {
            self.sums.subdomains.at(subdomain).exists = exists;
        }
        Case {
            aligned: Aligned::new(evidence, author, domain),
            place: Place::new(author, domain, exists),
            place_in_report: Place::new(author, policy_domain, exists),
            subdomain,
            path: self.naming.path(evidence, policy_domain),
            reason: override_reason(evidence),
        }
    }

    fn report(&mut self, report: &ReportSummary) {
        self.report = Current {
            is_of_domain: *report.policy.domain == *self.compared.domain,
            reporter: self
                .sums
                .reporters
                .number(report.org_name.as_deref().unwrap_or_default()),
            policy: report.policy.clone(),
        };
    }

    fn record(&mut self, record: RangeRecord, case: Case) {
        self.look_at_reporter(&record, &case);
        let (service, flow) = self.naming.meaning(record.source, case.path, record.verdict);
        let is_fixed = !self.fixed.is_empty() && record.messages > 0 && self.is_fixed(service);
        let tried = match is_fixed {
            true => Tried::Pass,
            false => self.tried(&record, &case),
        };
        let shift = self.shift(record.messages, &case, tried);
        let sums = &mut self.sums;
        sums.total.add(&shift);
        sums.flows[usize::from(flow.code())].add(&shift);
        sums.reporters.at(self.report.reporter).shift.add(&shift);
        sums.subdomains.at(case.subdomain).shift.add(&shift);
        let of_service = sums.services.at(service);
        of_service.shift.add(&shift);
        of_service.flows.add(flow, record.messages);
        if !self.report.is_of_domain {
            sums.under_other_records = sums.under_other_records.saturating_add(record.messages);
        }
    }

    fn without_records(&mut self, _: &ReportSummary, messages: u64) {
        let (reports, sum) = &mut self.sums.without_records;
        *reports += 1;
        *sum = sum.saturating_add(messages);
    }
}
