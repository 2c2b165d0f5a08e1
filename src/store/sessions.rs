//! Who is signed in at the page. Of a session's token only the hash is kept.

use super::accounts::key;
use super::db::{Args, Conn};
use super::sql::sql;
use super::{ApiKey, KeyId, Millis, Store, StoreError};

impl Store {
    /// Keeps a session of a key until `until`, and forgets those that have run out.
    pub async fn add_session(&self, hash: &[u8; 32], key: KeyId, now: Millis, until: Millis) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.run(sql!("sessions_purge"), Args::default().int(now)).await?;
        let args = Args::default().blob(hash).int(key.0).int(now).int(until);
        conn.run(sql!("session_add"), args).await?;
        write.commit().await
    }

    /// The key of a session that has not run out; it may be revoked: look at `revoked_at`.
    pub async fn session_key(&self, hash: &[u8; 32], now: Millis) -> Result<Option<ApiKey>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().blob(hash).int(now);
        let row = Conn(&mut conn).first(sql!("session_key"), args).await?;
        row.as_ref().map(key).transpose()
    }

    /// Ends a session, if there is one.
    pub async fn remove_session(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.run(sql!("session_remove"), Args::default().blob(hash)).await?;
        write.commit().await
    }
}
