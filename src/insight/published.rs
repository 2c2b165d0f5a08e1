//! The policy that a domain publishes: by the last look at DNS, else by the newest report.

use crate::base::{Millis, words};
use crate::domains::InForce;
use crate::report::aggregate::PolicyPublished;
use crate::store::{Domain, Page, ReportFilter, ReportSummary, Store, StoreError};

/// Reports that are looked through for those about the domain itself, newest first.
const LOOKED_THROUGH_MAX: u32 = 1_000;

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
    /// What receivers find in DNS, by the last look at it.
    pub in_force: InForce,
}

/// The newest reports of a domain, read when they are first needed.
#[derive(Debug)]
pub(super) struct NewestReports<'s> {
    store: &'s Store,
    domain: &'s Domain,
    read: Option<Vec<ReportSummary>>,
}

impl<'s> NewestReports<'s> {
    pub(super) fn new(store: &'s Store, domain: &'s Domain) -> Self {
        Self {
            store,
            domain,
            read: None,
        }
    }

    /// Those that saw the record of the domain itself, and not that of a subdomain; newest first.
    pub(super) async fn own(&mut self) -> Result<impl Iterator<Item = &ReportSummary>, StoreError> {
        if self.read.is_none() {
            let page = Page {
                page: 1,
                per_page: LOOKED_THROUGH_MAX,
            };
            let filter = ReportFilter::default();
            self.read = Some(self.store.reports(self.domain.id, &filter, page).await?.0);
        }
        let domain = self.domain;
        let all = self.read.iter().flatten();
        Ok(all.filter(|report| is_own(domain, &report.policy)))
    }
}

fn is_own(domain: &Domain, policy: &PolicyPublished) -> bool {
    *policy.domain == *domain.name.as_str()
}

/// The policy that the domain of these reports publishes now.
pub(super) async fn published(reports: &mut NewestReports<'_>, now: Millis) -> Result<Published, StoreError> {
    let domain = reports.domain;
    let dns = reports.store.domain_dns(domain.id).await?;
    let in_force = InForce::of_dns(&dns);
    let name = domain.name.as_str();
    let (policy, origin) = match in_force.asked(name) {
        Some(policy) => (policy, Origin::Dns),
        None => match reported(reports, now).await? {
            Some(policy) => (without_defaults(policy), Origin::Report),
            None => {
                let nothing = PolicyPublished {
                    domain: name.into(),
                    ..PolicyPublished::default()
                };
                (nothing, Origin::Nothing)
            }
        },
    };
    Ok(Published {
        policy,
        origin,
        in_force,
    })
}

/// The policy in the newest report that saw the record of the domain itself.
async fn reported(reports: &mut NewestReports<'_>, now: Millis) -> Result<Option<PolicyPublished>, StoreError> {
    let domain = reports.domain;
    match reports.store.latest(&[domain.id], now).await?.remove(&domain.id) {
        None => Ok(None),
        Some(latest) if is_own(domain, &latest.policy) => Ok(Some(latest.policy)),
        Some(_) => Ok(reports.own().await?.next().map(|report| report.policy.clone())),
    }
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
