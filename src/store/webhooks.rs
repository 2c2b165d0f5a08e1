//! Webhooks of accounts, and what is delivered to them.

use super::db::{Args, Conn, Row};
use super::events::Wanted;
use super::memory::number;
use super::sql::sql;
use super::{Page, Store, StoreError};
use crate::base::{AccountId, DeliveryId, Millis, WebhookId};

/// Webhooks of one account.
pub const WEBHOOKS_MAX: usize = 20;
/// Deliveries that are removed per transaction.
const REMOVED_AT_ONCE: i64 = 1_000;
/// What is stored of an answer, bytes.
const RESPONSE_BYTES_MAX: usize = 2_048;
/// Deliveries are counted up to this number.
const COUNTED_MAX: i64 = 100_001;

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

/// An event for a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub webhook: WebhookId,
    pub event_id: String,
    pub event: String,
    /// The body, JSON.
    pub payload: String,
    /// Since it was written or replayed last.
    pub attempts: u64,
    /// When the next attempt is due; `None`: there is none.
    pub next_at: Option<Millis>,
    pub delivered_at: Option<Millis>,
    /// Of the last answer.
    pub status: Option<u16>,
    /// The beginning of the last answer, or why nothing was sent.
    pub response: Option<String>,
    pub created_at: Millis,
}

/// What came of an attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub at: Millis,
    /// `None`: there was no answer.
    pub status: Option<u16>,
    pub response: String,
    pub outcome: AttemptOutcome,
}

/// Whether an attempt was accepted, and what follows if not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    Delivered,
    /// It is tried again then.
    Again(Millis),
    GivenUp,
}

/// How often a webhook has failed in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    pub attempts: u64,
    pub since: Millis,
}

/// Which failed deliveries are replayed.
#[derive(Debug, Clone)]
pub struct ReplayFilter {
    pub since: Millis,
    /// `None`: of all kinds.
    pub event: Option<String>,
    pub limit: u32,
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
        let (mut conn, _) = write.parts();
        let all = conn.all(sql!("webhooks_of_account"), Args::default().int(account.0));
        if all.await?.len() >= WEBHOOKS_MAX {
            return Ok(None);
        }
        let id = number(&mut conn, "webhook").await?;
        let args = Args::default().int(id).int(account.0).text(&new.url);
        let args = args.text(&new.events.text()).blob(&new.secret).int(now);
        conn.run(sql!("webhook_add"), args).await?;
        listeners_changed(&mut conn).await?;
        let added = by_id(&mut conn, account, WebhookId(id)).await?;
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
        let (mut conn, _) = write.parts();
        let Some(mut webhook) = by_id(&mut conn, account, id).await? else {
            return Ok(None);
        };
        webhook.url = changes.url.unwrap_or(webhook.url);
        webhook.events = changes.events.unwrap_or(webhook.events);
        match changes.active {
            Some(true) if !webhook.active => {
                (webhook.failures, webhook.failing_since, webhook.disabled) = (0, None, None);
            }
            Some(false) if webhook.active => give_up(&mut conn, id, "The webhook was switched off").await?,
            _ => {}
        }
        webhook.active = changes.active.unwrap_or(webhook.active);
        let args = Args::default().int(account.0).int(id.0).text(&webhook.url);
        let args = args.text(&webhook.events.text()).int(webhook.active.into());
        let args = args.int(webhook.failures.cast_signed()).opt_int(webhook.failing_since);
        let (at, why) = webhook.disabled.clone().unzip();
        conn.run(sql!("webhook_change"), args.opt_int(at).opt_text(why.as_deref()))
            .await?;
        listeners_changed(&mut conn).await?;
        write.commit().await?;
        Ok(Some(webhook))
    }

    /// Removes a webhook with its deliveries. False if the account has no such webhook.
    pub async fn remove_webhook(&self, account: AccountId, id: WebhookId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().int(account.0).int(id.0);
        if conn.run(sql!("webhook_remove"), args).await? == 0 {
            return Ok(false);
        }
        listeners_changed(&mut conn).await?;
        write.commit().await?;
        // Retention removes what a fault leaves here.
        loop {
            let mut write = self.write().await?;
            let args = Args::default().int(id.0).int(REMOVED_AT_ONCE);
            let some = write.parts().0.run(sql!("deliveries_remove"), args).await?;
            write.commit().await?;
            if some < REMOVED_AT_ONCE.unsigned_abs() {
                return Ok(true);
            }
        }
    }

    /// Gives a webhook another secret. Returns the webhook as it is then, `None` if the account has no such webhook.
    pub async fn rotate_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        rotation: &Rotation,
    ) -> Result<Option<Webhook>, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let Some(before) = by_id(&mut conn, account, id).await? else {
            return Ok(None);
        };
        let previous = rotation.previous_until.map(|until| (before.secret, until));
        let args = Args::default().int(account.0).int(id.0).blob(&rotation.secret);
        let args = match &previous {
            Some((secret, until)) => args.blob(secret).opt_int(Some(*until)),
            None => args.opt_blob(None).opt_int(None),
        };
        conn.run(sql!("webhook_rotate"), args.int(rotation.at)).await?;
        let after = by_id(&mut conn, account, id).await?;
        write.commit().await?;
        Ok(after)
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
        let args = Args::default().int(old.id.0).blob(&old.secret).blob(&new.secret);
        self.change(sql!("webhook_reseal"), args.opt_blob(new.previous.as_deref()))
            .await
    }
}

impl Store {
    /// Webhooks with a delivery that is due at `now`, of all accounts.
    pub async fn webhooks_due(&self, now: Millis) -> Result<Vec<Webhook>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("webhooks_due"), Args::default().int(now))
            .await?;
        rows.iter().map(webhook).collect()
    }

    /// Deliveries of a webhook that are due at `now`, the longest due first, at most `limit`.
    pub async fn deliveries_due(&self, id: WebhookId, now: Millis, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        let mut conn = self.read().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let args = Args::default().int(id.0).int(now).int(limit);
        let rows = Conn(&mut conn).all(sql!("deliveries_due"), args).await?;
        rows.iter().map(delivery).collect()
    }

    /// Keeps what came of an attempt. Returns how often the webhook has failed in a row, if it did.
    pub async fn keep_attempt(&self, of: &Delivery, attempt: &Attempt) -> Result<Option<Failing>, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let (next_at, delivered_at) = match attempt.outcome {
            AttemptOutcome::Delivered => (None, Some(attempt.at)),
            AttemptOutcome::Again(at) => (Some(at), None),
            AttemptOutcome::GivenUp => (None, None),
        };
        let (status, response) = (attempt.status.map(i64::from), short(&attempt.response));
        let args = Args::default().int(of.id.0).int(of.webhook.0).opt_int(next_at);
        let args = args.opt_int(delivered_at).opt_int(status).text(response);
        conn.run(sql!("delivery_attempted"), args).await?;
        let args = Args::default().int(of.webhook.0).int(attempt.at).opt_int(status);
        let failing = match attempt.outcome {
            AttemptOutcome::Delivered => {
                conn.run(sql!("webhook_succeeded"), args).await?;
                None
            }
            AttemptOutcome::Again(_) | AttemptOutcome::GivenUp => {
                let row = conn.first(sql!("webhook_failed"), args).await?;
                row.map(|row| {
                    Ok::<_, StoreError>(Failing {
                        attempts: row.count("failures")?,
                        since: row.int("failing_since")?,
                    })
                })
                .transpose()?
            }
        };
        write.commit().await?;
        Ok(failing)
    }

    /// Switches a webhook off and gives up what waits for it. False if it was off.
    pub async fn disable_webhook(&self, id: WebhookId, reason: &str, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().int(id.0).int(now).text(reason);
        let disabled = conn.run(sql!("webhook_disable"), args).await? > 0;
        if disabled {
            give_up(&mut conn, id, reason).await?;
            listeners_changed(&mut conn).await?;
        }
        write.commit().await?;
        Ok(disabled)
    }
}

impl Store {
    /// A page of the deliveries of a webhook, newest first, and how many there are in all, up to 100,001.
    pub async fn deliveries(&self, id: WebhookId, page: Page) -> Result<(Vec<Delivery>, u64), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let args = Args::default().int(id.0).int(COUNTED_MAX);
        let total = conn.first(sql!("deliveries_count"), args).await?;
        let total = total.map_or(Ok(0), |row| row.count("total"))?;
        let offset = i64::try_from(page.offset()).unwrap_or(i64::MAX);
        let args = Args::default().int(id.0).int(page.per_page.into()).int(offset);
        let rows = conn.all(sql!("deliveries_of_webhook"), args).await?;
        let rows: Result<_, StoreError> = rows.iter().map(delivery).collect();
        Ok((rows?, total))
    }

    /// Makes a delivery due again. False if the webhook has no such delivery.
    pub async fn replay_delivery(&self, id: WebhookId, delivery: DeliveryId, now: Millis) -> Result<bool, StoreError> {
        let args = Args::default().int(id.0).int(delivery.0).int(now);
        self.change(sql!("delivery_replay"), args).await
    }

    /// Makes failed deliveries due again, oldest first. Returns how many, and how many are left, up to 100,001.
    pub async fn replay_failed(
        &self,
        id: WebhookId,
        filter: &ReplayFilter,
        now: Millis,
    ) -> Result<(u64, u64), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let filtered = || {
            let event = filter.event.as_deref().unwrap_or_default();
            Args::default().int(id.0).int(filter.since).text(event)
        };
        let args = filtered().int(filter.limit.into()).int(now);
        let replayed = conn.run(sql!("deliveries_replay_failed"), args).await?;
        let left = conn
            .first(sql!("deliveries_failed_count"), filtered().int(COUNTED_MAX))
            .await?;
        let left = left.map_or(Ok(0), |row| row.count("total"))?;
        write.commit().await?;
        Ok((replayed, left))
    }

    /// Number of deliveries that wait for an attempt, up to 100,001.
    pub async fn deliveries_waiting(&self) -> Result<u64, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(COUNTED_MAX);
        let row = Conn(&mut conn).first(sql!("deliveries_waiting"), args).await?;
        row.map_or(Ok(0), |row| row.count("total"))
    }

    /// Forgets deliveries from before an instant, whatever became of them. Returns their number.
    pub async fn purge_deliveries(&self, before: Millis) -> Result<u64, StoreError> {
        let mut purged = 0;
        loop {
            let mut write = self.write().await?;
            let args = Args::default().int(before).int(REMOVED_AT_ONCE);
            let some = write.parts().0.run(sql!("deliveries_purge"), args).await?;
            write.commit().await?;
            purged += some;
            if some < REMOVED_AT_ONCE.unsigned_abs() {
                return Ok(purged);
            }
        }
    }
}

/// Writers forget which webhooks there are, together with what they know of domains.
async fn listeners_changed(conn: &mut Conn<'_>) -> Result<(), StoreError> {
    conn.run(sql!("domains_changed"), Args::default()).await.map(drop)
}

async fn give_up(conn: &mut Conn<'_>, id: WebhookId, why: &str) -> Result<(), StoreError> {
    let args = Args::default().int(id.0).text(short(why));
    conn.run(sql!("deliveries_stop"), args).await.map(drop)
}

fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(RESPONSE_BYTES_MAX)]
}

async fn by_id(conn: &mut Conn<'_>, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    let args = Args::default().int(account.0).int(id.0);
    let row = conn.first(sql!("webhook_by_id"), args).await?;
    row.as_ref().map(webhook).transpose()
}

fn status(row: &Row, column: &str) -> Result<Option<u16>, StoreError> {
    let status = row.opt_int(column)?.map(u16::try_from).transpose();
    status.map_err(|_| StoreError::damaged("webhook_deliveries", column, "is not an HTTP status"))
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

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: DeliveryId(row.int("delivery_id")?),
        webhook: WebhookId(row.int("webhook_id")?),
        event_id: row.text("event_id")?,
        event: row.text("event")?,
        payload: row.text("payload")?,
        attempts: row.count("attempts")?,
        next_at: row.opt_int("next_at")?,
        delivered_at: row.opt_int("delivered_at")?,
        status: status(row, "status")?,
        response: row.opt_text("response")?,
        created_at: row.int("created_at")?,
    })
}
