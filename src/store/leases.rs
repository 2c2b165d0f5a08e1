//! Leases: which node does a job that only one may do at a time.
//!
//! A holder renews its lease long before it runs out; when the node dies, another takes it after that. The instants are
//! those of the nodes' clocks, so a lease lasts much longer than these may differ. A job must bear being done twice all
//! the same: a node that was stopped goes on without knowing that its lease has gone.

use super::db::{Args, Conn};
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::Millis;

/// Who has a lease, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub holder: String,
    pub until: Millis,
}

impl Store {
    /// Takes the lease of that name until `now + lasts`, milliseconds, if it is free or has run out, or renews it if
    /// `holder` has it. A lease that ends later than it can last is taken over, too, which is logged: its holder's clock was
    /// ahead. False if another has it.
    pub async fn take_lease(&self, name: &str, holder: &str, now: Millis, lasts: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let before = conn.first(sql!("lease_by_name"), Args::default().text(name)).await?;
        let args = Args::default().text(name).text(holder);
        let args = args.int(now.saturating_add(lasts)).int(now).int(lasts);
        let taken = conn.run(sql!("lease_take"), args).await? > 0;
        write.commit().await?;
        if let Some(before) = before.filter(|_| taken) {
            let (other, until) = (before.text("holder")?, before.int("until_at")?);
            if until > now.saturating_add(before.int("lasts")?) && other != holder {
                tracing::warn!(
                    lease = name,
                    holder = other,
                    ahead_seconds = until.saturating_sub(now) / 1_000,
                    "a lease was taken over that ends later than it can last: the clock of its holder was ahead"
                );
            }
        }
        Ok(taken)
    }

    /// Gives the lease up, so that another need not wait until it runs out. False if `holder` does not have it.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().text(name).text(holder);
        let released = conn.run(sql!("lease_release"), args).await? > 0;
        write.commit().await?;
        Ok(released)
    }

    /// Who has the lease, run out or not.
    pub async fn lease(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        let mut conn = self.read().await?;
        let row = Conn(&mut conn)
            .first(sql!("lease_by_name"), Args::default().text(name))
            .await?;
        row.map(|row| {
            Ok(Lease {
                holder: row.text("holder")?,
                until: row.int("until_at")?,
            })
        })
        .transpose()
    }
}
