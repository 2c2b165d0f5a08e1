//! A mail for several: it is unpacked and parsed once, each of its owners has an answer of its own, and all of it together
//! takes no more of the database than a mail of its size may.

use crate::store::{Database, Dialect, FIRST_PAGE, fresh, new_domain, on_both};
use tallymark::base::clock::Clock;
use tallymark::base::{AccountId, DomainId, Mode};
use tallymark::ingest::{Belonging, Fate, Intake, IntakeError, IntakeOptions, Outcome, RawMessage};
use tallymark::metrics::Metrics;
use tallymark::store::StoreError;
use tokio::task::JoinSet;

use super::{NOW, mail, xml};

/// An intake over a database, and the owners of mail.
struct Many {
    db: Database,
    intake: Intake,
    metrics: Metrics,
}

impl Many {
    fn over(db: Database, change: impl FnOnce(&mut IntakeOptions)) -> Self {
        let mut options = IntakeOptions::new(fresh);
        change(&mut options);
        let metrics = Metrics::new();
        let (intake, _) = Intake::start(Clock::fixed(NOW), db.store.clone(), metrics.clone(), options);
        Self { db, intake, metrics }
    }

    async fn account(&self, name: &str) -> AccountId {
        let account = self.db.store.add_account(name, Mode::Live, NOW).await;
        account.unwrap().id
    }

    async fn add(&self, account: AccountId, name: &str) -> DomainId {
        let added = self.db.store.add_domain(account, new_domain(name), NOW).await;
        added.unwrap().id
    }

    /// Accounts of one domain each, `example.com` all of them.
    async fn accounts(&self, count: usize) -> Vec<Belonging> {
        let mut owners = Vec::new();
        for nth in 0..count {
            let account = self.account(&format!("account {nth}")).await;
            owners.push(Belonging::Domain(account, self.add(account, "example.com").await));
        }
        owners
    }

    async fn submit(&self, mail: &str, owners: &[Belonging]) -> Vec<Result<Outcome, IntakeError>> {
        let raw = RawMessage {
            bytes: mail.into(),
            received_at: NOW,
            origin: "test".to_owned(),
            belonging: owners[0],
            envelope: None,
        };
        self.intake.submit_to(raw, owners).await
    }

    fn figure(&self, name: &str) -> u64 {
        let figures = self.metrics.encode().0;
        let line = figures.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name}: no such figure"))
            .trim()
            .parse()
            .unwrap()
    }

    /// How often a message was unpacked and parsed.
    fn read(&self) -> u64 {
        self.figure("tallymark_messages_read_total")
    }

    /// Bytes of mail that the database has.
    async fn kept(&self) -> u64 {
        let sums = ["originals", "set_aside_messages"]
            .map(|table| format!("(select coalesce(sum(length(bytes)), 0) from {table})"));
        self.db
            .count(&format!("select cast({} as bigint)", sums.join(" + ")))
            .await
            .cast_unsigned()
    }
}

fn fates(outcomes: &[Result<Outcome, IntakeError>]) -> Vec<Vec<Fate>> {
    let fates = |outcome: &Result<Outcome, IntakeError>| {
        let outcome = outcome.as_ref().unwrap();
        outcome.reports.iter().map(|report| report.fate).collect()
    };
    outcomes.iter().map(fates).collect()
}

fn account_of(owner: &Belonging) -> AccountId {
    match owner {
        Belonging::Domain(account, _) => *account,
        other => panic!("{other:?}"),
    }
}

/// Two accounts with 41 domains, in turn, and a mail with a report for both, one for the first, and one for neither.
async fn two_accounts(many: &Many, id: &str) {
    let (first, second) = (
        many.account(&format!("{id} first")).await,
        many.account(&format!("{id} second")).await,
    );
    let (mut owners, mut names) = (Vec::new(), Vec::new());
    for nth in 0..41 {
        let name = match nth {
            0 | 1 => "example.com".to_owned(),
            _ => format!("d{nth}.example"),
        };
        let account = [first, second][nth % 2];
        owners.push(Belonging::Domain(account, many.add(account, &name).await));
        names.push(name);
    }
    let texts =
        [("example.com", 3), ("d2.example", 4), ("stranger.example", 5)].map(|(name, count)| xml(name, id, count));
    let text = mail(&[("a.xml", &texts[0]), ("b.xml", &texts[1]), ("c.xml", &texts[2])]);
    let before = many.read();
    let outcomes = many.submit(&text, &owners).await;
    assert_eq!(many.read() - before, 1, "once for all 41");
    let expected: Vec<_> = (0..41)
        .map(|nth| match nth {
            0 => vec![Fate::Stored; 2],
            1 => vec![Fate::Stored],
            nth if nth % 2 == 0 => vec![Fate::Duplicate; 2],
            _ => vec![Fate::Duplicate],
        })
        .collect();
    assert_eq!(fates(&outcomes), expected);
    // Each account has what no domain claims once.
    for (nth, outcome) in outcomes.iter().enumerate() {
        let aside = &outcome.as_ref().unwrap().set_aside;
        assert_eq!(aside.len(), 1 + nth % 2, "{}: {aside:?}", names[nth]);
    }
    for (account, rows) in [(first, 1), (second, 2)] {
        let (_, total) = many.db.store.set_aside(Some(account), None, FIRST_PAGE).await.unwrap();
        assert_eq!(total, rows);
    }
    // The same again is known to each, and takes no more.
    let kept = many.kept().await;
    let again = many.submit(&text, &owners).await;
    assert!(fates(&again).iter().flatten().all(|fate| *fate == Fate::Duplicate));
    assert_eq!((many.read() - before, many.kept().await), (2, kept));
    for (nth, owner) in owners.iter().enumerate().take(3) {
        let Belonging::Domain(_, domain) = owner else { panic!() };
        assert_eq!(many.db.check_sums(*domain).await.messages(), [3, 3, 4][nth]);
        let arrivals = format!(
            "select cast(sum(arrivals) as bigint) from reports where domain_id = {}",
            domain.0
        );
        assert_eq!(
            many.db.count(&arrivals).await,
            [42, 40, 42][nth],
            "as often as it came for an owner"
        );
    }
}

on_both!(a_mail_for_many_is_read_once_and_each_has_what_is_its_own);
async fn a_mail_for_many_is_read_once_and_each_has_what_is_its_own(db: Database) {
    let folder = tempfile::tempdir().unwrap();
    let many = Many::over(db, |_| {});
    two_accounts(&many, "fast").await;
    assert_eq!(many.figure("tallymark_slow_messages_total"), 0);
    // In the slow lane, which notes what it reads, it is the same.
    let many = Many::over(many.db, |options| {
        options.settings.slow.bytes = 1;
        // The first may hold its seat for a moment after it was answered; a message without a seat is read again.
        options.settings.slow.seats = 2;
        options.journal = Some(folder.path().to_owned());
    });
    two_accounts(&many, "slow").await;
    assert_eq!(many.figure("tallymark_slow_messages_total"), 2);
}

/// What a mail may cost is one budget for all of its owners, and each is told of it.
#[tokio::test]
async fn a_mail_for_many_exceeds_its_budget_once() {
    type Change = fn(&mut IntakeOptions);
    let budgets: [(Change, &str); 3] = [
        (|options| options.limits.cost.events_max = 20, "too_many_events"),
        (
            |options| options.limits.cost.memory_bytes_max = 1_000,
            "too_much_memory",
        ),
        (|options| options.limits.report.records_max = 1, "too_many_records"),
    ];
    let record = "<record><row><source_ip>192.0.2.7</source_ip><count>1</count></row><identifiers>\
                  <header_from>example.com</header_from></identifiers></record>";
    let text = xml("example.com", "1", 1).replace("</feedback>", &format!("{}</feedback>", record.repeat(40)));
    for (change, reason) in budgets {
        for slow_bytes in [1, u64::MAX] {
            let many = Many::over(Database::start(Dialect::Sqlite).await, |options| {
                change(options);
                options.settings.slow.bytes = slow_bytes;
            });
            let mut owners = many.accounts(4).await;
            let account = account_of(&owners[0]);
            for nth in 0..6 {
                owners.push(Belonging::Domain(
                    account,
                    many.add(account, &format!("d{nth}.example")).await,
                ));
            }
            let outcomes = many.submit(&mail(&[("a.xml", &text)]), &owners).await;
            assert_eq!((outcomes.len(), many.read()), (10, 1));
            for outcome in outcomes {
                let outcome = outcome.unwrap();
                let reasons: Vec<_> = outcome.set_aside.iter().map(|aside| &*aside.reason).collect();
                assert_eq!((outcome.reports.len(), reasons), (0, vec![reason]));
            }
            let rows = many.db.count("select count(*) from set_aside").await;
            assert_eq!(rows, 4, "one for each account");
        }
    }
}

/// A fault of the database that concerns one owner: the others have theirs, it is counted once when it comes again.
async fn one_fails(db: Database, fault: &str, end: &str, is_temporary: bool, slow_bytes: u64) {
    let many = Many::over(db, |options| options.settings.slow.bytes = slow_bytes);
    let owners = many.accounts(5).await;
    let Belonging::Domain(account, domain) = owners[2] else {
        panic!()
    };
    many.db.execute(&fault.replace("DOMAIN", &domain.0.to_string())).await;
    let text = mail(&[("a.xml", &xml("example.com", "1", 7))]);
    let outcomes = many.submit(&text, &owners).await;
    let is_stored = |outcome: &Result<Outcome, IntakeError>| {
        outcome
            .as_ref()
            .is_ok_and(|outcome| outcome.reports.len() == 1 && outcome.set_aside.is_empty())
    };
    let stored: Vec<_> = outcomes.iter().map(is_stored).collect();
    assert_eq!(stored, [true, true, false, true, true]);
    match &outcomes[2] {
        Err(IntakeError::Store(error)) if is_temporary => {
            assert!(matches!(**error, StoreError::Unavailable(_)), "{error}");
        }
        Ok(outcome) if !is_temporary => assert_eq!(outcome.set_aside[0].reason, "not_storable"),
        other => panic!("{other:?}"),
    }
    assert_eq!(many.read(), 1);
    many.db.execute(end).await;
    let again = many.submit(&text, &owners).await;
    let expected: Vec<_> = (0..5)
        .map(|nth| vec![if nth == 2 { Fate::Stored } else { Fate::Duplicate }])
        .collect();
    assert_eq!(fates(&again), expected);
    for owner in &owners {
        let Belonging::Domain(_, domain) = owner else { panic!() };
        assert_eq!(many.db.check_sums(*domain).await.messages(), 7);
    }
    let (_, left) = many.db.store.set_aside(Some(account), None, FIRST_PAGE).await.unwrap();
    assert_eq!(left, 0, "what was set aside is counted now");
}

#[tokio::test]
async fn a_failure_for_one_owner_harms_no_other() {
    let fault = "create trigger fault before insert on reports when new.domain_id = DOMAIN
                 begin select raise(abort, 'a test'); end";
    for slow_bytes in [1, u64::MAX] {
        let db = Database::start(Dialect::Sqlite).await;
        one_fails(db, fault, "drop trigger fault", false, slow_bytes).await;
        for (code, is_temporary) in [("53100", true), ("57P01", true), ("23514", false)] {
            let fault = format!(
                "create function fault() returns trigger language plpgsql as
                     $$ begin raise exception 'a test' using errcode = '{code}'; end $$;
                 create trigger fault before insert on reports for each row when (new.domain_id = DOMAIN)
                     execute function fault()"
            );
            let db = Database::start(Dialect::Postgres).await;
            one_fails(db, &fault, "drop trigger fault on reports", is_temporary, slow_bytes).await;
        }
    }
}

/// A mail is for more than there is memory for what it holds: it is read once, and all go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mails_for_many_go_on_with_hardly_any_memory() {
    for (parsed_bytes_max, batch_bytes_max) in [(1, 1), (20_000, 1 << 20)] {
        let many = Many::over(Database::start(Dialect::Sqlite).await, |options| {
            options.parsed_bytes_max = parsed_bytes_max;
            options.settings.batch_bytes_max = batch_bytes_max;
        });
        let many = std::sync::Arc::new(many);
        let owners = many.accounts(5).await;
        let mut senders = JoinSet::new();
        for nth in 0..40 {
            let (many, mut owners) = (std::sync::Arc::clone(&many), owners.clone());
            senders.spawn(async move {
                let count = 1 + nth as usize % 5;
                owners.rotate_left(count);
                let text = mail(&[("a.xml", &xml("example.com", &nth.to_string(), nth + 1))]);
                let outcomes = many.submit(&text, &owners[..count]).await;
                fates(&outcomes)
            });
        }
        let fates: Vec<_> = senders.join_all().await.concat();
        assert_eq!((fates.len(), many.read()), (8 * 15, 40));
        assert!(fates.iter().all(|fates| *fates == [Fate::Stored]), "{fates:?}");
        let mut messages = 0;
        for owner in &owners {
            let Belonging::Domain(_, domain) = owner else { panic!() };
            messages += many.db.check_sums(*domain).await.messages();
        }
        let sent: u64 = (0..40).map(|nth| (nth + 1) * (1 + nth % 5)).sum();
        assert_eq!(messages, sent);
    }
}

/// Lines that no compressor makes shorter.
fn filler(bytes: usize) -> String {
    const LINE: usize = 72;
    let mut seed = 7_u64;
    let mut letter = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + ((seed >> 40) % 75) as u8)
    };
    let mut line = || (0..LINE).map(|_| letter()).chain("\r\n".chars()).collect::<String>();
    (0..bytes / (LINE + 2)).map(|_| line()).collect()
}

/// A mail of about this length: with a report, with a broken one, or with none.
fn long(kind: &str, bytes: usize) -> String {
    let filler = filler(bytes);
    let text = xml("example.com", "1", 1);
    let text = match kind {
        "whole" => mail(&[("a.xml", &text)]),
        "unclaimed" => mail(&[("a.xml", &text.replace("example.com", "stranger.example"))]),
        "broken" => mail(&[("a.xml", &text.replace("</policy_published>", "</policy>"))]),
        _ => return format!("Subject: lunch\r\n\r\n{filler}"),
    };
    text.replacen("see below\r\n", &filler, 1)
}

on_both!(a_mail_for_many_accounts_takes_at_most_four_times_its_size_at_once);
async fn a_mail_for_many_accounts_takes_at_most_four_times_its_size_at_once(db: Database) {
    const ACCOUNTS: usize = 10;
    let many = Many::over(db, |_| {});
    let owners = many.accounts(ACCOUNTS).await;
    for kind in ["whole", "unclaimed", "broken", "none"] {
        let text = long(kind, 200_000);
        let (before, mut attempts) = (many.kept().await, 0);
        loop {
            let kept = many.kept().await;
            let outcomes = many.submit(&text, &owners).await;
            let taken = many.kept().await - kept;
            assert!(taken <= 4 * text.len() as u64, "{kind}: {taken}");
            attempts += 1;
            let left = outcomes.iter().filter(|outcome| outcome.is_err()).count();
            let is_for_others = |outcome: &&Result<_, _>| matches!(outcome, Err(IntakeError::TooMuchForOthers));
            assert_eq!(
                outcomes.iter().filter(is_for_others).count(),
                left,
                "{kind}: {outcomes:?}"
            );
            if left == 0 {
                break;
            }
            assert!(taken > 0, "{kind}: who comes again is taken some time");
        }
        assert!((3..=4).contains(&attempts), "{kind}: {attempts}");
        // Each account has all of it, and once.
        assert_eq!(many.kept().await - before, (ACCOUNTS * text.len()) as u64, "{kind}");
        let read = many.read();
        assert!(many.submit(&text, &owners).await.iter().all(Result::is_ok), "{kind}");
        assert_eq!(many.read(), read + 1, "{kind}");
    }
    for owner in &owners {
        let Belonging::Domain(_, domain) = owner else { panic!() };
        assert_eq!(many.db.check_sums(*domain).await.messages(), 1);
    }
}

on_both!(a_short_mail_for_many_accounts_is_taken_at_once);
async fn a_short_mail_for_many_accounts_is_taken_at_once(db: Database) {
    let many = Many::over(db, |_| {});
    let owners = many.accounts(8).await;
    for kind in ["whole", "unclaimed", "broken", "none"] {
        let outcomes = many.submit(&long(kind, 2_000), &owners).await;
        assert!(outcomes.iter().all(Result::is_ok), "{kind}: {outcomes:?}");
    }
}

/// One mail with a report for each of many domains: all are counted, and the mail is kept for as many as there is room for.
#[tokio::test]
async fn a_mail_with_reports_about_many_domains_takes_at_most_four_times_its_size() {
    for (domains, strangers) in [(30, 0), (30, 2), (3, 0)] {
        let many = Many::over(Database::start(Dialect::Sqlite).await, |_| {});
        let account = many.db.account.id;
        let mut rows = Vec::new();
        for nth in 0..domains {
            rows.push(many.add(account, &format!("d{nth}.example")).await);
        }
        let texts: Vec<_> = (0..domains + strangers)
            .map(|nth| (format!("{nth}.xml"), xml(&format!("d{nth}.example"), "1", nth + 1)))
            .collect();
        let texts: Vec<_> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
        let text = mail(&texts).replacen("see below\r\n", &filler(184_000), 1);
        let outcome = many
            .submit(&text, &[Belonging::Account(account)])
            .await
            .remove(0)
            .unwrap();
        assert!(outcome.reports.iter().all(|report| report.fate == Fate::Stored));
        assert_eq!(outcome.reports.len() as u64, domains);
        let times = many.kept().await as f64 / text.len() as f64;
        assert!((3.0..=4.0).contains(&times), "{domains} {strangers}: {times}");
        for (nth, domain) in (1..).zip(rows) {
            assert_eq!(many.db.check_sums(domain).await.messages(), nth);
        }
    }
}
