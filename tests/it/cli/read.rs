//! Reading without HTTP: figures, findings and lists, for people and as JSON; the manual page; what to do next.

use serde_json::Value;

use super::senders::home;
use super::{Home, fails, report, stdout};

fn json(home: &Home, arguments: &[&str], code: i32) -> Value {
    let done = home.run(&[arguments, &["--json"]].concat()).code(code);
    serde_json::from_str(&stdout(&done)).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

#[test]
fn stats_are_those_of_the_sources_by_day() {
    let home = home();
    let stats = json(&home, &["stats", "example.com", "--days", "7"], 0);
    assert_eq!(
        (&stats["total_messages"], &stats["failed_messages"]),
        (&87.into(), &12.into())
    );
    let days = stats["daily_stats"].as_array().unwrap();
    let sum: u64 = days.iter().map(|day| day["pass"].as_u64().unwrap()).sum();
    assert_eq!((days.len(), sum), (7, 75));
    assert_eq!(stats["comparison"]["complete"]["total_messages"], 87);
    assert_eq!(stats["comparison"]["before"]["total_messages"], 0);
    let said = stdout(&home.run(&["stats", "example.com"]).success());
    assert!(
        said.contains("87 messages, 12 failed (86.2% passed); 1 reports"),
        "{said}"
    );
    assert_eq!(
        said.matches("86.2%").count(),
        3,
        "the day, the sum, the complete days: {said}"
    );
    // Days without messages name the last one that has some.
    let old = Home::new();
    old.file("1.xml", report("r1", 3));
    old.run(&["import", "--add-domains", "1.xml"]).success();
    let said = stdout(&old.run(&["stats", "example.com"]).success());
    assert!(said.contains("; the last are of 2026-03-01"), "{said}");
}

#[test]
fn attention_says_what_to_do_and_for_whom() {
    let home = home();
    let found = json(&home, &["attention"], 1);
    let kinds: Vec<_> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["kind"])
        .collect();
    assert_eq!(
        kinds,
        ["to_fix", "records_missing"]
            .map(Value::from)
            .iter()
            .collect::<Vec<_>>()
    );
    assert_eq!(json(&home, &["attention", "example.com"], 1)["items"], found["items"]);
    let said = stdout(&home.run(&["attention", "example.com"]).code(1));
    let items = found["items"].as_array().unwrap();
    assert_eq!(
        said.lines().filter(|line| line.starts_with("example.com: ")).count(),
        items.len(),
        "{said}"
    );
    assert_eq!(
        said.lines().filter(|line| line.starts_with("  > ")).count(),
        items.len(),
        "{said}"
    );
    fails(&home, &["attention", "example.net"], 1, "has no domain example.net");
}

#[test]
fn every_list_is_json_too() {
    let home = home();
    home.file("bad.xml", "<feedback><report");
    home.run(&["import", "bad.xml"]).success();
    home.run(&["keys", "create", "--name", "dash"]).success();
    home.run(&["ips", "add", "192.0.2.1"]).success();
    for (arguments, list, field, value) in [
        (&["domains", "list"][..], "domains", "name", "example.com"),
        (&["keys", "list"], "keys", "name", "dash"),
        (&["accounts", "list"], "accounts", "name", "default"),
        (&["ips", "list"], "ips", "address", "192.0.2.1"),
        (&["quarantine", "list"], "messages", "kind", "quarantined"),
        (&["reports", "list", "example.com"], "reports", "org_name", "Reporter"),
    ] {
        let found = json(&home, arguments, 0);
        assert_eq!(found[list][0][field], value, "{arguments:?}: {found}");
    }
    // Of the secret only its beginning.
    let keys = json(&home, &["keys", "list"], 0);
    assert_eq!(keys["keys"][0]["key_prefix"].as_str().unwrap().len(), 12);
    let shown = json(&home, &["domains", "show", "example.com"], 0);
    assert_eq!(
        (&shown["name"], &shown["status"]),
        (&"example.com".into(), &"pending".into())
    );
    assert!(shown["last_checked_at"].is_null(), "no name server was asked");
    let said = stdout(&home.run(&["domains", "show", "example.com"]).success());
    assert!(said.contains("DNS last asked   never"), "{said}");
    let message = json(&home, &["quarantine", "show", "1"], 0);
    assert_eq!(message["kind"], "quarantined");
}

#[test]
fn commands_say_what_comes_next() {
    let home = Home::new();
    home.file("1.xml", report("r1", 3));
    let import = ["--data", "d", "import", "--add-domains", "1.xml"];
    let said = stdout(&home.run(&import).success());
    assert!(
        said.contains("What needs you:  tallymark --data d attention\n"),
        "{said}"
    );
    assert!(said.contains("On a web page:   tallymark --data d serve\n"), "{said}");
    let again = stdout(&home.run(&import).success());
    assert!(!again.contains("What needs you"), "nothing new: {again}");
    let said = stdout(&home.run(&["--data", "d", "keys", "create"]).success());
    assert!(
        said.contains("Sign in with it at http://127.0.0.1:8080/ while `tallymark --data d serve` runs."),
        "{said}"
    );
    let quiet = stdout(&home.run(&["--data", "d", "keys", "create", "--quiet"]).success());
    assert_eq!(quiet.lines().count(), 1, "{quiet}");
}

#[test]
fn the_manual_page_has_every_command_and_renders() {
    let home = Home::new();
    let page = stdout(&home.run(&["man"]).success());
    for heading in [
        ".TH TALLYMARK 1",
        ".SS tallymark doctor",
        ".SS tallymark domains show",
        ".SS tallymark serve",
    ] {
        assert!(page.contains(heading), "{heading}");
    }
    // No line of a text is a request of roff.
    let requests = [".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".nf", ".fi"];
    for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
        assert!(
            requests.iter().any(|known| line.split(' ').next() == Some(known)),
            "{line}"
        );
    }
    assert!(!page.contains('\u{1b}'));
}
