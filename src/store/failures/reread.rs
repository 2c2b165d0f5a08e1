//! Looking whether stored failure reports can be read, for `verify`. They have no sums that could be wrong.

use super::list::source;
use super::stored::{read_content, read_texts};
use crate::base::{DomainId, ReportNo};
use crate::report::aggregate::ContentKey;
use crate::store::StoreError;
use crate::store::db::{Args, Conn, Row};
use crate::store::sql::sql;

/// Reports looked up at a time.
const REPORTS_AT_ONCE: i64 = 200;

/// What looking through one domain found.
#[derive(Debug, Default)]
pub(in super::super) struct Reread {
    pub reports: u64,
    /// What cannot be read, human-readable.
    pub wrong: Vec<String>,
}

/// Reads every failure report of a domain.
pub(in super::super) async fn reread(conn: &mut Conn<'_>, domain: DomainId) -> Result<Reread, StoreError> {
    let mut found = Reread::default();
    let mut after = 0;
    loop {
        let args = Args::default().int(domain.0).int(after).int(REPORTS_AT_ONCE);
        let rows = conn.all(sql!("failure_reread"), args).await?;
        let Some(last) = rows.last() else { break };
        after = last.int("report_no")?;
        for row in &rows {
            match read(row) {
                Ok(()) => found.reports += 1,
                Err(error) => found.wrong.push(format!("damaged: {error}")),
            }
        }
    }
    Ok(found)
}

fn read(row: &Row) -> Result<(), StoreError> {
    let no = ReportNo(row.int("report_no")?);
    if ContentKey::from_slice(row.blob("content_key")?).is_none() {
        return Err(StoreError::damaged(
            "failure_reports",
            no,
            "content key is not 16 bytes",
        ));
    }
    source(row, no)?;
    read_content(no.0, &row.text("content")?)?;
    row.opt_text("texts")?.map(|json| read_texts(no.0, &json)).transpose()?;
    Ok(())
}
