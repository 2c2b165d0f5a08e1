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

/// What is wrong with the statements of a file.
fn are_well_written(path: &str, text: &str) -> Vec<String> {
    let mut named = text.split("-- name: ");
    if named.next() != Some("") {
        return vec!["a file begins with the name of its first statement".to_owned()];
    }
    let named = named.map(|named| named.split_once('\n').unwrap_or((named, "")));
    let complaints = named.flat_map(|(name, text)| {
        let complaints = is_well_written(path, text);
        complaints.into_iter().map(move |what| format!("{name}: {what}"))
    });
    complaints.collect()
}

fn is_well_written(_: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |what: &str| complaints.push(what.to_owned());
    let bare = bare(text);
    if !text.starts_with("-- ") {
        complain("the line after the name must be a comment: what it gives, by which index");
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
        complain("one statement a name");
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
    check(is_statement, are_well_written);
    for (text, what) in [
        ("-- name: x\nselect a from b", "comment"),
        ("-- a\nselect a from b", "begins with the name"),
        ("-- name: x\n-- a\nSELECT a from b", "lower-case"),
        ("-- name: x\n-- a\nselect * from b", "never *"),
        ("-- name: x\n-- a\nselect c.* from c", "never *"),
        ("-- name: x\n-- a\nselect a from b where c = ?", "$1"),
        ("-- name: x\n-- a\nselect a from b where c = $2", "gap"),
        ("-- name: x\n-- a\ndelete from a; delete from b;", "one statement"),
        (
            "-- name: x\n-- a\nselect a from b\n-- name: y\n-- b\nSELECT b from a",
            "y: SQL is lower-case",
        ),
        ("-- name: x\n-- a\nselect now()", "now()"),
    ] {
        complains(are_well_written, "src/store/sql/a.sql", text, what);
    }
    passes(
        are_well_written,
        "src/store/sql/a.sql",
        "-- name: x\n-- A, by B?\nselect a from b where c = $1 and d = 'X; ?'\n\n-- name: y\n-- B.\nselect b from a\n",
    );
}
