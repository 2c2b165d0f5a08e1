//! Identifier alignment (RFC 7489, 3.1; RFC 9989, 4.10.1).

use super::AlignmentMode;
use crate::base::organizational_domain;

/// Whether two normalised names are aligned: equal (strict), or of one organizational domain (relaxed).
/// An empty name is aligned with nothing.
pub fn is_aligned(mode: AlignmentMode, name: &str, author: &str) -> bool {
    if name.is_empty() || author.is_empty() {
        return false;
    }
    match mode {
        _ if name.eq_ignore_ascii_case(author) => true,
        AlignmentMode::Strict => false,
        AlignmentMode::Relaxed => organizational_domain(name).eq_ignore_ascii_case(organizational_domain(author)),
    }
}

#[cfg(test)]
mod tests {
    use super::AlignmentMode::{Relaxed, Strict};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pairs() {
        let check = |name: &str, author: &str, strict: bool, relaxed: bool| {
            assert_eq!(is_aligned(Strict, name, author), strict, "{name} {author}");
            assert_eq!(is_aligned(Relaxed, name, author), relaxed, "{name} {author}");
        };
        check("example.com", "example.com", true, true);
        check("Example.com", "example.COM", true, true);
        check("mail.example.com", "example.com", false, true);
        check("a.example.co.uk", "b.example.co.uk", false, true);
        check("example.co.uk", "example2.co.uk", false, false);
        check("co.uk", "example.co.uk", false, false);
        check("notexample.com", "example.com", false, false);
        check("", "", false, false);
        check("", "example.com", false, false);
    }

    proptest! {
        #[test]
        fn alignment_is_symmetric(a in "([a-c]\\.){0,2}(a|b)\\.(com|co\\.uk)", b in "([a-c]\\.){0,2}(a|b)\\.(com|co\\.uk)") {
            prop_assert_eq!(is_aligned(Relaxed, &a, &b), is_aligned(Relaxed, &b, &a));
            prop_assert!(!is_aligned(Strict, &a, &b) || is_aligned(Relaxed, &a, &b));
        }
    }
}
