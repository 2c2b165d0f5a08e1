//! Dedicated addresses: allocated to an account by the operator, assigned to domains by the account.

use std::net::IpAddr;

use super::db::{Args, Conn, Row, Statement};
use super::memory::number;
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::{AccountId, DomainId, IpId, Millis};

/// An address that only one account sends from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpAddress {
    pub id: IpId,
    pub account: AccountId,
    pub address: IpAddr,
}

impl Store {
    /// Allocates an address to an account.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is allocated already, to this account or to another.
    pub async fn add_ip(&self, account: AccountId, address: IpAddr, now: Millis) -> Result<IpAddress, StoreError> {
        let address = address.to_canonical();
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let id = number(&mut conn, "ip").await?;
        let args = Args::default().int(id).int(account.0).text(&address.to_string());
        if conn.run(sql!("ip_add"), args.int(now)).await? == 0 {
            return Err(StoreError::Exists(format!("address {address}")));
        }
        write.commit().await?;
        let id = IpId(id);
        Ok(IpAddress { id, account, address })
    }

    /// Every address with the number of domains that send from it, in order of allocation.
    pub async fn ips(&self) -> Result<Vec<(IpAddress, u64)>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("ip_list"), Args::default()).await?;
        rows.iter()
            .map(|row| Ok((ip(row)?, row.count("domain_count")?)))
            .collect()
    }

    /// The account's addresses, in order of allocation.
    pub async fn ips_of_account(&self, account: AccountId) -> Result<Vec<IpAddress>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("ip_of_account"), Args::default().int(account.0))
            .await?;
        rows.iter().map(ip).collect()
    }

    /// Takes an address from its account; the domains that sent from it no longer do. False if it is not allocated.
    pub async fn remove_ip(&self, address: IpAddr, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().text(&address.to_canonical().to_string());
        let Some(row) = conn.first(sql!("ip_by_address"), args).await? else {
            return Ok(false);
        };
        let id = row.int("ip_id")?;
        let domains = conn.all(sql!("ip_domains"), Args::default().int(id)).await?;
        let domains = domains.iter().map(|row| row.int("domain_id").map(DomainId));
        // In the order in which batches take these rows: an update takes them in any.
        conn.hold(domains.collect::<Result<_, _>>()?).await?;
        conn.run(sql!("ip_clear_domains"), Args::default().int(id).int(now))
            .await?;
        conn.run(sql!("ip_remove"), Args::default().int(id)).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Lets a domain send from an address, in place of any that it had; its next check is due at once. False if the
    /// account has no such domain, or no such address.
    pub async fn assign_ip(
        &self,
        account: AccountId,
        domain: DomainId,
        ip: IpId,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let args = Args::default().int(account.0).int(domain.0).int(ip.0).int(now);
        self.change(sql!("ip_assign"), args).await
    }

    /// Lets a domain send from the shared addresses again; its next check is due at once. False if the account has no
    /// such domain, or it has no address of its own.
    pub async fn release_ip(&self, account: AccountId, domain: DomainId, now: Millis) -> Result<bool, StoreError> {
        let args = Args::default().int(account.0).int(domain.0).int(now);
        self.change(sql!("ip_release"), args).await
    }

    /// Runs one statement in a transaction of its own. Returns whether it changed anything.
    pub(super) async fn change(&self, sql: &'static Statement, args: Args) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let changed = conn.run(sql, args).await? > 0;
        write.commit().await?;
        Ok(changed)
    }
}

/// An address.
pub(super) fn ip(row: &Row) -> Result<IpAddress, StoreError> {
    let id = row.int("ip_id")?;
    let address = row.text("address")?.parse();
    Ok(IpAddress {
        id: IpId(id),
        account: AccountId(row.int("account_id")?),
        address: address.map_err(|_| StoreError::damaged("ip_addresses", id, "holds an invalid address"))?,
    })
}
