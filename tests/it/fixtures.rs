//! `fixtures/expect.tsv`: what each fixture must give.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::reading::{Reading, as_json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// One line of `expect.tsv`.
struct Expectation {
    path: String,
    /// Reports, records, messages.
    numbers: [u64; 3],
    warnings: BTreeSet<String>,
    reasons: BTreeSet<String>,
    /// `field=value`: a field of [`as_json`] such as `records[0].source`, or `other`, `identity_of`, `content_of`,
    /// `not_identity_of`, `not_content_of` (another fixture).
    notes: Vec<(String, String)>,
}

impl Expectation {
    fn all() -> Vec<Self> {
        let text = fs::read_to_string(folder().join("expect.tsv")).expect("fixtures/expect.tsv");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(Self::parse).collect()
    }

    fn parse(line: &str) -> Self {
        let [path, reports, records, messages, warnings, reasons, notes] =
            line.split('\t').collect::<Vec<_>>().try_into().expect(line);
        let words = |text: &str| text.split(' ').filter(|word| *word != "-").map(str::to_owned).collect();
        let note = |text: &str| {
            let (field, value) = text.split_once('=').expect(line);
            (field.to_owned(), value.to_owned())
        };
        Self {
            path: path.to_owned(),
            numbers: [reports, records, messages].map(|number| number.parse().expect(line)),
            warnings: words(warnings),
            reasons: words(reasons),
            notes: notes.split("; ").filter(|note| *note != "-").map(note).collect(),
        }
    }

    /// Writes what differs to `wrong`.
    fn check(&self, readings: &BTreeMap<String, Reading>, wrong: &mut String) {
        let reading = &readings[&self.path];
        let mut differ = |what: &str, got: &dyn std::fmt::Debug, expect: &dyn std::fmt::Debug| {
            writeln!(wrong, "{}: {what} {got:?}, expected {expect:?}", self.path).unwrap();
        };
        if reading.numbers() != self.numbers {
            differ("reports, records, messages", &reading.numbers(), &self.numbers);
        }
        if !reading.warnings().iter().eq(&self.warnings) {
            differ("warnings", &reading.warnings(), &self.warnings);
        }
        if !reading.reasons.iter().eq(&self.reasons) {
            differ("quarantine", &reading.reasons, &self.reasons);
        }
        for (field, value) in &self.notes {
            let got = match field.as_str() {
                "identity_of" | "content_of" | "not_identity_of" | "not_content_of" => {
                    let same = same_key(field, reading, &readings[value]);
                    if same == field.starts_with("not_") {
                        "differs"
                    } else {
                        value
                    }
                    .to_owned()
                }
                "other" => reading.other.to_owned(),
                field => value_of(reading, field),
            };
            if got != *value {
                differ(field, &got, value);
            }
        }
    }
}

fn same_key(field: &str, one: &Reading, other: &Reading) -> bool {
    let (Some(one), Some(other)) = (one.keys(), other.keys()) else {
        panic!("{field} needs a report in both files");
    };
    if field.ends_with("identity_of") {
        one.0 == other.0
    } else {
        one.1 == other.1
    }
}

/// The field of the first report, as text.
fn value_of(reading: &Reading, field: &str) -> String {
    let Some(report) = reading.first() else {
        return "no report".to_owned();
    };
    let pointer = format!(
        "/{}",
        field.replace("].", "/").replace(['.', '['], "/").replace(']', "")
    );
    match as_json(report).pointer(&pointer) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => format!("no field {pointer}"),
    }
}

#[test]
fn each_fixture_gives_what_is_expected() {
    let expectations = Expectation::all();
    let read = |path: &str| {
        let bytes = fs::read(folder().join(path)).unwrap_or_else(|error| panic!("fixtures/{path}: {error}"));
        (path.to_owned(), Reading::from_bytes(&bytes))
    };
    let readings: BTreeMap<_, _> = expectations.iter().map(|expectation| read(&expectation.path)).collect();
    let mut wrong = String::new();
    for expectation in &expectations {
        expectation.check(&readings, &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(expectations.len() > 300, "only {} fixtures", expectations.len());
}

#[test]
fn no_fixture_is_forgotten() {
    let expected: BTreeSet<String> = Expectation::all()
        .into_iter()
        .map(|expectation| expectation.path)
        .collect();
    let mut found = BTreeSet::new();
    for kind in ["archives", "demo", "mail", "reports"] {
        for entry in fs::read_dir(folder().join(kind)).expect(kind) {
            found.insert(format!("{kind}/{}", entry.expect(kind).file_name().display()));
        }
    }
    assert_eq!(found, expected);
}

/// The table in fixtures/README.md names every row once, and its patterns cover every file.
#[test]
fn each_row_has_a_fixture_or_a_reason() {
    let readme = fs::read_to_string(folder().join("README.md")).expect("fixtures/README.md");
    let mut rows = Vec::new();
    let mut prefixes = Vec::new();
    for line in readme.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, row, _, files, _] = cells[..] else { continue };
        let Ok(row) = row.parse::<u32>() else { continue };
        rows.push(row);
        if let Some(prefix) = files.strip_prefix('`').and_then(|rest| rest.strip_suffix("*`")) {
            assert!(prefix.contains(&format!("{row:03}-")), "{line}");
            prefixes.push(prefix.to_owned());
        }
    }
    assert_eq!(rows, (1..=148).collect::<Vec<_>>());
    let paths: Vec<String> = Expectation::all()
        .into_iter()
        .map(|expectation| expectation.path)
        .collect();
    for prefix in &prefixes {
        assert!(paths.iter().any(|path| path.starts_with(prefix)), "no file {prefix}*");
    }
    for path in paths.iter().filter(|path| !path.starts_with("demo/")) {
        assert!(
            prefixes.iter().any(|prefix| path.starts_with(prefix)),
            "{path} is in no row"
        );
    }
}
