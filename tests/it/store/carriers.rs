//! Sums by what carried the reports: those that their mail vouches for, and the rest, are all sums, whatever moves them.

use proptest::prelude::*;
use tallymark::base::{Authenticated, ReportNo};
use tallymark::store::{Acceptance, Actor, Belonging, Judgement, SourceQuery};
use tallymark::tally::Carriers;

use super::figures::{dialects, runtime};
use super::{ALL_DAYS, Database, FIRST_PAGE, NOW, day, message, new_domain, on_both, report, taken};

/// What happens to a domain.
#[derive(Debug, Clone)]
enum Event {
    /// A report comes: its identity, its contents, the verdict on its mail, and whether it may count.
    Report(u8, u8, Authenticated, Acceptance),
    Judge(u8, Judgement),
    AddBelow,
    RemoveBelow,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let verdict = proptest::sample::select(Authenticated::ALL);
    let acceptance = prop_oneof![3 => Just(Acceptance::Open), 1 => Just(Acceptance::Unvouched)];
    let report = (0_u8..4, 0_u8..3, verdict, acceptance)
        .prop_map(|(identity, contents, verdict, acceptance)| Event::Report(identity, contents, verdict, acceptance));
    let judgement = prop_oneof![Just(Judgement::Count), Just(Judgement::Discount)];
    let event = prop_oneof![
        8 => report,
        2 => (any::<u8>(), judgement).prop_map(|(nth, judgement)| Event::Judge(nth, judgement)),
        1 => Just(Event::AddBelow),
        1 => Just(Event::RemoveBelow),
    ];
    proptest::collection::vec(event, 1..14)
}

const BELOW: &str = "mail.example.com";

impl Database {
    async fn happen(&self, event: &Event) {
        let actor = Actor {
            by: "test".to_owned(),
            why: None,
            at: NOW,
        };
        match *event {
            Event::Report(identity, contents, verdict, acceptance) => {
                let address = format!("192.0.2.{contents}");
                let window = (day(0).0, day(i64::from(identity)).1);
                let mut parsed = report(
                    &format!("r{identity}"),
                    window,
                    &[(&address, 7, contents != 1), ("::1", 5, false)],
                );
                if identity % 2 == 1 {
                    parsed.policy.domain = BELOW.into();
                }
                let new = taken(parsed, verdict).admitted(acceptance, u64::MAX);
                self.commit(vec![new]).await;
            }
            Event::Judge(nth, judgement) => {
                let domains = self.store.domains(self.account.id).await.unwrap();
                let domain = domains[usize::from(nth) % domains.len()].id;
                let Some(ReportNo(latest)) = self.store.latest_report(domain).await.unwrap() else {
                    return;
                };
                let no = ReportNo(latest - i64::from(nth) % 3);
                self.store
                    .judge((self.account.id, domain), no, judgement, &actor)
                    .await
                    .unwrap();
            }
            Event::AddBelow => {
                let domains = self.store.domains(self.account.id).await.unwrap();
                if domains.iter().all(|domain| domain.name.as_str() != BELOW) {
                    self.store
                        .add_domain(self.account.id, new_domain(BELOW), NOW)
                        .await
                        .unwrap();
                }
            }
            Event::RemoveBelow => {
                let domains = self.store.domains(self.account.id).await.unwrap();
                if let Some(below) = domains.iter().find(|domain| domain.name.as_str() == BELOW) {
                    self.store
                        .remove_domain(self.account.id, &below.public_id, NOW)
                        .await
                        .unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Vouched and the rest are all, on every question, and `verify` recounts both.
    #[test]
    fn stats_are_the_vouched_and_the_rest(dialect in dialects(), events in events()) {
        runtime().block_on(async {
            let db = Database::start(dialect).await;
            for event in &events {
                db.happen(event).await;
                for domain in db.store.domains(db.account.id).await.unwrap() {
                    db.check_sums(domain.id).await;
                }
            }
        });
    }
}

on_both!(the_same_report_in_better_mail_moves_its_sums);
async fn the_same_report_in_better_mail_moves_its_sums(db: Database) {
    let sent = || report("1", day(0), &[("192.0.2.1", 4, true), ("192.0.2.2", 2, false)]);
    let id = db.domain.id;
    let vouched = async || {
        db.check_sums(id).await;
        let (stats, _) = db
            .store
            .stats_and_before(id, ALL_DAYS, (ALL_DAYS.first, Carriers::Vouched))
            .await
            .unwrap();
        (
            stats.totals.messages(),
            stats.reports,
            stats.sources,
            stats.unvouched_messages,
        )
    };
    db.commit(vec![taken(sent(), Authenticated::Unknown)]).await;
    assert_eq!(vouched().await, (0, 0, 0, 6));
    db.commit(vec![taken(sent(), Authenticated::Fail)]).await;
    assert_eq!(vouched().await, (0, 0, 0, 6));
    db.commit(vec![taken(sent(), Authenticated::Pass)]).await;
    assert_eq!(vouched().await, (6, 1, 2, 0));
    db.commit(vec![taken(sent(), Authenticated::Unknown)]).await;
    assert_eq!(vouched().await, (6, 1, 2, 0), "nothing takes it back");
}

on_both!(a_domain_with_one_kind_of_mail_has_no_more_rows_than_days);
/// One of two kinds costs nothing; with the second there are more, which is the control.
async fn a_domain_with_one_kind_of_mail_has_no_more_rows_than_days(db: Database) {
    let sizes = async || {
        let rows = db.count("select count(*) from daily_totals").await;
        let paths = db.count("select cast(sum(length(content)) as bigint) from paths").await;
        db.check_sums(db.domain.id).await;
        // Without the version of the one row.
        (rows, paths - 1)
    };
    for nth in 0..6 {
        let alike = report(&format!("{nth}"), day(nth), &[("192.0.2.1", 4, true)]);
        db.commit(vec![taken(alike, Authenticated::Pass)]).await;
    }
    let (rows, paths) = sizes().await;
    assert_eq!(rows, 6);
    for nth in 0..3 {
        let other = report(&format!("other {nth}"), day(nth), &[("192.0.2.1", 5, true)]);
        db.commit(vec![taken(other, Authenticated::Fail)]).await;
    }
    assert_eq!(sizes().await, (6 + 3, 2 * paths));
}

on_both!(sums_whose_records_have_gone_stay_with_their_carrier);
/// Nothing can be moved without records: neither by better mail nor by a domain below.
async fn sums_whose_records_have_gone_stay_with_their_carrier(db: Database) {
    let id = db.domain.id;
    let sent = || report("1", day(0), &[("192.0.2.1", 4, true)]);
    db.commit(vec![taken(sent(), Authenticated::Unknown)]).await;
    db.execute("update reports set records_kept = 0, records_since = null; delete from records; delete from evidence")
        .await;
    let mut again = message(db.account.id, vec![taken(sent(), Authenticated::Pass)]);
    again.belonging = Belonging::Account(db.account.id);
    db.commit_all(vec![again]).await;
    let query = SourceQuery {
        carriers: Carriers::Vouched,
        ..SourceQuery::default()
    };
    let sources = db.store.sources(id, ALL_DAYS, &query, FIRST_PAGE).await.unwrap();
    assert_eq!(sources.total, 0);
    // Its records came again, so that the next mail moves it.
    db.check_sums(id).await;
    db.commit(vec![taken(sent(), Authenticated::Pass)]).await;
    db.check_sums(id).await;
    assert_eq!(
        db.store.sources(id, ALL_DAYS, &query, FIRST_PAGE).await.unwrap().total,
        1
    );
}

on_both!(a_recount_tells_the_carriers_apart);
/// The control: sums that are moved to the other carrier are found, though all sums together are right.
async fn a_recount_tells_the_carriers_apart(db: Database) {
    let sent = report("1", day(0), &[("192.0.2.1", 4, true)]);
    db.commit(vec![taken(sent, Authenticated::Pass)]).await;
    db.check_sums(db.domain.id).await;
    db.execute("update daily_totals set vouched = 0").await;
    let found = db.store.verify(&|_, _| {}).await.unwrap().discrepancies;
    let says = |what: &str| found.iter().any(|one| one.what.contains(what));
    assert!(
        says("the records say 0 passed") && says("reports that their mail vouches for"),
        "{found:?}"
    );
}
