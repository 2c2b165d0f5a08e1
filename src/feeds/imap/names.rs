//! Names of folders: as people write them, and as servers take them.

use base64::Engine as _;

use super::answer::{Namespace, Namespaces};

/// A folder's name as the server takes it: behind the prefix that its own folders have there (RFC 2342), in modified UTF-7
/// (RFC 3501, 5.1.3), quoted.
pub(super) fn on_wire(name: &str, namespaces: &Namespaces) -> String {
    // RFC 9051, 5.1.
    if name.eq_ignore_ascii_case("INBOX") {
        return quoted("INBOX");
    }
    let encoded = encoded(name);
    let Some(Namespace { prefix, separator }) = needed_prefix(&encoded, namespaces) else {
        return quoted(&encoded);
    };
    // A folder of the inbox may be written as another server would have it.
    let below_inbox = inbox_child(&encoded).filter(|_| inbox_child(prefix) == Some(""));
    match (below_inbox, separator) {
        (Some(child), Some(_)) => quoted(&format!("{prefix}{child}")),
        _ => quoted(&format!("{prefix}{encoded}")),
    }
}

/// The prefix that a name lacks.
fn needed_prefix<'n>(name: &str, namespaces: &'n Namespaces) -> Option<&'n Namespace> {
    let has_prefix = |namespace: &Namespace| {
        let own = namespace.prefix.as_bytes();
        match name.as_bytes().get(..own.len()) {
            Some(start) => start == own || is_inbox(&namespace.prefix) && start.eq_ignore_ascii_case(own),
            None => false,
        }
    };
    let all = namespaces.personal.iter().chain(&namespaces.foreign);
    // Where one has none, no name needs any.
    let is_complete = namespaces.personal.iter().any(|own| own.prefix.is_empty())
        || all.filter(|namespace| !namespace.prefix.is_empty()).any(has_prefix);
    namespaces.personal.first().filter(|_| !is_complete)
}

fn is_inbox(prefix: &str) -> bool {
    inbox_child(prefix) == Some("")
}

/// What stands behind `INBOX` and a separator.
fn inbox_child(name: &str) -> Option<&str> {
    let (start, rest) = name.split_at_checked(5)?;
    let rest = rest.strip_prefix(['/', '.'])?;
    start.eq_ignore_ascii_case("INBOX").then_some(rest)
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Modified UTF-7.
fn encoded(name: &str) -> String {
    let mut encoded = String::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let is_plain = |char: char| (' '..='~').contains(&char);
        let end = rest
            .find(|char| is_plain(char) != is_plain(first))
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if is_plain(first) {
            encoded.push_str(&run.replace('&', "&-"));
            continue;
        }
        let utf16: Vec<u8> = run.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(utf16);
        encoded.push('&');
        encoded.push_str(&base64.replace('/', ","));
        encoded.push('-');
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_are_encoded() {
        for (name, expect) in [
            ("INBOX", "\"INBOX\""),
            ("inbox", "\"INBOX\""),
            ("a \"b\" \\", "\"a \\\"b\\\" \\\\\""),
            ("R&D", "\"R&-D\""),
            // RFC 3501, 5.1.3.
            ("~peter/mail/台北/日本語", "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\""),
            ("Entwürfe", "\"Entw&APw-rfe\""),
        ] {
            assert_eq!(on_wire(name, &Namespaces::default()), expect);
        }
    }

    #[test]
    fn a_prefix_is_put_before_names_that_lack_it() {
        let namespace = |prefix: &str, separator| Namespace {
            prefix: prefix.to_owned(),
            separator: Some(separator),
        };
        let namespaces = |personal: &[&str], foreign: &[&str]| Namespaces {
            personal: personal.iter().map(|prefix| namespace(prefix, '.')).collect(),
            foreign: foreign.iter().map(|prefix| namespace(prefix, '.')).collect(),
        };
        let inbox = namespaces(&["INBOX."], &["shared."]);
        let folders = namespaces(&["Folders/"], &[]);
        let none = namespaces(&[""], &["shared."]);
        let both = namespaces(&["INBOX.", ""], &[]);
        for (name, namespaces, expect) in [
            ("Done", &inbox, "INBOX.Done"),
            ("INBOX.Done", &inbox, "INBOX.Done"),
            ("Inbox.Done", &inbox, "Inbox.Done"),
            ("INBOX/Done", &inbox, "INBOX.Done"),
            ("inbox", &inbox, "INBOX"),
            ("INBOXES", &inbox, "INBOX.INBOXES"),
            ("shared.Reports", &inbox, "shared.Reports"),
            ("Übrige", &inbox, "INBOX.&ANw-brige"),
            ("Done", &folders, "Folders/Done"),
            ("Done", &none, "Done"),
            ("Done", &both, "Done"),
            ("Done", &Namespaces::default(), "Done"),
        ] {
            assert_eq!(on_wire(name, namespaces), format!("\"{expect}\""), "{name}");
        }
    }
}
