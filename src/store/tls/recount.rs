//! Recounting the sums of TLS reports from what is kept of them, for `verify`.

use std::collections::{BTreeMap, BTreeSet};

use super::{read_content, sums};
use crate::base::{Day, DomainId};
use crate::report::aggregate::{ContentKey, Window};
use crate::report::tls::{Report, content_key};
use crate::store::StoreError;
use crate::store::db::{Args, Conn, Row};
use crate::store::sql::sql;
use crate::tally::{Spread, TlsKey, TlsSum, tls_sums};

/// Reports looked up at a time.
const REPORTS_AT_ONCE: i64 = 200;

/// What recounting one domain found.
#[derive(Debug, Default)]
pub(in super::super) struct Recounted {
    pub reports: u64,
    /// Reports whose details retention has dropped.
    pub not_recounted: u64,
    /// What does not agree, human-readable.
    pub wrong: Vec<String>,
}

/// Recounts the TLS reports of a domain and compares their sums with `daily_tls`.
pub(in super::super) async fn recount(conn: &mut Conn<'_>, domain: DomainId) -> Result<Recounted, StoreError> {
    let mut recounting = Recounting::default();
    let mut after = 0;
    loop {
        let args = Args::default().int(domain.0).int(after).int(REPORTS_AT_ONCE);
        let rows = conn.all(sql!("tls_recount"), args).await?;
        let Some(last) = rows.last() else { break };
        after = last.int("report_no")?;
        for row in &rows {
            if let Err(error) = recounting.count(row) {
                recounting.found.wrong.push(format!("damaged: {error}"));
                recounting.leave_out(row);
            }
        }
    }
    let Recounting {
        mut counted,
        unknown,
        mut found,
    } = recounting;
    for row in conn.all(sql!("daily_tls_all"), Args::default().int(domain.0)).await? {
        let (key, stored) = match sums::read(&row) {
            Ok(read) => read,
            Err(error) => {
                found.wrong.push(format!("damaged: {error}"));
                continue;
            }
        };
        let expected = counted.remove(&key).unwrap_or_default();
        if stored != expected && !unknown.contains(&key.day) {
            let what = format!("{key}: the reports say {expected}, daily_tls says {stored}");
            found.wrong.push(what);
        }
    }
    for (key, expected) in counted {
        if expected != TlsSum::default() && !unknown.contains(&key.day) {
            let what = format!("{key}: the reports say {expected}, daily_tls does not have it");
            found.wrong.push(what);
        }
    }
    Ok(found)
}

#[derive(Default)]
struct Recounting {
    counted: BTreeMap<TlsKey, TlsSum>,
    /// Days of reports that cannot be recounted.
    unknown: BTreeSet<Day>,
    found: Recounted,
}

impl Recounting {
    fn count(&mut self, row: &Row) -> Result<(), StoreError> {
        let no = row.int("report_no")?;
        let counted = row.flag("counted")?;
        let Some(content) = row.opt_text("content")? else {
            self.found.not_recounted += 1;
            if counted {
                self.leave_out(row);
            }
            return Ok(());
        };
        let report = report(row, no, &content)?;
        self.found.reports += 1;
        if ContentKey::from_slice(row.blob("content_key")?) != Some(content_key(&report)) {
            let what = format!("TLS report {no}: its content is not the one that was stored");
            self.found.wrong.push(what);
        }
        if counted {
            for (key, sum) in tls_sums(&report).0 {
                self.counted.entry(key).or_default().add(sum, 1);
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, row: &Row) {
        if let (Ok(begin), Ok(end)) = (row.int("begin_at"), row.int("end_at")) {
            let spread = Spread::for_window(Window { begin, end });
            self.unknown.extend(spread.days().iter());
            self.unknown.insert(Day::from_unix(begin));
        }
    }
}

/// A stored report whose details are kept.
pub(super) fn report(row: &Row, no: i64, content: &str) -> Result<Report, StoreError> {
    let (policies, submitter, _) = read_content(no, content)?;
    Ok(Report {
        org_name: row.opt_text("org_name")?.map(Into::into),
        contact: row.opt_text("contact")?.map(Into::into),
        submitter: submitter.map(Into::into),
        report_id: row.text("report_id")?.into(),
        window: Window {
            begin: row.int("begin_at")?,
            end: row.int("end_at")?,
        },
        domain: row.text("policy_domain")?.into(),
        is_host: false,
        policies,
    })
}
