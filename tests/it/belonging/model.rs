//! Random trees of domains, orders of arrival, additions and removals, duplicates, cut-off texts and conflicts, against a
//! model that knows nothing of tables: after each step every domain has the messages that the model says, to the message.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tallymark::app::claim_earlier_ones;
use tallymark::base::Mode;
use tallymark::ingest::Belonging;

use super::{NOW, World, cut, on_both, xml};
use crate::store::Database;

/// Three levels, and some that are beside them.
const NAMES: [&str; 9] = [
    "one.example",
    "a.one.example",
    "b.one.example",
    "x.a.one.example",
    "y.a.one.example",
    "z.b.one.example",
    "two.example",
    "m.two.example",
    "deep.m.two.example",
];
const TEXTS: usize = 8;
const STEPS: usize = 36;
const CASES: usize = 10;

/// A report of a reporter, in its true form and in a contradicting one.
#[derive(Debug, Clone)]
struct Text {
    policy_domain: usize,
    has_id: bool,
    header_from: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A text, the contradicting form of it, or the first records of either; addressed to some domain, or added on sight.
    Arrive {
        text: usize,
        other: bool,
        records: usize,
        way: usize,
    },
    Add(usize),
    Remove(usize),
}

fn text() -> impl Strategy<Value = Text> {
    (
        0..NAMES.len(),
        any::<bool>(),
        proptest::collection::vec(0..NAMES.len(), 1..6),
    )
        .prop_map(|(policy_domain, has_id, header_from)| Text {
            policy_domain,
            has_id,
            header_from,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let arrive = (
        0..TEXTS,
        prop_oneof![3 => Just(false), 1 => Just(true)],
        1..8_usize,
        0..8_usize,
    );
    prop_oneof![
        5 => arrive.prop_map(|(text, other, records, way)| Step::Arrive { text, other, records, way }),
        2 => (0..NAMES.len()).prop_map(Step::Add),
        1 => (0..NAMES.len()).prop_map(Step::Remove),
    ]
}

/// Of what arrived of a text: the form, and how many records of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arrived {
    other: bool,
    records: usize,
}

/// What the account knows of one text.
#[derive(Debug, Default)]
struct Known {
    /// In the order in which they were heard.
    arrived: Vec<Arrived>,
}

struct Model {
    texts: Vec<Text>,
    domains: BTreeSet<usize>,
    known: Vec<Known>,
}

fn is_at_or_below(name: usize, above: usize) -> bool {
    NAMES[name] == NAMES[above] || NAMES[name].ends_with(&format!(".{}", NAMES[above]))
}

impl Model {
    /// The longest name of the account that is at or above this one.
    fn closest(&self, name: usize) -> Option<usize> {
        let above = self
            .domains
            .iter()
            .copied()
            .filter(|&above| is_at_or_below(name, above));
        above.max_by_key(|&above| NAMES[above].len())
    }

    /// Of a record whose policy domain is not covered.
    fn closest_below(&self, header_from: usize, policy_domain: usize) -> Option<usize> {
        let closest = self.closest(header_from);
        closest.filter(|&closest| closest != policy_domain && is_at_or_below(closest, policy_domain))
    }

    fn counts(nth: usize, other: bool, record: usize) -> u64 {
        // No two are alike, so that a wrong one shows in the sum.
        1 + 1_000 * nth as u64 + 37 * record as u64 * record as u64 + if other && record == 0 { 500 } else { 0 }
    }

    fn xml(&self, nth: usize, arrived: Arrived) -> String {
        let text = &self.texts[nth];
        let records = text.header_from.iter().enumerate();
        let records: Vec<_> = records
            .map(|(record, &name)| (NAMES[name], Self::counts(nth, arrived.other, record)))
            .collect();
        let id = if text.has_id {
            format!("text-{nth}")
        } else {
            String::new()
        };
        let whole = xml(NAMES[text.policy_domain], &id, &records);
        if arrived.records < records.len() {
            cut(&whole, arrived.records)
        } else {
            whole
        }
    }

    fn has_slices(&self, nth: usize, arrived: Arrived) -> bool {
        let text = &self.texts[nth];
        let mut heard = text.header_from.iter().take(arrived.records);
        heard.any(|&from| self.closest_below(from, text.policy_domain).is_some())
    }

    /// The one of what arrived that counts: the first whole one, else the longest.
    fn counted(&self, nth: usize) -> Option<Arrived> {
        let len = self.texts[nth].header_from.len();
        let known = &self.known[nth].arrived;
        let whole = known.iter().find(|arrived| arrived.records == len);
        // Of pieces of one length the first.
        let longest = known.iter().rev().max_by_key(|arrived| arrived.records);
        whole.or(longest).copied()
    }

    fn expected(&self) -> BTreeMap<&'static str, u64> {
        let mut messages = BTreeMap::new();
        for (nth, text) in self.texts.iter().enumerate() {
            let Some(arrived) = self.counted(nth) else { continue };
            let home = self.closest(text.policy_domain);
            for (record, &from) in text.header_from.iter().take(arrived.records).enumerate() {
                if let Some(domain) = home.or_else(|| self.closest_below(from, text.policy_domain)) {
                    *messages.entry(NAMES[domain]).or_default() += Self::counts(nth, arrived.other, record);
                }
            }
        }
        messages
    }

    fn remove(&mut self, name: usize) {
        for nth in 0..self.texts.len() {
            // What counted for it goes to the one above; without one it goes.
            if self.closest(self.texts[nth].policy_domain) == Some(name) {
                self.domains.remove(&name);
                if self.closest(self.texts[nth].policy_domain).is_none() {
                    self.known[nth].arrived.clear();
                }
                self.domains.insert(name);
            }
        }
        self.domains.remove(&name);
    }
}

async fn arrive(world: &World, model: &mut Model, nth: usize, other: bool, records: usize, way: usize) {
    let text = model.texts[nth].clone();
    let len = text.header_from.len();
    // Two forms without an id are two reports, of which the model has one.
    let arrived = Arrived {
        other: other && text.has_id,
        records: records.min(len),
    };
    let is_new = !model.known[nth].arrived.contains(&arrived);
    let on_sight = way == 0 && !model.domains.contains(&text.policy_domain);
    let waits = model.closest(text.policy_domain).is_none();
    // A text that was added on sight is heard before those that waited without a row.
    let is_first = on_sight
        && waits
        && !model.known[nth]
            .arrived
            .iter()
            .any(|known| model.has_slices(nth, *known));
    if is_first {
        model.known[nth].arrived.retain(|known| *known != arrived);
        model.known[nth].arrived.insert(0, arrived);
    } else if is_new {
        model.known[nth].arrived.push(arrived);
    }
    let belonging = match way {
        0 => Belonging::AddDomains(world.account),
        1..5 => Belonging::Account(world.account),
        _ => match world.db.store.domains(world.account).await.unwrap().first() {
            Some(domain) => Belonging::Domain(world.account, domain.id),
            None => Belonging::Account(world.account),
        },
    };
    world.send(&model.xml(nth, arrived), belonging).await;
    if on_sight {
        model.domains.insert(text.policy_domain);
        claim_earlier_ones(&world.db.store, &world.intake, world.account)
            .await
            .unwrap();
    }
}

async fn run(world: &World, texts: Vec<Text>, steps: &[Step], case: usize) {
    let mut model = Model {
        known: texts.iter().map(|_| Known::default()).collect(),
        texts,
        domains: BTreeSet::new(),
    };
    for (nth, &step) in steps.iter().enumerate() {
        match step {
            Step::Arrive {
                text,
                other,
                records,
                way,
            } => arrive(world, &mut model, text, other, records, way).await,
            Step::Add(name) if !model.domains.contains(&name) => {
                model.domains.insert(name);
                world.add(NAMES[name]).await;
            }
            Step::Remove(name) if model.domains.contains(&name) => {
                model.remove(name);
                world.remove(NAMES[name]).await;
            }
            Step::Add(_) | Step::Remove(_) => continue,
        }
        let found = world.messages().await;
        let expected: Vec<_> = model
            .expected()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        assert_eq!(
            found,
            expected,
            "case {case}, step {nth} ({step:?}), domains {:?}\n{:?}\n{:?}",
            model.domains.iter().map(|&name| NAMES[name]).collect::<Vec<_>>(),
            model.texts,
            &steps[..=nth],
        );
    }
    assert_eq!(world.discrepancies().await, [""; 0], "case {case}");
}

on_both!(the_account_has_the_sum_over_distinct_reports_whatever_happens_in_whichever_order);
async fn the_account_has_the_sum_over_distinct_reports_whatever_happens_in_whichever_order(db: Database) {
    let mut world = World::over(db).await;
    // The same cases each time: what fails once fails again.
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let texts = proptest::collection::vec(text(), TEXTS);
    let steps = proptest::collection::vec(step(), STEPS);
    for case in 0..CASES {
        let account = world
            .db
            .store
            .add_account(&format!("case {case}"), Mode::Live, NOW)
            .await;
        world.account = account.unwrap().id;
        let drawn = (&texts, &steps).new_tree(&mut runner).unwrap().current();
        run(&world, drawn.0, &drawn.1, case).await;
    }
    world.close().await;
}
