//! `tallymark sources`, `services` and `networks`: who sends, and how that is known.

use serde_json::Value;

use tallymark::base::Day;
use tallymark::base::clock::Clock;

use super::{Home, stderr, stdout};

/// One record: an address, messages, results, and whether DKIM and SPF are aligned.
fn record(address: &str, count: u32, dkim: &[(&str, &str)], spf: (&str, &str), aligned: (&str, &str)) -> String {
    let dkim: String = dkim
        .iter()
        .map(|(domain, result)| {
            format!("<dkim><domain>{domain}</domain><selector>s1</selector><result>{result}</result></dkim>")
        })
        .collect();
    format!(
        "<record><row><source_ip>{address}</source_ip><count>{count}</count>\
         <policy_evaluated><disposition>none</disposition><dkim>{}</dkim><spf>{}</spf></policy_evaluated></row>\
         <identifiers><header_from>example.com</header_from></identifiers>\
         <auth_results>{dkim}<spf><domain>{}</domain><scope>mfrom</scope><result>{}</result></spf></auth_results></record>",
        aligned.0, aligned.1, spf.0, spf.1
    )
}

/// An installation with a report of yesterday about mail of several senders.
pub fn home() -> Home {
    let home = Home::new();
    let today = Day::from_unix(Clock::system().now() / 1_000);
    let begin = today.plus(-1).begin();
    let own = ("example.com", "pass");
    let records = [
        record("8.8.8.8", 40, &[own], own, ("pass", "pass")),
        record(
            "54.240.8.1",
            30,
            &[own, ("amazonses.com", "pass")],
            ("eu.amazonses.com", "pass"),
            ("pass", "fail"),
        ),
        record(
            "167.89.0.1",
            5,
            &[own, ("sendgrid.net", "pass")],
            ("em.example.com", "pass"),
            ("pass", "pass"),
        ),
        // The same address for another service, and for nobody.
        record(
            "54.240.8.1",
            7,
            &[("mandrillapp.com", "pass")],
            ("mandrillapp.com", "pass"),
            ("fail", "fail"),
        ),
        record(
            "54.240.8.1",
            2,
            &[("sendgrid.net", "fail")],
            ("example.com", "fail"),
            ("fail", "fail"),
        ),
        record(
            "192.0.2.9",
            3,
            &[("bad&#x202e;.example", "pass")],
            ("a.newsletter.example", "pass"),
            ("fail", "fail"),
        ),
    ];
    let report = format!(
        "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>Reporter</org_name>\
         <email>dmarc@reporter.example</email><report_id>1</report_id>\
         <date_range><begin>{begin}</begin><end>{}</end></date_range></report_metadata>\
         <policy_published><domain>example.com</domain><p>none</p></policy_published>{}</feedback>",
        begin + 86_399,
        records.concat()
    );
    home.run(&["domains", "add", "example.com"]).success();
    home.file("in/1.xml", report);
    home.run(&["import", "in"]).success();
    home
}

fn answer(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&home.run(arguments).success())).unwrap()
}

fn sum(rows: &Value, field: &str) -> u64 {
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| row[field].as_u64().unwrap())
        .sum()
}

#[test]
fn services_are_named_by_what_passed_and_sum_to_the_figures() {
    let home = home();
    let found = answer(&home, &["services", "example.com", "--json"]);
    assert_eq!((&found["pass"], &found["fail"]), (&75.into(), &12.into()));
    let services = &found["services"];
    assert_eq!((sum(services, "pass"), sum(services, "fail")), (75, 12));
    let rows: Vec<_> = services
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let flows: u64 = row["flows"]
                .as_object()
                .unwrap()
                .values()
                .map(|count| count.as_u64().unwrap())
                .sum();
            assert_eq!(
                flows,
                row["pass"].as_u64().unwrap() + row["fail"].as_u64().unwrap(),
                "{row}"
            );
            let service = &row["service"];
            let text = |field: &str| service[field].as_str().unwrap_or_default().to_owned();
            (text("name"), text("evidence"), text("fact"), flows)
        })
        .collect();
    let row = |name: &str, evidence: &str, fact: &str, messages| {
        (name.to_owned(), evidence.to_owned(), fact.to_owned(), messages)
    };
    // A table is compiled in, so that nothing depends on who answers for an address today.
    assert_eq!(
        rows[..4],
        [
            row("Google Workspace, Gmail", "asn", "AS15169", 40),
            row("Amazon SES", "dkim", "amazonses.com", 30),
            row("Mailchimp Transactional (Mandrill)", "dkim", "mandrillapp.com", 7),
            row("Twilio SendGrid", "dkim", "sendgrid.net", 5),
        ]
    );
    assert!(
        rows.contains(&row("newsletter.example", "domain", "a.newsletter.example", 3)),
        "{rows:?}"
    );
    // A signature that did not pass names no service: the network does.
    let rest = rows.iter().find(|(.., messages)| *messages == 2).unwrap();
    assert_eq!((rest.1.as_str(), rest.2.as_str()), ("as_name", "AS14618"));
}

#[test]
fn sources_have_names_flows_and_networks() {
    let home = home();
    let found = answer(&home, &["sources", "example.com", "--days", "2", "--json"]);
    let sources = &found["sources"];
    assert_eq!((sum(sources, "pass"), sum(sources, "fail")), (75, 12));
    let of = |address: &str| {
        let rows = sources.as_array().unwrap();
        rows.iter()
            .find(|row| row["source_ip"] == address)
            .unwrap_or_else(|| panic!("no {address}"))
    };
    let amazon = of("54.240.8.1");
    assert_eq!(
        (&amazon["asn"], &amazon["service"]["name"]),
        (&14_618.into(), &"Amazon SES".into())
    );
    assert_eq!(amazon["flows"]["service"], 30);
    assert_eq!(amazon["flows"]["unaligned"], 7);
    assert_eq!(amazon["flows"]["unknown"], 2);
    assert_eq!(of("8.8.8.8")["flows"]["direct"], 40);
    assert_eq!(of("192.0.2.9")["asn"], Value::Null);
    assert_eq!(of("192.0.2.9")["organisation"]["evidence"], "network");
    let table = stdout(&home.run(&["sources", "example.com", "--limit", "2"]).success());
    assert!(table.contains("4 addresses: 75 passed, 12 failed"), "{table}");
    assert!(table.contains("first 2 of 4 addresses"), "{table}");
    assert_eq!(
        sum(
            &answer(&home, &["sources", "example.com", "--limit", "1", "--json"])["sources"],
            "pass"
        ),
        75
    );
    // Days without reports have no senders.
    home.run(&["domains", "add", "other.example"]).success();
    let none = stdout(&home.run(&["services", "other.example"]).success());
    assert!(none.contains("0 senders: 0 passed, 0 failed"), "{none}");
    let wrong = stderr(&home.run(&["sources", "missing.example"]).code(1));
    assert!(wrong.contains("has no domain missing.example"), "{wrong}");
    home.run(&["sources", "example.com", "--days", "0"]).code(2);
    home.run(&["services"]).code(2);
}

const HEADER: &str = "name\tcategory\tdkim_domains\tspf_domains\tptr_suffixes\tasns\tsources";

#[test]
fn a_file_of_ones_own_is_checked_and_wins() {
    let home = home();
    let path = home.file(
        "own.tsv",
        format!("{HEADER}\nOur newsletter\tmarketing\t\tnewsletter.example\t\t\tours\n"),
    );
    let checked = stdout(&home.run(&["services", "check", "own.tsv"]).success());
    assert!(checked.starts_with("1 service and 237 services"), "{checked}");
    let named = |home: &Home| {
        let mut command = home.command(&["services", "example.com"]);
        command.env("TALLYMARK__ENRICH__SERVICES_FILE", &path);
        command.assert()
    };
    let table = stdout(&named(&home).success());
    assert!(
        table.contains("Our newsletter") && table.contains("mail_from a.newsletter.example"),
        "{table}"
    );
    assert!(table.contains("6 senders: 75 passed, 12 failed"), "{table}");

    home.file(
        "own.tsv",
        format!("{HEADER}\nOne\tmail\t\t\t\t\t\n\u{1b}[31mTwo\trelay\tA.example\t\t\t\t\n"),
    );
    let checked = stdout(&home.run(&["services", "check", "own.tsv"]).code(1));
    assert!(checked.contains("own.tsv:2: has an unknown category"), "{checked}");
    assert!(
        checked.contains("own.tsv:3: has a name that is not") && !checked.contains('\u{1b}'),
        "{checked}"
    );
    assert!(checked.contains("2 lines cannot be used"), "{checked}");
    let refused = stderr(&named(&home).code(1));
    assert!(
        refused.contains("own.tsv has 2 unusable lines; the first is line 2"),
        "{refused}"
    );
    let missing = stderr(&home.run(&["services", "check", "missing.tsv"]).code(1));
    assert!(
        missing.contains("cannot read the file of services missing.tsv"),
        "{missing}"
    );
}

#[test]
fn the_network_table_is_shown_and_made_again() {
    let home = Home::new();
    let shown = stdout(&home.run(&["networks"]).success());
    assert!(
        shown.contains("ip-location-db") && shown.contains("days ago"),
        "{shown}"
    );
    let shown = answer(&home, &["networks", "--json"]);
    assert!(
        shown["systems"].as_u64().unwrap() > 80_000 && shown["age_days"].as_i64().unwrap() > 0,
        "{shown}"
    );
    let found = stdout(&home.run(&["networks", "find", "8.8.8.8", "192.0.2.1"]).success());
    assert!(
        found.contains("15169") && found.lines().nth(2).unwrap().contains("192.0.2.1"),
        "{found}"
    );

    home.file("as.csv", "192.0.2.0,192.0.2.255,64500,\"One, Inc.\"\n");
    home.file("countries.csv", "192.0.2.0,192.0.2.255,IE\n");
    let make = |files: &[&str], output: &str| {
        let rest = ["--day", "2026-06-17", "--source", "a test", "--output", output];
        home.run(&[&["networks", "make"][..], files, &rest].concat())
    };
    let made = stdout(&make(&["as.csv", "countries.csv"], "one.bin").success());
    assert!(made.contains("1 AS, 1 IPv4 and 0 IPv6 ranges, 1 countries"), "{made}");
    make(&["countries.csv", "as.csv"], "two.bin").success();
    let read = |name: &str| std::fs::read(home.path().join(name)).unwrap();
    assert_eq!(read("one.bin"), read("two.bin"));
    home.file("as.csv", "192.0.2.0,192.0.2.255,64500,One\nnonsense\n");
    let refused = stderr(&make(&["as.csv", "countries.csv"], "three.bin").code(1));
    assert!(
        refused.contains("as.csv, line 2: has fewer than three columns"),
        "{refused}"
    );
    assert!(!home.path().join("three.bin").exists());
}
