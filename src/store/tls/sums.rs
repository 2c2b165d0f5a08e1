//! What a transaction moves in `daily_tls`: gathered first, so that each row is written once.

use std::collections::BTreeMap;

use crate::base::DomainId;
use crate::store::db::{Conn, Row};
use crate::store::rollup::Change;
use crate::store::{StoreError, bulk};
use crate::tally::{TlsKey, TlsKind, TlsSum, TlsSums};

/// In the order in which rows are written.
#[derive(Debug, Default)]
pub(in super::super) struct Moves(BTreeMap<(DomainId, TlsKey), TlsSum>);

impl Moves {
    /// The sums of a report come or go.
    pub fn report(&mut self, domain: DomainId, sums: &TlsSums, change: Change) {
        let sign = if change == Change::Add { 1 } else { -1 };
        for (key, sum) in sums {
            self.0.entry((domain, key.clone())).or_default().add(*sum, sign);
        }
    }

    /// One sum comes.
    pub fn sum(&mut self, domain: DomainId, key: TlsKey, sum: TlsSum) {
        self.0.entry((domain, key)).or_default().add(sum, 1);
    }

    /// Writes all.
    pub async fn apply(self, conn: &mut Conn<'_>) -> Result<(), StoreError> {
        let moved = self.0.iter().filter(|(_, sum)| **sum != TlsSum::default());
        let moved: Vec<_> = moved.collect();
        conn.bulk(&bulk::DAILY_TLS_ADD, &moved, |args, ((domain, key), sum)| {
            args.push_int(domain.0);
            args.push_int(key.kind.code());
            args.push_int(key.day.0.into());
            for text in [&key.policy, &key.subject, &key.place, &key.sender] {
                args.push_text(text);
            }
            args.push_int(sum.successful);
            args.push_int(sum.failed);
            args.push_int(sum.reports);
        })
        .await
    }
}

/// A stored sum.
pub(super) fn read(row: &Row) -> Result<(TlsKey, TlsSum), StoreError> {
    let key = TlsKey {
        kind: row.checked("kind", "is not a kind of sum", TlsKind::from_code)?,
        day: row.day("day")?,
        policy: row.text("policy")?,
        subject: row.text("subject")?,
        place: row.text("place")?,
        sender: row.text("sender")?,
    };
    let sum = TlsSum {
        successful: row.int("successful")?,
        failed: row.int("failed")?,
        reports: row.int("reports")?,
    };
    Ok((key, sum))
}
