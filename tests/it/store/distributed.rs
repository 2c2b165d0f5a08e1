//! Domains on several servers: PostgreSQL with the Citus extension.
//!
//! With `TALLYMARK_TEST_CITUS_URL`, a coordinator's database that has the extension and its workers, the tests run there,
//! each in a schema of its own. Without it they run on plain PostgreSQL with a stand-in: Citus' catalogue and functions,
//! which note what they are told and move nothing. (Both are found by any search path, as Citus' own are.) So the way that a batch goes then, and the statements, are tested
//! everywhere; where the statements are sent only a real cluster can tell, by `tallymark admin distribute --check`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use tallymark::base::Authenticated;
use tallymark::store::{Fate, Location, Store, StoreError};

use super::{Database, Dialect, NOW, day, message, new_domain, new_report, report, taken};
use crate::cli::{Home, stderr, stdout};
use crate::postgres::{Server, execute};

/// The cluster to test with, if there is one.
#[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
fn cluster() -> Option<String> {
    std::env::var("TALLYMARK_TEST_CITUS_URL").ok()
}

const STAND_IN: &str = "
    create schema stand_in;
    do 'begin execute format(''alter database %I set search_path = public, stand_in'', current_database()); end';
    set search_path = stand_in, public;
    create table pg_dist_partition (logicalrelid regclass primary key, partmethod \"char\", colocationid int);
    create function create_distributed_table(table_name regclass, distribution_column text, colocate_with text)
        returns void language plpgsql as $$ begin
        if not exists (select from pg_index k join pg_attribute c on c.attrelid = k.indrelid and c.attnum = k.indkey[0]
            where k.indrelid = table_name and k.indisprimary and c.attname = distribution_column) then
            raise exception 'the primary key of % does not begin with %', table_name, distribution_column;
        end if;
        insert into pg_dist_partition select table_name, 'h', case when colocate_with = 'none' then 1 else
            (select colocationid from pg_dist_partition where logicalrelid = colocate_with::regclass) end;
        end $$;
    create function truncate_local_data_after_distributing_table(function_name regclass)
        returns void language sql as 'select null::void';
";

/// An empty database with Citus, or with its stand-in.
pub async fn place() -> Location {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Some(url) = cluster() else {
        let server = Server::shared();
        let url = server.url(&server.database().await);
        execute(&url, STAND_IN).await;
        return Location::Server(url);
    };
    let schema = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    execute(&url, &format!("create schema {schema}")).await;
    let sign = if url.contains('?') { '&' } else { '?' };
    Location::Server(format!("{url}{sign}options[search_path]={schema}"))
}

/// Reports of many domains, some twice, some in conflict, in one message and in many.
#[tokio::test]
async fn a_batch_of_many_domains_is_counted_once_and_answered_in_its_order() {
    let db = Database::start(Dialect::Distributed).await;
    let about = |domain: &str, id: &str, nth: i64| {
        let mut about = report(id, day(nth), &[("192.0.2.1", 3, true), ("192.0.2.2", 4, false)]);
        about.policy.domain = domain.into();
        taken(about, Authenticated::Unknown)
    };
    let mut sent = Vec::new();
    for nth in 0..30 {
        let names = [
            format!("d{}.example", nth % 5),
            "unknown.example".to_owned(),
            "example.com".to_owned(),
        ];
        let reports = names
            .iter()
            .map(|name| about(name, &(nth / 2).to_string(), nth / 2))
            .collect();
        sent.push(message(db.account.id, reports));
    }
    for nth in 0..5 {
        let domain = new_domain(&format!("d{nth}.example"));
        db.store.add_domain(db.account.id, domain, NOW).await.unwrap();
    }
    let outcomes = db.commit_all(sent).await;
    let mut fates: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    for (nth, outcome) in outcomes.iter().enumerate() {
        let names: Vec<_> = outcome.reports.iter().map(|stored| &*stored.policy_domain).collect();
        assert_eq!(names, [&*format!("d{}.example", nth % 5), "example.com"]);
        assert_eq!(outcome.set_aside[0].reason, "unclaimed");
        for stored in &outcome.reports {
            fates.entry(stored.policy_domain.clone()).or_default()[usize::from(stored.fate != Fate::Stored)] += 1;
        }
    }
    // Two messages of the same window: of one domain's the second is the same again.
    assert_eq!(fates["example.com"], [15, 15]);
    assert_eq!(fates.values().flatten().sum::<u32>(), 60);
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(verified.discrepancies, []);
    let stored: u32 = fates.values().map(|fates| fates[0]).sum();
    assert_eq!(
        (verified.reports, verified.messages),
        (stored.into(), u64::from(stored) * 7)
    );
}

/// A domain that another node removes between being found and being held: its reports wait for it as unclaimed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_that_goes_meanwhile_leaves_its_reports_unclaimed() {
    let db = Database::start(Dialect::Distributed).await;
    let other = Store::open(db.location.clone()).await.unwrap();
    let (mut stored, mut unclaimed) = (0, 0);
    for round in 0..40 {
        let domain = new_domain("going.example");
        let domain = db.store.add_domain(db.account.id, domain, NOW).await.unwrap();
        let mut about = report("1", day(round), &[("192.0.2.1", 1, true)]);
        about.policy.domain = "going.example".into();
        let about = taken(about, Authenticated::Unknown);
        let (account, other) = (db.account.id, other.clone());
        let removing = tokio::spawn(async move { other.remove_domain(account, &domain.public_id, NOW).await });
        let outcome = db.commit(vec![about]).await;
        assert!(removing.await.unwrap().unwrap());
        stored += outcome.reports.len();
        unclaimed += outcome.set_aside.len();
        assert_eq!(outcome.reports.len() + outcome.set_aside.len(), 1);
    }
    assert_eq!(stored + unclaimed, 40);
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

#[tokio::test]
async fn only_undistributed_tables_are_distributed() {
    let db = Database::start(Dialect::Distributed).await;
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 3, true)])])
        .await;
    let done = db.store.distribute().await.unwrap();
    assert_eq!((done.now.len(), done.before.len()), (0, 14), "{done:?}");
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 3);
}

/// Else a transaction would be on a server and on the coordinator.
#[tokio::test]
async fn a_table_that_an_upgrade_made_is_spread_when_the_database_is_opened() {
    let undo = match cluster() {
        Some(_) => "select undistribute_table('records')",
        None => "delete from pg_dist_partition where logicalrelid = 'records'::regclass",
    };
    let db = Database::start(Dialect::Distributed).await;
    db.execute(undo).await;
    let opened = Store::open(db.location.clone()).await.unwrap();
    let done = opened.distribute().await.unwrap();
    assert_eq!((done.now.len(), done.before.len()), (0, 14), "{done:?}");
    // One with rows is the operator's.
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 3, true)])])
        .await;
    db.execute(undo).await;
    let opened = Store::open(db.location.clone()).await.unwrap();
    let done = opened.distribute().await.unwrap();
    assert_eq!(done.now, ["records"]);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 3);
}

/// Everywhere else it says what is missing; and no plain server passes for a cluster.
#[tokio::test]
async fn without_citus_it_is_refused_with_what_to_do() {
    for (dialect, says) in [
        (Dialect::Sqlite, "tallymark admin copy"),
        (Dialect::Postgres, "create extension citus"),
    ] {
        let db = Database::start(dialect).await;
        let Err(StoreError::Location { what }) = db.store.distribute().await else {
            panic!("{dialect:?} was spread")
        };
        assert!(what.contains(says), "{what}");
    }
    let db = Database::start(Dialect::Postgres).await;
    let misrouted = db.store.misrouted().await.unwrap();
    assert!(misrouted.len() > 30, "{misrouted:?}");
    assert!(misrouted.iter().all(|one| !one.why.is_empty()), "{misrouted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_spreads_and_says_so() {
    let place = place().await;
    let Location::Server(url) = &place else {
        panic!("a server was asked for")
    };
    let home = Home::new();
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("TALLYMARK__DATABASE__URL", url).assert()
    };
    let said = stdout(&run(&["admin", "distribute"]).success());
    assert!(said.starts_with("spread reports, evidence, records, "), "{said}");
    let checked = run(&["admin", "distribute", "--check"]);
    if cluster().is_some() {
        checked.success();
    } else {
        // The stand-in sends nothing anywhere, and does not pass for what does.
        let said = stdout(&checked.code(1));
        assert!(
            said.starts_with("daily_facets_all does not go to one server:"),
            "{said}"
        );
        assert!(said.contains("DAILY_FACETS_ADD does not go to one server:"), "{said}");
    }
    let said = stdout(&run(&["admin", "distribute"]).success());
    assert!(said.starts_with("was spread before: reports, "), "{said}");
    home.run(&["accounts", "add", "acme"]).success();
    let refused = home.run(&["admin", "distribute"]).code(1);
    assert!(stderr(&refused).contains("SQLite file cannot be spread"));
}

/// Statements about the spread tables that are about no single domain: an operator's question over all.
const COLD: [&str; 2] = ["copy_arrivals", "report_total"];

/// Statements that are not sent where domains are spread; `Store` asks in another way there.
const TOGETHER: [&str; 1] = ["daily_totals_of_account"];

/// Every statement that touches a spread table is known to go to one server, or to be one that need not; and none
/// touches tables in both kinds of places.
#[test]
fn every_statement_about_spread_tables_is_classified_and_names_its_domain() {
    let text = |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let list = |path: &str, from: &str, to: &str| -> Vec<String> {
        let code = text(path);
        let list = code.split(from).nth(1).unwrap().split(to).next().unwrap();
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let tables = list("src/store/db/mod.rs", "DISTRIBUTED: [&str; 14] = [", "]");
    let hot = list("src/store/distribute.rs", "= statements![", "]");
    assert!(tables.len() == 14 && hot.len() >= 25, "the lists are found");
    let mut schema = text("migrations/postgres/0001_initial.sql");
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres")).unwrap() {
        schema += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    let named_after = |words| {
        schema
            .split(words)
            .skip(1)
            .map(|rest| rest.split([' ', '(', ';']).next().unwrap())
    };
    let all: Vec<_> = named_after("create table ").chain(named_after(" rename to ")).collect();
    for (name, sql) in super::statements::statements() {
        let complaint = misfit(&name, &sql, &tables, &all, &hot);
        assert_eq!(complaint, None, "{name}");
    }
    // Without what it looks for, it does complain.
    for (sql, says) in [
        ("select a from records where report_no = $1", "in neither list"),
        ("-- from\nselect a from accounts", "it is about no spread table"),
    ] {
        let listed = if says.contains("neither") {
            vec![]
        } else {
            vec!["x".to_owned()]
        };
        assert!(misfit("x", sql, &tables, &all, &listed).unwrap().contains(says));
    }
    let hot = ["x".to_owned()];
    for sql in [
        "select a from records where report_no = $1",
        "select a from records join domains on domains.domain_id = records.domain_id where records.domain_id = $1",
        "insert into records (report_no, domain_id) values ($1, $2)",
        "delete from records where domain_id <> $1",
    ] {
        assert!(misfit("x", sql, &tables, &all, &hot).is_some(), "{sql}");
    }
}

/// What is wrong with a statement.
fn misfit(name: &str, sql: &str, spread: &[String], all: &[&str], hot: &[String]) -> Option<String> {
    let lines: Vec<_> = sql.lines().filter(|line| !line.starts_with("--")).collect();
    let sql = lines.join(" ");
    let words: Vec<_> = sql.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let tables: Vec<_> = words
        .windows(2)
        .filter(|pair| ["from", "join", "into", "update"].contains(&pair[0]) && all.contains(&pair[1]))
        .map(|pair| pair[1])
        .collect();
    let is_spread = |table: &&str| spread.iter().any(|one| one == table);
    let is_hot = hot.iter().any(|one| one == name);
    if !tables.iter().any(is_spread) {
        return is_hot.then(|| "it is about no spread table".to_owned());
    }
    if TOGETHER.contains(&name) {
        return None;
    }
    if !tables.iter().all(is_spread) {
        return Some("it needs the coordinator and another server".to_owned());
    }
    if COLD.contains(&name) {
        return None;
    }
    if !is_hot {
        return Some("it is in neither list: HOT of store/distribute.rs, or COLD here".to_owned());
    }
    let names_domain = if sql.starts_with("insert") {
        sql.contains("(domain_id, ") && sql.contains("values ($1, ")
    } else {
        sql.contains("domain_id = $1")
    };
    (!names_domain).then(|| "it does not name its domain as $1".to_owned())
}

/// A table with many rows a domain is one of those that are spread.
#[test]
fn every_table_below_domains_is_spread() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let distributed = include_str!("../../../src/store/db/mod.rs");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for table in text.split("create table ").skip(1) {
            let (name, body) = table.split_once(" (").unwrap();
            if body.split(");").next().unwrap().contains("primary key (domain_id, ") {
                assert!(
                    distributed.contains(&format!("    \"{name}\",\n")),
                    "{name} is not spread"
                );
                found.insert(name.to_owned());
            }
        }
    }
    assert_eq!(found.len(), 14);
}
