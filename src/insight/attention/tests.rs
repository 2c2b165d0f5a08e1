use super::*;
use crate::store::testdata::domain;

fn facts(name: &str) -> Facts {
    Facts {
        domain: Arc::new(Domain {
            public_id: format!("dom_{name}"),
            status: DomainStatus::Verified,
            ..domain(name)
        }),
        messages: 100,
        held: 0,
        to_fix: senders(0, 0),
        failing: senders(0, 0),
        silent: Vec::new(),
    }
}

fn senders<T>(count: u64, messages: u64) -> Senders<T> {
    Senders {
        count,
        messages,
        largest: None,
    }
}

/// The kind, the domain and the messages of each.
fn told(findings: &[Finding]) -> Vec<(&str, String, u64)> {
    let told = findings.iter().map(|one| {
        let domain = one.domain.as_ref().map(|domain| domain.name.to_string());
        (one.concern.word(), domain.unwrap_or_default(), one.messages)
    });
    told.collect()
}

#[test]
fn what_concerns_messages_comes_first_then_what_is_held_unverified_and_unread() {
    let domains = vec![
        Facts {
            held: 3,
            ..facts("a.example")
        },
        Facts {
            to_fix: senders(2, 40),
            failing: senders(1, 6),
            ..facts("b.example")
        },
        Facts {
            to_fix: senders(1, 90),
            silent: vec![Silent {
                org_name: "reporter.example".to_owned(),
                messages: 50,
                last_report: Some(Day(20_000)),
            }],
            domain: Arc::new(Domain {
                status: DomainStatus::Pending,
                ..(*facts("c.example").domain).clone()
            }),
            ..facts("c.example")
        },
    ];
    let found = judge(domains, 7);
    let at = |domain: &str, kind, messages| (kind, domain.to_owned(), messages);
    assert_eq!(
        told(&found.most_important()),
        [
            at("c.example", "to_fix", 90),
            at("c.example", "reporter_silent", 50),
            at("b.example", "to_fix", 40),
            at("b.example", "failing_sources", 6),
            at("a.example", "reports_held", 100),
            at("c.example", "records_missing", 100),
            at("", "quarantined", 0),
        ]
    );
    for finding in found.most_important() {
        assert!(finding.reason().ends_with('.') && finding.action().ends_with('.'));
    }
}

#[test]
fn a_few_messages_that_fail_are_no_finding() {
    let domain = |to_fix, failing| Facts {
        to_fix: senders(1, to_fix),
        failing: senders(1, failing),
        ..facts("a.example")
    };
    assert!(judge(vec![domain(4, 4)], 0).most_important().is_empty());
    assert_eq!(judge(vec![domain(5, 5)], 0).most_important().len(), 2);
}

#[test]
fn what_is_not_listed_is_still_counted() {
    let domains = (0..50).map(|nth| Facts {
        to_fix: senders(1, 5 + nth),
        ..facts(&format!("d{nth}.example"))
    });
    let found = judge(domains.collect(), 0);
    let listed = found.most_important();
    assert_eq!((listed.len(), found.about(Concern::ToFix).len()), (20, 50));
    // Those with the most messages.
    assert_eq!((listed[0].messages, listed[19].messages), (54, 35));
}

#[test]
fn a_reason_names_what_it_is_about() {
    let domain = Facts {
        to_fix: Senders {
            count: 2,
            messages: 1_234,
            largest: Some("SendGrid".to_owned()),
        },
        ..facts("a.example")
    };
    assert_eq!(
        judge(vec![domain], 0).about(Concern::ToFix)[0].reason(),
        "2 senders of yours fail: 1,234 messages in 30 days, most of SendGrid."
    );
}
