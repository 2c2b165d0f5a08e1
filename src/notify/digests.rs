//! Digests: whom they go to, sealed, and the mail.

use super::attempts::Tried;
use super::digest::mail as digest_mail;
use super::heard::Heard;
use super::mailing::Addressed;
use super::readers::NOT_ASKED;
use super::targets::{Targets, TargetsError};
use crate::base::{AccountId, Day, DomainId, MailAddress, Period, TargetId};
use crate::store::{Delivery, Digest, NewTarget, Target, Wanted};

/// A digest to add.
#[derive(Debug)]
pub struct NewDigest {
    pub name: String,
    pub to: MailAddress,
    pub period: Period,
    /// `None`: all domains of the account.
    pub domains: Option<Vec<DomainId>>,
}

/// What the owner of a digest changes.
#[derive(Debug, Default)]
pub struct DigestChanges {
    pub name: Option<String>,
    pub to: Option<MailAddress>,
    pub period: Option<Period>,
    /// `Some(None)`: all domains of the account.
    pub domains: Option<Option<Vec<DomainId>>>,
    pub active: Option<bool>,
}

impl Targets {
    /// Adds a digest. The first one is about the period that runs now. `None` if the account has as many as it may have.
    ///
    /// # Errors
    /// [`TargetsError::NoMail`], [`TargetsError::Keys`], [`TargetsError::Store`].
    pub async fn create_digest(
        &self,
        account: AccountId,
        new: NewDigest,
    ) -> Result<Option<Target<Digest>>, TargetsError> {
        self.mail_ways()?;
        let has_agreed = self.has_agreed(account, &new.to).await?;
        let now = self.now();
        let today = Day::from_unix(now.div_euclid(1_000));
        let target = NewTarget {
            domain: None,
            events: Wanted::new([]),
            off: (!has_agreed).then(|| NOT_ASKED.to_owned()),
            address: Digest {
                name: new.name,
                recipient: self.seal(account, new.to.as_str())?,
                period: new.period,
                domains: new.domains,
                told: new.period.last_before(today).first,
            },
        };
        let added = self.store().add_digest(account, target, now).await?;
        if let (Some(digest), false) = (&added, has_agreed) {
            self.ask_quietly((account, digest.id), &new.to).await?;
            return Ok(self.store().digest(account, digest.id).await?);
        }
        Ok(added)
    }

    /// Changes a digest. `None` if the account has no such digest.
    ///
    /// # Errors
    /// As [`Self::create_digest`], and [`TargetsError::Unconfirmed`] if it is switched on for a reader who has not agreed.
    pub async fn change_digest(
        &self,
        digest: &Target<Digest>,
        changes: DigestChanges,
    ) -> Result<Option<Target<Digest>>, TargetsError> {
        let account = digest.account;
        let to = match &changes.to {
            Some(to) => to.clone(),
            None => self.recipient(account, &digest.address)?,
        };
        let is_asked = changes.to.is_some() || changes.active == Some(true);
        let to_ask = is_asked && !self.has_agreed(account, &to).await?;
        if to_ask && changes.active == Some(true) {
            return Err(TargetsError::Unconfirmed);
        }
        if to_ask {
            self.mail_ways()?;
            self.store()
                .wait_for_reader((account, digest.id), NOT_ASKED, self.now())
                .await?;
        }
        let today = Day::from_unix(self.now().div_euclid(1_000));
        let edit = |digest: &mut Target<Digest>| {
            if changes.to.is_some() {
                digest.address.recipient = self.seal(account, to.as_str())?;
            }
            digest.address.name = changes.name.unwrap_or_else(|| digest.address.name.clone());
            if let Some(period) = changes.period.filter(|period| *period != digest.address.period) {
                // As if it was made now: the days of weeks and months cannot be compared.
                digest.address.period = period;
                digest.address.told = period.last_before(today).first;
            }
            digest.address.domains = changes.domains.unwrap_or_else(|| digest.address.domains.clone());
            digest.active = changes.active.unwrap_or(digest.active);
            Ok::<_, TargetsError>(())
        };
        let changed = self
            .store()
            .change_digest((account, digest.id), self.now(), edit)
            .await?;
        if changes.active == Some(false) {
            self.store().wait_no_more((account, digest.id)).await?;
        }
        if to_ask {
            self.ask_quietly((account, digest.id), &to).await?;
            return Ok(self.store().digest(account, digest.id).await?);
        }
        Ok(changed)
    }

    /// Asks the reader of a digest once more whether they agree. `None` if they agreed.
    ///
    /// # Errors
    /// As [`Self::ask_again`].
    pub async fn ask_reader_again(&self, digest: &Target<Digest>) -> Result<Option<Tried>, TargetsError> {
        let to = self.recipient(digest.account, &digest.address)?;
        match self.has_agreed(digest.account, &to).await? {
            true => Ok(None),
            false => Ok(Some(self.ask_now((digest.account, digest.id), &to).await?)),
        }
    }

    /// Whom a digest goes to.
    ///
    /// # Errors
    /// [`TargetsError::Keys`] if the keyring cannot decrypt it, [`TargetsError::Address`].
    pub fn recipient(&self, account: AccountId, digest: &Digest) -> Result<MailAddress, TargetsError> {
        let opened = self.open(account, &digest.recipient)?;
        MailAddress::parse(&opened).map_err(|_| TargetsError::Address)
    }

    /// Mails a digest.
    pub(super) async fn mail_digest(
        &self,
        (account, target): (AccountId, TargetId),
        digest: &Digest,
        delivery: &Delivery,
    ) -> Result<Heard, TargetsError> {
        let to = self.recipient(account, digest)?;
        if !self.has_agreed(account, &to).await? {
            return Err(TargetsError::Unconfirmed);
        }
        let addressed = Addressed {
            to: &to,
            mail: digest_mail(&delivery.payload, self.channel_options().page.as_deref()),
            id: format!("{}.{target}", delivery.event_id),
            of: Some(account),
        };
        self.mail(addressed).await
    }
}
