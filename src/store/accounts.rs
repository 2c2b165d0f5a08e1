//! Tenants and their keys.

use super::db::{Args, Conn, Row};
use super::memory::number;
use super::sql::sql;
use super::{Account, ApiKey, NewKey, Store, StoreError};
use crate::base::{AccountId, DomainId, KeyId, Millis, Mode, Permission};

impl Store {
    /// Makes a tenant.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the name is taken.
    pub async fn add_account(&self, name: &str, mode: Mode, now: Millis) -> Result<Account, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let id = number(&mut conn, "account").await?;
        let args = Args::default().int(id).text(name).int(mode.code()).int(now);
        if conn.run(sql!("account_add"), args).await? == 0 {
            return Err(StoreError::Exists(format!("account {name}")));
        }
        write.commit().await?;
        Ok(Account {
            id: AccountId(id),
            name: name.to_owned(),
            mode,
            created_at: now,
        })
    }

    /// Every tenant, by name.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("account_list"), Args::default()).await?;
        rows.iter().map(account).collect()
    }

    /// The tenant of that name.
    pub async fn account_by_name(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let mut conn = self.read_urgent().await?;
        let row = Conn(&mut conn)
            .first(sql!("account_by_name"), Args::default().text(name))
            .await?;
        row.as_ref().map(account).transpose()
    }

    /// The tenant.
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let mut conn = self.read_urgent().await?;
        let row = Conn(&mut conn)
            .first(sql!("account_by_id"), Args::default().int(id.0))
            .await?;
        row.as_ref().map(account).transpose()
    }

    /// Keeps a key.
    pub async fn add_key(&self, account: AccountId, key: NewKey, now: Millis) -> Result<ApiKey, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let id = number(&mut conn, "key").await?;
        let args = Args::default()
            .int(id)
            .int(account.0)
            .text(&key.name)
            .int(key.permission.code());
        let args = args
            .opt_int(key.domain.map(|domain| domain.0))
            .text(&key.prefix)
            .blob(&key.hash)
            .int(now);
        conn.run(sql!("key_add"), args).await?;
        write.commit().await?;
        Ok(ApiKey {
            id: KeyId(id),
            account,
            name: key.name,
            permission: key.permission,
            domain: key.domain,
            prefix: key.prefix,
            hash: key.hash,
            created_at: now,
            last_used_at: None,
            revoked_at: None,
        })
    }

    /// The key with this hash. Revoked ones are found too: look at `revoked_at`.
    pub async fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        let mut conn = self.read_urgent().await?;
        let row = Conn(&mut conn)
            .first(sql!("key_by_hash"), Args::default().blob(hash))
            .await?;
        row.as_ref().map(key).transpose()
    }

    /// The account's keys, newest first, revoked ones too.
    pub async fn keys(&self, account: AccountId) -> Result<Vec<ApiKey>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("key_list"), Args::default().int(account.0))
            .await?;
        rows.iter().map(key).collect()
    }

    /// The account's key of this number, revoked or not.
    pub async fn key_of_account(&self, account: AccountId, key: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(account.0).int(key.0);
        let row = Conn(&mut conn).first(sql!("key_by_id"), args).await?;
        row.as_ref().map(self::key).transpose()
    }

    /// Gives a key another secret; the old one is refused from now on. False if the account has no such key, or it is
    /// revoked.
    pub async fn rotate_key(
        &self,
        account: AccountId,
        key: KeyId,
        prefix: &str,
        hash: &[u8; 32],
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().int(account.0).int(key.0).text(prefix).blob(hash);
        let changed = conn.run(sql!("key_rotate"), args).await?;
        if changed > 0 {
            // Users who signed in with the old one are signed out.
            conn.run(sql!("sessions_of_key_remove"), Args::default().int(key.0))
                .await?;
        }
        write.commit().await?;
        Ok(changed > 0)
    }

    /// Revokes a key. False if the account has no such key, or it is revoked already.
    pub async fn revoke_key(&self, account: AccountId, key: KeyId, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let changed = conn
            .run(sql!("key_revoke"), Args::default().int(account.0).int(key.0).int(now))
            .await?;
        write.commit().await?;
        Ok(changed > 0)
    }

    /// Notes when keys were last used; meant to be called now and then, not for every request.
    pub async fn keys_used(&self, used: &[(KeyId, Millis)]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        // In one order for all: two nodes that note the same keys wait for one another, not each for the other.
        let mut used = used.to_vec();
        used.sort_unstable();
        for (key, at) in &used {
            conn.run(sql!("key_used"), Args::default().int(key.0).int(*at)).await?;
        }
        write.commit().await
    }
}

fn account(row: &Row) -> Result<Account, StoreError> {
    let id = row.int("account_id")?;
    let mode = Mode::from_code(row.int("mode")?).ok_or_else(|| StoreError::damaged("accounts", id, "unknown mode"))?;
    Ok(Account {
        id: AccountId(id),
        name: row.text("name")?,
        mode,
        created_at: row.int("created_at")?,
    })
}

pub(super) fn key(row: &Row) -> Result<ApiKey, StoreError> {
    let id = row.int("key_id")?;
    let damaged = |what| StoreError::damaged("api_keys", id, what);
    Ok(ApiKey {
        id: KeyId(id),
        account: AccountId(row.int("account_id")?),
        name: row.text("name")?,
        permission: Permission::from_code(row.int("permission")?).ok_or_else(|| damaged("unknown permission"))?,
        domain: row.opt_int("domain_id")?.map(DomainId),
        prefix: row.text("prefix")?,
        hash: row
            .blob("hash")?
            .try_into()
            .map_err(|_| damaged("hash is not 32 bytes"))?,
        created_at: row.int("created_at")?,
        last_used_at: row.opt_int("last_used_at")?,
        revoked_at: row.opt_int("revoked_at")?,
    })
}
