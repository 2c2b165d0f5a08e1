//! The dialogue with the submission server (RFC 6409): who we are, from whom, to whom, what.

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

use super::answer::{Accepted, MailError};
use super::opening::Line;
use crate::base::{MailAddress, text};

/// For the goodbye: the mail is accepted already.
const QUIT_TIME_MAX: Duration = Duration::from_secs(2);

/// Hands one mail over, from the first address to the second.
pub(super) async fn submit(
    line: Line,
    sign_in: Option<(String, String)>,
    (from, to): (&MailAddress, &MailAddress),
    mail: &[u8],
) -> Result<Accepted, MailError> {
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
    taken.map_err(|error| refused(&error))?;
    connection.command(Data).await.map_err(|error| refused(&error))?;
    let answer = connection.message(mail).await.map_err(|error| refused(&error))?;
    let _ = timeout(QUIT_TIME_MAX, connection.quit()).await;
    Ok(Accepted {
        code: answer.code().into(),
        text: answer.message().collect::<Vec<_>>().join(" "),
    })
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

/// A code says whose fault it is; without one the connection failed.
fn refused(error: &Error) -> MailError {
    match error.status() {
        // The server is about to close the connection (RFC 5321, 3.8): it is not about this mail.
        Some(code) if u16::from(code) != 421 => MailError::Refused {
            code: code.into(),
            text: said(error),
        },
        _ => MailError::Unreachable(said(error)),
    }
}

fn said(error: &Error) -> String {
    text::causes(error)
}
