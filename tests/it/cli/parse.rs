//! `tallymark parse`.

use serde_json::Value;

use super::{Home, report, stderr, stdout};

#[test]
fn a_table_has_a_line_a_message_and_the_sum() {
    let home = Home::new();
    home.file("r/1.xml", report("one", 3));
    home.file("r/2.xml", report("two", 4_000));
    let table = stdout(&home.run(&["parse", "r"]).success());
    let cells: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0], ["reports", "records", "messages", "passed", "file"]);
    assert_eq!(cells[1], ["1", "1", "3", "100%", "r/1.xml"]);
    assert_eq!(cells[2], ["1", "1", "4,000", "100%", "r/2.xml"]);
    assert_eq!(cells[3], ["2", "2", "4,003", "100%", "in", "2", "messages"]);
    assert!(!home.path().join("tallymark-data").exists(), "nothing is kept");
}

#[test]
fn json_has_everything() {
    let home = Home::new();
    home.file("1.xml", report("one", 3));
    let line = stdout(&home.run(&["parse", "--format", "json", "1.xml"]).success());
    let message: Value = serde_json::from_str(&line).unwrap();
    let parsed = &message["reports"][0];
    assert_eq!(parsed["report_id"], "one");
    assert_eq!(
        (&parsed["record_count"], &parsed["message_count"]),
        (&1.into(), &3.into())
    );
    assert_eq!(parsed["policy"]["p"], "none");
    let record = &parsed["records"][0];
    assert_eq!(record["source_ip"], "192.0.2.1");
    assert_eq!(
        (&record["result"], &record["dkim_aligned"], &record["spf_aligned"]),
        (&"pass".into(), &true.into(), &false.into())
    );
    assert_eq!(record["evidence"]["dkim"][0]["domain"], "example.com");
}

#[test]
fn csv_has_a_line_a_record_and_no_formulas() {
    let home = Home::new();
    home.file("1.xml", report("=1+1", 3));
    let csv = stdout(&home.run(&["parse", "--format", "csv", "1.xml"]).success());
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
    assert!(
        lines[1].starts_with("1.xml,'=1+1,Reporter,example.com,2026-03-01T00:00:00.000Z,"),
        "{csv}"
    );
}

#[test]
fn a_broken_report_fails_and_a_mail_without_one_does_not() {
    let home = Home::new();
    home.file("broken.xml", "<feedback><report_metadata></feedback>");
    home.file("mail.eml", "From: a@example.com\nSubject: hello\n\nno report\n");
    home.file("1.xml", report("one", 3));
    let table = stdout(&home.run(&["parse", "broken.xml", "1.xml"]).code(1));
    assert!(table.contains("  ! "), "{table}");
    assert!(table.contains("1.xml"), "what is good is shown: {table}");
    let table = stdout(&home.run(&["parse", "mail.eml"]).success());
    assert!(table.contains("no aggregate report in it: mail"), "{table}");
    let missing = home.run(&["parse", "missing.xml"]).code(1);
    assert!(
        stderr(&missing).contains("cannot read missing.xml: "),
        "{}",
        stderr(&missing)
    );
}

#[test]
fn a_terminal_is_not_given_what_a_report_says_as_it_is() {
    let home = Home::new();
    let name = "a\u{1b}]0;x\u{7}.xml";
    home.file(name, "<feedback><report_metadata></feedback>");
    let table = stdout(&home.run(&["parse", "."]).code(1));
    assert!(table.contains("a\\u{1b}]0;x\\u{7}.xml"), "{table:?}");
    assert!(!table.contains('\u{1b}'), "{table:?}");
}
