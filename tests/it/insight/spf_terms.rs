//! Which term of an SPF record decides: generated records, against `pyspf` from PyPI.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};
use tallymark::base::DomainName;
use tallymark::domains::{SpfTrial, Tried};

use super::spf::domains;
use crate::chance::Chance;
use crate::client::{python, script};
use crate::provenance::dns::{Dns, Has};
use crate::store::{Database, Dialect};

const RECORDS: usize = 750;
/// Last bytes of the addresses that terms name.
const NAMED: u64 = 8;
/// Last bytes of the addresses that are asked about for each record, of IPv4 and of IPv6: no term names the last one.
const ASKED: [&[u8]; 2] = [&[0, 1, 2, 3, 4, 5, 6, 7, 200], &[0, 2, 4, 6, 200]];

/// What is special about a generated record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// It stays within all limits, and depends on the address alone.
    Plain,
    /// It asks for names that are made of the address.
    Macros,
    /// It has more lookups than receivers allow.
    ManyLookups,
    /// It looks up more names that have nothing than receivers allow.
    Voids,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Plain,
        Self::Plain,
        Self::Plain,
        Self::Macros,
        Self::ManyLookups,
        Self::Voids,
    ];

    fn lookups_max(self) -> u64 {
        if self == Self::ManyLookups { 14 } else { 9 }
    }

    /// Receivers count lookups up to the term that matches, and we count those of the whole record. The two differ where a record within
    /// another one ends early without a pass, so those of these kinds do not.
    fn ends_early(self) -> bool {
        matches!(self, Self::Plain | Self::Macros)
    }
}

/// Records and hosts of a generated domain.
struct Zone {
    kind: Kind,
    texts: BTreeMap<String, String>,
    /// Last bytes of the addresses.
    hosts: BTreeMap<String, u8>,
    mail_hosts: BTreeMap<String, String>,
    lookups: u64,
    voids: u64,
    macros: u64,
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

fn address6(last: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into())
}

fn named(chance: &mut Chance) -> u8 {
    chance.below(NAMED) as u8
}

impl Zone {
    fn new(chance: &mut Chance, name: &str) -> Self {
        let mut zone = Self {
            kind: Kind::ALL[chance.below(6) as usize],
            texts: BTreeMap::new(),
            hosts: BTreeMap::new(),
            mail_hosts: BTreeMap::new(),
            lookups: 0,
            voids: 0,
            macros: 0,
        };
        zone.add(chance, name, 0);
        zone
    }

    /// A record at `name`, and the records that it refers to.
    fn add(&mut self, chance: &mut Chance, name: &str, depth: u64) {
        let mut terms = vec!["v=spf1".to_owned()];
        let some = match self.kind {
            Kind::ManyLookups | Kind::Voids if depth == 0 => 8 + chance.below(8),
            _ => 1 + chance.below(5),
        };
        for nth in 0..some {
            let signs = if depth == 0 || self.kind.ends_early() { 7 } else { 4 };
            let sign = ["", "", "", "+", "-", "~", "?"][chance.below(signs) as usize];
            let term = self.term(chance, &format!("t{nth}.{name}"), depth);
            terms.push(format!("{sign}{term}"));
        }
        let end = chance.below(6);
        let may_ask = self.lookups < self.kind.lookups_max() && self.kind.ends_early();
        if end == 0 && depth < 3 && may_ask {
            self.lookups += 1;
            let other = format!("r.{name}");
            self.add(chance, &other, depth + 1);
            terms.push(format!("redirect={other}"));
        } else if end == 1 && depth == 0 && may_ask && self.kind == Kind::Plain {
            self.lookups += 1;
            // There is no such record.
            terms.push(format!("include:missing.{name} ip4:192.0.2.1"));
        } else if end > 2 {
            terms.push(["-all", "~all", "?all", "+all"][(chance.below(8) as usize).min(3)].to_owned());
        }
        self.texts.insert(name.to_owned(), terms.join(" "));
    }

    fn term(&mut self, chance: &mut Chance, below: &str, depth: u64) -> String {
        let may_ask = self.lookups < self.kind.lookups_max();
        let kind = if may_ask { chance.below(10) } else { chance.below(5) };
        self.lookups += u64::from(kind > 4);
        match kind {
            0 | 1 => format!("ip4:{}", address(named(chance))),
            2 => format!("ip4:{}/{}", address(named(chance)), 28 + chance.below(5)),
            3 => format!("ip6:{}", address6(named(chance))),
            4 => format!("ip6:{}/{}", address6(named(chance)), 124 + chance.below(5)),
            5 | 6 if depth < 3 => {
                self.add(chance, below, depth + 1);
                format!("include:{below}")
            }
            7 => {
                self.mail_hosts.insert(below.to_owned(), format!("host.{below}"));
                self.hosts.insert(format!("host.{below}"), named(chance));
                format!("mx:{below}")
            }
            8 if self.kind == Kind::Macros && self.macros < 2 => {
                self.macros += 1;
                format!("exists:%{{ir}}.%{{v}}.{below}.exists.example")
            }
            8 | 9 if self.kind == Kind::Voids && self.voids < 5 => {
                self.voids += 1;
                format!("a:{below}")
            }
            _ => {
                self.hosts.insert(below.to_owned(), named(chance));
                let lengths = ["", "", "/30", "//126", "/29//125"][chance.below(5) as usize];
                format!("a:{below}{lengths}")
            }
        }
    }

    fn publish(&self, dns: &Dns) {
        for (name, text) in &self.texts {
            dns.text(name, text);
        }
        for (name, last) in &self.hosts {
            dns.add(name, Has::Address(address(*last)));
            dns.add(name, Has::Address6(address6(*last)));
        }
        for (name, host) in &self.mail_hosts {
            dns.add(name, Has::Mx(host.clone()));
        }
    }

    fn names(&self) -> impl Iterator<Item = (String, Value)> {
        let texts = self.texts.iter();
        let texts = texts.map(|(name, text)| (name.clone(), json!({ "TXT": [text] })));
        let hosts = self.hosts.iter().map(|(name, last)| {
            let has = json!({ "A": [address(*last)], "AAAA": [address6(*last)] });
            (name.clone(), has)
        });
        let mail_hosts = self.mail_hosts.iter();
        let mail_hosts = mail_hosts.map(|(name, host)| (name.clone(), json!({ "MX": [host] })));
        texts.chain(hosts).chain(mail_hosts)
    }
}

/// What we say of an address, and what is special about the record.
struct Ours {
    kind: Kind,
    tried: Tried,
    /// The term of the domain's own record.
    term: Option<String>,
    record: String,
    macros: u64,
}

impl Ours {
    fn new(zone: &Zone, name: &str, trial: &SpfTrial, address: IpAddr) -> Self {
        let (tried, term) = trial.matched(address, None);
        let root = term.and_then(|term| trial.with_parents(term).last());
        Self {
            kind: zone.kind,
            tried,
            term: root.map(|root| trial.terms[usize::from(root)].text.to_string()),
            record: zone.texts[name].clone(),
            macros: zone.macros,
        }
    }

    /// The answer of `pyspf`: whatever DNS has of the names with macros, ours must be right.
    fn check(&self, theirs: &Value, case: &Value) {
        let said = format!(
            "{case} {}: {theirs}, and {:?} by {:?}",
            self.record, self.tried, self.term
        );
        let [result, otherwise] = ["result", "otherwise"].map(|member| theirs[member].as_str().unwrap());
        match (result == "pass", otherwise == "pass") {
            (true, true) if self.macros > 1 => assert_ne!(self.tried, Tried::Fail, "{said}"),
            (false, false) if self.macros > 1 => assert_ne!(self.tried, Tried::Pass, "{said}"),
            (true, true) => assert_eq!(self.tried, Tried::Pass, "{said}"),
            (false, false) => assert_eq!(self.tried, Tried::Fail, "{said}"),
            _ => assert_eq!(self.tried, Tried::Unknown, "{said}"),
        }
        if self.macros > 0 {
            return;
        }
        match (result, &self.term) {
            // No term of the record decides when receivers give up.
            ("permerror", _) => assert_eq!(self.term, None, "{said}"),
            // It names the term of the record behind the redirect.
            (_, Some(term)) if term.starts_with("redirect=") => {}
            _ if self.record.contains("redirect=") && self.term.is_none() => {}
            (_, term) => assert_eq!(term.as_deref(), theirs["term"].as_str(), "{said}"),
        }
    }
}

fn ask_pyspf(db: &Database, asked: &Value) -> Vec<Value> {
    let file = db.folder().join("cases.json");
    std::fs::write(&file, asked.to_string()).unwrap();
    let mut asking = python("python");
    let done = asking.arg(script("spf_terms.py")).arg(&file).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// More than ten thousand cases.
#[tokio::test(flavor = "multi_thread")]
async fn another_reading_gives_every_address_to_the_same_term() {
    let (db, dns) = (Database::start(Dialect::Sqlite).await, Dns::start().await);
    let domains = domains(&db, &dns);
    let (mut chance, mut names, mut cases, mut ours) = (Chance(19), BTreeMap::new(), Vec::new(), Vec::new());
    for nth in 0..RECORDS {
        let name = format!("c{nth}.example");
        let zone = Zone::new(&mut chance, &name);
        zone.publish(&dns);
        let domain = DomainName::parse(&name).unwrap();
        let trial = domains.try_spf(&domain, &zone.texts[&name]).await.unwrap();
        assert!(!trial.is_uncertain || zone.macros > 0, "{:?}", zone.texts);
        let [four, six] = ASKED;
        let four = four.iter().map(|last| IpAddr::from(address(*last)));
        for address in four.chain(six.iter().map(|last| IpAddr::from(address6(*last)))) {
            cases.push(json!([name, address]));
            ours.push(Ours::new(&zone, &name, &trial, address));
        }
        names.extend(zone.names());
    }
    let theirs = ask_pyspf(&db, &json!({ "zone": names, "cases": cases }));
    assert_eq!(theirs.len(), ours.len());
    assert!(ours.len() >= 10_000, "{}", ours.len());
    let mut results: BTreeMap<(Kind, &str), usize> = BTreeMap::new();
    let mut unknown = 0;
    for ((theirs, ours), case) in theirs.iter().zip(&ours).zip(&cases) {
        ours.check(theirs, case);
        *results
            .entry((ours.kind, theirs["result"].as_str().unwrap()))
            .or_default() += 1;
        unknown += usize::from(ours.tried == Tried::Unknown);
    }
    // Every kind of record has cases of every result that it can have.
    for result in ["pass", "fail", "softfail", "neutral"] {
        for kind in Kind::ALL {
            assert!(
                results.get(&(kind, result)) > Some(&5),
                "{kind:?} {result}: {results:?}"
            );
        }
    }
    for kind in [Kind::Plain, Kind::ManyLookups, Kind::Voids] {
        assert!(results.get(&(kind, "permerror")) > Some(&20), "{kind:?}: {results:?}");
    }
    assert!(unknown > 50, "{unknown}");
}
