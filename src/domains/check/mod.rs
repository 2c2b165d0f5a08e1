//! Looks up a domain's records, and reports for each whether it is right, what is there and what to change.
//!
//! The owner of a domain decides what its zone says, and may be hostile: every look has a limit of questions and of time, and
//! no name or address that a record holds is ever spoken to, only asked about.

mod alias;
mod bimi;
mod dkim;
mod dmarc;
mod in_force;
mod merge;
mod mx;
mod own_networks;
mod policy;
mod selectors;
mod spf;
mod spf_networks;
mod spf_published;
mod spf_reading;
mod spf_terms;
mod spf_trial;
mod tls;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::OnceCell;
use tokio::time::timeout;

pub use self::in_force::{InForce, PolicyFrom, RecordKind, Unread};

use self::dmarc::Discovered;
use self::merge::Merged;
pub use self::selectors::KeyInDns;
pub(super) use self::selectors::keys as selector_keys;
pub use self::spf::LOOKUPS_MAX as SPF_LOOKUPS_MAX;
pub use self::spf_published::PublishedSpf;
pub(super) use self::spf_published::published_spf;
pub use self::spf_trial::{SpfTerm, SpfTermKind, SpfTrial, Tried};
use super::records::{DnsRecord, RecordType, ServiceNames, rua_address, unset, wanted};
use crate::base::{DomainName, FailureReports, Network, Purpose};
use crate::dns::{Dns, Freshness, Unanswered};
use crate::store::{Domain, DomainDns, RecordCheck, RecordFinding, RecordState, Suggestion};

/// Questions for one domain.
const QUESTIONS_MAX: u32 = 100;
/// Limits on the DNS records that are kept: their number, and the characters of each.
const FOUND_MAX: usize = 10;
const FOUND_CHARS_MAX: usize = 1_024;

/// What is in DNS in place of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    verified: bool,
    state: RecordState,
    found: Vec<String>,
    problem: Option<String>,
    /// The name that it was looked for at, if that is another than the record's.
    at: Option<String>,
    suggestion: Option<Suggestion>,
}

impl Seen {
    fn good(found: Vec<String>) -> Self {
        Self {
            verified: true,
            state: RecordState::Found,
            found,
            ..Self::default()
        }
    }

    fn bad(found: Vec<String>, problem: impl Into<String>) -> Self {
        Self {
            state: match found.is_empty() {
                true => RecordState::Missing,
                false => RecordState::Wrong,
            },
            found,
            problem: Some(problem.into()),
            ..Self::default()
        }
    }

    fn missing(problem: impl Into<String>) -> Self {
        Self::bad(Vec::new(), problem)
    }

    fn with_state(self, state: RecordState) -> Self {
        Self { state, ..self }
    }

    fn at(self, at: Option<String>) -> Self {
        Self { at, ..self }
    }

    /// With a record to publish in place of the one that was found.
    fn offering(self, merged: Option<Merged>, record: &DnsRecord) -> Self {
        self.replacing(merged, record, Vec::new())
    }

    /// With a record to publish in place of several.
    fn replacing(self, merged: Option<Merged>, record: &DnsRecord, remove: Vec<String>) -> Self {
        let suggestion = merged.and_then(|merged| merged.offered(&record.value, remove));
        Self { suggestion, ..self }
    }
}

/// What a domain is looked up with: name servers, how many questions are left, and what several records depend on.
struct Look<'d> {
    dns: &'d Dns,
    left: AtomicU32,
    policy: OnceCell<Result<Discovered, Unanswered>>,
}

impl<'d> Look<'d> {
    fn new(dns: &'d Dns) -> Self {
        Self {
            dns,
            left: AtomicU32::new(QUESTIONS_MAX),
            policy: OnceCell::new(),
        }
    }

    async fn texts(&self, name: &str, freshness: Freshness) -> Result<Vec<String>, Unanswered> {
        self.take()?;
        self.dns.texts(name, freshness).await
    }

    /// The DMARC policy in force; looked for once.
    async fn discovered(&self, domain: &DomainName) -> Result<Discovered, Unanswered> {
        self.policy.get_or_init(|| dmarc::discover(self, domain)).await.clone()
    }

    fn take(&self) -> Result<(), Unanswered> {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken
            .map(drop)
            .map_err(|_| Unanswered::Failure("this domain asks for too many lookups".to_owned()))
    }
}

/// What a look at a domain found.
pub(super) struct Looked {
    pub records: Vec<RecordFinding>,
    /// Networks of its own SPF record; `None` if DNS did not answer.
    pub own_networks: Option<Vec<Network>>,
}

/// Looks at every record of the domain, at the same time, for `time_max` at the longest; and then for its own networks, for
/// as long.
pub(super) async fn look(
    dns: &Dns,
    domain: &Domain,
    known: &DomainDns,
    names: &ServiceNames,
    time_max: Duration,
) -> Looked {
    let look = Look::new(dns);
    let wanted = wanted(domain, known, names);
    let looks = wanted.iter().map(|record| async {
        let seen = timeout(time_max, one(&look, domain, known, names, record)).await;
        finding(record, names, seen.unwrap_or(Err(Unanswered::Silence)))
    });
    let mut findings = join_all(looks).await;
    if known.dkim.is_none() && names.signs() {
        findings.push(without_key(names));
    }
    findings.extend(unset(domain, names).into_iter().map(without_host));
    // Afterwards, so that it takes no question from the records.
    let own_networks = timeout(time_max, own_networks::own_networks(&look, &domain.name)).await;
    Looked {
        records: findings,
        own_networks: own_networks.ok().and_then(Result::ok),
    }
}

/// Looks at the record of the key that does not sign; `None` if there is no such key.
pub(super) async fn look_at_rotation(
    dns: &Dns,
    domain: &Domain,
    known: &DomainDns,
    names: &ServiceNames,
    time_max: Duration,
) -> Option<RecordFinding> {
    let look = Look::new(dns);
    let mut wanted = wanted(domain, known, names).into_iter();
    let record = wanted.find(|record| record.purpose == Purpose::DkimRotation)?;
    let seen = timeout(time_max, one(&look, domain, known, names, &record)).await;
    Some(finding(&record, names, seen.unwrap_or(Err(Unanswered::Silence))))
}

async fn one(
    look: &Look<'_>,
    domain: &Domain,
    known: &DomainDns,
    names: &ServiceNames,
    record: &DnsRecord,
) -> Result<Seen, Unanswered> {
    let unset = || Unanswered::Failure("a host of this installation is not set".to_owned());
    let seen = match record.purpose {
        Purpose::Spf => {
            let own = known.dedicated_ip.as_ref().map(|ip| ip.address);
            let host = names.spf_host.as_ref().ok_or_else(unset)?;
            spf::look(look, record, host, own).await?
        }
        Purpose::Dkim => {
            let key = known.dkim.as_ref().map(|key| &*key.public_key);
            dkim::look(look, record, key.unwrap_or_default()).await?
        }
        Purpose::DkimRotation => {
            let key = known.rotation.as_ref().map(|key| &*key.public_key);
            dkim::look(look, record, key.unwrap_or_default()).await?
        }
        Purpose::Dmarc => {
            let address = rua_address(domain, names).ok_or_else(unset)?;
            let seen = dmarc::look(look, &domain.name, record, &address).await?;
            match domain.failure_reports {
                FailureReports::Off => seen,
                _ => dmarc::asking_for_failures(seen, record, &address),
            }
        }
        Purpose::DmarcAuthorization => {
            let host = names.region(domain.region).rua_host.as_ref().ok_or_else(unset)?;
            dmarc::look_for_authorization(look, &domain.name, record, host).await?
        }
        Purpose::ReturnPath | Purpose::Tracking => alias::look(look, record).await?,
        Purpose::Mx => mx::look(look, record).await?,
        Purpose::Bimi => bimi::look(look, &domain.name, record).await?,
        Purpose::TlsReports => {
            let address = rua_address(domain, names).ok_or_else(unset)?;
            tls::look(look, record, &address, known.tls_token.as_deref()).await?
        }
    };
    beside_alias(look, record, seen).await
}

/// A name with a CNAME has no other records (RFC 1034, 3.6.2): what is to be changed is at the other end, or cannot be
/// published.
async fn beside_alias(look: &Look<'_>, record: &DnsRecord, seen: Seen) -> Result<Seen, Unanswered> {
    let Some(problem) = seen.problem.as_ref().filter(|_| record.kind != RecordType::Cname) else {
        return Ok(seen);
    };
    if seen.verified && seen.suggestion.is_none() {
        return Ok(seen);
    }
    let name = seen.at.as_ref().unwrap_or(&record.name);
    look.take()?;
    let Some(target) = look.dns.alias(name, Freshness::Fresh).await? else {
        return Ok(seen);
    };
    let is_whole_domain = matches!(record.purpose, Purpose::Spf | Purpose::Mx);
    let rest = if is_whole_domain {
        format!("have it changed at {target}, or give {name} records of its own in place of the CNAME")
    } else {
        format!("have it changed at {target}, or put the record in place of the CNAME")
    };
    let problem = format!("{problem} But {name} is a CNAME of {target}, and such a name has no other records: {rest}.");
    Ok(Seen {
        problem: Some(problem),
        suggestion: seen.suggestion.filter(|_| !is_whole_domain),
        ..seen
    })
}

fn finding(record: &DnsRecord, names: &ServiceNames, seen: Result<Seen, Unanswered>) -> RecordFinding {
    let unreadable = matches!(seen, Err(Unanswered::Silence | Unanswered::Failure(_)));
    let seen = seen.unwrap_or_else(|why| {
        let state = match unreadable {
            true => RecordState::Unreadable,
            false => RecordState::Wrong,
        };
        Seen::missing(unanswered(record, &why)).with_state(state)
    });
    let suggestion = seen.suggestion.map(|suggestion| Suggestion {
        remove: capped(suggestion.remove),
        ..suggestion
    });
    RecordFinding {
        check: RecordCheck {
            purpose: record.purpose,
            expected: record.fingerprint(names),
            verified: seen.verified,
            found: capped(seen.found),
            problem: seen.problem,
            state: seen.state,
            at: seen.at,
            suggestion,
        },
        required: record.required,
        unreadable,
    }
}

/// What is kept of what DNS has.
fn capped(texts: Vec<String>) -> Vec<String> {
    let texts = texts.into_iter().take(FOUND_MAX);
    texts.map(|text| text.chars().take(FOUND_CHARS_MAX).collect()).collect()
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

/// The DKIM record of a domain without a key: it cannot be published yet.
fn without_key(names: &ServiceNames) -> RecordFinding {
    RecordFinding {
        check: RecordCheck {
            purpose: Purpose::Dkim,
            expected: String::new(),
            verified: false,
            found: Vec::new(),
            problem: Some("This domain has no key yet; it is made when its records are asked for.".to_owned()),
            state: RecordState::Missing,
            at: None,
            suggestion: None,
        },
        required: names.required.contains(&Purpose::Dkim),
        unreadable: false,
    }
}

/// A required record that cannot be offered, because the operator has not set the host it is made of. The domain is not
/// verified; it does not fail either, because its owner can do nothing about it.
fn without_host(purpose: Purpose) -> RecordFinding {
    RecordFinding {
        check: RecordCheck {
            purpose,
            expected: format!("{} without a host", purpose.word()),
            verified: false,
            found: Vec::new(),
            problem: Some("A host of this installation is not set.".to_owned()),
            state: RecordState::Unreadable,
            at: None,
            suggestion: None,
        },
        required: true,
        unreadable: true,
    }
}

/// Reads an SPF record as one that `domain` publishes, and asks what it refers to, for about `time_max`. Without name
/// servers, what depends on them stays open.
///
/// # Errors
/// One sentence about what makes the text no SPF record.
pub(super) async fn try_spf(
    dns: Option<&Dns>,
    domain: &DomainName,
    text: &str,
    time_max: Duration,
) -> Result<SpfTrial, String> {
    let look = dns.map(Look::new);
    match timeout(time_max, spf_reading::try_out(look.as_ref(), domain, text)).await {
        Ok(tried) => tried,
        Err(_) => spf_reading::try_out(None, domain, text).await,
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

/// How much of a stranger's text a sentence quotes.
const QUOTED_BYTES_MAX: usize = 120;

/// A stranger's text, safe and short enough for a sentence.
fn quoted(text: &str) -> String {
    format!("\u{201c}{}\u{201d}", crate::base::text::shown(text, QUOTED_BYTES_MAX))
}
