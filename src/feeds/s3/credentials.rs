//! The keys of access, in the form of `~/.aws/credentials`. The file is read for each request, so that keys that run out can be
//! replaced while the program runs.

use std::path::Path;

use crate::feeds::outcome::Failure;
use crate::health::Trouble;

/// Longest file, bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Keys of access.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub key_id: String,
    pub secret: String,
    /// Of keys that run out.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(...)")
    }
}

/// Reads a file of credentials.
pub(super) fn read(path: &Path) -> Result<Credentials, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::new(Trouble::Secret, format!("{}: {why}", path.display()));
    let about = std::fs::metadata(path).map_err(|error| wrong(&error))?;
    if about.len() > FILE_BYTES_MAX {
        return Err(wrong(&"it is too long for a file of keys"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    parse(&text).ok_or_else(|| wrong(&"its first section needs aws_access_key_id and aws_secret_access_key"))
}

/// The section `default`, or what stands before any section.
fn parse(text: &str) -> Option<Credentials> {
    let (mut key_id, mut secret, mut session_token) = (None, None, None);
    let mut is_ours = true;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            is_ours = section.trim() == "default";
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| is_ours) else {
            continue;
        };
        let value = value.trim();
        // What is not ASCII cannot stand in a header field.
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            continue;
        }
        let place = match name.trim() {
            "aws_access_key_id" => &mut key_id,
            "aws_secret_access_key" => &mut secret,
            "aws_session_token" => &mut session_token,
            _ => continue,
        };
        *place = Some(value.to_owned());
    }
    Some(Credentials {
        key_id: key_id?,
        secret: secret?,
        session_token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(&str, &str, Option<&str>)>) {
        let read = parse(text);
        let read = read
            .as_ref()
            .map(|keys| (&*keys.key_id, &*keys.secret, keys.session_token.as_deref()));
        assert_eq!(read, expect, "{text}");
    }

    #[test]
    fn the_default_section_is_read() {
        let plain = "aws_access_key_id = AKIA1\r\naws_secret_access_key=a/b+c=\n";
        check(plain, Some(("AKIA1", "a/b+c=", None)));
        let other = "[other]\naws_access_key_id=AKIA2\naws_secret_access_key=no\n";
        let section = format!("{other}[ default ]\n# of today\n{plain}aws_session_token = T0k==\n");
        check(&section, Some(("AKIA1", "a/b+c=", Some("T0k=="))));
        check(&format!("[default]\n{plain}{other}"), Some(("AKIA1", "a/b+c=", None)));
        for incomplete in [
            "",
            other,
            "aws_access_key_id = AKIA1\n",
            "aws_access_key_id=\naws_secret_access_key=b\n",
        ] {
            check(incomplete, None);
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let keys = parse("aws_access_key_id=AKIA1\naws_secret_access_key=secret\n").unwrap();
        assert_eq!(format!("{keys:?}"), "Credentials(...)");
    }
}
