//! The sending services that we know, and the facts that identify them: `data/services.tsv`, and a file of the operator's.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::base::{ancestors, is_hostname, normalise_domain_cow, words};
use crate::tally::kept_part;

const BUILT_IN: &str = include_str!("../../data/services.tsv");
const HEADER: &str = "name\tcategory\tdkim_domains\tspf_domains\tptr_suffixes\tasns\tsources";

/// Longest file, in bytes.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most rows of a file.
const ROWS_MAX: usize = 20_000;
/// Longest name of a service, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// Most values in a cell.
const VALUES_MAX: usize = 1_000;
/// Problems that are listed; the others are counted.
const PROBLEMS_MAX: usize = 50;

words! {
    /// What a service is for.
    Category: u8 {
        Mailbox = 0 "mailbox", Forwarder = 1 "forwarder", SecurityGateway = 2 "security_gateway", Isp = 3 "isp",
        Hosting = 4 "hosting", MailingList = 5 "mailing_list", Marketing = 6 "marketing",
        Transactional = 7 "transactional", Ticketing = 8 "ticketing", Business = 9 "business", Crm = 10 "crm",
        AppPlatform = 11 "app_platform", Hr = 12 "hr", Events = 13 "events", Survey = 14 "survey", Relay = 15 "relay",
        Education = 16 "education", Social = 17 "social", SpfHosting = 18 "spf_hosting",
        ServiceNotice = 19 "service_notice", SecurityTraining = 20 "security_training",
    }
}

impl Category {
    /// Whether others rent machines in its networks: an address says who operates it, never who sends.
    pub fn rents_machines(self) -> bool {
        matches!(self, Self::Hosting | Self::Isp)
    }

    /// Whether it passes on mail of others: mailboxes that forward, forwarders, gateways and access providers.
    pub fn passes_mail_on(self) -> bool {
        matches!(
            self,
            Self::Mailbox | Self::Forwarder | Self::SecurityGateway | Self::Isp
        )
    }
}

/// A sending service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: Box<str>,
    pub category: Category,
}

impl Service {
    /// Whether both belong to the same company: their names begin with the same word.
    pub fn is_of_family(&self, other: &Self) -> bool {
        let word = |service: &Self| {
            let first = service.name.split([' ', ',']).next().unwrap_or_default();
            first.to_ascii_lowercase()
        };
        word(self) == word(other)
    }
}

/// A line of a file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1 on.
    pub line: usize,
    pub what: String,
}

/// Why a file of services was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServicesError {
    #[error("is longer than {FILE_BYTES_MAX} bytes")]
    TooLong,
    #[error("has {count} unusable lines; the first is line {}: {}", .listed[0].line, .listed[0].what)]
    Lines {
        /// At least one, at most 50.
        listed: Vec<Problem>,
        count: usize,
    },
}

/// Services by the facts that identify them. A name stands for itself and every name below it.
#[derive(Debug, Default)]
pub struct Services {
    rows: Vec<Arc<Service>>,
    dkim: HashMap<Box<str>, u32>,
    mail_from: HashMap<Box<str>, u32>,
    ptr: HashMap<Box<str>, u32>,
    asns: HashMap<u32, u32>,
}

impl Services {
    /// The services that are compiled in.
    pub fn built_in() -> Self {
        let mut services = Self::default();
        services.add(BUILT_IN).expect("a test reads data/services.tsv");
        services
    }

    /// The services of a file, and for what it does not name the services that are compiled in.
    pub fn with_file(text: &str) -> Result<Self, ServicesError> {
        let mut services = Self::default();
        services.add(text)?;
        services.add(BUILT_IN).expect("a test reads data/services.tsv");
        Ok(services)
    }

    /// Number of services, and of the facts that identify them: DKIM, MAIL FROM, PTR and AS.
    pub fn counts(&self) -> (usize, [usize; 4]) {
        let facts = [self.dkim.len(), self.mail_from.len(), self.ptr.len(), self.asns.len()];
        (self.rows.len(), facts)
    }

    /// The service that signs with this `d=`.
    pub fn by_dkim(&self, domain: &str) -> Option<&Arc<Service>> {
        self.by_suffix(&self.dkim, domain)
    }

    /// The service that sends with this MAIL FROM domain.
    pub fn by_mail_from(&self, domain: &str) -> Option<&Arc<Service>> {
        self.by_suffix(&self.mail_from, domain)
    }

    /// The service that operates an address with this name.
    pub fn by_ptr(&self, name: &str) -> Option<&Arc<Service>> {
        self.by_suffix(&self.ptr, name)
    }

    /// The service that operates this network.
    pub fn by_asn(&self, asn: u32) -> Option<&Arc<Service>> {
        self.rows.get(*self.asns.get(&asn)? as usize)
    }

    /// The longest matching suffix decides.
    fn by_suffix(&self, suffixes: &HashMap<Box<str>, u32>, name: &str) -> Option<&Arc<Service>> {
        let names = std::iter::once(name).chain(ancestors(name));
        let row = names.into_iter().find_map(|name| suffixes.get(name))?;
        self.rows.get(*row as usize)
    }

    /// Adds the rows of a file. Facts that are known already stay with their service.
    fn add(&mut self, text: &str) -> Result<(), ServicesError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(ServicesError::TooLong);
        }
        let mut file = File::default();
        for (nth, line) in text.lines().enumerate() {
            file.read(nth + 1, line);
        }
        if text.lines().next().is_none() {
            file.complain(
                1,
                format!("is missing; the first line of the file is: {}", shown_header()),
            );
        }
        if file.problems > 0 {
            return Err(ServicesError::Lines {
                listed: file.listed,
                count: file.problems,
            });
        }
        for (service, facts) in file.rows {
            let row = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
            self.rows.push(Arc::new(service));
            for fact in facts {
                match fact {
                    Fact::Dkim(name) => _ = self.dkim.entry(name.into()).or_insert(row),
                    Fact::MailFrom(name) => _ = self.mail_from.entry(name.into()).or_insert(row),
                    Fact::Ptr(name) => _ = self.ptr.entry(name.into()).or_insert(row),
                    Fact::Asn(number) => _ = self.asns.entry(number).or_insert(row),
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fact<'t> {
    Dkim(&'t str),
    MailFrom(&'t str),
    Ptr(&'t str),
    Asn(u32),
}

/// A file that is being read.
#[derive(Default)]
struct File<'t> {
    rows: Vec<(Service, Vec<Fact<'t>>)>,
    /// The line that a fact or a name stands on.
    facts: HashMap<Fact<'t>, usize>,
    names: HashMap<&'t str, usize>,
    listed: Vec<Problem>,
    problems: usize,
}

impl<'t> File<'t> {
    fn complain(&mut self, line: usize, what: String) {
        self.problems += 1;
        if self.listed.len() < PROBLEMS_MAX {
            self.listed.push(Problem { line, what });
        }
    }

    fn read(&mut self, number: usize, line: &'t str) {
        if number == 1 {
            if line != HEADER {
                self.complain(1, format!("is not the header: {}", shown_header()));
            }
            return;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            return;
        }
        if self.rows.len() >= ROWS_MAX {
            return self.complain(number, format!("is beyond the first {ROWS_MAX} services"));
        }
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, category, dkim, spf, ptr, asns, _] = cells[..] else {
            return self.complain(
                number,
                format!("has {} columns, not 7; columns are separated by one tab", cells.len()),
            );
        };
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.trim() != name {
            return self.complain(
                number,
                format!("has no name of 1 to {NAME_BYTES_MAX} bytes without blanks around it"),
            );
        }
        if let Some(other) = self.names.insert(name, number) {
            self.complain(number, format!("has the name of line {other}"));
        }
        let Some(category) = Category::from_word(category) else {
            let known: Vec<_> = Category::ALL.iter().map(|known| known.word()).collect();
            return self.complain(
                number,
                format!("has an unknown category; write one of: {}", known.join(", ")),
            );
        };
        let mut facts = Vec::new();
        for (cell, fact) in [
            (dkim, Fact::Dkim as fn(&'t str) -> Fact<'t>),
            (spf, Fact::MailFrom),
            (ptr, Fact::Ptr),
        ] {
            for value in cell.split(' ').filter(|value| !value.is_empty()).take(VALUES_MAX) {
                // Names in the SPF records of owners; no report has them.
                let is_mechanism = value.starts_with("include:") || value.starts_with("exists:");
                if is_mechanism && matches!(fact(value), Fact::MailFrom(_)) {
                    continue;
                }
                let domain = self.domain(number, value).map(fact);
                facts.extend(domain.filter(|fact| self.is_kept(number, *fact)));
            }
        }
        for value in asns.split(' ').filter(|value| !value.is_empty()).take(VALUES_MAX) {
            match value.parse() {
                Ok(asn) if asn > 0 => facts.push(Fact::Asn(asn)),
                _ => self.complain(
                    number,
                    "has an AS number that is not a number from 1 to 4294967295".to_owned(),
                ),
            }
        }
        for fact in &facts {
            if let Some(other) = self.facts.insert(*fact, number) {
                self.complain(number, format!("repeats a fact of line {other}: {}", fact_text(*fact)));
            }
        }
        let name = name.into();
        self.rows.push((Service { name, category }, facts));
    }

    /// Whether a path can have this fact.
    fn is_kept(&mut self, line: usize, fact: Fact<'t>) -> bool {
        let (Fact::Dkim(name) | Fact::MailFrom(name)) = fact else {
            return true;
        };
        let is_kept = kept_part(name) == name;
        if !is_kept {
            let what = format!("has a name further below a registered domain than is kept of it: {name}");
            self.complain(line, what);
        }
        is_kept
    }

    /// A domain name as reports are normalised, and not a whole top-level domain.
    fn domain(&mut self, line: usize, text: &'t str) -> Option<&'t str> {
        let is_plain = text.contains('.') && is_hostname(text);
        if is_plain && normalise_domain_cow(text).as_deref() == Some(text) {
            return Some(text);
        }
        self.complain(
            line,
            format!("has a name that is not a lower-case domain name with a dot: {text}"),
        );
        None
    }
}

fn shown_header() -> String {
    HEADER.replace('\t', "<tab>")
}

fn fact_text(fact: Fact<'_>) -> String {
    match fact {
        Fact::Dkim(name) | Fact::MailFrom(name) | Fact::Ptr(name) => name.to_owned(),
        Fact::Asn(number) => format!("AS{number}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(cells: &str) -> String {
        format!("{HEADER}\n{}\n", cells.replace('|', "\t"))
    }

    fn name(found: Option<&Arc<Service>>) -> &str {
        found.map_or("", |service| &service.name)
    }

    #[test]
    fn no_fact_of_the_built_in_table_belongs_to_two_services() {
        // A fact that two rows have is a problem of the file.
        let services = Services::built_in();
        let (rows, facts) = services.counts();
        assert!(rows >= 237, "{rows} services");
        assert!(facts.iter().all(|count| *count > 20), "{facts:?}");
        for category in Category::ALL {
            let count = services.rows.iter().filter(|row| row.category == *category).count();
            assert!(count > 0, "no service of category {}", category.word());
        }
    }

    #[test]
    fn a_name_stands_for_itself_and_names_below() {
        let services = Services::built_in();
        for (domain, expect) in [
            ("sendgrid.net", "Twilio SendGrid"),
            ("em123.sendgrid.net", "Twilio SendGrid"),
            ("notsendgrid.net", ""),
            ("sendgrid.net.example.org", ""),
            ("net", ""),
            ("", ""),
        ] {
            assert_eq!(name(services.by_dkim(domain)), expect, "{domain}");
        }
        // The longer name decides.
        assert_eq!(
            name(services.by_mail_from("x.bounces.google.com")),
            "Google (own notices)"
        );
        assert_eq!(
            name(services.by_ptr("mail-ej1-f41.google.com")),
            "Google Workspace, Gmail"
        );
        assert_eq!(name(services.by_asn(11_377)), "Twilio SendGrid");
        assert_eq!(name(services.by_asn(0)), "");
        // `include:` names are the owner's record, never in reports.
        assert_eq!(name(services.by_mail_from("_spf.google.com")), "");
    }

    #[test]
    fn a_file_of_the_operators_comes_first() {
        let text = row("Our relay|relay|sendgrid.net|mail.example.net|out.example.net|64500|ours") + "# a remark\n\n";
        let services = Services::with_file(&text).unwrap();
        assert_eq!(name(services.by_dkim("em.sendgrid.net")), "Our relay");
        assert_eq!(name(services.by_mail_from("a.mail.example.net")), "Our relay");
        assert_eq!(name(services.by_ptr("mx1.out.example.net")), "Our relay");
        assert_eq!(name(services.by_asn(64_500)), "Our relay");
        assert_eq!(
            name(services.by_asn(11_377)),
            "Twilio SendGrid",
            "the rest is as it was"
        );
    }

    #[test]
    fn a_wrong_line_is_named_with_what_is_wrong() {
        for (line, what) in [
            ("One|relay|a.example", "3 columns, not 7"),
            ("|relay|||||", "no name"),
            (" One|relay|||||", "no name"),
            ("One|Relay|||||", "unknown category; write one of: mailbox, "),
            (
                "One|relay|A.example||||",
                "not a lower-case domain name with a dot: A.example",
            ),
            ("One|relay||com|||", "not a lower-case domain name with a dot: com"),
            ("One|relay|||a..example||", "domain name"),
            ("One|relay|include:a.example||||", "domain name"),
            ("One|relay|a.b.c.example.com||||", "further below a registered domain"),
            ("One|relay||a.b.example.com|||", "further below a registered domain"),
            ("One|relay||||AS64500|", "AS number"),
            ("One|relay||||0|", "AS number"),
            ("One|relay||||64500 64500|", "repeats a fact of line 2: AS64500"),
            ("One|relay||||4294967296|", "AS number"),
        ] {
            let error = Services::with_file(&row(line)).unwrap_err();
            let ServicesError::Lines { listed, count } = error else {
                panic!("{line}: {error}")
            };
            assert_eq!((listed[0].line, count), (2, 1), "{line}");
            assert!(listed[0].what.contains(what), "{line}: {}", listed[0].what);
        }
        let twice = row("One|relay|||a.example||") + &"Two|relay|||a.example||\n".replace('|', "\t");
        let error = Services::with_file(&twice).unwrap_err().to_string();
        assert!(error.contains("line 3: repeats a fact of line 2: a.example"), "{error}");
        for text in ["", "name,category\n"] {
            let error = Services::with_file(text).unwrap_err().to_string();
            assert!(
                error.contains("line 1: is") && error.contains("name<tab>category"),
                "{text}: {error}"
            );
        }
        let many = row(&"One|x|||||\n".repeat(1_000));
        let error = Services::with_file(&many).unwrap_err();
        let ServicesError::Lines { listed, count } = error else {
            panic!("{error}")
        };
        // Each repeats the name of the one before, and each has an unknown category.
        assert_eq!((listed.len(), count), (PROBLEMS_MAX, 1_999));
        let long = " ".repeat(FILE_BYTES_MAX + 1);
        assert_eq!(Services::with_file(&long).unwrap_err(), ServicesError::TooLong);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|\t|\n){0,200}", cells in "[a-z.|: 0-9\u{1b}]{0,60}") {
            let _ = Services::with_file(&text);
            let _ = Services::with_file(&row(&cells));
        }
    }
}
