//! Reports that came before their domain and were not counted when it was added.
//!
//! Who adds a domain claims what waits for it ([`Intake::claim`]). Something may be left all the same: where a feed adds
//! the domains that it reads about, and where a claim was cut off. A domain's row says until then that something may wait
//! for it. Feeding a message in again counts nothing twice, so any node may do it.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::base::{AccountId, DomainId, ancestors};
use crate::ingest::{Intake, Reread};
use crate::jobs::JobError;
use crate::store::Store;

/// Counts every account's unclaimed reports whose domain exists by now. Returns the number of replayed messages.
pub async fn claim_all(store: &Store, intake: &Intake) -> anyhow::Result<u64> {
    let mut fed = 0;
    for account in store.accounts().await? {
        fed += claim_earlier_ones(store, intake, account.id).await?;
    }
    Ok(fed)
}

/// As [`claim_all`], for one account.
pub async fn claim_earlier_ones(store: &Store, intake: &Intake, account: AccountId) -> anyhow::Result<u64> {
    let due = store.domains_to_claim(account).await?;
    let unclaimed = store.unclaimed_names(account).await?;
    let mut fed = 0;
    if !unclaimed.is_empty() {
        let domains = store.domains(account).await?;
        let names = domains.iter().map(|domain| (domain.name.as_str(), domain.id));
        let mut waited_for = with_unclaimed(&unclaimed, names);
        waited_for.extend(below_unclaimed(&unclaimed, &due));
        for domain in waited_for {
            fed += intake.claim(account, domain).await?.messages;
        }
    }
    // For the others nothing waits.
    let due: Vec<_> = due.into_iter().map(|(domain, _)| domain).collect();
    store.domains_claimed(&due).await?;
    Ok(fed)
}

/// Reads some of the mail again that an earlier version kept as other mail.
pub(super) async fn read_again(intake: &Intake) -> Result<(), JobError> {
    let Reread {
        messages,
        found,
        ended,
        failed,
    } = intake.read_again().await?;
    if found.messages > 0 {
        tracing::info!(
            messages,
            with_reports = found.messages,
            counted = found.counted,
            held = found.held,
            duplicates = found.duplicates,
            conflicts = found.conflicts,
            "read other mail again after the upgrade and found reports in it"
        );
    }
    if ended {
        tracing::info!("all other mail that was there before the upgrade has been read again");
    }
    if let Some(failed) = failed {
        return Err(failed.into());
    }
    Ok(())
}

/// The domains below one of the names: records of what waits may be about them. Each is looked at once, not on every
/// run: such reports go on waiting for the name that they are about.
fn below_unclaimed(unclaimed: &[String], due: &[(DomainId, String)]) -> Vec<DomainId> {
    let unclaimed: HashSet<&str> = unclaimed.iter().map(String::as_str).collect();
    let below = due
        .iter()
        .filter(|(_, name)| ancestors(name).any(|above| unclaimed.contains(above)));
    below.map(|(domain, _)| *domain).collect()
}

/// The domains that one of the names belongs to. Some accounts have a hundred thousand domains and as many names: each
/// is looked at once.
fn with_unclaimed<'d>(unclaimed: &[String], domains: impl Iterator<Item = (&'d str, DomainId)>) -> BTreeSet<DomainId> {
    let domains: HashMap<&str, DomainId> = domains.collect();
    let closest = |name: &String| {
        let mut upwards = std::iter::once(name.as_str()).chain(ancestors(name));
        upwards.find_map(|name| domains.get(name).copied())
    };
    unclaimed.iter().filter_map(closest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_its_closest_parent() {
        let domains = [
            ("example.com", 1),
            ("mail.example.com", 2),
            ("example.net", 3),
            ("com", 4),
        ];
        let domains = domains.map(|(name, id)| (name, DomainId(id)));
        let check = |names: &[&str], expect: &[i64]| {
            let names: Vec<_> = names.iter().copied().map(str::to_owned).collect();
            let found = with_unclaimed(&names, domains.into_iter());
            assert_eq!(
                found.iter().map(|domain| domain.0).collect::<Vec<_>>(),
                expect,
                "{names:?}"
            );
        };
        check(&["example.com", "a.b.example.com"], &[1]);
        check(&["a.mail.example.com", "notexample.net", "example.org"], &[2]);
        check(&["other.com"], &[4]);
        check(&[], &[]);
    }
}
