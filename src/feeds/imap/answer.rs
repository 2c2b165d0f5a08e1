//! What an answer of the server means. Nothing here recurses, whatever the answer nests.

use std::borrow::Cow;

use super::wire::{LITERAL, Raw};
use crate::base::Day;

/// The parts of an answer that this program uses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// To the command with this tag, or to none: `*`.
    Status {
        tag: String,
        status: Status,
        /// What is in brackets, as `UIDVALIDITY 7`; empty if nothing is.
        code: String,
        /// Human-readable text.
        text: String,
    },
    /// The server waits for more.
    Continue(String),
    Capability(String),
    /// Number of messages in the folder.
    Exists(u32),
    Fetch(Fetched),
    Namespaces(Namespaces),
    /// Anything else that is well-formed.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

/// What is said of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    /// The number of the message in the folder: what is said of one may come in several answers.
    pub number: u32,
    pub uid: Option<u32>,
    /// `None`: nothing is said of it, or nothing that is a size.
    pub size: Option<u64>,
    /// The day on which the server got it.
    pub day: Option<Day>,
    pub body: Option<Vec<u8>>,
}

/// How names of folders begin (RFC 2342, 5), encoded as the server has it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Namespaces {
    /// The user's own.
    pub personal: Vec<Namespace>,
    /// Namespaces of other users, and shared ones.
    pub foreign: Vec<Namespace>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Namespace {
    pub prefix: String,
    /// Between a folder and those in it; `None`: there are none in it.
    pub separator: Option<char>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'t> {
    Open,
    Close,
    Atom(&'t str),
    Quoted(String),
    /// The n-th.
    Literal(usize),
}

impl Answer {
    /// `None` if it is not an answer of an IMAP server.
    pub fn parse(raw: Raw) -> Option<Self> {
        // Only ASCII is parsed. Other characters may occur in human-readable texts.
        let text = String::from_utf8_lossy(&raw.text).into_owned();
        let (tag, rest) = text.split_once(' ').unwrap_or((&text, ""));
        if tag == "+" {
            return Some(Self::Continue(rest.to_owned()));
        }
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = match word.to_ascii_uppercase().as_str() {
            "OK" => Some(Status::Ok),
            "NO" => Some(Status::No),
            "BAD" => Some(Status::Bad),
            "BYE" => Some(Status::Bye),
            "PREAUTH" => Some(Status::Preauth),
            _ => None,
        };
        if let Some(status) = status {
            let (code, text) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((code, text)) => (code, text.trim_start()),
                None => ("", rest),
            };
            return Some(Self::Status {
                tag: tag.to_owned(),
                status,
                code: code.to_owned(),
                text: text.to_owned(),
            });
        }
        if tag != "*" {
            return None;
        }
        if word.eq_ignore_ascii_case("CAPABILITY") {
            return Some(Self::Capability(rest.to_owned()));
        }
        if word.eq_ignore_ascii_case("NAMESPACE") {
            return namespaces(rest, &raw.literals).map(Self::Namespaces);
        }
        let Ok(number) = word.parse() else {
            return Some(Self::Other);
        };
        let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match what.to_ascii_uppercase().as_str() {
            "EXISTS" => Some(Self::Exists(number)),
            "FETCH" => fetched(number, rest, raw.literals).map(Self::Fetch),
            _ => Some(Self::Other),
        }
    }
}

/// `(NAME value NAME value ...)`: RFC 9051, 7.5.2.
fn fetched(number: u32, text: &str, mut literals: Vec<Vec<u8>>) -> Option<Fetched> {
    let mut tokens = tokens(text)?.into_iter();
    let mut found = Fetched {
        number,
        ..Fetched::default()
    };
    if tokens.next() != Some(Token::Open) {
        return None;
    }
    loop {
        let name = match tokens.next()? {
            Token::Close => return Some(found),
            Token::Atom(name) => name.to_ascii_uppercase(),
            _ => return None,
        };
        let value = tokens.next()?;
        if value == Token::Open {
            let mut depth = 1_u32;
            while depth > 0 {
                match tokens.next()? {
                    Token::Open => depth += 1,
                    Token::Close => depth -= 1,
                    _ => {}
                }
            }
            continue;
        }
        match (name.as_str(), value) {
            ("BODY[]", Token::Literal(nth)) => found.body = literals.get_mut(nth).map(std::mem::take),
            // Short ones may come so; NIL is a message without a byte.
            ("BODY[]", Token::Quoted(text)) => found.body = Some(text.into_bytes()),
            ("UID", value) => found.uid = plain(value, &literals).parse().ok().filter(|uid| *uid > 0),
            ("RFC822.SIZE", value) if value != Token::Close => found.size = plain(value, &literals).parse().ok(),
            ("INTERNALDATE", value) if value != Token::Close => found.day = day(&plain(value, &literals)),
            ("BODY[]", Token::Atom(nil)) if nil.eq_ignore_ascii_case("NIL") => found.body = Some(Vec::new()),
            (_, Token::Close) => return None,
            _ => {}
        }
    }
}

/// What a value says, however it is written: some servers quote their numbers.
fn plain<'t>(value: Token<'t>, literals: &[Vec<u8>]) -> Cow<'t, str> {
    match value {
        Token::Atom(text) => text.into(),
        Token::Quoted(text) => text.trim().to_owned().into(),
        Token::Literal(nth) => {
            let text = literals
                .get(nth)
                .map(|literal| String::from_utf8_lossy(literal).trim().to_owned());
            text.unwrap_or_default().into()
        }
        Token::Open | Token::Close => "".into(),
    }
}

/// `((prefix separator) ...) ((...)) NIL`: the user's own, other users', shared.
fn namespaces(text: &str, literals: &[Vec<u8>]) -> Option<Namespaces> {
    let mut found = Namespaces::default();
    let mut groups = 0;
    let mut depth = 0_u32;
    // What has been said of the namespace that is being named.
    let mut words = 0;
    for token in tokens(text)? {
        match token {
            Token::Open => {
                depth += 1;
                words = if depth == 2 { 0 } else { words };
            }
            Token::Close => {
                depth = depth.checked_sub(1)?;
                groups += u32::from(depth == 0);
            }
            _ if depth == 0 => groups += 1,
            value if depth == 2 => {
                words += 1;
                let group = if groups == 0 {
                    &mut found.personal
                } else {
                    &mut found.foreign
                };
                let is_nil = matches!(value, Token::Atom(nil) if nil.eq_ignore_ascii_case("NIL"));
                match words {
                    1 => group.push(Namespace {
                        prefix: plain(value, literals).into_owned(),
                        separator: None,
                    }),
                    2 if !is_nil => group.last_mut()?.separator = plain(value, literals).chars().next(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Some(found)
}

fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut literals = 0;
    let mut rest = text;
    while let Some(first) = rest.as_bytes().first() {
        let taken = match first {
            b' ' => 1,
            b'(' => {
                tokens.push(Token::Open);
                1
            }
            b')' => {
                tokens.push(Token::Close);
                1
            }
            &LITERAL => {
                tokens.push(Token::Literal(literals));
                literals += 1;
                1
            }
            b'"' => {
                let (quoted, taken) = quoted(rest)?;
                tokens.push(Token::Quoted(quoted));
                taken
            }
            _ => {
                let is_end = |byte: u8| matches!(byte, b' ' | b'(' | b')' | b'"' | LITERAL);
                let end = rest.bytes().position(is_end).unwrap_or(rest.len());
                tokens.push(Token::Atom(&rest[..end]));
                end
            }
        };
        rest = &rest[taken..];
    }
    Some(tokens)
}

/// A quoted text and its length with the quotes.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut quoted = String::new();
    let mut chars = text.char_indices().skip(1);
    loop {
        match chars.next()? {
            (at, '"') => return Some((quoted, at + 1)),
            (_, '\\') => quoted.push(chars.next()?.1),
            (_, char) => quoted.push(char),
        }
    }
}

/// The day of `17-Jul-1996 02:44:25 -0700`, by the server's own time.
fn day(date: &str) -> Option<Day> {
    let (date, _time) = date.trim_start().split_once(' ')?;
    let mut parts = date.split('-');
    let day = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let month = months.iter().position(|name| month.eq_ignore_ascii_case(name))?;
    let year = parts.next()?.parse().ok()?;
    Day::from_date(year, u32::try_from(month + 1).ok()?, day)
}

/// UIDs as a set in a command (RFC 9051, 9: `sequence-set`), ascending.
pub(super) fn uid_set(uids: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &uid in uids {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(uid) => *last = uid,
            _ => ranges.push((uid, uid)),
        }
    }
    let text = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}:{last}"),
    });
    text.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str, literals: &[&str]) -> Option<Answer> {
        Answer::parse(Raw {
            text: text.as_bytes().to_vec(),
            literals: literals.iter().map(|text| text.as_bytes().to_vec()).collect(),
        })
    }

    fn status(tag: &str, status: Status, code: &str, text: &str) -> Option<Answer> {
        Some(Answer::Status {
            tag: tag.to_owned(),
            status,
            code: code.to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn answers_are_classified() {
        assert_eq!(answer("a1 OK done", &[]), status("a1", Status::Ok, "", "done"));
        assert_eq!(answer("a1 BAD", &[]), status("a1", Status::Bad, "", ""));
        assert_eq!(
            answer("* ok [UIDVALIDITY 7] UIDs valid", &[]),
            status("*", Status::Ok, "UIDVALIDITY 7", "UIDs valid")
        );
        assert_eq!(answer("* 18 EXISTS", &[]), Some(Answer::Exists(18)));
        assert_eq!(
            answer("* CAPABILITY A B", &[]),
            Some(Answer::Capability("A B".to_owned()))
        );
        assert_eq!(answer("+ idling", &[]), Some(Answer::Continue("idling".to_owned())));
        assert_eq!(answer("+", &[]), Some(Answer::Continue(String::new())));
        assert_eq!(answer("* LIST () \"/\" x", &[]), Some(Answer::Other));
        for garbage in ["", "HTTP/1.1 400 Bad Request", "\u{feff}", "a1", "a1 NOPE x"] {
            assert_eq!(answer(garbage, &[]), None, "{garbage}");
        }
    }

    #[test]
    fn message_data_is_found_in_any_order() {
        let expect = || Fetched {
            number: 1,
            uid: Some(5),
            size: Some(44),
            day: Some(Day(9_694)),
            body: Some(b"mail".to_vec()),
        };
        for text in [
            "* 1 FETCH (UID 5 RFC822.SIZE 44 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] \0)",
            "* 1 FETCH (FLAGS (\\Seen (x)) BODY[] \0 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" uid 5 rfc822.size 44)",
        ] {
            assert_eq!(answer(text, &["mail"]), Some(Answer::Fetch(expect())), "{text}");
        }
    }

    #[test]
    fn odd_data_is_skipped_and_broken_data_is_noticed() {
        assert_eq!(
            answer("* 1 FETCH (UID 5 ENVELOPE (\"a\\\")\" NIL) BODY[] \"x\")", &[]),
            Some(Answer::Fetch(Fetched {
                number: 1,
                uid: Some(5),
                body: Some(b"x".to_vec()),
                ..Fetched::default()
            }))
        );
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {}{})", "(".repeat(30_000), ")".repeat(30_000));
        assert_eq!(
            answer(&deep, &[]),
            Some(Answer::Fetch(Fetched {
                number: 1,
                ..Fetched::default()
            }))
        );
        for broken in [
            "* 1 FETCH",
            "* 1 FETCH (UID",
            "* 1 FETCH (UID)",
            "* 1 FETCH ((",
            "* 1 FETCH (A \"b)",
        ] {
            assert_eq!(answer(broken, &[]), None, "{broken}");
        }
        // Nothing that was announced is missing without being noticed.
        assert_eq!(
            answer("* 1 FETCH (BODY[] \0)", &[]),
            Some(Answer::Fetch(Fetched {
                number: 1,
                ..Fetched::default()
            }))
        );
    }

    #[test]
    fn invalid_sizes_are_none_and_quoted_ones_count() {
        for (size, expect) in [
            ("44", Some(44)),
            ("\"44\"", Some(44)),
            ("\0", Some(44)),
            ("NIL", None),
            ("-1", None),
            ("99999999999999999999999", None),
            ("\"\"", None),
            ("4 4", None),
        ] {
            let text = format!("* 1 FETCH (UID \"5\" RFC822.SIZE {size})");
            let Some(Answer::Fetch(found)) = answer(&text, &["44"]) else {
                assert_eq!(size, "4 4", "only what breaks the list is an error");
                continue;
            };
            assert_eq!((found.uid, found.size), (Some(5), expect), "{size}");
        }
    }

    #[test]
    fn namespaces_are_classified() {
        let check = |text: &str, personal: &[(&str, Option<char>)], foreign: usize| {
            let Some(Answer::Namespaces(found)) = answer(&format!("* NAMESPACE {text}"), &["INBOX."]) else {
                panic!("{text}");
            };
            let prefixes: Vec<_> = found.personal.iter().map(|own| (&*own.prefix, own.separator)).collect();
            assert_eq!((prefixes, found.foreign.len()), (personal.to_vec(), foreign), "{text}");
        };
        check("((\"INBOX.\" \".\")) NIL NIL", &[("INBOX.", Some('.'))], 0);
        check("((\0 \".\")) NIL ((\"Public/\" \"/\"))", &[("INBOX.", Some('.'))], 1);
        check(
            "((\"\" \"/\")) ((\"~\" \"/\")) ((\"#\" NIL)(\"P\" \"/\"))",
            &[("", Some('/'))],
            3,
        );
        check(
            "((\"\" \"/\" \"X-PARAM\" (\"F1\" \"F2\"))(\"mail/\" NIL)) NIL NIL",
            &[("", Some('/')), ("mail/", None)],
            0,
        );
        check("NIL NIL NIL", &[], 0);
        assert_eq!(
            answer("* NAMESPACE ((", &[]),
            Some(Answer::Namespaces(Namespaces::default()))
        );
        assert_eq!(answer("* NAMESPACE )", &[]), None);
    }

    #[test]
    fn uids_are_written_as_a_set() {
        for (uids, expect) in [
            (&[1, 2, 3, 7, 9, 10][..], "1:3,7,9:10"),
            (&[4], "4"),
            (&[u32::MAX - 1, u32::MAX], "4294967294:4294967295"),
        ] {
            assert_eq!(uid_set(uids), expect);
        }
    }
}
