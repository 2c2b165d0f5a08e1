//! What a source file looks like.

use super::source::{code, code_outside_tests, line_of, words};
use super::{check, complains, is_program, passes};

/// CONTRIBUTING, 13.
const LINES_MAX: usize = 500;
/// Tables, and files that wait to be split: at most this long.
const LONG_LINES_MAX: usize = 700;
/// These, and no others, are longer than [`LINES_MAX`].
const LONG: &[&str] = &[
    "src/tally/spread.rs",
    "src/report/aggregate/parse/tests.rs",
    "tests/it/domains/offers.rs",
    "tests/it/domains/problems.rs",
];
/// In two pieces, so that a search for it finds only what is meant.
const IGNORE: &str = concat!("#[", "ignore");

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn is_not_too_long(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let is_listed = LONG.contains(&path);
    let most = if is_listed { LONG_LINES_MAX } else { LINES_MAX };
    if lines > most {
        return vec![format!(
            "{lines} lines, at most {most}: is there a piece with a name of its own?"
        )];
    }
    if is_listed && lines <= LINES_MAX {
        return vec![format!(
            "{lines} lines: it is long no more, take it off the list in tests/it/tidy/style.rs"
        )];
    }
    Vec::new()
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

fn says_what_it_makes(_: &str, text: &str) -> Vec<String> {
    let code = code(text);
    words(&code, "of")
        .filter(|&at| code[..at].ends_with("fn "))
        .map(|at| {
            format!(
                "line {}: of says nothing: write new, from_..., for_..., entry or a verb",
                line_of(&code, at)
            )
        })
        .collect()
}

#[test]
fn no_function_is_called_of() {
    check(is_rust, says_what_it_makes);
    for text in ["fn of(a: A) {}", "pub async fn of<T>(a: T) {}"] {
        complains(says_what_it_makes, "src/a.rs", text, "line 1: of says nothing");
    }
    passes(says_what_it_makes, "src/a.rs", "fn of_account() { a.of(b) } // fn of()");
}

#[test]
fn files_are_short() {
    check(is_rust, is_not_too_long);
    let lines = |number| "\n".repeat(number);
    complains(is_not_too_long, "src/a.rs", &lines(501), "501 lines, at most 500");
    complains(is_not_too_long, LONG[0], &lines(701), "701 lines, at most 700");
    complains(is_not_too_long, LONG[0], &lines(500), "long no more");
    passes(is_not_too_long, "src/a.rs", &lines(500));
    passes(is_not_too_long, LONG[0], &lines(501));
    let tree = super::Tree::read();
    for path in LONG {
        assert!(
            tree.files.iter().any(|(known, _)| known == path),
            "{path} is listed, but not there"
        );
    }
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
