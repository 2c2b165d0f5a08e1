//! Reports that others collected, if they are next to the checkout: not ours, so not in the repository.
//!
//! `MANIFEST.tsv` says in its remarks how many reports, records and messages each file holds.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::reading::Reading;

/// The manifest counts what a recovering parser finds; here is where we give something else, and why.
const DIFFER: &[(&str, [u64; 3], &[&str])] = &[
    (
        "no date range, and none in a file name: no day to count it on (deviation 99)",
        [0, 0, 0],
        &[
            "communitales+dmarc-report-parser/report_invalid_mindate.xml",
            "stuartmaxwell+dmarc-report/dmarc-invalid-2.xml",
            "stuartmaxwell+dmarc-report/dmarc-invalid-2.xml.gz",
            "stuartmaxwell+dmarc-report/dmarc-invalid-2.xml.zip",
            "stuartmaxwell+dmarc-report/dmarc-invalid-3.xml",
            "stuartmaxwell+dmarc-report/dmarc-invalid-3.xml.gz",
            "stuartmaxwell+dmarc-report/dmarc-invalid-3.xml.zip",
        ],
    ),
    (
        "broken before the first complete record: nothing to count (deviations 59, 60)",
        [0, 0, 0],
        &[
            "danielsen+DmarcRua/known-invalid_0708a2ec5df54aac9c204249898d27bd.xml",
            "kimon1230+dmarc_report_reader/malformed.xml",
            "stavros-k+go-dmarc-analyzer/malformed.xml",
            "stavros-k+go-dmarc-analyzer/malformed3.xml",
            "stuartmaxwell+dmarc-report/dmarc-invalid-1.xml",
            "stuartmaxwell+dmarc-report/dmarc-invalid-1.xml.gz",
            "stuartmaxwell+dmarc-report/dmarc-invalid-1.xml.zip",
            "stuartmaxwell+dmarc-report/multiple-invalid.zip",
            "trollByte+dmarc/malformed.xml",
        ],
    ),
    (
        "null report: its one record says nothing and is dropped (deviation 81)",
        [1, 0, 0],
        &["tierpod+dmarc-report-converter/test_empty.xml"],
    ),
];

/// The corpus; `None`, said aloud, where there is none. `TALLYMARK_CORPUS` names another place and must then exist.
#[expect(
    clippy::disallowed_methods,
    reason = "where the tests find their data is no setting of the program"
)]
pub fn folder() -> Option<PathBuf> {
    if let Some(named) = env::var_os("TALLYMARK_CORPUS") {
        return Some(named.into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = ["../shared/corpus", "../../shared/corpus"].map(|path| root.join(path));
    let found = beside.into_iter().find(|path| path.join("MANIFEST.tsv").exists());
    if found.is_none() {
        eprintln!("skipped: there is no ../shared/corpus beside the checkout, and TALLYMARK_CORPUS is not set");
    }
    found
}

/// `reports=1 records=2 messages=3` somewhere in a remark; a remark without says that there is no report.
fn numbers(remark: &str) -> [u64; 3] {
    ["reports=", "records=", "messages="].map(|name| {
        let at = remark.rfind(name).map(|at| at + name.len());
        let digits = at.map(|at| {
            remark[at..]
                .split(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap_or_default()
        });
        digits.map_or(0, |digits| digits.parse().unwrap_or_default())
    })
}

#[test]
fn numbers_agree_with_the_manifest() {
    let Some(folder) = folder() else { return };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).expect("MANIFEST.tsv in the corpus");
    let mut differ = BTreeMap::new();
    for (_, numbers, paths) in DIFFER {
        differ.extend(paths.iter().map(|path| (format!("open/{path}"), *numbers)));
    }
    let mut wrong = String::new();
    let mut files = 0;
    for line in manifest.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (path, remark) = (columns[1], columns[7]);
        let bytes = fs::read(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let reading = Reading::from_bytes(&bytes);
        let got = reading.numbers();
        let expect = differ.remove(path).unwrap_or_else(|| numbers(remark));
        if got != expect {
            writeln!(
                wrong,
                "{path}: {got:?}, expected {expect:?} {:?} ({remark})",
                reading.reasons
            )
            .unwrap();
        }
        files += 1;
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(differ.is_empty(), "not in the manifest: {differ:?}");
    eprintln!("{files} files agree");
}
