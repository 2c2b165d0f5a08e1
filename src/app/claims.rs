//! Reports that came before their domain and were not counted when it was added.
//!
//! Who adds a domain claims what waits for it ([`Intake::claim`]). Something may be left all the same: of a batch that
//! another node had placed before the domain was there and committed after; where a source adds the domains that it
//! reads about; and where a claim was cut off. Feeding a message in again counts nothing twice, so whoever comes by may
//! do it.

use std::collections::{BTreeSet, HashMap};

use crate::ingest::Intake;
use crate::report::ancestors;
use crate::store::{AccountId, DomainId, Store};

/// Counts every account's unclaimed reports whose domain is there by now; gives how many messages were fed in again.
pub async fn claim_all(store: &Store, intake: &Intake) -> anyhow::Result<u64> {
    let mut fed = 0;
    for account in store.accounts().await? {
        fed += claim_earlier_ones(store, intake, account.id).await?;
    }
    Ok(fed)
}

/// As [`claim_all`], for one account.
pub async fn claim_earlier_ones(store: &Store, intake: &Intake, account: AccountId) -> anyhow::Result<u64> {
    let unclaimed = store.unclaimed_names(account).await?;
    if unclaimed.is_empty() {
        return Ok(0);
    }
    let domains = store.domains(account).await?;
    let mut fed = 0;
    for domain in with_unclaimed(
        &unclaimed,
        domains.iter().map(|domain| (domain.name.as_str(), domain.id)),
    ) {
        fed += intake.claim(account, domain).await?;
    }
    Ok(fed)
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
