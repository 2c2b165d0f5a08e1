//! Who is signed in at the page. Of a session's token only the hash is kept.

use super::accounts::key;
use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{ApiKey, CLOCKS_DIFFER_MAX, Store, StoreError};
use crate::base::{AccountId, KeyId, Millis};

/// Sessions that a key has at once: one more sign-in ends the oldest.
pub const SESSIONS_PER_KEY_MAX: i64 = 50;

/// A sign-in at the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of its token.
    pub hash: [u8; 32],
    pub key: KeyId,
    pub created_at: Millis,
    pub until: Millis,
}

/// Sessions that are listed.
const SESSIONS_LISTED_MAX: i64 = 500;

impl Store {
    /// Keeps a session of a key until `until`, and forgets those that have run out, and the oldest of a key that has too many. False, with nothing kept, if the key
    /// was rotated or revoked since it was looked up.
    pub async fn add_session(
        &self,
        hash: &[u8; 32],
        key: &ApiKey,
        now: Millis,
        until: Millis,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        // Signing in is a use of the key; and its row is ours from here to the commit: a rotation came before, and
        // is seen below, or comes after, and ends this session with all others.
        conn.run(sql!("key_used"), Args::default().int(key.id.0).int(now))
            .await?;
        let row = conn.first(sql!("key_by_hash"), Args::default().blob(&key.hash)).await?;
        let current = row.as_ref().map(self::key).transpose()?;
        if current.is_none_or(|current| current.revoked_at.is_some()) {
            return Ok(false);
        }
        let args = Args::default().int(now).int(until.saturating_add(CLOCKS_DIFFER_MAX));
        conn.run(sql!("sessions_purge"), args).await?;
        let args = Args::default().int(key.id.0).int(SESSIONS_PER_KEY_MAX - 1);
        conn.run(sql!("sessions_of_key_trim"), args).await?;
        let args = Args::default().blob(hash).int(key.id.0).int(now).int(until);
        conn.run(sql!("session_add"), args).await?;
        write.commit().await?;
        Ok(true)
    }

    /// The key of a session that has not run out; it may be revoked: look at `revoked_at`. A session that began in the future,
    /// under a clock that was ahead, is not valid.
    pub async fn session_key(&self, hash: &[u8; 32], now: Millis) -> Result<Option<ApiKey>, StoreError> {
        let mut conn = self.read_urgent().await?;
        let args = Args::default().blob(hash).int(now);
        let args = args.int(now.saturating_add(CLOCKS_DIFFER_MAX));
        let row = Conn(&mut conn).first(sql!("session_key"), args).await?;
        row.as_ref().map(key).transpose()
    }

    /// Up to 500 sessions of the account that have not run out, newest first.
    pub async fn sessions(&self, account: AccountId, now: Millis) -> Result<Vec<Session>, StoreError> {
        let args = Args::default().int(account.0).int(now).int(SESSIONS_LISTED_MAX);
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("sessions_of_account"), args).await?;
        let session = |row: &Row| {
            let hash = row.blob("session_hash")?;
            let hash = <[u8; 32]>::try_from(hash);
            let damaged = |_| StoreError::damaged("sessions", "session_hash", "is not 32 bytes");
            Ok(Session {
                hash: hash.map_err(damaged)?,
                key: KeyId(row.int("key_id")?),
                created_at: row.int("created_at")?,
                until: row.int("until_at")?,
            })
        };
        rows.iter().map(session).collect()
    }

    /// Ends a session of the account, if there is one with this hash.
    pub async fn end_session(&self, account: AccountId, hash: &[u8; 32]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.run(sql!("session_end"), Args::default().blob(hash).int(account.0))
            .await?;
        write.commit().await
    }

    /// Ends a session, if there is one.
    pub async fn remove_session(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.run(sql!("session_remove"), Args::default().blob(hash)).await?;
        write.commit().await
    }
}
