//! Every setting: its default, what it means, and how it is read from a file and from the environment.
//!
//! A section is the type that a component takes, with its defaults (`config/sections.rs` has those that several components
//! share). The one table in `config/table.rs` says where in it each setting goes, and gives the documentation of `config
//! example` and the names that an unknown key is compared with, so that these cannot drift apart; what there may be
//! several of is in `config/lists.rs`, in the same manner. How they are read is in `config/reading.rs`.

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

/// Declares how sections are written: the description of each setting, its name, its place in the section's type, and
/// the unit in which it is written there if it is another one. `$TABLE` lists the descriptions.
macro_rules! settings {
    ($TABLE:ident: $(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ty {
            $( $(#[doc = $doc:literal])+ $key:ident => $($place:ident).+ $(as $Unit:ty)?; )+
        }
    )+) => {
        $(
            impl serde::Serialize for $Section {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    use serde::ser::SerializeMap as _;
                    let mut map = serializer.serialize_map(None)?;
                    $( map.serialize_entry(stringify!($key), write_setting!(self.$($place).+ $(, $Unit)?))?; )+
                    map.end()
                }
            }

            impl<'de> serde::Deserialize<'de> for $Section {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    struct Keys;

                    impl<'de> serde::de::Visitor<'de> for Keys {
                        type Value = $Section;

                        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                            f.write_str("a table of settings")
                        }

                        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$Section, A::Error> {
                            let mut section = <$Section>::default();
                            while let Some(key) = map.next_key::<String>()? {
                                match key.as_str() {
                                    $( stringify!($key) => section.$($place).+ = read_setting!(map $(, $Unit)?), )+
                                    unknown => {
                                        let known = &[$(stringify!($key)),+];
                                        return Err(serde::de::Error::unknown_field(unknown, known));
                                    }
                                }
                            }
                            Ok(section)
                        }
                    }

                    deserializer.deserialize_map(Keys)
                }
            }
        )+

        /// Every section with its settings, in the order of the example.
        pub(super) const $TABLE: &[Described<&[Described<()>]>] = &[
            $( Described {
                name: stringify!($section),
                doc: &[$($section_doc),+],
                below: &[ $( Described { name: stringify!($key), doc: &[$($doc),+], below: () } ),+ ],
            } ),+
        ];
    };
}

macro_rules! write_setting {
    ($place:expr) => {
        &$place
    };
    ($place:expr, $Unit:ty) => {
        &<$Unit>::from(&$place)
    };
}

macro_rules! read_setting {
    ($map:ident) => {
        $map.next_value()?
    };
    ($map:ident, $Unit:ty) => {
        $map.next_value::<$Unit>()?.into()
    };
}

// Behind the macros that they use.
mod lists;
mod places;
mod reading;
mod sections;
mod table;
mod units;
mod zero;

use lists::LISTS;
pub use lists::{FeedEntry, Folder, Imap, Maildir};
pub use sections::*;
use table::SECTIONS;

use crate::ingest::{Admission, IntakeSettings};

/// Every setting, by section.
#[derive(Debug, Clone, Default, serde::Deserialize, serde::Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub database: Database,
    pub node: Node,
    pub http: Http,
    pub enrich: Enrich,
    pub smtp: Smtp,
    pub provenance: Provenance,
    pub reports: Admission,
    pub installation: Installation,
    pub domains: Domains,
    pub retention: RetentionSettings,
    pub limits: Limits,
    pub intake: IntakeSettings,
    pub log: Log,
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
        for list in LISTS {
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
        let read = Config::read(Path::new("t.toml"), &example, []).unwrap();
        assert_eq!(toml::Table::try_from(read).unwrap(), default_table());
    }

    /// Another value of a setting.
    fn other_value(key: &str, value: &toml::Value) -> toml::Value {
        let text = match key {
            "listen" if value.is_str() => "127.0.0.1:81",
            "metrics" => "nobody",
            "bare_lf" => "accept",
            "unvouched" => "count",
            "format" => "json",
            "tls" => "starttls",
            "auth" => "oauthbearer",
            "oauth_grant" => "refresh_token",
            "roles" => "api",
            "required" => "return_path",
            "proxy_networks" => "10.0.0.0/8",
            "listen" | "lmtp_listen" | "resolvers" => "[::1]:53",
            _ => "a.example",
        };
        match value {
            toml::Value::Integer(number) => (number + 1).into(),
            toml::Value::Boolean(is) => (!is).into(),
            toml::Value::Array(_) => vec![text].into(),
            toml::Value::Table(_) => {
                let hosts = ["rua_host", "inbound_host", "bounce_host"].map(|key| (key.to_owned(), text.into()));
                toml::Table::from_iter([("sa-east-1".to_owned(), toml::Table::from_iter(hosts).into())]).into()
            }
            _ => text.into(),
        }
    }

    #[test]
    fn each_setting_is_read_into_one_place_of_its_own() {
        let (sections, entries) = (default_table(), lists::default_entries());
        let mut checked = 0;
        for section in SECTIONS.iter().chain(LISTS) {
            let list = entries.get(section.name);
            let defaults = list.unwrap_or_else(|| &sections[section.name]);
            for key in section.below {
                let value = other_value(key.name, &defaults[key.name]);
                let mut expect = defaults.clone();
                expect[key.name] = value.clone();
                let given = toml::Value::from(toml::Table::from_iter([(key.name.to_owned(), value)]));
                let wrap = |table: toml::Value| match list {
                    Some(_) => toml::Value::Array(vec![table]),
                    None => table,
                };
                let file = toml::Table::from_iter([(section.name.to_owned(), wrap(given))]);
                let read: Config = serde::Deserialize::deserialize(file).unwrap();
                let written = toml::Table::try_from(read).unwrap();
                assert_eq!(written[section.name], wrap(expect), "{}.{}", section.name, key.name);
                checked += 1;
            }
        }
        assert!(checked > 130, "{checked}");
    }

    #[test]
    fn a_value_of_another_kind_is_refused_where_it_stands() {
        for (text, expect) in [
            (
                "[http]\nproxy_networks = [\"10.0.0.0/99\"]\n",
                "t.toml:2: http.proxy_networks: 10.0.0.0/99 is not a network",
            ),
            (
                "[smtp]\nlisten = []\ntarpit_seconds = \"5\"\n",
                "t.toml:3: smtp.tarpit_seconds: invalid type: string",
            ),
            (
                "[domains]\nrequired = [\"dmarc_authorization\"]\n",
                "t.toml:2: domains.required: unknown variant `dmarc_authorization`, expected one of `spf`",
            ),
            (
                "[reports]\nunvouched = \"drop\"\n",
                "t.toml:2: reports.unvouched: unknown variant `drop`",
            ),
            (
                "[[maildir]]\nname = \"a\"\npath = 3\n",
                "t.toml:3: maildir.path: invalid type: integer",
            ),
        ] {
            let error = Config::read(Path::new("t.toml"), text, []).unwrap_err().to_string();
            assert!(error.starts_with(expect), "{error}");
        }
    }

    #[test]
    fn every_setting_has_a_sentence() {
        for section in SECTIONS.iter().chain(LISTS) {
            for key in section.below {
                assert!(key.doc.join("").trim().ends_with('.'), "{}.{}", section.name, key.name);
            }
        }
    }
}
