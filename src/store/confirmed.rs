//! The confirmed names of addresses, in memory: those who read sums need a name for each of tens of thousands of addresses.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use tokio::sync::Mutex;

use super::addresses::{ADDRESSES_MAX, address};
use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{Store, StoreError};

/// Every confirmed name of an address. A name takes about 90 bytes.
#[derive(Debug, Clone, Default)]
pub struct ConfirmedNames {
    names: HashMap<IpAddr, Arc<str>>,
    /// The number of the last answers that are in it.
    version: i64,
}

/// What a process remembers of them.
#[derive(Debug, Default)]
pub(super) struct RememberedNames(Mutex<Arc<ConfirmedNames>>);

impl ConfirmedNames {
    /// The name of an address, if it is confirmed.
    pub fn of(&self, address: IpAddr) -> Option<&Arc<str>> {
        self.names.get(&address)
    }
}

impl Store {
    /// The confirmed names as they are now. The first call reads all of them, a later one those that were changed since.
    pub async fn confirmed_names(&self) -> Result<Arc<ConfirmedNames>, StoreError> {
        let version = self.addresses_version().await?;
        let mut remembered = self.names.0.lock().await;
        if remembered.version == version {
            return Ok(Arc::clone(&remembered));
        }
        // Dropped rows stay in memory; before they are too many, all are read anew. A version that went back is of a database
        // that was restored.
        if remembered.names.len() as u64 > ADDRESSES_MAX || remembered.version > version {
            *remembered = Arc::default();
        }
        let known = remembered.version;
        let mut conn = self.read().await?;
        let mut changed = Vec::new();
        let args = Args::default().int(known).int(i64::from(known > 0));
        let keep = |row: Row| {
            changed.push((address(&row)?, row.opt_text("name")?));
            Ok(true)
        };
        Conn(&mut conn).walk(sql!("addresses_changed"), args, keep).await?;
        let all = Arc::make_mut(&mut remembered);
        // Answers that came after the version was read are read again next time.
        all.version = version;
        for (address, name) in changed {
            match name {
                Some(name) => all.names.insert(address, name.into()),
                None => all.names.remove(&address),
            };
        }
        Ok(Arc::clone(&remembered))
    }
}
