//! Webhooks of accounts: URLs that are told of events in the form of this program, signed.

use super::db::{Args, Conn};
use super::events::Wanted;
use super::sql::sql;
use super::target::{NewTarget, Target, Webhook};
use super::targets::by_id;
use super::{Store, StoreError};
use crate::base::{AccountId, Millis, TargetId};

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

impl Store {
    /// Adds a webhook. `None` if the account has [`super::WEBHOOKS_MAX`].
    pub async fn add_webhook(
        &self,
        account: AccountId,
        new: NewWebhook,
        now: Millis,
    ) -> Result<Option<Target<Webhook>>, StoreError> {
        let new = NewTarget {
            domain: None,
            events: new.events,
            off: None,
            address: Webhook {
                url: new.url,
                secret: new.secret,
                previous: None,
                rotated_at: None,
            },
        };
        self.add_target(account, new, now).await
    }

    /// The webhooks of an account, newest first; at most [`super::WEBHOOKS_MAX`].
    pub async fn webhooks(&self, account: AccountId) -> Result<Vec<Target<Webhook>>, StoreError> {
        self.targets(account).await
    }

    /// A webhook of the account.
    pub async fn webhook(&self, account: AccountId, id: TargetId) -> Result<Option<Target<Webhook>>, StoreError> {
        self.target(account, id).await
    }

    /// Changes a webhook. One that is switched on begins without failures; what waits for one that is switched off is given
    /// up. Returns the webhook as it is then, `None` if the account has no such webhook.
    pub async fn change_webhook(
        &self,
        account: AccountId,
        id: TargetId,
        changes: WebhookChanges,
        now: Millis,
    ) -> Result<Option<Target<Webhook>>, StoreError> {
        let edit = |webhook: &mut Target<Webhook>| {
            webhook.address.url = changes.url.unwrap_or_else(|| webhook.address.url.clone());
            webhook.events = changes.events.unwrap_or_else(|| webhook.events.clone());
            webhook.active = changes.active.unwrap_or(webhook.active);
            Ok(())
        };
        self.change_target(account, id, now, edit).await
    }

    /// Removes a webhook with its deliveries. False if the account has no such webhook.
    pub async fn remove_webhook(&self, account: AccountId, id: TargetId) -> Result<bool, StoreError> {
        self.remove_target::<Webhook>(account, id).await
    }

    /// Gives a webhook another secret. Returns the webhook as it is then, `None` if the account has no such webhook.
    pub async fn rotate_webhook(
        &self,
        account: AccountId,
        id: TargetId,
        rotation: &Rotation,
    ) -> Result<Option<Target<Webhook>>, StoreError> {
        let mut write = self.write().await?;
        let rotated = rotate(&mut write.parts().0, account, id, rotation).await?;
        write.commit().await?;
        Ok(rotated)
    }
}

async fn rotate(
    conn: &mut Conn<'_>,
    account: AccountId,
    id: TargetId,
    rotation: &Rotation,
) -> Result<Option<Target<Webhook>>, StoreError> {
    conn.hold_target(id).await?;
    let Some(before) = by_id::<Webhook>(conn, account, id).await? else {
        return Ok(None);
    };
    let previous = rotation.previous_until.map(|until| (before.address.secret, until));
    let args = Args::default().int(account.0).int(id.0).blob(&rotation.secret);
    let args = match &previous {
        Some((secret, until)) => args.blob(secret).opt_int(Some(*until)),
        None => args.opt_blob(None).opt_int(None),
    };
    conn.run(sql!("target_rotate"), args.int(rotation.at)).await?;
    by_id(conn, account, id).await
}
