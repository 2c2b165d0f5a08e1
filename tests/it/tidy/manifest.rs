//! Dependencies: each is used, explained, and not older than its floor.

use super::source::{Tree, code, words};

const MANIFEST: &str = include_str!("../../../Cargo.toml");
const LOCK: &str = include_str!("../../../Cargo.lock");
const PAGE: &str = include_str!("../../../docs/dependencies.md");

/// The licences that a crate may be under. Of those that it offers ("or") one is enough.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
/// Where every crate comes from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Crates that must not come in, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "one TLS provider: rustls"),
    ("rsa", "RUSTSEC-2023-0071: keys are made by aws-lc-rs"),
];

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

/// The crates that the page explains more than once: rows that contradict each other sooner or later.
fn explained_twice(page: &str) -> Vec<&str> {
    let sections = page.split("\n## ");
    let mut twice = Vec::new();
    for section in sections {
        let rows = section.lines().filter(|line| line.starts_with("| "));
        let cells = rows.filter_map(|row| row.trim_start_matches("| ").split(" |").next());
        let outside = cells.map(|cell| cell.split(" (").next().unwrap_or(cell));
        let mut names: Vec<_> = outside.flat_map(|cell| cell.split(", ")).collect();
        names.sort_unstable();
        twice.extend(names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]));
    }
    twice
}

#[test]
fn every_dependency_is_explained_once() {
    assert_eq!(explained_twice(PAGE), Vec::<&str>::new());
    let page = "# A\n\n## B\n\n| crate | job |\n|---|---|\n| a, b (x) | y |\n| b | z |\n\n## C\n\n| a | y |\n";
    assert_eq!(explained_twice(page), ["b"]);
}

/// Whether an SPDX expression allows what [`LICENCES`] does. `/` is how old manifests write "or".
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    // "and" binds closer than "or"; what is in parentheses is read by itself.
    let mut depth = 0;
    let mut split = |word: &str| -> Vec<String> {
        let mut parts = vec![String::new()];
        for token in expression.replace('(', " ( ").replace(')', " ) ").split_whitespace() {
            depth += i32::from(token == "(") - i32::from(token == ")");
            if depth == 0 && token == word {
                parts.push(String::new());
            } else {
                let part = parts.last_mut().expect("it begins with one");
                *part = format!("{part} {token}").trim().to_owned();
            }
        }
        parts
    };
    let (either, all) = (split("OR"), split("AND"));
    if either.len() > 1 {
        return either.iter().any(|part| is_allowed(part));
    }
    if all.len() > 1 {
        return all.iter().all(|part| is_allowed(part));
    }
    let part = &either[0];
    match part.strip_prefix("( ").and_then(|part| part.strip_suffix(" )")) {
        Some(inside) => is_allowed(inside),
        None => LICENCES.contains(&part.as_str()),
    }
}

#[test]
fn every_crate_is_under_a_licence_that_is_allowed_and_from_the_registry() {
    let done = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > names("dependencies").len(), "those of others, too");
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence), "{} is under {licence:?}", package["name"]);
    }
    let sources: Vec<_> = LOCK.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    assert!(sources.len() > 100, "the control: the lock file was understood");
    for source in sources {
        assert_eq!(source.trim_matches('"'), REGISTRY);
    }
    for (text, expect) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only AND MIT", false),
        ("MIT AND (GPL-3.0-only OR ISC)", true),
        ("(MIT AND GPL-3.0-only) OR (ISC AND AGPL-3.0)", false),
        ("ISC AND (Apache-2.0 OR ISC) AND MIT", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("GPL-2.0 WITH Classpath-exception-2.0", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(text), expect, "{text}");
    }
}

#[test]
fn no_dependency_is_older_than_its_floor() {
    assert_eq!(below_floor(LOCK), Vec::<String>::new());
    let old = "[[package]]\nname = \"time\"\nversion = \"0.3.46\"\n";
    assert_eq!(below_floor(old), ["time [0, 3, 46]"]);
    for (name, why) in BANNED {
        assert!(!LOCK.contains(&format!("name = \"{name}\"")), "{name}: {why}");
    }
}

#[test]
fn lints_are_on() {
    assert!(MANIFEST.contains("\n[lints.rust]\nunsafe_code = \"deny\"\n"));
    let allows = |text: &str| text.contains("unsafe_code,");
    let tree = super::source::Tree::read();
    let unsafe_files: Vec<_> = tree
        .files
        .iter()
        .filter(|(path, text)| path.starts_with("src/") && allows(text))
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(
        unsafe_files,
        ["src/heap.rs"],
        "what becomes of freed memory, and nothing else"
    );
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
