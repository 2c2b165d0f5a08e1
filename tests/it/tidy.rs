//! What ARCHITECTURE.md and CONTRIBUTING.md say about the tree, as tests. Each rule has a negative control: a snippet
//! that it must complain about.

mod circles;
mod language;
mod manifest;
mod prose;
mod rooms;
mod source;
mod sql;
mod style;

use source::Tree;

/// Rust that is part of the program: not the files that are modules of tests only.
fn is_program(path: &str) -> bool {
    let is_test = path.ends_with("tests.rs") || path.ends_with("/testdata.rs") || path.ends_with("/hostile.rs");
    path.starts_with("src/") && path.ends_with(".rs") && !is_test
}

/// Runs a rule over every file that `wanted` names, and fails with all complaints at once.
fn check(wanted: fn(&str) -> bool, rule: fn(&str, &str) -> Vec<String>) {
    let tree = Tree::read();
    let files: Vec<_> = tree.files.iter().filter(|(path, _)| wanted(path)).collect();
    assert!(!files.is_empty(), "the rule looks at no file at all");
    let complaints: Vec<_> = files
        .iter()
        .flat_map(|(path, text)| rule(path, text).into_iter().map(move |what| format!("{path}: {what}")))
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Does the rule complain about this text, and say this?
fn complains(rule: fn(&str, &str) -> Vec<String>, path: &str, text: &str, what: &str) {
    let complaints = rule(path, text);
    assert!(
        complaints.iter().any(|said| said.contains(what)),
        "{path}: {text:?} gave {complaints:?}"
    );
}

/// Does the rule let this text pass?
fn passes(rule: fn(&str, &str) -> Vec<String>, path: &str, text: &str) {
    assert_eq!(rule(path, text), Vec::<String>::new(), "{path}: {text:?}");
}
