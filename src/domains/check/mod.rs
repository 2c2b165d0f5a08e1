//! Looks a domain's records up and says of each: is it as it should be, what is there, what is to change.
//!
//! Whoever owns a domain decides what its zone says, and may mean ill: every look has a limit of questions and of time, and
//! no name or address that a record holds is ever spoken to, only asked about.

mod alias;
mod bimi;
mod dkim;
mod dmarc;
mod mx;
mod spf;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::records::{DnsRecord, ServiceNames, records, rua_address};
use crate::dns::{Dns, Freshness, Unanswered};
use crate::store::{Domain, DomainDns, Purpose, RecordCheck, RecordFinding};

/// Questions for one domain.
const QUESTIONS_MAX: u32 = 100;
/// Of what is kept of what DNS has: so many records, so many characters each.
const FOUND_MAX: usize = 10;
const FOUND_CHARS_MAX: usize = 1_024;

/// What is in DNS in place of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    verified: bool,
    found: Vec<String>,
    problem: Option<String>,
}

impl Seen {
    fn good(found: Vec<String>) -> Self {
        Self {
            verified: true,
            found,
            problem: None,
        }
    }

    fn bad(found: Vec<String>, problem: impl Into<String>) -> Self {
        Self {
            verified: false,
            found,
            problem: Some(problem.into()),
        }
    }
}

/// What a domain is looked up with: name servers, and how many questions are left.
struct Look<'d> {
    dns: &'d Dns,
    left: AtomicU32,
}

impl Look<'_> {
    async fn texts(&self, name: &str, freshness: Freshness) -> Result<Vec<String>, Unanswered> {
        self.take()?;
        self.dns.texts(name, freshness).await
    }

    fn take(&self) -> Result<(), Unanswered> {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken
            .map(drop)
            .map_err(|_| Unanswered::Failure("this domain asks for too many look-ups".to_owned()))
    }
}

/// Looks at every record of the domain, at the same time, for `time_max` at the longest.
pub(super) async fn look(
    dns: &Dns,
    domain: &Domain,
    known: &DomainDns,
    names: &ServiceNames,
    time_max: Duration,
) -> Vec<RecordFinding> {
    let look = Look {
        dns,
        left: AtomicU32::new(QUESTIONS_MAX),
    };
    let wanted = records(domain, known, names);
    let looks = wanted.iter().map(|record| async {
        let seen = timeout(time_max, one(&look, domain, known, names, record)).await;
        finding(record, names, seen.unwrap_or(Err(Unanswered::Silence)))
    });
    let mut findings = join_all(looks).await;
    if known.dkim.is_none() {
        findings.push(without_key(names));
    }
    findings
}

async fn one(
    look: &Look<'_>,
    domain: &Domain,
    known: &DomainDns,
    names: &ServiceNames,
    record: &DnsRecord,
) -> Result<Seen, Unanswered> {
    match record.purpose {
        Purpose::Spf => {
            let own = known.dedicated_ip.as_ref().map(|ip| ip.address);
            spf::look(look, record, &names.spf_host, own).await
        }
        Purpose::Dkim => {
            let key = known.dkim.as_ref().map(|key| &*key.public_key);
            dkim::look(look, record, key.unwrap_or_default()).await
        }
        Purpose::Dmarc => dmarc::look(look, &domain.name, record, &rua_address(domain, names)).await,
        Purpose::DmarcAuthorization => dmarc::look_for_authorization(look, record).await,
        Purpose::ReturnPath | Purpose::Tracking => alias::look(look, record).await,
        Purpose::Mx => mx::look(look, record).await,
        Purpose::Bimi => bimi::look(look, &domain.name, record).await,
    }
}

fn finding(record: &DnsRecord, names: &ServiceNames, seen: Result<Seen, Unanswered>) -> RecordFinding {
    let unreadable = matches!(seen, Err(Unanswered::Silence | Unanswered::Failure(_)));
    let seen = seen.unwrap_or_else(|why| Seen::bad(Vec::new(), unanswered(record, &why)));
    let found = seen.found.into_iter().take(FOUND_MAX);
    RecordFinding {
        check: RecordCheck {
            purpose: record.purpose,
            expected: record.fingerprint(names),
            verified: seen.verified,
            found: found.map(|text| text.chars().take(FOUND_CHARS_MAX).collect()).collect(),
            problem: seen.problem,
        },
        required: record.required,
        unreadable,
    }
}

fn unanswered(record: &DnsRecord, why: &Unanswered) -> String {
    let (kind, name) = (record.kind.word(), &record.name);
    match why {
        Unanswered::Silence => format!(
            "The {kind} record of {name} could not be read, because its name servers did not answer in time; it is looked \
             at again."
        ),
        Unanswered::Failure(what) => format!(
            "The {kind} record of {name} could not be read ({what}); if that lasts, have the zone's name servers looked at."
        ),
        Unanswered::Circle(at) => {
            format!("The CNAME records of {name} lead in a circle at {at}; remove one of them.")
        }
        Unanswered::NoName => format!("{name} is longer than DNS allows; this record cannot be published."),
    }
}

/// The DKIM record that nobody can have published: there is no key yet.
fn without_key(names: &ServiceNames) -> RecordFinding {
    RecordFinding {
        check: RecordCheck {
            purpose: Purpose::Dkim,
            expected: String::new(),
            verified: false,
            found: Vec::new(),
            problem: Some("This domain has no key yet; it is made when its records are asked for.".to_owned()),
        },
        required: names.required.contains(&Purpose::Dkim),
        unreadable: false,
    }
}

/// `tag=value; tag=value` (RFC 6376, 3.2), tags in lower case, in order. What has no `=` is an `Err` with its text.
fn tags(text: &str) -> impl Iterator<Item = Result<(String, &str), &str>> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| match part.split_once('=') {
        Some((tag, value)) => Ok((tag.trim().to_ascii_lowercase(), value.trim())),
        None => Err(part),
    })
}

/// Something that a stranger wrote, short enough for a sentence.
fn quoted(text: &str) -> String {
    let short: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    if short.len() < text.len() {
        format!("\u{201c}{short}\u{2026}\u{201d}")
    } else {
        format!("\u{201c}{short}\u{201d}")
    }
}
