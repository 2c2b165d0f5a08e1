//! What a source file looks like.

use super::source::{code, code_outside_tests, line_of, words};
use super::{check, complains, is_program, passes};

const LINES_MAX: usize = 700;
/// In two pieces, so that a search for it finds only what is meant.
const IGNORE: &str = concat!("#[", "ignore");

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn is_not_too_long(_: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let is_long = lines > LINES_MAX;
    is_long
        .then(|| format!("{lines} lines, at most {LINES_MAX}: is there a piece with a name of its own?"))
        .into_iter()
        .collect()
}

fn begins_by_saying_what_it_is(_: &str, text: &str) -> Vec<String> {
    let begins = text.starts_with("//!");
    (!begins)
        .then(|| "the first line must be a //! comment".to_owned())
        .into_iter()
        .collect()
}

fn never_unwraps(_: &str, text: &str) -> Vec<String> {
    let code = code_outside_tests(text);
    let found = ["unwrap", "unwrap_err", "unwrap_unchecked"]
        .into_iter()
        .flat_map(|word| words(&code, word));
    found
        .filter(|&at| code[..at].ends_with('.'))
        .map(|at| {
            format!(
                "line {}: unwrap is for tests; say in expect why it cannot fail",
                line_of(&code, at)
            )
        })
        .collect()
}

fn is_safe(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    if path == "src/store/sqlite.rs" {
        return Vec::new();
    }
    words(&code, "unsafe")
        .map(|at| {
            format!(
                "line {}: unsafe is allowed in src/store/sqlite.rs only",
                line_of(&code, at)
            )
        })
        .collect()
}

fn is_finished(_: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let marks = ["todo!", "unimplemented!", "dbg!", IGNORE];
    let found = marks.iter().flat_map(|mark| code.match_indices(mark));
    found
        .map(|(at, mark)| format!("line {}: {mark} is not finished", line_of(&code, at)))
        .collect()
}

fn prints_through_a_writer(_: &str, text: &str) -> Vec<String> {
    let code = code_outside_tests(text);
    let macros = ["println!", "eprintln!", "print!", "eprint!"];
    let found = macros.iter().flat_map(|name| words(&code, name.trim_end_matches('!')));
    found
        .filter(|&at| code[at..].split('(').next().is_some_and(|name| name.ends_with('!')))
        .map(|at| {
            format!(
                "line {}: it panics on a closed pipe; commands write to their writer, rooms trace",
                line_of(&code, at)
            )
        })
        .collect()
}

fn does_not_sleep(_: &str, text: &str) -> Vec<String> {
    let code = code(text);
    words(&code, "sleep")
        .filter(|&at| code[at..].starts_with("sleep(") && !code[..at].ends_with("fn "))
        .map(|at| {
            format!(
                "line {}: a test waits for the thing itself, not for time to pass",
                line_of(&code, at)
            )
        })
        .collect()
}

#[test]
fn files_are_short() {
    check(is_rust, is_not_too_long);
    complains(is_not_too_long, "src/a.rs", &"\n".repeat(701), "701 lines");
}

#[test]
fn a_file_says_what_it_is() {
    check(is_program, begins_by_saying_what_it_is);
    complains(begins_by_saying_what_it_is, "src/a.rs", "use std::io;", "first line");
}

#[test]
fn only_tests_unwrap() {
    check(is_program, never_unwraps);
    complains(never_unwraps, "src/a.rs", "fn a() {\n b.unwrap()\n}", "line 2: unwrap");
    passes(
        never_unwraps,
        "src/a.rs",
        "fn a() { b.unwrap_or(1) } // .unwrap()\n#[cfg(test)]\nmod tests { fn c() { d.unwrap() } }",
    );
}

#[test]
fn nothing_is_unsafe() {
    check(is_rust, is_safe);
    complains(is_safe, "src/a.rs", "fn a() { unsafe { b() } }", "unsafe is allowed");
}

#[test]
fn nothing_is_left_undone() {
    check(is_rust, is_finished);
    complains(is_finished, "src/a.rs", "fn a() { todo!() }", "todo!");
    complains(
        is_finished,
        "tests/it/a.rs",
        &format!("#[test]\n{IGNORE}]\nfn a() {{}}"),
        IGNORE,
    );
}

#[test]
fn nothing_prints_past_its_writer() {
    check(is_program, prints_through_a_writer);
    complains(
        prints_through_a_writer,
        "src/cli/a.rs",
        "fn a() { println!(\"b\") }",
        "closed pipe",
    );
    passes(
        prints_through_a_writer,
        "src/cli/a.rs",
        "fn print(x: u8) { writeln!(y) }",
    );
}

#[test]
fn tests_do_not_sleep() {
    check(|path| path.starts_with("tests/") && is_rust(path), does_not_sleep);
    complains(
        does_not_sleep,
        "tests/it/a.rs",
        "std::thread::sleep(second)",
        "waits for the thing",
    );
}
