//! Recounting everything from the records.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hashbrown::HashMap;

use crate::report::{Day, Spread};

use super::db::{Args, Conn};
use super::facets::{FacetKey, FacetKind, FacetSums};
use super::reports::Recount;
use super::sql::sql;
use super::{Discrepancy, DomainId, Store, StoreError, Totals, Verified, reports, rollup};

/// Reports looked up at a time.
const REPORTS_AT_ONCE: i64 = 1_000;
/// Discrepancies listed; the rest is left out.
const LISTED_MAX: usize = 1_000;

/// A domain's figures, counted from the records.
#[derive(Default)]
struct Counted {
    days: BTreeMap<Day, Totals>,
    reports: BTreeMap<Day, u64>,
    sources: HashMap<(Day, Option<IpAddr>), Totals>,
    facets: BTreeMap<FacetKey, FacetSums>,
    /// Days that cannot be recounted: records of their reports were dropped by retention.
    unknown: BTreeSet<Day>,
}

impl Store {
    /// Recounts every figure from the records and compares. Reads one state of the database: what is written meanwhile
    /// is not seen. `progress` gets (reports done, reports in all).
    ///
    /// Reports whose records were purged by retention keep their sums and are not recounted; their days are left out.
    pub async fn verify(&self, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Verified, StoreError> {
        let mut conn = self.read().await?;
        conn.begin_snapshot().await?;
        let verified = verify(&mut Conn(&mut conn), progress).await?;
        conn.roll_back().await?;
        Ok(verified)
    }
}

async fn verify(conn: &mut Conn<'_>, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Verified, StoreError> {
    let total = conn.first(sql!("report_total"), Args::default()).await?;
    let total = total.map_or(Ok(0), |row| row.count(0))?;
    let mut verified = Verified::default();
    for row in conn.all(sql!("domain_all"), Args::default()).await? {
        let (domain, name) = (DomainId(row.int(0)?), row.text(2)?);
        let counted = count_domain(conn, domain, &name, &mut verified, progress, total).await?;
        compare(conn, domain, &name, counted, &mut verified).await?;
        verified.domains += 1;
    }
    verified.discrepancies.truncate(LISTED_MAX);
    Ok(verified)
}

async fn count_domain(
    conn: &mut Conn<'_>,
    domain: DomainId,
    name: &str,
    verified: &mut Verified,
    progress: &(dyn Fn(u64, u64) + Sync),
    total: u64,
) -> Result<Counted, StoreError> {
    let mut counted = Counted::default();
    let mut after = 0;
    loop {
        let args = Args::default().int(domain.0).int(after).int(REPORTS_AT_ONCE);
        let rows = conn.all(sql!("report_all_after"), args).await?;
        let Some(last) = rows.last() else { return Ok(counted) };
        after = last.int(0)?;
        for row in &rows {
            let report = reports::summary(row)?;
            if !report.records_kept {
                verified.not_recounted += 1;
                if report.counted {
                    counted.unknown.extend(Spread::of(report.window).days().iter());
                    counted.unknown.insert(Day::from_unix(report.window.begin));
                }
                continue;
            }
            let recount = reports::recount(conn, domain, report.no).await?;
            let totals = recount.totals;
            if totals != report.totals {
                let what = format!(
                    "report {}: its records say {totals:?}, its row says {:?}",
                    report.no, report.totals
                );
                verified.discrepancies.push(Discrepancy {
                    domain: name.to_owned(),
                    what,
                });
            }
            verified.reports += 1;
            verified.records += report.records;
            if report.counted {
                verified.messages += totals.messages();
                *counted.reports.entry(Day::from_unix(recount.window.begin)).or_default() += 1;
                counted.add(&recount);
            }
        }
        progress(verified.reports, total);
    }
}

impl Counted {
    fn add(&mut self, recount: &Recount) {
        let facets = &mut self.facets;
        FacetSums::of_report(
            recount.window,
            recount.org_name.as_deref(),
            &recount.days,
            |key, sums| {
                facets.entry(key).or_default().add(sums, 1);
            },
        );
        for figures in &recount.days {
            self.days.entry(figures.day).or_default().add(&figures.totals);
            for (address, totals) in &figures.sources {
                self.sources.entry((figures.day, *address)).or_default().add(totals);
            }
        }
    }
}

async fn compare(
    conn: &mut Conn<'_>,
    domain: DomainId,
    name: &str,
    mut counted: Counted,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    let mut found = |what: String| {
        verified.discrepancies.push(Discrepancy {
            domain: name.to_owned(),
            what,
        })
    };
    let always = || Args::default().int(domain.0).int(i32::MIN.into()).int(i32::MAX.into());
    for row in conn.all(sql!("daily_totals_range"), always()).await? {
        let day = Day(i32::try_from(row.int(0)?).unwrap_or_default());
        let (totals, reports) = (reports::totals(&row, 1)?, row.count(8)?);
        if counted.unknown.contains(&day) {
            counted.days.remove(&day);
            continue;
        }
        let (expected, begun) = (counted.days.remove(&day), counted.reports.remove(&day));
        if totals != expected.unwrap_or_default() {
            found(format!(
                "{day}: the records say {:?}, daily_totals {totals:?}",
                expected.unwrap_or_default()
            ));
        }
        if reports != begun.unwrap_or_default() {
            found(format!(
                "{day}: {} reports begin, daily_totals says {reports}",
                begun.unwrap_or_default()
            ));
        }
    }
    for (day, totals) in &counted.days {
        found(format!(
            "{day}: the records say {totals:?}, daily_totals has no such day"
        ));
    }
    let slots = rollup::slots(Day(i32::MIN), Day(i32::MAX));
    let args = Args::default().int(domain.0).int(*slots.start()).int(*slots.end());
    let rows = conn.all(sql!("daily_sources_range"), args).await?;
    let mut days: BTreeMap<Day, Vec<&[u8]>> = BTreeMap::new();
    for row in &rows {
        days.entry(rollup::day_of(row.int(0)?)).or_default().push(row.blob(1)?);
    }
    for (day, parts) in days {
        if counted.unknown.contains(&day) {
            counted.sources.retain(|(of, _), _| *of != day);
            continue;
        }
        let mut sources: BTreeMap<_, Totals> = BTreeMap::new();
        for part in parts {
            if !rollup::decode(part, |address, totals| sources.entry(address).or_default().add(totals)) {
                found(format!("{day}: daily_sources cannot be read"));
            }
        }
        for (address, totals) in sources {
            let expected = counted.sources.remove(&(day, address)).unwrap_or_default();
            if expected != totals {
                found(format!(
                    "{day}, source {address:?}: the records say {expected:?}, daily_sources {totals:?}"
                ));
            }
        }
    }
    for ((day, address), totals) in counted.sources.iter().filter(|(_, totals)| totals.messages() > 0) {
        found(format!(
            "{day}, source {address:?}: the records say {totals:?}, daily_sources does not have it"
        ));
    }
    compare_facets(conn, domain, &mut counted, &mut found).await
}

async fn compare_facets(
    conn: &mut Conn<'_>,
    domain: DomainId,
    counted: &mut Counted,
    found: &mut (dyn FnMut(String) + Send),
) -> Result<(), StoreError> {
    for row in conn
        .all(sql!("daily_facets_all"), Args::default().int(domain.0))
        .await?
    {
        let key = FacetKey {
            kind: FacetKind::from_code(row.int(0)?)
                .ok_or_else(|| StoreError::damaged("daily_facets", domain, "unknown kind"))?,
            day: Day(i32::try_from(row.int(1)?).unwrap_or_default()),
            facet: row.text(2)?,
            detail: row.text(3)?,
        };
        let sums = FacetSums {
            pass: row.int(4)?,
            fail: row.int(5)?,
            reports: row.int(6)?,
            until: row.opt_int(7)?.and_then(|day| i32::try_from(day).ok()).map(Day),
        };
        let expected = counted.facets.remove(&key).unwrap_or_default();
        if !sums.are(&expected) && !counted.unknown.contains(&key.day) {
            found(format!("{key:?}: the records say {expected:?}, daily_facets {sums:?}"));
        }
    }
    for (key, sums) in &counted.facets {
        if !FacetSums::default().are(sums) && !counted.unknown.contains(&key.day) {
            found(format!(
                "{key:?}: the records say {sums:?}, daily_facets does not have it"
            ));
        }
    }
    Ok(())
}
