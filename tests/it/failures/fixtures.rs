//! `fixtures/failures/expect.tsv`: what each failure report must give.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use tallymark::base::clock::Clock;
use tallymark::ingest::{ProcessLimits, Processed, process};

use super::{fixture, fixtures, folder};

pub fn read(bytes: &[u8]) -> Processed {
    process(&Clock::system(), bytes, &ProcessLimits::default())
}

/// What a file gives, in the columns of the manifest.
fn columns(bytes: &[u8]) -> String {
    let processed = read(bytes);
    assert!(processed.reports.is_empty() && processed.problems.is_empty());
    assert_eq!(processed.other, "failure_report");
    let Some(parsed) = processed.failure else {
        return "none".to_owned();
    };
    let report = &parsed.report;
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    let result = |method: &str| {
        let of = report.results.iter().find(|one| &*one.method == method);
        text(of.map(|one| &*one.result))
    };
    let warnings: BTreeSet<_> = parsed
        .warnings
        .kept()
        .iter()
        .map(|warning| warning.kind.word())
        .collect();
    let warnings = warnings.into_iter().collect::<Vec<_>>().join(" ");
    [
        text(Some(&report.domain)),
        report
            .source
            .map_or_else(|| "-".to_owned(), |source| source.to_string()),
        text(report.failure.as_deref()),
        text(report.delivery.as_deref()),
        text(report.header_from.as_deref()),
        text(report.mail_from.as_deref()),
        text(report.reporter.as_deref()),
        result("spf"),
        result("dkim"),
        report.incidents.to_string(),
        report.happened_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
        report.hops.len().to_string(),
        text(Some(&warnings)),
    ]
    .join("\t")
}

#[test]
fn each_failure_report_gives_what_is_expected() {
    let text = fs::read_to_string(folder().join("expect.tsv")).expect("expect.tsv");
    let mut wrong = String::new();
    let mut paths = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (path, expect) = line.split_once('\t').expect("a path");
        let name = path.strip_prefix("failures/").expect("a path below failures");
        let got = columns(&fixture(name));
        if got != expect {
            writeln!(wrong, "{name}:\n  got      {got}\n  expected {expect}").unwrap();
        }
        paths.insert(name.to_owned());
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    let found: BTreeSet<_> = fixtures().into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, paths);
}

/// A megabyte of header fields, and more of one.
#[test]
fn a_megabyte_of_header_is_cut() {
    let text = String::from_utf8(fixture("headers-only.eml")).unwrap();
    for more in [
        "X-A: y\r\n".repeat(135_000),
        format!("X-A: {}\r\n", "y".repeat(1 << 20)),
    ] {
        let long = text.replace("Content-Type: text/plain\r\n\r\n--", &format!("{more}\r\n--"));
        assert!(long.len() > 1 << 20);
        let parsed = read(long.as_bytes()).failure.expect("a failure report");
        assert_eq!(&*parsed.report.domain, "example.com");
        assert!(parsed.warnings.total() > 0);
        let kept: usize = parsed
            .texts
            .header
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert!(kept < 128 << 10, "{kept}");
    }
}

/// Cut off or damaged anywhere, it is a report, other mail, or set aside with a reason.
#[test]
fn no_damage_makes_the_program_fail() {
    let whole = fixture("whole-mail.eml");
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] = b'\0';
        for bytes in [&whole[..at], &damaged] {
            let processed = read(bytes);
            assert!(
                processed
                    .problems
                    .iter()
                    .all(|problem| problem.reason != "internal_error")
            );
        }
    }
}
