//! DMARC policy records (RFC 9989): the one that applies to the domain must send reports to its own address.

use super::in_force::to_above;
use super::merge::{self, Merged};
use super::policy::{Existence, Policy, is_nearly_policy, is_policy, parse};
use super::{Look, Seen, tags};
use crate::base::{DomainName, ancestors};
use crate::dns::{Freshness, Unanswered};
use crate::domains::records::{DnsRecord, authorization_name};
use crate::store::RecordState;

/// RFC 9989, 4.10: a name with more labels is walked from the seventh on.
const WALK_LABELS_MAX: usize = 7;

/// What the domain publishes at its own `_dmarc`, and the policy that is in force.
#[derive(Debug, Clone)]
pub(super) struct Discovered {
    /// Everything at the own name that looks like a policy.
    own: Vec<String>,
    /// With the name it was found at.
    policy: Option<(String, String, Policy)>,
}

impl Discovered {
    /// The policy in force for mail of the domain.
    pub(super) fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref().map(|(.., policy)| policy)
    }
}

pub(super) async fn discover(look: &Look<'_>, domain: &DomainName) -> Result<Discovered, Unanswered> {
    let texts = look.texts(&format!("_dmarc.{domain}"), Freshness::Fresh).await?;
    let own: Vec<String> = texts
        .into_iter()
        .filter(|text| is_policy(text) || is_nearly_policy(text))
        .collect();
    let policies: Vec<&String> = own.iter().filter(|text| is_policy(text)).collect();
    if let [text] = policies.as_slice() {
        let policy = Some((domain.to_string(), (*text).clone(), parse(text)));
        return Ok(Discovered { own, policy });
    }
    let policy = walk(look, domain).await?;
    Ok(Discovered { own, policy })
}

/// RFC 9989, 4.10: the names above are asked one after the other; the policy is the organizational domain's.
async fn walk(look: &Look<'_>, domain: &DomainName) -> Result<Option<(String, String, Policy)>, Unanswered> {
    let above = ancestors(domain.as_str()).filter(|name| name.split('.').count() <= WALK_LABELS_MAX);
    let mut found: Option<(String, String, Policy)> = None;
    for name in above {
        let texts = look.texts(&format!("_dmarc.{name}"), Freshness::Shared).await?;
        let mut policies = texts.into_iter().filter(|text| is_policy(text));
        // Several are as none.
        let (Some(text), None) = (policies.next(), policies.next()) else {
            continue;
        };
        let policy = parse(&text).of_domain_below();
        let psd = policy.psd.clone();
        // A public suffix ends the walk; what is right below it is the organization, with or without a record.
        if psd.as_deref() == Some("y") {
            return Ok(found.or_else(|| Some((name.to_owned(), text, policy))));
        }
        found = Some((name.to_owned(), text, policy));
        if psd.as_deref() == Some("n") {
            break;
        }
    }
    Ok(found)
}

pub(super) async fn look(
    look: &Look<'_>,
    domain: &DomainName,
    record: &DnsRecord,
    address: &str,
) -> Result<Seen, Unanswered> {
    let Discovered { own, policy } = look.discovered(domain).await?;
    let mut policies: Vec<&String> = own.iter().filter(|text| is_policy(text)).collect();
    // DNS has them in any order: the one that we made someone add comes last.
    policies.sort_by_key(|text| (text.to_ascii_lowercase().contains(address), *text));
    if policies.len() > 1 {
        return Ok(several(record, address, &own, &policies));
    }
    if let ([], Some(nearly)) = (policies.as_slice(), own.first()) {
        return Ok(near_miss(record, address, &own, nearly));
    }
    let Some((at, text, policy)) = policy else {
        let name = &record.name;
        let seen = Seen::missing(format!("Add a TXT record at {name}: {}", record.value));
        return Ok(seen.offering(Some(Merged::new(&record.value)), record));
    };
    if policy.is_own {
        return Ok(own_record(record, address, own, &text, &policy));
    }
    inherited(look, domain, record, address, (&at, &text, &policy)).await
}

/// With our address for failure reports in the record that is offered. A record without it is good, and still another one is offered.
pub(super) fn asking_for_failures(seen: Seen, record: &DnsRecord, address: &str) -> Seen {
    let (text, added) = match (&seen.suggestion, &*seen.found) {
        (Some(offered), _) => (offered.value.clone(), offered.added.clone()),
        (None, [text]) if seen.verified && is_policy(text) => (text.clone(), Vec::new()),
        _ => return seen,
    };
    let uri = format!("mailto:{address}");
    let is_listed = tags(&text).any(|tag| {
        matches!(tag, Ok((tag, list)) if tag == "ruf" && list.split(',').any(|item| item.trim().eq_ignore_ascii_case(&uri)))
    });
    if is_listed {
        return seen;
    }
    let Some(merged) = merge::dmarc_with_ruf(&text, address) else {
        return seen;
    };
    let merged = Merged {
        added: added.into_iter().chain(merged.added).collect(),
        ..merged
    };
    let remove = match &seen.suggestion {
        Some(offered) => offered.remove.clone(),
        None => seen.found.clone(),
    };
    seen.replacing(Some(merged), record, remove)
}

/// The only record that the domain itself publishes.
fn own_record(record: &DnsRecord, address: &str, own: Vec<String>, text: &str, policy: &Policy) -> Seen {
    let name = &record.name;
    if policy.rua.iter().any(|listed| listed == address) && policy.fault.is_none() {
        let problem = policy.flaw.as_ref();
        let problem = problem.map(|flaw| format!("In the DMARC record at {name}, {flaw}; correct or remove it."));
        return Seen {
            problem,
            ..Seen::good(own)
        };
    }
    let merged = merge::dmarc_with(text, address);
    let is_named = text.to_ascii_lowercase().contains(address);
    let is_listed = policy.rua.iter().any(|listed| listed == address);
    let problem = match &policy.fault {
        Some(fault) => match (&merged, is_listed) {
            (Some(_), false) => format!(
                "The DMARC record at {name} is not valid: {fault}; correct it, and let it list rua=mailto:{address}."
            ),
            _ => format!("The DMARC record at {name} is not valid: {fault}; correct it."),
        },
        None if is_named => format!(
            "The DMARC record at {name} names {address}, but not so that receivers find it: let its rua list have \
             mailto:{address}, with commas between addresses."
        ),
        None if policy.has_rua => {
            format!("Add mailto:{address} to the rua list of the DMARC record at {name}, behind a comma.")
        }
        None => format!("Add rua=mailto:{address} to the DMARC record at {name}."),
    };
    Seen::bad(own.clone(), problem).replacing(merged, record, own)
}

/// A record above the domain is in force. It may send reports to the domain's address; otherwise the domain needs a record
/// of its own, which must not weaken what is in force.
async fn inherited(
    look: &Look<'_>,
    domain: &DomainName,
    record: &DnsRecord,
    address: &str,
    (at, text, policy): (&str, &str, &Policy),
) -> Result<Seen, Unanswered> {
    let name = &record.name;
    let found = vec![to_above(at, text)];
    if policy.rua.iter().any(|listed| listed == address) && policy.fault.is_none() {
        let problem = policy.flaw.as_ref();
        let problem = problem.map(|flaw| format!("In the DMARC record at _dmarc.{at}, {flaw}; correct or remove it."));
        return Ok(Seen {
            problem,
            ..Seen::good(found)
        });
    }
    if let Some(fault) = &policy.fault {
        // It counts for nothing today, so there is nothing that a new record must carry on; unless it is unknown.
        let merged = (!policy.is_ambiguous).then(|| Merged::new(&record.value));
        let problem =
            format!("The DMARC record at _dmarc.{at} is not valid: {fault}; correct it, or add one at {name}.");
        let seen = Seen::bad(found, problem);
        return Ok(seen.with_state(RecordState::Missing).offering(merged, record));
    }
    look.take()?;
    let existence = match look.dns.exists(domain.as_str(), Freshness::Fresh).await? {
        true => Existence::Exists,
        false => Existence::Missing,
    };
    let in_force = policy.in_force(existence);
    let merged = merge::dmarc_below(text, in_force, address);
    let problem = format!(
        "The DMARC record of {at} is in force and sends reports elsewhere; add one at {name} that carries its policy on"
    );
    let seen = Seen::bad(found, "")
        .with_state(RecordState::Missing)
        .offering(Some(merged), record);
    // Only what may be published is put into a sentence: the rest is a stranger's text.
    let problem = match &seen.suggestion {
        Some(suggestion) => format!("{problem}: {}", suggestion.value),
        None => format!("{problem}, with p={in_force}."),
    };
    Ok(Seen {
        problem: Some(problem),
        ..seen
    })
}

/// Receivers discard them all (RFC 9989, 4.10).
fn several(record: &DnsRecord, address: &str, own: &[String], policies: &[&String]) -> Seen {
    let (name, count) = (&record.name, policies.len());
    let all = format!("There are {count} DMARC records at {name}, so that all are ignored; ");
    match merge::dmarc_of_several(policies, address) {
        Ok(merged) => {
            let remove = policies.iter().map(|text| (*text).clone()).collect();
            let problem = all + "put one in their place, with all that they say.";
            Seen::bad(own.to_vec(), problem).replacing(merged, record, remove)
        }
        Err(tags) => {
            let problem = format!(
                "{all}keep one, with all you need. They differ in {}: keep the one that you mean, with mailto:{address} in \
                 its rua list, and remove the others.",
                tags.join(", ")
            );
            Seen::bad(own.to_vec(), problem)
        }
    }
}

/// A text that is meant to be a record, and that receivers do not accept as one.
fn near_miss(record: &DnsRecord, address: &str, own: &[String], nearly: &str) -> Seen {
    let name = &record.name;
    let (mut clean, wrong) = merge::cleaned(nearly, "v=DMARC1");
    // The semicolon behind the version is forgotten.
    if let Some(rest) = clean
        .strip_prefix("v=DMARC1")
        .filter(|rest| rest.starts_with([' ', ',', ':']))
    {
        clean = format!("v=DMARC1; {}", rest.trim_start_matches([' ', ',', ':']));
    }
    let problem = format!(
        "The record at {name} {wrong}, so that receivers ignore it: it must begin with v=DMARC1, exactly so, and a \
         semicolon; correct it. Its policy is in force then."
    );
    let policy = parse(&clean);
    let merged = match is_policy(&clean) && own.len() == 1 && policy.fault.is_none() {
        true if policy.rua.iter().any(|listed| listed == address) => Some(Merged {
            added: vec!["v=DMARC1".to_owned()],
            value: clean,
        }),
        true => merge::dmarc_with(&clean, address),
        false => None,
    };
    Seen::bad(own.to_vec(), problem).replacing(merged, record, own.to_vec())
}

/// RFC 9990, 4: any record that begins `v=DMARC1`, a wildcard's too. Receivers ask at the name where they found the policy,
/// which is a name above the domain if the domain has none of its own.
pub(super) async fn look_for_authorization(
    look: &Look<'_>,
    domain: &DomainName,
    record: &DnsRecord,
    rua_host: &str,
) -> Result<Seen, Unanswered> {
    let discovered = look.discovered(domain).await?;
    let above = discovered.policy.filter(|(.., policy)| !policy.is_own);
    let at = above.as_ref().map_or(domain.as_str(), |(at, ..)| at);
    let name = authorization_name(at, rua_host);
    let elsewhere = (at != domain.as_str()).then(|| name.clone());
    // Receivers do not ask within one organization.
    let is_own = rua_host == at || rua_host.strip_suffix(at).is_some_and(|rest| rest.ends_with('.'));
    if is_own {
        return Ok(Seen::good(Vec::new()).at(elsewhere));
    }
    let found = look.texts(&name, Freshness::Fresh).await?;
    if found.iter().any(|text| is_policy(text)) {
        return Ok(Seen::good(found).at(elsewhere));
    }
    let problem = format!(
        "The operator of this service must publish the TXT record v=DMARC1; at {name}, or once for all domains at \
         *._report._dmarc.{rua_host}; until then reporters may send nothing."
    );
    let seen = Seen::bad(found, problem).with_state(RecordState::Missing);
    Ok(seen.offering(Some(Merged::new(&record.value)), record).at(elsewhere))
}
