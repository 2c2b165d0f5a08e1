//! `verify --simulator`: the policy of each report, simulated, gives what the report says.

use tallymark::insight::{ContradictionKind, identity};

use super::oracle::{Dice, Message, reports};
use crate::store::{Database, on_both};

on_both!(only_contradictions_differ);
async fn only_contradictions_differ(db: Database) {
    let mut dice = Dice::new(3);
    let messages: Vec<Message> = (0..400).map(|_| dice.message()).collect();
    db.commit(reports(&messages)).await;
    let found = identity(&db.store, std::slice::from_ref(&db.domain)).await.unwrap();
    assert_eq!(found.records, found.agreeing + found.overridden + found.contradicting);
    let contradictory = messages.iter().filter(|message| message.is_contradictory).count() as u64;
    let told: u64 = found.contradictions.iter().map(|one| one.messages).sum();
    assert_eq!(told, contradictory);
    assert!(found.overridden > 0 && found.unlisted == 0);
    for one in &found.contradictions {
        assert!(
            matches!(one.kind, ContradictionKind::DkimPass | ContradictionKind::DkimFail),
            "{one:?}"
        );
        assert_eq!(one.domain, "example.com");
    }
}
