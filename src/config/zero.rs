//! What 0 means. A number may be 0 where its description says what that is: no limit, kept for ever, found out by itself. 0 is
//! refused everywhere else, so that a limit of nothing, or an age at which everything is old, is never set by mistake.

use super::described::Described;
use super::lists::LISTS;
use super::settings::{Config, value_of};
use super::table::SECTIONS;

/// A number that must not be 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadZero {
    /// A section, or a list.
    pub section: &'static str,
    pub key: &'static str,
    /// Which entry of a list, counted from 0.
    pub nth: Option<usize>,
}

impl BadZero {
    /// One sentence for the operator.
    pub fn message(&self) -> String {
        let Self { section, key, .. } = self;
        format!("{section}.{key} is 0, and 0 has no meaning there: give at least 1, or leave {key} out for its default")
    }
}

/// Whether the description of a setting says what 0 is.
pub(super) fn says_zero(doc: &[&str]) -> bool {
    let text = doc.join("");
    ["0: ", "0 is ", "0 keeps ", "0 means "].iter().any(|words| {
        text.match_indices(words)
            .any(|(at, _)| text[..at].chars().next_back().is_none_or(char::is_whitespace))
    })
}

impl Config {
    /// The first number that must not be 0 and is.
    pub(super) fn bad_zero(&self) -> Option<BadZero> {
        let all = toml::Table::try_from(self).ok()?;
        for section in SECTIONS {
            let bad = value_of(&all, section.name).and_then(|value| zero_in(section, value));
            if let Some(key) = bad {
                let section = section.name;
                return Some(BadZero {
                    section,
                    key,
                    nth: None,
                });
            }
        }
        for list in LISTS {
            let entries = all.get(list.name).and_then(toml::Value::as_array);
            for (nth, entry) in entries.into_iter().flatten().enumerate() {
                if let Some(key) = zero_in(list, entry) {
                    let (section, nth) = (list.name, Some(nth));
                    return Some(BadZero { section, key, nth });
                }
            }
        }
        None
    }

    /// What the operator should know of settings that are allowed.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.retention.originals && self.retention.kept.originals_days == 0 {
            notes.push(
                "retention.originals_days = 0 keeps originals for ever; in version 0.1.0 it kept none. To keep none, set \
                 retention.originals = false"
                    .to_owned(),
            );
        }
        notes
    }
}

fn zero_in(section: &Described<&'static [Described<()>]>, value: &toml::Value) -> Option<&'static str> {
    let is_zero = |key: &&Described<()>| value.get(key.name).and_then(toml::Value::as_integer) == Some(0);
    let bad = section.below.iter().filter(is_zero).find(|key| !says_zero(key.doc));
    bad.map(|key| key.name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::lists;
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        Config::read(Path::new("t.toml"), text, []).map_err(|error| error.to_string())
    }

    /// Every numeric setting by name, and whether its description says what 0 is.
    fn numbers() -> Vec<(&'static str, &'static str, bool)> {
        let defaults = super::super::settings::default_table();
        let entries = lists::default_entries();
        let mut numbers = Vec::new();
        for section in SECTIONS.iter().chain(LISTS) {
            let values = value_of(&defaults, section.name)
                .or_else(|| entries.get(section.name))
                .unwrap();
            for key in section.below {
                if values.get(key.name).is_some_and(toml::Value::is_integer) {
                    numbers.push((section.name, key.name, says_zero(key.doc)));
                }
            }
        }
        numbers
    }

    fn with_zero(section: &str, key: &str) -> String {
        match section {
            "imap" => format!("[[imap]]\nname = \"a\"\nhost = \"h\"\nuser = \"u\"\npassword_file = \"p\"\n{key} = 0\n"),
            "maildir" | "folder" => format!("[[{section}]]\nname = \"a\"\npath = \"/a\"\n{key} = 0\n"),
            "graph" | "gmail" => format!(
                "[[{section}]]\nname = \"a\"\nuser = \"u@x\"\noauth_token_url = \"https://t\"\noauth_client_id = \"c\"\n\
                 oauth_client_secret_file = \"s\"\noauth_refresh_token_file = \"r\"\n{key} = 0\n"
            ),
            "s3" => format!(
                "[[s3]]\nname = \"a\"\nendpoint = \"https://s3.x\"\nbucket = \"b\"\ncredentials_file = \"k\"\n{key} = 0\n"
            ),
            _ => format!("[{section}]\n{key} = 0\n"),
        }
    }

    #[test]
    fn zero_is_described_or_refused_in_every_setting() {
        let numbers = numbers();
        assert!(numbers.len() > 50, "{numbers:?}");
        for (section, key, described) in numbers {
            let read = read(&with_zero(section, key));
            match read {
                Ok(_) => assert!(described, "{section}.{key} takes 0 and does not say what that is"),
                Err(error) => {
                    assert!(!described, "{section}.{key}: {error}");
                    assert!(error.contains(&format!("{section}.{key} is 0")), "{error}");
                    assert!(error.starts_with("t.toml:"), "{error}");
                }
            }
        }
    }

    #[test]
    fn zero_of_what_is_kept_is_for_ever() {
        let of_retention: Vec<_> = numbers().into_iter().filter(|number| number.0 == "retention").collect();
        assert_eq!(of_retention.len(), 4);
        for section in SECTIONS.iter().filter(|section| section.name == "retention") {
            for key in section.below.iter().filter(|key| key.name.ends_with("_days")) {
                assert!(key.doc.join("").contains("0 keeps them for ever"), "{}", key.name);
            }
        }
        // What used to keep none says how that is written now.
        let notes = read("[retention]\noriginals_days = 0\n").unwrap().notes();
        assert!(notes[0].contains("retention.originals = false"), "{notes:?}");
        let none = read("[retention]\noriginals = false\noriginals_days = 0\n").unwrap();
        assert_eq!(none.notes(), Vec::<String>::new());
        assert_eq!(Config::default().notes(), Vec::<String>::new());
    }

    #[test]
    fn zero_out_of_the_environment_names_the_variable() {
        let variable = |key: &str| ("TALLYMARK__".to_owned() + key, "0".to_owned());
        let read = |key: &str| Config::read(Path::new("t.toml"), "[http]\n", [variable(key)]);
        let error = read("HTTP__PAGE_SIZE_MAX").unwrap_err().to_string();
        assert!(error.contains("TALLYMARK__HTTP__PAGE_SIZE_MAX"), "{error}");
        assert!(error.contains("http.page_size_max is 0"), "{error}");
        // The environment wins over the file in both directions.
        let text = "[http]\npage_size_max = 0\n";
        let over = ("TALLYMARK__HTTP__PAGE_SIZE_MAX".to_owned(), "5".to_owned());
        assert_eq!(
            Config::read(Path::new("t.toml"), text, [over])
                .unwrap()
                .http
                .api
                .page_size_max,
            5
        );
        assert!(read("RETENTION__RECORDS_DAYS").is_ok());
    }

    #[test]
    fn a_description_says_what_zero_is_only_in_words_of_its_own() {
        for (doc, says) in [
            ("Requests per second; 0 means no limit.", true),
            ("Threads; 0 is one for each core.", true),
            ("Days; 0 keeps them for ever.", true),
            ("Average rate. 0: no limit.", true),
            ("Most rows.", false),
            ("At least 10: more is better.", false),
            ("At least 10 is good.", false),
            ("100 keeps a hundred.", false),
        ] {
            assert_eq!(says_zero(&[doc]), says, "{doc}");
        }
    }
}
