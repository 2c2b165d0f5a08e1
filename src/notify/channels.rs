//! Channels of platforms: what their owners say about them, sealed, and messages to them.

use std::collections::BTreeMap;

use super::attempts::Tried;
use super::heard::Heard;
use super::mailing::Addressed;
use super::message::Message;
use super::platforms::{self, Request, Secrets};
use super::readers::NOT_ASKED;
use super::targets::{Targets, TargetsError};
use crate::base::{AccountId, DomainId, MailAddress, TargetId};
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
        let secrets = Secrets(new.settings);
        let to_ask = match new.platform {
            Platform::Email => self.to_ask(account, &secrets).await?,
            _ => None,
        };
        let new = NewTarget {
            domain: new.domain,
            events: new.events,
            off: to_ask.as_ref().map(|_| NOT_ASKED.to_owned()),
            address: Channel {
                platform: new.platform,
                name: new.name,
                configuration: self.seal_settings(account, &secrets)?,
            },
        };
        let added = self.store().add_channel(account, new, self.now()).await?;
        if let (Some(to), Some(channel)) = (to_ask, &added) {
            self.ask_quietly((account, channel.id), &to).await?;
            return Ok(self.store().channel(account, channel.id).await?);
        }
        Ok(added)
    }

    /// The address of a channel whose owner did not agree to mail yet.
    async fn to_ask(&self, account: AccountId, secrets: &Secrets) -> Result<Option<MailAddress>, TargetsError> {
        // Without a server it would never be confirmed.
        self.mail_ways()?;
        let to = Self::mail_address(secrets)?;
        Ok((!self.has_agreed(account, &to).await?).then_some(to))
    }

    /// Asks the owner of the address of a channel once more whether they agree. `None` if it is not sent by mail, or they agreed.
    ///
    /// # Errors
    /// [`TargetsError::NoMail`], [`TargetsError::TooManyQuestions`], [`TargetsError::Keys`], [`TargetsError::Store`].
    pub async fn ask_again(&self, channel: &Target<Channel>) -> Result<Option<Tried>, TargetsError> {
        if channel.address.platform != Platform::Email {
            return Ok(None);
        }
        let secrets = self.settings(channel.account, &channel.address)?;
        match self.to_ask(channel.account, &secrets).await? {
            None => Ok(None),
            Some(to) => Ok(Some(self.ask_now((channel.account, channel.id), &to).await?)),
        }
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
        let is_off = changes.active == Some(false);
        let to_ask = self.before_change((account, id), &changes, &settings).await?;
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
        let changed = changed.await?;
        if is_off {
            self.store().wait_no_more((account, id)).await?;
        }
        if let (Some(to), Some(_)) = (to_ask, &changed) {
            self.ask_quietly((account, id), &to).await?;
            return Ok(self.store().channel(account, id).await?);
        }
        Ok(changed)
    }

    /// Switches a channel off that is about to mail to a reader who has not agreed, and returns whom to ask.
    async fn before_change(
        &self,
        (account, id): (AccountId, TargetId),
        changes: &ChannelChanges,
        settings: &BTreeMap<String, String>,
    ) -> Result<Option<MailAddress>, TargetsError> {
        let Some(channel) = self.store().channel(account, id).await? else {
            return Ok(None);
        };
        let is_asked = !settings.is_empty() || changes.active == Some(true);
        if channel.address.platform != Platform::Email || !is_asked {
            return Ok(None);
        }
        let secrets = match settings.is_empty() {
            true => self.settings(account, &channel.address)?,
            false => Secrets(settings.clone()),
        };
        let Some(to) = self.to_ask(account, &secrets).await? else {
            return Ok(None);
        };
        if changes.active == Some(true) {
            return Err(TargetsError::Unconfirmed);
        }
        self.store()
            .wait_for_reader((account, id), NOT_ASKED, self.now())
            .await?;
        Ok(Some(to))
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
        let request = platforms::request(channel.platform, &secrets, &message, &options.places);
        request.ok_or(TargetsError::NoClient)
    }

    /// Mails the event.
    pub(super) async fn mail_event(
        &self,
        (account, target): (AccountId, TargetId),
        channel: &Channel,
        delivery: &Delivery,
    ) -> Result<Heard, TargetsError> {
        let to = Self::mail_address(&self.settings(account, channel)?)?;
        // Also for a test: nothing else is sent to a reader who has not agreed.
        if !self.has_agreed(account, &to).await? {
            return Err(TargetsError::Unconfirmed);
        }
        let message = Message::new(&delivery.payload, self.channel_options().page.as_deref());
        let addressed = Addressed {
            to: &to,
            mail: platforms::mail(&message),
            id: format!("{}.{target}", delivery.event_id),
            of: Some(account),
        };
        self.mail(addressed).await
    }

    pub(super) fn settings(&self, account: AccountId, channel: &Channel) -> Result<Secrets, TargetsError> {
        let opened = self.open(account, &channel.configuration)?;
        // It was written by this program. Without settings a request leads nowhere.
        Ok(Secrets(serde_json::from_str(&opened).unwrap_or_default()))
    }

    fn seal_settings(&self, account: AccountId, secrets: &Secrets) -> Result<Vec<u8>, TargetsError> {
        let settings = serde_json::to_string(&secrets.0).expect("texts by name are JSON");
        self.seal(account, &settings)
    }
}
