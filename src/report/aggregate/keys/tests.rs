//! The keys are stored for ever: golden values hold the encoding still, properties show what it tells apart.

use super::super::{AuthResult, DiscoveryMethod, Disposition, PassFail, Policy, RawField, ReasonKind, SpfScope};
use sha2::{Digest as _, Sha256};

use super::*;
use proptest::prelude::*;

/// A report with every field filled.
fn full() -> Report {
    Report {
        namespace: Some("urn:ietf:params:xml:ns:dmarc-2.0".into()),
        version: Some("1.0".into()),
        metadata: Metadata {
            org_name: Some("Reporter Inc.".into()),
            email: Some("dmarc@Reporter.example".into()),
            extra_contact_info: Some("https://reporter.example/".into()),
            report_id: "2026.1".into(),
            window: Window {
                begin: 1_767_225_600,
                end: 1_767_311_999,
            },
            errors: vec!["none".into()],
            generator: Some("Tallyho 1".into()),
        },
        policy: PolicyPublished {
            domain: "example.com".into(),
            p: Some(Policy::Reject),
            sp: Some(Policy::Quarantine),
            np: Some(Policy::None),
            adkim: Some(AlignmentMode::Strict),
            aspf: Some(AlignmentMode::Relaxed),
            pct: Some(100),
            fo: Some("1:d".into()),
            testing: Some(true),
            discovery_method: Some(DiscoveryMethod::Treewalk),
        },
        records: [record("192.0.2.1", 0, 7), record("2001:db8::1", 1, 1)]
            .into_iter()
            .collect(),
        evidence: vec![evidence(), Evidence::default()],
        partial: false,
    }
}

fn record(source: &str, evidence: u32, count: u64) -> Record {
    Record {
        source: source.parse().ok(),
        evaluated: Evaluated {
            disposition: Some(Disposition::None),
            dkim: Some(PassFail::Pass),
            spf: Some(PassFail::Fail),
        },
        evidence,
        count,
    }
}

fn evidence() -> Evidence {
    Evidence {
        header_from: Some("example.com".into()),
        envelope_from: Some("".into()),
        envelope_to: Some("reporter.example".into()),
        dkim: vec![DkimAuth {
            domain: Some("example.com".into()),
            selector: Some("s1".into()),
            result: AuthResult::Pass,
            result_raw: Some("Pass".into()),
            human_result: Some("ok".into()),
        }],
        spf: vec![SpfAuth {
            domain: Some("bounce.example.org".into()),
            scope: Some(SpfScope::Mfrom),
            result: AuthResult::Softfail,
            result_raw: None,
            human_result: None,
        }],
        reasons: vec![Reason {
            kind: ReasonKind::MailingList,
            kind_raw: None,
            comment: Some("list".into()),
        }],
        raw: vec![RawText {
            field: RawField::SourceIp,
            text: "x".into(),
        }],
    }
}

fn content(report: &Report) -> ContentKey {
    ContentKey::new(&Reporter::from_metadata(&report.metadata), report)
}

fn identity(report: &Report) -> IdentityKey {
    IdentityKey::new(&Reporter::from_metadata(&report.metadata), report)
}

#[test]
fn reporters() {
    let check = |email: Option<&str>, org_name: Option<&str>, expect: &str| {
        let metadata = Metadata {
            email: email.map(Box::from),
            org_name: org_name.map(Box::from),
            ..Metadata::default()
        };
        assert_eq!(Reporter::from_metadata(&metadata).as_str(), expect);
    };
    check(Some("noreply@Reporter.Example"), Some("Reporter"), "reporter.example");
    check(Some("<noreply@reporter.example>"), None, "reporter.example");
    check(Some("nobody"), Some(" Reporter Inc. "), "reporter inc.");
    check(Some("nobody@"), Some("REPORTER"), "reporter");
    check(None, Some("Reporter"), "reporter");
    check(None, None, "");
}

#[test]
fn golden_values() {
    assert_eq!(identity(&full()).to_string(), "b4a913e3a9067a8f6e0b9c0b7c9b117d");
    assert_eq!(content(&full()).to_string(), "a9b9be4a112991a076df00c691d37f7e");
    assert_eq!(
        content(&Report::default()).to_string(),
        "d988be26ae7f3c9db73a46e6a9265c84"
    );
}

#[test]
fn texts_that_are_only_shown_do_not_count() {
    let mut report = full();
    report.namespace = None;
    report.version = None;
    report.metadata.org_name = None;
    report.metadata.extra_contact_info = None;
    report.metadata.errors.clear();
    report.metadata.generator = None;
    assert_eq!(content(&report), content(&full()));
    assert_eq!(identity(&report), identity(&full()));
    report.metadata.report_id = "2026.2".into();
    assert_eq!(content(&report), content(&full()));
    assert_ne!(identity(&report), identity(&full()));
}

#[test]
fn every_other_field_counts() {
    let changes: Vec<fn(&mut Report)> = vec![
        |r| r.metadata.email = Some("dmarc@other.example".into()),
        |r| r.metadata.window.begin += 1,
        |r| r.metadata.window.end += 1,
        |r| r.policy.domain = "example.org".into(),
        |r| r.policy.p = None,
        |r| r.policy.sp = Some(Policy::None),
        |r| r.policy.np = None,
        |r| r.policy.adkim = None,
        |r| r.policy.aspf = Some(AlignmentMode::Strict),
        |r| r.policy.pct = None,
        |r| r.policy.fo = None,
        |r| r.policy.testing = Some(false),
        |r| r.policy.discovery_method = None,
        |r| r.records = [r.records[1], r.records[0]].into_iter().collect(),
        |r| r.evidence.swap(0, 1),
        |r| r.records = [r.records[0]].into_iter().collect(),
        |r| r.records[0].count += 1,
        |r| r.records[0].source = None,
        |r| r.records[0].evaluated.dkim = None,
        |r| r.records[0].evidence = 1,
        |r| r.evidence[0].envelope_from = None,
        |r| r.evidence[0].dkim[0].human_result = None,
        |r| r.evidence[0].spf[0].scope = None,
        |r| r.evidence[0].reasons[0].comment = None,
        |r| r.evidence[0].raw.clear(),
        |r| r.evidence[1].header_from = Some("".into()),
    ];
    let mut seen = vec![content(&full())];
    for (nth, change) in changes.into_iter().enumerate() {
        let mut report = full();
        change(&mut report);
        let key = content(&report);
        assert!(!seen.contains(&key), "change {nth}");
        seen.push(key);
    }
}

fn with_evidence(evidence: Evidence) -> Report {
    Report {
        evidence: vec![evidence],
        ..full()
    }
}

#[test]
fn a_long_text_goes_past_the_buffer() {
    let key = |length| {
        content(&with_evidence(Evidence {
            header_from: Some("a".repeat(length).into()),
            ..Evidence::default()
        }))
    };
    assert_ne!(key(Encoder::BUFFER_BYTES), key(Encoder::BUFFER_BYTES + 1));
}

proptest! {
    /// How the writes fall into the buffer does not matter.
    #[test]
    fn the_buffer_changes_nothing(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6_000), 0..8)) {
        let mut encoder = Encoder::new(b"");
        pieces.iter().for_each(|piece| encoder.bytes(piece));
        let mut whole = 0u64.to_le_bytes().to_vec();
        whole.extend(pieces.concat());
        prop_assert_eq!(&encoder.finish()[..], &Sha256::digest(&whole)[..16]);
    }

    /// Moving the border between two texts changes the key.
    #[test]
    fn borders_between_texts_count(text in "[a-z]{2,20}", at in 0usize..20, other in 0usize..20) {
        let (at, other) = (at % text.len(), other % text.len());
        let key = |at: usize| content(&with_evidence(Evidence {
            header_from: Some(text[..at].into()),
            envelope_from: Some(text[at..].into()),
            ..Evidence::default()
        }));
        prop_assert_eq!(key(at) == key(other), at == other);
    }

    #[test]
    fn keys_round_trip(bytes in any::<[u8; 16]>()) {
        prop_assert_eq!(ContentKey::from_slice(ContentKey(bytes).as_bytes()), Some(ContentKey(bytes)));
        prop_assert_eq!(ContentKey(bytes).to_string().len(), 32);
    }
}
