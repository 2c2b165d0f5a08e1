//! Each sentence with the case that causes it.

use super::*;
use crate::base::Purpose;
use crate::enrich::Category;
use crate::insight::Origin;
use crate::store::{DomainDns, RecordCheck, RecordState};

fn policy(p: &str, sp: &str, np: &str) -> PolicyPublished {
    PolicyPublished {
        p: Policy::from_word(p),
        sp: Policy::from_word(sp),
        np: Policy::from_word(np),
        ..PolicyPublished::default()
    }
}

/// The policy of example.com, by what DNS has.
fn in_dns(state: RecordState, found: &[&str]) -> Published {
    let check = RecordCheck {
        purpose: Purpose::Dmarc,
        expected: String::new(),
        verified: false,
        found: found.iter().map(|text| (*text).to_owned()).collect(),
        problem: None,
        state,
        at: None,
        suggestion: None,
    };
    let in_force = InForce::of_dns(&DomainDns {
        checks: vec![check],
        ..DomainDns::default()
    });
    let policy = in_force.asked("example.com");
    Published {
        origin: match policy {
            Some(_) => Origin::Dns,
            None => Origin::Nothing,
        },
        policy: policy.unwrap_or_default(),
        in_force,
    }
}

/// A record as a check keeps it: its end is cut off, where it may have `sp=none`.
fn cut() -> String {
    let long = format!("v=DMARC1; p=reject; x={}", "y".repeat(2_000));
    long.chars().take(1_024).collect()
}

fn named(rule: Rule, name: &str, fact: &str) -> Option<Named> {
    Some(Named {
        rule,
        name: name.into(),
        category: Some(Category::Marketing),
        fact: fact.into(),
    })
}

fn sender(named: Option<Named>, unaligned: u64) -> SenderFacts {
    let mut flows = FlowCounts::default();
    flows.add(Flow::Unaligned, unaligned);
    SenderFacts {
        named,
        sources: 1,
        flows,
    }
}

/// Everything passes, and the policy is none.
fn ready() -> Facts {
    let counts = |pass, fail| Counts {
        pass,
        fail,
        ..Counts::default()
    };
    Facts {
        range: DayRange {
            first: Day(20_000),
            last: Day(20_029),
        },
        published: in_dns(RecordState::Found, &["v=DMARC1; p=none"]),
        seen_since: Some(Day(19_900)),
        days: 30,
        flows: Flow::ALL
            .iter()
            .map(|flow| match flow {
                Flow::Direct => (*flow, counts(900, 0)),
                Flow::Service => (*flow, counts(100, 0)),
                Flow::Forwarded => (*flow, counts(20, 4)),
                Flow::Unknown => (*flow, counts(0, 50)),
                _ => (*flow, Counts::default()),
            })
            .collect(),
        senders: Vec::new(),
        new_senders: (0, 0),
        has_records: true,
        silent: Vec::new(),
    }
}

fn with_fails(facts: &mut Facts, fails: u64) {
    for (flow, counts) in &mut facts.flows {
        if *flow == Flow::Unaligned {
            counts.fail = fails;
        }
    }
}

#[test]
fn all_checks_pass_and_the_next_step_is_named() {
    let found = judge(ready());
    assert_eq!(found.verdict, Verdict::Ready);
    assert_eq!(found.says, "You may publish p=quarantine: all checks pass.");
    assert!(found.checks.iter().all(|one| one.passed), "{:?}", found.checks);
    assert_eq!(
        found.failing,
        Failing {
            forwarded: 4,
            unknown: 50,
            ..Failing::default()
        }
    );
    let says: Vec<_> = found.checks.iter().map(|one| one.says.as_str()).collect();
    assert_eq!(
        says,
        [
            "30 of the days have messages; at least 14 are needed.",
            "1,000 of your 1,000 messages pass; at least 98 % must.",
            "No new address has mail to fix in the last 14 days.",
            "DNS has every record that the domain must publish.",
            "The largest reporters report.",
        ]
    );
}

#[test]
fn steps_are_taken_one_after_the_other() {
    let testing = |policy: PolicyPublished| PolicyPublished {
        testing: Some(true),
        ..policy
    };
    let part = |policy: PolicyPublished| PolicyPublished {
        pct: Some(20),
        ..policy
    };
    for (policy, expect) in [
        (policy("none", "", ""), Some("p=quarantine")),
        (policy("none", "reject", ""), Some("p=quarantine")),
        (policy("quarantine", "", ""), Some("p=reject")),
        (testing(policy("quarantine", "", "")), Some("the record without t")),
        (part(policy("reject", "", "")), Some("the record without pct")),
        (policy("reject", "quarantine", ""), Some("the record without sp")),
        (policy("reject", "none", "reject"), Some("the record without sp")),
        (policy("reject", "", "none"), Some("the record without np")),
        (policy("reject", "", ""), None),
        (policy("reject", "reject", "reject"), None),
        (policy("", "", ""), Some("p=quarantine")),
    ] {
        assert_eq!(next(&policy).map(step_text).as_deref(), expect, "{policy:?}");
    }
}

#[test]
fn nothing_to_do_and_no_data_are_said() {
    let mut done = ready();
    done.published = in_dns(RecordState::Found, &["v=DMARC1; p=reject"]);
    let done = judge(done);
    assert_eq!((done.verdict, done.next), (Verdict::Done, None));
    assert_eq!(
        done.says,
        "Nothing to do: receivers are asked to reject what fails, for subdomains too."
    );
    let mut empty = ready();
    empty
        .flows
        .iter_mut()
        .for_each(|(_, counts)| *counts = Counts::default());
    let empty = judge(empty);
    assert_eq!(empty.verdict, Verdict::NoData);
    assert_eq!(
        empty.says,
        "No message was reported for these days, so nothing can be said."
    );
    assert_eq!(empty.checks[1].says, "No message is known to be yours.");
}

#[test]
fn a_record_that_receivers_follow_is_the_first_step() {
    use RecordState::{Found, Missing, Unchecked, Unreadable, Wrong};
    for (state, found, says) in [
        (
            Missing,
            &[][..],
            "No DMARC record is known: publish the one under DNS set-up first.",
        ),
        (
            Wrong,
            &["v=DMARC1; p=reject", "v=DMARC1; p=none", "v=DMARC1; p=reject; sp=none"],
            "DNS has 3 DMARC records, so receivers use none of them: keep one, as DNS set-up says.",
        ),
        (
            Wrong,
            &["v=dmarc1; p=reject"],
            "Receivers do not take what DNS has for a DMARC record: correct it, as DNS set-up says.",
        ),
        (
            Wrong,
            &["v=DMARC1; p=reject; p=none"],
            "Receivers ignore the DMARC record that DNS has, because it is faulty: correct it, as DNS set-up says.",
        ),
        (
            Missing,
            &["_dmarc.example.com: v=DMARC1; p=reject; p=none"],
            "The domain has no DMARC record of its own, and receivers ignore that of example.com, because it is faulty: \
             publish the one under DNS set-up first.",
        ),
        (
            Missing,
            &["_dmarc.example.com: v=DMARC1; p=reject; sp=quarantine"],
            "The domain has no record of its own; the policy is that of example.com: publish a record of its own first, \
             with p=quarantine (see DNS set-up).",
        ),
        (
            Unchecked,
            &[],
            "DNS was not looked at yet, and no report has the policy: verify the domain under DNS set-up first.",
        ),
        (
            Unreadable,
            &[],
            "DNS could not be read at the last check, and no report has the policy: verify the domain again under DNS \
             set-up first.",
        ),
        (
            Found,
            &[&*cut()],
            "DNS has more or longer DMARC records than a check keeps, and no report has the policy: keep one, and \
             shorten it first.",
        ),
    ] {
        let mut facts = ready();
        facts.published = in_dns(state, found);
        let found = judge(facts);
        assert_eq!((found.verdict, found.says.as_str()), (Verdict::NoRecord, says));
        assert_eq!((found.next, found.record()), (None, None), "{says}");
    }
}

#[test]
fn a_verdict_says_where_the_policy_is_from_if_it_is_no_record_of_the_domains_own() {
    let mut inherited = ready();
    inherited.published = in_dns(RecordState::Found, &["_dmarc.example.com: v=DMARC1; p=reject"]);
    let inherited = judge(inherited);
    assert_eq!(
        (inherited.verdict, inherited.says.as_str()),
        (
            Verdict::Done,
            "Nothing to do: receivers are asked to reject what fails, for subdomains too. The policy is that of example.com."
        )
    );
    for (state, found, origin) in [
        (
            RecordState::Unchecked,
            &[][..],
            "DNS was not looked at yet, so this is by the newest report: verify the domain under DNS set-up.",
        ),
        (
            RecordState::Unreadable,
            &[],
            "DNS could not be read at the last check, so this is by the newest report: verify the domain again under DNS \
             set-up.",
        ),
        (
            RecordState::Found,
            &[&*cut()],
            "DNS has more or longer DMARC records than a check keeps, so this is by the newest report: keep one, and \
             shorten it.",
        ),
    ] {
        for (p, says) in [
            ("none", "You may publish p=quarantine: all checks pass."),
            (
                "reject",
                "Nothing to do: receivers are asked to reject what fails, for subdomains too.",
            ),
        ] {
            let mut facts = ready();
            facts.published = Published {
                policy: policy(p, "", ""),
                origin: Origin::Report,
                ..in_dns(state, found)
            };
            let found = judge(facts);
            assert_eq!(found.says, format!("{says} {origin}"));
            assert_eq!(found.record(), None, "the record in DNS is not known");
        }
    }
}

#[test]
fn the_record_of_the_next_step_is_the_domains_own_with_one_tag_changed() {
    for (found, expect) in [
        ("v=DMARC1; p=none; fo=1", Some("v=DMARC1; p=quarantine; fo=1")),
        ("v=DMARC1; p=reject; sp=none", Some("v=DMARC1; p=reject")),
        (
            "v=DMARC1; rua=mailto:a@b.example",
            Some("v=DMARC1; p=quarantine; rua=mailto:a@b.example"),
        ),
        ("v=DMARC1; p=reject", None),
        ("_dmarc.example.com: v=DMARC1; p=none", None),
    ] {
        let mut facts = ready();
        facts.published = in_dns(RecordState::Found, &[found]);
        assert_eq!(judge(facts).record().as_deref(), expect, "{found}");
    }
}

#[test]
fn each_check_can_stand_in_the_way_alone() {
    type Change = fn(&mut Facts);
    let cases: [(Change, Check, &str); 6] = [
        (
            |facts| facts.days = 13,
            Check::Days,
            "13 of the days have messages; at least 14 are needed.",
        ),
        (
            |facts| with_fails(facts, 21),
            Check::OwnPass,
            "1,000 of your 1,021 messages pass; at least 98 % must.",
        ),
        (
            |facts| facts.new_senders = (1, 7),
            Check::NewSenders,
            "1 new address of the last 14 days has mail to fix, 7 messages.",
        ),
        (
            |facts| facts.new_senders = (2, 9),
            Check::NewSenders,
            "2 new addresses of the last 14 days have mail to fix, 9 messages.",
        ),
        (
            |facts| facts.has_records = false,
            Check::Records,
            "DNS lacks records that the domain must publish: see DNS set-up.",
        ),
        (
            |facts| facts.silent = vec!["Big Mail".to_owned(), "Other".to_owned()],
            Check::Reporters,
            "Big Mail and 1 more of the largest reporters are silent.",
        ),
    ];
    for (change, check, says) in cases {
        let mut facts = ready();
        change(&mut facts);
        let found = judge(facts);
        assert_eq!(found.verdict, Verdict::NotYet, "{says}");
        let failed: Vec<_> = found.checks.iter().filter(|one| !one.passed).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert_eq!((failed[0].check, failed[0].says.as_str()), (check, says));
        assert_eq!(found.says, "Not yet p=quarantine: 1 of 5 checks does not pass.");
    }
    let mut facts = ready();
    facts.silent = vec!["Big Mail".to_owned()];
    let found = judge(facts);
    assert_eq!(
        found.checks[4].says,
        "Big Mail, one of the largest reporters, is silent."
    );
    // 98 % of 1,000 is enough.
    let mut facts = ready();
    with_fails(&mut facts, 20);
    assert!(judge(facts).checks[1].passed);
}

#[test]
fn senders_to_fix_are_listed_with_what_to_do() {
    let mut facts = ready();
    with_fails(&mut facts, 20);
    facts.senders = vec![
        sender(named(Rule::AsName, "Somebody's network", "AS64500"), 1),
        sender(named(Rule::Dkim, "Mailchimp", "mailchimpapp.net"), 9),
        sender(named(Rule::MailFrom, "Amazon SES", "amazonses.com"), 7),
        sender(named(Rule::Own, "Office", "192.0.2.0/24"), 2),
        sender(None, 1),
        sender(named(Rule::Dkim, "Aligned", "aligned.example"), 0),
    ];
    let found = judge(facts);
    let rows: Vec<_> = found
        .blockers
        .iter()
        .map(|one| (one.messages, one.is_blocking, one.says.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            (
                9,
                true,
                "Mailchimp signs as mailchimpapp.net. Switch on DKIM for your own domain there, or decide that it is not \
                 yours."
            ),
            (
                7,
                true,
                "Amazon SES sends with MAIL FROM amazonses.com, and does not sign for your domain. Switch on DKIM for \
                 your own domain there, or decide that it is not yours."
            ),
            (
                2,
                false,
                "Office sends without an aligned signature and without being in your SPF record. Let it sign, or send \
                 through a server that does."
            ),
            (1, false, "Find out who sends this: nothing names the sender."),
            (
                1,
                false,
                "Somebody's network sends without an aligned signature. Let it sign for your domain, or decide that it \
                 is not yours."
            ),
        ]
    );
    assert_eq!(found.verdict, Verdict::NotYet);
    assert_eq!(found.says, "Not yet p=quarantine: 2 senders are to be fixed.");
    assert!(
        rows.iter()
            .all(|(.., says)| !says.to_lowercase().contains("add") || !says.contains("forward"))
    );
}

#[test]
fn few_messages_do_not_stand_in_the_way() {
    for (unaligned, blocks) in [(4, false), (5, true)] {
        let mut facts = ready();
        with_fails(&mut facts, unaligned);
        facts.senders = vec![sender(named(Rule::Dkim, "Small", "small.example"), unaligned)];
        let found = judge(facts);
        assert_eq!(found.verdict == Verdict::NotYet, blocks, "{unaligned}");
        assert_eq!(found.blockers_total, 1);
        if blocks {
            assert_eq!(found.says, "Not yet p=quarantine: 1 sender is to be fixed.");
        }
    }
    // Of many messages, few more are little.
    let mut facts = ready();
    facts.flows[0].1.pass = 1_000_000;
    with_fails(&mut facts, 99);
    facts.senders = vec![sender(named(Rule::Dkim, "Small", "small.example"), 99)];
    assert_eq!(judge(facts).verdict, Verdict::Ready);
}

#[test]
fn several_checks_are_said_in_the_plural() {
    let mut facts = ready();
    (facts.days, facts.has_records) = (1, false);
    assert_eq!(judge(facts).says, "Not yet p=quarantine: 2 of 5 checks do not pass.");
}

#[test]
fn checks_and_senders_are_said_together() {
    let mut facts = ready();
    facts.days = 1;
    facts.senders = vec![sender(named(Rule::Dkim, "Small", "small.example"), 10)];
    assert_eq!(
        judge(facts).says,
        "Not yet p=quarantine: 1 of 5 checks does not pass, and 1 sender is to be fixed."
    );
}
