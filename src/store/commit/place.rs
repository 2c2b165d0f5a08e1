//! The owners of a report: the domain rows it belongs to, or none. [`super::super::belonging`] has the rule.

use hashbrown::{HashMap, HashSet};

use crate::base::{AccountId, DomainId, DomainName, Millis, Region, TlsMode};

use super::super::db::Conn;
use super::super::failures::Standing;
use super::super::memory::Memory;
use super::super::{Acceptance, Belonging, NewDomain, NewMessage, NewReport, StoreError, trust};
use super::lookup::{learn, look_up, named, upwards};
use super::slices::{self, Slice, SlicesCost, TOO_MANY_SLICES};
use super::{DOMAIN_UNKNOWN, FreshDomain, MISADDRESSED, TOO_MANY_VERSIONS, domain_unknown, misaddressed, report_of};

/// A report of the batch, or a slice of it, with the domain row it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    /// Position in the batch, and of the report in the message.
    pub message: usize,
    pub report: usize,
    pub account: AccountId,
    pub domain: DomainId,
    /// Position in [`Placed::slices`]; `None` for the whole report.
    pub slice: Option<usize>,
    /// Whether it may count there.
    pub acceptance: Acceptance,
}

/// A TLS report of the batch with the domain row it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TlsClaim {
    /// Position in the batch, and of the report in the message.
    pub message: usize,
    pub report: usize,
    pub account: AccountId,
    pub domain: DomainId,
    /// Whether it may count there.
    pub acceptance: Acceptance,
}

/// The failure report of a message of the batch with the domain row that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FailureClaim {
    /// Position in the batch.
    pub message: usize,
    pub domain: DomainId,
}

/// A report of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Position {
    /// In the aggregate reports.
    Report(usize),
    /// In the TLS reports.
    Tls(usize),
}

/// Domain rows by their names.
pub(super) type Names = HashMap<DomainId, Box<str>>;

/// The reports of a batch by where they belong.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// The claims of one report are adjacent.
    pub claims: Vec<Claim>,
    pub slices: Vec<Slice>,
    /// Costs of the slices of the message that is being placed.
    slices_cost: SlicesCost,
    /// Names of the domain rows that are claimed.
    pub names: Names,
    /// The registered domains above a domain row that is claimed: reports whose records have gone stay there when a domain
    /// below is added.
    pub above: HashMap<DomainId, Vec<DomainId>>,
    /// Message, report: no domain row is registered for them.
    pub unclaimed: Vec<(usize, usize)>,
    /// The TLS reports, and those for which no domain row is registered.
    pub tls: Vec<TlsClaim>,
    pub tls_unclaimed: Vec<(usize, usize)>,
    /// The failure reports. One for which no domain row is registered is other mail: no owner asked for it.
    pub failures: Vec<FailureClaim>,
}

impl Placed {
    /// Every report for which no domain row is registered, with its message, in order.
    pub fn waiting(&self) -> Vec<(usize, Position)> {
        let reports = self
            .unclaimed
            .iter()
            .map(|&(message, nth)| (message, Position::Report(nth)));
        let tls = self
            .tls_unclaimed
            .iter()
            .map(|&(message, nth)| (message, Position::Tls(nth)));
        let mut waiting: Vec<_> = reports.chain(tls).collect();
        waiting.sort_unstable();
        waiting
    }

    /// The domain rows whose reports may change.
    pub fn domains(&self) -> impl Iterator<Item = DomainId> {
        let above = self.above.values().flatten().copied();
        let tls = self.tls.iter().map(|claim| claim.domain);
        let failures = self.failures.iter().map(|claim| claim.domain);
        let reports = self.claims.iter().map(|claim| claim.domain);
        reports.chain(tls).chain(failures).chain(above)
    }
}

/// A batch, and which of its reports one transaction counts.
#[derive(Clone, Copy)]
pub(super) struct Batch<'b> {
    pub messages: &'b [NewMessage],
    pub placed: &'b Placed,
    /// The claims of one report are adjacent.
    pub claims: &'b [Claim],
    pub tls: &'b [TlsClaim],
    pub failures: &'b [FailureClaim],
    /// The domain rows that no other transaction writes for, in order.
    pub held: &'b [DomainId],
}

impl<'b> Batch<'b> {
    /// The report of a claim.
    pub fn report_of(self, claim: &Claim) -> &'b NewReport {
        report_of(self.messages, claim)
    }

    /// The slice of it that is claimed; `None` for the whole report.
    pub fn slice_of(self, claim: &Claim) -> Option<&'b Slice> {
        claim.slice.map(|slice| &self.placed.slices[slice])
    }
}

/// Places every report of the batch; misaddressed ones become problems of their message.
pub(super) async fn place(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &mut [NewMessage],
) -> Result<Placed, StoreError> {
    learn(conn, memory, batch).await?;
    let mut placed = Placed::default();
    for (nth, message) in batch.iter_mut().enumerate() {
        // Problems that an earlier try noted.
        let is_of_place =
            |reason: &str| [MISADDRESSED, TOO_MANY_VERSIONS, TOO_MANY_SLICES, DOMAIN_UNKNOWN].contains(&reason);
        message.problems.retain(|problem| !is_of_place(problem.reason));
        placed.slices_cost = SlicesCost::default();
        for report in 0..message.reports.len() {
            place_report(conn, memory, &mut placed, message, (nth, report)).await?;
        }
        place_tls(conn, memory, &mut placed, message, nth).await?;
        place_failure(conn, memory, &mut placed, message, nth).await?;
    }
    Ok(placed)
}

/// The domain rows of the account at and above a name, the closest first.
async fn registered(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    name: &str,
) -> Result<Vec<(DomainId, Box<str>)>, StoreError> {
    let mut found = Vec::new();
    for name in upwards(name) {
        if let Some(domain) = look_up(conn, memory, account, name).await? {
            found.push((domain, name.into()));
        }
    }
    Ok(found)
}

async fn place_report(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    placed: &mut Placed,
    message: &mut NewMessage,
    (nth, report): (usize, usize),
) -> Result<(), StoreError> {
    let account = message.belonging.account();
    let (leaf, new) = &message.reports[report];
    let policy_domain = &*new.report.policy.domain;
    let only = match message.belonging {
        // A row that has gone binds nothing.
        Belonging::Only(account, domain) => named(conn, memory, account, domain).await?.map(|name| (domain, name)),
        _ => None,
    };
    let chain = registered(conn, memory, account, policy_domain).await?;
    let claim = |domain, slice, acceptance| Claim {
        message: nth,
        report,
        account,
        domain,
        slice,
        acceptance,
    };
    let mut chain = chain.into_iter();
    if let Some((home, name)) = chain.next() {
        if let Some((_, only)) = only.filter(|(only, _)| *only != home) {
            let problem = misaddressed(leaf, policy_domain, &name, &only);
            message.problems.push(problem);
            return Ok(());
        }
        placed.names.insert(home, name);
        let acceptance = trust::acceptance(memory.trust.get(&home), new, new.messages());
        placed.claims.push(claim(home, None, acceptance));
        let above: Vec<_> = chain.clone().map(|(domain, _)| domain).collect();
        placed.names.extend(chain);
        if !above.is_empty() {
            placed.above.insert(home, above);
        }
        return Ok(());
    }
    let mut slices = slices::find(conn, memory, account, message, report).await?;
    let (leaf, new) = &message.reports[report];
    match only {
        None => placed.unclaimed.push((nth, report)),
        Some((only, name)) => {
            slices.retain(|(domain, ..)| *domain == only);
            if slices.is_empty() {
                let problem = misaddressed(leaf, &new.report.policy.domain, &new.report.policy.domain, &name);
                message.problems.push(problem);
                return Ok(());
            }
        }
    }
    let (problem, slices) = match slices::sums(message, report, slices, &mut placed.slices_cost) {
        Ok(slices) => (None, slices),
        Err(problem) => (Some(problem), Vec::new()),
    };
    message.problems.extend(problem);
    let new = &message.reports[report].1;
    for (domain, name, slice) in slices {
        placed.names.insert(domain, name);
        let acceptance = trust::acceptance(memory.trust.get(&domain), new, slice.totals.messages());
        placed.claims.push(claim(domain, Some(placed.slices.len()), acceptance));
        placed.slices.push(slice);
    }
    Ok(())
}

/// Places every TLS report of a message; misaddressed ones become problems of it.
async fn place_tls(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    placed: &mut Placed,
    message: &mut NewMessage,
    nth: usize,
) -> Result<(), StoreError> {
    let account = message.belonging.account();
    for report in 0..message.tls_reports.len() {
        let (leaf, new) = &message.tls_reports[report];
        let about = &*new.report.domain;
        let mut chain = registered(conn, memory, account, about).await?;
        // The report names a server only: the address that it came to knows better.
        if let Some(addressed) = message.belonging.domain().filter(|_| new.report.is_host)
            && let Some(name) = named(conn, memory, account, addressed).await?
        {
            chain.retain(|(domain, _)| *domain != addressed);
            chain.insert(0, (addressed, name));
        }
        let only = match message.belonging {
            // A row that has gone binds nothing.
            Belonging::Only(account, domain) => named(conn, memory, account, domain).await?.map(|name| (domain, name)),
            _ => None,
        };
        let home = chain.first().map(|(domain, name)| (*domain, name.clone()));
        let is_other = |only: DomainId| home.as_ref().is_none_or(|(home, _)| *home != only);
        if let Some((_, only)) = only.filter(|(only, _)| is_other(*only)) {
            let belongs_to = home.map_or_else(|| about.into(), |(_, name)| name);
            let problem = misaddressed(leaf, about, &belongs_to, &only);
            message.problems.push(problem);
            continue;
        }
        let Some((home, _)) = home else {
            if about.is_empty() {
                message.problems.push(domain_unknown(leaf));
            } else {
                placed.tls_unclaimed.push((nth, report));
            }
            continue;
        };
        let acceptance = trust::tls_acceptance(memory.trust.get(&home), new);
        placed.tls.push(TlsClaim {
            message: nth,
            report,
            account,
            domain: home,
            acceptance,
        });
        let above: Vec<_> = chain.iter().skip(1).map(|(domain, _)| *domain).collect();
        if !above.is_empty() {
            placed.above.entry(home).or_insert(above);
        }
        placed.names.extend(chain);
    }
    Ok(())
}

/// Places the failure report of a message: it belongs to the closest domain, which says whether it is read.
async fn place_failure(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    placed: &mut Placed,
    message: &mut NewMessage,
    nth: usize,
) -> Result<(), StoreError> {
    let (account, addressed) = (message.belonging.account(), message.belonging.domain());
    let Some(new) = &message.failure else { return Ok(()) };
    let about = new.report.domain.clone();
    let mut home = registered(conn, memory, account, &about).await?.into_iter().next();
    let addressed = match addressed {
        Some(addressed) => named(conn, memory, account, addressed)
            .await?
            .map(|name| (addressed, name)),
        None => None,
    };
    // Else it may be a letter about a failure, whose bytes must stay.
    let has_facts = new.has_facts();
    if about.is_empty() && has_facts {
        home = addressed.clone();
    }
    let only = addressed.filter(|_| matches!(message.belonging, Belonging::Only(..)));
    let kept = home
        .as_ref()
        .and_then(|(home, _)| memory.failure_reports.get(home).copied());
    let standing = match (&home, kept, &only) {
        _ if !has_facts => Standing::Off,
        (None, ..) if about.is_empty() => Standing::Off,
        (None, _, None) | (Some(_), None, _) => Standing::Off,
        (Some((home, _)), Some(kept), only) if only.as_ref().is_none_or(|(only, _)| only == home) => {
            Standing::Kept(kept)
        }
        _ => Standing::Misaddressed,
    };
    match (standing, home, only) {
        (Standing::Kept(_), Some((domain, name)), _) => {
            placed.names.insert(domain, name);
            placed.failures.push(FailureClaim { message: nth, domain });
        }
        (Standing::Misaddressed, home, Some((_, only))) => {
            let belongs_to = home.map_or_else(|| about.clone(), |(_, name)| name);
            message.problems.push(misaddressed("", &about, &belongs_to, &only));
        }
        _ => {}
    }
    if let Some(new) = &mut message.failure {
        new.standing = standing;
    }
    Ok(())
}

/// The policy domains of the batch that are to be added to their accounts, each once.
pub(super) async fn to_add(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &[NewMessage],
) -> Result<Vec<(AccountId, DomainName, Millis)>, StoreError> {
    learn(conn, memory, batch).await?;
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    for message in batch {
        let Belonging::AddDomains(account) = message.belonging else {
            continue;
        };
        for policy_domain in message.domains_to_add() {
            // Not each time for an invalid name.
            if !seen.insert((account, policy_domain)) {
                continue;
            }
            if look_up(conn, memory, account, policy_domain).await?.is_some() {
                continue;
            }
            let name = DomainName::parse(policy_domain).ok();
            if let Some(name) = name.filter(|name| name.as_str() == policy_domain) {
                names.push((account, name, message.received_at));
            }
        }
    }
    Ok(names)
}

/// A domain that is added on sight.
pub(super) fn on_sight(name: DomainName, fresh: FreshDomain) -> NewDomain {
    NewDomain {
        public_id: fresh.public_id,
        name,
        region: Region::EuWest1,
        tls_mode: TlsMode::Opportunistic,
        open_tracking: false,
        click_tracking: false,
        custom_return_path: None,
        rua_token: fresh.rua_token,
    }
}
