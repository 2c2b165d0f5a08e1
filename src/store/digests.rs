//! Digests: addresses that are told of the state of domains, once per period.

use serde_json::{Value, json};

use super::db::{Args, Conn};
use super::outbox;
use super::sql::sql;
use super::target::{Digest, Kind as _, NewTarget, Target};
use super::targets::{DIGEST, read};
use super::{Event, Store, StoreError};
use crate::base::clock::format_instant;
use crate::base::{AccountId, Day, Millis, TargetId};

/// What deliveries of digests call their event.
pub const DIGEST_EVENT: &str = "digest";

impl Store {
    /// Adds a digest. `None` if the account has [`super::DIGESTS_MAX`].
    pub async fn add_digest(
        &self,
        account: AccountId,
        new: NewTarget<Digest>,
        now: Millis,
    ) -> Result<Option<Target<Digest>>, StoreError> {
        self.add_target(account, new, now).await
    }

    /// The digests of an account, newest first; at most [`super::DIGESTS_MAX`].
    pub async fn digests(&self, account: AccountId) -> Result<Vec<Target<Digest>>, StoreError> {
        self.targets(account).await
    }

    /// A digest of the account.
    pub async fn digest(&self, account: AccountId, id: TargetId) -> Result<Option<Target<Digest>>, StoreError> {
        self.target(account, id).await
    }

    /// Changes a digest with `edit`. Returns it as it is then, `None` if the account has no such digest.
    pub async fn change_digest<E: From<StoreError>>(
        &self,
        (account, id): (AccountId, TargetId),
        now: Millis,
        edit: impl FnOnce(&mut Target<Digest>) -> Result<(), E>,
    ) -> Result<Option<Target<Digest>>, E> {
        self.change_target(account, id, now, edit).await
    }

    /// Removes a digest with its deliveries. False if the account has no such digest.
    pub async fn remove_digest(&self, account: AccountId, id: TargetId) -> Result<bool, StoreError> {
        self.remove_target::<Digest>(account, id).await
    }

    /// The digests of all accounts that are on. One whose row is damaged is left out, with a line in the log.
    pub async fn digests_on(&self) -> Result<Vec<Target<Digest>>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("targets_of_kind"), Args::default().int(DIGEST))
            .await?;
        let mut found = Vec::new();
        for row in &rows {
            match read(row) {
                Ok(target) => found.extend(target.filter_map(Digest::from_address)),
                Err(error) => {
                    tracing::error!(digest = row.int("target_id")?, %error, "a digest cannot be read");
                }
            }
        }
        Ok(found)
    }

    /// Notes that there is nothing to tell of the period that begins on `first`.
    pub async fn pass_over_digest(&self, id: TargetId, first: Day) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold_target(id).await?;
        let args = Args::default().int(id.0).int(first.0.into());
        conn.run(sql!("target_told"), args).await?;
        write.commit().await
    }

    /// Writes a digest of the period that begins on `first` into the outbox, once. False if it was written before, or the digest
    /// is off by now.
    pub async fn tell_digest(
        &self,
        (account, id): (AccountId, TargetId),
        first: Day,
        data: Value,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        conn.hold_target(id).await?;
        let args = Args::default().int(id.0).int(first.0.into());
        if conn.run(sql!("target_told"), args).await? == 0 {
            return Ok(false);
        }
        memory.refresh(&mut conn).await?;
        let event_id = Event::id_of(DIGEST_EVENT, account, &[id.0, first.0.into()]);
        let payload = json!({
            "id": event_id,
            "type": DIGEST_EVENT,
            "timestamp": format_instant(now),
            "data": data,
        });
        outbox::write_one(
            &mut conn,
            memory,
            id,
            (&event_id, DIGEST_EVENT, &payload.to_string()),
            now,
        )
        .await?;
        write.commit().await?;
        Ok(true)
    }
}
