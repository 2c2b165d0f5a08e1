//! From one DKIM key to the next, against a real name server: the next key signs only when its record is there, and nothing that
//! fails on the way changes which key signs.

use std::time::Duration;

use tallymark::base::{Authenticated, DomainStatus};
use tallymark::domains::{DnsRecord, DomainsError, KeyRotation, Keyring, Purpose, RecordState, RotationState, Wait};
use tallymark::insight::end_rotations;
use tallymark::report::aggregate::{AuthResult, DkimAuth};
use tallymark::store::{KeyRole, NewDkimKey, NewReport, RotationStage, RotationStep};

use super::{HOUR, MINUTE, Named, World, named, publish};
use crate::provenance::dns::{Dns, Has};
use crate::store::{Database, Dialect, on_both, report, taken};

const DAY: Duration = Duration::from_secs(86_400);
const OTHER: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
const NEXT: &str = "tallymark2._domainkey.example.com";

impl World {
    async fn keys(&self) -> KeyRotation {
        self.domains.rotation(&self.domain().await).await.unwrap()
    }

    async fn rotate(&self) -> Result<KeyRotation, DomainsError> {
        self.domains.rotate(&self.domain().await).await
    }

    async fn activate(&self, wait: Wait) -> Result<KeyRotation, DomainsError> {
        self.domains.activate_rotation(&self.domain().await, wait).await
    }

    async fn cancel(&self) -> Result<KeyRotation, DomainsError> {
        self.domains.cancel_rotation(&self.domain().await).await
    }

    /// The records of both keys: of the one that signs, and of the other.
    async fn both(&self) -> (DnsRecord, Option<DnsRecord>) {
        let published = self.domains.published(&self.domain().await).await.unwrap();
        let find = |purpose| {
            published
                .records
                .iter()
                .find(|record| record.purpose == purpose)
                .cloned()
        };
        (find(Purpose::Dkim).unwrap(), find(Purpose::DkimRotation))
    }

    /// The record that is published of the private key that signs.
    async fn signs_with(&self) -> String {
        use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
        use aws_lc_rs::signature::KeyPair as _;
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD;
        let pem = self.domains.private_key(&self.domain().await).await.unwrap();
        let digits: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(&base64.decode(digits).unwrap()).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        format!("v=DKIM1; k=rsa; p={}", base64.encode(public.as_ref()))
    }

    /// A world whose record of the next key was seen, and the end of the wait.
    async fn ready(&self, named: &mut Named) -> DnsRecord {
        publish(named, &self.record(Purpose::Dkim).await);
        named.reload().await;
        self.look(Purpose::Dkim).await;
        self.rotate().await.unwrap();
        let next = self.record(Purpose::DkimRotation).await;
        publish(named, &next);
        named.reload().await;
        self.look(Purpose::DkimRotation).await;
        assert_eq!(self.keys().await.state(), RotationState::Ready);
        next
    }
}

fn refused(done: Result<KeyRotation, DomainsError>, with: &str) {
    match done {
        Err(DomainsError::Refused(says)) => assert!(says.contains(with), "{says}"),
        other => panic!("{with}: {other:?}"),
    }
}

on_both!(a_next_key_signs_when_its_record_was_there_for_a_day);
async fn a_next_key_signs_when_its_record_was_there_for_a_day(db: Database) {
    let mut named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Dkim]);
    assert_eq!(world.keys().await.state(), RotationState::Idle);
    let first = world.record(Purpose::Dkim).await;
    publish(&mut named, &first);
    named.reload().await;
    world.look(Purpose::Dkim).await;

    let staged = world.rotate().await.unwrap();
    assert_eq!(
        (staged.state(), staged.active_selector.as_deref()),
        (RotationState::PendingDns, Some("tallymark"))
    );
    assert_eq!(world.rotate().await.unwrap(), staged, "a repeat changes nothing");
    let (signing, next) = world.both().await;
    let next = next.unwrap();
    assert_eq!((signing.value, next.required), (first.value.clone(), false));
    assert_eq!(Some((next.name.clone(), next.value.clone())), staged.record);
    assert_eq!(next.name, NEXT);
    let missing = world.look(Purpose::DkimRotation).await;
    assert_eq!(
        (missing.state, missing.suggestion.unwrap().value),
        (RecordState::Missing, next.value.clone())
    );
    assert_eq!(world.domain().await.status, DomainStatus::Verified);
    refused(world.activate(Wait::Skipped).await, "publish it first");
    // Without a deadline.
    world.after(9 * DAY).await;
    assert_eq!(world.keys().await, staged);

    publish(&mut named, &next);
    named.reload().await;
    assert_eq!(world.after(27 * HOUR).await, DomainStatus::Verified);
    let stage = world.keys().await.rotation.unwrap().stage;
    let RotationStage::Ready {
        published_at,
        activates_after,
    } = stage
    else {
        panic!("{stage:?}")
    };
    assert_eq!(activates_after - published_at, 24 * 3_600_000);
    refused(world.activate(Wait::Kept).await, "signs from");
    world.after(23 * HOUR).await;
    assert_eq!(
        (world.keys().await.state(), world.signs_with().await),
        (RotationState::Ready, first.value.clone())
    );
    assert_eq!(world.after(2 * HOUR).await, DomainStatus::Verified);
    assert_eq!(
        (world.keys().await.state(), world.signs_with().await),
        (RotationState::Retiring, next.value)
    );
}

on_both!(the_key_before_is_kept_for_mail_on_its_way);
async fn the_key_before_is_kept_for_mail_on_its_way(db: Database) {
    let mut named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Dkim]);
    let first = world.record(Purpose::Dkim).await;
    let next = world.ready(&mut named).await;
    assert_eq!(world.after(25 * HOUR).await, DomainStatus::Verified);
    let switched = world.keys().await;
    assert_eq!(
        (switched.state(), switched.active_selector.as_deref()),
        (RotationState::Retiring, Some("tallymark2"))
    );
    assert_eq!(world.signs_with().await, next.value);
    let (signing, before) = world.both().await;
    let before = before.unwrap();
    assert_eq!(
        (&signing.name, signing.required, signing.verified),
        (&next.name, true, true)
    );
    assert_eq!(
        (&before.name, before.required, before.verified),
        (&first.name, false, true)
    );
    assert_eq!(world.activate(Wait::Kept).await.unwrap(), switched, "it signs already");
    refused(world.cancel().await, "cannot be cancelled");
    refused(world.rotate().await, "tallymark, is still kept");
    // The record of the key that signs is the one that is required.
    named.set(&next.name, &[]);
    named.reload().await;
    assert!(!world.look(Purpose::Dkim).await.verified);
    publish(&mut named, &next);
    named.reload().await;

    let store = &world.db.store;
    world.clock.advance(13 * DAY);
    assert_eq!(
        end_rotations(store, world.clock.now()).await.unwrap(),
        0,
        "no report says anything"
    );
    world.clock.advance(DAY);
    assert_eq!(end_rotations(store, world.clock.now()).await.unwrap(), 1);
    assert_eq!(
        (world.keys().await.state(), world.both().await.1),
        (RotationState::Idle, None)
    );
    assert_eq!(world.signs_with().await, next.value);
    let again = world.rotate().await.unwrap().rotation.unwrap();
    assert_eq!(again.selector, "tallymark3");
}

on_both!(a_record_that_goes_before_the_change_stops_it);
async fn a_record_that_goes_before_the_change_stops_it(db: Database) {
    let mut named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Dkim]);
    let next = world.ready(&mut named).await;
    let active = world.signs_with().await;
    // Whatever is there instead.
    for texts in [&[][..], &["v=DKIM1; p="], &[&active], &[&next.value, &active]] {
        named.text(&next.name, texts);
        named.reload().await;
        world.after(25 * HOUR).await;
        assert_eq!(world.keys().await.state(), RotationState::PendingDns, "{texts:?}");
        refused(world.activate(Wait::Skipped).await, "or is another one");
        assert_eq!(world.signs_with().await, active);
        // It is looked for again soon, and the wait begins again.
        named.text(&next.name, &[&next.value]);
        named.reload().await;
        world.after(33 * MINUTE).await;
        assert_eq!(world.keys().await.state(), RotationState::Ready, "{texts:?}");
        refused(world.activate(Wait::Kept).await, "signs from");
    }
    // The control.
    world.after(25 * HOUR).await;
    assert_eq!(
        (world.keys().await.state(), world.signs_with().await),
        (RotationState::Retiring, next.value)
    );
}

on_both!(a_key_that_is_forced_is_looked_for_all_the_same);
async fn a_key_that_is_forced_is_looked_for_all_the_same(db: Database) {
    let mut named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Dkim]);
    refused(world.activate(Wait::Skipped).await, "start a rotation first");
    assert_eq!(world.cancel().await.unwrap().state(), RotationState::Idle);
    world.rotate().await.unwrap();
    refused(world.activate(Wait::Skipped).await, "publish it first");
    let next = world.record(Purpose::DkimRotation).await;
    publish(&mut named, &next);
    named.reload().await;
    // No check has seen it, and nothing of this request is noted.
    refused(world.activate(Wait::Kept).await, "no check has noted it");
    assert_eq!(world.keys().await.state(), RotationState::PendingDns);
    let switched = world.activate(Wait::Skipped).await.unwrap();
    assert_eq!(
        (switched.state(), world.signs_with().await),
        (RotationState::Retiring, next.value)
    );
    assert!(world.look(Purpose::Dkim).await.verified);
}

on_both!(dns_that_does_not_answer_changes_nothing);
async fn dns_that_does_not_answer_changes_nothing(db: Database) {
    let dns = Dns::start().await;
    let world = World::with(db, named::dns(dns.address), &[Purpose::Dkim], |options| {
        options.check_time_max = Duration::from_millis(300);
    });
    let first = world.record(Purpose::Dkim).await;
    dns.text(&first.name, &first.value);
    for has in [Has::Failure, Has::Silence] {
        dns.add(NEXT, has);
        let unread = world.rotate().await;
        assert!(matches!(unread, Err(DomainsError::Unread(_))), "{unread:?}");
        assert_eq!(world.keys().await.state(), RotationState::Idle);
        dns.clear(NEXT);
    }
    world.rotate().await.unwrap();
    let next = world.record(Purpose::DkimRotation).await;
    dns.text(NEXT, &next.value);
    world.look(Purpose::DkimRotation).await;
    let ready = world.keys().await;
    assert_eq!(ready.state(), RotationState::Ready);
    for has in [Has::Failure, Has::Silence] {
        dns.clear(NEXT);
        dns.add(NEXT, has);
        let unread = world.activate(Wait::Skipped).await;
        assert!(matches!(unread, Err(DomainsError::Unread(_))), "{unread:?}");
        world.after(25 * HOUR).await;
        assert_eq!(
            (world.keys().await, world.signs_with().await),
            (ready.clone(), first.value.clone())
        );
    }
    // The control: it answers again, and the wait was over meanwhile.
    dns.clear(NEXT);
    dns.text(NEXT, &next.value);
    world.after(33 * MINUTE).await;
    assert_eq!(
        (world.keys().await.state(), world.signs_with().await),
        (RotationState::Retiring, next.value)
    );
}

/// Neither a selector that the domain had, nor one that is another's.
#[tokio::test]
async fn selectors_are_never_used_twice() {
    let mut named = Named::start();
    let world = World::new(Database::start(Dialect::Sqlite).await, named.dns(), &[Purpose::Dkim]);
    named.text(NEXT, &["v=DKIM1; k=rsa; p=MIIB"]);
    named.text("tallymark4._domainkey.example.com", &["no key"]);
    named.reload().await;
    let selector = |keys: KeyRotation| keys.rotation.unwrap().selector;
    assert_eq!(
        selector(world.rotate().await.unwrap()),
        "tallymark3",
        "a key is at the second name"
    );
    assert_eq!(world.cancel().await.unwrap().state(), RotationState::Idle);
    assert_eq!(selector(world.rotate().await.unwrap()), "tallymark4", "it is no key");
    // A key that is renewed meanwhile has the next one.
    world.domains.renew_key(&world.domain().await).await.unwrap();
    assert_eq!(world.keys().await.active_selector.as_deref(), Some("tallymark5"));
    world.cancel().await.unwrap();
    named.text("*._domainkey.example.com", &["v=DKIM1; k=rsa; p=MIIB"]);
    named.reload().await;
    refused(world.rotate().await, "No selector is free");
    assert_eq!(world.keys().await.state(), RotationState::Idle);
}

on_both!(of_many_nodes_one_takes_each_step);
async fn of_many_nodes_one_takes_each_step(db: Database) {
    let mut named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Dkim]);
    world.record(Purpose::Dkim).await;
    let staged = futures_util::future::join_all((0..4).map(|_| world.rotate())).await;
    let staged: Vec<_> = staged.into_iter().map(Result::unwrap).collect();
    assert!(staged.windows(2).all(|pair| pair[0] == pair[1]), "{staged:?}");
    let next = world.record(Purpose::DkimRotation).await;
    publish(&mut named, &next);
    named.reload().await;

    let activating = futures_util::future::join_all((0..3).map(|_| world.activate(Wait::Skipped)));
    let (activated, cancelled) = tokio::join!(activating, world.cancel());
    match cancelled {
        Ok(cancelled) if cancelled.state() == RotationState::Idle => {
            assert_eq!(world.keys().await.active_selector.as_deref(), Some("tallymark"));
        }
        _ => {
            let switched = world.keys().await;
            assert_eq!(
                (switched.state(), world.signs_with().await),
                (RotationState::Retiring, next.value.clone())
            );
            for done in activated {
                assert_eq!(done.unwrap(), switched);
            }
        }
    }
    // Whichever was first, the private key is that of the record which is offered.
    assert_eq!(world.signs_with().await, world.record(Purpose::Dkim).await.value);
}

on_both!(a_step_from_elsewhere_is_not_taken);
async fn a_step_from_elsewhere_is_not_taken(db: Database) {
    let named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Dkim]);
    let (store, id) = (&world.db.store, world.db.domain.id);
    let first = world.record(Purpose::Dkim).await;
    let step = RotationStep::Switch {
        switched_at: 1,
        retire_after: 2,
    };
    let key = |selector: &str| NewDkimKey {
        selector: selector.to_owned(),
        public_key: vec![1],
        sealed_key: vec![2],
    };
    // Without a next key, and after a key was given elsewhere.
    assert!(!store.step_rotation(id, "tallymark2", step).await.unwrap());
    assert!(!store.stage_dkim_key(id, (2, 3), &key("tallymark3"), 0).await.unwrap());
    world.rotate().await.unwrap();
    assert!(!store.stage_dkim_key(id, (2, 3), &key("tallymark3"), 0).await.unwrap());
    let staged = world.keys().await;
    for selector in ["tallymark", "tallymark3", ""] {
        assert!(!store.step_rotation(id, selector, step).await.unwrap());
        assert!(!store.drop_staged_key(id, selector).await.unwrap());
    }
    assert!(
        !store.end_rotation(id, "tallymark2").await.unwrap(),
        "it does not sign yet"
    );
    assert_eq!((world.keys().await, world.signs_with().await), (staged, first.value));
    assert!(
        store.step_rotation(id, "tallymark2", step).await.unwrap(),
        "the control"
    );
    assert!(!store.drop_staged_key(id, "tallymark").await.unwrap(), "it has signed");
    assert!(!store.step_rotation(id, "tallymark", step).await.unwrap(), "nor again");
    // All of it goes with the domain.
    let domain = world.domain().await;
    store.remove_domain(domain.account, &domain.public_id, 0).await.unwrap();
    assert_eq!(store.domain_dns(id).await.unwrap().rotation, None);
    assert_eq!(store.retiring_keys(i64::MIN, 9).await.unwrap(), []);
}

on_both!(a_lost_key_never_signs);
async fn a_lost_key_never_signs(db: Database) {
    let mut named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Dkim]);
    world.ready(&mut named).await;
    let clock = world.clock.clone();
    let without = World::with(world.db, named.dns(), &[Purpose::Dkim], |options| {
        options.keyring = Some(Keyring::from_keys([OTHER], "elsewhere").unwrap());
    });
    without
        .clock
        .advance(Duration::from_millis(clock.now().abs_diff(without.clock.now())));
    assert_eq!(without.keys().await.state(), RotationState::Ready, "it is shown");
    refused(
        without.activate(Wait::Skipped).await,
        "private half of the new key is lost",
    );
    without.after(25 * HOUR).await;
    assert_eq!(without.keys().await.active_selector.as_deref(), Some("tallymark"));
    let problem = without.record(Purpose::DkimRotation).await.problem.unwrap();
    assert!(problem.contains("rotate-dkim --cancel example.com"), "{problem}");

    // With both keys everything is encrypted again, and the control signs.
    let both = World::with(without.db, named.dns(), &[Purpose::Dkim], |options| {
        options.keyring = Some(Keyring::from_keys([OTHER, super::MASTER], "here").unwrap());
    });
    assert_eq!(both.domains.reseal().await.unwrap(), 2);
    assert_eq!(both.domains.reseal().await.unwrap(), 0);
    let sealed = both
        .db
        .store
        .sealed_dkim_keys(KeyRole::Next, i64::MIN, 9)
        .await
        .unwrap();
    assert_eq!(sealed.len(), 1);
    let new = World::with(both.db, named.dns(), &[Purpose::Dkim], |options| {
        options.keyring = Some(Keyring::from_keys([OTHER], "here").unwrap());
    });
    assert_eq!(
        new.activate(Wait::Skipped).await.unwrap().state(),
        RotationState::Retiring
    );
    assert_eq!(new.signs_with().await, new.record(Purpose::Dkim).await.value);
}

/// A report of a reporter about a day, with messages that are signed with these selectors.
fn signed(reporter: &str, begin: i64, selectors: &[&str]) -> NewReport {
    let id = format!("{reporter} {begin}");
    let mut about = report(&id, (begin, begin + 86_399), &[("192.0.2.1", 3, true)]);
    about.metadata.org_name = Some(reporter.into());
    about.metadata.email = Some(format!("dmarc@{reporter}").into());
    let mut evidence = about.evidence[0].clone();
    let signature = |selector: &&str| DkimAuth {
        domain: Some("example.com".into()),
        selector: Some((*selector).into()),
        result: AuthResult::Pass,
        ..DkimAuth::default()
    };
    evidence.dkim = selectors.iter().map(signature).collect();
    about.evidence = vec![evidence];
    taken(about, Authenticated::Unknown)
}

on_both!(reporters_that_see_the_key_no_more_end_the_change);
async fn reporters_that_see_the_key_no_more_end_the_change(db: Database) {
    let mut named = Named::start();
    let world = World::new(db, named.dns(), &[Purpose::Dkim]);
    world.ready(&mut named).await;
    world.activate(Wait::Skipped).await.unwrap();
    let switched = world.clock.now() / 1_000;
    let day = |nth: i64| switched + nth * 86_400;
    world.clock.advance(6 * DAY);
    let ended = async |reports: Vec<NewReport>| {
        world.db.commit(reports).await;
        end_rotations(&world.db.store, world.clock.now()).await.unwrap()
    };
    let old = ["tallymark", "other"];
    assert_eq!(
        ended(vec![
            signed("google.example", day(-3), &old),
            signed("small.example", day(-9), &old)
        ])
        .await,
        0
    );
    // It saw another selector.
    assert_eq!(ended(vec![signed("yahoo.example", day(-3), &["other"])]).await, 0);
    // A window that begins a second before the change is no evidence, whatever it says.
    let both = ["google.example", "small.example"];
    assert_eq!(
        ended(both.map(|one| signed(one, switched - 1, &["tallymark2"])).into()).await,
        0
    );
    assert_eq!(
        ended(vec![signed("google.example", day(1), &["tallymark2"])]).await,
        0,
        "one is missing"
    );
    assert_eq!(
        ended(vec![signed("small.example", day(1), &["tallymark2", "tallymark"])]).await,
        0,
        "late mail"
    );
    assert_eq!(world.keys().await.state(), RotationState::Retiring);
    assert_eq!(ended(vec![signed("small.example", day(2), &["tallymark2"])]).await, 1);
    assert_eq!(
        (world.keys().await.state(), world.both().await.1),
        (RotationState::Idle, None)
    );
    assert_eq!(ended(Vec::new()).await, 0);
}
