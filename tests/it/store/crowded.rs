//! SM12: the addresses of a day of a domain are bounded: a report that would bring more is held, and nothing is lost.

use std::net::{IpAddr, Ipv6Addr};

use tallymark::base::{Authenticated, DomainId, ReportNo};
use tallymark::report::aggregate::Report;
use tallymark::store::{
    Acceptance, Actor, CommitOptions, Judged, Judgement, KeepLimits, NewMessage, NewReport, Outcome, Provenance,
    UndecidedCheck,
};

use super::{ALL_DAYS, Database, KEEPING, NOW, day, message, new_domain, on_both, report, taken};

/// Addresses of a day in these tests.
const MAX: usize = 40_000;
/// What may come before it is noticed.
const SLACK: usize = 17_000;

/// A report about `count` addresses from the one with this number on, one message each.
fn addresses(id: &str, window: (i64, i64), first: usize, count: usize) -> Report {
    let mut text = report(id, window, &[("192.0.2.1", 1, true)]);
    let record = text.records[0];
    let records = (first..first + count).map(|nth| {
        let mut record = record;
        record.source = Some(IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) + nth as u128)));
        record
    });
    text.records = records.collect();
    text
}

fn new(text: Report) -> NewReport {
    taken(text, Authenticated::Unknown)
}

impl Database {
    async fn commit_crowded(&self, batch: Vec<NewMessage>) -> Vec<Outcome> {
        let limits = KeepLimits {
            day_addresses_max: MAX,
            ..KeepLimits::default()
        };
        let options = CommitOptions { limits, ..KEEPING };
        self.store.commit(batch, &options).await.unwrap()
    }

    /// How a report of its own was taken.
    async fn take(&self, text: Report) -> (ReportNo, Acceptance) {
        let batch = vec![message(self.account.id, vec![new(text)])];
        let stored = self.commit_crowded(batch).await.remove(0).reports.remove(0);
        (stored.no, stored.acceptance)
    }

    async fn sources(&self, domain: DomainId) -> usize {
        let stats = self.store.stats(domain, ALL_DAYS).await.unwrap();
        assert_eq!(self.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
        stats.sources as usize
    }
}

on_both!(large_reports_fill_a_day_to_its_limit_and_the_next_is_held);
async fn large_reports_fill_a_day_to_its_limit_and_the_next_is_held(db: Database) {
    assert_eq!(db.take(addresses("1", day(0), 0, 30_000)).await.1, Acceptance::Open);
    let (held, acceptance) = db.take(addresses("2", day(0), 30_000, 17_000)).await;
    assert_eq!(acceptance, Acceptance::Crowded);
    // In one batch, too, and by itself.
    let batch = (3..6).map(|id: usize| {
        let text = addresses(&id.to_string(), day(0), 30_000 + id * 6_000, 6_000);
        message(db.account.id, vec![new(text)])
    });
    let taken: Vec<_> = db.commit_crowded(batch.collect()).await;
    let taken: Vec<_> = taken.iter().map(|outcome| outcome.reports[0].acceptance).collect();
    assert_eq!(taken, [Acceptance::Open, Acceptance::Crowded, Acceptance::Crowded]);
    let (alone, acceptance) = db.take(addresses("6", day(1), 0, MAX + 1)).await;
    assert_eq!(acceptance, Acceptance::Crowded);
    assert_eq!(db.sources(db.domain.id).await, 36_000);
    // The control: addresses that are there already, another day, and another domain.
    assert_eq!(db.take(addresses("7", day(0), 5_000, 25_000)).await.1, Acceptance::Open);
    assert_eq!(db.take(addresses("8", day(2), 0, MAX)).await.1, Acceptance::Open);
    let other = new_domain("other.example");
    let other = db.store.add_domain(db.account.id, other, NOW).await.unwrap();
    let mut text = addresses("9", day(0), 30_000, 17_000);
    text.policy.domain = "other.example".into();
    assert_eq!(db.take(text).await.1, Acceptance::Open);
    assert_eq!(db.sources(other.id).await, 17_000);
    // The owner decides otherwise, and all sums are right.
    let place = (db.account.id, db.domain.id);
    let actor = Actor {
        by: "test".to_owned(),
        why: None,
        at: NOW,
    };
    for no in [held, alone] {
        let judged = db.store.judge(place, no, Judgement::Count, &actor).await;
        assert_eq!(judged.unwrap(), Judged::Done);
    }
    assert_eq!(db.store.held_count(db.domain.id).await.unwrap(), 2);
    // Different ones over all days: up to 47,000, and 6,000 more.
    assert_eq!(db.sources(db.domain.id).await, 53_000);
    // Accepting its reporter is not about this.
    let accepted = db.store.accept_reporter(place.0, place.1, "reporter.example", &actor);
    assert!(accepted.await.unwrap());
    let released = db.store.release_reporter(place, "reporter.example", &actor, 100).await;
    assert_eq!(released.unwrap(), (0, false));
}

on_both!(small_reports_fill_a_day_no_further_than_large_ones);
async fn small_reports_fill_a_day_no_further_than_large_ones(db: Database) {
    let mut held = 0;
    for nth in 0..80 {
        let (_, acceptance) = db.take(addresses(&nth.to_string(), day(0), nth * 1_000, 1_000)).await;
        held += usize::from(acceptance == Acceptance::Crowded);
    }
    let sources = db.sources(db.domain.id).await;
    assert!((MAX..MAX + SLACK).contains(&sources), "{sources}");
    assert_eq!(sources + held * 1_000, 80_000, "what is not counted is held");
    // Who brings no new address counts, and one that does not is held, however small it is.
    assert_eq!(db.take(addresses("known", day(0), 10, 100)).await.1, Acceptance::Open);
    assert_eq!(
        db.take(addresses("one", day(0), 900_000, 1)).await.1,
        Acceptance::Crowded
    );
    // Another program finds out by itself.
    let store = tallymark::store::Store::open(db.location.clone()).await.unwrap();
    let other = Database {
        store,
        location: db.location.clone(),
        account: db.account.clone(),
        domain: db.domain.clone(),
        dialect: db.dialect,
        _folder: None,
    };
    let mut held = 0;
    for nth in 0..40 {
        let text = addresses(&format!("b{nth}"), day(0), 100_000 + nth * 1_000, 1_000);
        held += usize::from(other.take(text).await.1 == Acceptance::Crowded);
    }
    assert!(held >= 40 - 2 * SLACK / 1_000, "{held}");
    other.store.close().await;
}

// What is checked later goes round no limit.
on_both!(a_report_that_passes_later_counts_only_where_its_day_has_room);
async fn a_report_that_passes_later_counts_only_where_its_day_has_room(db: Database) {
    let undecided = |text| new(text).admitted(Acceptance::Undecided, u64::MAX);
    let mut held = Vec::new();
    for (id, first, count) in [("1", 0, 30_000), ("2", 100_000, 20_000), ("3", 5_000, 20_000)] {
        let text = undecided(addresses(id, day(0), first, count));
        let stored = db.commit_crowded(vec![message(db.account.id, vec![text])]).await;
        assert_eq!(stored[0].reports[0].acceptance, Acceptance::Undecided);
        held.push(stored[0].reports[0].no);
    }
    assert_eq!(db.sources(db.domain.id).await, 0);
    assert_eq!(db.store.undecided_due(NOW, 10).await.unwrap(), []);
    let now = NOW + 900_000;
    let due = db.store.undecided_due(now, 10).await.unwrap();
    let numbers: Vec<_> = due.iter().map(|report| report.no).collect();
    assert_eq!(numbers, held);
    assert_eq!(db.store.undecided_due(now, 2).await.unwrap().len(), 2);
    let mail = Provenance {
        peer: Some([192, 0, 2, 1].into()),
        dmarc: Authenticated::Pass,
        domain: Some("reporter.example".to_owned()),
        ..Provenance::fetched()
    };
    let mut noted = Vec::new();
    for report in due {
        let check = UndecidedCheck::Made(&mail);
        noted.push(db.store.note_check(report, &check, now, MAX).await.unwrap());
    }
    // The last brings no new address.
    let expect = [Acceptance::Open, Acceptance::Crowded, Acceptance::Open];
    assert_eq!(noted, expect.map(Some));
    assert_eq!(db.sources(db.domain.id).await, 30_000);
    for (no, acceptance) in held.into_iter().zip(expect) {
        let detail = db.store.report(db.domain.id, no).await.unwrap().unwrap();
        assert_eq!(detail.summary.acceptance, acceptance);
        assert_eq!(detail.summary.authenticated, Authenticated::Pass);
        assert_eq!(detail.history.len(), 1);
    }
    assert_eq!(db.store.undecided_due(now + 900_000, 10).await.unwrap(), []);
}

on_both!(a_day_that_has_room_again_takes_reports_again);
async fn a_day_that_has_room_again_takes_reports_again(db: Database) {
    let (large, acceptance) = db.take(addresses("1", day(0), 0, 39_000)).await;
    assert_eq!(acceptance, Acceptance::Open);
    let (held, acceptance) = db.take(addresses("2", day(0), 50_000, 20_000)).await;
    assert_eq!(acceptance, Acceptance::Crowded);
    let place = (db.account.id, db.domain.id);
    let actor = Actor {
        by: "test".to_owned(),
        why: None,
        at: NOW,
    };
    db.store.judge(place, large, Judgement::Discount, &actor).await.unwrap();
    // The same contents once more, by whichever way, are counted then.
    let (no, acceptance) = db.take(addresses("2", day(0), 50_000, 20_000)).await;
    assert_eq!((no, acceptance), (held, Acceptance::Open));
    assert_eq!(db.sources(db.domain.id).await, 20_000);
    // Over several days, each of them has the limit.
    let week = (day(10).0, day(16).1);
    assert_eq!(db.take(addresses("3", week, 0, 39_000)).await.1, Acceptance::Open);
    let (_, acceptance) = db.take(addresses("4", day(12), 100_000, 36_000)).await;
    assert_eq!(acceptance, Acceptance::Crowded);
    assert_eq!(
        db.take(addresses("5", day(12), 100_000, 20_000)).await.1,
        Acceptance::Open
    );
}
