//! One command line, taken apart.

use std::fmt;

use super::reply::{self, Reply};

/// A command with its arguments (RFC 5321, 4.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// RFC 5321, 4.1.1.1. The name is as the peer wrote it.
    Ehlo(String),
    /// RFC 5321, 4.1.1.1.
    Helo(String),
    /// RFC 2033, 4.1.
    Lhlo(String),
    /// RFC 5321, 4.1.1.2.
    Mail(Mail),
    /// RFC 5321, 4.1.1.3.
    Rcpt(Mailbox),
    /// RFC 5321, 4.1.1.4.
    Data,
    /// RFC 5321, 4.1.1.5.
    Rset,
    /// RFC 5321, 4.1.1.9.
    Noop,
    /// RFC 5321, 4.1.1.10.
    Quit,
    /// RFC 5321, 4.1.1.6.
    Vrfy,
    /// RFC 3207, 4.
    StartTls,
    /// A request of HTTP. A web page can make a browser send one with mail commands in its body.
    Http,
}

/// MAIL with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `None` is the null reverse-path (RFC 5321, 4.5.5).
    pub sender: Option<Mailbox>,
    /// SIZE= (RFC 1870, 5): bytes; `u64::MAX` if it is larger than that.
    pub size: Option<u64>,
    /// BODY= (RFC 6152, 2).
    pub body: BodyType,
    /// RFC 6531, 3.4.
    pub text: AddressText,
}

/// What BODY= says (RFC 6152, 2). Only kept for the record: bytes are taken as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyType {
    /// BODY=7BIT, or no BODY parameter.
    #[default]
    SevenBit,
    /// BODY=8BITMIME.
    EightBitMime,
}

/// What addresses may be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressText {
    /// RFC 5321.
    #[default]
    Ascii,
    /// The transaction has SMTPUTF8 (RFC 6531, 3.4).
    Utf8,
}

/// A mailbox, without quotes, brackets and source route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// As written, unquoted (RFC 5321, 4.1.2: quoted and unquoted forms are the same mailbox).
    pub local: String,
    /// As written. Empty only for `<postmaster>` (RFC 5321, 4.1.1.3).
    pub domain: String,
}

impl Mailbox {
    /// Whether it is ASCII throughout: any other needs SMTPUTF8 (RFC 6531, 3.2).
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.domain {
            "" => f.write_str(&self.local),
            domain => write!(f, "{}@{domain}", self.local),
        }
    }
}

/// RFC 5321, 4.5.3.1.2, with the largest address literal inside it.
const DOMAIN_BYTES_MAX: usize = 255;

impl Command {
    /// Reads a line without its CR LF; the error is what to answer. Never longer than the line limit.
    pub fn parse(line: &[u8]) -> Result<Self, Reply> {
        // RFC 6531, 3.1 (UTF-8), RFC 5321, 4.1.2 (no controls anywhere). A bare CR is one.
        let Ok(line) = std::str::from_utf8(line) else {
            return Err(reply::UNKNOWN_COMMAND);
        };
        if line.chars().any(char::is_control) {
            return Err(reply::BAD_LINE_END);
        }
        let line = line.trim_end_matches(' ');
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start_matches(' ');
        // RFC 5321, 2.4: verbs in any case.
        match &*verb.to_ascii_uppercase() {
            "EHLO" => host(rest).map(Self::Ehlo),
            "HELO" => host(rest).map(Self::Helo),
            "LHLO" => host(rest).map(Self::Lhlo),
            "MAIL" => mail(rest).map(Self::Mail),
            "RCPT" => recipient(rest).map(Self::Rcpt),
            "DATA" => alone(rest, Self::Data),
            "RSET" => alone(rest, Self::Rset),
            // RFC 5321, 4.1.1.9: an argument is ignored.
            "NOOP" => Ok(Self::Noop),
            "QUIT" => alone(rest, Self::Quit),
            "VRFY" if rest.is_empty() => Err(reply::BAD_ARGUMENT),
            "VRFY" => Ok(Self::Vrfy),
            "STARTTLS" => alone(rest, Self::StartTls),
            "AUTH" | "BDAT" | "EXPN" | "HELP" | "ETRN" | "TURN" | "BURL" => Err(reply::NOT_OFFERED),
            "GET" | "POST" | "PUT" | "HEAD" | "OPTIONS" | "CONNECT" => Ok(Self::Http),
            _ => Err(reply::UNKNOWN_COMMAND),
        }
    }
}

fn alone(rest: &str, command: Command) -> Result<Command, Reply> {
    if rest.is_empty() {
        Ok(command)
    } else {
        Err(reply::BAD_ARGUMENT)
    }
}

/// RFC 5321, 4.1.4: a name that cannot be verified is no reason to refuse mail, so nearly anything will do.
fn host(rest: &str) -> Result<String, Reply> {
    if rest.is_empty() || rest.len() > DOMAIN_BYTES_MAX || rest.contains(' ') {
        return Err(reply::BAD_ARGUMENT);
    }
    Ok(rest.to_owned())
}

fn mail(rest: &str) -> Result<Mail, Reply> {
    let rest = after_keyword(rest, "FROM:").ok_or(reply::BAD_ARGUMENT)?;
    let (sender, parameters) = path(rest).ok_or(reply::BAD_SENDER)?;
    // A reverse-path is empty or a whole mailbox: the bare postmaster is for RCPT only.
    if sender.as_ref().is_some_and(|mailbox| mailbox.domain.is_empty()) {
        return Err(reply::BAD_SENDER);
    }
    let mut mail = Mail {
        sender,
        size: None,
        body: BodyType::default(),
        text: AddressText::default(),
    };
    let mut seen = Vec::new();
    for parameter in parameters.split(' ').filter(|parameter| !parameter.is_empty()) {
        let (key, value) = match parameter.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (parameter, None),
        };
        let key = key.to_ascii_uppercase();
        match (&*key, value) {
            ("SIZE", Some(value)) => mail.size = Some(size(value)?),
            ("BODY", Some(value)) => mail.body = body_type(value)?,
            ("SMTPUTF8", None) => mail.text = AddressText::Utf8,
            ("SIZE" | "BODY" | "SMTPUTF8", _) => return Err(reply::BAD_ARGUMENT),
            _ => return Err(reply::UNKNOWN_PARAMETER),
        }
        // RFC 5321, 4.1.1.11 has no meaning for one that is given twice.
        if seen.contains(&key) {
            return Err(reply::BAD_ARGUMENT);
        }
        seen.push(key);
    }
    if mail.text == AddressText::Ascii && mail.sender.as_ref().is_some_and(|mailbox| !mailbox.is_ascii()) {
        return Err(reply::NEEDS_SMTPUTF8);
    }
    Ok(mail)
}

/// RFC 1870, 5: 1 to 20 digits. 20 nines do not fit: then it is too large whatever it is.
fn size(value: &str) -> Result<u64, Reply> {
    if value.is_empty() || value.len() > 20 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(reply::BAD_ARGUMENT);
    }
    Ok(value.parse().unwrap_or(u64::MAX))
}

/// RFC 6152, 2. BINARYMIME belongs to BDAT, which is not offered.
fn body_type(value: &str) -> Result<BodyType, Reply> {
    match &*value.to_ascii_uppercase() {
        "7BIT" => Ok(BodyType::SevenBit),
        "8BITMIME" => Ok(BodyType::EightBitMime),
        _ => Err(reply::BAD_ARGUMENT),
    }
}

fn recipient(rest: &str) -> Result<Mailbox, Reply> {
    let rest = after_keyword(rest, "TO:").ok_or(reply::BAD_ARGUMENT)?;
    let (mailbox, parameters) = path(rest).ok_or(reply::BAD_RECIPIENT)?;
    let mailbox = mailbox.ok_or(reply::BAD_RECIPIENT)?;
    // Only DSN (RFC 3461) and the like have parameters here, and they are not offered.
    if !parameters.is_empty() {
        return Err(reply::UNKNOWN_PARAMETER);
    }
    Ok(mailbox)
}

/// What follows the keyword. RFC 5321, 3.3 has no space after the colon; many senders put one.
fn after_keyword<'a>(rest: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, tail) = (rest.get(..keyword.len())?, rest.get(keyword.len()..)?);
    head.eq_ignore_ascii_case(keyword).then(|| tail.trim_start_matches(' '))
}

/// `<mailbox>` or `<>`, and what follows after a space (RFC 5321, 4.1.2).
fn path(text: &str) -> Option<(Option<Mailbox>, &str)> {
    let text = text.strip_prefix('<')?;
    if let Some(rest) = text.strip_prefix('>') {
        return Some((None, parameters(rest)?));
    }
    // RFC 5321, appendix C: a source route is accepted and ignored.
    let text = if text.starts_with('@') {
        text.split_once(':')?.1
    } else {
        text
    };
    let (local, text) = if text.starts_with('"') {
        quoted_local(text)?
    } else {
        plain_local(text)?
    };
    let (domain, text) = match text.strip_prefix('@') {
        Some(text) => domain(text)?,
        None if local.eq_ignore_ascii_case("postmaster") => ("", text),
        None => return None,
    };
    let rest = text.strip_prefix('>')?;
    Some((
        Some(Mailbox {
            local,
            domain: domain.to_owned(),
        }),
        parameters(rest)?,
    ))
}

fn parameters(rest: &str) -> Option<&str> {
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix(' ').map(|rest| rest.trim_matches(' '))
    }
}

/// RFC 5321, 4.1.2, Quoted-string.
fn quoted_local(text: &str) -> Option<(String, &str)> {
    let mut local = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((local, &text[at + 1..])),
            '\\' => local.push(chars.next()?.1),
            other => local.push(other),
        }
    }
    None
}

/// RFC 5321, 4.1.2, Dot-string, but dots may stand anywhere: there are such mailboxes.
fn plain_local(text: &str) -> Option<(String, &str)> {
    let end = text.find(|char: char| " \"(),:;<>@[\\]".contains(char))?;
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// RFC 5321, 4.1.2 and 4.1.3: a name or an address literal.
fn domain(text: &str) -> Option<(&str, &str)> {
    let end = text.find('>')?;
    let (domain, rest) = text.split_at(end);
    let name = |name: &str| {
        name.chars()
            .all(|char| char.is_alphanumeric() || ".-_".contains(char) || !char.is_ascii())
    };
    let good = match domain.strip_prefix('[').and_then(|literal| literal.strip_suffix(']')) {
        Some(literal) => literal
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".:-".contains(&byte)),
        None => name(domain),
    };
    (good && !domain.is_empty() && domain.len() <= DOMAIN_BYTES_MAX).then_some((domain, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(local: &str, domain: &str) -> Mailbox {
        Mailbox {
            local: local.to_owned(),
            domain: domain.to_owned(),
        }
    }

    fn check_recipient(line: &str, expect: Result<Mailbox, Reply>) {
        assert_eq!(Command::parse(line.as_bytes()), expect.map(Command::Rcpt), "{line}");
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        check_recipient("RCPT TO:<a@b.example>", Ok(mailbox("a", "b.example")));
        check_recipient("rcpt to: <a.b+c@b.example>  ", Ok(mailbox("a.b+c", "b.example")));
        check_recipient(
            "RCPT TO:<@relay.example,@two.example:a@b.example>",
            Ok(mailbox("a", "b.example")),
        );
        check_recipient(
            r#"RCPT TO:<"a b\"@c"@b.example>"#,
            Ok(mailbox(r#"a b"@c"#, "b.example")),
        );
        check_recipient("RCPT TO:<a@[IPv6:2001:db8::1]>", Ok(mailbox("a", "[IPv6:2001:db8::1]")));
        check_recipient("RCPT TO:<PostMaster>", Ok(mailbox("PostMaster", "")));
        check_recipient("RCPT TO:<é@bücher.example>", Ok(mailbox("é", "bücher.example")));
        for bad in [
            "",
            "a@b",
            "<a>",
            "<>",
            "<a@>",
            "<@b.example>",
            "<a b@c>",
            "<a@b c>",
            "<a@b",
            "<\"a@b>",
            "<a@b>x",
        ] {
            check_recipient(&format!("RCPT TO:{bad}"), Err(reply::BAD_RECIPIENT));
        }
        check_recipient("RCPT TO:<a@b.example> NOTIFY=NEVER", Err(reply::UNKNOWN_PARAMETER));
        check_recipient("RCPT <a@b.example>", Err(reply::BAD_ARGUMENT));
    }

    fn check_mail(parameters: &str, expect: Result<(Option<u64>, BodyType, AddressText), Reply>) {
        let line = format!("MAIL FROM:<a@b.example>{parameters}");
        let sender = Some(mailbox("a", "b.example"));
        let expect = expect.map(|(size, body, text)| {
            Command::Mail(Mail {
                sender,
                size,
                body,
                text,
            })
        });
        assert_eq!(Command::parse(line.as_bytes()), expect, "{line}");
    }

    #[test]
    fn parameters_of_mail_are_read() {
        use AddressText::{Ascii, Utf8};
        use BodyType::{EightBitMime, SevenBit};
        check_mail("", Ok((None, SevenBit, Ascii)));
        check_mail(" SIZE=10", Ok((Some(10), SevenBit, Ascii)));
        check_mail(
            "  size=99999999999999999999  body=8bitmime SMTPUTF8",
            Ok((Some(u64::MAX), EightBitMime, Utf8)),
        );
        for bad in [
            " SIZE",
            " SIZE=",
            " SIZE=-1",
            " SIZE=1 SIZE=1",
            " SIZE=999999999999999999999",
            " BODY=BINARYMIME",
        ] {
            check_mail(bad, Err(reply::BAD_ARGUMENT));
        }
        check_mail(" SMTPUTF8=1", Err(reply::BAD_ARGUMENT));
        check_mail(" RET=HDRS", Err(reply::UNKNOWN_PARAMETER));
        check_mail("SIZE=1", Err(reply::BAD_SENDER));
        let eight_bit = Command::parse("MAIL FROM:<é@b.example>".as_bytes());
        assert_eq!(eight_bit, Err(reply::NEEDS_SMTPUTF8));
        assert!(matches!(
            Command::parse(b"MAIL FROM:<>"),
            Ok(Command::Mail(Mail { sender: None, .. }))
        ));
        assert_eq!(Command::parse(b"MAIL FROM:<postmaster>"), Err(reply::BAD_SENDER));
    }

    #[test]
    fn lines_that_are_no_commands_are_refused() {
        for (line, expect) in [
            (&b""[..], reply::UNKNOWN_COMMAND),
            (b"\xff\xfe", reply::UNKNOWN_COMMAND),
            (b"HELO a\0b", reply::BAD_LINE_END),
            (b"QUIT\rQUIT", reply::BAD_LINE_END),
            (b"EHLO", reply::BAD_ARGUMENT),
            (b"EHLO a b", reply::BAD_ARGUMENT),
            (b"DATA 1", reply::BAD_ARGUMENT),
            (b"VRFY", reply::BAD_ARGUMENT),
            (b"BDAT 10 LAST", reply::NOT_OFFERED),
            (b"AUTH PLAIN", reply::NOT_OFFERED),
            (b"EHLOX a", reply::UNKNOWN_COMMAND),
        ] {
            assert_eq!(Command::parse(line), Err(expect), "{}", line.escape_ascii());
        }
        assert_eq!(Command::parse(b"GET / HTTP/1.1"), Ok(Command::Http));
    }
}
