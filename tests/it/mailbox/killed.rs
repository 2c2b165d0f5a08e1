//! The program is killed at each of the six steps of a message, and the server in between: nothing is lost, nothing is
//! counted twice, and every report mail ends in the processed or the failed folder.

use super::dovecot::{Ability, Dovecot, PASSWORD, USER};
use super::proxy::{Point, Proxy};
use super::{Home, Tallymark, broken_mail, other_mail, quarantined, report_mail, sum, until, verify};

const MAILS: u32 = 8;

pub fn config(home: &Home, port: u16, more: &str) {
    home.file("password", format!("{PASSWORD}\n"));
    home.file(
        "t.toml",
        format!(
            "[[imap]]\nname = \"box\"\nhost = \"localhost\"\nport = {port}\ntls = \"plain\"\nuser = \"{USER}\"\n\
             password_file = \"password\"\nprocessed_folder = \"Processed\"\nfailed_folder = \"Failed\"\n\
             add_domains = true\npoll_seconds = 1\n{more}"
        ),
    );
}

fn killed_at_each_step(ability: Ability, points: &[Point]) {
    let dovecot = Dovecot::start(ability);
    let proxy = Proxy::start(dovecot.port);
    let home = Home::new();
    config(&home, proxy.port, "");
    let mut rounds = 0;
    for point in points {
        for nth in 0..MAILS {
            dovecot.deliver(&report_mail(rounds * MAILS + nth));
        }
        dovecot.deliver(&other_mail(rounds));
        dovecot.deliver(&broken_mail(rounds));
        rounds += 1;
        let frozen = proxy.freeze(point.clone());
        let tallymark = Tallymark::start(home.path());
        let reached = frozen.recv_timeout(super::PATIENCE);
        assert!(reached.is_ok(), "{point:?} was not reached: {}", tallymark.log());
        tallymark.kill();
        if rounds % 2 == 0 {
            dovecot.kill();
            dovecot.start_again();
        }
        proxy.cut();
    }
    let tallymark = Tallymark::start(home.path());
    let reports = rounds * MAILS;
    until("all report mail is put away", || {
        dovecot.files("").len() == rounds as usize
    });
    until("the source is read to its end", || {
        tallymark.source("box")["condition"] == "reading"
    });
    tallymark.stop();
    let mut expect: Vec<_> = (0..reports).map(report_mail).collect();
    expect.sort();
    let mut processed = dovecot.mails("Processed");
    // A copy that was made before the kill is made again after it: then there are two, and neither is a lost one.
    if ability != Ability::Everything {
        processed.dedup();
    }
    assert!(processed == expect, "{} of {reports} are in Processed", processed.len());
    let mut failed = dovecot.mails("Failed");
    failed.dedup();
    assert_eq!(failed.len(), rounds as usize);
    assert_eq!(dovecot.mails(""), (0..rounds).map(other_mail).collect::<Vec<_>>());
    verify(&home, reports.into(), sum(0..reports));
    assert_eq!(quarantined(&home, "malformed_xml"), rounds as usize);
}

#[test]
fn killed_at_each_step_nothing_is_lost_or_counted_twice() {
    killed_at_each_step(
        Ability::Everything,
        &[
            // Before anything is found, before its size is known, before it is fetched, while it is fetched.
            Point::Before("UID FETCH 1:*"),
            Point::Inside("RFC822.SIZE", 40),
            Point::Before("BODY.PEEK"),
            Point::Inside("BODY.PEEK", 3_000),
            // Committed, but not moved; moved, but not reported; and then remembered.
            Point::Before("UID MOVE"),
            Point::Inside("UID MOVE", 10),
            Point::Before("IDLE"),
        ],
    );
}

#[test]
fn killed_between_copy_and_expunge_nothing_is_lost_or_counted_twice() {
    killed_at_each_step(
        Ability::NoMove,
        &[
            Point::Before("UID COPY"),
            Point::Inside("UID COPY", 5),
            Point::Before("UID STORE"),
            Point::Before("UID EXPUNGE"),
            Point::Inside("UID EXPUNGE", 5),
        ],
    );
}
