//! The failure reports that others collected, if they are next to the checkout.

use std::fs;

use super::fixtures::read;
use crate::corpus::folder;

/// Path; domain, source, failure, delivery; From domain; agent; Unix seconds; results as `method=result`.
type Sample = (
    &'static str,
    [&'static str; 4],
    &'static str,
    &'static str,
    i64,
    &'static [&'static str],
);

const SAMPLES: &[Sample] = &[
    (
        "domainaware+parsedmarc/exim_plain_text_only_no_arf_part.eml",
        ["example.com", "203.0.113.68", "", "accept"],
        "example.com",
        "",
        1_744_060_569,
        &["iprev=fail", "spf=softfail", "dmarc=none"],
    ),
    (
        "sisimai+set-of-emails/arf-18.eml",
        ["example.net", "192.0.2.222", "dmarc", "delivered"],
        "example.org",
        "Lua/1.0",
        1_430_350_485,
        &["dmarc=fail"],
    ),
    (
        "sisimai+set-of-emails/arf-20.eml",
        ["example.net", "203.0.113.2", "dmarc", ""],
        "example.net",
        "OpenDMARC-Filter/1.3.0",
        1_430_350_485,
        &[
            "dmarc=fail",
            "dkim=pass",
            "dkim=fail",
            "dkim-adsp=none",
            "dkim-atps=neutral",
        ],
    ),
    (
        "stalwartlabs+mail-auth/004.eml",
        ["interpublication.org", "148.163.85.135", "dmarc", ""],
        "interpublication.org",
        "OpenDMARC-Filter/1.3.2",
        1_633_408_622,
        &["dmarc=fail", "dkim=fail", "dkim-atps=neutral"],
    ),
    (
        "stalwartlabs+mail-auth/005.eml",
        ["a.sender.example", "192.0.2.1", "bodyhash", ""],
        "a.sender.example",
        "Someisp!Mail-Feedback/1.0",
        1_318_104_958,
        &["dkim=fail", "spf=pass"],
    ),
    (
        "WoodySlum+dmarc-parser/rfc_6591_ARF_B1.eml",
        ["a.sender.example", "192.0.2.1", "bodyhash", ""],
        "a.sender.example",
        "Someisp!Mail-Feedback/1.0",
        1_318_104_958,
        &["dkim=fail", "spf=pass"],
    ),
];

/// Complaints, which are other mail.
const ABUSE: [&str; 4] = [
    "WoodySlum+dmarc-parser/rfc_5965_B2.eml",
    "sisimai+set-of-emails/arf-14.eml",
    "sisimai+set-of-emails/arf-21.eml",
    "stalwartlabs+mail-auth/002.eml",
];

#[test]
fn every_failure_report_of_the_corpus_is_read() {
    let Some(folder) = folder() else { return };
    let bytes = |path: &str| fs::read(folder.join("open").join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    for (path, facts, header_from, agent, at, results) in SAMPLES {
        let parsed = read(&bytes(path)).failure.unwrap_or_else(|| panic!("{path} is none"));
        let report = &parsed.report;
        let source = report.source.map(|source| source.to_string()).unwrap_or_default();
        let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_owned();
        let got = [
            report.domain.to_string(),
            source,
            text(&report.failure),
            text(&report.delivery),
        ];
        assert_eq!(got, facts.map(str::to_owned), "{path}");
        assert_eq!(
            (text(&report.header_from), text(&report.agent)),
            ((*header_from).into(), (*agent).into()),
            "{path}"
        );
        assert_eq!(report.happened_at, Some(*at), "{path}");
        let found: Vec<_> = report
            .results
            .iter()
            .map(|one| format!("{}={}", one.method, one.result))
            .collect();
        assert_eq!(found, *results, "{path}");
        assert!(!report.hops.is_empty(), "{path}");
    }
    for path in ABUSE {
        let processed = read(&bytes(path));
        assert!(processed.failure.is_none(), "{path}");
        assert_eq!(processed.other, "abuse_report", "{path}");
    }
    // No other file of the corpus is one.
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let paths = manifest.lines().skip(1).filter_map(|line| line.split('\t').nth(1));
    let found = paths.filter(|path| read(&fs::read(folder.join(path)).unwrap()).failure.is_some());
    let known = |path: &str| SAMPLES.iter().any(|(sample, ..)| path.ends_with(sample));
    let unknown: Vec<_> = found.filter(|path| !known(path)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
