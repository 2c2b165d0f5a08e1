//! An SPF record that is tried out: its lookups are asked once, and then it says of each address whether mail passes.

use std::net::IpAddr;

use super::spf::{LOOKUPS_MAX, MAIL_HOSTS_MAX, VOIDS_MAX};
use super::spf_networks::Networks;
use super::spf_terms::{Lengths, Term, What, is_spf, terms};
use super::{Look, quoted};
use crate::base::{DomainName, Network};
use crate::dns::{Freshness, Unanswered};

/// What a record says of mail from an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    Pass,
    /// Anything but a pass.
    Fail,
    /// The record has a term that depends on more than the address, or DNS did not answer.
    Unknown,
}

/// An SPF record with all that DNS says to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfTrial {
    steps: Vec<Step>,
    /// DNS lookups of the whole record, up to the first that is too many. Receivers allow ten.
    pub lookups: u32,
    /// What makes receivers give up for mail that no earlier term lets pass.
    pub fault: Option<String>,
    /// Whether a term cannot be decided by the address.
    pub is_uncertain: bool,
}

/// A part of a record, with what a match comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Addresses that match, of all terms that follow each other without one of another kind. So the steps of a record and of
    /// all that it includes are few: other terms need a lookup each.
    Networks(Networks<Decided>),
    /// A record whose pass is a match.
    Included {
        matched: Decided,
        steps: Vec<Step>,
    },
    /// A record in place of the rest.
    Instead(Vec<Step>),
    All(Decided),
    /// It may match.
    Open(Decided),
    /// Receivers give up here.
    GivenUp,
}

impl SpfTrial {
    /// What the record says of mail from this address.
    pub fn tried(&self, address: IpAddr) -> Tried {
        match decided(&self.steps, address) {
            Decided::Yes => Tried::Pass,
            Decided::No | Decided::GivenUp => Tried::Fail,
            Decided::Unknown => Tried::Unknown,
        }
    }
}

/// What steps come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decided {
    Yes,
    No,
    /// A permanent error, of the record that includes this one as well.
    GivenUp,
    Unknown,
}

fn decided(steps: &[Step], address: IpAddr) -> Decided {
    // What may match and what follows may come to the same.
    let either = |matched: Decided, rest: &[Step]| match decided(rest, address) {
        rest if rest == matched => rest,
        _ => Decided::Unknown,
    };
    for (nth, step) in steps.iter().enumerate() {
        let rest = &steps[nth + 1..];
        match step {
            Step::Networks(networks) => {
                if let Some(matched) = networks.first(address) {
                    return matched;
                }
            }
            Step::Included { matched, steps } => match decided(steps, address) {
                Decided::Yes => return *matched,
                Decided::No => {}
                Decided::GivenUp => return Decided::GivenUp,
                Decided::Unknown => return either(*matched, rest),
            },
            Step::Instead(steps) => return decided(steps, address),
            Step::All(matched) => return *matched,
            Step::Open(matched) => return either(*matched, rest),
            Step::GivenUp => return Decided::GivenUp,
        }
    }
    Decided::No
}

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
    };
    let steps = reading.steps(own).await;
    Ok(SpfTrial {
        steps,
        lookups: reading.lookups,
        fault: reading.fault,
        is_uncertain: reading.is_uncertain,
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
}

impl Reading<'_> {
    /// The steps of a record, up to the one at which receivers give up. Records within records are as deep as lookups are
    /// allowed.
    async fn steps(&mut self, terms: Vec<Term>) -> Vec<Step> {
        let mut steps = Vec::new();
        for term in terms {
            match (steps.last_mut(), Box::pin(self.step(term)).await) {
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

    async fn step(&mut self, Term { passes, what }: Term) -> Step {
        if !matches!(what, What::Network(_) | What::All) {
            self.lookups += 1;
            if self.lookups > LOOKUPS_MAX {
                return self.given_up(format!("it needs more than {LOOKUPS_MAX} DNS lookups"));
            }
        }
        let matched = if passes { Decided::Yes } else { Decided::No };
        let of_networks = |networks: Vec<Network>| Step::Networks(Networks::new(networks, matched));
        let step = match what {
            What::Network(network) => Ok(of_networks(vec![network])),
            What::All => Ok(Step::All(matched)),
            What::Unasked => Err(Unanswered::Failure("it depends on the mail".to_owned())),
            What::Record(target) => {
                let steps = self.record(&target).await;
                steps.map(|steps| steps.map_or(Step::GivenUp, |steps| Step::Included { matched, steps }))
            }
            What::Redirect(target) => {
                let steps = self.record(&target).await;
                steps.map(|steps| steps.map_or(Step::GivenUp, Step::Instead))
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
            Step::Open(matched)
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
    async fn record(&mut self, target: &str) -> Result<Option<Vec<Step>>, Unanswered> {
        let texts = match self.look()?.texts(target, Freshness::Shared).await {
            Err(Unanswered::NoName | Unanswered::Circle(_)) => Vec::new(),
            answered => answered?,
        };
        let records: Vec<_> = texts.iter().filter(|text| is_spf(text)).collect();
        let fault = match records.as_slice() {
            [text] => match terms(text, target) {
                Ok(terms) => return Ok(Some(self.steps(terms).await)),
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
            Step::Included { steps, .. } | Step::Instead(steps) => count(steps),
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
