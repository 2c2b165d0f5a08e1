//! Files with names and owners that make trouble: one that cannot be moved is its own problem.

use std::fs;

use super::{Home, Tallymark, names, report_mail, sum, until, until_or, verify};
use crate::cli::report;

fn folder(home: &Home) {
    fs::create_dir_all(home.path().join("drop/done")).unwrap();
    home.file(
        "t.toml",
        "[[folder]]\nname = \"drop\"\npath = \"drop\"\nadd_domains = true\npoll_seconds = 1\n",
    );
}

/// The looks at a folder that came to its end.
fn until_looked_again(tallymark: &Tallymark, source: &str) {
    let before = tallymark.source(source)["read_at"].clone();
    until("another look", || tallymark.source(source)["read_at"] != before);
}

fn failures(tallymark: &Tallymark) -> bool {
    tallymark
        .get("/metrics")
        .contains("tallymark_feed_failures_total{feed=\"drop\"")
}

#[test]
fn a_name_of_the_greatest_length_is_moved() {
    let home = Home::new();
    folder(&home);
    let long = |char: &str, suffix: &str| format!("{}{suffix}", char.repeat((255 - suffix.len()) / char.len()));
    // Another of the name is there already; or a reason is written beside it.
    let taken = [long("0", ".xml"), long("ä", ".xml"), long("日", "")];
    let broken = [long("b", ".xml"), long("ö", ""), long("🙂", ".xml.gz")];
    for (nth, name) in taken.iter().enumerate() {
        home.file(&format!("drop/done/{name}"), "an older one");
        home.file(&format!("drop/{name}"), report(&nth.to_string(), nth as u32 + 1));
    }
    for name in &broken {
        home.file(&format!("drop/{name}"), "<feedback><report_metadata></feedback>");
    }
    let tallymark = Tallymark::start(home.path());
    until_or(
        || {
            format!(
                "all is moved: {:?} {}",
                names(&home.path().join("drop")),
                tallymark.log()
            )
        },
        || names(&home.path().join("drop")) == ["done", "failed"],
    );
    assert!(!failures(&tallymark), "{}", tallymark.log());
    tallymark.stop();
    assert_eq!(names(&home.path().join("drop/done")).len(), 6);
    for name in &taken {
        assert_eq!(
            fs::read_to_string(home.path().join("drop/done").join(name)).unwrap(),
            "an older one"
        );
    }
    let failed = names(&home.path().join("drop/failed"));
    assert_eq!(
        failed.iter().filter(|name| name.ends_with(".reason")).count(),
        3,
        "{failed:?}"
    );
    assert!(broken.iter().all(|name| failed.contains(name)), "{failed:?}");
    verify(&home, 3, 6);
}

#[test]
fn a_file_that_cannot_be_moved_is_named_once_and_the_others_go_on() {
    let home = Home::new();
    folder(&home);
    let done = home.path().join("drop/done");
    block(&done, "one");
    block(&done, "two");
    home.file("drop/one.xml", report("one", 1));
    home.file("drop/two.xml", report("two", 2));
    home.file("drop/broken.xml", "<feedback><report_metadata></feedback>");
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("the others go on: {}", tallymark.log()),
        || names(&home.path().join("drop/failed")) == ["broken.xml", "broken.xml.reason"],
    );
    until_or(
        || tallymark.log(),
        || tallymark.log().matches("cannot be moved").count() == 2,
    );
    for _ in 0..3 {
        until_looked_again(&tallymark, "drop");
    }
    let log = tallymark.log();
    assert_eq!(log.matches("cannot be moved").count(), 2, "{log}");
    assert!(log.contains("one.xml") && log.contains("two.xml"), "{log}");
    assert!(!failures(&tallymark), "{log}");
    let taken = tallymark.metric("tallymark_feed_messages_total{feed=\"drop\",outcome=\"taken\"}");
    assert_eq!(taken, 2, "they are not read again");
    // Others go on, and these as soon as that is possible.
    home.file("drop/three.xml", report("three", 4));
    until("the third is moved", || done.join("three.xml").exists());
    fs::rename(&done, home.path().join("drop/full")).unwrap();
    until("all is moved", || names(&done) == ["one.xml", "two.xml"]);
    assert_eq!(names(&home.path().join("drop")), ["done", "failed", "full"]);
    tallymark.stop();
    verify(&home, 3, 7);
}

/// What changed where it cannot be moved is another file, and read.
#[test]
fn a_file_that_changed_where_it_is_stuck_is_read_again() {
    let home = Home::new();
    folder(&home);
    let done = home.path().join("drop/done");
    block(&done, "a");
    home.file("drop/a.xml", report("one", 1));
    let tallymark = Tallymark::start(home.path());
    let stored = |count| {
        until_or(
            || format!("{count} stored: {}", tallymark.log()),
            || tallymark.metric("tallymark_reports_total{outcome=\"stored\"}") == count,
        );
    };
    stored(1);
    home.file("drop/a.xml", report("another", 2));
    stored(2);
    fs::rename(&done, home.path().join("drop/full")).unwrap();
    until("it is moved", || names(&done) == ["a.xml"]);
    tallymark.stop();
    verify(&home, 2, 3);
}

#[test]
fn mail_of_a_maildir_with_the_longest_name_is_marked() {
    let home = Home::new();
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(home.path().join("Maildir").join(part)).unwrap();
    }
    home.file(
        "t.toml",
        "[[maildir]]\nname = \"box\"\npath = \"Maildir\"\nadd_domains = true\npoll_seconds = 1\n",
    );
    let long = "1".repeat(255);
    home.file(&format!("Maildir/new/{long}"), report_mail(0));
    home.file(&format!("Maildir/new/{}é", "2".repeat(250)), report_mail(1));
    let tallymark = Tallymark::start(home.path());
    let cur = home.path().join("Maildir/cur");
    until_or(|| tallymark.log(), || names(&cur).len() == 2);
    for _ in 0..2 {
        until_looked_again(&tallymark, "box");
    }
    assert!(!tallymark.log().contains("cannot be moved"), "{}", tallymark.log());
    let duplicates = tallymark.metric("tallymark_reports_total{outcome=\"duplicate\"}");
    assert_eq!(duplicates, 0, "they are known by their new names");
    tallymark.stop();
    assert!(
        names(&cur)
            .iter()
            .all(|name| name.ends_with(":2,S") && name.len() <= 255),
        "{:?}",
        names(&cur)
    );
    verify(&home, 2, sum(0..2));
}

/// A link that leads a Maildir's mail back into it, made after the settings were looked at.
#[test]
fn a_maildir_that_mail_would_come_back_to_is_not_read() {
    let home = Home::new();
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(home.path().join("Maildir").join(part)).unwrap();
    }
    home.file(
        "t.toml",
        "[[maildir]]\nname = \"box\"\npath = \"Maildir\"\nprocessed = \"later\"\nadd_domains = true\npoll_seconds = 1\n",
    );
    let tallymark = Tallymark::start(home.path());
    until("a look", || tallymark.source("box")["read_at"].is_string());
    std::os::unix::fs::symlink("Maildir", home.path().join("later")).unwrap();
    tallymark.fails("box", "files_unreadable");
    home.file("Maildir/new/1.a", report_mail(0));
    assert!(
        tallymark.log().contains("later is the Maildir itself"),
        "{}",
        tallymark.log()
    );
    fs::remove_file(home.path().join("later")).unwrap();
    until("it is moved", || names(&home.path().join("later/cur")) == ["1.a:2,S"]);
    tallymark.stop();
    verify(&home, 1, sum([0]));
}

/// Fills a folder with files of this name, so that no other of it has room there: what even root cannot pass.
fn block(folder: &std::path::Path, stem: &str) {
    fs::write(folder.join(format!("{stem}.xml")), "").unwrap();
    for nth in 1..10_000 {
        fs::write(folder.join(format!("{stem}.{nth}.xml")), "").unwrap();
    }
}
