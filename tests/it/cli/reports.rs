//! `tallymark reports`: which reports are in the figures.

use super::{Home, first_number, report, stderr, stdout};

/// An installation with a report that counts and one that is beyond the limit of the domain.
fn home() -> Home {
    let home = Home::new();
    home.run(&["domains", "add", "example.com"]).success();
    home.run(&["reports", "limit", "example.com", "100"]).success();
    home.file("in/1.xml", report("usual", 3));
    home.file("in/2.xml", report("huge", 101));
    let imported = stdout(&home.run(&["import", "in"]).success());
    let line = |name: &str| {
        imported
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(line("held reports").contains(" 1 "), "{imported}");
    assert!(line("  messages counted").ends_with(" 3"), "{imported}");
    home
}

fn counted(home: &Home) -> String {
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(verified.ends_with("all figures agree\n"), "{verified}");
    verified.lines().next().unwrap().rsplit(", ").next().unwrap().to_owned()
}

#[test]
fn reports_are_listed_counted_and_discounted() {
    let home = home();
    assert_eq!(counted(&home), "3 messages");
    let held = stdout(&home.run(&["reports", "list", "example.com", "--held"]).success());
    assert!(held.contains("held: implausible") && held.contains("101"), "{held}");
    assert!(held.contains("reports count example.com NO"), "{held}");
    let number = first_number(&held);
    home.run(&["reports", "accept", "example.com", &number, "--why", "seen \u{1b}[31m"])
        .success();
    assert_eq!(counted(&home), "104 messages");
    home.run(&["reports", "discount", "example.com", &number]).success();
    assert_eq!(counted(&home), "3 messages");
    let shown = stdout(&home.run(&["reports", "show", "example.com", &number]).success());
    assert!(shown.contains("discounted by command line"), "{shown}");
    // What was typed is shown as what it is.
    assert!(
        shown.contains("seen \\u{1b}[31m") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    let discounted = stdout(&home.run(&["reports", "list", "example.com", "--discounted"]).success());
    assert!(discounted.contains("1 report in all"), "{discounted}");
    assert!(stdout(&home.run(&["reports", "list", "example.com", "--held"]).success()).contains("there is nothing"));
}

#[test]
fn missing_objects_are_an_error() {
    let home = home();
    for arguments in [
        &["reports", "count", "example.com", "999"][..],
        &["reports", "show", "example.com", "999"],
        &["reports", "list", "example.org"],
        &["reports", "withdraw-reporter", "example.com", "nobody.example"],
        &["reports", "discount", "example.com", "1", "--account", "nobody"],
    ] {
        let told = stderr(&home.run(arguments).code(1));
        assert!(told.starts_with("error: "), "{arguments:?}: {told}");
    }
    for arguments in [
        &["reports", "limit", "example.com", "0"][..],
        &["reports", "limit", "example.com", "many"],
        &["reports", "list", "example.com", "--held", "--discounted"],
        &["reports", "count", "example.com"],
    ] {
        home.run(arguments).code(2);
    }
    home.run(&["reports", "accept-reporter", "example.com", "Known.Example"])
        .success();
    home.run(&["reports", "withdraw-reporter", "example.com", "known.example"])
        .success();
    home.run(&["reports", "limit", "example.com", "none"]).success();
    assert_eq!(counted(&home), "3 messages");
}
