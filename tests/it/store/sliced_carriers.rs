//! Slices of one text whose mails were judged apart: each row's sums are where the verdict on the row says, whatever comes in which order.

use proptest::prelude::*;
use tallymark::base::{Authenticated, DomainId, Millis};
use tallymark::report::aggregate::Report;
use tallymark::store::{Acceptance, Actor, Judgement, Provenance, ReportFilter, ReportStanding, UndecidedCheck};

use super::figures::{dialects, runtime};
use super::{Database, FIRST_PAGE, NOW, day, new_domain, on_both, report, taken};

const NAMES: [&str; 2] = ["d0.example.org", "d1.example.org"];

/// What happens to the slices.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The text, or another of its identity, comes: the verdict on its mail, and whether it may count.
    Arrives(bool, Authenticated, Acceptance),
    /// The mail of the slice of a domain is checked again, if that is due.
    Checked(usize, Authenticated),
    Judged(usize, Judgement),
    /// A domain above is added, or removed: slices become one row, and again slices.
    Above,
    /// A domain is removed, and added again: its slice comes with the next arrival.
    Without(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let verdict = proptest::sample::select(vec![Authenticated::Unknown, Authenticated::Pass, Authenticated::Fail]);
    let acceptance = proptest::sample::select(vec![Acceptance::Open, Acceptance::Undecided, Acceptance::Unvouched]);
    let checked = proptest::sample::select(vec![Authenticated::Pass, Authenticated::Fail]);
    let judgement = prop_oneof![Just(Judgement::Count), Just(Judgement::Discount)];
    let event = prop_oneof![
        6 => (proptest::bool::weighted(0.8), verdict, acceptance)
            .prop_map(|(same, verdict, acceptance)| Event::Arrives(same, verdict, acceptance)),
        4 => (0_usize..2, checked).prop_map(|(nth, verdict)| Event::Checked(nth, verdict)),
        3 => (0_usize..2, judgement).prop_map(|(nth, judgement)| Event::Judged(nth, judgement)),
        1 => Just(Event::Above),
        1 => (0_usize..2).prop_map(Event::Without),
    ];
    proptest::collection::vec(event, 1..12)
}

/// About both names: three messages each of the first, five each of the second.
fn text(count: u64) -> Report {
    let mut text = report(
        "1",
        day(0),
        &[("192.0.2.1", 3 * count, true), ("192.0.2.2", 5 * count, true)],
    );
    text.policy.domain = "example.org".into();
    for (nth, name) in NAMES.iter().enumerate() {
        text.records[nth].evidence = u32::try_from(nth).unwrap();
        text.evidence[nth].header_from = Some((*name).into());
    }
    text
}

fn mail(verdict: Authenticated) -> Provenance {
    Provenance {
        peer: Some([192, 0, 2, 1].into()),
        dmarc: verdict,
        domain: Some("reporter.example".to_owned()),
        ..Provenance::fetched()
    }
}

impl Database {
    async fn named(&self, name: &str) -> Option<(DomainId, String)> {
        let domains = self.store.domains(self.account.id).await.unwrap();
        let mut found = domains.into_iter().filter(|domain| domain.name.as_str() == name);
        found.next().map(|domain| (domain.id, domain.public_id))
    }

    async fn add(&self, name: &str) {
        self.store
            .add_domain(self.account.id, new_domain(name), NOW)
            .await
            .unwrap();
    }

    async fn take_out(&self, public_id: &str) {
        self.store.remove_domain(self.account.id, public_id, NOW).await.unwrap();
    }

    async fn happens(&self, event: Event, now: Millis) {
        match event {
            Event::Arrives(same, verdict, acceptance) => {
                let new = taken(text(if same { 1 } else { 2 }), verdict).admitted(acceptance, u64::MAX);
                self.commit(vec![new]).await;
            }
            Event::Checked(nth, verdict) => {
                let Some((domain, _)) = self.named(NAMES[nth]).await else {
                    return;
                };
                let due = self.store.undecided_due(now, 10).await.unwrap();
                for report in due.into_iter().filter(|report| report.domain == domain) {
                    let mail = mail(verdict);
                    let check = UndecidedCheck::Made(&mail);
                    self.store.note_check(report, &check, now, usize::MAX).await.unwrap();
                }
            }
            Event::Judged(nth, judgement) => {
                let Some((domain, _)) = self.named(NAMES[nth]).await else {
                    return;
                };
                let Some(no) = self.store.latest_report(domain).await.unwrap() else {
                    return;
                };
                let actor = Actor {
                    by: "test".to_owned(),
                    why: None,
                    at: now,
                };
                let place = (self.account.id, domain);
                self.store.judge(place, no, judgement, &actor).await.unwrap();
            }
            Event::Above => match self.named("example.org").await {
                Some((_, public_id)) => self.take_out(&public_id).await,
                None => self.add("example.org").await,
            },
            Event::Without(nth) => match self.named(NAMES[nth]).await {
                Some((_, public_id)) => self.take_out(&public_id).await,
                None => self.add(NAMES[nth]).await,
            },
        }
    }

    async fn check_all(&self) {
        for domain in self.store.domains(self.account.id).await.unwrap() {
            self.check_sums(domain.id).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn slices_judged_apart_are_summed_as_they_are_judged(dialect in dialects(), events in events()) {
        runtime().block_on(async {
            let db = Database::start(dialect).await;
            for name in NAMES {
                db.add(name).await;
            }
            for (nth, event) in (1..).zip(&events) {
                db.happens(*event, NOW + nth * 86_400_000).await;
                db.check_all().await;
            }
        });
    }
}

on_both!(a_slice_that_passed_alone_says_nothing_about_the_other);
/// The mail of one slice passes when it is checked again, the other is accepted as it is. Then the text comes once more.
async fn a_slice_that_passed_alone_says_nothing_about_the_other(db: Database) {
    for name in NAMES {
        db.add(name).await;
    }
    for first in 0..2 {
        let other = 1 - first;
        let [checked, accepted] = [first, other].map(|nth| NAMES[nth]);
        let later = NOW + 86_400_000;
        let undecided = Event::Arrives(true, Authenticated::Unknown, Acceptance::Undecided);
        db.happens(undecided, NOW).await;
        db.happens(Event::Checked(first, Authenticated::Pass), later).await;
        db.happens(Event::Judged(other, Judgement::Count), later).await;
        db.check_all().await;
        for (verdict, expect) in [
            (Authenticated::Unknown, [Authenticated::Pass, Authenticated::Unknown]),
            (Authenticated::Pass, [Authenticated::Pass; 2]),
        ] {
            db.happens(Event::Arrives(true, verdict, Acceptance::Open), later).await;
            db.check_all().await;
            let mut found = Vec::new();
            for name in [checked, accepted] {
                let (domain, _) = db.named(name).await.unwrap();
                let filter = ReportFilter {
                    standing: ReportStanding::Counted,
                    ..ReportFilter::default()
                };
                let (reports, _) = db.store.reports(domain, &filter, FIRST_PAGE).await.unwrap();
                found.push(reports[0].authenticated);
            }
            assert_eq!(found, expect);
        }
        // From the beginning, the other way round.
        for name in NAMES {
            let (_, public_id) = db.named(name).await.unwrap();
            db.take_out(&public_id).await;
            db.add(name).await;
        }
    }
}
