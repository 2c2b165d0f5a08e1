//! `daily_facets`: a domain's messages by day and by who reported or signed them.

use std::collections::BTreeMap;

use crate::base::{Day, DayRange, DomainId};
use crate::report::aggregate::Window;
use crate::tally::{DayFigures, Totals, name_cut};

use super::db::{Args, Conn};
use super::sql::sql;
use super::{Store, StoreError, bulk};

/// Who reports on a domain, in a range of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    /// As it calls itself; empty if it does not.
    pub org_name: String,
    /// Messages that passed.
    pub pass: u64,
    pub fail: u64,
    /// Reports whose window begins in the range.
    pub reports: u64,
    /// Days of the range on which a report's window begins.
    pub report_days: u64,
    /// The last day of those windows.
    pub last_report: Option<Day>,
}

/// Signatures of one domain and selector, in a range of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `d=`. Both names are empty where a report has too many signers to keep all apart.
    pub domain: String,
    /// `s=`; empty where reporters do not say.
    pub selector: String,
    /// Messages whose signature passed.
    pub pass: u64,
    pub fail: u64,
    /// The first and last day with such messages.
    pub first_seen: Option<Day>,
    pub last_seen: Option<Day>,
}

/// Messages of one day with signatures of one domain and selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureDay {
    pub domain: String,
    pub selector: String,
    pub day: Day,
    pub pass: u64,
    pub fail: u64,
}

/// Messages of one day in the reports of one reporter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReporterDay {
    pub org_name: String,
    pub day: Day,
    pub messages: u64,
}

/// Reporters whose days are read together, at most.
pub const NAMED_REPORTERS: usize = 5;

/// Days of signatures that are read: more than two hundred signers on each day of a year. Of more, the newest are.
const SIGNATURE_DAYS_MAX: i64 = 100_000;

/// What a facet is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum FacetKind {
    Reporter,
    Signature,
}

/// One facet of one day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FacetKey {
    pub kind: FacetKind,
    pub day: Day,
    pub facet: String,
    pub detail: String,
}

/// Human-readable, as `verify` prints it.
impl std::fmt::Display for FacetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { day, facet, detail, .. } = self;
        match self.kind {
            FacetKind::Reporter => write!(f, "{day}, reporter \"{facet}\""),
            FacetKind::Signature => write!(f, "{day}, signatures of \"{facet}\" with selector \"{detail}\""),
        }
    }
}

/// Its messages and reports; what is taken away is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FacetSums {
    pub pass: i64,
    pub fail: i64,
    pub reports: i64,
    /// Last day of the windows that begin on this day. It stays when a report is removed, because the report that
    /// replaces it has the same window.
    pub until: Option<Day>,
}

/// Human-readable, as `verify` prints it.
impl std::fmt::Display for FacetSums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            pass, fail, reports, ..
        } = self;
        let plural = if *reports == 1 { "" } else { "s" };
        write!(f, "{pass} passed and {fail} failed in {reports} report{plural}")
    }
}

impl FacetKind {
    pub const fn code(self) -> i64 {
        match self {
            Self::Reporter => 0,
            Self::Signature => 1,
        }
    }

    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            0 => Some(Self::Reporter),
            1 => Some(Self::Signature),
            _ => None,
        }
    }
}

impl FacetSums {
    /// Adds `other`, `sign` times.
    pub fn add(&mut self, other: Self, sign: i64) {
        const MAX: i64 = Totals::SUM_MAX.cast_signed();
        let add = |sum: i64, more: i64| sum.saturating_add(more.saturating_mul(sign)).clamp(-MAX, MAX);
        self.pass = add(self.pass, other.pass);
        self.fail = add(self.fail, other.fail);
        self.reports = add(self.reports, other.reports);
        self.until = self.until.max(other.until);
    }

    /// Whether these stored sums are the ones that were counted.
    pub fn are(&self, counted: &Self) -> bool {
        let sums = |sums: &Self| (sums.pass, sums.fail, sums.reports);
        // Without reports no day is shown.
        let covered = counted.reports <= 0 || self.until >= counted.until;
        sums(self) == sums(counted) && covered
    }

    /// Calls `each` with all that one report adds.
    pub fn of_report(
        window: Window,
        org_name: Option<&str>,
        days: &[DayFigures],
        mut each: impl FnMut(FacetKey, FacetSums),
    ) {
        let reporter = |day| FacetKey {
            kind: FacetKind::Reporter,
            day,
            facet: name_cut(org_name).to_owned(),
            detail: String::new(),
        };
        let (begin, until) = (Day::from_unix(window.begin), window.last_day());
        each(
            reporter(begin),
            Self {
                reports: 1,
                until: Some(until),
                ..Self::default()
            },
        );
        let sums = |pass: u64, fail: u64| Self {
            pass: pass.cast_signed(),
            fail: fail.cast_signed(),
            ..Self::default()
        };
        for figures in days {
            each(reporter(figures.day), sums(figures.totals.pass, figures.totals.fail));
            for signed in &figures.signed {
                let key = FacetKey {
                    kind: FacetKind::Signature,
                    day: figures.day,
                    facet: signed.domain.clone(),
                    detail: signed.selector.clone(),
                };
                each(key, sums(signed.pass, signed.fail));
            }
        }
    }
}

impl Store {
    /// Who reported on the domain in a range of days: by messages, most first, then by name.
    pub async fn reporters(&self, domain: DomainId, range: DayRange) -> Result<Vec<Reporter>, StoreError> {
        let rows = self.facets(domain, FacetKind::Reporter, range).await?;
        let mut reporters = Vec::with_capacity(rows.len());
        for row in &rows {
            reporters.push(Reporter {
                org_name: row.text("facet")?,
                pass: row.count("pass")?,
                fail: row.count("fail")?,
                reports: row.count("reports")?,
                report_days: row.count("report_days")?,
                last_report: day(row.opt_int("last_report_day")?),
            });
        }
        reporters.retain(|one| one.pass > 0 || one.fail > 0 || one.reports > 0);
        reporters.sort_unstable_by(|a, b| {
            let by_messages = messages(b.pass, b.fail).cmp(&messages(a.pass, a.fail));
            by_messages.then_with(|| a.org_name.cmp(&b.org_name))
        });
        Ok(reporters)
    }

    /// Who signed the domain's mail in a range of days: by messages, most first, then by name.
    pub async fn signatures(&self, domain: DomainId, range: DayRange) -> Result<Vec<Signature>, StoreError> {
        let rows = self.facets(domain, FacetKind::Signature, range).await?;
        let mut signatures = Vec::with_capacity(rows.len());
        for row in &rows {
            signatures.push(Signature {
                domain: row.text("facet")?,
                selector: row.text("detail")?,
                pass: row.count("pass")?,
                fail: row.count("fail")?,
                first_seen: day(row.opt_int("first_day")?),
                last_seen: day(row.opt_int("last_day")?),
            });
        }
        signatures.retain(|one| one.pass > 0 || one.fail > 0);
        signatures.sort_unstable_by(|a, b| {
            let by_messages = messages(b.pass, b.fail).cmp(&messages(a.pass, a.fail));
            by_messages.then_with(|| (&a.domain, &a.selector).cmp(&(&b.domain, &b.selector)))
        });
        Ok(signatures)
    }

    /// Who signed the domain's mail on each day of a range, the newest first; at most [`SIGNATURE_DAYS_MAX`].
    pub async fn signature_days(&self, domain: DomainId, range: DayRange) -> Result<Vec<SignatureDay>, StoreError> {
        let mut conn = self.read().await?;
        let args = facet_args(domain, FacetKind::Signature, range).int(SIGNATURE_DAYS_MAX);
        let rows = Conn(&mut conn).all(sql!("daily_facets_by_day"), args).await?;
        let mut days = Vec::with_capacity(rows.len());
        for row in &rows {
            let one = SignatureDay {
                domain: row.text("facet")?,
                selector: row.text("detail")?,
                day: day(row.opt_int("day")?).unwrap_or(range.last),
                pass: row.count("pass")?,
                fail: row.count("fail")?,
            };
            days.push(one);
        }
        days.retain(|one| one.pass > 0 || one.fail > 0);
        Ok(days)
    }

    /// The messages of up to [`NAMED_REPORTERS`] reporters on each day of a range, in no order.
    pub async fn reporter_days(
        &self,
        domain: DomainId,
        range: DayRange,
        names: &[&str],
    ) -> Result<Vec<ReporterDay>, StoreError> {
        let Some(first) = names.first() else {
            return Ok(Vec::new());
        };
        let mut args = facet_args(domain, FacetKind::Reporter, range);
        // The statement takes as many names as it has places for.
        for nth in 0..NAMED_REPORTERS {
            args = args.text(names.get(nth).unwrap_or(first));
        }
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("daily_facets_named"), args).await?;
        let mut days = Vec::with_capacity(rows.len());
        for row in &rows {
            days.push(ReporterDay {
                org_name: row.text("facet")?,
                day: day(row.opt_int("day")?).unwrap_or(range.last),
                messages: messages(row.count("pass")?, row.count("fail")?),
            });
        }
        Ok(days)
    }

    async fn facets(
        &self,
        domain: DomainId,
        kind: FacetKind,
        range: DayRange,
    ) -> Result<Vec<super::db::Row>, StoreError> {
        let mut conn = self.read().await?;
        let args = facet_args(domain, kind, range);
        Conn(&mut conn).all(sql!("daily_facets_range"), args).await
    }
}

fn facet_args(domain: DomainId, kind: FacetKind, range: DayRange) -> Args {
    let args = Args::default().int(domain.0).int(kind.code());
    args.int(range.first.0.into()).int(range.last.0.into())
}

/// Writes facets.
pub(super) async fn write(
    conn: &mut Conn<'_>,
    facets: &BTreeMap<(DomainId, FacetKey), FacetSums>,
) -> Result<(), StoreError> {
    let facets: Vec<_> = facets.iter().collect();
    conn.bulk(&bulk::DAILY_FACETS_ADD, &facets, |args, ((domain, key), sums)| {
        args.push_int(domain.0);
        args.push_int(key.kind.code());
        args.push_int(key.day.0.into());
        args.push_text(&key.facet);
        args.push_text(&key.detail);
        args.push_int(sums.pass);
        args.push_int(sums.fail);
        args.push_int(sums.reports);
        args.push_opt_int(sums.until.map(|day| day.0.into()));
    })
    .await
}

fn messages(pass: u64, fail: u64) -> u64 {
    pass.saturating_add(fail)
}

fn day(number: Option<i64>) -> Option<Day> {
    number.and_then(|number| i32::try_from(number).ok()).map(Day)
}
