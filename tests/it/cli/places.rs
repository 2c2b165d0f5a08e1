//! One place under two spellings: refused when the settings are checked, and when the program starts.

use std::os::unix::fs::symlink;

use super::{Home, fails, stdout};

fn mailbox(name: &str, more: &str) -> String {
    format!("[[imap]]\nname = \"{name}\"\nhost = \"mail.example\"\nuser = \"rua\"\npassword_file = \"p\"\n{more}\n")
}

fn maildir(name: &str, path: &str, more: &str) -> String {
    format!("[[maildir]]\nname = \"{name}\"\npath = \"{path}\"\n{more}\n")
}

fn folder(name: &str, path: &str) -> String {
    format!("[[folder]]\nname = \"{name}\"\npath = \"{path}\"\n")
}

fn home() -> Home {
    let home = Home::new();
    for path in ["box/new/.keep", "drop/done/.keep", "real/x/.keep"] {
        home.file(path, "");
    }
    symlink("box", home.path().join("link")).unwrap();
    symlink(home.path().join("link"), home.path().join("second")).unwrap();
    symlink("drop", home.path().join("dropped")).unwrap();
    home
}

#[test]
fn mail_that_would_go_to_where_it_is_read_is_refused() {
    let home = home();
    let full = home.path().join("box");
    let full = full.to_str().unwrap();
    for (settings, expect) in [
        (
            mailbox("a", "processed_folder = \"inbox\""),
            "processed_folder is \"inbox\"",
        ),
        (
            mailbox("a", "failed_folder = \"Inbox/\""),
            "failed_folder is \"Inbox/\"",
        ),
        (mailbox("a", "other_folder = \"INBOX\""), "other_folder is \"INBOX\""),
        (
            mailbox("a", "folder = \"inbox.Reports\"\nprocessed_folder = \"INBOX.Reports\""),
            "processed_folder is",
        ),
        (
            mailbox("a", "folder = \"Reports\"\nfailed_folder = \"Reports.\""),
            "failed_folder is",
        ),
        (maildir("a", "box", "processed = \"box\""), "processed is box"),
        (maildir("a", "box", "failed = \"./box/\""), "failed is ./box/"),
        (maildir("a", "box", "processed = \"box/../box\""), "processed is"),
        (maildir("a", "box", "processed = \"link\""), "processed is link"),
        (maildir("a", "second", "failed = \"box\""), "failed is box"),
        (maildir("a", "box", &format!("processed = {full:?}")), "processed is"),
        (maildir("a", "box", "processed = \"box/new\""), "processed is box/new"),
        (
            maildir("a", "not/there", "processed = \"not/here/../there\""),
            "processed is",
        ),
    ] {
        home.file("t.toml", &settings);
        fails(&home, &["config", "check", "t.toml"], 1, "cannot go to the");
        fails(&home, &["config", "check", "t.toml"], 1, expect);
        fails(
            &home,
            &["--config", "t.toml", "serve", "--listen", "127.0.0.1:0"],
            1,
            expect,
        );
    }
}

#[test]
fn two_sources_of_one_place_are_refused() {
    let home = home();
    for (settings, expect) in [
        (mailbox("a", "") + &mailbox("b", "folder = \"inbox\""), "b: a reads"),
        (
            mailbox("a", "port = 993") + &mailbox("b", "").replace("mail.example", "Mail.Example."),
            "b: a reads",
        ),
        (
            mailbox("a", "") + &mailbox("b", "").replace("\"rua\"", "\"Rua\""),
            "b: a reads",
        ),
        (
            maildir("a", "box", "") + &maildir("b", "link/.", ""),
            "b: a reads link/.",
        ),
        (folder("a", "drop") + &folder("b", "./dropped/"), "b: a reads"),
        (
            folder("a", "drop") + &folder("b", "drop/done"),
            "b: drop/done is inside drop, which a reads",
        ),
        (
            folder("a", "dropped/failed/x") + &folder("b", "drop"),
            "b: drop is around dropped/failed/x",
        ),
        (
            folder("a", "drop") + &folder("b", "drop/other"),
            "b: drop/other is inside",
        ),
        (
            maildir("a", "box", "") + &folder("b", "link/new"),
            "b: link/new is inside box",
        ),
        (
            folder("a", "drop") + &maildir("b", "drop/done/m", ""),
            "a: drop is around drop/done/m, which b reads",
        ),
        (
            maildir("a", "box", "processed = \"real/x\"") + &maildir("b", "real/x", "failed = \"second\""),
            "b: mail would go in a circle, by way of a",
        ),
        (
            mailbox("a", "processed_folder = \"Two\"")
                + &mailbox("b", "folder = \"Two\"\nprocessed_folder = \"Three\"")
                + &mailbox("c", "folder = \"Three\"\nother_folder = \"inbox\""),
            "c: mail would go in a circle, by way of a, b",
        ),
    ] {
        home.file("t.toml", &settings);
        fails(&home, &["config", "check", "t.toml"], 1, expect);
    }
}

/// The control: places that only look alike.
#[test]
fn other_places_are_good() {
    let home = home();
    for settings in [
        mailbox(
            "a",
            "processed_folder = \"INBOX2\"\nfailed_folder = \"INBOX.Failed\"\nother_folder = \"inbox/Other\"",
        ),
        mailbox("a", "") + &mailbox("b", "folder = \"Reports\"") + &mailbox("c", "").replace("\"rua\"", "\"abuse\""),
        mailbox("a", "port = 993") + &mailbox("b", "port = 1993"),
        mailbox("a", "processed_folder = \"Two\"") + &mailbox("b", "folder = \"Two\"\nprocessed_folder = \"Three\""),
        maildir("a", "box", "processed = \"box/.Processed\"\nfailed = \"boxes\"") + &maildir("b", "box/.Sub", ""),
        folder("a", "drop") + &folder("b", "drop2") + &maildir("c", "drop/maildir", ""),
    ] {
        home.file("t.toml", &settings);
        let checked = stdout(&home.run(&["config", "check", "t.toml"]).success());
        assert_eq!(checked, "t.toml is good\n", "{settings}");
    }
}
