//! BIMI records: the logo, and the policy without which receivers do not show it.

use super::dmarc::Discovered;
use super::merge::{self, Merged};
use super::policy::Policy;
use super::{Look, Seen, tags};
use crate::base::DomainName;
use crate::dns::{Freshness, Unanswered};
use crate::domains::records::DnsRecord;

pub(super) async fn look(look: &Look<'_>, domain: &DomainName, record: &DnsRecord) -> Result<Seen, Unanswered> {
    let texts = look.texts(&record.name, Freshness::Fresh).await?;
    let (found, others): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| is_bimi(text));
    let name = &record.name;
    let text = match found.as_slice() {
        [text] => text,
        [] => return Ok(without_record(record, others)),
        several => {
            let problem = format!(
                "There are {} BIMI records at {name}, and only one may be; remove the others.",
                several.len()
            );
            let right = several.iter().find(|text| logo(text) == logo(&record.value));
            let merged = right.map(|text| Merged {
                value: text.clone(),
                added: Vec::new(),
            });
            let remove = several.iter().filter(|text| Some(*text) != right).cloned().collect();
            return Ok(Seen::bad(found.clone(), problem).replacing(merged, record, remove));
        }
    };
    if logo(text) != logo(&record.value) {
        let problem = format!(
            "The logo (l=) at {name} is another one; let the record say {}",
            record.value
        );
        let merged = merge::with_tag(text, "l", logo(&record.value).unwrap_or_default());
        let remove = found.clone();
        return Ok(Seen::bad(found, problem).replacing(Some(merged), record, remove));
    }
    // Receivers show no logo for a domain that anyone can imitate. An unreadable DMARC record is not a problem of this record.
    let discovered = look.discovered(domain).await;
    let is_open = |discovered: Discovered| !discovered.policy().is_some_and(Policy::is_enforcing);
    let problem = discovered.is_ok_and(is_open).then(|| {
        "The logo is not shown while the DMARC policy is p=none; set p=quarantine or p=reject once your mail passes."
            .to_owned()
    });
    Ok(Seen {
        problem,
        ..Seen::good(found)
    })
}

/// Nothing that receivers take for a record; perhaps something that is meant to be one.
fn without_record(record: &DnsRecord, others: Vec<String>) -> Seen {
    let name = &record.name;
    let nearly: Vec<String> = others
        .into_iter()
        .filter(|text| text.to_ascii_lowercase().contains("bimi1"))
        .collect();
    let Some(text) = nearly.first() else {
        let seen = Seen::missing(format!("Add a TXT record at {name}: {}", record.value));
        return seen.offering(Some(Merged::new(&record.value)), record);
    };
    let (clean, wrong) = merge::cleaned(text, "v=BIMI1");
    let problem = format!("The record at {name} {wrong}: it must begin with v=BIMI1, exactly so; correct it.");
    let merged = is_bimi(&clean).then(|| merge::with_tag(&clean, "l", logo(&record.value).unwrap_or_default()));
    Seen::bad(nearly.clone(), problem).replacing(merged, record, nearly)
}

fn is_bimi(text: &str) -> bool {
    matches!(tags(text).next(), Some(Ok((tag, "BIMI1"))) if tag == "v")
}

fn logo(text: &str) -> Option<&str> {
    let mut logos = tags(text).filter_map(|tag| tag.ok().filter(|(tag, _)| tag == "l"));
    logos.next().map(|(_, value)| value)
}
