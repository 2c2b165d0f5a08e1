//! What the name of a report's attachment says about it.

use super::{Window, instant, text};
use crate::base::normalise_domain;

/// The facts in `receiver!domain!begin!end[!id].ext` (RFC 9990, 3.1.4; RFC 7489, 7.2.1.1): a hint, taken only
/// where the report lacks the datum itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNameFacts {
    /// Domain of who made the report, lower-case.
    pub reporter: Box<str>,
    /// The policy domain, lower-case A-labels.
    pub domain: Box<str>,
    /// Unix seconds, as in the name.
    pub window: Window,
}

impl FileNameFacts {
    /// The facts in `name`, if it has the form. A folder before it, an odd extension, dots in the id: all seen.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.rsplit(['/', '\\']).next()?;
        let mut parts = name.split('!');
        let (reporter, domain) = (parts.next()?, parts.next()?);
        let (begin, end) = (parts.next()?, parts.next()?);
        // OpenDMARC wrote `...!1337356799.20120518.xml` in 2012: the end is what comes before the first dot.
        let instant = |text: &str| match instant::instant(text.split('.').next()?)? {
            text::Read::Plain(instant) => Some(instant),
            text::Read::Odd(_) => None,
        };
        let window = Window {
            begin: instant(begin)?,
            end: instant(end)?,
        };
        if name.len() > 1024 || window.begin > window.end {
            return None;
        }
        Some(Self {
            reporter: normalise_domain(reporter)?,
            domain: normalise_domain(domain)?,
            window,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names() {
        let check = |name: &str, expect: Option<(&str, &str, i64, i64)>| {
            let facts = FileNameFacts::parse(name);
            let facts = facts
                .as_ref()
                .map(|it| (&*it.reporter, &*it.domain, it.window.begin, it.window.end));
            assert_eq!(facts, expect, "{name}");
        };
        let example = Some(("mail.receiver.example", "example.com", 1013662812, 1013749130));
        check(
            "mail.receiver.example!example.com!1013662812!1013749130.xml.gz",
            example,
        );
        check(
            "/var/db/mail.receiver.example!Example.com!1013662812!1013749130!a1B2.zip",
            example,
        );
        check(
            "mail.receiver.example!example.com!1013662812!1013749130.20020214.xml",
            example,
        );
        check("report.xml", None);
        check("a!b!c!d.xml", None);
        check("a!b!2!1.xml", None);
    }
}
