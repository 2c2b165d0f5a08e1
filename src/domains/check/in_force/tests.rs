//! Every case, with what each view of it says.

use super::*;
use crate::report::aggregate::Policy as Word;

fn seen(state: RecordState, found: &[&str]) -> InForce {
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
    InForce::of_dns(&DomainDns {
        checks: vec![check],
        ..DomainDns::default()
    })
}

/// A text as it is kept of one that is longer than that.
fn cut(text: &str) -> String {
    let long = format!("{text}; x={}", "y".repeat(FOUND_CHARS_MAX));
    long.chars().take(FOUND_CHARS_MAX).collect()
}

/// The words of a policy and of where it is from.
type Applied = Option<(&'static str, &'static str)>;

/// What a policy record asks for: `p` and `sp`. `None` where it is not known.
type Asked = Option<(&'static str, &'static str)>;

fn check(found: &InForce, kind: RecordKind, asked: Asked, (domain, below): (Applied, Applied)) {
    assert_eq!(found.kind(), kind, "{found:?}");
    let word = |policy: Option<Word>| policy.map_or("", Word::word);
    let tags = found
        .asked("example.com")
        .map(|policy| (word(policy.p), word(policy.sp)));
    assert_eq!(tags, asked, "{found:?}");
    let words = |applied: Option<(String, PolicyFrom)>| applied.map(|(policy, from)| (policy, from.word()));
    let expect = |applied: Applied| applied.map(|(policy, from)| (policy.to_owned(), from));
    assert_eq!(words(found.for_domain()), expect(domain), "{found:?}");
    assert_eq!(words(found.for_names_below()), expect(below), "{found:?}");
    let is_own = found.own_record_with(&[("p", Some("reject"))]).is_some();
    assert_eq!(is_own, kind == RecordKind::Own, "{found:?}");
}

#[test]
fn a_record_says_the_same_to_the_simulator_and_to_the_list_of_names() {
    use RecordKind::{Inherited, Own};
    for (text, kind, asked, domain, below) in [
        (
            "v=DMARC1; p=reject",
            Own,
            ("reject", ""),
            ("reject", "own"),
            ("reject", "p"),
        ),
        (
            "v=DMARC1; p=reject; sp=none",
            Own,
            ("reject", "none"),
            ("reject", "own"),
            ("none", "sp"),
        ),
        (
            "v=DMARC1; p=None; SP=Quarantine; np=reject",
            Own,
            ("none", "quarantine"),
            ("none", "own"),
            ("quarantine", "sp"),
        ),
        (
            "v=DMARC1; p=reject; np=none",
            Own,
            ("reject", ""),
            ("reject", "own"),
            ("reject", "p"),
        ),
        // Without a policy it is as none.
        (
            "v=DMARC1; rua=mailto:a@b.example",
            Own,
            ("", ""),
            ("none", "own"),
            ("none", "p"),
        ),
        // A policy without a meaning is as none.
        (
            "v=DMARC1; p=all; sp=reject; rua=mailto:a@b.example",
            Own,
            ("none", ""),
            ("none", "own"),
            ("none", "sp"),
        ),
        (
            "_dmarc.example.com: v=DMARC1; p=reject",
            Inherited,
            ("reject", ""),
            ("reject", "p"),
            ("reject", "p"),
        ),
        (
            "_dmarc.example.com: v=DMARC1; p=reject; sp=none",
            Inherited,
            ("none", "none"),
            ("none", "sp"),
            ("none", "sp"),
        ),
    ] {
        for state in [RecordState::Found, RecordState::Missing] {
            let found = seen(state, &[text]);
            check(&found, kind, Some(asked), (Some(domain), Some(below)));
            let above = (kind == Inherited).then_some("example.com");
            assert_eq!(found.inherited_from(), above, "{text}");
        }
    }
}

#[test]
fn no_policy_is_said_where_receivers_follow_no_record() {
    use RecordKind::{Faulty, NotKnown, Nothing, Several};
    use RecordState::{Found, Missing, Unchecked, Unreadable, Wrong};
    let nothing = Some(("", ""));
    // The end that was cut has `sp=none`.
    let (own, above) = (cut("v=DMARC1; p=reject"), cut("_dmarc.example.com: v=DMARC1; p=reject"));
    let many = ["v=DMARC1 p=none"; FOUND_MAX];
    for (state, found, kind, asked) in [
        (Unchecked, &[][..], NotKnown, None),
        (Unreadable, &[], NotKnown, None),
        (Unreadable, &["v=DMARC1; p=none"], NotKnown, None),
        (Found, &[&*own], NotKnown, None),
        (Missing, &[&*above], NotKnown, None),
        (Wrong, &many, NotKnown, None),
        (Missing, &[], Nothing, nothing),
        // A circle of CNAMEs.
        (Wrong, &[], NotKnown, None),
        (Wrong, &["v=DMARC1; p=none", "v=DMARC1; p=reject"], Several, nothing),
        (Wrong, &[&*own, "v=DMARC1; p=none"], Several, nothing),
        (Wrong, &["v=dmarc1; p=reject"], Faulty, nothing),
        (Wrong, &["v=DMARC1; p=all"], Faulty, nothing),
        (Wrong, &["v=DMARC1; p=reject; p=none"], Faulty, nothing),
        (Found, &["v=spf1 -all"], Faulty, nothing),
        (Missing, &["_dmarc.example.com: v=DMARC1; p=all"], Faulty, nothing),
        (Missing, &["other.example.com: v=DMARC1; p=none"], Faulty, nothing),
        // A text of the domain's own that looks like one from above.
        (Wrong, &["_dmarc.example.com: v=DMARC1; p=reject"], Faulty, nothing),
        (
            Wrong,
            &["v=dmarc1; p=none", "_dmarc.example.com: v=DMARC1; p=reject"],
            Faulty,
            nothing,
        ),
    ] {
        check(&seen(state, found), kind, asked, (None, None));
    }
    check(&InForce::of_dns(&DomainDns::default()), NotKnown, None, (None, None));
    let whole: String = own.chars().take(FOUND_CHARS_MAX - 1).collect();
    let beside = cut("v=dmarc1; p=none");
    for found in [&[&*whole][..], &["v=DMARC1; p=none", &beside]] {
        assert_eq!(seen(Found, found).kind(), RecordKind::Own, "the control");
    }
}

#[test]
fn receivers_look_above_a_domain_whose_own_records_they_discard() {
    let several = ["v=DMARC1; p=none", "v=DMARC1; p=reject"];
    for (found, looks_above) in [
        (&several[..], true),
        (&["v=dmarc1; p=reject"], true),
        (&["v=DMARC1; p=reject; p=none"], false),
        (&[], false),
    ] {
        let found = seen(
            if found.is_empty() {
                RecordState::Missing
            } else {
                RecordState::Wrong
            },
            found,
        );
        assert!(found.asked("example.com").is_some(), "nothing is above: {found:?}");
        assert_eq!(found.asked("mail.example.com").is_none(), looks_above, "{found:?}");
    }
}

#[test]
fn why_it_is_not_known_what_receivers_find() {
    let cut = cut("v=DMARC1; p=reject");
    for (state, found, why) in [
        (RecordState::Unchecked, &[][..], Unread::NotLooked),
        (RecordState::Unreadable, &[], Unread::NoAnswer),
        (RecordState::Wrong, &[], Unread::NoAnswer),
        (RecordState::Found, &[&*cut], Unread::Cut),
        (RecordState::Wrong, &["v=DMARC1 p=none"; FOUND_MAX], Unread::Cut),
    ] {
        assert_eq!(seen(state, found), InForce::NotKnown(why));
    }
    let never = InForce::of_dns(&DomainDns::default());
    assert_eq!(never, InForce::NotKnown(Unread::NotLooked));
}

#[test]
fn a_record_may_make_its_domain_an_organizations() {
    for (text, expect) in [
        ("v=DMARC1; p=none; psd=n", true),
        ("v=DMARC1; p=none; psd=u", false),
        ("v=DMARC1; p=none; psd=y", false),
        ("v=DMARC1; p=none", false),
        ("_dmarc.example.com: v=DMARC1; p=none; psd=n", false),
    ] {
        assert_eq!(seen(RecordState::Found, &[text]).is_organization(), expect, "{text}");
    }
}

#[test]
fn several_are_counted_and_a_fault_has_its_place() {
    let three = ["v=DMARC1; p=none", "v=dmarc1", "v=DMARC1; p=reject", "v=DMARC1"];
    assert_eq!(seen(RecordState::Wrong, &three), InForce::Several(3));
    let above = "_dmarc.example.com: v=DMARC1; p=none; p=reject";
    for (found, place) in [(above, Some("example.com")), ("v=DMARC1; p=none; p=reject", None)] {
        let above = place.map(str::to_owned);
        assert_eq!(seen(RecordState::Missing, &[found]), InForce::Faulty { above });
    }
}

#[test]
fn what_is_found_above_is_read_as_it_is_kept() {
    let kept = to_above("example.com", "v=DMARC1; p=none");
    assert_eq!(from_above(&kept), Some(("example.com", "v=DMARC1; p=none")));
}

#[test]
fn a_record_keeps_every_tag_that_is_not_changed() {
    let reject: &[(&str, Option<&str>)] = &[("p", Some("reject"))];
    for (found, changes, expect) in [
        (
            "v=DMARC1; p=none; rua=mailto:a@x.example,mailto:b@y.example; adkim=s;fo=1",
            reject,
            Some("v=DMARC1; p=reject; rua=mailto:a@x.example,mailto:b@y.example; adkim=s;fo=1"),
        ),
        ("v=DMARC1;P=none;", reject, Some("v=DMARC1;p=reject")),
        (
            "v=DMARC1; rua=mailto:a@x.example",
            reject,
            Some("v=DMARC1; p=reject; rua=mailto:a@x.example"),
        ),
        (
            "v=DMARC1; p=quarantine; pct=20; t=y; x-own=1",
            &[("p", Some("reject")), ("pct", None), ("t", None)],
            Some("v=DMARC1; p=reject; x-own=1"),
        ),
        (
            "v=DMARC1; p=none",
            &[("sp", Some("reject"))],
            Some("v=DMARC1; p=none; sp=reject"),
        ),
        ("v=DMARC1; p=none; p=reject", reject, None),
        ("_dmarc.com: v=DMARC1; p=none", reject, None),
    ] {
        let offered = seen(RecordState::Found, &[found]).own_record_with(changes);
        assert_eq!(offered.map(|offer| offer.value).as_deref(), expect, "{found}");
    }
}
