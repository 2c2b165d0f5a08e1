//! Recounting everything from the records.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hashbrown::HashMap;

use crate::base::{Day, DomainId};
use crate::report::aggregate::Window;
use crate::tally::{Carrier, Path, PathBook, Spread, Totals, Way, carried};

use super::database::Readers;
use super::db::{Args, Conn, Row};
use super::facets::{FacetKey, FacetKind, FacetSums};
use super::reports::Recount;
use super::sql::sql;
use super::{Discrepancy, Store, StoreError, doubles, failures, paths, reports, rollup, soundness, tls};

/// Reports looked up at a time.
const REPORTS_AT_ONCE: i64 = 1_000;
/// Discrepancies listed; the rest is counted.
const LISTED_MAX: usize = 1_000;

/// The outcome of recounting everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    pub domains: u64,
    pub reports: u64,
    pub records: u64,
    pub messages: u64,
    /// TLS reports, which are in none of the sums above.
    pub tls_reports: u64,
    /// Failure reports, which are in no sum.
    pub failure_reports: u64,
    /// Reports that cannot be recounted: retention has dropped their records. They are in none of the sums above.
    pub not_recounted: u64,
    /// Empty if all agrees. The first 1,000 of what is wrong.
    pub discrepancies: Vec<Discrepancy>,
    /// Number of discrepancies that are not listed.
    pub unlisted: u64,
}

/// A domain's figures, counted from the records.
struct Counted {
    days: BTreeMap<(Day, Carrier), Totals>,
    reports: BTreeMap<(Day, Carrier), u64>,
    /// By day, address, and the way on a path of `paths`.
    sources: HashMap<(Day, Option<IpAddr>, Way), Totals>,
    paths: PathBook,
    facets: BTreeMap<FacetKey, FacetSums>,
    /// Days that cannot be recounted: records of their reports were dropped by retention.
    unknown: BTreeSet<Day>,
    /// Whether the days that cannot be recounted are unknown.
    is_blind: bool,
}

impl Store {
    /// Recounts every figure from the records and compares, after it has looked whether the file is sound and what is kept
    /// is what came, and looks for reports that count twice in an account. Reads one state of the database: what is written
    /// meanwhile is not seen. `progress` gets (reports done, reports in all).
    ///
    /// Reports whose records were purged by retention keep their sums and are not recounted; their days are left out. A value
    /// that is damaged is listed with its table and row, and the rest is compared.
    pub async fn verify(&self, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Verified, StoreError> {
        let mut conn = self.read().await?;
        conn.begin_snapshot().await?;
        let mut damage = soundness::damage(&mut Conn(&mut conn)).await?;
        let mut is_file = false;
        if let Readers::Sqlite(readers) = &self.readers {
            damage.extend(soundness::damaged_logs(readers.path()));
            damage.extend(self.behind.iter().map(|(_, behind)| soundness::behind(*behind)));
            is_file = true;
        }
        let mut verified = match verify(&mut Conn(&mut conn), progress).await {
            // What cannot be read cannot be recounted: the damage is the answer.
            Err(error @ (StoreError::Damaged { .. } | StoreError::Other(_))) if is_file => {
                damage.push(soundness::not_recounted(&error));
                Verified::default()
            }
            verified => verified?,
        };
        conn.roll_back().await?;
        damage.append(&mut verified.discrepancies);
        verified.discrepancies = damage;
        Ok(verified)
    }
}

async fn verify(conn: &mut Conn<'_>, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Verified, StoreError> {
    let total = conn.first(sql!("report_total"), Args::default()).await?;
    let total = total.map_or(Ok(0), |row| row.count("total"))?;
    let mut verified = Verified::default();
    let mut accounts: BTreeMap<i64, Vec<doubles::Member>> = BTreeMap::new();
    for row in conn.all(sql!("domain_all"), Args::default()).await? {
        let domain = DomainId(row.int("domain_id")?);
        let name = row.text("name").unwrap_or_else(|_| format!("domain {domain}"));
        let recounting = Recounting {
            domain,
            name: &name,
            counted: Counted::default(),
            verified: &mut verified,
        };
        let compared = recounting.compare(conn, &|done| progress(done, total)).await;
        // What cannot be read of one domain says nothing about the others.
        compared.or_else(|error| verified.note(conn, &name, error))?;
        match tls::recount(conn, domain).await {
            Ok(recounted) => verified.add_tls(&name, recounted),
            Err(error) => verified.note(conn, &name, error)?,
        }
        match failures::reread(conn, domain).await {
            Ok(reread) => verified.add_failures(&name, reread),
            Err(error) => verified.note(conn, &name, error)?,
        }
        verified.domains += 1;
        let account = accounts.entry(row.int("account_id")?).or_default();
        account.push(doubles::Member { id: domain, name });
    }
    for members in accounts.values() {
        let looked = doubles::find(conn, members, total, &mut verified.discrepancies).await;
        let name = members.first().map_or("", |member| &member.name);
        looked.or_else(|error| verified.note(conn, name, error))?;
    }
    verified.unlisted = verified.discrepancies.len().saturating_sub(LISTED_MAX) as u64;
    verified.discrepancies.truncate(LISTED_MAX);
    Ok(verified)
}

impl Verified {
    fn add_tls(&mut self, domain: &str, recounted: tls::Recounted) {
        self.tls_reports += recounted.reports;
        self.not_recounted += recounted.not_recounted;
        recounted.wrong.into_iter().for_each(|what| self.found(domain, what));
    }

    fn add_failures(&mut self, domain: &str, reread: failures::Reread) {
        self.failure_reports += reread.reports;
        reread.wrong.into_iter().for_each(|what| self.found(domain, what));
    }

    fn found(&mut self, domain: &str, what: String) {
        let domain = domain.to_owned();
        self.discrepancies.push(Discrepancy { domain, what });
    }

    /// Lists what is damaged.
    ///
    /// # Errors
    /// The error itself, if it is about more than a stored value: the rest could not be read either. A damaged file of
    /// SQLite's is one that still has parts that can be.
    fn note(&mut self, conn: &mut Conn<'_>, domain: &str, error: StoreError) -> Result<(), StoreError> {
        match error {
            StoreError::Damaged { .. } => {}
            StoreError::Other(_) if conn.is_sqlite() => {}
            other => return Err(other),
        }
        self.found(domain, format!("damaged: {error}"));
        Ok(())
    }
}

/// A domain that is recounted.
struct Recounting<'v> {
    domain: DomainId,
    name: &'v str,
    counted: Counted,
    verified: &'v mut Verified,
}

impl Recounting<'_> {
    async fn count(&mut self, conn: &mut Conn<'_>, progress: &(dyn Fn(u64) + Sync)) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let args = Args::default().int(self.domain.0).int(after).int(REPORTS_AT_ONCE);
            let rows = conn.all(sql!("report_all_after"), args).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.int("report_no")?;
            for row in &rows {
                if let Err(error) = self.count_report(conn, row).await {
                    self.verified.note(conn, self.name, error)?;
                    self.counted.leave_out(row);
                }
            }
            progress(self.verified.reports);
        }
    }

    async fn count_report(&mut self, conn: &mut Conn<'_>, row: &Row) -> Result<(), StoreError> {
        let Self {
            name,
            counted,
            verified,
            ..
        } = self;
        let report = reports::summary(row)?;
        if report.counted && !report.acceptance.may_count() {
            let (no, word) = (report.no, report.acceptance.word());
            verified.found(name, format!("report {no} is {word}, and still counts"));
        }
        if !report.records_kept {
            verified.not_recounted += 1;
            if report.counted {
                counted.leave_out(row);
            }
            return Ok(());
        }
        let recount = reports::recount(conn, self.domain, report.no).await?;
        let totals = recount.totals;
        if totals != report.totals {
            let (no, stored) = (report.no, report.totals);
            verified.found(
                name,
                format!("report {no}: its records say {totals}, its row says {stored}"),
            );
        }
        verified.reports += 1;
        verified.records += report.records;
        if report.counted {
            verified.messages = verified.messages.saturating_add(totals.messages());
            let begin = (Day::from_unix(recount.window.begin), recount.carrier);
            *counted.reports.entry(begin).or_default() += 1;
            counted.add(&recount);
        }
        Ok(())
    }

    /// Compares what the tables say with what the records say.
    async fn compare(mut self, conn: &mut Conn<'_>, progress: &(dyn Fn(u64) + Sync)) -> Result<(), StoreError> {
        for path in paths::read(conn, self.domain).await?.iter() {
            self.counted.paths.push(path);
        }
        let known = self.counted.paths.list().len();
        self.count(conn, progress).await?;
        let missing = self.counted.paths.list().iter().skip(known);
        for path in missing.map(described) {
            self.verified.found(
                self.name,
                format!("the records have a path that paths does not have: {path}"),
            );
        }
        if self.counted.is_blind {
            return Ok(());
        }
        let Self {
            domain,
            name,
            mut counted,
            verified,
        } = self;
        let mut found = |what| verified.found(name, what);
        for row in conn.all(sql!("daily_totals_range"), always(domain)).await? {
            let (key, totals, reports) = match day_totals(&row) {
                Ok(read) => read,
                Err(error) => {
                    counted.forget_day_of(&row);
                    found(format!("damaged: {error}"));
                    continue;
                }
            };
            if counted.unknown.contains(&key.0) {
                counted.days.remove(&key);
                continue;
            }
            let day = named(key);
            let expected = counted.days.remove(&key).unwrap_or_default();
            if totals != expected {
                found(format!("{day}: the records say {expected}, daily_totals says {totals}"));
            }
            let begun = counted.reports.remove(&key).unwrap_or_default();
            if reports != begun {
                found(format!("{day}: {begun} reports begin, daily_totals says {reports}"));
            }
        }
        for (key, totals) in &counted.days {
            let day = named(*key);
            found(format!("{day}: the records say {totals}, daily_totals has no such day"));
        }
        for (key, begun) in &counted.reports {
            if !counted.unknown.contains(&key.0) && !counted.days.contains_key(key) {
                let day = named(*key);
                found(format!("{day}: {begun} reports begin, daily_totals has no such day"));
            }
        }
        compare_sources(conn, domain, &mut counted, &mut found).await?;
        compare_facets(conn, domain, &mut counted, &mut found).await
    }
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            days: BTreeMap::new(),
            reports: BTreeMap::new(),
            sources: HashMap::new(),
            paths: PathBook::bounded(paths::PATHS_MAX),
            facets: BTreeMap::new(),
            unknown: BTreeSet::new(),
            is_blind: false,
        }
    }
}

impl Counted {
    /// The days of a report that cannot be recounted are not compared; none of the domain is, if they cannot be read either.
    fn leave_out(&mut self, row: &Row) {
        let (Ok(begin), Ok(end)) = (row.int("begin_at"), row.int("end_at")) else {
            self.is_blind = true;
            return;
        };
        self.unknown
            .extend(Spread::for_window(Window { begin, end }).days().iter());
        self.unknown.insert(Day::from_unix(begin));
    }

    /// What is said of a damaged day is said once.
    fn forget_day_of(&mut self, row: &Row) {
        if let Ok(day) = row.day("day") {
            self.days.retain(|(of, _), _| *of != day);
            self.reports.retain(|(of, _), _| *of != day);
        }
    }

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
            let sums = self.days.entry((figures.day, recount.carrier)).or_default();
            sums.add(&figures.totals);
            let sources = &figures.sources;
            let number = |path| self.paths.number(&carried(path, recount.carrier));
            let numbers: Vec<_> = sources.paths.iter().map(number).collect();
            for entry in &sources.entries {
                let way = entry.way.on(numbers[entry.way.path() as usize]);
                let totals = entry.handled.totals(way);
                self.sources
                    .entry((figures.day, entry.address, way))
                    .or_default()
                    .add(&totals);
            }
        }
    }
}

/// A domain's days, also those that there cannot be: they are damaged.
fn always(domain: DomainId) -> Args {
    Args::default().int(domain.0).int(i64::MIN).int(i64::MAX)
}

async fn compare_sources(
    conn: &mut Conn<'_>,
    domain: DomainId,
    counted: &mut Counted,
    found: &mut (dyn FnMut(String) + Send),
) -> Result<(), StoreError> {
    let rows = conn.all(sql!("daily_sources_range"), always(domain)).await?;
    let mut days: BTreeMap<Day, Vec<&[u8]>> = BTreeMap::new();
    for row in &rows {
        match row.checked("slot", rollup::NO_DAY, rollup::day_of) {
            Ok(day) => days.entry(day).or_default().push(row.blob("sources")?),
            Err(error) => found(format!("damaged: {error}")),
        }
    }
    for (day, parts) in days {
        if counted.unknown.contains(&day) {
            counted.sources.retain(|(of, ..), _| *of != day);
            continue;
        }
        let mut sources: BTreeMap<_, Totals> = BTreeMap::new();
        for part in parts {
            let Some(part) = rollup::unpack(part) else {
                found(format!("damaged: daily_sources of {day} cannot be read"));
                continue;
            };
            for entry in &part {
                let totals = entry.handled.totals(entry.way);
                sources.entry((entry.address, entry.way)).or_default().add(&totals);
            }
        }
        for ((address, way), totals) in sources {
            let expected = counted.sources.remove(&(day, address, way)).unwrap_or_default();
            if expected != totals {
                found(format!(
                    "{day}, {}: the records say {expected}, daily_sources says {totals}",
                    source(address, counted.paths.list().get(way.path()))
                ));
            }
        }
    }
    for ((day, address, way), totals) in counted.sources.iter().filter(|(_, totals)| totals.messages() > 0) {
        found(format!(
            "{day}, {}: the records say {totals}, daily_sources does not have it",
            source(*address, counted.paths.list().get(way.path()))
        ));
    }
    Ok(())
}

fn source(address: Option<IpAddr>, path: &[u8]) -> String {
    let address = address.map_or_else(
        || "without a source address".to_owned(),
        |address| format!("source {address}"),
    );
    format!("{address} ({})", described(path))
}

fn described(path: &[u8]) -> String {
    Path::read(path).map_or_else(|| "a path that cannot be read".to_owned(), |path| path.to_string())
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
        let (key, sums) = match facet(&row) {
            Ok(read) => read,
            Err(error) => {
                found(format!("damaged: {error}"));
                continue;
            }
        };
        let expected = counted.facets.remove(&key).unwrap_or_default();
        if !sums.are(&expected) && !counted.unknown.contains(&key.day) {
            found(format!("{key}: the records say {expected}, daily_facets says {sums}"));
        }
    }
    for (key, sums) in &counted.facets {
        if !FacetSums::default().are(sums) && !counted.unknown.contains(&key.day) {
            found(format!("{key}: the records say {sums}, daily_facets does not have it"));
        }
    }
    Ok(())
}

fn facet(row: &Row) -> Result<(FacetKey, FacetSums), StoreError> {
    let key = FacetKey {
        kind: row.checked("kind", "is not a kind of facet", FacetKind::from_code)?,
        day: row.day("day")?,
        facet: row.text("facet")?,
        detail: row.text("detail")?,
    };
    let sums = FacetSums {
        pass: row.int("pass")?,
        fail: row.int("fail")?,
        reports: row.int("reports")?,
        until: row.opt_int("until_day")?.map(|_| row.day("until_day")).transpose()?,
    };
    Ok((key, sums))
}

fn day_totals(row: &Row) -> Result<((Day, Carrier), Totals, u64), StoreError> {
    let carrier = row.checked("vouched", "is not 0 or 1", Carrier::from_code)?;
    Ok(((row.day("day")?, carrier), reports::totals(row)?, row.count("reports")?))
}

/// A day, and of which of its reports the sums are.
fn named((day, carrier): (Day, Carrier)) -> String {
    match carrier {
        Carrier::Other => day.to_string(),
        Carrier::Vouched => format!("{day}, reports that their mail vouches for"),
    }
}
