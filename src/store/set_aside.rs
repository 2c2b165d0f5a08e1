//! Messages that became no counted report, and the way back in.

use super::cut::COUNT_END;
use super::db::{Args, Conn, Lock, Row, Statement};
use super::sql::sql;
use super::{Cut, Domain, Provenance, SetAside, Store, StoreError, stored_bytes};
use crate::base::{AccountId, DomainId, Millis, SetAsideId, SetAsideKind};

/// Domains that are noted in one transaction.
const CLAIMED_AT_ONCE: usize = 1_000;

/// Messages that were set aside for one reason, and came the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsideGroup {
    pub reason: String,
    pub origin: String,
    pub messages: u64,
    pub newest: SetAsideId,
    /// First arrival of the newest.
    pub last_at: Millis,
}

impl Store {
    /// Some messages set aside, newest first, and how many there are in all, up to [`super::COUNTED_ROWS_MAX`] and one more.
    /// Without `account` those of all, all of them counted (operator).
    pub async fn set_aside(
        &self,
        account: Option<AccountId>,
        kind: Option<SetAsideKind>,
        cut: impl Into<Cut<SetAsideId>>,
    ) -> Result<(Vec<SetAside>, u64), StoreError> {
        let cut = cut.into();
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        // An account's questions have statements of their own: one that says "any account" reads those of all.
        let (list, count) = match (account, kind) {
            (None, _) => (sql!("set_aside_list"), sql!("set_aside_count")),
            (Some(_), None) => (sql!("set_aside_of_account"), sql!("set_aside_of_account_count")),
            (Some(_), Some(_)) => (sql!("set_aside_of_kind"), sql!("set_aside_of_kind_count")),
        };
        let filter = || match (account, kind) {
            (None, kind) => Args::default().int(kind.map_or(-1, SetAsideKind::code)),
            (Some(account), None) => Args::default().int(account.0),
            (Some(account), Some(kind)) => Args::default().int(account.0).int(kind.code()),
        };
        let counted = match account {
            None => filter(),
            Some(_) => filter().int(COUNT_END),
        };
        let count = conn.first(count, counted).await?;
        let total = count.map_or(Ok(0), |row| row.count("total"))?;
        listed(&mut conn, list, filter(), cut, total).await
    }

    /// Number of messages of a kind that are set aside for an account.
    pub async fn set_aside_total(&self, account: AccountId, kind: SetAsideKind) -> Result<u64, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(account.0).int(kind.code()).int(i64::MAX);
        let row = Conn(&mut conn).first(sql!("set_aside_of_kind_count"), args).await?;
        row.map_or(Ok(0), |row| row.count("total"))
    }

    /// A page of other mail to the domain, newest first, and its total number, counted as in [`Self::set_aside`].
    pub async fn inbound(
        &self,
        domain: &Domain,
        cut: impl Into<Cut<SetAsideId>>,
    ) -> Result<(Vec<SetAside>, u64), StoreError> {
        let cut = cut.into();
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let of_domain = || {
            let account = Args::default().int(domain.account.0);
            account.text(domain.name.as_str()).int(domain.id.0)
        };
        let count = conn
            .first(sql!("set_aside_inbound_count"), of_domain().int(COUNT_END))
            .await?;
        let total = count.map_or(Ok(0), |row| row.count("total"))?;
        listed(&mut conn, sql!("set_aside_inbound"), of_domain(), cut, total).await
    }

    /// One message set aside.
    pub async fn set_aside_by_id(&self, id: SetAsideId) -> Result<Option<SetAside>, StoreError> {
        let mut conn = self.read().await?;
        let row = Conn(&mut conn)
            .first(sql!("set_aside_by_id"), Args::default().int(id.0))
            .await?;
        row.as_ref().map(set_aside).transpose()
    }

    /// The bytes of a message set aside, if they are still kept.
    pub async fn set_aside_bytes(&self, id: SetAsideId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut conn = self.read().await?;
        let row = Conn(&mut conn)
            .first(sql!("set_aside_bytes"), Args::default().int(id.0))
            .await?;
        let Some(row) = row else { return Ok(None) };
        let bytes = stored_bytes::unpack(row.opt_int("unpacked_len")?, row.blob("bytes")?)
            .ok_or_else(|| StoreError::damaged("set_aside_messages", format!("message {id}"), "cannot be unpacked"))?;
        Ok(Some(bytes.into_owned()))
    }

    /// Removes a message that was set aside for an account, and its bytes if nothing else refers to them. False if there is none.
    pub async fn dismiss(&self, account: AccountId, id: SetAsideId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.lock(Lock::SetAsideAlone).await?;
        let row = conn.first(sql!("set_aside_by_id"), Args::default().int(id.0)).await?;
        let Some(row) = row.filter(|row| row.int("account_id").is_ok_and(|of| of == account.0)) else {
            return Ok(false);
        };
        conn.run(sql!("set_aside_remove"), Args::default().int(id.0)).await?;
        let bytes = Args::default().int(account.0).blob(row.blob("digest")?);
        conn.run(sql!("set_aside_message_remove"), bytes).await?;
        write.commit().await?;
        Ok(true)
    }

    /// The newest `messages_max` messages of a kind that are set aside for an account, by reason and origin, most first; and whether
    /// there are older ones.
    pub async fn set_aside_groups(
        &self,
        account: AccountId,
        kind: SetAsideKind,
        messages_max: u32,
    ) -> Result<(Vec<AsideGroup>, bool), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let args = |limit: i64| Args::default().int(account.0).int(kind.code()).int(limit);
        let limit = i64::from(messages_max);
        let rows = conn.all(sql!("set_aside_groups"), args(limit)).await?;
        let count = conn.first(sql!("set_aside_of_kind_count"), args(limit + 1)).await?;
        let total = count.map_or(Ok(0), |row| row.count("total"))?;
        let group = |row: &Row| {
            Ok(AsideGroup {
                reason: row.text("reason")?,
                origin: row.text("origin")?,
                messages: row.count("total")?,
                newest: SetAsideId(row.int("newest")?),
                last_at: row.int("last_at")?,
            })
        };
        let groups: Result<_, StoreError> = rows.iter().map(group).collect();
        Ok((groups?, total > u64::from(messages_max)))
    }

    /// How a message set aside came: it is given along when the message is fed in again.
    pub async fn set_aside_provenance(&self, id: SetAsideId) -> Result<Option<Provenance>, StoreError> {
        let mut conn = self.read().await?;
        let row = Conn(&mut conn)
            .first(sql!("set_aside_provenance"), Args::default().int(id.0))
            .await?;
        let json = row.map(|row| row.opt_text("provenance")).transpose()?.flatten();
        Ok(json.and_then(|json| Provenance::from_json(&json)))
    }

    /// How many there are of each kind and reason.
    pub async fn set_aside_counts(&self) -> Result<Vec<(SetAsideKind, String, u64)>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("set_aside_counts"), Args::default()).await?;
        rows.iter()
            .map(|row| Ok((kind(row.int("kind")?)?, row.text("reason")?, row.count("total")?)))
            .collect()
    }

    /// Unclaimed reports of the account about these names, oldest first.
    pub async fn unclaimed(&self, account: AccountId, name: &str) -> Result<Vec<SetAsideId>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(account.0).text(name);
        let rows = Conn(&mut conn).all(sql!("set_aside_unclaimed"), args).await?;
        rows.iter().map(|row| row.int("set_aside_id").map(SetAsideId)).collect()
    }

    /// The account's domains for which something may wait: id and name.
    pub async fn domains_to_claim(&self, account: AccountId) -> Result<Vec<(DomainId, String)>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("domains_to_claim"), Args::default().int(account.0))
            .await?;
        rows.iter()
            .map(|row| Ok((DomainId(row.int("domain_id")?), row.text("name")?)))
            .collect()
    }

    /// Notes that nothing waits for these domains any more.
    pub async fn domains_claimed(&self, domains: &[DomainId]) -> Result<(), StoreError> {
        for piece in domains.chunks(CLAIMED_AT_ONCE) {
            let mut write = self.write().await?;
            let (mut conn, _) = write.parts();
            for domain in conn.hold(piece.to_vec()).await? {
                conn.run(sql!("domain_claimed"), Args::default().int(domain.0)).await?;
            }
            write.commit().await?;
        }
        Ok(())
    }

    /// The names that the account has unclaimed reports about.
    pub async fn unclaimed_names(&self, account: AccountId) -> Result<Vec<String>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("set_aside_unclaimed_names"), Args::default().int(account.0))
            .await?;
        rows.iter().map(|row| row.text("policy_domain")).collect()
    }
}

/// The rows of a list of `total`, from a statement that takes the cut after its filter.
async fn listed(
    conn: &mut Conn<'_>,
    sql: &'static Statement,
    filter: Args,
    cut: Cut<SetAsideId>,
    total: u64,
) -> Result<(Vec<SetAside>, u64), StoreError> {
    let (count, before) = cut.window();
    if before.cast_unsigned() >= total {
        return Ok((Vec::new(), total));
    }
    let place = cut.place().map_or(i64::MAX, |id| id.0);
    let rows = conn.all(sql, filter.int(count).int(before).int(place)).await?;
    Ok((rows.iter().map(set_aside).collect::<Result<_, _>>()?, total))
}

pub(super) fn set_aside(row: &Row) -> Result<SetAside, StoreError> {
    let policy_domain = row.text("policy_domain")?;
    Ok(SetAside {
        id: SetAsideId(row.int("set_aside_id")?),
        account: AccountId(row.int("account_id")?),
        kind: kind(row.int("kind")?)?,
        reason: row.text("reason")?,
        detail: row.text("detail")?,
        leaf: row.text("leaf")?,
        offset: row.opt_int("byte_offset")?.map(i64::cast_unsigned),
        policy_domain: (!policy_domain.is_empty()).then_some(policy_domain),
        origin: row.text("origin")?,
        received_at: row.int("received_at")?,
        arrivals: row.count("arrivals")?,
        bytes_len: row.count("bytes_len")?,
        domain: row.opt_int("domain_id")?.map(DomainId),
    })
}

fn kind(code: i64) -> Result<SetAsideKind, StoreError> {
    SetAsideKind::from_code(code).ok_or_else(|| StoreError::damaged("set_aside", code, "unknown kind"))
}
