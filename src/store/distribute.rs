//! Spreading the rows of domains over several servers: PostgreSQL with the Citus extension.
//!
//! The tables below `domains` are cut by `domain_id`, all in the same places, so that a domain is on one server with
//! everything it has. All others stay on the coordinator, see docs/storage.md, "Citus".

use super::db::{Args, Conn, DISTRIBUTED, Layout, Statement, postgres, routed};
use super::sql::sql;
use super::{Store, StoreError, bulk};

macro_rules! statements {
    ($($name:literal)*) => { &[$(sql!($name),)*] };
}

/// Every statement of a file about these tables that one domain's business needs: each must go to one server, as must those for
/// many rows.
pub(super) const HOT: &[&Statement] = statements![
    "daily_facets_all" "daily_facets_by_day" "daily_facets_named" "daily_facets_range" "domain_clear_daily_facets"
    "report_before" "report_latest" "report_newest" "report_newest_long"
    "decision_add" "decision_change" "decision_list" "decision_remove" "domain_clear_decisions"
    "owner_change_add" "owner_change_list" "owner_change_remove" "domain_clear_owner_changes"
    "finding_begun" "finding_by_no" "finding_forget" "finding_list" "finding_page" "finding_rejudge" "finding_snooze" "finding_snoozed" "finding_wake"
    "domain_clear_findings"
    "daily_sources_range" "daily_totals_last" "daily_totals_range" "daily_totals_reports"
    "paths_of_domain" "domain_clear_paths" "domain_clear_daily_sources" "domain_clear_daily_totals" "domain_clear_evidence" "domain_clear_originals"
    "domain_clear_records" "domain_clear_reports"
    "evidence_of_report" "evidence_purge"
    "original_all" "original_of_report" "original_purge" "originals_old" "records_old" "records_of_report" "records_purge"
    "report_after" "report_all_after" "report_arrivals" "report_arrived"
    "report_by_no" "report_conflicts" "report_count" "report_count_by_org" "report_count_up_to" "report_list"
    "report_original_kept" "report_records_purged"
    "report_set_counted" "report_restored" "records_due_count" "originals_due_count"
    "original_by_no"
    "report_by_piece" "report_erase"
    "report_uncut" "reports_by_contents" "reports_by_identities" "reports_numbers" "reports_of_policy"
    "report_count_by_acceptance" "report_list_by_acceptance" "report_list_by_id" "report_set_acceptance" "report_set_provenance"
    "reports_held" "report_vouched"
    "daily_tls_all" "daily_tls_by_day" "daily_tls_range" "domain_clear_daily_tls" "domain_clear_tls_reports"
    "tls_arrived" "tls_by_no" "tls_conflicts" "tls_count" "tls_details_due" "tls_details_old" "tls_details_purged"
    "tls_details_restored" "tls_list" "tls_numbers" "tls_of_policy" "tls_original" "tls_recount" "tls_set_counted"
    "domain_clear_failure_reports"
    "failure_arrived" "failure_by_no" "failure_count" "failure_due_count" "failure_forget_texts" "failure_list"
    "failure_numbers" "failure_of_policy" "failure_old" "failure_purge" "failure_reread"
];

/// What [`Store::distribute`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distributed {
    /// Tables that were spread now, and those that were before.
    pub now: Vec<&'static str>,
    pub before: Vec<&'static str>,
}

/// A statement that does not go to one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misrouted {
    pub statement: &'static str,
    /// What the server says instead.
    pub why: String,
}

impl Store {
    /// Spreads the domains' tables over the servers of a Citus cluster, if they are not. No node may be running: those
    /// that are open, this one included, go on as on one server until they are opened again.
    ///
    /// # Errors
    /// [`StoreError::Location`] if this is not a PostgreSQL with Citus, or if the tables are spread in another way.
    pub async fn distribute(&self) -> Result<Distributed, StoreError> {
        let mut link = self.walker().await?;
        let mut conn = Conn(&mut link);
        if conn.is_sqlite() {
            return Err(refused(
                "an SQLite file cannot be spread over servers: copy it into a PostgreSQL with Citus first \
                 (`tallymark admin copy`), and set database.url",
            ));
        }
        if !has_citus(&mut conn).await? {
            return Err(refused(
                "this database does not have the Citus extension: put it on every server (shared_preload_libraries \
                 = 'citus'), run `create extension citus` in the database on each, and on the coordinator \
                 `select citus_set_coordinator_host(...)` and `select citus_add_node(...)` for each worker; then try again",
            ));
        }
        let mut done = Distributed::default();
        let before = spread(&mut conn).await?;
        for table in DISTRIBUTED {
            if before.iter().any(|(name, _)| name == table) {
                done.before.push(table);
                continue;
            }
            spread_one(&mut conn, table).await?;
            done.now.push(table);
        }
        let groups = spread(&mut conn).await?;
        if groups.iter().any(|(_, group)| *group != groups[0].1) {
            return Err(refused(
                "some tables are spread in another way than the others: undo that (`select undistribute_table(...)`) \
                 and try again",
            ));
        }
        Ok(done)
    }

    /// Asks the server where every hot statement would go. Returns those that would not go to exactly one server.
    ///
    /// # Errors
    /// [`StoreError::Location`] for SQLite.
    pub async fn misrouted(&self) -> Result<Vec<Misrouted>, StoreError> {
        let mut link = self.walker().await?;
        let mut conn = Conn(&mut link);
        if conn.is_sqlite() {
            return Err(refused("an SQLite file is not spread over servers"));
        }
        let mut misrouted = Vec::new();
        let many = bulk::ALL.iter().filter(|bulk| bulk.is_by_domain());
        let many = many.map(|bulk| (bulk.name, routed::text(bulk, 2)));
        let files = HOT.iter().map(|statement| (statement.name, statement.text.to_owned()));
        for (statement, sql) in files.chain(many) {
            let plan = conn.explain(&sql).await?;
            // A plan that is not Citus' own, or is one of several parts, has another count or none.
            let counts: Vec<_> = plan.iter().filter(|line| line.contains("Task Count:")).collect();
            if !matches!(*counts, [only] if only.trim() == "Task Count: 1") {
                let why = plan.join("\n");
                misrouted.push(Misrouted { statement, why });
            }
        }
        Ok(misrouted)
    }
}

async fn spread_one(conn: &mut Conn<'_>, table: &str) -> Result<(), StoreError> {
    // The first begins a group of places, the others join it.
    let first = DISTRIBUTED[0];
    let group = if table == first { "none" } else { first };
    conn.first(&postgres::DISTRIBUTE, Args::default().text(table).text(group))
        .await?;
    // The rows that were here have been copied; those left behind are invisible.
    conn.first(&postgres::DROP_LEFT_BEHIND, Args::default().text(table))
        .await?;
    Ok(())
}

/// Spreads tables that a migration has made, where the others are spread already: a transaction must not be on a server
/// and on the coordinator. One with rows in it is left to [`Store::distribute`].
pub(super) async fn spread_new(conn: &mut Conn<'_>) -> Result<(), StoreError> {
    let before = spread(conn).await?;
    for table in DISTRIBUTED {
        if before.iter().any(|(name, _)| name == table) {
            continue;
        }
        let any = Statement::leaked(format!("select 1 from {table} limit 1"));
        if conn.first(any, Args::default()).await?.is_none() {
            spread_one(conn, table).await?;
        }
    }
    Ok(())
}

fn refused(what: &str) -> StoreError {
    StoreError::Location { what: what.to_owned() }
}

async fn has_citus(conn: &mut Conn<'_>) -> Result<bool, StoreError> {
    let row = conn.first(&postgres::HAS_CITUS, Args::default()).await?;
    row.map_or(Ok(false), |row| row.flag("found"))
}

/// The tables that are spread, and the number of the group whose places they share.
async fn spread(conn: &mut Conn<'_>) -> Result<Vec<(String, i64)>, StoreError> {
    let mut spread = Vec::new();
    for row in conn.all(&postgres::SPREAD, Args::default()).await? {
        let name = row.text("table_name")?;
        if DISTRIBUTED.contains(&&*name) {
            spread.push((name, row.int("place")?));
        }
    }
    Ok(spread)
}

/// Where the rows of a domain are stored in the database behind this connection.
pub(super) async fn layout(conn: &mut Conn<'_>) -> Result<Layout, StoreError> {
    // Spread in part is spread: what is for several servers does no harm on one.
    let is_spread = has_citus(conn).await? && !spread(conn).await?.is_empty();
    Ok(if is_spread { Layout::ByDomain } else { Layout::Together })
}
