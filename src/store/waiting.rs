//! Targets that wait until the reader of their mail agrees.

use super::db::Args;
use super::deliveries::give_up;
use super::sql::sql;
use super::targets::targets_changed;
use super::{Store, StoreError};
use crate::base::{AccountId, Millis, TargetId};

impl Store {
    /// Switches a target off, whether it was on or not, until its reader agrees, and gives up what waits for it.
    pub async fn wait_for_reader(
        &self,
        (account, id): (AccountId, TargetId),
        why: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold_target(id).await?;
        let args = key(account, id).int(now).text(why);
        if conn.run(sql!("target_wait"), args).await? > 0 {
            give_up(&mut conn, id, why).await?;
            targets_changed(&mut conn).await?;
        }
        write.commit().await
    }

    /// Says otherwise why a target waits. Nothing if it does not wait any more.
    pub async fn wait_because(&self, (account, id): (AccountId, TargetId), why: &str) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.run(sql!("target_wait_why"), key(account, id).text(why)).await?;
        write.commit().await
    }

    /// A target stays off whatever its reader does: its owner switched it off.
    pub async fn wait_no_more(&self, (account, id): (AccountId, TargetId)) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.run(sql!("target_wait_no_more"), key(account, id)).await?;
        write.commit().await
    }

    /// Switches a target on that waits for its reader.
    pub async fn reader_agreed(&self, (account, id): (AccountId, TargetId)) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold_target(id).await?;
        if conn.run(sql!("target_read"), key(account, id)).await? > 0 {
            targets_changed(&mut conn).await?;
        }
        write.commit().await
    }
}

fn key(account: AccountId, id: TargetId) -> Args {
    Args::default().int(account.0).int(id.0)
}
