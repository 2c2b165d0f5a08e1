//! A database whose log went missing: nothing is written to it, every command says why, and a backup can be restored.

use std::fs;

use super::{Home, fails, report, stdout};

const LOST: &str = "has lost what was stored last";

/// A report more than the copy `backup.sqlite`.
fn home_with_a_backup() -> Home {
    let home = Home::new();
    home.run(&["domains", "add", "example.com"]).success();
    home.file("in/1.xml", report("one", 3));
    home.run(&["import", "in"]).success();
    fs::copy(database(&home), home.path().join("backup.sqlite")).unwrap();
    home.file("in/2.xml", report("two", 4));
    home.run(&["import", "in"]).success();
    home
}

fn database(home: &Home) -> std::path::PathBuf {
    home.path().join("tallymark-data/tallymark.sqlite")
}

#[test]
fn an_older_database_is_neither_served_nor_changed_until_it_is_accepted() {
    let home = home_with_a_backup();
    // The control: what was not touched is not complained about.
    let said = stdout(&home.run(&["admin", "restored"]).success());
    assert!(said.contains("lacks nothing that is known"), "{said}");
    fs::copy(home.path().join("backup.sqlite"), database(&home)).unwrap();
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["import", "in"],
        &["domains", "add", "example.org"],
        &["domains", "list"],
    ] {
        fails(&home, arguments, 1, LOST);
    }
    fails(&home, &["domains", "list"], 1, "tallymark admin restored");
    let verified = stdout(&home.run(&["verify"]).code(1));
    assert!(verified.contains("what was stored last is gone"), "{verified}");
    assert!(verified.contains("recounted 1 domain, 1 report"), "{verified}");
    assert_eq!(
        fs::read(database(&home)).unwrap(),
        fs::read(home.path().join("backup.sqlite")).unwrap()
    );
    let said = stdout(&home.run(&["admin", "restored"]).success());
    assert!(said.contains("is accepted as it is"), "{said}");
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(verified.contains("all figures agree"), "{verified}");
    home.run(&["import", "in"]).success();
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(verified.contains("2 reports"), "{verified}");
}

/// As the documentation restores: everything of the old database is moved away.
#[test]
fn a_restored_backup_without_a_mark_needs_no_command() {
    let home = home_with_a_backup();
    let folder = home.path().join("tallymark-data");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("tallymark.sqlite")
        {
            fs::remove_file(path).unwrap();
        }
    }
    fs::copy(home.path().join("backup.sqlite"), database(&home)).unwrap();
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(verified.contains("1 report"), "{verified}");
    home.run(&["import", "in"]).success();
}

#[test]
fn a_database_that_is_gone_is_not_made_anew() {
    let home = home_with_a_backup();
    fs::remove_file(database(&home)).unwrap();
    fails(&home, &["serve", "--listen", "127.0.0.1:0"], 1, LOST);
    assert!(!database(&home).exists());
    fails(&home, &["admin", "restored"], 1, "there is no database");
}
