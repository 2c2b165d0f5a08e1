//! Deletes data by age, a little at a time, so that no other writer waits long.

use super::db::{Args, Conn, Layout, Link, Lock, Row, postgres, sqlite};
use super::refused;
use super::sql::sql;
use super::{Connections, Location, Store, StoreError};
use crate::base::{DomainId, Millis};

/// How long data is kept, in days. 0: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bytes of messages whose reports are counted, by their arrival.
    pub originals_days: u32,
    /// Messages set aside: quarantined, unclaimed, other mail. By their arrival.
    pub set_aside_days: u32,
    /// Records, by the later of the end of their report's window and its arrival. The report's sums and the roll-ups stay
    /// for ever.
    pub records_days: u32,
    /// Failure reports, by their arrival.
    pub failure_reports_days: u32,
}

/// What one round deleted, or would delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    pub originals: u64,
    pub set_aside: u64,
    /// Reports whose records were dropped.
    pub reports: u64,
    /// The records of these reports.
    pub records: u64,
    /// TLS reports whose details were dropped.
    pub tls_reports: u64,
    pub failure_reports: u64,
}

/// The counter that holds [`Store::purge_believed`].
const BELIEVED: &str = "purge_believed_at";
const DAY_MILLIS: Millis = 86_400_000;
/// Originals, reports or messages deleted per transaction.
const AT_ONCE: i64 = 200;
/// Records deleted per transaction. A larger report has its own transaction.
const RECORDS_AT_ONCE: u64 = 100_000;

impl Store {
    /// Deletes data older than `retention` allows. Releases the space.
    pub async fn purge(&self, retention: Retention, now: Millis) -> Result<Purged, StoreError> {
        let mut purged = Purged::default();
        let mut conn = self.read().await?;
        let domains = Conn(&mut conn).all(sql!("domain_all"), Args::default()).await?;
        drop(conn);
        for domain in &domains {
            let domain = domain.int("domain_id")?;
            if let Some(before) = before(retention.originals_days, now) {
                while self.purge_originals(domain, before, &mut purged).await? {}
            }
            for counted in [true, false] {
                let Some(before) = before(retention.records_days, now) else {
                    break;
                };
                let mut from = i64::MIN;
                while self
                    .purge_records(domain, counted, before, &mut from, &mut purged)
                    .await?
                {}
            }
            if let Some(before) = before(retention.records_days, now) {
                while self.purge_tls_details(domain, before, &mut purged).await? {}
            }
            if let Some(before) = before(retention.failure_reports_days, now) {
                while self.purge_failures(domain, before, &mut purged).await? {}
            }
        }
        if let Some(before) = before(retention.set_aside_days, now) {
            while self.purge_set_aside(before, &mut purged).await? {}
        }
        self.forget_days(now).await?;
        if purged != Purged::default() {
            let mut free_pages = self.give_back().await?;
            // On a full disk, all free pages are released now. Otherwise some per hour are, so that no writer waits long.
            while free_pages > 0 && self.is_disk_short() {
                self.fold_log().await?;
                free_pages = self.give_back().await?;
            }
        }
        Ok(purged)
    }

    /// What [`Self::purge`] would delete at `now`.
    pub async fn due(&self, retention: Retention, now: Millis) -> Result<Purged, StoreError> {
        let mut conn = self.read().await?;
        due(&mut Conn(&mut conn), retention, now).await
    }

    /// The last instant that the retention job trusted; `None` if there was none yet.
    pub async fn purge_believed(&self) -> Result<Option<Millis>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().text(BELIEVED);
        let row = Conn(&mut conn).first(sql!("counter_read"), args).await?;
        row.map(|row| row.int("value")).transpose()
    }

    /// Stores the last instant that was trusted.
    pub async fn set_purge_believed(&self, believed: Millis) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let args = Args::default().text(BELIEVED).int(believed);
        write.parts().0.run(sql!("counter_put"), args).await?;
        write.commit().await
    }

    /// When the newest report or message set aside arrived; `None` if there is nothing.
    pub async fn newest_arrival(&self) -> Result<Option<Millis>, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let row = conn.first(sql!("set_aside_newest"), Args::default()).await?;
        let mut newest = row.map_or(Ok(None), |row| row.opt_int("received_at"))?;
        for domain in conn.all(sql!("domain_all"), Args::default()).await? {
            let args = Args::default().int(domain.int("domain_id")?).int(1).int(i64::MAX);
            for report in conn.all(sql!("report_latest"), args).await? {
                newest = newest.max(Some(report.int("received_at")?));
            }
        }
        Ok(newest)
    }

    /// What [`Self::purge`] would delete at `now` from the database at `location`, which is only read. `None` if
    /// there is no database, or one of another version of this program.
    pub async fn preview(location: &Location, retention: Retention, now: Millis) -> Result<Option<Purged>, StoreError> {
        let (mut link, version) = match location {
            Location::File(path) if !path.exists() => return Ok(None),
            Location::File(path) => {
                let file = sqlite::File::new(path.clone());
                (Link::Sqlite(Box::new(file.reader()?)), sqlite::version())
            }
            Location::Server(url) => {
                let server = postgres::Server::from_url(url, Connections::default())?;
                let conn = server.readers().all.acquire().await?;
                (Link::PostgresReader(conn.into(), Layout::Together), postgres::version())
            }
        };
        let mut conn = Conn(&mut link);
        // A database that this program has never opened has no such table.
        let found = conn.first(sql!("schema_version"), Args::default()).await;
        match found {
            Err(error @ StoreError::Unavailable(_)) => Err(error),
            Ok(Some(row)) if row.opt_int("version")? == version => due(&mut conn, retention, now).await.map(Some),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// Deletes some originals from before `before`. Returns false if none were left.
    async fn purge_originals(&self, domain: i64, before: Millis, purged: &mut Purged) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold(vec![DomainId(domain)]).await?;
        let args = Args::default().int(domain).int(before).int(AT_ONCE);
        let old = conn.all(sql!("originals_old"), args).await?;
        for row in &old {
            let args = Args::default().int(domain).int(row.int("report_no")?);
            conn.run(sql!("original_purge"), args).await?;
        }
        write.commit().await?;
        purged.originals += old.len() as u64;
        Ok(old.len() as i64 >= AT_ONCE)
    }

    /// Deletes some records whose age counts from before `before`, of reports whose window begins at `from` or later,
    /// Unix seconds. `from` moves to where the next call continues. Returns false if none were left.
    async fn purge_records(
        &self,
        domain: i64,
        counted: bool,
        before: Millis,
        from: &mut i64,
        purged: &mut Purged,
    ) -> Result<bool, StoreError> {
        // This also reads reports without records, but no other transaction waits for it. A found report may be
        // deleted twice.
        let mut conn = self.read().await?;
        let args = Args::default().int(domain).int(counted.into());
        let args = args.int(*from).int(before.div_euclid(1_000)).int(before).int(AT_ONCE);
        let old = Conn(&mut conn).all(sql!("records_old"), args).await?;
        drop(conn);
        if old.is_empty() {
            return Ok(false);
        }
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold(vec![DomainId(domain)]).await?;
        let (mut reports, mut records) = (0, 0);
        for row in &old {
            let args = || Ok::<_, StoreError>(Args::default().int(domain).int(row.int("report_no")?));
            if reports > 0 && records + row.count("records")? > RECORDS_AT_ONCE {
                break;
            }
            records += row.count("records")?;
            conn.run(sql!("records_purge"), args()?).await?;
            conn.run(sql!("evidence_purge"), args()?).await?;
            conn.run(sql!("report_records_purged"), args()?).await?;
            reports += 1;
            *from = row.int("begin_at")?;
        }
        write.commit().await?;
        purged.reports += reports;
        purged.records += records;
        Ok(true)
    }

    /// Drops the details of some TLS reports whose age counts from before `before`. Returns false if none were left.
    async fn purge_tls_details(&self, domain: i64, before: Millis, purged: &mut Purged) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold(vec![DomainId(domain)]).await?;
        let args = Args::default().int(domain).int(before).int(AT_ONCE);
        let old = conn.all(sql!("tls_details_old"), args).await?;
        for row in &old {
            let args = Args::default().int(domain).int(row.int("report_no")?);
            conn.run(sql!("tls_details_purged"), args).await?;
        }
        write.commit().await?;
        purged.tls_reports += old.len() as u64;
        Ok(old.len() as i64 >= AT_ONCE)
    }

    /// Deletes some failure reports that came before `before`. Returns false if none were left.
    async fn purge_failures(&self, domain: i64, before: Millis, purged: &mut Purged) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold(vec![DomainId(domain)]).await?;
        let args = Args::default().int(domain).int(before).int(AT_ONCE);
        let old = conn.all(sql!("failure_old"), args).await?;
        for row in &old {
            let args = Args::default().int(domain).int(row.int("report_no")?);
            conn.run(sql!("failure_purge"), args).await?;
        }
        write.commit().await?;
        purged.failure_reports += old.len() as u64;
        Ok(old.len() as i64 >= AT_ONCE)
    }

    /// Deletes some messages set aside before `before`. Returns false if none were left.
    async fn purge_set_aside(&self, before: Millis, purged: &mut Purged) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.lock(Lock::SetAsideAlone).await?;
        let old = conn
            .all(sql!("set_aside_old"), Args::default().int(before).int(AT_ONCE))
            .await?;
        for row in &old {
            conn.run(sql!("set_aside_remove"), Args::default().int(row.int("set_aside_id")?))
                .await?;
            conn.run(
                sql!("set_aside_message_remove"),
                Args::default().int(row.int("account_id")?).blob(row.blob("digest")?),
            )
            .await?;
        }
        write.commit().await?;
        purged.set_aside += old.len() as u64;
        Ok(!old.is_empty())
    }

    /// Deletes the daily counts of set-aside and refused mail that are too old.
    async fn forget_days(&self, now: Millis) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let args = Args::default().int(now.div_euclid(DAY_MILLIS) - 2);
        write.parts().0.run(sql!("set_aside_days_old"), args).await?;
        let args = Args::default().int(refused::first_day(now));
        write.parts().0.run(sql!("refused_days_old"), args).await?;
        write.commit().await
    }

    /// Releases some free pages to the file system. Returns the number of those left.
    pub(super) async fn give_back(&self) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let left = conn.give_back()?;
        write.commit().await?;
        Ok(left)
    }
}

/// The instant before which data is too old; `None` if it is kept for ever.
fn before(days: u32, now: Millis) -> Option<Millis> {
    (days > 0).then(|| now.saturating_sub(i64::from(days) * DAY_MILLIS))
}

/// As [`Store::due`].
async fn due(conn: &mut Conn<'_>, retention: Retention, now: Millis) -> Result<Purged, StoreError> {
    let mut due = Purged::default();
    for domain in conn.all(sql!("domain_all"), Args::default()).await? {
        let domain = domain.int("domain_id")?;
        if let Some(before) = before(retention.originals_days, now) {
            let args = Args::default().int(domain).int(before);
            due.originals += number(conn.first(sql!("originals_due_count"), args).await?, "total")?;
        }
        if let Some(before) = before(retention.failure_reports_days, now) {
            let args = Args::default().int(domain).int(before);
            due.failure_reports += number(conn.first(sql!("failure_due_count"), args).await?, "total")?;
        }
        let Some(before) = before(retention.records_days, now) else {
            continue;
        };
        for counted in [true, false] {
            let args = Args::default().int(domain).int(counted.into());
            let args = args.int(before.div_euclid(1_000)).int(before);
            let row = conn.first(sql!("records_due_count"), args).await?;
            due.reports += number(row.as_ref(), "total")?;
            due.records += number(row.as_ref(), "records")?;
        }
        let args = Args::default().int(domain).int(before);
        due.tls_reports += number(conn.first(sql!("tls_details_due"), args).await?, "total")?;
    }
    if let Some(before) = before(retention.set_aside_days, now) {
        let row = conn
            .first(sql!("set_aside_due_count"), Args::default().int(before))
            .await?;
        due.set_aside += number(row, "total")?;
    }
    Ok(due)
}

fn number(row: Option<impl std::borrow::Borrow<Row>>, column: &str) -> Result<u64, StoreError> {
    row.map_or(Ok(0), |row| row.borrow().count(column))
}
