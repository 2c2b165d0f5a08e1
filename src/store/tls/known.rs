//! A known TLS report, and which of the reports of one identity counts.

use crate::base::{Authenticated, DomainId, ReportNo};
use crate::report::aggregate::{ContentKey, IdentityKey};
use crate::store::db::Row;
use crate::store::{Acceptance, StoreError};

/// A TLS report that is in the database, or is about to be.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Known {
    pub domain: DomainId,
    pub no: ReportNo,
    pub content: ContentKey,
    pub identity: IdentityKey,
    pub counted: bool,
    pub acceptance: Acceptance,
    pub authenticated: Authenticated,
    /// Whether its sums can be taken back and counted again.
    pub details_kept: bool,
}

impl Known {
    /// A row of the statements `TLS_REPORT_BY_*`.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let no = ReportNo(row.int("report_no")?);
        let damaged = |what| StoreError::damaged("tls_reports", no, what);
        Ok(Self {
            domain: DomainId(row.int("domain_id")?),
            no,
            content: ContentKey::from_slice(row.blob("content_key")?)
                .ok_or_else(|| damaged("content key is not 16 bytes"))?,
            identity: IdentityKey::from_slice(row.blob("identity_key")?)
                .ok_or_else(|| damaged("identity key is not 16 bytes"))?,
            counted: row.flag("counted")?,
            acceptance: row.checked("acceptance", "is not an acceptance", Acceptance::from_code)?,
            authenticated: row.checked("authenticated", "is not a verdict", Authenticated::from_code)?,
            details_kept: row.opt_int("details_since")?.is_some(),
        })
    }
}

/// What is known of the sender of a report that came twice.
pub(in super::super) fn better(before: Authenticated, now: Authenticated) -> Authenticated {
    if now == Authenticated::Pass { now } else { before }
}

/// The positions of reports of one identity that must change whether they count.
///
/// Of those that may count, the one that the owner has accepted counts, else the first that is vouched for, else the first.
/// One that counts already came before the others. Sums whose details have gone stay as they are.
pub(in super::super) fn settled(group: &[Known]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..group.len()).collect();
    order.sort_by_key(|&nth| (!group[nth].counted, group[nth].no));
    let fixed = order
        .iter()
        .find(|&&nth| group[nth].counted && !group[nth].details_kept);
    let first = |wanted: &dyn Fn(&Known) -> bool| {
        let may_win = |known: &Known| known.details_kept && known.acceptance.may_count();
        order.iter().find(|&&nth| may_win(&group[nth]) && wanted(&group[nth]))
    };
    let winner = fixed
        .or_else(|| first(&|known| known.acceptance == Acceptance::Accepted))
        .or_else(|| first(&|known| known.authenticated == Authenticated::Pass))
        .or_else(|| first(&|_| true));
    let changes = (0..group.len()).filter(|&nth| {
        let known = &group[nth];
        known.details_kept && known.counted != (winner == Some(&nth))
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(no: i64, counted: bool, acceptance: Acceptance, authenticated: Authenticated) -> Known {
        Known {
            domain: DomainId(1),
            no: ReportNo(no),
            content: ContentKey([no as u8; 16]),
            identity: IdentityKey([0; 16]),
            counted,
            acceptance,
            authenticated,
            details_kept: true,
        }
    }

    #[test]
    fn one_report_of_an_identity_counts() {
        use Acceptance::{Accepted, Open, Unvouched};
        use Authenticated::{Pass, Unknown};
        let check = |group: &[Known], changes: &[usize]| assert_eq!(settled(group), changes, "{group:?}");
        check(&[known(1, false, Open, Unknown)], &[0]);
        check(&[known(1, true, Open, Unknown), known(2, false, Open, Unknown)], &[]);
        check(&[known(1, true, Open, Unknown), known(2, false, Open, Pass)], &[0, 1]);
        check(&[known(1, true, Open, Pass), known(2, false, Open, Pass)], &[]);
        check(
            &[known(1, true, Open, Pass), known(2, false, Accepted, Unknown)],
            &[0, 1],
        );
        check(&[known(1, false, Unvouched, Pass)], &[]);
        check(
            &[known(1, true, Unvouched, Unknown), known(2, false, Open, Unknown)],
            &[0, 1],
        );
        let gone = Known {
            details_kept: false,
            ..known(1, true, Open, Unknown)
        };
        check(&[gone, known(2, false, Open, Pass)], &[]);
    }
}
