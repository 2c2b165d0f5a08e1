//! The TLS reports that others collected, and a count of them by another program.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::fixtures;
use crate::client::{python, script};
use crate::corpus::folder;

/// Samples of the corpus.
const SAMPLES_MIN: usize = 24;

/// Policies, successful and failed sessions, details and their sessions.
type Counts = [u64; 5];

/// What the program reads of a file; `None` if it sets it aside.
fn counted(path: &Path) -> Option<Counts> {
    let columns = fixtures::read(&fs::read(path).unwrap());
    let columns: Vec<&str> = columns.split('\t').collect();
    let counts: Vec<u64> = columns[1..6].iter().map(|count| count.parse().unwrap()).collect();
    (columns[7] == "-").then(|| counts.try_into().unwrap())
}

/// The same of each file, counted in Python.
fn recounted<'p>(paths: impl Iterator<Item = &'p Path>) -> BTreeMap<String, Counts> {
    let paths: Vec<String> = paths.map(|path| path.to_str().unwrap().to_owned()).collect();
    let mut recount = python("python");
    recount.arg(script("recount_tls.py"));
    let mut recount = recount.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = recount.stdin.take().unwrap();
    input.write_all(paths.join("\n").as_bytes()).unwrap();
    drop(input);
    let done = recount.wait_with_output().unwrap();
    assert!(done.status.success());
    let lines = String::from_utf8(done.stdout).unwrap();
    let line = |line: &str| {
        let (path, counts) = line.split_once('\t').unwrap();
        let counts: Vec<u64> = counts.split('\t').map(|count| count.parse().unwrap()).collect();
        (path.to_owned(), counts.try_into().unwrap())
    };
    lines.lines().map(line).collect()
}

fn agree<'p>(paths: impl Iterator<Item = &'p Path> + Clone) -> usize {
    let other = recounted(paths.clone());
    let wrong: Vec<_> = paths
        .map(|path| (path, counted(path).expect("it is read"), other[path.to_str().unwrap()]))
        .filter(|(_, own, other)| own != other)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    other.len()
}

#[test]
fn a_recount_in_python_agrees_on_every_fixture() {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls")).unwrap();
    let paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    let is_report = |path: &&std::path::PathBuf| !path.ends_with("expect.tsv") && counted(path).is_some();
    let read: Vec<_> = paths.iter().filter(is_report).collect();
    assert!(agree(read.iter().map(|path| path.as_path())) > 35);
}

/// The remarks of the manifest have the counts of each sample, those of RFC 8460 among them.
#[test]
fn every_tls_report_of_the_corpus_has_the_counts_of_the_manifest() {
    let Some(folder) = folder() else { return };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let mut samples = Vec::new();
    for line in manifest.lines().filter(|line| line.contains("\ttlsrpt\t")) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (path, remark) = (folder.join(columns[1]), columns[7]);
        let sum = |name: &str| -> u64 {
            let counts = remark
                .split(' ')
                .filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            counts
                .map(|count| count.trim_end_matches(';').parse::<u64>().unwrap())
                .sum()
        };
        let expect = ["policies", "success", "failure", "failure-details"].map(sum);
        let [policies, successful, failed, details, _] = counted(&path).expect("it is read");
        assert_eq!([policies, successful, failed, details], expect, "{}", path.display());
        samples.push(path);
    }
    assert_eq!(agree(samples.iter().map(|path| path.as_path())), samples.len());
    assert!(samples.len() >= SAMPLES_MIN, "{}", samples.len());
}
