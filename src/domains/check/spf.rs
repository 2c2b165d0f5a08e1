//! SPF records (RFC 7208): whether they reach our `include:` within ten lookups.

use std::net::IpAddr;

use super::merge::{self, Merged, Place};
use super::spf_terms::{Term, What, is_nearly_spf, is_spf, terms};
use super::{Look, Seen, quoted};
use crate::dns::{Freshness, Unanswered};
use crate::domains::records::{DnsRecord, address_term};
use crate::store::RecordState;

/// DNS lookups that receivers allow (RFC 7208, 4.6.4).
pub const LOOKUPS_MAX: u32 = 10;
pub(super) const VOIDS_MAX: usize = 2;
/// The same section: more mail hosts of one name are a permanent error.
pub(super) const MAIL_HOSTS_MAX: usize = 10;

/// What a record must let send.
#[derive(Clone, Copy)]
struct Ours<'o> {
    /// Host of our own record.
    host: &'o str,
    /// The address that only this domain sends from.
    own: Option<IpAddr>,
}

pub(super) async fn look(
    look: &Look<'_>,
    record: &DnsRecord,
    host: &str,
    own: Option<IpAddr>,
) -> Result<Seen, Unanswered> {
    let ours = Ours { host, own };
    let (texts, others): (Vec<_>, Vec<_>) = look
        .texts(&record.name, Freshness::Fresh)
        .await?
        .into_iter()
        .partition(|text| is_spf(text));
    match texts.as_slice() {
        [text] => {
            let walk = evaluated(look, record, text, ours).await;
            walk.judge(record, text).await
        }
        [] => {
            let nearly: Vec<_> = others.into_iter().filter(|text| is_nearly_spf(text)).collect();
            Ok(without_record(look, record, ours, nearly).await)
        }
        several => Ok(with_several(look, record, ours, several).await),
    }
}

/// What receivers take for no record at all.
async fn without_record(look: &Look<'_>, record: &DnsRecord, ours: Ours<'_>, nearly: Vec<String>) -> Seen {
    let name = &record.name;
    let Some(text) = nearly.first() else {
        let seen = Seen::missing(format!("Add a TXT record at {name}: {}", record.value));
        return seen.offering(Some(Merged::new(&record.value)), record);
    };
    let (clean, wrong) = merge::cleaned(text, "v=spf1");
    // White space other than a space parts nothing.
    let words: Vec<&str> = clean.split_whitespace().collect();
    let mut clean = words.join(" ");
    for missing in ["spf1 ", "v spf1 "] {
        if let Some(rest) = clean.strip_prefix(missing) {
            clean = format!("v=spf1 {rest}");
        }
    }
    let problem = format!(
        "The TXT record of {name} that is meant for SPF {wrong}, so that receivers ignore it: it must begin with v=spf1 and \
         a space; correct it."
    );
    let merged = match is_spf(&clean) && nearly.len() == 1 {
        true => offer(look, record, &clean, ours).await.ok(),
        false => None,
    };
    Seen::bad(nearly.clone(), problem).replacing(merged, record, nearly)
}

/// RFC 7208, 4.5: a permanent error for all mail.
async fn with_several(look: &Look<'_>, record: &DnsRecord, ours: Ours<'_>, texts: &[String]) -> Seen {
    let (name, count) = (&record.name, texts.len());
    let all = format!("There are {count} SPF records at {name}, and only one may be; ");
    // DNS has them in any order: the one that we made someone add comes last.
    let mut texts = texts.to_vec();
    texts.sort_by_key(|text| (text.to_ascii_lowercase().contains(ours.host), text.clone()));
    let merged = match merge::spf_of_several(&texts) {
        Some(text) => offer(look, record, &text, ours).await.ok(),
        None => None,
    };
    let rest = match merged {
        Some(_) => "put one in their place, with all they say.",
        None => "put all they say into one, and remove the others.",
    };
    Seen::bad(texts.clone(), all + rest).replacing(merged, record, texts)
}

/// The record with what is missing in it, tried out: it passes our mail, and receivers can evaluate it to its end. `Err` says
/// why there is none.
async fn offer(look: &Look<'_>, record: &DnsRecord, text: &str, ours: Ours<'_>) -> Result<Merged, Option<String>> {
    let missing = evaluated(look, record, text, ours).await.missing();
    if missing.is_empty() {
        let (value, added) = (text.to_owned(), vec!["v=spf1".to_owned()]);
        return Ok(Merged { value, added });
    }
    let mut fault = None;
    for place in [Place::BeforeEnd, Place::First] {
        let merged = merge::spf_with(text, &missing, place);
        let walk = evaluated(look, record, &merged.value, ours).await;
        if walk.is_right() {
            return Ok(merged);
        }
        fault = fault.or(walk.fault);
    }
    Err(fault)
}

async fn evaluated<'w>(look: &'w Look<'w>, record: &DnsRecord, text: &str, ours: Ours<'w>) -> Walk<'w> {
    let mut walk = Walk {
        look,
        ours,
        lookups: 0,
        voids: Vec::new(),
        passes: None,
        is_own_covered: ours.own.is_none(),
        fault: None,
        unanswered: None,
    };
    walk.read(&record.name, text).await;
    walk
}

/// How our `include:` was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// It lets our servers send.
    Passes,
    /// It is there, but with a `-`, `~` or `?` before it.
    Qualified,
}

/// One evaluation, for a sender that nothing matches until our own record does.
struct Walk<'l> {
    look: &'l Look<'l>,
    ours: Ours<'l>,
    lookups: u32,
    /// Names that were looked up for nothing.
    voids: Vec<String>,
    /// Our own record was reached.
    passes: Option<Reached>,
    is_own_covered: bool,
    /// What makes receivers give up, and the walk with them.
    fault: Option<String>,
    /// What could not be read. The walk continues without it.
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
        self.push(&mut frames, name, text, Reached::Passes);
        while let (None, Some(frame)) = (&self.fault, frames.last_mut()) {
            let Some(term) = frame.terms.next() else {
                frames.pop();
                continue;
            };
            let passes = frame.passes && term.passes;
            self.step(&mut frames, Term { passes, ..term }).await;
        }
    }

    async fn step(&mut self, frames: &mut Vec<Frame>, Term { passes, what, .. }: Term) {
        let reached = if passes { Reached::Passes } else { Reached::Qualified };
        if !matches!(what, What::Network(..) | What::All) {
            self.lookups += 1;
            if self.lookups > LOOKUPS_MAX {
                self.fault = Some(format!(
                    "it needs more than {LOOKUPS_MAX} DNS lookups, which receivers refuse; remove includes that you no \
                     longer need"
                ));
                return;
            }
        }
        match what {
            What::Network(network) => {
                self.is_own_covered |= passes && self.ours.own.is_some_and(|own| network.contains(own));
            }
            What::Record(target) | What::Redirect(target) if target == self.ours.host => {
                // Our own record needs no lookups: there is nothing to follow. The first match decides.
                self.passes.get_or_insert(reached);
            }
            What::Record(target) | What::Redirect(target) => self.follow(frames, &target, reached).await,
            What::Host(target, _) => {
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
            What::MailHosts(target, _) => self.mail_hosts(target).await,
            What::Unasked | What::All => {}
        }
    }

    /// Goes on with the record of another name.
    async fn follow(&mut self, frames: &mut Vec<Frame>, target: &str, reached: Reached) {
        match self.look.texts(target, Freshness::Shared).await {
            Ok(texts) => {
                let mut records = texts.iter().filter(|text| is_spf(text));
                match (records.next(), records.next()) {
                    (Some(text), None) => self.push(frames, target, text, reached),
                    (None, _) => {
                        self.fault = Some(format!("{} has no SPF record; remove it", quoted(target)));
                    }
                    (Some(_), Some(_)) => {
                        self.fault = Some(format!("{} has several SPF records; remove it", quoted(target)));
                    }
                }
            }
            Err(Unanswered::NoName) => self.fault = Some(format!("{} is not a name; correct it", quoted(target))),
            Err(Unanswered::Circle(_)) => {
                self.fault = Some(format!("{} leads in a circle; remove it", quoted(target)));
            }
            Err(why) => self.unanswered = Some(why),
        }
    }

    async fn mail_hosts(&mut self, target: String) {
        let found = match self.look.take() {
            Ok(()) => self
                .look
                .dns
                .mail_hosts(&target, Freshness::Shared)
                .await
                .map(|all| all.len()),
            Err(why) => Err(why),
        };
        if let Ok(count) = found
            && count > MAIL_HOSTS_MAX
        {
            self.fault = Some(format!(
                "{} has {count} mail hosts, and receivers look up {MAIL_HOSTS_MAX} at most; name their networks \
                 instead",
                quoted(&format!("mx:{target}"))
            ));
            return;
        }
        self.note(target, found.map(|count| count > 0));
    }

    /// A name that has nothing is a void lookup; one that could not be read may have something.
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

    fn push(&mut self, frames: &mut Vec<Frame>, name: &str, text: &str, reached: Reached) {
        match terms(text, name) {
            Ok(terms) => frames.push(Frame {
                terms: terms.into_iter(),
                passes: reached == Reached::Passes,
            }),
            Err(term) => {
                let place = if frames.is_empty() {
                    String::new()
                } else {
                    format!(" (of {name})")
                };
                self.fault = Some(format!(
                    "{}{place} is not a term of SPF; correct or remove it",
                    quoted(&term)
                ));
            }
        }
    }

    /// The terms that the record lacks.
    fn missing(&self) -> Vec<String> {
        let own = self.ours.own.filter(|_| !self.is_own_covered).map(address_term);
        let include = (self.passes != Some(Reached::Passes)).then(|| format!("include:{}", self.ours.host));
        own.into_iter().chain(include).collect()
    }

    /// Whether our mail passes, and receivers can evaluate the whole record.
    fn is_right(&self) -> bool {
        self.fault.is_none() && self.unanswered.is_none() && self.missing().is_empty()
    }

    async fn judge(self, record: &DnsRecord, text: &str) -> Result<Seen, Unanswered> {
        let (name, include) = (&record.name, format!("include:{}", self.ours.host));
        let found = vec![text.to_owned()];
        if self.passes == Some(Reached::Passes) {
            let own = self.ours.own.filter(|_| !self.is_own_covered);
            let problem = match (&self.fault, own) {
                (Some(fault), _) => Some(format!("In the SPF record of {name}, behind {include}: {fault}.")),
                (None, Some(own)) => Some(format!("Add {} to the SPF record of {name}.", address_term(own))),
                (None, None) => None,
            };
            let merged = match (&self.fault, own) {
                (None, Some(_)) => offer(self.look, record, text, self.ours).await.ok(),
                _ => None,
            };
            let seen = Seen {
                problem,
                ..Seen::good(found.clone())
            };
            return Ok(seen.replacing(merged, record, found));
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
        let mut problem = if self.passes == Some(Reached::Qualified) {
            format!(
                "Remove the sign before {include} in the SPF record of {name}, or put {include} in front of it, so that it \
                 allows our servers."
            )
        } else if text.to_ascii_lowercase().split(' ').any(|word| word == include) {
            format!("In the SPF record of {name}, {include} stands behind the end; put it before all.")
        } else {
            format!("Add {include} to the SPF record of {name}, before its last term.")
        };
        let offered = offer(self.look, record, text, self.ours).await;
        if let Err(Some(fault)) = &offered {
            problem = format!("{problem} As it is, receivers could not evaluate it with that: {fault}.");
        }
        let seen = Seen::bad(found.clone(), problem).with_state(RecordState::Wrong);
        Ok(seen.replacing(offered.ok(), record, found))
    }
}
