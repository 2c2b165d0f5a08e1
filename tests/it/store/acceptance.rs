//! Held, discounted, accepted: the sums have what they should, whatever happens around it.

use tallymark::base::{Authenticated, ReportNo};
use tallymark::report::aggregate::Report;
use tallymark::store::{
    Acceptance, Actor, Fate, Judged, Judgement, NewReport, ReportDetail, ReportFilter, ReportStanding, Retention, Store,
};

use super::{Database, Dialect, FIRST_PAGE, NOW, day, new_domain, on_both, report, taken};

const RECORDS: [(&str, u64, bool); 3] = [("192.0.2.1", 7, true), ("2001:db8::1", 5, false), ("", 2, true)];
const DAY: i64 = 86_400_000;

/// Each id has a day of its own: the same contents under another id would be a duplicate.
fn plain(id: &str, records: &[(&str, u64, bool)]) -> NewReport {
    vouched_for(id, records, Authenticated::Unknown)
}

fn vouched_for(id: &str, records: &[(&str, u64, bool)], authenticated: Authenticated) -> NewReport {
    taken(text(id, records), authenticated)
}

fn text(id: &str, records: &[(&str, u64, bool)]) -> Report {
    report(id, day(id.parse().unwrap()), records)
}

fn held(id: &str, records: &[(&str, u64, bool)]) -> NewReport {
    plain(id, records).admitted(Acceptance::Unvouched, u64::MAX)
}

fn actor(why: &str) -> Actor {
    Actor {
        by: "key test".to_owned(),
        why: Some(why.to_owned()),
        at: NOW,
    }
}

impl Database {
    async fn judge(&self, no: ReportNo, judgement: Judgement) -> Judged {
        let place = (self.account.id, self.domain.id);
        self.store.judge(place, no, judgement, &actor("so")).await.unwrap()
    }

    async fn detail(&self, no: ReportNo) -> ReportDetail {
        self.store.report(self.domain.id, no).await.unwrap().unwrap()
    }

    async fn messages(&self) -> u64 {
        self.check_sums(self.domain.id).await.messages()
    }

    async fn listed(&self, standing: ReportStanding) -> Vec<ReportNo> {
        let filter = ReportFilter {
            standing,
            ..ReportFilter::default()
        };
        let (rows, total) = self.store.reports(self.domain.id, &filter, FIRST_PAGE).await.unwrap();
        assert_eq!(rows.len() as u64, total);
        rows.iter().map(|row| row.no).collect()
    }

    async fn no(&self, new: NewReport) -> ReportNo {
        self.commit(vec![new]).await.reports[0].no
    }
}

on_both!(any_report_is_discounted_and_counted_again);
async fn any_report_is_discounted_and_counted_again(db: Database) {
    let usual = db.no(plain("1", &RECORDS)).await;
    let wide = db
        .no(taken(
            report("2", (day(0).0 + 43_200, day(3).1), &RECORDS),
            Authenticated::Unknown,
        ))
        .await;
    let held = db.no(held("3", &RECORDS)).await;
    assert_eq!(db.messages().await, 28);
    assert_eq!(db.listed(ReportStanding::Held).await, [held]);
    for (no, before, after) in [(usual, 28, 14), (wide, 14, 0)] {
        assert_eq!(db.judge(no, Judgement::Discount).await, Judged::Done);
        assert_eq!(db.judge(no, Judgement::Discount).await, Judged::Done, "{before}");
        assert_eq!(db.messages().await, after);
    }
    assert_eq!(db.listed(ReportStanding::Discounted).await.len(), 2);
    for (no, after) in [(held, 14), (usual, 28), (wide, 42)] {
        assert_eq!(db.judge(no, Judgement::Count).await, Judged::Done);
        assert_eq!(db.judge(no, Judgement::Count).await, Judged::Done);
        assert_eq!(db.messages().await, after);
    }
    assert_eq!(db.listed(ReportStanding::Held).await, []);
    assert_eq!(db.listed(ReportStanding::Discounted).await, []);
    // Each decision once, with who and why.
    let history = db.detail(usual).await.history;
    let actions: Vec<_> = history.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["discounted", "counted"]);
    assert_eq!(
        (history[0].by.as_str(), history[0].why.as_deref()),
        ("key test", Some("so"))
    );
    assert_eq!(db.judge(ReportNo(999_999), Judgement::Count).await, Judged::Missing);
    // It comes again: still counted once, and still discounted.
    db.judge(usual, Judgement::Discount).await;
    let again = db.commit(vec![plain("1", &RECORDS)]).await;
    assert_eq!((again.reports[0].fate, again.reports[0].no), (Fate::Duplicate, usual));
    assert_eq!(again.reports[0].acceptance, Acceptance::Discounted);
    let vouched = vouched_for("1", &RECORDS, Authenticated::Pass);
    db.commit(vec![vouched]).await;
    assert_eq!(db.messages().await, 28);
}

on_both!(nobody_else_decides);
async fn nobody_else_decides(db: Database) {
    let no = db.no(plain("1", &RECORDS)).await;
    let stranger = db
        .store
        .add_account("stranger", tallymark::base::Mode::Live, NOW)
        .await
        .unwrap();
    let theirs = db
        .store
        .add_domain(stranger.id, new_domain("example.com"), NOW)
        .await
        .unwrap();
    for place in [
        (stranger.id, db.domain.id),
        (stranger.id, theirs.id),
        (db.account.id, theirs.id),
    ] {
        let judged = db.store.judge(place, no, Judgement::Discount, &actor("mine")).await;
        assert_eq!(judged.unwrap(), Judged::Missing);
    }
    let refused = db
        .store
        .accept_reporter(stranger.id, db.domain.id, "x", &actor("mine"))
        .await;
    assert!(!refused.unwrap());
    let refused = db.store.set_report_messages_max(stranger.id, db.domain.id, Some(1));
    assert!(!refused.await.unwrap());
    assert_eq!(db.messages().await, 14);
}

on_both!(what_is_held_takes_no_ones_place_and_what_passes_takes_its);
async fn what_is_held_takes_no_ones_place_and_what_passes_takes_its(db: Database) {
    let other = [("192.0.2.9", 1_000, true)];
    let more = [("192.0.2.8", 2_000, true)];
    for id in ["1", "2"] {
        let counted = plain(id, &RECORDS);
        let batch = match id {
            "1" => vec![held(id, &other), counted],
            _ => vec![counted, held(id, &other)],
        };
        let outcome = db.commit(batch).await;
        assert_eq!(outcome.reports[1].fate, Fate::Conflict);
    }
    assert_eq!(db.messages().await, 28);
    // The counted one is discounted: what is held does not step in, what may count does.
    let counted = db.listed(ReportStanding::Counted).await;
    db.judge(counted[0], Judgement::Discount).await;
    assert_eq!(db.messages().await, 14);
    let third = db.no(plain("1", &more)).await;
    let fourth = db.no(plain("2", &more)).await;
    let first = counted.iter().copied().find(|no| no.0 < third.0);
    assert!(first.is_some());
    let steps_in = db.messages().await;
    assert_eq!(steps_in, 14 + 2_000);
    // The owner's choice beats what is vouched for, and the last choice counts.
    let vouched = db
        .no(vouched_for("1", &[("192.0.2.7", 1, true)], Authenticated::Pass))
        .await;
    db.judge(third, Judgement::Count).await;
    assert!(db.detail(third).await.summary.counted && !db.detail(vouched).await.summary.counted);
    db.messages().await;
    db.judge(vouched, Judgement::Count).await;
    assert!(!db.detail(third).await.summary.counted && db.detail(vouched).await.summary.counted);
    db.messages().await;
    let history = db.detail(third).await.history;
    assert_eq!(
        history.last().unwrap().action,
        if history.len() == 2 { "superseded" } else { "counted" }
    );
    db.judge(fourth, Judgement::Discount).await;
    db.messages().await;
}

on_both!(pieces_and_wholes_that_are_held_hide_nothing);
async fn pieces_and_wholes_that_are_held_hide_nothing(db: Database) {
    let cut = |id: &str, acceptance| {
        let mut piece = text(id, &RECORDS[..2]);
        piece.partial = true;
        taken(piece, Authenticated::Unknown).admitted(acceptance, u64::MAX)
    };
    let whole = |id: &str, acceptance| plain(id, &RECORDS).admitted(acceptance, u64::MAX);
    let (open, held) = (Acceptance::Open, Acceptance::Unvouched);
    // A held whole does not take the place of a piece that counts.
    db.commit(vec![cut("1", open)]).await;
    db.commit(vec![whole("1", held)]).await;
    assert_eq!(db.messages().await, 12);
    db.commit(vec![whole("1", open)]).await;
    assert_eq!(db.messages().await, 14);
    // A piece that counts is not lost behind a held whole, and a held piece is lost behind a whole that counts.
    db.commit(vec![whole("2", held)]).await;
    assert_eq!(db.messages().await, 14);
    db.commit(vec![cut("2", open)]).await;
    assert_eq!(db.messages().await, 14 + 12);
    db.commit(vec![whole("3", open)]).await;
    let lost = db.commit(vec![cut("3", held)]).await;
    assert_eq!(lost.reports[0].fate, Fate::Duplicate);
    assert_eq!(db.messages().await, 14 + 12 + 14);
    // A discounted piece stays discounted, and the whole counts by itself.
    let piece = db.no(cut("4", open)).await;
    db.judge(piece, Judgement::Discount).await;
    db.commit(vec![whole("4", open)]).await;
    assert_eq!(db.detail(piece).await.summary.acceptance, Acceptance::Discounted);
    assert_eq!(db.messages().await, 14 + 12 + 14 + 14);
}

on_both!(more_messages_than_the_limit_are_held_however_they_come);
async fn more_messages_than_the_limit_are_held_however_they_come(db: Database) {
    let of = |id: &str, count: u64| plain(id, &[("192.0.2.1", count, true)]).admitted(Acceptance::Open, 1_000);
    let huge = db.no(of("1", 1_001)).await;
    db.commit(vec![of("2", 1_000)]).await;
    assert_eq!(db.detail(huge).await.summary.acceptance, Acceptance::Implausible);
    assert_eq!(db.messages().await, 1_000);
    // The domain's own limit goes before, at once, in both directions.
    let limit = async |max| {
        let set = db.store.set_report_messages_max(db.account.id, db.domain.id, max);
        assert!(set.await.unwrap());
    };
    limit(Some(10)).await;
    let small = db.no(of("3", 11)).await;
    assert_eq!(db.messages().await, 1_000);
    limit(Some(1_000_000_000_000)).await;
    db.commit(vec![of("4", 1_000_000_000_000)]).await;
    assert_eq!(db.messages().await, 1_000_000_001_000);
    limit(None).await;
    let again = db.no(of("5", 1_001)).await;
    // Who vouches for it makes it no more plausible, and accepting its reporter does not either.
    let mut vouched = text("5", &[("192.0.2.1", 1_001, true)]);
    vouched.metadata.org_name = Some("Another spelling".into());
    let vouched = taken(vouched, Authenticated::Pass).admitted(Acceptance::Open, 1_000);
    assert_eq!(db.no(vouched).await, again);
    let place = (db.account.id, db.domain.id);
    let reporter = "reporter.example";
    assert!(
        db.store
            .accept_reporter(place.0, place.1, reporter, &actor("all"))
            .await
            .unwrap()
    );
    let released = db.store.release_reporter(place, reporter, &actor("all"), 100).await;
    assert_eq!(released.unwrap(), (0, false));
    assert_eq!(db.listed(ReportStanding::Held).await.len(), 3);
    assert_eq!(db.messages().await, 1_000_000_001_000);
    db.judge(small, Judgement::Count).await;
    assert_eq!(db.messages().await, 1_000_000_001_011);
}

on_both!(a_reporter_is_accepted_for_what_is_held_and_for_what_comes);
async fn a_reporter_is_accepted_for_what_is_held_and_for_what_comes(db: Database) {
    let of = |nth: u64, email: &str| {
        let id = nth.to_string();
        let mut text = report(&id, day(0), &[("192.0.2.1", nth + 1, true)]);
        text.metadata.email = Some(email.into());
        taken(text, Authenticated::Fail).admitted(Acceptance::Unvouched, u64::MAX)
    };
    for nth in 0..70 {
        db.commit(vec![of(nth, "x@a.example"), of(nth, "x@b.example")]).await;
    }
    let place = (db.account.id, db.domain.id);
    assert!(
        db.store
            .accept_reporter(place.0, place.1, "a.example", &actor("all"))
            .await
            .unwrap()
    );
    // Some at a time, and again until none is left.
    let (first, more) = db
        .store
        .release_reporter(place, "a.example", &actor("all"), 50)
        .await
        .unwrap();
    assert!(more && (50..70).contains(&first), "{first}");
    let (rest, more) = db
        .store
        .release_reporter(place, "a.example", &actor("all"), 50)
        .await
        .unwrap();
    assert_eq!((first + rest, more), (70, false));
    let sum = (1..=70).sum::<u64>();
    assert_eq!(db.messages().await, sum);
    let held = db.listed(ReportStanding::Held).await;
    assert_eq!(held.len(), 70);
    db.commit(vec![of(70, "y@a.example"), of(70, "y@b.example")]).await;
    assert_eq!(db.messages().await, sum + 71);
    let trust = db.store.trust(db.domain.id).await.unwrap();
    assert_eq!(trust.reporters.len(), 1);
    assert_eq!(trust.reporters[0].why.as_deref(), Some("all"));
    // What was released may be discounted like all others.
    let counted = db.listed(ReportStanding::Counted).await;
    let last = db.detail(counted[0]).await.summary.totals.messages();
    db.judge(counted[0], Judgement::Discount).await;
    assert_eq!(db.messages().await, sum + 71 - last);
}

on_both!(decisions_move_with_their_reports);
async fn decisions_move_with_their_reports(db: Database) {
    let of = |id: &str| {
        let mut text = text(id, &RECORDS);
        text.policy.domain = "mail.example.com".into();
        taken(text, Authenticated::Unknown)
    };
    let discounted = db.no(of("1")).await;
    let held = db.no(of("2").admitted(Acceptance::Unvouched, u64::MAX)).await;
    let accepted = db.no(of("3").admitted(Acceptance::Unvouched, u64::MAX)).await;
    db.no(of("4")).await;
    db.judge(discounted, Judgement::Discount).await;
    db.judge(accepted, Judgement::Count).await;
    assert_eq!(db.messages().await, 28);
    let below = db
        .store
        .add_domain(db.account.id, new_domain("mail.example.com"), NOW)
        .await
        .unwrap();
    assert_eq!((db.messages().await, db.check_sums(below.id).await.messages()), (0, 28));
    for (no, expect) in [
        (discounted, Acceptance::Discounted),
        (held, Acceptance::Unvouched),
        (accepted, Acceptance::Accepted),
    ] {
        let detail = db.store.report(below.id, no).await.unwrap().unwrap();
        assert_eq!(detail.summary.acceptance, expect);
        assert_eq!(detail.history.len(), usize::from(no != held));
    }
    // Decided below, and back above.
    let place = (db.account.id, below.id);
    db.store
        .judge(place, held, Judgement::Count, &actor("so"))
        .await
        .unwrap();
    db.store
        .judge(place, accepted, Judgement::Discount, &actor("so"))
        .await
        .unwrap();
    assert_eq!(db.check_sums(below.id).await.messages(), 28);
    assert!(
        db.store
            .remove_domain(db.account.id, &below.public_id, NOW)
            .await
            .unwrap()
    );
    assert_eq!(db.messages().await, 28);
    assert_eq!(db.listed(ReportStanding::Discounted).await.len(), 2);
    assert_eq!(db.detail(accepted).await.history.len(), 2);
}

on_both!(of_a_sliced_text_each_domain_decides_for_itself);
async fn of_a_sliced_text_each_domain_decides_for_itself(db: Database) {
    // The account has two domains below the policy domain, and not that itself.
    let one = db
        .store
        .add_domain(db.account.id, new_domain("one.other.example"), NOW)
        .await
        .unwrap();
    let two = db
        .store
        .add_domain(db.account.id, new_domain("two.other.example"), NOW)
        .await
        .unwrap();
    let mut text = report("1", day(0), &[("192.0.2.1", 3, true), ("192.0.2.2", 5, false)]);
    text.policy.domain = "other.example".into();
    for (nth, name) in ["one.other.example", "two.other.example"].into_iter().enumerate() {
        text.evidence[nth].header_from = Some(name.into());
    }
    let outcome = db.commit(vec![taken(text.clone(), Authenticated::Unknown)]).await;
    let sums = async || {
        (
            db.check_sums(one.id).await.messages(),
            db.check_sums(two.id).await.messages(),
        )
    };
    assert_eq!(sums().await, (3, 5));
    let in_two = outcome
        .reports
        .iter()
        .find(|report| report.domain == two.id)
        .unwrap()
        .no;
    let place = (db.account.id, two.id);
    let judged = db.store.judge(place, in_two, Judgement::Discount, &actor("so")).await;
    assert_eq!(judged.unwrap(), Judged::Done);
    assert_eq!(sums().await, (3, 0));
    db.commit(vec![taken(text, Authenticated::Pass)]).await;
    assert_eq!(sums().await, (3, 0));
    db.store
        .judge(place, in_two, Judgement::Count, &actor("so"))
        .await
        .unwrap();
    assert_eq!(sums().await, (3, 5));
}

on_both!(retention_leaves_decisions_and_ends_them);
async fn retention_leaves_decisions_and_ends_them(db: Database) {
    let discounted = db.no(plain("1", &RECORDS)).await;
    let counted = db.no(plain("2", &RECORDS)).await;
    let held = db.no(held("3", &RECORDS)).await;
    db.judge(discounted, Judgement::Discount).await;
    let retention = Retention {
        originals_days: 1,
        set_aside_days: 1,
        records_days: 1,
        failure_reports_days: 0,
    };
    let purged = db.store.purge(retention, NOW + 700 * DAY).await.unwrap();
    assert_eq!(purged.reports, 3);
    assert_eq!(db.messages().await, 14);
    // Sums without records cannot be moved, in either direction; what is not in them can be dismissed.
    for (no, judgement) in [
        (discounted, Judgement::Count),
        (counted, Judgement::Discount),
        (held, Judgement::Count),
    ] {
        assert_eq!(db.judge(no, judgement).await, Judged::RecordsGone);
    }
    assert_eq!(db.judge(held, Judgement::Discount).await, Judged::Done);
    assert_eq!(db.detail(held).await.history.len(), 1);
    assert_eq!(db.detail(counted).await.history.len(), 0);
    assert_eq!(db.messages().await, 14);
    // The records come back, and with them the choice.
    db.commit(vec![plain("1", &RECORDS), plain("2", &RECORDS)]).await;
    assert_eq!(db.messages().await, 14);
    assert_eq!(db.judge(discounted, Judgement::Count).await, Judged::Done);
    assert_eq!(db.messages().await, 28);
    assert_eq!(db.judge(counted, Judgement::Discount).await, Judged::Done);
    assert_eq!(db.messages().await, 14);
}

on_both!(recounting_sees_a_decision_that_the_sums_do_not_have);
async fn recounting_sees_a_decision_that_the_sums_do_not_have(db: Database) {
    let no = db.no(plain("1", &RECORDS)).await;
    db.judge(no, Judgement::Discount).await;
    assert_eq!(db.messages().await, 0);
    let discrepancies = async || db.store.verify(&|_, _| {}).await.unwrap().discrepancies;
    // It counts all the same; then also in no sum.
    db.execute("update reports set counted = 1").await;
    let found = discrepancies().await;
    assert!(
        found
            .iter()
            .any(|one| one.what.contains("is discounted, and still counts")),
        "{found:?}"
    );
    assert!(found.len() > 1, "{found:?}");
    db.execute("update reports set counted = 0").await;
    assert_eq!(discrepancies().await, []);
    // The sums have what was discounted.
    db.judge(no, Judgement::Count).await;
    db.execute("update reports set counted = 0, acceptance = 3").await;
    let found = discrepancies().await;
    assert!(found.iter().any(|one| one.what.contains("daily_totals")), "{found:?}");
}

#[tokio::test]
async fn a_copy_has_the_decisions() {
    for (from, to) in [
        (Dialect::Sqlite, Dialect::Postgres),
        (Dialect::Postgres, Dialect::Sqlite),
    ] {
        let db = Database::start(from).await;
        let no = db.no(plain("1", &RECORDS)).await;
        db.no(held("2", &RECORDS)).await;
        db.judge(no, Judgement::Discount).await;
        let accepted = db
            .store
            .accept_reporter(db.account.id, db.domain.id, "other.example", &actor("so"))
            .await;
        assert!(accepted.unwrap());
        db.store
            .set_report_messages_max(db.account.id, db.domain.id, Some(77))
            .await
            .unwrap();
        let (location, _folder) = Database::place(to).await;
        let target = Store::open_to_copy(location.clone()).await.unwrap();
        db.store.copy_to(&target, &|_, _| {}).await.unwrap();
        target.close().await;
        let copy = Store::open(location).await.unwrap();
        assert_eq!(
            copy.report(db.domain.id, no).await.unwrap().unwrap(),
            db.detail(no).await
        );
        assert_eq!(
            copy.trust(db.domain.id).await.unwrap(),
            db.store.trust(db.domain.id).await.unwrap()
        );
        assert_eq!(copy.held_count(db.domain.id).await.unwrap(), 1);
        assert_eq!(copy.verify(&|_, _| {}).await.unwrap().discrepancies, []);
    }
}
