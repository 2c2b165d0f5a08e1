//! What needs attention in the domains of an account. Pure rules over facts, which `facts` reads.
//!
//! A finding is one line: what is the matter, with how many messages, and what to do about it. Nothing is cut here, so that
//! the number of findings of a kind is always known.

mod facts;

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::numbers::counted;
use crate::base::{Day, DomainStatus, words};
use crate::store::Domain;

pub use facts::{attention, attention_stretches};

/// How far back is looked for what is new or silent.
const ATTENTION_DAYS: i32 = 30;
/// Days for which a source counts as new.
const NEW_DAYS: i32 = 7;
/// Senders with fewer messages in all are not worth a call.
const FAILING_MESSAGES_MIN: u64 = 5;
/// Findings of each kind among the most important ones.
const OF_KIND_MAX: usize = 20;

words! {
    /// What a finding is about, what matters most first.
    Concern: u8 {
        /// Messages fail that the owner can make pass, however long they have.
        ToFix = 0 "to_fix",
        /// New addresses whose messages all fail.
        FailingSources = 1 "failing_sources",
        /// Required DNS records are missing or wrong.
        RecordsMissing = 2 "records_missing",
        /// A regular reporter stopped.
        ReporterSilent = 3 "reporter_silent",
        /// Reports wait for a decision of the owner.
        ReportsHeld = 4 "reports_held",
        /// Mail could not be read.
        Quarantined = 5 "quarantined",
    }
}

/// One thing that needs attention.
#[derive(Debug, Clone)]
pub struct Finding {
    pub concern: Concern,
    /// `None` if it is about the whole account.
    pub domain: Option<Arc<Domain>>,
    /// Senders to fix, addresses, held reports or quarantined messages; 0 for others.
    pub count: u64,
    /// Messages concerned. Of the domain, where DNS records are missing or reports are held.
    pub messages: u64,
    /// The address with the most messages.
    pub address: Option<IpAddr>,
    /// The silent reporter, as it writes its name, or the sender with the most messages to fix.
    pub name: Option<String>,
    /// Last day covered by a report of the silent reporter.
    pub last_report: Option<Day>,
}

/// All findings of an account, in the order of [`Concern::ALL`], those with the most messages first.
#[derive(Debug, Clone, Default)]
pub struct Findings([Vec<Finding>; Concern::ALL.len()]);

/// Senders that need something of the owner: how many, their messages, and the largest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Senders<T> {
    count: u64,
    messages: u64,
    largest: Option<T>,
}

/// A reporter that stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Silent {
    org_name: String,
    messages: u64,
    last_report: Option<Day>,
}

/// What the findings about a domain are judged by.
#[derive(Debug)]
struct Facts {
    domain: Arc<Domain>,
    /// Messages of the range.
    messages: u64,
    /// Reports that wait for the owner.
    held: u64,
    /// Named senders whose messages can be made to pass.
    to_fix: Senders<String>,
    /// New addresses from which nothing passed.
    failing: Senders<IpAddr>,
    silent: Vec<Silent>,
}

impl Findings {
    /// All of a kind.
    pub fn about(&self, concern: Concern) -> &[Finding] {
        &self.0[usize::from(concern.code())]
    }

    /// Some of each kind: what concerns messages, by their number; then held reports, domains that are not verified, the
    /// quarantine.
    pub fn most_important(&self) -> Vec<Finding> {
        let some = self.0.iter().flat_map(|findings| findings.iter().take(OF_KIND_MAX));
        let mut some: Vec<_> = some.cloned().collect();
        some.sort_by_key(|finding| {
            let rank = match finding.concern {
                Concern::ToFix | Concern::FailingSources | Concern::ReporterSilent => 0,
                // How many messages they are about is not known to be true.
                Concern::ReportsHeld => 1,
                Concern::RecordsMissing => 2,
                Concern::Quarantined => 3,
            };
            (rank, Reverse(finding.messages))
        });
        some
    }

    fn add(&mut self, finding: Finding) {
        self.0[usize::from(finding.concern.code())].push(finding);
    }
}

/// Judges facts. `quarantined`: messages in quarantine that the reader may see.
fn judge(domains: Vec<Facts>, quarantined: u64) -> Findings {
    let mut found = Findings::default();
    for facts in domains {
        judge_domain(&facts, &mut found);
    }
    if quarantined > 0 {
        found.add(Finding {
            count: quarantined,
            ..about(None, Concern::Quarantined)
        });
    }
    for findings in &mut found.0 {
        findings.sort_by_cached_key(|finding| {
            let name = finding.domain.as_ref().map(|domain| domain.name.to_string());
            let messages = match finding.concern {
                Concern::ReportsHeld => finding.count,
                _ => finding.messages,
            };
            (Reverse(messages), name)
        });
    }
    found
}

fn judge_domain(facts: &Facts, found: &mut Findings) {
    let about = |concern| about(Some(&facts.domain), concern);
    if facts.domain.status != DomainStatus::Verified {
        found.add(Finding {
            messages: facts.messages,
            ..about(Concern::RecordsMissing)
        });
    }
    if facts.held > 0 {
        found.add(Finding {
            count: facts.held,
            messages: facts.messages,
            ..about(Concern::ReportsHeld)
        });
    }
    if facts.to_fix.messages >= FAILING_MESSAGES_MIN {
        found.add(Finding {
            count: facts.to_fix.count,
            messages: facts.to_fix.messages,
            name: facts.to_fix.largest.clone(),
            ..about(Concern::ToFix)
        });
    }
    if facts.failing.messages >= FAILING_MESSAGES_MIN {
        found.add(Finding {
            count: facts.failing.count,
            messages: facts.failing.messages,
            address: facts.failing.largest,
            ..about(Concern::FailingSources)
        });
    }
    for silent in &facts.silent {
        found.add(Finding {
            messages: silent.messages,
            name: Some(silent.org_name.clone()),
            last_report: silent.last_report,
            ..about(Concern::ReporterSilent)
        });
    }
}

fn about(domain: Option<&Arc<Domain>>, concern: Concern) -> Finding {
    Finding {
        concern,
        domain: domain.cloned(),
        count: 0,
        messages: 0,
        address: None,
        name: None,
        last_report: None,
    }
}

impl Finding {
    /// What is the matter, one sentence. It may have text of a reporter.
    pub fn reason(&self) -> String {
        let messages = counted(self.messages, "message", "messages");
        match self.concern {
            Concern::ToFix => {
                let senders = counted(self.count, "sender of yours fails", "senders of yours fail");
                let most = self.name.as_ref().map(|name| format!(", most of {name}"));
                format!(
                    "{senders}: {messages} in {ATTENTION_DAYS} days{}.",
                    most.unwrap_or_default()
                )
            }
            Concern::FailingSources => {
                let addresses = counted(self.count, "new address fails", "new addresses fail");
                format!("{addresses} with all messages: {messages} in {NEW_DAYS} days.")
            }
            Concern::RecordsMissing => "DNS records that the domain must publish are missing or wrong.".to_owned(),
            Concern::ReporterSilent => {
                let last = self.last_report.map(|day| format!(", the last is about {day}"));
                format!(
                    "{} stopped sending reports{}.",
                    self.name
                        .as_deref()
                        .filter(|name| !name.is_empty())
                        .unwrap_or("A reporter"),
                    last.unwrap_or_default()
                )
            }
            Concern::ReportsHeld => {
                let reports = counted(self.count, "report is held", "reports are held");
                format!("{reports} and in no figure.")
            }
            Concern::Quarantined => {
                let mails = counted(self.count, "message", "messages");
                format!("{mails} in quarantine could not be read as a report.")
            }
        }
    }

    /// What to do about it, one sentence.
    pub const fn action(&self) -> &'static str {
        match self.concern {
            Concern::ToFix => {
                "Switch on DKIM with your own domain at each service, and list your own hosts in your SPF record."
            }
            Concern::FailingSources => "Find out who they are: fix what is yours, and decide that the others are not.",
            Concern::RecordsMissing => "Publish the records under DNS set-up, and verify the domain.",
            Concern::ReporterSilent => "See whether your DMARC record still has the address for reports.",
            Concern::ReportsHeld => "Accept the reports that you trust.",
            Concern::Quarantined => "Look at the reason of each, and read a message again once its cause is mended.",
        }
    }
}

#[cfg(test)]
mod tests;
