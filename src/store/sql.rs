//! The text of a statement: one file each in `sql/`, the same for every database.

/// The text of `sql/<name>.sql`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sql/", $name, ".sql"))
    };
}

pub(super) use sql;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Tables that are read whole, or by an order that no index has, on purpose: small, or an operator's question. Of
    /// domain_move it is the rows that it is given.
    const SCANS: &[&str] = &[
        "account_list",
        "accounts_due",
        "copy_arrivals",
        "copy_counters",
        "copy_tokens",
        "copy_unfinished",
        "domain_all",
        "domain_move",
        "domains_to_sweep",
        "ip_list",
        "report_total",
        "sessions_purge",
        "set_aside_count",
        "set_aside_counts",
        "set_aside_message_all",
    ];

    /// Statements that are led by the domain alone on purpose: they remove or check all that it has, or stop after a few rows.
    const WHOLE_DOMAINS: [&str; 5] = [
        "domain_clear_evidence",
        "domain_clear_originals",
        "domain_clear_records",
        "domain_clear_reports",
        "original_all",
    ];

    fn statements() -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sql");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files
            .map(|path| {
                (
                    path.file_stem().unwrap().to_str().unwrap().to_owned(),
                    std::fs::read_to_string(path).unwrap(),
                )
            })
            .collect()
    }

    /// Every statement fits the schema, and none walks a whole table but those that say so.
    #[tokio::test]
    async fn every_statement_is_understood_and_uses_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let file = super::super::sqlite::File::of(folder.path().join("t.sqlite"));
        let conn = file.migrate().await.unwrap();
        for (name, text) in statements() {
            let plan = conn.prepare(&format!("explain query plan {text}"));
            let mut plan = plan.unwrap_or_else(|error| panic!("{name}: {error}"));
            let lines = plan
                .raw_query()
                .mapped(|row| row.get(3))
                .collect::<Result<Vec<String>, _>>();
            let lines = lines.unwrap_or_else(|error| panic!("{name}: {error}"));
            let scans = lines
                .iter()
                .any(|line| line.starts_with("SCAN") && !line.contains("CONSTANT ROW") && line != "SCAN up_to");
            assert_eq!(scans, SCANS.contains(&&*name), "{name}: {lines:?}");
            // A domain may have millions of these rows: a look-up that is led by the domain alone reads all of them.
            let whole = lines.iter().any(|line| {
                ["reports", "records", "evidence", "originals"]
                    .iter()
                    .any(|table| line.starts_with(&format!("SEARCH {table} ")) && line.ends_with("(domain_id=?)"))
            });
            assert_eq!(whole, WHOLE_DOMAINS.contains(&&*name), "{name}: {lines:?}");
        }
    }

    /// A file that no code names is dead.
    #[test]
    fn every_statement_is_used() {
        let mut sources = String::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    sources.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        let unused: Vec<_> = statements()
            .into_iter()
            .filter(|(name, _)| !sources.contains(&format!("sql!(\"{name}\")")))
            .collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}
