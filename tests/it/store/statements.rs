//! Every statement of the program is one that PostgreSQL understands too. (SQLite, and who uses which index:
//! `src/store/sql.rs`.)

use std::path::Path;

use tallymark::store::Location;

use super::{Database, Dialect};

/// Statements whose lists stand for themselves, so that the types of their placeholders cannot be seen in the text.
const TYPES: [(&str, &str); 20] = [
    ("daily_sources_by_slot", "bigint, bigint"),
    ("daily_totals_by_day", "bigint, bigint"),
    ("domain_ids_by_names", "bigint, text"),
    ("domain_move", "bigint, bigint, bigint, bigint, bigint, bigint, bigint"),
    ("domain_standings", "bigint"),
    ("evidence_by_id", "bigint, bigint"),
    ("evidence_by_key", "bigint, bytea"),
    ("evidence_condemn", "bigint, bigint"),
    ("evidence_remove", "bigint, bigint"),
    ("evidence_revive", "bigint, bigint"),
    ("report_by_content", "bigint, bytea"),
    ("report_by_identity", "bigint, bytea"),
    ("originals_unshared_remove", "bigint, bigint"),
    ("record_remove", "bigint, bigint"),
    ("records_whole", "bigint, bigint"),
    ("report_remove", "bigint, bigint"),
    ("report_whole", "bigint, bigint"),
    ("set_aside_of_messages", "bigint, bytea"),
    ("slices_by_content", "bigint, bytea"),
    ("slices_by_identity", "bigint, bytea"),
];

#[tokio::test]
async fn postgresql_understands_every_statement() {
    let db = Database::start(Dialect::Postgres).await;
    let Location::Server(url) = &db.location else {
        panic!("PostgreSQL was asked for")
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sql");
    let mut prepared = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let types = TYPES.iter().find(|(typed, _)| *typed == name);
        let types = types.map(|(_, types)| format!("({types})")).unwrap_or_default();
        let text = std::fs::read_to_string(&path).unwrap();
        prepared += &format!("prepare {name}{types} as {text};\n");
    }
    assert!(prepared.lines().count() > 100);
    crate::postgres::execute(url, &prepared).await;
}
