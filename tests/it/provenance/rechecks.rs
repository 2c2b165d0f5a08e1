//! Reports whose sender could not be found out: their mails are checked again, later.

use tallymark::base::Millis;
use tallymark::ingest::Rechecked;
use tallymark::store::{Acceptance, Actor, HistoryEntry, Judged, Judgement};

use super::dns::Has;
use super::*;

const MINUTE: Millis = 60_000;
/// The first check is due, and the second.
const FIRST: Millis = NOW + 15 * MINUTE;
const SECOND: Millis = FIRST + 30 * MINUTE;

const KEY: &str = "rsa._domainkey.reporter.example";

impl World {
    /// Checks what is due, and gives how many reports were released, stay held, and are checked once more.
    async fn check(&self, now: Millis) -> (u64, u64, u64) {
        let Rechecked {
            released,
            held,
            undecided,
        } = self.intake.check_again(now).await.unwrap();
        (released, held, undecided)
    }

    /// The only report of the domain, wherever it stands.
    async fn only(&self) -> ReportDetail {
        let no = self.store.arrivals(&[self.domain.id], None, 10).await.unwrap()[0].1.no;
        self.store.report(self.domain.id, no).await.unwrap().unwrap()
    }

    fn replace(&self, name: &str, has: Has) {
        self.dns.clear(name);
        self.dns.add(name, has);
    }
}

fn text(text: &str) -> Has {
    Has::Text(text.to_owned())
}

fn signed(id: &str) -> Vec<u8> {
    Key::Rsa.sign(&mail(AUTHOR, &report(id, 5)), REPORTER, "rsa")
}

fn last(detail: &ReportDetail) -> &HistoryEntry {
    detail.history.last().expect("something was decided")
}

/// A name whose lookup comes to nothing at first, how, and what it has later.
#[tokio::test]
async fn an_undecided_report_counts_once_its_sender_is_found_out() {
    let spf = || text("v=spf1 ip4:192.0.2.25 -all");
    for (case, bytes, name, at_first, later) in [
        ("key fails", signed("1"), KEY, Has::Failure, text(&Key::Rsa.record())),
        (
            "key is silent",
            signed("1"),
            KEY,
            Has::Silence,
            text(&Key::Rsa.record()),
        ),
        (
            "SPF fails",
            mail(AUTHOR, &report("1", 5)),
            REPORTER,
            Has::Failure,
            spf(),
        ),
        (
            "SPF is silent",
            mail(AUTHOR, &report("1", 5)),
            REPORTER,
            Has::Silence,
            spf(),
        ),
    ] {
        let world = World::start_with(|options| options.time_max = SHORT).await;
        world.publish();
        world.replace(name, at_first);
        let taken = world.take(bytes, envelope()).await;
        assert_eq!(taken.summary.acceptance, Acceptance::Undecided, "{case}");
        assert_eq!(world.messages().await, 0, "{case}");
        // Nothing is asked before it is due.
        let asked = world.dns.asked().len();
        assert_eq!(world.check(FIRST - 1).await, (0, 0, 0), "{case}");
        assert_eq!(world.dns.asked().len(), asked, "{case}");
        assert_eq!(world.check(FIRST).await, (0, 0, 1), "{case}");
        assert_eq!(world.only().await.summary.acceptance, Acceptance::Undecided, "{case}");
        world.replace(name, later);
        assert_eq!(world.check(SECOND - 1).await, (0, 0, 0), "{case}");
        assert_eq!(world.check(SECOND).await, (1, 0, 0), "{case}");
        let detail = world.only().await;
        assert!(detail.summary.counted, "{case}");
        assert_eq!(detail.summary.authenticated.word(), "pass", "{case}");
        assert_eq!(detail.provenance.as_ref().unwrap().dmarc.word(), "pass", "{case}");
        let released = last(&detail);
        assert_eq!(
            (&*released.action, &*released.by, released.at),
            ("released", "tallymark", SECOND)
        );
        assert!(released.why.as_deref().unwrap().contains(REPORTER), "{released:?}");
        assert_eq!(world.messages().await, 5, "{case}");
        assert_eq!(world.check(SECOND + 1_000 * MINUTE).await, (0, 0, 0), "{case}");
    }
}

/// The control: what turns out to be forged stays held, and is not looked at any more.
#[tokio::test]
async fn a_forged_report_stays_held_once_that_is_found_out() {
    for (case, bytes, name, later) in [
        ("unsigned", mail(AUTHOR, &report("1", 5)), REPORTER, text("v=spf1 -all")),
        ("another's key", signed("1"), KEY, text(&Key::Ed25519.record())),
        ("a key that was taken back", signed("1"), KEY, text("v=DKIM1; p=")),
    ] {
        let world = World::start().await;
        world.publish();
        world.replace(name, Has::Failure);
        let taken = world.take(bytes, envelope()).await;
        assert_eq!(taken.summary.acceptance, Acceptance::Undecided, "{case}");
        world.replace(name, later);
        assert_eq!(world.check(FIRST).await, (0, 1, 0), "{case}");
        let detail = world.only().await;
        assert_eq!(detail.summary.acceptance, Acceptance::Unvouched, "{case}");
        assert_eq!(detail.summary.authenticated.word(), "fail", "{case}");
        assert_eq!(last(&detail).action, "checked", "{case}");
        assert!(
            last(&detail).why.as_deref().unwrap().contains("passed neither"),
            "{case}"
        );
        let asked = world.dns.asked().len();
        assert_eq!(world.check(FIRST + 10_000 * MINUTE).await, (0, 0, 0), "{case}");
        assert_eq!((world.dns.asked().len(), world.messages().await), (asked, 0), "{case}");
    }
}

#[tokio::test]
async fn checking_is_given_up_after_days_and_the_owner_decides() {
    let world = World::start().await;
    world.publish();
    world.replace(KEY, Has::Failure);
    world.take(signed("1"), envelope()).await;
    let mut now = NOW;
    for nth in 0..8 {
        now += (15 * MINUTE) << nth;
        assert_eq!(world.check(now - 1).await, (0, 0, 0), "{nth}");
        let expect = if nth < 7 { (0, 0, 1) } else { (0, 1, 0) };
        assert_eq!(world.check(now).await, expect, "{nth}");
    }
    let detail = world.only().await;
    assert_eq!(detail.summary.acceptance, Acceptance::Unvouched);
    assert_eq!(detail.history.len(), 8);
    assert!(last(&detail).why.as_deref().unwrap().contains("in 8 more checks"));
    // The name server works too late.
    world.replace(KEY, text(&Key::Rsa.record()));
    assert_eq!(world.check(now + 100_000 * MINUTE).await, (0, 0, 0));
    let (place, actor) = ((world.account.id, world.domain.id), owner());
    let judged = world
        .store
        .judge(place, detail.summary.no, Judgement::Count, &actor)
        .await;
    assert_eq!(judged.unwrap(), Judged::Done);
    assert_eq!(world.messages().await, 5);
}

fn owner() -> Actor {
    Actor {
        by: "owner".to_owned(),
        why: None,
        at: NOW,
    }
}

#[tokio::test]
async fn decisions_of_the_owner_meanwhile_stay() {
    let place = |world: &World| (world.account.id, world.domain.id);
    for (judgement, messages) in [(Judgement::Count, 5), (Judgement::Discount, 0)] {
        let world = World::start().await;
        world.publish();
        world.replace(KEY, Has::Failure);
        let no = world.take(signed("1"), envelope()).await.summary.no;
        let judged = world.store.judge(place(&world), no, judgement, &owner()).await;
        assert_eq!(judged.unwrap(), Judged::Done);
        world.replace(KEY, text(&Key::Rsa.record()));
        assert_eq!(world.check(FIRST).await, (0, 0, 0));
        assert_eq!(world.messages().await, messages);
    }
    // Accepting its reporter releases what is not known yet, too.
    let world = World::start().await;
    world.publish();
    world.replace(KEY, Has::Failure);
    world.take(signed("1"), envelope()).await;
    let accepted = world
        .store
        .accept_reporter(world.account.id, world.domain.id, REPORTER, &owner())
        .await;
    assert!(accepted.unwrap());
    let released = world
        .store
        .release_reporter(place(&world), REPORTER, &owner(), 10)
        .await;
    assert_eq!(released.unwrap(), (1, false));
    assert_eq!(world.messages().await, 5);
}

/// SPF says nothing about a mail server that hands on the mail of others: not later either.
#[tokio::test]
async fn a_relayed_mail_is_checked_again_by_its_signature_only() {
    let relayed = || Envelope {
        is_from_peer: false,
        ..envelope()
    };
    for (later, expect) in [(Key::Rsa.record(), (1, 0, 0)), ("v=DKIM1; p=".to_owned(), (0, 1, 0))] {
        let world = World::start().await;
        world.publish();
        world.dns.text(REPORTER, "v=spf1 ip4:192.0.2.25 -all");
        world.replace(KEY, Has::Failure);
        let taken = world.take(signed("1"), relayed()).await;
        assert_eq!(taken.summary.acceptance, Acceptance::Undecided);
        world.replace(KEY, text(&later));
        assert_eq!(world.check(FIRST).await, expect, "{later}");
    }
    // Without a signature there is nothing to check.
    let world = World::start().await;
    world.publish();
    let taken = world.take(mail(AUTHOR, &report("1", 5)), relayed()).await;
    assert_eq!(taken.summary.acceptance, Acceptance::Unvouched);
}

#[tokio::test]
async fn an_undecided_report_that_waited_for_its_domain_is_checked_again() {
    let world = World::start().await;
    world.publish();
    world.replace(KEY, Has::Failure);
    let about_other = String::from_utf8(report("1", 5))
        .unwrap()
        .replace("example.com", "other.example");
    let bytes = Key::Rsa.sign(&mail(AUTHOR, about_other.as_bytes()), REPORTER, "rsa");
    world.submit(bytes, envelope()).await;
    let other = new_domain("other.example");
    let other = world.store.add_domain(world.account.id, other, NOW).await.unwrap();
    let claimed = world.intake.claim(world.account.id, other.id).await.unwrap();
    assert_eq!((claimed.messages, claimed.counted, claimed.held), (1, 0, 1));
    world.replace(KEY, text(&Key::Rsa.record()));
    assert_eq!(world.check(FIRST).await, (1, 0, 0));
    let stats = world.store.stats(other.id, crate::store::ALL_DAYS).await.unwrap();
    assert_eq!(stats.totals.messages(), 5);
    assert_eq!(world.messages().await, 0);
}

#[tokio::test]
async fn a_mail_that_is_not_kept_cannot_be_checked_again() {
    let world = World::start_intake(|_| {}, |options| options.keep_originals = false).await;
    world.publish();
    world.replace(KEY, Has::Failure);
    world.take(signed("1"), envelope()).await;
    world.replace(KEY, text(&Key::Rsa.record()));
    assert_eq!(world.check(FIRST).await, (0, 1, 0));
    let detail = world.only().await;
    assert_eq!(detail.summary.acceptance, Acceptance::Unvouched);
    assert!(last(&detail).why.as_deref().unwrap().contains("no longer kept"));
}

/// Whatever comes in between, a forged copy keeps no genuine report from being checked.
#[tokio::test]
async fn a_forged_copy_ends_no_check() {
    let world = World::start().await;
    world.publish();
    world.replace(KEY, Has::Failure);
    world.take(signed("1"), envelope()).await;
    let again = world
        .take(mail("a@nopolicy.example", &report("1", 5)), envelope())
        .await;
    assert_eq!(again.summary.acceptance, Acceptance::Undecided);
    assert_eq!(again.summary.arrivals, 2);
    world.replace(KEY, text(&Key::Rsa.record()));
    assert_eq!(world.check(FIRST).await, (1, 0, 0));
    assert_eq!(world.messages().await, 5);
}
