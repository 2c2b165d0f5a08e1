//! Who signed: domains and selectors of DKIM signatures.

use hashbrown::HashMap;

use crate::report::aggregate::{AuthResult, Evidence};

/// Maximum number of signers that one report adds to a day. Beyond it, those with the fewest messages are summed
/// under empty names.
const SIGNERS_MAX: usize = 64;
/// Longest stored name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// A report's messages of one day that were signed by one domain with one selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub domain: String,
    pub selector: String,
    pub pass: u64,
    pub fail: u64,
}

/// Adds up messages by who signed them. A message with several signatures counts for each signer, once.
pub fn signed<'e>(counts: impl Iterator<Item = (&'e Evidence, u64)>) -> Vec<Signed> {
    let mut sums: HashMap<(&str, &str), (u64, u64)> = HashMap::new();
    for (evidence, count) in counts {
        for (signer, passed) in signers(evidence) {
            let (pass, fail) = sums.entry(signer).or_default();
            let sum = if passed { pass } else { fail };
            *sum = sum.saturating_add(count);
        }
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    if sums.len() > SIGNERS_MAX {
        sums.sort_unstable_by_key(|(signer, (pass, fail))| (std::cmp::Reverse(pass.saturating_add(*fail)), *signer));
        let rest = sums.split_off(SIGNERS_MAX);
        let (pass, fail) = rest.iter().fold((0_u64, 0_u64), |sum, (_, (pass, fail))| {
            (sum.0.saturating_add(*pass), sum.1.saturating_add(*fail))
        });
        match sums.iter_mut().find(|(signer, _)| *signer == ("", "")) {
            Some((_, known)) => *known = (known.0.saturating_add(pass), known.1.saturating_add(fail)),
            None => sums.push((("", ""), (pass, fail))),
        }
    }
    sums.sort_unstable();
    let signed = sums.into_iter().map(|((domain, selector), (pass, fail))| Signed {
        domain: domain.to_owned(),
        selector: selector.to_owned(),
        pass,
        fail,
    });
    signed.collect()
}

/// Who signed, by domain and selector and without repetition, and whether one of their signatures passed.
pub fn signers(evidence: &Evidence) -> Vec<((&str, &str), bool)> {
    let mut signers = Vec::with_capacity(evidence.dkim.len());
    for dkim in &evidence.dkim {
        // Some reporters write a result without a signature, which has no signer.
        if dkim.domain.is_some() || dkim.selector.is_some() {
            let names = (name_cut(dkim.domain.as_deref()), name_cut(dkim.selector.as_deref()));
            signers.push((names, dkim.result == AuthResult::Pass));
        }
    }
    // A passing signature of a signer sorts first, and is the one that stays.
    signers.sort_unstable_by_key(|(names, passed)| (*names, !passed));
    signers.dedup_by_key(|(names, _)| *names);
    signers
}

/// A name of a reporter or a signer as far as it is kept; empty for none.
pub fn name_cut(name: Option<&str>) -> &str {
    let name = name.unwrap_or_default();
    &name[..name.floor_char_boundary(NAME_BYTES_MAX)]
}
