//! The texts of statements: in `sql/`, a file per noun, the same for every database.
//!
//! A statement begins with `-- name: report_by_no` and a comment; it ends where the next one begins. Its first word says in
//! which file it is.

/// The statement with this name; without it the program does not compile.
macro_rules! sql {
    ($name:literal) => {{
        static STATEMENT: $crate::store::db::Statement =
            $crate::store::db::Statement::new($name, const { $crate::store::sql::text($name) });
        &STATEMENT
    }};
}

pub(super) use sql;

/// The first words of names, and the files.
const NOUNS: [(&str, &str); 30] = [
    ("account", include_str!("sql/accounts.sql")),
    ("address", include_str!("sql/addresses.sql")),
    ("copy", include_str!("sql/copies.sql")),
    ("counter", include_str!("sql/counters.sql")),
    ("daily", include_str!("sql/days.sql")),
    ("decision", include_str!("sql/decisions.sql")),
    ("deliver", include_str!("sql/deliveries.sql")),
    ("dkim", include_str!("sql/dkim_keys.sql")),
    ("domain", include_str!("sql/domains.sql")),
    ("evidence", include_str!("sql/evidence.sql")),
    ("failure", include_str!("sql/failures.sql")),
    ("feed", include_str!("sql/feeds.sql")),
    ("finding", include_str!("sql/findings.sql")),
    ("ip", include_str!("sql/ips.sql")),
    ("key", include_str!("sql/keys.sql")),
    ("lease", include_str!("sql/leases.sql")),
    ("mailbox", include_str!("sql/mailboxes.sql")),
    ("original", include_str!("sql/originals.sql")),
    ("paths", include_str!("sql/paths.sql")),
    ("reader", include_str!("sql/readers.sql")),
    ("record", include_str!("sql/records.sql")),
    ("refused", include_str!("sql/refused.sql")),
    ("report", include_str!("sql/reports.sql")),
    ("request", include_str!("sql/requests.sql")),
    ("schema", include_str!("sql/schema.sql")),
    ("session", include_str!("sql/sessions.sql")),
    ("set_aside", include_str!("sql/set_aside.sql")),
    ("slice", include_str!("sql/slices.sql")),
    ("target", include_str!("sql/targets.sql")),
    ("tls", include_str!("sql/tls.sql")),
];

const NAME: &str = "-- name: ";

/// The text of a statement, without its name and comment.
pub(super) const fn text(name: &str) -> &'static str {
    let mut nth = 0;
    while nth < NOUNS.len() {
        let (noun, file) = NOUNS[nth];
        if has(name.as_bytes(), 0, noun)
            && let Some((begin, end)) = find(file.as_bytes(), name)
        {
            return file.split_at(end).0.split_at(begin).1;
        }
        nth += 1;
    }
    panic!("no file has a statement of this name")
}

/// Where the text of a statement begins and ends.
const fn find(file: &[u8], name: &str) -> Option<(usize, usize)> {
    let (mut at, mut begin) = (0, None);
    while at < file.len() {
        if has(file, at, NAME) {
            if let Some(begin) = begin {
                return Some((begin, trimmed(file, at)));
            }
            let named = at + NAME.len();
            if has(file, named, name) && has(file, named + name.len(), "\n") {
                at = after_comment(file, at);
                begin = Some(at);
            }
        }
        at = next_line(file, at);
    }
    match begin {
        Some(begin) => Some((begin, trimmed(file, file.len()))),
        None => None,
    }
}

/// The first line from here on that is not a comment.
const fn after_comment(file: &[u8], mut at: usize) -> usize {
    while has(file, at, "--") {
        at = next_line(file, at);
    }
    at
}

const fn next_line(file: &[u8], mut at: usize) -> usize {
    while at < file.len() && file[at] != b'\n' {
        at += 1;
    }
    at + 1
}

/// The end of what is before, without empty lines.
const fn trimmed(file: &[u8], mut end: usize) -> usize {
    while end > 0 && file[end - 1] == b'\n' {
        end -= 1;
    }
    end
}

/// Whether a word is here.
const fn has(text: &[u8], at: usize, word: &str) -> bool {
    let word = word.as_bytes();
    let mut nth = 0;
    while nth < word.len() {
        if at + nth >= text.len() || text[at + nth] != word[nth] {
            return false;
        }
        nth += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::bulk;
    use super::{NAME, NOUNS};

    /// Tables that are read whole, or by an order that no index has, on purpose: small, or an operator's question. Of
    /// DELIVERY_ATTEMPTED and DOMAIN_MOVE it is the rows that they are given, of `finding_begun` those that it found.
    const SCANS: &[&str] = &[
        "DELIVERY_ATTEMPTED",
        "DOMAIN_MOVE",
        "account_list",
        "account_not_summed_up",
        "accounts_due",
        "copy_arrivals",
        "copy_counters",
        "copy_tokens",
        "copy_unfinished",
        "deliveries_waiting",
        "domain_all",
        "feed_failing_list",
        "finding_begun",
        "ip_list",
        "report_total",
        "sessions_purge",
        "set_aside_count",
        "set_aside_counts",
        "set_aside_message_all",
        "set_aside_reread",
        "targets_due",
        "targets_of_kind",
    ];

    /// Statements that are led by the domain alone on purpose: they remove or check all that it has, or stop after a few rows.
    const WHOLE_DOMAINS: [&str; 5] = [
        "domain_clear_evidence",
        "domain_clear_originals",
        "domain_clear_records",
        "domain_clear_reports",
        "original_all",
    ];

    /// Statements that are led by the account alone on purpose: they remove what a domain has, or count up to a number of rows.
    const WHOLE_ACCOUNTS: [&str; 2] = ["domain_clear_set_aside", "set_aside_of_account_count"];

    /// Every statement of the files: name and text.
    fn statements() -> Vec<(String, String)> {
        let all = NOUNS.iter().flat_map(|(_, file)| file.split(NAME).skip(1));
        let statement = |named: &str| {
            let (name, text) = named.split_once('\n').unwrap();
            let lines = text.lines().filter(|line| !line.starts_with("--"));
            (name.to_owned(), lines.collect::<Vec<_>>().join("\n").trim().to_owned())
        };
        all.map(statement).collect()
    }

    #[test]
    fn a_statement_is_found_by_its_name() {
        let all = statements();
        assert!(all.len() > 150);
        for (name, text) in all {
            assert_eq!(super::text(&name), text, "{name}");
        }
        assert!(
            std::panic::catch_unwind(|| super::text("report_by_n")).is_err(),
            "a part of a name"
        );
        assert!(std::panic::catch_unwind(|| super::text("nothing")).is_err());
    }

    /// Every file of the folder is in [`NOUNS`].
    #[test]
    fn every_file_has_a_noun() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sql");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), NOUNS.len());
    }

    /// Every statement fits the schema, and none walks a whole table but those that say so.
    #[tokio::test]
    async fn every_statement_is_understood_and_uses_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let file = super::super::db::sqlite::File::new(folder.path().join("t.sqlite"));
        let conn = file.migrate().await.unwrap();
        let many = bulk::ALL
            .iter()
            .map(|bulk| (bulk.name.to_owned(), bulk.for_one().text.to_owned()));
        for (name, text) in statements().into_iter().chain(many) {
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
            // A domain may have millions of these rows: a lookup that is led by the domain alone reads all of them.
            let whole = lines.iter().any(|line| {
                ["reports", "records", "evidence", "originals"]
                    .iter()
                    .any(|table| line.starts_with(&format!("SEARCH {table} ")) && line.ends_with("(domain_id=?)"))
            });
            assert_eq!(whole, WHOLE_DOMAINS.contains(&&*name), "{name}: {lines:?}");
            let is_led_by_account =
                |line: &String| line.starts_with("SEARCH set_aside ") && line.ends_with("(account_id=?)");
            let whole = lines.iter().any(is_led_by_account);
            assert_eq!(whole, WHOLE_ACCOUNTS.contains(&&*name), "{name}: {lines:?}");
        }
    }

    /// A statement that no code names is dead.
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
        let files = statements().into_iter().map(|(name, _)| format!("sql!(\"{name}\")"));
        let many = bulk::ALL.iter().map(|bulk| format!("bulk::{}", bulk.name));
        let is_named = |name: &String| {
            let mut rest = sources
                .match_indices(&**name)
                .map(|(at, _)| &sources[at + name.len()..]);
            rest.any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
        };
        let unused: Vec<_> = files.chain(many).filter(|name| !is_named(name)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}
