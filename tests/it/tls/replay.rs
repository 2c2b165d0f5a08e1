//! TLS reports that an earlier version kept as other mail are counted when they are read again.

use std::path::Path;
use std::process::Command;

use crate::cli::{Home, stdout};

fn sqlite(home: &Home, sql: &str) -> String {
    let database = home.path().join("tallymark-data/tallymark.sqlite");
    let run = Command::new("sqlite3").arg(database).arg(sql).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap().trim().to_owned()
}

#[test]
fn tls_reports_among_other_mail_are_counted_when_they_are_read_again() {
    let home = Home::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls");
    for name in ["mail-json.eml", "24-one-part.eml"] {
        home.file(name, std::fs::read(fixtures.join(name)).unwrap());
    }
    home.run(&["domains", "add", "other.example"]).success();
    home.run(&["import", "mail-json.eml", "24-one-part.eml"]);
    assert_eq!(sqlite(&home, "select group_concat(kind) from set_aside"), "1,1");
    // As they were kept before TLS reports were read.
    sqlite(
        &home,
        "update set_aside set kind = 2, policy_domain = '', reason = 'tls_report'",
    );
    home.run(&["domains", "add", "example.com"]).success();
    let counted = || sqlite(&home, "select count(*), coalesce(sum(counted), 0) from tls_reports");
    assert_eq!(counted(), "0|0");
    // Other mail is no part of all.
    home.run(&["quarantine", "replay", "--all"]).success();
    assert_eq!(counted(), "0|0");
    let said = stdout(&home.run(&["quarantine", "replay", "--kind", "other"]).success());
    assert!(said.contains("2 messages read again"), "{said}");
    // Both mails have the same report.
    assert_eq!(counted(), "1|1");
    assert_eq!(sqlite(&home, "select count(*) from set_aside"), "0");
    home.run(&["verify"]).success();
    // Again, there is nothing left to read.
    home.run(&["quarantine", "replay", "--kind", "other"]).success();
    assert_eq!(counted(), "1|1");
}
