//! The tables as the database itself describes them: for what is done with all of them alike.

use std::collections::{BTreeMap, BTreeSet};

use super::{Args, Conn, Kind, Row, StoreError, postgres, sqlite};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Column {
    pub name: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Table {
    pub name: String,
    /// In the order of the table.
    pub columns: Vec<Column>,
    /// Positions in `columns`, in the order of the primary key.
    pub key: Vec<usize>,
}

/// Not data: what was done to the schema.
const MIGRATIONS: &str = "_sqlx_migrations";

/// Every table, those that others refer to before these, else by name.
///
/// # Errors
/// [`StoreError::Damaged`] for a column of another type than integer, text or blob, and for a table without primary key.
pub(in super::super) async fn tables(conn: &mut Conn<'_>) -> Result<Vec<Table>, StoreError> {
    let (columns, references) = if conn.is_sqlite() {
        (&sqlite::COLUMNS, &sqlite::REFERENCES)
    } else {
        (&postgres::COLUMNS, &postgres::REFERENCES)
    };
    let mut tables: BTreeMap<String, (Table, BTreeMap<i64, usize>)> = BTreeMap::new();
    for row in conn.all(columns, Args::default()).await? {
        let name = row.text("table_name")?;
        if name == MIGRATIONS {
            continue;
        }
        let (table, key) = tables.entry(name.clone()).or_insert_with(|| {
            let (columns, key) = (Vec::new(), Vec::new());
            (Table { name, columns, key }, BTreeMap::new())
        });
        // From 1 on; 0: not part of the key.
        if row.int("place")? > 0 {
            key.insert(row.int("place")?, table.columns.len());
        }
        let column = column(&table.name, &row)?;
        table.columns.push(column);
    }
    let mut waiting: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in conn.all(references, Args::default()).await? {
        let (from, to) = (row.text("table_name")?, row.text("other_name")?);
        if from != to {
            waiting.entry(from).or_default().insert(to);
        }
    }
    let mut ordered = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let ready = |name: &&String| {
            let needed = waiting.get(*name).into_iter().flatten();
            !needed.into_iter().any(|needed| tables.contains_key(needed))
        };
        let next = tables.keys().find(ready).or_else(|| tables.keys().next()).cloned();
        let Some((mut table, key)) = next.and_then(|name| tables.remove(&name)) else {
            break;
        };
        table.key = key.into_values().collect();
        if table.key.is_empty() {
            return Err(StoreError::damaged("schema", table.name, "has no primary key"));
        }
        ordered.push(table);
    }
    Ok(ordered)
}

fn column(table: &str, row: &Row) -> Result<Column, StoreError> {
    let name = row.text("column_name")?;
    let kind = match &*row.text("kind")? {
        "integer" | "bigint" => Kind::Int,
        "text" => Kind::Text,
        "blob" | "bytea" => Kind::Blob,
        _ => {
            let row = format!("{table}.{name}");
            return Err(StoreError::damaged(
                "schema",
                row,
                "is not an integer, a text or a blob",
            ));
        }
    };
    Ok(Column { name, kind })
}

impl Table {
    /// The columns of the primary key.
    pub fn key_names(&self) -> Vec<&str> {
        self.key.iter().map(|&nth| &*self.columns[nth].name).collect()
    }
}
