//! Channels of platforms: what their owners say about them, sealed, and messages to them.

use std::collections::BTreeMap;

use super::message::Message;
use super::platforms::{self, Request, Secrets};
use super::targets::{Targets, TargetsError};
use crate::base::{AccountId, DomainId, TargetId};
use crate::store::{Channel, ChannelChanges, Delivery, NewTarget, Platform, Target, Wanted};

/// A channel to add.
#[derive(Debug)]
pub struct NewChannel {
    pub platform: Platform,
    pub name: String,
    pub domain: Option<DomainId>,
    pub events: Wanted,
    /// Its settings by name, checked.
    pub settings: BTreeMap<String, String>,
}

impl Targets {
    /// Adds a channel. `None` if the account has as many as it may have.
    ///
    /// # Errors
    /// [`TargetsError::Keys`] if its settings cannot be encrypted, [`TargetsError::Store`].
    pub async fn create_channel(
        &self,
        account: AccountId,
        new: NewChannel,
    ) -> Result<Option<Target<Channel>>, TargetsError> {
        let new = NewTarget {
            domain: new.domain,
            events: new.events,
            address: Channel {
                platform: new.platform,
                name: new.name,
                configuration: self.seal_settings(account, &Secrets(new.settings))?,
            },
        };
        Ok(self.store().add_channel(account, new, self.now()).await?)
    }

    /// Changes a channel. Settings that are not named stay. `None` if the account has no such channel.
    ///
    /// # Errors
    /// As [`Self::create_channel`].
    pub async fn change_channel(
        &self,
        account: AccountId,
        id: TargetId,
        changes: ChannelChanges,
        settings: BTreeMap<String, String>,
    ) -> Result<Option<Target<Channel>>, TargetsError> {
        let configure = |channel: &Channel| {
            if settings.is_empty() {
                return Ok(channel.configuration.clone());
            }
            let is_whole = platforms::fields(channel.platform)
                .iter()
                .all(|field| !field.is_required || settings.contains_key(field.name));
            let mut secrets = match self.settings(account, channel) {
                Ok(secrets) => secrets,
                // Those that no key opens any more are replaced as a whole.
                Err(TargetsError::Keys(_)) if is_whole => Secrets::default(),
                Err(error) => return Err(error),
            };
            secrets.0.extend(settings);
            self.seal_settings(account, &secrets)
        };
        let changed = self
            .store()
            .change_channel((account, id), changes, self.now(), configure);
        changed.await
    }

    /// The settings of a channel without what must not be seen; empty if the keyring cannot decrypt them.
    pub fn summary(&self, channel: &Target<Channel>) -> BTreeMap<String, String> {
        let settings = self.settings(channel.account, &channel.address);
        settings.map_or_else(
            |_| BTreeMap::new(),
            |secrets| platforms::summary(channel.address.platform, &secrets),
        )
    }

    /// The event as a message of the platform.
    pub(super) fn channel_request(
        &self,
        account: AccountId,
        channel: &Channel,
        delivery: &Delivery,
    ) -> Result<Request, TargetsError> {
        let secrets = self.settings(account, channel)?;
        let options = self.channel_options();
        let message = Message::new(&delivery.payload, options.page.as_deref());
        Ok(platforms::request(
            channel.platform,
            &secrets,
            &message,
            &options.places,
        ))
    }

    fn settings(&self, account: AccountId, channel: &Channel) -> Result<Secrets, TargetsError> {
        let opened = self.open(account, &channel.configuration)?;
        // It was written by this program. Without settings a request leads nowhere.
        Ok(Secrets(serde_json::from_str(&opened).unwrap_or_default()))
    }

    fn seal_settings(&self, account: AccountId, secrets: &Secrets) -> Result<Vec<u8>, TargetsError> {
        let settings = serde_json::to_string(&secrets.0).expect("texts by name are JSON");
        self.seal(account, &settings)
    }
}
