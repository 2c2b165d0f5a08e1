//! Which part of a name has one owner, by the public suffix list.

/// The organizational domain of a normalised name by the public suffix list (RFC 7489, 3.2), or the name itself where it
/// has none (a public suffix, a single label). RFC 9989, 4.10 walks DNS instead, which a reader of reports cannot repeat.
pub fn organizational_domain(name: &str) -> &str {
    psl::domain_str(name).unwrap_or(name)
}

/// Whether domains of different owners are below a normalised name, by the public suffix list: `com`, `co.uk`.
pub fn is_public_suffix(name: &str) -> bool {
    psl::domain_str(name).is_none()
}

/// As [`organizational_domain`]; `None` for a name that belongs to a registry, such as `com` or `co.uk`. A name below which a
/// company's customers have theirs, such as `amazonses.com`, does not.
pub fn registered_domain(name: &str) -> Option<&str> {
    let registered = psl::domain_str(name);
    if registered.is_some() {
        return registered;
    }
    let suffix = psl::suffix(name.as_bytes());
    let is_of_registry = suffix.is_some_and(|suffix| suffix == name && suffix.typ() == Some(psl::Type::Icann));
    (!is_of_registry).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizational_domains() {
        let check = |name: &str, expect: &str| assert_eq!(organizational_domain(name), expect);
        check("a.b.example.com", "example.com");
        check("a.example.co.uk", "example.co.uk");
        check("co.uk", "co.uk");
        check("com", "com");
        check("a.b.unlisted-tld", "b.unlisted-tld");
        check("", "");
    }
}
