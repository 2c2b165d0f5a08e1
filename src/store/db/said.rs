//! The table that a statement reads its values from, taken from its text.

/// Characters of a text that are shown.
const SHOWN_CHARS: usize = 60;

/// The table that a statement reads first, or writes.
pub(super) fn table(sql: &'static str) -> &'static str {
    let mut words = words(sql);
    while let Some(word) = words.next() {
        if matches!(word, "from" | "into" | "update")
            && let Some(table) = words.next()
        {
            return table.trim_end_matches([',', ';', ')']);
        }
    }
    "the database"
}

/// A human-readable text, short and without control characters.
pub(super) fn shortened(text: &str) -> String {
    format!("{:?}", text.chars().take(SHOWN_CHARS).collect::<String>())
}

/// The words of a statement without its comment.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let lines = sql.lines().filter(|line| !line.starts_with("--"));
    lines.flat_map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_its_table() {
        let sql =
            "-- All from the table of others.\nselect a, b.c, count(d, e)\nfrom days where (x, y) in (values ($1, $2))";
        assert_eq!(table(sql), "days");
        assert_eq!(table("update counters set value = $1 returning value"), "counters");
        assert_eq!(table("insert into t (a) values ($1)"), "t");
        assert_eq!(table("begin"), "the database");
    }

    #[test]
    fn a_text_is_short_and_harmless() {
        assert_eq!(shortened("a\u{1b}[31m\u{202e}b"), "\"a\\u{1b}[31m\\u{202e}b\"");
        assert!(shortened(&"x".repeat(1_000)).len() < 100);
    }
}
