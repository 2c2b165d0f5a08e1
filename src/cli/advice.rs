//! Commands that are offered for pasting. Each runs unchanged, on the same installation.

use std::path::Path;
use std::sync::OnceLock;

use crate::base::text::argument;
use crate::base::{DomainName, NameError};

/// The program as it was called, with the options that name the installation.
static CALLED: OnceLock<String> = OnceLock::new();

/// Remembers the options of this call that an offered command must repeat.
pub(super) fn remember(config: Option<&Path>, data: Option<&Path>) {
    // Only tests call it twice in one process. The first call stays.
    let _ = CALLED.set(called(config, data));
}

fn called(config: Option<&Path>, data: Option<&Path>) -> String {
    let mut called = "tallymark".to_owned();
    for (option, value, placeholder) in [("--config", config, "FILE"), ("--data", data, "DIR")] {
        if let Some(path) = value {
            called += &format!(" {option} {}", path_argument(path).as_deref().unwrap_or(placeholder));
        }
    }
    called
}

/// A path as an argument. One that begins with `-` is written so that it is not read as an option.
fn path_argument(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let text = if text.starts_with('-') {
        format!("./{text}")
    } else {
        text.to_owned()
    };
    argument(&text).map(|text| text.into_owned())
}

/// The command with these words, as in `domains list`. The words must be literals or come from [`argument`].
pub(super) fn command(words: &str) -> String {
    format!("{} {words}", CALLED.get().map_or("tallymark", String::as_str))
}

/// The command that adds a domain whose name a stranger wrote.
///
/// # Errors
/// Why no such domain can be added; there is no command then.
pub(super) fn add_domain(name: &str) -> Result<String, NameError> {
    DomainName::parse(name).map(|name| command(&format!("domains add {name}")))
}

/// Whether an account can have this name: it is safe to paste, and is not an option.
pub(super) fn is_account_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(is_plain) && !name.starts_with(['-', '.', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offered_command_repeats_the_options_quoted() {
        let check = |config: Option<&str>, data: Option<&str>, expect: &str| {
            assert_eq!(called(config.map(Path::new), data.map(Path::new)), expect);
        };
        check(None, None, "tallymark");
        check(None, Some("/srv/data"), "tallymark --data /srv/data");
        check(Some("a b.toml"), Some("d"), "tallymark --config 'a b.toml' --data d");
        check(None, Some("$(id)"), "tallymark --data '$(id)'");
        check(None, Some("-x"), "tallymark --data ./-x");
        check(None, Some("a\u{1b}[2J"), "tallymark --data DIR");
    }

    #[test]
    fn only_names_that_can_be_added_are_offered() {
        for name in [
            "example.com",
            "EXAMPLE.com",
            "mail.example.co.uk",
            "münchen.example.com",
        ] {
            let command = add_domain(name).unwrap();
            let (_, argument) = command.split_once(" domains add ").unwrap();
            assert!(DomainName::parse(argument).is_ok(), "{command}");
            assert!(
                command
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b" .-".contains(&byte)),
                "{command}"
            );
        }
        let label = "a".repeat(64);
        for name in [
            "`id`.com",
            "$(id).com",
            "a;id.com",
            "a b.com",
            "a|b.com",
            "-x.com",
            "--yes",
            "a'b.com",
            "a\n.com",
            "co.uk",
            "com",
            "192.0.2.1",
            "",
            &format!("{label}.com"),
            "a..com",
            "~.com",
            "*.com",
            "a_b.com",
            "gnp.\u{202e}moc",
        ] {
            assert!(add_domain(name).is_err(), "{name:?}");
        }
    }
}
