//! Answers of an IMAP server, one at a time, from a stream that may send anything: everything has a limit that is checked
//! before memory is taken for it.

use std::time::Duration;

use memchr::memchr;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::outbound::Stream;

/// One answer without its literals, bytes. The longest honest ones are lists of capabilities.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Literals of one answer. A message is one.
const LITERALS_MAX: usize = 8;
/// What stands for a literal in the text of an answer; no line may hold it (RFC 9051, 9: `TEXT-CHAR`).
pub(super) const LITERAL: u8 = 0;
/// What is taken from the system at once.
const BUFFER_BYTES: usize = 32 * 1024;

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the server closed the connection")]
    Closed,
    #[error("connection failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the server said nothing for {} seconds", .0.as_secs())]
    Silent(Duration),
    #[error("an answer of the server has more than {TEXT_BYTES_MAX} bytes in its lines")]
    LongText,
    #[error("the server announced {announced} bytes where at most {max} were asked for")]
    LargeLiteral { announced: u64, max: u64 },
    #[error("an answer of the server cannot be understood")]
    Garbage,
}

/// An answer: its lines without the last line break, with [`LITERAL`] in the place of each literal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub text: Vec<u8>,
    pub literals: Vec<Vec<u8>>,
}

/// The connection.
pub(super) struct Wire {
    stream: BufReader<Box<dyn Stream>>,
    /// How long the server may say nothing.
    pub patience: Duration,
}

impl Wire {
    pub fn new(stream: Box<dyn Stream>, patience: Duration) -> Self {
        Self {
            stream: BufReader::with_capacity(BUFFER_BYTES, stream),
            patience,
        }
    }

    /// The stream itself, for a handshake; `None` if the server has sent unrequested data.
    pub fn into_stream(self) -> Option<Box<dyn Stream>> {
        self.stream.buffer().is_empty().then(|| self.stream.into_inner())
    }

    pub async fn send(&mut self, text: &str) -> Result<(), WireError> {
        let sent = async {
            self.stream.write_all(text.as_bytes()).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(self.patience, sent).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(WireError::Silent(self.patience)),
        }
    }

    /// The next answer, with literals of up to `literal_bytes_max`.
    ///
    /// After an error, and after a call that was dropped in the middle of an answer, the connection is of no more use.
    pub async fn answer(&mut self, literal_bytes_max: u64) -> Result<Raw, WireError> {
        let mut raw = Raw::default();
        let mut room = literal_bytes_max;
        loop {
            let begins_at = raw.text.len();
            self.line(&mut raw.text).await?;
            let Some(announced) = announced(&raw.text[begins_at..])? else {
                return Ok(raw);
            };
            if announced > room || raw.literals.len() == LITERALS_MAX {
                return Err(WireError::LargeLiteral {
                    announced,
                    max: literal_bytes_max,
                });
            }
            room -= announced;
            let brace = raw.text.iter().rposition(|&byte| byte == b'{').unwrap_or(begins_at);
            raw.text.truncate(brace);
            raw.text.push(LITERAL);
            let literal = self.literal(announced).await?;
            raw.literals.push(literal);
        }
    }

    /// Waits until the server says something, without taking it.
    pub async fn is_ready(&mut self) -> Result<(), WireError> {
        match self.stream.fill_buf().await?.is_empty() {
            true => Err(WireError::Closed),
            false => Ok(()),
        }
    }

    async fn fill(&mut self) -> Result<&[u8], WireError> {
        let patience = self.patience;
        match tokio::time::timeout(patience, self.stream.fill_buf()).await {
            Err(_) => Err(WireError::Silent(patience)),
            Ok(Ok([])) => Err(WireError::Closed),
            Ok(bytes) => Ok(bytes?),
        }
    }

    /// Adds a line without its line break.
    async fn line(&mut self, text: &mut Vec<u8>) -> Result<(), WireError> {
        loop {
            let bytes = self.fill().await?;
            let end = memchr(b'\n', bytes);
            let taken = &bytes[..end.unwrap_or(bytes.len())];
            if text.len() + taken.len() > TEXT_BYTES_MAX {
                return Err(WireError::LongText);
            }
            if memchr(LITERAL, taken).is_some() {
                return Err(WireError::Garbage);
            }
            text.extend_from_slice(taken);
            let taken = taken.len() + usize::from(end.is_some());
            self.stream.consume(taken);
            if end.is_some() {
                if text.last() == Some(&b'\r') {
                    text.pop();
                }
                return Ok(());
            }
        }
    }

    async fn literal(&mut self, announced: u64) -> Result<Vec<u8>, WireError> {
        let announced = usize::try_from(announced).map_err(|_| WireError::Garbage)?;
        let mut literal = Vec::with_capacity(announced);
        while literal.len() < announced {
            let missing = announced - literal.len();
            let bytes = self.fill().await?;
            let taken = &bytes[..bytes.len().min(missing)];
            literal.extend_from_slice(taken);
            let taken = taken.len();
            self.stream.consume(taken);
        }
        Ok(literal)
    }

    /// Sends nothing more.
    pub async fn close(mut self) {
        let closing = async {
            let _ = self.stream.shutdown().await;
            let mut rest = [0; 1];
            let _ = self.stream.read(&mut rest).await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), closing).await;
    }
}

/// The length of the literal that a line announces at its end (RFC 9051, 4.3; RFC 3516 for `~{n}`).
fn announced(line: &[u8]) -> Result<Option<u64>, WireError> {
    let Some(rest) = line.strip_suffix(b"}") else {
        return Ok(None);
    };
    let Some(brace) = rest.iter().rposition(|&byte| byte == b'{') else {
        return Ok(None);
    };
    let digits = &rest[brace + 1..];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or(WireError::Garbage)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads everything that the server sends, in pieces of one to all bytes.
    async fn read_all(sent: &[u8], piece: usize, max: u64) -> (Vec<Raw>, WireError) {
        let (ours, mut theirs) = tokio::io::duplex(sent.len().max(1));
        let mut wire = Wire::new(Box::new(ours), Duration::from_secs(5));
        let sent = sent.to_vec();
        let sending = tokio::spawn(async move {
            for piece in sent.chunks(piece) {
                if theirs.write_all(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
        let mut all = Vec::new();
        let error = loop {
            match wire.answer(max).await {
                Ok(raw) => all.push(raw),
                Err(error) => break error,
            }
        };
        drop(wire);
        sending.await.unwrap();
        (all, error)
    }

    #[tokio::test]
    async fn answers_are_the_same_however_they_are_cut() {
        let sent = b"* OK hello\r\n* 1 FETCH (UID 5 BODY[] {5}\r\na\r\n\0) FLAGS ())\r\n\
                     * 2 FETCH (A {1}\r\nxB {0}\r\n)\na1 OK {x}\r\n";
        let (whole, error) = read_all(sent, sent.len(), 10).await;
        assert!(matches!(error, WireError::Closed));
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[1].text, b"* 1 FETCH (UID 5 BODY[] \0 FLAGS ())");
        assert_eq!(whole[1].literals, [b"a\r\n\0)"]);
        assert_eq!(whole[2].literals, [&b"x"[..], b""]);
        for piece in 1..sent.len() {
            assert_eq!(read_all(sent, piece, 10).await.0, whole, "in pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn excess_is_refused_before_it_is_read() {
        let check = async |sent: &[u8], expect: &str| {
            let (all, error) = read_all(sent, 4_096, 100).await;
            assert_eq!(all, []);
            assert!(error.to_string().contains(expect), "{error}");
        };
        check(
            b"* 1 FETCH (BODY[] {629145600}\r\n",
            "announced 629145600 bytes where at most 100",
        )
        .await;
        check(b"* 1 FETCH (BODY[] {60}\r\n", "closed").await;
        let two = [b"* 1 FETCH (A {60}\r\n", &[b'x'; 60][..], b"B {60}\r\n"].concat();
        check(&two, "announced 60 bytes").await;
        check(b"* 1 FETCH (BODY[] {99999999999999999999}\r\n", "cannot be understood").await;
        check(&b"x".repeat(TEXT_BYTES_MAX + 1), "more than 65536 bytes").await;
        check(&b"a {0}\r\n".repeat(TEXT_BYTES_MAX), "announced 0 bytes").await;
        check(b"* OK \0\r\n", "cannot be understood").await;
    }
}
