//! BIMI records: the logo, and the policy without which nobody shows it.

use super::{Look, Seen, dmarc, tags};
use crate::dns::{Freshness, Unanswered};
use crate::domains::records::DnsRecord;
use crate::report::DomainName;

pub(super) async fn look(look: &Look<'_>, domain: &DomainName, record: &DnsRecord) -> Result<Seen, Unanswered> {
    let texts = look.texts(&record.name, Freshness::Fresh).await?;
    let found: Vec<String> = texts.into_iter().filter(|text| is_bimi(text)).collect();
    let name = &record.name;
    let [text] = found.as_slice() else {
        let problem = if found.is_empty() {
            format!("Add a TXT record at {name}: {}", record.value)
        } else {
            format!(
                "There are {} BIMI records at {name}, and only one may be; remove the others.",
                found.len()
            )
        };
        return Ok(Seen::bad(found, problem));
    };
    if logo(text) != logo(&record.value) {
        let problem = format!(
            "The logo (l=) at {name} is another one; let the record say {}",
            record.value
        );
        return Ok(Seen::bad(found, problem));
    }
    // Receivers show no logo for a domain that anybody can imitate. That it cannot be read now is no problem of this one.
    let policy = dmarc::policy(look, domain).await;
    let problem = policy.is_ok_and(|policy| !policy.is_some_and(|policy| policy.is_enforcing())).then(|| {
        "The logo is not shown while the DMARC policy is p=none; set p=quarantine or p=reject once your mail passes."
            .to_owned()
    });
    Ok(Seen {
        problem,
        ..Seen::good(found)
    })
}

fn is_bimi(text: &str) -> bool {
    matches!(tags(text).next(), Some(Ok((tag, "BIMI1"))) if tag == "v")
}

fn logo(text: &str) -> Option<&str> {
    let mut logos = tags(text).filter_map(|tag| tag.ok().filter(|(tag, _)| tag == "l"));
    logos.next().map(|(_, value)| value)
}
