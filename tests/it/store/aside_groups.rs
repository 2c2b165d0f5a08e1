//! Groups of messages that were set aside: no more messages are read than are asked for.

use tallymark::base::SetAsideKind;
use tallymark::store::{NewMessage, Problem};

use super::{Database, message, on_both};

fn broken(db: &Database, reason: &'static str) -> NewMessage {
    let problem = Problem {
        leaf: String::new(),
        reason,
        detail: "a test".to_owned(),
        offset: None,
    };
    NewMessage {
        problems: vec![problem],
        ..message(db.account.id, Vec::new())
    }
}

on_both!(groups_are_of_the_newest_messages_and_older_ones_are_told);
async fn groups_are_of_the_newest_messages_and_older_ones_are_told(db: Database) {
    for reason in ["old", "old", "not_xml", "too_large", "not_xml"] {
        db.commit_all(vec![broken(&db, reason)]).await;
    }
    db.commit_all(vec![message(db.account.id, Vec::new())]).await;
    let groups = async |messages_max| {
        let kind = SetAsideKind::Quarantined;
        let found = db.store.set_aside_groups(db.account.id, kind, messages_max).await;
        let (groups, more) = found.unwrap();
        let groups = groups.into_iter().map(|group| (group.reason, group.messages));
        (groups.collect::<Vec<_>>(), more)
    };
    let named = |groups: &[(&str, u64)]| {
        groups
            .iter()
            .map(|(reason, count)| ((*reason).to_owned(), *count))
            .collect()
    };
    assert_eq!(groups(3).await, (named(&[("not_xml", 2), ("too_large", 1)]), true));
    let all: Vec<_> = named(&[("not_xml", 2), ("old", 2), ("too_large", 1)]);
    assert_eq!(groups(5).await, (all.clone(), false));
    assert_eq!(groups(1_000).await, (all, false));
}
