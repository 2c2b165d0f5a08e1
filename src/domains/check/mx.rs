//! MX records: mail to the domain must come to us.

use super::merge::Merged;
use super::{Look, Seen};
use crate::dns::{Freshness, Unanswered};
use crate::domains::records::DnsRecord;

pub(super) async fn look(look: &Look<'_>, record: &DnsRecord) -> Result<Seen, Unanswered> {
    look.take()?;
    let mut hosts = look.dns.mail_hosts(&record.name, Freshness::Fresh).await?;
    hosts.sort();
    let found = hosts.iter().map(|(preference, host)| format!("{preference} {host}"));
    let found = found.collect();
    let (name, target) = (&record.name, &record.value);
    let is_null = |(_, host): &(u16, String)| host.is_empty();
    if hosts.iter().any(|(_, host)| host == target) {
        // RFC 7505, 3: its meaning next to another record is undefined.
        if hosts.iter().any(is_null) {
            let problem = format!("{name} also says that it takes no mail (MX 0 .); remove that record.");
            return Ok(Seen::bad(found, problem));
        }
        return Ok(Seen::good(found));
    }
    let wanted = format!("an MX record at {name} with priority 10 and host {target}");
    match hosts.as_slice() {
        [] => {
            let seen = Seen::missing(format!("Add {wanted}."));
            Ok(seen.offering(Some(Merged::new(target)), record))
        }
        // RFC 7505: "no mail is ever taken here". Only the owner can tell whether that is still meant.
        [(_, root)] if root.is_empty() => Ok(Seen::bad(
            found,
            format!("{name} says that it takes no mail; if it is to take mail here, replace that record by {wanted}."),
        )),
        // Beside others, ours would get some of the mail to people's mailboxes.
        _ => Ok(Seen::bad(
            found,
            format!(
                "Mail to {name} goes elsewhere; if all of it is to come here, put {wanted} in place of those records. \
                 Beside them it would take mail away from people's mailboxes."
            ),
        )),
    }
}
