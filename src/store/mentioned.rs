//! The addresses that new reports mention, of reports that someone stands up for.

use std::net::IpAddr;

use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{Store, StoreError, records};
use crate::base::{Authenticated, DomainId, ReportNo};

/// Records read at a time: others wait meanwhile.
const RECORDS_AT_ONCE: u64 = 65_536;

/// A report that came without an envelope, or in mail that its reporter vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VouchedReport {
    pub no: ReportNo,
    /// Its mail domain, else its name in lower case.
    pub reporter: String,
}

impl Store {
    /// Counted reports of a domain behind a number, by number, up to `count`: those with records that were uploaded, imported
    /// or read from a feed, or whose mail passed DMARC for the reporter. Only those with windows that begin since an
    /// instant, Unix seconds.
    pub async fn vouched_reports(
        &self,
        domain: DomainId,
        after: i64,
        since: i64,
        count: u32,
    ) -> Result<Vec<VouchedReport>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(domain.0).int(after).int(since);
        let args = args.int(Authenticated::Pass.code()).int(i64::from(count));
        let rows = Conn(&mut conn).all(sql!("report_vouched"), args).await?;
        let report = |row: &Row| {
            Ok(VouchedReport {
                no: ReportNo(row.int("report_no")?),
                reporter: row.text("org_key")?,
            })
        };
        rows.iter().map(report).collect()
    }

    /// Calls `each` with the address and the messages of every record of a report.
    pub async fn sources_of_report(
        &self,
        domain: DomainId,
        no: ReportNo,
        mut each: impl FnMut(IpAddr, u64),
    ) -> Result<(), StoreError> {
        let mut conn = self.read().await?;
        let mut first = 0;
        loop {
            let read = records::sources(&mut Conn(&mut conn), domain, no, (first, RECORDS_AT_ONCE), &mut each).await?;
            if read < RECORDS_AT_ONCE {
                return Ok(());
            }
            first += RECORDS_AT_ONCE;
            // SQLite never waits.
            tokio::task::yield_now().await;
        }
    }

    /// The largest number of a report of a domain, counted or not.
    pub async fn latest_report(&self, domain: DomainId) -> Result<Option<ReportNo>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(domain.0).int(1).int(i64::MAX);
        let row = Conn(&mut conn).first(sql!("report_latest"), args).await?;
        row.map(|row| Ok(ReportNo(row.int("report_no")?))).transpose()
    }

    /// Every domain, in the order of their numbers.
    pub async fn all_domains(&self) -> Result<Vec<DomainId>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("domain_all"), Args::default()).await?;
        rows.iter().map(|row| Ok(DomainId(row.int("domain_id")?))).collect()
    }
}
