//! The dialogue with the submission server (RFC 6409): who we are, from whom, to whom, what.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;

use super::answer::{Accepted, MailError, Step};
use super::opening::Line;
use crate::base::{MailAddress, text};

/// For the goodbye: the mail is accepted already.
const QUIT_TIME_MAX: Duration = Duration::from_secs(2);

/// A server that waits for a message.
pub(super) struct Dialogue(AsyncSmtpConnection);

/// Says everything that comes before the message, from the first address to the second.
pub(super) async fn begin(
    line: Line,
    sign_in: Option<(String, String)>,
    (from, to): (&MailAddress, &MailAddress),
) -> Result<Dialogue, MailError> {
    let hello = ClientId::Domain(from.domain().to_owned());
    let connection = AsyncSmtpConnection::connect_with_transport(Box::new(line), &hello).await;
    let mut connection = connection.map_err(|error| MailError::Unreachable(said(&error)))?;
    if let Some((user, password)) = sign_in {
        let known = [Mechanism::Plain, Mechanism::Login];
        let signed_in = connection.auth(&known, &Credentials::new(user, password)).await;
        signed_in.map_err(|error| MailError::SignIn(said(&error)))?;
    }
    let from = address(from)?;
    let taken = connection.command(Mail::new(Some(from), Vec::new())).await;
    taken.map_err(|error| MailError::Sender(said(&error)))?;
    let taken = connection.command(Rcpt::new(address(to)?, Vec::new())).await;
    taken.map_err(|error| refused(Step::Recipient, &error).unwrap_or_else(|| MailError::Unreachable(said(&error))))?;
    let taken = connection.command(Data).await;
    taken.map_err(|error| refused(Step::Content, &error).unwrap_or_else(|| MailError::Unreachable(said(&error))))?;
    Ok(Dialogue(connection))
}

impl Dialogue {
    /// Sends the message, and waits for the answer to all of it.
    pub async fn message(&mut self, mail: &[u8]) -> Result<Accepted, MailError> {
        let answer = self.0.message(mail).await;
        let answer = answer.map_err(|error| refused(Step::Content, &error).unwrap_or(MailError::Unanswered))?;
        Ok(Accepted {
            code: answer.code().into(),
            text: answer.message().collect::<Vec<_>>().join(" "),
        })
    }

    pub async fn quit(mut self) {
        let _ = timeout(QUIT_TIME_MAX, self.0.quit()).await;
    }
}

impl AsyncTokioStream for Line {
    /// The library never asks.
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn address(address: &MailAddress) -> Result<Address, MailError> {
    let made = Address::new(address.local(), address.domain());
    made.map_err(|error| MailError::Sender(error.to_string()))
}

/// What a code means; `None` without one: the connection failed.
fn refused(step: Step, error: &Error) -> Option<MailError> {
    let code = u16::from(error.status()?);
    // The server is about to close the connection (RFC 5321, 3.8): it is not about this mail.
    if code == 421 {
        return Some(MailError::Unreachable(said(error)));
    }
    let answer = error.source().map(ToString::to_string).unwrap_or_default();
    Some(MailError::of_refusal(step, (code, &answer), said(error)))
}

fn said(error: &Error) -> String {
    text::causes(error)
}
