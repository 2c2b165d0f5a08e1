//! What the documents say of the code: paths and settings that are there, numbers that are the code's.

use std::path::Path;

use super::source::Tree;

/// Every document that people write, by its path: at the top, in `docs/`, and about the fixtures.
pub fn documents() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = Vec::new();
    for folder in ["", "docs", "docs/decisions", "fixtures", "fixtures/hostile"] {
        for entry in std::fs::read_dir(top.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(top).unwrap().display().to_string();
                documents.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    documents.sort();
    documents
}

const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// Words of code and names of hosts that look like settings.
const NO_SETTINGS: &[&str] = &["imap.gmail.com", "intake.submit", "intake.submit_reports"];
/// Files of an installation, not of the tree.
const ELSEWHERE: &[&str] = &[
    "master.key",
    "rust-toolchain.toml",
    "tallymark-data/",
    "tallymark-data-demo/",
    "tallymark.toml",
];

/// A sentence of a document with a number in it, and the line of the code that the number is from. Change both together.
const NUMBERS: &[(&str, &str, &str, &str)] = &[
    (
        "ARCHITECTURE.md",
        "at most 64 MiB ahead",
        "src/cli/import/reading.rs",
        "READ_AHEAD_BYTES_MAX: usize = 64 * 1024 * 1024;",
    ),
    (
        "docs/api.md",
        "its answer is kept for 24 hours",
        "src/http/idempotency.rs",
        "REMEMBERED: Duration = Duration::from_secs(24 * 3_600);",
    ),
    (
        "docs/intake.md",
        "from 1 s to 15 min\nafter faults",
        "src/feeds/reading.rs",
        "BACK_OFF_MAX: Duration = Duration::from_secs(15 * 60);",
    ),
    (
        "docs/intake.md",
        "`BODY.PEEK[]`, 32 at once",
        "src/feeds/imap/round/plan.rs",
        "CHUNK_MESSAGES_MAX: usize = 32;",
    ),
    (
        "docs/intake.md",
        "up to 512 at once",
        "src/feeds/imap/round/plan.rs",
        "MOVED_MAX: usize = 512;",
    ),
    (
        "docs/intake.md",
        "after\n  three tries, each counted",
        "src/feeds/reading.rs",
        "ATTEMPTS_MAX: u32 = 3;",
    ),
    (
        "docs/storage.md",
        "up to 1,024 records of a report per row",
        "src/store/records.rs",
        "ROW_RECORDS: usize = 1_024;",
    ),
    (
        "docs/storage.md",
        "A report adds at most 64",
        "src/tally/signers.rs",
        "SIGNERS_MAX: usize = 64;",
    ),
    (
        "docs/storage.md",
        "in up to four parts",
        "src/store/rollup.rs",
        "PARTS: [usize; 4] =",
    ),
    (
        "docs/intake.md",
        "A window longer than 366 days",
        "src/tally/spread.rs",
        "SPREAD_DAYS_MAX: i64 = 366;",
    ),
    (
        "docs/intake.md",
        "add more than eight days to each record",
        "src/tally/spread.rs",
        "SPREAD_FACTOR_MAX: u64 = 8;",
    ),
    (
        "docs/intake.md",
        "50,000 entries are always",
        "src/tally/spread.rs",
        "SPREAD_ENTRIES_FREE: u64 = 50_000;",
    ),
    (
        "docs/intake.md",
        "four million never exceeded",
        "src/tally/spread.rs",
        "SPREAD_ENTRIES_MAX: u64 = 4_000_000;",
    ),
    (
        "CONTRIBUTING.md",
        "files to 500",
        "tests/it/tidy/style.rs",
        "LINES_MAX: usize = 500;",
    ),
    (
        "CONTRIBUTING.md",
        "functions to 70",
        "clippy.toml",
        "too-many-lines-threshold = 70",
    ),
    (
        "README.md",
        "a message may have 25 MiB",
        "config.example.toml",
        "message_bytes_max = 26214400",
    ),
    (
        "README.md",
        "256 MiB after decompression",
        "config.example.toml",
        "xml_bytes_max = 268435456",
    ),
    (
        "README.md",
        "two million records",
        "config.example.toml",
        "records_max = 2000000",
    ),
    (
        "README.md",
        "Records are kept for 400 days",
        "config.example.toml",
        "records_days = 400",
    ),
    (
        "README.md",
        "reports as they came for 30 days",
        "config.example.toml",
        "originals_days = 30",
    ),
    (
        "README.md",
        "Rust toolchain (1.95)",
        "Cargo.toml",
        "rust-version = \"1.95\"",
    ),
];

/// What stands between single back-ticks, outside of blocks of code.
fn quoted(text: &str) -> Vec<&str> {
    let outside = text.split("```").step_by(2);
    outside.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

/// Does it look like a path in the tree?
fn is_path(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let ends = [
        ".rs", ".sql", ".md", ".toml", ".json", ".lock", ".py", ".mjs", ".sh", "/",
    ];
    word.chars().all(plain) && !word.starts_with(['/', '.']) && ends.iter().any(|end| word.ends_with(end))
}

/// From the top, from `src/`, from beside the document, or a file or folder of that name anywhere: documents say `batch.rs` where the room is plain.
fn is_there(tree: &Tree, document: &str, word: &str) -> bool {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = top.join(document).with_file_name(word);
    let somewhere = format!("/{word}");
    ELSEWHERE.contains(&word)
        || top.join(word).exists()
        || top.join("src").join(word).exists()
        || beside.exists()
        || tree.files.iter().any(|(path, _)| match word.ends_with('/') {
            true => path.contains(&somewhere),
            false => path.ends_with(&somewhere),
        })
}

/// Is `section.key` a setting? `None` if there is no such section, and something else is meant.
fn is_setting(word: &str) -> Option<bool> {
    let (section, key) = word.rsplit_once('.')?;
    let heading = [format!("\n[{section}]\n"), format!("\n#[[{section}]]\n")];
    let start = heading
        .iter()
        .find_map(|heading| Some(EXAMPLE.find(heading)? + heading.len()))?;
    let lines = EXAMPLE[start..]
        .lines()
        .take_while(|line| !line.starts_with(['[']) && !line.starts_with("#[["));
    let name = |line: &str| {
        line.trim_start_matches('#')
            .split_once(" = ")
            .map(|(name, _)| name.to_owned())
    };
    Some(lines.filter_map(name).any(|name| name == key))
}

/// What a document names that is not there.
fn missing(tree: &Tree, document: &str, text: &str) -> Vec<String> {
    let words = quoted(text).into_iter();
    let mut missing: Vec<_> = words
        .filter(|word| is_path(word) && !is_there(tree, document, word))
        .map(|word| format!("there is no {word}"))
        .collect();
    let is_plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
    let words = quoted(text)
        .into_iter()
        .filter(|word| word.chars().all(is_plain) && !is_path(word));
    missing.extend(
        words
            .filter(|word| is_setting(word) == Some(false) && !is_column(tree, word) && !NO_SETTINGS.contains(word))
            .map(|word| format!("there is no setting {word}")),
    );
    missing
}

/// Tables have names of sections, too: `domains.ip_id`.
fn is_column(tree: &Tree, word: &str) -> bool {
    let Some((table, column)) = word.split_once('.') else {
        return false;
    };
    let migrations = tree.files.iter().filter(|(path, _)| path.starts_with("migrations/"));
    migrations
        .map(|(_, text)| text)
        .any(|text| text.contains(&format!("table {table}")) && text.contains(&format!("{column} ")))
}

/// The targets of links within the tree.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with('#'))
}

#[test]
fn paths_and_settings_in_documents_are_there() {
    let tree = Tree::read();
    let complaints: Vec<_> = documents()
        .iter()
        .flat_map(|(name, text)| {
            missing(&tree, name, text)
                .into_iter()
                .map(move |what| format!("{name}: {what}"))
        })
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    for (text, what) in [
        ("see `store/sqlites.rs`", "there is no store/sqlites.rs"),
        ("see `insights/`", "there is no insights/"),
        ("see `tests/it/tidy/prosa.rs`", "there is no tests/it/tidy/prosa.rs"),
        ("set `http.listn`", "there is no setting http.listn"),
        ("set `imap.hots`", "there is no setting imap.hots"),
    ] {
        assert_eq!(missing(&tree, "README.md", text), [what]);
    }
    for text in [
        "`batch.rs` `store/` `http.listen` `imap.host` `commit/`",
        "`/healthz` `now()` `a.b`",
        "```\n`x.rs`\n```",
    ] {
        assert_eq!(missing(&tree, "README.md", text), Vec::<String>::new(), "{text}");
    }
}

/// ARCHITECTURE.md is a map: what does not fit has a page of its own.
fn is_a_short_map(text: &str) -> bool {
    text.lines().count() <= 150
}

#[test]
fn the_map_is_short() {
    let documents = documents();
    let (_, map) = documents
        .iter()
        .find(|(name, _)| name == "ARCHITECTURE.md")
        .expect("it is there");
    assert!(is_a_short_map(map), "move a part of ARCHITECTURE.md to docs/");
    assert!(!is_a_short_map(&"line\n".repeat(151)) && is_a_short_map(&"line\n".repeat(150)));
}

/// The records that the list of decisions does not name.
fn unlisted<'d>(index: &str, documents: &'d [(String, String)]) -> Vec<&'d str> {
    let records = documents
        .iter()
        .filter_map(|(name, _)| name.strip_prefix("docs/decisions/"));
    records
        .filter(|name| *name != "README.md" && !index.contains(&format!("({name})")))
        .collect()
}

#[test]
fn every_decision_is_listed() {
    let documents = documents();
    let (_, index) = documents
        .iter()
        .find(|(name, _)| name == "docs/decisions/README.md")
        .expect("it is there");
    assert_eq!(unlisted(index, &documents), Vec::<&str>::new());
    assert!(unlisted("", &documents).len() > 10, "the control");
}

#[test]
fn links_in_documents_lead_somewhere() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for (name, text) in &documents() {
        for target in links(text) {
            let path = target.split('#').next().unwrap_or_default();
            let from = top.join(name).parent().unwrap().join(path);
            assert!(from.exists(), "{name}: {target}");
            seen += 1;
        }
    }
    assert!(seen > 50, "the control: links are found");
    assert_eq!(links("[a](b.md) [c](https://d) [e](#f)").collect::<Vec<_>>(), ["b.md"]);
}

#[test]
fn numbers_in_documents_are_the_codes() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = documents();
    for (document, sentence, file, line) in NUMBERS {
        let (_, text) = documents.iter().find(|(name, _)| name == document).expect(document);
        assert!(
            text.contains(sentence),
            "{document} does not say {sentence:?} any more: see {file}, {line:?}"
        );
        let code = std::fs::read_to_string(top.join(file)).expect(file);
        assert!(
            code.contains(line),
            "{file} has no {line:?} any more: see {document}, {sentence:?}"
        );
    }
}
