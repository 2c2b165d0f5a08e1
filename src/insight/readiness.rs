//! May the policy of a domain be stricter? Five checks with their figures, what stands in the way, and the next step.
//!
//! The rules are pure; `facts` reads what they need. docs/insight.md has them.

mod facts;

use crate::base::numbers::grouped;
use crate::base::{Day, DayRange, words};
use crate::domains::{InForce, Unread};
use crate::enrich::{Counts, Flow, FlowCounts, Named, Rule};
use crate::report::aggregate::{Policy, PolicyPublished};

use super::published::{Origin, Published};

pub use facts::readiness;

/// Days with messages that are needed.
const DAYS_MIN: u64 = 14;
/// Percentage of the owner's messages that must pass.
const PASS_PERCENT_MIN: u64 = 98;
/// Days for which a sender is new.
pub(super) const NEW_DAYS: i32 = 14;
/// Rows of a list.
const ROWS_MAX: usize = 50;
/// Services with fewer messages to fix are no reason to wait, if they are less than this part of the owner's messages, too.
const BLOCKING_MIN: u64 = 5;
const BLOCKING_PART: u64 = 10_000;

words! {
    /// What to do.
    Verdict: u8 {
        /// The policy cannot be stricter.
        Done = 0 "done",
        /// The next step can be taken.
        Ready = 1 "ready",
        /// Something stands in the way.
        NotYet = 2 "not_yet",
        /// The first step is a record of the domain's own that receivers follow.
        NoRecord = 3 "no_record",
        /// No message was reported.
        NoData = 4 "no_data",
    }
}

words! {
    /// A change of the record.
    Step: u8 {
        /// `p` gets the next stricter value.
        Policy = 0 "p",
        /// `sp` is weaker than `p`: it goes.
        Subdomains = 1 "sp",
        /// `np` is weaker than the policy of subdomains: it goes.
        Missing = 2 "np",
        /// `t=y` asks for one level less: it goes.
        Testing = 3 "t",
        /// `pct` is obsolete: it goes.
        Part = 4 "pct",
    }
}

words! {
    /// What is checked.
    Check: u8 {
        /// Days with messages.
        Days = 0 "days",
        /// Per cent of the owner's messages that pass.
        OwnPass = 1 "own_pass",
        /// New addresses of the last 14 days whose mail is to be fixed.
        NewSenders = 2 "new_senders",
        /// Records that the domain must publish.
        Records = 3 "records",
        /// Large reporters that are silent.
        Reporters = 4 "reporters",
    }
}

/// What the rules are about.
#[derive(Debug, Clone)]
pub struct Facts {
    pub range: DayRange,
    pub published: Published,
    /// First day from which on every report of the domain saw the policy as it is now; `None` if the newest did not.
    pub seen_since: Option<Day>,
    /// Days with messages.
    pub days: u64,
    /// In the order of [`Flow::ALL`].
    pub flows: Vec<(Flow, Counts)>,
    pub senders: Vec<SenderFacts>,
    /// New addresses with mail to fix, and its messages.
    pub new_senders: (u64, u64),
    /// Whether every record that the domain must publish was found.
    pub has_records: bool,
    /// Large reporters that are silent.
    pub silent: Vec<String>,
}

/// A service, or who operates the addresses where none is known.
#[derive(Debug, Clone)]
pub struct SenderFacts {
    pub named: Option<Named>,
    pub sources: u64,
    pub flows: FlowCounts,
}

/// A check with its figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub check: Check,
    pub passed: bool,
    pub figure: u64,
    /// What the figure must be: at least for days and per cent, at most for the others.
    pub needed: u64,
    /// A sentence.
    pub says: String,
}

/// A sender whose mail is to be fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    pub named: Option<Named>,
    /// Its messages to fix; none of them passes.
    pub messages: u64,
    /// Whether it stands in the way; smaller ones do not.
    pub is_blocking: bool,
    /// What to do, a sentence.
    pub says: String,
}

/// Failing messages, to which the next policy would apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failing {
    pub to_fix: u64,
    /// Forwarded, by mailing lists too.
    pub forwarded: u64,
    pub unknown: u64,
    /// Of senders that are not the owner's, as the owner decided.
    pub not_ours: u64,
}

impl Failing {
    fn new(flows: &[(Flow, Counts)]) -> Self {
        let mut failing = Self::default();
        for (flow, counts) in flows {
            let sum = match flow {
                Flow::Direct | Flow::Service | Flow::OwnMissingInSpf | Flow::Unaligned => &mut failing.to_fix,
                Flow::List | Flow::Forwarded | Flow::Open => &mut failing.forwarded,
                Flow::Unknown => &mut failing.unknown,
                Flow::NotOurs => &mut failing.not_ours,
            };
            *sum = sum.saturating_add(counts.fail);
        }
        failing
    }

    /// All of them.
    pub fn messages(&self) -> u64 {
        let known = self.to_fix.saturating_add(self.forwarded);
        known.saturating_add(self.unknown).saturating_add(self.not_ours)
    }
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    pub step: Step,
    /// The value that the tag gets; `None`: the tag goes.
    pub value: Option<Policy>,
}

/// Whether the policy may be stricter.
#[derive(Debug, Clone)]
pub struct Readiness {
    pub facts: Facts,
    pub verdict: Verdict,
    /// The verdict, a sentence.
    pub says: String,
    pub next: Option<Next>,
    pub checks: Vec<Checked>,
    /// Most messages first; at most 50.
    pub blockers: Vec<Blocker>,
    pub blockers_total: usize,
    pub failing: Failing,
}

impl Readiness {
    /// The record of the next step: what DNS has, with one tag changed or gone. `None` if there is no step, or receivers do not
    /// follow a record of the domain's own.
    pub fn record(&self) -> Option<String> {
        let Next { step, value } = self.next?;
        let changes = [(step.word(), value.map(Policy::word))];
        let record = self.facts.published.in_force.own_record_with(&changes)?;
        Some(record.value)
    }
}

/// Judges facts.
fn judge(facts: Facts) -> Readiness {
    let (blockers, blockers_total) = blockers(&facts);
    let checks = checks(&facts);
    let next = next(&facts.published.policy);
    let messages = facts
        .flows
        .iter()
        .fold(0, |sum: u64, (_, counts)| sum.saturating_add(counts.messages()));
    let (verdict, says) = match record_first(&facts.published, next) {
        Some(says) => (Verdict::NoRecord, says),
        None => {
            let (verdict, says) = weighed(next, messages, &checks, &blockers);
            (verdict, says + &origin(&facts.published))
        }
    };
    let next = next.filter(|_| verdict != Verdict::NoRecord);
    Readiness {
        says,
        failing: Failing::new(&facts.flows),
        verdict,
        next,
        checks,
        blockers,
        blockers_total,
        facts,
    }
}

/// The next stricter record. One tag at a time: what comes of a change is seen before the next one.
fn next(policy: &PolicyPublished) -> Option<Next> {
    // RFC 9989, 4.7: a record without `p` is as one with `p=none`.
    let p = policy.p.unwrap_or(Policy::None);
    let sp = policy.sp.unwrap_or(p);
    let gone = |step| Some(Next { step, value: None });
    let stricter = |value| {
        Some(Next {
            step: Step::Policy,
            value: Some(value),
        })
    };
    match p {
        _ if policy.testing == Some(true) => gone(Step::Testing),
        _ if policy.pct.is_some_and(|pct| pct < 100) => gone(Step::Part),
        Policy::None => stricter(Policy::Quarantine),
        Policy::Quarantine => stricter(Policy::Reject),
        Policy::Reject if sp < p => gone(Step::Subdomains),
        Policy::Reject if policy.np.is_some_and(|np| np < sp) => gone(Step::Missing),
        Policy::Reject => None,
    }
}

/// How the next step is written.
fn step_text(next: Next) -> String {
    match next.value {
        Some(value) => format!("{}={}", next.step.word(), value.word()),
        None => format!("the record without {}", next.step.word()),
    }
}

/// What to do first, a sentence, where receivers do not follow a record of the domain's own. `None` if they do, and if nothing
/// is to do.
fn record_first(published: &Published, next: Option<Next>) -> Option<String> {
    let says = match &published.in_force {
        InForce::NotKnown(_) if published.origin == Origin::Report => return None,
        InForce::NotKnown(why) => {
            let (what, action) = unread(*why);
            format!("{what}, and no report has the policy: {action} first.")
        }
        InForce::Nothing => "No DMARC record is known: publish the one under DNS set-up first.".to_owned(),
        InForce::Several(count) => {
            format!("DNS has {count} DMARC records, so receivers use none of them: keep one, as DNS set-up says.")
        }
        InForce::Misspelt => {
            "Receivers do not take what DNS has for a DMARC record: correct it, as DNS set-up says.".to_owned()
        }
        InForce::Faulty { above: None } => {
            "Receivers ignore the DMARC record that DNS has, because it is faulty: correct it, as DNS set-up says."
                .to_owned()
        }
        InForce::Faulty { above: Some(above) } => format!(
            "The domain has no DMARC record of its own, and receivers ignore that of {above}, because it is faulty: \
             publish the one under DNS set-up first."
        ),
        InForce::Record(_) => {
            let above = published.in_force.inherited_from().filter(|_| next.is_some())?;
            let policy = published.policy.p.unwrap_or(Policy::None).word();
            format!(
                "The domain has no record of its own; the policy is that of {above}: publish a record of its own first, \
                 with p={policy} (see DNS set-up)."
            )
        }
    };
    Some(says)
}

/// What the policy is known from, a sentence behind the verdict. Nothing for the domain's own record in DNS.
fn origin(published: &Published) -> String {
    match (&published.in_force, published.in_force.inherited_from()) {
        (_, Some(above)) => format!(" The policy is that of {above}."),
        (InForce::NotKnown(why), None) => {
            let (what, action) = unread(*why);
            format!(" {what}, so this is by the newest report: {action}.")
        }
        (_, None) => String::new(),
    }
}

/// Why DNS does not tell the policy, and what to do.
fn unread(why: Unread) -> (&'static str, &'static str) {
    match why {
        Unread::NotLooked => ("DNS was not looked at yet", "verify the domain under DNS set-up"),
        Unread::NoAnswer => (
            "DNS could not be read at the last check",
            "verify the domain again under DNS set-up",
        ),
        Unread::Cut => (
            "DNS has more or longer DMARC records than a check keeps",
            "keep one, and shorten it",
        ),
    }
}

/// Whether the next step can be taken, and a sentence about it.
fn weighed(next: Option<Next>, messages: u64, checks: &[Checked], blockers: &[Blocker]) -> (Verdict, String) {
    let Some(step) = next.map(step_text) else {
        let says = "Nothing to do: receivers are asked to reject what fails, for subdomains too.";
        return (Verdict::Done, says.to_owned());
    };
    if messages == 0 {
        let says = "No message was reported for these days, so nothing can be said.";
        return (Verdict::NoData, says.to_owned());
    }
    let failed = checks.iter().filter(|one| !one.passed).count();
    let blocking = blockers.iter().filter(|one| one.is_blocking).count();
    let senders = match blocking {
        1 => "1 sender is to be fixed".to_owned(),
        many => format!("{many} senders are to be fixed"),
    };
    let verb = if failed == 1 { "does" } else { "do" };
    let failing = format!("{failed} of {} checks {verb} not pass", checks.len());
    match (failed, blocking) {
        (0, 0) => (Verdict::Ready, format!("You may publish {step}: all checks pass.")),
        (0, _) => (Verdict::NotYet, format!("Not yet {step}: {senders}.")),
        (_, 0) => (Verdict::NotYet, format!("Not yet {step}: {failing}.")),
        _ => (Verdict::NotYet, format!("Not yet {step}: {failing}, and {senders}.")),
    }
}

/// The owner's messages: passed, and to be fixed.
fn own(facts: &Facts) -> (u64, u64) {
    let is_own = |flow: Flow| {
        matches!(
            flow,
            Flow::Direct | Flow::Service | Flow::OwnMissingInSpf | Flow::Unaligned
        )
    };
    let own = facts.flows.iter().filter(|(flow, _)| is_own(*flow));
    own.fold((0, 0), |(pass, fail): (u64, u64), (_, counts)| {
        (pass.saturating_add(counts.pass), fail.saturating_add(counts.fail))
    })
}

impl Checked {
    fn at_least(check: Check, figure: u64, needed: u64, says: String) -> Self {
        Self {
            check,
            passed: figure >= needed,
            figure,
            needed,
            says,
        }
    }

    /// Of what the check counts, there may be nothing.
    fn nothing(check: Check, figure: u64, says: String) -> Self {
        Self {
            check,
            passed: figure == 0,
            figure,
            needed: 0,
            says,
        }
    }
}

fn checks(facts: &Facts) -> Vec<Checked> {
    let days = format!(
        "{} of the days have messages; at least {DAYS_MIN} are needed.",
        facts.days
    );
    let records = match facts.has_records {
        true => "DNS has every record that the domain must publish.",
        false => "DNS lacks records that the domain must publish: see DNS set-up.",
    };
    vec![
        Checked::at_least(Check::Days, facts.days, DAYS_MIN, days),
        own_pass(facts),
        new_senders(facts.new_senders),
        Checked::nothing(Check::Records, u64::from(!facts.has_records), records.to_owned()),
        reporters(&facts.silent),
    ]
}

fn own_pass(facts: &Facts) -> Checked {
    let (pass, fail) = own(facts);
    let all = pass.saturating_add(fail);
    // Rounded down, so that 98 is at least 98.
    let percent = (u128::from(pass) * 100).checked_div(u128::from(all)).unwrap_or(0) as u64;
    let says = match all {
        0 => "No message is known to be yours.".to_owned(),
        _ => format!(
            "{} of your {} messages pass; at least {PASS_PERCENT_MIN} % must.",
            grouped(pass),
            grouped(all)
        ),
    };
    Checked::at_least(Check::OwnPass, percent, PASS_PERCENT_MIN, says)
}

fn new_senders((addresses, messages): (u64, u64)) -> Checked {
    let messages = grouped(messages);
    let says = match addresses {
        0 => format!("No new address has mail to fix in the last {NEW_DAYS} days."),
        1 => format!("1 new address of the last {NEW_DAYS} days has mail to fix, {messages} messages."),
        _ => format!("{addresses} new addresses of the last {NEW_DAYS} days have mail to fix, {messages} messages."),
    };
    Checked::nothing(Check::NewSenders, addresses, says)
}

fn reporters(silent: &[String]) -> Checked {
    let says = match silent {
        [] => "The largest reporters report.".to_owned(),
        [one] => format!("{one}, one of the largest reporters, is silent."),
        [one, more @ ..] => format!("{one} and {} more of the largest reporters are silent.", more.len()),
    };
    Checked::nothing(Check::Reporters, silent.len() as u64, says)
}

fn blockers(facts: &Facts) -> (Vec<Blocker>, usize) {
    let (pass, fail) = own(facts);
    let least = (pass.saturating_add(fail) / BLOCKING_PART).max(BLOCKING_MIN);
    let blocker = |sender: &SenderFacts| {
        let messages = sender.flows.messages_in(Flow::Unaligned);
        (messages > 0).then(|| Blocker {
            messages,
            is_blocking: messages >= least,
            says: action(sender),
            named: sender.named.clone(),
        })
    };
    let mut found: Vec<_> = facts.senders.iter().filter_map(blocker).collect();
    found.sort_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.named.cmp(&b.named)));
    let total = found.len();
    found.truncate(ROWS_MAX);
    (found, total)
}

/// What the owner does about a sender. A forwarder is never among these, and is never to be added to SPF.
fn action(sender: &SenderFacts) -> String {
    let Some(Named { rule, name, fact, .. }) = &sender.named else {
        return "Find out who sends this: nothing names the sender.".to_owned();
    };
    match rule {
        Rule::Dkim | Rule::Domain => {
            format!("{name} signs as {fact}. Switch on DKIM for your own domain there, or decide that it is not yours.")
        }
        Rule::MailFrom => format!(
            "{name} sends with MAIL FROM {fact}, and does not sign for your domain. Switch on DKIM for your own domain \
             there, or decide that it is not yours."
        ),
        Rule::Own => format!(
            "{name} sends without an aligned signature and without being in your SPF record. Let it sign, or send \
             through a server that does."
        ),
        _ => format!(
            "{name} sends without an aligned signature. Let it sign for your domain, or decide that it is not yours."
        ),
    }
}

#[cfg(test)]
mod tests;
