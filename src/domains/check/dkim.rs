//! DKIM key records (RFC 6376, 3.6.1): the key itself is compared, however it is written.

use super::merge::{self, Merged};
use super::{Look, Seen, quoted, tags};
use crate::dns::{Freshness, Unanswered};
use crate::domains::dkim::RsaKey;
use crate::domains::records::DnsRecord;

pub(super) async fn look(look: &Look<'_>, record: &DnsRecord, public_key: &[u8]) -> Result<Seen, Unanswered> {
    let texts = look.texts(&record.name, Freshness::Fresh).await?;
    Ok(judge(record, &texts, public_key))
}

fn judge(record: &DnsRecord, texts: &[String], public_key: &[u8]) -> Seen {
    let name = &record.name;
    match texts {
        [] => {
            let seen = Seen::missing(format!("Add a TXT record at {name} with the value shown."));
            seen.offering(Some(Merged::new(&record.value)), record)
        }
        [text] => match problem(name, text, public_key) {
            None => Seen::good(texts.to_vec()),
            Some(problem) => {
                let merged = merge::dkim_with(text, &record.value);
                Seen::bad(texts.to_vec(), problem).replacing(Some(merged), record, texts.to_vec())
            }
        },
        // RFC 6376, 3.6.2.2: what several mean is undefined.
        several => {
            let problem = format!(
                "There are {} TXT records at {name}, and only one may be; keep the one with the value shown.",
                several.len()
            );
            let ours = several
                .iter()
                .find(|text| self::problem(name, text, public_key).is_none());
            let merged = match ours {
                Some(ours) => Merged {
                    value: ours.clone(),
                    added: Vec::new(),
                },
                None => Merged::new(&record.value),
            };
            let remove = several.iter().filter(|text| **text != merged.value).cloned().collect();
            Seen::bad(texts.to_vec(), problem).replacing(Some(merged), record, remove)
        }
    }
}

/// What is wrong with the only record that there is.
fn problem(name: &str, text: &str, public_key: &[u8]) -> Option<String> {
    if text.contains(['"', '\\']) {
        return Some(format!(
            "The TXT record at {name} has quotation marks or backslashes of its own, which receivers read as part of it; \
             replace it by the value shown."
        ));
    }
    let mut key = None;
    let mut seen: Vec<String> = Vec::new();
    for (nth, tag) in tags(text).enumerate() {
        let Ok((tag, value)) = tag else {
            return Some(format!(
                "The TXT record at {name} is not a DKIM key; replace it with the value shown."
            ));
        };
        // RFC 6376, 3.2: a list with a tag twice is not a list.
        if seen.contains(&tag) {
            let tag = quoted(&tag);
            return Some(format!(
                "The record at {name} has the tag {tag} twice, so that receivers ignore it; replace it by the value shown."
            ));
        }
        seen.push(tag.clone());
        let list = || value.split(':').map(str::trim);
        match &*tag {
            "v" if nth > 0 || value != "DKIM1" => {
                return Some(format!(
                    "The record at {name} must begin with v=DKIM1, exactly so; correct it."
                ));
            }
            "k" if !value.eq_ignore_ascii_case("rsa") => {
                let kind = quoted(value);
                return Some(format!(
                    "{name} publishes a key of type {kind}, not our RSA key; replace it by the value shown."
                ));
            }
            "h" if !list().any(|hash| hash.eq_ignore_ascii_case("sha256")) => {
                return Some(format!(
                    "The h= of {name} leaves out sha256, which we sign with; remove it."
                ));
            }
            "s" if !list().any(|service| service == "*" || service.eq_ignore_ascii_case("email")) => {
                return Some(format!("The s= of {name} does not allow the key for email; remove it."));
            }
            "t" if list().any(|flag| flag.eq_ignore_ascii_case("y")) => {
                return Some(format!(
                    "{name} says t=y, so receivers treat the key as a test; remove it."
                ));
            }
            "p" => key = Some(value),
            _ => {}
        }
    }
    let Some(key) = key else {
        return Some(format!(
            "The record at {name} has no key (p=); replace it by the value shown."
        ));
    };
    if key.chars().all(|c| c.is_ascii_whitespace()) {
        return Some(format!(
            "The key at {name} is revoked (an empty p=); publish the value shown."
        ));
    }
    let Some(key) = RsaKey::from_base64(key) else {
        return Some(format!(
            "The key at {name} cannot be read, it may be cut off; publish the whole value shown."
        ));
    };
    (RsaKey::from_der(public_key).as_ref() != Some(&key)).then(|| {
        let bits = key.bits();
        format!("{name} publishes another key, of {bits} bits; replace it by the value shown.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Purpose;
    use crate::domains::dkim::{generate, record_text};
    use crate::domains::records::RecordType;
    use crate::store::RecordState;

    #[test]
    fn the_key_counts_and_not_how_it_is_written() {
        let ours = generate().unwrap().public_key;
        let text = record_text(&ours);
        let (_, digits) = text.split_once("p=").unwrap();
        let record = DnsRecord {
            kind: RecordType::Txt,
            name: "s._domainkey.example.com".to_owned(),
            value: text.clone(),
            purpose: Purpose::Dkim,
            required: true,
            priority: None,
            verified: false,
            found: Vec::new(),
            problem: None,
            state: RecordState::Unchecked,
            suggestion: None,
        };
        let check = |texts: &[&str], expect: Option<&str>| -> String {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            let seen = judge(&record, &texts, &ours);
            assert_eq!(seen.verified, expect.is_none(), "{texts:?}: {:?}", seen.problem);
            if let Some(expect) = expect {
                let problem = seen.problem.unwrap();
                assert!(problem.contains(expect), "{texts:?}: {problem}");
            }
            assert_eq!(seen.found, texts);
            // What is offered is right, and keeps what may stay.
            assert_eq!(seen.suggestion.is_none(), seen.verified);
            let offered = seen.suggestion.map(|offered| offered.value).unwrap_or_default();
            if !seen.verified {
                assert!(
                    judge(&record, std::slice::from_ref(&offered), &ours).verified,
                    "{offered}"
                );
            }
            offered
        };
        check(&[&text], None);
        check(&[&format!("p={digits}")], None);
        check(&[&format!("k=rsa; n=a note; p={} ;", digits.replace('A', "A "))], None);
        check(&[&format!("v=DKIM1; h=sha1:sha256; s=email; t=s; p={digits}")], None);
        // The RSAPublicKey alone, as RFC 6376 has it: the head of a SubjectPublicKeyInfo of 2,048 bits is 24 bytes.
        check(&[&record_text(&ours[24..])], None);

        let other = record_text(&generate().unwrap().public_key);
        check(&[], Some("Add a TXT record"));
        check(&[&other], Some("another key, of 2048 bits"));
        check(&[&text, &other], Some("There are 2 TXT records"));
        check(&["v=DKIM1; k=rsa; p="], Some("revoked"));
        check(&["v=DKIM1; k=rsa"], Some("no key (p=)"));
        check(&[&text[..300]], Some("cut off"));
        check(&["hello"], Some("not a DKIM key"));
        check(&[&format!("k=rsa; v=DKIM1; p={digits}")], Some("begin with v=DKIM1"));
        check(&[&format!("v=dkim1; p={digits}")], Some("begin with v=DKIM1"));
        check(&[&format!("v=DKIM1; k=ed25519; p={digits}")], Some("ed25519"));
        check(&[&format!("v=DKIM1; h=sha1; p={digits}")], Some("sha256"));
        check(&[&format!("v=DKIM1; s=other; p={digits}")], Some("email"));
        check(&[&format!("v=DKIM1; t=y:s; p={digits}")], Some("t=y"));
        check(&[&format!("v=DKIM1; p={digits}; P={digits}")], Some("twice"));
        check(&[&format!("v=DKIM1; p=; p={digits}")], Some("twice"));
        check(&[&format!("\"v=DKIM1; p={digits}\"")], Some("quotation marks"));
        check(&[&format!("v=DKIM1\\; p={digits}")], Some("backslashes"));
        let kept = check(
            &["v=DKIM1;k=rsa; n=of 2024; t=y : s; h=sha1 :x; s=other; x=1; p=AAAA;"],
            Some("t=y"),
        );
        for part in ["n=of 2024", "t=s", "x=1"] {
            assert!(kept.split(';').any(|other| other.trim() == part), "{kept}");
        }
    }
}
