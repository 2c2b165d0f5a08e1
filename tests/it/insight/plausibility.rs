//! Injected contradictions are all found, and a correct generator has none.

use std::collections::BTreeMap;

use tallymark::base::{Authenticated, Day, DayRange};
use tallymark::insight::{ContradictionKind, plausibility};
use tallymark::report::aggregate::{Disposition, PassFail, Report};

use super::oracle::{Dice, Message, REPORTERS, documents};
use crate::store::{Database, day, on_both, taken};

fn messages(seed: u64) -> Vec<Message> {
    let mut dice = Dice::new(seed);
    let mut messages: Vec<Message> = (0..600).map(|_| dice.message()).collect();
    messages.iter_mut().for_each(|message| message.is_contradictory = false);
    messages
}

/// All days of the generator.
fn range() -> DayRange {
    let day = |nth| Day::from_unix(day(nth).0);
    DayRange {
        first: day(0),
        last: day(4),
    }
}

on_both!(a_correct_generator_contradicts_nothing);
async fn a_correct_generator_contradicts_nothing(db: Database) {
    let reports = documents(&messages(5)).into_iter();
    db.commit(reports.map(|report| taken(report, Authenticated::Unknown)).collect())
        .await;
    let found = plausibility(&db.store, &db.domain, range()).await.unwrap();
    assert_eq!((found.total, found.all.messages), (REPORTERS.len(), 600));
    assert_eq!(
        found.says,
        "All 3 reporters agree with their own evidence, apart from 1 message in 100 at most."
    );
    for one in &found.reporters {
        assert_eq!((one.part.contradicting, one.contradicting_records), (0, 0), "{one:?}");
        assert!(one.kinds.is_empty() && one.examples.is_empty());
    }
    assert_eq!(found.all, found.plausible);
    assert_eq!(found.all.pass, found.all.pass_by_evidence);
    assert_eq!(found.authenticated.messages, 0, "nothing vouches for them");
}

/// Puts a contradiction into a record, and returns its kind; `None` where it would be none.
fn inject(report: &mut Report, nth: usize, wanted: usize) -> Option<ContradictionKind> {
    use ContradictionKind::{DkimFail, DkimPass, Milder, SpfFail, SpfPass, Stricter};
    let is_of_policy_domain = |report: &Report, evidence: u32| {
        report.evidence[evidence as usize].header_from.as_deref() == Some(&*report.policy.domain)
    };
    let evidence = report.records[nth].evidence;
    let (is_own, has_reason) = (
        is_of_policy_domain(report, evidence),
        !report.evidence[evidence as usize].reasons.is_empty(),
    );
    let words = &mut report.records[nth].evaluated;
    let turned = |word: &mut Option<PassFail>, kinds: [ContradictionKind; 2]| {
        let was_pass = *word == Some(PassFail::Pass);
        *word = Some(if was_pass { PassFail::Fail } else { PassFail::Pass });
        Some(kinds[usize::from(was_pass)])
    };
    let passes = words.dkim == Some(PassFail::Pass) || words.spf == Some(PassFail::Pass);
    match wanted {
        0 => turned(&mut words.dkim, [DkimPass, DkimFail]),
        1 => turned(&mut words.spf, [SpfPass, SpfFail]),
        // A reason explains it.
        _ if has_reason => None,
        2 if passes => {
            words.disposition = Some(Disposition::Reject);
            Some(Stricter)
        }
        3 if is_own && matches!(words.disposition, Some(Disposition::Quarantine | Disposition::Reject)) => {
            words.disposition = Some(Disposition::None);
            Some(Milder)
        }
        _ => None,
    }
}

on_both!(every_injected_contradiction_is_found);
async fn every_injected_contradiction_is_found(db: Database) {
    let mut reports = documents(&messages(6));
    let mut dice = Dice::new(7);
    let (mut injected, mut of_reporter) = (BTreeMap::new(), BTreeMap::new());
    for report in &mut reports {
        for nth in 0..report.records.len() {
            // The first reporter is correct.
            let name = report.metadata.org_name.clone().unwrap();
            if *name == *REPORTERS[0] || dice.below(4) > 0 {
                continue;
            }
            let wanted = dice.below(4);
            if let Some(kind) = inject(report, nth, wanted) {
                *injected.entry(kind).or_insert(0_u64) += report.records[nth].count;
                *of_reporter.entry(name).or_insert(0_u64) += report.records[nth].count;
            }
        }
    }
    assert_eq!(injected.len(), ContradictionKind::ALL.len(), "{injected:?}");
    let authentic = |report: Report| {
        let is_authentic = report.metadata.org_name.as_deref() == Some(REPORTERS[0]);
        let word = if is_authentic {
            Authenticated::Pass
        } else {
            Authenticated::Unknown
        };
        taken(report, word)
    };
    db.commit(reports.into_iter().map(authentic).collect()).await;
    let found = plausibility(&db.store, &db.domain, range()).await.unwrap();
    let mut by_kind = BTreeMap::new();
    for one in &found.reporters {
        let name = one.reporter.as_deref().unwrap();
        assert_eq!(
            one.part.contradicting,
            of_reporter.get(name).copied().unwrap_or(0),
            "{one:?}"
        );
        assert_eq!(one.contradicts_itself(), name != REPORTERS[0]);
        assert!(
            one.examples.len() <= 5 && one.examples.is_empty() == (name == REPORTERS[0]),
            "{one:?}"
        );
        let halves = one.halves;
        assert_eq!(
            halves[0].contradicting + halves[1].contradicting,
            one.part.contradicting
        );
        for (kind, messages) in &one.kinds {
            *by_kind.entry(*kind).or_insert(0_u64) += messages;
        }
    }
    assert_eq!(by_kind, injected);
    assert_eq!(
        found.says,
        "2 of 3 reporters contradict their own evidence in more than 1 message of 100."
    );
    // Only the correct reporter is left, and it is the one that is vouched for.
    assert_eq!(found.plausible, found.authenticated);
    assert!(found.plausible.messages > 0 && found.plausible.messages < found.all.messages);
    assert_ne!(found.all.pass, found.all.pass_by_evidence);
}
