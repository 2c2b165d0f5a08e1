use super::*;
use crate::report::aggregate::{DkimAuth, Evidence, SpfAuth, Verdict};
use crate::tally::testdata::{dkim, evidence, reason, spf, verdict};

pub(super) const DOMAIN: &str = "example.com";

/// An own signature with a selector.
pub(super) fn own(selector: &str) -> DkimAuth {
    DkimAuth {
        selector: Some(selector.into()),
        ..dkim(DOMAIN, "pass")
    }
}

fn with_reason(mut evidence: Evidence, kind: &str, comment: &str) -> Evidence {
    evidence.reasons.push(reason(kind, comment));
    evidence
}

pub(super) fn path(evidence: &Evidence, verdict: Verdict) -> (Path<'_>, Way) {
    (Path::new(evidence, DOMAIN), Way::of_verdict(0, verdict))
}

pub(super) const ALIGNED: (bool, bool) = (true, false);
pub(super) const UNALIGNED: (bool, bool) = (false, false);

/// Signatures `s1` (1,000 messages, at home at the domain itself), `ses` (500, at home at amazonses.com), `camp` (100, at
/// home at campaigns.example), `host` (100, most of which come from a host that SPF does not list), `few` (10).
fn homes() -> Homes {
    let mut homes = Homes::default();
    let mut add = |selector: &str, mail_from: SpfAuth, aligned: (bool, bool), messages| {
        let found = evidence(&[own(selector)], &[mail_from]);
        homes.add(&path(&found, verdict(aligned.0, aligned.1)), messages);
    };
    add("s1", spf("example.com", "pass"), (true, true), 900);
    add("s1", spf("example.com", "fail"), ALIGNED, 80);
    add("s1", spf("bounce.alumni.example", "pass"), ALIGNED, 20);
    add("ses", spf("eu-west-1.amazonses.com", "pass"), ALIGNED, 500);
    add("camp", spf("b.campaigns.example", "pass"), ALIGNED, 90);
    add("camp", spf("between.example", "pass"), ALIGNED, 10);
    add("host", spf("example.com", "softfail"), ALIGNED, 60);
    add("host", spf("example.com", "pass"), (true, true), 40);
    add("few", spf("campaigns.example", "pass"), ALIGNED, 10);
    // A signature that did not pass has no home.
    add("s1", spf("spoofer.example", "pass"), UNALIGNED, 1_000_000);
    homes
}

fn rule(evidence: &Evidence, aligned: (bool, bool), operator: Option<u32>) -> &'static str {
    let services = Services::built_in();
    let operator = operator.map(|asn| services.by_asn(asn).expect("a known network"));
    let path = path(evidence, verdict(aligned.0, aligned.1));
    FlowRule::new(&path, operator.map(|operator| &**operator), &homes(), &services).word()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_rule_decides_what_it_should() {
    let check = |dkims: &[DkimAuth], spfs: &[SpfAuth], aligned, operator, expect: &str| {
        let found = evidence(dkims, spfs);
        assert_eq!(rule(&found, aligned, operator), expect, "{found:?}");
    };
    let pass = |name: &str| vec![spf(name, "pass")];
    check(&[own("s1")], &pass("example.com"), (true, true), None, "direct");
    check(&[], &pass("bounce.example.com"), (false, true), None, "direct");
    // Strict alignment: it is still the domain's own mail.
    check(&[own("s1")], &pass("bounce.example.com"), ALIGNED, None, "direct");
    check(&[dkim("googlegroups.com", "pass")], &[], UNALIGNED, None, "list");
    check(&[own("s1")], &pass("mail.bounce.topicbox.com"), ALIGNED, None, "list");
    check(
        &[own("s1"), dkim("sendgrid.net", "pass")],
        &pass("example.org"),
        ALIGNED,
        None,
        "service_aligned",
    );
    check(&[own("s1")], &pass("x.amazonses.com"), ALIGNED, None, "service_aligned");
    // The same on a network of its own, of its family, and of a mailbox provider that passed it on.
    check(
        &[own("s1"), dkim("sendgrid.net", "pass")],
        &[],
        ALIGNED,
        Some(11_377),
        "service_aligned",
    );
    check(
        &[own("s1")],
        &pass("x.bounces.google.com"),
        ALIGNED,
        Some(15_169),
        "service_aligned",
    );
    check(
        &[own("s1"), dkim("sendgrid.net", "pass")],
        &[],
        ALIGNED,
        Some(15_169),
        "forwarded_copy_of_service",
    );
    check(&[own("s1")], &pass("gmail.com"), ALIGNED, None, "forwarded_rewritten");
    check(
        &[own("few")],
        &pass("hotmail.com"),
        ALIGNED,
        None,
        "forwarded_rewritten",
    );
    check(
        &[own("camp")],
        &pass("c.campaigns.example"),
        ALIGNED,
        None,
        "home_foreign",
    );
    check(
        &[own("host")],
        &[spf("example.com", "softfail")],
        ALIGNED,
        None,
        "home_own_failing",
    );
    check(
        &[own("s1")],
        &pass("srs.alumni.example"),
        ALIGNED,
        None,
        "away_from_home",
    );
    check(
        &[own("s1")],
        &[spf("example.com", "fail")],
        ALIGNED,
        None,
        "away_from_home",
    );
    check(
        &[own("camp")],
        &pass("between.example"),
        ALIGNED,
        None,
        "possibly_forwarded",
    );
    check(
        &[own("few")],
        &pass("campaigns.example"),
        ALIGNED,
        None,
        "possibly_forwarded",
    );
    check(
        &[own("s1")],
        &pass("never-seen.example"),
        ALIGNED,
        None,
        "possibly_forwarded",
    );
    check(
        &[own("s1")],
        &[spf("other.example", "fail")],
        ALIGNED,
        None,
        "possibly_forwarded",
    );
    check(&[], &[], ALIGNED, None, "possibly_forwarded");
    check(
        &[dkim("sendgrid.net", "pass")],
        &[],
        UNALIGNED,
        None,
        "service_unaligned",
    );
    check(&[], &pass("mcsv.net"), UNALIGNED, None, "service_unaligned");
    check(
        &[dkim("example.com", "fail")],
        &pass("unknown.example"),
        UNALIGNED,
        None,
        "unknown",
    );
    check(&[], &[], UNALIGNED, Some(15_169), "unknown");
}

#[test]
fn reasons_decide_where_the_rules_say_so() {
    let check = |found: Evidence, aligned, expect: &str| {
        assert_eq!(rule(&found, aligned, None), expect, "{found:?}");
    };
    let broken = || evidence(&[dkim("example.com", "fail")], &[spf("lists.example", "pass")]);
    check(with_reason(broken(), "mailing_list", ""), UNALIGNED, "list");
    check(
        with_reason(broken(), "trusted_forwarder", ""),
        UNALIGNED,
        "forwarded_as_reported",
    );
    check(
        with_reason(broken(), "local_policy", "arc=pass as.1=pass"),
        UNALIGNED,
        "forwarded_as_reported",
    );
    check(with_reason(broken(), "local_policy", "arc=fail"), UNALIGNED, "unknown");
    // A weak word: only without any foreign identity, and it remains unknown.
    check(with_reason(broken(), "forwarded", ""), UNALIGNED, "unknown");
    let alone = || evidence(&[dkim("example.com", "fail")], &[]);
    check(with_reason(alone(), "forwarded", ""), UNALIGNED, "said_to_be_forwarded");
    check(with_reason(evidence(&[], &[]), "forwarded", ""), UNALIGNED, "unknown");
    let mailgun = evidence(&[own("s1"), dkim("mailgun.org", "pass")], &[]);
    check(with_reason(mailgun, "forwarded", ""), ALIGNED, "service_aligned");
    let direct = evidence(&[own("s1")], &[spf("example.com", "pass")]);
    check(with_reason(direct, "mailing_list", ""), (true, true), "direct");
}

#[test]
fn every_rule_has_a_flow_and_every_flow_a_class() {
    // What is not the owner's, only the owner says.
    for flow in Flow::ALL.iter().filter(|flow| **flow != Flow::NotOurs) {
        assert!(FlowRule::ALL.iter().any(|rule| rule.flow() == *flow), "{}", flow.word());
    }
    assert_eq!(Flow::Direct.class_of_service(), Class::Service);
    assert_eq!(Flow::Direct.class(), Class::Own);
    for flow in &Flow::ALL[1..] {
        assert_eq!(flow.class_of_service(), flow.class(), "{}", flow.word());
    }
    let mut counts = FlowCounts::default();
    assert_eq!(counts.main(), None);
    counts.add(Flow::Open, 3);
    counts.add(Flow::List, 3);
    assert_eq!((counts.main(), counts.messages()), (Some(Flow::List), 6));
}

#[test]
fn signatures_and_buckets_have_limits() {
    let mut homes = homes();
    for nth in 0..SIGNATURES_MAX * 2 {
        let found = evidence(&[own(&format!("x{nth}"))], &[spf("example.com", "pass")]);
        homes.add(&path(&found, verdict(true, true)), 1);
        let found = evidence(&[own("s1")], &[spf(&format!("d{nth}.example"), "pass")]);
        homes.add(&path(&found, verdict(true, false)), 1);
    }
    assert_eq!(homes.signatures.len(), SIGNATURES_MAX);
    let of_s1 = &homes.signatures[&(Box::from(DOMAIN), Box::from("s1"))];
    assert_eq!(of_s1.buckets.len(), BUCKETS_MAX);
    assert_eq!(
        of_s1.messages,
        1_000 + 2 * SIGNATURES_MAX as u64,
        "all of its messages count"
    );
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn record() -> impl Strategy<Value = (Evidence, bool, bool, u64)> {
        let name = "(example\\.com|mail\\.example\\.com|sendgrid\\.net|gmail\\.com|googlegroups\\.com|[a-c]\\.example)";
        let result = prop_oneof![Just("pass"), Just("fail"), Just("none")];
        let dkims = proptest::collection::vec((name, result.clone()), 0..3);
        let parts = (
            dkims,
            (name, result),
            0..4_usize,
            any::<bool>(),
            any::<bool>(),
            0_u64..50,
        );
        parts.prop_map(|(dkims, mail_from, why, dkim_aligned, spf_aligned, messages)| {
            let dkims: Vec<_> = dkims.iter().map(|(name, result)| dkim(name, result)).collect();
            let mut found = evidence(&dkims, &[spf(&mail_from.0, mail_from.1)]);
            let reasons = [
                ("", ""),
                ("forwarded", ""),
                ("mailing_list", ""),
                ("local_policy", "arc=pass"),
            ];
            if why > 0 {
                found.reasons.push(reason(reasons[why].0, reasons[why].1));
            }
            (found, dkim_aligned, spf_aligned, messages)
        })
    }

    proptest! {
        /// Flows partition the messages, whatever they are; and another report changes no direct message.
        #[test]
        fn every_message_has_one_flow(records in proptest::collection::vec(record(), 0..20), later in record()) {
            let services = Services::built_in();
            let mut homes = Homes::default();
            let paths: Vec<_> = records
                .iter()
                .map(|(found, dkim, spf, messages)| (path(found, verdict(*dkim, *spf)), *messages))
                .collect();
            paths.iter().for_each(|(path, messages)| homes.add(path, *messages));
            let flows = |homes: &Homes| -> Vec<_> {
                paths.iter().map(|(path, _)| FlowRule::new(path, None, homes, &services).flow()).collect()
            };
            let before = flows(&homes);
            let mut counts = FlowCounts::default();
            before.iter().zip(&paths).for_each(|(flow, (_, messages))| counts.add(*flow, *messages));
            prop_assert_eq!(counts.messages(), paths.iter().map(|(_, messages)| messages).sum::<u64>());
            homes.add(&path(&later.0, verdict(later.1, later.2)), later.3);
            for (before, after) in before.into_iter().zip(flows(&homes)) {
                prop_assert_eq!(before == Flow::Direct, after == Flow::Direct);
            }
        }

        /// Without a pass there is no service, and no forwarder but by the reporter's word.
        #[test]
        fn failed_messages_are_unknown((found, ..) in record(), asn in prop_oneof![Just(15_169), Just(11_377), Just(8_075)]) {
            let services = Services::built_in();
            let mut found = found;
            for dkim in &mut found.dkim {
                dkim.result = crate::report::aggregate::AuthResult::Fail;
            }
            found.spf[0].result = crate::report::aggregate::AuthResult::Fail;
            found.reasons.clear();
            let operator = services.by_asn(asn).map(|service| &**service);
            let rule = FlowRule::new(&path(&found, verdict(false, false)), operator, &homes(), &services);
            prop_assert_eq!(rule.flow(), Flow::Unknown);
        }
    }
}
