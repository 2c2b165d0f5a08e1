//! Every setting: its default, what it means, and how it is read from a file and from the environment.
//!
//! The one table in `config/table.rs` gives the structures, the documentation of `config example` and the names that an
//! unknown key is compared with, so that the three cannot drift apart; what there may be several of is in
//! `config/lists.rs`, in the same manner. How they are read is in `config/reading.rs`.

mod lists;
mod places;
mod reading;
mod zero;

use std::fmt::Write as _;
use std::path::PathBuf;

/// What environment variables begin with: `TALLYMARK__HTTP__LISTEN` sets `listen` in `[http]`.
pub const ENVIRONMENT_PREFIX: &str = "TALLYMARK__";

/// Why the settings cannot be used. Each names the place to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}: {source}", path = .path.display())]
    Read {
        /// The file asked for.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file holds a key that does not exist: most often a misspelling.
    #[error("{path}:{line}: there is no setting {key}{}", reading::nearest_text(.nearest.as_ref()), path = .path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// `section.key`, as written.
        key: String,
        /// The existing key that looks most like it.
        nearest: Option<String>,
    },
    /// The file is not TOML, or a value has the wrong type.
    #[error("{path}:{line}: {message}", path = .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// One sentence.
        message: String,
    },
    /// An environment variable names no setting, or its value does not fit.
    #[error("environment variable {variable}: {message}")]
    Environment {
        /// Its name.
        variable: String,
        /// One sentence.
        message: String,
    },
}

/// A section or a setting, for people.
struct Described<Below> {
    name: &'static str,
    doc: &'static [&'static str],
    below: Below,
}

macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr; )+
        }
    )+) => {
        /// Every setting, by section.
        #[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $( $(#[doc = $section_doc])+ pub $section: $Section, )+
            /// Mailboxes that are read over IMAP.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub imap: Vec<Imap>,
            /// Maildirs that are read.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub maildir: Vec<Maildir>,
            /// Folders that are watched.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub folder: Vec<Folder>,
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $key: $type, )+
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )+ }
                }
            }
        )+

        /// Every section with its settings, in the order of the example.
        pub(super) const SECTIONS: &[Described<&[Described<()>]>] = &[
            $( Described {
                name: stringify!($section),
                doc: &[$($section_doc),+],
                below: &[ $( Described { name: stringify!($key), doc: &[$($doc),+], below: () } ),+ ],
            } ),+
        ];
    };
}

// Behind the macro that it uses.
mod table;

pub use lists::*;
use table::SECTIONS;
pub use table::*;

impl Config {
    /// A file with every setting at its default and what it means: what `config example` prints.
    pub fn example() -> String {
        let mut text = String::from(concat!(
            "# Settings of Tallymark, all at their defaults: what you do not change you may leave out.\n",
            "# Each can also be set by an environment variable, TALLYMARK__SECTION__KEY, as in\n",
            "# TALLYMARK__HTTP__LISTEN=0.0.0.0:8080; the environment wins over the file.\n",
            "# A number may be 0 where its description says what 0 is, and nowhere else.\n",
            "# This page is made by `tallymark config example`; `tallymark config check` reads a file.\n",
        ));
        let defaults = default_table();
        for section in SECTIONS {
            let _ = writeln!(text, "\n#{}\n[{}]", section.doc.join("\n#"), section.name);
            for key in section.below {
                let default = &defaults[section.name][key.name];
                let _ = writeln!(text, "#{}\n{} = {default}", key.doc.join("\n#"), key.name);
            }
        }
        let entries = lists::default_entries();
        for list in lists::LISTS {
            let _ = writeln!(text, "\n#{}\n#[[{}]]", list.doc.join("\n#"), list.name);
            for key in list.below {
                let default = &entries[list.name][key.name];
                let _ = writeln!(text, "# #{}\n#{} = {default}", key.doc.join("\n# #"), key.name);
            }
        }
        text
    }
}

fn default_table() -> toml::Table {
    toml::Table::try_from(Config::default()).expect("numbers, texts and enums are TOML values")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_example_is_the_one_in_the_tree_and_gives_the_defaults() {
        let example = Config::example();
        assert_eq!(
            example,
            include_str!("../config.example.toml"),
            "run: cargo run -- config example > config.example.toml"
        );
        assert_eq!(
            Config::read(Path::new("t.toml"), &example, []).unwrap(),
            Config::default()
        );
    }

    #[test]
    fn every_setting_has_a_sentence() {
        for section in SECTIONS.iter().chain(lists::LISTS) {
            for key in section.below {
                assert!(key.doc.join("").trim().ends_with('.'), "{}.{}", section.name, key.name);
            }
        }
    }
}
