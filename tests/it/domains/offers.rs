//! What is offered to be published: never less than what is there, and never what does not work.

use tallymark::domains::{DnsRecord, Purpose, RecordState};

use super::{Named, World};
use crate::store::{Database, Dialect};

const ALL: [Purpose; 3] = [Purpose::Spf, Purpose::Dkim, Purpose::Dmarc];

/// A TXT record as a zone file has it.
pub fn txt(text: &str) -> String {
    let strings = text.as_bytes().chunks(255).map(|piece| {
        let mut string = "\"".to_owned();
        for byte in piece {
            match byte {
                b'"' | b'\\' => string.extend(['\\', char::from(*byte)]),
                b' '..=b'~' => string.push(char::from(*byte)),
                other => string.push_str(&format!("\\{other:03}")),
            }
        }
        string + "\""
    });
    format!("TXT {}", strings.collect::<Vec<_>>().join(" "))
}

/// The tags, terms and addresses of a record, read without the program: no case, no white space, no quotation marks.
fn parts(purpose: Purpose, text: &str) -> Vec<String> {
    let plain: String = text.chars().filter(|c| !"\"\\".contains(*c)).collect();
    let plain = plain.to_ascii_lowercase().replace("dmarc1 ", "dmarc1;");
    if purpose == Purpose::Spf {
        let words = plain
            .split_whitespace()
            .map(|word| if word == "spf1" { "v=spf1" } else { word });
        return words.map(str::to_owned).collect();
    }
    let tag = |part: &str| -> Vec<String> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, squeezed) = (name.trim(), value.split_whitespace().collect::<String>());
        match name {
            "rua" | "ruf" => {
                let items = squeezed.split(',').filter(|item| !item.is_empty());
                items.map(|item| format!("{name} {item}")).collect()
            }
            _ => vec![format!("{name}={squeezed}")],
        }
    };
    plain
        .split(';')
        .filter(|part| !part.trim().is_empty())
        .flat_map(tag)
        .collect()
}

/// The record that is offered keeps every tag and term of the published one, what is said to be new is new, and the
/// domain's record is good once it is published. The zone is left as it was found.
pub async fn check(world: &World, named: &mut Named, record: &DnsRecord) {
    let Some(offer) = record.suggestion.clone() else {
        assert!(record.verified || record.problem.is_some(), "{record:?}");
        return;
    };
    assert_ne!(record.state, RecordState::Unreadable, "{record:?}");
    assert_ne!(record.state, RecordState::Unchecked, "{record:?}");
    let token = world.domain().await.rua_token;
    let is_own = |text: &&String| !text.starts_with("_dmarc.");
    let published: Vec<String> = record.found.iter().filter(is_own).cloned().collect();
    let offered = parts(record.purpose, &offer.value);
    if record.kind.word() == "TXT" && record.purpose != Purpose::Dkim {
        for part in published.iter().flat_map(|text| parts(record.purpose, text)) {
            // A misspelt address of ours may be put right; of a logo there is one.
            let is_ours = part.contains(&token) || part.starts_with("l=");
            assert!(is_ours || offered.contains(&part), "{part} is lost: {record:?}");
        }
    }
    for added in &offer.added {
        assert!(offer.value.contains(added), "{added}: {record:?}");
        assert!(!published.iter().any(|text| text == added), "{added}: {record:?}");
    }
    let before = named.records(&record.name);
    let value = match record.kind.word() {
        "TXT" => txt(&offer.value),
        "MX" => format!("MX 10 {}.", offer.value),
        kind => format!("{kind} {}.", offer.value),
    };
    // What has nothing to do with it stays beside it.
    let replaced: Vec<String> = published.iter().map(|text| txt(text)).collect();
    let beside = before
        .iter()
        .filter(|other| !replaced.contains(other) && !other.starts_with("CNAME"));
    let mut zone: Vec<&str> = beside.map(String::as_str).collect();
    zone.push(&value);
    named.set(&record.name, &zone);
    named.reload().await;
    let after = world.look(record.purpose).await;
    assert!(after.verified, "{offer:?}: {after:?}");
    assert_eq!(after.suggestion, None, "{after:?}");
    assert_eq!(after.state, RecordState::Found, "{after:?}");
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    named.set(&record.name, &before);
    named.reload().await;
}

/// What a zone has at names, and the record that is offered; `None`: nothing may be offered, and the problem says this.
pub type Case<'c> = (&'c [(&'c str, &'c [&'c str])], Result<&'c str, &'c str>);

pub async fn check_offers(world: &World, named: &mut Named, purpose: Purpose, cases: &[Case<'_>]) {
    let token = world.domain().await.rua_token;
    let address = format!("{token}@rua.tally.example");
    let whole = |text: &str| text.replace("OURS", &address);
    for (zone, expect) in cases {
        for (name, texts) in *zone {
            let records: Vec<String> = texts
                .iter()
                .map(|text| match text.strip_prefix("CNAME ") {
                    Some(target) => format!("CNAME {target}"),
                    None => txt(&whole(text)),
                })
                .collect();
            named.set(name, &records.iter().map(String::as_str).collect::<Vec<_>>());
        }
        named.reload().await;
        let record = world.look(purpose).await;
        let offered = record.suggestion.as_ref().map(|offer| offer.value.clone());
        match expect {
            Ok(value) => assert_eq!(offered, Some(whole(value)), "{zone:?}: {record:?}"),
            Err(problem) => {
                assert_eq!(offered, None, "{zone:?}");
                let said = record.problem.clone().unwrap_or_default();
                assert!(said.contains(problem), "{zone:?}: {said}");
            }
        }
        check(world, named, &record).await;
        zone.iter().for_each(|(name, _)| named.set(name, &[]));
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn an_offered_dmarc_record_keeps_what_is_published() {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
    let own = "_dmarc.example.com";
    let many: Vec<String> = (0..12)
        .map(|nth| format!("mailto:reports-{nth}@collector.example"))
        .collect();
    let long = format!("v=DMARC1; p=reject; rua={}; adkim=s", many.join(","));
    let longer = format!("v=DMARC1; p=reject; rua={},mailto:OURS; adkim=s", many.join(","));
    let (hidden, blank) = ("v=DMARC1; p=none; x=\u{202e}", "v=DMARC1; p=none; rua=");
    check_offers(
        &world,
        &mut named,
        Purpose::Dmarc,
        &[
            (&[], Ok("v=DMARC1; p=none; rua=mailto:OURS")),
            (
                &[(
                    own,
                    &["v=DMARC1; p=reject; sp=quarantine; rua=mailto:reports@other.example; adkim=s"],
                )],
                Ok("v=DMARC1; p=reject; sp=quarantine; rua=mailto:reports@other.example,mailto:OURS; adkim=s"),
            ),
            (
                &[(own, &["v=DMARC1;p=quarantine;pct=25;fo=1:d;ruf=mailto:f@x.example;"])],
                Ok("v=DMARC1;p=quarantine;pct=25;fo=1:d;ruf=mailto:f@x.example; rua=mailto:OURS"),
            ),
            (
                &[(
                    own,
                    &["v=DMARC1; p=none; RUA = mailto:a@b.example!10m , mailto:c@d.example ; np=reject"],
                )],
                Ok("v=DMARC1; p=none; RUA = mailto:a@b.example!10m , mailto:c@d.example,mailto:OURS; np=reject"),
            ),
            (&[(own, &[blank])], Ok("v=DMARC1; p=none; rua=mailto:OURS")),
            (&[(own, &[&long])], Ok(&longer)),
            // Near misses of our address.
            (
                &[(own, &["v=DMARC1; p=none; rua=OURS"])],
                Ok("v=DMARC1; p=none; rua=mailto:OURS"),
            ),
            (
                &[(own, &["v=DMARC1; p=none; rua=mailto:a@b.example, mailto//OURS; t=y"])],
                Ok("v=DMARC1; p=none; rua=mailto:a@b.example, mailto:OURS; t=y"),
            ),
            (
                &[(own, &["v=DMARC1; p=none; rua=mailto:x@y.example;mailto:OURS"])],
                Ok("v=DMARC1; p=none; rua=mailto:x@y.example,mailto:OURS"),
            ),
            // Records that receivers read over the faults of, and those that they ignore.
            (
                &[(own, &["v=DMARC1; p=nonne"])],
                Ok("v=DMARC1; p=nonne; rua=mailto:OURS"),
            ),
            (
                &[(own, &["v=DMARC1; p=reject; oops"])],
                Ok("v=DMARC1; p=reject; oops; rua=mailto:OURS"),
            ),
            (&[(own, &["v=DMARC1; p=none; p=reject"])], Err("twice")),
            (&[(own, &[hidden])], Err("Add rua=mailto:")),
            (
                &[(own, &["v=dmarc1; p=reject"])],
                Ok("v=DMARC1; p=reject; rua=mailto:OURS"),
            ),
            (
                &[(own, &["\"v=DMARC1; p=reject; rua=mailto:a@b.example\""])],
                Ok("v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:OURS"),
            ),
            (
                &[(own, &["v=DMARC1\\; p=quarantine\\; rua=mailto:OURS"])],
                Ok("v=DMARC1; p=quarantine; rua=mailto:OURS"),
            ),
            (
                &[(own, &["v=DMARC1 p=reject; sp=none"])],
                Ok("v=DMARC1; p=reject; sp=none; rua=mailto:OURS"),
            ),
            // Several are ignored, all of them.
            (
                &[(
                    own,
                    &[
                        "v=DMARC1; p=reject; rua=mailto:a@b.example",
                        "v=DMARC1; p=reject; rua=mailto:OURS",
                    ],
                )],
                Ok("v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:OURS"),
            ),
            (
                &[(
                    own,
                    &[
                        "v=DMARC1; p=reject; rua=mailto:a@b.example",
                        "v=DMARC1; p=none; rua=mailto:OURS",
                    ],
                )],
                Err("They differ in p:"),
            ),
            // Elsewhere: the same record, and what stands in its way.
            (
                &[
                    (own, &["CNAME _dmarc.provider.example."]),
                    (
                        "_dmarc.provider.example",
                        &["v=DMARC1; p=reject; rua=mailto:a@provider.example"],
                    ),
                ],
                Ok("v=DMARC1; p=reject; rua=mailto:a@provider.example,mailto:OURS"),
            ),
        ],
    )
    .await;
    named.set(own, &["CNAME _dmarc.provider.example."]);
    named.text("_dmarc.provider.example", &["v=DMARC1; p=reject"]);
    named.reload().await;
    let problem = world.look(Purpose::Dmarc).await.problem.unwrap();
    assert!(problem.contains("is a CNAME of _dmarc.provider.example"), "{problem}");
}

/// Without a record of its own a domain is under one above it; a new record must not weaken what is in force.
#[tokio::test]
async fn an_offered_dmarc_record_carries_the_policy_in_force_on() {
    let mut named = Named::start();
    let db = Database::start(Dialect::Sqlite).await;
    db.execute("update domains set name = 'a.b.example.com'").await;
    let world = World::new(db, named.dns(), &[Purpose::Dmarc]);
    named.text("x.a.b.example.com", &["below: the domain exists"]);
    let above = "_dmarc.example.com";
    check_offers(
        &world,
        &mut named,
        Purpose::Dmarc,
        &[
            (
                &[(above, &["v=DMARC1; p=reject; adkim=s; rua=mailto:r@example.com"])],
                Ok("v=DMARC1; p=reject; adkim=s; rua=mailto:r@example.com,mailto:OURS"),
            ),
            (
                &[(above, &["v=DMARC1; p=none; sp=quarantine; np=reject; t=y"])],
                Ok("v=DMARC1; p=quarantine; sp=quarantine; np=reject; t=y; rua=mailto:OURS"),
            ),
            (
                &[(above, &["v=DMARC1; p=reject; sp=most; rua=mailto:r@example.com"])],
                Ok("v=DMARC1; p=none; sp=most; rua=mailto:r@example.com,mailto:OURS"),
            ),
            (
                &[
                    ("_dmarc.b.example.com", &["v=DMARC1; p=quarantine; psd=n"]),
                    (above, &["v=DMARC1; p=none"]),
                ],
                Ok("v=DMARC1; p=quarantine; rua=mailto:OURS"),
            ),
            (
                &[(
                    "_dmarc.com",
                    &["v=DMARC1; p=reject; psd=y; rua=mailto:registry@nic.example"],
                )],
                Ok("v=DMARC1; p=reject; rua=mailto:OURS"),
            ),
            (&[(above, &["v=DMARC1; p=none; p=reject"])], Err("is not valid")),
        ],
    )
    .await;
    // A domain of which DNS knows nothing: np counts.
    named.set("x.a.b.example.com", &[]);
    named.text(
        above,
        &["v=DMARC1; p=none; sp=none; np=reject; rua=mailto:r@example.com"],
    );
    named.reload().await;
    let record = world.look(Purpose::Dmarc).await;
    let offer = record.suggestion.clone().unwrap();
    assert!(
        offer.value.starts_with("v=DMARC1; p=reject; sp=none; np=reject; "),
        "{offer:?}"
    );
    assert_eq!(record.state, RecordState::Missing);
    assert!(record.problem.unwrap().contains(&offer.value));
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn an_offered_spf_record_keeps_what_is_published() {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
    let own = "example.com";
    for nth in 0..10 {
        named.text(&format!("{nth}.inc.example"), &["v=spf1 -all"]);
    }
    let ten: String = (0..10).map(|nth| format!("include:{nth}.inc.example ")).collect();
    let (ten, nine) = (
        format!("v=spf1 {ten}-all"),
        format!("v=spf1 {}-all", &ten[..ten.len() - 22]),
    );
    let with_ours = nine.replace("-all", "include:spf.tally.example -all");
    check_offers(
        &world,
        &mut named,
        Purpose::Spf,
        &[
            (&[], Ok("v=spf1 include:spf.tally.example ~all")),
            (
                &[(own, &["v=spf1 include:0.inc.example ip4:198.51.100.0/24 -all", "other"])],
                Ok("v=spf1 include:0.inc.example ip4:198.51.100.0/24 include:spf.tally.example -all"),
            ),
            (
                &[(own, &["V=SPF1  IP4:192.0.2.1 ?ALL"])],
                Ok("V=SPF1 IP4:192.0.2.1 include:spf.tally.example ?ALL"),
            ),
            (
                &[(own, &["v=spf1 redirect=1.inc.example exp=why.%{d}"])],
                Ok("v=spf1 include:spf.tally.example redirect=1.inc.example exp=why.%{d}"),
            ),
            (
                &[(own, &["v=spf1 ip4:192.0.2.1"])],
                Ok("v=spf1 ip4:192.0.2.1 include:spf.tally.example"),
            ),
            (&[(own, &["v=spf1"])], Ok("v=spf1 include:spf.tally.example")),
            (
                &[(own, &["v=spf1 ip4:192.0.2.1 -all include:spf.tally.example"])],
                Ok("v=spf1 ip4:192.0.2.1 include:spf.tally.example -all"),
            ),
            (
                &[(own, &["v=spf1 -include:spf.tally.example ~all"])],
                Ok("v=spf1 include:spf.tally.example -include:spf.tally.example ~all"),
            ),
            // With ours, receivers would refuse it; and what they refuse today is to be put right first.
            (&[(own, &[&nine])], Ok(&with_ours)),
            (&[(own, &[&ten])], Err("more than 10 DNS lookups")),
            (
                &[(own, &["v=spf1 ip4:192.0.2.1 ipv4:192.0.2.2 -all"])],
                Err("“ipv4:192.0.2.2” is not a term"),
            ),
            (&[(own, &["v=spf1 -all include:%x.example"])], Err("%x.example")),
            (
                &[(own, &["v=spf1 include:gone.example -all"])],
                Err("gone.example” has no SPF record"),
            ),
            // Near misses.
            (
                &[(own, &["\"v=spf1 ip4:192.0.2.1 ~all\""])],
                Ok("v=spf1 ip4:192.0.2.1 include:spf.tally.example ~all"),
            ),
            (
                &[(own, &[" v=spf1\tinclude:spf.tally.example -all"])],
                Ok("v=spf1 include:spf.tally.example -all"),
            ),
            (
                &[(own, &["spf1 ip4:192.0.2.1 -all"])],
                Ok("v=spf1 ip4:192.0.2.1 include:spf.tally.example -all"),
            ),
            (&[(own, &["v=spf2 ip4:192.0.2.1 -all"])], Err("must begin with v=spf1")),
            // Several are a permanent error.
            (
                &[(
                    own,
                    &["v=spf1 ip4:192.0.2.1 -all", "v=spf1 include:spf.tally.example -all"],
                )],
                Ok("v=spf1 ip4:192.0.2.1 include:spf.tally.example -all"),
            ),
            (
                &[(
                    own,
                    &["v=spf1 ip4:192.0.2.1 -all", "v=spf1 include:spf.tally.example ~all"],
                )],
                Err("There are 2 SPF records"),
            ),
            (
                &[(own, &["v=spf1 ip4:192.0.2.1 -all", "v=spf1 -ip4:192.0.2.0/24 -all"])],
                Err("There are 2 SPF records"),
            ),
            // A name that is an alias can have no record of its own.
            (
                &[(own, &["CNAME www.host.example."])],
                Err("is a CNAME of www.host.example"),
            ),
        ],
    )
    .await;
    let near = "an SPF record in quotation marks";
    named.set(own, &[&txt("\"v=spf1 include:spf.tally.example ~all\"")]);
    named.reload().await;
    let record = world.look(Purpose::Spf).await;
    assert_eq!(record.found.len(), 1, "{near}");
    assert!(record.problem.unwrap().contains("quotation marks"), "{near}");
}

/// A record in use is not replaced by a click.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn nothing_is_offered_in_place_of_what_serves_others_or_is_not_known() {
    let mut named = Named::start();
    let db = Database::start(Dialect::Sqlite).await;
    db.execute(
        "update domains set custom_return_path = 'bounce.example.com', inbound_enabled = 1,
            tracking_domain = 'go.example.com', bimi_logo_url = 'https://example.com/logo.svg'",
    )
    .await;
    let world = World::new(db, named.dns(), &ALL);
    for purpose in Purpose::ALL.iter().filter(|purpose| **purpose != Purpose::DkimRotation) {
        let record = world.record(*purpose).await;
        assert_eq!(
            (record.state, record.suggestion),
            (RecordState::Unchecked, None),
            "{purpose:?}"
        );
    }
    let bimi = "default._bimi.example.com";
    let cases: [(Purpose, &str, &[&str], Option<&str>, &str); 13] = [
        (
            Purpose::Mx,
            "example.com",
            &["MX 1 mail.other.example."],
            None,
            "goes elsewhere",
        ),
        (Purpose::Mx, "example.com", &["MX 0 ."], None, "takes no mail"),
        (
            Purpose::Mx,
            "example.com",
            &["MX 0 .", "MX 10 inbound.tally.example."],
            None,
            "MX 0 .",
        ),
        (
            Purpose::Mx,
            "example.com",
            &[],
            Some("inbound.tally.example"),
            "Add an MX record",
        ),
        (
            Purpose::ReturnPath,
            "bounce.example.com",
            &["CNAME b.example."],
            None,
            "points to b.example",
        ),
        (
            Purpose::ReturnPath,
            "bounce.example.com",
            &["MX 1 b.example."],
            None,
            "in place of the MX records",
        ),
        (
            Purpose::Tracking,
            "go.example.com",
            &["A 192.0.2.1"],
            None,
            "in place of the address records",
        ),
        (
            Purpose::Tracking,
            "go.example.com",
            &["TXT \"x\"", "AAAA 2001:db8::1"],
            None,
            "address, TXT",
        ),
        (
            Purpose::Tracking,
            "go.example.com",
            &[],
            Some("track.tally.example"),
            "Add a CNAME record",
        ),
        (
            Purpose::Bimi,
            bimi,
            &["TXT \"v=BIMI1; l=https://example.com/old.svg; a=https://example.com/mark.pem; x=1\""],
            Some("v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/mark.pem; x=1"),
            "another one",
        ),
        (
            Purpose::Bimi,
            bimi,
            &["TXT \"v=bimi1; l=https://example.com/logo.svg\""],
            Some("v=BIMI1; l=https://example.com/logo.svg"),
            "must begin with v=BIMI1",
        ),
        (
            Purpose::Bimi,
            bimi,
            &[
                "TXT \"v=BIMI1; l=https://a.example/1.svg\"",
                "TXT \"v=BIMI1; l=https://a.example/2.svg\"",
            ],
            None,
            "There are 2 BIMI records",
        ),
        (
            Purpose::Bimi,
            bimi,
            &[],
            Some("v=BIMI1; l=https://example.com/logo.svg;"),
            "Add a TXT record",
        ),
    ];
    for (purpose, name, records, offered, problem) in cases {
        named.set(name, records);
        named.reload().await;
        let record = world.look(purpose).await;
        let value = record.suggestion.as_ref().map(|offer| offer.value.as_str());
        assert_eq!(value, offered, "{record:?}");
        assert!(!record.verified);
        let said = record.problem.clone().unwrap();
        assert!(said.contains(problem), "{said}");
        let missing = records.is_empty();
        assert_eq!(record.state == RecordState::Missing, missing, "{record:?}");
        check(&world, &mut named, &record).await;
        named.set(name, &[]);
    }

    // Known once, and then its name server fails: what is there now is not known.
    named.text("_dmarc.example.com", &["v=DMARC1; p=reject"]);
    named.reload().await;
    assert!(world.look(Purpose::Dmarc).await.suggestion.is_some());
    let failing = crate::provenance::dns::Dns::start().await;
    failing.add("_dmarc.example.com", crate::provenance::dns::Has::Failure);
    let clock = world.clock.clone();
    let world = World::with(world.db, super::named::dns(failing.address), &ALL, |_| {});
    world.clock.advance(std::time::Duration::from_millis(
        clock.now().abs_diff(world.clock.now()),
    ));
    let record = world.look(Purpose::Dmarc).await;
    assert_eq!((record.state, record.suggestion), (RecordState::Unreadable, None));
    assert_eq!(record.found, ["v=DMARC1; p=reject"]);
}

/// Another address of its own: the offer of the one before is void.
#[tokio::test]
async fn an_offer_made_for_other_settings_is_void() {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &ALL);
    named.text("example.com", &["v=spf1 include:spf.tally.example -all"]);
    named.reload().await;
    let (store, account, domain) = (&world.db.store, world.db.account.id, world.db.domain.id);
    let mut ips = Vec::new();
    for address in ["192.0.2.1", "2001:db8::7"] {
        ips.push(
            store
                .add_ip(account, address.parse().unwrap(), crate::store::NOW)
                .await
                .unwrap()
                .id,
        );
    }
    store
        .assign_ip(account, domain, ips[0], crate::store::NOW)
        .await
        .unwrap();
    let record = world.look(Purpose::Spf).await;
    let offer = record.suggestion.clone().unwrap();
    assert_eq!(offer.value, "v=spf1 include:spf.tally.example ip4:192.0.2.1 -all");
    assert_eq!(offer.added, ["ip4:192.0.2.1"]);
    check(&world, &mut named, &record).await;
    store
        .assign_ip(account, domain, ips[1], crate::store::NOW)
        .await
        .unwrap();
    assert_eq!(world.record(Purpose::Spf).await.suggestion, None);
    let offer = world.look(Purpose::Spf).await.suggestion.unwrap();
    assert_eq!(offer.added, ["ip6:2001:db8::7"]);
}
