//! Mail on its way: what is under every mail, the signature of its domain, and what the answer of the server means.

use maud::{Markup, html};

use super::heard::{Heard, Meaning};
use super::html::{Mail, document};
use super::links::Link;
use super::targets::{Targets, TargetsError};
use crate::base::{AccountId, MailAddress, TlsMode};
use crate::outbound::{Demand, Letter, MailError, Mailer, Patience};
use crate::store::Reader;

/// What tenants hear of faults of the installation.
const UNUSABLE: &str = "The installation's mail server cannot be used now; its operator finds the reason in the log";

/// A mail, and whom it is for.
pub(super) struct Addressed<'m> {
    pub to: &'m MailAddress,
    pub mail: Mail,
    /// What is before the `@` of its identity.
    pub id: String,
    /// Whose mail it is, so that its reader can end it; `None` for the question whether they want it.
    pub of: Option<AccountId>,
}

impl Targets {
    /// Hands a mail over now.
    ///
    /// # Errors
    /// [`TargetsError::NoMail`], [`TargetsError::Keys`], [`TargetsError::Store`].
    pub(super) async fn mail(&self, addressed: Addressed<'_>) -> Result<Heard, TargetsError> {
        let (mailer, page) = self.mail_ways()?;
        let reader = Reader::new(addressed.to);
        let unsubscribe = match addressed.of {
            Some(account) => {
                let token = self.link_token(Link::Leave { account, reader })?;
                Some(format!("{page}/unsubscribe/{token}"))
            }
            None => None,
        };
        let Mail { subject, text, content } = addressed.mail;
        let (under, foot) = under(page, unsubscribe.as_deref());
        let letter = Letter {
            to: addressed.to.clone(),
            html: document(&subject, &content, &foot),
            subject,
            text: format!("{text}\n\n-- \n{under}\n"),
            id: addressed.id,
            at: self.now(),
            unsubscribe,
        };
        let mut mail = letter.compose(mailer.from());
        let in_name = self.domains().in_name_of(mailer.from().domain()).await?;
        let mut demand = Demand::None;
        if let Some(in_name) = in_name {
            if in_name.tls_mode == TlsMode::Enforced {
                demand = Demand::Encrypted;
            }
            if let Some(signature) = in_name.signature(&mail) {
                mail.insert_str(0, &signature);
            }
        }
        // A question is asked while its asker waits.
        let patience = match addressed.of {
            Some(_) => Patience::Long,
            None => Patience::Short,
        };
        let sent = mailer.send(addressed.to, mail.as_bytes(), (demand, patience)).await;
        Ok(match sent {
            Ok(accepted) => Heard {
                status: Some(accepted.code),
                response: accepted.text,
                meaning: Meaning::Accepted,
            },
            Err(error) => heard(&error, addressed.to),
        })
    }

    /// The URL of the web page, if it is known.
    pub fn page(&self) -> Option<&str> {
        self.channel_options().page.as_deref()
    }

    /// Whether mail can be sent: there is a server for it, and a page that its links lead to.
    pub fn sends_mail(&self) -> bool {
        self.mail_ways().is_ok()
    }

    /// The server for mail, and the page that its links lead to.
    pub(super) fn mail_ways(&self) -> Result<(&Mailer, &str), TargetsError> {
        let page = self.channel_options().page.as_deref();
        let both = self.mailer().zip(page);
        let (mailer, page) = both.ok_or(TargetsError::NoMail)?;
        Ok((mailer, page.trim_end_matches('/')))
    }
}

/// Only a refusal is about the recipient; whatever else goes wrong is this installation's, and blames no channel. What is the
/// installation's is for its operator alone, without the address.
fn heard(error: &MailError, to: &MailAddress) -> Heard {
    let (status, meaning) = match error {
        MailError::NoMailbox { code, .. } => {
            let why = "The mail server refused the address for good";
            (Some(*code), Meaning::Gone(format!("{why} ({code})")))
        }
        MailError::Refused { code, .. } => (Some(*code), Meaning::Failed(None)),
        // Repeated without end it could reach its reader each time.
        MailError::Unanswered => (None, Meaning::Failed(None)),
        _ => (None, Meaning::HeldBack),
    };
    let response = match meaning {
        Meaning::HeldBack => {
            let error = error.to_string().replace(to.as_str(), "the reader");
            tracing::warn!(error, "mail waits: it cannot be handed over");
            UNUSABLE.to_owned()
        }
        _ => error.to_string(),
    };
    Heard {
        status,
        response,
        meaning,
    }
}

/// What is under a mail, as text and as HTML.
fn under(page: &str, unsubscribe: Option<&str>) -> (String, Markup) {
    match unsubscribe {
        None => (
            format!("Sent by Tallymark at {page}. Without an answer no reports and alerts are sent."),
            html! { "Sent by Tallymark at " a href=(page) { (page) } ". Without an answer no reports and alerts are sent." },
        ),
        Some(link) => (
            format!("Sent by Tallymark at {page}, because you agreed to it.\nUnsubscribe: {link}"),
            html! {
                "Sent by Tallymark at " a href=(page) { (page) } ", because you agreed to it. "
                a href=(link) { "Unsubscribe" }
            },
        ),
    }
}
