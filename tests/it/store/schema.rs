//! The schema: the same in both dialects, and no other is opened.

use std::collections::BTreeSet;

use sqlx::{ConnectOptions as _, Connection as _};
use tallymark::store::{Location, Store, StoreError};

use super::{Database, Dialect, on_both};

/// Every column: table, place, name, kind, whether it may be null, default. Every key and index: table, columns, uniqueness,
/// condition. Every reference.
const OF_SQLITE: [&str; 4] = [
    "select t.name || ' ' || c.cid || ' ' || c.name || ' '
        || replace(replace(lower(c.type), 'integer', 'int'), 'blob', 'bytes')
        || iif(c.\"notnull\" or c.pk > 0, ' not null', '') || coalesce(' default ' || c.dflt_value, '')
     from sqlite_schema as t join pragma_table_info(t.name) as c
     where t.type = 'table' and t.name not like '%sqlx%'",
    "select t.name || ' key ' || (select group_concat(name, ', ') from
        (select name from pragma_table_info(t.name) where pk > 0 order by pk))
     from sqlite_schema as t where t.type = 'table' and t.name not like '%sqlx%'",
    "select t.name || iif(i.\"unique\", ' unique ', ' index ') || iif(i.origin = 'c', i.name || ' ', '')
        || (select group_concat(name, ', ') from (select name from pragma_index_info(i.name) order by seqno))
        || iif(i.partial, ' where ' || (select substr(sql, instr(sql, ' where ') + 7) from sqlite_schema where name = i.name), '')
     from sqlite_schema as t join pragma_index_list(t.name) as i
     where t.type = 'table' and t.name not like '%sqlx%' and i.origin <> 'pk'",
    "select t.name || ' ' || f.\"from\" || ' references ' || f.\"table\" || ' ' || f.\"to\"
     from sqlite_schema as t join pragma_foreign_key_list(t.name) as f where t.type = 'table'",
];
const OF_POSTGRES: [&str; 4] = [
    "select t.relname || ' ' || c.attnum - 1 || ' ' || c.attname || ' '
        || replace(replace(format_type(c.atttypid, null), 'bigint', 'int'), 'bytea', 'bytes')
        || case when c.attnotnull then ' not null' else '' end
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
        || case when c.atttypid = 'text'::regtype and c.attcollation <> 'pg_catalog.\"C\"'::regcollation
            then ' compared by language' else '' end
     from pg_class as t join pg_attribute as c on c.attrelid = t.oid and c.attnum > 0 and not c.attisdropped
     left join pg_attrdef as d on d.adrelid = t.oid and d.adnum = c.attnum
     where t.relkind = 'r' and t.relnamespace = current_schema()::regnamespace and t.relname not like '%sqlx%'",
    "select t.relname || ' key ' || (select string_agg(c.attname, ', ' order by k.nth)
        from unnest(i.indkey::int2[]) with ordinality as k (attnum, nth)
        join pg_attribute as c on c.attrelid = t.oid and c.attnum = k.attnum)
     from pg_class as t join pg_index as i on i.indrelid = t.oid and i.indisprimary
     where t.relnamespace = current_schema()::regnamespace and t.relname not like '%sqlx%'",
    "select t.relname || case when i.indisunique then ' unique ' else ' index ' end
        || case when exists (select 1 from pg_constraint where conindid = i.indexrelid) then '' else n.relname || ' ' end
        || (select string_agg(c.attname, ', ' order by k.nth)
            from unnest(i.indkey::int2[]) with ordinality as k (attnum, nth)
            join pg_attribute as c on c.attrelid = t.oid and c.attnum = k.attnum)
        || coalesce(' where ' || lower(translate(pg_get_expr(i.indpred, i.indrelid), '()', '')), '')
     from pg_class as t join pg_index as i on i.indrelid = t.oid and not i.indisprimary
     join pg_class as n on n.oid = i.indexrelid
     where t.relnamespace = current_schema()::regnamespace and t.relname not like '%sqlx%'",
    "select t.relname || ' ' || c.attname || ' references ' || o.relname || ' ' || u.attname
     from pg_constraint as r join pg_class as t on t.oid = r.conrelid join pg_class as o on o.oid = r.confrelid
     join pg_attribute as c on c.attrelid = r.conrelid and c.attnum = r.conkey[1]
     join pg_attribute as u on u.attrelid = r.confrelid and u.attnum = r.confkey[1]
     where r.contype = 'f' and t.relnamespace = current_schema()::regnamespace",
];

/// The schema of a database, a line per column, key, index and reference.
async fn described(location: &Location) -> BTreeSet<String> {
    let mut lines = Vec::new();
    match location {
        Location::File(path) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut conn = options.connect().await.unwrap();
            for query in OF_SQLITE {
                let found: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut conn).await.unwrap();
                assert!(!found.is_empty(), "{query}");
                lines.extend(found);
            }
            conn.close().await.unwrap();
        }
        Location::Server(url) => {
            let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
            let mut conn = options.connect().await.unwrap();
            for query in OF_POSTGRES {
                let found: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut conn).await.unwrap();
                assert!(!found.is_empty(), "{query}");
                lines.extend(found);
            }
            conn.close().await.unwrap();
        }
    }
    lines
        .iter()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[tokio::test]
async fn the_schema_is_the_same_in_both_dialects() {
    let (file, server) = (
        Database::start(Dialect::Sqlite).await,
        Database::start(Dialect::Postgres).await,
    );
    let (of_file, of_server) = (described(&file.location).await, described(&server.location).await);
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!(
        (only(&of_file, &of_server), only(&of_server, &of_file)),
        (vec![], vec![])
    );
    for line in [
        "originals 4 unpacked_len int",
        "originals key domain_id, report_no",
        "domains unique account_id, name",
        "reports index reports_by_original domain_id, original_no where original_no <> report_no",
        "reports index reports_by_end domain_id, counted, end_at, begin_at, report_no where end_at - begin_at > 90000",
        "domains account_id references accounts account_id",
        "domains 20 misses int not null default 0",
    ] {
        assert!(of_file.contains(line), "{line}: {of_file:#?}");
    }
    // The control: each kind of difference is seen.
    for change in [
        "alter table copies add column more bigint",
        "alter table originals alter column unpacked_len set not null",
        "alter table reports alter column history type text collate \"default\"",
        "alter table domains alter column misses set default 1",
        "alter table slices drop constraint slices_pkey",
        "drop index domains_by_ip",
        "drop index reports_by_end; create index reports_by_end on reports (domain_id, counted, end_at, begin_at, report_no)",
        "alter table ip_addresses drop constraint ip_addresses_account_id_fkey",
    ] {
        let server = Database::start(Dialect::Postgres).await;
        server.execute(change).await;
        assert_ne!(described(&server.location).await, of_file, "{change}");
    }
}

/// SHA-384 of the first migration as it was before the first release, for each dialect.
fn first_before(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "ad64035a5aac2f2631a10166d35b1a5e85f50bcfdef0a080b2ce124f8256325444b17e0de4ab42ea8e7288176ecdee67"
        }
        _ => "7685a9d9fa13c97ef0e75fad2d06d047f4dc79edfbc27be73339def438ba1e5260fb2b8d584d97e24cd8c25992e603ad",
    }
}

/// Notes that a migration was applied.
async fn note(db: &Database, version: i64, checksum: &str) {
    let checksum = match db.dialect {
        Dialect::Sqlite => format!("x'{checksum}'"),
        _ => format!("'\\x{checksum}'"),
    };
    db.execute(&format!(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values ({version}, 'before', true, {checksum}, 0)"
    ))
    .await;
}

on_both!(a_database_of_before_the_first_release_is_refused);
async fn a_database_of_before_the_first_release_is_refused(db: Database) {
    let location = db.location.clone();
    db.store.close().await;
    let reopened = Store::open(location.clone()).await;
    reopened
        .expect("the control: the schema of now is opened")
        .close()
        .await;
    let dialect = db.dialect;
    for migrations in [1..=1, 1..=2, 1..=27] {
        db.execute("delete from _sqlx_migrations").await;
        for version in migrations.clone() {
            let checksum = match version {
                1 => first_before(dialect).to_owned(),
                version => format!("{version:096x}"),
            };
            note(&db, version, &checksum).await;
        }
        let before = described(&location).await;
        let refused = Store::open(location.clone()).await.expect_err("another schema");
        assert!(
            matches!(refused, StoreError::Outdated { .. }),
            "{migrations:?}: {refused:?}"
        );
        let text = refused.to_string();
        for part in [
            "before the first release",
            "77e0936",
            "new database",
            "import the reports again",
        ] {
            assert!(text.contains(part), "{text}");
        }
        if let Location::File(path) = &location {
            assert!(text.contains(&path.display().to_string()), "{text}");
        }
        // It is left as it was.
        assert_eq!(described(&location).await, before);
        let count = db.count("select count(*) from _sqlx_migrations").await;
        assert_eq!(count, *migrations.end());
    }
    // A newer one is told apart.
    let fresh = Database::start(dialect).await;
    fresh.store.close().await;
    note(&fresh, 9_999, "00").await;
    let newer = Store::open(fresh.location.clone()).await;
    assert!(matches!(newer, Err(StoreError::Newer { .. })), "{newer:?}");
}
