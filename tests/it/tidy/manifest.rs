//! Dependencies: each is used, explained, and not older than its floor.

use super::source::{Tree, code, words};

const MANIFEST: &str = include_str!("../../../Cargo.toml");
const LOCK: &str = include_str!("../../../Cargo.lock");
const PAGE: &str = include_str!("../../../docs/dependencies.md");

/// Older versions have known faults.
const FLOORS: &[(&str, [u64; 3])] = &[
    ("bytes", [1, 11, 1]),
    ("h2", [0, 4, 16]),
    ("hickory-proto", [0, 26, 1]),
    ("quick-xml", [0, 41, 0]),
    ("rustls-webpki", [0, 103, 13]),
    ("time", [0, 3, 47]),
];

fn names(section: &str) -> Vec<&'static str> {
    let manifest: &'static str = MANIFEST;
    let start = manifest
        .find(&format!("\n[{section}]\n"))
        .expect("the section is there");
    let lines = manifest[start + 1..]
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
        .collect()
}

/// The crates of `section` that no file below `folders` uses.
fn unused(section: &str, folders: &[&str]) -> Vec<&'static str> {
    let tree = Tree::read();
    let is_wanted = |path: &str| path.ends_with(".rs") && folders.iter().any(|folder| path.starts_with(folder));
    let files: Vec<_> = tree
        .files
        .iter()
        .filter(|(path, _)| is_wanted(path))
        .map(|(_, text)| code(text))
        .collect();
    let is_used = |name: &str| {
        let name = name.replace('-', "_");
        files.iter().any(|code| {
            words(code, &name).any(|at| code[at + name.len()..].starts_with("::") || code[..at].ends_with("use "))
        })
    };
    names(section).into_iter().filter(|name| !is_used(name)).collect()
}

/// Name and version of everything that is locked.
fn locked(lock: &str) -> Vec<(String, [u64; 3])> {
    let field = |block: &str, name: &str| {
        let line = block.lines().find(|line| line.starts_with(&format!("{name} = ")))?;
        Some(line.split('"').nth(1)?.to_owned())
    };
    let version = |text: &str| {
        let mut numbers = text.split(['.', '-', '+']).map(|number| number.parse().unwrap_or(0));
        [(); 3].map(|()| numbers.next().unwrap_or(0))
    };
    lock.split("[[package]]")
        .filter_map(|block| Some((field(block, "name")?, version(&field(block, "version")?))))
        .collect()
}

fn below_floor(lock: &str) -> Vec<String> {
    let locked = locked(lock);
    assert!(!locked.is_empty(), "the lock file was not understood");
    let too_old = locked
        .into_iter()
        .filter(|(name, version)| FLOORS.iter().any(|(floor, least)| floor == name && version < least));
    too_old.map(|(name, version)| format!("{name} {version:?}")).collect()
}

#[test]
fn every_dependency_is_used() {
    assert_eq!(unused("dependencies", &["src/"]), Vec::<&str>::new());
    assert_eq!(
        unused("dev-dependencies", &["tests/", "benches/", "src/"]),
        Vec::<&str>::new()
    );
    // The control: nothing below this folder, so nothing is used.
    assert_eq!(unused("dependencies", &["migrations/"]), names("dependencies"));
}

#[test]
fn every_dependency_is_explained() {
    let is_explained = |name: &str| {
        PAGE.lines().any(|line| {
            let crates = line.trim_start_matches('|').split('|').next().unwrap_or_default();
            line.starts_with('|') && crates.split([',', ' ', '(']).any(|word| word == name)
        })
    };
    for name in names("dependencies").into_iter().chain(names("dev-dependencies")) {
        assert!(is_explained(name), "docs/dependencies.md says nothing about {name}");
    }
    assert!(!is_explained("openssl"));
}

#[test]
fn no_dependency_is_older_than_its_floor() {
    assert_eq!(below_floor(LOCK), Vec::<String>::new());
    let old = "[[package]]\nname = \"time\"\nversion = \"0.3.46\"\n";
    assert_eq!(below_floor(old), ["time [0, 3, 46]"]);
    assert!(!LOCK.contains("name = \"openssl-sys\""), "one TLS provider: rustls");
}

#[test]
fn lints_are_on() {
    assert!(MANIFEST.contains("\n[lints.rust]\nunsafe_code = \"deny\"\n"));
    let clippy = include_str!("../../../clippy.toml");
    let rules: Vec<_> = clippy
        .lines()
        .filter(|line| line.trim_start().starts_with("{ path"))
        .collect();
    assert!(
        !rules.is_empty() && rules.iter().all(|rule| rule.contains("reason = \"")),
        "each rule says why"
    );
}
