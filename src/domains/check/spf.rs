//! SPF records (RFC 7208): is our `include:` reached, within ten look-ups?

use std::net::IpAddr;

use super::{Look, Seen, quoted};
use crate::dns::{Freshness, Unanswered};
use crate::domains::records::DnsRecord;

/// RFC 7208, 4.6.4.
const LOOKUPS_MAX: u32 = 10;
const VOIDS_MAX: usize = 2;

pub(super) async fn look(
    look: &Look<'_>,
    record: &DnsRecord,
    host: &str,
    own: Option<IpAddr>,
) -> Result<Seen, Unanswered> {
    let texts = look.texts(&record.name, Freshness::Fresh).await?;
    let found: Vec<String> = texts.into_iter().filter(|text| is_spf(text)).collect();
    let [text] = found.as_slice() else {
        let name = &record.name;
        let problem = match found.len() {
            0 => format!("Add a TXT record at {name}: {}", record.value),
            // RFC 7208, 4.5: a permanent error for all mail.
            several => {
                format!("There are {several} SPF records at {name}, and only one may be; put all they say into one.")
            }
        };
        return Ok(Seen::bad(found, problem));
    };
    let mut walk = Walk {
        look,
        host,
        own,
        lookups: 0,
        voids: Vec::new(),
        ours: None,
        is_own_covered: own.is_none(),
        fault: None,
        unanswered: None,
    };
    walk.read(&record.name, text).await;
    walk.judge(record, found.clone())
}

fn is_spf(text: &str) -> bool {
    let head = text.get(..6).unwrap_or_default();
    head.eq_ignore_ascii_case("v=spf1") && matches!(text.as_bytes().get(6), None | Some(b' '))
}

/// Where our `include:` was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    /// It lets our servers send.
    Passes,
    /// It is there, but with a `-`, `~` or `?` before it.
    Qualified,
}

/// One evaluation, for a sender that nothing matches until our own record does.
struct Walk<'l> {
    look: &'l Look<'l>,
    host: &'l str,
    own: Option<IpAddr>,
    lookups: u32,
    /// Names that were looked up for nothing.
    voids: Vec<String>,
    ours: Option<Ours>,
    is_own_covered: bool,
    /// What makes receivers give up, and the walk with them.
    fault: Option<String>,
    /// What could not be read; the walk goes on without it.
    unanswered: Option<Unanswered>,
}

/// A record that is being read: what is left of it, and whether a match in it lets mail pass.
struct Frame {
    terms: std::vec::IntoIter<Term>,
    passes: bool,
}

impl Walk<'_> {
    /// Reads a record and what it refers to, in the order in which receivers do.
    async fn read(&mut self, name: &str, text: &str) {
        let mut frames = Vec::new();
        self.push(&mut frames, name, text, true);
        while let (None, Some(frame)) = (&self.fault, frames.last_mut()) {
            let Some(term) = frame.terms.next() else {
                frames.pop();
                continue;
            };
            let passes = frame.passes && term.passes;
            self.step(&mut frames, term.what, passes).await;
        }
    }

    async fn step(&mut self, frames: &mut Vec<Frame>, what: What, passes: bool) {
        if !matches!(what, What::Network(..)) {
            self.lookups += 1;
            if self.lookups > LOOKUPS_MAX {
                self.fault = Some(format!(
                    "it needs more than {LOOKUPS_MAX} DNS look-ups, which receivers refuse; remove includes that you no \
                     longer need"
                ));
                return;
            }
        }
        match what {
            What::Network(network, bits) => {
                self.is_own_covered |= passes && self.own.is_some_and(|own| covers(network, bits, own));
            }
            What::Record(target) if target == self.host => {
                // Our own record needs no look-ups: there is nothing to follow.
                let ours = if passes { Ours::Passes } else { Ours::Qualified };
                if self.ours != Some(Ours::Passes) {
                    self.ours = Some(ours);
                }
            }
            What::Record(target) => match self.look.texts(&target, Freshness::Shared).await {
                Ok(texts) => {
                    let mut records = texts.iter().filter(|text| is_spf(text));
                    match (records.next(), records.next()) {
                        (Some(text), None) => self.push(frames, &target, text, passes),
                        (None, _) => {
                            self.fault = Some(format!("{} has no SPF record; remove it", quoted(&target)));
                        }
                        (Some(_), Some(_)) => {
                            self.fault = Some(format!("{} has several SPF records; remove it", quoted(&target)));
                        }
                    }
                }
                Err(Unanswered::NoName) => self.fault = Some(format!("{} is no name; correct it", quoted(&target))),
                Err(Unanswered::Circle(_)) => {
                    self.fault = Some(format!("{} leads in a circle; remove it", quoted(&target)));
                }
                Err(why) => self.unanswered = Some(why),
            },
            What::Host(target) => {
                let found = match self.look.take() {
                    Ok(()) => self
                        .look
                        .dns
                        .addresses(&target, Freshness::Shared)
                        .await
                        .map(|all| !all.is_empty()),
                    Err(why) => Err(why),
                };
                self.note(target, found);
            }
            What::MailHosts(target) => {
                let found = match self.look.take() {
                    Ok(()) => self
                        .look
                        .dns
                        .mail_hosts(&target, Freshness::Shared)
                        .await
                        .map(|all| !all.is_empty()),
                    Err(why) => Err(why),
                };
                self.note(target, found);
            }
            What::Unasked => {}
        }
    }

    /// A name that has nothing is a void look-up; one that could not be read may have something.
    fn note(&mut self, target: String, found: Result<bool, Unanswered>) {
        if found == Ok(false) && !self.voids.contains(&target) {
            self.voids.push(target);
        }
        if self.voids.len() > VOIDS_MAX {
            let names = self.voids.join(", ");
            self.fault = Some(format!(
                "it looks up names that have nothing, {}; remove them",
                quoted(&names)
            ));
        }
    }

    fn push(&mut self, frames: &mut Vec<Frame>, name: &str, text: &str, passes: bool) {
        match terms(text, name) {
            Ok(terms) => frames.push(Frame {
                terms: terms.into_iter(),
                passes,
            }),
            Err(term) => {
                let place = if frames.is_empty() {
                    String::new()
                } else {
                    format!(" (of {name})")
                };
                self.fault = Some(format!(
                    "{}{place} is no term of SPF; correct or remove it",
                    quoted(&term)
                ));
            }
        }
    }

    fn judge(self, record: &DnsRecord, found: Vec<String>) -> Result<Seen, Unanswered> {
        let (name, include) = (&record.name, format!("include:{}", self.host));
        if self.ours == Some(Ours::Passes) {
            let own = self.own.filter(|_| !self.is_own_covered);
            let problem = match (&self.fault, own) {
                (Some(fault), _) => Some(format!("In the SPF record of {name}, behind {include}: {fault}.")),
                (None, Some(IpAddr::V4(own))) => Some(format!("Add ip4:{own} to the SPF record of {name}.")),
                (None, Some(IpAddr::V6(own))) => Some(format!("Add ip6:{own} to the SPF record of {name}.")),
                (None, None) => None,
            };
            return Ok(Seen {
                problem,
                ..Seen::good(found)
            });
        }
        if let Some(fault) = self.fault {
            return Ok(Seen::bad(
                found,
                format!("The SPF record of {name} cannot be evaluated: {fault}."),
            ));
        }
        if let Some(why) = self.unanswered {
            return Err(why);
        }
        let text = found.first().map(String::as_str).unwrap_or_default();
        let problem = if self.ours == Some(Ours::Qualified) {
            format!("Remove the sign before {include} in the SPF record of {name}, so that it allows our servers.")
        } else if text.to_ascii_lowercase().contains(&include) {
            format!("In the SPF record of {name}, {include} stands behind the end; put it before all.")
        } else {
            format!("Add {include} to the SPF record of {name}, before its last term.")
        };
        Ok(Seen::bad(found, problem))
    }
}

/// A mechanism or redirect.
#[derive(Debug, PartialEq, Eq)]
struct Term {
    /// Does a match let mail pass (`+`, or no sign)?
    passes: bool,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    /// `ip4`, `ip6`: no look-up.
    Network(IpAddr, u8),
    /// `include`, `redirect`: another record.
    Record(String),
    /// `a`: addresses of a name.
    Host(String),
    /// `mx`.
    MailHosts(String),
    /// A look-up that depends on the mail: `ptr`, `exists`, macros.
    Unasked,
}

/// The terms that are evaluated, in order: mechanisms up to `all`; without `all`, what it redirects to. `Err` has the
/// first term that is none.
fn terms(text: &str, name: &str) -> Result<Vec<Term>, String> {
    let (mut terms, mut redirect, mut is_ended) = (Vec::new(), None, false);
    for word in text.split_ascii_whitespace().skip(1) {
        let bad = || word.to_owned();
        let lower = word.to_ascii_lowercase();
        // RFC 7208, 6: a name and `=` is a modifier; others than these two mean nothing.
        if let Some((modifier, value)) = lower.split_once('=').filter(|(name, _)| is_modifier(name)) {
            if modifier == "redirect" {
                redirect = Some(target(value, What::Record));
            }
            continue;
        }
        let (sign, rest) = match lower.strip_prefix(['+', '-', '~', '?']) {
            Some(rest) => (lower.starts_with('+'), rest),
            None => (true, &*lower),
        };
        let end = rest.find([':', '/']).unwrap_or(rest.len());
        let (mechanism, argument) = rest.split_at(end);
        let what = match mechanism {
            "all" if argument.is_empty() => {
                is_ended = true;
                continue;
            }
            "include" => target(
                argument
                    .strip_prefix(':')
                    .filter(|name| !name.is_empty())
                    .ok_or_else(bad)?,
                What::Record,
            ),
            "a" => target(host(argument, name).ok_or_else(bad)?, What::Host),
            "mx" => target(host(argument, name).ok_or_else(bad)?, What::MailHosts),
            "ip4" | "ip6" => {
                let (address, bits) = network(argument.strip_prefix(':').ok_or_else(bad)?).ok_or_else(bad)?;
                if address.is_ipv4() != (mechanism == "ip4") {
                    return Err(bad());
                }
                What::Network(address, bits)
            }
            "exists" if argument.len() > 1 && argument.starts_with(':') => What::Unasked,
            "ptr" if argument.is_empty() || argument.starts_with(':') => What::Unasked,
            _ => return Err(bad()),
        };
        if !is_ended {
            terms.push(Term { passes: sign, what });
        }
    }
    // RFC 7208, 6.1: `all` wins over a redirect.
    if let Some(what) = redirect.filter(|_| !is_ended) {
        terms.push(Term { passes: true, what });
    }
    Ok(terms)
}

fn is_modifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A name with macros depends on the mail: nobody can ask for it here.
fn target(name: &str, what: fn(String) -> What) -> What {
    if name.contains('%') {
        return What::Unasked;
    }
    what(name.trim_end_matches('.').to_owned())
}

/// The name of `a:host/24//64`, or the record's own.
fn host<'a>(argument: &'a str, own: &'a str) -> Option<&'a str> {
    let (name, bits) = argument
        .split_once('/')
        .map_or((argument, None), |(name, bits)| (name, Some(bits)));
    let are_bits = bits.is_none_or(|bits| {
        bits.split('/')
            .all(|bits| bits.is_empty() || bits.parse::<u8>().is_ok_and(|b| b <= 128))
    });
    let name = match name.strip_prefix(':') {
        Some("") => return None,
        Some(name) => name,
        None => own,
    };
    are_bits.then_some(name)
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text
        .split_once('/')
        .map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(bits_max), |bits| bits.parse().ok())?;
    (bits <= bits_max).then_some((address, bits))
}

fn covers(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let ((network, width), (address, other)) = (number(network), number(address));
    let host_bits = u32::from(width - bits.min(width));
    width == other && (network ^ address).checked_shr(host_bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_spf_record() {
        for (text, expect) in [
            ("v=spf1", true),
            ("v=spf1 -all", true),
            ("V=SPF1 -all", true),
            ("v=spf10", false),
            ("v=spf1-all", false),
            (" v=spf1", false),
            ("spf", false),
        ] {
            assert_eq!(is_spf(text), expect, "{text}");
        }
    }

    #[test]
    fn terms_in_the_order_of_evaluation() {
        let read = |text: &str| terms(text, "own.example").unwrap();
        let term = |passes, what| Term { passes, what };
        let name = "a.example".to_owned();
        assert_eq!(
            read("v=spf1 redirect=R.example. a mx/24//64 -a:a.example/24 ~include:a.example exists:%{i}.x ptr x=y"),
            [
                term(true, What::Host("own.example".to_owned())),
                term(true, What::MailHosts("own.example".to_owned())),
                term(false, What::Host(name.clone())),
                term(false, What::Record(name.clone())),
                term(true, What::Unasked),
                term(true, What::Unasked),
                term(true, What::Record("r.example".to_owned())),
            ]
        );
        assert_eq!(
            read("v=spf1 ip4:192.0.2.0/24 IP6:2001:DB8::1 -all include:a.example redirect=b.example"),
            [
                term(true, What::Network("192.0.2.0".parse().unwrap(), 24)),
                term(true, What::Network("2001:db8::1".parse().unwrap(), 128)),
            ]
        );
        for bad in [
            "ipv4:192.0.2.1",
            "ip4:192.0.2.300",
            "ip4:192.0.2.1/33",
            "ip4:2001:db8::1",
            "ip6:192.0.2.1",
            "ip4",
            "include",
            "include:",
            "a:",
            "a/x",
            "all:x",
            "exists",
            "hello",
            "192.0.2.1",
            "=",
        ] {
            assert_eq!(terms(&format!("v=spf1 {bad} -all"), "own.example"), Err(bad.to_owned()));
        }
    }

    #[test]
    fn networks_cover_their_addresses() {
        for (text, address, expect) in [
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0/0", "192.0.2.2", true),
            ("::/0", "192.0.2.2", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let (network, bits) = network(text).unwrap();
            assert_eq!(
                covers(network, bits, address.parse().unwrap()),
                expect,
                "{text} {address}"
            );
        }
    }
}
