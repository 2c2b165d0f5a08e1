//! `fixtures/tls/expect.tsv`: what each TLS report must give. `fixtures/make_tls.py` counts by itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tallymark::base::clock::Clock;
use tallymark::ingest::{ProcessLimits, TlsLeaf, process};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The lines of the manifest: path, and the rest.
fn expected() -> Vec<(String, String)> {
    let text = fs::read_to_string(folder().join("tls/expect.tsv")).expect("fixtures/tls/expect.tsv");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let split = |line: &str| {
        let (path, rest) = line.split_once('\t').expect("a path");
        (path.to_owned(), rest.to_owned())
    };
    lines.map(split).collect()
}

/// What a file gives, in the columns of the manifest.
pub fn read(bytes: &[u8]) -> String {
    let processed = process(&Clock::system(), bytes, &ProcessLimits::default());
    assert!(processed.reports.is_empty());
    let words = |words: BTreeSet<&str>| match words.is_empty() {
        true => "-".to_owned(),
        false => words.into_iter().collect::<Vec<_>>().join(" "),
    };
    let (mut warnings, mut domain) = (BTreeSet::new(), "-");
    let mut counts = [0; 5];
    for TlsLeaf { parsed, .. } in &processed.tls_reports {
        domain = match &*parsed.report.domain {
            "" => "-",
            domain => domain,
        };
        warnings.extend(parsed.warnings.kept().iter().map(|warning| warning.kind.word()));
        for policy in &parsed.report.policies {
            let sessions: u64 = policy.failures.iter().map(|failure| failure.sessions).sum();
            let more = [
                1,
                policy.successful,
                policy.failed,
                policy.failures.len() as u64,
                sessions,
            ];
            counts.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    }
    let reasons = processed.problems.iter().map(|problem| problem.reason).collect();
    let counts = counts.map(|count| count.to_string()).join("\t");
    format!("{domain}\t{counts}\t{}\t{}", words(warnings), words(reasons))
}

#[test]
fn each_tls_report_gives_what_is_expected() {
    let mut wrong = String::new();
    let expected = expected();
    for (path, expect) in &expected {
        let bytes = fs::read(folder().join(path)).unwrap_or_else(|error| panic!("fixtures/{path}: {error}"));
        let got = read(&bytes);
        if got != *expect {
            writeln!(wrong, "{path}:\n  got      {got}\n  expected {expect}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(expected.len() > 40, "only {} fixtures", expected.len());
}

#[test]
fn no_tls_fixture_is_forgotten() {
    let expected: BTreeSet<_> = expected().into_iter().map(|(path, _)| path).collect();
    let entries = fs::read_dir(folder().join("tls")).expect("fixtures/tls");
    let names = entries.map(|entry| format!("tls/{}", entry.expect("an entry").file_name().display()));
    let found: BTreeSet<_> = names.filter(|name| name != "tls/expect.tsv").collect();
    assert_eq!(found, expected);
}
