//! When reports came, by their reporters.

use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::{DayRange, DomainId};
use crate::report::aggregate::Window;

/// Reports of a domain that are looked at, the newest windows first. A domain with more is judged by fewer days.
const ARRIVALS_MAX: u32 = 20_000;

/// A counted report: who sent it, what it covers, and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportArrival {
    /// The reporter's mail domain, else its name in lower case.
    pub reporter: String,
    pub window: Window,
    /// Unix seconds. Not before the end of the window; retention that drops records moves no report whose records are left.
    pub arrived_at: i64,
    pub messages: u64,
}

impl Store {
    /// The counted reports whose window begins in a range of days and whose records are kept, the newest windows first; up to
    /// 20,000.
    pub async fn report_arrivals(&self, domain: DomainId, range: DayRange) -> Result<Vec<ReportArrival>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default()
            .int(domain.0)
            .int(range.first.begin())
            .int(range.last.end());
        let args = args.int(ARRIVALS_MAX.into());
        let rows = Conn(&mut conn).all(sql!("report_arrivals"), args).await?;
        rows.iter().map(arrival).collect()
    }
}

fn arrival(row: &Row) -> Result<ReportArrival, StoreError> {
    Ok(ReportArrival {
        reporter: row.text("org_key")?,
        window: Window {
            begin: row.int("begin_at")?,
            end: row.int("end_at")?,
        },
        arrived_at: row.int("records_since")?.div_euclid(1_000),
        messages: row.count("pass")?.saturating_add(row.count("fail")?),
    })
}
