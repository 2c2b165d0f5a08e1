//! What is remembered of mailboxes, Maildirs and folders.

use tallymark::base::Day;
use tallymark::store::{ItemState, MailboxChange, MailboxItem, MailboxMark};

use super::{Database, on_both};

fn item(name: &str, state: ItemState, attempts: u32) -> MailboxItem {
    MailboxItem {
        item: name.to_owned(),
        state,
        attempts,
    }
}

on_both!(what_is_known_of_a_mailbox_is_changed_as_one);
async fn what_is_known_of_a_mailbox_is_changed_as_one(db: Database) {
    let store = &db.store;
    assert_eq!(store.mailbox_mark("a").await.unwrap(), None);
    let mark = MailboxMark {
        uid_validity: u32::MAX,
        since: Day(i32::MIN),
        settled_uid: u32::MAX,
    };
    let items = [
        item("7", ItemState::Again, 2),
        item("8", ItemState::ToProcessed, 0),
        item("9", ItemState::ToFailed, 1),
        item("a.b.c", ItemState::Settled, 0),
    ];
    let change = MailboxChange {
        mark: Some(mark),
        put: &items,
        ..MailboxChange::default()
    };
    store.change_mailbox("a", change).await.unwrap();
    assert_eq!(store.mailbox_mark("a").await.unwrap(), Some(mark));
    assert_eq!(store.mailbox_items("a").await.unwrap(), items);
    assert_eq!(store.mailbox_items("b").await.unwrap(), []);

    let change = MailboxChange {
        put: &[item("7", ItemState::ToProcessed, 3)],
        remove: &["8".to_owned(), "unknown".to_owned()],
        ..MailboxChange::default()
    };
    store.change_mailbox("a", change).await.unwrap();
    assert_eq!(store.mailbox_mark("a").await.unwrap(), Some(mark), "it stays as it was");
    let names: Vec<_> = store
        .mailbox_items("a")
        .await
        .unwrap()
        .into_iter()
        .map(|item| item.item)
        .collect();
    assert_eq!(names, ["7", "9", "a.b.c"]);

    let anew = MailboxMark {
        uid_validity: 1,
        since: Day(20_000),
        settled_uid: 0,
    };
    let change = MailboxChange {
        mark: Some(anew),
        forget_all: true,
        put: &[item("1", ItemState::Again, 1)],
        remove: &[],
    };
    store.change_mailbox("a", change).await.unwrap();
    assert_eq!(store.mailbox_mark("a").await.unwrap(), Some(anew));
    assert_eq!(
        store.mailbox_items("a").await.unwrap(),
        [item("1", ItemState::Again, 1)]
    );
}
