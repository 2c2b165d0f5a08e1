//! The examples of docs/storage.md, built with the program's own code.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use crate::base::Day;
use crate::report::aggregate::{
    AuthResult, Disposition, DkimAuth, Evidence, IdentityKey, RawField, RawText, Reason, ReasonKind, Report, Reporter,
    SpfAuth, SpfScope, Verdict, Window,
};

use super::codec::{Reader, put_number};
use super::records::{self, PackedRecord};
use super::{StoredBytes, evidence, paths, rollup, stored_bytes};
use crate::tally::{
    Carrier, Handled, Identities, OwnSignature, Path, PathList, Reported, SourceTotals, SpfOutcome, Way,
};

const PAGE: &str = include_str!("../../docs/storage.md");

/// The lines of an example: the bytes of each.
pub(super) fn example(name: &str) -> Vec<Vec<u8>> {
    let fence = format!("\n```bytes {name}\n");
    let start = PAGE.find(&fence).expect("the example is there") + fence.len();
    let block = PAGE[start..].split("```").next().expect("a split has a first part");
    let bytes = |line: &str| {
        let (bytes, meaning) = line.split_once(" | ").expect("bytes, a bar, their meaning");
        assert!(!meaning.is_empty());
        let bytes = bytes.split(' ').map(|digits| u8::from_str_radix(digits, 16).unwrap());
        bytes.collect()
    };
    block.lines().map(bytes).collect()
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn documented_records() -> Vec<PackedRecord> {
    let record = |source, count, evidence, [dkim_aligned, spf_aligned, derived]: [bool; 3], disposition| PackedRecord {
        source,
        count,
        evidence,
        verdict: Verdict {
            dkim_aligned,
            spf_aligned,
            disposition,
            derived,
        },
    };
    vec![
        record(address("192.0.2.1"), 300, 7, [true, true, false], Disposition::None),
        record(
            address("2001:db8::1"),
            1,
            200,
            [false, false, true],
            Disposition::Reject,
        ),
        record(None, 2, 7, [false, false, false], Disposition::Quarantine),
    ]
}

fn documented_evidence() -> [Evidence; 2] {
    let (name, bounce) = ("example.com", "bounce.example.com");
    let first = Evidence {
        header_from: Some(name.into()),
        envelope_from: Some(bounce.into()),
        envelope_to: None,
        dkim: vec![DkimAuth {
            domain: Some(name.into()),
            selector: Some("s1".into()),
            result: AuthResult::Pass,
            ..DkimAuth::default()
        }],
        spf: vec![SpfAuth {
            domain: Some(bounce.into()),
            scope: Some(SpfScope::Mfrom),
            result: AuthResult::Softfail,
            ..SpfAuth::default()
        }],
        reasons: vec![Reason {
            kind: ReasonKind::Forwarded,
            kind_raw: None,
            comment: Some("list".into()),
        }],
        raw: vec![RawText {
            field: RawField::Count,
            text: "one".into(),
        }],
    };
    let second = Evidence {
        header_from: Some(name.into()),
        spf: vec![SpfAuth {
            domain: Some("one".into()),
            result: AuthResult::Fail,
            ..SpfAuth::default()
        }],
        ..Evidence::default()
    };
    [first, second]
}

fn documented_sources() -> Vec<SourceTotals> {
    let entry = |address, way, [messages, none, quarantine, reject]: [u64; 4]| SourceTotals {
        address,
        way,
        handled: Handled {
            messages,
            none,
            quarantine,
            reject,
        },
    };
    vec![
        entry(None, Way::new(0, 0), [2, 2, 0, 0]),
        entry(address("192.0.2.1"), Way::new(2, 3), [300, 300, 0, 0]),
        entry(address("192.0.2.1"), Way::new(5, 1), [3, 2, 0, 1]),
        entry(address("2001:db8::1"), Way::new(0, 0), [1, 0, 0, 1]),
    ]
}

/// Nothing that passed; signed and forwarded by example.net; signed, and SPF passed, in mail that vouches for its report.
fn documented_paths() -> PathList {
    let own = OwnSignature::Passed {
        domain: "example.com",
        selector: "s1",
    };
    let mut paths = PathList::default();
    for (own, spf, carrier) in [
        (OwnSignature::Missing, SpfOutcome::ForeignFailed, Carrier::Other),
        (own, SpfOutcome::Foreign("example.net"), Carrier::Other),
        (own, SpfOutcome::Own, Carrier::Vouched),
    ] {
        let path = Path {
            header_from: "example.com",
            identities: Identities {
                own,
                foreign: [None; 4],
                spf,
                reported: Reported::Nothing,
            },
            carrier,
        };
        let mut bytes = Vec::new();
        path.write(&mut bytes);
        paths.push(&bytes);
    }
    paths
}

#[test]
fn documented_paths_are_written_and_read() {
    let bytes = example("paths").concat();
    assert_eq!(paths::encode(&documented_paths(), 0), bytes);
    assert!(PAGE.contains("first, 16 per row") && paths::BLOCK == 16);
    let mut read = PathList::default();
    assert!(paths::decode(&bytes, |path| read.push(path)));
    assert_eq!(read, documented_paths());
    assert!(!paths::decode(&bytes[..bytes.len() - 1], |_| {}), "the control");
}

#[test]
fn documented_numbers_are_written_and_read() {
    let lines = example("numbers");
    let numbers = [0, 127, 128, 300, u64::MAX];
    assert_eq!(lines.len(), numbers.len());
    for (bytes, number) in lines.iter().zip(numbers) {
        let mut written = Vec::new();
        put_number(&mut written, number);
        assert_eq!(&written, bytes, "{number}");
        assert_eq!(Reader::new(bytes).number(), Some(number));
    }
}

fn packed(records: &[PackedRecord]) -> Vec<u8> {
    let mut bytes = records::empty_row(records.len());
    records.iter().for_each(|record| records::encode(&mut bytes, record));
    bytes
}

#[test]
fn documented_records_are_written_and_read() {
    let bytes = example("records").concat();
    let records = documented_records();
    assert_eq!(packed(&records), bytes);
    let mut read = Vec::new();
    assert_eq!(records::decode(&bytes, |record| read.push(record)), Some(&[][..]));
    assert_eq!(read, records);
    // The control: another version is not read, and another byte is not the same records.
    assert_eq!(records::decode(&[&[3], &bytes[1..]].concat(), |_| {}), None);
    let mut other = bytes.clone();
    *other.last_mut().unwrap() += 1;
    read.clear();
    assert!(records::decode(&other, |record| read.push(record)).is_some() && read != records);
}

#[test]
fn documented_evidence_is_written_and_read() {
    let bytes = example("evidence").concat();
    let documented = documented_evidence();
    let mut packer = evidence::Packer::default();
    assert_eq!(documented.each_ref().map(|one| packer.add(one)), [0, 1]);
    assert_eq!(packer.finish(), std::slice::from_ref(&bytes));
    let mut read = Vec::new();
    assert!(evidence::decode(&bytes, |place, one| read.push((place, one))));
    let [first, second] = documented;
    assert_eq!(read, [(0, first), (1, second)]);
    // The control: another version is not read, and no result has the code 15.
    assert!(!evidence::decode(&[&[2], &bytes[1..]].concat(), |_, _| {}));
    let (last, rest) = bytes.split_last().unwrap();
    assert_eq!(*last, 2);
    assert!(!evidence::decode(&[rest, &[15]].concat(), |_, _| {}));
}

#[test]
fn a_documented_small_report_has_its_evidence_inside() {
    let record = PackedRecord {
        evidence: 0,
        ..documented_records()[0]
    };
    let only = Evidence {
        header_from: Some("example.com".into()),
        ..Evidence::default()
    };
    let mut packer = evidence::Packer::default();
    packer.add(&only);
    let (row, block) = (packed(&[record]), packer.finish().concat());
    let bytes = example("small_report").concat();
    assert_eq!(records::with_evidence_inside(&row, &block), Some(bytes.clone()));
    let mut read = Vec::new();
    assert_eq!(records::decode(&bytes, |record| read.push(record)), Some(&*block));
    assert_eq!(read, [record]);
}

#[test]
fn a_documented_mail_is_written_and_read() {
    let bytes = example("stored_mail").concat();
    let received = vec![b'a'; 600];
    assert_eq!(stored_bytes::unpack(Some(600), &bytes).as_deref(), Some(&*received));
    assert_eq!(stored_bytes::unpack(Some(601), &bytes), None, "the control");
    assert_eq!(StoredBytes::from(received).packed().stored(), bytes);
    assert!(PAGE.contains("unpacked_len is 600") && PAGE.contains("above 1,032 times"));
}

#[test]
fn documented_daily_sources_are_written_and_read() {
    let bytes = example("daily_sources").concat();
    assert_eq!(rollup::encode(&documented_sources()), bytes);
    assert_eq!(rollup::unpack(&bytes), Some(documented_sources()));
    assert_eq!(rollup::unpack(&bytes[..bytes.len() - 1]), None, "the control");
    assert!(PAGE.contains("slot 83144 is part 0 of 2026-11-29"));
    assert_eq!(rollup::slot(Day::from_unix(1_795_910_400), 0), 83_144);
    assert_eq!(Day::from_unix(1_795_910_400).to_string(), "2026-11-29");
    assert!(PAGE.contains("up to 256, 2,048, 16,384 and any number of entries"));
    assert_eq!(rollup::PARTS, [256, 2_048, 16_384, usize::MAX]);
}

#[test]
fn documented_identity_has_the_documented_key() {
    let mut report = Report::default();
    report.policy.domain = "example.com".into();
    report.metadata.report_id = "r1".into();
    report.metadata.window = Window {
        begin: 1_764_288_000,
        end: 1_764_374_399,
    };
    let reporter = Reporter::named(Some("noreply@reporter.example"), None);
    let key = IdentityKey::new(&reporter, &report);
    let digest = Sha256::digest(example("identity").concat());
    assert_eq!(&digest[..16], key.as_bytes());
    assert_eq!(example("identity_key").concat(), key.as_bytes());
    report.metadata.window.end += 1;
    assert_ne!(
        &digest[..16],
        IdentityKey::new(&reporter, &report).as_bytes(),
        "the control"
    );
}

#[test]
fn documented_codes_are_the_codes() {
    let row = |set: &str, codes: Vec<(u8, &str)>| {
        let codes: Vec<_> = codes.iter().map(|(code, word)| format!("{code} {word}")).collect();
        format!("| {set} | {} |\n", codes.join(", "))
    };
    macro_rules! codes {
        ($kind:ident) => {
            $kind::ALL
                .iter()
                .map(|value| (value.code(), value.word()))
                .collect()
        };
    }
    for row in [
        row("disposition", codes!(Disposition)),
        row("authentication result", codes!(AuthResult)),
        row("SPF scope", codes!(SpfScope)),
        row("reason", codes!(ReasonKind)),
        row("raw field", codes!(RawField)),
    ] {
        assert!(PAGE.contains(&row), "docs/storage.md does not say: {row}");
    }
    assert!(!PAGE.contains(&row("disposition", vec![(0, "none")])), "the control");
}
