//! Whose a report is, within an account. The answer depends on which domains there are, never on the order in which
//! domains and reports came.
//!
//! 1. A report belongs to the closest domain at or above its policy domain.
//! 2. Where the account has none, each record belongs to the closest domain below the policy domain and at or above the
//!    record's header_from. What a domain gets of a report so is a slice. The text waits as unclaimed as well, to be counted
//!    whole when its policy domain, or one above it, is added.
//! 3. A record for which there is no domain is not counted.
//!
//! A report therefore has one row in the account, or slices that have no record in common, and is looked for there
//! only. Adding or removing a domain moves reports so that this stays true (`moving.rs`).

use std::ops::Range;

use crate::base::ancestors;

/// A name with its labels turned round, `com.example.mail.`: names below it begin with it.
pub(super) fn turned(name: &str) -> Vec<u8> {
    let mut turned = Vec::with_capacity(name.len() + 1);
    for label in name.rsplit('.') {
        turned.extend_from_slice(label.as_bytes());
        turned.push(b'.');
    }
    turned
}

/// The turned names at or below a name: from the first up to the second.
pub(super) fn at_or_below(name: &str) -> Range<Vec<u8>> {
    let begin = turned(name);
    let mut end = begin.clone();
    // It ends with a dot: the byte after it ends the range.
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    begin..end
}

/// `reports.policy_key` of a report in the row of the domain `own`.
pub(super) fn policy_key(policy_domain: &str, own: &str) -> Option<Vec<u8>> {
    (policy_domain != own).then(|| turned(policy_domain))
}

/// Whether `name` is `above` or below it.
pub(super) fn is_at_or_below(name: &str, above: &str) -> bool {
    let rest = name.strip_suffix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The names that a record of a report about `policy_domain` may belong to, nearest first: its own and those above it, down
/// to the policy domain, which is not among them.
pub(super) fn below<'n>(policy_domain: &'n str, header_from: &'n str) -> impl Iterator<Item = &'n str> {
    let upwards = std::iter::once(header_from).chain(ancestors(header_from));
    upwards.take_while(move |name| *name != policy_domain && is_at_or_below(name, policy_domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turned_names_sort_below_those_above_them() {
        let check = |name: &str, above: &str, expect: bool| {
            assert_eq!(at_or_below(above).contains(&turned(name)), expect, "{name} {above}");
            assert_eq!(is_at_or_below(name, above), expect, "{name} {above}");
        };
        check("example.com", "example.com", true);
        check("mail.example.com", "example.com", true);
        check("a.b.example.com", "example.com", true);
        check("example.com", "mail.example.com", false);
        check("notexample.com", "example.com", false);
        check("mail-example.com", "example.com", false);
        check("example.com.example.net", "example.com", false);
        check("com", "example.com", false);
    }

    #[test]
    fn a_record_belongs_below_the_policy_domain_only() {
        let names = |policy, from| below(policy, from).collect::<Vec<_>>();
        assert_eq!(
            names("one.example", "a.news.one.example"),
            ["a.news.one.example", "news.one.example"]
        );
        assert_eq!(names("one.example", "one.example"), [""; 0]);
        assert_eq!(names("one.example", "other.example"), [""; 0]);
        assert_eq!(names("one.example", "notone.example"), [""; 0]);
        assert_eq!(names("one.example", ""), [""; 0]);
    }
}
