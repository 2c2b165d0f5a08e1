//! CNAME records: a name that must be another's, directly or through others.

use super::{Look, Seen};
use crate::dns::{ALIASES_MAX, Freshness, Unanswered};
use crate::domains::records::DnsRecord;

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
    let problem = match chain.last() {
        None => format!("Add a CNAME record at {name} that points to {target}."),
        Some(end) => format!("{name} points to {end}; let it point to {target}."),
    };
    Ok(Seen::bad(chain, problem))
}
