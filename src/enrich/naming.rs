//! Names of senders: the first rule that applies. docs/senders.md has the table of rules.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Category, Facts, Service, Services, Tables};
use crate::base::{Network, is_hostname, organizational_domain, words};
use crate::tally::Identities;

/// Networks of services in which others rent machines: an address there says who operates it, never who sends. AS8075 is
/// Microsoft 365 and Azure: of 1,231 phishing mails from it, 353 did not come from Microsoft 365.
const RENTED_ASNS: &[u32] = &[8_075];

words! {
    /// The rule that a name follows from, strongest first.
    Rule: u8 {
        /// An address that is dedicated to the domain, one of its own SPF record, or one that its owner gave a name.
        Own = 1 "own",
        /// A foreign signature that passed.
        Dkim = 2 "dkim",
        /// A foreign MAIL FROM domain that passed.
        MailFrom = 3 "mail_from",
        /// The forward-confirmed name of the address.
        Ptr = 4 "ptr",
        /// The number of a network that one service has for itself.
        Asn = 5 "asn",
        /// A passing domain that no table names.
        Domain = 6 "domain",
        /// The registered domain of the confirmed name.
        PtrDomain = 7 "ptr_domain",
        /// The name of the AS.
        AsName = 8 "as_name",
        /// The network around the address.
        Network = 9 "network",
        /// Nothing is known, not even the address.
        Nothing = 10 "nothing",
    }
}

impl Rule {
    /// Whether the sender itself proved the name, or its address; the other rules say who operates the address.
    pub fn names_service(self) -> bool {
        self <= Self::Domain
    }
}

/// A name with the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Named {
    pub rule: Rule,
    pub name: Arc<str>,
    /// `None` where no table has the name.
    pub category: Option<Category>,
    /// What the rule applied to: a domain, a hostname, a network.
    pub fact: Arc<str>,
}

impl Named {
    /// A name that the owner of the domain gave a network.
    pub(super) fn by_owner(name: &str, network: Network) -> Self {
        Self {
            rule: Rule::Own,
            name: name.into(),
            category: None,
            fact: network.to_string().into(),
        }
    }

    /// The name, unless nothing but a network is known.
    pub fn organisation(&self) -> Option<String> {
        (self.rule != Rule::Network).then(|| self.name.to_string())
    }
}

/// Who sent messages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The service that was used.
    pub service: Option<Named>,
    /// Who operates the address. It rightly differs from the service.
    pub organisation: Option<Named>,
}

impl Name {
    /// The name to show: the service, else who operates the address. `None` without a readable address.
    pub fn best(&self) -> Option<&Named> {
        self.service.as_ref().or(self.organisation.as_ref())
    }
}

/// Why an address is the domain's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// It is dedicated to the domain.
    Dedicated,
    /// The domain's own SPF record has this network.
    Authorised(Network),
}

/// What is known of a sender.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'f> {
    /// The domain that the reports are about.
    pub domain: &'f str,
    pub address: Option<IpAddr>,
    /// Why the address is the domain's own, if it is.
    pub own: Option<Own>,
    /// The name of the address, only if it is forward-confirmed.
    pub confirmed_ptr: Option<&'f str>,
    pub network: Facts<'f>,
}

/// The name of the sender of messages with these identities; `None` if their records are not known.
pub(super) fn name(sender: &Sender<'_>, identities: Option<&Identities<'_>>, services: &Services) -> Name {
    let organisation = organisation(sender, services);
    let own = match (sender.own, sender.address) {
        (Some(Own::Dedicated), Some(address)) => Some(address.to_string()),
        // Owners also list networks of services, and a mail host may be one.
        (Some(Own::Authorised(network)), _) if !organisation.as_ref().is_some_and(is_of_service) => {
            Some(network.to_string())
        }
        _ => None,
    };
    if let Some(fact) = own {
        let service = Named {
            rule: Rule::Own,
            name: sender.domain.into(),
            category: None,
            fact: fact.into(),
        };
        return Name {
            service: Some(service),
            organisation,
        };
    }
    let by_identity = identities.and_then(|identities| by_identity(identities, services));
    let by_address = || organisation.clone().filter(is_of_service);
    let by_domain = || identities.and_then(other_domain);
    Name {
        service: by_identity.or_else(by_address).or_else(by_domain),
        organisation,
    }
}

/// The service that operates an address, by its confirmed name or its network.
pub(super) fn operator<'s>(sender: &Sender<'_>, services: &'s Services) -> Option<&'s Arc<Service>> {
    let by_ptr = valid_ptr(sender).and_then(|name| services.by_ptr(&name));
    by_ptr.or_else(|| sender.network.asn.and_then(|asn| services.by_asn(asn)))
}

/// The name of the organisation that operates an address; `None` if only its network is known.
pub fn operator_name(address: IpAddr, tables: &Tables) -> Option<String> {
    let sender = Sender {
        domain: "",
        address: Some(address),
        own: None,
        confirmed_ptr: None,
        network: tables.networks().facts(address),
    };
    organisation(&sender, &tables.services)?.organisation()
}

fn by_identity(identities: &Identities<'_>, services: &Services) -> Option<Named> {
    // A mail that a mailbox or gateway passed on has both signatures; the service is the other one.
    let known = |wanted: fn(&Service) -> bool| {
        let found = identities
            .signers()
            .find_map(|name| Some((services.by_dkim(name)?, name)));
        let of_all = || {
            identities
                .signers()
                .filter_map(|name| Some((services.by_dkim(name)?, name)))
        };
        of_all().find(|(service, _)| wanted(service)).or(found)
    };
    if let Some((service, fact)) = known(|service| !service.category.passes_mail_on()) {
        return Some(named(service, Rule::Dkim, fact));
    }
    let mail_from = identities.mail_from()?;
    let service = services.by_mail_from(mail_from)?;
    Some(named(service, Rule::MailFrom, mail_from))
}

/// Whether who operates the address is also the service that sends from it.
fn is_of_service(organisation: &Named) -> bool {
    let is_rented = organisation.category.is_none_or(Category::rents_machines)
        || (organisation.rule == Rule::Asn && RENTED_ASNS.iter().any(|asn| *organisation.fact == *asn_text(*asn)));
    matches!(organisation.rule, Rule::Ptr | Rule::Asn) && !is_rented
}

/// A passing domain that no table names, as its registered domain.
fn other_domain(identities: &Identities<'_>) -> Option<Named> {
    let fact = identities.signers().next().or_else(|| identities.mail_from())?;
    Some(Named {
        rule: Rule::Domain,
        name: organizational_domain(fact).into(),
        category: None,
        fact: fact.into(),
    })
}

fn organisation(sender: &Sender<'_>, services: &Services) -> Option<Named> {
    let ptr = valid_ptr(sender);
    if let Some(ptr) = &ptr
        && let Some(service) = services.by_ptr(ptr)
    {
        return Some(named(service, Rule::Ptr, ptr));
    }
    if let Some(asn) = sender.network.asn
        && let Some(service) = services.by_asn(asn)
    {
        return Some(named(service, Rule::Asn, &asn_text(asn)));
    }
    let unknown = |rule, name: &str, fact: &str| Named {
        rule,
        name: name.into(),
        category: None,
        fact: fact.into(),
    };
    if let Some(ptr) = &ptr {
        return Some(unknown(Rule::PtrDomain, organizational_domain(ptr), ptr));
    }
    if let (Some(name), Some(asn)) = (
        sender.network.as_name.filter(|name| !name.is_empty()),
        sender.network.asn,
    ) {
        return Some(unknown(Rule::AsName, name, &asn_text(asn)));
    }
    let network = Network::around(sender.address?).to_string();
    Some(unknown(Rule::Network, &network, &network))
}

fn named(service: &Service, rule: Rule, fact: &str) -> Named {
    Named {
        rule,
        name: (*service.name).into(),
        category: Some(service.category),
        fact: fact.into(),
    }
}

fn asn_text(asn: u32) -> String {
    format!("AS{asn}")
}

/// A confirmed name is still the choice of a stranger.
fn valid_ptr<'f>(sender: &Sender<'f>) -> Option<Cow<'f, str>> {
    let name = sender.confirmed_ptr?.trim_end_matches('.');
    let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_hostname(name) && name.contains('.')).then(|| match is_lower {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.to_ascii_lowercase()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::aggregate::{Evidence, SpfScope};
    use crate::tally::testdata::{dkim, evidence, spf};

    /// A sender in an AS, with a confirmed name.
    fn sender<'f>(asn: u32, as_name: &'f str, ptr: &'f str) -> Sender<'f> {
        Sender {
            domain: "example.com",
            address: Some("203.0.113.7".parse().unwrap()),
            own: None,
            confirmed_ptr: (!ptr.is_empty()).then_some(ptr),
            network: Facts {
                asn: (asn > 0).then_some(asn),
                as_name: (!as_name.is_empty()).then_some(as_name),
                country: None,
            },
        }
    }

    fn shown(named: Option<&Named>) -> String {
        named.map_or_else(String::new, |named| {
            format!("{} by {} {}", named.name, named.rule.word(), named.fact)
        })
    }

    fn check(sender: &Sender<'_>, evidence: &Evidence, service: &str, organisation: &str) {
        let identities = Identities::from_evidence(evidence, "example.com");
        let found = name(sender, Some(&identities), &Services::built_in());
        assert_eq!(shown(found.service.as_ref()), service, "{evidence:?}");
        assert_eq!(shown(found.organisation.as_ref()), organisation, "{evidence:?}");
    }

    const NOTHING: (
        &[crate::report::aggregate::DkimAuth],
        &[crate::report::aggregate::SpfAuth],
    ) = (&[], &[]);

    #[test]
    fn each_rule_names_what_it_should() {
        let none = evidence(NOTHING.0, NOTHING.1);
        let amazon = sender(16_509, "Amazon.com, Inc.", "");
        let by_as = "Amazon.com, Inc. by as_name AS16509";
        let own = Sender {
            own: Some(Own::Dedicated),
            ..amazon
        };
        check(
            &own,
            &evidence(&[dkim("sendgrid.net", "pass")], &[]),
            "example.com by own 203.0.113.7",
            by_as,
        );
        let authorised = |sender| Sender {
            own: Some(Own::Authorised("203.0.113.0/24".parse().unwrap())),
            ..sender
        };
        let signed = evidence(&[dkim("sendgrid.net", "pass")], &[]);
        check(&authorised(amazon), &signed, "example.com by own 203.0.113.0/24", by_as);
        let of_service = "Twilio SendGrid by asn AS11377";
        check(
            &authorised(sender(11_377, "SendGrid, Inc.", "")),
            &none,
            of_service,
            of_service,
        );
        let signed = evidence(
            &[dkim("example.com", "pass"), dkim("em1.sendgrid.net", "pass")],
            &[spf("mcsv.net", "pass")],
        );
        check(&amazon, &signed, "Twilio SendGrid by dkim em1.sendgrid.net", by_as);
        check(
            &amazon,
            &evidence(&[], &[spf("x.amazonses.com", "pass")]),
            "Amazon SES by mail_from x.amazonses.com",
            by_as,
        );
        let ptr = sender(16_509, "Amazon.com, Inc.", "o1.outbound-mail.sendgrid.net.");
        let of_ptr = "Twilio SendGrid by ptr o1.outbound-mail.sendgrid.net";
        check(&ptr, &none, of_ptr, of_ptr);
        let of_as = "Twilio SendGrid by asn AS11377";
        check(&sender(11_377, "SendGrid, Inc.", ""), &none, of_as, of_as);
        let other = evidence(&[dkim("mail.newsletter.example", "pass")], &[]);
        check(
            &amazon,
            &other,
            "newsletter.example by domain mail.newsletter.example",
            by_as,
        );
        let own_host = sender(0, "", "MX1.Hoster.Example");
        check(&own_host, &none, "", "hoster.example by ptr_domain mx1.hoster.example");
        check(&amazon, &none, "", by_as);
        check(
            &sender(0, "", ""),
            &none,
            "",
            "203.0.113.0/24 by network 203.0.113.0/24",
        );
        let nowhere = Sender {
            address: None,
            ..sender(0, "", "")
        };
        check(&nowhere, &none, "", "");
    }

    #[test]
    fn a_service_that_was_used_comes_before_the_mailbox_that_passed_it_on() {
        let forwarded = evidence(
            &[dkim("gmail.com", "pass"), dkim("mailchimpapp.net", "pass")],
            &[spf("gmail.com", "pass")],
        );
        let google = "Google Workspace, Gmail by asn AS15169";
        check(
            &sender(15_169, "Google LLC", ""),
            &forwarded,
            "Mailchimp by dkim mailchimpapp.net",
            google,
        );
        let plain = evidence(&[dkim("gmail.com", "pass")], &[]);
        check(
            &sender(15_169, "Google LLC", ""),
            &plain,
            "Gmail (gmail.com) by dkim gmail.com",
            google,
        );
    }

    #[test]
    fn forged_facts_name_no_service() {
        let failing = [
            "none",
            "fail",
            "softfail",
            "neutral",
            "policy",
            "temperror",
            "permerror",
            "other",
        ];
        let stranger = sender(50_673, "Serverius Holding B.V.", "");
        let by_as = "Serverius Holding B.V. by as_name AS50673";
        for result in failing {
            let forged = evidence(
                &[dkim("sendgrid.net", result), dkim("example.com", result)],
                &[spf("x.amazonses.com", result)],
            );
            check(&stranger, &forged, "", by_as);
        }
        // A HELO name, even one that passed.
        let mut helo = evidence(&[], &[spf("mx.pphosted.com", "pass")]);
        helo.spf[0].scope = Some(SpfScope::Helo);
        check(&stranger, &helo, "", by_as);
        // Rented machines: Azure, Hetzner by number and by name.
        let none = evidence(NOTHING.0, NOTHING.1);
        check(
            &sender(8_075, "Microsoft", ""),
            &none,
            "",
            "Microsoft 365 by asn AS8075",
        );
        check(&sender(24_940, "Hetzner", ""), &none, "", "Hetzner by asn AS24940");
        let ovh = sender(16_276, "OVH SAS", "ip1.ovh.net");
        check(&ovh, &none, "", "OVHcloud by ptr ip1.ovh.net");
        // Texts that are not hostnames.
        for ptr in [
            "sendgrid.net\u{1b}[2J",
            "a b.sendgrid.net",
            ".sendgrid.net",
            "sendgrid",
            "\u{202e}.sendgrid.net",
        ] {
            check(&sender(50_673, "Serverius Holding B.V.", ptr), &none, "", by_as);
        }
        // Near misses.
        let near = evidence(
            &[dkim("sendgrid.net.evil.example", "pass")],
            &[spf("notsendgrid.net", "pass")],
        );
        check(&stranger, &near, "evil.example by domain net.evil.example", by_as);
    }

    proptest! {
        /// Failed results name no service: only the address does.
        #[test]
        fn failed_results_never_name_a_service(
            names in proptest::collection::vec(("(sendgrid.net|x\\.amazonses\\.com|gmail.com|[a-z]{1,9}\\.(com|net))", 0..9_usize), 0..8),
            mail_from in "(bounces\\.google\\.com|[a-z]{1,8}\\.org)",
        ) {
            let words = ["none", "fail", "softfail", "neutral", "policy", "temperror", "permerror", "other", "fail"];
            let dkims: Vec<_> = names.iter().map(|(name, word)| dkim(name, words[*word])).collect();
            let found = evidence(&dkims, &[spf(&mail_from, "softfail")]);
            let identities = Identities::from_evidence(&found, "example.com");
            let stranger = sender(50_673, "Serverius", "");
            let found = name(&stranger, Some(&identities), &Services::built_in());
            prop_assert_eq!(found.service, None);
            prop_assert_eq!(found.organisation.map(|named| named.rule), Some(Rule::AsName));
        }

        /// Signatures that did not pass change nothing.
        #[test]
        fn a_failed_signature_changes_no_name(
            passing in "(sendgrid.net|mcsv.net|[a-z]{3,9}\\.example)",
            failing in "(sendgrid.net|mcsv.net|amazonses.com|gmail.com)",
        ) {
            let services = Services::built_in();
            let of = |dkims: &[_]| {
                let found = evidence(dkims, &[]);
                name(&sender(50_673, "Serverius", ""), Some(&Identities::from_evidence(&found, "example.com")), &services)
            };
            let with = of(&[dkim(&failing, "fail"), dkim(&passing, "pass"), dkim(&failing, "permerror")]);
            prop_assert_eq!(with, of(&[dkim(&passing, "pass")]));
        }
    }
}
