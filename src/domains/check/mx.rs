//! MX records: mail to the domain must come to us.

use super::{Look, Seen};
use crate::dns::{Freshness, Unanswered};
use crate::domains::records::DnsRecord;

pub(super) async fn look(look: &Look<'_>, record: &DnsRecord) -> Result<Seen, Unanswered> {
    look.take()?;
    let mut hosts = look.dns.mail_hosts(&record.name, Freshness::Fresh).await?;
    hosts.sort();
    let found = hosts.iter().map(|(preference, host)| format!("{preference} {host}"));
    let found = found.collect();
    if hosts.iter().any(|(_, host)| *host == record.value) {
        return Ok(Seen::good(found));
    }
    let (name, target) = (&record.name, &record.value);
    let wanted = format!("an MX record at {name} with priority 10 and host {target}");
    let problem = match hosts.as_slice() {
        [] => format!("Add {wanted}."),
        // RFC 7505: "no mail is ever taken here".
        [(_, root)] if root.is_empty() => {
            format!("{name} says that it takes no mail; replace that record by {wanted}.")
        }
        _ => format!("Mail to {name} goes elsewhere; add {wanted}."),
    };
    Ok(Seen::bad(found, problem))
}
