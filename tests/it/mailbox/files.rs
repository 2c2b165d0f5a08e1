//! Maildirs and watched folders.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Home, Tallymark, broken_mail, names, other_mail, quarantined, report_mail, sum, until, until_or, verify};
use crate::cli::report;

fn maildir(home: &Home, more: &str) {
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(home.path().join("Maildir").join(folder)).unwrap();
    }
    home.file(
        "t.toml",
        format!("[[maildir]]\nname = \"box\"\npath = \"Maildir\"\nadd_domains = true\npoll_seconds = 1\n{more}"),
    );
}

#[test]
fn a_maildir_is_read_and_mail_is_marked_where_it_is() {
    let home = Home::new();
    maildir(&home, "");
    home.file("Maildir/new/1.a", report_mail(0));
    home.file("Maildir/cur/2.a:2,FR", report_mail(1));
    home.file("Maildir/new/3.a", other_mail(0));
    home.file("Maildir/new/4.a", broken_mail(0));
    home.file("Maildir/tmp/5.a", report_mail(2));
    home.file("elsewhere", report_mail(3));
    symlink(home.path().join("elsewhere"), home.path().join("Maildir/new/6.a")).unwrap();
    let tallymark = Tallymark::start(home.path());
    let cur = home.path().join("Maildir/cur");
    until("mail is marked", || names(&cur) == ["1.a:2,S", "2.a:2,FRS", "4.a:2,S"]);
    home.file("Maildir/new/7.a", report_mail(4));
    until("later mail is marked", || names(&cur).len() == 4);
    tallymark.stop();
    assert_eq!(
        names(&home.path().join("Maildir/new")),
        ["3.a", "6.a"],
        "mail without a report, and a link"
    );
    verify(&home, 3, sum([0, 1, 4]));
    // What is settled is not read again: not even its name has to stay the same behind the colon.
    fs::rename(cur.join("2.a:2,FRS"), cur.join("2.a:2,S")).unwrap();
    let tallymark = Tallymark::start(home.path());
    until("a round", || tallymark.source("box")["condition"] == "reading");
    for outcome in ["taken", "other", "failed"] {
        let line = format!("tallymark_feed_messages_total{{feed=\"box\",outcome=\"{outcome}\"}}");
        assert_eq!(tallymark.metric(&line), 0, "{outcome}");
    }
    tallymark.stop();
}

#[test]
fn mail_of_a_maildir_is_moved_and_replaces_nothing() {
    let home = Home::new();
    maildir(&home, "processed = \"Maildir/.Processed\"\nfailed = \"Failed\"\n");
    home.file("Maildir/.Processed/cur/1.a:2,S", "an older mail of this name");
    home.file("Maildir/new/1.a", report_mail(0));
    home.file("Maildir/new/2.a", broken_mail(0));
    home.file("Maildir/new/3.a", vec![b'x'; 26 * 1024 * 1024]);
    let tallymark = Tallymark::start(home.path());
    let there = |path: &str| names(&home.path().join(path));
    until("all is moved", || there("Maildir/new").is_empty());
    tallymark.stop();
    assert_eq!(there("Maildir/.Processed/cur"), ["1.a.1:2,S", "1.a:2,S"]);
    assert_eq!(there("Failed/cur"), ["2.a:2,S", "3.a:2,S"]);
    let kept = fs::read_to_string(home.path().join("Maildir/.Processed/cur/1.a:2,S")).unwrap();
    assert_eq!(kept, "an older mail of this name");
    verify(&home, 1, sum([0]));
    assert_eq!(quarantined(&home, "message_too_large"), 1);
}

#[test]
fn a_maildir_that_is_killed_over_loses_and_doubles_nothing() {
    const MAILS: u32 = 1_500;
    let home = Home::new();
    maildir(&home, "processed = \"Processed\"\n");
    for nth in 0..MAILS {
        home.file(&format!("Maildir/new/{nth:05}.a"), report_mail(nth));
    }
    let done = || names(&home.path().join("Processed/cur")).len();
    let mut killed = 0;
    while done() < MAILS as usize {
        let tallymark = Tallymark::start(home.path());
        let before = done();
        let enough = before + 300;
        until_or(
            || format!("some is moved: {}", tallymark.log()),
            || done() >= enough.min(MAILS as usize),
        );
        killed += u32::from(done() < MAILS as usize);
        tallymark.kill();
    }
    assert!(killed >= 2, "{killed}");
    verify(&home, MAILS.into(), sum(0..MAILS));
}

#[test]
fn a_watched_folder_ends_in_done_and_failed() {
    let home = Home::new();
    fs::create_dir(home.path().join("drop")).unwrap();
    home.file(
        "t.toml",
        "[[folder]]\nname = \"drop\"\npath = \"drop\"\nadd_domains = true\npoll_seconds = 1\n",
    );
    home.file("drop/a.xml", report("one", 3));
    home.file("drop/done/a.xml", "an older file of this name");
    home.file("drop/broken.xml", "<feedback><report_metadata></feedback>");
    home.file("drop/text", "no report at all");
    home.file("drop/.hidden", report("two", 4));
    home.file("elsewhere.xml", report("three", 5));
    symlink(home.path().join("elsewhere.xml"), home.path().join("drop/link.xml")).unwrap();
    let mark = "From a@b Thu Jan  1 00:00:00 1970\n";
    let mailbox = [0, 1].map(|nth| format!("{mark}{}\n", report_mail(nth).replace("\r\n", "\n")));
    home.file("drop/box.mbox", mailbox.concat());
    let large = fs::File::create(home.path().join("drop/large")).unwrap();
    large.set_len(600 * 1024 * 1024).unwrap();
    let tallymark = Tallymark::start(home.path());
    let there = |path: &str| names(&home.path().join(path));
    until_or(
        || format!("all is moved: {}", tallymark.log()),
        || there("drop") == [".hidden", "done", "failed", "link.xml"],
    );
    assert!(tallymark.peak_mebibytes() < 200);
    tallymark.stop();
    assert_eq!(there("drop/done"), ["a.1.xml", "a.xml", "box.mbox"]);
    let failed = [
        "broken.xml",
        "broken.xml.reason",
        "large",
        "large.reason",
        "text",
        "text.reason",
    ];
    assert_eq!(there("drop/failed"), failed);
    let reason = |name: &str| fs::read_to_string(home.path().join("drop/failed").join(name)).unwrap();
    assert!(
        reason("broken.xml.reason").contains("malformed_xml"),
        "{}",
        reason("broken.xml.reason")
    );
    assert!(
        reason("large.reason").contains("message_too_large"),
        "{}",
        reason("large.reason")
    );
    assert!(
        reason("text.reason").contains("not_a_report"),
        "{}",
        reason("text.reason")
    );
    verify(&home, 3, 3 + sum([0, 1]));
}

/// A file that grows is left alone until it has stopped.
#[test]
fn a_file_that_is_still_being_written_is_left_alone() {
    use std::io::Write as _;
    let home = Home::new();
    fs::create_dir(home.path().join("drop")).unwrap();
    home.file(
        "t.toml",
        "[[folder]]\nname = \"drop\"\npath = \"drop\"\nadd_domains = true\npoll_seconds = 3\n",
    );
    let tallymark = Tallymark::start(home.path());
    let whole = report("one", 3);
    let mut file = fs::File::create(home.path().join("drop/a.xml")).unwrap();
    let looks = || tallymark.source("drop")["read_at"].clone();
    // A piece after each look: at the next one the file is another one than before.
    for piece in whole.as_bytes().chunks(whole.len() / 3 + 1) {
        let before = looks();
        file.write_all(piece).unwrap();
        file.flush().unwrap();
        until("it has looked", || looks() != before);
        assert!(!home.path().join("drop/failed").exists(), "it was taken too early");
    }
    drop(file);
    until("it is taken", || home.path().join("drop/done/a.xml").exists());
    tallymark.stop();
    verify(&home, 1, 3);
}

#[test]
fn a_missing_folder_is_reported_and_awaited() {
    let home = Home::new();
    home.file(
        "t.toml",
        "[[folder]]\nname = \"drop\"\npath = \"drop\"\nadd_domains = true\npoll_seconds = 1\n",
    );
    let tallymark = Tallymark::start(home.path());
    tallymark.fails("drop", "files_unreadable");
    home.file("drop/a.xml", report("one", 3));
    until("it is taken", || home.path().join("drop/done/a.xml").exists());
    tallymark.stop();
}
