//! What a statement's own text says of the values that it gives: which table and which column they are of.

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

/// The name of a column of the answer, by its position.
pub(super) fn column(sql: &str, nth: usize) -> String {
    let unnamed = || format!("column {nth}");
    let text: Vec<_> = words(sql).collect();
    let begin = text.iter().position(|word| matches!(*word, "select" | "returning"));
    let Some(begin) = begin else { return unnamed() };
    let list = text[begin + 1..].iter().take_while(|word| **word != "from");
    let list = list.copied().collect::<Vec<_>>().join(" ");
    let name = list.split(',').nth(nth).map(str::trim);
    // A call has commas of its own: what is not a plain name is not shown as one.
    let is_name =
        |name: &&str| !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || "_.".contains(char));
    name.filter(is_name).map_or_else(unnamed, str::to_owned)
}

/// A text for people, short and without control characters.
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
    fn a_statement_names_its_table_and_columns() {
        let sql =
            "-- All from the table of others.\nselect a, b.c, count(d, e)\nfrom days where (x, y) in (values ($1, $2))";
        assert_eq!(table(sql), "days");
        assert_eq!(column(sql, 0), "a");
        assert_eq!(column(sql, 1), "b.c");
        assert_eq!(column(sql, 2), "column 2");
        assert_eq!(column(sql, 9), "column 9");
        assert_eq!(table("update counters set value = $1 returning value"), "counters");
        assert_eq!(column("update counters set value = $1 returning value", 0), "value");
        assert_eq!(table("insert into t (a) values ($1)"), "t");
        assert_eq!(table("begin"), "the database");
    }

    #[test]
    fn a_text_is_short_and_harmless() {
        assert_eq!(shortened("a\u{1b}[31m\u{202e}b"), "\"a\\u{1b}[31m\\u{202e}b\"");
        assert!(shortened(&"x".repeat(1_000)).len() < 100);
    }
}
