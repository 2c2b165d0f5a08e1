//! Webhooks of accounts: where they are told of events.

use super::db::{Args, Conn, Lock, Row};
use super::deliveries::{give_up, status};
use super::events::Wanted;
use super::memory::number;
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::{AccountId, Millis, WebhookId};

/// Webhooks of one account.
pub const WEBHOOKS_MAX: usize = 20;

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    pub account: AccountId,
    pub url: String,
    pub events: Wanted,
    pub active: bool,
    /// Encrypted.
    pub secret: Vec<u8>,
    /// The one before, encrypted, and until when it signs too.
    pub previous: Option<(Vec<u8>, Millis)>,
    pub rotated_at: Option<Millis>,
    /// Attempts that failed in a row, and when the first of them was.
    pub failures: u64,
    pub failing_since: Option<Millis>,
    /// When the program switched it off, and why.
    pub disabled: Option<(Millis, String)>,
    /// When the last attempt was, and the status of its answer.
    pub last: Option<(Millis, Option<u16>)>,
    pub created_at: Millis,
}

/// A webhook to add.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    pub url: String,
    pub events: Wanted,
    /// Encrypted.
    pub secret: Vec<u8>,
}

/// What the owner of a webhook changes.
#[derive(Debug, Clone, Default)]
pub struct WebhookChanges {
    pub url: Option<String>,
    pub events: Option<Wanted>,
    pub active: Option<bool>,
}

/// Another secret for a webhook.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// Encrypted.
    pub secret: Vec<u8>,
    pub at: Millis,
    /// The old secret signs until then; `None`: it is forgotten.
    pub previous_until: Option<Millis>,
}

/// The encrypted secrets of a webhook.
#[derive(Debug, Clone)]
pub struct SealedSecrets {
    pub id: WebhookId,
    pub account: AccountId,
    pub secret: Vec<u8>,
    pub previous: Option<Vec<u8>>,
}

impl Store {
    /// Adds a webhook. `None` if the account has [`WEBHOOKS_MAX`].
    pub async fn add_webhook(
        &self,
        account: AccountId,
        new: NewWebhook,
        now: Millis,
    ) -> Result<Option<Webhook>, StoreError> {
        let mut write = self.write().await?;
        let added = add(&mut write.parts().0, account, &new, now).await?;
        write.commit().await?;
        Ok(added)
    }

    /// The webhooks of an account, newest first; at most [`WEBHOOKS_MAX`].
    pub async fn webhooks(&self, account: AccountId) -> Result<Vec<Webhook>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(account.0);
        let rows = Conn(&mut conn).all(sql!("webhooks_of_account"), args).await?;
        rows.iter().map(webhook).collect()
    }

    /// A webhook of the account.
    pub async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let mut conn = self.read().await?;
        by_id(&mut Conn(&mut conn), account, id).await
    }

    /// Changes a webhook. One that is switched on begins without failures; what waits for one that is switched off is given
    /// up. Returns the webhook as it is then, `None` if the account has no such webhook.
    pub async fn change_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        changes: WebhookChanges,
    ) -> Result<Option<Webhook>, StoreError> {
        let mut write = self.write().await?;
        let changed = change(&mut write.parts().0, account, id, changes).await?;
        // Also where nothing changed: a writer that rolls back forgets what it knows.
        write.commit().await?;
        Ok(changed)
    }

    /// Removes a webhook with its deliveries. False if the account has no such webhook.
    pub async fn remove_webhook(&self, account: AccountId, id: WebhookId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().int(account.0).int(id.0);
        let is_removed = conn.run(sql!("webhook_remove"), args).await? > 0;
        if is_removed {
            webhooks_changed(&mut conn).await?;
        }
        write.commit().await?;
        if is_removed {
            self.remove_deliveries(id).await?;
        }
        Ok(is_removed)
    }

    /// Gives a webhook another secret. Returns the webhook as it is then, `None` if the account has no such webhook.
    pub async fn rotate_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        rotation: &Rotation,
    ) -> Result<Option<Webhook>, StoreError> {
        let mut write = self.write().await?;
        let rotated = rotate(&mut write.parts().0, account, id, rotation).await?;
        write.commit().await?;
        Ok(rotated)
    }

    /// Encrypted secrets of webhooks behind number `after`, at most `limit`.
    pub async fn sealed_webhook_secrets(&self, after: i64, limit: u32) -> Result<Vec<SealedSecrets>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(after).int(limit.into());
        let rows = Conn(&mut conn).all(sql!("webhooks_sealed"), args).await?;
        let read = |row: &Row| {
            Ok(SealedSecrets {
                id: WebhookId(row.int("webhook_id")?),
                account: AccountId(row.int("account_id")?),
                secret: row.blob("secret")?.to_vec(),
                previous: row.opt_blob("previous_secret")?.map(<[u8]>::to_vec),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Replaces the encrypted form of a webhook's secrets. False if the secret is no longer that of `old`.
    pub async fn reseal_webhook(&self, old: &SealedSecrets, new: &SealedSecrets) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        // A rotation reads the secret before it replaces it.
        conn.hold_webhook(old.id).await?;
        let args = Args::default().int(old.id.0).blob(&old.secret).blob(&new.secret);
        let args = args.opt_blob(new.previous.as_deref());
        let is_resealed = conn.run(sql!("webhook_reseal"), args).await? > 0;
        write.commit().await?;
        Ok(is_resealed)
    }
}

impl Store {
    /// Webhooks that are on and have a delivery that is due at `now`, of all accounts, the longest waiting first, and since when
    /// each waits.
    pub async fn webhooks_due(&self, now: Millis) -> Result<Vec<(Webhook, Millis)>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("webhooks_due"), Args::default().int(now))
            .await?;
        rows.iter().map(|row| Ok((webhook(row)?, row.int("due_at")?))).collect()
    }

    /// Switches a webhook off and gives up what waits for it. False if it was off.
    pub async fn disable_webhook(&self, id: WebhookId, reason: &str, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold_webhook(id).await?;
        let args = Args::default().int(id.0).int(now).text(reason);
        let disabled = conn.run(sql!("webhook_disable"), args).await? > 0;
        if disabled {
            give_up(&mut conn, id, reason).await?;
            webhooks_changed(&mut conn).await?;
        }
        write.commit().await?;
        Ok(disabled)
    }
}

async fn add(
    conn: &mut Conn<'_>,
    account: AccountId,
    new: &NewWebhook,
    now: Millis,
) -> Result<Option<Webhook>, StoreError> {
    // Two that are added at once would both count the others.
    conn.lock(Lock::Webhooks).await?;
    let all = conn.all(sql!("webhooks_of_account"), Args::default().int(account.0));
    if all.await?.len() >= WEBHOOKS_MAX {
        return Ok(None);
    }
    let id = number(conn, "webhook").await?;
    let args = Args::default().int(id).int(account.0).text(&new.url);
    let args = args.text(&new.events.text()).blob(&new.secret).int(now);
    conn.run(sql!("webhook_add"), args).await?;
    webhooks_changed(conn).await?;
    by_id(conn, account, WebhookId(id)).await
}

/// The webhook is held from before it is read. What attempts write meanwhile is left as it is.
async fn change(
    conn: &mut Conn<'_>,
    account: AccountId,
    id: WebhookId,
    changes: WebhookChanges,
) -> Result<Option<Webhook>, StoreError> {
    conn.hold_webhook(id).await?;
    let Some(before) = by_id(conn, account, id).await? else {
        return Ok(None);
    };
    let key = || Args::default().int(account.0).int(id.0);
    let url = changes.url.unwrap_or_else(|| before.url.clone());
    let events = changes.events.unwrap_or_else(|| before.events.clone());
    if (&url, &events) != (&before.url, &before.events) {
        let args = key().text(&url).text(&events.text());
        conn.run(sql!("webhook_change"), args).await?;
    }
    let active = changes.active.unwrap_or(before.active);
    match (before.active, active) {
        (false, true) => drop(conn.run(sql!("webhook_switch_on"), key()).await?),
        (true, false) => {
            conn.run(sql!("webhook_switch_off"), key()).await?;
            give_up(conn, id, "The webhook was switched off").await?;
        }
        _ => {}
    }
    if (&events, active) != (&before.events, before.active) {
        webhooks_changed(conn).await?;
    }
    by_id(conn, account, id).await
}

async fn rotate(
    conn: &mut Conn<'_>,
    account: AccountId,
    id: WebhookId,
    rotation: &Rotation,
) -> Result<Option<Webhook>, StoreError> {
    conn.hold_webhook(id).await?;
    let Some(before) = by_id(conn, account, id).await? else {
        return Ok(None);
    };
    let previous = rotation.previous_until.map(|until| (before.secret, until));
    let args = Args::default().int(account.0).int(id.0).blob(&rotation.secret);
    let args = match &previous {
        Some((secret, until)) => args.blob(secret).opt_int(Some(*until)),
        None => args.opt_blob(None).opt_int(None),
    };
    conn.run(sql!("webhook_rotate"), args.int(rotation.at)).await?;
    by_id(conn, account, id).await
}

/// Writers forget which webhooks there are, and what each wants.
async fn webhooks_changed(conn: &mut Conn<'_>) -> Result<(), StoreError> {
    conn.run(sql!("webhooks_changed"), Args::default()).await.map(drop)
}

async fn by_id(conn: &mut Conn<'_>, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    let args = Args::default().int(account.0).int(id.0);
    let row = conn.first(sql!("webhook_by_id"), args).await?;
    row.as_ref().map(webhook).transpose()
}

fn webhook(row: &Row) -> Result<Webhook, StoreError> {
    let (previous, until) = (row.opt_blob("previous_secret")?, row.opt_int("previous_until")?);
    Ok(Webhook {
        id: WebhookId(row.int("webhook_id")?),
        account: AccountId(row.int("account_id")?),
        url: row.text("url")?,
        events: Wanted::read(&row.text("events")?),
        active: row.flag("active")?,
        secret: row.blob("secret")?.to_vec(),
        previous: previous.map(<[u8]>::to_vec).zip(until),
        rotated_at: row.opt_int("rotated_at")?,
        failures: row.count("failures")?,
        failing_since: row.opt_int("failing_since")?,
        disabled: row.opt_int("disabled_at")?.zip(row.opt_text("disabled_reason")?),
        last: match row.opt_int("last_at")? {
            Some(at) => Some((at, status(row, "last_status")?)),
            None => None,
        },
        created_at: row.int("created_at")?,
    })
}
