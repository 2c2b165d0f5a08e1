//! All settings together, and the example that describes them.

use std::fmt::Write as _;

use super::lists::{self, Folder, Gmail, Graph, Imap, LISTS, Maildir, S3};
use super::sections::{
    Database, Domains, Enrich, Http, Installation, Limits, Log, Node, Notify, Provenance, RetentionSettings, Smtp,
};
use super::table::SECTIONS;
use crate::ingest::{Admission, IntakeSettings};
use crate::outbound::OutboundSettings;

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
    pub outbound: OutboundSettings,
    pub notify: Notify,
    pub retention: RetentionSettings,
    pub limits: Limits,
    pub intake: IntakeSettings,
    pub log: Log,
    /// Mailboxes that are read over IMAP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imap: Vec<Imap>,
    /// Mailboxes that are read over Microsoft Graph.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub graph: Vec<Graph>,
    /// Mailboxes that are read over the Gmail API.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gmail: Vec<Gmail>,
    /// Buckets that are read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub s3: Vec<S3>,
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
            let values = value_of(&defaults, section.name).expect("each section has its defaults");
            for key in section.below.iter().filter(|key| !is_section(section.name, key.name)) {
                let default = &values[key.name];
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

    /// Whether reports come in by themselves: over SMTP or LMTP, or from a place that is read.
    pub fn has_way_in(&self) -> bool {
        let smtp = &self.smtp.options;
        let is_listening = !smtp.smtp.is_empty() || !smtp.lmtp.is_empty();
        let has_mailbox = !self.imap.is_empty() || !self.graph.is_empty() || !self.gmail.is_empty();
        let has_place = !self.maildir.is_empty() || !self.folder.is_empty() || !self.s3.is_empty();
        is_listening || has_mailbox || has_place
    }
}

/// The value of a section, also of one below another.
pub(super) fn value_of<'t>(table: &'t toml::Table, section: &str) -> Option<&'t toml::Value> {
    let (first, below) = section.split_once('.').unwrap_or((section, ""));
    let value = table.get(first)?;
    if below.is_empty() {
        Some(value)
    } else {
        value.get(below)
    }
}

/// Whether a setting is a section of its own.
pub(super) fn is_section(section: &str, key: &str) -> bool {
    let is_it = |name: &str| name.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')) == Some(key);
    SECTIONS.iter().any(|known| is_it(known.name))
}

/// Every section at its defaults.
pub(super) fn default_table() -> toml::Table {
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
            include_str!("../../config.example.toml"),
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
            "public_url" => "https://a.example",
            "tls" => "starttls",
            "auth" => "oauthbearer",
            "oauth_grant" => "refresh_token",
            "roles" => "api",
            "required" => "return_path",
            "page_url" | "telegram_url" => "https://a.example",
            "proxy_networks" | "allow_networks" => "10.0.0.0/8",
            "listen" | "lmtp_listen" | "resolvers" => "[::1]:53",
            _ => "a.example",
        };
        match value {
            toml::Value::Integer(number) => (number + 1).into(),
            toml::Value::Boolean(is) => (!is).into(),
            toml::Value::Array(_) if key == "ports" => vec![81].into(),
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
            let defaults = list.unwrap_or_else(|| value_of(&sections, section.name).unwrap());
            for key in section.below.iter().filter(|key| !is_section(section.name, key.name)) {
                let value = other_value(key.name, &defaults[key.name]);
                let mut expect = defaults.clone();
                expect[key.name] = value.clone();
                let given = toml::Value::from(toml::Table::from_iter([(key.name.to_owned(), value)]));
                let wrap = |table: toml::Value| match list {
                    Some(_) => toml::Value::Array(vec![table]),
                    None => table,
                };
                let nested = |name: &str, value| toml::Table::from_iter([(name.to_owned(), value)]);
                let file = match section.name.split_once('.') {
                    Some((first, below)) => nested(first, nested(below, given).into()),
                    None => nested(section.name, wrap(given)),
                };
                let read: Config = serde::Deserialize::deserialize(file).unwrap();
                let written = toml::Table::try_from(read).unwrap();
                let written = value_of(&written, section.name).unwrap();
                assert_eq!(*written, wrap(expect), "{}.{}", section.name, key.name);
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
