//! Reads an SPF record that is tried out: its lookups are asked once.

use std::net::IpAddr;

use super::spf::{LOOKUPS_MAX, MAIL_HOSTS_MAX, VOIDS_MAX};
use super::spf_networks::Networks;
use super::spf_terms::{Lengths, Term, What, is_spf, terms};
use super::spf_trial::{Decided, Mark, SpfTerm, SpfTermKind, SpfTrial, Step, TERMS_MAX};
use super::{Look, quoted};
use crate::base::{DomainName, Network};
use crate::dns::{Freshness, Unanswered};

/// Reads a record as one that `domain` publishes, and asks what it refers to, within the limits of receivers.
///
/// # Errors
/// One sentence about what makes the text no SPF record.
pub(super) async fn try_out(look: Option<&Look<'_>>, domain: &DomainName, text: &str) -> Result<SpfTrial, String> {
    if !is_spf(text) {
        return Err("an SPF record begins with v=spf1 and a space".to_owned());
    }
    let own = terms(text, domain.as_str()).map_err(|term| format!("{} is not a term of SPF", quoted(&term)))?;
    let mut reading = Reading {
        look,
        lookups: 0,
        voids: 0,
        fault: None,
        is_uncertain: false,
        terms: Vec::new(),
    };
    let steps = reading.steps(own, (domain.as_str(), None)).await;
    Ok(SpfTrial {
        steps,
        lookups: reading.lookups,
        fault: reading.fault,
        is_uncertain: reading.is_uncertain,
        terms: reading.terms,
    })
}

struct Reading<'l> {
    /// `None` without name servers.
    look: Option<&'l Look<'l>>,
    lookups: u32,
    /// Lookups for names that have nothing.
    voids: usize,
    fault: Option<String>,
    is_uncertain: bool,
    terms: Vec<SpfTerm>,
}

/// The name of a record, and the term that refers to it; `None` for the domain's own.
type Place<'n> = (&'n str, Option<u16>);

impl Reading<'_> {
    /// The steps of a record, up to the one at which receivers give up. Records within records are as deep as lookups are
    /// allowed.
    async fn steps(&mut self, terms: Vec<Term>, place: Place<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        for term in terms {
            let number = self.told_apart(&term, place);
            let lookups = self.lookups;
            let step = Box::pin(self.step(term, number)).await;
            if let Some(known) = number.and_then(|number| self.terms.get_mut(usize::from(number)))
                && number != place.1
            {
                known.lookups = self.lookups - lookups;
                if matches!(step, Step::Open(_)) {
                    known.kind = SpfTermKind::Open;
                }
            }
            match (steps.last_mut(), step) {
                (Some(Step::Networks(before)), Step::Networks(networks)) => before.append(networks),
                (_, step) => steps.push(step),
            }
            if self.fault.is_some() {
                steps.push(Step::GivenUp);
                break;
            }
        }
        steps
    }

    /// The number of a term. In records that the domain's own refers to, only terms that refer to others have one; the others
    /// count for the term that refers to their record.
    fn told_apart(&mut self, term: &Term, (record, parent): Place<'_>) -> Option<u16> {
        let kind = match term.what {
            What::Record(_) | What::Redirect(_) => SpfTermKind::Record,
            What::Network(_) | What::Host(..) | What::MailHosts(..) => SpfTermKind::Addresses,
            What::Unasked => SpfTermKind::Open,
            What::All => SpfTermKind::End,
        };
        if parent.is_some() && kind != SpfTermKind::Record {
            return parent;
        }
        let number = u16::try_from(self.terms.len()).ok();
        let number = number.filter(|number| *number < TERMS_MAX)?;
        self.terms.push(SpfTerm {
            text: term.text.clone(),
            record: record.into(),
            parent,
            lookups: 0,
            kind,
        });
        Some(number)
    }

    async fn step(&mut self, Term { passes, what, .. }: Term, term: Option<u16>) -> Step {
        if !matches!(what, What::Network(_) | What::All) {
            self.lookups += 1;
            if self.lookups > LOOKUPS_MAX {
                return self.given_up(format!("it needs more than {LOOKUPS_MAX} DNS lookups"));
            }
        }
        let mark = Mark {
            matched: if passes { Decided::Yes } else { Decided::No },
            term,
        };
        let of_networks = |networks: Vec<Network>| Step::Networks(Networks::new(networks, mark));
        let step = match what {
            What::Network(network) => Ok(of_networks(vec![network])),
            What::All => Ok(Step::All(mark)),
            What::Unasked => Err(Unanswered::Failure("it depends on the mail".to_owned())),
            What::Record(target) => {
                let steps = self.record(&target, term).await;
                steps.map(|steps| steps.map_or(Step::GivenUp, |steps| Step::Included { mark, steps }))
            }
            What::Redirect(target) => {
                let steps = self.record(&target, term).await;
                steps.map(|steps| steps.map_or(Step::GivenUp, |steps| Step::Instead { mark, steps }))
            }
            What::Host(target, lengths) => {
                let networks = self.addresses(&[target], lengths).await;
                networks.map(of_networks)
            }
            What::MailHosts(target, lengths) => {
                let networks = self.mail_hosts(&target, lengths).await;
                networks.map(|networks| networks.map_or(Step::GivenUp, of_networks))
            }
        };
        step.unwrap_or_else(|_| {
            self.is_uncertain = true;
            Step::Open(mark)
        })
    }

    fn given_up(&mut self, fault: String) -> Step {
        self.fault.get_or_insert(fault);
        Step::GivenUp
    }

    fn look(&self) -> Result<&Look<'_>, Unanswered> {
        let none = || Unanswered::Failure("there are no name servers to ask".to_owned());
        self.look.ok_or_else(none)
    }

    /// The steps of another name's record; `None` if receivers give up.
    async fn record(&mut self, target: &str, term: Option<u16>) -> Result<Option<Vec<Step>>, Unanswered> {
        let texts = match self.look()?.texts(target, Freshness::Shared).await {
            Err(Unanswered::NoName | Unanswered::Circle(_)) => Vec::new(),
            answered => answered?,
        };
        let records: Vec<_> = texts.iter().filter(|text| is_spf(text)).collect();
        let fault = match records.as_slice() {
            [text] => match terms(text, target) {
                Ok(terms) => return Ok(Some(self.steps(terms, (target, term)).await)),
                Err(term) => format!("{} of {} is not a term of SPF", quoted(&term), quoted(target)),
            },
            [] => format!("{} has no SPF record", quoted(target)),
            _ => format!("{} has several SPF records", quoted(target)),
        };
        self.given_up(fault);
        Ok(None)
    }

    async fn addresses(&mut self, hosts: &[String], lengths: Lengths) -> Result<Vec<Network>, Unanswered> {
        let mut networks = Vec::new();
        for host in hosts {
            let look = self.look()?;
            look.take()?;
            let found = look.dns.addresses(host, Freshness::Shared).await?;
            self.note(found.len());
            networks.extend(found.into_iter().map(|address| match address {
                IpAddr::V4(_) => Network::new(address, lengths.four),
                IpAddr::V6(_) => Network::new(address, lengths.six),
            }));
        }
        Ok(networks)
    }

    /// The networks of a name's mail hosts; `None` if receivers give up.
    async fn mail_hosts(&mut self, target: &str, lengths: Lengths) -> Result<Option<Vec<Network>>, Unanswered> {
        let look = self.look()?;
        look.take()?;
        let hosts = look.dns.mail_hosts(target, Freshness::Shared).await?;
        self.note(hosts.len());
        if hosts.len() > MAIL_HOSTS_MAX {
            self.given_up(format!("{} has more than {MAIL_HOSTS_MAX} mail hosts", quoted(target)));
            return Ok(None);
        }
        let hosts: Vec<_> = hosts
            .into_iter()
            .map(|(_, host)| host)
            .filter(|host| !host.is_empty())
            .collect();
        self.addresses(&hosts, lengths).await.map(Some)
    }

    fn note(&mut self, found: usize) {
        self.voids += usize::from(found == 0);
        if self.voids > VOIDS_MAX {
            self.given_up(format!("it looks up more than {VOIDS_MAX} names that have nothing"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spf_trial::Tried;
    use super::*;

    async fn tried(text: &str, address: &str) -> Tried {
        let domain = DomainName::parse("example.com").unwrap();
        let trial = try_out(None, &domain, text).await.unwrap();
        trial.tried(address.parse().unwrap())
    }

    #[tokio::test]
    async fn networks_are_matched_in_their_order() {
        use Tried::{Fail, Pass};
        for (text, address, expect) in [
            ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.7", Pass),
            ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.3.7", Fail),
            ("v=spf1 -ip4:192.0.2.7 ip4:192.0.2.0/24 ~all", "192.0.2.7", Fail),
            ("v=spf1 -ip4:192.0.2.7 ip4:192.0.2.0/24 ~all", "192.0.2.8", Pass),
            ("v=spf1 ip6:2001:db8::/32 ?all", "2001:db8::1", Pass),
            ("v=spf1 ip6:2001:db8::/32", "192.0.2.1", Fail),
            ("v=spf1 +all", "192.0.2.1", Pass),
            ("v=spf1 all ip4:192.0.2.1", "192.0.2.2", Pass),
            ("v=spf1", "192.0.2.2", Fail),
        ] {
            assert_eq!(tried(text, address).await, expect, "{text} {address}");
        }
    }

    /// All steps of a record, and of those within it.
    fn count(steps: &[Step]) -> usize {
        let within = steps.iter().map(|step| match step {
            Step::Included { steps, .. } | Step::Instead { steps, .. } => count(steps),
            _ => 0,
        });
        steps.len() + within.sum::<usize>()
    }

    #[tokio::test]
    async fn a_record_of_many_networks_has_few_steps() {
        let networks: String = (0..4_000_u32)
            .map(|nth| {
                let sign = if nth % 2 == 0 { "" } else { "-" };
                format!(" {sign}ip4:10.{}.{}.0/24", nth / 256, nth % 256)
            })
            .collect();
        let domain = DomainName::parse("example.com").unwrap();
        // Lookups in between keep networks apart. No more than ten are allowed.
        for (lookup, steps) in [("", 2), (" exists:%{i}.example", 22)] {
            let pieces = format!("{lookup}{networks}").repeat(20);
            let text = format!("v=spf1{pieces} -all");
            let trial = try_out(None, &domain, &text).await.unwrap();
            assert_eq!(count(&trial.steps), steps, "{lookup}");
        }
        let text = format!("v=spf1{networks} -all");
        for (address, expect) in [
            ("10.0.2.9", Tried::Pass),
            ("10.0.3.9", Tried::Fail),
            ("10.15.158.1", Tried::Pass),
        ] {
            assert_eq!(tried(&text, address).await, expect, "{address}");
        }
    }

    #[tokio::test]
    async fn what_is_not_known_is_never_a_pass() {
        use Tried::{Fail, Pass, Unknown};
        for (text, address, expect) in [
            // Without name servers.
            ("v=spf1 include:spf.example -all", "192.0.2.7", Unknown),
            ("v=spf1 ip4:192.0.2.7 include:spf.example -all", "192.0.2.7", Pass),
            ("v=spf1 include:spf.example ip4:192.0.2.7 -all", "192.0.2.7", Pass),
            ("v=spf1 include:spf.example -ip4:192.0.2.7 +all", "192.0.2.7", Unknown),
            ("v=spf1 -exists:%{i}.example -all", "192.0.2.7", Fail),
            ("v=spf1 -exists:%{i}.example +all", "192.0.2.7", Unknown),
            ("v=spf1 redirect=spf.example", "192.0.2.7", Unknown),
            ("v=spf1 a mx -all", "192.0.2.7", Unknown),
        ] {
            assert_eq!(tried(text, address).await, expect, "{text} {address}");
        }
    }

    #[tokio::test]
    async fn a_text_that_is_no_record_is_refused() {
        let domain = DomainName::parse("example.com").unwrap();
        for text in ["", "v=spf2 -all", "v=spf1 ip4:1.2.3 -all", "v=spf1 hello"] {
            assert!(try_out(None, &domain, text).await.is_err(), "{text}");
        }
        let eleven: String = (0..11).map(|nth| format!(" exists:%{{i}}.{nth}.example")).collect();
        let trial = try_out(None, &domain, &format!("v=spf1 ip4:192.0.2.7{eleven} -all"))
            .await
            .unwrap();
        assert!(trial.fault.is_some() && trial.is_uncertain);
        assert_eq!(
            trial.tried("192.0.2.7".parse().unwrap()),
            Tried::Pass,
            "it is listed before"
        );
    }
}
