//! A Dovecot whose folders all have a prefix, as Courier and many providers have it (RFC 2342).

use super::dovecot::{Ability, Dovecot, PASSWORD, USER};
use super::{Home, Tallymark, broken_mail, other_mail, report_mail, sum, until_or, verify};

#[test]
fn folders_behind_a_prefix_are_found_and_made() {
    // As people write them: without the prefix, with it, in another case, with another server's separator.
    for (processed, failed) in [("Processed", "INBOX.Failed"), ("inbox.Processed", "INBOX/Failed")] {
        let dovecot = Dovecot::start(Ability::Prefix);
        let home = Home::new();
        home.file("password", PASSWORD);
        home.file(
            "t.toml",
            format!(
                "[[imap]]\nname = \"box\"\nhost = \"localhost\"\nport = {}\ntls = \"plain\"\nuser = \"{USER}\"\n\
                 password_file = \"password\"\nprocessed_folder = \"{processed}\"\nfailed_folder = \"{failed}\"\n\
                 other_folder = \"Übrige\"\nfolder = \"Inbox\"\nadd_domains = true\n",
                dovecot.port
            ),
        );
        for nth in 0..5 {
            dovecot.deliver(&report_mail(nth));
        }
        dovecot.deliver(&broken_mail(0));
        dovecot.deliver(&other_mail(0));
        let tallymark = Tallymark::start(home.path());
        let counts = || ["", "Processed", "Failed", "&ANw-brige"].map(|folder| dovecot.files(folder).len());
        until_or(
            || format!("all is moved: {:?} {} {}", counts(), tallymark.log(), dovecot.log()),
            || counts() == [0, 5, 1, 1],
        );
        tallymark.stop();
        verify(&home, 5, sum(0..5));
    }
}

#[test]
fn a_folder_behind_a_prefix_is_read() {
    let dovecot = Dovecot::start(Ability::Prefix);
    let maildir = dovecot.path("mail/.Reports");
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(maildir.join(part)).unwrap();
    }
    std::fs::write(maildir.join("new/1.a"), report_mail(3)).unwrap();
    dovecot.own(&maildir);
    let home = Home::new();
    home.file("password", PASSWORD);
    home.file(
        "t.toml",
        format!(
            "[[imap]]\nname = \"box\"\nhost = \"localhost\"\nport = {}\ntls = \"plain\"\nuser = \"{USER}\"\n\
             password_file = \"password\"\nfolder = \"Reports\"\nadd_domains = true\n",
            dovecot.port
        ),
    );
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("it is read: {} {}", tallymark.log(), dovecot.log()),
        || tallymark.metric("tallymark_reports_total{outcome=\"stored\"}") == 1,
    );
    tallymark.stop();
    verify(&home, 1, sum([3]));
}
