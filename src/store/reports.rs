//! Reports and their records, read.

use serde::{Deserialize, Serialize};

use crate::base::{Authenticated, Day, DayRange, DomainId, ReportNo};
use crate::report::aggregate::{
    AlignmentMode, DiscoveryMethod, Evidence, IdentityKey, Policy, PolicyPublished, Report, Warnings, Window,
};
use crate::tally::{Carrier, DayFigures, Figures, ResultFilter, Totals};

use super::cut::{COUNT_END, COUNTED_ROWS_MAX};
use super::db::{Args, Conn, Row};
use super::moves::ReportFigures;
use super::records::{Known, PackedRecord};
use super::sql::sql;
use super::{
    Acceptance, Cut, ListedMax, ListedRecord, Original, Page, Provenance, ReportDetail, ReportFilter, ReportPlace,
    ReportStanding, ReportSummary, Store, StoreError, StoredRecord, StoredWarning, acceptance, listed, records,
    stored_bytes,
};

/// Reports with one id that [`Store::reports_with_id`] returns. Few ids have more than one report.
const REPORTS_WITH_ID_MAX: i64 = 100;
/// Reports among which [`Store::reports_with_id`] looks for an id, which no index has.
const REPORTS_LOOKED_AT_MAX: i64 = 20_000;

impl Store {
    /// Some reports, counted ones unless the filter says otherwise, newest window first, and how many there are in all, up to
    /// [`super::COUNTED_ROWS_MAX`] and one more.
    pub async fn reports(
        &self,
        domain: DomainId,
        filter: &ReportFilter,
        cut: impl Into<Cut<ReportPlace>>,
    ) -> Result<(Vec<ReportSummary>, u64), StoreError> {
        let cut = cut.into();
        let acceptances = match filter.standing {
            ReportStanding::Counted => None,
            ReportStanding::Held => Some(Acceptance::HELD),
            ReportStanding::Discounted => Some(Acceptance::Discounted..=Acceptance::Discounted),
        };
        if let Some(acceptances) = acceptances {
            return self.reports_by_acceptance(domain, filter, acceptances, cut).await;
        }
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        // One row per day, where counting reports reads one index entry per report.
        let begun = begun_reports(&mut conn, domain, filter).await?;
        let (count, before) = cut.window();
        let (args, no) = filtered_below(domain, filter, cut.place());
        let args = args.int(count).int(before).int(no);
        let rows = match before.cast_unsigned() < begun {
            true => conn.all(sql!("report_list"), args).await?,
            false => Vec::new(),
        };
        let is_filtered = filter.org.as_ref().is_some_and(|org| !org.is_empty())
            || filter.result.is_some()
            || filter.authenticated.is_some();
        // A page that is not full ends the list, so its total needs no count. An empty page may be beyond the end.
        let is_full = rows.len() as u64 >= count.cast_unsigned();
        let ends_list = cut.place().is_none() && !is_full && (before == 0 || !rows.is_empty());
        let total = match (is_filtered, ends_list) {
            (false, _) => begun,
            (true, true) => (before.cast_unsigned() + rows.len() as u64).min(COUNT_END.cast_unsigned()),
            (true, false) => count_filtered(&mut conn, domain, filter, begun).await?,
        };
        Ok((rows.iter().map(summary).collect::<Result<_, _>>()?, total))
    }

    /// The domain's reports with this `report_id`, counted or not, whose windows begin in a range of days: the newest
    /// [`REPORTS_WITH_ID_MAX`] among the [`REPORTS_LOOKED_AT_MAX`] that begin last.
    pub async fn reports_with_id(
        &self,
        domain: DomainId,
        range: DayRange,
        report_id: &str,
    ) -> Result<Vec<ReportSummary>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default()
            .int(domain.0)
            .int(range.first.begin())
            .int(range.last.plus(1).begin())
            .text(report_id)
            .int(REPORTS_LOOKED_AT_MAX)
            .int(REPORTS_WITH_ID_MAX);
        let rows = Conn(&mut conn).all(sql!("report_list_by_id"), args).await?;
        rows.iter().map(summary).collect()
    }

    /// One report of the domain, counted or not.
    pub async fn report(&self, domain: DomainId, no: ReportNo) -> Result<Option<ReportDetail>, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let args = Args::default().int(domain.0).int(no.0);
        let Some(row) = conn.first(sql!("report_by_no"), args).await? else {
            return Ok(None);
        };
        let damaged = |what| StoreError::damaged("reports", no, what);
        let detail: Detail =
            serde_json::from_str(&row.text("detail")?).map_err(|_| damaged("detail is not readable"))?;
        let identity = IdentityKey::from_slice(row.blob("identity_key")?)
            .ok_or_else(|| damaged("identity key is not 16 bytes"))?;
        let args = Args::default().int(domain.0).blob(&identity.0).int(no.0);
        let conflicts = conn.all(sql!("report_conflicts"), args).await?;
        let args = Args::default().int(domain.0).int(no.0);
        let original = conn.first(sql!("report_original_kept"), args).await?;
        let is_provable = original.as_ref().map_or(Ok(false), |row| row.flag("with_keys"))?;
        let provenance = row.opt_text("provenance")?.map(|json| Provenance::from_json(&json));
        if let Some(None) = provenance {
            return Err(damaged("provenance is not readable"));
        }
        let warning = |(kind, detail, offset)| StoredWarning { kind, detail, offset };
        Ok(Some(ReportDetail {
            summary: summary(&row)?,
            extra_contact_info: detail.extra_contact_info,
            errors: detail.errors,
            generator: detail.generator,
            version: detail.version,
            namespace: detail.namespace,
            warnings: detail.warnings.into_iter().map(warning).collect(),
            conflicts: conflicts
                .iter()
                .map(|row| row.int("report_no").map(ReportNo))
                .collect::<Result<_, _>>()?,
            provenance: provenance.flatten(),
            original_kept: original.is_some(),
            is_provable,
            history: acceptance::history(no, row.opt_text("history")?)?,
        }))
    }

    /// A page of a report's records, in its order, and how many there are: none where retention has dropped them.
    pub async fn records(
        &self,
        domain: DomainId,
        no: ReportNo,
        page: Page,
    ) -> Result<(Vec<StoredRecord>, u64), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let total = records_kept(&mut conn, domain, no).await?;
        if total == 0 {
            return Ok((Vec::new(), 0));
        }
        let page = records::page(&mut conn, domain, no, page.offset(), page.per_page as usize).await?;
        Ok((page.stored(&mut conn).await?, total))
    }

    /// Records of a report as they are listed, in its order: at most `count` behind the first `before`; and how many there
    /// are in all.
    pub async fn listed_records(
        &self,
        domain: DomainId,
        no: ReportNo,
        (before, count): (u64, u32),
        most: ListedMax,
    ) -> Result<(Vec<ListedRecord>, u64), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let total = records_kept(&mut conn, domain, no).await?;
        if before >= total {
            return Ok((Vec::new(), total));
        }
        let packed = records::page(&mut conn, domain, no, before, count as usize).await?;
        let numbered: Vec<_> = (before..).zip(packed.records).collect();
        let listed = listed::listed(&mut conn, &packed.evidence, &numbered, most).await?;
        Ok((listed, total))
    }

    /// The bytes that a report came in, if they are still kept.
    pub async fn original(&self, domain: DomainId, no: ReportNo) -> Result<Option<Original>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(domain.0).int(no.0);
        let row = Conn(&mut conn).first(sql!("original_of_report"), args).await?;
        row.map(|row| original(&row, no)).transpose()
    }
}

/// The bytes that a report came in.
pub(super) fn original(row: &Row, no: ReportNo) -> Result<Original, StoreError> {
    let bytes = stored_bytes::unpack(row.opt_int("unpacked_len")?, row.blob("bytes")?)
        .ok_or_else(|| StoreError::damaged("originals", format!("report {no}"), "cannot be unpacked"))?;
    Ok(Original {
        bytes: bytes.into_owned(),
        received_at: row.int("received_at")?,
    })
}

/// How many records a report has: none where retention has dropped them, and where there is no such report.
async fn records_kept(conn: &mut Conn<'_>, domain: DomainId, no: ReportNo) -> Result<u64, StoreError> {
    let args = Args::default().int(domain.0).int(no.0);
    match conn.first(sql!("report_by_no"), args).await? {
        Some(row) if summary(&row)?.records_kept => row.count("records"),
        _ => Ok(0),
    }
}

/// The arguments of the statements that list reports.
pub(super) fn filtered(domain: DomainId, filter: &ReportFilter) -> Args {
    filtered_before(domain, filter, end_of(filter))
}

/// First second after the days of a filter; `i64::MAX` without a last day.
fn end_of(filter: &ReportFilter) -> i64 {
    filter.to.map_or(i64::MAX, Day::end)
}

/// As [`filtered`], for those below a place: the window begins before the third argument, or then if the report's number is
/// below the one given here.
pub(super) fn filtered_below(domain: DomainId, filter: &ReportFilter, place: Option<ReportPlace>) -> (Args, i64) {
    // Below the end of the range, whatever its number.
    let end = (end_of(filter), i64::MIN);
    let place = place.map(|place| (place.begin, place.no.0));
    let (begin, no) = place.unwrap_or(end).min(end);
    (filtered_before(domain, filter, begin), no)
}

/// How many counted reports begin in the days of a filter, up to [`COUNT_END`].
async fn begun_reports(conn: &mut Conn<'_>, domain: DomainId, filter: &ReportFilter) -> Result<u64, StoreError> {
    let first = filter.from.map_or(i32::MIN, |day| day.0);
    let last = filter.to.map_or(i32::MAX, |day| day.0);
    let args = Args::default().int(domain.0).int(first.into()).int(last.into());
    let row = conn.first(sql!("daily_totals_reports"), args).await?;
    let begun = row.map_or(Ok(0), |row| row.count("reports"))?;
    Ok(begun.min(COUNT_END.cast_unsigned()))
}

/// Number of counted reports that pass the whole filter, up to [`COUNT_END`]. `begun` is the number that begin in its days.
async fn count_filtered(
    conn: &mut Conn<'_>,
    domain: DomainId,
    filter: &ReportFilter,
    begun: u64,
) -> Result<u64, StoreError> {
    let is_by_org = filter.result.is_none() && filter.authenticated.is_none();
    let row = match (begun > COUNTED_ROWS_MAX, is_by_org) {
        (true, _) => conn.first(sql!("report_count_up_to"), filtered(domain, filter).int(COUNT_END)),
        (false, false) => conn.first(sql!("report_count"), filtered(domain, filter)),
        (false, true) => conn.first(
            sql!("report_count_by_org"),
            of_org_before(domain, filter, end_of(filter)),
        ),
    };
    let row = row.await?;
    row.map_or(Ok(0), |row| row.count("total"))
}

fn filtered_before(domain: DomainId, filter: &ReportFilter, end: i64) -> Args {
    let args = of_org_before(domain, filter, end).int(filter.result.map_or(-1, ResultFilter::code));
    args.int(filter.authenticated.map_or(-1, Authenticated::code))
}

fn of_org_before(domain: DomainId, filter: &ReportFilter, end: i64) -> Args {
    Args::default()
        .int(domain.0)
        .int(filter.from.map_or(i64::MIN, Day::begin))
        .int(end)
        .text(&org_key(filter.org.as_deref().unwrap_or_default()))
}

/// Records read at a time when a whole report is walked.
const RECORDS_AT_ONCE: usize = 8 * records::ROW_RECORDS;

/// A report's figures from its records: its reporter's name, its window, its carrier, its totals, and what it adds to each day.
pub(super) struct Recount {
    pub org_name: Option<String>,
    pub window: Window,
    pub carrier: Carrier,
    pub counted: bool,
    pub totals: Totals,
    pub days: Vec<DayFigures>,
}

impl Recount {
    /// What it adds to the sums of its domain.
    pub fn figures(&self) -> ReportFigures<'_> {
        ReportFigures {
            window: self.window,
            org_name: self.org_name.as_deref(),
            carrier: self.carrier,
            days: &self.days,
        }
    }
}

/// Adds up a report from its records.
pub(super) async fn recount(conn: &mut Conn<'_>, domain: DomainId, no: ReportNo) -> Result<Recount, StoreError> {
    let args = Args::default().int(domain.0).int(no.0);
    let row = conn.first(sql!("report_by_no"), args).await?;
    let summary = summary(&row.ok_or_else(|| StoreError::damaged("reports", no, "is missing"))?)?;
    let mut figures = Figures::new(summary.window, &summary.policy.domain);
    let evidence = each_record(conn, domain, no, |record, evidence| {
        figures.add(record.source, record.verdict, record.count, evidence);
    })
    .await?;
    let summed = figures.finish(|number| evidence.get(&(number as u32)).map(|one| &**one));
    Ok(Recount {
        org_name: summary.org_name,
        window: summary.window,
        carrier: Carrier::from_verdict(summary.authenticated),
        counted: summary.counted,
        totals: summed.totals,
        days: summed.days,
    })
}

/// Calls `each` with a report's records, in its order, and their evidence with its number. All evidence is given at the end.
pub(super) async fn each_record(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    mut each: impl FnMut(&PackedRecord, (usize, &Evidence)),
) -> Result<Known, StoreError> {
    let mut known = Known::new();
    let mut from = 0;
    loop {
        let page = records::page(conn, domain, no, from, RECORDS_AT_ONCE).await?;
        page.evidence.look_up(conn, &page.records, &mut known).await?;
        for record in &page.records {
            let of = page.evidence.known(record, &known)?;
            each(record, (record.evidence as usize, of));
        }
        from += page.records.len() as u64;
        if page.records.len() < RECORDS_AT_ONCE {
            return Ok(known);
        }
    }
}

/// The columns of a report as listed; the order is that of the statements `report_*`.
pub(super) fn summary(row: &Row) -> Result<ReportSummary, StoreError> {
    let no = ReportNo(row.int("report_no")?);
    Ok(ReportSummary {
        no,
        window: Window {
            begin: row.int("begin_at")?,
            end: row.int("end_at")?,
        },
        counted: row.flag("counted")?,
        totals: totals(row)?,
        records: row.count("records")?,
        received_at: row.int("received_at")?,
        authenticated: row.checked("authenticated", "is not a verdict", Authenticated::from_code)?,
        arrivals: row.count("arrivals")?,
        warnings: row.count("warnings")?,
        partial: row.flag("partial")?,
        org_name: row.opt_text("org_name")?,
        email: row.opt_text("email")?,
        report_id: row.text("report_id")?,
        policy: policy(row, no)?,
        records_kept: row.flag("records_kept")?,
        acceptance: row.checked("acceptance", "is not an acceptance", Acceptance::from_code)?,
    })
}

fn policy(row: &Row, no: ReportNo) -> Result<PolicyPublished, StoreError> {
    let policy: Option<StoredPolicy> = serde_json::from_str(&row.text("policy")?).ok();
    let policy = policy.and_then(StoredPolicy::read);
    policy.ok_or_else(|| StoreError::damaged("reports", no, "policy is not readable"))
}

/// The seven sums of a row.
pub(super) fn totals(row: &Row) -> Result<Totals, StoreError> {
    Ok(Totals {
        pass: sum(row, "pass")?,
        fail: sum(row, "fail")?,
        dkim_aligned: sum(row, "dkim_aligned")?,
        spf_aligned: sum(row, "spf_aligned")?,
        none: sum(row, "none")?,
        quarantine: sum(row, "quarantine")?,
        reject: sum(row, "reject")?,
    })
}

/// A sum; one that was changed from outside is not larger than any other.
pub(super) fn sum(row: &Row, column: &str) -> Result<u64, StoreError> {
    Ok(row.count(column)?.min(Totals::SUM_MAX))
}

/// What reports are filtered by: `org_name` without differences of case.
pub(super) fn org_key(org_name: &str) -> String {
    org_name.to_lowercase()
}

/// The published policy as kept: words, what is missing left out.
#[derive(Serialize, Deserialize)]
struct StoredPolicy {
    domain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    np: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adkim: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspf: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pct: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    testing: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discovery_method: Option<String>,
}

impl StoredPolicy {
    /// `None` if a word is in it that this program never wrote.
    fn read(self) -> Option<PolicyPublished> {
        fn known<T>(word: Option<String>, of: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
            word.map_or(Some(None), |word| of(&word).map(Some))
        }
        Some(PolicyPublished {
            domain: self.domain.into(),
            p: known(self.p, Policy::from_word)?,
            sp: known(self.sp, Policy::from_word)?,
            np: known(self.np, Policy::from_word)?,
            adkim: known(self.adkim, AlignmentMode::from_word)?,
            aspf: known(self.aspf, AlignmentMode::from_word)?,
            pct: self.pct,
            fo: self.fo.map(Into::into),
            testing: self.testing,
            discovery_method: known(self.discovery_method, DiscoveryMethod::from_word)?,
        })
    }
}

/// The stored form of a published policy.
pub(super) fn policy_json(policy: &PolicyPublished) -> String {
    let word = |policy: Option<Policy>| policy.map(|policy| policy.word().to_owned());
    let mode = |mode: Option<AlignmentMode>| mode.map(|mode| mode.word().to_owned());
    let stored = StoredPolicy {
        domain: policy.domain.to_string(),
        p: word(policy.p),
        sp: word(policy.sp),
        np: word(policy.np),
        adkim: mode(policy.adkim),
        aspf: mode(policy.aspf),
        pct: policy.pct,
        fo: policy.fo.as_deref().map(str::to_owned),
        testing: policy.testing,
        discovery_method: policy.discovery_method.map(|method| method.word().to_owned()),
    };
    serde_json::to_string(&stored).expect("texts and numbers always have a JSON form")
}

/// The policy domain in a stored policy.
pub(super) fn policy_domain(json: &str) -> Option<String> {
    let stored: StoredPolicy = serde_json::from_str(json).ok()?;
    Some(stored.domain)
}

/// What is shown of a report but never asked for.
#[derive(Serialize, Deserialize, Default)]
struct Detail {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extra_contact_info: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generator: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// Kind, detail, offset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<(String, String, Option<u64>)>,
}

/// The stored form of a report's details.
pub(super) fn detail_json(report: &Report, warnings: &Warnings) -> String {
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    let warning =
        |one: &crate::report::aggregate::Warning| (one.kind.word().to_owned(), one.detail.to_string(), one.offset);
    let detail = Detail {
        extra_contact_info: text(&report.metadata.extra_contact_info),
        errors: report.metadata.errors.iter().map(ToString::to_string).collect(),
        generator: text(&report.metadata.generator),
        version: text(&report.version),
        namespace: text(&report.namespace),
        warnings: warnings.kept().iter().map(warning).collect(),
    };
    serde_json::to_string(&detail).expect("texts and numbers always have a JSON form")
}
