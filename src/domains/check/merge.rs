//! Records to publish, made of the published ones: every tag and term stays, in its order and spelling, and what is missing
//! is put in. Pure.

use super::tags;
use crate::store::Suggestion;

/// Longest text that is offered, bytes. A longer one fits into no zone that people edit.
const OFFER_BYTES_MAX: usize = 4_096;

/// A record's new text, and the parts of it that the old one does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merged {
    pub value: String,
    pub added: Vec<String>,
}

impl Merged {
    /// A record where there is none.
    pub(super) fn new(value: &str) -> Self {
        Self {
            value: value.to_owned(),
            added: vec![value.to_owned()],
        }
    }

    /// The offer in place of `wanted`. `None` if the text cannot be published as it is read: it is too long, or has
    /// characters that no record of this kind may have.
    pub(super) fn offered(self, wanted: &str, remove: Vec<String>) -> Option<Suggestion> {
        let is_plain = self.value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        (is_plain && self.value.len() <= OFFER_BYTES_MAX).then(|| Suggestion {
            value: self.value,
            added: self.added,
            remove,
            wanted: wanted.to_owned(),
        })
    }
}

/// A near miss with its quotation marks, backslashes and white space taken away, and a sentence's rest about what was wrong
/// with it. `head` is how the record must begin.
pub(super) fn cleaned(text: &str, head: &str) -> (String, &'static str) {
    let is_quote = |c: char| {
        matches!(
            c,
            '"' | '\'' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}'
        )
    };
    let mut clean = text.to_owned();
    let mut wrong = "does not begin as it must";
    if clean.contains(is_quote) {
        wrong = "has quotation marks of its own, which receivers read as part of it";
        // Strings that a zone file puts together, pasted with their marks.
        let pieces: Vec<&str> = clean.split(is_quote).collect();
        let inside = pieces.iter().enumerate();
        let joined: String = inside
            .filter(|(nth, piece)| nth % 2 == 1 || !piece.trim().is_empty())
            .map(|(_, piece)| *piece)
            .collect();
        clean = joined;
    }
    if clean.contains('\\') {
        wrong = "has backslashes of its own, which receivers read as part of it";
        clean = clean.replace('\\', "");
    }
    let is_space = |c: char| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}');
    let trimmed = clean.trim_matches(is_space);
    if trimmed.len() < clean.len() && wrong.starts_with("does") {
        wrong = "has white space before its first letter";
    }
    let mut clean = trimmed.to_owned();
    if !clean.starts_with(head)
        && clean
            .get(..head.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(head))
    {
        clean.replace_range(..head.len(), head);
    }
    (clean, wrong)
}

/// A DMARC record that also lists `address` in `rua`. `None` if it has a tag twice: which one counts is undefined.
pub(super) fn dmarc_with(text: &str, address: &str) -> Option<Merged> {
    listing(text, "rua", address)
}

/// As [`dmarc_with`], in `ruf`.
pub(super) fn dmarc_with_ruf(text: &str, address: &str) -> Option<Merged> {
    listing(text, "ruf", address)
}

/// A record of tags that also lists `address` in the tag `wanted`. `None` if it has a tag twice: which one counts is undefined.
pub(super) fn listing(text: &str, wanted: &str, address: &str) -> Option<Merged> {
    let mut names: Vec<String> = tags(text).filter_map(|tag| tag.ok().map(|(name, _)| name)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    if names.len() < count {
        return None;
    }
    let uri = format!("mailto:{address}");
    let is_stray = |part: &str| !part.contains('=') && is_nearly(part, address);
    let parts = text.split(';').filter(|part| !is_stray(part));
    let mut parts: Vec<String> = parts.map(str::to_owned).collect();
    while parts.len() > 1 && parts.last().is_some_and(|part| part.trim().is_empty()) {
        parts.pop();
    }
    let is_wanted = |part: &&mut String| {
        part.split('=')
            .next()
            .is_some_and(|tag| tag.trim().eq_ignore_ascii_case(wanted))
    };
    let has_value = |part: &&mut String| part.contains('=');
    match parts.iter_mut().filter(has_value).find(is_wanted) {
        Some(part) => {
            *part = with_item(part, address, &uri);
            let added = vec![uri];
            let value = parts.join(";").trim_end().to_owned();
            Some(Merged { value, added })
        }
        None => {
            let base = parts.join(";");
            let tag = format!("{wanted}={uri}");
            let value = format!("{}; {tag}", base.trim_end());
            let added = vec![tag];
            Some(Merged { value, added })
        }
    }
}

/// A DMARC record in which these tags have these values, or are gone; every other tag stays as it is. `None` if it has a tag
/// twice, or would get one that it cannot have: which one counts is undefined.
pub(super) fn dmarc_with_tags(text: &str, changes: &[(&str, Option<&str>)]) -> Option<Merged> {
    let name = |part: &str| part.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut parts: Vec<String> = text.split(';').map(str::to_owned).collect();
    while parts.len() > 1 && parts.last().is_some_and(|part| part.trim().is_empty()) {
        parts.pop();
    }
    let mut added = Vec::new();
    for (tag, value) in changes {
        let places: Vec<_> = (0..parts.len()).filter(|nth| name(&parts[*nth]) == *tag).collect();
        if places.len() > 1 {
            return None;
        }
        let Some(value) = value else {
            places.iter().for_each(|nth| drop(parts.remove(*nth)));
            continue;
        };
        let wanted = format!("{tag}={value}");
        added.push(wanted.clone());
        match places.first() {
            Some(nth) => {
                let lead = parts[*nth].len() - parts[*nth].trim_start().len();
                parts[*nth] = format!("{}{wanted}", &parts[*nth][..lead]);
            }
            // RFC 7489 wants `p` behind `v`.
            None if *tag == "p" => parts.insert(1.min(parts.len()), format!(" {wanted}")),
            None => parts.push(format!(" {wanted}")),
        }
    }
    let value = parts.join(";").trim_end().to_owned();
    Some(Merged { value, added })
}

/// A list of addresses with one more, or with a near miss of it put right.
fn with_item(part: &str, address: &str, uri: &str) -> String {
    let (tag, list) = part.split_once('=').unwrap_or((part, ""));
    let mut items: Vec<String> = list.split(',').map(str::to_owned).collect();
    if let Some(item) = items.iter_mut().find(|item| is_nearly(item, address)) {
        let lead = item.len() - item.trim_start().len();
        *item = format!("{}{uri}", &item[..lead]);
        return format!("{tag}={}", items.join(","));
    }
    while items.last().is_some_and(|item| item.trim().is_empty()) {
        items.pop();
    }
    match items.is_empty() {
        true => format!("{}={uri}", tag.trim_end()),
        false => format!("{tag}={},{uri}", items.join(",").trim_end()),
    }
}

/// Whether `item` is only the address, with a broken scheme, in brackets or in quotation marks.
fn is_nearly(item: &str, address: &str) -> bool {
    let lower = item.trim().to_ascii_lowercase();
    lower.split_once(address).is_some_and(|(before, behind)| {
        let is_scrap = |c: char| " \t<>\"':=/\\.,".contains(c) || "mailtorue".contains(c);
        before.len() <= 16 && before.chars().all(is_scrap) && behind.chars().all(|c| " \t<>\"'.".contains(c))
    })
}

/// A record for a domain below the one that publishes `above`: what is in force stays in force, and the addresses that get
/// the reports today still get them.
pub(super) fn dmarc_below(above: &str, policy: &str, address: &str) -> Merged {
    let uri = format!("mailto:{address}");
    let is_suffix =
        tags(above).any(|tag| matches!(tag, Ok((tag, value)) if tag == "psd" && value.eq_ignore_ascii_case("y")));
    let mut value = format!("v=DMARC1; p={policy}");
    let mut added = vec![format!("p={policy}")];
    let mut has_rua = false;
    for part in above.split(';').map(str::trim) {
        let Some((tag, list)) = part.split_once('=') else {
            continue;
        };
        match &*tag.trim().to_ascii_lowercase() {
            "v" | "p" | "psd" => {}
            // The reports of a public suffix are its operator's matter.
            "rua" | "ruf" if is_suffix => {}
            "rua" if !list.trim().is_empty() => {
                has_rua = true;
                value.push_str(&format!("; {}", with_item(part, address, &uri)));
                added.push(uri.clone());
            }
            "rua" => {}
            _ => value.push_str(&format!("; {part}")),
        }
    }
    if !has_rua {
        value.push_str(&format!("; rua={uri}"));
        added.push(format!("rua={uri}"));
    }
    Merged { value, added }
}

/// Several DMARC records as one, if they agree on everything but addresses. `Err` has the tags on which they do not.
pub(super) fn dmarc_of_several(texts: &[&String], address: &str) -> Result<Option<Merged>, Vec<String>> {
    const DECIDING: [&str; 9] = ["p", "sp", "np", "adkim", "aspf", "psd", "t", "pct", "fo"];
    let of = |text: &str, wanted: &str| {
        let mut found = tags(text).filter_map(Result::ok).filter(|(tag, _)| tag == wanted);
        found.next().map(|(_, value)| value.to_ascii_lowercase())
    };
    let differing = DECIDING.into_iter().filter(|tag| {
        let mut values = texts.iter().map(|text| of(text, tag));
        let first = values.next();
        values.any(|value| Some(value) != first)
    });
    let differing: Vec<String> = differing.map(str::to_owned).collect();
    if !differing.is_empty() {
        return Err(differing);
    }
    let Some((first, others)) = texts.split_first() else {
        return Ok(None);
    };
    let mut merged = (**first).clone();
    let mut added = Vec::new();
    for text in others {
        for part in text.split(';').map(str::trim) {
            let Some((tag, list)) = part.split_once('=') else {
                continue;
            };
            let tag = tag.trim().to_ascii_lowercase();
            let known = of(&merged, &tag);
            match (known, &*tag) {
                (None, _) => merged = format!("{}; {part}", merged.trim_end().trim_end_matches(';').trim_end()),
                (Some(known), "rua" | "ruf") => {
                    let missing = list.split(',').map(str::trim);
                    for item in missing.filter(|item| !item.is_empty() && !known.contains(&item.to_ascii_lowercase())) {
                        merged = with_uri(&merged, &tag, item);
                        added.push(item.to_owned());
                    }
                }
                (Some(_), _) => {}
            }
        }
    }
    let is_listed = of(&merged, "rua").is_some_and(|list| {
        let mut listed = list.split(',').filter_map(super::policy::mailbox);
        listed.any(|listed| listed == address)
    });
    if is_listed {
        return Ok(Some(Merged { value: merged, added }));
    }
    Ok(dmarc_with(&merged, address).map(|mut all| {
        added.append(&mut all.added);
        Merged { added, ..all }
    }))
}

fn with_uri(text: &str, wanted: &str, uri: &str) -> String {
    let parts = text.split(';').map(|part| match part.split_once('=') {
        Some((tag, list)) if tag.trim().eq_ignore_ascii_case(wanted) => format!("{tag}={},{uri}", list.trim_end()),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(";")
}

/// An SPF record with these terms where they count: in front of the end, or in front of everything. Terms of ours that stand
/// behind the end, where they mean nothing, are moved.
pub(super) fn spf_with(text: &str, terms: &[String], place: Place) -> Merged {
    let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let is_all = |word: &str| {
        word.trim_start_matches(['+', '-', '~', '?'])
            .eq_ignore_ascii_case("all")
    };
    if let Some(end) = words.iter().position(|word| is_all(word)) {
        let is_ours = |word: &str| terms.iter().any(|term| word.eq_ignore_ascii_case(term));
        let mut nth = 0;
        words.retain(|word| {
            nth += 1;
            nth - 1 <= end || !is_ours(word)
        });
    }
    let is_end = |word: &str| is_all(word) || word.to_ascii_lowercase().starts_with("redirect=");
    let at = match place {
        Place::BeforeEnd => words.iter().position(|word| is_end(word)).unwrap_or(words.len()),
        Place::First => 1,
    };
    words.splice(at..at, terms.iter().map(String::as_str));
    Merged {
        value: words.join(" "),
        added: terms.to_vec(),
    }
}

/// Where terms are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    BeforeEnd,
    First,
}

/// Several SPF records as one. `None` where the order of their terms, or their ends, would decide something.
pub(super) fn spf_of_several(texts: &[String]) -> Option<String> {
    let mut terms: Vec<&str> = Vec::new();
    let mut end: Option<&str> = None;
    for text in texts {
        let mut own_end = None;
        for word in text.split(' ').filter(|word| !word.is_empty()).skip(1) {
            let lower = word.to_ascii_lowercase();
            match lower.strip_prefix(['+', '-', '~', '?']).unwrap_or(&lower) {
                // What follows the end means nothing; which term would count in the merged record is not known.
                _ if own_end.is_some() => return None,
                "all" => own_end = Some(word),
                _ if lower.starts_with(['-', '~', '?']) || lower.contains('=') => return None,
                _ if terms.iter().any(|term| term.eq_ignore_ascii_case(word)) => {}
                _ => terms.push(word),
            }
        }
        let own_end = own_end?;
        if end.is_some_and(|end| !end.eq_ignore_ascii_case(own_end)) {
            return None;
        }
        end = Some(own_end);
    }
    Some(format!("v=spf1 {} {}", terms.join(" "), end?).replace("  ", " "))
}

/// A DKIM key record with the key of `wanted`; tags stay that do not keep the key from being used.
pub(super) fn dkim_with(text: &str, wanted: &str) -> Merged {
    let mut value = wanted.to_owned();
    let mut names = Vec::new();
    let clean = text.replace(['"', '\\'], "");
    for (name, list) in tags(&clean).filter_map(Result::ok) {
        let is_email = list.split(':').any(|word| matches!(word.trim(), "*" | "email"));
        let is_sha256 = list.split(':').any(|word| word.trim().eq_ignore_ascii_case("sha256"));
        let kept = match &*name {
            "v" | "k" | "p" => continue,
            "h" if !is_sha256 => continue,
            "s" if !is_email => continue,
            "t" => {
                let flags = list.split(':').map(str::trim);
                let flags: Vec<&str> = flags.filter(|flag| !flag.eq_ignore_ascii_case("y")).collect();
                flags.join(":")
            }
            _ => list.to_owned(),
        };
        if kept.is_empty() || names.contains(&name) {
            continue;
        }
        value.push_str(&format!("; {name}={kept}"));
        names.push(name);
    }
    let added = vec![wanted.to_owned()];
    Merged { value, added }
}

/// A `tag=value` record with one tag's value replaced, or put at the end.
pub(super) fn with_tag(text: &str, name: &str, value: &str) -> Merged {
    let added = vec![format!("{name}={value}")];
    let mut is_there = false;
    let parts = text.split(';').map(|part| match part.split_once('=') {
        Some((tag, _)) if tag.trim().eq_ignore_ascii_case(name) => {
            is_there = true;
            let lead = part.len() - part.trim_start().len();
            format!("{}{}", &part[..lead], added[0])
        }
        _ => part.to_owned(),
    });
    let mut all = parts.collect::<Vec<_>>().join(";");
    if !is_there {
        all = format!("{}; {}", all.trim_end().trim_end_matches(';').trim_end(), added[0]);
    }
    Merged { value: all, added }
}
