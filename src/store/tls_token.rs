//! The token with which anyone may post TLS reports about a domain (RFC 8460, 5.4). Only its hash is kept.

use super::db::{Args, Conn};
use super::domains::domain;
use super::sql::sql;
use super::{Domain, Store, StoreError};
use crate::base::{AccountId, DomainId, Millis};

impl Store {
    /// The domain, of whatever account, whose token has this hash.
    pub async fn domain_by_tls_token(&self, hash: &[u8; 32]) -> Result<Option<Domain>, StoreError> {
        let mut conn = self.read_urgent().await?;
        let row = Conn(&mut conn)
            .first(sql!("domain_by_tls_token"), Args::default().blob(hash))
            .await?;
        row.as_ref().map(domain).transpose()
    }

    /// When the token of the account's domain was made; `None` if it has none.
    pub async fn tls_token(&self, account: AccountId, id: DomainId) -> Result<Option<Millis>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(account.0).int(id.0);
        let row = Conn(&mut conn).first(sql!("domain_tls_token"), args).await?;
        row.map_or(Ok(None), |row| row.opt_int("tls_token_at"))
    }

    /// Gives the account's domain a token, which replaces the one that it has. `None` takes it away. False if the account
    /// has no such domain.
    pub async fn put_tls_token(
        &self,
        account: AccountId,
        id: DomainId,
        token: Option<(&[u8; 32], Millis)>,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        if conn.hold(vec![id]).await?.is_empty() {
            return Ok(false);
        }
        let args = Args::default().int(account.0).int(id.0);
        let args = args.opt_blob(token.map(|(hash, _)| hash.as_slice()));
        let changed = conn
            .run(sql!("domain_tls_token_put"), args.opt_int(token.map(|(_, at)| at)))
            .await?;
        write.commit().await?;
        Ok(changed > 0)
    }
}
