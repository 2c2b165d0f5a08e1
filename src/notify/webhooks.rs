//! Webhooks: their secrets, and requests that are signed with them.

use super::platforms::Request;
use super::signature::{Secret, sign};
use super::targets::{Targets, TargetsError};
use crate::base::{AccountId, Millis, TargetId};
use crate::outbound::Post;
use crate::store::{Delivery, NewWebhook, Rotation, Target, Wanted, Webhook};

const HOUR: Millis = 3_600_000;

impl Targets {
    /// Adds a webhook with a new secret. `None` if the account has as many as it may have.
    ///
    /// # Errors
    /// [`TargetsError::Keys`] if the secret cannot be encrypted, [`TargetsError::Store`].
    pub async fn create_webhook(
        &self,
        account: AccountId,
        url: String,
        events: Wanted,
        random: &[u8; Secret::RANDOM_BYTES],
    ) -> Result<Option<(Target<Webhook>, Secret)>, TargetsError> {
        let secret = Secret::generate(random);
        let new = NewWebhook {
            url,
            events,
            secret: self.seal(account, secret.reveal())?,
        };
        let added = self.store().add_webhook(account, new, self.now()).await?;
        Ok(added.map(|webhook| (webhook, secret)))
    }

    /// Gives a webhook a new secret. The old one signs too for `grace_hours`. `None` if the account has no such webhook.
    ///
    /// # Errors
    /// As [`Self::create_webhook`].
    pub async fn rotate(
        &self,
        account: AccountId,
        id: TargetId,
        grace_hours: u32,
        random: &[u8; Secret::RANDOM_BYTES],
    ) -> Result<Option<(Target<Webhook>, Secret)>, TargetsError> {
        let (secret, at) = (Secret::generate(random), self.now());
        let grace = i64::from(grace_hours).saturating_mul(HOUR);
        let rotation = Rotation {
            secret: self.seal(account, secret.reveal())?,
            at,
            previous_until: (grace > 0).then(|| at.saturating_add(grace)),
        };
        let rotated = self.store().rotate_webhook(account, id, &rotation).await?;
        Ok(rotated.map(|webhook| (webhook, secret)))
    }

    /// The body of the event, signed now.
    pub(super) fn webhook_request(
        &self,
        account: AccountId,
        webhook: &Webhook,
        delivery: &Delivery,
    ) -> Result<Request, TargetsError> {
        let now = self.now();
        let mut secrets = vec![Secret::new(self.open(account, &webhook.secret)?)];
        if let Some((previous, _)) = webhook.previous.as_ref().filter(|(_, until)| *until > now) {
            secrets.extend(self.open(account, previous).ok().map(Secret::new));
        }
        let body = delivery.payload.clone();
        Ok(Request {
            url: webhook.url.clone(),
            post: Post {
                headers: sign(&secrets, &delivery.event_id, now.div_euclid(1_000), &body),
                content_type: "application/json",
                body,
            },
        })
    }
}
