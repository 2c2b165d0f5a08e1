//! `addresses`: what DNS has as the names of sending addresses, and which of them wait to be asked about.
//!
//! It is a cache of the whole installation, which `enrich/ptr` fills: losing it costs questions and nothing else. An address
//! waits with a turn. Its number is the place of the address among those of its domain, so that taking the smallest
//! numbers first takes the domains in turn.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashSet;

use super::confirmed::ConfirmedNames;
use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{Store, StoreError, bulk};
use crate::base::{Millis, words};

/// Rows of the table. Above it the oldest answers are dropped. A row takes about 100 bytes.
pub const ADDRESSES_MAX: u64 = 500_000;
/// The turn of addresses that are asked about again because there was no answer: after all others.
const AGAIN: i64 = 1 << 40;
/// The counter of answers.
const CHANGES: &str = "addresses";
/// The counter with the number of the report up to which the mentioned addresses were found.
const MARK: &str = "addresses_mark";

words! {
    /// What DNS said about the name of an address.
    AddressState: i64 {
        /// It has a name, and the name leads back to it.
        Confirmed = 1 "confirmed",
        /// It has no name.
        Nameless = 2 "none",
        /// It has names, and none leads back to it.
        Unconfirmed = 3 "unconfirmed",
        /// Nothing: whether it has a name is unknown.
        Unanswered = 4 "no_answer",
    }
}

/// What is known of the name of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressName {
    pub state: AddressState,
    /// Only if it is confirmed.
    pub name: Option<String>,
    /// When that was found out.
    pub asked_at: Millis,
}

/// An address that waits to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingAddress {
    pub address: IpAddr,
    /// The last answer, if there was one.
    pub known: Option<AddressName>,
    /// Questions without an answer since then.
    pub tries: u32,
}

/// What came of asking about an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedAddress {
    pub address: IpAddr,
    pub known: AddressName,
    /// It is not asked about before.
    pub ask_at: Millis,
    /// Questions without an answer, up to the last one.
    pub tries: u32,
    pub next: NextQuestion,
}

/// Why an address is asked about once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextQuestion {
    /// A later report mentions it.
    WhenMentioned,
    /// It is due.
    WhenDue,
}

impl Store {
    /// What is known of the name of an address; `None` before the first answer.
    pub async fn address_name(&self, address: IpAddr) -> Result<Option<AddressName>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().blob(&key(address));
        let row = Conn(&mut conn).first(sql!("address_by_key"), args).await?;
        row.map_or(Ok(None), |row| known(&row))
    }

    /// Those of some addresses that wait, or were asked about and are not due again.
    pub async fn settled_addresses(&self, some: &[IpAddr], now: Millis) -> Result<HashSet<IpAddr>, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let found = conn.bulk_all(&bulk::ADDRESSES_BY_KEY, some, |args, address| {
            args.push_blob(&key(*address))
        });
        let mut settled = HashSet::new();
        for row in found.await? {
            if row.opt_int("turn")?.is_some() || row.int("ask_at")? > now {
                settled.insert(address(&row)?);
            }
        }
        Ok(settled)
    }

    /// Lets addresses wait, each with its turn.
    pub async fn queue_addresses(&self, queued: &[(IpAddr, u32)], now: Millis) -> Result<(), StoreError> {
        if queued.is_empty() {
            return Ok(());
        }
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.bulk(&bulk::ADDRESSES_QUEUE, queued, |args, (address, turn)| {
            args.push_blob(&key(*address));
            args.push_int(now);
            args.push_int(0);
            args.push_int(i64::from(*turn));
            args.push_int(0);
        })
        .await?;
        write.commit().await
    }

    /// Up to `count` addresses to be asked about next.
    pub async fn addresses_due(&self, now: Millis, count: u32) -> Result<Vec<WaitingAddress>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(now).int(i64::from(count));
        let rows = Conn(&mut conn).all(sql!("addresses_due"), args).await?;
        let waiting = |row: &Row| {
            Ok(WaitingAddress {
                address: address(row)?,
                known: known(row)?,
                tries: u32::try_from(row.count("tries")?).unwrap_or(u32::MAX),
            })
        };
        rows.iter().map(waiting).collect()
    }

    /// How many addresses are to be asked about now.
    pub async fn addresses_due_count(&self, now: Millis) -> Result<u64, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let row = conn.first(sql!("addresses_due_count"), Args::default().int(now));
        row.await?.map_or(Ok(0), |row| row.count("total"))
    }

    /// Keeps what came of asking.
    pub async fn keep_addresses(&self, asked: &[AskedAddress]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        // In this transaction: a reader that finds this number, or a higher one, finds these answers.
        let change = conn.first(sql!("counter_take"), Args::default().text(CHANGES).int(1));
        let change = change
            .await?
            .ok_or_else(|| StoreError::damaged("counters", CHANGES, "is missing"))?;
        let change = change.int("value")?;
        conn.bulk(&bulk::ADDRESSES_PUT, asked, |args, one| {
            args.push_blob(&key(one.address));
            args.push_int(one.known.state.code());
            args.push_opt_text(one.known.name.as_deref());
            args.push_int(one.known.asked_at);
            args.push_int(one.ask_at);
            args.push_int(i64::from(one.tries));
            args.push_opt_int((one.next == NextQuestion::WhenDue).then_some(AGAIN));
            args.push_int(change);
        })
        .await?;
        write.commit().await
    }

    /// Drops the oldest answers above `rows_max` rows. Returns how many there were.
    pub async fn trim_addresses(&self, rows_max: u64) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let row = conn.first(sql!("addresses_count"), Args::default()).await?;
        let over = row.map_or(Ok(0), |row| row.count("total"))?.saturating_sub(rows_max);
        if over == 0 {
            return Ok(0);
        }
        let args = Args::default().int(i64::try_from(over).unwrap_or(i64::MAX));
        let dropped = conn.run(sql!("addresses_drop"), args).await?;
        write.commit().await?;
        Ok(dropped)
    }

    /// The number of the report up to which the mentioned addresses were found; 0 before the first time.
    pub async fn addresses_mark(&self) -> Result<i64, StoreError> {
        self.counter(MARK).await
    }

    /// Moves [`Self::addresses_mark`].
    pub async fn set_addresses_mark(&self, mark: i64) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let args = Args::default().text(MARK).int(mark);
        write.parts().0.run(sql!("counter_put"), args).await?;
        write.commit().await
    }

    /// The confirmed names as they are now. The first call reads all of them, a later one those that were changed since.
    pub async fn confirmed_names(&self) -> Result<Arc<ConfirmedNames>, StoreError> {
        let version = self.counter(CHANGES).await?;
        let mut remembered = self.names.lock().await;
        if remembered.version == version {
            return Ok(Arc::clone(&remembered));
        }
        // Dropped rows stay in memory until they are too many. A version that went back is of a database that was restored.
        if remembered.len() as u64 > ADDRESSES_MAX || remembered.version > version {
            *remembered = Arc::default();
        }
        let known = remembered.version;
        let all = Arc::make_mut(&mut remembered);
        let mut conn = self.read().await?;
        let args = Args::default().int(known).int(i64::from(known > 0));
        let keep = |row: Row| {
            all.put(address(&row)?, row.opt_text("name")?.as_deref());
            Ok(true)
        };
        Conn(&mut conn).walk(sql!("addresses_changed"), args, keep).await?;
        // After a failure, and after answers that came since the version was read, some are read once more next time.
        all.version = version;
        Ok(Arc::clone(&remembered))
    }

    async fn counter(&self, name: &str) -> Result<i64, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let row = conn.first(sql!("counter_read"), Args::default().text(name));
        row.await?.map_or(Ok(0), |row| row.int("value"))
    }
}

/// The stored form of an address.
fn key(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The address of a row.
fn address(row: &Row) -> Result<IpAddr, StoreError> {
    let bytes = row.blob("address")?;
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .map_err(|_| StoreError::damaged("addresses", format!("{bytes:02x?}"), "is not an address"))
}

fn known(row: &Row) -> Result<Option<AddressName>, StoreError> {
    let (Some(state), Some(asked_at)) = (row.opt_int("state")?, row.opt_int("asked_at")?) else {
        return Ok(None);
    };
    let unknown = || StoreError::damaged("addresses", state, "is not a state");
    Ok(Some(AddressName {
        state: AddressState::from_code(state).ok_or_else(unknown)?,
        name: row.opt_text("name")?,
        asked_at,
    }))
}
