//! `tallymark import`, and what it leaves behind.

use serde_json::Value;

use super::{Home, first_number, report, stderr, stdout};

fn import(home: &Home, more: &[&str]) -> Value {
    let arguments = [&["import", "--json"], more].concat();
    serde_json::from_str(&stdout(&home.run(&arguments).success())).unwrap()
}

#[test]
fn importing_again_stores_nothing_new() {
    let home = Home::new();
    home.file("reports/a/1.xml", report("one", 3));
    home.file("reports/b/2.xml", report("two", 4));
    home.file("reports/readme", "no report at all");
    let first = import(&home, &["--add-domains", "reports"]);
    assert_eq!(first["files"], 3);
    assert_eq!(first["reports"]["stored"], 2);
    assert_eq!(first["reports"]["counted_messages"], 7);
    let again = import(&home, &["--add-domains", "reports"]);
    assert_eq!(again["reports"]["stored"], 0);
    assert_eq!(again["reports"]["duplicates"], 2);
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(
        verified.contains("1 domain, 2 reports, 2 records, 7 messages"),
        "{verified}"
    );
    assert!(verified.contains("all figures agree"), "{verified}");
    let left: Vec<_> = std::fs::read_dir(home.path().join("tallymark-data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != "master.key" && name != "tallymark.sqlite.mark")
        .collect();
    assert_eq!(
        left,
        ["tallymark.sqlite"],
        "the database is one file when nobody has it open"
    );
}

#[test]
fn unclaimed_reports_count_once_their_domain_is_added() {
    let home = Home::new();
    home.file("1.xml", report("one", 3));
    let first = stdout(&home.run(&["import", "1.xml"]).success());
    assert!(
        first.contains("To count them: tallymark domains add example.com"),
        "{first}"
    );
    let listed = stdout(&home.run(&["quarantine", "list"]).success());
    assert!(
        listed.contains("unclaimed") && listed.contains("about example.com"),
        "{listed}"
    );
    home.file(
        "2.xml",
        report("two", 3).replace("<domain>example.com", "<domain>example.org"),
    );
    home.run(&["import", "2.xml"]).success();
    let cut = stdout(&home.run(&["quarantine", "list", "--limit", "1"]).success());
    assert!(
        cut.contains("2 messages in all") && cut.contains("listed: 1; a larger --limit lists more"),
        "{cut}"
    );
    home.run(&["domains", "add", "example.org"]).success();
    let added = stdout(&home.run(&["domains", "add", "example.com"]).success());
    assert!(added.contains("1 report that was unclaimed is counted now"), "{added}");
    assert_eq!(
        stdout(&home.run(&["quarantine", "list"]).success()),
        "there is nothing\n"
    );
    let again = import(&home, &["1.xml"]);
    assert_eq!(again["reports"]["duplicates"], 1);
}

#[test]
fn adding_a_domain_says_what_became_of_each_report_that_waited() {
    let home = Home::new();
    // Two that contradict each other, one of which came in two files, and one about a domain below.
    home.file("1.xml", report("pair", 1));
    home.file("2.xml", report("pair", 2));
    home.file("3.xml", format!("\n{}", report("pair", 1)));
    home.file("4.xml", report("other", 4).replace("example.com", "mail.example.com"));
    import(&home, &["1.xml"]);
    import(&home, &["2.xml", "3.xml", "4.xml"]);
    let added = stdout(&home.run(&["domains", "add", "example.com"]).success());
    let said = "2 reports that were unclaimed are counted now; 1 contradicts another report and is kept beside it without \
                being counted; 1 was counted before and is not counted again.";
    assert!(added.contains(said), "{added}");
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(verified.contains("3 reports, 3 records, 5 messages"), "{verified}");
    // A removal says where the reports go.
    home.run(&["domains", "add", "mail.example.com"]).success();
    let said = stdout(&home.run(&["domains", "remove", "mail.example.com"]).code(1));
    assert!(said.contains("has 1 report; they move to example.com."), "{said}");
    let said = stdout(&home.run(&["domains", "remove", "mail.example.com", "--yes"]).success());
    assert!(said.contains("its reports are at example.com now"), "{said}");
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(verified.contains("3 reports, 3 records, 5 messages"), "{verified}");
}

#[test]
fn adding_domains_on_sight_claims_what_waited() {
    let home = Home::new();
    home.file("1.xml", report("one", 3));
    assert_eq!(import(&home, &["1.xml"])["unclaimed_domains"][0], "example.com");
    let second = import(&home, &["--add-domains", "1.xml"]);
    assert_eq!(second["unclaimed_domains"], Value::Array(Vec::new()));
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(verified.contains("1 report, 1 record, 3 messages"), "{verified}");
}

#[test]
fn unreadable_files_are_kept_with_their_reason() {
    let home = Home::new();
    home.file("broken.xml", "<feedback><report_metadata>\u{1b}[31m</feedback>");
    let summary = import(&home, &["broken.xml"]);
    let quarantined: u64 = summary["quarantined"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(quarantined, 1, "{summary}");
    let listed = stdout(&home.run(&["quarantine", "list", "--kind", "quarantined"]).success());
    let number = first_number(&listed);
    let shown = stdout(&home.run(&["quarantine", "show", &number, "--save", "saved"]).success());
    assert!(shown.contains("broken.xml") && !shown.contains('\u{1b}'), "{shown}");
    assert_eq!(
        std::fs::read(home.path().join("saved")).unwrap(),
        std::fs::read(home.path().join("broken.xml")).unwrap()
    );
    let replayed = stdout(&home.run(&["quarantine", "replay", &number]).code(1));
    assert!(
        replayed.contains("1 message read again, 1 still set aside"),
        "{replayed}"
    );
    home.run(&["quarantine", "replay", "--all"]).code(1);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_rest_is_imported() {
    let home = Home::new();
    home.file("1.xml", report("one", 3));
    let done = home.run(&["import", "--add-domains", "missing.xml", "1.xml"]).code(1);
    assert!(stderr(&done).contains("cannot read missing.xml: "), "{}", stderr(&done));
    let said = stdout(&done);
    let line = |name: &str| said.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("reports stored").contains(" 1 "), "{said}");
    assert!(line("unreadable files").ends_with(" 1"), "{said}");
}

#[test]
fn a_message_over_the_limit_is_quarantined_unread_and_named_with_the_setting() {
    let home = Home::new();
    home.file("1.xml", report("one", 3));
    let message = "From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\nx\n\n";
    let large = "From a@b Thu Jan  1 00:00:00 1970\nSubject: ".to_owned() + &"y".repeat(200) + "\n\nx\n\n";
    home.file("box", message.to_owned() + &large + message + &large);
    let limited = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("TALLYMARK__LIMITS__MESSAGE_BYTES_MAX", "100");
        command.assert().success()
    };
    // Again, nothing is kept twice.
    for _ in 0..2 {
        let done = limited(&["import", "--json", "1.xml", "box"]);
        let said = stderr(&done);
        for origin in ["1.xml", "box, message 2", "box, message 4"] {
            let complaint = format!("{origin}: message is longer than 100 bytes: raise limits.message_bytes_max");
            assert!(said.contains(&complaint), "{said}");
        }
        let summary: Value = serde_json::from_str(&stdout(&done)).unwrap();
        assert_eq!(summary["quarantined"]["message_too_large"], 3, "{summary}");
        assert_eq!(summary["unreadable_files"], 0, "{summary}");
    }
    let listed = stdout(&home.run(&["quarantine", "list", "--kind", "quarantined"]).success());
    assert_eq!(listed.matches("message_too_large").count(), 3, "{listed}");
    // There is nothing to be read again: the message is where it was.
    home.run(&["quarantine", "replay", "--all"]);
    assert_eq!(
        stdout(&home.run(&["quarantine", "list", "--kind", "quarantined"]).success()),
        listed
    );
    // With a higher limit the same command takes it.
    assert_eq!(import(&home, &["--add-domains", "1.xml"])["reports"]["stored"], 1);
}

#[test]
fn an_mbox_is_many_messages() {
    let home = Home::new();
    let message = |id: &str| {
        // Reports that differ in nothing but their id are the same report, sent again.
        let xml = report(id, id.len().try_into().unwrap());
        format!("From a@b Thu Jan  1 00:00:00 1970\nSubject: a report\nContent-Type: text/xml\n\n{xml}\n")
    };
    home.file("box", message("a") + &message("bb") + &message("ccc"));
    let summary = import(&home, &["--add-domains", "box"]);
    assert_eq!((&summary["files"], &summary["messages"]), (&1.into(), &3.into()));
    assert_eq!(summary["reports"]["stored"], 3, "{summary}");
}

#[test]
fn the_account_is_made_once_and_asked_for_when_there_are_several() {
    let home = Home::new();
    home.file("1.xml", report("one", 3));
    import(&home, &["1.xml"]);
    let accounts = stdout(&home.run(&["accounts", "list"]).success());
    assert!(accounts.contains("default"), "{accounts}");
    home.run(&["accounts", "add", "acme"]).success();
    let into_acme = import(&home, &["--account", "acme", "--add-domains", "1.xml"]);
    assert_eq!(
        into_acme["reports"]["stored"], 1,
        "accounts do not know each other's reports"
    );
}
