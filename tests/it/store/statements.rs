//! Every statement of the program is one that PostgreSQL understands too. (SQLite, and who uses which index:
//! `src/store/sql.rs`.)

use std::path::Path;

use tallymark::store::{Location, bulk_statements};

use super::{Database, Dialect};

/// Every statement of the files in `src/store/sql`: name and text.
pub fn statements() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sql");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let named = file
            .split("-- name: ")
            .skip(1)
            .map(|named| named.split_once('\n').unwrap());
        all.extend(named.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
    all
}

#[tokio::test]
async fn postgresql_understands_every_statement() {
    let db = Database::start(Dialect::Postgres).await;
    let Location::Server(url) = &db.location else {
        panic!("PostgreSQL was asked for")
    };
    let mut prepared = String::new();
    for (name, text) in statements() {
        prepared += &format!("prepare {name} as {text};\n");
    }
    let many = bulk_statements();
    assert!(many.len() > 30);
    for (name, text) in many {
        prepared += &format!("prepare many_{name} as {text};\n");
    }
    assert!(prepared.lines().count() > 100);
    crate::postgres::execute(url, &prepared).await;
}
