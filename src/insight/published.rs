//! The policy that a domain publishes: by the last look at DNS, else by the newest report.

use crate::base::{Millis, words};
use crate::domains::policy_in_force;
use crate::report::aggregate::PolicyPublished;
use crate::store::{Domain, Page, ReportFilter, Store, StoreError};

/// Reports that are looked through where one is searched for or followed back, newest first.
pub(super) const LOOKED_THROUGH_MAX: u32 = 1_000;

words! {
    /// Where a published policy is known from.
    Origin: u8 {
        /// The last look at DNS.
        Dns = 0 "dns",
        /// The report whose window ends last.
        Report = 1 "report",
        /// Neither: nothing is asked.
        Nothing = 2 "nothing",
    }
}

/// The policy of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// With the tags that are in the record.
    pub policy: PolicyPublished,
    pub origin: Origin,
}

/// The policy that a domain publishes now.
pub async fn published(store: &Store, domain: &Domain, now: Millis) -> Result<Published, StoreError> {
    let dns = store.domain_dns(domain.id).await?;
    if let Some(policy) = policy_in_force(&dns, &domain.name) {
        let origin = Origin::Dns;
        return Ok(Published { policy, origin });
    }
    Ok(match reported(store, domain, now).await? {
        Some(policy) => Published {
            policy: without_defaults(policy),
            origin: Origin::Report,
        },
        None => Published {
            policy: PolicyPublished {
                domain: domain.name.as_str().into(),
                ..PolicyPublished::default()
            },
            origin: Origin::Nothing,
        },
    })
}

/// The policy in the newest report that saw the record of the domain itself, and not that of a subdomain.
async fn reported(store: &Store, domain: &Domain, now: Millis) -> Result<Option<PolicyPublished>, StoreError> {
    let is_own = |policy: &PolicyPublished| *policy.domain == *domain.name.as_str();
    match store.latest(&[domain.id], now).await?.remove(&domain.id) {
        None => return Ok(None),
        Some(latest) if is_own(&latest.policy) => return Ok(Some(latest.policy)),
        Some(_) => {}
    }
    let page = Page {
        page: 1,
        per_page: LOOKED_THROUGH_MAX,
    };
    let (reports, _) = store.reports(domain.id, &ReportFilter::default(), page).await?;
    let mut policies = reports.into_iter().map(|report| report.policy);
    Ok(policies.find(is_own))
}

/// RFC 9990, 3.1.1.4: a report may have values that are defaults. One that is equal to its default is taken for one, so that
/// it follows the tag that it comes from.
pub(super) fn without_defaults(policy: PolicyPublished) -> PolicyPublished {
    let np = policy.np.filter(|np| Some(*np) != policy.sp.or(policy.p));
    let sp = policy.sp.filter(|sp| Some(*sp) != policy.p);
    PolicyPublished { sp, np, ..policy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::aggregate::Policy;

    #[test]
    fn a_default_is_not_a_tag() {
        let (none, reject) = (Some(Policy::None), Some(Policy::Reject));
        for (p, sp, np, expect) in [
            (none, none, None, (None, None)),
            (none, none, none, (None, None)),
            (none, reject, reject, (reject, None)),
            (none, reject, none, (reject, none)),
            (none, None, reject, (None, reject)),
            (reject, None, reject, (None, None)),
        ] {
            let policy = PolicyPublished {
                p,
                sp,
                np,
                ..PolicyPublished::default()
            };
            let found = without_defaults(policy);
            assert_eq!((found.sp, found.np), expect, "{p:?} {sp:?} {np:?}");
        }
    }
}
