//! Hands mail over to the submission server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::answer::{Accepted, MailError};
use super::opening::open;
use super::settings::MailSettings;
use super::smtp::begin;
use crate::base::MailAddress;
use crate::outbound::protection::Protection;
use crate::outbound::tls::Connector;

/// From the connection to the moment when the server waits for the message. With [`Patience::Short`] less than a request to the API
/// may take.
const BEGIN_TIME_MAX: Duration = Duration::from_secs(15);

/// How long the answer to the whole message is waited for. A server that was not waited for has perhaps taken the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A request to the API waits for it.
    Short,
    Long,
}

impl Patience {
    fn time_max(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(10),
            Self::Long => Duration::from_secs(5 * 60),
        }
    }
}

/// What the sender's domain asks of the way of its mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// What the settings say is enough.
    None,
    /// TLS, whatever the settings say.
    Encrypted,
}

/// Hands mail over. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    settings: Arc<MailSettings>,
    from: MailAddress,
    /// `None`: there are no authorities to trust.
    connector: Option<Connector>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("settings", &self.settings).finish()
    }
}

impl Mailer {
    /// `None` if the settings name no server or no address. Without a `connector` only an unprotected server can be spoken to.
    pub fn new(settings: MailSettings, connector: Option<Connector>) -> Option<Self> {
        let from = MailAddress::parse(&settings.from).ok()?;
        (!settings.host.is_empty()).then(|| Self {
            settings: Arc::new(settings),
            from,
            connector,
        })
    }

    /// The address that mail is from.
    pub fn from(&self) -> &MailAddress {
        &self.from
    }

    /// Hands a mail over, with [`Self::from`] as the return path.
    ///
    /// # Errors
    /// [`MailError`]. After [`MailError::Unanswered`] the server may have taken the mail, after no other.
    pub async fn send(
        &self,
        to: &MailAddress,
        mail: &[u8],
        (demand, patience): (Demand, Patience),
    ) -> Result<Accepted, MailError> {
        let is_plain = self.settings.protection == Protection::None;
        if is_plain && demand == Demand::Encrypted {
            return Err(MailError::Unprotected);
        }
        let beginning = async {
            let password = self.settings.password().await?;
            let line = open(&self.settings, self.connector.as_ref(), self.from.domain()).await?;
            let sign_in = password.map(|password| (self.settings.user.clone(), password));
            begin(line, sign_in, (&self.from, to)).await
        };
        let begun = timeout(BEGIN_TIME_MAX, Box::pin(beginning)).await;
        let mut dialogue = begun.unwrap_or(Err(MailError::Late(BEGIN_TIME_MAX)))?;
        let answer = timeout(patience.time_max(), Box::pin(dialogue.message(mail))).await;
        let accepted = answer.unwrap_or(Err(MailError::Unanswered))?;
        // Whatever comes now, the mail is accepted.
        Box::pin(dialogue.quit()).await;
        Ok(accepted)
    }
}
