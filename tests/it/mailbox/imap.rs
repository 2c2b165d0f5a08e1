//! A folder of mixed mail, as servers of several abilities have it.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use super::dovecot::{Ability, Dovecot, PASSWORD, USER};
use super::killed::config;
use super::proxy::{Point, Proxy};
use super::{Home, Tallymark, broken_mail, other_mail, quarantined, report_mail, sum, until, until_or, verify};

/// The numbers of reports that are in the folder so far, each as it came.
fn has_reports(dovecot: &Dovecot, folder: &str, count: u32) -> bool {
    let mut expect: Vec<_> = (0..count).map(report_mail).collect();
    expect.sort();
    dovecot.mails(folder) == expect
}

#[test]
fn mixed_mail_is_taken_moved_and_left_alone() {
    for (tls, auth) in [("tls", "login"), ("starttls", "plain")] {
        mixed_mail(tls, auth);
    }
}

fn mixed_mail(tls: &str, auth: &str) {
    let dovecot = Dovecot::start(Ability::Everything);
    let home = Home::new();
    home.file("password", PASSWORD);
    let port = if tls == "tls" { dovecot.tls_port } else { dovecot.port };
    let ca_file = dovecot.ca_file();
    home.file(
        "t.toml",
        format!(
            "[[imap]]\nname = \"box\"\nhost = \"localhost\"\nport = {port}\ntls = \"{tls}\"\nauth = \"{auth}\"\n\
             ca_file = {ca_file:?}\nuser = \"{USER}\"\npassword_file = \"password\"\nprocessed_folder = \"Berichte.Ü&\"\n\
             failed_folder = \"Failed\"\nadd_domains = true\n"
        ),
    );
    for nth in 0..40 {
        dovecot.deliver(&report_mail(nth));
    }
    for nth in 0..3 {
        dovecot.deliver(&other_mail(nth));
        dovecot.deliver(&broken_mail(nth));
    }
    let tallymark = Tallymark::start(home.path());
    // Modified UTF-7 (RFC 3501, 5.1.3), as Dovecot names the folder on the disk.
    let processed = "Berichte.&ANw-&-";
    let seen = || {
        let counts = ["", processed, "Failed"].map(|folder| dovecot.mails(folder).len());
        format!("reports are moved: {counts:?} {} {}", tallymark.log(), dovecot.log())
    };
    // A server that moves a mail makes it there before it takes it away here.
    let is_moved = |reports: u32, others: u32| {
        let left: Vec<_> = (0..others).map(other_mail).collect();
        has_reports(&dovecot, processed, reports) && dovecot.mails("Failed").len() == 3 && dovecot.mails("") == left
    };
    until_or(seen, || {
        is_moved(40, 3) && tallymark.source("box")["read_at"].is_string()
    });
    // While it waits for news.
    dovecot.deliver(&report_mail(40));
    dovecot.deliver(&other_mail(3));
    until_or(seen, || is_moved(41, 4));
    for path in dovecot.files("") {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains(":2,") || name.ends_with(":2,"), "it was marked: {name}");
    }
    let taken = tallymark.metric("tallymark_feed_messages_total{feed=\"box\",outcome=\"taken\"}");
    assert_eq!(taken, 41);
    tallymark.stop();
    verify(&home, 41, sum(0..41));
    assert_eq!(quarantined(&home, "malformed_xml"), 3);
}

#[test]
fn mail_without_a_report_is_fetched_once() {
    let dovecot = Dovecot::start(Ability::Everything);
    let proxy = Proxy::start(dovecot.port);
    let home = Home::new();
    config(&home, proxy.port, "");
    for nth in 0..3 {
        dovecot.deliver(&other_mail(nth));
    }
    let tallymark = Tallymark::start(home.path());
    until("a round", || tallymark.source("box")["condition"] == "reading");
    tallymark.stop();
    let is_body = |command: &String| command.contains("BODY.PEEK[]");
    assert_eq!(proxy.commands().iter().filter(|command| is_body(command)).count(), 1);
    // Not even after a restart.
    let again = proxy.freeze(Point::Before("IDLE"));
    let tallymark = Tallymark::start(home.path());
    again.recv_timeout(super::PATIENCE).unwrap();
    tallymark.kill();
    let commands = proxy.commands();
    assert!(
        commands.iter().any(|command| command.starts_with("UID FETCH 4:*")),
        "{commands:?}"
    );
    assert!(!commands.iter().any(is_body), "{commands:?}");
    // Where the configuration says so, it is put away too.
    proxy.cut();
    config(&home, proxy.port, "other_folder = \"Other\"\n");
    dovecot.deliver(&other_mail(3));
    let tallymark = Tallymark::start(home.path());
    // What was settled before stays settled.
    until("other mail is put away", || {
        dovecot.mails("Other").len() == 1 && dovecot.mails("").len() == 3
    });
    tallymark.stop();
}

#[test]
fn without_move_messages_are_copied_and_exactly_they_are_expunged() {
    let dovecot = Dovecot::start(Ability::NoMove);
    let proxy = Proxy::start(dovecot.port);
    let home = Home::new();
    config(&home, proxy.port, "");
    // Another client has marked a mail as deleted.
    dovecot.deliver(&other_mail(0));
    let theirs = dovecot.files("").remove(0);
    let marked = dovecot
        .path("mail/cur")
        .join(format!("{}:2,T", theirs.file_name().unwrap().to_str().unwrap()));
    fs::rename(theirs, marked).unwrap();
    for nth in 0..5 {
        dovecot.deliver(&report_mail(nth));
    }
    let tallymark = Tallymark::start(home.path());
    until("reports are moved", || {
        has_reports(&dovecot, "Processed", 5) && dovecot.mails("").len() == 1
    });
    tallymark.stop();
    let commands = proxy.commands();
    assert!(
        commands.iter().any(|command| command.starts_with("UID EXPUNGE ")),
        "{commands:?}"
    );
    assert!(
        !commands.iter().any(|command| command.starts_with("EXPUNGE")),
        "{commands:?}"
    );
    verify(&home, 5, sum(0..5));
}

#[test]
fn without_a_safe_way_messages_stay_and_are_remembered() {
    let dovecot = Dovecot::start(Ability::NoUidPlus);
    let proxy = Proxy::start(dovecot.port);
    let home = Home::new();
    config(&home, proxy.port, "");
    for nth in 0..5 {
        dovecot.deliver(&report_mail(nth));
    }
    for round in 0..2 {
        let frozen = proxy.freeze(Point::Before("IDLE"));
        let tallymark = Tallymark::start(home.path());
        frozen.recv_timeout(super::PATIENCE).unwrap();
        tallymark.kill();
        proxy.cut();
        let commands = proxy.commands();
        let fetched = commands
            .iter()
            .filter(|command| command.contains("BODY.PEEK[]"))
            .count();
        assert_eq!(fetched, 1 - round, "{commands:?}");
        assert!(
            !commands
                .iter()
                .any(|command| command.contains("EXPUNGE") || command.contains("COPY"))
        );
    }
    assert_eq!(dovecot.mails("").len(), 5);
    verify(&home, 5, sum(0..5));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the server counts seconds")]
fn a_folder_that_was_numbered_anew_is_read_again_and_counted_once() {
    let dovecot = Dovecot::start(Ability::NoUidPlus);
    let home = Home::new();
    config(&home, dovecot.port, "");
    for nth in 0..5 {
        dovecot.deliver(&report_mail(nth));
    }
    let tallymark = Tallymark::start(home.path());
    until("a round", || tallymark.source("box")["condition"] == "reading");
    tallymark.stop();
    dovecot.kill();
    // Without its lists Dovecot renumbers the mails by the time, in seconds.
    for entry in fs::read_dir(dovecot.path("mail")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("dovecot") {
            fs::remove_file(path).unwrap();
        }
    }
    let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let before = second();
    until("another second", || second() > before);
    dovecot.deliver(&report_mail(5));
    dovecot.start_again();
    let tallymark = Tallymark::start(home.path());
    until("the new report is taken", || {
        tallymark.metric("tallymark_reports_total{outcome=\"stored\"}") == 1
    });
    until("the old ones came again", || {
        tallymark.metric("tallymark_reports_total{outcome=\"duplicate\"}") == 5
    });
    assert!(tallymark.log().contains("renumbered the folder"), "{}", tallymark.log());
    tallymark.stop();
    verify(&home, 6, sum(0..6));
}

#[test]
fn a_source_that_is_refused_says_so_and_what_to_do() {
    let dovecot = Dovecot::start(Ability::Everything);
    let home = Home::new();
    config(&home, dovecot.port, "");
    home.file("password", "wrong");
    let tallymark = Tallymark::start(home.path());
    tallymark.fails("box", "login_refused");
    let source = tallymark.source("box");
    assert_eq!(source["condition"], "failing");
    assert!(
        source["advice"].as_str().unwrap().contains("user and password"),
        "{source}"
    );
    assert_eq!(tallymark.metric("tallymark_feed_up{feed=\"box\"}"), 0);
    assert!(tallymark.metric("tallymark_feed_failures_total{feed=\"box\",reason=\"login_refused\"}") > 0);
    let log = tallymark.log();
    assert!(
        log.contains("feed stopped: sign-in refused") && log.contains("user and password"),
        "{log}"
    );
    assert!(!log.contains("wrong"), "the password is in the log: {log}");
    // With the right one it goes on by itself.
    home.file("password", PASSWORD);
    until("it is read", || tallymark.source("box")["condition"] == "reading");
    tallymark.stop();

    // An untrusted certificate, a folder that is not there, a server that is not there.
    let setting = |tls: &str, port: u16, folder: &str| {
        format!(
            "[[imap]]\nname = \"box\"\nhost = \"localhost\"\nport = {port}\ntls = \"{tls}\"\nuser = \"{USER}\"\n\
             password_file = \"password\"\nfolder = \"{folder}\"\n"
        )
    };
    for (setting, reason) in [
        (setting("tls", dovecot.tls_port, "INBOX"), "tls_failed"),
        (setting("plain", dovecot.port, "Nowhere"), "folder_refused"),
        (setting("plain", super::dovecot::free_port(), "INBOX"), "unreachable"),
    ] {
        home.file("t.toml", setting);
        let tallymark = Tallymark::start(home.path());
        tallymark.fails("box", reason);
        tallymark.stop();
    }
}
