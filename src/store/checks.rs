//! What is known of domains' DNS: their keys, what was found of their records, and where that leaves them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::checked::{Decision, DkimKey, DomainDns, DomainFinding, NewDkimKey, RecordCheck, RotationStep, Standing};
use super::db::{Args, Conn, Row};
use super::memory::Memory;
use super::rotations;
use super::sql::sql;
use super::{CLOCKS_DIFFER_MAX, Domain, Event, EventKind, Store, StoreError, bulk, outbox, record_changes};
use crate::base::{AccountId, DomainId, DomainStatus, Millis, Network};

/// A check that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub domain: DomainId,
    pub before: DomainStatus,
    pub after: DomainStatus,
    /// The step that its rotation took from one key to the next.
    pub rotation: Option<RotationStep>,
}

/// Which key of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    Signing,
    /// Of a rotation.
    Next,
}

/// Behind which domain a page of due ones begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueCursor {
    next_check_at: Millis,
    domain: i64,
}

impl Default for DueCursor {
    /// Before all.
    fn default() -> Self {
        Self {
            next_check_at: i64::MIN,
            domain: i64::MIN,
        }
    }
}

impl Store {
    /// What is known of a domain's DNS; nothing, if there is no such domain.
    pub async fn domain_dns(&self, domain: DomainId) -> Result<DomainDns, StoreError> {
        let mut conn = self.read().await?;
        let row = Conn(&mut conn)
            .first(sql!("domain_dns"), Args::default().int(domain.0))
            .await?;
        let Some(row) = row else {
            return Ok(DomainDns::default());
        };
        let dkim = row.opt_text("selector")?.map(|selector| {
            Ok::<_, StoreError>(DkimKey {
                selector,
                public_key: row.blob("public_key")?.to_vec(),
                created_at: row.int("created_at")?,
                sealed_with: row.blob("sealed_with")?.to_vec(),
                selectors_made: u32::try_from(row.int("selectors_made")?)
                    .map_err(|_| StoreError::damaged("dkim_keys", domain, "has an impossible number of selectors"))?,
            })
        });
        Ok(DomainDns {
            dkim: dkim.transpose()?,
            rotation: rotations::rotation(&row, domain)?,
            dedicated_ip: row.opt_int("ip_id")?.map(|_| super::ips::ip(&row)).transpose()?,
            checks: checks(&row, domain)?,
            own_networks: own_networks(&row, domain)?,
            tls_token: row.opt_blob("tls_token_hash")?.map(<[u8]>::to_vec),
        })
    }

    /// Gives a domain the key that its mail is signed with, if it has none yet. False if it has one, or there is no such
    /// domain.
    pub async fn add_dkim_key(&self, domain: DomainId, key: &NewDkimKey, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        // A transaction that removes the domain at the same time would leave the key behind.
        if conn.hold(vec![domain]).await?.is_empty() {
            return Ok(false);
        }
        let args = Args::default().int(domain.0).text(&key.selector);
        let args = args.blob(&key.public_key).blob(&key.sealed_key).int(now);
        let added = conn.run(sql!("dkim_key_add"), args).await? > 0;
        write.commit().await?;
        Ok(added)
    }

    /// Gives a domain another key in place of the one that it has. `made` is the number of selectors that it has been given,
    /// with this one. False if it has no key, no longer the one whose private half is `old`, or as many selectors already.
    pub async fn replace_dkim_key(
        &self,
        domain: DomainId,
        (old, made): (&[u8], u32),
        key: &NewDkimKey,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let args = Args::default().int(domain.0).text(&key.selector);
        let args = args.blob(&key.public_key).blob(&key.sealed_key).int(now).blob(old);
        self.change_held(domain, sql!("dkim_key_replace"), args.int(made.into()))
            .await
    }

    /// The selector of the key that a domain signs with, and its private half, encrypted.
    pub async fn signing_key(&self, domain: DomainId) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        let mut conn = self.read().await?;
        let row = Conn(&mut conn)
            .first(sql!("dkim_key_sealed"), Args::default().int(domain.0))
            .await?;
        row.map(|row| Ok((row.text("selector")?, row.blob("sealed_key")?.to_vec())))
            .transpose()
    }

    /// The private half of the key that a domain signs with, encrypted.
    pub async fn sealed_dkim_key(&self, domain: DomainId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.signing_key(domain).await?.map(|(_, sealed)| sealed))
    }

    /// Encrypted keys behind domain number `after`, at most `limit`: the domain, its public id, the key.
    pub async fn sealed_dkim_keys(
        &self,
        role: KeyRole,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(DomainId, String, Vec<u8>)>, StoreError> {
        let statement = match role {
            KeyRole::Signing => sql!("dkim_key_after"),
            KeyRole::Next => sql!("dkim_rotation_after"),
        };
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(statement, Args::default().int(after).int(limit.into()))
            .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    DomainId(row.int("domain_id")?),
                    row.text("public_id")?,
                    row.blob("sealed_key")?.to_vec(),
                ))
            })
            .collect()
    }

    /// Replaces the encrypted form of a domain's private key. False if it is no longer `old`.
    pub async fn reseal_dkim_key(
        &self,
        (domain, role): (DomainId, KeyRole),
        old: &[u8],
        new: &[u8],
    ) -> Result<bool, StoreError> {
        let args = Args::default().int(domain.0).blob(new).blob(old);
        let statement = match role {
            KeyRole::Signing => sql!("dkim_key_reseal"),
            KeyRole::Next => sql!("dkim_rotation_reseal"),
        };
        self.change_held(domain, statement, args).await
    }

    /// The accounts with domains whose check is due at `now`.
    pub async fn accounts_due(&self, now: Millis) -> Result<Vec<AccountId>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("accounts_due"), Args::default().int(now))
            .await?;
        rows.iter().map(|row| Ok(AccountId(row.int("account_id")?))).collect()
    }

    /// Makes the checks due that are scheduled later than `latest`, which no check can be. Returns their number.
    pub async fn recall_checks(&self, now: Millis, latest: Millis) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let args = Args::default().int(now).int(latest);
        let recalled = write.parts().0.run(sql!("domains_recall"), args).await?;
        write.commit().await?;
        Ok(recalled)
    }

    /// Domains of the account whose check is due at `now`, the longest due first, behind `cursor`, which is moved behind
    /// the last of them; at most `limit`.
    pub async fn domains_due(
        &self,
        account: AccountId,
        cursor: &mut DueCursor,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<Domain>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(account.0).int(cursor.next_check_at);
        let args = args.int(cursor.domain).int(now).int(limit.into());
        let rows = Conn(&mut conn).all(sql!("domains_due"), args).await?;
        if let Some(last) = rows.last() {
            *cursor = DueCursor {
                next_check_at: last.int("next_check_at")?,
                domain: last.int("domain_id")?,
            };
        }
        rows.iter().map(super::domains::domain).collect()
    }

    /// Keeps what was found, in one transaction. `decide` says what it makes of each domain. A domain that was looked at
    /// again meanwhile, by a later look (but none of the far future, by a clock that was ahead), keeps what that found, and is not in the answer; nor is one that is gone, or
    /// whose settings or key were changed since they were looked for: its check stays due.
    pub async fn keep_checks(
        &self,
        found: &[DomainFinding],
        decide: &(dyn Fn(&Standing, &DomainFinding) -> Decision + Sync),
    ) -> Result<Vec<Kept>, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        let held = conn.hold(found.iter().map(|found| found.domain).collect()).await?;
        let rows = conn
            .bulk_all(&bulk::DOMAIN_STANDINGS, &held, |args, domain| args.push_int(domain.0))
            .await?;
        let mut moved = Vec::with_capacity(rows.len());
        for row in &rows {
            let standing = standing(row)?;
            let latest = found.iter().filter(|found| found.domain == standing.domain);
            let latest = latest.max_by_key(|found| found.at);
            let updated_at = row.int("updated_at")?;
            let is_news = |found: &&DomainFinding| {
                let is_later = |last| last <= found.at || last > found.at.saturating_add(CLOCKS_DIFFER_MAX);
                let is_same = found.updated_at == updated_at && found.selector == standing.selector;
                is_same && standing.last_checked_at.is_none_or(is_later)
            };
            if let Some(found) = latest.filter(is_news) {
                let decision = decide(&standing, found);
                moved.push((standing, decision, found.at));
            }
        }
        conn.bulk(&bulk::DOMAIN_MOVE, &moved, |args, (standing, decision, at)| {
            args.push_int(standing.domain.0);
            args.push_int(decision.status.code());
            args.push_opt_int(decision.verified_at);
            args.push_int(*at);
            args.push_int(decision.misses);
            args.push_opt_int(decision.missed_at);
            args.push_int(decision.next_check_at);
        })
        .await?;
        let is_new = |(old, new, _): &&(Standing, Decision, Millis)| {
            old.checks != new.checks || old.own_networks != new.own_networks
        };
        let changed: Vec<_> = moved.iter().filter(is_new).collect();
        conn.bulk(&bulk::DOMAIN_CHECKS_PUT, &changed, |args, (standing, decision, _)| {
            args.push_int(standing.domain.0);
            args.push_text(&to_json(&decision.checks));
            args.push_text(&to_json(&decision.own_networks));
        })
        .await?;
        for (standing, decision, _) in &moved {
            if let (Some(rotation), Some(step)) = (&standing.rotation, decision.rotation) {
                rotations::take(&mut conn, standing.domain, &rotation.selector, step).await?;
            }
        }
        tell(&mut conn, memory, &moved).await?;
        record_changes::tell(&mut conn, memory, &moved).await?;
        write.commit().await?;
        let kept = |(standing, decision, _): &(Standing, Decision, Millis)| Kept {
            domain: standing.domain,
            before: standing.status,
            after: decision.status,
            rotation: decision.rotation,
        };
        Ok(moved.iter().map(kept).collect())
    }
}

/// Tells the owners of domains that have become verified, or failed.
async fn tell(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    moved: &[(Standing, Decision, Millis)],
) -> Result<(), StoreError> {
    let changed = |(old, new, _): &&(Standing, Decision, Millis)| old.status != new.status;
    let mut events = Vec::new();
    for (standing, decision, at) in moved.iter().filter(changed) {
        let kind = match decision.status {
            DomainStatus::Verified => EventKind::DomainVerified,
            DomainStatus::Failed => EventKind::DomainFailed,
            DomainStatus::Pending => continue,
        };
        if events.is_empty() {
            memory.refresh(conn).await?;
        }
        let (account, domain) = (standing.account, standing.domain);
        if !outbox::is_wanted(conn, memory, account, kind).await? {
            continue;
        }
        let mut event = Event::new(account, Some(domain), kind, *at, &[domain.0, *at]);
        let missing = decision.checks.iter().filter(|check| !check.verified);
        let missing: Vec<_> = missing.map(|check| check.purpose.word()).collect();
        if let Some((public_id, name)) = outbox::domain_data(conn, account, domain).await? {
            event.data = json!({
                "domain_id": public_id,
                "domain": name,
                "status": decision.status.word(),
                "previous_status": standing.status.word(),
                "not_verified": missing,
            });
        }
        events.push(event);
    }
    // A check is kept as soon as it is made.
    let now = events.iter().map(|event| event.at).max().unwrap_or_default();
    outbox::tell(conn, memory, &events, now).await
}

fn standing(row: &Row) -> Result<Standing, StoreError> {
    let domain = DomainId(row.int("domain_id")?);
    let status = DomainStatus::from_code(row.int("status")?);
    Ok(Standing {
        domain,
        account: AccountId(row.int("account_id")?),
        status: status.ok_or_else(|| StoreError::damaged("domains", domain, "unknown status"))?,
        created_at: row.int("created_at")?,
        verified_at: row.opt_int("verified_at")?,
        last_checked_at: row.opt_int("last_checked_at")?,
        misses: row.int("misses")?,
        missed_at: row.opt_int("missed_at")?,
        checks: checks(row, domain)?,
        own_networks: own_networks(row, domain)?,
        selector: row.opt_text("selector")?,
        rotation: rotations::rotation(row, domain)?,
    })
}

fn to_json<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).expect("texts and words always have a JSON form")
}

fn checks(row: &Row, domain: DomainId) -> Result<Vec<RecordCheck>, StoreError> {
    list(row, "checks", domain, "holds no list of checks")
}

fn own_networks(row: &Row, domain: DomainId) -> Result<Vec<Network>, StoreError> {
    list(row, "own_networks", domain, "holds no list of networks")
}

/// A list in a column; an empty one before the first check.
fn list<T: DeserializeOwned>(
    row: &Row,
    column: &str,
    domain: DomainId,
    damage: &'static str,
) -> Result<Vec<T>, StoreError> {
    let Some(json) = row.opt_text(column)? else {
        return Ok(Vec::new());
    };
    serde_json::from_str(&json).map_err(|_| StoreError::damaged("domain_checks", domain, damage))
}
