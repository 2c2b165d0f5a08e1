//! Reading TLS reports and their sums.

use std::collections::BTreeMap;

use super::read_content;
use crate::base::{Authenticated, Day, DayRange, DomainId, Millis, ReportNo};
use crate::report::aggregate::Window;
use crate::report::tls::PolicyResult;
use crate::store::cut::COUNT_END;
use crate::store::db::{Args, Conn, Row, Statement};
use crate::store::sql::sql;
use crate::store::{Acceptance, Cut, Original, Provenance, ReportPlace, Store, StoreError, StoredWarning, reports};
use crate::tally::TlsKind;

/// Which TLS reports to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TlsReportFilter {
    /// By the UTC day on which the window begins.
    pub from: Option<Day>,
    pub to: Option<Day>,
    pub standing: TlsStanding,
    pub contents: TlsContents,
}

/// TLS reports by whether they count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsStanding {
    #[default]
    Counted,
    /// Held, or the loser of a conflict.
    NotCounted,
}

/// TLS reports by what is in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsContents {
    #[default]
    Any,
    /// Those with failures.
    Failures,
}

/// A TLS report in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsReportSummary {
    pub no: ReportNo,
    pub org_name: Option<String>,
    pub contact: Option<String>,
    pub report_id: String,
    /// The domain that the report is about.
    pub policy_domain: String,
    pub window: Window,
    /// Policies, and those of them with failures.
    pub policies: u64,
    pub failing: u64,
    pub received_at: Millis,
    pub authenticated: Authenticated,
    pub arrivals: u64,
    pub warnings: u64,
    pub counted: bool,
    pub acceptance: Acceptance,
}

/// One TLS report with its details.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsReportDetail {
    pub summary: TlsReportSummary,
    /// `None` once retention has dropped them.
    pub policies: Option<Vec<PolicyResult>>,
    pub submitter: Option<String>,
    pub warnings: Vec<StoredWarning>,
    pub provenance: Option<Provenance>,
    /// Other reports of the same identity, with other contents.
    pub conflicts: Vec<ReportNo>,
}

/// The sessions under one policy, on a day or in a range of days. Those of two policies are never added: reporters count the
/// same sessions under each policy of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPolicySum {
    /// Type of the policy; empty if reports do not say.
    pub policy: String,
    /// Domain of the policy; empty if reports do not say.
    pub domain: String,
    pub successful: u64,
    pub failed: u64,
}

/// The sessions of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsDay {
    pub day: Day,
    /// Reports whose window begins on the day.
    pub reports: u64,
    pub policies: Vec<TlsPolicySum>,
}

/// Failed sessions of one kind, in a range of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFailure {
    pub policy: String,
    /// Type of the failure.
    pub result: String,
    /// The receiving host; empty if reports do not say.
    pub mx: String,
    /// The address of the sending server; empty if reports do not say.
    pub sender: String,
    pub sessions: u64,
    pub first_day: Day,
    pub last_day: Day,
}

/// A reporter of TLS reports, in a range of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsReporter {
    pub org_name: String,
    pub reports: u64,
    /// The last day on which a window begins.
    pub last_day: Day,
}

impl Store {
    /// A page of the TLS reports of a domain, newest window first, and how many there are in all, up to
    /// [`crate::store::COUNTED_ROWS_MAX`] and one more.
    pub async fn tls_reports(
        &self,
        domain: DomainId,
        filter: &TlsReportFilter,
        cut: impl Into<Cut<ReportPlace>>,
    ) -> Result<(Vec<TlsReportSummary>, u64), StoreError> {
        let cut = cut.into();
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let begin = filter.from.map_or(i64::MIN, |day| day.begin());
        let end = filter.to.map_or(i64::MAX, |day| day.end());
        let counted = filter.standing == TlsStanding::Counted;
        let failing = filter.contents == TlsContents::Failures;
        let (count, before) = cut.window();
        let place = cut.place().map(|place| (place.begin, place.no.0));
        let below = place.map_or((end, i64::MIN), |place| place.min((end, i64::MIN)));
        let args = Args::default().int(domain.0).int(counted.into()).int(begin);
        let args = args
            .int(below.0)
            .int(failing.into())
            .int(count)
            .int(before)
            .int(below.1);
        let rows = conn.all(sql!("tls_list"), args).await?;
        let args = Args::default().int(domain.0).int(counted.into()).int(begin).int(end);
        let total = conn
            .first(sql!("tls_count"), args.int(failing.into()).int(COUNT_END))
            .await?;
        let total = total.map_or(Ok(0), |row| row.count("total"))?;
        Ok((rows.iter().map(summary).collect::<Result<_, _>>()?, total))
    }

    /// One TLS report of the domain, counted or not.
    pub async fn tls_report(&self, domain: DomainId, no: ReportNo) -> Result<Option<TlsReportDetail>, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let args = || Args::default().int(domain.0).int(no.0);
        let Some(row) = conn.first(sql!("tls_by_no"), args()).await? else {
            return Ok(None);
        };
        let content = row.opt_text("content")?;
        let content = content.map(|content| read_content(no.0, &content)).transpose()?;
        let (policies, submitter, warnings) = match content {
            Some((policies, submitter, warnings)) => (Some(policies), submitter, warnings),
            None => (None, None, Vec::new()),
        };
        let provenance = row.opt_text("provenance")?;
        let provenance = provenance.map(|json| Provenance::from_json(&json));
        let same = Args::default().int(domain.0).blob(row.blob("identity_key")?).int(no.0);
        let conflicts = conn.all(sql!("tls_conflicts"), same).await?;
        let conflicts = conflicts.iter().map(|row| row.int("report_no").map(ReportNo));
        Ok(Some(TlsReportDetail {
            summary: summary(&row)?,
            policies,
            submitter,
            warnings,
            provenance: provenance.flatten(),
            conflicts: conflicts.collect::<Result<_, _>>()?,
        }))
    }

    /// The mail that a TLS report came in, if it is still kept.
    pub async fn tls_original(&self, domain: DomainId, no: ReportNo) -> Result<Option<Original>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(domain.0).int(no.0);
        let row = Conn(&mut conn).first(sql!("tls_original"), args).await?;
        row.map(|row| reports::original(&row, no)).transpose()
    }

    /// The sessions of each day of a range that has reports or sessions.
    pub async fn tls_days(&self, domain: DomainId, range: DayRange) -> Result<Vec<TlsDay>, StoreError> {
        let mut days: BTreeMap<Day, TlsDay> = BTreeMap::new();
        for kind in [TlsKind::Reporter, TlsKind::Policy] {
            for row in self.tls_sums(sql!("daily_tls_by_day"), domain, kind, range).await? {
                let day = row.day("day")?;
                let (successful, failed) = (row.count("successful")?, row.count("failed")?);
                let of_day = days.entry(day).or_insert_with(|| TlsDay {
                    day,
                    reports: 0,
                    policies: Vec::new(),
                });
                of_day.reports += row.count("reports")?;
                if successful > 0 || failed > 0 {
                    of_day.policies.push(TlsPolicySum {
                        policy: row.text("policy")?,
                        domain: row.text("subject")?,
                        successful,
                        failed,
                    });
                }
            }
        }
        let days = days.into_values();
        Ok(days.filter(|day| day.reports > 0 || !day.policies.is_empty()).collect())
    }

    /// The failures of a range of days: by sessions, most first, then by their names.
    pub async fn tls_failures(&self, domain: DomainId, range: DayRange) -> Result<Vec<TlsFailure>, StoreError> {
        let rows = self
            .tls_sums(sql!("daily_tls_range"), domain, TlsKind::Failure, range)
            .await?;
        let failure = |row: &Row| {
            Ok(TlsFailure {
                policy: row.text("policy")?,
                result: row.text("subject")?,
                mx: row.text("place")?,
                sender: row.text("sender")?,
                sessions: row.count("failed")?,
                first_day: row.day("first_day")?,
                last_day: row.day("last_day")?,
            })
        };
        let mut failures = rows.iter().map(failure).collect::<Result<Vec<_>, StoreError>>()?;
        failures.sort_by(|a, b| {
            let names = |one: &TlsFailure| [&one.policy, &one.result, &one.mx, &one.sender].map(String::clone);
            b.sessions.cmp(&a.sessions).then_with(|| names(a).cmp(&names(b)))
        });
        Ok(failures)
    }

    /// Who sent TLS reports in a range of days: by reports, most first, then by name.
    pub async fn tls_reporters(&self, domain: DomainId, range: DayRange) -> Result<Vec<TlsReporter>, StoreError> {
        let rows = self
            .tls_sums(sql!("daily_tls_range"), domain, TlsKind::Reporter, range)
            .await?;
        let reporter = |row: &Row| {
            Ok(TlsReporter {
                org_name: row.text("subject")?,
                reports: row.count("reports")?,
                last_day: row.day("last_day")?,
            })
        };
        let mut reporters = rows.iter().map(reporter).collect::<Result<Vec<_>, StoreError>>()?;
        reporters.sort_by(|a, b| b.reports.cmp(&a.reports).then_with(|| a.org_name.cmp(&b.org_name)));
        Ok(reporters)
    }

    async fn tls_sums(
        &self,
        statement: &'static Statement,
        domain: DomainId,
        kind: TlsKind,
        range: DayRange,
    ) -> Result<Vec<Row>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(domain.0).int(kind.code());
        let args = args.int(range.first.0.into()).int(range.last.0.into());
        Conn(&mut conn).all(statement, args).await
    }
}

fn summary(row: &Row) -> Result<TlsReportSummary, StoreError> {
    Ok(TlsReportSummary {
        no: ReportNo(row.int("report_no")?),
        org_name: row.opt_text("org_name")?,
        contact: row.opt_text("contact")?,
        report_id: row.text("report_id")?,
        policy_domain: row.text("policy_domain")?,
        window: Window {
            begin: row.int("begin_at")?,
            end: row.int("end_at")?,
        },
        policies: row.count("policies")?,
        failing: row.count("failing")?,
        received_at: row.int("received_at")?,
        authenticated: row.checked("authenticated", "is not a verdict", Authenticated::from_code)?,
        arrivals: row.count("arrivals")?,
        warnings: row.count("warnings")?,
        counted: row.flag("counted")?,
        acceptance: row.checked("acceptance", "is not an acceptance", Acceptance::from_code)?,
    })
}
