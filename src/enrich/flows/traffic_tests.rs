//! Generated traffic with known truth: how well flows are told apart.

use super::tests::{ALIGNED, UNALIGNED, own, path};
use super::*;
use crate::report::aggregate::{DkimAuth, Evidence, SpfAuth, SpfScope};
use crate::tally::testdata::{dkim, evidence, reason, spf, verdict};

/// What really happened to messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Own,
    Service,
    Forwarded,
    Spoofed,
}

struct Sent {
    truth: Truth,
    evidence: Evidence,
    aligned: (bool, bool),
    /// AS of the address.
    asn: Option<u32>,
    messages: u64,
}

/// Numbers from a seed: a test that fails, fails again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len() as u64) as usize]
    }
}

fn sent(truth: Truth, dkims: &[DkimAuth], mail_from: SpfAuth, aligned: (bool, bool), messages: u64) -> Sent {
    Sent {
        truth,
        evidence: evidence(dkims, &[mail_from]),
        aligned,
        asn: None,
        messages,
    }
}

/// The domain's own mail, and that of its services.
#[expect(clippy::too_many_lines, reason = "a table")]
fn ordinary(numbers: &mut Numbers) -> Vec<Sent> {
    let (direct, aligned) = ((true, true), ALIGNED);
    let mut all = vec![
        sent(
            Truth::Own,
            &[own("s1")],
            spf("example.com", "pass"),
            direct,
            3_000 + numbers.below(6_000),
        ),
        sent(
            Truth::Own,
            &[],
            spf("example.com", "pass"),
            (false, true),
            numbers.below(400),
        ),
        // A host that the SPF record does not list, with a signature of its own.
        sent(
            Truth::Own,
            &[own("host")],
            spf("example.com", "softfail"),
            aligned,
            50 + numbers.below(200),
        ),
        // Amazon SES without a MAIL FROM domain of the customer's.
        sent(
            Truth::Service,
            &[own("ses"), dkim("amazonses.com", "pass")],
            spf("eu-west-1.amazonses.com", "pass"),
            aligned,
            1_000 + numbers.below(2_000),
        ),
        // SendGrid with one, on its own network.
        sent(
            Truth::Service,
            &[own("sg"), dkim("sendgrid.net", "pass")],
            spf("em1.example.com", "pass"),
            direct,
            800 + numbers.below(2_000),
        ),
        // A service that no table has.
        sent(
            Truth::Service,
            &[own("camp")],
            spf("b.campaigns.example", "pass"),
            aligned,
            300 + numbers.below(900),
        ),
        // Without a signature of the domain's.
        sent(
            Truth::Service,
            &[dkim("mailchimpapp.net", "pass")],
            spf("x.mcsv.net", "pass"),
            UNALIGNED,
            200,
        ),
        // A small part of the main signature, by another service.
        sent(
            Truth::Service,
            &[own("s1")],
            spf("x.bounces.google.com", "pass"),
            aligned,
            30 + numbers.below(60),
        ),
    ];
    // Mailgun on Amazon's network.
    all.push(sent(
        Truth::Service,
        &[own("mg"), dkim("mailgun.org", "pass")],
        spf("mg.example.com", "pass"),
        direct,
        300,
    ));
    all.last_mut().expect("one was pushed").asn = Some(16_509);
    // SendGrid reported as forwarded, which it was not.
    let mut said = sent(
        Truth::Service,
        &[own("sg"), dkim("sendgrid.net", "pass")],
        spf("sendgrid.net", "pass"),
        aligned,
        100,
    );
    said.evidence.reasons.push(reason("forwarded", ""));
    all.push(said);
    all
}

/// Forwarders that rewrite the sender and those that do not, and mailing lists.
#[expect(clippy::too_many_lines, reason = "a table")]
fn forwarded(numbers: &mut Numbers) -> Vec<Sent> {
    let mut all = Vec::new();
    for nth in 0..150 {
        let selector = numbers.one(&["s1", "s1", "s1", "sg", "camp", "mg"]);
        let domain = match numbers.below(3) {
            0 => numbers
                .one(&["gmail.com", "hotmail.com", "163.com", "improvmx-mails.com"])
                .to_owned(),
            _ => format!("srs.alumni{nth}.example"),
        };
        let messages = 1 + numbers.below(4);
        all.push(sent(
            Truth::Forwarded,
            &[own(selector)],
            spf(&domain, "pass"),
            ALIGNED,
            messages,
        ));
    }
    for selector in ["s1", "sg", "mg"] {
        all.push(sent(
            Truth::Forwarded,
            &[own(selector)],
            spf("example.com", "fail"),
            ALIGNED,
            20 + numbers.below(30),
        ));
    }
    // SendGrid's, passed on by Google.
    let mut copy = sent(
        Truth::Forwarded,
        &[own("sg"), dkim("sendgrid.net", "pass")],
        spf("example.com", "fail"),
        ALIGNED,
        60,
    );
    copy.asn = Some(15_169);
    all.push(copy);
    // What no rule can see: the service's signature survives, from an unknown network.
    all.push(sent(
        Truth::Forwarded,
        &[own("ses"), dkim("amazonses.com", "pass")],
        spf("amazonses.com", "fail"),
        ALIGNED,
        15,
    ));
    // A signature of few messages.
    all.push(sent(
        Truth::Forwarded,
        &[own("few")],
        spf("srs.alumni1.example", "pass"),
        ALIGNED,
        4,
    ));
    for nth in 0..20 {
        let broken = dkim("example.com", "fail");
        let list = format!("lists{nth}.example");
        let messages = 2 + numbers.below(8);
        let mut one = match nth % 10 {
            // Known by its own signature.
            0..4 => sent(
                Truth::Forwarded,
                &[broken, dkim("googlegroups.com", "pass")],
                spf("x.example", "fail"),
                UNALIGNED,
                messages,
            ),
            _ => sent(Truth::Forwarded, &[broken], spf(&list, "pass"), UNALIGNED, messages),
        };
        // One in ten is not recognised by anyone.
        match nth % 10 {
            4..7 => one.evidence.reasons.push(reason("mailing_list", "")),
            7..9 => one.evidence.reasons.push(reason("local_policy", "arc=pass")),
            _ => {}
        }
        all.push(one);
    }
    all
}

/// Spoofers, who copy what they can.
fn spoofed(numbers: &mut Numbers) -> Vec<Sent> {
    let mut all = Vec::new();
    for nth in 0..200 {
        let copied = [numbers.one(&[
            "sendgrid.net",
            "amazonses.com",
            "googlegroups.com",
            "example.com",
            "gmail.com",
        ])];
        let failing = numbers.one(&["fail", "permerror", "neutral", "policy", "temperror"]);
        let dkims: Vec<_> = copied.iter().map(|name| dkim(name, failing)).collect();
        let mail_from = match nth % 4 {
            0 => spf("example.com", "fail"),
            1 => spf("x.amazonses.com", "softfail"),
            2 => spf(&format!("rented{nth}.example"), "pass"),
            // Only the HELO name passed.
            _ => SpfAuth {
                scope: Some(SpfScope::Helo),
                ..spf("mx.pphosted.com", "pass")
            },
        };
        let mut one = sent(Truth::Spoofed, &dkims, mail_from, UNALIGNED, 1 + numbers.below(300));
        one.asn = [None, Some(15_169), Some(8_075), Some(11_377)][numbers.below(4) as usize];
        match nth % 5 {
            0 => one.evidence.reasons.push(reason("forwarded", "")),
            1 => one.evidence.reasons.push(reason("local_policy", "arc=fail")),
            _ => {}
        }
        all.push(one);
    }
    all
}

#[test]
fn generated_traffic_with_known_truth_is_classified() {
    let services = Services::built_in();
    let (mut worst_precision, mut worst_recall) = (100.0_f64, 100.0_f64);
    for seed in 1..=40 {
        let mut numbers = Numbers(seed);
        let mut all = ordinary(&mut numbers);
        all.extend(forwarded(&mut numbers));
        all.extend(spoofed(&mut numbers));
        let mut homes = Homes::default();
        for one in &all {
            homes.add(
                &path(&one.evidence, verdict(one.aligned.0, one.aligned.1)),
                one.messages,
            );
        }
        let (mut said, mut right, mut truly) = (0, 0, 0);
        for one in &all {
            let operator = one.asn.and_then(|asn| services.by_asn(asn));
            let path = path(&one.evidence, verdict(one.aligned.0, one.aligned.1));
            let flow = FlowRule::new(&path, operator.map(|operator| &**operator), &homes, &services).flow();
            let is_said = matches!(flow, Flow::Forwarded | Flow::List);
            let is_true = one.truth == Truth::Forwarded;
            said += if is_said { one.messages } else { 0 };
            truly += if is_true { one.messages } else { 0 };
            right += if is_said && is_true { one.messages } else { 0 };
            if one.truth == Truth::Spoofed {
                assert_eq!(flow, Flow::Unknown, "seed {seed}: {:?}", one.evidence);
            }
        }
        worst_precision = worst_precision.min(right as f64 * 100.0 / said as f64);
        worst_recall = worst_recall.min(right as f64 * 100.0 / truly as f64);
    }
    assert!(worst_precision >= 99.0, "precision {worst_precision:.2} %");
    assert!(worst_recall >= 90.0, "recall {worst_recall:.2} %");
}
