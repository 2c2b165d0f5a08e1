//! What is remembered of the sources that are read repeatedly: mailboxes, Maildirs, folders.
//!
//! Losing any of it costs reading mail once more, never a report: a report that comes again is a duplicate.

use super::db::{Args, Conn};
use super::sql::sql;
use super::{Store, StoreError, bulk};
use crate::base::Day;

/// How far a mailbox was read over IMAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxMark {
    /// RFC 9051, 2.3.1.1: with another value no UID means what it did.
    pub uid_validity: u32,
    /// The first day that was to be read; what was older was passed over.
    pub since: Day,
    /// Every message up to this UID is settled, except those with an item.
    pub settled_uid: u32,
}

/// What is remembered of one message or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxItem {
    /// A UID, the name of a message behind an API or of an object, or a file's name without its folder and flags.
    pub item: String,
    pub state: ItemState,
    /// How often it could not be read, or not be moved.
    pub attempts: u32,
}

/// What is to become of a message or file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemState {
    /// It could not be read: again, after the others.
    Again,
    /// Settled; it stays where it is and is not read again.
    Settled,
    /// Committed; it is still to go where what was taken goes.
    ToProcessed,
    /// Committed, in quarantine; it is still to go where what could not be read goes.
    ToFailed,
}

impl ItemState {
    fn code(self) -> i64 {
        match self {
            Self::Again => 0,
            Self::Settled => 1,
            Self::ToProcessed => 2,
            Self::ToFailed => 3,
        }
    }

    fn from_code(code: i64) -> Option<Self> {
        [Self::Again, Self::Settled, Self::ToProcessed, Self::ToFailed]
            .into_iter()
            .find(|state| state.code() == code)
    }
}

/// What changed about a source.
#[derive(Debug, Default)]
pub struct MailboxChange<'c> {
    /// `None` leaves it as it is.
    pub mark: Option<MailboxMark>,
    /// Whether everything known of the messages is deleted before `put` is applied.
    pub forget_all: bool,
    pub put: &'c [MailboxItem],
    /// Items that have gone.
    pub remove: &'c [String],
}

impl Store {
    /// How far a mailbox was read; `None` if it never was.
    pub async fn mailbox_mark(&self, source: &str) -> Result<Option<MailboxMark>, StoreError> {
        let mut conn = self.read().await?;
        let row = Conn(&mut conn)
            .first(sql!("mailbox_by_source"), Args::default().text(source))
            .await?;
        let uid = |number: i64| u32::try_from(number).map_err(|_| StoreError::damaged("mailboxes", source, "no UID"));
        row.map(|row| {
            Ok(MailboxMark {
                uid_validity: uid(row.int("uid_validity")?)?,
                since: Day(i32::try_from(row.int("since_day")?)
                    .map_err(|_| StoreError::damaged("mailboxes", source, "no day"))?),
                settled_uid: uid(row.int("settled_uid")?)?,
            })
        })
        .transpose()
    }

    /// What is remembered of a source's messages, by name.
    pub async fn mailbox_items(&self, source: &str) -> Result<Vec<MailboxItem>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("mailbox_items"), Args::default().text(source))
            .await?;
        let item = |row: &super::db::Row| {
            let item = row.text("item")?;
            let state = ItemState::from_code(row.int("state")?);
            Ok(MailboxItem {
                state: state.ok_or_else(|| StoreError::damaged("mailbox_items", &item, "no state"))?,
                attempts: row.checked("attempts", "is not a number of attempts", |number| {
                    u32::try_from(number).ok()
                })?,
                item,
            })
        };
        rows.iter().map(item).collect()
    }

    /// Remembers what changed, in one transaction.
    pub async fn change_mailbox(&self, source: &str, change: MailboxChange<'_>) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        if change.forget_all {
            conn.run(sql!("mailbox_items_remove"), Args::default().text(source))
                .await?;
        }
        if let Some(mark) = change.mark {
            let args = Args::default().text(source).int(mark.uid_validity.into());
            let args = args.int(mark.since.0.into()).int(mark.settled_uid.into());
            conn.run(sql!("mailbox_put"), args).await?;
        }
        for item in change.remove {
            let args = Args::default().text(source).text(item);
            conn.run(sql!("mailbox_item_remove"), args).await?;
        }
        conn.bulk(&bulk::MAILBOX_ITEM_PUT, change.put, |args, item| {
            args.push_text(source);
            args.push_text(&item.item);
            args.push_int(item.state.code());
            args.push_int(item.attempts.into());
        })
        .await?;
        write.commit().await
    }
}
