//! The text of a statement: one file each in `sql/`, the same for every database.

/// The text of `sql/<name>.sql`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sql/", $name, ".sql"))
    };
}

pub(super) use sql;
