//! Channels of accounts: places of chat platforms and alike that are told of events in words.

use super::db::Conn;
use super::events::Wanted;
use super::target::{Channel, NewTarget, Target};
use super::{Store, StoreError, outbox};
use crate::base::{AccountId, DomainId, Millis, TargetId};

/// What the owner of a channel changes, apart from its configuration.
#[derive(Debug, Clone, Default)]
pub struct ChannelChanges {
    pub name: Option<String>,
    pub events: Option<Wanted>,
    /// `Some(None)`: events of all domains.
    pub domain: Option<Option<DomainId>>,
    pub active: Option<bool>,
}

impl Store {
    /// Adds a channel. `None` if the account has [`super::CHANNELS_MAX`].
    pub async fn add_channel(
        &self,
        account: AccountId,
        new: NewTarget<Channel>,
        now: Millis,
    ) -> Result<Option<Target<Channel>>, StoreError> {
        self.add_target(account, new, now).await
    }

    /// The channels of an account, newest first; at most [`super::CHANNELS_MAX`].
    pub async fn channels(&self, account: AccountId) -> Result<Vec<Target<Channel>>, StoreError> {
        self.targets(account).await
    }

    /// A channel of the account.
    pub async fn channel(&self, account: AccountId, id: TargetId) -> Result<Option<Target<Channel>>, StoreError> {
        self.target(account, id).await
    }

    /// The id by which the API names a domain of the account; `None` if it was removed.
    pub async fn domain_public_id(&self, account: AccountId, domain: DomainId) -> Result<Option<String>, StoreError> {
        let mut conn = self.read().await?;
        let named = outbox::domain_data(&mut Conn(&mut conn), account, domain).await?;
        Ok(named.map(|(public_id, _)| public_id))
    }

    /// Changes a channel. `configure` gets its encrypted configuration, and returns the one that it has then. One that is
    /// switched on begins without failures; what waits for one that is switched off is given up. Returns the channel as it is
    /// then, `None` if the account has no such channel.
    ///
    /// # Errors
    /// Those of `configure`, and of the database.
    pub async fn change_channel<E: From<StoreError>>(
        &self,
        (account, id): (AccountId, TargetId),
        changes: ChannelChanges,
        now: Millis,
        configure: impl FnOnce(&Channel) -> Result<Vec<u8>, E>,
    ) -> Result<Option<Target<Channel>>, E> {
        let edit = |channel: &mut Target<Channel>| {
            channel.address.configuration = configure(&channel.address)?;
            channel.address.name = changes.name.unwrap_or_else(|| channel.address.name.clone());
            channel.events = changes.events.unwrap_or_else(|| channel.events.clone());
            channel.domain = changes.domain.unwrap_or(channel.domain);
            channel.active = changes.active.unwrap_or(channel.active);
            Ok(())
        };
        self.change_target(account, id, now, edit).await
    }

    /// Removes a channel with its deliveries. False if the account has no such channel.
    pub async fn remove_channel(&self, account: AccountId, id: TargetId) -> Result<bool, StoreError> {
        self.remove_target::<Channel>(account, id).await
    }
}
