use proptest::prelude::*;

use super::*;
use crate::insight::ChangeCause;

const DAY: i64 = Day::SECONDS;
/// 2026-05-13, a day's begin.
const CHANGED: i64 = 20_586 * DAY;

fn change(cause: ChangeCause, subject: &str) -> Change {
    Change {
        at: CHANGED * 1_000,
        cause,
        subject: subject.to_owned(),
        service: None,
        posted: None,
    }
}

/// Messages of a reporter about a service, in a window of a day that begins so many seconds after the change.
#[derive(Debug, Clone, Copy)]
struct Told {
    reporter: &'static str,
    service: u32,
    begin: i64,
    passes: bool,
}

fn passing(reporter: &'static str, begin: i64) -> Told {
    Told {
        reporter,
        service: 1,
        begin,
        passes: true,
    }
}

fn failing(reporter: &'static str, begin: i64) -> Told {
    Told {
        passes: false,
        ..passing(reporter, begin)
    }
}

fn receipt(change: Change, all: &[Told]) -> Receipt {
    receipt_without(change, all, 0)
}

/// As [`receipt`], where the records of some reports are no longer kept.
fn receipt_without(change: Change, all: &[Told], reports: u64) -> Receipt {
    let (mut open, mut names) = (OpenReceipt::new(change), Names::default());
    for one in all {
        let begin = CHANGED + one.begin;
        open.add(&Messages {
            window: Window {
                begin,
                end: begin + DAY,
            },
            reporter: names.number(one.reporter),
            service: one.service,
            passes: one.passes,
            count: 10,
        });
    }
    open.closed((&names, reports), |number| Some(format!("Service {number}").into()))
}

#[test]
fn what_is_no_longer_kept_is_told_and_leaves_it_open() {
    let all = [failing("Google", -DAY), passing("Google", 0)];
    let stated = || change(ChangeCause::Stated, "");
    assert!(receipt(stated(), &all).is_closed);
    for (reports, expect) in [
        (1, "The records of 1 report are no longer kept, so this may not be all."),
        (
            2,
            "The records of 2 reports are no longer kept, so this may not be all.",
        ),
    ] {
        let found = receipt_without(stated(), &all, reports);
        assert!(found.says.ends_with(expect) && !found.is_closed, "{}", found.says);
    }
}

#[test]
fn every_sentence_of_a_service_has_its_case() {
    let before = ["Google", "Yahoo", "Microsoft", "Fastmail", "GMX"].map(|name| failing(name, -DAY));
    let passed = passing("Google", -DAY);
    for (all, expect) in [
        (
            vec![
                before[0],
                before[1],
                before[2],
                passing("Google", 0),
                passing("Yahoo", DAY),
            ],
            "Confirmed by Google and Yahoo, waiting for Microsoft; last failing message before the change 2026-05-12.",
        ),
        (
            vec![before[0], passing("Google", 0)],
            "Confirmed by Google; last failing message before the change 2026-05-12.",
        ),
        (
            vec![before[0], failing("Google", 0), passing("Google", 0)],
            "Still failing at Google; last failing message before the change 2026-05-12.",
        ),
        (
            before.to_vec(),
            "Waiting for Fastmail, GMX, Google and 2 more; last failing message before the change 2026-05-12.",
        ),
        (
            vec![passed, failing("", 0)],
            "Still failing at a reporter without a name, waiting for Google; no message failed in the 30 days before the change.",
        ),
    ] {
        let found = receipt(change(ChangeCause::Stated, ""), &all);
        assert_eq!(found.services[0].says, expect);
    }
    assert_eq!(
        says(&[], None),
        "Nothing was reported since; no message failed in the 30 days before the change."
    );
}

#[test]
fn every_sentence_of_a_change_has_its_case() {
    let failed = failing("Google", -DAY);
    let (passes, other) = (passing("Google", 0), Told { service: 2, ..failed });
    for (change, all, expect, is_closed) in [
        (
            change(ChangeCause::Record, "spf"),
            vec![failed, passes],
            "The spf record changed, and everything that failed is confirmed to pass.",
            true,
        ),
        (
            change(ChangeCause::Decision, "Mailchimp"),
            vec![failed],
            "You decided about Mailchimp: 0 of 1 services that failed are confirmed to pass.",
            false,
        ),
        (
            change(ChangeCause::Stated, ""),
            vec![failed, passes, other],
            "You changed something: 1 of 2 services that failed are confirmed to pass.",
            false,
        ),
        (
            change(ChangeCause::Stated, ""),
            vec![passes],
            "You changed something, and no service failed before or since.",
            false,
        ),
    ] {
        let found = receipt(change, &all);
        assert_eq!((&*found.says, found.is_closed), (expect, is_closed));
    }
}

#[test]
fn a_decision_about_a_service_is_about_it_alone() {
    let failed = failing("Google", -DAY);
    let mut only = change(ChangeCause::Decision, "service 2");
    only.service = Some("service 2".to_owned());
    let found = receipt(only, &[failed, Told { service: 2, ..failed }]);
    assert_eq!(found.total, 1);
    assert_eq!(found.services[0].service.as_deref(), Some("Service 2"));
}

#[test]
fn small_reporters_are_not_waited_for() {
    let mut all: Vec<_> = (0..40).map(|_| failing("Google", -DAY)).collect();
    all.push(passing("small.example", -DAY));
    all.push(passing("Google", 0));
    let found = receipt(change(ChangeCause::Stated, ""), &all);
    assert!(found.is_closed, "{found:?}");
    // What it says counts.
    all.push(failing("small.example", 0));
    let found = receipt(change(ChangeCause::Stated, ""), &all);
    assert_eq!(found.services[0].standing, ReceiptStanding::Failing);
}

fn any_told() -> impl Strategy<Value = Told> {
    (0_usize..3, 1_u32..3, -3 * DAY..3 * DAY, any::<bool>()).prop_map(|(reporter, service, begin, passes)| Told {
        reporter: ["Google", "Yahoo", "Microsoft"][reporter],
        service,
        begin,
        passes,
    })
}

proptest! {
    #[test]
    fn no_receipt_is_closed_by_a_window_that_began_before_the_change(
        all in proptest::collection::vec(any_told(), 0..25),
    ) {
        let found = receipt(change(ChangeCause::Stated, ""), &all);
        for service in &found.services {
            for one in &service.reporters {
                let number = service.service.as_deref().unwrap();
                let is_it = |told: &&Told| told.reporter == &*one.reporter && format!("Service {}", told.service) == number;
                let after: Vec<_> = all.iter().filter(is_it).filter(|told| told.begin >= 0).collect();
                let expect = match after.iter().all(|told| told.passes) {
                    _ if after.is_empty() => ReceiptStanding::Waiting,
                    true => ReceiptStanding::Confirmed,
                    false => ReceiptStanding::Failing,
                };
                prop_assert_eq!(one.standing, expect);
                prop_assert_eq!((one.pass + one.fail) as usize, 10 * after.len());
            }
        }
        // Without later windows nothing is confirmed, whatever there was before.
        let before: Vec<_> = all.iter().copied().filter(|told| told.begin < 0).collect();
        let found = receipt(change(ChangeCause::Stated, ""), &before);
        prop_assert!(!found.is_closed);
        prop_assert!(found.services.iter().all(|one| one.standing == ReceiptStanding::Waiting));
    }
}
