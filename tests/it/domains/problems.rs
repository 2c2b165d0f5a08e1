//! What is said about what a zone has: each oddity, and the sentence that tells what to change.

use std::fmt::Write as _;

use tallymark::base::DomainStatus;
use tallymark::domains::Purpose;
use tokio::net::UdpSocket;

use super::{HOUR, MINUTE, Named, World, named, offers, publish};
use crate::provenance::dns::{Dns, Has};
use crate::store::{Database, Dialect};

const ALL: [Purpose; 3] = [Purpose::Spf, Purpose::Dkim, Purpose::Dmarc];

/// Names with TXT records, whether the record is verified, and a part of what is said (`""`: nothing is).
type Case<'c> = (&'c [(&'c str, &'c [&'c str])], bool, &'c str);

async fn check(purpose: Purpose, cases: &[Case<'_>]) {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
    let token = world.domain().await.rua_token;
    for (zone, verified, expect) in cases {
        for (name, texts) in *zone {
            let texts: Vec<String> = texts.iter().map(|text| text.replace("TOKEN", &token)).collect();
            named.text(name, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        }
        named.reload().await;
        let record = world.look(purpose).await;
        assert_eq!(record.verified, *verified, "{zone:?}: {record:?}");
        match &record.problem {
            None => assert_eq!(*expect, "", "{zone:?}"),
            Some(problem) => {
                assert!(!expect.is_empty() && problem.contains(expect), "{zone:?}: {problem}");
                assert!(problem.contains("example.com"), "it says where: {problem}");
            }
        }
        offers::check(&world, &mut named, &record).await;
        for (name, _) in *zone {
            named.set(name, &[]);
        }
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn spf() {
    let includes = |count: usize| {
        let mut text = "v=spf1".to_owned();
        (0..count).for_each(|nth| write!(text, " include:{nth}.inc.example").unwrap());
        text
    };
    let (nine, ten) = (
        includes(9) + " include:spf.tally.example -all",
        includes(10) + " include:spf.tally.example -all",
    );
    let before = "v=spf1 include:spf.tally.example".to_owned() + &includes(10)["v=spf1".len()..];
    let names: Vec<String> = (0..10).map(|nth| format!("{nth}.inc.example")).collect();
    let with = |text: &'static [&'static str]| -> Vec<(&str, &[&str])> {
        let mut zone: Vec<(&str, &[&str])> = names.iter().map(|name| (&**name, &["v=spf1 -all"][..])).collect();
        zone.push(("example.com", text));
        zone
    };
    // Leaked: a handful of texts that the cases borrow.
    let text = |text: String| -> &'static [&'static str] { Vec::leak(vec![&*String::leak(text)]) };
    let (nine, ten, before) = (with(text(nine)), with(text(ten)), with(text(before)));
    check(
        Purpose::Spf,
        &[
            (
                &[],
                false,
                "Add a TXT record at example.com: v=spf1 include:spf.tally.example ~all",
            ),
            (
                &[("example.com", &["v=spf1 include:spf.tally.example ~all", "other"])],
                true,
                "",
            ),
            (
                &[(
                    "example.com",
                    &["V=SPF1 mx:example.com Include:SPF.tally.example. -all"],
                )],
                true,
                "",
            ),
            (
                &[("example.com", &["v=spf1 -all", "v=spf1 include:spf.tally.example -all"])],
                false,
                "There are 2 SPF records",
            ),
            (
                &[("example.com", &["v=spf1 ip4:192.0.2.0/24 -all"])],
                false,
                "Add include:spf.tally.example",
            ),
            (
                &[("example.com", &["v=spf1 -all include:spf.tally.example"])],
                false,
                "put it before all",
            ),
            (
                &[("example.com", &["v=spf1 -include:spf.tally.example ~all"])],
                false,
                "Remove the sign before",
            ),
            (
                &[
                    ("example.com", &["v=spf1 include:a.example -all"]),
                    ("a.example", &["v=spf1 include:spf.tally.example -all"]),
                ],
                true,
                "",
            ),
            (
                &[
                    ("example.com", &["v=spf1 redirect=b.example"]),
                    ("b.example", &["v=spf1 include:spf.tally.example -all"]),
                ],
                true,
                "",
            ),
            (&[("example.com", &["v=spf1 redirect=spf.tally.example"])], true, ""),
            (
                &[("example.com", &["v=spf1 redirect=spf.tally.example -all"])],
                false,
                "Add include",
            ),
            (
                &[
                    ("example.com", &["v=spf1 ?include:c.example -all"]),
                    ("c.example", &["v=spf1 include:spf.tally.example -all"]),
                ],
                false,
                "Remove the sign",
            ),
            (&nine, true, ""),
            (&ten, false, "more than 10 DNS lookups"),
            (&before, true, "more than 10 DNS lookups"),
            (
                &[
                    ("example.com", &["v=spf1 include:self.example -all"]),
                    ("self.example", &["v=spf1 include:self.example -all"]),
                ],
                false,
                "more than 10 DNS lookups",
            ),
            (
                &[(
                    "example.com",
                    &["v=spf1 include:gone.example include:spf.tally.example -all"],
                )],
                false,
                "gone.example” has no SPF record",
            ),
            (
                &[(
                    "example.com",
                    &["v=spf1 include:spf.tally.example include:gone.example -all"],
                )],
                true,
                "gone.example” has no SPF record",
            ),
            (
                &[("example.com", &["v=spf1 ipv4:192.0.2.1 include:spf.tally.example -all"])],
                false,
                "“ipv4:192.0.2.1” is not a term of SPF",
            ),
            (
                &[(
                    "example.com",
                    &["v=spf1 a:x1.example mx:x2.example a:x3.example include:spf.tally.example -all"],
                )],
                false,
                "have nothing",
            ),
            (
                &[(
                    "example.com",
                    &["v=spf1 include:broken.example include:spf.tally.example -all"],
                )],
                true,
                "",
            ),
            // RFC 7208, 4.6: a syntax error anywhere is a permanent error for all mail.
            (
                &[(
                    "example.com",
                    &["v=spf1 exists:%x.example include:spf.tally.example ~all"],
                )],
                false,
                "“exists:%x.example” is not a term of SPF",
            ),
            (
                &[("example.com", &["v=spf1 include:spf.tally.example ~all a:192.0.2.1"])],
                false,
                "“a:192.0.2.1” is not a term of SPF",
            ),
            (
                &[(
                    "example.com",
                    &["v=spf1 include:spf.tally.example redirect=a.example redirect=b.example"],
                )],
                false,
                "“redirect=b.example” is not a term of SPF",
            ),
            (
                &[
                    (
                        "example.com",
                        &["v=spf1 include:a.example include:spf.tally.example ~all"],
                    ),
                    ("a.example", &["v=spf1 ip4:192.0.2.1/99 -all"]),
                ],
                false,
                "“ip4:192.0.2.1/99” (of a.example) is not a term of SPF",
            ),
            (
                &[(
                    "example.com",
                    &["v=spf1 exists:%{i}._spf.example.org include:spf.tally.example ~all"],
                )],
                true,
                "",
            ),
            (
                &[("example.com", &["v=spf1 include:broken.example -all"])],
                true,
                "could not be read",
            ),
        ],
    )
    .await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn dmarc() {
    check(
        Purpose::Dmarc,
        &[
            (
                &[],
                false,
                "Add a TXT record at _dmarc.example.com: v=DMARC1; p=none; rua=mailto:",
            ),
            (
                &[(
                    "_dmarc.example.com",
                    &["v=DMARC1; p=reject; rua=mailto:TOKEN@rua.tally.example"],
                )],
                true,
                "",
            ),
            (
                &[(
                    "_dmarc.example.com",
                    &["v=DMARC1;p=none;x=y; rua=mailto:a@b.example!5k , MAILTO:TOKEN@RUA.tally.example!10m;"],
                )],
                true,
                "",
            ),
            (
                &[("_dmarc.example.com", &["v=DMARC1; rua=mailto:TOKEN@rua.tally.example"])],
                true,
                "",
            ),
            (
                &[("_dmarc.example.com", &["v=DMARC1; p=none; rua=mailto:a@b.example"])],
                false,
                "to the rua list",
            ),
            (
                &[("_dmarc.example.com", &["v=DMARC1; p=none"])],
                false,
                "Add rua=mailto:",
            ),
            (
                &[(
                    "_dmarc.example.com",
                    &[
                        "v=DMARC1; p=none",
                        "v=DMARC1; p=none; rua=mailto:TOKEN@rua.tally.example",
                    ],
                )],
                false,
                "There are 2 DMARC records",
            ),
            (
                &[(
                    "_dmarc.example.com",
                    &["v=dmarc1; p=none; rua=mailto:TOKEN@rua.tally.example"],
                )],
                false,
                "must begin with v=DMARC1",
            ),
            (
                &[(
                    "_dmarc.example.com",
                    &["v=DMARC1; p=watch; rua=mailto:TOKEN@rua.tally.example"],
                )],
                // RFC 9989, 4.7: without a valid policy, a valid rua makes it a record all the same.
                true,
                "“p=watch” is not a policy",
            ),
            (
                &[(
                    "_dmarc.example.com",
                    &["v=DMARC1; p=none; sp=all; rua=mailto:TOKEN@rua.tally.example"],
                )],
                true,
                "“sp=all” means nothing",
            ),
            (
                &[("_dmarc.example.com", &["v=DMARC1; p=none, rua"])],
                false,
                "is not valid",
            ),
            // RFC 9989, 4.7: a syntax error behind the version costs the tag that has it.
            (
                &[(
                    "_dmarc.example.com",
                    &["v=DMARC1; p=none; rua=mailto:TOKEN@rua.tally.example; sp"],
                )],
                true,
                "“sp” in it is not a tag",
            ),
            (
                &[(
                    "_dmarc.example.com",
                    &["v=DMARC1; p=reject; np=all; rua=mailto:TOKEN@rua.tally.example"],
                )],
                true,
                "“np=all” means nothing",
            ),
            (
                &[(
                    "_dmarc.example.com",
                    &["v=DMARC1; hello there; p; rua=mailto:TOKEN@rua.tally.example"],
                )],
                true,
                "“hello there” in it is not a tag",
            ),
            // The control: without a valid rua there is no DMARC.
            (&[("_dmarc.example.com", &["v=DMARC1; p=nonne"])], false, "is not valid"),
            (
                &[(
                    "_dmarc.example.com",
                    &["v=DMARC1; p=nonne; rua=TOKEN@rua.tally.example"],
                )],
                false,
                "is not valid",
            ),
            // Near misses are told from records that lack something.
            (
                &[("_dmarc.example.com", &["v=DMARC1; p=none; rua=TOKEN@rua.tally.example"])],
                false,
                "have mailto:",
            ),
            (
                &[(
                    "_dmarc.example.com",
                    &["v=DMARC1; p=none; ruf=mailto:TOKEN@rua.tally.example"],
                )],
                false,
                "but not so that receivers find it",
            ),
            (
                &[("_dmarc.example.com", &["v=DMARC1\\\\; p=none"])],
                false,
                "backslashes",
            ),
        ],
    )
    .await;
}

/// RFC 7208, 4.6.4: more than ten mail hosts of one name are a permanent error.
#[tokio::test]
async fn spf_with_many_mail_hosts() {
    let mut named = Named::start();
    for nth in 0..12 {
        named.set(&format!("h{nth}.mx.example"), &["A 192.0.2.1"]);
    }
    let hosts: Vec<String> = (0..12).map(|nth| format!("MX 10 h{nth}.mx.example.")).collect();
    let ours = "include:spf.tally.example ~all";
    for (count, text, verified) in [
        (12, format!("v=spf1 mx:mx.example {ours}"), false),
        (11, format!("v=spf1 mx:mx.example/24 {ours}"), false),
        (
            11,
            "v=spf1 include:spf.tally.example mx:mx.example ~all".to_owned(),
            true,
        ),
        (10, format!("v=spf1 mx:mx.example {ours}"), true),
    ] {
        let hosts: Vec<&str> = hosts[..count].iter().map(String::as_str).collect();
        named.set("mx.example", &hosts);
        named.text("example.com", &[&text]);
        named.reload().await;
        // Another process: what many domains refer to is remembered for minutes.
        let fresh = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
        let record = fresh.look(Purpose::Spf).await;
        assert_eq!(record.verified, verified, "{record:?}");
        let problem = record.problem.unwrap_or_default();
        assert_eq!(problem.contains("mx:mx.example"), count > 10, "{problem}");
    }
}

/// A domain below another: the policy of the one above is in force until it has its own.
#[tokio::test]
async fn a_domain_without_a_record_of_its_own_is_under_the_one_above() {
    let mut named = Named::start();
    let db = Database::start(Dialect::Sqlite).await;
    db.execute("update domains set name = 'a.b.example.com'").await;
    let world = World::new(db, named.dns(), &[Purpose::Dmarc]);
    let token = world.domain().await.rua_token;
    let ours = format!("v=DMARC1; p=reject; rua=mailto:{token}@rua.tally.example");
    let cases: [(&[(&str, &str)], bool, &str); 5] = [
        (&[("_dmarc.example.com", &ours)], true, ""),
        (
            &[
                ("_dmarc.example.com", "v=DMARC1; p=none"),
                ("_dmarc.b.example.com", &ours),
            ],
            false,
            "The DMARC record of example.com",
        ),
        (
            &[
                ("_dmarc.example.com", "v=DMARC1; p=none"),
                ("_dmarc.b.example.com", &format!("{ours}; psd=n")),
            ],
            true,
            "",
        ),
        (
            &[("_dmarc.com", "v=DMARC1; p=none; psd=y"), ("_dmarc.example.com", &ours)],
            true,
            "",
        ),
        (
            &[
                ("_dmarc.a.b.example.com", "v=DMARC1; p=none"),
                ("_dmarc.example.com", &ours),
            ],
            false,
            "Add rua=mailto:",
        ),
    ];
    for (zone, verified, expect) in cases {
        zone.iter().for_each(|(name, text)| named.text(name, &[text]));
        named.reload().await;
        let record = world.look(Purpose::Dmarc).await;
        assert_eq!(record.verified, verified, "{zone:?}: {record:?}");
        let problem = record.problem.clone().unwrap_or_default();
        assert!(problem.contains(expect), "{zone:?}: {problem}");
        offers::check(&world, &mut named, &record).await;
        zone.iter().for_each(|(name, _)| named.set(name, &[]));
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn keys_aliases_mail_hosts_and_logos() {
    let mut named = Named::start();
    let db = Database::start(Dialect::Sqlite).await;
    db.execute(
        "update domains set custom_return_path = 'bounce.example.com', inbound_enabled = 1,
            tracking_domain = 'go.example.com', bimi_logo_url = 'https://example.com/logo.svg'",
    )
    .await;
    let world = World::new(db, named.dns(), &ALL);
    let key = "tallymark._domainkey.example.com";
    let foreign = format!("TXT {}", quoted(&super::keys::foreign_4096()));
    let ours = world.record(Purpose::Dkim).await.value;
    let ours = format!("TXT {}", quoted(&ours));
    let authorization = "example.com._report._dmarc.rua.tally.example";
    let bimi = "default._bimi.example.com";
    let cases: [(Purpose, &[(&str, &str)], bool, &str); 19] = [
        (Purpose::Dkim, &[(key, &ours)], true, ""),
        (
            Purpose::Dkim,
            &[(key, "CNAME k.host.example."), ("k.host.example", &ours)],
            true,
            "",
        ),
        (Purpose::Dkim, &[(key, &foreign)], false, "another key, of 4096 bits"),
        (Purpose::Dkim, &[(key, "TXT \"v=DKIM1; p=\"")], false, "revoked"),
        (
            Purpose::Dkim,
            &[(key, "CNAME x.example."), ("x.example", &format!("CNAME {key}."))],
            false,
            "lead in a circle",
        ),
        (
            Purpose::Dmarc,
            &[("_dmarc.example.com", "CNAME _dmarc.example.com.")],
            false,
            "lead in a circle",
        ),
        (
            Purpose::ReturnPath,
            &[("bounce.example.com", "CNAME bounce.tally.example.")],
            true,
            "",
        ),
        (
            Purpose::ReturnPath,
            &[
                ("bounce.example.com", "CNAME b.example."),
                ("b.example", "CNAME Bounce.tally.example."),
            ],
            true,
            "",
        ),
        (
            Purpose::ReturnPath,
            &[("bounce.example.com", "CNAME b.example.")],
            false,
            "points to b.example; let it point to bounce.tally.example",
        ),
        (
            Purpose::ReturnPath,
            &[
                ("bounce.example.com", "CNAME b.example."),
                ("b.example", "CNAME bounce.example.com."),
            ],
            false,
            "in a circle",
        ),
        (
            Purpose::Tracking,
            &[("go.example.com", "A 192.0.2.1")],
            false,
            "Add a CNAME record at go.example.com",
        ),
        (
            Purpose::Mx,
            &[("example.com", "MX 5 other.example.|MX 10 Inbound.tally.example.")],
            true,
            "",
        ),
        (Purpose::Mx, &[("example.com", "MX 0 .")], false, "takes no mail"),
        (
            Purpose::Mx,
            &[("example.com", "MX 5 other.example.")],
            false,
            "goes elsewhere",
        ),
        (
            Purpose::DmarcAuthorization,
            &[(authorization, "TXT \"v=DMARC1\"")],
            true,
            "",
        ),
        (
            Purpose::DmarcAuthorization,
            &[("*._report._dmarc.rua.tally.example", "TXT \"v=DMARC1;\"")],
            true,
            "",
        ),
        (
            Purpose::Bimi,
            &[
                (bimi, "TXT \"v=BIMI1; l=https://example.com/logo.svg\""),
                ("_dmarc.example.com", "TXT \"v=DMARC1; p=reject\""),
            ],
            true,
            "",
        ),
        (
            Purpose::Bimi,
            &[
                (bimi, "TXT \"v=BIMI1; l=https://example.com/logo.svg; a=\""),
                ("_dmarc.example.com", "TXT \"v=DMARC1; p=none\""),
            ],
            true,
            "p=none",
        ),
        (
            Purpose::Bimi,
            &[(bimi, "TXT \"v=BIMI1; l=https://example.com/other.svg;\"")],
            false,
            "another one",
        ),
    ];
    for (purpose, zone, verified, expect) in cases {
        zone.iter()
            .for_each(|(name, records)| named.set(name, &records.split('|').collect::<Vec<_>>()));
        named.reload().await;
        let record = world.look(purpose).await;
        assert_eq!(record.verified, verified, "{zone:?}: {record:?}");
        let problem = record.problem.clone().unwrap_or_default();
        assert!(
            problem.contains(expect) && problem.is_empty() == expect.is_empty(),
            "{zone:?}: {problem}"
        );
        offers::check(&world, &mut named, &record).await;
        zone.iter().for_each(|(name, _)| named.set(name, &[]));
    }
}

/// Strings of a TXT record as a zone file has them.
fn quoted(text: &str) -> String {
    let strings = text
        .as_bytes()
        .chunks(255)
        .map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)));
    strings.collect::<Vec<_>>().join(" ")
}

/// Twenty other TXT records: the answer does not fit into a datagram.
#[tokio::test]
async fn a_long_answer_comes_over_tcp() {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
    let mut texts: Vec<String> = (0..20)
        .map(|nth| format!("verification-{nth}={}", "x".repeat(180)))
        .collect();
    texts.push("v=spf1 include:spf.tally.example ~all".to_owned());
    named.text("example.com", &texts.iter().map(String::as_str).collect::<Vec<_>>());
    named.reload().await;
    let record = world.look(Purpose::Spf).await;
    assert!(record.verified, "{record:?}");
    // The control: it would not have fitted.
    let question = [
        &[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
        b"\x07example\x03com\0\0\x10\0\x01",
    ]
    .concat();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&question, named.address).await.unwrap();
    let mut answer = [0; 512];
    let (len, _) = socket.recv_from(&mut answer).await.unwrap();
    assert!(len > 12 && answer[2] & 2 != 0, "truncated");
}

/// A server that fails, and one that says nothing: neither is absence.
#[tokio::test]
async fn failure_and_silence_keep_what_is_known() {
    let mut named = Named::start();
    let db = Database::start(Dialect::Sqlite).await;
    let world = World::new(db, named.dns(), &ALL);
    for purpose in ALL {
        publish(&mut named, &world.record(purpose).await);
    }
    named.reload().await;
    assert_eq!(world.after(MINUTE).await, DomainStatus::Verified);
    let good = world.record(Purpose::Spf).await;

    let failing = Dns::start().await;
    for purpose in ALL {
        failing.add(&world.record(purpose).await.name, Has::Failure);
    }
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut world = world;
    for (server, said) in [
        (failing.address, "could not be read"),
        (silent.local_addr().unwrap(), "did not answer in time"),
    ] {
        let clock = world.clock.clone();
        world = World::with(world.db, named::dns(server), &ALL, |options| {
            options.check_time_max = std::time::Duration::from_millis(1_500);
        });
        world.clock.advance(std::time::Duration::from_millis(
            clock.now().abs_diff(world.clock.now()),
        ));
        for _ in 0..4 {
            world.db.execute("update domains set next_check_at = 0").await;
            assert_eq!(world.after(2 * HOUR).await, DomainStatus::Verified, "{said}");
        }
        for purpose in ALL {
            let record = world.record(purpose).await;
            assert!(record.verified, "{record:?}");
            let problem = record.problem.unwrap();
            assert!(problem.contains(said), "{problem}");
        }
        assert_eq!(world.record(Purpose::Spf).await.found, good.found);
    }
}
