use proptest::prelude::*;

use super::*;

const NOW: Millis = 1_760_000_000_000;
const MINUTE: Millis = 60_000;
const OPTIONS: RotationOptions = RotationOptions {
    wait_hours: 24,
    retiring_days_max: 14,
};

fn rotation(stage: RotationStage) -> OtherKey {
    OtherKey {
        selector: "tallymark2".to_owned(),
        public_key: Vec::new(),
        sealed_with: Some(vec![1]),
        started_at: NOW,
        stage,
    }
}

const READY: RotationStage = RotationStage::Ready {
    published_at: NOW,
    activates_after: NOW + 24 * HOUR,
};
const RETIRING: RotationStage = RotationStage::Retiring {
    switched_at: NOW,
    retire_after: NOW + 14 * 24 * HOUR,
};

#[test]
fn a_look_takes_the_step_that_it_is_reason_for() {
    let publish = |now| RotationStep::Publish {
        published_at: now,
        activates_after: now + 24 * HOUR,
    };
    let switch = |now| RotationStep::Switch {
        switched_at: now,
        retire_after: now + 14 * 24 * HOUR,
    };
    let over = NOW + 24 * HOUR;
    for (stage, sight, key, now, expect) in [
        (
            RotationStage::PendingDns,
            Sight::Seen,
            NextKey::Usable,
            over,
            Some(publish(over)),
        ),
        (RotationStage::PendingDns, Sight::Absent, NextKey::Usable, over, None),
        (RotationStage::PendingDns, Sight::Unread, NextKey::Usable, over, None),
        (READY, Sight::Seen, NextKey::Usable, over - 1, None),
        (READY, Sight::Seen, NextKey::Usable, over, Some(switch(over))),
        (READY, Sight::Seen, NextKey::Lost, over, None),
        (READY, Sight::Unread, NextKey::Usable, over, None),
        (
            READY,
            Sight::Absent,
            NextKey::Usable,
            NOW,
            Some(RotationStep::Unpublish),
        ),
        (
            READY,
            Sight::Absent,
            NextKey::Usable,
            over,
            Some(RotationStep::Unpublish),
        ),
        (RETIRING, Sight::Seen, NextKey::Usable, over, None),
        (RETIRING, Sight::Absent, NextKey::Usable, over, None),
    ] {
        let step = after_look(&rotation(stage), (sight, key), now, OPTIONS);
        assert_eq!(step, expect, "{stage:?} {sight:?} {key:?}");
    }
}

#[test]
fn a_request_skips_the_wait_and_never_the_look() {
    let early = NotNow::Early(Some(NOW + 24 * HOUR));
    for (stage, wait, sight, key, expect) in [
        (
            RotationStage::PendingDns,
            Wait::Skipped,
            Sight::Seen,
            NextKey::Usable,
            None,
        ),
        (
            RotationStage::PendingDns,
            Wait::Kept,
            Sight::Seen,
            NextKey::Usable,
            Some(NotNow::Early(None)),
        ),
        (
            RotationStage::PendingDns,
            Wait::Skipped,
            Sight::Absent,
            NextKey::Usable,
            Some(NotNow::Unpublished),
        ),
        (READY, Wait::Skipped, Sight::Seen, NextKey::Usable, None),
        (READY, Wait::Kept, Sight::Seen, NextKey::Usable, Some(early)),
        (
            READY,
            Wait::Skipped,
            Sight::Absent,
            NextKey::Usable,
            Some(NotNow::Unpublished),
        ),
        (
            READY,
            Wait::Skipped,
            Sight::Unread,
            NextKey::Usable,
            Some(NotNow::Unread),
        ),
        (READY, Wait::Skipped, Sight::Seen, NextKey::Lost, Some(NotNow::Lost)),
        (
            RETIRING,
            Wait::Skipped,
            Sight::Seen,
            NextKey::Usable,
            Some(NotNow::Done),
        ),
    ] {
        let done = on_request(&rotation(stage), wait, (sight, key), NOW, OPTIONS);
        assert_eq!(done.err(), expect, "{stage:?} {wait:?} {sight:?} {key:?}");
    }
    let over = NOW + 24 * HOUR;
    let done = on_request(
        &rotation(READY),
        Wait::Kept,
        (Sight::Seen, NextKey::Usable),
        over,
        OPTIONS,
    );
    assert!(done.is_ok(), "the wait is over");
}

#[test]
fn the_next_look_comes_when_it_may_change_something() {
    let planned = NOW + 25 * HOUR;
    let pending = rotation(RotationStage::PendingDns);
    for (rotation, step, now, expect) in [
        (&pending, None, NOW, NOW + OFTEN),
        (&pending, None, NOW + OFTEN_FOR, NOW + OFTEN_FOR + 25 * HOUR),
        (
            &pending,
            after_look(&pending, (Sight::Seen, NextKey::Usable), NOW, OPTIONS),
            NOW,
            NOW + 24 * HOUR,
        ),
        (&rotation(READY), None, NOW + HOUR, NOW + 24 * HOUR),
        (&rotation(READY), None, NOW + 24 * HOUR, NOW + 24 * HOUR + OFTEN),
        (
            &rotation(READY),
            Some(RotationStep::Unpublish),
            NOW + HOUR,
            NOW + HOUR + OFTEN,
        ),
        (&rotation(RETIRING), None, NOW, planned),
    ] {
        assert_eq!(
            next_look(rotation, step, now, planned.max(now + 25 * HOUR).min(now + 25 * HOUR)),
            expect
        );
    }
    assert_eq!(
        next_look(&pending, None, NOW, NOW + MINUTE),
        NOW + MINUTE,
        "never later than planned"
    );
}

/// A domain as the database has it: which key signs, and the rotation. Keys are numbers.
struct Model {
    now: Millis,
    active: u32,
    made: u32,
    next: Option<(u32, RotationStage)>,
    /// Keys that a look saw in DNS.
    seen: Vec<u32>,
}

#[derive(Debug, Clone)]
enum Happens {
    Passes(Millis),
    Rotate,
    Cancel,
    Look(Sight, NextKey),
    Request(Wait, Sight, NextKey),
    End,
}

impl Model {
    fn is_retiring(&self) -> bool {
        matches!(self.next, Some((_, RotationStage::Retiring { .. })))
    }

    /// As `Store::step_rotation` does.
    fn take(&mut self, step: RotationStep) {
        let Some((key, stage)) = &mut self.next else { return };
        match step {
            RotationStep::Publish {
                published_at,
                activates_after,
            } => {
                *stage = RotationStage::Ready {
                    published_at,
                    activates_after,
                }
            }
            RotationStep::Unpublish => *stage = RotationStage::PendingDns,
            RotationStep::Switch {
                switched_at,
                retire_after,
            } => {
                std::mem::swap(key, &mut self.active);
                *stage = RotationStage::Retiring {
                    switched_at,
                    retire_after,
                };
            }
        }
    }

    /// What happens; the key that signs may change only as the rules allow.
    fn happen(&mut self, happens: &Happens) {
        let before = (self.active, self.next);
        let staged = self.next.filter(|_| !self.is_retiring());
        match happens {
            Happens::Passes(time) => self.now += time,
            Happens::Rotate if self.next.is_none() => {
                self.made += 1;
                self.next = Some((self.made, RotationStage::PendingDns));
            }
            Happens::Cancel if staged.is_some() => self.next = None,
            Happens::End if self.is_retiring() => self.next = None,
            Happens::Look(sight, key) => {
                let Some((number, stage)) = self.next else { return };
                if *sight == Sight::Seen {
                    self.seen.push(number);
                }
                if let Some(step) = after_look(&rotation(stage), (*sight, *key), self.now, OPTIONS) {
                    self.take(step);
                }
            }
            Happens::Request(wait, sight, key) => {
                let Some((number, stage)) = self.next else { return };
                if *sight == Sight::Seen {
                    self.seen.push(number);
                }
                if let Ok(step) = on_request(&rotation(stage), *wait, (*sight, *key), self.now, OPTIONS) {
                    self.take(step);
                }
            }
            Happens::Rotate | Happens::Cancel | Happens::End => {}
        }
        self.check(before, happens);
    }

    fn check(&self, (active, next): (u32, Option<(u32, RotationStage)>), happens: &Happens) {
        if self.active == active {
            return;
        }
        let (number, stage) = next.expect("only a next key can begin to sign");
        assert_eq!(self.active, number);
        assert!(self.seen.contains(&number), "its record was never seen");
        let is_forced = match happens {
            Happens::Look(Sight::Seen, NextKey::Usable) => false,
            Happens::Request(wait, Sight::Seen, NextKey::Usable) => *wait == Wait::Skipped,
            other => panic!("{other:?} must not change the key"),
        };
        let is_over = match stage {
            RotationStage::Ready { activates_after, .. } => self.now >= activates_after,
            RotationStage::PendingDns => false,
            RotationStage::Retiring { .. } => panic!("the key before signs again"),
        };
        assert!(is_forced || is_over, "it did not wait");
    }
}

fn anything() -> impl Strategy<Value = Happens> {
    let sight = || prop_oneof![4 => Just(Sight::Seen), 1 => Just(Sight::Absent), 1 => Just(Sight::Unread)];
    let key = || prop_oneof![4 => Just(NextKey::Usable), 1 => Just(NextKey::Lost)];
    prop_oneof![
        3 => (0..40 * HOUR).prop_map(Happens::Passes),
        2 => Just(Happens::Rotate),
        1 => Just(Happens::Cancel),
        4 => (sight(), key()).prop_map(|(sight, key)| Happens::Look(sight, key)),
        1 => (prop_oneof![Just(Wait::Kept), Just(Wait::Skipped)], sight(), key())
            .prop_map(|(wait, sight, key)| Happens::Request(wait, sight, key)),
        1 => Just(Happens::End),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_key_that_signs_was_seen(events in proptest::collection::vec(anything(), 1..80)) {
        let mut model = Model { now: NOW, active: 1, made: 1, next: None, seen: Vec::new() };
        for happens in &events {
            let (active, made) = (model.active, model.made);
            model.happen(happens);
            prop_assert!(model.made == made || model.next.is_some_and(|(key, _)| key == model.made), "a number is given once");
            if matches!(happens, Happens::Cancel | Happens::End | Happens::Rotate | Happens::Passes(_)) {
                prop_assert_eq!(model.active, active, "the key that signs is never dropped");
            }
        }
    }
}

/// The control of the property: keys do change under it, by themselves and by force.
#[test]
fn the_model_changes_keys() {
    for (events, expect) in [
        (
            vec![
                Happens::Look(Sight::Seen, NextKey::Usable),
                Happens::Passes(24 * HOUR),
                Happens::Look(Sight::Seen, NextKey::Usable),
            ],
            2,
        ),
        (vec![Happens::Request(Wait::Skipped, Sight::Seen, NextKey::Usable)], 2),
        (vec![Happens::Request(Wait::Kept, Sight::Seen, NextKey::Usable)], 1),
    ] {
        let mut model = Model {
            now: NOW,
            active: 1,
            made: 1,
            next: None,
            seen: Vec::new(),
        };
        model.happen(&Happens::Rotate);
        events.iter().for_each(|happens| model.happen(happens));
        assert_eq!(model.active, expect, "{events:?}");
    }
}

/// The control of its check: a key that signs although nothing was seen is noticed.
#[test]
#[should_panic(expected = "its record was never seen")]
fn a_key_that_was_never_seen_is_noticed() {
    let mut model = Model {
        now: NOW,
        active: 1,
        made: 2,
        next: Some((2, READY)),
        seen: Vec::new(),
    };
    let before = (model.active, model.next);
    model.take(OPTIONS.switched(NOW));
    model.check(before, &Happens::Look(Sight::Seen, NextKey::Usable));
}
