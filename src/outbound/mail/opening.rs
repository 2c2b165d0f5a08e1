//! A connection to the submission server, protected as the settings say before anything is told to it.
//!
//! STARTTLS is spoken here and not by the library, which reads on after TLS began with what came before it. A stranger between us
//! and the server could put answers there. Whatever comes after the answer to STARTTLS ends the connection.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::answer::MailError;
use super::settings::MailSettings;
use crate::outbound::connect::{Stream, connect};
use crate::outbound::protection::Protection;
use crate::outbound::tls::{Connector, TlsError, protect};

/// Longest answer before TLS, bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// Stands for the greeting, which was read before TLS began: after it a server waits for EHLO (RFC 3207, 4.2).
const GREETED: &[u8] = b"220 TLS\r\n";

/// A connection that begins with a greeting.
pub(super) struct Line {
    stream: Box<dyn Stream>,
    /// Read before everything else.
    before: &'static [u8],
}

/// Connects, and begins TLS if the settings ask for it.
pub(super) async fn open(
    settings: &MailSettings,
    connector: Option<&Connector>,
    hello: &str,
) -> Result<Line, MailError> {
    let connector = match (settings.protection, connector) {
        (Protection::None, _) => None,
        (_, Some(connector)) => Some(connector),
        (_, None) => return Err(TlsError::NoAuthorities.into()),
    };
    let stream = connect(&settings.host, settings.port()).await;
    let mut stream = stream.map_err(|error| MailError::Unreachable(error.to_string()))?;
    let Some(connector) = connector else {
        let stream = Box::new(stream);
        return Ok(Line { stream, before: b"" });
    };
    let before: &[u8] = match settings.protection {
        Protection::StartTls => {
            start_tls(&mut stream, hello).await?;
            GREETED
        }
        _ => b"",
    };
    let stream = protect(connector, &settings.host, Box::new(stream)).await?;
    Ok(Line { stream, before })
}

async fn start_tls(stream: &mut TcpStream, hello: &str) -> Result<(), MailError> {
    answer(stream, "220").await?;
    let offers = ask(stream, &format!("EHLO {hello}\r\n"), "250").await?;
    let is_offered = |line: &str| {
        line.get(4..)
            .is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"))
    };
    if !offers.lines().any(is_offered) {
        return Err(MailError::NoTls);
    }
    ask(stream, "STARTTLS\r\n", "220").await?;
    Ok(())
}

async fn ask(stream: &mut TcpStream, command: &str, wanted: &str) -> Result<String, MailError> {
    let sent = stream.write_all(command.as_bytes()).await;
    sent.map_err(|error| MailError::Unreachable(error.to_string()))?;
    answer(stream, wanted).await
}

/// One answer with this code. A server that says more than one answer has not waited for us, or is not alone.
async fn answer(stream: &mut TcpStream, wanted: &str) -> Result<String, MailError> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 1024]);
    loop {
        let read = stream.read(&mut chunk).await;
        let read = read.map_err(|error| MailError::Unreachable(error.to_string()))?;
        if read == 0 {
            return Err(MailError::Unreachable("it closed the connection".to_owned()));
        }
        bytes.extend_from_slice(&chunk[..read]);
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(MailError::Odd("an answer that is too long".to_owned()));
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some(is_alone) = is_whole(&text) {
            return match is_alone && text.starts_with(wanted) {
                true => Ok(text.into_owned()),
                false => Err(MailError::Odd(text.trim_end().to_owned())),
            };
        }
    }
}

/// Whether an answer has come to its end: `Some(true)` if nothing is behind it. The last line has a space behind its code.
fn is_whole(text: &str) -> Option<bool> {
    let mut behind = text;
    while let Some((line, rest)) = behind.split_once("\r\n") {
        if line.as_bytes().get(3) != Some(&b'-') {
            return Some(rest.is_empty());
        }
        behind = rest;
    }
    None
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.before.is_empty() {
            let (now, later) = self.before.split_at(self.before.len().min(buffer.remaining()));
            buffer.put_slice(now);
            self.before = later;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_last_line() {
        for (text, expect) in [
            ("220 mail.example ESMTP\r\n", Some(true)),
            ("250-mail.example\r\n250-SIZE\r\n250 STARTTLS\r\n", Some(true)),
            ("250-mail.example\r\n", None),
            ("220 ready", None),
            ("", None),
            // What was put behind the answer before TLS began.
            ("220 go ahead\r\n250 AUTH PLAIN\r\n", Some(false)),
            ("220 go ahead\r\n2", Some(false)),
            ("220\r\n", Some(true)),
        ] {
            assert_eq!(is_whole(text), expect, "{text:?}");
        }
    }
}
