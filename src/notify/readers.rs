//! Readers of mail: each is asked once whether they want it, and may leave with one click. Nothing but the question is sent to an
//! address before its owner agreed.

use maud::html;

use super::attempts::Tried;
use super::heard::{Heard, Meaning};
use super::html::{Mail, button};
use super::links::Link;
use super::mailing::Addressed;
use super::platforms::{Secrets, mail_address};
use super::targets::{Targets, TargetsError};
use crate::base::text::shown;
use crate::base::{AccountId, Day, MailAddress, TargetId};
use crate::store::{Address, Platform, Reader, Target};

/// Why a channel or digest waits.
pub(super) const UNCONFIRMED: &str =
    "The owner of the address has not agreed yet: a mail with a link was sent, and the link was not followed";
/// Why one waits whose reader was not sent a question.
pub(super) const NOT_ASKED: &str = "The owner of the address could not be asked yet whether they agree; ask again";
/// What a question says of those that may follow.
const AT_MOST: &str = "The account may ask at most three times in 30 days.";
/// Why a channel or digest is off whose reader ended it.
const LEFT: &str = "Its reader unsubscribed";

/// What a link stands for, for who has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// To agree to mail.
    Agree,
    /// To end all mail of an account.
    Leave,
}

impl Targets {
    /// Asks the owner of an address whether they agree to mail of an account.
    ///
    /// # Errors
    /// [`TargetsError::TooManyQuestions`] if the address or the account had as many as it may have;
    /// [`TargetsError::NoMail`], [`TargetsError::Keys`], [`TargetsError::Store`].
    pub(super) async fn ask(&self, account: AccountId, to: &MailAddress) -> Result<Heard, TargetsError> {
        let (_, page) = self.mail_ways()?;
        let (reader, now) = (Reader::new(to), self.now());
        let token = self.link_token(Link::agree(account, reader, now))?;
        let today = Day::from_unix(now.div_euclid(1_000));
        if !self.store().may_ask(account, reader, today).await? {
            return Err(TargetsError::TooManyQuestions);
        }
        let link = format!("{page}/confirm/{token}");
        let never = self.link_token(Link::Never { account, reader })?;
        let never = format!("{page}/unsubscribe/{never}");
        let who = self.store().account(account).await?.map(|account| account.name);
        let who = shown(who.as_deref().unwrap_or_default(), 100).into_owned();
        let subject = "Do you want mail from Tallymark?".to_owned();
        let asks = format!(
            "The account \"{who}\" of the Tallymark installation at {page} wants to send reports and alerts about its domains to \
             this address."
        );
        let text = format!(
            "{asks}\n\nIf you want them, follow this link within seven days:\n{link}\n\nIf not, do nothing: no reports are sent. {AT_MOST}\n\n\
             Never ask me again:\n{never}"
        );
        let content = html! {
            h1 { (subject) }
            p { (asks) }
            p { "If you want them, follow this link within seven days. If not, do nothing: no reports are sent. " (AT_MOST) }
            (button(&link, "Yes, send them"))
            p { a href=(never) { "Never ask me again" } }
        };
        let mail = Mail { subject, text, content };
        // Another question is another mail.
        let id = format!("ask.{account}.{now}");
        let sent = self.mail(Addressed { to, mail, id, of: None }).await;
        // One that was surely not sent does not count; one that perhaps was does.
        let is_unsent = match &sent {
            Ok(heard) => heard.meaning == Meaning::HeldBack,
            Err(_) => true,
        };
        if is_unsent {
            self.store().was_not_asked(account, reader, today).await?;
        }
        sent
    }

    /// As [`Self::ask`], for its caller to see. The target waits for the answer from then on.
    pub(super) async fn ask_now(
        &self,
        (account, target): (AccountId, TargetId),
        to: &MailAddress,
    ) -> Result<Tried, TargetsError> {
        let began = self.clock().monotonic();
        let heard = self.ask(account, to).await?;
        let tried = Tried::new(&heard, self.clock().monotonic().saturating_sub(began));
        // A reader may be quicker than this.
        if heard.is_accepted() && !self.has_agreed(account, to).await? {
            self.store()
                .wait_for_reader((account, target), UNCONFIRMED, self.now())
                .await?;
        }
        Ok(tried)
    }

    /// As [`Self::ask`], of a target that waits. What fails can be asked for again.
    ///
    /// # Errors
    /// [`TargetsError::Store`].
    pub(super) async fn ask_quietly(
        &self,
        (account, target): (AccountId, TargetId),
        to: &MailAddress,
    ) -> Result<(), TargetsError> {
        match self.ask(account, to).await {
            Ok(heard) if heard.is_accepted() => {
                self.store().wait_because((account, target), UNCONFIRMED).await?;
            }
            Ok(heard) => tracing::warn!(%account, code = heard.status, "a reader of mail could not be asked"),
            Err(error) => tracing::warn!(%account, %error, "a reader of mail could not be asked"),
        }
        Ok(())
    }

    /// What a link stands for; `None` if this installation did not make it, or it is too old.
    pub fn offer(&self, token: &str) -> Option<Offer> {
        match self.link_of(token)? {
            Link::Agree { until, .. } => (self.now() < until).then_some(Offer::Agree),
            Link::Leave { .. } | Link::Never { .. } => Some(Offer::Leave),
        }
    }

    /// Notes that the owner of an address agrees, and switches on what waits for that. False if the link is not ours, or too
    /// old. A link may be used again.
    ///
    /// # Errors
    /// [`TargetsError::Store`].
    pub async fn agree(&self, token: &str) -> Result<bool, TargetsError> {
        let Some(Link::Agree { account, reader, until }) = self.link_of(token) else {
            return Ok(false);
        };
        let now = self.now();
        if now >= until {
            return Ok(false);
        }
        self.store().confirm_reader(account, reader, now).await?;
        for target in self.read_by(account, reader).await? {
            self.store().reader_agreed((account, target.id)).await?;
        }
        Ok(true)
    }

    /// Ends all mail of an account to an address. Nothing is sent to it until its owner agrees again. They are not asked for 30
    /// days, or never again if the link says so. False if this installation did not make the link.
    ///
    /// # Errors
    /// As [`Self::agree`].
    pub async fn leave(&self, token: &str) -> Result<bool, TargetsError> {
        let today = Day::from_unix(self.now().div_euclid(1_000));
        let (account, reader) = match self.link_of(token) {
            Some(Link::Leave { account, reader }) => {
                self.store().forget_confirmation(account, reader, today).await?;
                (account, reader)
            }
            Some(Link::Never { account, reader }) => {
                self.store().refuse_questions(account, reader, today).await?;
                (account, reader)
            }
            Some(Link::Agree { .. }) | None => return Ok(false),
        };
        for target in self.read_by(account, reader).await? {
            self.store().disable_target(target.id, LEFT, self.now()).await?;
        }
        Ok(true)
    }

    /// Whether the owner of an address agreed to mail of the account.
    pub(super) async fn has_agreed(&self, account: AccountId, to: &MailAddress) -> Result<bool, TargetsError> {
        Ok(self.store().has_confirmed(account, Reader::new(to)).await?)
    }

    /// The channels and digests of an account that mail a reader.
    async fn read_by(&self, account: AccountId, reader: Reader) -> Result<Vec<Target>, TargetsError> {
        let channels = self.store().channels(account).await?.into_iter().map(Target::any);
        let digests = self.store().digests(account).await?.into_iter().map(Target::any);
        Ok(channels
            .chain(digests)
            .filter(|target| self.reader_of(target) == Some(reader))
            .collect())
    }

    /// Who reads the mail of a target; `None` if it is not sent by mail, or its address cannot be decrypted: then nothing is
    /// sent to it either.
    fn reader_of(&self, target: &Target) -> Option<Reader> {
        let address = match &target.address {
            Address::Channel(channel) if channel.platform == Platform::Email => {
                mail_address(&self.settings(target.account, channel).ok()?)?
            }
            Address::Digest(digest) => self.recipient(target.account, digest).ok()?,
            Address::Channel(_) | Address::Webhook(_) => return None,
        };
        Some(Reader::new(&address))
    }

    /// The address of a channel that mails.
    pub(super) fn mail_address(secrets: &Secrets) -> Result<MailAddress, TargetsError> {
        mail_address(secrets).ok_or(TargetsError::Address)
    }
}
