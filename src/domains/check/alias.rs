//! CNAME records: a name that must be another's, directly or through others.

use super::merge::Merged;
use super::{Look, Seen};
use crate::dns::{ALIASES_MAX, Freshness, Unanswered};
use crate::domains::records::DnsRecord;
use crate::store::RecordState;

pub(super) async fn look(look: &Look<'_>, record: &DnsRecord) -> Result<Seen, Unanswered> {
    let (name, target) = (&record.name, &record.value);
    let mut chain: Vec<String> = Vec::new();
    loop {
        let last = chain.last().unwrap_or(name);
        look.take()?;
        let Some(next) = look.dns.alias(last, Freshness::Fresh).await? else {
            break;
        };
        if next == *target {
            chain.push(next);
            return Ok(Seen::good(chain));
        }
        if next == *name || chain.contains(&next) || chain.len() == ALIASES_MAX {
            let problem = Unanswered::Circle(next.clone());
            chain.push(next);
            return Ok(Seen::bad(chain, super::unanswered(record, &problem)));
        }
        chain.push(next);
    }
    if let Some(end) = chain.last() {
        // It is in use today: the owner decides whether that may end.
        let problem = format!(
            "{name} points to {end}; let it point to {target}, if nothing else needs it, or choose another name."
        );
        return Ok(Seen::bad(chain, problem));
    }
    let others = others(look, name).await?;
    if others.is_empty() {
        let seen = Seen::missing(format!("Add a CNAME record at {name} that points to {target}."));
        return Ok(seen.offering(Some(Merged::new(target)), record));
    }
    // RFC 1034, 3.6.2.
    let problem = format!(
        "Add a CNAME record at {name} that points to {target}, in place of the {} records there, because a name with a CNAME \
         has no others; or choose another name.",
        others.join(", ")
    );
    Ok(Seen::bad(Vec::new(), problem).with_state(RecordState::Wrong))
}

/// The types of records that a name without a CNAME has, of those that people give it.
async fn others(look: &Look<'_>, name: &str) -> Result<Vec<&'static str>, Unanswered> {
    let mut others = Vec::new();
    look.take()?;
    if !look.dns.addresses(name, Freshness::Fresh).await?.is_empty() {
        others.push("address");
    }
    look.take()?;
    if !look.dns.mail_hosts(name, Freshness::Fresh).await?.is_empty() {
        others.push("MX");
    }
    if !look.texts(name, Freshness::Fresh).await?.is_empty() {
        others.push("TXT");
    }
    Ok(others)
}
