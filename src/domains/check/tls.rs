//! Records that ask for TLS reports (RFC 8460, 3): one of them must list an address of the domain, by mail or over HTTPS.

use super::merge::{self, Merged};
use super::{Look, Seen, tags};
use crate::dns::{Freshness, Unanswered};
use crate::domains::records::DnsRecord;
use crate::keys::PostToken;

/// How a record begins.
const HEAD: &str = "v=TLSRPTv1";
/// The part of a URL before the secret of an address for posts.
const POSTS: &str = "/tlsrpt/";

/// `address`: where reports about the domain are mailed to. `token`: the hash of the secret with which they are posted, if it has one.
pub(super) async fn look(
    look: &Look<'_>,
    record: &DnsRecord,
    address: &str,
    token: Option<&[u8]>,
) -> Result<Seen, Unanswered> {
    let texts = look.texts(&record.name, Freshness::Fresh).await?;
    let (found, others): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| is_record(text));
    let name = &record.name;
    let text = match found.as_slice() {
        [text] => text,
        [] => return Ok(without_record(record, (address, token), others)),
        several => {
            let problem = format!(
                "There are {} records for TLS reports at {name}, and senders report nothing unless it is exactly one; publish one \
                 that lists all addresses.",
                several.len()
            );
            let merged = of_several(several, address, token);
            let is_other = |text: &&String| merged.as_ref().is_none_or(|merged| **text != merged.value);
            let remove = several.iter().filter(is_other).cloned().collect();
            return Ok(Seen::bad(found.clone(), problem).replacing(merged, record, remove));
        }
    };
    if lists(text, address, token) {
        return Ok(Seen::good(found));
    }
    let problem = format!("TLS reports are sent elsewhere: let the rua at {name} list mailto:{address}.");
    let merged = merge::listing(text, "rua", address);
    let remove = found.clone();
    Ok(Seen::bad(found, problem).replacing(merged, record, remove))
}

/// Nothing that senders take for a record; perhaps something that is meant to be one.
fn without_record(record: &DnsRecord, (address, token): (&str, Option<&[u8]>), others: Vec<String>) -> Seen {
    let name = &record.name;
    let nearly: Vec<String> = others.into_iter().filter(|text| is_nearly_record(text)).collect();
    let Some(text) = nearly.first() else {
        let seen = Seen::missing(format!("Add a TXT record at {name}: {}", record.value));
        return seen.offering(Some(Merged::new(&record.value)), record);
    };
    let (_, wrong) = merge::cleaned(text, HEAD);
    let problem = format!("The record at {name} {wrong}: it must begin with v=TLSRPTv1, exactly so; correct it.");
    let cleaned: Vec<String> = nearly.iter().map(|text| merge::cleaned(text, HEAD).0).collect();
    let merged = match cleaned.as_slice() {
        all if !all.iter().all(|clean| is_record(clean)) => None,
        [clean] if lists(clean, address, token) => Some(Merged {
            value: clean.clone(),
            added: Vec::new(),
        }),
        [clean] => merge::listing(clean, "rua", address),
        several => of_several(several, address, token),
    };
    Seen::bad(nearly.clone(), problem).replacing(merged, record, nearly)
}

/// One record with the addresses of all, and one of the domain. `None` if a record says more than addresses: what of it holds for
/// all is the owner's to say.
fn of_several(texts: &[String], address: &str, token: Option<&[u8]>) -> Option<Merged> {
    let is_known = |tag: &str| ["v", "rua"].contains(&tag);
    if !texts
        .iter()
        .flat_map(|text| tags(text))
        .all(|tag| tag.is_ok_and(|(tag, _)| is_known(&tag)))
    {
        return None;
    }
    // DNS has them in any order: the one that we made someone add comes last.
    let mut texts: Vec<&String> = texts.iter().collect();
    texts.sort_by_key(|text| (text.to_ascii_lowercase().contains(address), *text));
    let mut listed: Vec<&str> = Vec::new();
    for uri in texts.iter().flat_map(|text| addresses(text)) {
        if !uri.is_empty() && !listed.contains(&uri) {
            listed.push(uri);
        }
    }
    let own = format!("mailto:{address}");
    let mut added = Vec::new();
    if !texts.iter().any(|text| lists(text, address, token)) {
        listed.push(&own);
        added.push(own.clone());
    }
    let value = format!("v=TLSRPTv1; rua={}", listed.join(","));
    Some(Merged { value, added })
}

/// Whether a text is meant to be a record.
fn is_nearly_record(text: &str) -> bool {
    let (clean, _) = merge::cleaned(text, HEAD);
    let bare: String = clean.split_whitespace().collect();
    is_record(&clean) || bare.to_ascii_lowercase().starts_with("v=tlsrpt")
}

fn is_record(text: &str) -> bool {
    matches!(tags(text).next(), Some(Ok((tag, "TLSRPTv1"))) if tag == "v")
}

/// Whether a record lists an address of the domain.
fn lists(text: &str, address: &str, token: Option<&[u8]>) -> bool {
    addresses(text).any(|uri| is_mailed(uri, address) || token.is_some_and(|token| is_posted(uri, token)))
}

/// The addresses that a record lists.
fn addresses(text: &str) -> impl Iterator<Item = &str> {
    let lists = tags(text).filter_map(Result::ok).filter(|(tag, _)| tag == "rua");
    lists.flat_map(|(_, list)| list.split(',')).map(str::trim)
}

fn is_mailed(uri: &str, address: &str) -> bool {
    let scheme = uri.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    scheme.is_some_and(|scheme| uri[scheme.len()..].eq_ignore_ascii_case(address))
}

/// The host may be any that leads here. The secret is in no other record than the domain's.
fn is_posted(uri: &str, token: &[u8]) -> bool {
    let secret = uri.rsplit_once(POSTS).filter(|(before, _)| {
        before
            .get(..8)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    });
    secret.is_some_and(|(_, secret)| PostToken::of_request(secret).hash() == token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_domain_is_found_by_mail_and_over_https() {
        let token = PostToken::of_request("5ec2e7").hash();
        for (text, expect) in [
            ("v=TLSRPTv1; rua=mailto:tok@rua.example", true),
            ("v=TLSRPTv1;rua=mailto:a@b.example, MAILTO:TOK@rua.example ;", true),
            ("v=TLSRPTv1; rua=https://tally.example/tlsrpt/5ec2e7", true),
            (
                "v=TLSRPTv1; rua=https://tally.example/below/tlsrpt/5ec2e7,mailto:a@b.example",
                true,
            ),
            ("v=TLSRPTv1; rua=https://tally.example/tlsrpt/5ec2e8", false),
            ("v=TLSRPTv1; rua=http://tally.example/tlsrpt/5ec2e7", false),
            ("v=TLSRPTv1; rua=mailto:tok@rua.example.net", false),
            ("v=TLSRPTv1; ruf=mailto:tok@rua.example", false),
            ("v=TLSRPTv1", false),
        ] {
            assert_eq!(lists(text, "tok@rua.example", Some(&token)), expect, "{text}");
        }
        assert!(!lists(
            "v=TLSRPTv1; rua=https://tally.example/tlsrpt/5ec2e7",
            "tok@rua.example",
            None
        ));
        assert!(is_record("v=TLSRPTv1; rua=") && !is_record("v=TLSRPTv2; rua=") && !is_record("rua=; v=TLSRPTv1"));
    }
}
