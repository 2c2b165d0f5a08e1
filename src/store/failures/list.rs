//! Reading failure reports.

use std::net::IpAddr;

use super::stored::{read_content, read_texts};
use crate::base::{Authenticated, Day, DomainId, Millis, ReportNo};
use crate::report::failure::{Report, Texts};
use crate::store::cut::COUNT_END;
use crate::store::db::{Args, Conn, Row};
use crate::store::sql::sql;
use crate::store::{Cut, ReportPlace, Store, StoreError, StoredWarning};

/// Which failure reports to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailureFilter {
    /// By the UTC day on which the mail that failed arrived.
    pub from: Option<Day>,
    pub to: Option<Day>,
    /// The host that the mail came from.
    pub source: Option<IpAddr>,
}

/// A failure report in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureSummary {
    pub no: ReportNo,
    /// When the mail that failed arrived at the reporter, Unix seconds.
    pub happened_at: i64,
    pub received_at: Millis,
    pub authenticated: Authenticated,
    pub arrivals: u64,
    pub warnings: u64,
    /// Mails that the report stands for.
    pub incidents: u64,
    pub source: Option<IpAddr>,
    pub reported_domain: String,
    pub header_from: Option<String>,
    /// The mail domain of the reporter.
    pub reporter: Option<String>,
    pub failure: Option<String>,
    pub delivery: Option<String>,
    /// Results of SPF and DKIM, if the report or the header of the mail has them.
    pub spf: Option<String>,
    pub dkim: Option<String>,
}

/// One failure report with its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureDetail {
    pub summary: FailureSummary,
    /// What the summary does not have.
    pub report: Report,
    /// `None` unless header fields were kept.
    pub texts: Option<Texts>,
    pub warnings: Vec<StoredWarning>,
}

impl Store {
    /// A page of the failure reports of a domain, newest first, and how many there are in all, up to
    /// [`crate::store::COUNTED_ROWS_MAX`] and one more.
    pub async fn failure_reports(
        &self,
        domain: DomainId,
        filter: &FailureFilter,
        cut: impl Into<Cut<ReportPlace>>,
    ) -> Result<(Vec<FailureSummary>, u64), StoreError> {
        let cut = cut.into();
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let begin = filter.from.map_or(i64::MIN, |day| day.begin());
        let end = filter.to.map_or(i64::MAX, |day| day.end());
        let source = filter.source.map(|source| source.to_string()).unwrap_or_default();
        let (count, before) = cut.window();
        let place = cut.place().map(|place| (place.begin, place.no.0));
        let below = place.map_or((end, i64::MIN), |place| place.min((end, i64::MIN)));
        let args = Args::default().int(domain.0).int(begin).int(below.0).text(&source);
        let args = args.int(count).int(before).int(below.1);
        let rows = conn.all(sql!("failure_list"), args).await?;
        let args = Args::default().int(domain.0).int(begin).int(end).text(&source);
        let total = conn.first(sql!("failure_count"), args.int(COUNT_END)).await?;
        let total = total.map_or(Ok(0), |row| row.count("total"))?;
        Ok((rows.iter().map(summary).collect::<Result<_, _>>()?, total))
    }

    /// One failure report of the domain.
    pub async fn failure_report(&self, domain: DomainId, no: ReportNo) -> Result<Option<FailureDetail>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(domain.0).int(no.0);
        let Some(row) = Conn(&mut conn).first(sql!("failure_by_no"), args).await? else {
            return Ok(None);
        };
        let (report, warnings) = read_content(no.0, &row.text("content")?)?;
        let texts = row.opt_text("texts")?;
        Ok(Some(FailureDetail {
            summary: summary(&row)?,
            report,
            texts: texts.map(|json| read_texts(no.0, &json)).transpose()?,
            warnings,
        }))
    }
}

fn summary(row: &Row) -> Result<FailureSummary, StoreError> {
    let no = ReportNo(row.int("report_no")?);
    Ok(FailureSummary {
        no,
        happened_at: row.int("happened_at")?,
        received_at: row.int("received_at")?,
        authenticated: row.checked("authenticated", "is not a verdict", Authenticated::from_code)?,
        arrivals: row.count("arrivals")?,
        warnings: row.count("warnings")?,
        incidents: row.count("incidents")?,
        source: source(row, no)?,
        reported_domain: row.text("reported_domain")?,
        header_from: row.opt_text("header_from")?,
        reporter: row.opt_text("reporter")?,
        failure: row.opt_text("failure")?,
        delivery: row.opt_text("delivery")?,
        spf: row.opt_text("spf")?,
        dkim: row.opt_text("dkim")?,
    })
}

/// The host that a mail came from.
pub(super) fn source(row: &Row, no: ReportNo) -> Result<Option<IpAddr>, StoreError> {
    let source = row.opt_text("source")?.map(|text| text.parse()).transpose();
    source.map_err(|_| StoreError::damaged("failure_reports", no, "source is not an address"))
}
