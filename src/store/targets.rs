//! Targets in the database, of whatever kind. `webhooks.rs`, `channels.rs` and `digests.rs` have what is done with one kind
//! alone.

use super::db::{Args, Conn, Lock, Row};
use super::deliveries::{give_up, status};
use super::events::Wanted;
use super::memory::number;
use super::sql::sql;
use super::target::{Address, Channel, Digest, Kind, NewTarget, Platform, Target, Webhook};
use super::{Store, StoreError};
use crate::base::{AccountId, Day, DomainId, Millis, Period, TargetId};

/// The encrypted secrets of a target.
#[derive(Debug, Clone)]
pub struct SealedSecrets {
    pub id: TargetId,
    pub account: AccountId,
    pub secret: Vec<u8>,
    pub previous: Option<Vec<u8>>,
}

impl Store {
    /// Removes a target of this kind with its deliveries. False if the account has no such target.
    pub(super) async fn remove_target<A: Kind>(&self, account: AccountId, id: TargetId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let is_removed = match by_id::<A>(&mut conn, account, id).await? {
            None => false,
            Some(_) => {
                let args = Args::default().int(account.0).int(id.0);
                conn.run(sql!("target_remove"), args).await? > 0
            }
        };
        if is_removed {
            targets_changed(&mut conn).await?;
        }
        write.commit().await?;
        if is_removed {
            self.remove_deliveries(id).await?;
        }
        Ok(is_removed)
    }

    /// Adds a target. `None` if the account has as many of its kind as it may have.
    pub(super) async fn add_target<A: Kind>(
        &self,
        account: AccountId,
        new: NewTarget<A>,
        now: Millis,
    ) -> Result<Option<Target<A>>, StoreError> {
        let mut write = self.write().await?;
        let added = add(&mut write.parts().0, account, new, now).await?;
        write.commit().await?;
        Ok(added)
    }

    /// The targets of an account of this kind, newest first.
    pub(super) async fn targets<A: Kind>(&self, account: AccountId) -> Result<Vec<Target<A>>, StoreError> {
        let mut conn = self.read().await?;
        all(&mut Conn(&mut conn), account).await
    }

    /// A target of the account, if it is of this kind.
    pub(super) async fn target<A: Kind>(
        &self,
        account: AccountId,
        id: TargetId,
    ) -> Result<Option<Target<A>>, StoreError> {
        let mut conn = self.read().await?;
        by_id(&mut Conn(&mut conn), account, id).await
    }

    /// Changes a target with `edit`, which gets it as it is. One that is switched on begins without failures; what waits for
    /// one that is switched off is given up. Returns the target as it is then, `None` if the account has no such target.
    pub(super) async fn change_target<A: Kind, E: From<StoreError>>(
        &self,
        account: AccountId,
        id: TargetId,
        now: Millis,
        edit: impl FnOnce(&mut Target<A>) -> Result<(), E>,
    ) -> Result<Option<Target<A>>, E> {
        let mut write = self.write().await?;
        let changed = change(&mut write.parts().0, (account, id), now, edit).await?;
        // Also where nothing changed: a writer that rolls back forgets what it knows.
        write.commit().await?;
        Ok(changed)
    }

    /// Encrypted secrets of targets behind number `after`, at most `limit`.
    pub async fn sealed_target_secrets(&self, after: i64, limit: u32) -> Result<Vec<SealedSecrets>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(after).int(limit.into());
        let rows = Conn(&mut conn).all(sql!("targets_sealed"), args).await?;
        let read = |row: &Row| {
            Ok(SealedSecrets {
                id: TargetId(row.int("target_id")?),
                account: AccountId(row.int("account_id")?),
                secret: row.blob("secret")?.to_vec(),
                previous: row.opt_blob("previous_secret")?.map(<[u8]>::to_vec),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Replaces the encrypted form of a target's secrets. False if the secret is no longer that of `old`.
    pub async fn reseal_target(&self, old: &SealedSecrets, new: &SealedSecrets) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        // A rotation reads the secret before it replaces it.
        conn.hold_target(old.id).await?;
        let args = Args::default().int(old.id.0).blob(&old.secret).blob(&new.secret);
        let args = args.opt_blob(new.previous.as_deref());
        let is_resealed = conn.run(sql!("target_reseal"), args).await? > 0;
        write.commit().await?;
        Ok(is_resealed)
    }

    /// Targets that are on and have a due delivery, each with the time since when, the longest waiting first.
    pub async fn targets_due(&self, now: Millis) -> Result<Vec<(Target, Millis)>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("targets_due"), Args::default().int(now))
            .await?;
        rows.iter().map(|row| Ok((read(row)?, row.int("due_at")?))).collect()
    }

    /// Switches a target on, without failures.
    pub async fn enable_target(&self, account: AccountId, id: TargetId, now: Millis) -> Result<(), StoreError> {
        let switch_on = |target: &mut Target| {
            target.active = true;
            Ok(())
        };
        self.change_target::<Address, StoreError>(account, id, now, switch_on)
            .await
            .map(drop)
    }

    /// Switches a target off and gives up what waits for it. False if it was off.
    pub async fn disable_target(&self, id: TargetId, reason: &str, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let disabled = disable(&mut conn, id, reason, now).await?;
        write.commit().await?;
        Ok(disabled)
    }
}

/// Switches the targets of a domain off that is about to be removed: their owner wanted to hear of nothing else.
pub(super) async fn domain_removed(
    conn: &mut Conn<'_>,
    account: AccountId,
    domain: DomainId,
    now: Millis,
) -> Result<(), StoreError> {
    let rows = conn.all(sql!("targets_of_account"), Args::default().int(account.0));
    let mut targets: Vec<Target> = rows.await?.iter().map(read).collect::<Result<_, _>>()?;
    targets.retain(|target| target.domain == Some(domain));
    targets.sort_unstable_by_key(|target| target.id);
    let mut is_news = false;
    for target in targets {
        is_news |= switch_off(conn, target.id, "The domain was removed", now).await?;
    }
    // Counters are locked after all rows.
    if is_news {
        targets_changed(conn).await?;
    }
    Ok(())
}

async fn disable(conn: &mut Conn<'_>, id: TargetId, reason: &str, now: Millis) -> Result<bool, StoreError> {
    let disabled = switch_off(conn, id, reason, now).await?;
    if disabled {
        targets_changed(conn).await?;
    }
    Ok(disabled)
}

/// Switches a target off, without saying so to the nodes that remember it.
async fn switch_off(conn: &mut Conn<'_>, id: TargetId, reason: &str, now: Millis) -> Result<bool, StoreError> {
    conn.hold_target(id).await?;
    let args = Args::default().int(id.0).int(now).text(reason);
    let disabled = conn.run(sql!("target_disable"), args).await? > 0;
    if disabled {
        give_up(conn, id, reason).await?;
    }
    Ok(disabled)
}

async fn add<A: Kind>(
    conn: &mut Conn<'_>,
    account: AccountId,
    new: NewTarget<A>,
    now: Millis,
) -> Result<Option<Target<A>>, StoreError> {
    // Two that are added at once would both count the others.
    conn.lock(Lock::Targets).await?;
    if all::<A>(conn, account).await?.len() >= A::COUNT_MAX {
        return Ok(None);
    }
    let id = number(conn, "target").await?;
    let columns = Columns::from_address(new.address.into());
    let args = Args::default().int(id).int(account.0).int(columns.kind);
    let args = args
        .opt_text(columns.name.as_deref())
        .opt_int(new.domain.map(|domain| domain.0));
    let args = args.opt_text(columns.url.as_deref()).text(&new.events.text());
    let args = args.blob(&columns.secret).int(now);
    let args = args
        .opt_int(columns.period)
        .opt_text(columns.scope.as_deref())
        .opt_int(columns.told);
    let args = args
        .int(new.off.is_none().into())
        .opt_int(new.off.as_ref().map(|_| now));
    let args = args.opt_text(new.off.as_deref()).int(new.off.is_some().into());
    conn.run(sql!("target_add"), args).await?;
    targets_changed(conn).await?;
    by_id(conn, account, TargetId(id)).await
}

/// The target is held from before it is read. What attempts write meanwhile is left as it is.
async fn change<A: Kind, E: From<StoreError>>(
    conn: &mut Conn<'_>,
    (account, id): (AccountId, TargetId),
    now: Millis,
    edit: impl FnOnce(&mut Target<A>) -> Result<(), E>,
) -> Result<Option<Target<A>>, E> {
    conn.hold_target(id).await?;
    let Some(before) = by_id::<A>(conn, account, id).await? else {
        return Ok(None);
    };
    let mut after = before.clone();
    edit(&mut after)?;
    let key = || Args::default().int(account.0).int(id.0);
    let columns = Columns::from_address(after.address.into());
    let args = key()
        .opt_text(columns.name.as_deref())
        .opt_int(after.domain.map(|domain| domain.0));
    let args = args.opt_text(columns.url.as_deref()).text(&after.events.text());
    let args = args.blob(&columns.secret).int(now);
    let args = args.opt_int(columns.period).opt_text(columns.scope.as_deref());
    conn.run(sql!("target_change"), args.opt_int(columns.told)).await?;
    match (before.active, after.active) {
        (false, true) => drop(conn.run(sql!("target_switch_on"), key()).await?),
        (true, false) => {
            conn.run(sql!("target_switch_off"), key()).await?;
            give_up(conn, id, "Its owner switched it off").await?;
        }
        _ => {}
    }
    if (&after.events, after.domain, after.active) != (&before.events, before.domain, before.active) {
        targets_changed(conn).await?;
    }
    Ok(by_id(conn, account, id).await?)
}

/// Writers forget which targets there are, and what each wants.
pub(super) async fn targets_changed(conn: &mut Conn<'_>) -> Result<(), StoreError> {
    conn.run(sql!("targets_changed"), Args::default()).await.map(drop)
}

async fn all<A: Kind>(conn: &mut Conn<'_>, account: AccountId) -> Result<Vec<Target<A>>, StoreError> {
    let rows = conn.all(sql!("targets_of_account"), Args::default().int(account.0));
    let mut found = Vec::new();
    for row in rows.await? {
        found.extend(read(&row)?.filter_map(A::from_address));
    }
    Ok(found)
}

pub(super) async fn by_id<A: Kind>(
    conn: &mut Conn<'_>,
    account: AccountId,
    id: TargetId,
) -> Result<Option<Target<A>>, StoreError> {
    let args = Args::default().int(account.0).int(id.0);
    let Some(row) = conn.first(sql!("target_by_id"), args).await? else {
        return Ok(None);
    };
    Ok(read(&row)?.filter_map(A::from_address))
}

/// `kind` of a webhook and of a digest in the database.
const WEBHOOK: i64 = 0;
pub(super) const DIGEST: i64 = 100;

/// What the columns of an address have when it is written.
#[derive(Default)]
struct Columns {
    kind: i64,
    name: Option<String>,
    url: Option<String>,
    secret: Vec<u8>,
    period: Option<i64>,
    scope: Option<String>,
    told: Option<i64>,
}

impl Columns {
    fn from_address(address: Address) -> Self {
        match address {
            Address::Webhook(webhook) => Self {
                kind: WEBHOOK,
                url: Some(webhook.url),
                secret: webhook.secret,
                ..Self::default()
            },
            Address::Channel(channel) => Self {
                kind: channel.platform.code(),
                name: Some(channel.name),
                secret: channel.configuration,
                ..Self::default()
            },
            Address::Digest(digest) => Self {
                kind: DIGEST,
                name: Some(digest.name),
                secret: digest.recipient,
                period: Some(digest.period.code()),
                scope: digest.domains.map(|domains| scope_text(&domains)),
                told: Some(digest.told.0.into()),
                ..Self::default()
            },
        }
    }
}

/// Numbers of domains with a space between them.
fn scope_text(domains: &[DomainId]) -> String {
    domains.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(" ")
}

fn scope_domains(scope: &str) -> Result<Vec<DomainId>, StoreError> {
    let domains = scope.split_ascii_whitespace().map(|id| id.parse().map(DomainId));
    let domains: Result<_, _> = domains.collect();
    domains.map_err(|_| StoreError::damaged("targets", "scope", "is not a list of domains"))
}

pub(super) fn read(row: &Row) -> Result<Target, StoreError> {
    Ok(Target {
        id: TargetId(row.int("target_id")?),
        account: AccountId(row.int("account_id")?),
        domain: row.opt_int("domain_id")?.map(DomainId),
        events: Wanted::read(&row.text("events")?),
        active: row.flag("active")?,
        failures: row.count("failures")?,
        failing_since: row.opt_int("failing_since")?,
        disabled: row.opt_int("disabled_at")?.zip(row.opt_text("disabled_reason")?),
        last: match row.opt_int("last_at")? {
            Some(at) => Some((at, status(row, "last_status")?)),
            None => None,
        },
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
        address: address(row)?,
    })
}

fn address(row: &Row) -> Result<Address, StoreError> {
    let (kind, secret) = (row.int("kind")?, row.blob("secret")?.to_vec());
    if kind == WEBHOOK {
        let (previous, until) = (row.opt_blob("previous_secret")?, row.opt_int("previous_until")?);
        return Ok(Address::Webhook(Webhook {
            url: row.text("url")?,
            secret,
            previous: previous.map(<[u8]>::to_vec).zip(until),
            rotated_at: row.opt_int("rotated_at")?,
        }));
    }
    if kind == DIGEST {
        let period = row.opt_int("period")?.and_then(Period::from_code);
        let scope = row.opt_text("scope")?;
        return Ok(Address::Digest(Digest {
            name: row.text("name")?,
            recipient: secret,
            period: period.ok_or_else(|| StoreError::damaged("targets", "period", "is not a period"))?,
            domains: scope.as_deref().map(scope_domains).transpose()?,
            told: Day(i32::try_from(row.opt_int("told_day")?.unwrap_or(0)).unwrap_or(i32::MAX)),
        }));
    }
    let platform = Platform::from_code(kind);
    Ok(Address::Channel(Channel {
        platform: platform.ok_or_else(|| StoreError::damaged("targets", "kind", "is not a kind of targets"))?,
        name: row.text("name")?,
        configuration: secret,
    }))
}
