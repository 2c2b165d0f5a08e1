//! Which term of an SPF record decides: generated records, against `pyspf` from PyPI.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::{Value, json};
use tallymark::base::DomainName;
use tallymark::domains::Tried;

use super::spf::domains;
use crate::chance::Chance;
use crate::client::{python, script};
use crate::provenance::dns::{Dns, Has};
use crate::store::{Database, Dialect};

const RECORDS: usize = 250;
/// Addresses that are asked about for each record: those of [`ADDRESSES`] and one that no term names.
const ADDRESSES: u64 = 8;

/// Records and hosts of a generated domain.
#[derive(Default)]
struct Zone {
    texts: BTreeMap<String, String>,
    addresses: BTreeMap<String, Ipv4Addr>,
    mail_hosts: BTreeMap<String, String>,
    lookups: u64,
}

fn address(chance: &mut Chance) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, chance.below(ADDRESSES) as u8)
}

impl Zone {
    /// The terms of a record at `name`, and the records that it refers to. Lookups stay within what receivers allow.
    fn add(&mut self, chance: &mut Chance, name: &str, depth: u64) {
        let mut terms = vec!["v=spf1".to_owned()];
        for nth in 0..1 + chance.below(5) {
            let sign = ["", "", "", "+", "-", "~", "?"][chance.below(7) as usize];
            let below = format!("t{nth}.{name}");
            let kind = if self.lookups >= 9 { 0 } else { chance.below(6) };
            self.lookups += u64::from(kind > 2);
            let term = match kind {
                0 | 1 => format!("ip4:{}", address(chance)),
                2 => format!("ip4:{}/{}", address(chance), 28 + chance.below(5)),
                3 if depth < 3 => {
                    self.add(chance, &below, depth + 1);
                    format!("include:{below}")
                }
                4 => {
                    self.mail_hosts.insert(below.clone(), format!("host.{below}"));
                    self.addresses.insert(format!("host.{below}"), address(chance));
                    format!("mx:{below}")
                }
                _ => {
                    self.addresses.insert(below.clone(), address(chance));
                    format!("a:{below}")
                }
            };
            terms.push(format!("{sign}{term}"));
        }
        let end = chance.below(6);
        if end == 0 && depth < 3 && self.lookups < 9 {
            self.lookups += 1;
            let other = format!("r.{name}");
            self.add(chance, &other, depth + 1);
            terms.push(format!("redirect={other}"));
        } else if end == 1 && depth == 0 && self.lookups < 9 {
            self.lookups += 1;
            // There is no such record.
            terms.push(format!("include:missing.{name} ip4:192.0.2.1"));
        } else if end > 2 {
            terms.push(["-all", "~all", "?all", "+all"][(chance.below(8) as usize).min(3)].to_owned());
        }
        self.texts.insert(name.to_owned(), terms.join(" "));
    }

    fn publish(&self, dns: &Dns) {
        for (name, text) in &self.texts {
            dns.text(name, text);
        }
        for (name, address) in &self.addresses {
            dns.add(name, Has::Address(*address));
        }
        for (name, host) in &self.mail_hosts {
            dns.add(name, Has::Mx(host.clone()));
        }
    }

    fn names(&self) -> BTreeMap<&str, Value> {
        let texts = self
            .texts
            .iter()
            .map(|(name, text)| (&**name, json!({ "TXT": [text] })));
        let hosts = self
            .addresses
            .iter()
            .map(|(name, address)| (&**name, json!({ "A": [address] })));
        let mail_hosts = self
            .mail_hosts
            .iter()
            .map(|(name, host)| (&**name, json!({ "MX": [host] })));
        texts.chain(hosts).chain(mail_hosts).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reading_gives_every_address_to_the_same_term() {
    let (db, dns) = (Database::start(Dialect::Sqlite).await, Dns::start().await);
    let domains = domains(&db, &dns);
    let (mut chance, mut names, mut cases, mut ours) = (Chance(19), BTreeMap::new(), Vec::new(), Vec::new());
    for nth in 0..RECORDS {
        let mut zone = Zone::default();
        let name = format!("c{nth}.example");
        zone.add(&mut chance, &name, 0);
        zone.publish(&dns);
        let trial = domains
            .try_spf(&DomainName::parse(&name).unwrap(), &zone.texts[&name])
            .await;
        let trial = trial.unwrap();
        assert!(!trial.is_uncertain && trial.lookups <= 10, "{:?}", zone.texts);
        for last in (0..ADDRESSES).chain([200]) {
            let address = Ipv4Addr::new(192, 0, 2, last as u8);
            let (tried, term) = trial.matched(address.into(), None);
            let root = term.and_then(|term| trial.with_parents(term).last());
            let root = root.map(|root| trial.terms[usize::from(root)].text.to_string());
            cases.push(json!([name, address]));
            ours.push((tried, root, zone.texts[&name].clone()));
        }
        for (name, has) in zone.names() {
            names.insert(name.to_owned(), has);
        }
    }
    let file = db.folder().join("cases.json");
    std::fs::write(&file, json!({ "zone": names, "cases": cases }).to_string()).unwrap();
    let done = python("python")
        .arg(script("spf_terms.py"))
        .arg(&file)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let theirs: Vec<Value> = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(theirs.len(), ours.len());
    let mut results: BTreeMap<&str, usize> = BTreeMap::new();
    for ((theirs, (tried, term, record)), case) in theirs.iter().zip(&ours).zip(&cases) {
        let result = theirs["result"].as_str().unwrap();
        *results.entry(result).or_default() += 1;
        assert_eq!(result == "pass", *tried == Tried::Pass, "{case} {record}: {theirs}");
        match (result, term) {
            // No term of the record decides when receivers give up.
            ("permerror", _) => assert_eq!(*term, None, "{case} {record}: {theirs}"),
            // It names the term of the record behind the redirect.
            (_, Some(term)) if term.starts_with("redirect=") => {}
            _ if record.contains("redirect=") && term.is_none() => {}
            _ => assert_eq!(term.as_deref(), theirs["term"].as_str(), "{case} {record}: {theirs}"),
        }
    }
    for result in ["pass", "fail", "softfail", "neutral", "permerror"] {
        assert!(results.get(result) > Some(&20), "{results:?}");
    }
}
