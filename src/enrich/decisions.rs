//! What the owner of a domain has decided about senders, as names and flows follow it.
//!
//! The closest decision applies: that about the smallest network around the address, then that about the MAIL FROM domain
//! that passed, then that about the name. Nothing that failed is looked at, because anyone can write it.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::{Class, Flow};
use crate::base::text::folded;
use crate::base::{Network, NetworkMap};
use crate::store::{SenderDecision, Subject, Whose};
use crate::tally::Way;

/// The decisions of the owner of a domain.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    networks: NetworkMap<ForAddress>,
    mail_from: HashMap<Box<str>, Whose>,
    /// By the name in lower case.
    names: HashMap<Box<str>, Whose>,
}

/// What was decided about an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ForAddress {
    pub whose: Option<Whose>,
    /// The owner's name for it, and the network that has the name.
    pub name: Option<(Box<str>, Network)>,
}

impl ForAddress {
    pub(super) fn is_nothing(&self) -> bool {
        self.whose.is_none() && self.name.is_none()
    }
}

impl Decisions {
    /// To look decisions up by what they are about.
    pub(super) fn new(decisions: Vec<SenderDecision>) -> Self {
        let mut new = Self::default();
        let mut networks = Vec::new();
        for SenderDecision { subject, ruling, .. } in decisions {
            match (subject, ruling.whose) {
                (Subject::Network(network), whose) => {
                    let name = ruling.name.map(|name| (name.into(), network));
                    networks.push((network, ForAddress { whose, name }));
                }
                (Subject::MailFrom(domain), Some(whose)) => {
                    new.mail_from.insert(domain.into(), whose);
                }
                (Subject::Service(name), Some(whose)) => {
                    new.names.insert(folded(&name).into(), whose);
                }
                (Subject::MailFrom(_) | Subject::Service(_), None) => {}
            }
        }
        new.networks = networks.into_iter().collect();
        new
    }

    /// What was decided about an address: of what the smaller network leaves open, the larger one decides.
    pub(super) fn for_address(&self, address: Option<IpAddr>) -> ForAddress {
        let mut found = ForAddress::default();
        let Some(address) = address else { return found };
        for (_, ForAddress { whose, name }) in self.networks.around(address) {
            found.whose = found.whose.or(*whose);
            found.name = found.name.or_else(|| name.clone());
        }
        found
    }

    /// Whose messages are with this passing MAIL FROM domain and these names, the first before the second, from an address about
    /// which nothing was decided.
    pub(super) fn by_names(&self, mail_from: Option<&str>, names: [Option<&str>; 2]) -> Option<Whose> {
        let by_mail_from = || {
            let mut domains = mail_from.into_iter().flat_map(|domain| {
                let above = domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..]);
                std::iter::once(domain).chain(above)
            });
            domains.find_map(|domain| self.mail_from.get(domain)).copied()
        };
        let by_name = || {
            let mut names = names.into_iter().flatten().map(folded);
            names.find_map(|name| self.names.get(&*name)).copied()
        };
        if self.mail_from.is_empty() && self.names.is_empty() {
            return None;
        }
        by_mail_from().or_else(by_name)
    }
}

/// The flow of a way's messages, after what the owner decided. What passes for the domain stays what it proved to be.
pub(super) fn decided_flow(flow: Flow, way: Way, whose: Option<Whose>) -> Flow {
    match whose {
        None => flow,
        Some(Whose::Forwarder) if flow == Flow::Direct => flow,
        Some(Whose::Forwarder) => Flow::Forwarded,
        Some(Whose::NotOurs) if way.passes() => flow,
        Some(Whose::NotOurs) => Flow::NotOurs,
        Some(Whose::Ours) => match flow {
            Flow::Direct | Flow::Service | Flow::OwnMissingInSpf | Flow::Unaligned => flow,
            Flow::List | Flow::Forwarded | Flow::Open | Flow::Unknown | Flow::NotOurs if way.passes() => Flow::Service,
            Flow::List | Flow::Forwarded | Flow::Open | Flow::Unknown | Flow::NotOurs => Flow::Unaligned,
        },
    }
}

/// Whose a sender is by the owner's word.
pub fn decided_class(whose: Whose) -> Class {
    match whose {
        Whose::Ours => Class::Own,
        Whose::NotOurs => Class::NotOurs,
        Whose::Forwarder => Class::Forwarder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::DecisionId;
    use crate::store::{Actor, Ruling};

    fn decisions(made: &[(Subject, Option<Whose>, Option<&str>)]) -> Decisions {
        let decision = |(subject, whose, name): &(Subject, Option<Whose>, Option<&str>)| SenderDecision {
            id: DecisionId(1),
            subject: subject.clone(),
            ruling: Ruling {
                whose: *whose,
                name: name.map(str::to_owned),
            },
            actor: Actor {
                by: String::new(),
                why: None,
                at: 0,
            },
        };
        Decisions::new(made.iter().map(decision).collect())
    }

    fn network(text: &str) -> Subject {
        Subject::Network(text.parse().unwrap())
    }

    #[test]
    fn the_smallest_network_that_says_something_decides() {
        let found = decisions(&[
            (network("10.0.0.0/8"), Some(Whose::Ours), Some("All sites")),
            (network("10.1.0.0/16"), Some(Whose::NotOurs), None),
            (network("10.1.2.3"), None, Some("Printer")),
            (network("2001:db8::/32"), Some(Whose::Forwarder), None),
        ]);
        for (address, whose, name) in [
            ("10.9.9.9", Some(Whose::Ours), Some("All sites")),
            ("10.1.9.9", Some(Whose::NotOurs), Some("All sites")),
            ("10.1.2.3", Some(Whose::NotOurs), Some("Printer")),
            ("11.0.0.1", None, None),
            ("2001:db8::1", Some(Whose::Forwarder), None),
            ("2001:db9::1", None, None),
            // An IPv4 address that is written in IPv6.
            ("::ffff:10.9.9.9", Some(Whose::Ours), Some("All sites")),
        ] {
            let of = found.for_address(Some(address.parse().unwrap()));
            assert_eq!(of.whose, whose, "{address}");
            assert_eq!(of.name.as_ref().map(|(name, _)| &**name), name, "{address}");
        }
        assert!(found.for_address(None).is_nothing());
    }

    #[test]
    fn a_passing_mail_from_domain_comes_before_the_name() {
        let found = decisions(&[
            (Subject::MailFrom("vendor.example".to_owned()), Some(Whose::Ours), None),
            (
                Subject::MailFrom("eu.vendor.example".to_owned()),
                Some(Whose::NotOurs),
                None,
            ),
            (
                Subject::Service("Émilie's Mail".to_owned()),
                Some(Whose::Forwarder),
                None,
            ),
        ]);
        for (mail_from, name, whose) in [
            (Some("vendor.example"), None, Some(Whose::Ours)),
            (Some("us.vendor.example"), Some("émilie's mail"), Some(Whose::Ours)),
            (Some("eu.vendor.example"), None, Some(Whose::NotOurs)),
            (Some("notvendor.example"), None, None),
            (Some("example"), None, None),
            (None, Some("ÉMILIE'S MAIL"), Some(Whose::Forwarder)),
            (None, Some("Emilie's Mail"), None),
            (None, None, None),
        ] {
            assert_eq!(found.by_names(mail_from, [None, name]), whose, "{mail_from:?} {name:?}");
        }
    }

    #[test]
    fn the_owners_name_comes_before_the_services_and_hides_no_decision_about_it() {
        let service = |name: &str| Subject::Service(name.to_owned());
        let of_service = decisions(&[(service("Mailchimp"), Some(Whose::Ours), None)]);
        let names = [Some("Newsletter"), Some("Mailchimp")];
        assert_eq!(of_service.by_names(None, names), Some(Whose::Ours));
        let of_both = decisions(&[
            (service("Mailchimp"), Some(Whose::Ours), None),
            (service("Newsletter"), Some(Whose::NotOurs), None),
        ]);
        assert_eq!(of_both.by_names(None, names), Some(Whose::NotOurs));
    }

    #[test]
    fn what_passes_is_never_called_not_ours_and_what_fails_never_aligned() {
        for bits in 0..4 {
            let way = Way::new(0, bits);
            for flow in Flow::ALL {
                assert_eq!(decided_flow(*flow, way, None), *flow);
                for whose in Whose::ALL {
                    let decided = decided_flow(*flow, way, Some(*whose));
                    assert!(
                        decided != Flow::NotOurs || *flow == Flow::NotOurs || !way.passes(),
                        "{flow:?}"
                    );
                    assert!(
                        decided != Flow::Service || *flow == Flow::Service || way.passes(),
                        "{flow:?}"
                    );
                    assert!(
                        *flow != Flow::Direct || decided == Flow::Direct || decided == Flow::NotOurs,
                        "{whose:?}"
                    );
                }
            }
        }
    }
}
