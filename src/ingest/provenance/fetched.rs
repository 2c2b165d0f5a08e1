//! Mail that no peer delivered to us: read from a mailbox, a folder or a file, or handed in.
//!
//! Who delivered it is not known, so SPF says nothing, and DMARC rests on signatures. What a host found that is believed
//! counts without a question. Else signatures are verified while their keys can be expected in the DNS, and within a budget over
//! all such mail: an archive must not become a flood of questions.

use std::hash::{BuildHasher as _, Hash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashSet};
use mail_auth::AuthenticatedMessage;

use super::choice;
use super::results::{self, Said};
use crate::base::Millis;
use crate::base::clock::parse_mail_date;
use crate::store::{Provenance, TOO_OLD};
use crate::unpack;

const DAY_MILLIS: Millis = 86_400_000;
/// After this time the budget is there again.
const REFILLED_AFTER: Duration = Duration::from_secs(3_600);

/// How mail without an envelope is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedOptions {
    /// Age of a mail in days up to which its signatures are verified: keys are replaced after some time. 0: none is.
    pub days_max: u32,
    /// Names that the DNS is asked about in an hour. Each is free when it comes again: reporters have few keys.
    pub names_max: u64,
    /// Time for the checks in an hour that ask about new names or get no answer, over all mails.
    pub time_max: Duration,
    /// Hosts whose `Authentication-Results` are believed, by the name that they give themselves in it.
    pub results_hosts: Vec<String>,
}

impl Default for FetchedOptions {
    fn default() -> Self {
        Self {
            days_max: 7,
            names_max: 1_000,
            time_max: Duration::from_secs(60),
            results_hosts: Vec::new(),
        }
    }
}

/// What a mail without an envelope says of itself.
#[derive(Debug)]
pub(crate) enum Look {
    /// Nothing that could be checked: it is not a mail, is not signed, or does not say that there is a report in it.
    Nothing,
    Known(Box<Provenance>),
    /// Its signatures are to be verified.
    Signed,
}

/// Looks at a message before anything is asked.
pub(super) fn look(
    bytes: &[u8],
    options: &FetchedOptions,
    (bytes_max, fields_max): (usize, usize),
    now: Millis,
) -> Look {
    if !may_be_mail(bytes) {
        return Look::Nothing;
    }
    let Some(header) = choice::header(bytes, bytes_max, fields_max) else {
        return Look::Nothing;
    };
    let (mut is_signed, mut is_recent, mut results) = (false, false, Said::Other);
    for (name, value) in fields(header) {
        if name.eq_ignore_ascii_case(b"dkim-signature") {
            is_signed = true;
        } else if name.eq_ignore_ascii_case(b"date") {
            let date = std::str::from_utf8(value)
                .ok()
                .and_then(|text| parse_mail_date(text.trim()));
            let oldest = now.saturating_sub(Millis::from(options.days_max).saturating_mul(DAY_MILLIS));
            is_recent |= date.is_some_and(|date| date >= oldest);
        } else if name.eq_ignore_ascii_case(b"authentication-results") && results == Said::Other {
            // The host that is believed wrote above what came to it.
            let author = || author(header);
            results = results::read(value, &options.results_hosts, author().as_deref(), now);
        }
    }
    let is_wanted = matches!(results, Said::Results(_)) || is_signed && options.days_max > 0;
    // Other mail belongs to the owner of the mailbox: nothing is asked for it.
    if !is_wanted || !unpack::says_report(bytes) {
        return Look::Nothing;
    }
    match results {
        Said::Results(found) => Look::Known(found),
        _ if is_recent => Look::Signed,
        _ => Look::Known(Box::new(Provenance {
            unchecked: Some(TOO_OLD.to_owned()),
            ..Provenance::fetched()
        })),
    }
}

/// Whether bytes can begin a mail, and not one of the other forms of a report.
fn may_be_mail(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first.is_ascii_alphabetic()) && !bytes.starts_with(b"PK\x03\x04")
}

/// The fields of a header: name, and value with its line breaks.
fn fields(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let ends = memchr::memchr_iter(b'\n', rest);
        let is_end = |end: &usize| !matches!(rest.get(end + 1), Some(b' ' | b'\t'));
        let end = ends.into_iter().find(is_end).map_or(rest.len(), |end| end + 1);
        let (field, behind) = rest.split_at(end);
        rest = behind;
        let colon = memchr::memchr(b':', field).unwrap_or(field.len());
        let (name, value) = field.split_at(colon);
        Some((name.trim_ascii_end(), value.get(1..).unwrap_or_default()))
    })
}

fn author(header: &[u8]) -> Option<String> {
    let message = AuthenticatedMessage::parse_with_opts(header, None, true)?;
    choice::only_author_domain(&message)
}

/// What the checks of an hour have cost.
#[derive(Debug)]
pub(super) struct Spending {
    names_max: u64,
    time_max: Duration,
    hasher: DefaultHashBuilder,
    state: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    since: Option<Duration>,
    /// Hashes of the names that were asked about.
    names: HashSet<u64>,
    time: Duration,
}

impl Spending {
    pub fn new(options: &FetchedOptions) -> Self {
        Self {
            names_max: options.names_max,
            time_max: options.time_max,
            hasher: DefaultHashBuilder::default(),
            state: Mutex::default(),
        }
    }

    /// A check begins, at a monotonic time. Whether there is time for it; the number of names that were asked about.
    pub fn begin(&self, now: Duration) -> Option<usize> {
        let mut spent = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if spent
            .since
            .is_none_or(|since| now.saturating_sub(since) >= REFILLED_AFTER)
        {
            *spent = Spent {
                since: Some(now),
                ..Spent::default()
            };
        }
        (spent.time < self.time_max).then_some(spent.names.len())
    }

    /// Whether a name may be asked about.
    pub fn admit(&self, name: &(impl Hash + ?Sized)) -> bool {
        let name = self.hasher.hash_one(name);
        let mut spent = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.names.contains(&name) {
            return true;
        }
        let has_room = (spent.names.len() as u64) < self.names_max;
        if has_room {
            spent.names.insert(name);
        }
        has_room
    }

    /// A check that had begun found out. It costs nothing if it asked nothing new.
    pub fn end(&self, names_before: usize, took: Duration) {
        let has_asked = self.state.lock().unwrap_or_else(PoisonError::into_inner).names.len() > names_before;
        if has_asked {
            self.spend(took);
        }
    }

    /// A check got no answer, or asked for something new.
    pub fn spend(&self, took: Duration) {
        let mut spent = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        spent.time = spent.time.saturating_add(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_764_000_000_000;

    fn mail(fields: &str) -> Vec<u8> {
        format!("{fields}From: a@reporter.example\r\nSubject: Report Domain: example.com Submitter: reporter.example\r\n\r\nx\r\n")
            .into_bytes()
    }

    fn looked(bytes: &[u8], change: impl FnOnce(&mut FetchedOptions)) -> Look {
        let mut options = FetchedOptions::default();
        change(&mut options);
        look(bytes, &options, (10_000, 100), NOW)
    }

    #[test]
    fn only_recent_signed_mail_with_a_report_is_asked_about() {
        const SIGNED: &str = "DKIM-Signature: v=1;\r\n d=reporter.example\r\n";
        const RECENT: &str = "Date: Mon, 24 Nov 2025 10:00:00 +0000\r\n";
        let recent = mail(&format!("{SIGNED}{RECENT}"));
        assert!(matches!(looked(&recent, |_| {}), Look::Signed));
        assert!(matches!(looked(&recent, |options| options.days_max = 0), Look::Nothing));
        for (bytes, why) in [
            (mail(RECENT), "not signed"),
            (b"<feedback/>".to_vec(), "no mail"),
            (b"PK\x03\x04DKIM-Signature: a\r\n".to_vec(), "no mail"),
            (
                format!("{SIGNED}{RECENT}From: a@b.example\r\n\r\nHello\r\n").into_bytes(),
                "no report",
            ),
            (Vec::new(), "nothing"),
        ] {
            assert!(matches!(looked(&bytes, |_| {}), Look::Nothing), "{why}");
        }
        for date in ["", "Date: Mon, 10 Nov 2025 10:00:00 +0000\r\n", "Date: long ago\r\n"] {
            let Look::Known(found) = looked(&mail(&format!("{SIGNED}{date}")), |_| {}) else {
                panic!("{date}")
            };
            assert_eq!(found.unchecked.as_deref(), Some(TOO_OLD), "{date}");
        }
    }

    #[test]
    fn results_of_a_known_host_are_believed_whatever_the_age() {
        let bytes = mail(
            "Authentication-Results: other.example; dmarc=fail\r\nAuthentication-Results: mx.example.net;\r\n dmarc=pass\r\n",
        );
        assert!(matches!(looked(&bytes, |_| {}), Look::Nothing));
        let Look::Known(found) = looked(&bytes, |options| {
            options.results_hosts.push("MX.example.net".to_owned())
        }) else {
            panic!()
        };
        assert_eq!(
            (found.dmarc.word(), found.domain.as_deref()),
            ("pass", Some("reporter.example"))
        );
    }

    #[test]
    fn names_and_time_are_bounded_and_come_back_after_an_hour() {
        let spending = Spending::new(&FetchedOptions {
            names_max: 2,
            time_max: Duration::from_secs(3),
            ..FetchedOptions::default()
        });
        let at = Duration::from_secs;
        assert_eq!(spending.begin(at(0)), Some(0));
        assert_eq!(
            [1, 2, 3, 1].map(|name| spending.admit(&name)),
            [true, true, false, true]
        );
        spending.end(0, at(1));
        // Nothing new was asked.
        spending.end(2, at(50));
        assert_eq!(spending.begin(at(9)), Some(2));
        spending.spend(at(2));
        assert_eq!(spending.begin(at(10)), None);
        assert_eq!(spending.begin(at(3_600)), Some(0));
        assert!(spending.admit(&3));
    }
}
