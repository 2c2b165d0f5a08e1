//! Mail that holds no report is left alone by every way in that reads a mailbox, broken reports and good ones among it.

use std::collections::BTreeSet;
use std::fs;

use tallymark::base::clock::Clock;
use tallymark::ingest::{Context, ProcessLimits, process_as};

use super::dovecot::{Ability, Dovecot};
use super::killed::config;
use super::ordinary::{Numbers, broken, ordinary};
use super::{Home, Tallymark, names, report_mail, sum, until_or, verify};
use crate::cli::stdout;

const MAILS: usize = 7_000;
const SEED: u64 = 14;
/// Number of mails before a broken report, and as many before a good one.
const EVERY: usize = 250;

fn mails(count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut numbers = Numbers::new(SEED);
    (0..count).map(move |nth| ordinary(&mut numbers, nth))
}

/// How many messages are in quarantine.
fn in_quarantine(home: &Home) -> usize {
    let listed = stdout(
        &home
            .run(&["quarantine", "list", "--kind", "quarantined", "--limit", "1000"])
            .success(),
    );
    listed.lines().filter(|line| line.contains("  quarantined  ")).count()
}

#[test]
fn seven_thousand_mails_without_a_report_say_nothing() {
    let (clock, limits) = (Clock::system(), ProcessLimits::default());
    let mut kinds = BTreeSet::new();
    for (nth, mail) in mails(MAILS).enumerate() {
        let processed = process_as(Context::Mailbox, &clock, &mail, &limits);
        let found = (processed.reports.len(), &processed.problems);
        assert!(
            found.0 == 0 && found.1.is_empty(),
            "{nth}: {found:?}\n{}",
            String::from_utf8_lossy(&mail)
        );
        kinds.insert(processed.other);
    }
    assert_eq!(kinds.len(), 5, "of several kinds: {kinds:?}");
    // The control: what says that it is a report is told from them, and only that.
    for nth in 0..60 {
        let processed = process_as(Context::Mailbox, &clock, &broken(nth), &limits);
        assert_eq!(
            (processed.reports.len(), processed.problems.len()),
            (0, 1),
            "{nth}: {:?}",
            processed.problems
        );
    }
}

#[test]
fn a_maildir_of_seven_thousand_other_mails_is_left_as_it_is() {
    let home = Home::new();
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(home.path().join("Maildir").join(folder)).unwrap();
    }
    home.file(
        "t.toml",
        "[[maildir]]\nname = \"box\"\npath = \"Maildir\"\nadd_domains = true\npoll_seconds = 1\n\
         processed = \"Processed\"\nfailed = \"Failed\"\n",
    );
    let mut others = Vec::new();
    for (nth, mail) in mails(MAILS).enumerate() {
        let name = format!("{nth:05}.other");
        home.file(&format!("Maildir/new/{name}"), mail);
        others.push(name);
        if nth % EVERY == EVERY / 2 {
            home.file(&format!("Maildir/new/{nth:05}.z-broken"), broken(nth));
            home.file(
                &format!("Maildir/cur/{nth:05}.z-good:2,"),
                report_mail((nth / EVERY) as u32),
            );
        }
    }
    let between = MAILS / EVERY;
    let tallymark = Tallymark::start(home.path());
    let there = |path: &str| names(&home.path().join(path)).len();
    until_or(
        || {
            format!(
                "broken and good ones are moved, {} {}: {}",
                there("Failed/cur"),
                there("Processed/cur"),
                tallymark.log()
            )
        },
        || {
            there("Failed/cur") >= between
                && there("Processed/cur") >= between
                && tallymark.source("box")["read_at"].is_string()
        },
    );
    let other = tallymark.metric("tallymark_feed_messages_total{feed=\"box\",outcome=\"other\"}");
    tallymark.stop();
    assert_eq!(other, MAILS as u64);
    assert_eq!(
        names(&home.path().join("Maildir/new")),
        others,
        "not one is moved or marked"
    );
    assert_eq!((there("Failed/cur"), there("Processed/cur")), (between, between));
    assert_eq!(in_quarantine(&home), between);
    verify(&home, between as u64, sum(0..between as u32));
}

#[test]
fn other_mail_on_an_imap_server_is_left_as_it_is() {
    const COUNT: usize = 400;
    let dovecot = Dovecot::start(Ability::Everything);
    let home = Home::new();
    config(&home, dovecot.port, "");
    let mut others = BTreeSet::new();
    for (nth, mail) in mails(COUNT).enumerate() {
        others.insert(dovecot.deliver_bytes(&mail));
        if nth % 40 == 20 {
            dovecot.deliver_bytes(&broken(nth));
            dovecot.deliver(&report_mail((nth / 40) as u32));
        }
    }
    let tallymark = Tallymark::start(home.path());
    let count = |folder: &str| dovecot.files(folder).len();
    until_or(
        || {
            format!(
                "broken and good ones are moved, {} {}: {}",
                count("Failed"),
                count("Processed"),
                tallymark.log()
            )
        },
        || count("Failed") >= 10 && count("Processed") >= 10 && tallymark.source("box")["read_at"].is_string(),
    );
    tallymark.stop();
    let left: BTreeSet<String> = dovecot
        .files("")
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .inspect(|name| assert!(!name.contains(":2,") || name.ends_with(":2,"), "it was marked: {name}"))
        .map(|name| name.split([':', ',']).next().unwrap().to_owned())
        .collect();
    assert_eq!(left, others);
    assert_eq!((count("Failed"), count("Processed")), (10, 10));
    assert_eq!(in_quarantine(&home), 10);
    verify(&home, 10, sum(0..10));
}
