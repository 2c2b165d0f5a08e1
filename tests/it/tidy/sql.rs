//! How a statement is written: one text for every database.

use super::{check, complains, passes};

fn is_statement(path: &str) -> bool {
    path.starts_with("src/store/sql/") && path.ends_with(".sql")
}

/// The statement without comments and with the insides of texts blank.
fn bare(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("--").next().unwrap_or_default());
    let mut is_text = false;
    let mut bare = String::new();
    for c in lines.collect::<Vec<_>>().join("\n").chars() {
        is_text ^= c == '\'';
        bare.push(if is_text { ' ' } else { c });
    }
    bare
}

fn is_well_written(_: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |what: &str| complaints.push(what.to_owned());
    let bare = bare(text);
    if !text.starts_with("-- ") {
        complain("the first line must be a comment: what it gives, by which index");
    }
    if bare.chars().any(char::is_uppercase) {
        complain("SQL is lower-case");
    }
    if bare.contains("select *") || bare.contains(".*") {
        complain("columns are named, never *");
    }
    if bare.contains('?') {
        complain("placeholders are $1, $2: ? is SQLite's own");
    }
    if bare.trim().trim_end_matches(';').contains(';') {
        complain("one statement a file");
    }
    for word in [
        "now()",
        "current_timestamp",
        "random()",
        "insert or replace",
        "replace into",
        "autoincrement",
    ] {
        if bare.contains(word) {
            complain(&format!("{word} is not for every database, or not repeatable"));
        }
    }
    let mut numbers: Vec<u32> = bare
        .split('$')
        .skip(1)
        .filter_map(|rest| {
            rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())]
                .parse()
                .ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.iter().zip(1..).any(|(&number, expect)| number != expect) {
        complain("placeholders count from $1 without a gap");
    }
    complaints
}

#[test]
fn statements_are_portable_and_plain() {
    check(is_statement, is_well_written);
    for (text, what) in [
        ("select a from b", "comment"),
        ("-- a\nSELECT a from b", "lower-case"),
        ("-- a\nselect * from b", "never *"),
        ("-- a\nselect c.* from c", "never *"),
        ("-- a\nselect a from b where c = ?", "$1"),
        ("-- a\nselect a from b where c = $2", "gap"),
        ("-- a\ndelete from a; delete from b;", "one statement"),
        ("-- a\nselect now()", "now()"),
    ] {
        complains(is_well_written, "src/store/sql/a.sql", text, what);
    }
    passes(
        is_well_written,
        "src/store/sql/a.sql",
        "-- A, by B?\nselect a from b where c = $1 and d = 'X; ?'\n",
    );
}
