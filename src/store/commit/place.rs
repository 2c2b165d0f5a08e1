//! Whose is a report? The domain row it belongs to, or none.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::report::{DomainName, ancestors};

use super::super::db::{Args, Conn, Lock};
use super::super::memory::Memory;
use super::super::sql::sql;
use super::super::{AccountId, Belonging, DomainId, NewDomain, NewMessage, Region, StoreError, TlsMode, domains};
use super::{FreshDomain, MISADDRESSED, misaddressed};

/// A report of the batch with the domain row it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    /// Position in the batch, and of the report in the message.
    pub message: usize,
    pub report: usize,
    pub domain: DomainId,
}

/// Domain rows by their names.
pub(super) type Names = HashMap<DomainId, Box<str>>;

/// The reports of a batch by where they belong.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub claims: Vec<Claim>,
    /// Of the domain rows that are claimed.
    pub names: Names,
    /// Message, report: no domain row is registered for them.
    pub unclaimed: Vec<(usize, usize)>,
    /// Domains were added.
    pub added: bool,
}

/// Places every report of the batch; misaddressed ones become problems of their message.
pub(super) async fn place(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &mut [NewMessage],
    fresh: &(dyn Fn() -> FreshDomain + Sync),
) -> Result<Placed, StoreError> {
    learn(conn, memory, batch).await?;
    let mut placed = Placed::default();
    for (nth, message) in batch.iter_mut().enumerate() {
        // Of a try before this one.
        message.problems.retain(|problem| problem.reason != MISADDRESSED);
        for report in 0..message.reports.len() {
            let (leaf, new) = &message.reports[report];
            let policy_domain = &*new.report.policy.domain;
            let domain = match message.belonging {
                Belonging::Domain(account, domain) => match named(conn, memory, account, domain).await? {
                    Some(name) if covers(&name, policy_domain) => Some((domain, name)),
                    Some(name) => {
                        let problem = misaddressed(leaf, policy_domain, &name);
                        message.problems.push(problem);
                        continue;
                    }
                    None => None,
                },
                Belonging::Account(account) => closest(conn, memory, account, policy_domain).await?,
                Belonging::AddDomains(account) => match closest(conn, memory, account, policy_domain).await? {
                    Some(domain) => Some(domain),
                    None => {
                        // Two batches that add the same domains in another order would each wait for the other.
                        if !placed.added {
                            conn.lock(Lock::Names).await?;
                        }
                        let added = add(conn, memory, account, policy_domain, message.received_at, fresh).await?;
                        placed.added |= added.is_some();
                        added
                    }
                },
            };
            match domain {
                Some((domain, name)) => {
                    placed.names.insert(domain, name);
                    placed.claims.push(Claim {
                        message: nth,
                        report,
                        domain,
                    });
                }
                None => placed.unclaimed.push((nth, report)),
            }
        }
    }
    Ok(placed)
}

/// Looks up at once what [`closest`] is going to ask for.
async fn learn(conn: &mut Conn<'_>, memory: &mut Memory, batch: &[NewMessage]) -> Result<(), StoreError> {
    let mut unknown = BTreeSet::new();
    for message in batch {
        let (Belonging::Account(account) | Belonging::AddDomains(account)) = message.belonging else {
            continue;
        };
        for (_, new) in &message.reports {
            let names = upwards(&new.report.policy.domain).map(|name| (account, Box::<str>::from(name)));
            unknown.extend(names.filter(|key| !memory.domains.contains_key(key)));
        }
    }
    let unknown: Vec<_> = unknown.into_iter().collect();
    let found = conn.bulk_all(sql!("domain_ids_by_names"), &unknown, |args, (account, name)| {
        args.push_int(account.0);
        args.push_text(name);
    });
    let found = found.await?;
    memory.domains.extend(unknown.into_iter().map(|key| (key, None)));
    for row in found {
        let key = (AccountId(row.int(0)?), row.text(1)?.into());
        memory.domains.insert(key, Some(DomainId(row.int(2)?)));
    }
    Ok(())
}

/// The name and those above it, nearest first.
fn upwards(name: &str) -> impl Iterator<Item = &str> {
    std::iter::once(name).chain(ancestors(name))
}

fn covers(name: &str, policy_domain: &str) -> bool {
    upwards(policy_domain).any(|ancestor| ancestor == name)
}

/// The name of a domain row, if the account has it.
pub(super) async fn named(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    domain: DomainId,
) -> Result<Option<Box<str>>, StoreError> {
    if let Some(name) = memory.names.get(&(account, domain)) {
        return Ok(name.clone());
    }
    let row = conn
        .first(sql!("domain_by_id"), Args::default().int(account.0).int(domain.0))
        .await?;
    let name: Option<Box<str>> = row.map(|row| row.text(3)).transpose()?.map(Into::into);
    memory.names.insert((account, domain), name.clone());
    Ok(name)
}

/// The account's row for the policy domain, or for its closest registered parent.
async fn closest(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    policy_domain: &str,
) -> Result<Option<(DomainId, Box<str>)>, StoreError> {
    for name in upwards(policy_domain) {
        let key = (account, Box::from(name));
        let domain = match memory.domains.get(&key) {
            Some(domain) => *domain,
            None => {
                let row = conn
                    .first(sql!("domain_by_name"), Args::default().int(account.0).text(name))
                    .await?;
                let domain = row.map(|row| row.int(0)).transpose()?.map(DomainId);
                memory.domains.insert(key, domain);
                domain
            }
        };
        if let Some(domain) = domain {
            return Ok(Some((domain, name.into())));
        }
    }
    Ok(None)
}

/// Adds the policy domain to the account; `None` if it is no name that can be registered.
async fn add(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    policy_domain: &str,
    now: i64,
    fresh: &(dyn Fn() -> FreshDomain + Sync),
) -> Result<Option<(DomainId, Box<str>)>, StoreError> {
    let Ok(name) = DomainName::parse(policy_domain) else {
        return Ok(None);
    };
    if name.as_str() != policy_domain {
        return Ok(None);
    }
    let number = memory.domain_numbers.take(conn, "domain", 1).await?;
    let fresh = fresh();
    let new = NewDomain {
        public_id: fresh.public_id,
        name,
        region: Region::EuWest1,
        tls_mode: TlsMode::Opportunistic,
        open_tracking: false,
        click_tracking: false,
        custom_return_path: None,
        rua_token: fresh.rua_token,
    };
    let domain = match domains::insert(conn, number, account, &new, now).await? {
        Some(domain) => domain,
        // Another node was first.
        None => {
            let args = Args::default().int(account.0).text(policy_domain);
            let row = conn.first(sql!("domain_by_name"), args).await?;
            let row = row.ok_or_else(|| StoreError::damaged("domains", policy_domain, "was not kept"))?;
            DomainId(row.int(0)?)
        }
    };
    memory.domains.insert((account, policy_domain.into()), Some(domain));
    Ok(Some((domain, policy_domain.into())))
}
